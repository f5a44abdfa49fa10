/* cmd_bench.c: gradc bench FILE.nn FUNCTION...: times compiled functions or their gradients. */
#include "cli/target_fn.h"
#include "driver/bench.h"

typedef struct Bench {
  Cli *cli;
  Text out;
} Bench;

static void print_json(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_add(out, "{\"function\": ");
  text_json(out, name);
  text_fmt(out,
           ", \"seconds\": %.9g, \"least_seconds\": %.9g, \"cpu_seconds\": %.9g, \"flops\": %.0f, "
           "\"gflops\": %.6g, "
           "\"peak_gflops\": %.6g",
           r->seconds, r->least_seconds, r->cpu_seconds, r->flops, r->gflops, r->peak_gflops);
  text_fmt(out, ", \"fraction_of_peak\": %.6g, \"bytes\": %.0f, \"workspace_bytes\": %zu",
           r->fraction_of_peak, r->bytes, r->workspace_bytes);
  text_fmt(out, ", \"compile_seconds\": %.6g, \"threads\": %d", r->compile_seconds, r->threads);
  for (int i = 0; i < r->nkernels; i++) {
    const BenchKernel *k = &r->kernel[i];
    text_add(out, i ? ", {\"name\": " : ", \"kernels\": [{\"name\": ");
    text_json(out, k->name);
    text_fmt(out, ", \"seconds\": %.9g, \"flops\": %.0f, \"bytes\": %.0f}", k->seconds, k->flops,
             k->bytes);
    if (i + 1 == r->nkernels) text_add(out, "]");
  }
  if (ratio > 0) text_fmt(out, ", \"gradient_to_forward\": %.4g", ratio);
  text_add(out, "}\n");
}

static Fn *bound(Bench *b, Session *s, Fn *f, SizeBindings *sizes) {
  if (!f) return NULL;
  compile_bind_rest(f, sizes, opt_int(b->cli, O_bench_size, 64));
  session_sizes(s, sizes);
  return compile_prepare(f, sizes);
}

/* The function, or with --step a whole training step that minimises it. */
static Fn *target(Bench *b, Session *s, const char *text, SizeBindings *sizes, Name *bare,
                  bool *gradient) {
  const OptValue *step = &b->cli->opt[O_bench_step];
  Fn *f = target_function(s, text, bare, gradient);
  StepPlan plan;
  if (!f || !step->n) return bound(b, s, f, sizes);
  return step_build(s->program, f, name_of(s->cx, step->text), NULL, &plan)
             ? bound(b, s, plan.fn, sizes)
             : NULL;
}

/* The forward pass a gradient or a step is measured against. */
static bool forward_seconds(Bench *b, Session *s, Name bare, SizeBindings *sizes,
                            const BenchOptions *o, double *seconds) {
  Fn *f = bound(b, s, session_function(s, bare), sizes);
  BenchResult r;
  BenchOptions plain = *o;
  plain.kernels = false;
  if (!f || !bench_function(f, &plain, &r)) return false;
  *seconds = r.seconds;
  return true;
}

static Status bench_one(Bench *b, Session *s, const char *text) {
  const Cli *cli = b->cli;
  SizeBindings *sizes = NEW(s->cx->arena, SizeBindings);
  Name bare;
  bool gradient;
  BenchResult r;
  double forward = 0;
  BenchOptions o = {cli_threads(cli, O_bench_threads), opt_real(cli, O_bench_seconds, 0.5),
                    opt_int(cli, O_bench_below, 2), cli->opt[O_bench_kernels].n > 0, s};
  if (!target_sizes(cli, s, O_bench_define, sizes)) return ST_USAGE;
  Fn *f = target(b, s, text, sizes, &bare, &gradient);
  if (!f || !bench_function(f, &o, &r)) return ST_SOURCE;
  bool ratio = (gradient || cli->opt[O_bench_step].n) && !cli->opt[O_bench_alone].n;
  if (ratio && !forward_seconds(b, s, bare, sizes, &o, &forward)) return ST_SOURCE;
  (cli->opt[O_bench_json].n ? print_json : bench_print)(&b->out, text, &r,
                                                        ratio ? r.seconds / forward : 0);
  return ST_OK;
}

static Status bench(Session *s, void *arg) {
  Bench *b = arg;
  Status status = ST_OK;
  b->out = text_new(s->cx->arena);
  for (int i = 1; i < b->cli->n && status == ST_OK; i++) status = bench_one(b, s, b->cli->arg[i]);
  return status;
}

Status cmd_bench(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Bench b = {.cli = cli};
  s = cli_memory(cli, session, O_bench_memory, cli_threads(cli, O_bench_threads));
  if (s == ST_OK) s = cli_load(cli, session, O_bench_define, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, bench, &b);
  if (s == ST_OK) out_text(text_str(&b.out));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
