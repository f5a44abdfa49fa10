/* lex.c: the part of the lexer that is more than patterns: keywords, the values
 * of numbers and strings, characters outside ASCII. Called by the scanner (grammar/nn.l); what is
 * wrong with a token is kept in it and reported when the parser gets there. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strtod_l */
#endif
#include "front/parse.h"
#include "grammar/nn_parse.h"
#include "base/utf8.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

const TokenInfo token_info[TOKEN_ROWS] = {
#define TOKEN(name, text, flags) {TOK_##name, text, flags},
#include "grammar/tokens.def"
#undef TOKEN
};

int token_row(int kind) {
  switch (kind) {
#define TOKEN(name, text, flags)                                                                   \
  case TOK_##name:                                                                                 \
    return ROW_##name;
#include "grammar/tokens.def"
#undef TOKEN
  }
  return ROW_BAD;
}

int lex_trouble(Lexer *lx, int kind, DiagCode code, const char *hint, const char *fmt, ...) {
  Text t = text_new(lx->cx->arena);
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  Trouble *trouble = NEW(lx->cx->arena, Trouble);
  *trouble = (Trouble){code, text_str(&t), hint};
  lx->tok.trouble = trouble;
  return kind;
}

void lex_broken(Lexer *lx, const char *what) { cx_bug(lx->cx, "scanner: %s", what); }

/* ---- words ---- */
/* `var` is also the variance, a function: layout.c decides. */
int lex_word(Lexer *lx, const char *text, int n) {
  lx->tok.u.name = name_of_n(lx->cx, text, (size_t)n);
  for (int i = 0; i < TOKEN_ROWS; i++)
    if ((token_info[i].flags & F_WORD) && !strcmp(token_info[i].text, lx->tok.u.name))
      return token_info[i].kind;
  return TOK_NAME;
}

/* ---- numbers ---- */
static int digit_value(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - 'A' + 10;
}

/* 2^63 itself is let through as INT64_MIN: it is right behind a minus sign (see parse_negative). */
int lex_int(Lexer *lx, const char *text, int n) {
  int base = n > 1 && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
  uint64_t v = 0;
  bool over = false;
  for (int i = base == 16 ? 2 : 0; i < n; i++)
    if (text[i] != '_')
      over |= __builtin_mul_overflow(v, (uint64_t)base, &v) ||
              __builtin_add_overflow(v, (uint64_t)digit_value(text[i]), &v);
  const uint64_t limit = (uint64_t)INT64_MAX + 1;
  over |= v > limit || (v == limit && base == 16);
  lx->tok.u.i = over ? INT64_MAX : v == limit ? INT64_MIN : (int64_t)v;
  if (over)
    return lex_trouble(lx, TOK_INT, E0104,
                       "write a float, such as 1e20, if an approximate value will do",
                       "the integer is larger than 9223372036854775807, the largest i64");
  return TOK_INT;
}

int lex_bad_number(Lexer *lx, const char *text, int n) {
  int k = (int)strspn(text, "0123456789_.");
  Text hint = text_new(lx->cx->arena);
  if (k + 1 == n && strchr("fFdDlLuU", text[k]))
    text_fmt(&hint, "a number takes its type from its use or from a cast: `f32(%.*s)`", MIN(k, 40),
             text);
  else if (k < n && !strchr("eE", text[k]) && text[k - 1] != '_' && !(text[0] == '0' && k == 1))
    text_fmt(&hint, "a product is written `%.*s*%.40s`", MIN(k, 40), text, text + k);
  return lex_trouble(lx, TOK_BAD, E0103, hint.n ? text_str(&hint) : NULL, "`%.*s` is not a number",
                     MIN(n, 40), text);
}

/* strtod in the C locale, whatever the program around us has chosen. */
static double read_double(const char *digits) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!c) return strtod(digits, NULL);
  double v = strtod_l(digits, NULL, c);
  freelocale(c);
  return v;
}

int lex_float(Lexer *lx, const char *text, int n) {
  char *digits = arena_alloc(lx->cx->arena, (size_t)n + 1);
  int m = 0;
  for (int i = 0; i < n; i++)
    if (text[i] != '_') digits[m++] = text[i];
  lx->tok.u.f = read_double(digits);
  if (isinf(lx->tok.u.f))
    return lex_trouble(lx, TOK_FLOAT, E0104, "infinity is written `inf`",
                       "the number is larger than 1.8e308, the largest f64");
  return TOK_FLOAT;
}

/* ---- strings and characters outside ASCII ---- */
/* Bytes of the UTF-8 character at s[0..n), 0 when it is none. */
static int utf8_bytes(const char *s, int n) {
  int32_t code;
  int m = utf8_read(s, n, &code);
  return code < 0 ? 0 : m;
}

static const char unknown_escape[] = "unknown escape in the string";

/* What is between the quotes; a backslash is never the last of it. */
static const char *bad_string(const char *s, int n) {
  for (int i = 0; i < n;) {
    int m = utf8_bytes(s + i, n - i);
    if (!m) return "the string is not UTF-8 text";
    if (s[i] == 0) return "the string has a NUL byte in it";
    if (s[i] == '\\' && s[i + 1] && !strchr("nt\"\\", s[i + 1])) return unknown_escape;
    i += s[i] == '\\' && s[i + 1] ? 2 : m;
  }
  return NULL;
}

int lex_string(Lexer *lx, const char *text, int n, bool closed) {
  lx->tok.u.name = name_of(lx->cx, "");
  if (!closed)
    return lex_trouble(lx, TOK_BAD, E0102, "a string ends on the line it begins on",
                       "the string is never closed");
  const char *why = bad_string(text + 1, n - 2);
  if (why)
    return lex_trouble(lx, TOK_STRING, E0102,
                       why == unknown_escape ? "the escapes are \\n, \\t, \\\" and \\\\" : NULL,
                       "%s", why);
  char *out = arena_alloc(lx->cx->arena, (size_t)n);
  size_t m = 0;
  for (int i = 1; i < n - 1; i++) {
    char c = text[i];
    if (c == '\\') c = text[++i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    out[m++] = c;
  }
  lx->tok.u.name = name_of_n(lx->cx, out, m);
  return TOK_STRING;
}

/* Characters that come in by copying from typeset text. kind 0 is a blank. */
static const struct {
  const char *utf8;
  int kind;
  const char *meant;
} lookalikes[] = {
    {"\xC2\xA0", 0, " "},
    {"\xE2\x80\xAF", 0, " "},
    {"\xE3\x80\x80", 0, " "},
    {"\xC3\x97", TOK_STAR, "*"},
    {"\xC2\xB7", TOK_STAR, "*"},
    {"\xE2\x8B\x85", TOK_STAR, "*"},
    {"\xE2\x88\x97", TOK_STAR, "*"},
    {"\xC3\xB7", TOK_SLASH, "/"},
    {"\xE2\x88\x95", TOK_SLASH, "/"},
    {"\xE2\x88\x92", TOK_MINUS, "-"},
    {"\xE2\x80\x93", TOK_MINUS, "-"},
    {"\xE2\x80\x94", TOK_MINUS, "-"},
    {"\xE2\x89\xA4", TOK_LE, "<="},
    {"\xE2\x89\xA5", TOK_GE, ">="},
    {"\xE2\x89\xA0", TOK_NE, "!="},
    {"\xE2\x80\x9C", TOK_BAD, "\""},
    {"\xE2\x80\x9D", TOK_BAD, "\""},
    {"\xE2\x80\xA6", TOK_ELLIPSIS, "..."},
};

int lex_foreign(Lexer *lx, const char *text, int n, int *used) {
  for (int i = 0; i < COUNT_OF(lookalikes); i++) {
    size_t m = strlen(lookalikes[i].utf8);
    if ((size_t)n < m || memcmp(text, lookalikes[i].utf8, m)) continue;
    *used = (int)m;
    if (!lookalikes[i].kind) return 0;
    Text hint = text_new(lx->cx->arena);
    text_fmt(&hint, "write `%s`", lookalikes[i].meant);
    return lex_trouble(lx, lookalikes[i].kind, E0101, text_str(&hint),
                       "unexpected character `%.*s`", (int)m, text);
  }
  *used = 3;
  if (lx->tok.lo == 0 && n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) return 0; /* byte order mark */
  int m = utf8_bytes(text, n);
  *used = MAX(m, 1);
  if (!m)
    return lex_trouble(lx, TOK_BAD, E0101, "a source file is UTF-8 text", "unexpected byte 0x%02X",
                       (unsigned char)text[0]);
  while (*used < n && (m = utf8_bytes(text + *used, n - *used))) *used += m;
  return lex_trouble(
      lx, TOK_BAD, E0101,
      "names are made of the letters a-z and A-Z, digits and `_`; other characters can "
      "stand in comments and strings",
      "unexpected text `%.*s`", MIN(*used, 40), text);
}
