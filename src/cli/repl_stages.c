/* repl_stages.c: the commands that show what becomes of a function: its gradient, each stage of the
 * compilation, C, its needs, its speed. The work is that of the commands emit, grad and bench. */
#include "base/diag.h"
#include "cli/repl.h"
#include "config.h"
#include "driver/bench.h"
#include "driver/emit_c.h"
#include "driver/plan.h"
#include "driver/stage.h"
#include "driver/target_fn.h"

#include <stdlib.h>

enum { SIZE_OF_REST = 64 };

/* ---- a function, and numbers for its sizes ---- */
typedef struct Request {
  Repl *r;
  const char *args;
  Stage stage;
  const char *name; /* of the function as it was typed, or the expression */
  Name bare;        /* the name inside grad(..) */
  bool gradient;
  const char *path; /* FILE.c */
  SizeBindings sizes;
  Text out, header;
} Request;

static bool is_size(const char *word) {
  const char *eq = strchr(word, '=');
  return eq && eq > word && eq[1] && strspn(eq + 1, "0123456789") == strlen(eq + 1) &&
         strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
             (size_t)(eq - word);
}

static bool is_c_file(const char *word) {
  size_t n = strlen(word);
  return n > 2 && !strcmp(word + n - 2, ".c");
}

/* Takes the sizes (and the file) off the end; what is left is the function. */
static Status read_request(Request *q, Session *s) {
  Arena *a = s->cx->arena;
  const char *rest = repl_rest(a, q->args), *word;
  char *text = arena_copy(a, rest, strlen(rest) + 1);
  q->path = repl_cut_last(a, text, is_c_file);
  while ((word = repl_cut_last(a, text, is_size))) {
    int64_t n = strtoll(strchr(word, '=') + 1, NULL, 10);
    if (n > DIM_MAX_NUMBER) return cli_error(q->r->cli, ST_USAGE, "%s: that is too large", word);
    size_bind(a, &q->sizes, name_of_n(s->cx, word, (size_t)(strchr(word, '=') - word)), n);
  }
  q->name = repl_rest(a, text);
  return ST_OK;
}

/* A declared function or the gradient of one by its name; anything else is an expression. */
static const Fn *requested(Request *q, Session *s) {
  bool plain = strspn(q->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               strlen(q->name);
  const char *close = strchr(q->name, ')');
  bool call = (!strncmp(q->name, "grad(", 5) || !strncmp(q->name, "value_and_grad(", 15)) &&
              close && !close[1] && !strpbrk(q->name, ",:");
  if (plain || call) return target_function(s, q->name, &q->bare, &q->gradient);
  return session_expr(s, q->r->label, q->name);
}

static Status open_request(Request *q, Session *s, const Fn **f) {
  q->out = text_new(s->cx->arena);
  Status status = read_request(q, s);
  if (status != ST_OK) return status;
  *f = requested(q, s);
  return *f ? ST_OK : ST_SOURCE;
}

static Status answer(Repl *r, Request *q, Status (*work)(Session *s, void *q)) {
  q->r = r;
  Status s = session_run(r->session, work, q);
  if (s == ST_OK && !q->path) out_text(text_str(&q->header));
  if (s == ST_OK && !q->path) out_text(text_str(&q->out));
  return s;
}

/* ---- the stages ---- */
static Status show_stage(Session *s, void *arg) {
  Request *q = arg;
  const Fn *f;
  Status status = open_request(q, s, &f);
  if (status != ST_OK) return status;
  return stage_print(f, q->stage, &q->sizes, SIZE_OF_REST, 1, &q->out);
}

static Status stage(Repl *r, const char *args, Stage which) {
  Request q = {.args = args, .stage = which};
  return answer(r, &q, show_stage);
}

Status repl_ir(Repl *r, const char *args) { return stage(r, args, STAGE_IR); }
Status repl_loops(Repl *r, const char *args) { return stage(r, args, STAGE_LOOPS); }
Status repl_llvm(Repl *r, const char *args) { return stage(r, args, STAGE_LLVM); }
Status repl_asm(Repl *r, const char *args) { return stage(r, args, STAGE_ASM); }

/* ---- :grad ---- */
static Status show_gradient(Session *s, void *arg) {
  Request *q = arg;
  Arena *a = s->cx->arena;
  const char *rest = q->args, *name = repl_word(a, &rest), *list = repl_word(a, &rest);
  Fn *f = session_function(s, name_of(s->cx, name));
  if (!f) return ST_SOURCE;
  bool *wrt = NEWS(a, bool, f->in.n + 1);
  for (const char *word = list; word; word = repl_word(a, &rest)) {
    const char *wrong = derive_wrt(f, word, wrt);
    if (wrong) return cli_error(q->r->cli, ST_USAGE, "%s", wrong);
  }
  DeriveOptions o = {.wrt = list ? wrt : NULL, .order = 1};
  Fn *d = derive(f, &o);
  if (!d) return ST_SOURCE;
  q->out = text_new(a);
  print_program(s, d, &q->out);
  return ST_OK;
}

Status repl_grad(Repl *r, const char *args) {
  Request q = {.args = args};
  return answer(r, &q, show_gradient);
}

/* ---- :c ---- */
static const char *base_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* What names begin with: the file's name, that of the program, or the function's. */
static Name prefix_of(const Request *q, Cx *cx) {
  const char *path = q->path ? q->path : q->r->file ? q->r->file : q->name, *base = base_of(path);
  return c_safe_name(cx, name_of_n(cx, base, strcspn(base, ".")));
}

static Status show_c(Session *s, void *arg) {
  Request *q = arg;
  Cx *cx = s->cx;
  Status status = read_request(q, s);
  if (status != ST_OK) return status;
  EmitCOptions o = {.prefix = prefix_of(q, cx),
                    .version = "gradc " PACKAGE_VERSION,
                    .functions = q->name,
                    .command = name_fmt(cx, "gradc repl, :c %s", q->name),
                    .sizes = &q->sizes,
                    .size = SIZE_OF_REST};
  o.header = q->path ? name_fmt(cx, "%.*s.h", (int)strlen(base_of(q->path)) - 2, base_of(q->path))
                     : name_fmt(cx, "%s.h", o.prefix);
  o.target = emit_c_target(0, &o.flags);
  CFile file;
  if (!emit_c(s, &o, &file)) return ST_SOURCE;
  q->out = text_new(cx->arena);
  q->header = text_new(cx->arena);
  c_print(&file, &q->out, &q->header);
  return ST_OK;
}

Status repl_c(Repl *r, const char *args) {
  Request q = {.args = args};
  Status s = answer(r, &q, show_c);
  if (s != ST_OK || !q.path) return s;
  size_t n = strlen(q.path);
  char *header = arena_copy(r->cli->arena, q.path, n + 1);
  header[n - 1] = 'h';
  s = output_write(r->cli, q.path, text_str(&q.out));
  if (s == ST_OK) s = output_write(r->cli, header, text_str(&q.header));
  if (s == ST_OK) printf("%s and %s\n", q.path, header);
  return fflush(stdout), s;
}

/* ---- :plan ---- */
static Status show_plan(Session *s, void *arg) {
  Request *q = arg;
  const Fn *f;
  Status status = open_request(q, s, &f);
  if (status != ST_OK) return status;
  compile_bind_rest(f, &q->sizes, SIZE_OF_REST);
  return plan_function(f, &q->sizes, 1, &q->out) ? ST_OK : ST_SOURCE;
}

Status repl_plan(Repl *r, const char *args) {
  Request q = {.args = args};
  return answer(r, &q, show_plan);
}

/* ---- :bench ---- */
static bool measure(Request *q, Session *s, const Fn *f, BenchResult *result) {
  BenchOptions o = {.threads = cli_all_threads(), .seconds = 0.3, .below = 2, .session = s};
  compile_bind_rest(f, &q->sizes, SIZE_OF_REST);
  f = compile_prepare(f, &q->sizes);
  return f && bench_function(f, &o, result);
}

static Status show_bench(Session *s, void *arg) {
  Request *q = arg;
  BenchResult result, forward;
  q->out = text_new(s->cx->arena);
  Status status = read_request(q, s);
  const Fn *f = status == ST_OK ? requested(q, s) : NULL;
  if (status != ST_OK) return status;
  if (!f || !measure(q, s, f, &result)) return ST_SOURCE;
  double ratio = 0;
  if (q->gradient) {
    const Fn *g = session_function(s, q->bare);
    if (!g || !measure(q, s, g, &forward)) return ST_SOURCE;
    ratio = result.seconds / forward.seconds;
  }
  bench_print(&q->out, q->name, &result, ratio);
  return ST_OK;
}

Status repl_bench(Repl *r, const char *args) {
  Request q = {.args = args};
  return answer(r, &q, show_bench);
}
