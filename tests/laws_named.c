/* laws_named.c: the laws of what is lowered while its sizes are names, and gets numbers when it is
 * run. */
#include "laws.h"

#include "driver/compile.h"
#include "loop/interp.h"
#include "ir/walk.h"
#include "pass/pass.h"

/* f with inputs for the sizes it computes with: what is computed of them is then evaluated, and how
 * far rounding may carry it is known. Of a number the builder would have computed it (log(5) is a
 * constant that rounded, and so is what constants cancel to). */
static const Fn *sizes_as_inputs(const Fn *f) {
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    Name name = name_fmt(f->cx, "size %d", (int)v); /* no name of the language's */
    w.to[v] = in->op == OP_size
                  ? ir_input(&w.b, name, (DType)in->type, &in->shape, ROLE_ARG, in->span)
                  : walk_copy(&w, in);
  }
  return walk_end(&w);
}

/* The inputs of that: f's, and a tensor for each size. */
static Tensor *with_sizes(const Fn *f, const Tensor *in, const SizeBindings *sizes) {
  Cx *cx = f->cx;
  Tensor *all = NEWS(cx->arena, Tensor, f->in.n + f->ins.n);
  int n = f->in.n;
  memcpy(all, in, (size_t)n * sizeof *in);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *size = fn_ins(f, v);
    if (size->op != OP_size) continue;
    Shape s = size->shape;
    for (int d = 0; d < s.rank; d++) s.dim[d] = dim_subst(cx, s.dim[d], sizes);
    all[n] = tensor_new(cx, cx->arena, (DType)size->type, &s);
    for (int64_t i = 0; i < tensor_count(&all[n]); i++)
      tensor_set(&all[n], i, (double)dim_subst(cx, size->u.size, sizes));
    n++;
  }
  return all;
}

/* f, lowered while its sizes are names, and then given numbers. */
static bool law_named(const Fn *f, LawCheck *c, const char *where, const SizeBindings *sizes) {
  static const int widths[] = {64, 32, 16, 0};
  Cx *cx = f->cx;
  Rng r = rng_at(c->seed ^ 0x9A3D);
  const Fn *g = compile_prepare(f, NULL), *bound = g ? pass_bind_sizes(g, sizes) : NULL;
  if (!bound) return law_declined(cx, c, where);
  if (!law_is_tractable(g) || !law_is_tractable(bound)) return true;
  Target t = compile_target(1 + rng_below(&r, 2));
  t.vector_bytes = MIN(widths[rng_below(&r, COUNT_OF(widths))], t.vector_bytes);
  t.expected = rng_chance(&r, 30) ? 4 : 0;
  if (rng_chance(&r, 50)) t.l1 = 1 << 10;
  where = text_printf(cx, "%s, vectors of %d bytes", where, t.vector_bytes);
  c->form = bound;
  LoopProgram *p = loop_lower(g, &t), *q = loop_bind(p, bound, sizes);
  Text loops = text_new(cx->arena);
  const char *wrong = loop_verify(p);
  if (!wrong) wrong = loop_verify(q);
  if (wrong) loop_dump(p, &loops);
  if (wrong)
    return law_broken(c, LAW_NAMED, where,
                      text_printf(cx, "%s\n%s\n%s", wrong, dump_text(g), text_str(&loops)));
  Tensor *in = random_inputs(bound, c->seed, c->spice),
         *out = NEWS(cx->arena, Tensor, f->out.n + 1);
  Bounded *want = NEWS(cx->arena, Bounded, f->out.n + 1);
  /* nothing of sizes is folded in it: it may be far larger than what runs */
  const Fn *open = pass_bind_sizes(sizes_as_inputs(g), sizes);
  if (!law_is_tractable(open)) return true;
  eval_bounded(open, with_sizes(g, in, sizes), c->seed, want);
  void **ip = NEWS(cx->arena, void *, f->in.n + 1), **op = NEWS(cx->arena, void *, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) ip[i] = in[i].data;
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(bound, bound->out.at[i].val);
    out[i] = tensor_new(cx, cx->arena, (DType)y->type, &y->shape);
    op[i] = out[i].data;
  }
  char *work = arena_alloc(cx->arena, (size_t)q->workspace + 64);
  memset(work, 0xFF, (size_t)q->workspace);
  wrong = loop_interp(q, ip, op, work);
  for (int i = 0; i < f->out.n && !wrong; i++) {
    const char *bad = differs(cx, &want[i], &out[i]);
    if (bad) wrong = text_printf(cx, "output %d, %s", i, bad);
  }
  c->checks++;
  if (!wrong) return true;
  loop_dump(p, &loops);
  return law_broken(c, LAW_NAMED, where,
                    text_printf(cx, "%s\n%s\n%s", wrong, dump_text(g), text_str(&loops)));
}

static bool named_laws(const Fn *f, LawCheck *c, const SizeBindings *sizes) {
  const Fn *plain = pass_expand(f);
  int nwrt;
  if (!plain) return law_declined(f->cx, c, "expanded");
  if (!law_named(plain, c, "the program with named sizes", sizes)) return false;
  bool *wrt = law_all_floats(plain, &nwrt);
  if (!nwrt || !law_float_outputs(plain)) return true;
  Fn *adjoint = pass_adjoint(plain, wrt);
  if (!adjoint) diag_clear(f->cx);
  return !adjoint || law_named(adjoint, c, "the adjoint with named sizes", sizes);
}

const SizeBindings *law_sizes(const Fn *f, uint64_t seed) {
  static const int numbers[] = {1, 2, 3, 5, 6};
  Cx *cx = f->cx;
  Rng r = rng_at(seed ^ 0x517E);
  SizeBindings *sizes = NEW(cx->arena, SizeBindings), names = {0};
  for (int i = 0; i < f->in.n; i++)
    for (int k = 0; k < f->in.at[i].shape.rank; k++)
      if (!dim_is_number(f->in.at[i].shape.dim[k]))
        dim_names(cx, f->in.at[i].shape.dim[k], cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Dim known;
    if (!size_lookup(sizes, names.list.at[i].name, &known))
      size_bind(cx->arena, sizes, names.list.at[i].name, numbers[rng_below(&r, COUNT_OF(numbers))]);
  }
  return sizes;
}

/* At the sizes given, and sometimes at ones that take several vectors. */
bool law_names(const Fn *f, LawCheck *c, const SizeBindings *sizes) {
  static const int more[] = {16, 19, 33, 70};
  Rng r = rng_at(c->seed ^ 0x517F);
  if (!named_laws(f, c, sizes)) return false;
  if (!sizes->list.n || !rng_chance(&r, 30)) return true;
  SizeBindings large = {0};
  for (int i = 0; i < sizes->list.n; i++)
    size_bind(f->cx->arena, &large, sizes->list.at[i].name,
              i ? sizes->list.at[i].value : more[rng_below(&r, COUNT_OF(more))]);
  return named_laws(f, c, &large);
}
