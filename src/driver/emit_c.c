/* emit_c.c: see emit_c.h. */
#include "driver/emit_c.h"
#include "ir/build.h"
#include "pass/pass.h"

typedef struct Emitting {
  Session *s;
  Cx *cx;
  const EmitCOptions *o;
  CFile *file;
} Emitting;

/* ---- arguments ---- */
static bool name_taken(Cx *cx, const CFunction *fn, Name name) {
  static const char *const own[] = {"workspace", "workspace_bytes", "in_",
                                    "out_",      "memset",          "sizes"};
  for (int i = 0; i < COUNT_OF(own); i++)
    if (!strcmp(name, own[i])) return true;
  for (int i = 0; i < fn->size.n; i++)
    if (c_safe_name(cx, fn->size.at[i]) == name) return true;
  for (int i = 0; i < fn->arg.n; i++)
    if (fn->arg.at[i].name == name) return true;
  return false;
}

static int add_arg(Emitting *e, CFunction *fn, CArgKind kind, const char *word, DType type,
                   const Shape *shape, const char *says) {
  CArg a = {.kind = kind, .name = c_safe_name(e->cx, word), .type = type, .says = says};
  if (shape) a.shape = *shape;
  while (name_taken(e->cx, fn, a.name)) a.name = name_fmt(e->cx, "%s_", a.name);
  vec_push(e->cx->arena, &fn->arg, a);
  return fn->arg.n - 1;
}

static int param_number(const CFile *f, Name name) {
  for (int i = 0; i < f->param.n; i++)
    if (f->param.at[i].name == name) return i;
  return -1;
}

static bool uses_params(const Fn *f) {
  for (int i = 0; i < f->in.n; i++)
    if (input_is_kept(&f->in.at[i])) return true;
  return false;
}

/* An optimiser's state is called PARAMETER.SLOT; each slot is a struct of its own. */
static int state_arg(Emitting *e, CFunction *fn, const Input *in, Name *param) {
  const char *dot = strrchr(in->name, '.');
  if (!dot) cx_bug(e->cx, "a state called %s", in->name);
  *param = name_of_n(e->cx, in->name, (size_t)(dot - in->name));
  Name slot = c_safe_name(e->cx, dot + 1);
  for (int i = 0; i < fn->arg.n; i++)
    if (fn->arg.at[i].kind == CARG_STRUCT && fn->arg.at[i].name == slot) return i;
  int a = add_arg(e, fn, CARG_STRUCT, slot, T_F32, NULL,
                  "the optimiser's state, zeros at first; updated");
  fn->arg.at[a].written = true;
  return a;
}

static CPort input_port(Emitting *e, CFunction *fn, const Input *in) {
  CPort port = {0};
  Name param;
  switch (in->role) {
  case ROLE_PARAM:
  case ROLE_STATE: port.field = param_number(e->file, in->name); break;
  case ROLE_SLOT:
    port.arg = state_arg(e, fn, in, &param);
    port.field = param_number(e->file, param);
    break;
  case ROLE_ARG:
  case ROLE_SEED:
    port.arg =
        add_arg(e, fn, in->shape.rank ? CARG_ARRAY : CARG_VALUE, in->name, in->type, &in->shape,
                in->role == ROLE_ARG              ? "argument"
                : in->name == name_of(e->cx, "t") ? "number of the step, from 1"
                                                  : "learning rate");
    break;
  }
  return port;
}

static void add_inputs(Emitting *e, CFunction *fn, const Fn *f, bool updates) {
  if (uses_params(f)) {
    add_arg(e, fn, CARG_STRUCT, "params", T_F32, NULL,
            updates ? "parameters; updated" : "parameters");
    fn->arg.at[0].written = updates;
  }
  for (int i = 0; i < f->in.n; i++)
    vec_push(e->cx->arena, &fn->in, input_port(e, fn, &f->in.at[i]));
}

static void add_result(Emitting *e, CFunction *fn, const Fn *f, int k, const char *word,
                       const char *says) {
  const Ins *y = fn_ins(f, f->out.at[k].val);
  CPort port = {.arg = add_arg(e, fn, CARG_ARRAY, word, (DType)y->type, &y->shape, says)};
  fn->arg.at[port.arg].written = true;
  vec_push(e->cx->arena, &fn->out, port);
}

/* ---- the kinds of functions ---- */
static CFunction *new_function(Emitting *e, Name name, const char *says) {
  CFunction *fn = NEW(e->cx->arena, CFunction);
  fn->name = name;
  fn->says = says;
  return fn;
}

static void forward_results(Emitting *e, CFunction *fn, const Fn *f) {
  for (int k = 0; k < f->out.n; k++) {
    const char *word = f->out.at[k].name;
    if (!word) word = f->out.n == 1 ? "result" : name_fmt(e->cx, "result%d", k + 1);
    add_result(e, fn, f, k, word, "result");
  }
}

/* The value, then the derivative by each float parameter, or where there are none by each float
 * argument. */
static void gradient_results(Emitting *e, CFunction *fn, const Fn *f) {
  bool by_params = false;
  for (int i = 0; i < f->in.n; i++)
    by_params |= f->in.at[i].role == ROLE_PARAM && type_is_float(f->in.at[i].type);
  int grads = -1, k = 1;
  if (by_params) {
    grads = add_arg(e, fn, CARG_STRUCT, "grads", T_F32, NULL,
                    "gradient: a derivative for every parameter");
    fn->arg.at[grads].written = true;
  }
  bool *done = NEWS(e->cx->arena, bool, e->file->param.n + 1);
  add_result(e, fn, f, 0, "value", "the function's value");
  for (int i = 0; i < f->in.n && k < f->out.n; i++) {
    const Input *in = &f->in.at[i];
    if (!type_is_float(in->type) || in->role != (by_params ? ROLE_PARAM : ROLE_ARG)) continue;
    if (by_params) {
      CPort port = {grads, param_number(e->file, in->name)};
      vec_push(e->cx->arena, &fn->out, port);
      done[port.field] = true;
      k++;
    } else {
      add_result(e, fn, f, k++, name_fmt(e->cx, "d_%s", in->name), "derivative");
    }
  }
  for (int i = 0; by_params && i < e->file->param.n; i++) {
    CPort port = {grads, i};
    if (!done[i]) vec_push(e->cx->arena, &fn->zero, port);
  }
}

static void step_results(Emitting *e, CFunction *fn, const Fn *f) {
  add_result(e, fn, f, 0, "loss", "the loss before the step");
  for (int k = 1; k < f->out.n; k++) {
    CPort port = fn->in.at[f->out.at[k].alias];
    vec_push(e->cx->arena, &fn->out, port);
  }
}

/* ---- sizes that stay names ---- */
static void collect_names(Emitting *e, CFunction *fn, const Fn *f) {
  SizeBindings names = {0};
  fn_size_names(f, &names);
  for (int i = 0; i < names.list.n; i++) vec_push(e->cx->arena, &fn->size, names.list.at[i].name);
}

/* d is at least 0 for the function to make sense. */
static void require(Emitting *e, CFunction *fn, Dim d) {
  if (dim_le(e->cx, 0, d) == 1) return;
  for (int i = 0; i < fn->check.n; i++)
    if (fn->check.at[i] == d) return;
  vec_push(e->cx->arena, &fn->check, d);
}

/* What pass_bind_sizes would report of numbers: extents below 0, reads outside that the source
 * rules out. */
static void collect_checks(Emitting *e, CFunction *fn, const Fn *f) {
  Cx *cx = e->cx;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    const Fn *body[2];
    int bodies = ins_bodies(in, body);
    for (int i = 0; i < bodies; i++) collect_checks(e, fn, body[i]);
    for (int d = 0; d < in->shape.rank; d++) require(e, fn, in->shape.dim[d]);
    if (in->op != OP_view || !in->u.view->claim) continue;
    const Shape *operand = &fn_ins(f, in->arg[0])->shape;
    for (int d = 0; d < operand->rank; d++) {
      Dim lo, hi;
      if (!view_interval(cx, &in->u.view->dim[d], &in->shape, &lo, &hi)) continue;
      require(e, fn, lo);
      require(e, fn, dim_sub(cx, dim_sub(cx, operand->dim[d], 1), hi));
    }
  }
}

static bool has_sizes(const CFunction *fn, const SizeBindings *names) {
  for (int i = 0; i < names->list.n; i++) {
    bool found = false;
    for (int k = 0; k < fn->size.n; k++) found |= fn->size.at[k] == names->list.at[i].name;
    if (!found) return false;
  }
  return true;
}

static bool is_asked(const CFunction *fn, const SizeCond *holds, const char *text) {
  for (int i = 0; i < fn->require.n; i++)
    if (size_cond_same(fn->require.at[i].holds, holds) && !strcmp(fn->require.at[i].text, text))
      return true;
  return false;
}

/* What the program itself requires of the sizes that stay names. */
static void collect_requirements(Emitting *e, CFunction *fn, Name declared) {
  Requirements *all = NEW(e->cx->arena, Requirements); /* the program may keep it when it unwinds */
  front_required(e->s->program, declared, all);
  for (int i = 0; i < all->n; i++) {
    const SizeCond *holds = size_cond_subst(e->cx, all->at[i].holds, e->o->sizes);
    SizeBindings names = {0};
    size_cond_names(e->cx, holds, &names);
    if (size_cond_holds(e->cx, holds, &(SizeBindings){0}) == 1 || !has_sizes(fn, &names)) continue;
    if (is_asked(fn, holds, all->at[i].text)) continue;
    vec_push(e->cx->arena, &fn->require, ((CRequire){holds, all->at[i].text}));
  }
}

static bool meets_requirements(const CFunction *fn, const SizeBindings *sizes) {
  for (int i = 0; i < fn->require.n; i++)
    if (size_cond_holds(fn->loops->cx, fn->require.at[i].holds, sizes) == 0) return false;
  return true;
}

SizeBindings emit_c_all_sizes(const CFunction *fn, int64_t n) {
  SizeBindings sizes = {0};
  for (int i = 0; i < fn->size.n; i++) size_bind(fn->loops->cx->arena, &sizes, fn->size.at[i], n);
  return sizes;
}

LoopProgram *emit_c_bound(const CFunction *fn, const SizeBindings *sizes) {
  if (!fn->size.n) return fn->loops;
  if (!meets_requirements(fn, sizes)) return NULL;
  const Fn *f = pass_bind_sizes(fn->loops->given, sizes);
  return f ? loop_bind(fn->loops, f, sizes) : NULL;
}

/* The struct of parameters has arrays of fixed sizes. */
static bool parameters_have_numbers(const Fn *f) {
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    if ((!input_is_kept(in) && in->role != ROLE_SLOT) || shape_is_numbers(&in->shape)) continue;
    Diag *d = diag(f->cx, E0721, in->span, "the size of `%s`, %s, must be a number in emitted C",
                   in->name, type_text(f->cx, in->type, &in->shape));
    diag_hint(f->cx, d, "give its sizes, as in -D D=64");
    return false;
  }
  return true;
}

typedef enum Kind { FORWARD, GRADIENT, STEP } Kind;
typedef struct Wanted {
  Kind kind;
  Name name, declared; /* declared: the program's function that it is, or is of */
  const char *says;
  Fn *fn; /* prepared */
} Wanted;
typedef Vec(Wanted) WantedList;

/* Some derivative isn't zero everywhere. */
static bool says_something(const Fn *grad) {
  for (int k = 1; k < grad->out.n; k++)
    if (!ins_is_splat(fn_ins(grad, grad->out.at[k].val), 0)) return true;
  return false;
}

static bool want(Emitting *e, WantedList *list, Wanted w, Fn *f) {
  if (!f) return false;
  if (e->o->size) compile_bind_rest(f, e->o->sizes, e->o->size);
  bool asks = w.kind != GRADIENT && e->o->sizes->list.n; /* a gradient's function has been asked */
  if (asks && !front_requires(e->s->program, w.declared, e->o->sizes)) return false;
  if (e->o->real) {
    const Fn *bound = pass_bind_sizes(f, e->o->sizes), *plain = bound ? pass_expand(bound) : NULL;
    f = plain ? pass_retype(plain, e->o->real == 8 ? T_F64 : T_F32) : NULL;
    if (!f) return false;
  }
  f = compile_prepare(f, e->o->sizes);
  if (f && w.kind == GRADIENT && !says_something(f)) return true;
  if (!f || !parameters_have_numbers(f)) return false;
  w.fn = f;
  vec_push(e->cx->arena, list, w);
  return true;
}

static bool has_gradient(const Fn *f) {
  const Ins *y = fn_ins(f, f->out.at[0].val);
  bool any = false;
  for (int i = 0; i < f->in.n; i++) any |= type_is_float(f->in.at[i].type);
  return any && f->out.n == 1 && y->shape.rank == 0 && type_is_float((DType)y->type);
}

static bool want_function(Emitting *e, WantedList *list, Name name) {
  Fn *f = session_function(e->s, name);
  const char *line = f ? c_source_line(e->cx, f->span) : "";
  Wanted forward = {FORWARD, name, name, name_fmt(e->cx, *line ? "%s, %s" : "%s", name, line),
                    NULL};
  if (!f || !want(e, list, forward, f)) return false;
  if (!has_gradient(f)) return true;
  /* Of numbers where sizes are numbers, as libgradc does it: what a gradient keeps, and so the
   * order of its sums, may depend on them. */
  DeriveOptions d = {.order = 1, .value = true, .deferred = true};
  Fn *grad = derive(f, &d);
  Wanted gradient = {GRADIENT, name_fmt(e->cx, "%s_grad", name), name,
                     name_fmt(e->cx, "The gradient of %s, and its value.", name), NULL};
  return want(e, list, gradient, grad);
}

static bool want_step(Emitting *e, WantedList *list, const char *optimizer) {
  Fn *loss = session_loss(e->s, "loss");
  StepPlan plan;
  if (!loss || !step_build(e->s->program, loss, name_of(e->cx, optimizer), NULL, &plan))
    return false;
  const char *says = name_fmt(
      e->cx, "A step of training: the loss, its gradient, and %s's update of all parameters.",
      optimizer);
  Wanted step = {STEP, name_fmt(e->cx, "loss_%s_step", optimizer), name_of(e->cx, "loss"), says,
                 NULL};
  return want(e, list, step, plan.fn);
}

static bool want_all(Emitting *e, WantedList *list) {
  Program *p = e->s->program;
  for (const char *s = e->o->functions; s && *s;) {
    size_t n = strcspn(s, ",");
    if (!want_function(e, list, name_of_n(e->cx, s, n))) return false;
    s += n + (s[n] == ',');
  }
  for (int i = 0; !e->o->functions && i < front_fn_count(p); i++)
    if (front_fn_is_complete(front_fn_node(p, i)) &&
        !want_function(e, list, front_fn_node(p, i)->name))
      return false;
  for (const char *s = e->o->step; s && *s;) {
    size_t n = strcspn(s, ",");
    if (!want_step(e, list, name_of_n(e->cx, s, n))) return false;
    s += n + (s[n] == ',');
  }
  return true;
}

/* The parameters that some function uses, in the program's order. */
static void collect_params(Emitting *e, const WantedList *list) {
  Program *p = e->s->program;
  for (int i = 0; i < front_param_count(p); i++) {
    const ParamInfo *info = front_param(p, i);
    for (int k = 0; info && k < list->n; k++) {
      int at = fn_input(list->at[k].fn, info->name);
      if (at < 0 || !input_is_kept(&list->at[k].fn->in.at[at])) continue;
      const Input *in = &list->at[k].fn->in.at[at];
      CParam param = {in->name,   c_safe_name(e->cx, in->name), in->type, in->shape, NULL,
                      info->state};
      vec_push(e->cx->arena, &e->file->param, param);
      break;
    }
  }
}

static CFunction *make_function(Emitting *e, const Wanted *w) {
  CFunction *fn = new_function(e, w->name, w->says);
  collect_names(e, fn, w->fn);
  add_inputs(e, fn, w->fn, w->kind == STEP);
  if (w->kind == FORWARD) forward_results(e, fn, w->fn);
  else if (w->kind == GRADIENT) gradient_results(e, fn, w->fn);
  else step_results(e, fn, w->fn);
  fn->loops = loop_lower(w->fn, &e->o->target);
  if (fn->size.n) collect_checks(e, fn, fn->loops->fn);
  if (fn->size.n && w->declared) collect_requirements(e, fn, w->declared);
  const char *wrong = loop_verify(fn->loops);
  if (wrong) cx_bug(e->cx, "loops of %s: %s", w->name, wrong);
  return fn;
}

void emit_c_add(CFile *f, const Fn *prepared, Name name, const Target *target) {
  EmitCOptions o = {.target = *target};
  Emitting e = {.cx = f->cx, .o = &o, .file = f};
  Wanted w = {FORWARD, name, NULL, name, (Fn *)prepared};
  CFunction *fn = make_function(&e, &w);
  vec_push(f->cx->arena, &f->fn, fn);
}

static bool names_are_free(Session *s, const CFile *f) {
  CClash c;
  if (!c_names_clash(f, &c)) return true;
  const Node *fn = front_fn_find(s->program, c.other);
  Diag *d =
      diag(s->cx, E0723, fn ? fn->name_span : (Span){0}, "in C `%s` would name two things", c.name);
  if (c.one == c.other)
    diag_note(s->cx, d, "a function of that name is one, a gradient or a step the other");
  else if (c.one) diag_note(s->cx, d, "`%s` and `%s` both define it", c.one, c.other);
  else diag_note(s->cx, d, "`%s` defines it, and it has a meaning in every file", c.other);
  diag_hint(s->cx, d, "rename one, or choose what is written by --functions");
  return false;
}

bool emit_c(Session *s, const EmitCOptions *o, CFile *out) {
  *out = (CFile){.cx = s->cx,
                 .prefix = o->prefix,
                 .header = o->header,
                 .version = o->version,
                 .command = o->command,
                 .flags = o->flags};
  Emitting e = {s, s->cx, o, out};
  WantedList list = {0};
  if (!want_all(&e, &list)) return false;
  collect_params(&e, &list);
  for (int i = 0; i < list.n; i++) {
    CFunction *fn = make_function(&e, &list.at[i]);
    if (list.at[i].kind == GRADIENT) fn->primal = out->fn.at[i - 1];
    vec_push(s->cx->arena, &out->fn, fn);
  }
  if (!names_are_free(s, out)) return false;
  out->openmp = o->openmp;
  out->threads = o->threads;
  out->embed = o->embed;
  if (o->embed && !emit_c_weights(s, out, o->weights)) return false;
  out->selftest = o->selftest;
  if (o->main || o->selftest) out->main = emit_c_check(out, o->main);
  return !diag_errors(s->cx);
}
