/* loop_case.c: a function lowered for several machines, run by the interpreter of the loop form and
 * compared with the reference evaluator: see loop_case.h. */
#include "loop_case.h"
#include "loop/interp.h"

#include <math.h>
#include <stdio.h>

Builder case_builder;
static uint64_t seed = 1;

/* ---- random numbers ---- */
void case_seed(uint64_t from) {
  seed = from;
  for (int k = 0; k < 8; k++) case_bits();
}

uint32_t case_bits(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return (uint32_t)(seed >> 20);
}
int case_pick(int n) { return (int)(case_bits() % (uint32_t)n); }
double case_real(void) { return (double)(case_bits() % 2001) / 1000 - 1; }

Target case_machine(int bytes, int threads) {
  return (Target){.vector_bytes = bytes,
                  .vector_regs = bytes == 64 ? 32 : 16,
                  .fma = bytes >= 32,
                  .l1 = 1 << 10,
                  .l2 = 16 << 10,
                  .l3 = 1 << 20,
                  .threads = threads};
}

static void fill(Tensor *t) {
  for (int64_t i = 0; i < tensor_count(t); i++)
    tensor_set(t, i,
               type_is_float(t->type) ? case_real()
               : t->type == T_BOOL    ? case_pick(2)
                                      : case_pick(7) - 1);
}

static bool close_to(double a, double b, DType t) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  if (a == b) return true;
  if (isinf(a) || isinf(b)) return false;
  double tol = t == T_F32 ? 2e-4 : 1e-9;
  return type_is_float(t) && fabs(a - b) <= tol * (1 + fabs(a) + fabs(b));
}

static void dump(const Fn *f, LoopProgram *p) {
  Text t = text_new(f->cx->arena);
  loop_dump(p, &t);
  fprintf(stderr, "%s\n", text_str(&t));
}

typedef struct Job {
  const Fn *f;
  int kernels; /* expected, or 0 */
} Job;

static void compare(const Fn *f, LoopProgram *p, Tensor *in, Tensor *want, const char *what) {
  void **ip = NEWS(cx->arena, void *, f->in.n + 1), **op = NEWS(cx->arena, void *, f->out.n + 1);
  Tensor *got = NEWS(cx->arena, Tensor, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    size_t bytes = (size_t)tensor_count(&in[i]) * (size_t)type_info[in[i].type].bytes;
    ip[i] = memcpy(arena_alloc(cx->arena, bytes + 1), in[i].data, bytes);
  }
  for (int i = 0; i < f->out.n; i++) {
    const Ins *v = fn_ins(f, f->out.at[i].val);
    got[i] = tensor_new(cx, cx->arena, (DType)v->type, &v->shape);
    memset(got[i].data, 0x5a, (size_t)tensor_count(&got[i]) * (size_t)type_info[v->type].bytes);
    if (f->out.at[i].alias >= 0) got[i].data = ip[f->out.at[i].alias];
    op[i] = got[i].data;
  }
  char *work = arena_alloc(cx->arena, (size_t)p->workspace + 64);
  memset(work, 0xff, (size_t)p->workspace);
  const char *error = loop_verify(p);
  if (!error) error = loop_interp(p, ip, op, work);
  if (error) {
    dump(f, p);
    ck_abort_msg("%s: %s", what, error);
  }
  for (int i = 0; i < f->out.n; i++)
    for (int64_t k = 0; k < tensor_count(&got[i]); k++)
      if (!close_to(tensor_get(&want[i], k), tensor_get(&got[i], k), got[i].type)) {
        Text t = text_new(cx->arena);
        ir_dump(f, &t);
        fprintf(stderr, "%s\n", text_str(&t));
        dump(f, p);
        ck_abort_msg("%s: output %d [%lld] is %.9g, not %.9g", what, i, (long long)k,
                     tensor_get(&got[i], k), tensor_get(&want[i], k));
      }
}

static Status check_job(void *arg) {
  Job *job = arg;
  const Fn *f = job->f;
  Tensor *in = NEWS(cx->arena, Tensor, f->in.n + 1), *want = NEWS(cx->arena, Tensor, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    in[i] = tensor_new(cx, cx->arena, f->in.at[i].type, &f->in.at[i].shape);
    fill(&in[i]);
  }
  ir_eval(f, cx->arena, in, want, NULL);
  static const int bytes[] = {0, 16, 32, 64};
  for (int b = 0; b < 4; b++)
    for (int threads = 1; threads <= 4; threads += 3) {
      Target t = case_machine(bytes[b], threads);
      LoopProgram *p = loop_lower(f, &t);
      char what[64];
      snprintf(what, sizeof what, "%d bytes, %d threads", bytes[b], threads);
      compare(f, p, in, want, what);
      if (job->kernels && p->kernel.n != job->kernels) {
        dump(f, p);
        ck_abort_msg("%s: %d kernels, not %d", what, p->kernel.n, job->kernels);
      }
    }
  return ST_OK;
}

void case_check(Fn *f, int kernels) {
  Job job = {f, kernels};
  const char *error = ir_verify(f);
  if (error) ck_abort_msg("ir_verify: %s", error);
  Status s = cx_guard(f->cx, check_job, &job);
  if (s != ST_OK) {
    Text t = text_new(f->cx->arena);
    ir_dump(f, &t);
    ck_abort_msg("%s\n%s", f->cx->trap_text, text_str(&t));
  }
}

/* ---- building ---- */
void case_begin(void) {
  cx = cx_new();
  case_builder = ir_begin(cx, name_of(cx, "f"));
}
Shape case_shape(int rank, ...) {
  Shape s = {.rank = rank};
  va_list ap;
  va_start(ap, rank);
  for (int i = 0; i < rank; i++) s.dim[i] = va_arg(ap, int);
  va_end(ap);
  return s;
}
Val case_input(const char *name, DType t, Shape s) {
  return ir_input(&case_builder, name_of(cx, name), t, &s, ROLE_ARG, (Span){0});
}
Fn *case_end(Val v) {
  ir_output(&case_builder, NULL, v);
  return ir_finish(&case_builder);
}
Val case_broadcast(Val v, Shape s) { return ir_broadcast(&case_builder, v, &s); }
Val case_over_rows(Val v, Shape s) { /* v has the leading axes of s */
  int32_t at[IR_MAX_RANK];
  for (int i = 0; i < IR_MAX_RANK; i++) at[i] = i;
  return ir_spread(&case_builder, v, &s, at);
}
Val case_matmul(Val x, Val y) {
  Contract c = {.nlabels = 3, .a = {0, 2}, .b = {2, 1}, .nout = 2, .out = {0, 1}};
  return ir_contract(&case_builder, x, y, &c);
}
