/* eval.c: the reference evaluator: runs a function instruction by instruction on whole tensors.
 * Slow and obvious; what every other back end is compared with. Temporaries live in an arena of
 * their own and the storage of a value that is not needed any more is used again. */
#include "ir/eval_ops.h"

#include "base/diag.h"

#include <math.h>

typedef struct Spare { /* storage of a dead value */
  int64_t bytes;
  void *data;
} Spare;

typedef struct Eval {
  Cx *cx;
  const Fn *f;
  Arena *results, *tmp;
  const Tensor *in;
  Tensor *out;
  EvalTrap *trap;
  bool inside;       /* a body: its inputs were judged by the function around it */
  Tensor *val;       /* of every instruction; data NULL: not computed, or dead */
  int32_t *last_use; /* number of the last instruction that reads it; outputs: INT32_MAX */
  Tensor **parts;    /* of every instruction with a body */
  uint8_t *bad;      /* trapping: BAD_NAN | BAD_INF */
  Vec(Spare) spare;
} Eval;

/* ---- storage ---- */
static int64_t bytes_of(const Tensor *t) {
  return MAX(tensor_count(t), 1) * type_info[t->type].bytes;
}

static void find_last_uses(Eval *e) {
  const Fn *f = e->f;
  for (Val v = 1; v < f->ins.n; v++)
    for (int i = 0; i < fn_ins(f, v)->nargs; i++) e->last_use[fn_ins(f, v)->arg[i]] = v;
  for (int i = 0; i < f->out.n; i++) e->last_use[f->out.at[i].val] = INT32_MAX;
}

static void *take_storage(Eval *e, int64_t bytes) {
  for (int i = 0; i < e->spare.n; i++)
    if (e->spare.at[i].bytes == bytes) {
      void *data = e->spare.at[i].data;
      e->spare.at[i] = e->spare.at[--e->spare.n];
      return data;
    }
  return arena_alloc_n(e->tmp, 1, bytes);
}

static void release_operands(Eval *e, Val v) {
  const Ins *in = fn_ins(e->f, v);
  for (int i = 0; i < in->nargs; i++) {
    Tensor *t = &e->val[in->arg[i]];
    if (e->last_use[in->arg[i]] != v || !t->data) continue;
    Op op = (Op)fn_ins(e->f, in->arg[i])->op;
    if (op != OP_arg && op != OP_part) vec_push(e->tmp, &e->spare, ((Spare){bytes_of(t), t->data}));
    t->data = NULL;
  }
}

/* ---- instructions ---- */
static void take_input(Eval *e, const Ins *in, Val v) {
  const Input *decl = &e->f->in.at[in->u.i];
  const Tensor *given = &e->in[in->u.i];
  if (given->type != (DType)in->type || !shape_eq(&given->shape, &in->shape))
    cx_bug(e->cx, "input %s: expected %s, given %s", decl->name ? decl->name : "",
           type_text(e->cx, (DType)in->type, &in->shape),
           type_text(e->cx, given->type, &given->shape));
  e->val[v] = *given;
}

void ir_index_outside(Cx *cx, Span at, int64_t index, int64_t extent) {
  Diag *d = diag(cx, E0713, at, "index %lld is outside: the extent is %lld", (long long)index,
                 (long long)extent);
  if (index < 0 && -index <= extent)
    diag_note(cx, d, "computed indices count from 0: there is no counting from the end");
  diag_hint(cx, d,
            "a read that may be outside stands under a condition: "
            "`if 0 <= i and i < n then x[i] else 0`");
}

/* Of those outside the smallest that is negative, else the largest: as compiled programs say. */
static void check_bounded(Eval *e, const Ins *in, const Tensor *index, const Tensor *extent) {
  int64_t n = tensor_count(index), worst = -1;
  for (int64_t k = 0; k < n; k++) {
    int64_t i = tensor_get_i(index, k), old = worst < 0 ? 0 : tensor_get_i(index, worst);
    if (i >= 0 && i < tensor_get_i(extent, k)) continue;
    if (worst < 0 || (old >= 0 && (i < 0 || i > old)) || (old < 0 && i < old)) worst = k;
  }
  if (worst < 0) return;
  ir_index_outside(e->cx, in->span, tensor_get_i(index, worst), tensor_get_i(extent, worst));
  cx_gone_wrong(e->cx);
}

static void eval_map(Eval *e, const Ins *in, Tensor *const *arg, Tensor *out) {
  const void *data[3] = {NULL, NULL, NULL};
  int arity = op_info[in->op].arity;
  for (int i = 0; i < arity; i++) data[i] = arg[i]->data;
  ir_map_array((Op)in->op, arg[arity - 1]->type, out->type, tensor_count(out), data, out->data);
  if (in->op == OP_bounded) check_bounded(e, in, arg[0], arg[1]);
}

static void eval_iota(Tensor *out) {
  int64_t n = tensor_count(out);
  int bytes = type_info[out->type].bytes;
  for (int64_t i = 0; i < n; i++)
    tensor_fill(out->type, (char *)out->data + i * bytes, 1, (double)i, i);
}

static void eval_leaf(Eval *e, const Ins *in, Tensor *out) {
  int64_t n = tensor_count(out);
  switch (in->op) {
  case OP_const:
    if (type_is_float(out->type)) tensor_fill(out->type, out->data, n, in->u.f, 0);
    else tensor_fill(out->type, out->data, n, 0, in->u.i);
    break;
  case OP_size:
    if (!dim_is_number(in->u.size)) cx_bug(e->cx, "a size has no number");
    tensor_fill(out->type, out->data, n, (double)in->u.size, in->u.size);
    break;
  case OP_iota: eval_iota(out); break;
  default: cx_bug(e->cx, "can't evaluate `%s`", op_info[in->op].name);
  }
}

static void eval_move(Eval *e, const Ins *in, Tensor *const *arg, Tensor *out) {
  switch (in->op) {
  case OP_view: eval_view(e->cx, in, arg[0], out); break;
  case OP_reshape:
    memcpy(out->data, arg[0]->data, (size_t)(tensor_count(out) * type_info[out->type].bytes));
    break;
  case OP_gather: eval_gather(e->cx, e->tmp, in, (const Tensor *const *)arg, out); break;
  case OP_scatter: eval_scatter(e->cx, e->tmp, in, (const Tensor *const *)arg, out); break;
  default: cx_bug(e->cx, "can't evaluate `%s`", op_info[in->op].name);
  }
}

/* Loops and branches: the parts are kept until the end; `part` only points at one. */
static void eval_bundle(Eval *e, const Ins *in, Val v) {
  Tensor *arg = NEWS(e->tmp, Tensor, in->nargs + 1);
  for (int i = 0; i < in->nargs; i++) arg[i] = e->val[in->arg[i]];
  e->parts[v] = NEWS(e->tmp, Tensor, ins_part_count(in) + 1);
  if (in->op == OP_loop) eval_loop(e->cx, e->tmp, in->u.loop, arg, e->parts[v], e->trap);
  else if (in->op == OP_branch) eval_branch(e->tmp, in->u.branch, arg, e->parts[v], e->trap);
  else if (in->op == OP_call) ir_eval(in->u.body->fn, e->tmp, arg, e->parts[v], e->trap);
  else cx_bug(e->cx, "can't evaluate `%s`: expand it first", op_info[in->op].name);
}

/* Instructions that aren't computed into storage of their own. */
static bool eval_special(Eval *e, const Ins *in, Val v) {
  if (in->op == OP_arg) take_input(e, in, v);
  else if (in->op == OP_part) e->val[v] = e->parts[in->arg[0]][in->u.i];
  else if (op_kind((Op)in->op) == KIND_LOOP) eval_bundle(e, in, v);
  else return in->op == OP_none;
  return true;
}

static void eval_ins(Eval *e, Val v) {
  const Ins *in = fn_ins(e->f, v);
  if (eval_special(e, in, v)) return;
  Tensor *arg[2 + IR_MAX_RANK];
  if (in->nargs > COUNT_OF(arg))
    cx_bug(e->cx, "%s of %d operands", op_info[in->op].name, in->nargs);
  for (int i = 0; i < in->nargs; i++) arg[i] = &e->val[in->arg[i]];
  Tensor *out = &e->val[v];
  *out = (Tensor){(DType)in->type, in->shape, NULL};
  if (!shape_is_numbers(&in->shape) || in->type >= DTYPE_COUNT)
    cx_bug(e->cx, "can't evaluate `%s`: it has no numeric shape", op_info[in->op].name);
  out->data = take_storage(e, bytes_of(out));
  switch (op_kind((Op)in->op)) {
  case KIND_MAP: eval_map(e, in, arg, out); break;
  case KIND_FOLD: eval_fold(e->cx, e->tmp, in, arg[0], out); break;
  case KIND_MOVE: eval_move(e, in, arg, out); break;
  case KIND_DOT: eval_contract(e->cx, in, arg[0], arg[1], out); break;
  case KIND_LEAF: eval_leaf(e, in, out); break;
  case KIND_LOOP: break; /* special */
  }
}

/* ---- trapping ---- */
enum { BAD_NAN = 1, BAD_INF = 2 };

static bool is_spared(const Eval *e, Val v) {
  for (int i = 0; i < e->trap->nspared; i++)
    if (e->trap->spared[i].fn == e->f && e->trap->spared[i].val == v) return true;
  return false;
}

static void mend(Tensor *t) {
  int64_t n = tensor_count(t);
  for (int64_t k = 0; k < n; k++)
    if (!isfinite(tensor_get(t, k))) tensor_set(t, k, 1);
}

/* Notes which kinds of non-finite elements v has. A kind that no operand has was made here; that
 * a constant is infinite is the program's intention. Returns true when the trap is filled. */
static bool trapped(Eval *e, Val v) {
  const Ins *in = fn_ins(e->f, v);
  const Tensor *t = &e->val[v];
  if (e->trap->val) return true;                           /* in a body */
  if (in->type == T_BUNDLE) e->bad[v] = BAD_NAN | BAD_INF; /* looked at where they were made */
  if (in->op == OP_none || in->type >= DTYPE_COUNT || !type_is_float(t->type)) return false;
  bool spared = is_spared(e, v);
  if (e->trap->mend) {
    if (spared) mend(&e->val[v]);
    return false;
  }
  uint8_t had =
      spared || in->op == OP_const || (e->inside && in->op == OP_arg) ? BAD_NAN | BAD_INF : 0;
  for (int i = 0; i < in->nargs; i++) had |= e->bad[in->arg[i]];
  int64_t n = tensor_count(t);
  for (int64_t k = 0; k < n; k++) {
    double x = tensor_get(t, k);
    if (isfinite(x)) continue;
    uint8_t kind = isnan(x) ? BAD_NAN : BAD_INF;
    e->bad[v] |= kind;
    if (had & kind) continue;
    e->trap->fn = e->f, e->trap->val = v;
    e->trap->element = k, e->trap->value = x;
    return true;
  }
  return false;
}

/* ---- the driver ---- */
static Status run(void *arg) {
  Eval *e = arg;
  const Fn *f = e->f;
  e->tmp = arena_new(e->cx);
  e->val = NEWS(e->tmp, Tensor, f->ins.n);
  e->last_use = NEWS(e->tmp, int32_t, f->ins.n);
  e->parts = NEWS(e->tmp, Tensor *, f->ins.n);
  e->bad = NEWS(e->tmp, uint8_t, f->ins.n);
  find_last_uses(e);
  for (Val v = 1; v < f->ins.n; v++) {
    cx_poll(e->cx);
    eval_ins(e, v);
    if (e->trap && trapped(e, v)) return ST_OK;
    release_operands(e, v);
  }
  for (int i = 0; i < f->out.n; i++) {
    const Tensor *t = &e->val[f->out.at[i].val];
    e->out[i] = *t;
    e->out[i].data = arena_copy(e->results, t->data, (size_t)bytes_of(t));
  }
  return ST_OK;
}

static void eval_fn(const Fn *f, Arena *a, const Tensor *in, Tensor *out, EvalTrap *trap,
                    bool inside) {
  Eval e = {
      .cx = f->cx, .f = f, .results = a, .in = in, .out = out, .trap = trap, .inside = inside};
  if (trap) trap->fn = NULL, trap->val = 0, trap->step = -1;
  for (int i = 0; i < f->out.n; i++) out[i] = (Tensor){0};
  Status s = cx_guard(f->cx, run, &e); /* the temporaries go, whatever happens */
  if (e.tmp) arena_free(e.tmp);
  if (s != ST_OK) cx_unwind_again(f->cx);
}

void ir_eval(const Fn *f, Arena *a, const Tensor *in, Tensor *out, EvalTrap *trap) {
  eval_fn(f, a, in, out, trap, false);
}

void eval_body(const Fn *f, Arena *a, const Tensor *in, Tensor *out, EvalTrap *trap) {
  eval_fn(f, a, in, out, trap, true);
}
