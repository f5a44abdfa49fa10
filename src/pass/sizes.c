/* sizes.c: named sizes become numbers.
 * needs: nothing   keeps: everything else   breaks: nothing */
#include "ir/walk.h"
#include "pass/pass.h"

static const char *sizes_text(Cx *cx, const SizeBindings *sizes) {
  Text t = text_new(cx->arena);
  for (int i = 0; i < sizes->list.n; i++) {
    text_fmt(&t, "%s%s = ", i ? ", " : "", sizes->list.at[i].name);
    dim_print(cx, sizes->list.at[i].value, &t);
  }
  return text_str(&t);
}

/* The first read of a view that leaves its operand although the source claims that none does. */
static void report_outside(Cx *cx, const Ins *view, const Shape *operand,
                           const SizeBindings *sizes) {
  Diag *d = diag(cx, E0510, view->span, "this reads outside of a tensor of shape %s",
                 type_text(cx, (DType)view->type, operand) + strlen(type_info[view->type].word));
  if (sizes->list.n) diag_note(cx, d, "for %s", sizes_text(cx, sizes));
  diag_hint(cx, d, "pad the tensor with zeros, or read inside(..), which is 0 outside");
}

/* False after a diagnostic: a window that finds no room in its axis leaves a label less than
 * nothing, and a size may be larger than an axis. */
static bool check_extents(Cx *cx, const Ins *in, const SizeBindings *sizes) {
  for (int d = 0; d < in->shape.rank; d++) {
    Dim n = dim_subst(cx, in->shape.dim[d], sizes);
    if (!dim_is_number(n) || (n >= 0 && n <= EXTENT_MAX)) continue;
    Diag *e = diag(cx, n < 0 ? E0511 : E0814, in->span, "axis %d of this has the extent %lld", d,
                   (long long)n);
    if (n > 0) diag_note(cx, e, "an axis has at most %d elements: indices are i32", EXTENT_MAX);
    if (sizes->list.n) diag_note(cx, e, "for %s", sizes_text(cx, sizes));
    return false;
  }
  return true;
}

static Fn *bind_body(const Fn *f, void *sizes) {
  Fn *g = pass_bind_sizes(f, sizes);
  return g ? g : (Fn *)f; /* the caller sees the diagnostics */
}

/* Derivatives and maps to be expanded: their bodies. */
static Val bind_derivative(Walk *w, const Ins *in, const SizeBindings *sizes) {
  const Body *body = in->u.body;
  bool *wrt = NEWS(w->b.cx->arena, bool, body->fn->in.n + 1);
  for (int i = 0; i < body->fn->in.n; i++) wrt[i] = body_wrt(body, i);
  Fn *f = bind_body(body->fn, (void *)sizes);
  if (in->op != OP_vmap)
    return (in->op == OP_vjp ? ir_vjp : ir_jvp)(&w->b, f, wrt, walk_args(w, in), in->nargs);
  Shape lead = body->lead;
  for (int d = 0; d < lead.rank; d++) lead.dim[d] = dim_subst(w->b.cx, lead.dim[d], sizes);
  return ir_vmap(&w->b, f, wrt, &lead, walk_args(w, in));
}

/* Loops, branches and calls: their bodies, and the number of iterations. */
static Val bind_bundle(Walk *w, const Ins *in, const SizeBindings *sizes) {
  if (!ins_has_bodies(in)) return bind_derivative(w, in, sizes);
  Ins copy = *in;
  Loop loop;
  if (in->op == OP_loop) {
    loop = *in->u.loop;
    loop.trip = dim_subst(w->b.cx, loop.trip, sizes);
    copy.u.loop = &loop;
  }
  return walk_copy_bodies(w, &copy, bind_body, (void *)sizes);
}

Fn *pass_bind_sizes(const Fn *f, const SizeBindings *sizes) {
  Cx *cx = f->cx;
  Walk w = {.b = ir_begin(cx, f->name), .f = f, .to = NEWS(cx->arena, Val, f->ins.n)};
  int errors = diag_errors(cx);
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    Shape s = in->shape;
    for (int d = 0; d < s.rank; d++) s.dim[d] = dim_subst(cx, s.dim[d], sizes);
    w.to[in->val] = ir_input(&w.b, in->name, in->type, &s, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (!check_extents(cx, in, sizes)) return NULL;
    if (in->op == OP_arg) continue;
    bool bundle = op_kind((Op)in->op) == KIND_LOOP;
    Val n = bundle ? bind_bundle(&w, in, sizes) : ir_copy_with(&w.b, in, walk_args(&w, in), sizes);
    w.to[v] = n;
    if (diag_errors(cx) > errors) return NULL; /* bodies that failed don't fit together any more */
    const Ins *now = ir_ins(&w.b, n);
    const Shape *operand = now->op == OP_view ? ir_shape(&w.b, now->arg[0]) : NULL;
    bool known = operand && shape_is_numbers(&now->shape) && shape_is_numbers(operand);
    if (known && now->u.view->claim) report_outside(cx, now, operand, sizes);
  }
  return diag_errors(cx) > errors ? NULL : walk_end(&w);
}
