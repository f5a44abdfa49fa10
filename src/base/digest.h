/* digest.h: 128 bits that stand for a sequence of bytes: what compiled code is filed under, and how
 * its files are known to be whole. SipHash-2-4 with a fixed key and its result of 16 bytes: nobody
 * who could choose the bytes is to be kept out, accidents are. */
#ifndef GRADC_DIGEST_H
#define GRADC_DIGEST_H

#include "base/base.h"

typedef struct Digest {
  uint64_t v[4], tail;
  uint64_t n; /* bytes taken so far */
} Digest;
typedef struct DigestValue {
  uint64_t word[2];
} DigestValue;

Digest digest_begin(void);
/* The same under another key. */
Digest digest_begin_keyed(uint64_t k0, uint64_t k1);
void digest_add(Digest *d, const void *bytes, size_t n);
DigestValue digest_end(Digest *d);

/* Numbers count eight bytes whatever their type; a text counts with its end. */
static inline void digest_i64(Digest *d, int64_t v) { digest_add(d, &v, sizeof v); }
static inline void digest_f64(Digest *d, double v) { digest_add(d, &v, sizeof v); }
static inline void digest_text(Digest *d, const char *s) {
  digest_add(d, s ? s : "", s ? strlen(s) + 1 : 1);
}
static inline void digest_value(Digest *d, DigestValue v) { digest_add(d, &v, sizeof v); }
static inline bool digest_same(DigestValue a, DigestValue b) {
  return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}
enum { DIGEST_DIGITS = 32 };
/* In hexadecimal digits, with a 0 byte. */
void digest_print(DigestValue v, char out[DIGEST_DIGITS + 1]);

#endif
