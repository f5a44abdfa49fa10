/* print.c: a function as .nn source that reads well and parses back to the same function: `param`
 * declarations, the functions that derivative instructions differentiate, then
 *   fn name(x: f32[N, 64], ...) { lets; result }
 * The arguments of a derivative's body that are parameters outside as well stay parameters. */
#include "ir/print.h"

enum { LINE = 100 };

typedef struct Head { /* what a function is declared as */
  const char *word;
  int split; /* of a rule: this many inputs stand before the `;`. Types are those of its function */
  const SizeGroups *groups; /* of a body and its rules: expressions of sizes that have a name */
} Head;
static const Head plain_head = {"fn", -1, NULL};

/* Returns the names its inputs got. */
static const Name *print_fn(Globals *g, const Fn *f, const Head *head, Name name,
                            const bool *as_param, bool declare);

/* ---- header ---- */
/* Those of a body are declared already: by the function around it. */
static void name_params(Printer *p, const bool *as_param, bool declare) {
  Globals *g = p->globals;
  for (int i = 0; i < p->f->in.n; i++) {
    const Input *in = &p->f->in.at[i];
    Node *n = &p->node[in->val];
    n->let = true;
    if (!as_param[i]) continue;
    n->name = declare ? param_name(g, p->cx, in->name) : in->name;
    if (!declare) continue;
    text_fmt(g->out, "%s %s: ", in->role == ROLE_STATE ? "state" : "param", n->name);
    print_type(p, in->type, &in->shape, g->out);
    text_add(g->out, "\n");
  }
}

static void print_header(Printer *p, const Head *head, Name name, const bool *as_param, Text *out) {
  bool first = true;
  text_fmt(out, "%s %s(", head->word, name);
  for (int i = 0; i < p->f->in.n; i++) {
    const Input *in = &p->f->in.at[i];
    if (as_param[i]) continue;
    p->node[in->val].name = fresh_name(p, in->name);
    text_fmt(out, "%s%s", i == head->split ? "; " : first ? "" : ", ", p->node[in->val].name);
    first = false;
    if (head->split >= 0) continue;
    text_add(out, ": ");
    print_type(p, in->type, &in->shape, out);
  }
  text_add(out, ")");
}

/* ---- derivative instructions ---- */
/* Inputs of the body that are the parameter of the same name outside. */
static bool *body_params(Printer *p, const Ins *in) {
  const Fn *body = in->u.body->fn;
  bool *as_param = NEWS(p->arena, bool, body->in.n + 1);
  for (int i = 0; i < body->in.n; i++) {
    const Ins *outer = ins_of(p, in->arg[i]);
    as_param[i] = input_is_kept(&body->in.at[i]) && outer->op == OP_arg &&
                  p->node[in->arg[i]].name == body->in.at[i].name &&
                  input_is_kept(&p->f->in.at[outer->u.i]);
  }
  return as_param;
}

static bool same_rule(const Fn *a, const Fn *b) { return a == b || (a && b && ir_equal(a, b)); }

/* A body that passes have copied is printed once. */
static bool same_body(const BodyName *b, const Body *body, const bool *as_param) {
  if (memcmp(b->as_param, as_param,
             (size_t)MIN(b->body->fn->in.n, body->fn->in.n) * sizeof *as_param))
    return false;
  return same_rule(b->body->fn, body->fn) && same_rule(b->body->adjoint, body->adjoint) &&
         same_rule(b->body->tangent, body->tangent);
}

static BodyName print_body(Printer *p, const Ins *in, const bool *as_param) {
  Globals *g = p->globals;
  const Body *body = in->u.body;
  const Fn *fn = body->fn;
  for (int i = 0; i < g->bodies.n; i++) /* a value of the scope may hide it: printed once more */
    if (same_body(&g->bodies.at[i], body, as_param) && !name_in_scope(p, g->bodies.at[i].name))
      return g->bodies.at[i];
  Name wish = fn->name; /* what is named in the scope by now would hide the function */
  for (int i = 2; wish && name_taken(p, wish); i++) wish = name_fmt(p->cx, "%s%d", fn->name, i);
  Name name = global_name(g, p->cx, wish, "f");
  const SizeGroups *groups = group_sizes(p, body, as_param);
  const Head plain = {"fn", -1, groups};
  BodyName b = {body, as_param, name, print_fn(g, fn, &plain, name, as_param, false)};
  const Fn *rule[] = {body->adjoint, body->tangent};
  const Head head[] = {{"adjoint", fn->in.n, groups},
                       {"tangent", fn->in.n + fn_float_inputs(fn), groups}};
  for (int i = 0; i < 2; i++)
    if (rule[i])
      print_fn(g, rule[i], &head[i], name, NEWS(p->arena, bool, rule[i]->in.n + 1), false);
  vec_push(g->out->arena, &g->bodies, b);
  return b;
}

/* The names that the parts from..from+n of a bundle get; unused ones need one as well. */
static void name_parts(Printer *p, Val bundle, int from, int n, Text *out) {
  for (int k = from; k < from + n; k++) {
    Name name = NULL;
    for (Val v = bundle + 1; v < p->f->ins.n; v++) {
      const Ins *part = ins_of(p, v);
      if (part->op != OP_part || part->arg[0] != bundle || part->u.i != k) continue;
      name = fresh_name(p, wish_for(p, v));
      p->node[v].let = true;
      p->node[v].name = name;
    }
    text_fmt(out, "%s%s", k > from ? ", " : "", name ? name : fresh_name(p, NULL));
  }
}

/* The tangents: of several results one each, which of an integer is the number 0. */
static void name_tangents(Printer *p, Val bundle, Text *targets, Text *later) {
  const Fn *f = ins_of(p, bundle)->u.body->fn;
  int part = f->out.n;
  if (part == 1) {
    name_parts(p, bundle, part, 1, targets);
    return;
  }
  Name group = fresh_name(p, NULL);
  text_add(targets, group);
  text_add(later, "  let (");
  for (int i = 0; i < f->out.n; i++) {
    if (i) text_add(later, ", ");
    if (type_is_float((DType)fn_ins(f, f->out.at[i].val)->type))
      name_parts(p, bundle, part++, 1, later);
    else text_add(later, fresh_name(p, NULL));
  }
  text_fmt(later, ") = %s\n", group);
}

/* The values: several are a tuple of their own, which a second `let` takes apart. */
static void name_values(Printer *p, Val bundle, Text *targets, Text *later) {
  int n = ins_of(p, bundle)->u.body->fn->out.n;
  if (n == 1) {
    name_parts(p, bundle, 0, 1, targets);
    return;
  }
  Name group = fresh_name(p, NULL);
  text_add(targets, group);
  text_add(later, "  let (");
  name_parts(p, bundle, 0, n, later);
  text_fmt(later, ") = %s\n", group);
}

/* An argument: a number has its type, as the body's input has one. */
static void print_typed(Printer *p, Val v, Text *out) {
  const Ins *in = ins_of(p, v);
  bool number = is_number(p, v) && in->type != T_BOOL;
  if (number && in->shape.rank) text_add(out, "broadcast_to(");
  if (number) text_fmt(out, "%s(", type_info[in->type].word);
  if (number) print_number(p, v, true, out);
  else print_value(p, v, NULL, PREC_IF, out);
  if (!number) return;
  text_add(out, ")");
  if (!in->shape.rank) return;
  text_add(out, ", ");
  print_extents(p, &in->shape, out);
  text_add(out, ")");
}

/* ", wrt: x" or ", over: (x, y)". */
static void print_wrt(const Body *body, const char *word, const Name *inputs, Text *out) {
  int n = 0;
  text_fmt(out, body->nwrt == 1 ? ", %s: " : ", %s: (", word);
  for (int i = 0; i < body->fn->in.n; i++)
    if (body_wrt(body, i)) text_fmt(out, n++ ? ", %s" : "%s", inputs[i]);
  if (body->nwrt != 1) text_add(out, ")");
}

/* What is called: `vjp(f, wrt: x)`, `vmap(f, over: x, axes: 2)`, `f`, `checkpoint f`. */
static void print_callee(const Ins *in, const BodyName *printed, Text *out) {
  const Body *body = in->u.body;
  if (in->op == OP_call) {
    text_fmt(out, body->again ? "checkpoint %s(" : "%s(", printed->name);
    return;
  }
  text_fmt(out, "%s(%s", op_info[in->op].name, printed->name);
  print_wrt(body, in->op == OP_vmap ? "over" : "wrt", printed->inputs, out);
  if (in->op == OP_vmap && body->lead.rank != 1) text_fmt(out, ", axes: %d", body->lead.rank);
  text_add(out, ")(");
}

static bool is_derivative(const Ins *in) { return in->op == OP_vjp || in->op == OP_jvp; }

/* An instruction whose body is a function of its own. */
static void print_derivative(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const Body *body = in->u.body;
  const bool *as_param = body_params(p, in);
  BodyName printed = print_body(p, in, as_param);
  Text targets = text_new(p->arena), later = text_new(p->arena), call = text_new(p->arena);
  int nout = body->fn->out.n;
  for (int i = 0; i < in->nargs; i++)
    if (!p->node[in->arg[i]].array_ok) print_let(p, in->arg[i]);
  print_callee(in, &printed, &call);
  bool first = true;
  for (int i = 0; i < in->nargs; i++) {
    if (i < body->fn->in.n && as_param[i]) continue;
    if (!first) text_add(&call, ", ");
    first = false;
    print_typed(p, in->arg[i], &call);
  }
  if (is_derivative(in)) {
    name_values(p, v, &targets, &later);
    text_add(&targets, ", ");
  } else {
    name_parts(p, v, 0, nout, &targets);
  }
  if (in->op == OP_vjp) name_parts(p, v, nout, body->nwrt, &targets);
  else if (in->op == OP_jvp) name_tangents(p, v, &targets, &later);
  bool one = nout == 1 && !is_derivative(in);
  print_line_of(p, v);
  text_fmt(&p->lets, one ? "  let %s = %s)\n%s" : "  let (%s) = %s)\n%s", text_str(&targets),
           text_str(&call), text_str(&later));
}

/* ---- body ---- */
static void print_results(Printer *p, Text *out) {
  const Fn *f = p->f;
  for (int i = 0; i < f->out.n; i++) {
    Val v = f->out.at[i].val;
    if (is_number(p, v)) continue;
    if (f->out.n > 1 || !p->node[v].array_ok) print_let(p, v);
  }
  if (f->out.n != 1) text_add(out, "(");
  for (int i = 0; i < f->out.n; i++) {
    if (i) text_add(out, ", ");
    print_value(p, f->out.at[i].val, NULL, PREC_IF, out);
  }
  if (f->out.n != 1) text_add(out, ")");
}

void plan_all(Printer *p) {
  plan_uses(p);
  for (Val v = 1; v < p->f->ins.n; v++) {
    if (!p->node[v].uses || p->node[v].let) continue;
    switch ((Op)ins_of(p, v)->op) {
    case OP_vjp:
    case OP_jvp:
    case OP_vmap:
    case OP_call: print_derivative(p, v); break;
    case OP_loop: print_loop(p, v); break;
    case OP_branch: print_branch(p, v); break;
    default: plan_value(p, v);
    }
  }
}

static const Name *print_fn(Globals *g, const Fn *f, const Head *head, Name name,
                            const bool *as_param, bool declare) {
  Arena *a = g->out->arena;
  f = with_joins(f);
  Printer p = {.cx = f->cx,
               .f = f,
               .arena = a,
               .globals = g,
               .node = NEWS(a, Node, f->ins.n),
               .lets = text_new(a)};
  Text header = text_new(a), result = text_new(a);
  if (head->groups) p.groups = *head->groups;
  take_size_names(&p, f);
  name_params(&p, as_param, declare);
  print_header(&p, head, name, as_param, &header);
  plan_all(&p);
  print_results(&p, &result);
  bool short_form = !p.lets.n && header.n + result.n + 3 <= LINE;
  text_add(g->out, text_str(&header));
  if (short_form) text_fmt(g->out, " = %s\n", text_str(&result));
  else text_fmt(g->out, " {\n%s  %s\n}\n", text_str(&p.lets), text_str(&result));
  Name *inputs = NEWS(a, Name, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) inputs[i] = p.node[f->in.at[i].val].name;
  return inputs;
}

void ir_print_nn(const Fn *f, Text *out) { ir_print_lines(f, out, false); }

void ir_print_lines(const Fn *f, Text *out, bool lines) {
  Globals g = {.out = out, .lines = lines};
  bool *as_param = NEWS(out->arena, bool, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++) as_param[i] = input_is_kept(&f->in.at[i]);
  Name name = global_name(&g, f->cx, f->name, "f");
  print_fn(&g, f, &plain_head, name, as_param, true);
}
