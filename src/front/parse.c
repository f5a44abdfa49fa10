/* parse.c: the parser's driver: the tokens of a source -> pushed into the grammar's parser with
 * line ends put in -> tree. After an error the rest of the statement is dropped, so that one
 * mistake gives one message and the next statement is checked on its own. */
#include "front/habits.h"
#include "front/parse.h"
#include "grammar/nn_parse.h"

#include <ctype.h>

Span parse_span(const Parser *p, const Token *t) { return (Span){p->source, t->lo, t->hi}; }

Diag *parse_complain(Parser *p, DiagCode code, Span at, const char *fmt, ...) {
  if (p->errors++ == 0) p->error_at_end = p->tok.kind == TOK_END;
  p->skipping = true;
  if (p->quiet) return NULL;
  Text t = text_new(p->cx->arena);
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  return diag(p->cx, code, at, "%s", text_str(&t));
}

/* ---- nodes, for the grammar's actions ---- */
NodeList parse_list(Parser *p, NodeList before, Node *item) {
  vec_push(p->cx->arena, &before, item);
  return before;
}

/* An expression that grows too high is replaced by an error, which is not high. */
static Node *bounded(Parser *p, Node *n) {
  if (n->height <= HEIGHT_MAX) return n;
  if (!p->broken && !p->skipping)
    parse_complain(p, E0801, n->span, "this expression is more than %d operations high",
                   HEIGHT_MAX);
  p->broken = true;
  return ast_new(p->cx, NODE_ERROR, n->span, NULL, 0, NULL);
}

/* Declarations and statements, which come before the expressions in ast.def, add as many levels as
 * there are nested brackets. */
Node *parse_node(Parser *p, NodeKind kind, Span span, Name name, int nkids, Node *const *kids) {
  Node *n = ast_new(p->cx, kind, span, name, nkids, kids);
  return kind < NODE_NAME ? n : bounded(p, n);
}

Node *parse_list_node(Parser *p, NodeKind kind, Span span, Name name, Node *a, Node *b,
                      NodeList rest) {
  int fixed = ast_fixed(kind);
  Node **kids = NEWS(p->cx->arena, Node *, fixed + rest.n);
  if (fixed > 0) kids[0] = a;
  if (fixed > 1) kids[1] = b;
  for (int i = 0; i < rest.n; i++) kids[fixed + i] = rest.at[i];
  return parse_node(p, kind, span, name, fixed + rest.n, kids);
}

/* The smallest i64 is written -9223372036854775808, whose digits alone are too large: the lexer
 * made them INT64_MIN, and the sign is already in that. */
Node *parse_negative(Parser *p, Span span, Node *operand) {
  if (operand->kind == NODE_INT && operand->u.i == INT64_MIN) {
    operand->span = span;
    return operand;
  }
  Node *n = parse_node(p, NODE_UNARY, span, NULL, 1, (Node *[]){operand});
  if (n->kind == NODE_UNARY) n->u.op = OP_neg;
  return n;
}

static bool is_statement(const Node *n) {
  return n->kind == NODE_ERROR || n->kind == NODE_PARAM ||
         (n->kind >= NODE_LET && n->kind <= NODE_CHOICE);
}

/* Such as `print(x)` or `break`. */
static const char *habit_hint(const Node *n) {
  const Node *name = n->kind == NODE_CALL ? n->kid[0] : n;
  return name && name->kind == NODE_NAME ? habit_of(HABIT_NAME, name->name) : NULL;
}

/* The value is no further matter: an error in it would be a second one at the same place. */
static void value_unused(Parser *p, Node **at) {
  const Node *n = *at;
  Diag *d = parse_complain(p, E0110, n->span, "nothing uses this value");
  bool sign = p->text[n->span.lo] == '-';
  const char *habit = habit_hint(n);
  *at = ast_new(p->cx, NODE_ERROR, n->span, NULL, 0, NULL);
  if (d && habit) diag_hint(p->cx, d, "here one writes %s", habit);
  else if (d && sign)
    diag_hint(p->cx, d,
              "a line that begins with `-` does not go on the line before; end that one with the "
              "operator, or use brackets");
  else if (d)
    diag_hint(p->cx, d, "give it a name with `let`; a block's value is its last expression");
}

Node *parse_assign(Parser *p, Span span, Node *target, Op op, Node *value) {
  Node *n = NULL;
  bool indexed = target->kind == NODE_INDEX && target->kid[0]->kind == NODE_NAME;
  if (target->kind == NODE_NAME) {
    n = parse_node(p, NODE_ASSIGN, span, target->name, 1, (Node *[]){value});
  } else if (indexed && op == OP_none) {
    NodeList at = {0};
    for (int i = 1; i < target->nkids; i++) at = parse_list(p, at, target->kid[i]);
    n = parse_list_node(p, NODE_COLLECT, span, target->kid[0]->name, value, NULL, at);
  } else if (target->kind != NODE_ERROR && value->kind != NODE_ERROR && !p->broken) {
    Diag *d = parse_complain(p, E0111, target->span, "this can't be assigned to");
    if (d && indexed)
      diag_hint(p->cx, d,
                "an element of a tensor doesn't change; assign a whole new tensor, as in "
                "`let new[k] = if k == t then y[k] + 1 else y[k]`, then `y = new`");
    else if (d && target->kind == NODE_TUPLE)
      diag_hint(p->cx, d, "name the parts first, `let (a, b) = ..`, then assign each");
    else if (d && target->kind == NODE_MEMBER)
      diag_hint(p->cx, d, "a layer assigns its states itself, by their plain names");
    else if (d) diag_hint(p->cx, d, "variables change (`x = e`), and loops collect (`ys[t] = e`)");
    p->skipping = false; /* the statement is complete */
  }
  if (!n) return ast_new(p->cx, NODE_ERROR, span, NULL, 0, NULL);
  n->u.op = op;
  n->name_span = indexed ? target->kid[0]->span : target->span;
  return n;
}

Node *parse_layer(Parser *p, Span span, Name name, NodeList sizes, Node *fn) {
  fn->name_span = span;
  return parse_list_node(p, NODE_LAYER, span, name, fn, NULL, sizes);
}

Node *parse_for(Parser *p, Span span, Name name, Node *range, Node *const *rest) {
  return parse_node(p, NODE_FOR, span, name, 4, (Node *[]){range, rest[0], rest[1], rest[2]});
}

Node *parse_statements(Parser *p, Span span, NodeList statements) {
  bool skipping = p->skipping;
  for (int i = 0; i < statements.n; i++)
    if (!is_statement(statements.at[i])) value_unused(p, &statements.at[i]);
  p->skipping = skipping;
  return parse_list_node(p, NODE_BLOCK, span, NULL, NULL, NULL, statements);
}

Node *parse_block(Parser *p, Span span, NodeList statements) {
  bool skipping =
      p->skipping; /* these errors are of finished statements: nothing is to be dropped */
  Node *last = statements.n ? statements.at[statements.n - 1] : NULL;
  for (int i = 0; i + 1 < statements.n; i++)
    if (!is_statement(statements.at[i])) value_unused(p, &statements.at[i]);
  if (!last || (is_statement(last) && last->kind != NODE_ERROR)) {
    Span at = {span.source, span.hi - 1, span.hi};
    if (last && last->kind == NODE_CHOICE && !p->quiet) diag_retract(p->cx, E0110, last->span);
    Diag *d = parse_complain(p, E0109, last ? last->span : at, "this block has no value");
    if (d)
      diag_hint(p->cx, d, "%s",
                !last                       ? "write the expression that is its value"
                : last->kind == NODE_CHOICE ? "`if` with blocks is a statement; as a value it is "
                                              "written `if c then a else b`"
                                            : "a block ends in an expression, its value");
    statements = parse_list(p, statements, ast_new(p->cx, NODE_ERROR, at, NULL, 0, NULL));
  }
  p->skipping = skipping;
  return parse_list_node(p, NODE_BLOCK, span, NULL, NULL, NULL, statements);
}

Node *parse_block_value(Parser *p, Span span, NodeList statements) {
  return bounded(p, parse_block(p, span, statements));
}

/* ---- pushing ---- */
static void drop_state(void *arg) {
  Parser *p = arg;
  if (p->state) nn_pstate_delete(p->state);
  p->state = NULL;
}

/* Returns whether the parser goes on with the same state. */
static bool push(Parser *p, const Token *t, int kind) {
  Span at = parse_span(p, t);
  int status = nn_push_parse(p->state, kind, &t->u, &at, p);
  return status == YYPUSH_MORE;
}

static void start_state(Parser *p) {
  drop_state(p);
  p->state = nn_pstate_new();
  if (!p->state) cx_out_of_memory(p->cx);
  Token none = {0};
  push(p, &none, p->line ? TOK_AS_LINE : TOK_AS_FILE);
}

/* The parser's stack ran full: what was declared so far is kept, and a fresh parser takes over. */
static void restart(Parser *p) {
  p->skipping = true;
  p->stmt_depth = 0;
  start_state(p);
  push(p, &p->tok, TOK_NN_error);
}

static bool ends_statement(const Parser *p, const Token *t) {
  if (t->kind == TOK_END) return true;
  if (t->kind == TOK_SEP) return t->depth == p->stmt_depth;
  return t->kind == TOK_RBRACE && t->depth == p->stmt_depth && t->depth > 0;
}

static bool in_word(char c) { return c == '_' || isalnum((unsigned char)c); }

/* An operator of another language: what is written for it here, as a word apart from those beside.
 */
static void replace_token(Parser *p, Diag *d, const Token *t) {
  const char *text = token_info[token_row(t->kind)].text;
  if (!*text) return;
  bool word = token_flags(t->kind) & F_WORD;
  bool left = word && t->lo > 0 && in_word(p->text[t->lo - 1]),
       right = word && in_word(p->text[t->hi]);
  diag_fix(p->cx, d, parse_span(p, t),
           name_fmt(p->cx, "%s%s%s", left ? " " : "", text, right ? " " : ""));
}

/* Errors that are in the token itself, or in its being a bracket without partner. Returns whether
 * it can be pushed all the same. */
static bool token_is_sound(Parser *p, const Token *t) {
  Diag *d = NULL;
  Span at = parse_span(p, t);
  const char *text = token_info[token_row(t->kind)].text;
  if (t->trouble) {
    if ((d = parse_complain(p, t->trouble->code, at, "%s", t->trouble->text)) && t->trouble->hint)
      diag_hint(p->cx, d, "%s", t->trouble->hint);
    if (d && t->trouble->code == E0101) replace_token(p, d, t);
    p->skipping = t->kind == TOK_BAD;
    return !p->skipping;
  }
  bool opens = t->kind == TOK_LPAREN || t->kind == TOK_LBRACKET || t->kind == TOK_LBRACE;
  bool closes = t->kind == TOK_RPAREN || t->kind == TOK_RBRACKET || t->kind == TOK_RBRACE;
  if (opens && t->match < 0) {
    parse_complain(p, E0105, at, "this `%s` is never closed", text);
    p->skipping = t->kind != TOK_LBRACE; /* a block is ended by what follows it */
    return !p->skipping;
  }
  if (closes && t->match < 0 && t->lo < t->hi) {
    parse_complain(p, E0105, at, "this `%s` closes nothing", text);
    return false;
  }
  if (t->mismatch) {
    const Token *open = &p->toks.at[t->match];
    const char *open_text = token_info[token_row(open->kind)].text;
    d = parse_complain(p, E0105, at, "`%s` can't close `%s`", text, open_text);
    if (d) diag_label(p->cx, d, parse_span(p, open), "opened here");
    return false;
  }
  if (opens && t->depth >= NEST_MAX) {
    parse_complain(p, E0801, at, "brackets are nested more than %d deep", NEST_MAX);
    return false;
  }
  return true;
}

/* The smallest integer needs its minus sign before it. */
static void check_integer(Parser *p, const Token *t) {
  if (t->u.i != INT64_MIN || t->trouble || (p->at > 0 && p->toks.at[p->at - 1].kind == TOK_MINUS))
    return;
  parse_complain(p, E0104, parse_span(p, t),
                 "the integer is larger than 9223372036854775807, the largest i64");
  p->skipping = false;
}

static void statement_begins(Parser *p, int32_t first, int32_t depth) {
  p->stmt_first = first;
  p->stmt_depth = depth;
  if (p->state) nn_forget_error(p->state);
}

/* How many brackets are open where the statement begins that goes on behind a `}`. */
static int32_t depth_around(const Parser *p, const Token *t) {
  int32_t i = t->match >= 0 ? p->toks.at[t->match].within : -1;
  if (t->match < 0) return t->depth - 1;
  while (i >= 0 && p->toks.at[i].kind != TOK_LBRACE) i = p->toks.at[i].within;
  return i < 0 ? 0 : p->toks.at[i].depth + 1;
}

/* The generated parser goes back to the innermost statement it knows. When something wrong stands
 * behind a `}` on its line, that is in the block which was just closed: it is closed once more
 * where the statement ends. */
static void close_again(Parser *p, const Token *t) {
  Token brace = {.kind = TOK_RBRACE, .lo = t->lo, .hi = t->lo, .match = -1, .depth = t->depth + 1};
  bool expected[TOKEN_ROWS] = {false};
  p->reopened = false;
  nn_expected(p->state, expected);
  if (!expected[ROW_RBRACE]) return;
  p->tok = brace;
  push(p, &brace, TOK_RBRACE);
  p->tok = *t;
}

static void feed(Parser *p, Token t) {
  p->tok = t;
  if (p->skipping && !ends_statement(p, &t)) return;
  p->skipping = false;
  if (p->reopened) close_again(p, &t);
  bool behind_block = p->behind_block;
  p->behind_block = t.kind == TOK_RBRACE;
  if (!token_is_sound(p, &t)) {
    push(p, &t, TOK_NN_error);
    p->reopened = behind_block;
    return;
  }
  if (t.kind == TOK_INT) check_integer(p, &t);
  bool more = push(p, &t, t.kind);
  if (!more && t.kind != TOK_END) {
    restart(p);
    return;
  }
  /* The token that is wrong may be the one to go on after. */
  if (p->skipping && ends_statement(p, &t)) p->skipping = false;
  if (p->broken && p->skipping) push(p, &t, TOK_NN_error);
  p->reopened = p->skipping && behind_block;
  p->broken = false;
  if (p->skipping) return;
  if (t.kind == TOK_SEP) statement_begins(p, p->at, t.depth);
  if (t.kind == TOK_LBRACE) statement_begins(p, p->at + 1, t.depth + 1);
  if (t.kind == TOK_RBRACE) statement_begins(p, p->stmt_first, depth_around(p, &t));
}

/* What the layout puts in before t: closing braces that are missing, the end of a statement. */
static void feed_layout(Parser *p, const Token *t, const Token *prev) {
  int32_t end = prev ? prev->hi : t->lo;
  for (int k = t->closes; k > 0; k--)
    feed(p, (Token){.kind = TOK_RBRACE, .lo = end, .hi = end, .match = -1, .depth = t->depth + k});
  if (prev && (tokens_line_ends(&p->toks, t, prev) || (t->closes && t->kind != TOK_END)))
    feed(p, (Token){.kind = TOK_SEP, .lo = end, .hi = end, .match = -1, .depth = t->depth});
}

/* Returns the last token that was not idle. */
static const Token *feed_first(Parser *p, int32_t n) {
  const Token *prev = NULL;
  for (int32_t i = 0; i < n; i++) {
    const Token *t = &p->toks.at[i];
    p->at = i;
    if (token_is_idle(&p->toks, t, prev)) continue;
    feed_layout(p, t, prev);
    feed(p, *t);
    prev = t;
  }
  return prev;
}

/* ---- the interface ---- */
static Parser *run(Cx *cx, int32_t source, bool line, bool quiet, bool *open) {
  Parser *p = NEW(cx->arena, Parser); /* outlives this call: an error may unwind past it */
  p->cx = cx;
  p->source = source;
  p->text = cx->sources.at[source].text;
  p->line = line;
  p->quiet = quiet;
  p->toks = tokens_read(cx, source, open, NULL);
  arena_defer(cx->arena, drop_state, p);
  start_state(p);
  feed_first(p, p->toks.n);
  drop_state(p);
  return p;
}

static Node *file_node(Parser *p) {
  Span all = {p->source, 0, p->cx->sources.at[p->source].len};
  return ast_new(p->cx, NODE_FILE, all, NULL, p->decls.n, p->decls.at);
}

Node *ast_parse(Cx *cx, int32_t source) {
  bool open;
  return file_node(run(cx, source, false, false, &open));
}

Node *ast_parse_line(Cx *cx, int32_t source, bool *is_expr) {
  bool open;
  Parser *p = run(cx, source, true, false, &open);
  *is_expr = p->expr != NULL;
  return p->expr ? p->expr : file_node(p);
}

/* The text, a word where the next one will be, and all that is open closed: only so do brackets
 * have partners and lines their ends. */
static int32_t closed_source(Cx *cx, int32_t source, const TokenList *toks) {
  const Source src = cx->sources.at[source];
  Text t = text_new(cx->arena);
  text_add_n(&t, src.text, (size_t)src.len);
  text_add(&t, " x ");
  for (int32_t i = toks->n - 1; i >= 0; i--) {
    int kind = toks->at[i].kind;
    if (toks->at[i].match >= 0) continue;
    if (kind == TOK_LPAREN) text_add(&t, ")");
    if (kind == TOK_LBRACKET) text_add(&t, "]");
    if (kind == TOK_LBRACE) text_add(&t, "}");
  }
  return cx_add_source(cx, src.path, text_str(&t), t.n, false);
}

bool parse_expected(Cx *cx, int32_t source, bool *expected, TokenList *toks) {
  bool open;
  *toks = tokens_read(cx, source, &open, NULL);
  int32_t own = toks->n - 1; /* without END; behind them the word */
  Parser *p = NEW(cx->arena, Parser);
  p->cx = cx;
  p->source = closed_source(cx, source, toks);
  p->text = cx->sources.at[p->source].text;
  p->line = p->quiet = true;
  p->toks = tokens_read(cx, p->source, &open, NULL);
  arena_defer(cx->arena, drop_state, p);
  start_state(p);
  own = MIN(own, p->toks.n - 1);
  const Token *prev = feed_first(p, own);
  p->at = own;
  feed_layout(p, &p->toks.at[own], prev);
  bool good = !p->errors;
  if (good) nn_expected(p->state, expected);
  drop_state(p);
  return good;
}

bool ast_incomplete(Cx *cx, int32_t source) {
  bool open = false;
  const Parser *p = run(cx, source, true, true, &open);
  return open || p->error_at_end;
}

bool ast_joins(Cx *cx, int32_t source) {
  bool open;
  TokenList toks = tokens_read(cx, source, &open, NULL);
  return token_flags(toks.at[0].kind) & F_JOIN && toks.at[0].kind != TOK_LBRACE;
}

bool ast_is_blank(Cx *cx, int32_t source) {
  bool open;
  return tokens_read(cx, source, &open, NULL).n == 1;
}
