/* parse_error.c: words for a syntax error: what stands there, what could stand there instead, and,
 * where a mistake is a usual one, how to write what was meant. In: the parser's place and the set
 * of tokens the grammar would take (exact, by lookahead correction). Out: one diagnostic. */
#include "front/parse.h"
#include "grammar/nn_parse.h"

/* ---- looking around ---- */
/* The token before the present one; END (which is never before anything) when there is none. */
static const Token *token_before(const Parser *p, int32_t back) {
  static const Token none = {.kind = TOK_END};
  return p->at - back >= 0 ? &p->toks.at[p->at - back] : &none;
}

static bool token_is(const Parser *p, const Token *t, const char *word) {
  size_t n = strlen(word);
  return (size_t)(t->hi - t->lo) == n && !memcmp(p->text + t->lo, word, n);
}

static bool is_end(const Token *t) { return t->kind == TOK_SEP || t->kind == TOK_END; }

/* Whether one of the tokens of the statement so far is the given word, the present one included. */
static bool statement_has(const Parser *p, const char *word) {
  for (int32_t i = p->stmt_first; i <= p->at; i++)
    if (token_is(p, &p->toks.at[i], word)) return true;
  return false;
}

/* ---- what stands there ---- */
static const char *found_words(Parser *p) {
  const Token *t = &p->tok;
  Text out = text_new(p->cx->arena);
  if (t->kind == TOK_END) return p->line ? "the end of the line" : "the end of the file";
  if (t->kind == TOK_SEP) return t->hi > t->lo ? "`;`" : "the end of the line";
  if (t->lo == t->hi) return "the end of the block";
  if (t->kind == TOK_STRING) return "a string";
  int32_t n = MIN(t->hi - t->lo, 40);
  text_fmt(&out, "`%.*s`", (int)n, p->text + t->lo);
  return text_str(&out);
}

/* ---- what could stand there ---- */
typedef struct Words {
  const char *at[TOKEN_ROWS];
  int n;
} Words;

static void add_word(Words *w, const char *word) { w->at[w->n++] = word; }

/* Groups of tokens that have a name of their own. */
static void add_groups(const Parser *p, const bool *exp, Words *w) {
  int before = token_before(p, 1)->kind;
  if (exp[ROW_FN] && exp[ROW_IF]) add_word(w, "a declaration or an expression");
  else if (exp[ROW_FN]) add_word(w, "a declaration (`fn`, `param` or `const`)");
  else if (exp[ROW_LET] && exp[ROW_IF]) add_word(w, "a statement");
  else if (exp[ROW_IF]) add_word(w, "an expression");
  else if (exp[ROW_NAME] && exp[ROW_INT]) add_word(w, "a size");
  else if (exp[ROW_NAME] && before == TOK_COLON) add_word(w, "a type");
  else if (exp[ROW_NAME]) add_word(w, "a name");
}

/* Where one of them can stand, an operator is the better guess. */
static bool is_assignment(int row) {
  return row == ROW_ASSIGN || row == ROW_ADDTO || row == ROW_SUBFROM || row == ROW_MULBY ||
         row == ROW_DIVBY;
}

static bool is_declaration(int row) {
  return row == ROW_FN || row == ROW_PARAM || row == ROW_STATE || row == ROW_CONST ||
         row == ROW_LAYER || row == ROW_IMPORT || row == ROW_TEST || row == ROW_ADJOINT ||
         row == ROW_TANGENT;
}

static const char *expected_words(Parser *p, const bool *exp) {
  Words w = {.n = 0};
  bool operand_before = exp[ROW_PLUS], expression = exp[ROW_IF];
  add_groups(p, exp, &w);
  for (int row = 0; row < TOKEN_ROWS; row++) {
    int flags = token_info[row].flags;
    if (exp[row] && row == ROW_STRING && !expression) add_word(&w, "a string");
    bool path = row == ROW_DOT && !operand_before; /* of a parameter */
    if (!exp[row] || path || row == ROW_STRING || row == ROW_END || row == ROW_SEP ||
        row == ROW_NAME || row == ROW_INT)
      continue;
    if (exp[ROW_FN] && is_declaration(row)) continue;
    if (exp[ROW_LET] && (row == ROW_PARAM || row == ROW_STATE || row == ROW_CHECK ||
                         row == ROW_VAR || row == ROW_FOR || row == ROW_WHILE))
      continue;
    if (exp[ROW_ADDTO] && is_assignment(row)) continue;
    if (row == ROW_LET || (expression && (flags & F_START))) continue;
    if (!expression && exp[ROW_INT] && row == ROW_LPAREN) continue; /* of a size */
    if (operand_before && (flags & F_OPER)) continue;
    if (row == ROW_RBRACE && exp[ROW_SEP]) continue;
    add_word(&w, name_fmt(p->cx, "`%s`", token_info[row].text));
  }
  bool end_only = exp[ROW_END] && !exp[ROW_SEP] && (expression || exp[ROW_FN]); /* an empty text */
  const Token *in = p->tok.within >= 0 ? &p->toks.at[p->tok.within] : NULL;
  bool in_list = in && in->kind == TOK_LBRACKET;
  if (in_list && exp[ROW_SEP]) /* of [item; count] */
    add_word(&w, "an operator");
  else if ((exp[ROW_END] || exp[ROW_SEP]) && !end_only && !is_end(&p->tok))
    add_word(&w, operand_before ? "an operator or the end of the line" : "the end of the line");
  if (!w.n) add_word(&w, "an operator");
  Text out = text_new(p->cx->arena);
  for (int i = 0; i < w.n; i++)
    text_fmt(&out, "%s%s", i == 0 ? "" : i + 1 == w.n ? " or " : ", ", w.at[i]);
  return text_str(&out);
}

/* ---- what was meant ---- */
/* Words of other languages, at the place of the error or just before it. */
static const struct {
  const char *word, *hint;
} foreign_words[] = {
    {"def", "a function is declared as `fn f(x) = ...`"},
    {"func", "a function is declared as `fn f(x) = ...`"},
    {"function", "a function is declared as `fn f(x) = ...`"},
    {"return", "a block's value is its last expression; there is no `return`"},
    {"lambda", "functions are declared by `fn` and passed by name"},
    {"elif", "write `else if`"},
    {"export", "every function of a file can be called from outside"},
    {"class", "functions are declared by `fn`, parameters by `param`, both together by `layer`"},
    {"/*", "comments begin with `#`"},
    {"mut", "a variable is declared by `var`: `var y = x`"},
    {"mod", "the remainder is `a % b`"},
    {"by", "steps are of 1: go over fewer, and compute the index, as in x[2*t]"},
    {"struct", "values stand together in tuples, parameters in a `layer`"},
};

/* What follows one of these is a function of another language. */
static bool opens_function(const Parser *p, const Token *t) {
  return token_is(p, t, "def") || token_is(p, t, "func") || token_is(p, t, "function") ||
         token_is(p, t, "class");
}

/* Whether the present token is still in such a function, about which all was said at its head. */
static bool goes_on_foreign(const Parser *p) {
  for (int32_t i = p->foreign; p->foreign && i < p->at; i++)
    if (token_row(p->toks.at[i].kind) >= 0 && is_declaration(token_row(p->toks.at[i].kind)))
      return false;
  return p->foreign;
}

static const char *foreign_word_hint(const Parser *p) {
  for (int back = 0; back < 2; back++) {
    const Token *t = back ? token_before(p, 1) : &p->tok;
    for (int i = 0; i < COUNT_OF(foreign_words); i++)
      if (token_is(p, t, foreign_words[i].word)) return foreign_words[i].hint;
  }
  return NULL;
}

static const char *assign_hint(const Parser *p, const bool *exp) {
  const Token *first = &p->toks.at[p->stmt_first], *prev = token_before(p, 1);
  const Token *in = p->tok.within >= 0 ? &p->toks.at[p->tok.within] : NULL;
  bool inside = p->tok.depth > p->stmt_depth;
  if (p->tok.kind == TOK_EQ && exp[ROW_ASSIGN]) return "write `=`; `==` compares";
  if (p->tok.kind != TOK_ASSIGN) return NULL;
  if (inside && in && in->kind == TOK_LPAREN && prev->kind == TOK_NAME && exp[ROW_COLON])
    return "an argument is given by name as in `f(x, axis: 0)`; `==` compares";
  if (!inside && first->kind == TOK_NAME && p->stmt_depth == 0)
    return "a value gets a name by `const`: `const y = ...`";
  if (!inside && first->kind == TOK_NAME) return "a definition begins with `let`: `let y = ...`";
  if (exp[ROW_EQ]) return "`==` compares";
  return NULL;
}

/* A line, or the rest of one, that was meant as a comment. */
static bool is_slash_comment(const Parser *p) {
  for (int32_t i = p->at; i >= p->stmt_first && i >= 0; i--) {
    const Token *t = &p->toks.at[i];
    if (t->kind == TOK_IDIV) return true;
    if (t->newline && i < p->at) return false;
  }
  return false;
}

/* In types and in the labels of index notation. */
static const char *index_hint(const Parser *p, const bool *exp) {
  const Token *in = p->tok.within >= 0 ? &p->toks.at[p->tok.within] : NULL;
  if (exp[ROW_NAME] && exp[ROW_INT] && !exp[ROW_IF] && p->tok.kind == TOK_RBRACKET &&
      token_before(p, 1)->kind == TOK_LBRACKET)
    return "the type of a scalar has no brackets";
  if (exp[ROW_DOTDOT] && p->toks.at[p->stmt_first].kind == TOK_FOR)
    return "a loop runs over `a..b`, b excluded";
  if (p->toks.at[p->stmt_first].kind == TOK_FOR && token_before(p, 1)->kind == TOK_FOR)
    return "a loop is written `for t in 0..n { .. }`";
  if (p->toks.at[p->stmt_first].kind == TOK_FOR && exp[ROW_IN])
    return "a loop is written `for t in 0..n { .. }`: t counts, and the elements are x[t]";
  if (exp[ROW_DOTDOT]) return "the range of a label is written `k: 0..n`, n excluded";
  if (in && in > p->toks.at && in[-1].kind == TOK_REDUCE && !exp[ROW_IF])
    return "before an expression the brackets hold labels, as in `sum(k) x[k]`; to multiply, write "
           "`*`";
  if (p->toks.at[p->stmt_first].kind == TOK_PARAM && exp[ROW_COLON])
    return "a parameter has a type: `param W: f32[64, 32] ~ he()`";
  if (p->toks.at[p->stmt_first].kind == TOK_STATE && exp[ROW_COLON])
    return "a state has a type: `state running_mean: f32[16]`";
  return NULL;
}

/* Two operands beside each other, and what else operators are taken for. */
static const char *operand_hint(const Parser *p, const bool *exp) {
  const Token *prev = token_before(p, 1), *t = &p->tok;
  if (t->kind == TOK_IF && exp[ROW_PLUS] && !t->newline)
    return "a choice is written `if c then a else b`";
  if (prev->kind == TOK_DOT && !exp[ROW_IF] && (token_flags(t->kind) & F_OPER))
    return "operators are elementwise as they are; @ is the matrix product";
  if (t->kind == TOK_FOR && !exp[ROW_LET] && !exp[ROW_FN])
    return "a loop is a statement; a tensor made element by element is `let y[i] = ..`";
  if (t->kind == TOK_PLUS && prev->kind == TOK_PLUS)
    return "there is no `++`: `x += 1` adds to a variable";
  if (!exp[ROW_PLUS] || t->newline || !(token_flags(t->kind) & F_BODY)) return NULL;
  if (prev->kind == TOK_INT || prev->kind == TOK_FLOAT) return "a product is written with `*`";
  if (prev->kind == TOK_NAME)
    return "arguments stand in brackets, `f(x)`; a product is written with `*`";
  return NULL;
}

/* Where a type is expected, or has just ended. */
static const char *type_hint(const Parser *p, const bool *exp) {
  int kind = p->tok.kind, before = token_before(p, 1)->kind;
  bool type_here = exp[ROW_NAME] && !exp[ROW_INT] && !exp[ROW_IF] && before == TOK_COLON;
  if (type_here && kind == TOK_LBRACKET) return "a type is written f64[3]";
  if (type_here && kind == TOK_LPAREN)
    return "a result's type may be left out, and of a tuple it is";
  if (kind == TOK_LPAREN && exp[ROW_LBRACKET] && !exp[ROW_PLUS]) return "a type is written f64[3]";
  if (kind == TOK_LBRACKET && before == TOK_RBRACKET && !exp[ROW_PLUS])
    return "all extents stand in one pair of brackets: f64[3, 4]";
  if (kind == TOK_SLASH && exp[ROW_STAR] && !exp[ROW_IF]) return "sizes are divided by `//`";
  return NULL;
}

static const char *shape_of_statement_hint(const Parser *p, const bool *exp) {
  int kind = p->tok.kind, before = token_before(p, 1)->kind;
  if (before == TOK_IMPORT)
    return "`import \"file.nn\"` takes in a file; functions of the language are there without";
  if (before == TOK_TEST) return "a test has a title: `test \"it works\" { .. }`";
  int first = p->toks.at[p->stmt_first].kind;
  if ((first == TOK_ADJOINT || first == TOK_TANGENT) && kind == TOK_RPAREN)
    return "a `;` stands behind the function's arguments: `adjoint f(x; y, dy) = ..`";
  if (kind == TOK_LET && exp[ROW_IF] && !exp[ROW_LET])
    return "`let` is a statement, in a block: `{ let y = x; y }`";
  if (exp[ROW_ASSIGN] && exp[ROW_LBRACE]) return "a function's value follows `=`: `fn f(x) = ...`";
  if (exp[ROW_THEN] && (kind == TOK_LBRACE || kind == TOK_COLON || !is_end(&p->tok)) &&
      statement_has(p, "if"))
    return "a choice is written `if c then a else b`";
  if (exp[ROW_ELSE] && is_end(&p->tok))
    return "`if` is an expression and needs a value for both cases";
  if (exp[ROW_ELSE] && kind == TOK_RBRACE)
    return "`if` is an expression and needs a value for both cases";
  if (kind == TOK_LET && exp[ROW_FN]) return "outside of functions values are declared by `const`";
  if (kind == TOK_VAR && exp[ROW_FN]) return "variables stand inside functions";
  if (kind == TOK_ASSIGN && exp[ROW_TILDE]) return "an initial value follows `~`";
  if (kind == TOK_FN && exp[ROW_LET]) return "functions are declared outside of others";
  if ((kind == TOK_PARAM || kind == TOK_CONST) && exp[ROW_LET])
    return "inside a function values are named by `let`";
  if (kind == TOK_NAME && exp[ROW_FN] && !exp[ROW_IF]) {
    const Token *next = p->at + 1 < p->toks.n ? &p->toks.at[p->at + 1] : &p->tok;
    if (next->kind == TOK_ASSIGN) return "outside of functions values are declared by `const`";
    return "expressions stand inside functions: `fn f(x) = ...`";
  }
  if (kind == TOK_MINUS && p->tok.newline && exp[ROW_FN])
    return "a line that begins with `-` does not go on the line before; end that one with the "
           "operator";
  if (kind == TOK_COLON && before == TOK_NAME && token_before(p, 2)->kind == TOK_LET)
    return "a `let` takes the type of its value; to convert, write a cast such as `f32(x)`";
  return NULL;
}

static const char *hint_for(const Parser *p, const bool *exp) {
  const char *hint = foreign_word_hint(p);
  if (!hint) hint = assign_hint(p, exp);
  if (!hint && is_slash_comment(p)) hint = "comments begin with `#`; `//` divides and rounds down";
  if (!hint) hint = index_hint(p, exp);
  if (!hint) hint = type_hint(p, exp);
  if (!hint) hint = shape_of_statement_hint(p, exp);
  if (!hint) hint = operand_hint(p, exp);
  return hint;
}

/* ---- the message ---- */
static bool chained_comparison(const Parser *p, const bool *exp) {
  return (token_flags(p->tok.kind) & F_CMP) && exp[ROW_PLUS] && exp[ROW_AND];
}

/* A word that can't be a name. */
static bool keyword_as_name(Parser *p, const bool *exp) {
  if (!(token_flags(p->tok.kind) & F_WORD) || !exp[ROW_NAME] || exp[ROW_IF]) return false;
  p->misnamed[token_row(p->tok.kind)] = true;
  parse_complain(p, E0107, parse_span(p, &p->tok), "`%.*s` is a keyword and can't be a name",
                 (int)(p->tok.hi - p->tok.lo), p->text + p->tok.lo);
  return true;
}

void parse_unexpected(Parser *p, const bool *exp) {
  Span at = parse_span(p, &p->tok);
  /* said already: what it was taken for doesn't fit either, or the name that is none is used */
  if (p->tok.trouble || p->misnamed[token_row(p->tok.kind)]) {
    p->skipping = true;
    return;
  }
  if (exp[ROW_FN] && !exp[ROW_IF] && goes_on_foreign(p)) {
    p->skipping = true;
    return;
  }
  p->foreign = exp[ROW_FN] && opens_function(p, &p->tok) ? p->at + 1 : 0;
  if (keyword_as_name(p, exp)) return;
  if (chained_comparison(p, exp)) {
    Diag *d = parse_complain(p, E0108, at, "comparisons don't chain");
    if (d) diag_hint(p->cx, d, "write `a < b and b < c`");
    return;
  }
  if (is_end(&p->tok) && p->tok.hi == p->tok.lo &&
      p->at > 0) /* behind the last thing on the line */
    at.lo = at.hi = p->tok.kind == TOK_END ? p->toks.at[p->at - 1].hi : p->tok.lo;
  Diag *d =
      parse_complain(p, E0106, at, "expected %s, found %s", expected_words(p, exp), found_words(p));
  if (!d) return;
  const Token *in = p->tok.within >= 0 ? &p->toks.at[p->tok.within] : NULL;
  if (in && in->kind != TOK_LBRACE && p->tok.newline)
    diag_label(p->cx, d, parse_span(p, in), "inside this bracket");
  const char *hint = hint_for(p, exp);
  if (hint) diag_hint(p->cx, d, "%s", hint);
  if (p->tok.kind == TOK_EQ && exp[ROW_ASSIGN]) diag_fix(p->cx, d, at, "=");
}
