/* dot.c: functions -> a graph in the language of Graphviz's dot. A node is an instruction, with its
 * type and what it costs; an arrow is an operand. What has bodies is a frame that holds them:
 * arrows go to the bodies' inputs, and back to the inputs of the next iteration where a loop
 * carries. All arrows stand behind the frames: a node that an arrow names inside a frame would be
 * drawn in it. */
#include "ir/dot.h"
#include "ir/cost.h"

typedef struct Dot {
  Text *out, *arrows;
  const char *prefix; /* of the function's nodes */
  const Fn *f;
  int depth;
} Dot;

static void indent(const Dot *d) { text_fmt(d->out, "%*s", 2 * (d->depth + 1), ""); }

/* Inside quotes. */
static void quote(Text *out, const char *s) {
  for (; *s; s++) text_fmt(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

static void add_cost(const Dot *d, const Cost *c, const char *before) {
  if (!c->term.n) return;
  Text t = text_new(d->f->cx->arena);
  cost_print(d->f->cx, c, &t);
  text_fmt(d->out, "%s%s flop%s", before, text_str(&t), !strcmp(text_str(&t), "1") ? "" : "s");
}

static const char *look_of(const Ins *in) {
  switch (op_kind((Op)in->op)) {
  case KIND_DOT: return ", style=filled, fillcolor=\"#cfe2f3\"";
  case KIND_FOLD: return ", style=filled, fillcolor=\"#d9ead3\"";
  case KIND_LEAF: return in->op == OP_arg ? ", shape=ellipse" : ", shape=plaintext";
  case KIND_MOVE: return ", style=dashed";
  default: return "";
  }
}

/* ---- nodes and arrows ---- */
static const Input *input_of(const Fn *f, Val v) {
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].val == v) return &f->in.at[i];
  return NULL;
}

static void node(const Dot *d, Val v) {
  static const char *const role[] = {"", " (parameter)", " (state)", " (seed)"};
  const Ins *in = fn_ins(d->f, v);
  const Input *input = in->op == OP_arg ? input_of(d->f, v) : NULL;
  Text attr = text_new(d->f->cx->arena);
  indent(d);
  text_fmt(d->out, "%s_%d [label=\"", d->prefix, v);
  if (input) {
    quote(d->out, input->name ? input->name : "input");
    text_add(d->out, role[input->role]);
  } else {
    if (in->hint) quote(d->out, in->hint), text_add(d->out, " = ");
    ir_attr_print(d->f, in, &attr);
    text_fmt(d->out, "%s ", op_info[in->op].name);
    quote(d->out, text_str(&attr));
    if (!attr.n) d->out->at[--d->out->n] = 0;
  }
  if (in->type != T_BUNDLE) {
    text_add(d->out, "\\n");
    quote(d->out, type_text(d->f->cx, (DType)in->type, &in->shape));
  }
  Cost c = ins_cost(d->f, in);
  add_cost(d, &c, "\\n");
  text_fmt(d->out, "\"%s];\n", look_of(in));
}

static void arrow(const Dot *d, const char *from, Val v, const char *to, Val w, const char *look) {
  text_fmt(d->arrows, "  %s_%d -> %s_%d%s;\n", from, v, to, w, look);
}

static void operand_arrows(const Dot *d, Val v) {
  static const char *const names[] = {" [label=\"a\"]", " [label=\"b\"]", " [label=\"c\"]"};
  const Ins *in = fn_ins(d->f, v);
  bool named = op_kind((Op)in->op) == KIND_MAP && in->nargs > 1;
  for (int i = 0; i < in->nargs; i++)
    arrow(d, d->prefix, in->arg[i], d->prefix, v, named && i < 3 ? names[i] : "");
}

/* ---- bodies ---- */
static void frame(const Dot *d, const char *title);

static const char *body_prefix(const Dot *d, Val v, int number) {
  return name_fmt(d->f->cx, "%s_%d%c", d->prefix, v, 'a' + number);
}

/* Operand number of the bundle's -> input of its body: what comes first has none. */
static int first_operand(const Ins *in) {
  return in->op == OP_loop ? in->u.loop->counted : in->op == OP_branch;
}
static int first_input(const Ins *in) { return in->op == OP_loop; }

static void body(const Dot *d, Val v, int number, const Fn *fn, const char *title) {
  const Ins *in = fn_ins(d->f, v);
  Dot inner = {d->out, d->arrows, body_prefix(d, v, number), fn, d->depth};
  frame(&inner, title);
  int skip = 0; /* a condition has no scanned inputs */
  for (int i = first_operand(in), k = first_input(in); i < in->nargs; i++, k++) {
    if (in->op == OP_loop && fn == in->u.loop->cond) {
      int scanned = k - 1 - in->u.loop->ncarry;
      if (scanned >= 0 && scanned < in->u.loop->nscan) {
        skip++;
        continue;
      }
    }
    if (k - skip < fn->in.n)
      arrow(d, d->prefix, in->arg[i], inner.prefix, fn->in.at[k - skip].val, "");
  }
  if (in->op != OP_loop) return;
  if (fn == in->u.loop->cond) {
    arrow(d, inner.prefix, fn->out.at[0].val, d->prefix, v, " [style=dashed]");
    return;
  }
  for (int i = 0; i < in->u.loop->ncarry; i++)
    arrow(d, inner.prefix, fn->out.at[i].val, inner.prefix, fn->in.at[1 + i].val,
          " [style=dashed, constraint=false, label=\"next\"]");
}

static const char *body_title(const Ins *in, int number) {
  if (in->op == OP_loop) return number ? "while" : "body";
  if (in->op == OP_branch) return number ? "else" : "then";
  return "of";
}

static void bundle(const Dot *d, Val v) {
  const Ins *in = fn_ins(d->f, v);
  const Fn *bodies[2];
  int n = ins_bodies(in, bodies);
  Dot inside = *d;
  indent(d);
  text_fmt(d->out, "subgraph cluster_%s_%d {\n", d->prefix, v);
  inside.depth++;
  indent(&inside);
  text_fmt(d->out, "label=\"%s\";\n", op_info[in->op].name);
  node(&inside, v);
  for (int i = 0; i < n; i++) body(&inside, v, i, bodies[i], body_title(in, i));
  for (int i = 0; i < first_operand(in); i++)
    arrow(&inside, d->prefix, in->arg[i], d->prefix, v, "");
  indent(d);
  text_add(d->out, "}\n");
}

/* A part comes from what computes it in the body; the number of iterations from the loop itself. */
static void part_arrows(const Dot *d, Val v) {
  const Ins *in = fn_ins(d->f, v), *from = fn_ins(d->f, in->arg[0]);
  const Fn *bodies[2];
  int n = ins_bodies(from, bodies);
  bool computed = from->op == OP_branch || (from->op == OP_loop && in->u.i < bodies[0]->out.n);
  if (!computed) operand_arrows(d, v);
  for (int i = 0; computed && i < (from->op == OP_loop ? 1 : n); i++)
    arrow(d, body_prefix(d, in->arg[0], i), bodies[i]->out.at[in->u.i].val, d->prefix, v, "");
}

static void outputs(const Dot *d) {
  for (int i = 0; i < d->f->out.n; i++) {
    const Output *o = &d->f->out.at[i];
    indent(d);
    text_fmt(d->out, "%s_out%d [label=\"", d->prefix, i);
    quote(d->out, o->name ? o->name : "result");
    text_add(d->out, "\", shape=ellipse, style=bold];\n");
    text_fmt(d->arrows, "  %s_%d -> %s_out%d;\n", d->prefix, o->val, d->prefix, i);
  }
}

/* The function as a frame with its nodes. */
static void frame(const Dot *d, const char *title) {
  Dot inside = *d;
  indent(d);
  text_fmt(d->out, "subgraph cluster_%s {\n", d->prefix);
  inside.depth++;
  indent(&inside);
  text_add(d->out, "label=\"");
  quote(d->out, title);
  Cost all = fn_cost(d->f);
  add_cost(d, &all, ": ");
  text_add(d->out, "\";\n");
  for (Val v = 1; v < d->f->ins.n; v++) {
    const Ins *in = fn_ins(d->f, v);
    if (in->type == T_BUNDLE) {
      bundle(&inside, v);
      continue;
    }
    node(&inside, v);
    if (in->op == OP_part) part_arrows(&inside, v);
    else operand_arrows(&inside, v);
  }
  if (d->depth == 0) outputs(&inside);
  indent(d);
  text_add(d->out, "}\n");
}

void ir_dot(const Fn *const *fns, int n, Text *out) {
  text_add(out, "digraph gradc {\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n");
  text_add(out, "  edge [fontsize=8];\n  fontname=\"monospace\";\n");
  Text arrows = text_new(out->arena);
  for (int i = 0; i < n; i++) {
    Dot d = {out, &arrows, name_fmt(fns[i]->cx, "f%d", i), fns[i], 0};
    frame(&d, fns[i]->name ? fns[i]->name : "function");
  }
  text_add(out, text_str(&arrows));
  text_add(out, "}\n");
}
