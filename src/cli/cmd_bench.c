/* cmd_bench.c: gradc bench FILE.nn FUNCTION...: times compiled functions or their gradients. */
#include "cli/target_fn.h"
#include "driver/bench.h"

typedef struct Bench {
  Cli *cli;
  Text out;
} Bench;

static void json_string(Text *out, const char *s) {
  text_add(out, "\"");
  for (; *s; s++) text_fmt(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
  text_add(out, "\"");
}

static void print_json(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_add(out, "{\"function\": ");
  json_string(out, name);
  text_fmt(out, ", \"seconds\": %.9g, \"flops\": %.0f, \"gflops\": %.6g, \"peak_gflops\": %.6g", r->seconds, r->flops,
           r->gflops, r->peak_gflops);
  text_fmt(out, ", \"fraction_of_peak\": %.6g, \"bytes\": %.0f, \"workspace_bytes\": %zu", r->fraction_of_peak, r->bytes,
           r->workspace_bytes);
  text_fmt(out, ", \"compile_seconds\": %.6g, \"threads\": %d", r->compile_seconds, r->threads);
  if (ratio > 0) text_fmt(out, ", \"gradient_to_forward\": %.4g", ratio);
  text_add(out, "}\n");
}

static void print_plain(Text *out, const char *name, const BenchResult *r, double ratio) {
  text_fmt(out, "%s: %.3f us a call, %.3g FLOP, %.2f GFLOP/s = %.1f %% of the %.1f measured at peak", name,
           1e6 * r->seconds, r->flops, r->gflops, 100 * r->fraction_of_peak, r->peak_gflops);
  text_fmt(out, "; %d thread%s, %.1f KiB in and out, %.1f KiB workspace, compiled in %.1f ms", r->threads,
           r->threads == 1 ? "" : "s", r->bytes / 1024, (double)r->workspace_bytes / 1024, 1e3 * r->compile_seconds);
  if (ratio > 0) text_fmt(out, "; %.2f times the forward pass", ratio);
  text_add(out, "\n");
}

static Fn *prepared(Bench *b, Session *s, const char *text, SizeBindings *sizes, Name *bare, bool *gradient) {
  Fn *f = target_function(s, text, bare, gradient);
  if (!f) return NULL;
  compile_bind_rest(f, sizes, opt_int(b->cli, O_bench_size, 64));
  return compile_prepare(f, sizes);
}

static Status bench_one(Bench *b, Session *s, const char *text) {
  const Cli *cli = b->cli;
  SizeBindings sizes = {0};
  Name bare, ignored;
  bool gradient, no;
  BenchResult r, forward;
  double ratio = 0, seconds = opt_real(cli, O_bench_seconds, 0.5);
  int threads = cli_threads(cli, O_bench_threads);
  if (!target_sizes(cli, s, O_bench_define, &sizes)) return ST_USAGE;
  Fn *f = prepared(b, s, text, &sizes, &bare, &gradient);
  if (!f || !bench_function(f, threads, seconds, &r)) return ST_SOURCE;
  if (gradient) {
    Fn *g = prepared(b, s, bare, &sizes, &ignored, &no);
    if (!g || !bench_function(g, threads, seconds, &forward)) return ST_SOURCE;
    ratio = r.seconds / forward.seconds;
  }
  (cli->opt[O_bench_json].n ? print_json : print_plain)(&b->out, text, &r, ratio);
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
