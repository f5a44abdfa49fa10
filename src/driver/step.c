/* step.c: a step of training as one function: the loss, its gradient, the states it assigns, and
 * the optimiser's update of every parameter, so that all of it is fused and compiled together. */
#include "driver/compile.h"
#include "pass/pass.h"

typedef struct Stepping {
  Program *program;
  Builder b;
  const Fn *loss; /* expanded */
  Name optimizer;
  int nslots; /* states per parameter */
} Stepping;

/* The state tensors of an optimiser are its positional arguments after p and g, up to `t` or `lr`
 * or the first with a default. */
static int count_slots(Cx *cx, const Node *fn) {
  int n = 0;
  for (int i = ast_fixed(NODE_FN) + 2; i < fn->nkids; i++) {
    const Node *arg = fn->kid[i];
    if (arg->kid[1] || arg->name == name_of(cx, "t") || arg->name == name_of(cx, "lr")) break;
    n++;
  }
  return n;
}

static bool takes(const Node *fn, Name name) {
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++)
    if (fn->kid[i]->name == name) return true;
  return false;
}

static bool trainable(const Fn *loss, const bool *frozen, int i) {
  const Input *in = &loss->in.at[i];
  return in->role == ROLE_PARAM && type_is_float(in->type) && !(frozen && frozen[i]);
}

/* p, g, states -> new p, new states, by a call of the optimiser. */
static bool update(Stepping *s, const Node *fn, Val p, Val g, const Val *state, Val lr, Val t,
                   Val *out) {
  Cx *cx = s->b.cx;
  Val args[16] = {p, g};
  Name names[16] = {0};
  int n = 2;
  DType type = ir_type(&s->b, p);
  for (int k = 0; k < s->nslots; k++) args[n++] = state[k];
  Val scalar[] = {lr, t};
  const char *word[] = {"lr", "t"};
  for (int k = 0; k < 2; k++) {
    if (!takes(fn, name_of(cx, word[k]))) continue;
    names[n] = name_of(cx, word[k]);
    args[n++] = ir_cast(&s->b, type, scalar[k]);
  }
  int got =
      front_call(s->program, &s->b, s->optimizer, args, names, n, out, s->nslots + 2, fn->span);
  if (got == s->nslots + 1) {
    for (int k = 0; k < got; k++)
      if (!shape_eq(ir_shape(&s->b, out[k]), ir_shape(&s->b, p)) || ir_type(&s->b, out[k]) != type)
        got = -1;
  }
  if (got == s->nslots + 1) return true;
  if (!diag_errors(cx)) {
    Diag *d = diag(cx, E0702, fn->span, "`%s` can't be used as an optimiser", s->optimizer);
    diag_note(cx, d,
              "it must return the new parameter and %d new state%s, each of the parameter's type "
              "and shape",
              s->nslots, s->nslots == 1 ? "" : "s");
  }
  return false;
}

static const char *slot_name(const Node *fn, int k) {
  return fn->kid[ast_fixed(NODE_FN) + 2 + k]->name;
}

/* Inputs of the step in their order; where[i] is the value of loss input i. */
static void make_inputs(Stepping *s, const Node *fn, const bool *frozen, Val *where, Val *state,
                        Val *lr, Val *t, StepPlan *plan) {
  const Fn *f = s->loss;
  Span none = {0};
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if (!input_is_kept(in)) continue;
    where[i] = ir_input(&s->b, in->name, in->type, &in->shape, in->role, in->span);
    plan->nparams++;
  }
  for (int i = 0; i < f->in.n; i++)
    for (int k = 0; k < s->nslots && trainable(f, frozen, i); k++) {
      const Input *in = &f->in.at[i];
      Name name = name_fmt(f->cx, "%s.%s", in->name, slot_name(fn, k));
      state[i * s->nslots + k] = ir_input(&s->b, name, in->type, &in->shape, ROLE_SLOT, in->span);
      plan->nstate++;
    }
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if (input_is_kept(in)) continue;
    where[i] = ir_input(&s->b, in->name, in->type, &in->shape, ROLE_ARG, in->span);
    plan->nargs++;
  }
  *lr = ir_input(&s->b, name_of(f->cx, "lr"), T_F64, &(Shape){0}, ROLE_SEED, none);
  *t = ir_input(&s->b, name_of(f->cx, "t"), T_F64, &(Shape){0}, ROLE_SEED, none);
}

static void replace(Stepping *s, Val old, Val now) {
  const Ins *in = ir_ins(&s->b, old);
  int number = (int)in->u.i;
  ir_output(&s->b, s->b.fn->in.at[number].name, now);
  s->b.fn->out.at[s->b.fn->out.n - 1].alias = number;
}

/* The outputs of the loss behind its value. */
static void update_states(Stepping *s, const bool *frozen, const Val *where, const Val *outs) {
  for (int k = 1; k < s->loss->out.n; k++) {
    int i = fn_input(s->loss, s->loss->out.at[k].name);
    if (i < 0 || s->loss->in.at[i].role != ROLE_STATE)
      cx_bug(s->b.cx, "a loss with an output that is no state");
    if (!(frozen && frozen[i]) && outs[k] != where[i]) replace(s, where[i], outs[k]);
  }
}

static const char *close_optimizer(Program *p, Cx *cx, Name name) {
  int n = front_fn_count(p);
  const char **names = NEWS(cx->arena, const char *, n + 2);
  for (int i = 0; i < n; i++) names[i] = front_fn_node(p, i)->name;
  names[n] = "sgd", names[n + 1] = "adam";
  return closest_word(name, names, n + 2);
}

static const Node *find_optimizer(Program *p, const Fn *loss, Name name) {
  const Node *fn = front_fn_find(p, name);
  if (fn && fn->nkids >= ast_fixed(NODE_FN) + 2 && takes(fn, name_of(loss->cx, "lr"))) return fn;
  Diag *d = diag(loss->cx, E0702, (Span){0},
                 fn ? "`%s` is no optimiser" : "there is no optimiser `%s`", name);
  const char *near = fn ? NULL : close_optimizer(p, loss->cx, name);
  if (near) diag_hint(loss->cx, d, "did you mean `%s`?", near);
  else
    diag_hint(loss->cx, d,
              "sgd and adam are in the prelude; any function (p, g, states..., lr: ...) of the "
              "program will do");
  return NULL;
}

bool step_minimises(Program *p, const Fn *f) {
  const Ins *y = fn_ins(f, f->out.at[0].val);
  bool scalar = type_is_float((DType)y->type) && !y->shape.rank;
  int values = 1;
  for (int k = 1; k < f->out.n; k++) {
    int i = fn_input(f, f->out.at[k].name);
    values += i < 0 || f->in.at[i].role != ROLE_STATE;
  }
  if (scalar && values == 1) return true;
  const Node *node = front_fn_find(p, f->name);
  Diag *d = diag(f->cx, E0704, node ? node->name_span : f->span,
                 "`%s` must be a float scalar to be minimised", f->name);
  if (values > 1) diag_note(f->cx, d, "it has %d parts", values);
  else diag_note(f->cx, d, "it is %s", type_text(f->cx, (DType)y->type, &y->shape));
  diag_hint(f->cx, d, "mean(...) of one loss per example is the usual way");
  return false;
}

static bool has_trainable(const Fn *loss, const bool *wrt) {
  for (int i = 0; i < loss->in.n; i++)
    if (wrt[i]) return true;
  diag(loss->cx, E0703, loss->span, "`%s` has no parameter to train", loss->name);
  return false;
}

bool step_build(Program *p, const Fn *given, Name optimizer, const bool *frozen, StepPlan *plan) {
  Cx *cx = given->cx;
  if (!step_minimises(p, given)) return false;
  const Fn *loss = pass_expand(given);
  if (!loss) return false;
  const Node *opt = find_optimizer(p, loss, optimizer);
  int n = loss->in.n;
  bool *wrt = NEWS(cx->arena, bool, n + 1);
  for (int i = 0; i < n; i++) wrt[i] = trainable(loss, frozen, i);
  if (!opt || !has_trainable(loss, wrt)) return false;
  Fn *grad = pass_gradient_deferred(given, wrt, true);
  if (!grad) return false;
  *plan = (StepPlan){.loss = loss};
  Stepping s = {p, ir_begin(cx, name_of(cx, "step")), loss, optimizer, count_slots(cx, opt)};
  s.b.fn->span = loss->span;
  Val *where = NEWS(cx->arena, Val, n + 1), *state = NEWS(cx->arena, Val, n * s.nslots + 1), lr, t;
  make_inputs(&s, opt, frozen, where, state, &lr, &t, plan);
  Val *outs = NEWS(cx->arena, Val, grad->out.n + 1), fresh[16];
  ir_inline(&s.b, grad, where, outs);
  ir_output(&s.b, loss->name, outs[0]);
  update_states(&s, frozen, where, outs);
  for (int i = 0, k = loss->out.n; i < n; i++) {
    if (!wrt[i]) continue;
    if (!update(&s, opt, where[i], outs[k++], state + i * s.nslots, lr, t, fresh)) return false;
    replace(&s, where[i], fresh[0]);
    for (int j = 0; j < s.nslots; j++) replace(&s, state[i * s.nslots + j], fresh[j + 1]);
  }
  plan->fn = ir_finish(&s.b);
  return true;
}
