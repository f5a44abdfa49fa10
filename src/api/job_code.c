/* job_code.c: jobs that make code to be taken elsewhere: C (emit with `c`), native libraries
 * (build), and the comparison of the two (verify). */
#include "api/job_code.h"
#include "base/diag.h"
#include "config.h"
#include "driver/emit_c_report.h"
#include "driver/library.h"
#include "driver/verify_c.h"

/* ---- options in common ---- */
/* A command in a comment of a file it makes: nothing in it ends the comment or begins another. */
static void comment_safe(char *text) {
  for (char *c = text; *c; c++)
    if (*c < ' ' || (*c == '*' && c[1] == '/') || (*c == '/' && c[1] == '*')) *c = '_';
}

/* A file of that name can be in #include "..": a backslash or a comment's beginning there is
 * undefined, and two question marks may begin a trigraph. */
static bool can_be_included(const char *name) {
  for (const char *c = name; *c; c++)
    if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\' || (*c == '?' && c[1] == '?'))
      return false;
  return true;
}

/* The command as it would be typed, without folders. */
static const char *command_text(const gradc_job *j, const char *command) {
  Cx *cx = j->gc->session->cx;
  Text t = text_new(cx->arena);
  const char *instead = job_text(j, X_MADE_BY);
  if (instead) {
    char *copy = arena_copy(cx->arena, instead, strlen(instead) + 1);
    return comment_safe(copy), copy;
  }
  text_fmt(&t, "gradc %s", command);
  if (j->gc->path) text_fmt(&t, " %s", path_base(j->gc->path));
  for (int i = 0; i < j->gc->defined.list.n; i++)
    text_fmt(&t, " -D %s=%lld", j->gc->defined.list.at[i].name,
             (long long)j->gc->defined.list.at[i].value);
  job_words(j, &t);
  if (cx->bound.bytes) text_fmt(&t, " --memory %lld", (long long)cx->bound.bytes);
  text_str(&t);
  comment_safe(t.at);
  return t.at;
}

/* What names begin with, and files are called, where nothing else is said: as the program's file;
 * without one as the file that is made, or as the only function. */
static const char *program_name(const gradc_job *j) {
  Cx *cx = j->gc->session->cx;
  const char *path = j->gc->path, *output = job_text(j, X_OUTPUT),
             *functions = job_text(j, X_FUNCTIONS);
  if (path && strcmp(path, "-")) return path_stem(cx->arena, path, ".nn");
  if (output) return name_of_n(cx, path_base(output), strcspn(path_base(output), "."));
  return functions && c_identifier(functions) ? functions : "program";
}

/* "NAME.h" for "folder/NAME.c". */
static const char *with_ending(Cx *cx, const char *path, const char *ending) {
  const char *dot = strrchr(path, '.');
  return name_fmt(cx, "%.*s%s", (int)(dot - path), path, ending);
}

static Status common_options(gradc_job *j, const char *header, EmitCOptions *o) {
  Cx *cx = j->gc->session->cx;
  const char *prefix = job_text(j, X_PREFIX);
  if (prefix && !c_identifier(prefix))
    return api_usage(j->gc, "--prefix takes a name of C, not \"%s\"", prefix);
  *o = (EmitCOptions){.prefix = prefix ? name_of(cx, prefix) : c_safe_name(cx, program_name(j)),
                      .header = name_of(cx, path_base(header)),
                      .version = "gradc " PACKAGE_VERSION,
                      .functions = job_text(j, X_FUNCTIONS),
                      .step = job_text(j, X_STEP),
                      .sizes = NEW(cx->arena, SizeBindings),
                      .size = job_whole(j, N_SIZE, 0),
                      .main = job_is(j, N_MAIN),
                      .openmp = job_is(j, N_OPENMP),
                      .selftest = job_is(j, N_SELFTEST)};
  if (job_text(j, X_REAL)) o->real = job_choice(j, X_REAL) ? 8 : 4;
  return job_sizes(j, o->sizes);
}

/* ---- emit: a C file and its header ---- */
typedef struct CPaths {
  const char *source, *header, *weights; /* NULL: not written */
} CPaths;

static Status c_paths(gradc_job *j, CPaths *out) {
  Cx *cx = j->gc->session->cx;
  const char *output = job_text(j, X_OUTPUT);
  bool file = job_text(j, X_WEIGHTS) && job_choice(j, X_EMBED) != 2;
  *out = (CPaths){0};
  if (job_text(j, X_EMBED) && !job_text(j, X_WEIGHTS))
    return api_usage(j->gc, "--embed says how the values of --weights are brought along");
  if (!output)
    return file ? api_usage(j->gc, "--weights makes a third file: give --output, or --embed hex")
                : ST_OK;
  size_t n = strlen(output);
  if (n < 3 || strcmp(output + n - 2, ".c"))
    return api_usage(j->gc, "--output takes the C file's name, NAME.c, not \"%s\"", output);
  if (!can_be_included(path_base(output)))
    return api_usage(j->gc, "--output takes a name that C can have in #include, not \"%s\"",
                     output);
  *out = (CPaths){output, with_ending(cx, output, ".h"),
                  file ? with_ending(cx, output, ".bin") : NULL};
  return ST_OK;
}

static Status write_c(gradc_job *j, const CPaths *paths, const Text *source, const Text *header,
                      const Text *weights) {
  Status s = paths->source ? job_write(j, paths->source, source) : ST_OK;
  if (s == ST_OK && paths->header) s = job_write(j, paths->header, header);
  if (s == ST_OK && paths->weights) s = job_write(j, paths->weights, weights);
  return s;
}

Status job_emit_c(Session *s, gradc_job *j) {
  Cx *cx = s->cx;
  CPaths paths;
  EmitCOptions o;
  CFile file;
  Text source = text_new(cx->arena), header = text_new(cx->arena), weights = text_new(cx->arena),
       report = text_new(cx->arena);
  if (job_text(j, X_FUNCTION))
    return api_usage(j->gc, "with --c, functions are named by --functions");
  Status status = c_paths(j, &paths);
  const char *name = program_name(j);
  const char *stdout_header =
      name_fmt(cx, "%s.h", can_be_included(name) ? name : c_safe_name(cx, name));
  if (status == ST_OK) status = common_options(j, paths.header ? paths.header : stdout_header, &o);
  if (status != ST_OK) return status;
  o.command = command_text(j, "emit");
  o.weights = job_text(j, X_WEIGHTS);
  o.embed = o.weights ? (CEmbed)(CEMBED_LOADER + job_choice(j, X_EMBED)) : CEMBED_NO;
  o.target = emit_c_target(job_choice(j, X_EMIT_CPU), &o.flags);
  if (o.openmp) o.target.threads = EMIT_C_OPENMP_THREADS;
  if (!emit_c(s, &o, &file)) return ST_SOURCE;
  if (paths.weights) file.weights_file = name_of(cx, path_base(paths.weights));
  if (paths.weights) emit_c_weight_bytes(&file, &weights);
  c_print(&file, &source, &header);
  if (job_is(j, N_REPORT) &&
      !emit_c_report(&file, text_str(&source), text_str(&header), job_text(j, X_CC), &report))
    return ST_SOURCE;
  job_result(j, "source", &source);
  job_result(j, "header", &header);
  if (paths.weights) job_result(j, "weights", &weights);
  if (job_is(j, N_REPORT)) job_result(j, "report", &report);
  return write_c(j, &paths, &source, &header, &weights);
}

/* ---- build: a native library and the same header ---- */
static Status no_such_cpu(gradc_job *j, const char *name) {
  Text all = text_new(j->gc->session->cx->arena);
  text_add(&all, "native");
  for (int i = 0; target_cpu_name(i); i++) text_fmt(&all, ", %s", target_cpu_name(i));
  return api_usage(j->gc, "--cpu takes one of %s, not \"%s\"", text_str(&all), name);
}

static Status build_options(gradc_job *j, BuildOptions *o) {
  const char *output = job_text(j, X_OUTPUT), *cpu = job_text(j, X_BUILD_CPU);
  Target target = compile_target(1);
  if (!output)
    return api_usage(j->gc, "no --output: the name of the library, ending in .so, .a or .o");
  *o = (BuildOptions){.cpu = cpu ? cpu : "native", .base = path_base(output)};
  if (!build_kind(output, &o->kind))
    return api_usage(j->gc, "--output takes a name that ends in .so, .a or .o, not \"%s\"", output);
  if (cpu && strcmp(cpu, "native") && !target_named(cpu, &target)) return no_such_cpu(j, cpu);
  Status status = common_options(j, with_ending(j->gc->session->cx, output, ".h"), &o->c);
  o->c.command = command_text(j, "build");
  o->c.weights = job_text(j, X_STATIC_WEIGHTS);
  o->c.embed = o->c.weights ? CEMBED_HEX : CEMBED_NO;
  o->c.target = target;
  o->c.threads = o->c.target.threads = (int)job_whole(j, N_THREADS, 1);
  return status;
}

Status job_build(Session *s, gradc_job *j) {
  BuildOptions o;
  Text bytes = text_new(s->cx->arena), header = text_new(s->cx->arena);
  Status status = build_options(j, &o);
  if (status == ST_OK) status = build_native(s, &o, &bytes, &header);
  if (status != ST_OK) return status;
  job_result(j, "library", &bytes);
  job_result(j, "header", &header);
  const char *path = job_text(j, X_OUTPUT);
  status = job_write(j, path, &bytes);
  return status == ST_OK ? job_write(j, with_ending(s->cx, path, ".h"), &header) : status;
}

/* ---- verify ---- */
static void say_row(gradc_job *j, const VerifyRow *row) {
  Text t = text_new(j->gc->session->cx->arena);
  if (row->wrong)
    text_fmt(&t, "%-6s %-24s %lld elements differ, by up to %g ULP", row->compiler, row->function,
             (long long)row->wrong, row->ulps);
  else text_fmt(&t, "%-6s %-24s the same bits", row->compiler, row->function);
  text_fmt(&t, "   time %.2f of the JIT's", row->ratio);
  if (row->sizes && row->special == row->sizes) text_fmt(&t, "   %d sizes", row->sizes);
  else if (row->sizes)
    text_fmt(&t, "   %d sizes, for %d also those of code made for the size, else within %g ULP",
             row->sizes, row->special, row->special_ulps);
  text_add(&t, "\n");
  job_say(j, text_str(&t));
  job_row(j);
  job_cell_text(j, "compiler", row->compiler);
  job_cell_text(j, "function", row->function);
  job_cell(j, "differ", (double)row->wrong);
  job_cell(j, "ulps", row->ulps);
  job_cell(j, "ratio", row->ratio);
  job_cell(j, "sizes", row->sizes);
}

static Status say_report(gradc_job *j, const VerifyReport *r) {
  Cx *cx = j->gc->session->cx;
  int wrong = 0;
  for (int i = 0; i < r->row.n; i++) {
    say_row(j, &r->row.at[i]);
    wrong += r->row.at[i].wrong > 0;
  }
  if (!r->compilers) return api_says(j->gc, ST_DATA, "there is no C compiler (cc, gcc, clang)");
  if (r->failed) return api_says(j->gc, ST_FINDINGS, "%s can't compile the emitted C", r->failed);
  job_say(j, name_fmt(cx, "%d functions compared, %d differ\n", r->row.n, wrong));
  return wrong ? ST_FINDINGS : ST_OK;
}

Status job_verify(Session *s, gradc_job *j) {
  Cx *cx = s->cx;
  EmitCOptions o;
  VerifyReport report = {0};
  CFile file;
  Text source = text_new(cx->arena), header = text_new(cx->arena);
  Status status = common_options(j, "program.h", &o);
  if (status != ST_OK) return status;
  o.prefix = name_of(cx, "program");
  o.command = "gradc verify";
  o.target = emit_c_target(0, &o.flags);
  enum { NATIVE, GENERIC, PORTABLE };
  int cpu = job_choice(j, X_VERIFY_CPU);
  if (cpu == GENERIC) o.target.vector_bytes = 0;
  if (cpu == PORTABLE) o.flags = name_fmt(cx, "%s -DPROGRAM_PORTABLE", o.flags);
  if (o.openmp) {
    o.target.threads = EMIT_C_OPENMP_THREADS;
    o.flags = name_fmt(cx, "%s -fopenmp", o.flags);
  }
  if (!emit_c(s, &o, &file)) return ST_SOURCE;
  file.main = verify_c_entries(&file);
  c_print(&file, &source, &header);
  if (!verify_c(&file, text_str(&source), text_str(&header), o.flags, &report)) return ST_SOURCE;
  return say_report(j, &report);
}
