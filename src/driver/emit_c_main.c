/* emit_c_main.c: the self-check that travels with emitted C: for each function a call with fixed
 * inputs, and some elements of each result as the reference evaluator computes them. */
#include "driver/emit_c.h"
#include "loop/interp.h"

#include <math.h>

enum { SAMPLES = 8 };

typedef struct Check {
  const CFile *f;
  const CFunction *fn;
  Text out;
} Check;

/* ---- the inputs: the same generator here and in the emitted text --------------------------------------------- */
static double next_value(uint32_t *seed, DType t) {
  *seed = *seed * 1664525u + 1013904223u;
  return type_is_float(t) ? 0.125 + (double)(*seed >> 22) * 0x1p-11 : (double)(*seed >> 31);
}

static void fill_functions(const CFile *f, Text *out) {
  static const struct {
    const char *name, *type, *value;
  } kind[] = {{"f32", "float", "(float)(0.125 + (double)(*seed >> 22) / 2048.0)"},
              {"f64", "double", "0.125 + (double)(*seed >> 22) / 2048.0"},
              {"i32", "int32_t", "(int32_t)(*seed >> 31)"},
              {"i64", "int64_t", "(int64_t)(*seed >> 31)"},
              {"u8", "uint8_t", "(uint8_t)(*seed >> 31)"}};
  bool used[COUNT_OF(kind)] = {0}, shown[COUNT_OF(kind)] = {0};
  static const int which[] = {[T_BOOL] = 4, [T_U8] = 4, [T_I32] = 2, [T_I64] = 3, [T_F32] = 0, [T_F64] = 1};
  for (int i = 0; i < f->fn.n; i++) {
    const Fn *fn = f->fn.at[i]->loops->fn;
    for (int k = 0; k < fn->in.n; k++) used[which[fn->in.at[k].type]] |= fn->in.at[k].role != ROLE_SEED;
    for (int k = 0; k < fn->out.n; k++) shown[which[fn_ins(fn, fn->out.at[k].val)->type]] = true;
  }
  for (int i = 0; i < COUNT_OF(kind); i++) {
    if (used[i])
      text_fmt(out,
               "static void %s_fill_%s(%s *a, size_t n, uint32_t *seed) {\n  for (size_t i = 0; i < n; i++) {\n"
               "    *seed = *seed * 1664525u + 1013904223u;\n    a[i] = %s;\n  }\n}\n",
               f->prefix, kind[i].name, kind[i].type, kind[i].value);
    if (shown[i])
      text_fmt(out,
               "static int %s_near_%s(const char *what, const %s *a, size_t n, const double *want, size_t samples, double "
               "tolerance) {\n"
               "  for (size_t i = 0; i < samples; i++) {\n    const double got = (double)a[i * n / samples];\n"
               "    const double scale = fabs(want[i]) > 1 ? fabs(want[i]) : 1;\n"
               "    if (fabs(got - want[i]) <= tolerance * scale || (got != got && want[i] != want[i]) || !(got < want[i] || got > want[i]))\n"
               "      continue;\n"
               "    printf(\"WRONG %%s[%%lu]: %%.9g instead of %%.9g\\n\", what, (unsigned long)(i * n / samples), got, "
               "want[i]);\n    return 1;\n  }\n  return 0;\n}\n",
               f->prefix, kind[i].name, kind[i].type);
  }
}

static const char *suffix(DType t) { return t == T_BOOL ? "u8" : type_info[t].word; }

/* ---- one function ------------------------------------------------------------------------------------------ */
static int64_t elements(const Shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) n *= s->dim[i];
  return n;
}

static const char *place(Check *c, CPort p) {
  const CArg *a = &c->fn->arg.at[p.arg];
  if (a->kind == CARG_STRUCT) {
    const CParam *param = &c->f->param.at[p.field];
    return name_fmt(c->f->cx, "%s%s.%s", param->shape.rank ? "" : "&", a->name, param->field);
  }
  return name_fmt(c->f->cx, "%s%s", a->kind == CARG_VALUE ? "&" : "", a->name);
}

static void declare(Check *c) {
  for (int i = 0; i < c->fn->arg.n; i++) {
    const CArg *a = &c->fn->arg.at[i];
    int64_t n = elements(&a->shape);
    const char *type = a->type == T_BOOL || a->type == T_U8 ? "uint8_t" : a->type == T_F32 ? "float" : a->type == T_F64 ? "double" : a->type == T_I32 ? "int32_t" : "int64_t";
    if (a->kind == CARG_STRUCT) text_fmt(&c->out, "  static %s_params %s;\n", c->f->prefix, a->name);
    else if (a->kind == CARG_VALUE) text_fmt(&c->out, "  %s %s = 0;\n", type, a->name);
    else text_fmt(&c->out, "  static %s %s[%lld];\n", type, a->name, (long long)MAX(n, 1));
  }
}

static void call(Check *c) {
  text_fmt(&c->out, "  const int status = %s_%s(", c->f->prefix, c->fn->name);
  for (int i = 0; i < c->fn->arg.n; i++)
    text_fmt(&c->out, "%s%s, ", c->fn->arg.at[i].kind == CARG_STRUCT ? "&" : "", c->fn->arg.at[i].name);
  text_fmt(&c->out, "%s_workspace.bytes, sizeof %s_workspace.bytes);\n", c->f->prefix, c->f->prefix);
  text_fmt(&c->out, "  if (status) {\n    printf(\"WRONG %s: %%s\\n\", %s_strerror(status));\n    return 1;\n  }\n",
           c->fn->name, c->f->prefix);
}

static void compare(Check *c, int k, const Tensor *want, double spread) {
  int64_t n = tensor_count(want), samples = MIN(n, SAMPLES);
  if (!n) return;
  text_fmt(&c->out, "  static const double want%d[] = {", k);
  for (int64_t i = 0; i < samples; i++) {
    double v = tensor_get(want, i * n / samples);
    text_add(&c->out, i ? ", " : "");
    if (v != v) text_add(&c->out, "(double)NAN");
    else if (v - v != 0) text_add(&c->out, v < 0 ? "-(double)INFINITY" : "(double)INFINITY");
    else text_f64(&c->out, v);
  }
  const CPort p = c->fn->out.at[k];
  const CArg *a = &c->fn->arg.at[p.arg];
  const char *what = a->kind == CARG_STRUCT ? name_fmt(c->f->cx, "%s.%s", a->name, c->f->param.at[p.field].name) : a->name;
  text_fmt(&c->out, "};\n  wrong += %s_near_%s(\"%s: %s\", %s, %lld, want%d, %lld, %g);\n", c->f->prefix, suffix(want->type),
           c->fn->name, what, place(c, p), (long long)n, k, (long long)samples, (want->type == T_F64 ? 1e-9 : 1e-3) + 8 * spread);
}

/* How far the loops' results are from the evaluator's, which sums in another order: what an
 * ill-conditioned function makes of rounding. In: the inputs, which steps overwrite. */
static void spreads(const LoopProgram *p, const Tensor *in, const Tensor *want, double *spread) {
  const Fn *f = p->fn;
  Arena *a = f->cx->arena;
  void **in_at = NEWS(a, void *, f->in.n + 1), **out_at = NEWS(a, void *, f->out.n + 1);
  char *ws = arena_alloc(a, (size_t)p->workspace + 64);
  ws += (64 - (uintptr_t)ws % 64) % 64;
  for (int i = 0; i < f->in.n; i++) in_at[i] = in[i].data;
  for (int k = 0; k < f->out.n; k++) {
    int alias = f->out.at[k].alias;
    out_at[k] = alias >= 0 ? in_at[alias] : tensor_new(f->cx, a, want[k].type, &want[k].shape).data;
  }
  const char *wrong = loop_interp(p, in_at, out_at, ws);
  if (wrong) cx_bug(f->cx, "loops of %s: %s", f->name, wrong);
  for (int k = 0; k < f->out.n; k++) {
    Tensor got = {want[k].type, want[k].shape, out_at[k]};
    for (int64_t i = 0; i < tensor_count(&got); i++) {
      double w = tensor_get(&want[k], i), d = fabs(tensor_get(&got, i) - w) / fmax(1, fabs(w));
      if (d > spread[k] && d < 0.01) spread[k] = d;
    }
  }
}

static void check_function(Check *c) {
  const CFunction *fn = c->fn;
  const Fn *f = fn->loops->fn;
  Cx *cx = c->f->cx;
  Tensor *in = NEWS(cx->arena, Tensor, f->in.n + 1), *want = NEWS(cx->arena, Tensor, f->out.n + 1);
  uint32_t seed = 1;
  text_fmt(&c->out, "\nstatic int %s_check_%s(void) {\n  int wrong = 0;\n  uint32_t seed = 1;\n  (void)seed;\n", c->f->prefix, fn->name);
  declare(c);
  for (int i = 0; i < f->in.n; i++) {
    in[i] = tensor_new(cx, cx->arena, f->in.at[i].type, &f->in.at[i].shape);
    if (f->in.at[i].role == ROLE_SEED) {
      double v = f->in.at[i].name == name_of(cx, "t") ? 1 : 0.0625;
      tensor_set(&in[i], 0, v);
      text_fmt(&c->out, "  %s = %g;\n", fn->arg.at[fn->in.at[i].arg].name, v);
      continue;
    }
    int64_t n = tensor_count(&in[i]);
    for (int64_t e = 0; e < n; e++) tensor_set(&in[i], e, next_value(&seed, in[i].type));
    text_fmt(&c->out, "  %s_fill_%s(%s, %lld, &seed);\n", c->f->prefix, suffix(in[i].type), place(c, fn->in.at[i]), (long long)n);
  }
  ir_eval(f, cx->arena, in, want, NULL);
  double *spread = NEWS(cx->arena, double, f->out.n + 1);
  spreads(fn->loops, in, want, spread);
  call(c);
  for (int k = 0; k < f->out.n; k++) compare(c, k, &want[k], spread[k]);
  text_fmt(&c->out, "  printf(\"%%s %s\\n\", wrong ? \"WRONG\" : \"OK\");\n  return wrong;\n}\n", fn->name);
}

const char *emit_c_main(const CFile *f) {
  Check c = {.f = f, .out = text_new(f->cx->arena)};
  int64_t most = 64;
  for (int i = 0; i < f->fn.n; i++) most = MAX(most, f->fn.at[i]->loops->workspace);
  text_add(&c.out, "/* ---- self-check: values computed when this file was written ---- */\n#include <stdio.h>\n\n");
  text_fmt(&c.out, "static union {\n  _Alignas(64) unsigned char bytes[%lld];\n} %s_workspace;\n\n", (long long)most, f->prefix);
  fill_functions(f, &c.out);
  for (int i = 0; i < f->fn.n; i++) {
    c.fn = f->fn.at[i];
    check_function(&c);
  }
  text_add(&c.out, "\nint main(void) {\n  int wrong = 0;\n");
  for (int i = 0; i < f->fn.n; i++) text_fmt(&c.out, "  wrong += %s_check_%s();\n", f->prefix, f->fn.at[i]->name);
  text_add(&c.out, "  return wrong != 0;\n}\n");
  return text_str(&c.out);
}
