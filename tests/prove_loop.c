/* prove_loop.c: loops and branches of the noisy evaluation: as struct Loop and struct Branch of
 * ir.h say, each body evaluated with noise of its own. */
#include "prove_noise.h"

static size_t bytes_of(const Tensor *t) {
  return (size_t)(tensor_count(t) * type_info[t->type].bytes);
}

static Tensor row_of(const Tensor *t, int64_t i) {
  Tensor r = {t->type, {.rank = t->shape.rank - 1}, NULL};
  memcpy(r.shape.dim, t->shape.dim + 1, (size_t)r.shape.rank * sizeof r.shape.dim[0]);
  r.data = (char *)t->data + (size_t)i * bytes_of(&r);
  return r;
}

static bool goes_on(const Loop *l, Arena *a, Noisy *z, const Tensor *in, int ncapture) {
  if (!l->cond) return true;
  Tensor *few = NEWS(a, Tensor, 1 + l->ncarry + ncapture), yes;
  memcpy(few, in, (size_t)(1 + l->ncarry) * sizeof *few);
  memcpy(few + 1 + l->ncarry, in + 1 + l->ncarry + l->nscan, (size_t)ncapture * sizeof *few);
  eval_noisy(l->cond, a, z, few, &yes);
  return tensor_get_i(&yes, 0) != 0;
}

static void collected_rooms(Cx *cx, Arena *a, const Loop *l, Tensor *part) {
  for (int k = l->ncarry; k < l->ncarry + l->ncollect; k++) {
    const Ins *y = fn_ins(l->body, l->body->out.at[k].val);
    Shape s = {.rank = y->shape.rank + 1, .dim = {l->trip}};
    memcpy(s.dim + 1, y->shape.dim, (size_t)y->shape.rank * sizeof s.dim[0]);
    part[k] = tensor_new(cx, a, (DType)y->type, &s);
  }
}

static void noisy_loop(Cx *cx, Arena *a, Noisy *z, const Loop *l, const Tensor *arg, Tensor *part) {
  int64_t n = l->trip, done = 0, at;
  if (l->counted) n = MAX(MIN(tensor_get_i(arg, 0), n), 0), arg++;
  int ncapture = l->body->in.n - 1 - l->ncarry - l->nscan;
  Tensor *in = NEWS(a, Tensor, l->body->in.n), *out = NEWS(a, Tensor, l->body->out.n + 1);
  in[0] = (Tensor){T_I64, {0}, &at};
  memcpy(in + 1, arg, (size_t)(l->body->in.n - 1) * sizeof *in);
  collected_rooms(cx, a, l, part);
  for (; done < n; done++) {
    at = l->reverse ? n - 1 - done : done;
    if (!goes_on(l, a, z, in, ncapture)) break;
    for (int k = 0; k < l->nscan; k++) in[1 + l->ncarry + k] = row_of(&arg[l->ncarry + k], at);
    eval_noisy(l->body, a, z, in, out);
    for (int k = 0; k < l->ncarry;
         k++) { /* the index is one place: an output that is it gets a copy */
      in[1 + k] = out[k];
      if (out[k].data == &at) in[1 + k].data = arena_copy(a, &at, sizeof at);
    }
    for (int k = l->ncarry; k < l->ncarry + l->ncollect; k++) {
      Tensor row = row_of(&part[k], at);
      if (bytes_of(&row)) memcpy(row.data, out[k].data, bytes_of(&row));
    }
  }
  memcpy(part, in + 1, (size_t)l->ncarry * sizeof *part);
  if (!l->cond) return;
  part[l->ncarry + l->ncollect] = tensor_new(cx, a, T_I64, &(Shape){0});
  memcpy(part[l->ncarry + l->ncollect].data, &done, sizeof done);
}

void eval_noisy_bundle(Cx *cx, Arena *a, Noisy *z, const Ins *in, const Tensor *arg, Tensor *part) {
  if (in->op == OP_loop) noisy_loop(cx, a, z, in->u.loop, arg, part);
  else if (in->op == OP_branch)
    eval_noisy(tensor_get_i(arg, 0) ? in->u.branch->then : in->u.branch->other, a, z, arg + 1,
               part);
  else if (in->op == OP_call) eval_noisy(in->u.body->fn, a, z, arg, part);
  else cx_bug(cx, "a derivative instruction in a program to be evaluated");
}
