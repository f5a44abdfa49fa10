/* function.c: functions of libgradc: looking them up, sizes, machine code, calls. */
#include "api/api.h"
#include "pass/pass.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct InputAt { /* where input i of the program comes from */
  int arg;               /* number of the argument; -1: a parameter */
  const void *param;
} InputAt;

struct gradc_function {
  gradc_context *gc;
  Fn *fn;            /* as the front end gives it */
  Fn *prepared;      /* expanded, simplified, sizes bound; NULL: not yet */
  SizeBindings open; /* named sizes without a number */
  gradc_tensor *arg, *result;
  int nargs, nresults;
  Compiled *code; /* NULL: not compiled, or evaluated by the reference */
  GradcRt *rt;
  InputAt *in;     /* per input of prepared; NULL: not yet */
  void *workspace; /* of gradc_call: that of the code, and the tables of pointers behind it */
  size_t workspace_bytes;
};

/* ---- types and sizes ---- */
/* DType and gradc_type name the same types in the same order. */
#define DTYPE(name, word, ctype, bytes, class)                                                     \
  _Static_assert((int)GRADC_##name == (int)T_##name, "gradc.h and types.def differ");
#include "ir/types.def"
#undef DTYPE

static bool is_type(gradc_type t) { return (int)t >= 0 && (int)t < DTYPE_COUNT; }
const char *gradc_type_name(gradc_type t) { return is_type(t) ? type_info[t].word : "?"; }
size_t gradc_type_size(gradc_type t) { return is_type(t) ? (size_t)type_info[t].bytes : 0; }

gradc_tensor api_tensor(Cx *cx, const char *name, DType type, const Shape *shape, void *data) {
  int64_t *dims = NEWS(cx->arena, int64_t, shape->rank + 1);
  for (int i = 0; i < shape->rank; i++) dims[i] = dim_is_number(shape->dim[i]) ? shape->dim[i] : -1;
  gradc_tensor t = {.name = name ? name : "",
                    .type = (gradc_type)type,
                    .rank = shape->rank,
                    .shape = dims,
                    .text = type_text(cx, type, shape),
                    .data = data};
  if (!shape_is_numbers(shape)) return t;
  t.count = 1;
  for (int i = 0; i < shape->rank; i++) t.count *= (size_t)shape->dim[i];
  t.bytes = t.count * (size_t)type_info[type].bytes;
  return t;
}

Status api_sizes(gradc_context *gc, const char *const *names, const int64_t *numbers, int n,
                 SizeBindings *out) {
  Cx *cx = gc->session->cx;
  if (n < 0 || (n > 0 && (!names || !numbers)))
    return api_usage(gc, "%d sizes without names or numbers", n);
  for (int i = 0; i < n; i++) {
    if (!names[i]) return api_usage(gc, "size number %d has no name", i);
    if (numbers[i] < 0 || numbers[i] > DIM_MAX_NUMBER)
      return api_usage(gc, "%s = %lld: a size can't be negative, or more than 2^48", names[i],
                       (long long)numbers[i]);
    size_bind(cx->arena, out, name_of(cx, names[i]), numbers[i]);
  }
  return ST_OK;
}

/* ---- finding ---- */
int gradc_function_count(gradc_context *gc) {
  return gc ? front_fn_count(gc->session->program) : 0;
}

const char *gradc_function_name(gradc_context *gc, int i) {
  const Node *fn = gc && i >= 0 ? front_fn_node(gc->session->program, i) : NULL;
  return fn ? fn->name : NULL;
}

static gradc_function *describe(gradc_context *gc, Fn *fn) {
  Cx *cx = fn->cx;
  gradc_function *f = NEW(cx->arena, gradc_function);
  *f = (gradc_function){.gc = gc, .fn = fn};
  f->arg = NEWS(cx->arena, gradc_tensor, fn->in.n + 1);
  f->result = NEWS(cx->arena, gradc_tensor, fn->out.n + 1);
  for (int i = 0; i < fn->in.n; i++) {
    const Input *in = &fn->in.at[i];
    if (in->role == ROLE_ARG)
      f->arg[f->nargs++] = api_tensor(cx, in->name, in->type, &in->shape, NULL);
  }
  for (int i = 0; i < fn->out.n; i++) {
    const Ins *y = fn_ins(fn, fn->out.at[i].val);
    f->result[f->nresults++] = api_tensor(cx, fn->out.at[i].name, (DType)y->type, &y->shape, NULL);
  }
  fn_size_names(fn, &f->open);
  return f;
}

typedef struct Finding {
  gradc_context *gc;
  const char *text;
  gradc_function *f;
} Finding;

static Status find(Session *s, void *arg) {
  Finding *find = arg;
  Fn *fn = session_function_value(s, find->text);
  if (!fn) return ST_SOURCE;
  find->f = describe(find->gc, fn);
  return ST_OK;
}

gradc_status gradc_find(gradc_context *gc, const char *expression, gradc_function **out) {
  API_RETURN_UNLESS(gc && expression && out);
  Finding f = {gc, expression, NULL};
  gradc_status s = api_run(gc, find, &f);
  *out = s == GRADC_OK ? f.f : NULL;
  return s;
}

int gradc_argument_count(const gradc_function *f) { return f ? f->nargs : 0; }
const gradc_tensor *gradc_argument(const gradc_function *f, int i) {
  return f && i >= 0 && i < f->nargs ? &f->arg[i] : NULL;
}
int gradc_result_count(const gradc_function *f) { return f ? f->nresults : 0; }
const gradc_tensor *gradc_result(const gradc_function *f, int i) {
  return f && i >= 0 && i < f->nresults ? &f->result[i] : NULL;
}
int gradc_size_count(const gradc_function *f) { return f ? f->open.list.n : 0; }
const char *gradc_size(const gradc_function *f, int i) {
  return f && i >= 0 && i < f->open.list.n ? f->open.list.at[i].name : NULL;
}

typedef struct Printing {
  gradc_function *f;
  const char *text;
} Printing;

static Status print(Session *s, void *arg) {
  Printing *p = arg;
  Fn *g = pass_expand(p->f->fn);
  if (g) g = pass_simplify(g);
  if (!g) return ST_SOURCE;
  Text t = text_new(s->cx->arena);
  print_program(s, g, &t);
  p->text = text_str(&t);
  return ST_OK;
}

gradc_status gradc_source(gradc_function *f, const char **out) {
  API_RETURN_UNLESS(f && out);
  Printing p = {f, NULL};
  gradc_status s = api_run(f->gc, print, &p);
  *out = s == GRADC_OK ? p.text : NULL;
  return s;
}

/* ---- sizes as numbers ---- */
typedef struct Specializing {
  gradc_function *f, *out;
  const char *const *names;
  const int64_t *numbers;
  int n;
} Specializing;

static Status specialize(Session *s, void *arg) {
  Specializing *z = arg;
  gradc_context *gc = z->f->gc;
  SizeBindings sizes = {0};
  Status status = api_sizes(gc, z->names, z->numbers, z->n, &sizes);
  if (status != ST_OK) return status;
  for (int i = 0; i < z->f->open.list.n; i++) {
    Dim d;
    if (!size_lookup(&sizes, z->f->open.list.at[i].name, &d))
      return api_usage(gc, "no number is given for the size %s", z->f->open.list.at[i].name);
  }
  for (int i = 0; i < sizes.list.n; i++) {
    Dim d;
    if (!size_lookup(&z->f->open, sizes.list.at[i].name, &d))
      return api_usage(gc, "%s has no open size %s", z->f->fn->name, sizes.list.at[i].name);
  }
  Fn *fn = pass_expand(z->f->fn);
  if (fn) fn = pass_bind_sizes(fn, &sizes);
  if (!fn) return ST_SOURCE;
  fn->name = z->f->fn->name;
  z->out = describe(gc, fn);
  (void)s;
  return ST_OK;
}

gradc_status gradc_specialize(gradc_function *f, const char *const *names, const int64_t *numbers,
                              int n, gradc_function **out) {
  API_RETURN_UNLESS(f && out);
  Specializing z = {f, NULL, names, numbers, n};
  gradc_status s = api_run(f->gc, specialize, &z);
  *out = s == GRADC_OK ? z.out : NULL;
  return s;
}

/* ---- machine code ---- */
static Status connect(Session *s, gradc_function *f) {
  const Fn *fn = f->prepared;
  InputAt *in = NEWS(s->cx->arena, InputAt, fn->in.n + 1);
  for (int i = 0, arg = 0; i < fn->in.n; i++) {
    if (fn->in.at[i].role == ROLE_ARG) {
      in[i].arg = arg++;
      continue;
    }
    const Tensor *p = session_param(s, fn->in.at[i].name);
    if (!p) return ST_SOURCE;
    in[i] = (InputAt){-1, p->data};
  }
  f->in = in;
  return ST_OK;
}

static size_t tables_bytes(const gradc_function *f) {
  return (size_t)(f->prepared->in.n + f->prepared->out.n + 1) * sizeof(void *);
}

static size_t code_bytes(const gradc_function *f) {
  return (f->code->workspace_bytes + 63) & ~(size_t)63;
}

static void free_workspace(void *arg) {
  gradc_function *f = arg;
  free(f->workspace);
  f->workspace = NULL;
}

static Status compile(Session *s, void *arg) {
  gradc_function *f = arg;
  gradc_context *gc = f->gc;
  if (f->in) return ST_OK;
  if (f->open.list.n)
    return api_usage(gc, "%s has the open size %s: specialize it first", f->fn->name,
                     f->open.list.at[0].name);
  SizeBindings none = {0};
  f->prepared = compile_prepare(f->fn, &none);
  if (!f->prepared) return ST_SOURCE;
  if (!gc->reference) {
    Target t = api_target(gc);
    f->rt = gc->rt;
    f->code = compile_native(f->prepared, &t);
    if (!f->code) return ST_SOURCE;
    f->workspace_bytes = code_bytes(f) + tables_bytes(f);
    f->workspace = room_alloc(f->workspace_bytes);
    if (!f->workspace) cx_no_room(s->cx, (double)f->workspace_bytes);
    arena_defer(s->cx->arena, free_workspace, f);
  }
  return connect(s, f);
}

gradc_status gradc_compile(gradc_function *f) {
  API_RETURN_UNLESS(f);
  return api_run(f->gc, compile, f);
}

void gradc_release(gradc_function *f) {
  if (!f) return;
  if (f->code) compiled_free(f->code);
  free_workspace(f);
  f->code = NULL;
  f->in = NULL;
}

/* ---- calls ---- */
/* Every pointer is there, but for arrays without elements. */
static const gradc_tensor *missing(const gradc_function *f, const void *const *args,
                                   void *const *results) {
  for (int i = 0; i < f->nargs; i++)
    if (f->arg[i].count && (!args || !args[i])) return &f->arg[i];
  for (int i = 0; i < f->nresults; i++)
    if (f->result[i].count && (!results || !results[i])) return &f->result[i];
  return NULL;
}

/* The tables themselves may be null where no argument, or no result, has an element. */
static void *input_address(const gradc_function *f, int i, const void *const *args) {
  if (f->in[i].arg < 0) return (void *)f->in[i].param;
  return args ? (void *)args[f->in[i].arg] : NULL;
}

static void run(const gradc_function *f, const void *const *args, void *const *results,
                char *workspace, GradcRt *rt) {
  const Fn *fn = f->prepared;
  void **in = (void **)(void *)(workspace + code_bytes(f)), **out = in + fn->in.n;
  for (int i = 0; i < fn->in.n; i++) in[i] = input_address(f, i, args);
  for (int i = 0; i < fn->out.n; i++) out[i] = results ? results[i] : NULL;
  f->code->run(in, out, workspace, rt);
}

typedef struct Evaluating {
  gradc_function *f;
  const void *const *args;
  void *const *results;
  Arena *arena;
} Evaluating;

static Status evaluate(void *arg) {
  Evaluating *e = arg;
  const Fn *fn = e->f->prepared;
  Tensor *in = NEWS(e->arena, Tensor, fn->in.n + 1), *out = NEWS(e->arena, Tensor, fn->out.n + 1);
  for (int i = 0; i < fn->in.n; i++) {
    in[i] = (Tensor){fn->in.at[i].type, fn->in.at[i].shape, input_address(e->f, i, e->args)};
  }
  ir_eval(fn, e->arena, in, out, NULL);
  for (int i = 0; i < fn->out.n; i++)
    if (e->f->result[i].bytes) memcpy(e->results[i], out[i].data, e->f->result[i].bytes);
  return ST_OK;
}

static Status call_reference(Session *s, void *arg) {
  Evaluating *e = arg;
  e->arena = arena_new(s->cx);
  Status status = cx_guard(s->cx, evaluate, e);
  arena_free(e->arena);
  if (status != ST_OK) cx_unwind_again(s->cx);
  return ST_OK;
}

gradc_status gradc_call(gradc_function *f, const void *const *args, void *const *results) {
  API_RETURN_UNLESS(f);
  if (f->gc->broken != GRADC_OK) return f->gc->broken;
  if (!f->in) {
    gradc_status s = gradc_compile(f);
    if (s != GRADC_OK) return s;
  }
  const gradc_tensor *none = missing(f, args, results);
  if (none)
    return (gradc_status)api_usage(f->gc, "%s: the pointer for `%s` (%s) is null", f->fn->name,
                                   none->name, none->text);
  if (f->code) {
    run(f, args, results, f->workspace, f->rt);
    return api_verdict(f->gc, f->code, f->workspace);
  }
  Evaluating e = {f, args, results, NULL};
  return api_run(f->gc, call_reference, &e);
}

size_t gradc_workspace(const gradc_function *f) { return f && f->code ? f->workspace_bytes : 0; }

gradc_status gradc_call_in(const gradc_function *f, const void *const *args, void *const *results,
                           void *workspace, size_t bytes) {
  if (!f || !f->code || !workspace || (uintptr_t)workspace % 64 || bytes < f->workspace_bytes)
    return GRADC_USAGE;
  API_RETURN_UNLESS(!missing(f, args, results));
  run(f, args, results, workspace, NULL);
  int64_t index; /* no more than the status: other threads may be at work in the context */
  return loop_fault(f->code->loops, workspace, &index) ? GRADC_FINDINGS : GRADC_OK;
}
