/* utf8.c: see utf8.h. */
#include "base/utf8.h"
#include "base/base.h"

static int continuation_bytes(unsigned char c) {
  return c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
}

int utf8_read(const char *s, int n, int32_t *code) {
  static const int32_t least[4] = {0, 0x80, 0x800, 0x10000};
  unsigned char c = (unsigned char)s[0];
  int more = continuation_bytes(c);
  *code = c < 0x80 ? c : -1;
  if (!more || more >= n) return 1;
  int32_t v = c & (0x3F >> more);
  for (int i = 1; i <= more; i++) {
    if (!utf8_continues(s[i])) return 1;
    v = v << 6 | (s[i] & 0x3F);
  }
  if (v < least[more] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) return 1;
  *code = v;
  return more + 1;
}

enum { HIDE = -1, ZERO = 0, WIDE = 2 };

static const struct {
  int32_t lo, hi, columns;
} ranges[] = {
#define HIDE(lo, hi) {lo, hi, HIDE},
#define ZERO(lo, hi) {lo, hi, ZERO},
#define WIDE(lo, hi) {lo, hi, WIDE},
#include "base/utf8_width.def"
#undef HIDE
#undef ZERO
#undef WIDE
};

int utf8_columns(int32_t code) {
  if (code >= ' ' && code < 0x7F) return 1;
  if (code < 0) return HIDE;
  int a = 0, b = COUNT_OF(ranges);
  while (a < b) {
    int mid = a + (b - a) / 2;
    if (ranges[mid].hi < code) a = mid + 1;
    else b = mid;
  }
  return a < COUNT_OF(ranges) && ranges[a].lo <= code ? ranges[a].columns : 1;
}
