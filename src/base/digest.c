/* digest.c: SipHash-2-4 with 128 bits, after J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast
 * short-input PRF" (2012). In: bytes in pieces of any length. Out: the same 128 bits however the
 * bytes were divided. Words are read as little endian; on another machine the value is another
 * one, which nothing minds: it never leaves the machine. */
#include "base/digest.h"

static inline uint64_t turn(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline void rounds(uint64_t v[4], int n) {
  for (int i = 0; i < n; i++) {
    v[0] += v[1], v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0], v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2], v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
  }
}

static inline void take_word(Digest *d, uint64_t m) {
  d->v[3] ^= m;
  rounds(d->v, 2);
  d->v[0] ^= m;
}

/* The constants spell "somepseudorandomlygeneratedbytes"; 0xee marks the long result. */
Digest digest_begin_keyed(uint64_t k0, uint64_t k1) {
  return (Digest){.v = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee,
                        k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u}};
}

Digest digest_begin(void) { return digest_begin_keyed(0x6772616463206f62u, 0x6a65637420636f64u); }

void digest_add(Digest *d, const void *bytes, size_t n) {
  const unsigned char *p = bytes;
  int have = (int)(d->n % 8);
  d->n += n;
  for (; n && have; n--, p++) {
    d->tail |= (uint64_t)*p << (8 * have++);
    if (have < 8) continue;
    take_word(d, d->tail);
    d->tail = 0, have = 0;
  }
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t m;
    memcpy(&m, p, 8);
    take_word(d, m);
  }
  for (; n; n--, p++) d->tail |= (uint64_t)*p << (8 * have++);
}

DigestValue digest_end(Digest *d) {
  DigestValue r;
  take_word(d, d->tail | d->n << 56);
  d->v[2] ^= 0xee;
  rounds(d->v, 4);
  r.word[0] = d->v[0] ^ d->v[1] ^ d->v[2] ^ d->v[3];
  d->v[1] ^= 0xdd;
  rounds(d->v, 4);
  r.word[1] = d->v[0] ^ d->v[1] ^ d->v[2] ^ d->v[3];
  return r;
}

void digest_print(DigestValue v, char out[DIGEST_DIGITS + 1]) {
  static const char digit[] = "0123456789abcdef";
  for (int i = 0; i < DIGEST_DIGITS; i++) out[i] = digit[v.word[i / 16] >> (4 * (i % 16)) & 15];
  out[DIGEST_DIGITS] = 0;
}
