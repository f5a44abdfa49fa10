/* cmd_verify.c: gradc verify FILE.nn: the emitted C, compiled by the system's compilers, against
 * the machine code. Exit status 1 where a bit differs. */
#include "cli/target_fn.h"
#include "driver/verify_c.h"

typedef struct Job {
  const Cli *cli;
  int wrong;
  VerifyReport report;
} Job;

static Status work(Session *s, void *arg) {
  Job *job = arg;
  const Cli *cli = job->cli;
  const OptValue *o = cli->opt;
  SizeBindings sizes = {0};
  if (!target_sizes(cli, s, O_verify_define, &sizes)) return ST_USAGE;
  EmitCOptions options = {.prefix = name_of(s->cx, "program"),
                          .header = name_of(s->cx, "program.h"),
                          .version = "gradc",
                          .command = "gradc verify",
                          .sizes = &sizes,
                          .size = opt_int(cli, O_verify_size, 0)};
  options.functions = o[O_verify_functions].n ? o[O_verify_functions].text : NULL;
  options.step = o[O_verify_step].n ? o[O_verify_step].text : NULL;
  options.real = !o[O_verify_real].n ? 0 : o[O_verify_real].choice ? 8 : 4;
  options.openmp = o[O_verify_openmp].n > 0;
  options.target = compile_target(1);
  options.flags = "-O3 -march=native -ffp-contract=off";
  if (options.target.vector_bytes == 64)
    options.flags = "-O3 -march=native -mprefer-vector-width=512 -ffp-contract=off";
  if (o[O_verify_cpu].n && o[O_verify_cpu].choice) options.target.vector_bytes = 0;
  if (options.openmp) {
    options.target.threads = EMIT_C_OPENMP_THREADS;
    options.flags = name_fmt(s->cx, "%s -fopenmp", options.flags);
  }
  CFile file;
  Text source = text_new(s->cx->arena), header = text_new(s->cx->arena);
  if (!emit_c(s, &options, &file)) return ST_SOURCE;
  file.main = verify_c_entries(&file);
  c_print(&file, &source, &header);
  return verify_c(&file, text_str(&source), text_str(&header), options.flags, &job->report)
             ? ST_OK
             : ST_SOURCE;
}

static Status print_report(const Cli *cli, const VerifyReport *r) {
  int wrong = 0;
  for (int i = 0; i < r->row.n; i++) {
    const VerifyRow *row = &r->row.at[i];
    wrong += row->wrong > 0;
    if (row->wrong)
      printf("%-6s %-24s %lld elements differ, by up to %g ULP", row->compiler, row->function,
             (long long)row->wrong, row->ulps);
    else printf("%-6s %-24s the same bits", row->compiler, row->function);
    printf("   time %.2f of the JIT's", row->ratio);
    if (row->sizes && row->special == row->sizes) printf("   %d sizes", row->sizes);
    else if (row->sizes)
      printf("   %d sizes, for %d also those of code made for the size, else within %g ULP",
             row->sizes, row->special, row->special_ulps);
    printf("\n");
  }
  if (!r->compilers) return cli_error(cli, ST_DATA, "there is no C compiler (cc, gcc, clang)");
  if (r->failed) return cli_error(cli, ST_FINDINGS, "%s can't compile the emitted C", r->failed);
  printf("%d functions compared, %d differ\n", r->row.n, wrong);
  return wrong ? ST_FINDINGS : ST_OK;
}

Status cmd_verify(Cli *cli) {
  Status s = ST_OK;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  Job job = {.cli = cli};
  s = session_load(session, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, work, &job);
  s = cli_report(cli, session, s);
  if (s == ST_OK) s = print_report(cli, &job.report);
  session_free(session);
  return s;
}
