/* fmt.c: the canonical layout of a program. In: a source that parses. Out: its text, laid out anew.
 *
 * A statement that fits stands on one line. One that doesn't is broken at its weakest place: behind
 * `=`, before `else`, behind the operators that bind least, inside the widest brackets; and so on
 * with the parts. Empty lines between statements, comments, and whether a block stands on
 * one line are the writer's. The result is parsed and compared with what was read before it is
 * given back. */
#include "front/fmt.h"
#include "front/front.h"
#include "grammar/nn_parse.h"

static void lay_out(Fmt *f, int32_t lo, int32_t hi, int32_t indent, int32_t tail);
static void block(Fmt *f, int32_t open, int32_t indent);

/* ---- looking at a range of tokens lo .. hi - 1 ----
 */
static int32_t width(const Fmt *f, int32_t lo, int32_t hi) {
  const FmtToken *t = f->toks.at;
  int32_t first = t[lo].hi - t[lo].lo; /* bytes: only strings have others, and are long anyway */
  return hi > lo ? t[hi - 1].end - t[lo].end + first : 0;
}

/* Whether it may stand on one line: no comment and no block of several lines is inside. */
static bool is_flat(const Fmt *f, int32_t lo, int32_t hi) {
  const FmtToken *t = f->toks.at;
  if (hi <= lo) return true;
  int32_t tall_before = lo ? t[lo - 1].tall_so_far : 0;
  return t[hi - 1].comments_so_far == t[lo].comments_so_far && t[hi - 1].tall_so_far == tall_before;
}

static bool fits_at(const Fmt *f, int32_t column, int32_t lo, int32_t hi, int32_t tail) {
  return is_flat(f, lo, hi) && column + width(f, lo, hi) + tail <= FMT_WIDTH;
}

/* The token after i at the same bracket level. */
static int32_t step(const Fmt *f, int32_t i) {
  int32_t match = f->toks.at[i].match;
  return (match > i ? match : i) + 1;
}

/* The first token of the kind at the level of lo, or hi. */
static int32_t find(const Fmt *f, int32_t lo, int32_t hi, int kind) {
  int32_t i = lo;
  while (i < hi && f->toks.at[i].kind != kind) i = step(f, i);
  return MIN(i, hi);
}

/* How weakly an operator holds what is around it together: the largest is broken first; 0: not an
 * operator, or one that a line can't end with. */
static int weakness(const FmtToken *t) {
  switch (t->kind) {
  case TOK_CLOSE: return 10;
  case TOK_IN:
  case TOK_WHILE:
  case TOK_ASSIGN:
  case TOK_TILDE: return 9;
  case TOK_COLON: return 8;
  case TOK_DOTDOT: return 7;
  case TOK_OR: return 6;
  case TOK_AND: return 5;
  case TOK_EQ:
  case TOK_NE:
  case TOK_LT:
  case TOK_LE:
  case TOK_GT:
  case TOK_GE: return 4;
  case TOK_PLUS: return 3;
  case TOK_MINUS: return t->sign ? 0 : 3;
  case TOK_STAR:
  case TOK_SLASH:
  case TOK_IDIV:
  case TOK_PERCENT:
  case TOK_AT: return 2;
  case TOK_POW: return 1;
  default: return 0;
  }
}

/* An `if` inside takes all that follows it. */
static int weakest(const Fmt *f, int32_t lo, int32_t hi) {
  int w = 0;
  for (int32_t i = lo; i < hi; i = step(f, i)) {
    if (f->toks.at[i].kind == TOK_IF && i > lo) break;
    if (i > lo) w = MAX(w, weakness(&f->toks.at[i]));
  }
  return w;
}

/* `then` or `else` of the `if` at lo, or hi. */
static int32_t part_of_if(const Fmt *f, int32_t lo, int32_t hi, int kind) {
  int inner = 0;
  for (int32_t i = lo + 1; i < hi; i = step(f, i)) {
    int k = f->toks.at[i].kind;
    if (inner == 0 && k == kind) return i;
    inner += (k == TOK_IF) - (k == TOK_ELSE && inner);
  }
  return hi;
}

/* ---- expressions ---- */
static void flat(Fmt *f, int32_t lo, int32_t hi, int32_t indent) {
  for (int32_t i = lo; i < hi; i++) {
    bool separate = i > lo && f->toks.at[i].begins && f->toks.at[i - 1].kind != TOK_LBRACE;
    if (separate) text_add(&f->out, ";"), f->column++;
    if (separate && !fmt_spaced(f, i)) text_add(&f->out, " "), f->column++;
    if (i > lo) fmt_gap(f, i, false, indent, indent);
    fmt_token(f, i);
  }
}

/* `if c then v` or, where that is too long, v on a line of its own. */
static void case_value(Fmt *f, int32_t lo, int32_t then, int32_t hi, int32_t indent) {
  int32_t inner = indent + FMT_INDENT;
  bool one_line = fits_at(f, f->column, lo, hi, 0);
  fmt_token(f, lo);
  fmt_gap(f, lo + 1, false, inner, inner);
  lay_out(f, lo + 1, then, inner, 1 + width(f, then, then + 1));
  fmt_gap(f, then, false, inner, inner);
  fmt_token(f, then);
  fmt_gap(f, then + 1, !one_line && f->toks.at[then + 1].kind != TOK_LBRACE, inner, inner);
  lay_out(f, then + 1, hi, one_line ? indent : inner, 0);
}

/* A line for each case of a chain, and one for what is left. */
static void choice_value(Fmt *f, int32_t lo, int32_t hi, int32_t then, int32_t indent,
                         int32_t tail) {
  int32_t other = part_of_if(f, lo, hi, TOK_ELSE), value = other + 1;
  case_value(f, lo, then, other, indent);
  fmt_gap(f, other, true, indent, indent);
  fmt_token(f, other);
  fmt_gap(f, value, false, indent, indent);
  then = f->toks.at[value].kind == TOK_IF ? part_of_if(f, value, hi, TOK_THEN) : hi;
  if (then < hi) choice_value(f, value, hi, then, indent, tail);
  else lay_out(f, value, hi, weakest(f, value, hi) ? indent + FMT_INDENT : indent, tail);
}

/* Operands one after the other as long as they fit, then on the next line. */
static void operands(Fmt *f, int32_t lo, int32_t hi, int weak, int32_t indent, int32_t tail) {
  bool reached_if = false;
  for (int32_t a = lo, b; a < hi; a = b) {
    for (b = a; b < hi; b = step(f, b)) {
      reached_if |= f->toks.at[b].kind == TOK_IF && b > lo;
      if (b > lo && !reached_if && weakness(&f->toks.at[b]) == weak) break;
    }
    int32_t after = b < hi ? width(f, b, b + 1) + fmt_spaced(f, b) : tail;
    if (a > lo) {
      bool same_line = fits_at(f, f->column + fmt_spaced(f, a), a, b, after);
      fmt_gap(f, a, !same_line, indent, indent);
    }
    lay_out(f, a, b, indent, after);
    if (b == hi) break;
    fmt_gap(f, b, false, indent, indent);
    fmt_token(f, b++);
  }
}

static int32_t item_end(const Fmt *f, int32_t i, int32_t close) {
  while (i < close && f->toks.at[i].kind != TOK_COMMA && f->toks.at[i].kind != TOK_SEP)
    i = step(f, i);
  return i;
}

/* Short ones, which are no rows of a matrix. */
static bool small_items(const Fmt *f, int32_t open) {
  int32_t close = f->toks.at[open].match, kind = f->toks.at[open].kind;
  for (int32_t a = open + 1, b; a < close; a = b + 1) {
    b = item_end(f, a, close);
    bool row = kind == TOK_LBRACKET && f->toks.at[a].kind == TOK_LBRACKET;
    if (row || !is_flat(f, a, b) || width(f, a, b) > FMT_SMALL) return false;
  }
  return true;
}

static bool hugs(const Fmt *f, int32_t lo, int32_t hi);

/* Brackets over several lines: small items as many as fit, others a line each. A single one that
 * ends in brackets stays where it is: theirs are opened. */
static void bracket(Fmt *f, int32_t open, int32_t indent) {
  int32_t close = f->toks.at[open].match, inner = indent + FMT_INDENT;
  bool fill = small_items(f, open);
  fmt_token(f, open);
  if (!fill && item_end(f, open + 1, close) == close && !f->toks.at[close].ncomments &&
      hugs(f, open + 1, close)) {
    lay_out(f, open + 1, close, indent, 1);
    fmt_token(f, close);
    return;
  }
  for (int32_t a = open + 1, b; a < close; a = b + 1) {
    b = item_end(f, a, close);
    bool same_line = fill && a > open + 1 && fits_at(f, f->column + 1, a, b, 1);
    fmt_gap(f, a, !same_line, inner, inner);
    lay_out(f, a, b, inner, 1);
    if (b < close) {
      fmt_gap(f, b, false, inner, inner);
      fmt_token(f, b);
    }
  }
  fmt_gap(f, close, close > open + 1, inner, indent);
  fmt_token(f, close);
}

static void group(Fmt *f, int32_t open, int32_t indent) {
  if (f->toks.at[open].kind == TOK_LBRACE) block(f, open, indent);
  else bracket(f, open, indent);
}

static int32_t widest_group(const Fmt *f, int32_t lo, int32_t hi) {
  int32_t best = -1;
  for (int32_t i = lo; i < hi; i = step(f, i)) {
    if (f->toks.at[i].kind == TOK_IF && i > lo) break;
    if (f->toks.at[i].match <= i + 1) continue;
    if (best < 0 || width(f, i, step(f, i)) > width(f, best, step(f, best))) best = i;
  }
  return best;
}

/* A name with what is applied to it; the widest brackets are opened. */
static void primary(Fmt *f, int32_t lo, int32_t hi, int32_t indent, int32_t tail) {
  int32_t widest = fits_at(f, f->column, lo, hi, tail) ? -1 : widest_group(f, lo, hi);
  for (int32_t i = lo; i < hi; i = step(f, i)) {
    if (i > lo) fmt_gap(f, i, false, indent, indent);
    if (f->toks.at[i].kind == TOK_IF && i > lo) {
      lay_out(f, i, hi, indent, tail);
      return;
    }
    if (f->toks.at[i].match > i && (i == widest || !is_flat(f, i, step(f, i)))) group(f, i, indent);
    else flat(f, i, step(f, i), indent);
  }
}

/* Continues the line; the lines after it are indented by `indent`; behind it `tail` columns follow.
 */
static void lay_out(Fmt *f, int32_t lo, int32_t hi, int32_t indent, int32_t tail) {
  if (lo >= hi) return;
  if (fits_at(f, f->column, lo, hi, tail)) {
    flat(f, lo, hi, indent);
    return;
  }
  int32_t then = f->toks.at[lo].kind == TOK_IF ? part_of_if(f, lo, hi, TOK_THEN) : hi;
  int weak = weakest(f, lo, hi);
  if (then < hi) choice_value(f, lo, hi, then, indent, tail);
  else if (weak) operands(f, lo, hi, weak, indent, tail);
  else primary(f, lo, hi, indent, tail);
}

/* ---- statements ---- */
static bool assigns(int kind) {
  return kind == TOK_ASSIGN || kind == TOK_ADDTO || kind == TOK_SUBFROM || kind == TOK_MULBY ||
         kind == TOK_DIVBY || kind == TOK_TILDE;
}

static int32_t assignment(const Fmt *f, int32_t lo, int32_t hi) {
  int32_t i = lo;
  while (i < hi && !assigns(f->toks.at[i].kind)) i = step(f, i);
  return MIN(i, hi);
}

/* Whether the value may begin behind `=` and go on over lines: it ends in the brackets that are
 * opened, and what is before them fits. */
static bool hugs(const Fmt *f, int32_t lo, int32_t hi) {
  int32_t open = f->toks.at[hi - 1].match;
  if (open < lo || weakest(f, lo, hi) || f->toks.at[lo].kind == TOK_IF) return false;
  for (int32_t i = lo; i < open; i = step(f, i))
    if (f->toks.at[i].kind == TOK_IF) return false;
  bool flat_before = is_flat(f, lo, open) && !f->toks.at[open].ncomments;
  return !f->toks.at[lo].ncomments && flat_before &&
         f->column + 1 + width(f, lo, open + 1) <= FMT_WIDTH;
}

static void assign(Fmt *f, int32_t lo, int32_t at, int32_t hi, int32_t indent) {
  int32_t inner = indent + FMT_INDENT;
  lay_out(f, lo, at, indent, 1 + width(f, at, at + 1));
  fmt_gap(f, at, false, inner, inner);
  fmt_token(f, at++);
  bool same_line = fits_at(f, f->column + 1, at, hi, 0);
  bool next_line = fits_at(f, inner, at, hi, 0);
  bool hug = !same_line && !next_line && hugs(f, at, hi);
  fmt_gap(f, at, !same_line && !hug, inner, inner);
  lay_out(f, at, hi, hug ? indent : inner, 0);
}

/* A head and its block, or several: functions, loops, `if` statements, tests. */
static void with_blocks(Fmt *f, int32_t lo, int32_t hi, int32_t indent) {
  int32_t inner = indent + 2 * FMT_INDENT;
  for (int32_t a = lo, open; a < hi; a = step(f, open)) {
    open = find(f, a, hi, TOK_LBRACE);
    if (a > lo) fmt_gap(f, a, false, indent, indent);
    lay_out(f, a, open, f->toks.at[lo].kind == TOK_FN ? indent : inner, 2);
    if (open == hi) break;
    fmt_gap(f, open, false, indent, indent);
    block(f, open, indent);
  }
}

static bool has_blocks(const Fmt *f, int32_t lo, int32_t hi) {
  switch (f->toks.at[lo].kind) {
  case TOK_FN:
  case TOK_LAYER:
  case TOK_TEST:
  case TOK_FOR:
  case TOK_WHILE: return true;
  case TOK_IF: return part_of_if(f, lo, hi, TOK_THEN) == hi;
  default: return false;
  }
}

static void statement(Fmt *f, int32_t lo, int32_t hi, int32_t indent) {
  int32_t at = assignment(f, lo, hi);
  if (fits_at(f, f->column, lo, hi, 0)) flat(f, lo, hi, indent);
  else if (at < hi) assign(f, lo, at, hi, indent);
  else if (has_blocks(f, lo, hi)) with_blocks(f, lo, hi, indent);
  else if (f->toks.at[lo].kind == TOK_IF || !weakest(f, lo, hi)) lay_out(f, lo, hi, indent, 0);
  else lay_out(f, lo, hi, indent + FMT_INDENT, 0);
}

/* A statement that begins with a bracket would go on the line before. */
static void statements(Fmt *f, int32_t lo, int32_t hi, int32_t indent) {
  for (int32_t a = lo, b; a < hi; a = b) {
    for (b = step(f, a); b < hi && !f->toks.at[b].begins;) b = step(f, b);
    if (a > lo && (token_flags(f->toks.at[a].kind) & F_JOIN)) text_add(&f->out, ";"), f->column++;
    fmt_gap(f, a, true, indent, indent);
    statement(f, a, b, indent);
  }
}

static void block(Fmt *f, int32_t open, int32_t indent) {
  int32_t close = f->toks.at[open].match, inner = indent + FMT_INDENT;
  bool empty = close == open + 1 && !f->toks.at[close].ncomments;
  fmt_token(f, open);
  f->opened = true;
  statements(f, open + 1, close, inner);
  if (!empty) fmt_gap(f, close, true, inner, indent);
  f->opened = false;
  fmt_token(f, close);
}

/* ---- the interface ---- */
static const char *format(Cx *cx, int32_t source, const Node *file, size_t *n) {
  Fmt f = {.cx = cx, .out = text_new(cx->arena), .opened = true};
  fmt_read(&f, source, file);
  int32_t end = f.toks.n - 1;
  statements(&f, 0, end, 0);
  fmt_gap(&f, end, false, 0, 0);
  return fmt_finish(&f, n);
}

static bool same_comments(Cx *cx, int32_t a, int32_t b) {
  CommentList x = {0}, y = {0};
  bool open;
  tokens_read(cx, a, &open, &x);
  tokens_read(cx, b, &open, &y);
  const char *s = cx->sources.at[a].text, *t = cx->sources.at[b].text;
  if (x.n != y.n) return false;
  for (int32_t i = 0; i < x.n; i++) {
    int32_t len = x.at[i].hi - x.at[i].lo;
    if (len != y.at[i].hi - y.at[i].lo || memcmp(s + x.at[i].lo, t + y.at[i].lo, (size_t)len))
      return false;
  }
  return true;
}

bool front_format(Cx *cx, int32_t source, const char **text, size_t *n) {
  int before = diag_errors(cx);
  const Node *file = ast_parse(cx, source);
  if (diag_errors(cx) > before) return false;
  *text = format(cx, source, file, n);
  int32_t again = cx_add_source(cx, cx->sources.at[source].path, *text, *n, false);
  const Node *copy = ast_parse(cx, again);
  if (diag_errors(cx) > before || !ast_equal(file, copy) || !same_comments(cx, source, again))
    cx_bug(cx, "the formatted program isn't the one that was read");
  return true;
}
