/* parse.h: what the parts of the parser share; private to them. The data goes one way:
 *
 *   text --flex (grammar/nn.l)--> tokens --layout.c--> tokens, brackets matched, line ends decided
 *        --parse.c--> push parser (grammar/nn.y) --> tree;  parse_error.c words what went wrong */
#ifndef GRADC_PARSE_H
#define GRADC_PARSE_H

#include "base/diag.h"
#include "front/ast.h"

typedef Vec(Node *) NodeList;

typedef union TokenValue { /* of a token or of a nonterminal */
  Name name;
  int64_t i;
  double f;
  const char *doc; /* comment lines above a declaration, or NULL */
  Node *node;
  NodeList list;
} TokenValue;

typedef struct Trouble { /* why a token is wrong; reported when the parser gets there */
  DiagCode code;
  const char *text;
  const char *hint; /* or NULL */
} Trouble;

typedef struct Token {
  int32_t kind; /* TOK_...; with a trouble other than BAD: what was probably meant */
  int32_t lo, hi;
  int32_t match;  /* brackets: number of the other one; -1: none */
  int32_t within; /* number of the innermost open bracket before it, or -1 */
  int32_t depth;  /* brackets open before it */
  int32_t closes; /* blocks without a `}` that end before it */
  bool newline;   /* first of its line */
  bool mismatch;  /* closing bracket of the wrong kind */
  TokenValue u;
  const Trouble *trouble;
} Token;
typedef Vec(Token) TokenList;

enum { F_WORD = 1, F_START = 2, F_OPER = 4, F_MORE = 8, F_JOIN = 16, F_CMP = 32, F_BODY = 64 };
typedef struct TokenInfo {
  int kind; /* TOK_... */
  const char *text;
  int flags;
} TokenInfo;
enum {
#define TOKEN(name, text, flags) ROW_##name,
#include "grammar/tokens.def"
#undef TOKEN
  TOKEN_ROWS
};
extern const TokenInfo token_info[TOKEN_ROWS];
int token_row(int kind);
static inline int token_flags(int kind) { return token_info[token_row(kind)].flags; }

enum {
  NEST_MAX = 256,   /* brackets open at once */
  HEIGHT_MAX = 1000 /* of a syntax tree: bounds the recursion of everybody who walks it */
};

/* ---- lexer: one token of the text; the scanner calls back for what needs more than a pattern - */
typedef struct Lexer {
  Cx *cx;
  int32_t source;
  int32_t pos; /* byte after the token just read */
  Token tok;
} Lexer;
int lex_word(Lexer *lx, const char *text, int n); /* keyword or name */
int lex_int(Lexer *lx, const char *text, int n);
int lex_float(Lexer *lx, const char *text, int n);
int lex_bad_number(Lexer *lx, const char *text, int n);
int lex_string(Lexer *lx, const char *text, int n, bool closed);
/* A word with characters outside ASCII; *used is how much of it makes the token (0: blank). */
int lex_foreign(Lexer *lx, const char *text, int n, int *used);
/* Where flex would end the process. */
GC_NORETURN void lex_broken(Lexer *lx, const char *what);
int lex_trouble(Lexer *lx, int kind, DiagCode code, const char *hint, const char *fmt, ...)
    GC_PRINTF(5, 6);

typedef struct CommentAt { /* bytes from the # on, without blanks at the end */
  int32_t lo, hi;
} CommentAt;
typedef Vec(CommentAt) CommentList;

/* layout.c: all tokens of a source; the last one is END. *open: brackets are open at the end.
 * comments: where to put those, or NULL. */
TokenList tokens_read(Cx *cx, int32_t source, bool *open, CommentList *comments);
/* Whether the end of the line before t ends a statement; prev is the last token that isn't idle. */
bool tokens_line_ends(const TokenList *toks, const Token *t, const Token *prev);
/* A `;` with nothing to separate. */
bool token_is_idle(const TokenList *toks, const Token *t, const Token *prev);

/* ---- parser ---- */
typedef struct nn_pstate nn_pstate;

typedef struct Parser {
  Cx *cx;
  int32_t source;
  const char *text;
  TokenList toks;
  int32_t at;         /* number of the token being parsed */
  Token tok;          /* that token, or the line end or closing brace put in before it */
  int32_t stmt_first; /* number of the first token of the statement */
  int32_t stmt_depth; /* brackets open where it begins */
  bool skipping;      /* an error was reported: drop tokens up to the end of the statement */
  bool behind_block;  /* the token before was a `}` */
  bool reopened;      /* what is skipped stands behind a block's `}`: it undid that one */
  bool broken;        /* an action found an error: the parser itself has to be told */
  bool quiet;         /* record no diagnostics */
  bool line;          /* one line of eval or of the REPL */
  int errors;
  int32_t foreign; /* 1 + number of the token that begins a function of another language, while no
                      declaration follows it; 0: there is none */
  bool misnamed[TOKEN_ROWS]; /* keywords that were used as names: said once each */
  bool error_at_end;         /* the first error is that the text ends */
  nn_pstate *state;
  NodeList decls;
  Node *expr; /* of a line that is an expression */
} Parser;

Span parse_span(const Parser *p, const Token *t);
/* Reports at a place; NULL when quiet (diag_* must not be called then). Starts skipping. */
Diag *parse_complain(Parser *p, DiagCode code, Span at, const char *fmt, ...) GC_PRINTF(4, 5);
/* parse_error.c: the parser can't go on with p->tok; expected has one flag for each row of
 * tokens.def. */
void parse_unexpected(Parser *p, const bool *expected);

/* Makers of nodes, for the grammar's actions. */
Node *parse_node(Parser *p, NodeKind kind, Span span, Name name, int nkids, Node *const *kids);
/* a and b are the fixed children, as many as the kind has; rest are the repeated ones. */
Node *parse_list_node(Parser *p, NodeKind kind, Span span, Name name, Node *a, Node *b,
                      NodeList rest);
Node *parse_negative(Parser *p, Span span, Node *operand);
/* name = value, name += value, name[t] = value */
Node *parse_assign(Parser *p, Span span, Node *target, Op op, Node *value);
Node *parse_layer(Parser *p, Span span, Name name, NodeList sizes, Node *fn);
Node *parse_for(Parser *p, Span span, Name name, Node *range, Node *const *rest);
Node *parse_statements(Parser *p, Span span, NodeList statements);  /* a block without a value */
Node *parse_block_value(Parser *p, Span span, NodeList statements); /* a block in an expression */
Node *parse_block(Parser *p, Span span, NodeList statements);
NodeList parse_list(Parser *p, NodeList before, Node *item);

/* grammar/nn.y: ends the parser's silence after an error. */
void nn_forget_error(nn_pstate *state);
/* The tokens it would take next: sets one flag for each row of tokens.def. */
void nn_expected(nn_pstate *state, bool *expected);

/* parse.c: which tokens could follow the text of a source, a line that is being typed. False where
 * the text already has an error. toks: its own. */
bool parse_expected(Cx *cx, int32_t source, bool *expected, TokenList *toks);

#endif
