/* emit_c_files.c: gradc emit --c FILE.nn: NAME.c and NAME.h for the program, or both one after the
 * other on standard output. */
#include "cli/emit_c_files.h"
#include "cli/target_fn.h"
#include "config.h"
#include "driver/emit_c_report.h"

typedef struct Job {
  Cli *cli;
  const char *source_path, *header_path; /* NULL: standard output */
  const char *weights_path;
  Text source, header, weights, report;
} Job;

const char *path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

const char *path_stem(Arena *a, const char *path, const char *ending) {
  const char *base = path_base(path);
  size_t n = strlen(base), e = strlen(ending);
  if (n > e && !strcmp(base + n - e, ending)) n -= e;
  char *s = arena_alloc(a, n + 1);
  memcpy(s, base, n);
  return s;
}

void comment_safe(char *text) {
  for (char *c = text; *c; c++)
    if (*c < ' ' || (*c == '*' && c[1] == '/')) *c = '_';
}

/* The command as it would be typed: without folders, so that it doesn't depend on where it was run.
 */
static const char *command_text(const Cli *cli, Arena *a) {
  Text t = text_new(a);
  text_fmt(&t, "gradc emit --c %s", path_base(cli->arg[0]));
  const OptValue *o = cli->opt;
  if (o[O_emit_functions].n) text_fmt(&t, " --functions %s", o[O_emit_functions].text);
  if (o[O_emit_step].n) text_fmt(&t, " --step %s", o[O_emit_step].text);
  if (o[O_emit_prefix].n) text_fmt(&t, " --prefix %s", o[O_emit_prefix].text);
  if (o[O_emit_cpu].n) text_fmt(&t, " --cpu %s", o[O_emit_cpu].text);
  for (int i = 0; i < o[O_emit_define].n; i++) text_fmt(&t, " -D %s", o[O_emit_define].list[i]);
  if (o[O_emit_size].n) text_fmt(&t, " --size %lld", (long long)o[O_emit_size].i);
  if (o[O_emit_memory].n) text_fmt(&t, " --memory %s", o[O_emit_memory].text);
  if (o[O_emit_real].n) text_fmt(&t, " --real %s", o[O_emit_real].choice ? "double" : "float");
  if (o[O_emit_openmp].n) text_add(&t, " --openmp");
  if (o[O_emit_weights].n) text_fmt(&t, " --weights %s", path_base(o[O_emit_weights].text));
  if (o[O_emit_embed].n)
    text_fmt(&t, " --embed %s",
             (const char *const[]){"none", "incbin", "hex"}[o[O_emit_embed].choice]);
  if (o[O_emit_selftest].n) text_add(&t, " --selftest");
  if (o[O_emit_main].n) text_add(&t, " --main");
  comment_safe(t.at);
  return text_str(&t);
}

Target emit_c_target(int which, const char **flags) {
  enum { NATIVE, GENERIC, V3, V4 };
  Target t = compile_target(1);
  *flags = "-O3 -march=native -mprefer-vector-width=512 -ffp-contract=off";
  if (which == NATIVE) {
    if (t.vector_bytes < 64) *flags = "-O3 -march=native -ffp-contract=off";
    return t;
  }
  t.l1 = 32 << 10, t.l2 = 512 << 10, t.l3 = 2 << 20;
  t.vector_bytes = which == GENERIC ? 0 : which == V3 ? 32 : 64;
  t.vector_regs = which == V4 ? 32 : 16;
  t.fma = which != GENERIC;
  *flags = which == GENERIC ? "-O3 -ffp-contract=off"
           : which == V3    ? "-O3 -march=x86-64-v3 -ffp-contract=off"
                            : "-O3 -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=off";
  return t;
}

Status emit_c_text(Session *s, const EmitCOptions *o, Text *source, Text *header) {
  CFile file;
  if (!emit_c(s, o, &file)) return ST_SOURCE;
  *source = text_new(s->cx->arena);
  *header = text_new(s->cx->arena);
  c_print(&file, source, header);
  return ST_OK;
}

static Status work(Session *s, void *arg) {
  Job *job = arg;
  const Cli *cli = job->cli;
  Cx *cx = s->cx;
  const OptValue *o = cli->opt;
  SizeBindings sizes = {0};
  if (!target_sizes(cli, s, O_emit_define, &sizes)) return ST_USAGE;
  const char *given =
      o[O_emit_prefix].n ? o[O_emit_prefix].text : path_stem(cli->arena, cli->arg[0], ".nn");
  EmitCOptions options = {
      .prefix = o[O_emit_prefix].n ? name_of(cx, given) : c_safe_name(cx, given),
      .header = name_of(cx, job->header_path
                                ? path_base(job->header_path)
                                : name_fmt(cx, "%s.h", path_stem(cli->arena, cli->arg[0], ".nn"))),
      .version = "gradc " PACKAGE_VERSION,
      .command = command_text(cli, cx->arena),
      .functions = o[O_emit_functions].n ? o[O_emit_functions].text : NULL,
      .step = o[O_emit_step].n ? o[O_emit_step].text : NULL,
      .sizes = &sizes,
      .size = opt_int(cli, O_emit_size, 0),
      .main = o[O_emit_main].n > 0,
      .real = !o[O_emit_real].n       ? 0
              : o[O_emit_real].choice ? 8
                                      : 4,
      .openmp = o[O_emit_openmp].n > 0,
      .embed = !o[O_emit_weights].n
                   ? CEMBED_NO
                   : (CEmbed)(CEMBED_LOADER + (o[O_emit_embed].n ? o[O_emit_embed].choice : 0)),
      .weights = o[O_emit_weights].n ? o[O_emit_weights].text : NULL,
      .selftest = o[O_emit_selftest].n > 0};
  options.target = emit_c_target(o[O_emit_cpu].n ? o[O_emit_cpu].choice : 0, &options.flags);
  if (options.openmp) options.target.threads = EMIT_C_OPENMP_THREADS;
  CFile file;
  if (!emit_c(s, &options, &file)) return ST_SOURCE;
  if (job->weights_path) file.weights_file = name_of(cx, path_base(job->weights_path));
  job->source = text_new(cx->arena);
  job->weights = text_new(cx->arena);
  job->report = text_new(cx->arena);
  if (job->weights_path) emit_c_weight_bytes(&file, &job->weights);
  job->header = text_new(cx->arena);
  c_print(&file, &job->source, &job->header);
  const char *cc = o[O_emit_cc].n ? o[O_emit_cc].text : NULL;
  if (o[O_emit_report].n &&
      !emit_c_report(&file, text_str(&job->source), text_str(&job->header), cc, &job->report))
    return ST_SOURCE;
  return ST_OK;
}

static Status paths(Job *job) {
  const Cli *cli = job->cli;
  const OptValue *o = &cli->opt[O_emit_output];
  const OptValue *weights = &cli->opt[O_emit_weights], *embed = &cli->opt[O_emit_embed];
  if (embed->n && !weights->n)
    return usage_error(cli, "--embed says how the values of --weights are brought along");
  if (!o->n || !strcmp(o->text, "-")) {
    bool file = weights->n && !(embed->n && embed->choice == 2);
    return file ? usage_error(cli, "--weights makes a third file: give --output, or --embed hex")
                : ST_OK;
  }
  size_t n = strlen(o->text);
  if (n < 3 || strcmp(o->text + n - 2, ".c"))
    return usage_error(cli, "--output takes the C file's name, NAME.c, not \"%s\"", o->text);
  char *h = arena_copy(cli->arena, o->text, n + 1);
  h[n - 1] = 'h';
  job->source_path = o->text;
  job->header_path = h;
  if (!cli->opt[O_emit_weights].n || cli->opt[O_emit_embed].choice == 2) return ST_OK;
  char *w = arena_alloc(cli->arena, n + 3);
  memcpy(w, o->text, n - 1);
  memcpy(w + n - 1, "bin", 4);
  job->weights_path = w;
  return ST_OK;
}

Status emit_c_files(Cli *cli) {
  Status s = ST_OK;
  Job job = {.cli = cli};
  if (cli->n > 1) return usage_error(cli, "with --c, functions are named by --functions");
  const OptValue *prefix = &cli->opt[O_emit_prefix];
  if (prefix->n && !c_identifier(prefix->text))
    return usage_error(cli, "--prefix takes a name of C, not \"%s\"", prefix->text);
  s = paths(&job);
  if (s != ST_OK) return s;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  s = cli_memory(cli, session, O_emit_memory, 1);
  if (s == ST_OK) s = session_load(session, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, work, &job);
  bool write = job.source_path || !cli->opt[O_emit_report].n;
  if (s == ST_OK && write) s = output_write(cli, job.source_path, text_str(&job.source));
  if (s == ST_OK && write) s = output_write(cli, job.header_path, text_str(&job.header));
  if (s == ST_OK && job.report.n) out_text(text_str(&job.report));
  if (s == ST_OK && job.weights_path)
    s = output_write_bytes(cli, job.weights_path, job.weights.at, job.weights.n);
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
