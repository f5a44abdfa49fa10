/* job_check.c: jobs that measure a program: gradients against differences, test blocks, speed. */
#include "api/job.h"
#include "driver/bench.h"
#include "driver/gradcheck.h"
#include "driver/target_fn.h"
#include "driver/testing.h"

#include <stdlib.h>

static const char *fmt(gradc_job *j, const char *format, ...) GC_PRINTF(2, 3);
static const char *fmt(gradc_job *j, const char *format, ...) {
  Text t = text_new(j->gc->session->cx->arena);
  va_list ap;
  va_start(ap, format);
  text_vfmt(&t, format, ap);
  va_end(ap);
  return text_str(&t);
}

/* ---- gradcheck ---- */
typedef struct Checking {
  GradcheckOptions options;
  SizeBindings sizes;
  int checked, failed;
} Checking;

static void say_input(gradc_job *j, const GradcheckReport *r, const GradcheckRow *row) {
  job_say(j, fmt(j, "  %-12s %-18s %3d directions   differences %7.1e   forward mode %7.1e   %s\n",
                 row->name, row->type, row->directions, row->differences, row->forward,
                 row->ok ? "ok" : "WRONG"));
  job_row(j);
  job_cell_text(j, "function", r->name);
  job_cell_text(j, "sizes", r->sizes);
  job_cell_text(j, "input", row->name);
  job_cell_text(j, "type", row->type);
  job_cell(j, "directions", row->directions);
  job_cell(j, "differences", row->differences);
  job_cell(j, "forward", row->forward);
  job_cell(j, "ok", row->ok);
}

static void say_report(gradc_job *j, const GradcheckReport *r, double tolerance) {
  job_say(j, fmt(j, "%s%s%s\n", r->name, *r->sizes ? "  with " : "", r->sizes));
  if (r->skipped) {
    job_say(j, fmt(j, "  skipped: %s\n", r->skipped));
    job_row(j);
    job_cell_text(j, "function", r->name);
    job_cell_text(j, "skipped", r->skipped);
  }
  for (int i = 0; i < r->row.n; i++) say_input(j, r, &r->row.at[i]);
  if (r->row.n && !r->ok) job_say(j, fmt(j, "  relative errors above %g\n", tolerance));
}

static Status check_one(Session *s, gradc_job *j, Checking *c, const char *name) {
  GradcheckReport r;
  Status status = gradcheck(s, name_of(s->cx, name), &c->options, &r);
  if (status != ST_OK) return status;
  say_report(j, &r, c->options.tolerance);
  c->checked += r.row.n > 0;
  c->failed += r.row.n > 0 && !r.ok;
  return ST_OK;
}

Status job_gradcheck(Session *s, gradc_job *j) {
  Checking c = {.options = {.tolerance = job_real(j, N_TOLERANCE, 1e-5),
                            .samples = (int)job_whole(j, N_SAMPLES, 8)}};
  Status status = job_sizes(j, &c.sizes);
  c.options.sizes = &c.sizes;
  JobNames names = job_functions(s, j);
  for (int i = 0; i < names.n && status == ST_OK; i++) status = check_one(s, j, &c, names.at[i]);
  if (status != ST_OK) return status;
  if (!c.checked) return api_says(j->gc, ST_FINDINGS, "there was no gradient to check");
  job_say(j, fmt(j, "%d gradient%s checked, %d wrong\n", c.checked, c.checked == 1 ? "" : "s",
                 c.failed));
  return c.failed ? ST_FINDINGS : ST_OK;
}

/* ---- test ---- */
static bool asked_for(const gradc_job *j, const char *title) {
  for (int i = 0; i < j->text[X_ONLY].n; i++)
    if (!strcmp(j->text[X_ONLY].at[i], title)) return true;
  return !j->text[X_ONLY].n;
}

/* Tests of imported files are theirs; those of texts are all the program's. */
static bool is_own(const gradc_job *j, const Session *s, const Node *test) {
  const char *path = j->gc->path;
  if (path && !strcmp(path, "-")) path = "<stdin>";
  return !path || !strcmp(s->cx->sources.at[test->span.source].path, path);
}

static void say_test(gradc_job *j, const char *title, const TestOutcome *r) {
  Text wrong = text_new(j->gc->session->cx->arena);
  job_say(j, fmt(j, "%s  %s\n", r->passed ? "ok  " : "FAIL", title));
  for (int k = 0; k < r->wrong.n; k++) {
    job_say(j, fmt(j, "      %s\n", r->wrong.at[k]));
    text_fmt(&wrong, "%s\n", r->wrong.at[k]);
  }
  job_row(j);
  job_cell_text(j, "test", title);
  job_cell(j, "ok", r->passed);
  job_cell_text(j, "wrong", text_str(&wrong));
}

Status job_test(Session *s, gradc_job *j) {
  bool failed = false;
  for (int i = 0; i < front_test_count(s->program); i++) {
    const Node *n = front_test_node(s->program, i);
    TestOutcome r;
    if (!is_own(j, s, n) || !asked_for(j, n->name)) continue;
    Status status = test_run(s, n, &r);
    if (status != ST_OK) return status;
    say_test(j, n->name, &r);
    failed |= !r.passed;
  }
  return failed ? ST_FINDINGS : ST_OK;
}

/* ---- bench ---- */
static Fn *bound(Session *s, gradc_job *j, const Fn *f, SizeBindings *sizes) {
  if (!f) return NULL;
  compile_bind_rest(f, sizes, job_whole(j, N_SIZE, 64));
  session_sizes(s, sizes);
  return compile_prepare(f, sizes);
}

/* The forward pass a gradient or a step is measured against. */
static bool forward_seconds(Session *s, gradc_job *j, Name bare, SizeBindings *sizes,
                            const BenchOptions *o, double *seconds) {
  Name inside;
  bool gradient;
  Fn *f = bound(s, j, target_function(s, bare, &inside, &gradient), sizes);
  BenchResult r;
  BenchOptions plain = *o;
  plain.kernels = false;
  if (!f || !bench_function(f, &plain, &r)) return false;
  *seconds = r.seconds;
  return true;
}

/* A row about a function: its name, and what was measured. */
static void work_row(gradc_job *j, const char *name, const char *kernel, double seconds,
                     double flops, double bytes) {
  job_row(j);
  job_cell_text(j, "function", name);
  if (kernel) job_cell_text(j, "kernel", kernel);
  job_cell(j, "seconds", seconds);
  job_cell(j, "flops", flops);
  job_cell(j, "bytes", bytes);
}

static void bench_row(gradc_job *j, const char *name, const BenchResult *r, double ratio) {
  work_row(j, name, NULL, r->seconds, r->flops, r->bytes);
  job_cell(j, "least-seconds", r->least_seconds);
  job_cell(j, "cpu-seconds", r->cpu_seconds);
  job_cell(j, "peak-gflops", r->peak_gflops);
  job_cell(j, "workspace-bytes", (double)r->workspace_bytes);
  job_cell(j, "compile-seconds", r->compile_seconds);
  if (r->reload_seconds > 0) job_cell(j, "reload-seconds", r->reload_seconds);
  job_cell(j, "threads", r->threads);
  if (ratio > 0) job_cell(j, "gradient-to-forward", ratio);
  for (int i = 0; i < r->kernel.n; i++) {
    const BenchKernel *k = &r->kernel.at[i];
    work_row(j, name, k->name, k->seconds, k->flops, k->bytes);
    job_cell(j, "turn-seconds", k->turn_seconds);
    job_cell(j, "depth", k->depth);
  }
}

static Status bench_one(Session *s, gradc_job *j, Text *json, const char *text) {
  SizeBindings *sizes = NEW(s->cx->arena, SizeBindings);
  Name bare;
  bool gradient;
  BenchResult r;
  double forward = 0;
  Status status = job_sizes(j, sizes);
  if (status != ST_OK) return status;
  BenchOptions o = {.threads = j->gc->threads,
                    .seconds = job_real(j, N_SECONDS, 0.5),
                    .below = job_whole(j, N_BELOW, 2),
                    .kernels = job_is(j, N_KERNELS),
                    .session = s};
  Fn *f = bound(s, j, job_work(s, j, text, &bare, &gradient), sizes);
  if (!f || !bench_function(f, &o, &r)) return ST_SOURCE;
  bool ratio = (gradient || job_text(j, X_STEP)) && !job_is(j, N_ALONE);
  if (ratio && !forward_seconds(s, j, bare, sizes, &o, &forward)) return ST_SOURCE;
  Text line = text_new(s->cx->arena);
  bench_print(&line, text, &r, ratio ? r.seconds / forward : 0);
  bench_json(json, text, &r, ratio ? r.seconds / forward : 0);
  job_say(j, text_str(&line));
  bench_row(j, text, &r, ratio ? r.seconds / forward : 0);
  return ST_OK;
}

Status job_bench(Session *s, gradc_job *j) {
  Status status = ST_OK;
  Text json = text_new(s->cx->arena);
  if (!job_text(j, X_FUNCTION) && !job_text(j, X_EXPRESSION))
    return api_usage(j->gc, "which function? none was given");
  JobNames names = job_functions(s, j);
  for (int i = 0; i < names.n && status == ST_OK; i++) status = bench_one(s, j, &json, names.at[i]);
  job_result(j, "json", &json);
  return status;
}
