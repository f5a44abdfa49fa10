/* c_words.c: words that can't name anything in an emitted C file or its header, and what a name of
 * the program becomes in C. A macro of a standard header counts, since whoever includes ours may
 * have included that one first: there its name is a number, not a field or an argument. */
#include "back/c_gen.h"

#include <ctype.h>

/* f32, u8, and what has a vector's type in it, ADD_f32x8: the file has macros of such names. */
static bool names_elements(const char *word) {
  for (const char *s = word; *s; s++) {
    if (!strchr("fiu", *s)) continue;
    size_t n = strspn(s + 1, "0123456789");
    if (n &&
        ((s == word && s[1 + n] == 0) || (s[1 + n] == 'x' && isdigit((unsigned char)s[2 + n]))))
      return true;
  }
  return false;
}

/* Keywords and types of C and C++. */
static const char *const keywords[] = {"alignas",
                                       "alignof",
                                       "and",
                                       "and_eq",
                                       "asm",
                                       "auto",
                                       "bitand",
                                       "bitor",
                                       "bool",
                                       "break",
                                       "case",
                                       "catch",
                                       "char",
                                       "char16_t",
                                       "char32_t",
                                       "char8_t",
                                       "class",
                                       "co_await",
                                       "co_return",
                                       "co_yield",
                                       "compl",
                                       "concept",
                                       "const",
                                       "const_cast",
                                       "consteval",
                                       "constexpr",
                                       "constinit",
                                       "continue",
                                       "decltype",
                                       "default",
                                       "delete",
                                       "do",
                                       "double",
                                       "dynamic_cast",
                                       "else",
                                       "enum",
                                       "explicit",
                                       "export",
                                       "extern",
                                       "false",
                                       "float",
                                       "for",
                                       "friend",
                                       "goto",
                                       "if",
                                       "inline",
                                       "int",
                                       "int16_t",
                                       "int32_t",
                                       "int64_t",
                                       "int8_t",
                                       "long",
                                       "mutable",
                                       "namespace",
                                       "new",
                                       "noexcept",
                                       "not",
                                       "not_eq",
                                       "nullptr",
                                       "operator",
                                       "or",
                                       "or_eq",
                                       "private",
                                       "protected",
                                       "ptrdiff_t",
                                       "public",
                                       "register",
                                       "reinterpret_cast",
                                       "requires",
                                       "restrict",
                                       "return",
                                       "short",
                                       "signed",
                                       "size_t",
                                       "sizeof",
                                       "static",
                                       "static_assert",
                                       "static_cast",
                                       "struct",
                                       "switch",
                                       "template",
                                       "this",
                                       "thread_local",
                                       "throw",
                                       "true",
                                       "try",
                                       "typedef",
                                       "typeid",
                                       "typename",
                                       "typeof",
                                       "uint16_t",
                                       "uint32_t",
                                       "uint64_t",
                                       "uint8_t",
                                       "union",
                                       "unsigned",
                                       "using",
                                       "virtual",
                                       "void",
                                       "volatile",
                                       "wchar_t",
                                       "while",
                                       "xor",
                                       "xor_eq"};

/* Macros of the C library's headers and of compilers, which aren't called like functions, and what
 * they declare that must not be redeclared. */
static const char *const library[] = {"BUFSIZ",
                                      "CLOCKS_PER_SEC",
                                      "DECIMAL_DIG",
                                      "DOMAIN",
                                      "EDOM",
                                      "EILSEQ",
                                      "EOF",
                                      "ERANGE",
                                      "EXIT_FAILURE",
                                      "EXIT_SUCCESS",
                                      "HUGE",
                                      "HUGE_VAL",
                                      "HUGE_VALF",
                                      "HUGE_VALL",
                                      "I",
                                      "INFINITY",
                                      "NAN",
                                      "NULL",
                                      "ONCE_FLAG_INIT",
                                      "OVERFLOW",
                                      "PLOSS",
                                      "SEEK_CUR",
                                      "SEEK_END",
                                      "SEEK_SET",
                                      "SIGABRT",
                                      "SIGFPE",
                                      "SIGILL",
                                      "SIGINT",
                                      "SIGSEGV",
                                      "SIGTERM",
                                      "SING",
                                      "TIME_UTC",
                                      "TLOSS",
                                      "UNDERFLOW",
                                      "complex",
                                      "errno",
                                      "i386",
                                      "imaginary",
                                      "linux",
                                      "main",
                                      "math_errhandling",
                                      "mips",
                                      "noreturn",
                                      "signgam",
                                      "sparc",
                                      "stderr",
                                      "stdin",
                                      "stdout",
                                      "sun",
                                      "unix",
                                      "vax",
                                      "M_E",
                                      "M_LOG2E",
                                      "M_LOG10E",
                                      "M_LN2",
                                      "M_LN10",
                                      "M_PI",
                                      "M_PI_2",
                                      "M_PI_4",
                                      "M_1_PI",
                                      "M_2_PI",
                                      "M_2_SQRTPI",
                                      "M_SQRT2",
                                      "M_SQRT1_2"};

/* Macros that emitted files define themselves. */
static const char *const own[] = {"MAY_ALIAS", "NOINLINE",     "RESTRICT", "AS_WRITTEN",
                                  "ROUNDED",   "SIDE_BY_SIDE", "LOOP",     "WORKER"};

static bool is_one_of(const char *word, const char *const *list, int n) {
  for (int i = 0; i < n; i++)
    if (!strcmp(word, list[i])) return true;
  return false;
}

/* INT32_MAX, FLT_EPSILON, SIG_ATOMIC_MIN, FP_NAN: the limits and classes of numbers. */
static bool names_limit(const char *word) {
  static const char *const whole[] = {"FLT_", "DBL_", "LDBL_", "FP_", "SIG_", "MATH_", "LC_"};
  static const char *const first[] = {"INT",     "UINT",   "CHAR_",    "SCHAR_",    "UCHAR_",
                                      "SHRT_",   "USHRT_", "LONG_",    "ULONG_",    "LLONG_",
                                      "ULLONG_", "SIZE_",  "PTRDIFF_", "WCHAR_",    "WINT_",
                                      "RAND_",   "TMP_",   "FOPEN_",   "FILENAME_", "MB_"};
  static const char *const last[] = {"_MAX", "_MIN", "_BIT", "_WIDTH"};
  size_t n = strlen(word);
  if (word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")]) return false;
  for (int i = 0; i < COUNT_OF(whole); i++)
    if (!strncmp(word, whole[i], strlen(whole[i]))) return true;
  for (int i = 0; i < COUNT_OF(last); i++) {
    size_t m = strlen(last[i]);
    if (n <= m || strcmp(word + n - m, last[i])) continue;
    for (int k = 0; k < COUNT_OF(first); k++)
      if (!strncmp(word, first[k], strlen(first[k]))) return true;
  }
  return false;
}

bool c_is_reserved(const char *word) {
  return is_one_of(word, keywords, COUNT_OF(keywords)) ||
         is_one_of(word, library, COUNT_OF(library)) || is_one_of(word, own, COUNT_OF(own)) ||
         names_limit(word) || names_elements(word);
}

bool c_identifier(const char *word) {
  if (!isalpha((unsigned char)*word))
    return false; /* leading underscores are the implementation's */
  for (const char *c = word; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return !c_is_reserved(word);
}

Name c_safe_name(Cx *cx, const char *word) {
  if (c_identifier(word)) return name_of(cx, word);
  char *s = arena_copy(cx->arena, word, strlen(word) + 1);
  for (char *c = s; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') *c = '_';
  return isalpha((unsigned char)*s) ? name_fmt(cx, "%s_", s) : name_fmt(cx, "v%s", s);
}
