/* job_show.c: jobs whose result is a text: the derivative of a function as source, and each stage
 * of the compilation. What is C goes on in job_code.c. */
#include "api/job_code.h"
#include "base/diag.h"
#include "driver/plan.h"
#include "driver/stage.h"
#include "driver/target_fn.h"
#include "ir/dot.h"

/* The text, into the file that was asked for as well. */
static Status deliver(gradc_job *j, const Text *text) {
  const char *path = job_text(j, X_OUTPUT);
  job_result(j, "text", text);
  return path ? job_write(j, path, text) : ST_OK;
}

/* Memory is bounded in numbers. */
static Status check_sized(gradc_job *j, const Fn *f) {
  Name open = f->cx->bound.bytes ? target_open_size(f, NULL) : NULL;
  if (!open) return ST_OK;
  return api_usage(j->gc, "--memory needs a number for every size: give -D %s=NUMBER", open);
}

/* ---- grad ---- */
/* Marks the inputs that --wrt names, "a,b" and repeated. */
static Status read_wrt(gradc_job *j, const Fn *f, bool *wrt) {
  for (int k = 0; k < j->text[X_WRT].n; k++) {
    const char *wrong = derive_wrt(f, j->text[X_WRT].at[k], wrt);
    if (wrong) return api_usage(j->gc, "%s", wrong);
  }
  return ST_OK;
}

Status job_grad(Session *s, gradc_job *j) {
  if (!job_text(j, X_FUNCTION)) return api_usage(j->gc, "which function? none was given");
  Fn *f = session_function(s, name_of(s->cx, job_text(j, X_FUNCTION)));
  if (!f) return ST_SOURCE;
  bool *wrt = NEWS(s->cx->arena, bool, f->in.n + 1);
  Status status = read_wrt(j, f, wrt);
  if (status != ST_OK) return status;
  DeriveOptions o = {.wrt = job_text(j, X_WRT) ? wrt : NULL,
                     .order = (int)job_whole(j, N_ORDER, 1),
                     .forward = job_is(j, N_FORWARD),
                     .value = job_is(j, N_VALUE)};
  Fn *d = derive(f, &o);
  if (d && (status = check_sized(j, d)) != ST_OK) return status;
  if (d && s->cx->bound.bytes)
    d = compile_prepare(d, &(SizeBindings){0}); /* what is compiled is shown */
  if (!d) return ST_SOURCE;
  Text out = text_new(s->cx->arena);
  print_program(s, d, &out);
  return deliver(j, &out);
}

/* ---- emit ---- */
typedef struct Emission {
  Text out;
  Vec(const Fn *) graph; /* of dot: one of all functions */
} Emission;

static Stage stage_asked(const gradc_job *j) {
  return job_is(j, N_IR)      ? STAGE_IR
         : job_is(j, N_LOOPS) ? STAGE_LOOPS
         : job_is(j, N_ASM)   ? STAGE_ASM
                              : STAGE_LLVM;
}

static Status emit_function(Session *s, gradc_job *j, Emission *e, const char *text) {
  Name bare;
  bool gradient;
  SizeBindings sizes = {0};
  int64_t rest = job_whole(j, N_SIZE, 64);
  Status status = job_sizes(j, &sizes);
  const Fn *f = status == ST_OK ? job_work(s, j, text, &bare, &gradient) : NULL;
  if (!f) return status == ST_OK ? ST_SOURCE : status;
  if (sizes.list.n && !front_requires(s->program, bare, &sizes)) return ST_SOURCE;
  if (job_is(j, N_PLAN)) {
    compile_bind_rest(f, &sizes, rest);
    return plan_function(f, &sizes, 1, &e->out) ? ST_OK : ST_SOURCE;
  }
  status = job_is(j, N_IR) ? check_sized(j, f) : ST_OK;
  if (status != ST_OK) return status;
  if (!job_is(j, N_DOT))
    return stage_print(f, stage_asked(j), &sizes, rest, j->gc->threads, &e->out);
  f = compile_prepare(f, NULL);
  if (!f) return ST_SOURCE;
  vec_push(s->cx->arena, &e->graph, f);
  return ST_OK;
}

Status job_emit(Session *s, gradc_job *j) {
  static const NumberId stage[] = {N_IR, N_DOT, N_LOOPS, N_LLVM, N_ASM, N_C, N_PLAN};
  int n = 0;
  Status status = ST_OK;
  for (int i = 0; i < COUNT_OF(stage); i++) n += job_is(j, stage[i]);
  if (n != 1)
    return api_usage(
        j->gc, "one of --ir, --dot, --loops, --llvm, --asm, --plan and --c says what to print");
  if (job_is(j, N_C)) return job_emit_c(s, j);
  if (job_with_c(j)) return api_usage(j->gc, "--%s goes with --c", job_with_c(j));
  Emission e = {.out = text_new(s->cx->arena)};
  JobNames names = job_functions(s, j);
  for (int i = 0; i < names.n && status == ST_OK; i++)
    status = emit_function(s, j, &e, names.at[i]);
  if (status != ST_OK) return status;
  if (job_is(j, N_DOT)) ir_dot(e.graph.at, e.graph.n, &e.out);
  return deliver(j, &e.out);
}
