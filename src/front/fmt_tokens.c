/* fmt_tokens.c: the tokens of a source that parses -> those the formatter prints, each with the
 * comments before it, whether it begins a statement, and what decides about spaces around it. */
#include "front/fmt.h"
#include "base/utf8.h"
#include "grammar/nn_parse.h"

bool fmt_ends_operand(int kind) {
  return kind == TOK_NAME || kind == TOK_INT || kind == TOK_FLOAT || kind == TOK_STRING ||
         kind == TOK_TRUE || kind == TOK_FALSE || kind == TOK_RPAREN || kind == TOK_RBRACKET ||
         kind == TOK_RBRACE;
}

/* ---- which tokens are printed ---- */
static bool in_block(const TokenList *toks, const Token *t) {
  return t->within < 0 || toks->at[t->within].kind == TOK_LBRACE;
}

/* A comma before the closing bracket, unless it is what makes `(a,)` a tuple. */
static bool is_idle_comma(const TokenList *toks, int32_t i) {
  const Token *t = &toks->at[i];
  if (t->kind != TOK_COMMA || t->within < 0 || toks->at[t->within].match != i + 1) return false;
  int32_t open = t->within;
  const Token *before = &toks->at[MAX(open - 1, 0)];
  bool called = open > 0 && fmt_ends_operand(before->kind) &&
                !tokens_line_ends(toks, &toks->at[open], before);
  if (toks->at[open].kind != TOK_LPAREN || called) return true;
  for (int32_t k = open + 1; k < i; k++)
    if (toks->at[k].kind == TOK_COMMA && toks->at[k].within == open) return true;
  return false;
}

/* Fills f->toks; where[i] is the new number of token i. */
static void keep_tokens(Fmt *f, const TokenList *toks, int32_t *where) {
  const Token *prev = NULL;
  bool begins = true;
  int32_t lines = 0;
  for (int32_t i = 0; i < toks->n; i++) {
    const Token *t = &toks->at[i];
    where[i] = f->toks.n;
    bool separates = t->kind == TOK_SEP && in_block(toks, t);
    if (separates || is_idle_comma(toks, i)) {
      begins |= separates;
      if (separates) prev = NULL;
      continue;
    }
    if (prev && tokens_line_ends(toks, t, prev)) begins = true;
    FmtToken out = {.kind = t->kind, .lo = t->lo, .hi = t->hi, .match = t->match, .begins = begins};
    lines += t->newline;
    out.lines_so_far = lines;
    vec_push(f->cx->arena, &f->toks, out);
    begins = t->kind == TOK_LBRACE;
    prev = t;
  }
  for (int32_t i = 0; i < f->toks.n; i++)
    if (f->toks.at[i].match >= 0) f->toks.at[i].match = where[f->toks.at[i].match];
}

/* ---- comments and empty lines ---- */
static int lines_between(const Fmt *f, int32_t lo, int32_t hi) {
  int n = 0;
  for (int32_t i = lo; i < hi; i++) n += f->text[i] == '\n';
  return n;
}

/* Tokens that are not printed count as blank here. A comma hands its comments on, so that it stays
 * with what is before it. */
static void hang_comments(Fmt *f, const CommentList *list) {
  int32_t next = 0, end = 0;
  for (int32_t i = 0; i < f->toks.n; i++) {
    FmtToken *t = &f->toks.at[i];
    if (t->kind == TOK_COMMA) continue;
    t->comment = f->comments.n;
    for (; next < list->n && list->at[next].lo < t->lo + (t->kind == TOK_END); next++) {
      const CommentAt *c = &list->at[next];
      int lines = lines_between(f, end, c->lo);
      FmtComment out = {c->lo, c->hi, lines > 0 || end == 0, lines > 1};
      vec_push(f->cx->arena, &f->comments, out);
      end = c->hi;
    }
    t->ncomments = f->comments.n - t->comment;
    t->blank = lines_between(f, end, t->lo) > 1;
    end = t->hi;
  }
}

/* ---- what spaces depend on ---- */
static int32_t token_from(const Fmt *f, int32_t lo) {
  int32_t a = 0, b = f->toks.n;
  while (a < b) {
    int32_t mid = a + (b - a) / 2;
    if (f->toks.at[mid].lo < lo) a = mid + 1;
    else b = mid;
  }
  return a;
}

static void mark_types(Fmt *f, const Node *n) {
  if (n->kind == NODE_TYPE)
    for (int32_t i = token_from(f, n->span.lo); f->toks.at[i].lo < n->span.hi; i++)
      f->toks.at[i].of_size = true;
  for (int i = 0; i < n->nkids; i++)
    if (n->kid[i]) mark_types(f, n->kid[i]);
}

/* Products beside a slice's colon hold together: `x[H:2*H]`. */
static void mark_slice(Fmt *f, int32_t colon) {
  FmtToken *t = f->toks.at;
  for (int step = -1; step <= 1; step += 2)
    for (int32_t i = colon + step; t[i].kind != TOK_COMMA; i += step) {
      t[i].of_size = true;
      if (t[i].match >= 0 && (t[i].match > i) != (step > 0)) break; /* the index ends here */
      if (t[i].match >= 0) i = t[i].match;
    }
}

static void mark_brackets(Fmt *f) {
  int32_t *open = NEWS(f->cx->arena, int32_t, f->toks.n);
  int32_t depth = 0;
  FmtToken *t = f->toks.at;
  for (int32_t i = 0; i < f->toks.n; i++) {
    int32_t in = depth ? open[depth - 1] : -1;
    bool indexes = in > 0 && t[in].kind == TOK_LBRACKET && fmt_ends_operand(t[in - 1].kind) &&
                   !(in > 1 && t[in - 2].kind == TOK_LET);
    if (t[i].kind == TOK_COLON) t[i].of_slice = indexes;
    if (t[i].of_slice) mark_slice(f, i);
    if (t[i].kind == TOK_MINUS)
      t[i].sign = i == 0 || t[i].begins || t[i - 1].ends_labels || !fmt_ends_operand(t[i - 1].kind);
    if (t[i].match > i) open[depth++] = i;
    if (t[i].match >= 0 && t[i].match < i) {
      depth--;
      t[i].ends_labels = t[i].match > 0 && t[t[i].match - 1].kind == TOK_REDUCE;
    }
  }
}

/* A block is tall where its text is; one that was written on one line may stay on one. */
static bool is_tall(const Fmt *f, int32_t i) {
  const FmtToken *t = &f->toks.at[i];
  return t->kind == TOK_LBRACE && f->toks.at[t->match].lines_so_far > t->lines_so_far;
}

static int columns(const char *s, int32_t n) {
  int c = 0;
  for (int32_t i = 0; i < n; i++) c += !utf8_continues(s[i]);
  return c;
}

/* Inside a block on one line statements stand behind `; `. */
static void sum_up(Fmt *f) {
  int32_t end = 0, comments = 0, tall = 0;
  for (int32_t i = 0; i < f->toks.n; i++) {
    FmtToken *t = &f->toks.at[i];
    bool separated = t->begins && i && f->toks.at[i - 1].kind != TOK_LBRACE;
    end += columns(f->text + t->lo, t->hi - t->lo) + (separated ? 2 : fmt_spaced(f, i));
    comments += t->ncomments;
    tall += is_tall(f, i);
    t->end = end, t->comments_so_far = comments, t->tall_so_far = tall;
  }
}

void fmt_read(Fmt *f, int32_t source, const Node *file) {
  bool open;
  CommentList comments = {0};
  TokenList toks = tokens_read(f->cx, source, &open, &comments);
  int32_t *where = NEWS(f->cx->arena, int32_t, toks.n);
  f->text = f->cx->sources.at[source].text;
  keep_tokens(f, &toks, where);
  hang_comments(f, &comments);
  mark_types(f, file);
  mark_brackets(f);
  sum_up(f);
}

/* ---- spaces ---- */
static bool is_point(int kind) {
  return kind == TOK_DOT || kind == TOK_DOTDOT || kind == TOK_ELLIPSIS;
}

/* What would be read as another number without a space: `1. ..`, `.. .5`, `1 .x`. */
static bool would_stick(const Fmt *f, const FmtToken *a, const FmtToken *b) {
  if (a->kind == TOK_FLOAT && is_point(b->kind))
    return f->text[a->hi - 1] == '.' || b->kind == TOK_DOT;
  if (a->kind == TOK_INT && b->kind == TOK_DOT) return true;
  return is_point(a->kind) && b->kind == TOK_FLOAT && f->text[b->lo] == '.';
}

static bool is_tight(const FmtToken *t) {
  return t->kind == TOK_POW || t->kind == TOK_DOT || t->kind == TOK_DOTDOT ||
         (t->of_size && (t->kind == TOK_STAR || t->kind == TOK_IDIV));
}

bool fmt_spaced(const Fmt *f, int32_t i) {
  if (i == 0) return false;
  const FmtToken *a = &f->toks.at[i - 1], *b = &f->toks.at[i];
  if (would_stick(f, a, b)) return true;
  if (b->kind == TOK_COMMA || b->kind == TOK_SEP || b->kind == TOK_RPAREN ||
      b->kind == TOK_RBRACKET || (b->kind == TOK_COLON && a->kind != TOK_COMMA))
    return false;
  if (a->kind == TOK_LPAREN || a->kind == TOK_LBRACKET || a->sign) return false;
  if (a->kind == TOK_COMMA || a->kind == TOK_SEP) return true;
  if (a->kind == TOK_COLON) return !a->of_slice;
  if (is_tight(a) || is_tight(b)) return false;
  if (b->kind == TOK_LPAREN || b->kind == TOK_LBRACKET)
    return a->ends_labels ||
           !(fmt_ends_operand(a->kind) || a->kind == TOK_REDUCE || a->kind == TOK_REVERSED);
  return !(a->kind == TOK_LBRACE && b->kind == TOK_RBRACE);
}
