/* shrink_program.c: a function without what doesn't matter to its failure. See gen_program.h. */
#include "gen_program.h"

typedef enum Cut { CUT_INPUT, CUT_OPERAND, CUT_ZERO } Cut;

/* f with instruction v replaced (0: none) and only the outputs in `outs`; inputs nobody needs go.
 */
static Fn *with_cut(const Fn *f, Val v, Cut how, uint32_t outs) {
  Cx *cx = f->cx;
  Builder b = ir_begin(cx, f->name);
  Val *to = NEWS(cx->arena, Val, f->ins.n);
  bool *live = NEWS(cx->arena, bool, f->ins.n);
  Val stand_in = 0;
  for (int i = 0; i < f->out.n; i++)
    if (outs >> i & 1) live[f->out.at[i].val] = true;
  for (Val u = f->ins.n; u-- > 1;) {
    const Ins *in = fn_ins(f, u);
    if (!live[u]) continue;
    if (u == v && how == CUT_OPERAND) {
      for (int k = 0; k < in->nargs && !stand_in; k++) {
        const Ins *a = fn_ins(f, in->arg[k]);
        if (a->type == in->type && shape_eq(&a->shape, &in->shape)) stand_in = in->arg[k];
      }
      if (!stand_in) return NULL;
      live[stand_in] = true;
    } else if (u != v) {
      for (int k = 0; k < in->nargs; k++) live[in->arg[k]] = true;
    }
  }
  for (int i = 0; i < f->in.n; i++) /* it may be what binds a name */
    if (!shape_is_numbers(&f->in.at[i].shape)) live[f->in.at[i].val] = true;
  if (v && (!live[v] || fn_ins(f, v)->type == T_BUNDLE)) return NULL;
  for (Val u = 1; u < f->ins.n; u++) {
    const Ins *in = fn_ins(f, u);
    if (!live[u]) continue;
    if (u == v && how == CUT_OPERAND) to[u] = to[stand_in];
    else if (u == v && how == CUT_ZERO) to[u] = ir_const_i(&b, (DType)in->type, &in->shape, 0);
    else if (u == v || in->op == OP_arg) {
      Name name = in->op == OP_arg ? f->in.at[in->u.i].name : name_fmt(cx, "v%d", b.fn->in.n);
      while (fn_input(b.fn, name) >= 0) name = name_fmt(cx, "%s_", name);
      to[u] = ir_input(&b, name, (DType)in->type, &in->shape, ROLE_ARG, (Span){0});
    } else {
      Val *arg = NEWS(cx->arena, Val, in->nargs + 1);
      for (int k = 0; k < in->nargs; k++) arg[k] = to[in->arg[k]];
      to[u] = ir_copy(&b, in, arg);
    }
  }
  for (int i = 0; i < f->out.n; i++)
    if (outs >> i & 1) ir_output(&b, f->out.at[i].name, to[f->out.at[i].val]);
  return ir_finish(&b);
}

typedef struct CutJob {
  const Fn *f;
  Val v;
  Cut how;
  uint32_t outs;
  const Fn *result;
} CutJob;
static Status do_cut(void *arg) {
  CutJob *j = arg;
  j->result = with_cut(j->f, j->v, j->how, j->outs);
  return ST_OK;
}
static const Fn *try_cut(const Fn *f, Val v, Cut how, uint32_t outs) {
  CutJob j = {f, v, how, outs, NULL};
  return cx_guard(f->cx, do_cut, &j) == ST_OK ? j.result : NULL;
}

static int work_in(const Fn *f) { /* what shrinking makes less of */
  int n = 0;
  for (Val v = 1; v < f->ins.n; v++) n += 1 + (op_kind((Op)fn_ins(f, v)->op) != KIND_LEAF);
  return n;
}

const Fn *shrink_function(const Fn *f, bool (*still_fails)(const Fn *f, void *arg), void *arg) {
  int tries = 0;
  for (bool smaller = true; smaller && tries < 400;) {
    smaller = false;
    uint32_t all = (1u << f->out.n) - 1;
    for (int i = 0; f->out.n > 1 && i < f->out.n && !smaller; i++) {
      const Fn *g = try_cut(f, 0, CUT_INPUT, 1u << i);
      tries++;
      if (g && still_fails(g, arg)) f = g, smaller = true;
    }
    for (Val v = f->ins.n; v-- > 1 && !smaller;) {
      if (fn_ins(f, v)->op == OP_const || fn_ins(f, v)->op == OP_arg) continue;
      for (int how = CUT_INPUT; how <= CUT_ZERO && !smaller; how++) {
        const Fn *g = try_cut(f, v, (Cut)how, all);
        if (!g || work_in(g) >= work_in(f)) continue;
        tries++;
        if (still_fails(g, arg)) f = g, smaller = true;
      }
    }
  }
  return f;
}
