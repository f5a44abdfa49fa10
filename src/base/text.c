/* text.c: growing text buffers and the printing of numbers that read back exactly. */
#include "base/base.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

Text text_new(Arena *a) { return (Text){.arena = a}; }

static void reserve(Text *t, size_t more) {
  if (t->n + more + 1 <= t->cap) return;
  size_t cap = MAX(t->cap * 2, t->n + more + 1);
  cap = MAX(cap, (size_t)64);
  char *at = arena_alloc(t->arena, cap);
  if (t->n) memcpy(at, t->at, t->n);
  t->at = at;
  t->cap = cap;
}

void text_add_n(Text *t, const char *s, size_t n) {
  reserve(t, n);
  memcpy(t->at + t->n, s, n);
  t->n += n;
  t->at[t->n] = 0;
}

void text_json(Text *t, const char *s) {
  text_add(t, "\"");
  for (int32_t code, bytes; *s; s += bytes) {
    bytes = utf8_read(s, (int)strnlen(s, 4), &code);
    if (code < 0) text_add(t, "\\ufffd");
    else if (code < ' ' || code == 0x7F) text_fmt(t, "\\u%04x", (unsigned)code);
    else if (code == '"' || code == '\\') text_fmt(t, "\\%c", (char)code);
    else text_add_n(t, s, (size_t)bytes);
  }
  text_add(t, "\"");
}

void text_add(Text *t, const char *s) { text_add_n(t, s, strlen(s)); }

void text_vfmt(Text *t, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  if (n > 0) {
    reserve(t, (size_t)n);
    vsnprintf(t->at + t->n, (size_t)n + 1, fmt, again);
    t->n += (size_t)n;
  }
  va_end(again);
}

void text_fmt(Text *t, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(t, fmt, ap);
  va_end(ap);
}

const char *text_str(Text *t) { return t->at ? t->at : ""; }

static void add_number(Text *t, const char *digits) {
  text_add(t, digits);
  if (!strpbrk(digits, ".en")) text_add(t, ".0");
}

/* Numbers below 10^15 (f32: 10^7), whose digits before the point are exact, go without an exponent:
 * 720.0, not 7.2e+02. */
static int digits_without_exponent(const char *buf, int digits, int limit) {
  const char *e = strchr(buf, 'e');
  int power = e ? atoi(e + 1) : -1;
  return power >= digits && power < limit ? power + 1 : digits;
}

void text_f64(Text *t, double v) {
  char buf[40];
  if (!isfinite(v)) {
    text_add(t, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
    return;
  }
  int p = 1;
  while (snprintf(buf, sizeof buf, "%.*g", p, v), p < 17 && strtod(buf, NULL) != v) p++;
  snprintf(buf, sizeof buf, "%.*g", digits_without_exponent(buf, p, 15), v);
  add_number(t, buf);
}

void text_f32(Text *t, float v) {
  char buf[40];
  if (!isfinite(v)) {
    text_f64(t, (double)v);
    return;
  }
  int p = 1;
  while (snprintf(buf, sizeof buf, "%.*g", p, (double)v), p < 9 && strtof(buf, NULL) != v) p++;
  snprintf(buf, sizeof buf, "%.*g", digits_without_exponent(buf, p, 7), (double)v);
  add_number(t, buf);
}
