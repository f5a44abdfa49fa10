/* batch.c: a function over more axes: what vmap stands for. Every value that depends on a mapped
 * input gets the axes `lead` in front; the others stay as they are, so what all elements share is
 * computed once.
 *
 *   MAP    operands that aren't mapped are broadcast
 *   FOLD   its axes move
 *   MOVE   the axes in front are read as they are; index tensors that are mapped get the position
 *          along the lead for more indices
 *   DOT    the lead are labels more: of a batch where both operands are mapped
 *   LOOP   batch_loop.c
 *
 * needs: no vjp, jvp, vmap inside (pass_expand)   keeps: the values   breaks: nothing */
#include "pass/batch.h"

/* ---- axes in front ---- */
Val batch_lift(Builder *b, const Shape *lead, Val x, bool mapped) {
  int32_t at[IR_MAX_RANK];
  if (mapped) return x;
  Shape s = *ir_shape(b, x), out = shape_join(b->cx, lead, &s);
  for (int i = 0; i < s.rank; i++) at[i] = lead->rank + i;
  return ir_spread(b, x, &out, at);
}

static Val lifted(Batch *g, Val x, bool mapped) { return batch_lift(g->b, &g->lead, x, mapped); }

/* ---- by kind ---- */
static Val batch_map(Batch *g, const Ins *in, const Val *args, const bool *mapped) {
  Val arg[3];
  for (int i = 0; i < in->nargs; i++) arg[i] = lifted(g, args[i], mapped[i]);
  if (in->op == OP_bounded && g->guarded) return arg[0];
  return in->op == OP_cast ? ir_cast(g->b, (DType)in->type, arg[0]) : ir_map(g->b, (Op)in->op, arg);
}

static Val batch_view(Batch *g, const Ins *in, Val x) {
  int n = g->lead.rank;
  const View *v = in->u.view;
  Shape out = shape_join(g->b->cx, &g->lead, &in->shape);
  ViewDim dim[IR_MAX_RANK];
  for (int d = 0; d < n + v->rank; d++) {
    const ViewDim *old = &v->dim[d - n];
    ViewTerm *term = NEWS(g->b->cx->arena, ViewTerm, IR_MAX_RANK);
    dim[d] = (ViewDim){.den = 1, .n = 1, .term = term};
    term[0] = (ViewTerm){d, 1};
    if (d < n) continue;
    dim[d] = (ViewDim){old->off, old->den, old->n, term};
    for (int t = 0; t < old->n; t++)
      term[t] = (ViewTerm){old->term[t].label + n, old->term[t].coef};
  }
  View wide = {n + v->rank, dim, false, v->claim};
  return ir_view(g->b, x, &out, &wide);
}

/* The position along axis k of the lead, in the shape of the mapped indices. */
static Val position(Batch *g, DType t, const Shape *s, int k) {
  return ir_iota_along(g->b, t, s, k);
}

/* The index operands of a gather or scatter whose indices are mapped: first the positions along the
 * lead where what is read or written has these axes too, then its own. Returns how many. */
static int wide_indices(Batch *g, const Ins *in, const Val *args, const bool *mapped,
                        bool along_lead, Val *index, int32_t *axis) {
  const Gather *a = in->u.gather;
  int n = 0, nl = g->lead.rank;
  Val own[IR_MAX_RANK];
  for (int j = 0; j < a->naxes; j++) own[j] = lifted(g, args[j + 1], mapped[j + 1]);
  Shape s = *ir_shape(g->b, own[0]);
  DType t = ir_type(g->b, own[0]);
  for (int k = 0; k < nl && along_lead; k++) index[n] = position(g, t, &s, k), axis[n++] = k;
  for (int j = 0; j < a->naxes; j++)
    index[n] = own[j], axis[n++] = a->axis[j] + (along_lead ? nl : 0);
  return n;
}

static bool any_index_mapped(const Ins *in, const bool *mapped) {
  for (int j = 1; j < in->nargs; j++)
    if (mapped[j]) return true;
  return false;
}

/* Axes from..from+n of x, moved to the front. */
static Val to_front(Builder *b, Val x, int from, int n) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank, k = 0;
  for (int i = 0; i < n; i++) perm[k++] = from + i;
  for (int i = 0; i < rank; i++)
    if (i < from || i >= from + n) perm[k++] = i;
  return ir_permute(b, x, perm);
}

/* The first n axes of x, moved behind the `to` axes that follow them. */
static Val from_front(Builder *b, Val x, int n, int to) {
  int32_t perm[IR_MAX_RANK];
  int rank = ir_shape(b, x)->rank, k = 0;
  for (int i = 0; i < to; i++) perm[k++] = n + i;
  for (int i = 0; i < n; i++) perm[k++] = i;
  for (int i = n + to; i < rank; i++) perm[k++] = i;
  return ir_permute(b, x, perm);
}

static Val batch_gather(Batch *g, const Ins *in, const Val *args, const bool *mapped) {
  int nl = g->lead.rank, ns = ir_shape(g->b, args[1])->rank;
  int32_t axis[2 * IR_MAX_RANK];
  Val index[2 * IR_MAX_RANK];
  if (any_index_mapped(in, mapped)) {
    int n = wide_indices(g, in, args, mapped, mapped[0], index, axis);
    return ir_gather(g->b, args[0], index, axis, n);
  }
  for (int j = 0; j < in->u.gather->naxes; j++) axis[j] = in->u.gather->axis[j] + nl;
  return to_front(g->b, ir_gather(g->b, args[0], args + 1, axis, in->u.gather->naxes), ns, nl);
}

static Val batch_scatter(Batch *g, const Ins *in, const Val *args, const bool *mapped) {
  int nl = g->lead.rank, ns = ir_shape(g->b, args[1])->rank;
  Shape full = shape_join(g->b->cx, &g->lead, &in->u.gather->full);
  int32_t axis[2 * IR_MAX_RANK];
  Val index[2 * IR_MAX_RANK], upd = lifted(g, args[0], mapped[0]);
  if (any_index_mapped(in, mapped)) {
    int n = wide_indices(g, in, args, mapped, true, index, axis);
    return ir_scatter(g->b, upd, index, axis, n, &full);
  }
  for (int j = 0; j < in->u.gather->naxes; j++) axis[j] = in->u.gather->axis[j] + nl;
  return ir_scatter(g->b, from_front(g->b, upd, nl, ns), args + 1, axis, in->u.gather->naxes,
                    &full);
}

/* The labels of one tensor of a contraction, with those of the lead in front. */
static void lead_labels(uint8_t *to, const uint8_t *from, int rank, int first, int n) {
  for (int k = 0; k < n; k++) to[k] = (uint8_t)(first + k);
  memcpy(to + n, from, (size_t)rank);
}

static Val batch_dot(Batch *g, const Ins *in, const Val *args, const bool *mapped) {
  const Contract *c = in->u.contract;
  int nl = g->lead.rank;
  int rank[2];
  for (int i = 0; i < 2; i++) rank[i] = ir_shape(g->b, args[i])->rank - (mapped[i] ? nl : 0);
  Contract w = {.nlabels = c->nlabels + nl, .nout = c->nout + nl};
  lead_labels(w.a, c->a, rank[0], c->nlabels, mapped[0] ? nl : 0);
  lead_labels(w.b, c->b, rank[1], c->nlabels, mapped[1] ? nl : 0);
  lead_labels(w.out, c->out, c->nout, c->nlabels, nl);
  return ir_contract(g->b, args[0], args[1], &w);
}

static Val batch_move(Batch *g, const Ins *in, const Val *args, const bool *mapped) {
  switch ((Op)in->op) {
  case OP_view: return batch_view(g, in, args[0]);
  case OP_reshape: {
    Shape out = shape_join(g->b->cx, &g->lead, &in->shape);
    return ir_reshape(g->b, args[0], &out);
  }
  case OP_gather: return batch_gather(g, in, args, mapped);
  case OP_scatter: return batch_scatter(g, in, args, mapped);
  default: cx_bug(g->b->cx, "batching of %s", op_info[in->op].name);
  }
}

/* ---- calls of functions with rules ---- */
/* Floats are mapped all alike, so that their adjoints are. */
static void batch_call(Batch *g, const Ins *in, const Val *args, const bool *mapped,
                       BatchParts *parts) {
  const Body *body = in->u.body;
  const Fn *f = body->fn;
  Arena *a = g->b->cx->arena;
  int nin = f->in.n, nout = f->out.n, most = nin + fn_float_inputs(f) + 2 * nout + 1;
  bool *flag = NEWS(a, bool, most), *all = NEWS(a, bool, most);
  Val *arg = NEWS(a, Val, nin + 1);
  for (int i = 0; i < most; i++) all[i] = true;
  for (int i = 0; i < most; i++) flag[i] = i >= nin || mapped[i] || type_is_float(f->in.at[i].type);
  for (int i = 0; i < nin; i++)
    arg[i] = type_is_float(f->in.at[i].type) ? lifted(g, args[i], mapped[i]) : args[i];
  Fn *fn = batch_fn(f, &g->lead, g->guarded, flag, all, NULL);
  Fn *adjoint =
      body->adjoint ? batch_fn(body->adjoint, &g->lead, g->guarded, flag, all, NULL) : NULL;
  Fn *tangent =
      body->tangent ? batch_fn(body->tangent, &g->lead, g->guarded, flag, all, NULL) : NULL;
  if (!fn || (body->adjoint && !adjoint) || (body->tangent && !tangent)) {
    g->failed = true;
    return;
  }
  Val call = ir_call(g->b, fn, adjoint, tangent, body->again, arg);
  for (int k = 0; k < nout; k++) parts->val[k] = ir_part(g->b, call, k), parts->mapped[k] = true;
}

/* ---- all instructions ---- */
static void batch_bundle(Batch *g, Val v, const Ins *in, const Val *args, const bool *mapped) {
  Arena *a = g->b->cx->arena;
  int n = ins_part_count(in);
  BatchParts *p = &g->parts[v];
  *p = (BatchParts){NEWS(a, Val, n + 1), NEWS(a, bool, n + 1)};
  switch ((Op)in->op) {
  case OP_loop: batch_loop(g, in, args, mapped, p); break;
  case OP_branch: batch_branch(g, in, args, mapped, p); break;
  case OP_call: batch_call(g, in, args, mapped, p); break;
  default: cx_bug(g->b->cx, "batching of %s, which should be expanded", op_info[in->op].name);
  }
}

static bool has_room(Batch *g, const Ins *in) {
  if (in->shape.rank + g->lead.rank <= IR_MAX_RANK) return true;
  Diag *d = diag(g->b->cx, E0812, in->span,
                 "this has %d axes, and gets %d more by vmap, jacobian or hessian", in->shape.rank,
                 g->lead.rank);
  diag_note(g->b->cx, d, "the limit is %d", IR_MAX_RANK);
  g->failed = true;
  return false;
}

static void batch_ins(Batch *g, Val v) {
  const Ins *in = fn_ins(g->f, v);
  Arena *a = g->b->cx->arena;
  Val *args = NEWS(a, Val, in->nargs + 1);
  bool *mapped = NEWS(a, bool, in->nargs + 1), any = false;
  if (in->op == OP_part && g->parts[in->arg[0]].val) {
    g->to[v] = g->parts[in->arg[0]].val[in->u.i];
    g->mapped[v] = g->parts[in->arg[0]].mapped[in->u.i];
    ir_name(g->b, g->to[v], in->hint);
    return;
  }
  ir_map_args(in, g->to, args);
  for (int k = 0; k < in->nargs; k++) any |= mapped[k] = g->mapped[in->arg[k]];
  if (!any && !(g->guarded && ins_has_bodies(in))) {
    g->to[v] = g->guarded && in->op == OP_bounded ? args[0] : ir_copy(g->b, in, args);
    return;
  }
  if (!has_room(g, in)) return;
  g->b->span = in->span;
  g->mapped[v] = true;
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: g->to[v] = batch_map(g, in, args, mapped); break;
  case KIND_FOLD: g->to[v] = ir_fold(g->b, (Op)in->op, args[0], in->u.axes << g->lead.rank); break;
  case KIND_MOVE: g->to[v] = batch_move(g, in, args, mapped); break;
  case KIND_DOT: g->to[v] = batch_dot(g, in, args, mapped); break;
  case KIND_LOOP: batch_bundle(g, v, in, args, mapped); return;
  case KIND_LEAF: cx_bug(g->b->cx, "batching of %s", op_info[in->op].name);
  }
  ir_name(g->b, g->to[v], in->hint);
}

bool batch_into(Builder *b, const Fn *f, const Shape *lead, bool guarded, const bool *in,
                const Val *args, Val *outs, bool *out) {
  Arena *a = b->cx->arena;
  Batch g = {.b = b,
             .f = f,
             .lead = *lead,
             .guarded = guarded,
             .to = NEWS(a, Val, f->ins.n),
             .mapped = NEWS(a, bool, f->ins.n),
             .parts = NEWS(a, BatchParts, f->ins.n)};
  Span span = b->span;
  for (int i = 0; i < f->in.n; i++) {
    g.to[f->in.at[i].val] = args[i];
    g.mapped[f->in.at[i].val] = in[i];
    if (in[i] && !has_room(&g, fn_ins(f, f->in.at[i].val))) return false;
  }
  for (Val v = 1; v < f->ins.n && !g.failed; v++)
    if (fn_ins(f, v)->op != OP_arg) batch_ins(&g, v);
  b->span = span;
  for (int i = 0; i < f->out.n && !g.failed; i++) {
    Val v = f->out.at[i].val;
    if (!out && !g.mapped[v] && !has_room(&g, fn_ins(f, v))) return false;
    outs[i] = out ? g.to[v] : lifted(&g, g.to[v], g.mapped[v]);
    if (out) out[i] = g.mapped[v];
  }
  return !g.failed;
}

Fn *batch_fn(const Fn *f, const Shape *lead, bool guarded, const bool *in, const bool *want,
             bool *out) {
  Arena *a = f->cx->arena;
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(a, Val, f->in.n + 1), *outs = NEWS(a, Val, f->out.n + 1);
  bool *mapped = NEWS(a, bool, f->out.n + 1);
  b.fn->span = b.span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *x = &f->in.at[i];
    if (in[i] && x->shape.rank + lead->rank > IR_MAX_RANK) {
      diag(f->cx, E0812, x->span, "`%s` gets more than %d axes here", x->name ? x->name : "a value",
           IR_MAX_RANK);
      return NULL;
    }
    Shape s = in[i] ? shape_join(f->cx, lead, &x->shape) : x->shape;
    args[i] = ir_input(&b, x->name, x->type, &s, x->role, x->span);
  }
  if (!batch_into(&b, f, lead, guarded, in, args, outs, mapped)) return NULL;
  for (int i = 0; i < f->out.n; i++) {
    bool lift = want && want[i] && !mapped[i];
    ir_output(&b, f->out.at[i].name, lift ? batch_lift(&b, lead, outs[i], false) : outs[i]);
    if (out) out[i] = mapped[i] || lift;
  }
  return ir_finish(&b);
}

/* ---- what is mapped ---- */
/* The parts of a loop that depend on a mapped operand. */
static void loop_flags(const Ins *in, const bool *operand, bool *part) {
  const Loop *l = in->u.loop;
  Arena *a = l->body->cx->arena;
  bool *inputs = NEWS(a, bool, l->body->in.n + 1), *outs = NEWS(a, bool, l->body->out.n + 1), lanes,
       more = true;
  for (int i = 1; i < l->body->in.n; i++) inputs[i] = operand[l->counted + i - 1];
  while (more) {
    more = false;
    lanes = batch_lanes(l, inputs, l->counted && operand[0]);
    batch_flags(l->body, inputs, outs);
    for (int k = 0; k < l->ncarry; k++) {
      bool now = inputs[1 + k] || outs[k] || lanes;
      more |= now != inputs[1 + k];
      inputs[1 + k] = now;
    }
  }
  for (int k = 0; k < l->body->out.n; k++)
    part[k] = k < l->ncarry ? inputs[1 + k] : outs[k] || lanes;
  if (l->cond) part[l->body->out.n] = lanes;
}

bool batch_lanes(const Loop *l, const bool *inputs, bool count) {
  bool cond = false;
  if (!l->cond || count) return count;
  bool *in = NEWS(l->cond->cx->arena, bool, l->cond->in.n + 1);
  for (int i = 0; i < l->cond->in.n; i++) in[i] = inputs[i <= l->ncarry ? i : i + l->nscan];
  batch_flags(l->cond, in, &cond);
  return cond;
}

void batch_flags(const Fn *f, const bool *in, bool *out) {
  Arena *a = f->cx->arena;
  bool *mapped = NEWS(a, bool, f->ins.n), **part = NEWS(a, bool *, f->ins.n);
  for (int i = 0; i < f->in.n; i++) mapped[f->in.at[i].val] = in[i];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *i = fn_ins(f, v);
    for (int k = 0; k < i->nargs; k++) mapped[v] |= mapped[i->arg[k]];
    if (i->op == OP_part && part[i->arg[0]]) mapped[v] = part[i->arg[0]][i->u.i];
    if (i->op != OP_loop || !mapped[v]) continue;
    bool *operand = NEWS(a, bool, i->nargs + 1);
    for (int k = 0; k < i->nargs; k++) operand[k] = mapped[i->arg[k]];
    part[v] = NEWS(a, bool, ins_part_count(i) + 1);
    loop_flags(i, operand, part[v]);
  }
  for (int i = 0; i < f->out.n; i++) out[i] = mapped[f->out.at[i].val];
}
