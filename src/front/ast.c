/* ast.c: making syntax nodes and dumping them. What the children of a kind are comes from ast.def.
 */
#include "front/ast.h"

static const struct {
  const char *dump, *kids;
} node_info[NODE_KINDS] = {
#define NODE(kind, dump, kids, about) {dump, kids},
#include "front/ast.def"
#undef NODE
};

Node *ast_new(Cx *cx, NodeKind kind, Span span, Name name, int nkids, Node *const *kids) {
  Node *n = NEW(cx->arena, Node);
  n->kind = kind;
  n->span = span;
  n->name = name;
  n->nkids = nkids;
  n->kid = NEWS(cx->arena, Node *, nkids);
  n->height = 1;
  for (int i = 0; i < nkids; i++) {
    n->kid[i] = kids[i];
    if (kids[i]) n->height = MAX(n->height, kids[i]->height + 1);
  }
  return n;
}

/* Words of the kind's description up to the first that ends in a star. */
int ast_fixed(NodeKind kind) {
  const char *s = node_info[kind].kids;
  int n = 0;
  while (*s) {
    size_t word = strcspn(s, " ");
    if (s[word - 1] == '*') break;
    n++;
    s += word + strspn(s + word, " ");
  }
  return n;
}

static bool same_doc(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

bool ast_mentions(const Node *n, Name name) {
  if (!n) return false;
  if (n->kind == NODE_NAME && n->name == name) return true;
  for (int i = 0; i < n->nkids; i++)
    if (ast_mentions(n->kid[i], name)) return true;
  return false;
}

/* The widest member of the union decides: nodes start zeroed, and floats are compared by their
 * bits. */
bool ast_equal(const Node *a, const Node *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind || a->name != b->name || a->nkids != b->nkids || a->u.i != b->u.i ||
      !same_doc(a->doc, b->doc))
    return false;
  for (int i = 0; i < a->nkids; i++)
    if (!ast_equal(a->kid[i], b->kid[i])) return false;
  return true;
}

static void dump_string(const char *s, Text *out) {
  text_add(out, " \"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') text_add(out, "\\");
    if (*s == '\n') text_add(out, "\\n");
    else text_add_n(out, s, 1);
  }
  text_add(out, "\"");
}

static void dump_head(const Node *n, Text *out) {
  text_fmt(out, "(%s", node_info[n->kind].dump);
  switch (n->kind) {
  case NODE_INT: text_fmt(out, " %lld", (long long)n->u.i); break;
  case NODE_BOOL: text_add(out, n->u.i ? " true" : " false"); break;
  case NODE_FLOAT:
    text_add(out, " ");
    text_f64(out, n->u.f);
    break;
  case NODE_STRING: dump_string(n->name, out); break;
  case NODE_UNARY:
  case NODE_BINARY:
    text_fmt(out, " %s", n->u.op == OP_contract ? "@" : op_info[n->u.op].symbol);
    break;
  case NODE_ASSIGN:
    if (n->u.op != OP_none) text_fmt(out, " %s", op_info[n->u.op].symbol);
    text_fmt(out, " %s", n->name);
    break;
  case NODE_PARAM: text_fmt(out, n->u.i ? " state %s" : " %s", n->name); break;
  case NODE_RULE: text_fmt(out, " %s %s", n->u.i ? "tangent" : "adjoint", n->name); break;
  case NODE_RANGE:
    if (n->u.i) text_add(out, " reversed");
    break;
  default:
    if (n->name) text_fmt(out, " %s", n->name);
  }
}

/* Recursion is as deep as the tree, which the parser bounds. */
void ast_dump(const Node *n, Text *out) {
  if (!n) {
    text_add(out, "()");
    return;
  }
  int last = n->nkids;
  while (last > 0 && !n->kid[last - 1]) last--;
  dump_head(n, out);
  for (int i = 0; i < last; i++) {
    text_add(out, " ");
    ast_dump(n->kid[i], out);
  }
  text_add(out, ")");
}
