/* host_errors.c: what a host gets to know when something is wrong: all mistakes of a program at
 * once, with places; derivatives that don't exist, asked for by expression; use of the interface
 * that makes no sense; and memory that runs out, by the limits of a child process.
 *
 *   host_errors */
#include <gradc.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int bad;
#define CHECK(condition)                                                                           \
  if (!(condition)) bad++, printf("line %d: %s\n", __LINE__, #condition)

static const char wrong[] = "fn one(x: f32[3]) = x + [1.0, 2.0]\n"
                            "fn two(x: f32[3]) =\n"
                            "  sum(x) +\n"
                            "  lost(x)\n"
                            "fn three(x: i32) = x / 2\n"
                            "fn four(x: f64) = four(x, x)\n";
static const char right[] = "param w: f32[3] ~ he()\n"
                            "fn smooth(x: f32[3], n: i32) = sum(x * w) * f32(n)\n"
                            "fn whole(x: f32[N], n: i32) = n + 1\n"
                            "fn many(x: f64[2]) = x * 2\n"
                            "fn open(x) = x * 2\n";

static const gradc_diagnostic *at_line(gradc_context *gc, int line) {
  for (int i = 0; i < gradc_diagnostic_count(gc); i++) {
    const gradc_diagnostic *d = gradc_diagnostic_at(gc, i);
    if (d->place.line == line) return d;
  }
  return NULL;
}

/* Every diagnostic has a place within the text, words, a code with a long form. */
static void several_mistakes(gradc_context *gc) {
  gradc_status s = gradc_declare(gc, "wrong.nn", wrong);
  if (!s) s = gradc_check(gc);
  CHECK(s == GRADC_SOURCE);
  CHECK(gradc_diagnostic_count(gc) >= 4);
  for (int i = 0; i < gradc_diagnostic_count(gc); i++) {
    const gradc_diagnostic *d = gradc_diagnostic_at(gc, i);
    CHECK(d->severity == GRADC_ERROR && d->code[0] == 'E' && strlen(d->code) == 5);
    CHECK(*d->message && gradc_explain(gc, d->code));
    CHECK(!strcmp(d->place.file, "wrong.nn") && d->place.line >= 1 && d->place.line <= 6);
    CHECK(d->place.column >= 1 && d->place.end_line >= d->place.line);
    CHECK(d->place.end_line > d->place.line || d->place.end_column > d->place.column);
    for (int k = 0; k < d->parts; k++) CHECK(*d->part[k].message);
  }
  const gradc_diagnostic *d = at_line(gc, 4);
  CHECK(d && d->place.column == 3 && d->place.end_column == 7 && strstr(d->message, "`lost`"));
  d = at_line(gc, 1);
  CHECK(d && !strcmp(d->code, "E0304") && d->place.column == 21);
  CHECK(at_line(gc, 5) && at_line(gc, 6));
  CHECK(strstr(gradc_message(gc), "wrong.nn:"));
  CHECK(strstr(gradc_diagnostics_text(gc, 0), "lost(x)"));
  CHECK(!strchr(gradc_diagnostics_text(gc, 0), '\033') &&
        strchr(gradc_diagnostics_text(gc, 1), '\033'));
  CHECK(strstr(gradc_diagnostics_json(gc), "\"E0304\""));
  CHECK(!gradc_diagnostic_at(gc, gradc_diagnostic_count(gc)) && !gradc_diagnostic_at(gc, -1));
}

static void asked(gradc_context *gc, const char *expression, gradc_status want, const char *word) {
  gradc_function *f = (gradc_function *)gc;
  gradc_status s = gradc_find(gc, expression, &f);
  if (s == want && (!s || (!f && strstr(gradc_message(gc), word))) &&
      (!s || gradc_diagnostic_count(gc)))
    return;
  bad++;
  printf("%s: %s: %s\n", expression, gradc_status_text(s), gradc_message(gc));
}

static void derivatives(gradc_context *gc) {
  CHECK(gradc_declare(gc, "right.nn", right) == GRADC_OK);
  asked(gc, "grad(smooth)", GRADC_OK, "");
  asked(gc, "grad(smooth, wrt: (w, x))", GRADC_OK, "");
  asked(gc, "grad(smooth, wrt: n)", GRADC_SOURCE, "`n`");
  asked(gc, "grad(smooth, wrt: v)", GRADC_SOURCE, "`v`");
  asked(gc, "grad(whole)", GRADC_SOURCE, "whole");
  asked(gc, "grad(many)", GRADC_SOURCE, "many");
  asked(gc, "grad(lost)", GRADC_SOURCE, "`lost`");
  asked(gc, "grad(grad(smooth))", GRADC_SOURCE, "");
  asked(gc, "grad(smooth", GRADC_SOURCE, "");
  asked(gc, "open", GRADC_SOURCE, "`open`");
  asked(gc, "smooth(1)", GRADC_SOURCE, "");
  asked(gc, "w", GRADC_SOURCE, "");
  asked(gc, "", GRADC_SOURCE, "");
  asked(gc, "many", GRADC_OK, "");
  CHECK(!*gradc_message(gc) && gradc_diagnostic_count(gc) == 0);
}

static void misuse(gradc_context *gc) {
  gradc_function *f = NULL, *g = NULL;
  gradc_trainer *t = NULL;
  const char *const names[] = {"N", "M"};
  const int64_t n[] = {3, 4}, none[] = {0}, less[] = {-1};
  float x[3] = {1, 2, 3}, w[4] = {0};
  int32_t k = 2, sum = 0;
  const void *args[] = {x, &k};
  void *results[] = {&sum};
  CHECK(gradc_find(gc, "whole", &f) == GRADC_OK);
  CHECK(gradc_compile(f) != GRADC_OK && strstr(gradc_message(gc), "N"));
  CHECK(gradc_call(f, args, results) != GRADC_OK);
  CHECK(gradc_specialize(f, names, n, 0, &g) == GRADC_USAGE && !g);
  CHECK(gradc_specialize(f, names, n, 2, &g) == GRADC_USAGE && strstr(gradc_message(gc), "M"));
  CHECK(gradc_specialize(f, names, less, 1, &g) == GRADC_USAGE);
  CHECK(gradc_specialize(f, NULL, n, 1, &g) == GRADC_USAGE);
  CHECK(gradc_specialize(f, names, none, 1, &g) == GRADC_OK && gradc_argument(g, 0)->count == 0);
  CHECK(gradc_call(g, args, results) == GRADC_OK && sum == 3);
  CHECK(gradc_specialize(f, names, n, 1, &g) == GRADC_OK &&
        gradc_call(g, args, results) == GRADC_OK);
  CHECK(gradc_call(g, NULL, results) == GRADC_USAGE && gradc_call(g, args, NULL) == GRADC_USAGE);
  CHECK(!gradc_argument(f, 2) && !gradc_argument(f, -1) && !gradc_result(f, 1) &&
        !gradc_size(f, 1));
  CHECK(gradc_param_set(gc, "w", w, sizeof w) == GRADC_USAGE);
  CHECK(gradc_param_set(gc, "v", w, sizeof w) != GRADC_OK);
  CHECK(gradc_trainer_new(gc, "whole", "adam", NULL, names, n, 1, &t) != GRADC_OK && !t);
  CHECK(gradc_trainer_new(gc, "smooth", "adams", NULL, NULL, NULL, 0, &t) != GRADC_OK && !t);
  CHECK(gradc_params_load(gc, "/no/such.safetensors") == GRADC_DATA &&
        gradc_diagnostic_count(gc) == 1);
  CHECK(gradc_load(gc, "/no/such.nn") == GRADC_DATA);
  CHECK(gradc_find(NULL, "whole", &f) == GRADC_USAGE && gradc_renew(NULL) == GRADC_USAGE);
  CHECK(gradc_bytes(NULL) == 0);
}

/* What was declared and given survives; what was handed out is asked for again. */
static void renewed(gradc_context *gc) {
  gradc_function *f;
  const float w[] = {2, 4, 8}, x[] = {1, 1, 0.5f};
  const int32_t n = 3;
  float y = 0;
  const void *args[] = {x, &n};
  void *results[] = {&y};
  CHECK(gradc_define(gc, "lost_size", 9) == GRADC_OK);
  CHECK(gradc_param_set(gc, "w", w, sizeof w) == GRADC_OK);
  CHECK(gradc_declare(gc, "later", "fn smooth(x: f32[3], n: i32) = sum(x * w) * f32(n) + 1") ==
        GRADC_OK);
  for (int i = 0; i < 3; i++) CHECK(gradc_renew(gc) == GRADC_OK);
  CHECK(gradc_check_defines(gc) == GRADC_SOURCE && strstr(gradc_message(gc), "lost_size"));
  CHECK(gradc_find(gc, "smooth", &f) == GRADC_OK && gradc_call(f, args, results) == GRADC_OK &&
        y == 31);
  CHECK(gradc_find(gc, "many", &f) == GRADC_OK);
}

/* With less and less memory: each call says what it is, and nothing ends the process. */
static gradc_status with_limit(rlim_t more) {
  int64_t pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%lld", (long long *)&pages) != 1) pages = 0;
  if (f) fclose(f);
  const rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
  const struct rlimit limit = {bytes, bytes};
  gradc_context *gc = NULL;
  gradc_function *fn = NULL;
  if (setrlimit(RLIMIT_AS, &limit)) return GRADC_USAGE;
  gradc_status s = gradc_new(&gc);
  if (!s) s = gradc_set_cache(gc, 0);
  if (!s) s = gradc_declare(gc, "right.nn", right);
  if (!s) s = gradc_find(gc, "value_and_grad(smooth)", &fn);
  if (!s) s = gradc_compile(fn);
  if (!s) s = gradc_renew(gc);
  if (s == GRADC_MEMORY && gc && !*gradc_message(gc)) s = GRADC_INTERNAL;
  gradc_free(gc);
  return s;
}

static void out_of_memory(void) {
  int full = 0, short_of = 0;
  for (int mb = 0; mb <= 1024; mb = mb < 16 ? mb + 2 : mb * 2) {
    int status = 0;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) _exit((int)with_limit((rlim_t)mb << 20));
    if (child < 0 || waitpid(child, &status, 0) != child) bad++;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    full += code == GRADC_OK;
    short_of += code == GRADC_MEMORY;
    if (code != GRADC_OK && code != GRADC_MEMORY) bad++, printf("with %d MB more: %d\n", mb, code);
  }
  CHECK(full > 0 && short_of > 0);
}

int main(void) {
  gradc_context *gc;
  out_of_memory(); /* first: the children are as small as can be */
  if (gradc_new(&gc)) return 2;
  several_mistakes(gc);
  gradc_free(gc);
  if (gradc_new(&gc)) return 2;
  derivatives(gc);
  misuse(gc);
  renewed(gc);
  gradc_free(gc);
  printf("%s\n", bad ? "wrong" : "right");
  return bad != 0;
}
