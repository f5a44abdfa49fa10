/* repl_stages.c: the commands that show what becomes of a function: its gradient, each stage of the
 * compilation, C, its needs, its speed. They are jobs of the library: emit, grad and bench. */
#include "cli/repl.h"

#include <stdlib.h>

/* ---- a function, and numbers for its sizes ---- */
typedef struct Request {
  Repl *r;
  const char *path; /* FILE.c; NULL: none */
  const char *text; /* the function, or an expression */
  const char **size;
  int nsizes;
} Request;

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool is_size(const char *word) {
  const char *eq = strchr(word, '=');
  return eq && eq > word && eq[1] && strspn(eq + 1, "0123456789") == strlen(eq + 1) &&
         strspn(word, letters) == (size_t)(eq - word);
}

static bool is_c_file(const char *word) {
  size_t n = strlen(word);
  return n > 2 && !strcmp(word + n - 2, ".c");
}

/* Takes the sizes (and the file) off the end; what is left is the function. */
static Request read_request(Repl *r, const char *args) {
  Arena *a = r->cli->arena;
  const char *rest = repl_rest(a, args), *word;
  char *text = arena_copy(a, rest, strlen(rest) + 1);
  Request q = {.r = r, .size = NEWS(a, const char *, strlen(rest) / 2 + 1)};
  q.path = repl_cut_last(a, text, is_c_file);
  while ((word = repl_cut_last(a, text, is_size))) q.size[q.nsizes++] = word;
  q.text = repl_rest(a, text);
  return q;
}

/* A declared function or the gradient of one by its name; anything else is an expression. */
static const char *kind_of(const char *text) {
  bool plain = strspn(text, letters) == strlen(text);
  const char *close = strchr(text, ')');
  bool call = (!strncmp(text, "grad(", 5) || !strncmp(text, "value_and_grad(", 15)) && close &&
              !close[1] && !strpbrk(text, ",:");
  return plain || call ? "function" : "expression";
}

/* ---- jobs ---- */
static gradc_status set_up(gradc_job *j, const Request *q, const char *what, const char *stage) {
  gradc_status s = gradc_job_text(j, what, q->text);
  for (int i = q->nsizes - 1; i >= 0 && s == GRADC_OK; i--)
    s = gradc_job_text(j, "size", q->size[i]);
  if (s == GRADC_OK && stage) s = gradc_job_number(j, stage, 1);
  if (s == GRADC_OK && q->path) s = gradc_job_text(j, "output", q->path);
  return s;
}

/* Runs the job, and prints those of its results. */
static Status run_and_print(Repl *r, gradc_job *j, const char *const *result) {
  Status s = repl_told(r, gradc_job_run(j));
  for (; s == ST_OK && *result; result++) {
    size_t n;
    const char *text = gradc_job_result(j, *result, &n);
    if (text) out_bytes(text, n);
  }
  return s;
}

static const char *const its_text[] = {"text", NULL};

static Status show(Repl *r, const char *args, const char *kind, const char *stage) {
  Request q = read_request(r, args);
  gradc_job *j;
  gradc_status made = gradc_job_new(r->gc, kind, &j);
  if (made == GRADC_OK) made = set_up(j, &q, kind_of(q.text), stage);
  if (made == GRADC_OK && !stage) made = gradc_job_number(j, "seconds", 0.3);
  Status s = made == GRADC_OK ? run_and_print(r, j, its_text) : repl_told(r, made);
  gradc_job_free(j);
  return s;
}

Status repl_ir(Repl *r, const char *args) { return show(r, args, "emit", "ir"); }
Status repl_loops(Repl *r, const char *args) { return show(r, args, "emit", "loops"); }
Status repl_llvm(Repl *r, const char *args) { return show(r, args, "emit", "llvm"); }
Status repl_asm(Repl *r, const char *args) { return show(r, args, "emit", "asm"); }
Status repl_plan(Repl *r, const char *args) { return show(r, args, "emit", "plan"); }

/* On all processors, which nothing else here is for. */
Status repl_bench(Repl *r, const char *args) {
  gradc_set_threads(r->gc, cli_all_threads());
  Status s = show(r, args, "bench", NULL);
  gradc_set_threads(r->gc, 1);
  return s;
}

/* ---- :grad ---- */
Status repl_grad(Repl *r, const char *args) {
  Arena *a = r->cli->arena;
  gradc_job *j;
  gradc_status made = gradc_job_new(r->gc, "grad", &j);
  const char *word = repl_word(a, &args);
  if (made == GRADC_OK) made = gradc_job_text(j, "function", word);
  while (made == GRADC_OK && (word = repl_word(a, &args))) made = gradc_job_text(j, "wrt", word);
  Status s = made == GRADC_OK ? run_and_print(r, j, its_text) : repl_told(r, made);
  gradc_job_free(j);
  return s;
}

/* ---- :c ---- */
static gradc_status set_up_c(gradc_job *j, const Request *q) {
  enum { SIZE_OF_REST = 64 };
  Text made_by = text_new(q->r->cli->arena);
  text_fmt(&made_by, "gradc repl, :c %s", q->text);
  gradc_status s = set_up(j, q, "functions", "c");
  if (s == GRADC_OK) s = gradc_job_number(j, "size", SIZE_OF_REST);
  return s == GRADC_OK ? gradc_job_text(j, "made-by", text_str(&made_by)) : s;
}

Status repl_c(Repl *r, const char *args) {
  static const char *const both[] = {"header", "source", NULL}, *const neither[] = {NULL};
  Request q = read_request(r, args);
  gradc_job *j;
  gradc_status made = gradc_job_new(r->gc, "emit", &j);
  if (made == GRADC_OK) made = set_up_c(j, &q);
  Status s = made == GRADC_OK ? run_and_print(r, j, q.path ? neither : both) : repl_told(r, made);
  if (s == ST_OK && q.path) printf("%s and %.*sh\n", q.path, (int)strlen(q.path) - 1, q.path);
  gradc_job_free(j);
  return fflush(stdout), s;
}
