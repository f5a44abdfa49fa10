/* plan.c: an account of memory and arithmetic. In: a function, numbers for its sizes. Out: text.
 *
 * A value of the gradient's program belongs to the function itself when the function's value
 * depends on it. Of those, the ones that the rest asks for are what the way back needs: saved where
 * they have storage (or a loop collects them), computed again where they have none. In the body of
 * a loop that goes back, what follows from slices and captured values alone is computed again. */
#include "driver/plan.h"

#include "driver/compile.h"
#include "pass/pass.h"

#include <stdlib.h>

typedef struct Line { /* of a source */
  int32_t source;
  int number;
  double flops[2]; /* of the function, of its gradient */
  double saved;    /* bytes kept for the way back */
} Line;

typedef struct Kept { /* a value the way back needs */
  const Ins *in;
  Name name;
  double bytes; /* saved; 0: computed again */
  int order;
} Kept;

typedef struct Plan {
  Cx *cx;
  Vec(Line) line;
  Vec(int32_t *) number; /* per source and line: that of the entry, from 1 */
  Vec(Kept) kept;
} Plan;

/* ---- by line ---- */
static Line *line_of(Plan *p, Span span) {
  int number = 0, col;
  if (span.source) span_place(p->cx, span, &number, &col);
  while (p->number.n <= span.source) vec_push(p->cx->arena, &p->number, NULL);
  if (!p->number.at[span.source])
    p->number.at[span.source] =
        NEWS(p->cx->arena, int32_t, p->cx->sources.at[span.source].lines + 1);
  int32_t *entry = &p->number.at[span.source][number];
  if (*entry) return &p->line.at[*entry - 1];
  *entry = p->line.n + 1;
  Line l = {.source = span.source, .number = number};
  vec_push(p->cx->arena, &p->line, l);
  return &p->line.at[p->line.n - 1];
}

typedef struct Tally {
  Plan *p;
  int which; /* the function or its gradient */
} Tally;

static void add_flops(void *data, const Ins *in, double flops) {
  const Tally *t = data;
  line_of(t->p, in->span)->flops[t->which] += flops;
}

static double count_flops(Plan *p, const Fn *f, int which) {
  Tally t = {p, which};
  return fn_visit_flops(f, add_flops, &t);
}

/* ---- what the way back needs ---- */
static void keep(Plan *p, const Ins *in, Name name, double bytes) {
  Kept k = {in, name ? name : name_of(p->cx, op_info[in->op].name), bytes, p->kept.n};
  vec_push(p->cx->arena, &p->kept, k);
  line_of(p, in->span)->saved += bytes;
}

static double bytes_of(Cx *cx, const Ins *in) {
  return (double)shape_count(cx, &in->shape) * type_info[in->type].bytes;
}

static bool is_work(const Ins *in) {
  OpKind k = op_kind((Op)in->op);
  return k == KIND_MAP || k == KIND_FOLD || k == KIND_DOT || in->op == OP_gather ||
         in->op == OP_part;
}

/* The value inside of a body that part k of the bundle is made of. */
static const Ins *made_inside(const Fn *f, const Ins *part) {
  const Fn *body[8];
  const Ins *bundle = fn_ins(f, part->arg[0]);
  if (ins_bodies(bundle, body) == 0 || part->u.i >= body[0]->out.n) return part;
  return fn_ins(body[0], body[0]->out.at[part->u.i].val);
}

/* Values that follow from those marked; nothing that has no operands does. */
static bool follows(const Ins *in, const bool *mark) {
  for (int k = 0; k < in->nargs; k++)
    if (!mark[in->arg[k]]) return false;
  return in->nargs > 0;
}

static bool is_literal(const Ins *in) {
  return op_kind((Op)in->op) == KIND_LEAF && in->op != OP_arg && in->op != OP_part;
}

/* A loop of the way back: given[i] says that operand i is no cotangent. */
static void computed_again(Plan *p, const Ins *bundle, const bool *given) {
  const Loop *l = bundle->u.loop;
  const Fn *f = l->body;
  bool *mark = NEWS(p->cx->arena, bool, f->ins.n), *used = NEWS(p->cx->arena, bool, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg)
      mark[v] = in->u.i == 0 || (in->u.i > l->ncarry && given[in->u.i - 1 + l->counted]);
    else mark[v] = is_literal(in) || follows(in, mark);
    for (int k = 0; k < in->nargs && !mark[v]; k++) used[in->arg[k]] = true;
  }
  for (Val v = 1; v < f->ins.n; v++)
    if (mark[v] && used[v] && is_work(fn_ins(f, v))) keep(p, fn_ins(f, v), fn_ins(f, v)->hint, 0);
}

/* Values of the body that the loop's parts in `ahead` depend on, over all iterations. */
static bool *ahead_inside(Plan *p, const Fn *f, Val bundle, const bool *ahead) {
  const Loop *l = fn_ins(f, bundle)->u.loop;
  const Fn *b = l->body;
  bool *mark = NEWS(p->cx->arena, bool, b->ins.n), more = true;
  for (Val v = bundle + 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_part && in->arg[0] == bundle && ahead[v] && in->u.i < b->out.n)
      mark[b->out.at[in->u.i].val] = true;
  }
  while (more) {
    more = false;
    for (Val v = b->ins.n; v-- > 1;)
      for (int k = 0; k < fn_ins(b, v)->nargs && mark[v]; k++) mark[fn_ins(b, v)->arg[k]] = true;
    for (int i = 0; i < l->ncarry; i++) {
      Val out = b->out.at[i].val;
      if (mark[b->in.at[1 + i].val] && !mark[out]) more = mark[out] = true;
    }
  }
  return mark;
}

/* Part v of a loop that the function's value depends on: is it a value of the function as well? (A
 * loop over chunks of rows makes both the function's and its gradient's.) */
static bool is_ahead(Plan *p, const Fn *f, Val v, const bool *ahead) {
  const Ins *in = fn_ins(f, v), *bundle = fn_ins(f, in->arg[0]);
  if (bundle->op != OP_loop || in->u.i >= bundle->u.loop->body->out.n) return true;
  const Fn *b = bundle->u.loop->body;
  return ahead_inside(p, f, in->arg[0], ahead)[b->out.at[in->u.i].val];
}

static void find_kept(Plan *p, const LoopProgram *prog, const Fn *f, bool *ahead) {
  bool *wanted = NEWS(p->cx->arena, bool, f->ins.n);
  for (Val v = f->ins.n; v-- > 1;)
    for (int k = 0; k < fn_ins(f, v)->nargs; k++) {
      Val a = fn_ins(f, v)->arg[k];
      if (ahead[v]) ahead[a] = true;
    }
  bool *part = NEWS(p->cx->arena, bool, f->ins.n);
  for (Val v = 1; v < f->ins.n;
       v++) { /* parts that only the way back reads may come from ahead all the same */
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_part && ahead[in->arg[0]] && !ahead[v]) part[v] = is_ahead(p, f, v, ahead);
  }
  for (Val v = 1; v < f->ins.n; v++) ahead[v] |= part[v];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    bool *given = NEWS(p->cx->arena, bool, in->nargs + 1);
    for (int k = 0; k < in->nargs; k++) {
      const Ins *x = fn_ins(f, in->arg[k]);
      given[k] = ahead[in->arg[k]] || x->op == OP_arg || is_literal(x);
      if (!ahead[v] && in->op != OP_part) wanted[in->arg[k]] = true;
    }
    if (!ahead[v] && in->op == OP_loop) computed_again(p, in, given);
  }
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (!ahead[v] || !wanted[v] || !is_work(in)) continue;
    const Ins *made = in->op == OP_part ? made_inside(f, in) : in;
    bool stored = in->op == OP_part || (prog->stored && prog->stored[v]);
    keep(p, made, in->hint ? in->hint : made->hint, stored ? bytes_of(p->cx, in) : 0);
  }
}

/* ---- the text ---- */
static const char *size_text(Cx *cx, double bytes) {
  if (bytes < 10 << 10) return name_fmt(cx, "%.0f B", bytes);
  if (bytes < 10 << 20) return name_fmt(cx, "%.1f KiB", bytes / 1024);
  return name_fmt(cx, "%.1f MiB", bytes / (1 << 20));
}

static const char *place_text(Plan *p, Span span) {
  int line = 0, col;
  if (!span.source) return "";
  span_place(p->cx, span, &line, &col);
  const Source *s = &p->cx->sources.at[span.source];
  return name_fmt(p->cx, s->prelude ? "prelude:%d" : "line %d", line);
}

/* The largest first; equal ones as they came. */
static int by_bytes(const void *a, const void *b) {
  const Kept *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return (x->order > y->order) - (x->order < y->order);
}

static void print_kept(Plan *p, Text *out) {
  double sum = 0;
  if (p->kept.n) qsort(p->kept.at, (size_t)p->kept.n, sizeof *p->kept.at, by_bytes);
  for (int i = 0; i < p->kept.n; i++) sum += p->kept.at[i].bytes;
  text_fmt(out, "the gradient keeps %s\n", size_text(p->cx, sum));
  for (int i = 0; i < p->kept.n; i++) {
    const Kept *k = &p->kept.at[i];
    const char *how =
        k->bytes > 0 ? name_fmt(p->cx, "saved %s", size_text(p->cx, k->bytes)) : "computed again";
    text_fmt(out, "  %-12s %-14s %-22s %s\n", place_text(p, k->in->span), k->name,
             type_text(p->cx, (DType)k->in->type, &k->in->shape), how);
  }
}

static void print_peak(Plan *p, const LoopProgram *prog, Text *out) {
  enum { SHOWN = 8 };
  PeakItem item[SHOWN];
  int n = loop_peak(prog, item, SHOWN);
  if (n) text_add(out, "largest when the workspace is fullest\n");
  for (int i = 0; i < n; i++)
    text_fmt(out, "  %-12s %-14s %s\n", place_text(p, item[i].span), item[i].name,
             size_text(p->cx, (double)item[i].bytes));
}

static int by_place(const void *a, const void *b) {
  const Line *x = a, *y = b;
  if (x->source != y->source) return x->source > y->source ? -1 : 1; /* the prelude at the end */
  return (x->number > y->number) - (x->number < y->number);
}

static void print_lines(Plan *p, bool gradient, Text *out) {
  if (p->line.n) qsort(p->line.at, (size_t)p->line.n, sizeof *p->line.at, by_place);
  text_fmt(out, "by line      %12s%s\n", "FLOP", gradient ? "   of gradient        saved" : "");
  for (int i = 0; i < p->line.n; i++) {
    const Line *l = &p->line.at[i];
    if (l->flops[0] + l->flops[1] + l->saved <= 0) continue;
    const char *place = "elsewhere";
    if (l->source)
      place = name_fmt(p->cx, p->cx->sources.at[l->source].prelude ? "prelude:%d" : "line %d",
                       l->number);
    text_fmt(out, "  %-11s%12.4g", place, l->flops[0]);
    if (gradient)
      text_fmt(out, "%14.4g %12s", l->flops[1], l->saved > 0 ? size_text(p->cx, l->saved) : "");
    text_add(out, "\n");
  }
}

static void print_program_line(Plan *p, const char *what, const LoopProgram *prog, double flops,
                               Text *out) {
  double least = (double)loop_least_workspace(prog);
  text_fmt(out, "%s: %.4g FLOP, workspace %s", what, flops,
           size_text(p->cx, (double)prog->workspace));
  if (least > 0) text_fmt(out, ", %.2f of what lives at one time", (double)prog->workspace / least);
  text_add(out, "\n");
}

static bool has_gradient(const Fn *f) {
  const Ins *y = fn_ins(f, f->out.at[0].val);
  bool any = false;
  for (int i = 0; i < f->in.n; i++) any |= type_is_float(f->in.at[i].type);
  return any && f->out.n == 1 && y->shape.rank == 0 && type_is_float((DType)y->type);
}

static bool plan_gradient(Plan *p, const Fn *f, const SizeBindings *sizes, const Target *t,
                          Text *out) {
  DeriveOptions o = {.order = 1, .value = true};
  Fn *d = derive(f, &o), *g = d ? compile_prepare(d, sizes) : NULL;
  if (!g) return false;
  LoopProgram *prog = loop_lower(g, t);
  bool *ahead = NEWS(p->cx->arena, bool, prog->fn->ins.n);
  ahead[prog->fn->out.at[0].val] = true;
  double flops = count_flops(p, g, 1);
  find_kept(p, prog, prog->fn, ahead);
  print_program_line(p, "its gradient", prog, flops, out);
  print_peak(p, prog, out);
  print_kept(p, out);
  return true;
}

bool plan_function(const Fn *f, const SizeBindings *sizes, int threads, Text *out) {
  Plan p = {.cx = f->cx};
  Target t = compile_target(threads);
  const Fn *forward = compile_prepare(f, sizes);
  if (!forward) return false;
  bool gradient = has_gradient(forward);
  double flops = count_flops(&p, forward, 0);
  print_program_line(&p, f->name, loop_lower(forward, &t), flops, out);
  if (gradient && !plan_gradient(&p, f, sizes, &t, out)) return false;
  print_lines(&p, gradient, out);
  return true;
}
