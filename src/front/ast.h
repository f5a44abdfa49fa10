/* ast.h: the syntax tree. Nodes are uniform (a kind, a name, children), and ast.def says what the
 * children of each kind are, so that dumping and walking need no case per kind. */
#ifndef GRADC_AST_H
#define GRADC_AST_H

#include "base/base.h"
#include "ir/ir.h"

typedef enum NodeKind {
#define NODE(kind, dump, kids, about) NODE_##kind,
#include "front/ast.def"
#undef NODE
  NODE_KINDS
} NodeKind;

typedef struct Node Node;
struct Node {
  NodeKind kind;
  int32_t nkids;
  int32_t height; /* of the tree below; the parser bounds it, so walkers may recurse */
  Span span;      /* the whole construct */
  Span name_span; /* the name alone, for declarations and named things */
  Name name;
  Node **kid; /* fixed children first (NULL where optional and absent), then the repeated ones */
  union {
    int64_t i;
    double f;
    Op op;
  } u;
  const char *doc; /* the comment lines just before a declaration, without '#', or NULL */
};

Node *ast_new(Cx *cx, NodeKind kind, Span span, Name name, int nkids, Node *const *kids);
/* How many children of the kind are fixed (before the repeated ones). */
int ast_fixed(NodeKind kind);
/* Whether two trees are one program, wherever they stand; the comments above declarations count. */
bool ast_equal(const Node *a, const Node *b);
/* Whether the name is used anywhere in the tree. */
bool ast_mentions(const Node *n, Name name);
/* One-line s-expression, for tests: (fn f () (binary + (name x) (int 1)) (arg x)). */
void ast_dump(const Node *n, Text *out);

/* parse.c: text of a registered source -> a FILE node. Syntax errors are recorded as diagnostics;
 * what could be understood is returned (never NULL). */
Node *ast_parse(Cx *cx, int32_t source);
/* The same for one line of `eval` or of the REPL: declarations or one expression.
 * *is_expr tells which: an expression node, or a FILE node. */
Node *ast_parse_line(Cx *cx, int32_t source, bool *is_expr);
/* Whether the text of the source ends inside an open bracket, block or expression (REPL: go on
 * reading). */
bool ast_incomplete(Cx *cx, int32_t source);
/* Whether the text begins with what goes on the statement of the line before: `else`, `+`, `)`. */
bool ast_joins(Cx *cx, int32_t source);
/* Whether there is nothing but blanks and comments. */
bool ast_is_blank(Cx *cx, int32_t source);

#endif
