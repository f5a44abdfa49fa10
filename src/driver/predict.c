/* predict.c: see predict.h. In: a session with a loaded program, data, weights. Out: one array per
 * result, with a row for each example, in a file that appears whole or not at all. */
#include "driver/predict.h"
#include "driver/compile.h"
#include "driver/origin.h"
#include "train/convert.h"
#include "train/progress.h"

#include <stdio.h>
#include <stdlib.h>

enum { USUAL_BATCH = 256 };

typedef struct Predicting {
  Session *s;
  Cx *cx;
  const PredictOptions *o;
  const Fn *fn; /* sizes symbolic */
  Dataset *ds;
  Target target;
  GradcRt *rt;
  int *data; /* per input: number of the data set's argument, -1: a parameter, -2: the key */
  int64_t batch;
  bool whole;     /* some result isn't a row per example */
  Tensor *result; /* of all examples */
  void **in, **out;
  void **buffer; /* per argument of the data set: a batch of it */
  int64_t key;   /* what functions that draw random numbers are given: 0 */
} Predicting;

/* ---- the function ---- */
static bool is_key(const Input *in) {
  return in->role == ROLE_ARG && !strcmp(in->name, "key") && !in->shape.rank &&
         (in->type == T_I32 || in->type == T_I64);
}

static bool find_function(Predicting *p) {
  p->fn = session_function_value(p->s, p->o->function);
  return p->fn != NULL;
}

static Status open_data(Predicting *p) {
  const Fn *f = p->fn;
  Input *args = NEWS(p->cx->arena, Input, f->in.n + 1);
  int n = 0;
  p->data = NEWS(p->cx->arena, int, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    p->data[i] = input_is_kept(in) ? -1 : is_key(in) ? -2 : n;
    if (p->data[i] >= 0) args[n++] = *in;
  }
  p->ds = dataset_open(p->cx, p->cx->arena, p->o->data, p->o->ndata, args, n, NULL);
  return p->ds ? ST_OK : ST_DATA;
}

/* ---- results ---- */
static bool is_per_example(Predicting *p, const Shape *s) {
  Dim n = dim_named(p->cx, p->ds->batch_name);
  if (!s->rank || s->dim[0] != n) return false;
  for (int i = 1; i < s->rank; i++) {
    SizeBindings names = {0};
    Dim d;
    dim_names(p->cx, s->dim[i], p->cx->arena, &names);
    if (size_lookup(&names, p->ds->batch_name, &d)) return false;
    for (int k = 0; k < names.list.n; k++)
      if (names.list.at[k].name == p->ds->batch_name) return false;
  }
  return true;
}

static void sizes_for(const Predicting *p, int64_t batch, SizeBindings *sizes) {
  for (int i = 0; i < p->ds->sizes.list.n; i++)
    size_bind(p->cx->arena, sizes, p->ds->sizes.list.at[i].name, p->ds->sizes.list.at[i].value);
  size_bind(p->cx->arena, sizes, p->ds->batch_name, batch);
}

static bool choose_batch(Predicting *p) {
  const Fn *f = p->fn;
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (is_per_example(p, &y->shape)) continue;
    p->whole = true;
    if (!p->o->batch || p->o->batch >= p->ds->examples) continue;
    const char *name = f->out.at[i].name;
    Diag *d = diag(p->cx, E0709, f->span, "%s%s%s of `%s` is %s: not a row for each example",
                   name ? "the result `" : "the result", name ? name : "", name ? "`" : "", f->name,
                   type_text(p->cx, (DType)y->type, &y->shape));
    diag_hint(p->cx, d, "without --batch the function is run once, on all %lld examples",
              (long long)p->ds->examples);
    return false;
  }
  p->batch = p->whole      ? p->ds->examples
             : p->o->batch ? MIN(p->o->batch, p->ds->examples)
                           : MIN(USUAL_BATCH, p->ds->examples);
  return true;
}

static const char *result_name(Predicting *p, int k) {
  const Fn *f = p->fn;
  const char *name = f->out.at[k].name;
  if (!name) name = f->out.n == 1 ? f->name : name_fmt(p->cx, "result%d", k + 1);
  for (int i = 0; i < k; i++) /* files have each name once */
    if (f->out.at[i].name && !strcmp(f->out.at[i].name, name))
      return name_fmt(p->cx, "%s_%d", name, k + 1);
  return name;
}

static bool cant_write(Predicting *p, const char *why) {
  diag(p->cx, E0629, (Span){0}, "%s", why);
  return false;
}

_Static_assert((int)IR_MAX_RANK <= (int)ARRAY_MAX_RANK, "a file holds any tensor");

/* What the file's format can't hold is said before anything is computed. */
static bool can_write(Predicting *p) {
  ArrayView *v = NEWS(p->cx->arena, ArrayView, p->fn->out.n + 1);
  ArrayError err;
  for (int k = 0; k < p->fn->out.n; k++) {
    const Ins *y = fn_ins(p->fn, p->fn->out.at[k].val);
    v[k] = (ArrayView){result_name(p, k), elem_of((DType)y->type), y->shape.rank, {0}, NULL};
    for (int i = 0; i < y->shape.rank; i++) v[k].dim[i] = p->result[k].shape.dim[i];
  }
  if (array_fits_format(p->o->output, v, p->fn->out.n, &err) && array_can_save(p->o->output, &err))
    return true;
  if (err.memory) cx_out_of_memory(p->cx);
  return cant_write(p, err.text);
}

static bool shape_results(Predicting *p) {
  const Fn *f = p->fn;
  SizeBindings all = {0};
  sizes_for(p, p->ds->examples, &all);
  p->result = NEWS(p->cx->arena, Tensor, f->out.n + 1);
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    Tensor *t = &p->result[k];
    t->type = (DType)y->type;
    t->shape = y->shape;
    for (int i = 0; i < t->shape.rank; i++)
      t->shape.dim[i] = dim_subst(p->cx, t->shape.dim[i], &all);
    if (shape_is_numbers(&t->shape)) continue;
    diag(p->cx, E0506, f->span, "the result of `%s` is %s, with a size that the data don't give",
         f->name, type_text(p->cx, t->type, &t->shape));
    return false;
  }
  return true;
}

static Status save(Predicting *p) {
  ArrayView *v = NEWS(p->cx->arena, ArrayView, p->fn->out.n + 1);
  ArrayError err;
  for (int k = 0; k < p->fn->out.n; k++) {
    const Tensor *t = &p->result[k];
    v[k] = (ArrayView){result_name(p, k), elem_of(t->type), t->shape.rank, {0}, t->data};
    for (int i = 0; i < t->shape.rank; i++) v[k].dim[i] = t->shape.dim[i];
  }
  if (array_save(p->o->output, v, p->fn->out.n, NULL, 0, &err)) return ST_OK;
  if (err.memory) return ST_MEMORY;
  cant_write(p, err.text);
  return ST_DATA;
}

/* ---- running ---- */
static void *room(Cx *cx, size_t bytes) {
  char *at = arena_alloc(cx->arena, bytes + 128);
  return at + (64 - (uintptr_t)at % 64) % 64;
}

static size_t tensor_bytes(const Tensor *t) {
  return (size_t)tensor_count(t) * (size_t)type_info[t->type].bytes;
}

static void make_room(Predicting *p) {
  const Fn *f = p->fn;
  Arena *a = p->cx->arena;
  for (int k = 0; k < f->out.n; k++) p->result[k].data = room(p->cx, tensor_bytes(&p->result[k]));
  p->in = NEWS(a, void *, f->in.n + 1);
  p->out = NEWS(a, void *, f->out.n + 1);
  p->buffer = NEWS(a, void *, p->ds->nin + 1);
  for (int k = 0; k < p->ds->nin; k++)
    p->buffer[k] = room(p->cx, dataset_batch_bytes(p->ds, k, p->batch));
}

static Compiled *compiled_for(Predicting *p, int64_t batch) {
  SizeBindings sizes = {0};
  sizes_for(p, batch, &sizes);
  Fn *f = compile_prepare(p->fn, &sizes);
  return f ? compile_native(f, &p->target) : NULL;
}

/* Where a batch's results aren't all finite: false, and a diagnostic. */
static bool all_finite(Predicting *p, const Compiled *c, int64_t first, int64_t n) {
  const Fn *f = c->fn;
  Arena *a = arena_new(p->cx);
  Tensor *in = NEWS(a, Tensor, f->in.n + 1), *out = NEWS(a, Tensor, f->out.n + 1);
  for (int i = 0; i < f->in.n; i++) in[i] = (Tensor){f->in.at[i].type, f->in.at[i].shape, p->in[i]};
  for (int k = 0; k < f->out.n; k++) {
    const Ins *y = fn_ins(f, f->out.at[k].val);
    out[k] = (Tensor){(DType)y->type, y->shape, p->out[k]};
  }
  Diag *d = origin_report(f, in, out);
  arena_free(a);
  if (d && n < p->ds->examples)
    diag_note(p->cx, d, "in the batch of the examples %lld to %lld (the first of all is 0)",
              (long long)first, (long long)(first + n - 1));
  return !d;
}

/* Results are written where they belong among those of all examples. */
static Status run_batch(Predicting *p, const Compiled *c, int64_t first, int64_t n) {
  const Fn *f = c->fn;
  for (int k = 0; k < p->ds->nin; k++) dataset_batch(p->ds, k, NULL, first, n, p->buffer[k]);
  for (int i = 0; i < f->in.n; i++) {
    const Tensor *param = p->data[i] == -1 ? session_param(p->s, f->in.at[i].name) : NULL;
    if (p->data[i] == -1 && !param) return ST_SOURCE;
    p->in[i] = param ? param->data : p->data[i] == -2 ? (void *)&p->key : p->buffer[p->data[i]];
  }
  for (int k = 0; k < f->out.n; k++) {
    size_t row = p->whole ? 0 : tensor_bytes(&p->result[k]) / (size_t)p->ds->examples;
    p->out[k] = (char *)p->result[k].data + (size_t)first * row;
  }
  compiled_run(c, p->in, p->out, p->rt);
  Status status = compiled_verdict(c, NULL);
  if (status != ST_OK) return status;
  return !p->o->trap_nan || all_finite(p, c, first, n) ? ST_OK : ST_SOURCE;
}

static void say(Predicting *p, const char *text) {
  if (p->o->out.write) p->o->out.write(p->o->out.arg, text, strlen(text));
}

static Status run_all(Predicting *p) {
  int64_t n = p->ds->examples, batches = (n + p->batch - 1) / p->batch, done = 0;
  Compiled *c = compiled_for(p, p->batch);
  double drawn = 0;
  for (int64_t at = 0; at < n; at += p->batch) {
    int64_t now = MIN(p->batch, n - at);
    if (c && now < p->batch) c = compiled_for(p, now); /* the examples that are left */
    if (!c) return ST_SOURCE;
    Status status = run_batch(p, c, at, now);
    if (status != ST_OK) return status;
    done++;
    if (p->o->stop && *p->o->stop) return ST_INTERRUPTED;
    if (p->o->tick && p->o->tick(p->o->tick_arg, done, batches)) return ST_INTERRUPTED;
    if (!p->o->out.terminal || progress_clock() - drawn < 0.1) continue;
    drawn = progress_clock();
    say(p, name_fmt(p->cx, "\r%lld of %lld examples\033[K", (long long)(at + now), (long long)n));
  }
  if (p->o->out.terminal) say(p, "\r\033[K");
  return ST_OK;
}

static void tell(Predicting *p) {
  Text t = text_new(p->cx->arena);
  text_fmt(&t, "%lld example%s -> %s:", (long long)p->ds->examples, p->ds->examples == 1 ? "" : "s",
           p->o->output);
  for (int k = 0; k < p->fn->out.n; k++)
    text_fmt(&t, "%s %s %s", k ? "," : "", result_name(p, k),
             type_text(p->cx, p->result[k].type, &p->result[k].shape));
  text_add(&t, "\n");
  say(p, text_str(&t));
}

static void free_runtime(void *rt) { gradc_rt_free(rt); }

static Status set_up(Predicting *p) {
  if (!find_function(p)) return ST_SOURCE;
  Status status = open_data(p);
  if (status != ST_OK) return status;
  session_sizes(p->s, &p->ds->sizes);
  if (!front_requires(p->s->program, name_of(p->cx, p->o->function), &p->ds->sizes))
    return ST_SOURCE;
  if (!choose_batch(p) || !shape_results(p)) return ST_SOURCE;
  if (!can_write(p)) return ST_DATA;
  int n;
  Weight *w = session_weights(p->s, &n);
  if (!w) return ST_SOURCE;
  return p->o->load ? weights_load(p->cx, p->o->load, w, n) : ST_OK;
}

Status predict_run(Session *s, const PredictOptions *o, PredictReport *out) {
  Predicting p = {.s = s, .cx = s->cx, .o = o};
  Status status = set_up(&p);
  if (status != ST_OK) return status;
  p.rt = gradc_rt_new(o->threads);
  if (!p.rt) cx_out_of_memory(p.cx);
  arena_defer(p.cx->arena, free_runtime, p.rt);
  p.target = compile_target(p.rt->threads);
  make_room(&p);
  double began = progress_clock();
  status = run_all(&p);
  if (status == ST_OK) status = save(&p);
  if (status != ST_OK) return status;
  *out = (PredictReport){p.ds->examples, progress_clock() - began};
  tell(&p);
  return ST_OK;
}
