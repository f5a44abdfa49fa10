/* cmd_build.c: gradc build FILE.nn -o NAME.so|.a|.o: native code, and the header of emitted C
 * beside it. */
#include "cli/emit_c_files.h"
#include "cli/target_fn.h"
#include "config.h"
#include "driver/library.h"

typedef struct Job {
  const Cli *cli;
  const char *output, *header_path;
  BuildKind kind;
  Target target;
  Text bytes, header;
} Job;

static const char *given(const Cli *cli, OptId id) {
  return cli->opt[id].n ? cli->opt[id].text : NULL;
}

/* The command as it would be typed, without folders. */
static const char *command_text(const Cli *cli, Arena *a) {
  static const OptId shown[] = {O_build_functions, O_build_step, O_build_prefix, O_build_cpu};
  Text t = text_new(a);
  text_fmt(&t, "gradc build %s -o %s", path_base(cli->arg[0]),
           path_base(given(cli, O_build_output)));
  for (int i = 0; i < COUNT_OF(shown); i++)
    if (given(cli, shown[i]))
      text_fmt(&t, " --%s %s", opt_info[shown[i]].name, given(cli, shown[i]));
  if (given(cli, O_build_weights))
    text_fmt(&t, " --static-weights %s", path_base(given(cli, O_build_weights)));
  for (int i = 0; i < cli->opt[O_build_define].n; i++)
    text_fmt(&t, " -D %s", cli->opt[O_build_define].list[i]);
  comment_safe(t.at);
  return text_str(&t);
}

static Status work(Session *s, void *arg) {
  Job *job = arg;
  const Cli *cli = job->cli;
  Cx *cx = s->cx;
  SizeBindings sizes = {0};
  if (!target_sizes(cli, s, O_build_define, &sizes)) return ST_USAGE;
  const char *prefix = given(cli, O_build_prefix);
  BuildOptions o = {
      .c = {.prefix = prefix ? name_of(cx, prefix)
                             : c_safe_name(cx, path_stem(cli->arena, cli->arg[0], ".nn")),
            .header = name_of(cx, path_base(job->header_path)),
            .version = "gradc " PACKAGE_VERSION,
            .command = command_text(cli, cx->arena),
            .functions = given(cli, O_build_functions),
            .step = given(cli, O_build_step),
            .sizes = &sizes,
            .size = opt_int(cli, O_build_size, 0),
            .embed = given(cli, O_build_weights) ? CEMBED_HEX : CEMBED_NO,
            .weights = given(cli, O_build_weights),
            .target = job->target},
      .cpu = given(cli, O_build_cpu) ? given(cli, O_build_cpu) : "native",
      .kind = job->kind,
      .base = path_base(job->output)};
  job->bytes = text_new(cx->arena);
  job->header = text_new(cx->arena);
  return build_native(s, &o, &job->bytes, &job->header);
}

static Status no_such_cpu(const Cli *cli, const char *name) {
  Text all = text_new(cli->arena);
  const char *names[64];
  int n = 0;
  names[n++] = "native";
  for (; n < COUNT_OF(names) && target_cpu_name(n - 1); n++) names[n] = target_cpu_name(n - 1);
  for (int i = 0; i < n; i++) text_fmt(&all, "%s%s", i ? ", " : "", names[i]);
  return usage_error(cli, "--cpu takes one of %s, not \"%s\"", text_str(&all), name);
}

static Status read_options(const Cli *cli, Job *job) {
  const char *cpu = given(cli, O_build_cpu), *prefix = given(cli, O_build_prefix);
  job->output = given(cli, O_build_output);
  if (!job->output)
    return usage_error(cli, "no --output: the name of the library, ending in .so, .a or .o");
  if (!build_kind(job->output, &job->kind))
    return usage_error(cli, "--output takes a name that ends in .so, .a or .o, not \"%s\"",
                       job->output);
  if (prefix && !c_identifier(prefix))
    return usage_error(cli, "--prefix takes a name of C, not \"%s\"", prefix);
  job->target = compile_target(1);
  if (cpu && strcmp(cpu, "native") && !target_named(cpu, &job->target))
    return no_such_cpu(cli, cpu);
  size_t stem = (size_t)(strrchr(job->output, '.') - job->output);
  char *header = arena_alloc(cli->arena, stem + 3);
  if (!header) return cli_error(cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  memcpy(header, job->output, stem);
  memcpy(header + stem, ".h", 3);
  job->header_path = header;
  return ST_OK;
}

Status cmd_build(Cli *cli) {
  Job job = {.cli = cli};
  Status s = read_options(cli, &job);
  if (s != ST_OK) return s;
  Session *session = cli_session(cli, &s);
  if (!session) return s;
  s = session_load(session, cli->arg[0]);
  if (s == ST_OK) s = session_run(session, work, &job);
  if (s == ST_OK) s = output_write_bytes(cli, job.output, job.bytes.at, job.bytes.n);
  if (s == ST_OK) s = output_write(cli, job.header_path, text_str(&job.header));
  s = cli_report(cli, session, s);
  session_free(session);
  return s;
}
