/* utf8.h: characters of UTF-8 text: reading one, and how wide a terminal shows it. */
#ifndef GRADC_UTF8_H
#define GRADC_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* Reads one character of s[0..n), n > 0; returns its bytes; *code is -1, and one byte is read, where
 * it is not UTF-8. */
int utf8_read(const char *s, int n, int32_t *code);
/* Columns of a character on a terminal: 0, 1 or 2; -1 for what must not reach one. */
int utf8_columns(int32_t code);
static inline bool utf8_continues(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

#endif
