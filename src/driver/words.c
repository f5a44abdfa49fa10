/* words.c: see words.h. */
#include "driver/words.h"
#include "base/embedded.h"
#include "front/parse.h"
#include "ir/ir.h"

#include <ctype.h>

static void add_word(Arena *a, Words *w, const char *s, size_t n) {
  for (int i = 0; i < w->n; i++)
    if (strlen(w->at[i]) == n && !memcmp(w->at[i], s, n)) return;
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, s, n);
  vec_push(a, w, copy);
}

static WordClass class_of_token(int row) {
  switch (row) {
  case ROW_FN:
  case ROW_PARAM:
  case ROW_STATE:
  case ROW_CONST:
  case ROW_LAYER:
  case ROW_IMPORT:
  case ROW_TEST:
  case ROW_LET:
  case ROW_VAR: return CLASS_DECLARATION;
  case ROW_AND:
  case ROW_OR:
  case ROW_NOT: return CLASS_LOGIC;
  case ROW_TRUE:
  case ROW_FALSE: return CLASS_CONSTANT;
  default: return CLASS_CONTROL;
  }
}

/* `max` and `count` are words of a loop's head only, and functions or names elsewhere. */
static void add_tokens(Arena *a, Words *w, WordClass class) {
  for (int row = 0; row < TOKEN_ROWS; row++) {
    const char *text = token_info[row].text;
    bool elsewhere = row == ROW_MAX || row == ROW_COUNT;
    if (isalpha((unsigned char)*text) && !elsewhere && class_of_token(row) == class)
      add_word(a, w, text, strlen(text));
  }
}

static bool is_derivative(const char *name) {
  static const char *const names[] = {"grad", "value_and_grad", "jvp",     "vjp",       "hvp",
                                      "stop", "jacobian",       "hessian", "checkpoint"};
  for (int i = 0; i < COUNT_OF(names); i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

static void add_builtins(Arena *a, Words *w, bool derivatives) {
  static const char *const names[] = {
#define BUILTIN(name, params, doc) #name,
#include "front/builtin.def"
#undef BUILTIN
  };
  for (int i = 0; i < COUNT_OF(names); i++)
    if (is_derivative(names[i]) == derivatives) add_word(a, w, names[i], strlen(names[i]));
  for (int op = 0; op < OP_COUNT; op++)
    if (op_info[op].kind == KIND_MAP && !*op_info[op].symbol &&
        is_derivative(op_info[op].name) == derivatives)
      add_word(a, w, op_info[op].name, strlen(op_info[op].name));
}

static bool is_keyword(const char *word) {
  for (int row = 0; row < TOKEN_ROWS; row++)
    if ((token_info[row].flags & F_WORD) && !strcmp(token_info[row].text, word)) return true;
  return false;
}

/* Names that the prelude declares at the beginning of a line behind the word. */
static void add_prelude(Arena *a, Words *w, const char *word, bool derivatives) {
  size_t n = strlen(word);
  for (const char *s = prelude_nn; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
    if (strncmp(s, word, n)) continue;
    size_t len = strspn(s + n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    char name[64] = "";
    if (len < sizeof name) memcpy(name, s + n, len);
    if (is_derivative(name) == derivatives && !is_keyword(name)) add_word(a, w, s + n, len);
  }
}

Words language_words(Arena *a, WordClass class) {
  Words w = {0};
  add_tokens(a, &w, class);
  switch (class) {
  case CLASS_TYPE:
    w.n = 0;
    for (int t = 0; t < DTYPE_COUNT; t++)
      add_word(a, &w, type_info[t].word, strlen(type_info[t].word));
    break;
  case CLASS_CONSTANT:
    add_word(a, &w, "inf", 3);
    add_word(a, &w, "nan", 3);
    add_prelude(a, &w, "const ", false);
    break;
  case CLASS_DERIVATIVE:
  case CLASS_FUNCTION:
    w.n = 0;
    add_builtins(a, &w, class == CLASS_DERIVATIVE);
    add_prelude(a, &w, "fn ", class == CLASS_DERIVATIVE);
    add_prelude(a, &w, "layer ", class == CLASS_DERIVATIVE);
    break;
  default: break;
  }
  return w;
}
