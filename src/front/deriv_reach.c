/* deriv_reach.c: why a derivative is zero. In: the body of a derivative and what it is with respect
 * to. Out: a warning for each thing that `wrt:` names and that no result depends on in a way that a
 * derivative follows, with the place where the dependence ends. */
#include "front/deriv.h"

typedef struct Reach {
  const Fn *f;
  bool *alive;   /* depends on the input, and a derivative would follow */
  bool *depends; /* in whatever way */
  bool *needed;  /* by the results */
} Reach;

static bool follows(const Ins *in, int k) {
  if (op_kind((Op)in->op) == KIND_MAP) {
    const char *partial = op_info[in->op].partial[k];
    return !partial || strcmp(partial, "0");
  }
  return k == 0 || (in->op != OP_gather && in->op != OP_scatter);
}

static void spread_from(Reach *r, int input) {
  const Fn *f = r->f;
  r->alive[f->in.at[input].val] = r->depends[f->in.at[input].val] = true;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    bool carries = in->type == T_BUNDLE || type_is_float((DType)in->type);
    for (int k = 0; k < in->nargs; k++) {
      r->depends[v] |= r->depends[in->arg[k]];
      r->alive[v] |= carries && r->alive[in->arg[k]] && follows(in, k);
    }
  }
  for (int i = 0; i < f->out.n; i++) r->needed[f->out.at[i].val] = true;
  for (Val v = f->ins.n; v-- > 1;)
    for (int k = 0; r->needed[v] && k < fn_ins(f, v)->nargs; k++) r->needed[fn_ins(f, v)->arg[k]] = true;
}

static bool reaches(const Reach *r) {
  for (int i = 0; i < r->f->out.n; i++)
    if (r->alive[r->f->out.at[i].val]) return true;
  return false;
}

/* The first instruction that the results need, depends on the input, and ends its derivative. */
static const Ins *cut(const Reach *r) {
  for (Val v = 1; v < r->f->ins.n; v++) {
    const Ins *in = fn_ins(r->f, v);
    if (!r->needed[v] || r->alive[v] || in->op == OP_arg) continue;
    for (int k = 0; k < in->nargs; k++)
      if (r->alive[in->arg[k]]) return in;
  }
  return NULL;
}

static bool said_already(Check *c, Span at) {
  for (int i = 0; i < c->cx->diags->list.n; i++) {
    const Diag *d = c->cx->diags->list.at[i];
    if (d->code == E0413 && d->span.source == at.source && d->span.lo == at.lo) return true;
  }
  return false;
}

static void warn(Check *c, const Deriv *d, int input) {
  Arena *a = c->cx->arena;
  int n = d->fn->ins.n;
  Reach r = {d->fn, NEWS(a, bool, n), NEWS(a, bool, n), NEWS(a, bool, n)};
  spread_from(&r, input);
  if (reaches(&r) || said_already(c, d->f->span)) return;
  const Ins *in = cut(&r);
  Name name = d->fn->in.at[input].name;
  Diag *w = diag(c->cx, E0413, d->f->span, "the derivative of `%s` by `%s` is always 0", d->f->of->name, name);
  if (!in) {
    diag_note(c->cx, w, "its result doesn't depend on `%s`", name);
  } else if (in->op == OP_stop) {
    diag_label(c->cx, w, in->span, "`%s` counts as a constant from here on", name);
  } else {
    if (in->span.source) diag_label(c->cx, w, in->span, "here the dependence on `%s` ends", name);
    diag_note(c->cx, w, "it goes through `%s` alone, whose derivative is 0", op_info[in->op].name);
  }
}

void deriv_warn_zero(Check *c, const Deriv *d) {
  if (c->mute) return;
  for (int i = 0, k = 0; i < d->f->wrt.n; i++) {
    int members = d->groups.at[i];
    if (members < 0 && type_is_float(d->fn->in.at[d->order.at[k]].type)) warn(c, d, d->order.at[k]);
    k += members < 0 ? 1 : members;
  }
}
