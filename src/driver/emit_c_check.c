/* emit_c_check.c: the self-check that travels with emitted C. In: the functions of a file. Out: C
 * text that calls each with fixed inputs and compares some elements of each result with what the
 * reference evaluator computes now, and for a gradient also its slope along one direction with a
 * difference quotient of the function itself: P_selftest() for firmware, main() for a host. */
#include "driver/emit_c.h"
#include "loop/interp.h"

#include <math.h>

enum { SAMPLES = 8 };

typedef struct Check {
  const CFile *f;
  const CFunction *fn;
  SizeBindings sizes;      /* what the named sizes are in the check */
  LoopProgram *loops;      /* with these */
  Tensor *in, *want, *got; /* what the evaluator gives, and the loops */
  Text out;
} Check;

/* ---- the inputs: the same generator here and in the emitted text ---- */
static double next_value(uint32_t *seed, DType t) {
  *seed = *seed * 1664525u + 1013904223u;
  return type_is_float(t) ? 0.125 + (double)(*seed >> 22) * 0x1p-11 : (double)(*seed >> 31);
}

static const struct {
  const char *name, *type, *value;
} kinds[] = {{"f32", "float", "(float)(0.125 + (double)(*seed >> 22) / 2048.0)"},
             {"f64", "double", "0.125 + (double)(*seed >> 22) / 2048.0"},
             {"i32", "int32_t", "(int32_t)(*seed >> 31)"},
             {"i64", "int64_t", "(int64_t)(*seed >> 31)"},
             {"u8", "uint8_t", "(uint8_t)(*seed >> 31)"}};

static int kind_of(DType t) {
  static const int which[] = {
      [T_BOOL] = 4, [T_U8] = 4, [T_I32] = 2, [T_I64] = 3, [T_F32] = 0, [T_F64] = 1};
  return which[t];
}

static void fill_function(const CFile *f, int k, Text *out) {
  text_fmt(out,
           "static void fill_%s_%s(%s *a, size_t n, uint32_t *seed) {\n  for (size_t i = 0; i < n; "
           "i++) {\n"
           "    *seed = *seed * 1664525u + 1013904223u;\n    a[i] = %s;\n  }\n}\n",
           kinds[k].name, f->prefix, kinds[k].type, kinds[k].value);
}

static void near_function(const CFile *f, int k, Text *out) {
  text_fmt(out,
           "static int near_%s_%s(const %s *a, size_t n, const double *want, size_t samples, "
           "double tolerance) {\n"
           "  for (size_t i = 0; i < samples; i++) {\n    const double got = (double)a[i * n / "
           "samples];\n"
           "    const double scale = fabs(want[i]) > 1 ? fabs(want[i]) : 1;\n"
           "    if (fabs(got - want[i]) <= tolerance * scale || (got != got && want[i] != want[i]) "
           "|| !(got < want[i] || got > want[i]))\n"
           "      continue;\n    return 0;\n  }\n  return 1;\n}\n",
           kinds[k].name, f->prefix, kinds[k].type);
}

static void move_function(const CFile *f, int k, Text *out) {
  text_fmt(out,
           "/* One step along a direction of ones and minus ones. */\n"
           "static void move_%s_%s(%s *a, size_t n, double step, uint32_t *seed) {\n  for (size_t "
           "i = 0; i < n; i++) {\n"
           "    *seed = *seed * 1664525u + 1013904223u;\n    a[i] = (%s)((double)a[i] + (*seed >> "
           "31 ? step : -step));\n  }\n}\n"
           "static double along_%s_%s(const %s *a, size_t n, uint32_t *seed) {\n  double sum = 0;\n"
           "  for (size_t i = 0; i < n; i++) {\n    *seed = *seed * 1664525u + 1013904223u;\n"
           "    sum += *seed >> 31 ? (double)a[i] : -(double)a[i];\n  }\n  return sum;\n}\n",
           kinds[k].name, f->prefix, kinds[k].type, kinds[k].type, kinds[k].name, f->prefix,
           kinds[k].type);
}

/* ---- places ---- */
static const char *place(const Check *c, CPort p) {
  const CArg *a = &c->fn->arg.at[p.arg];
  if (a->kind == CARG_STRUCT) {
    const CParam *param = &c->f->param.at[p.field];
    return name_fmt(c->f->cx, "%s%s.%s", param->shape.rank ? "" : "&", a->name, param->field);
  }
  return name_fmt(c->f->cx, "%s%s", a->kind == CARG_VALUE ? "&" : "", a->name);
}

/* Elements of an array argument, with the check's sizes. */
static int64_t arg_count(const Check *c, int arg) {
  int64_t n = 1;
  const Shape *s = &c->fn->arg.at[arg].shape;
  for (int d = 0; d < s->rank; d++) n *= dim_subst(c->f->cx, s->dim[d], &c->sizes);
  return n;
}

static void declare(Check *c) {
  for (int i = 0; i < c->fn->arg.n; i++) {
    const CArg *a = &c->fn->arg.at[i];
    const char *type = a->kind == CARG_STRUCT ? NULL : kinds[kind_of(a->type)].type;
    if (!type) text_fmt(&c->out, "  static %s_params %s;\n", c->f->prefix, a->name);
    else if (a->kind == CARG_VALUE) text_fmt(&c->out, "  %s %s = 0;\n", type, a->name);
    else
      text_fmt(&c->out, "  static %s %s[%lld];\n", type, a->name,
               (long long)MAX(arg_count(c, i), 1));
  }
}

/* A call of fn with the check's variables; of another function than the check's, its result goes to
 * `result`. */
static const char *call_text(const Check *c, const CFunction *fn, Name result) {
  Text t = text_new(c->f->cx->arena);
  text_fmt(&t, "%s_%s(", c->f->prefix, fn->name);
  for (int i = 0; i < fn->size.n; i++) {
    Dim n = 0;
    size_lookup(&c->sizes, fn->size.at[i], &n);
    text_fmt(&t, "%lld, ", (long long)n);
  }
  for (int i = 0; i < fn->arg.n; i++) {
    const CArg *a = &fn->arg.at[i];
    if (result && a->written) text_fmt(&t, "%s, ", result);
    else text_fmt(&t, "%s%s, ", a->kind == CARG_STRUCT ? "&" : "", a->name);
  }
  text_fmt(&t, "workspace_%s.bytes, sizeof workspace_%s.bytes)", c->f->prefix, c->f->prefix);
  return text_str(&t);
}

/* ---- golden values ---- */
static void number_text(Text *out, double v) {
  if (v != v) text_add(out, "(double)NAN");
  else if (v - v != 0) text_add(out, v < 0 ? "-(double)INFINITY" : "(double)INFINITY");
  else text_f64(out, v);
}

static void compare(Check *c, int k, double spread) {
  const Tensor *want = &c->want[k];
  int64_t n = tensor_count(want), samples = MIN(n, SAMPLES);
  if (!n) return;
  text_fmt(&c->out, "  static const double want%d[] = {", k);
  for (int64_t i = 0; i < samples; i++) {
    text_add(&c->out, i ? ", " : "");
    number_text(&c->out, tensor_get(want, i * n / samples));
  }
  text_fmt(&c->out, "};\n  if (!near_%s_%s(%s, %lld, want%d, %lld, %g)) return 0;\n",
           kinds[kind_of(want->type)].name, c->f->prefix, place(c, c->fn->out.at[k]), (long long)n,
           k, (long long)samples, (want->type == T_F64 ? 1e-9 : 1e-3) + 8 * spread);
}

/* Runs loops on copies of the inputs; out gets tensors of its own. */
static void run_loops(const LoopProgram *p, const Tensor *in, Tensor *out) {
  const Fn *f = p->fn;
  Arena *a = f->cx->arena;
  void **in_at = NEWS(a, void *, f->in.n + 1), **out_at = NEWS(a, void *, f->out.n + 1);
  char *ws = arena_alloc(a, (size_t)p->workspace + 64);
  ws += (64 - (uintptr_t)ws % 64) % 64;
  for (int i = 0; i < f->in.n; i++)
    in_at[i] =
        arena_copy(a, in[i].data, (size_t)(tensor_count(&in[i]) * type_info[in[i].type].bytes));
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    int alias = f->out.at[k].alias;
    out[k] = tensor_new(f->cx, a, (DType)y->type, &y->shape);
    if (alias >= 0) out[k].data = in_at[alias];
    out_at[k] = out[k].data;
  }
  const char *wrong = loop_interp(p, in_at, out_at, ws);
  if (wrong) cx_bug(f->cx, "loops of %s: %s", f->name, wrong);
}

typedef struct Evaluation {
  const Fn *f;
  const Tensor *in;
  Tensor *out;
} Evaluation;

static Status evaluate(void *arg) {
  Evaluation *e = arg;
  ir_eval(e->f, e->f->cx->arena, e->in, e->out, NULL);
  return ST_OK;
}

/* False: an index is outside. */
static bool evaluated(const Fn *f, const Tensor *in, Tensor *out) {
  Evaluation e = {f, in, out};
  if (cx_guard(f->cx, evaluate, &e) != ST_FINDINGS) return true;
  diag_clear(f->cx);
  return false;
}

/* Loops are interpreted one element after another: some tens of nanoseconds for each operation,
 * several times as long as the evaluator takes. */
static const double FEW_FLOPS = 2e6, MANY_FLOPS = 2e7;

static bool is_costly(const LoopProgram *p) {
  bool floats = false; /* without any there is nothing to change */
  for (int i = 0; i < p->given->in.n; i++) floats |= type_is_float(p->given->in.at[i].type);
  return floats && fn_flops(p->given) > MANY_FLOPS;
}

static Tensor *copies(Arena *a, const Tensor *of, int n) {
  Tensor *to = NEWS(a, Tensor, n + 1);
  for (int i = 0; i < n; i++) {
    to[i] = of[i];
    to[i].data =
        arena_copy(a, of[i].data, (size_t)(tensor_count(&of[i]) * type_info[of[i].type].bytes));
  }
  return to;
}

/* The results with other roundings: those of the loops, which sum in another order; where these
 * take too long, the evaluator's for inputs that differ in their last digits. */
static bool other_results(Check *c) {
  const Fn *f = c->loops->given;
  uint32_t seed = 5;
  c->got = NEWS(f->cx->arena, Tensor, f->out.n + 1);
  if (!is_costly(c->loops)) {
    run_loops(c->loops, c->in, c->got);
    return true;
  }
  Tensor *in = copies(f->cx->arena, c->in, f->in.n);
  for (int i = 0; i < f->in.n; i++) {
    const double digit = in[i].type == T_F64 ? 0x1p-49 : 0x1p-20;
    for (int64_t e = 0; type_is_float(in[i].type) && e < tensor_count(&in[i]); e++) {
      seed = seed * 1664525u + 1013904223u;
      tensor_set(&in[i], e, tensor_get(&in[i], e) * (seed >> 31 ? 1 + digit : 1 - digit));
    }
  }
  return evaluated(f, in, c->got);
}

/* How far these are from the evaluator's: what an ill-conditioned function makes of rounding. */
static void spreads(const Check *c, double *spread) {
  const Fn *f = c->loops->given;
  const Tensor *got = c->got;
  for (int k = 0; k < f->out.n; k++)
    for (int64_t i = 0; i < tensor_count(&got[k]); i++) {
      double w = tensor_get(&c->want[k], i),
             d = fabs(tensor_get(&got[k], i) - w) / fmax(1, fabs(w));
      if (d > spread[k] && d < 0.01) spread[k] = d;
    }
}

static void fill_inputs(Check *c) {
  const Fn *f = c->loops->given;
  Cx *cx = c->f->cx;
  uint32_t seed = 1;
  text_add(&c->out, "  seed = 1;\n");
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    c->in[i] = tensor_new(cx, cx->arena, in->type, &in->shape);
    if (in->role == ROLE_SEED) {
      double v = in->name == name_of(cx, "t") ? 1 : 0.0625;
      tensor_set(&c->in[i], 0, v);
      text_fmt(&c->out, "  %s = %.4f%s;\n", c->fn->arg.at[c->fn->in.at[i].arg].name, v,
               in->type == T_F32 ? "f" : "");
      continue;
    }
    int64_t n = tensor_count(&c->in[i]);
    for (int64_t e = 0; e < n; e++) tensor_set(&c->in[i], e, next_value(&seed, in->type));
    if (n)
      text_fmt(&c->out, "  fill_%s_%s(%s, %lld, &seed);\n", kinds[kind_of(in->type)].name,
               c->f->prefix, place(c, c->fn->in.at[i]), (long long)n);
  }
}

/* ---- slopes ---- */
static const double STEP = 0x1p-7;

static const CFunction *primal_of(const CFile *f, const CFunction *grad) {
  for (int i = 0; i < f->fn.n; i++)
    if (f->fn.at[i] == grad->primal) return f->fn.at[i];
  return NULL;
}

/* Number of the gradient's output that is the derivative by input i, or -1. */
static int derivative_by(const Check *grad, int i) {
  const CFunction *fn = grad->fn;
  const CPort in = fn->in.at[i];
  const Input *input = &grad->loops->given->in.at[i];
  for (int k = 1; k < fn->out.n; k++) {
    const CPort out = fn->out.at[k];
    bool field = fn->arg.at[out.arg].kind == CARG_STRUCT;
    if (field ? input->role == ROLE_PARAM && out.field == in.field
              : fn->arg.at[out.arg].name ==
                    c_safe_name(grad->f->cx, name_fmt(grad->f->cx, "d_%s", input->name)))
      return k;
  }
  return -1;
}

static void move(Tensor *t, double step, uint32_t *seed) {
  for (int64_t i = 0; i < tensor_count(t); i++) {
    *seed = *seed * 1664525u + 1013904223u;
    tensor_set(t, i, tensor_get(t, i) + (*seed >> 31 ? step : -step));
  }
}

/* The function's difference quotient and the gradient's slope as they are now; false where they
 * have little to do with each other, since the function has steps or kinks there. */
static bool slopes_agree(const Check *grad, const LoopProgram *primal, double *error) {
  const Fn *f = grad->loops->given;
  Arena *a = f->cx->arena;
  const Tensor *got = grad->got;
  Tensor value[2], one;
  double along = 0;
  uint32_t seed = 7;
  for (int i = 0; i < f->in.n; i++) {
    int k = derivative_by(grad, i);
    for (int64_t e = 0; k >= 0 && e < tensor_count(&got[k]); e++) {
      seed = seed * 1664525u + 1013904223u;
      along += seed >> 31 ? tensor_get(&got[k], e) : -tensor_get(&got[k], e);
    }
  }
  for (int side = 0; side < 2; side++) {
    Tensor *in = copies(a, grad->in, f->in.n);
    seed = 7;
    for (int i = 0; i < f->in.n; i++)
      if (derivative_by(grad, i) >= 0) move(&in[i], side ? -STEP : STEP, &seed);
    if (!is_costly(primal)) run_loops(primal, in, &one);
    else if (!evaluated(primal->given, in, &one)) return false;
    value[side] = one;
  }
  double quotient = (tensor_get(&value[0], 0) - tensor_get(&value[1], 0)) / (2 * STEP);
  *error = fabs(quotient - along) / fmax(1, fabs(along));
  return *error < 0.05;
}

/* In the middle of a gradient's check: its arguments have been filled, its results are there. */
static void slope_check(Check *c) {
  const CFunction *primal = primal_of(c->f, c->fn);
  double error;
  if (!primal || primal->in.n != c->fn->in.n) return;
  Check of = *c;
  of.fn = primal;
  of.loops = emit_c_bound(primal, &c->sizes);
  if (!of.loops || !slopes_agree(c, of.loops, &error)) return;
  const CPort value = c->fn->out.at[0];
  text_add(&c->out, "  double slope[2], along = 0;\n  seed = 7;\n");
  for (int i = 0; i < c->fn->in.n; i++) {
    int k = derivative_by(c, i);
    if (k < 0) continue;
    text_fmt(&c->out, "  along += along_%s_%s(%s, %lld, &seed);\n",
             kinds[kind_of(c->in[i].type)].name, c->f->prefix, place(c, c->fn->out.at[k]),
             (long long)tensor_count(&c->in[i]));
  }
  text_fmt(&c->out,
           "  for (int side = 0; side < 2; side++) {\n    const double step = side ? %.9g : "
           "%.9g;\n    seed = 7;\n",
           -2 * STEP, STEP);
  for (int i = 0; i < c->fn->in.n; i++)
    if (derivative_by(c, i) >= 0)
      text_fmt(&c->out, "    move_%s_%s(%s, %lld, step, &seed);\n",
               kinds[kind_of(c->in[i].type)].name, c->f->prefix, place(c, c->fn->in.at[i]),
               (long long)tensor_count(&c->in[i]));
  Name result = c->fn->arg.at[value.arg].name;
  text_fmt(&c->out, "    if (%s) return 0;\n    slope[side] = (double)*%s;\n  }\n",
           call_text(c, primal, result), result);
  text_fmt(&c->out,
           "  const double quotient = (slope[0] - slope[1]) / %.9g, size = fabs(along) > 1 ? "
           "fabs(along) : 1;\n"
           "  if (!(fabs(quotient - along) <= %.3g * size)) return 0;\n",
           2 * STEP, 4 * error + (c->want[0].type == T_F64 ? 1e-9 : 1e-3));
}

/* ---- one function ---- */
/* Sizes that suit the function, smaller ones where much is computed; false where none is found. */
static bool choose_sizes(Check *c) {
  static const int64_t tried[] = {7, 16, 33, 64, 3, 2, 1};
  LoopProgram *found = NULL;
  int64_t n = 0;
  for (int i = 0; i < COUNT_OF(tried); i++) {
    if (found && tried[i] > n) continue;
    SizeBindings sizes = emit_c_all_sizes(c->fn, tried[i]);
    LoopProgram *loops = emit_c_bound(c->fn, &sizes);
    if (!loops) {
      diag_clear(c->f->cx);
      continue;
    }
    found = loops, n = tried[i], c->sizes = sizes;
    if (!c->fn->size.n || fn_flops(loops->given) <= FEW_FLOPS) break;
  }
  c->loops = found;
  return found != NULL;
}

static bool check_function(Check *c) {
  const CFunction *fn = c->fn;
  Cx *cx = c->f->cx;
  if (!choose_sizes(c)) return false;
  const Fn *f = c->loops->given;
  c->in = NEWS(cx->arena, Tensor, f->in.n + 1);
  c->want = NEWS(cx->arena, Tensor, f->out.n + 1);
  text_fmt(&c->out, "\nstatic int check_%s_%s(void) {\n  uint32_t seed;\n", fn->name, c->f->prefix);
  declare(c);
  fill_inputs(c);
  if (!evaluated(f, c->in, c->want)) { /* what is fixed for integers is no index here */
    text_fmt(&c->out, "  (void)seed;\n  return %s == %s_INDEX;\n}\n", call_text(c, fn, NULL),
             c_upper(cx, c->f->prefix));
    return true;
  }
  double *spread = NEWS(cx->arena, double, f->out.n + 1);
  const bool twice = other_results(c);
  if (twice) spreads(c, spread);
  text_fmt(&c->out, "  (void)seed;\n  if (%s) return 0;\n", call_text(c, fn, NULL));
  for (int k = 0; k < f->out.n; k++) compare(c, k, spread[k]);
  if (fn->primal && twice) slope_check(c);
  text_add(&c->out, "  return 1;\n}\n");
  return true;
}

/* Functions that fill, move and compare, of the types that some check used. */
static void helpers(const CFile *f, const char *checks, Text *out) {
  for (int k = 0; k < COUNT_OF(kinds); k++) {
    if (strstr(checks, name_fmt(f->cx, "fill_%s_%s(", kinds[k].name, f->prefix)))
      fill_function(f, k, out);
    if (strstr(checks, name_fmt(f->cx, "near_%s_%s(", kinds[k].name, f->prefix)))
      near_function(f, k, out);
    if (strstr(checks, name_fmt(f->cx, "along_%s_%s(", kinds[k].name, f->prefix)))
      move_function(f, k, out);
  }
}

static void print_main(const CFile *f, Text *out) {
  text_fmt(out,
           "\n#include <stdio.h>\n\nint main(void) {\n  int wrong = 0;\n  for (int i = 0; i < "
           "CHECKS_%s; i++) {\n"
           "    const int fine = checks_%s[i].check();\n    printf(\"%%s %%s\\n\", fine ? \"OK\" : "
           "\"WRONG\", checks_%s[i].name);\n"
           "    wrong += !fine;\n  }\n  return wrong != 0;\n}\n",
           c_upper(f->cx, f->prefix), f->prefix, f->prefix);
}

static void print_selftest(const CFile *f, Text *out) {
  text_fmt(out,
           "\nint %s_selftest(void) {\n  for (int i = 0; i < CHECKS_%s; i++)\n"
           "    if (!checks_%s[i].check()) return i + 1;\n  return 0;\n}\n",
           f->prefix, c_upper(f->cx, f->prefix), f->prefix);
}

static int64_t largest_workspace(const CFile *f, Check *c) {
  int64_t most = 64;
  for (int i = 0; i < f->fn.n; i++) {
    c->fn = f->fn.at[i];
    if (choose_sizes(c)) most = MAX(most, c->loops->workspace);
  }
  return most;
}

/* A file without functions: there are no empty arrays in C. */
static const char *nothing_to_check(const CFile *f, bool with_main) {
  Text all = text_new(f->cx->arena);
  if (f->selftest) text_fmt(&all, "int %s_selftest(void) { return 0; }\n", f->prefix);
  if (with_main) text_add(&all, "\nint main(void) { return 0; }\n");
  return text_str(&all);
}

const char *emit_c_check(const CFile *f, bool with_main) {
  Check c = {.f = f, .out = text_new(f->cx->arena)};
  Text all = text_new(f->cx->arena), table = text_new(f->cx->arena);
  const char *upper = c_upper(f->cx, f->prefix);
  int checks = 0;
  text_add(&all, "/* ---- self-check: values computed when this file was written ---- */\n");
  text_fmt(&all, "static union {\n  _Alignas(64) unsigned char bytes[%lld];\n} workspace_%s;\n\n",
           (long long)largest_workspace(f, &c), f->prefix);
  for (int i = 0; i < f->fn.n; i++) {
    c.fn = f->fn.at[i];
    if (!check_function(&c)) continue;
    text_fmt(&table, "  {\"%s\", check_%s_%s},\n", c.fn->name, c.fn->name, f->prefix);
    checks++;
  }
  if (!checks) return nothing_to_check(f, with_main);
  helpers(f, text_str(&c.out), &all);
  text_add(&all, text_str(&c.out));
  text_fmt(&all, "\nenum { CHECKS_%s = %d };\n", upper, checks);
  text_fmt(&all,
           "static const struct {\n  const char *name;\n  int (*check)(void);\n} checks_%s[] = "
           "{\n%s};\n",
           f->prefix, text_str(&table));
  if (f->selftest) print_selftest(f, &all);
  if (with_main) print_main(f, &all);
  return text_str(&all);
}
