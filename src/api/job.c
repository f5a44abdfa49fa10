/* job.c: jobs: what the commands of the program do, with the options they have there. Here their
 * life, their options and their results; the work is in the other files of job.h. */
#include "api/job.h"
#include "array_file.h"
#include "atomic_file.h"
#include "driver/target_fn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the tables of job.def ---- */
static const struct {
  const char *name;
  Status (*run)(Session *s, gradc_job *j);
} kind_info[JOB_KINDS] = {
#define KIND(ID, name) {#name, job_##name},
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
};
static const struct {
  const char *name;
  int kinds;
  bool whole;
  double least, most;
} number_info[N_COUNT] = {
#define KIND(ID, name)
#define NUMBER(id, name, kinds, whole, least, most) {name, kinds, whole, least, most},
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
};
static const struct {
  const char *name;
  int kinds;
  const char *words; /* "a|b"; NULL: any text */
} text_info[X_COUNT] = {
#define KIND(ID, name)
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words) {name, kinds, words},
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
};

/* ---- life ---- */
gradc_status gradc_job_new(gradc_context *gc, const char *kind, gradc_job **out) {
  API_RETURN_UNLESS(gc && kind && out);
  *out = NULL;
  if (gc->broken != GRADC_OK) return gc->broken;
  int k = 0;
  while (k < JOB_KINDS && strcmp(kind_info[k].name, kind)) k++;
  if (k == JOB_KINDS) return (gradc_status)api_usage(gc, "there is no job \"%s\"", kind);
  gradc_job *j = calloc(1, sizeof *j);
  Arena *a = j ? arena_new(NULL) : NULL;
  if (!a) {
    free(j);
    return GRADC_MEMORY;
  }
  j->gc = gc;
  j->kind = (JobKind)(1 << k);
  j->arena = a;
  *out = j;
  return GRADC_OK;
}

gradc_status gradc_job_train(gradc_context *gc, gradc_job **out) {
  return gradc_job_new(gc, "train", out);
}

gradc_status gradc_job_predict(gradc_context *gc, const char *function, gradc_job **out) {
  API_RETURN_UNLESS(function);
  gradc_status s = gradc_job_new(gc, "predict", out);
  if (s == GRADC_OK) s = gradc_job_text(*out, "function", function);
  if (s == GRADC_OK) return s;
  if (out && *out) gradc_job_free(*out), *out = NULL;
  return s;
}

void gradc_job_free(gradc_job *j) {
  if (!j) return;
  arena_free(j->arena);
  free(j);
}

/* ---- options ---- */
gradc_status gradc_job_number(gradc_job *j, const char *option, double value) {
  API_RETURN_UNLESS(j && option);
  for (int i = 0; i < N_COUNT; i++) {
    if (strcmp(number_info[i].name, option) || !(number_info[i].kinds & j->kind)) continue;
    bool good = value >= number_info[i].least && value <= number_info[i].most &&
                (!number_info[i].whole || value == floor(value));
    if (!good)
      return (gradc_status)api_usage(j->gc, "%s takes a %snumber from %g to %g, not %g", option,
                                     number_info[i].whole ? "whole " : "", number_info[i].least,
                                     number_info[i].most, value);
    j->number[i] = value;
    j->has[i] = true;
    return GRADC_OK;
  }
  return (gradc_status)api_usage(j->gc, "this job has no option %s that takes a number", option);
}

/* Its number in "a|b|c", -1: none. */
static int word_number(const char *words, const char *word) {
  size_t n = strlen(word);
  for (int i = 0; *words; i++) {
    size_t len = strcspn(words, "|");
    if (len == n && !memcmp(words, word, n)) return i;
    words += len + (words[len] == '|');
  }
  return -1;
}

static gradc_status add_text(gradc_job *j, int option, const char *value) {
  char *copy = arena_copy(j->arena, value, strlen(value) + 1);
  int n = j->text[option].n;
  const char **all = copy ? NEWS(j->arena, const char *, n + 1) : NULL;
  if (!all) return GRADC_MEMORY;
  if (n) memcpy(all, j->text[option].at, (size_t)n * sizeof *all);
  all[n] = copy;
  j->text[option].at = all;
  j->text[option].n = n + 1;
  return GRADC_OK;
}

gradc_status gradc_job_text(gradc_job *j, const char *option, const char *value) {
  API_RETURN_UNLESS(j && option && value);
  for (int i = 0; i < X_COUNT; i++) {
    if (strcmp(text_info[i].name, option) || !(text_info[i].kinds & j->kind)) continue;
    if (text_info[i].words && word_number(text_info[i].words, value) < 0)
      return (gradc_status)api_usage(j->gc, "%s is one of %s, not \"%s\"", option,
                                     text_info[i].words, value);
    return add_text(j, i, value);
  }
  return (gradc_status)api_usage(j->gc, "this job has no option %s that takes a text", option);
}

int job_choice(const gradc_job *j, TextId id) {
  const char *word = job_text(j, id);
  return word ? word_number(text_info[id].words, word) : 0;
}

/* Files without their folders, so that what is made doesn't depend on where it was made. */
void job_words(const gradc_job *j, Text *out) {
  for (int i = 0; i < X_COUNT; i++)
    for (int k = 0; k < j->text[i].n && i != X_MADE_BY; k++)
      text_fmt(out, " --%s %s", text_info[i].name, path_base(j->text[i].at[k]));
  for (int i = 0; i < N_COUNT; i++) {
    bool flag = number_info[i].least == 0 && number_info[i].most == 1 && number_info[i].whole;
    if (j->has[i] && flag && j->number[i]) text_fmt(out, " --%s", number_info[i].name);
    else if (j->has[i] && !flag) text_fmt(out, " --%s %.17g", number_info[i].name, j->number[i]);
  }
}

gradc_status gradc_job_on_progress(gradc_job *j, gradc_progress_fn fn, void *arg) {
  API_RETURN_UNLESS(j);
  j->progress = fn;
  j->progress_arg = arg;
  return GRADC_OK;
}

gradc_status gradc_job_on_text(gradc_job *j, gradc_text_fn fn, void *arg, int terminal,
                               int columns) {
  API_RETURN_UNLESS(j);
  j->out = (TrainOut){fn, arg, terminal != 0, columns};
  return GRADC_OK;
}

void gradc_job_stop(gradc_job *j) {
  if (j) j->stop = 1;
}

/* ---- results ---- */
static JobText *find_result(const gradc_job *j, const char *name) {
  for (int i = 0; i < j->result.n; i++)
    if (!strcmp(j->result.at[i].name, name)) return &j->result.at[i];
  return NULL;
}

void job_result(gradc_job *j, const char *name, const Text *text) {
  JobText t = {name, *text};
  text_str(&t.text);
  vec_push(text->arena, &j->result, t);
}

void job_say(gradc_job *j, const char *text) {
  Cx *cx = j->gc->session->cx;
  JobText *t = find_result(j, "text");
  if (!t) {
    Text empty = text_new(cx->arena);
    job_result(j, "text", &empty);
    t = find_result(j, "text");
  }
  text_add(&t->text, text);
  if (j->out.write) j->out.write(j->out.arg, text, strlen(text));
}

void job_row(gradc_job *j) {
  JobRow row = {0};
  vec_push(j->gc->session->cx->arena, &j->row, row);
}

static void add_cell(gradc_job *j, JobCell cell) {
  vec_push(j->gc->session->cx->arena, &j->row.at[j->row.n - 1].cell, cell);
}

void job_cell_text(gradc_job *j, const char *name, const char *text) {
  add_cell(j, (JobCell){name, name_of(j->gc->session->cx, text), 0});
}

void job_cell(gradc_job *j, const char *name, double number) {
  add_cell(j, (JobCell){name, NULL, number});
}

const char *gradc_job_result(const gradc_job *j, const char *name, size_t *n) {
  const JobText *t = j && name && j->done ? find_result(j, name) : NULL;
  if (n) *n = t ? t->text.n : 0;
  return !t ? NULL : t->text.at ? t->text.at : "";
}

int gradc_job_row_count(const gradc_job *j) { return j && j->done ? j->row.n : 0; }

static const JobCell *find_cell(const gradc_job *j, int row, const char *name) {
  if (!name || row < 0 || row >= gradc_job_row_count(j)) return NULL;
  const JobRow *r = &j->row.at[row];
  for (int i = 0; i < r->cell.n; i++)
    if (!strcmp(r->cell.at[i].name, name)) return &r->cell.at[i];
  return NULL;
}

const char *gradc_job_row_text(const gradc_job *j, int row, const char *name) {
  const JobCell *c = find_cell(j, row, name);
  return c ? c->text : NULL;
}

gradc_status gradc_job_row_number(const gradc_job *j, int row, const char *name, double *out) {
  const JobCell *c = find_cell(j, row, name);
  API_RETURN_UNLESS(out && c && !c->text);
  *out = c->number;
  return GRADC_OK;
}

Status job_write(gradc_job *j, const char *path, const Text *text) {
  AtomicFile f;
  ArrayError err;
  if (!atomic_open(&f, path, &err)) return api_says(j->gc, ST_DATA, "%s", err.text);
  bool ok = atomic_write(&f, text->at, text->n, &err) && atomic_commit(&f, &err);
  atomic_abort(&f);
  return ok ? ST_OK : api_says(j->gc, ST_DATA, "%s", err.text);
}

/* ---- running ---- */
JobNames job_functions(Session *s, const gradc_job *j) {
  static const TextId given[] = {X_FUNCTION, X_EXPRESSION};
  JobNames out = {0};
  for (int k = 0; k < COUNT_OF(given); k++)
    for (int i = 0; i < j->text[given[k]].n; i++)
      vec_push(s->cx->arena, &out, j->text[given[k]].at[i]);
  if (!out.n && job_text(j, X_STEP)) vec_push(s->cx->arena, &out, "loss");
  for (int i = 0, n = out.n ? 0 : front_fn_count(s->program); i < n; i++) {
    const Node *fn = front_fn_node(s->program, i);
    if (front_fn_is_complete(fn)) vec_push(s->cx->arena, &out, fn->name);
  }
  return out;
}

/* text: one of job_functions, which hands out the options' own strings. */
static bool is_expression(const gradc_job *j, const char *text) {
  for (int i = 0; i < j->text[X_EXPRESSION].n; i++)
    if (j->text[X_EXPRESSION].at[i] == text) return true;
  return false;
}

const Fn *job_target(Session *s, const gradc_job *j, const char *text, Name *bare, bool *gradient) {
  if (!is_expression(j, text)) return target_function(s, text, bare, gradient);
  *gradient = false;
  *bare = name_of(s->cx, text);
  return session_expr(s, "<expression>", text);
}

const Fn *job_work(Session *s, const gradc_job *j, const char *text, Name *bare, bool *gradient) {
  const char *step = job_text(j, X_STEP);
  if (!step) return job_target(s, j, text, bare, gradient);
  StepPlan plan;
  Fn *loss = target_function(s, text, bare, gradient) ? session_loss(s, text) : NULL;
  bool built = loss && step_build(s->program, loss, name_of(s->cx, step), NULL, &plan);
  return built ? plan.fn : NULL;
}

const char *job_with_c(const gradc_job *j) {
  for (int i = 0; i < N_COUNT; i++)
    if (j->has[i] && j->number[i] && number_info[i].kinds & WITH_C) return number_info[i].name;
  for (int i = 0; i < X_COUNT; i++)
    if (j->text[i].n && text_info[i].kinds & WITH_C) return text_info[i].name;
  return NULL;
}

Status job_sizes(gradc_job *j, SizeBindings *out) {
  Cx *cx = j->gc->session->cx;
  bool check = j->kind == JOB_GRADCHECK;
  int64_t least = check ? 1 : 0, most = check ? 1000000 : DIM_MAX_NUMBER;
  for (int i = 0; i < j->text[X_SIZES].n; i++) {
    const char *word = j->text[X_SIZES].at[i], *equal = strchr(word, '=');
    char *end = NULL;
    long long n = equal ? strtoll(equal + 1, &end, 10) : 0;
    if (!equal || equal == word || end == equal + 1 || *end)
      return api_usage(j->gc, "--size takes NAME=NUMBER, not \"%s\"", word);
    if (n < least || n > most)
      return api_usage(j->gc, "%s: a size is a number from %lld to %lld here", word,
                       (long long)least, (long long)most);
    size_bind(cx->arena, out, name_of_n(cx, word, (size_t)(equal - word)), n);
  }
  return ST_OK;
}

static Status run(Session *s, void *arg) {
  gradc_job *j = arg;
  int k = 0;
  while (j->kind >> k != 1) k++;
  return kind_info[k].run(s, j);
}

gradc_status gradc_job_run(gradc_job *j) {
  API_RETURN_UNLESS(j);
  if (j->kind == JOB_TRAIN && j->has[N_SEED]) j->gc->session->seed = (int64_t)j->number[N_SEED];
  j->result.n = j->row.n = 0;
  gradc_status s = api_run(j->gc, run, j);
  j->done = s == GRADC_OK || s == GRADC_INTERRUPTED || s == GRADC_FINDINGS;
  return s;
}
