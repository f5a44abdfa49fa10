/* complete.c: the words that could be typed next. In: the text of an entry up to the cursor. Out:
 * what begins with the word before the cursor and is one of the tokens the grammar would take
 * there: keywords by their rows in tokens.def, and where it would take a name, the names that have
 * a meaning at such a place. */
#include "front/check.h"
#include "front/parse.h"
#include "grammar/nn_parse.h"

#include <stdlib.h>

typedef struct Completing {
  Program *p;
  Cx *cx;
  Completions out;
  const char *word; /* what is there of the word */
  size_t n;
  bool expected[TOKEN_ROWS];
  TokenList toks;
} Completing;

static void offer(Completing *c, const char *word) {
  if (strncmp(word, c->word, c->n) || (*word == '_' && !c->n)) return;
  vec_push(c->cx->arena, &c->out.words, word);
}

static bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* ---- where the cursor is ---- */
/* Where the string's contents begin that is open at the end; 0: none is. *comment: the end is in
 * one. */
static size_t open_string(const char *text, size_t n, bool *comment) {
  size_t at = 0;
  *comment = false;
  for (size_t i = 0; i < n; i++) {
    if (text[i] == '\n') at = 0, *comment = false;
    else if (*comment) continue;
    else if (text[i] == '"') at = at ? 0 : i + 1;
    else if (text[i] == '#' && !at) *comment = true;
  }
  return at;
}

static const Token *last_token(const Completing *c) {
  return c->toks.n > 1 ? &c->toks.at[c->toks.n - 2] : NULL;
}

static int last_kind(const Completing *c) { return last_token(c) ? last_token(c)->kind : TOK_END; }

/* ---- names ---- */
static void offer_declared(Completing *c, bool prelude, int kind) {
  for (int i = 0; i < c->p->decls.n; i++) {
    const Decl *d = c->p->decls.at[i];
    if (!d->node || d->owner || d->prelude != prelude) continue;
    if (kind < 0 || (int)d->node->kind == kind) offer(c, d->name);
  }
}

/* Names of the entry itself: arguments, variables, labels. */
static void offer_local(Completing *c) {
  for (int32_t i = 0; i < c->toks.n; i++)
    if (c->toks.at[i].kind == TOK_NAME) offer(c, c->toks.at[i].u.name);
}

static void offer_values(Completing *c) {
  enum { MAX = 1024 };
  const char **words = NEWS(c->cx->arena, const char *, MAX);
  int n = 0;
  Check check = {.p = c->p, .cx = c->cx};
  offer_declared(c, false, -1);
  offer_declared(c, true, -1);
  builtin_names(&check, words, &n, MAX);
  for (int i = 0; i < n; i++) offer(c, words[i]);
  offer(c, "inf");
  offer(c, "nan");
  offer_local(c);
}

static void offer_types(Completing *c) {
  for (int t = 0; t < DTYPE_COUNT; t++) offer(c, type_info[t].word);
}

/* Behind `blocks.` the next part of the paths of parameters that begin so. */
static void offer_members(Completing *c) {
  int32_t i = c->toks.n - 2, first = i;
  while (first >= 1 && c->toks.at[first].kind == TOK_DOT && c->toks.at[first - 1].kind == TOK_NAME)
    first -= 2;
  Text path = text_new(c->cx->arena);
  for (int32_t k = first + 1; k <= i; k++)
    text_add(&path, c->toks.at[k].kind == TOK_DOT ? "." : c->toks.at[k].u.name);
  for (int k = 0; k < front_param_count(c->p); k++) {
    const ParamInfo *p = front_param(c->p, k);
    if (!p || strncmp(p->name, text_str(&path), path.n)) continue;
    const char *rest = p->name + path.n;
    offer(c, name_of_n(c->cx, rest, strcspn(rest, ".")));
  }
}

/* The name of what is called where the cursor is among the arguments of a call, or NULL. */
static Name called_here(const Completing *c) {
  int depth = 0;
  for (int32_t i = c->toks.n - 2; i > 0; i--) {
    int kind = c->toks.at[i].kind;
    if (kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE) depth++;
    if (kind != TOK_LPAREN && kind != TOK_LBRACKET && kind != TOK_LBRACE) continue;
    if (depth-- > 0) continue;
    return kind == TOK_LPAREN && c->toks.at[i - 1].kind == TOK_NAME ? c->toks.at[i - 1].u.name
                                                                    : NULL;
  }
  return NULL;
}

static void offer_argument(Completing *c, const char *name) {
  offer(c, name_fmt(c->cx, "%s:", name));
}

/* Arguments may be named: `sum(x, axis: 0)`. */
static void offer_arguments(Completing *c) {
  bool begins = last_kind(c) == TOK_LPAREN || last_kind(c) == TOK_COMMA;
  Name f = c->n && begins ? called_here(c) : NULL;
  if (!f) return;
  Check check = {.p = c->p, .cx = c->cx};
  const Node *n = front_fn_find(c->p, f);
  const FnValue *built_in = n ? NULL : builtin_find(&check, f);
  for (int i = n ? ast_fixed(NODE_FN) : 0; n && i < n->nkids; i++)
    offer_argument(c, n->kid[i]->name);
  Name name[MAX_ARGS];
  bool optional[MAX_ARGS];
  int count =
      built_in && built_in->builtin ? builtin_params(&check, built_in->builtin, name, optional) : 0;
  for (int i = 0; i < count; i++) offer_argument(c, name[i]);
}

static void offer_names(Completing *c) {
  int before = last_kind(c);
  if (before == TOK_DOT) offer_members(c);
  else if (before == TOK_FN) offer_declared(c, false, NODE_FN);
  else if (before == TOK_CONST) offer_declared(c, false, NODE_CONST);
  else if (before == TOK_PARAM || before == TOK_STATE) offer_declared(c, false, NODE_PARAM);
  else if (before == TOK_LAYER) offer_declared(c, false, NODE_LAYER);
  else if (c->expected[ROW_IF]) offer_arguments(c), offer_values(c);
  else if (before == TOK_COLON) offer_types(c);
  else offer_local(c);
}

/* ---- all of it ---- */
static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_words(Completions *out) {
  if (!out->words.n) return;
  qsort(out->words.at, (size_t)out->words.n, sizeof *out->words.at, by_text);
  int kept = 1;
  for (int i = 1; i < out->words.n; i++)
    if (strcmp(out->words.at[i], out->words.at[kept - 1])) out->words.at[kept++] = out->words.at[i];
  out->words.n = kept;
}

static void complete_word(Completing *c, const char *text, size_t n) {
  size_t begin = n;
  while (begin && in_word(text[begin - 1])) begin--;
  c->out.begin = begin;
  c->word = text + begin, c->n = n - begin;
  if (c->n && *c->word >= '0' && *c->word <= '9') return;
  int32_t source = cx_add_source(c->cx, "<completion>", text, begin, false);
  if (!parse_expected(c->cx, source, c->expected, &c->toks)) return;
  for (int row = 0; row < TOKEN_ROWS; row++)
    if (c->expected[row] && (token_info[row].flags & F_WORD)) offer(c, token_info[row].text);
  if (c->expected[ROW_NAME]) offer_names(c);
  sort_words(&c->out);
}

/* A file is named in a string behind `import`. */
static void complete_file(Completing *c, const char *text, size_t quote) {
  int32_t source = cx_add_source(c->cx, "<completion>", text, quote - 1, false);
  c->out.file = parse_expected(c->cx, source, c->expected, &c->toks) && last_kind(c) == TOK_IMPORT;
  c->out.begin = quote;
}

Completions front_complete(Program *p, const char *text, size_t n) {
  Completing c = {.p = p, .cx = p->cx, .out = {.begin = n}};
  bool comment;
  size_t quote = open_string(text, n, &comment);
  if (quote) complete_file(&c, text, quote);
  else if (!comment) complete_word(&c, text, n);
  return c.out;
}
