/* laws.c: the laws of laws.h, on one function. Every step names itself in c->where, so that a
 * failure says which derivative of which form broke. */
#include "laws.h"

#include "driver/compile.h"
#include "front/front.h"
#include "gen_program.h"
#include "pass/pass.h"

#include <math.h>
#include <stdlib.h>

const char *const law_text[LAW_COUNT] = {
#define _(name, text) text,
    LAW_TABLE(_)
#undef _
};

bool law_broken(LawCheck *c, Law law, const char *where, const char *detail) {
  c->broken = law;
  c->where = where;
  c->detail = detail;
  return false;
}

/* A pass gave NULL: a diagnostic. An operator without derivative is a proper answer. */
bool law_declined(Cx *cx, LawCheck *c, const char *where) {
  bool fine = cx->diags->list.n > 0;
  for (int i = 0; i < cx->diags->list.n; i++) fine = fine && cx->diags->list.at[i]->code == E0401;
  const char *text = diag_text(cx);
  diag_clear(cx);
  return fine || law_broken(c, LAW_ERROR, where, text);
}

/* ---- printing ---- */
Program *law_reader(Cx *cx, LawDesk *d) {
  if (d->reader && d->cx == cx) {
    front_settle(d->reader);
    front_undo(d->reader, d->mark);
    return d->reader;
  }
  RuleBook *rules = cx->rules;
  d->cx = cx;
  d->reader = front_new(cx);
  if (rules) cx->rules = rules; /* the functions read so far belong to the first book */
  d->mark = front_mark(d->reader, cx->arena);
  return d->reader;
}

/* Which of the labels of a window, v[3*i + j], its view names first can't be told from the text of
 * a contraction over it, and doesn't matter. */
static bool symmetric_window_in(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op != OP_contract) continue;
    for (int k = 0; k < 2; k++) {
      const Ins *x = fn_ins(f, in->arg[k]);
      for (int d = 0; x->op == OP_view && d < x->u.view->rank; d++)
        if (x->u.view->dim[d].n > 1) return true;
    }
  }
  return false;
}

/* f, and what its text is read back as: the same text again, or at least the same values. */
static bool computes_alike(const Fn *f, const Fn *g, const LawCheck *c) {
  Cx *cx = f->cx;
  if (!strcmp(nn_text(f), nn_text(g))) return true;
  const Fn *pf = pass_expand(f), *pg = pass_expand(g);
  pf = pf ? pass_bind_sizes(pf, law_sizes(f, c->seed)) : NULL;
  pg = pg ? pass_bind_sizes(pg, law_sizes(f, c->seed)) : NULL;
  if (!pf || !pg || pf->in.n != pg->in.n || pf->out.n != pg->out.n) return false;
  Tensor *in = random_inputs(pf, c->seed, c->spice);
  Bounded *x = NEWS(cx->arena, Bounded, f->out.n + 1), *y = NEWS(cx->arena, Bounded, f->out.n + 1);
  eval_bounded(pf, in, c->seed, x);
  eval_bounded(pg, in, c->seed, y);
  for (int i = 0; i < f->out.n; i++)
    if (differ_both(cx, &x[i], &y[i])) return false;
  return true;
}

static bool law_print(const Fn *f, LawCheck *c, const char *where) {
  Cx *cx = f->cx;
  const char *text = nn_text(f);
  Program *p = law_reader(cx, c->desk);
  int32_t source = cx_add_source(cx, "printed", text, strlen(text), false);
  front_declare(p, ast_parse(cx, source));
  Fn *g = diag_errors(cx) ? NULL : front_function(p, f->name);
  if (!g) {
    const char *why = text_printf(cx, "%s\n%s", text, diag_text(cx));
    diag_clear(cx);
    return law_broken(c, LAW_PRINT, where, why);
  }
  if (ir_equal(f, g)) return true;
  const Fn *sf = pass_expand(f), *sg = pass_expand(g);
  if (sf && sg && ir_equal(pass_simplify(sf), pass_simplify(sg))) return true;
  diag_clear(cx);
  if (symmetric_window_in(f) && computes_alike(f, g, c)) return true;
  return law_broken(
      c, LAW_PRINT, where,
      text_printf(cx, "%s\n%s\nis read back as\n%s", text, dump_text(f), dump_text(g)));
}

static bool law_verify(const Fn *f, LawCheck *c, const char *where) {
  const char *wrong = ir_verify(f);
  return !wrong ||
         law_broken(c, LAW_VERIFY, where, text_printf(f->cx, "%s\n%s", wrong, dump_text(f)));
}

/* ---- one form of a program ---- */
enum { MOST_INSTRUCTIONS = 500, MOST_INSIDE = 1000, MOST_ELEMENTS = 1 << 22 };

int law_instructions(const Fn *f) {
  int n = f->ins.n;
  for (Val v = 1; v < f->ins.n; v++) {
    const Fn *body[3];
    int bodies = ins_bodies(fn_ins(f, v), body);
    for (int k = 0; k < bodies; k++) n += law_instructions(body[k]);
  }
  return n;
}

/* Of all values that an evaluation makes; named sizes count as 1. */
static double elements(const Fn *f) {
  double sum = 0;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    const Fn *body[3];
    int bodies = ins_bodies(in, body);
    double n = 1,
           times = in->op == OP_loop && dim_is_number(in->u.loop->trip) ? in->u.loop->trip : 1;
    for (int d = 0; d < in->shape.rank; d++)
      if (dim_is_number(in->shape.dim[d])) n *= (double)in->shape.dim[d];
    for (int k = 0; k < bodies; k++) sum += times * elements(body[k]);
    sum += n;
  }
  return sum;
}

bool law_is_tractable(const Fn *f) {
  return f->ins.n < MOST_INSTRUCTIONS && law_instructions(f) < MOST_INSIDE &&
         elements(f) < MOST_ELEMENTS;
}

/* Everything that must hold of f taken alone; all sizes numbers. */
static bool laws_of_one(const Fn *f, LawCheck *c, const char *where) {
  Cx *cx = f->cx;
  c->form = f;
  if (!law_verify(f, c, where)) return false;
  if (c->what & CHECK_PRINT && !law_print(f, c, where)) return false;
  const Fn *plain = pass_expand(f);
  if (!plain) return law_declined(cx, c, where);
  if (!law_is_tractable(plain)) return true;
  const Fn *g = compile_prepare(f, &(SizeBindings){0});
  if (!g) return law_declined(cx, c, where);
  const char *prepared = text_printf(cx, "%s, simplified", where);
  if (!law_verify(g, c, prepared)) return false;
  if (c->what & CHECK_PRINT && g != f && !law_print(g, c, prepared)) return false;
  Tensor *in = random_inputs(f, c->seed, c->spice);
  Bounded *x = NEWS(cx->arena, Bounded, f->out.n + 1), *y = NEWS(cx->arena, Bounded, f->out.n + 1);
  eval_bounded(plain, in, c->seed, x);
  eval_bounded(g, in, c->seed, y);
  for (int i = 0; i < f->out.n; i++) {
    const char *wrong = differ_both(cx, &x[i], &y[i]);
    if (wrong && c->spice != SPICE_EXTREME) /* simplify.def lets an overflow on the way disappear */
      return law_broken(c, LAW_PREPARE, where,
                        text_printf(cx, "output %d, %s\n%s\nbecomes\n%s", i, wrong,
                                    dump_text(plain), dump_text(g)));
  }
  if (c->what & CHECK_JIT) law_native_add(f, g, c, where, in, y);
  return true;
}

/* ---- derivatives ---- */
bool *law_all_floats(const Fn *f, int *n) {
  bool *wrt = NEWS(f->cx->arena, bool, f->in.n + 1);
  *n = 0;
  for (int i = 0; i < f->in.n; i++) *n += wrt[i] = type_is_float(f->in.at[i].type);
  return wrt;
}
int law_float_outputs(const Fn *f) {
  int n = 0;
  for (int i = 0; i < f->out.n; i++) n += type_is_float((DType)fn_ins(f, f->out.at[i].val)->type);
  return n;
}

static Val inner_product(Builder *b, Val sum, Val x, Val y) {
  Val xy = ir_map2(b, OP_mul, ir_cast(b, T_F64, x), ir_cast(b, T_F64, y));
  Val s = ir_fold(b, OP_sum, xy, (1u << ir_shape(b, xy)->rank) - 1);
  return sum ? ir_map2(b, OP_add, sum, s) : s;
}

static Val copy_of_input(Builder *b, const char *prefix, const Input *in) {
  return ir_input(b, name_fmt(b->cx, "%s%s", prefix, in->name), in->type, &in->shape, in->role,
                  in->span);
}

Fn *modes_function(const Fn *f) {
  Cx *cx = f->cx;
  int nwrt;
  bool *wrt = law_all_floats(f, &nwrt);
  if (!nwrt || !law_float_outputs(f)) return NULL;
  Fn *r = pass_adjoint(f, wrt), *t = r ? pass_tangent(f, wrt) : NULL;
  if (!t) return NULL;
  Builder b = ir_begin(cx, name_of(cx, "modes"));
  int n = f->in.n, nf = law_float_outputs(f);
  Val *args = NEWS(cx->arena, Val, n + nf + 1), *targs = NEWS(cx->arena, Val, n + nwrt + 1);
  Val *outs = NEWS(cx->arena, Val, f->out.n + nwrt + 1),
      *touts = NEWS(cx->arena, Val, f->out.n + nf + 1);
  for (int i = 0; i < n; i++) args[i] = targs[i] = copy_of_input(&b, "", &f->in.at[i]);
  for (int i = 0; i < nwrt; i++) targs[n + i] = copy_of_input(&b, "", &t->in.at[n + i]);
  for (int i = 0; i < nf; i++) args[n + i] = copy_of_input(&b, "", &r->in.at[n + i]);
  ir_inline(&b, r, args, outs);
  ir_inline(&b, t, targs, touts);
  Val left = 0, right = 0;
  for (int i = 0; i < nwrt; i++) left = inner_product(&b, left, outs[f->out.n + i], targs[n + i]);
  for (int i = 0; i < nf; i++) right = inner_product(&b, right, args[n + i], touts[f->out.n + i]);
  ir_output(&b, name_of(cx, "reverse"), left);
  ir_output(&b, name_of(cx, "forward"), right);
  return ir_finish(&b);
}

/* f in f64: no f32, no rounding casts. */
static bool law_modes(const Fn *f, LawCheck *c, Law law, const char *where) {
  Cx *cx = f->cx;
  Fn *m = modes_function(f);
  if (!m) return diag_errors(cx) ? law_declined(cx, c, where) : true;
  if (!law_verify(m, c, where)) return false;
  if (!law_is_tractable(m)) return true;
  Bounded y[2];
  eval_bounded(m, random_inputs(m, c->seed, c->spice), c->seed, y);
  double x = tensor_get(&y[0].value, 0), z = tensor_get(&y[1].value, 0);
  if (!isfinite(x) || !isfinite(z)) return true;
  const char *wrong = differ_both(cx, &y[0], &y[1]);
  return !wrong || law_broken(c, law, where, text_printf(cx, "%s\n%s", wrong, dump_text(f)));
}

/* The values of g, which is f or its tangent, at in + step * direction, the directions being the
 * inputs behind f's own. */
static Bounded *moved_values(const Fn *f, const Fn *g, const LawCheck *c, const bool *wrt,
                             const Tensor *in, double step) {
  Cx *cx = f->cx;
  Tensor *at = NEWS(cx->arena, Tensor, g->in.n + 1);
  Bounded *y = NEWS(cx->arena, Bounded, g->out.n + 1);
  for (int i = 0, j = f->in.n; i < g->in.n; i++) {
    at[i] = in[i];
    if (i >= f->in.n || !wrt[i]) continue;
    at[i] = tensor_new(cx, cx->arena, in[i].type, &in[i].shape);
    for (int64_t e = 0; e < tensor_count(&at[i]); e++)
      tensor_set(&at[i], e, tensor_get(&in[i], e) + step * tensor_get(&in[j], e));
    j++;
  }
  eval_bounded(g, at, c->seed, y);
  return y;
}

/* Whether the slope stays what it is between the points of the smallest step: cos of 1e11 turns so
 * often there that no differences say anything of it, whatever they happen to be. */
static bool is_steady(Bounded *const *tangent, int output, int64_t e, double got) {
  for (int k = 0; k < 2; k++) {
    double there = tensor_get(&tangent[k][output].value, e);
    if (!(fabs(there - got) <= 0.5 * fabs(got))) return false;
  }
  return true;
}

/* Whether `got` can be the derivative that (f(x + h v) - f(x - h v)) / 2h at h and 3h speak of:
 * their difference says how far to trust them. */
static bool is_slope(Bounded *const *y, int64_t e, double h, double got, double slack,
                     double *best) {
  double v[4], noise = 0;
  for (int k = 0; k < 4; k++) v[k] = tensor_get(&y[k]->value, e), noise += y[k]->slack[e];
  double d1 = (v[0] - v[1]) / (2 * h), d2 = (v[2] - v[3]) / (6 * h), apart = fabs(d1 - d2);
  *best = d1 + (d1 - d2) / 8; /* Richardson */
  double allowed = apart + noise / h + slack + 1e-9 * (1 + fabs(got));
  if (!isfinite(*best) || fabs(*best - got) <= allowed) return true;
  /* they don't even agree on the order of magnitude, and not for noise: the function turns many
   * times within a step (sin of 1e10) */
  return apart > 0.5 * fmax(fabs(d1), fabs(d2)) && apart > 10 * noise / h + 1e-6;
}

/* The tangent is the slope at some step: a function that grows fast (a recurrence that triples in
 * every step, in a sine) needs a smaller one than 1e-4. */
static bool law_differences(const Fn *f, LawCheck *c, const char *where) {
  static const double steps[] = {1e-4, 1e-5, 1e-6, 1e-7};
  Cx *cx = f->cx;
  int nwrt;
  bool *wrt = law_all_floats(f, &nwrt), agree = false;
  if (!nwrt || !law_float_outputs(f)) return true;
  Fn *t = pass_tangent(f, wrt);
  if (!t) return law_declined(cx, c, where);
  if (!law_is_tractable(t)) return true;
  Tensor *in = random_inputs(t, c->seed, SPICE_SMOOTH);
  Bounded *d = NEWS(cx->arena, Bounded, t->out.n + 1), *near[2] = {NULL, NULL};
  const char *why = "";
  eval_bounded(t, in, c->seed, d);
  for (int s = 0; s < COUNT_OF(steps) && !agree; s++) {
    double h = steps[s], step[4] = {h, -h, 3 * h, -3 * h}, best;
    Bounded *y[4], *at[4];
    agree = true;
    for (int k = 0; k < 4; k++) y[k] = moved_values(f, f, c, wrt, in, step[k]);
    for (int i = 0, j = f->out.n; i < f->out.n; i++) {
      if (!type_is_float(y[0][i].value.type)) continue;
      for (int k = 0; k < 4; k++) at[k] = &y[k][i];
      for (int64_t e = 0; e < tensor_count(&at[0]->value); e++) {
        double got = tensor_get(&d[j].value, e), slack = d[j].slack[e];
        /* rounding alone decides it: sin of 1e20 */
        if (!isfinite(got) || slack > 0.1 * fabs(got)) continue;
        if (is_slope(at, e, h, got, slack, &best)) continue;
        if (s + 1 == COUNT_OF(steps)) {
          for (int k = 0; k < 2 && !near[k]; k++) near[k] = moved_values(f, t, c, wrt, in, step[k]);
          if (!is_steady(near, j, e, got)) continue;
        }
        agree = false;
        why = text_printf(cx, "output %d, element %lld: tangent %.17g, differences %.17g\n%s", i,
                          (long long)e, got, best, dump_text(f));
      }
      j++;
    }
  }
  return agree || law_broken(c, LAW_DIFFERENCES, where, why);
}

/* Only the outputs from `first` on. */
static Fn *outputs_from(const Fn *f, int first) {
  Builder b = ir_begin(f->cx, f->name);
  Val *args = NEWS(f->cx->arena, Val, f->in.n + 1), *outs = NEWS(f->cx->arena, Val, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) args[i] = copy_of_input(&b, "", &f->in.at[i]);
  ir_inline(&b, f, args, outs);
  for (int i = first; i < f->out.n; i++) ir_output(&b, f->out.at[i].name, outs[i]);
  return ir_finish(&b);
}

/* <v1, H v2> == <v2, H v1> with H the Hessian of <w, f>: the tangent of the adjoint, twice. */
static bool law_symmetry(const Fn *f, const Fn *gradient, LawCheck *c) {
  Cx *cx = f->cx;
  int n = f->in.n, nf = law_float_outputs(f), nwrt;
  law_all_floats(f, &nwrt);
  bool *wrt = NEWS(cx->arena, bool, gradient->in.n + 1);
  for (int i = 0; i < n; i++) wrt[i] = type_is_float(f->in.at[i].type);
  Fn *h = pass_tangent(gradient, wrt); /* inputs: x, w, v; outputs: gradient, H v */
  if (!h) return law_declined(cx, c, "symmetry");
  Builder b = ir_begin(cx, name_of(cx, "symmetry"));
  Val *args[2], *outs[2], result[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    args[k] = NEWS(cx->arena, Val, h->in.n + 1);
    outs[k] = NEWS(cx->arena, Val, h->out.n + 1);
    for (int i = 0; i < h->in.n; i++)
      args[k][i] =
          k && i < n + nf ? args[0][i] : copy_of_input(&b, k ? "second_" : "", &h->in.at[i]);
    ir_inline(&b, h, args[k], outs[k]);
  }
  for (int i = 0; i < nwrt; i++)
    for (int k = 0; k < 2; k++)
      result[k] = inner_product(&b, result[k], args[!k][n + nf + i], outs[k][nwrt + i]);
  ir_output(&b, NULL, result[0]);
  ir_output(&b, NULL, result[1]);
  Fn *s = ir_finish(&b);
  if (!law_is_tractable(s)) return true;
  Bounded y[2];
  eval_bounded(s, random_inputs(s, c->seed, c->spice), c->seed, y);
  if (!isfinite(tensor_get(&y[0].value, 0)) || !isfinite(tensor_get(&y[1].value, 0))) return true;
  const char *wrong = differ_both(cx, &y[0], &y[1]);
  return !wrong ||
         law_broken(c, LAW_SYMMETRY, "symmetry", text_printf(cx, "%s\n%s", wrong, dump_text(f)));
}

static bool derivative_laws(const Fn *f, LawCheck *c) {
  Cx *cx = f->cx;
  int nwrt;
  bool *wrt = law_all_floats(f, &nwrt);
  if (!nwrt || !law_float_outputs(f) || !law_is_tractable(f)) return true;
  Fn *adjoint = pass_adjoint(f, wrt), *tangent = adjoint ? pass_tangent(f, wrt) : NULL;
  if (!tangent) return law_declined(cx, c, "derivatives");
  if (!laws_of_one(adjoint, c, "adjoint")) return false;
  if (!laws_of_one(tangent, c, "tangent")) return false;
  c->form = NULL;
  /* the rest by the evaluator, in double precision */
  Fn *wide = pass_to_f64(f);
  if (!law_verify(wide, c, "in f64") || !law_modes(wide, c, LAW_MODES, "first derivative"))
    return false;
  if (c->smooth && !law_differences(wide, c, "first derivative")) return false;
  Fn *gradient = pass_adjoint(wide, law_all_floats(wide, &nwrt));
  if (!gradient) return law_declined(cx, c, "adjoint in f64");
  gradient = outputs_from(gradient, f->out.n);
  if (!law_is_tractable(gradient)) return true;
  if (!law_modes(gradient, c, LAW_SECOND, "second derivative")) return false;
  if (c->smooth && !law_differences(gradient, c, "second derivative")) return false;
  if (c->smooth && !law_symmetry(wide, gradient, c)) return false;
  Fn *second = pass_adjoint(outputs_from(adjoint, f->out.n), law_all_floats(adjoint, &nwrt));
  if (!second) return law_declined(cx, c, "second adjoint");
  if (!law_is_tractable(second)) return true;
  int what = c->what; /* machine code of large ones is made for a share of the programs */
  if (law_instructions(second) > 200 && c->seed % 4) c->what &= ~CHECK_JIT;
  bool ok = laws_of_one(second, c, "second adjoint");
  c->what = what;
  return ok;
}

/* ---- all of them ---- */
static bool has_named_sizes(const Fn *f) {
  for (int i = 0; i < f->in.n; i++)
    if (!shape_is_numbers(&f->in.at[i].shape)) return true;
  return false;
}

static bool all_laws(const Fn *f, LawCheck *c) {
  Cx *cx = f->cx;
  if (!law_verify(f, c, "as built")) return false;
  if (has_named_sizes(f)) {
    if (c->what & CHECK_PRINT && !law_print(f, c, "named sizes")) return false;
    const SizeBindings *sizes = law_sizes(f, c->seed);
    if (c->what & CHECK_JIT && !law_names(f, c, sizes)) return false;
    const Fn *plain = pass_expand(f);
    f = plain ? pass_bind_sizes(plain, sizes) : NULL;
    if (!f) return law_declined(cx, c, "sizes bound");
  }
  if (!laws_of_one(f, c, "the program")) return false;
  if (c->what & CHECK_DERIVATIVES) {
    const Fn *plain = pass_expand(f);
    if (!(plain ? derivative_laws(plain, c) : law_declined(cx, c, "expanded"))) return false;
  }
  return law_native_run(c);
}

typedef struct Job {
  const Fn *f;
  LawCheck *c;
} Job;
static Status do_check(void *arg) {
  Job *j = arg;
  return all_laws(j->f, j->c) ? ST_OK : ST_FINDINGS;
}

bool check_laws(const Fn *f, LawCheck *c) {
  Cx *cx = f->cx;
  int what = c->what;
  LawDesk own = {0}, *desk = c->desk;
  if (!desk) c->desk = &own;
  c->broken = LAW_NONE;
  c->forms = NULL, c->native = NULL;
  Status s = cx_guard(cx, do_check, &(Job){f, c});
  c->what = what, c->desk = desk;
  diag_clear(cx);
  if (s == ST_OK || s == ST_FINDINGS) return s == ST_OK;
  if (strstr(cx->trap_text, "rank above")) return true; /* a limit of the language */
  return law_broken(c, LAW_INTERNAL, "", text_printf(cx, "%s\n%s", cx->trap_text, dump_text(f)));
}

/* ---- reports ---- */
static bool fails_alike(const Fn *f, void *arg) {
  const LawCheck *failed = arg;
  LawCheck c = *failed;
  return !check_laws(f, &c) && c.broken == failed->broken;
}

/* The first elements of what the broken program was given. */
static const char *inputs_text(const Fn *f, const LawCheck *c) {
  Text out = text_new(f->cx->arena);
  for (int i = 0; i < f->in.n; i++)
    if (!shape_is_numbers(&f->in.at[i].shape)) return "";
  const Tensor *in = random_inputs(f, c->seed, c->spice);
  for (int i = 0; i < f->in.n; i++) {
    text_fmt(&out, "  %s =", f->in.at[i].name);
    for (int64_t k = 0; k < MIN(tensor_count(&in[i]), 40); k++)
      text_fmt(&out, " %.17g", tensor_get(&in[i], k));
    text_add(&out, "\n");
  }
  return text_str(&out);
}

const char *law_report(const Fn *f, LawCheck *c) {
  if (c->form && c->form != f) { /* a derivative may be taken for a program of its own */
    LawCheck alone = *c;
    alone.what &= ~CHECK_DERIVATIVES;
    const Fn *form = c->form;
    if (!check_laws(form, &alone) && alone.broken == c->broken) f = form, *c = alone;
  }
  const Fn *small = shrink_function(f, fails_alike, c);
  LawCheck again = *c;
  if (check_laws(small, &again)) again = *c, small = f;
  const char *text = "";
  if (again.broken != LAW_VERIFY) text = dump_text(small);
  return text_printf(f->cx, "seed %llu: broken: %s (%s)\n%s\nshrunk to\n%sof\n%s",
                     (unsigned long long)c->seed, law_text[c->broken], again.where, again.detail,
                     text, again.broken == LAW_VERIFY ? "" : inputs_text(small, &again));
}
