/* trainer.c: single steps of training on the caller's data. In: a loss, an optimiser. The step is
 * one compiled function that updates the context's parameters and its own states in place. */
#include "api/api.h"
#include "pass/pass.h"
#include "train/weights.h"

#include <math.h>
#include <stdlib.h>

struct gradc_trainer {
  gradc_context *gc;
  const char *loss_text, *optimizer, *freeze;
  const char *const *names;
  const int64_t *numbers;
  int nnumbers;
  StepPlan plan;
  Compiled *step;
  GradcRt *rt;
  gradc_tensor *arg, *state;
  void **in, **out;
  double lr, t;
  int64_t steps;
  union {
    float f32;
    double f64;
  } loss;
};

static bool *frozen_inputs(Session *s, gradc_trainer *t, const Fn *loss, Status *status) {
  int n;
  bool *frozen = NEWS(s->cx->arena, bool, loss->in.n + 1);
  Weight *w = session_weights(s, &n);
  *status = w ? ST_OK : ST_SOURCE;
  if (w && t->freeze) *status = weights_freeze(s->cx, w, n, t->freeze);
  for (int i = 0; i < loss->in.n && w; i++)
    for (int k = 0; k < n && input_is_kept(&loss->in.at[i]); k++)
      if (!strcmp(w[k].name, loss->in.at[i].name)) frozen[i] = w[k].frozen;
  return frozen;
}

static Status build(Session *s, gradc_trainer *t) {
  gradc_context *gc = t->gc;
  SizeBindings sizes = {0};
  Status status = api_sizes(gc, t->names, t->numbers, t->nnumbers, &sizes);
  Fn *loss = status == ST_OK ? session_function_value(s, t->loss_text) : NULL;
  if (!loss) return status == ST_OK ? ST_SOURCE : status;
  if (!step_minimises(s->program, loss) || !(loss = session_loss(s, t->loss_text)))
    return ST_SOURCE;
  bool *frozen = frozen_inputs(s, t, loss, &status);
  if (status != ST_OK) return status;
  if (!step_build(s->program, loss, name_of(s->cx, t->optimizer), frozen, &t->plan))
    return ST_SOURCE;
  SizeBindings open = {0};
  fn_size_names(t->plan.fn, &open);
  for (int i = 0; i < open.list.n; i++) {
    Dim d;
    if (!size_lookup(&sizes, open.list.at[i].name, &d))
      return api_usage(gc, "no number is given for the size %s", open.list.at[i].name);
  }
  Fn *f = compile_prepare(t->plan.fn, &sizes);
  if (!f) return ST_SOURCE;
  Target target = api_target(gc);
  t->rt = gc->rt;
  t->step = compile_native(f, &target);
  return t->step ? ST_OK : ST_SOURCE;
}

/* Where every input and output of the step lies; outputs take the place of the inputs they replace.
 */
static Status lay_out(Session *s, gradc_trainer *t) {
  const Fn *f = t->step->fn;
  Arena *a = s->cx->arena;
  const StepPlan *p = &t->plan;
  t->in = NEWS(a, void *, f->in.n + 1);
  t->out = NEWS(a, void *, f->out.n + 1);
  t->arg = NEWS(a, gradc_tensor, p->nargs + 1);
  t->state = NEWS(a, gradc_tensor, p->nstate + 1);
  for (int i = 0; i < p->nparams; i++) {
    const Tensor *v = session_param(s, f->in.at[i].name);
    if (!v) return ST_SOURCE;
    t->in[i] = v->data;
  }
  for (int k = 0; k < p->nstate; k++) {
    const Input *in = &f->in.at[p->nparams + k];
    t->in[p->nparams + k] = tensor_new(s->cx, a, in->type, &in->shape).data;
    t->state[k] = api_tensor(s->cx, in->name, in->type, &in->shape, t->in[p->nparams + k]);
  }
  for (int k = 0; k < p->nargs; k++) {
    const Input *in = &f->in.at[p->nparams + p->nstate + k];
    t->arg[k] = api_tensor(s->cx, in->name, in->type, &in->shape, NULL);
  }
  int scalars = p->nparams + p->nstate + p->nargs;
  t->in[scalars] = &t->lr;
  t->in[scalars + 1] = &t->t;
  t->out[0] = &t->loss;
  for (int i = 1; i < f->out.n; i++) t->out[i] = t->in[f->out.at[i].alias];
  return ST_OK;
}

static Status make(Session *s, void *arg) {
  gradc_trainer *t = arg;
  Status status = build(s, t);
  return status == ST_OK ? lay_out(s, t) : status;
}

gradc_status gradc_trainer_new(gradc_context *gc, const char *loss, const char *optimizer,
                               const char *freeze, const char *const *names, const int64_t *numbers,
                               int n, gradc_trainer **out) {
  API_RETURN_UNLESS(gc && loss && optimizer && out);
  *out = NULL;
  gradc_trainer *t = calloc(1, sizeof *t);
  if (!t) return GRADC_MEMORY;
  *t = (gradc_trainer){.gc = gc,
                       .loss_text = loss,
                       .optimizer = optimizer,
                       .freeze = freeze,
                       .names = names,
                       .numbers = numbers,
                       .nnumbers = n};
  gradc_status s = api_run(gc, make, t);
  if (s == GRADC_OK) *out = t;
  else free(t);
  return s;
}

int gradc_trainer_argument_count(const gradc_trainer *t) { return t ? t->plan.nargs : 0; }
const gradc_tensor *gradc_trainer_argument(const gradc_trainer *t, int i) {
  return t && i >= 0 && i < t->plan.nargs ? &t->arg[i] : NULL;
}
int gradc_trainer_state_count(const gradc_trainer *t) { return t ? t->plan.nstate : 0; }
const gradc_tensor *gradc_trainer_state(const gradc_trainer *t, int i) {
  return t && i >= 0 && i < t->plan.nstate ? &t->state[i] : NULL;
}
int64_t gradc_trainer_steps(const gradc_trainer *t) { return t ? t->steps : 0; }
gradc_status gradc_trainer_set_steps(gradc_trainer *t, int64_t steps) {
  API_RETURN_UNLESS(t && steps >= 0);
  t->steps = steps;
  return GRADC_OK;
}

gradc_status gradc_trainer_step(gradc_trainer *t, const void *const *args, double lr,
                                double *loss) {
  API_RETURN_UNLESS(t);
  gradc_context *gc = t->gc;
  if (gc->broken != GRADC_OK) return gc->broken;
  if (!isfinite(lr)) return (gradc_status)api_usage(gc, "the learning rate is no finite number");
  int first = t->plan.nparams + t->plan.nstate;
  for (int i = 0; i < t->plan.nargs; i++) {
    if (t->arg[i].count && (!args || !args[i]))
      return (gradc_status)api_usage(gc, "the pointer for `%s` (%s) is null", t->arg[i].name,
                                     t->arg[i].text);
    t->in[first + i] = args ? (void *)args[i] : NULL;
  }
  t->lr = lr;
  t->t = (double)++t->steps;
  compiled_run(t->step, t->in, t->out, t->rt);
  const Ins *y = fn_ins(t->step->fn, t->step->fn->out.at[0].val);
  if (loss) *loss = y->type == T_F32 ? (double)t->loss.f32 : t->loss.f64;
  return api_verdict(gc, t->step, NULL);
}

void gradc_trainer_free(gradc_trainer *t) {
  if (!t) return;
  if (t->step) compiled_free(t->step);
  free(t);
}
