/* help_words.c: what the words of a command line are, from how the tables call them. */
#include "cli/help.h"

static const struct {
  const char *word;
  WordKind kind;
} words[] = {
    {"FILE.nn", WORD_NN},      {"FUNCTION", WORD_FUNCTION}, {"NAMES", WORD_FUNCTION},
    {"COMMAND", WORD_COMMAND}, {"CODE", WORD_CODE},         {"FILE", WORD_FILE},
};

static WordKind kind_of(const char *text, size_t n) {
  for (int i = 0; i < COUNT_OF(words); i++) {
    size_t len = strlen(words[i].word);
    for (size_t k = 0; k + len <= n; k++)
      if (!memcmp(text + k, words[i].word, len)) return words[i].kind;
  }
  return WORD_ANY;
}

WordKind operand_kind(const CommandInfo *c, int number) {
  const char *s = c->operands;
  for (;; number--) {
    size_t n = strcspn(s, " ");
    bool option = s[0] == '-'; /* `--data NAME=FILE...` in the usage line is no operand */
    bool last = !s[n] || s[n + 1] == '-';
    if (option) return WORD_ANY;
    if (number <= 0 || last) return kind_of(s, n);
    s += n + 1;
  }
}

WordKind argument_kind(const OptInfo *o) {
  if (o->type == OPT_FLAG || o->type == OPT_CHOICE) return WORD_ANY;
  return kind_of(o->arg, strlen(o->arg));
}
