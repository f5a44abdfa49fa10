/* layout.c: the text of a source -> its tokens, with everything decided that needs a look around:
 * comments are gone (those above a declaration are its documentation), brackets know their
 * partners, and `sum(k) ...` is told from the call `sum(k)`. tokens_line_ends says from this which
 * line ends end statements.
 *
 * A bracket without a partner is found here, over the whole text, so that the error can be given
 * where it was opened: `fn`, `param` and `const` at the start of a line are never inside ( or [,
 * and the words that begin a statement (`let`, `for`) only inside the innermost {. */
#include "front/parse.h"
#include "grammar/nn_parse.h"

/* The scanner's interface; its header would bring flex's macros with it. */
typedef void *yyscan_t;
struct yy_buffer_state;
int nn_lex_init_extra(Lexer *extra, yyscan_t *scanner);
struct yy_buffer_state *nn__scan_bytes(const char *bytes, int len, yyscan_t scanner);
int nn_lex_destroy(yyscan_t scanner);
int nn_lex(yyscan_t scanner);

/* ---- comments above declarations ---- */
typedef struct DocLines {
  Text text;
  bool blank; /* nothing on the present line so far */
} DocLines;

static void add_doc(Cx *cx, DocLines *doc, const char *comment, int n) {
  if (!doc->blank) return; /* behind code */
  if (doc->text.n) text_add(&doc->text, "\n");
  else doc->text = text_new(cx->arena);
  comment++, n--;
  if (n && *comment == ' ') comment++, n--;
  for (int i = 0; i < n; i++) text_add_n(&doc->text, comment[i] ? comment + i : "?", 1);
  if (!doc->text.n) text_add(&doc->text, " ");
  doc->blank = false;
}

static const char *take_doc(DocLines *doc) {
  const char *s = doc->text.n ? text_str(&doc->text) : NULL;
  doc->text.n = 0;
  return s;
}

static bool has_doc(int kind) {
  return kind == TOK_FN || kind == TOK_PARAM || kind == TOK_STATE || kind == TOK_CONST ||
         kind == TOK_LAYER || kind == TOK_TEST || kind == TOK_ADJOINT || kind == TOK_TANGENT;
}

/* A comment's bytes without the blanks at its end. */
static CommentAt comment_at(const char *text, int32_t lo, int32_t hi) {
  while (hi > lo && strchr(" \t\r\f\v", text[hi - 1]) && text[hi - 1]) hi--;
  return (CommentAt){lo, hi};
}

/* ---- reading ---- */
/* `state` declares where a name follows it at the start of a statement; elsewhere it is a name. */
static void settle_states(Cx *cx, TokenList *toks) {
  for (int32_t i = toks->n - 2; i >= 0; i--) { /* what follows is settled */
    Token *t = &toks->at[i];
    if (t->kind != TOK_STATE) continue;
    bool begins = t->newline || t[-1].kind == TOK_SEP || t[-1].kind == TOK_LBRACE;
    if (begins && t[1].kind == TOK_NAME && !t[1].newline) continue;
    t->kind = TOK_NAME;
    t->u.name = name_of(cx, "state");
  }
}

static TokenList read_all(Cx *cx, int32_t source, CommentList *comments) {
  const Source src = cx->sources.at[source];
  TokenList toks = {0};
  Lexer lx = {.cx = cx, .source = source};
  DocLines doc = {text_new(cx->arena), true};
  bool newline = true;
  yyscan_t scanner;
  if (nn_lex_init_extra(&lx, &scanner)) cx_out_of_memory(cx);
  nn__scan_bytes(src.text, src.len, scanner);
  for (int kind = -1; kind != TOK_END;) {
    lx.tok = (Token){.match = -1, .within = -1};
    kind = nn_lex(scanner);
    if (kind == TOK_NEWLINE) {
      if (doc.blank) take_doc(&doc); /* an empty line */
      newline = doc.blank = true;
    } else if (kind == TOK_COMMENT) {
      CommentAt c = comment_at(src.text, lx.tok.lo, lx.tok.hi);
      add_doc(cx, &doc, src.text + c.lo, c.hi - c.lo);
      if (comments) vec_push(cx->arena, comments, c);
    } else {
      if (kind == TOK_END) lx.tok.lo = lx.tok.hi = src.len;
      const char *above = take_doc(&doc);
      if (has_doc(kind)) lx.tok.u.doc = above;
      lx.tok.kind = kind;
      lx.tok.newline = newline;
      newline = doc.blank = false;
      vec_push(cx->arena, &toks, lx.tok);
    }
  }
  nn_lex_destroy(scanner);
  settle_states(cx, &toks);
  return toks;
}

/* ---- brackets ---- */
static bool is_declaration(int kind) {
  return kind == TOK_FN || kind == TOK_PARAM || kind == TOK_STATE || kind == TOK_CONST ||
         kind == TOK_LAYER || kind == TOK_IMPORT || kind == TOK_TEST || kind == TOK_ADJOINT ||
         kind == TOK_TANGENT;
}

/* `var` is a statement before a name only. `while` stands in the head of a `for` as well. */
static bool is_statement_word(const TokenList *toks, int32_t i) {
  int kind = toks->at[i].kind;
  if (kind == TOK_VAR) return i + 1 < toks->n && toks->at[i + 1].kind == TOK_NAME;
  return kind == TOK_LET || kind == TOK_FOR || kind == TOK_WHILE;
}

static int closer_of(int kind) {
  return kind == TOK_LPAREN     ? TOK_RPAREN
         : kind == TOK_LBRACKET ? TOK_RBRACKET
         : kind == TOK_LBRACE   ? TOK_RBRACE
                                : 0;
}

static bool is_closer(int kind) {
  return kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE;
}

typedef Vec(int32_t) Stack;

/* A closing bracket belongs to the innermost open one of its kind; those inside stay open. If there
 * is none of its kind, ( and ] or [ and ) are taken for a pair that was mistyped. */
static void close_bracket(TokenList *toks, Stack *open, int32_t at) {
  Token *t = &toks->at[at];
  int32_t i = open->n - 1;
  while (i >= 0 && closer_of(toks->at[open->at[i]].kind) != t->kind) i--;
  if (i < 0 && open->n && t->kind != TOK_RBRACE &&
      toks->at[open->at[open->n - 1]].kind != TOK_LBRACE) {
    i = open->n - 1;
    t->mismatch = true;
  }
  if (i < 0) return;
  t->match = open->at[i];
  toks->at[open->at[i]].match = at;
  open->n = i;
}

/* Returns whether a ( or [ is still open at the end. */
static bool match_brackets(Cx *cx, TokenList *toks) {
  Stack open = {0};
  for (int32_t i = 0; i < toks->n; i++) {
    Token *t = &toks->at[i];
    if (t->newline && (is_declaration(t->kind) || is_statement_word(toks, i)))
      while (open.n && toks->at[open.at[open.n - 1]].kind != TOK_LBRACE) open.n--;
    if (closer_of(t->kind)) vec_push(cx->arena, &open, i);
    else if (is_closer(t->kind)) close_bracket(toks, &open, i);
  }
  bool inside = false;
  for (int32_t i = 0; i < open.n; i++) inside |= toks->at[open.at[i]].kind != TOK_LBRACE;
  return inside;
}

/* Where each token stands. A ( or [ that is never closed holds nothing, so that the lines after it
 * count again; a { that is never closed ends before the next declaration. */
static void place_tokens(Cx *cx, TokenList *toks) {
  Stack open = {0};
  for (int32_t i = 0; i < toks->n; i++) {
    Token *t = &toks->at[i];
    while (open.n && toks->at[open.at[open.n - 1]].match < 0 &&
           (t->kind == TOK_END || (t->newline && is_declaration(t->kind)))) {
      open.n--;
      t->closes++;
    }
    t->within = open.n ? open.at[open.n - 1] : -1;
    t->depth = open.n;
    if (closer_of(t->kind) && (t->match >= 0 || t->kind == TOK_LBRACE))
      vec_push(cx->arena, &open, i);
    if (is_closer(t->kind) && t->match >= 0)
      while (open.n && open.at[open.n - 1] >= t->match) open.n--;
  }
}

/* ---- words that depend on what follows ---- */
static bool is_fold_name(Name name) {
  static const char *const folds[] = {"sum", "prod", "max", "min"};
  for (int i = 0; i < COUNT_OF(folds); i++)
    if (!strcmp(name, folds[i])) return true;
  return false;
}

/* A range stands directly between the brackets: only labels have ranges. */
static bool has_range(const TokenList *toks, int32_t open) {
  for (int32_t i = open + 1; i < toks->at[open].match; i++)
    if (toks->at[i].kind == TOK_DOTDOT && toks->at[i].within == open) return true;
  return false;
}

/* sum(k) is a reduction when an expression follows, and always when a label has a range: a call is
 * followed by an operator or an end. */
static bool is_reduction(const TokenList *toks, int32_t i) {
  const Token *open = &toks->at[i + 1];
  if (open->kind != TOK_LPAREN || open->match < 0 || toks->at[open->match].mismatch) return false;
  const Token *next = &toks->at[open->match + 1], *t = &toks->at[i];
  if (has_range(toks, i + 1)) return true;
  bool lines_count = t->within < 0 || toks->at[t->within].kind == TOK_LBRACE;
  return (token_flags(next->kind) & F_BODY) && !(next->newline && lines_count);
}

static bool is_word(const Token *t, const char *word) {
  return t->kind == TOK_NAME && !strcmp(t->u.name, word);
}

static bool ends_operand(int kind) {
  return kind == TOK_NAME || kind == TOK_INT || kind == TOK_FLOAT || kind == TOK_TRUE ||
         kind == TOK_FALSE || kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE;
}

/* The head of the loop that begins at token i, up to its `{`: `reversed` after `in`; the last `max`
 * behind an operand, which can't be the function (that one follows an operator, or the labels of an
 * outer reduction, and then another `max` follows); `count name` at the end. */
static void settle_loop_head(TokenList *toks, int32_t i) {
  int32_t depth = toks->at[i].depth, end = i + 1, limit = -1;
  for (; end < toks->n && toks->at[end].depth >= depth; end++) {
    Token *t = &toks->at[end];
    if (t->kind == TOK_LBRACE && t->depth == depth && ends_operand(t[-1].kind)) break;
    bool reversal = t->kind == TOK_IN && is_word(t + 1, "reversed") && t[2].kind == TOK_LPAREN;
    if (reversal) t[1].kind = TOK_REVERSED;
    bool in_reversal = t->within >= 1 && toks->at[t->within - 1].kind == TOK_REVERSED;
    if (is_word(t, "max") && ends_operand(t[-1].kind) && t->depth == depth + in_reversal)
      limit = end;
  }
  if (end >= toks->n) return;
  if (limit > 0) toks->at[limit].kind = TOK_MAX;
  if (end - i > 2 && toks->at[end - 1].kind == TOK_NAME && is_word(&toks->at[end - 2], "count") &&
      ends_operand(toks->at[end - 3].kind))
    toks->at[end - 2].kind = TOK_COUNT;
}

/* `check grad f(..)`, and `tol x` behind an operand: elsewhere two names never follow each other.
 */
static void settle_test_word(TokenList *toks, int32_t i) {
  Token *t = &toks->at[i];
  if (is_word(t, "check") && is_word(t + 1, "grad") && t[2].kind == TOK_NAME && !t[1].newline)
    t->kind = TOK_CHECK;
  else if (is_word(t, "tol") && i > 0 && !t->newline && ends_operand(t[-1].kind)) t->kind = TOK_TOL;
}

static void settle_words(TokenList *toks) {
  for (int32_t i = 0; i + 2 < toks->n; i++)
    if (toks->at[i].kind == TOK_FOR || toks->at[i].kind == TOK_WHILE) settle_loop_head(toks, i);
  for (int32_t i = 0; i + 1 < toks->n; i++) {
    Token *t = &toks->at[i];
    if (t->kind == TOK_VAR && toks->at[i + 1].kind != TOK_NAME) t->kind = TOK_NAME;
    settle_test_word(toks, i);
    if (t->kind == TOK_NAME && is_fold_name(t->u.name) && is_reduction(toks, i))
      t->kind = TOK_REDUCE;
  }
}

TokenList tokens_read(Cx *cx, int32_t source, bool *open, CommentList *comments) {
  TokenList toks = read_all(cx, source, comments);
  bool inside = match_brackets(cx, &toks);
  place_tokens(cx, &toks);
  *open = inside || toks.at[toks.n - 1].closes > 0;
  settle_words(&toks);
  return toks;
}

/* ---- line ends ---- */
static bool starts_declaration(const Token *t) {
  return t->kind == TOK_FN || t->kind == TOK_PARAM || t->kind == TOK_STATE ||
         t->kind == TOK_CONST || t->kind == TOK_LET || t->kind == TOK_LAYER ||
         t->kind == TOK_IMPORT || t->kind == TOK_TEST || t->kind == TOK_ADJOINT ||
         t->kind == TOK_TANGENT || t->kind == TOK_VAR || t->kind == TOK_FOR || t->kind == TOK_WHILE;
}

bool tokens_line_ends(const TokenList *toks, const Token *t, const Token *prev) {
  if (!t->newline || t->kind == TOK_END || t->kind == TOK_RBRACE || prev->kind == TOK_SEP)
    return false;
  if (t->within >= 0 && toks->at[t->within].kind != TOK_LBRACE) return false;
  if (prev->kind == TOK_LBRACE) return false;
  if (starts_declaration(t)) return true;
  return !(token_flags(prev->kind) & F_MORE) && !(token_flags(t->kind) & F_JOIN);
}

bool token_is_idle(const TokenList *toks, const Token *t, const Token *prev) {
  if (t->kind != TOK_SEP || (t->within >= 0 && toks->at[t->within].kind != TOK_LBRACE))
    return false;
  const Token *next = t + 1;
  while (next->kind == TOK_SEP) next++;
  return !prev || prev->kind == TOK_SEP || prev->kind == TOK_LBRACE || next->kind == TOK_RBRACE ||
         next->kind == TOK_END;
}
