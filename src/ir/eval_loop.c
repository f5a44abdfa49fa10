/* eval_loop.c: loops and branches of the reference evaluator: the body is evaluated once per
 * iteration, in an arena that is thrown away when the next one has what it needs. */
#include "ir/eval_ops.h"

static size_t bytes_of(const Tensor *t) {
  return (size_t)tensor_count(t) * (size_t)type_info[t->type].bytes;
}

/* Row i of a scanned tensor, without copying. */
static Tensor row_of(const Tensor *t, int64_t i) {
  Tensor r = {t->type, {.rank = t->shape.rank - 1}, NULL};
  memcpy(r.shape.dim, t->shape.dim + 1, (size_t)r.shape.rank * sizeof r.shape.dim[0]);
  r.data = (char *)t->data + (size_t)i * bytes_of(&r);
  return r;
}

typedef struct LoopRun {
  Cx *cx;
  const Loop *l;
  const Tensor *carry, *scan, *capture; /* operands */
  int ncapture;
  Tensor *now; /* the carried values */
  Tensor *part;
  EvalTrap *trap;
  Arena *arena[3]; /* carried values of the iteration before, and of this one; the condition's */
} LoopRun;

static void drop(Arena **a) {
  arena_free(*a);
  *a = NULL;
}

/* Also where an iteration unwinds. */
static void drop_all(void *arg) {
  LoopRun *r = arg;
  for (int i = 0; i < COUNT_OF(r->arena); i++) drop(&r->arena[i]);
}

static bool goes_on(LoopRun *r, const Tensor *index) {
  if (!r->l->cond) return true;
  Arena *a = r->arena[2] = arena_new(r->cx);
  Tensor *in = NEWS(a, Tensor, 1 + r->l->ncarry + r->ncapture), y;
  in[0] = *index;
  memcpy(in + 1, r->now, (size_t)r->l->ncarry * sizeof *in);
  memcpy(in + 1 + r->l->ncarry, r->capture, (size_t)r->ncapture * sizeof *in);
  eval_body(r->l->cond, a, in, &y, NULL); /* a comparison: what isn't finite was made elsewhere */
  bool yes = tensor_get_i(&y, 0) != 0;
  drop(&r->arena[2]);
  return yes;
}

/* False where the trap was sprung. */
static bool iterate(LoopRun *r, const Tensor *index, int64_t i) {
  const Loop *l = r->l;
  Arena *a = r->arena[1] = arena_new(r->cx);
  Tensor *in = NEWS(a, Tensor, l->body->in.n), *out = NEWS(a, Tensor, l->body->out.n + 1);
  in[0] = *index;
  memcpy(in + 1, r->now, (size_t)l->ncarry * sizeof *in);
  for (int k = 0; k < l->nscan; k++) in[1 + l->ncarry + k] = row_of(&r->scan[k], i);
  memcpy(in + 1 + l->ncarry + l->nscan, r->capture, (size_t)r->ncapture * sizeof *in);
  eval_body(l->body, a, in, out, r->trap);
  if (r->trap && r->trap->val) {
    if (r->trap->fn == l->body) r->trap->step = i;
    return false;
  }
  memcpy(r->now, out, (size_t)l->ncarry * sizeof *out);
  for (int k = 0; k < l->ncollect; k++) {
    const Tensor *y = &out[l->ncarry + k];
    char *row = (char *)r->part[l->ncarry + k].data + (size_t)i * bytes_of(y);
    if (bytes_of(y)) memcpy(row, y->data, bytes_of(y));
  }
  drop(&r->arena[0]);
  r->arena[0] = a;
  r->arena[1] = NULL;
  return true;
}

void eval_loop(Cx *cx, Arena *a, const Loop *l, const Tensor *arg, Tensor *part, EvalTrap *trap) {
  int64_t n = l->trip, done = 0;
  if (!dim_is_number(n)) cx_bug(cx, "a loop without a number of iterations");
  if (l->counted) n = MAX(MIN(tensor_get_i(arg, 0), n), 0), arg++;
  LoopRun *r = NEW(a, LoopRun);
  *r = (LoopRun){.cx = cx,
                 .l = l,
                 .carry = arg,
                 .scan = arg + l->ncarry,
                 .capture = arg + l->ncarry + l->nscan,
                 .ncapture = l->body->in.n - 1 - l->ncarry - l->nscan,
                 .now = NEWS(a, Tensor, l->ncarry + 1),
                 .part = part,
                 .trap = trap};
  arena_defer(a, drop_all, r);
  memcpy(r->now, r->carry, (size_t)l->ncarry * sizeof *r->now);
  for (int k = 0; k < l->ncollect; k++) {
    const Ins *y = fn_ins(l->body, l->body->out.at[l->ncarry + k].val);
    Shape s = y->shape;
    memmove(s.dim + 1, s.dim, (size_t)s.rank * sizeof s.dim[0]);
    s.dim[0] = l->trip;
    s.rank++;
    part[l->ncarry + k] = tensor_new(cx, a, (DType)y->type, &s);
  }
  int64_t at;
  Tensor index = {T_I64, {0}, &at};
  for (int64_t it = 0; it < n; it++, done++) {
    at = l->reverse ? n - 1 - it : it;
    if (!goes_on(r, &index)) break;
    if (!iterate(r, &index, at)) return;
  }
  for (int k = 0; k < l->ncarry; k++) {
    part[k] = r->now[k];
    part[k].data = arena_copy(a, r->now[k].data, bytes_of(&r->now[k]));
  }
  drop_all(r);
  if (!l->cond) return;
  Tensor count = tensor_new(cx, a, T_I64, &(Shape){0});
  memcpy(count.data, &done, sizeof done);
  part[l->ncarry + l->ncollect] = count;
}

void eval_branch(Arena *a, const Branch *b, const Tensor *arg, Tensor *part, EvalTrap *trap) {
  eval_body(tensor_get_i(arg, 0) ? b->then : b->other, a, arg + 1, part, trap);
}
