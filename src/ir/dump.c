/* dump.c: the plain numbered form of a function, one line an instruction, for people and goldens:
 *   fn loss
 *     in  x: f32[N, 64] = %1
 *     in  W: f32[64, 10] = %2  param
 *     %3 f32[N, 10] = contract %1 %2 ik,kj->ij   # h
 *     out %3
 * A view is written as the map from the result's index to the operand's; `or 0` where some of it
 * may lie outside. */
#include "ir/ir.h"

static const char axis_name[] = "ijklmnopqrst"; /* IR_MAX_RANK of them */

/* A factor: in brackets when it is a sum or difference. */
static void print_factor(Cx *cx, Dim d, Text *out) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  bool plain = !strpbrk(text_str(&t), " /");
  text_fmt(out, plain ? "%s" : "(%s)", text_str(&t));
}

static void dump_view_dim(Cx *cx, const ViewDim *d, Text *out) {
  bool several = d->n + (d->off != 0) > 1;
  if (d->den != 1 && several) text_add(out, "(");
  for (int k = 0; k < d->n; k++) {
    Dim c = d->term[k].coef;
    bool minus = dim_is_number(c) && c < 0;
    if (k || minus) text_add(out, minus ? (k ? " - " : "-") : " + ");
    if (minus) c = -c;
    if (c != 1) {
      print_factor(cx, c, out);
      text_add(out, "*");
    }
    text_fmt(out, "%c", axis_name[d->term[k].label]);
  }
  if (d->off != 0 || d->n == 0) {
    bool minus = d->n && dim_is_number(d->off) && d->off < 0;
    if (d->n) text_add(out, minus ? " - " : " + ");
    dim_print(cx, minus ? -d->off : d->off, out);
  }
  if (d->den != 1) text_fmt(out, several ? ")/%lld" : "/%lld", (long long)d->den);
}

static void dump_view(Cx *cx, const Ins *in, Text *out) {
  const View *v = in->u.view;
  text_add(out, "[");
  for (int i = 0; i < in->shape.rank; i++) text_fmt(out, i ? ", %c" : "%c", axis_name[i]);
  text_add(out, "] -> [");
  for (int d = 0; d < v->rank; d++) {
    if (d) text_add(out, ", ");
    dump_view_dim(cx, &v->dim[d], out);
  }
  text_add(out, v->exact ? "]" : v->claim ? "] unchecked" : "] or 0");
}

static void dump_labels(const uint8_t *label, int n, Text *out) {
  for (int i = 0; i < n; i++)
    if (label[i] < 18) text_fmt(out, "%c", 'i' + label[i]);
    else text_fmt(out, "<%d>", label[i]);
}

/* The numbers of the set bits. */
static void dump_set(const uint64_t *bits, int n, Text *out) {
  bool first = true;
  text_add(out, "(");
  for (int i = 0; i < n; i++) {
    if (!(bits[i / 64] >> (i % 64) & 1)) continue;
    text_fmt(out, first ? "%d" : ", %d", i);
    first = false;
  }
  text_add(out, ")");
}

static void dump_gather(Cx *cx, const Ins *in, Text *out) {
  uint64_t axes = 0;
  for (int i = 0; i < in->u.gather->naxes; i++) axes |= (uint64_t)1 << in->u.gather->axis[i];
  text_add(out, "axes ");
  dump_set(&axes, IR_MAX_RANK, out);
  if (in->op == OP_scatter) {
    text_add(out, " into ");
    shape_print(cx, &in->u.gather->full, out);
  }
}

static void dump_const(const Ins *in, Text *out) {
  if (in->type == T_F32) text_f32(out, (float)in->u.f);
  else if (in->type == T_F64) text_f64(out, in->u.f);
  else if (in->type == T_BOOL) text_add(out, in->u.i ? "true" : "false");
  else text_fmt(out, "%lld", (long long)in->u.i);
}

void ir_attr_print(const Fn *f, const Ins *in, Text *out) {
  Cx *cx = f->cx;
  switch (in->op) {
  case OP_const: dump_const(in, out); return;
  case OP_size: dim_print(cx, in->u.size, out); return;
  case OP_arg:
  case OP_part: text_fmt(out, "%lld", (long long)in->u.i); return;
  case OP_view: dump_view(cx, in, out); return;
  case OP_gather:
  case OP_scatter: dump_gather(cx, in, out); return;
  case OP_vjp:
  case OP_jvp:
    text_add(out, "wrt ");
    dump_set(in->u.body->wrt, in->u.body->fn->in.n, out);
    return;
  case OP_vmap:
    text_add(out, "over ");
    dump_set(in->u.body->wrt, in->u.body->fn->in.n, out);
    text_add(out, " axes ");
    shape_print(cx, &in->u.body->lead, out);
    return;
  case OP_call:
    text_fmt(out, "%s%s%s", in->u.body->adjoint ? "adjoint " : "",
             in->u.body->tangent ? "tangent " : "", in->u.body->again ? "again" : "");
    return;
  case OP_loop: {
    const Loop *l = in->u.loop;
    text_add(out, l->reverse ? "reverse trip " : "trip ");
    dim_print(cx, l->trip, out);
    text_fmt(out, " carry %d scan %d collect %d%s%s", l->ncarry, l->nscan, l->ncollect,
             l->counted ? " counted" : "", l->cond ? " while" : "");
    return;
  }
  case OP_contract: {
    const Contract *c = in->u.contract;
    dump_labels(c->a, fn_ins(f, in->arg[0])->shape.rank, out);
    text_add(out, ",");
    dump_labels(c->b, fn_ins(f, in->arg[1])->shape.rank, out);
    text_add(out, "->");
    dump_labels(c->out, in->shape.rank, out);
    return;
  }
  default:
    if (op_kind((Op)in->op) != KIND_FOLD) return;
    text_add(out, "axes ");
    dump_set(&(uint64_t){in->u.axes}, IR_MAX_RANK, out);
  }
}

static void dump_fn(const Fn *f, int depth, Text *out);

static void dump_ins(const Fn *f, Val v, int depth, Text *out) {
  const Ins *in = fn_ins(f, v);
  text_fmt(out, "%*s%%%d ", 2 * depth, "", v);
  type_print(f->cx, (DType)in->type, &in->shape, out);
  text_fmt(out, " = %s", op_info[in->op].name);
  for (int i = 0; i < in->nargs; i++) text_fmt(out, " %%%d", in->arg[i]);
  size_t before = out->n;
  text_add(out, " ");
  ir_attr_print(f, in, out);
  if (out->n == before + 1) out->at[--out->n] = 0;
  if (in->hint) text_fmt(out, "   # %s", in->hint);
  text_add(out, "\n");
  const Fn *body[IR_MAX_BODIES];
  for (int i = 0, n = ins_bodies(in, body); i < n; i++) dump_fn(body[i], depth + 1, out);
}

static void dump_fn(const Fn *f, int depth, Text *out) {
  static const char *const role[] = {"", "  param", "  state", "  slot", "  seed"};
  int pad = 2 * (depth + 1);
  text_fmt(out, "%*sfn %s\n", 2 * depth, "", f->name ? f->name : "");
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    text_fmt(out, "%*sin  %s: ", pad, "", in->name ? in->name : "");
    type_print(f->cx, in->type, &in->shape, out);
    text_fmt(out, " = %%%d%s\n", in->val, role[in->role]);
  }
  for (Val v = 1; v < f->ins.n; v++)
    if (fn_ins(f, v)->op != OP_arg) dump_ins(f, v, depth + 1, out);
  for (int i = 0; i < f->out.n; i++) {
    const Output *o = &f->out.at[i];
    text_fmt(out, "%*sout %%%d", pad, "", o->val);
    if (o->name) text_fmt(out, "  %s", o->name);
    if (o->alias >= 0) text_fmt(out, "  in %s", f->in.at[o->alias].name);
    text_add(out, "\n");
  }
}

void ir_dump(const Fn *f, Text *out) { dump_fn(f, 0, out); }
