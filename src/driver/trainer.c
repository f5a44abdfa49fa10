/* trainer.c: see trainer.h. In: a session with a loaded program. Out: trained parameters in files.
 */
#include "driver/trainer.h"
#include "driver/compile.h"
#include "driver/origin.h"

#include <math.h>
#include <stdlib.h>

enum { KEY = -1000000 }; /* in place of a data set's argument */

typedef struct Metric {
  const Fn *fn; /* sizes symbolic */
  int *
      data; /* per input: number of the data set's argument, -1 - number of the parameter, or KEY */
  Vec(Compiled *) compiled;
  Vec(int64_t) batch; /* what each is compiled for */
} Metric;

typedef struct Trainer {
  Session *s;
  Cx *cx;
  const TrainerOptions *o;
  Dataset *ds, *val;
  Target target;
  GradcRt *rt;
  Weight *param, *state;
  int nparams, nstate;
  StepPlan plan;
  Compiled *step;
  void **in, **out; /* of the step */
  double lr, t;
  int64_t key; /* of the step, for functions that draw random numbers */
  union {
    float f32;
    double f64;
  } loss;
  Metric metric[TRAIN_MAX_METRICS];
  const char *metric_name[TRAIN_MAX_METRICS];
  int nmetrics;
} Trainer;

/* ---- functions ---- */
static bool is_scalar_float(const Fn *f) {
  const Ins *y = f->out.n == 1 ? fn_ins(f, f->out.at[0].val) : NULL;
  return y && type_is_float((DType)y->type) && y->shape.rank == 0;
}

static Fn *find_loss(Trainer *t) {
  Name name = name_of(t->cx, "loss");
  const Node *node = front_fn_find(t->s->program, name);
  if (!node) {
    diag(t->cx, E0704, (Span){0}, "the program has no function `loss`");
    return NULL;
  }
  Fn *f = front_function(t->s->program, name);
  if (!f) return NULL;
  return step_minimises(t->s->program, f) ? f : NULL;
}

/* `key: i32` is not data: each step gives a fresh one, and measuring 0. */
static bool is_key(const Input *in) {
  return in->role == ROLE_ARG && !strcmp(in->name, "key") && !in->shape.rank &&
         type_is_int(in->type) && in->type != T_U8;
}

static void set_key(int64_t *key, DType type, int64_t value) {
  int32_t narrow = (int32_t)value;
  memcpy(key, type == T_I32 ? (void *)&narrow : (void *)&value, (size_t)type_info[type].bytes);
}

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014) over seed and step: 31 bits. */
static int64_t step_key(uint64_t seed, int64_t step) {
  uint64_t z = seed * 0xD1B54A32D192ED03u + 0x9E3779B97F4A7C15u * (uint64_t)step;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int64_t)((z ^ (z >> 31)) >> 33);
}

static Input *arguments_of(const Fn *f, int *n) {
  Input *in = NEWS(f->cx->arena, Input, f->in.n + 1);
  *n = 0;
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].role == ROLE_ARG && !is_key(&f->in.at[i])) in[(*n)++] = f->in.at[i];
  return in;
}

/* ---- data ---- */
static Dataset *open_data(Trainer *t, const DataSource *src, int n, const Fn *loss,
                          const SizeBindings *given) {
  int nargs;
  Input *args = arguments_of(loss, &nargs);
  return dataset_open(t->cx, t->cx->arena, src, n, args, nargs, given);
}

static Weight *param_named(Trainer *t, Name name) {
  for (int i = 0; i < t->nparams; i++)
    if (!strcmp(t->param[i].name, name)) return &t->param[i];
  cx_bug(t->cx, "no memory for the parameter %s", name);
}

/* ---- the step ---- */
static void sizes_for(const Trainer *t, int64_t batch, SizeBindings *sizes) {
  for (int i = 0; i < t->ds->sizes.list.n; i++)
    size_bind(t->cx->arena, sizes, t->ds->sizes.list.at[i].name, t->ds->sizes.list.at[i].value);
  if (t->ds->batch_name) size_bind(t->cx->arena, sizes, t->ds->batch_name, batch);
}

static bool compile_step(Trainer *t) {
  Cx *cx = t->cx;
  SizeBindings sizes = {0};
  sizes_for(t, t->o->loop.batch, &sizes);
  if (!front_requires(t->s->program, name_of(cx, "loss"), &sizes)) return false;
  const Fn *loss = session_loss(t->s, "loss");
  if (!loss) return false;
  bool *frozen = NEWS(cx->arena, bool, loss->in.n + 1);
  for (int i = 0; i < loss->in.n; i++)
    if (input_is_kept(&loss->in.at[i])) frozen[i] = param_named(t, loss->in.at[i].name)->frozen;
  if (!step_build(t->s->program, loss, name_of(cx, t->o->optimizer), frozen, &t->plan))
    return false;
  Fn *f = compile_prepare(t->plan.fn, &sizes);
  t->step = f ? compile_native(f, &t->target) : NULL;
  return t->step != NULL;
}

/* Where every input and output of the step lies; outputs take the place of the inputs they replace.
 */
static void lay_out_step(Trainer *t) {
  const Fn *f = t->step->fn;
  t->in = NEWS(t->cx->arena, void *, f->in.n);
  t->out = NEWS(t->cx->arena, void *, f->out.n);
  t->state = NEWS(t->cx->arena, Weight, t->plan.nstate + 1);
  for (int i = 0; i < t->plan.nparams; i++) t->in[i] = param_named(t, f->in.at[i].name)->data;
  for (int k = 0; k < t->plan.nstate; k++) {
    const Input *in = &f->in.at[t->plan.nparams + k];
    Tensor zeros = tensor_new(t->cx, t->cx->arena, in->type, &in->shape);
    t->state[t->nstate++] =
        (Weight){.name = in->name, .type = in->type, .shape = in->shape, .data = zeros.data};
    t->in[t->plan.nparams + k] = zeros.data;
  }
  int scalars = t->plan.nparams + t->plan.nstate + t->plan.nargs;
  t->in[scalars] = &t->lr;
  t->in[scalars + 1] = &t->t;
  t->out[0] = &t->loss;
  for (int i = 1; i < f->out.n; i++) t->out[i] = t->in[f->out.at[i].alias];
}

static void set_batch(Trainer *t, void *const *inputs, double lr, int64_t number) {
  int first = t->plan.nparams + t->plan.nstate;
  for (int i = 0, data = 0; i < t->plan.nargs; i++) {
    const Input *in = &t->step->fn->in.at[first + i];
    bool key = is_key(in);
    if (key) set_key(&t->key, in->type, step_key(t->o->loop.seed, number));
    t->in[first + i] = key ? &t->key : inputs[data++];
  }
  t->lr = lr;
  t->t = (double)number;
}

static Status do_step(void *self, void *const *inputs, int64_t batch, double lr, int64_t number,
                      double *loss) {
  Trainer *t = self;
  (void)batch;
  set_batch(t, inputs, lr, number);
  compiled_run(t->step, t->in, t->out, t->rt);
  const Ins *y = fn_ins(t->step->fn, t->step->fn->out.at[0].val);
  *loss = y->type == T_F32 ? (double)t->loss.f32 : t->loss.f64;
  return compiled_verdict(t->step, NULL);
}

/* The step again by the reference evaluator, which stops at the first value that isn't finite. */
static void explain(void *self, Diag *d, void *const *inputs, int64_t batch, double lr,
                    int64_t number) {
  Trainer *t = self;
  const Fn *f = t->step->fn;
  (void)batch;
  set_batch(t, inputs, lr, number);
  Arena *a = arena_new(t->cx);
  Tensor *in = NEWS(a, Tensor, f->in.n);
  for (int i = 0; i < f->in.n; i++) in[i] = (Tensor){f->in.at[i].type, f->in.at[i].shape, t->in[i]};
  EvalTrap trap;
  if (origin_find(f, in, &trap)) origin_explain(d, f, &trap);
  arena_free(a);
}

/* ---- metrics ---- */
/* Maps the function's inputs to data and parameters; false where one of them isn't there. */
static bool connect(Trainer *t, Metric *m) {
  m->data = NEWS(t->cx->arena, int, m->fn->in.n + 1);
  int nargs = 0;
  for (int i = 0; i < m->fn->in.n; i++) {
    const Input *in = &m->fn->in.at[i];
    if (input_is_kept(in)) {
      m->data[i] = -1 - (int)(param_named(t, in->name) - t->param);
    } else if (is_key(in)) {
      m->data[i] = KEY;
    } else {
      m->data[i] = dataset_find(t->ds, in);
      if (m->data[i] < 0) return false;
      nargs++;
    }
  }
  return nargs > 0 || !t->ds->nin;
}

static void add_metric(Trainer *t, const Fn *fn) {
  Metric *m = &t->metric[t->nmetrics];
  *m = (Metric){.fn = fn};
  if (t->nmetrics < TRAIN_MAX_METRICS && connect(t, m)) t->metric_name[t->nmetrics++] = fn->name;
}

static void find_metrics(Trainer *t, const Fn *loss) {
  add_metric(t, loss);
  for (int i = 0; i < front_fn_count(t->s->program) && t->nmetrics < TRAIN_MAX_METRICS; i++) {
    const Node *node = front_fn_node(t->s->program, i);
    if (node->name == loss->name || !front_fn_is_complete(node)) continue;
    Fn *f = front_function(t->s->program, node->name);
    if (f && is_scalar_float(f)) add_metric(t, f);
  }
}

static Compiled *metric_for(Trainer *t, Metric *m, int64_t batch) {
  for (int i = 0; i < m->compiled.n; i++)
    if (m->batch.at[i] == batch) return m->compiled.at[i];
  SizeBindings sizes = {0};
  sizes_for(t, batch, &sizes);
  Fn *f = compile_prepare(m->fn, &sizes);
  Compiled *c = f ? compile_native(f, &t->target) : NULL;
  vec_push(t->cx->arena, &m->compiled, c);
  vec_push(t->cx->arena, &m->batch, batch);
  return c;
}

static Status evaluate(void *self, int number, void *const *inputs, int64_t batch, double *value) {
  Trainer *t = self;
  Metric *m = &t->metric[number];
  Compiled *c = metric_for(t, m, batch);
  if (!c) return ST_SOURCE;
  int64_t no_key = 0;
  void *in[256];
  if (c->fn->in.n > COUNT_OF(in)) cx_bug(t->cx, "a metric with more than %d inputs", COUNT_OF(in));
  for (int i = 0; i < c->fn->in.n; i++)
    in[i] = m->data[i] == KEY ? &no_key
            : m->data[i] < 0  ? t->param[-1 - m->data[i]].data
                              : inputs[m->data[i]];
  union {
    float f32;
    double f64;
  } y;
  void *out[] = {&y};
  compiled_run(c, in, out, t->rt);
  *value = fn_ins(c->fn, c->fn->out.at[0].val)->type == T_F32 ? (double)y.f32 : y.f64;
  return compiled_verdict(c, NULL);
}

/* ---- all together ---- */
static void tell(Trainer *t) {
  Text s = text_new(t->cx->arena);
  int64_t n = 0, kept = 0;
  for (int i = 0; i < t->nparams; i++)
    *(t->param[i].state ? &kept : &n) += weight_count(&t->param[i]);
  if (t->ds->nin)
    text_fmt(&s, "%lld example%s", (long long)t->ds->examples, t->ds->examples == 1 ? "" : "s");
  else text_add(&s, "no data");
  if (t->val) text_fmt(&s, ", %lld for validation", (long long)t->val->examples);
  text_fmt(&s, "; %lld parameter%s", (long long)n, n == 1 ? "" : "s");
  if (kept) text_fmt(&s, ", %lld number%s of state", (long long)kept, kept == 1 ? "" : "s");
  text_fmt(&s, "; %s", t->o->optimizer);
  if (t->ds->nin) text_fmt(&s, ", batches of %lld", (long long)t->o->loop.batch);
  text_fmt(&s, "; step %s in %.0f ms, %.1f KiB of workspace\n",
           t->step->cached ? "taken from the cache" : "compiled", 1e3 * t->step->seconds,
           (double)t->step->workspace_bytes / 1024);
  if (t->o->about) t->o->about(t->o->about_arg, text_str(&s));
}

static void free_runtime(void *rt) { gradc_rt_free(rt); }

static Status set_up(Trainer *t, Fn **loss) {
  *loss = find_loss(t);
  if (!*loss) return ST_SOURCE;
  Status can = train_can_write(t->cx, &t->o->loop);
  if (can != ST_OK) return can;
  t->ds = open_data(t, t->o->data, t->o->ndata, *loss, NULL);
  if (t->ds && t->o->nval) t->val = open_data(t, t->o->val, t->o->nval, *loss, &t->ds->sizes);
  if (!t->ds || (t->o->nval && !t->val)) return ST_DATA;
  session_sizes(t->s, &t->ds->sizes);
  t->param = session_weights(t->s, &t->nparams);
  if (!t->param) return ST_SOURCE;
  if (t->o->load) {
    Status s = weights_load(t->cx, t->o->load, t->param, t->nparams);
    if (s != ST_OK) return s;
  }
  return t->o->freeze ? weights_freeze(t->cx, t->param, t->nparams, t->o->freeze) : ST_OK;
}

enum { USUAL_BATCH = 64 };

/* A batch that nobody asked for is never more than there is. */
static bool choose_batch(Trainer *t, int64_t *batch) {
  int64_t most = t->ds->nin ? t->ds->examples : INT64_MAX;
  if (!*batch) *batch = MAX(MIN((int64_t)USUAL_BATCH, most), 1);
  if (*batch <= most) return true;
  Diag *d =
      diag(t->cx, E0705, (Span){0}, "a batch of %lld is more than the %lld examples there are",
           (long long)*batch, (long long)most);
  diag_hint(t->cx, d, "--batch %lld", (long long)most);
  return false;
}

Status trainer_run(Session *s, const TrainerOptions *given, TrainerReport *out) {
  Trainer *t = NEW(s->cx->arena, Trainer);
  TrainerOptions *o = arena_copy(s->cx->arena, given, sizeof *given);
  *t = (Trainer){.s = s, .cx = s->cx, .o = o};
  Fn *loss;
  Status status = set_up(t, &loss);
  if (status != ST_OK) return status;
  if (!choose_batch(t, &o->loop.batch)) return ST_DATA;
  t->rt = gradc_rt_new(o->threads);
  if (!t->rt) cx_out_of_memory(t->cx);
  arena_defer(t->cx->arena, free_runtime, t->rt);
  t->target = compile_target(t->rt->threads);
  if (!compile_step(t)) return ST_SOURCE;
  lay_out_step(t);
  find_metrics(t, loss);
  tell(t);
  TrainJob job = {.cx = t->cx,
                  .data = t->ds,
                  .val = t->val,
                  .param = t->param,
                  .nparams = t->nparams,
                  .state = t->state,
                  .nstate = t->nstate,
                  .metric = t->metric_name,
                  .nmetrics = t->nmetrics,
                  .stepper = {t, do_step, evaluate, explain}};
  out->nmetrics = t->nmetrics;
  memcpy(out->metric, t->metric_name, sizeof out->metric);
  out->compile_seconds = t->step->seconds;
  return train_run(&job, &o->loop, &out->result);
}
