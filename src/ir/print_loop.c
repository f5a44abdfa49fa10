/* print_loop.c: loops and branches as statements:
 *
 *   var h = start                      var y = 0
 *   for t in 0..T {                    if c {
 *     let a = ..                         y = ..
 *     ys[t] = ..                       } else {
 *     h = ..                             y = ..
 *   }                                  }
 *
 * A body is printed by a printer of its own, whose inputs have the names of what they are outside.
 */
#include "ir/print.h"

/* ---- bodies ---- */
static Printer region(const Printer *up, const Fn *f) {
  return (Printer){.cx = up->cx,
                   .f = with_joins(f),
                   .arena = up->arena,
                   .globals = up->globals,
                   .groups = up->groups,
                   .node = NEWS(up->arena, Node, f->ins.n),
                   .lets = text_new(up->arena),
                   .region = true};
}

/* When all names from outside are known. */
static void open_region(const Printer *up, Printer *r) {
  r->names = up->names;
  r->unnamed = up->unnamed;
  r->source = up->source, r->line = up->line;
}

static void close_region(Printer *up, const Printer *r) {
  up->unnamed = r->unnamed;
  up->source = r->source, up->line = r->line;
}

static Node *input_node(Printer *r, int input) {
  Node *n = &r->node[r->f->in.at[input].val];
  n->let = true;
  return n;
}

/* A value outside by a name that the body can use: single numbers are literals with their type. */
static Name name_outside(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  if (!is_number(p, v) || in->shape.rank) {
    print_named_let(p, v);
    return p->node[v].name;
  }
  Text t = text_new(p->arena);
  text_fmt(&t, "%s(", type_info[in->type].word);
  print_number(p, v, true, &t);
  text_add(&t, ")");
  return name_of(p->cx, text_str(&t));
}

static void capture(Printer *p, Printer *r, int input, Val outside) {
  Node *n = input_node(r, input);
  n->name = name_outside(p, outside);
  const Node *o = &p->node[outside];
  n->row = o->row; /* a row of an outer loop, or its index */
  n->index = o->index;
}

/* Lines of a body, deeper by one step. */
static void add_block(const Text *lines, Text *out) {
  for (const char *s = lines->n ? text_str((Text *)lines) : ""; *s;) {
    size_t n = strcspn(s, "\n");
    text_fmt(out, "  %.*s\n", (int)n, s);
    s += n + (s[n] == '\n');
  }
}

/* Names part k of the bundle. */
static void name_part(Printer *p, Val bundle, int k, Name name) {
  for (Val v = bundle + 1; v < p->f->ins.n; v++) {
    const Ins *part = ins_of(p, v);
    if (part->op != OP_part || part->arg[0] != bundle || part->u.i != k) continue;
    p->node[v].let = true;
    p->node[v].name = name;
  }
}

static bool part_used(const Printer *p, Val bundle, int k) {
  for (Val v = bundle + 1; v < p->f->ins.n; v++) {
    const Ins *part = ins_of(p, v);
    if (part->op == OP_part && part->arg[0] == bundle && part->u.i == k) return true;
  }
  return false;
}

static Name wish_for_part(const Printer *p, Val bundle, int k, Name otherwise) {
  for (Val v = bundle + 1; v < p->f->ins.n; v++) {
    const Ins *part = ins_of(p, v);
    if (part->op != OP_part || part->arg[0] != bundle || part->u.i != k) continue;
    Name wish = wish_for(p, v);
    if (wish) return wish;
  }
  return otherwise;
}

/* What a loop collects without a name is kept for a derivative: it is called after the source's
 * name for the value, or after what computes it. */
static Name collected_wish(const Fn *body, int k) {
  const Output *out = &body->out.at[k];
  const Ins *in = fn_ins(body, out->val);
  Name name = in->hint;
  for (int i = 0; i < body->in.n; i++)
    if (body->in.at[i].val == out->val) name = body->in.at[i].name;
  if (out->name) return out->name;
  return name_fmt(body->cx, "saved_%s", name ? name : op_info[in->op].name);
}

/* The text of an output; typed: a number gets its type. */
static void print_output(Printer *r, int k, bool typed, Text *out) {
  Val v = r->f->out.at[k].val;
  const Ins *in = ins_of(r, v);
  if (typed && in->op == OP_const && in->type != T_BOOL) {
    if (in->shape.rank) text_add(out, "broadcast_to(");
    text_fmt(out, "%s(", type_info[in->type].word);
    print_number(r, v, true, out);
    text_add(out, ")");
    if (!in->shape.rank) return;
    text_add(out, ", ");
    print_extents(r, &in->shape, out);
    text_add(out, ")");
    return;
  }
  print_value(r, v, NULL, PREC_IF, out);
}

static void plan_region(Printer *r) {
  plan_all(r);
  for (int i = 0; i < r->f->out.n; i++) {
    Val v = r->f->out.at[i].val;
    if (!is_number(r, v) && !r->node[v].array_ok) print_let(r, v);
  }
}

/* ---- loops ---- */
typedef struct LoopText {
  Printer *p;
  Val bundle;
  const Ins *in;
  const Loop *l;
  Name index;
  Name *carry, *collect;
  int first; /* operand of the first carried value */
} LoopText;

/* Inputs of the body or of the condition, which has no slices. */
static void name_inputs(LoopText *t, Printer *r, bool slices) {
  const Loop *l = t->l;
  int input = 1 + l->ncarry, operand = t->first + l->ncarry;
  Node *index = input_node(r, 0);
  index->name = t->index;
  index->index = true;
  for (int i = 0; i < l->ncarry; i++) input_node(r, 1 + i)->name = t->carry[i];
  for (int i = 0; i < l->nscan; i++, operand++) {
    if (!slices || !fn_uses_input(r->f, input + i)) continue;
    print_named_let(t->p, t->in->arg[operand]);
    Node *n = input_node(r, input + i);
    const Node *o = &t->p->node[t->in->arg[operand]];
    n->name = o->name;
    n->row = o->row ? name_fmt(r->cx, "%s, %s", o->row, t->index) : t->index;
  }
  input += slices ? l->nscan : 0;
  for (; input < r->f->in.n; input++, operand++)
    if (fn_uses_input(r->f, input)) capture(t->p, r, input, t->in->arg[operand]);
    else input_node(r, input)->name = t->index; /* nobody asks */
  open_region(t->p, r);
}

static bool mentions(const Printer *r, Val v, Val what) {
  if (v == what) return true;
  if (r->node[v].let) return false;
  for (int i = 0; i < ins_of(r, v)->nargs; i++)
    if (mentions(r, ins_of(r, v)->arg[i], what)) return true;
  return false;
}

/* Assigns the carried values one by one: what reads the old value of one that was assigned gets a
 * name before. */
static void print_assignments(LoopText *t, Printer *r) {
  int n = t->l->ncarry;
  Name *value = NEWS(r->arena, Name, n + 1);
  for (int k = 0; k < n; k++) {
    Val old = r->f->in.at[1 + k].val;
    for (int j = k + 1; j < n; j++) {
      Val v = r->f->out.at[j].val;
      if (value[j] || !mentions(r, v, old)) continue;
      if (v != old) {
        print_let(r, v);
        continue;
      }
      value[j] = fresh_name(r, t->carry[j]);
      text_fmt(&r->lets, "  let %s = %s\n", value[j], r->node[v].name);
    }
    text_fmt(&r->lets, "  %s = ", t->carry[k]);
    if (value[k]) text_add(&r->lets, value[k]);
    else print_output(r, k, false, &r->lets);
    text_add(&r->lets, "\n");
  }
}

static void print_loop_body(LoopText *t, Text *out) {
  Printer r = region(t->p, t->l->body);
  name_inputs(t, &r, true);
  plan_region(&r);
  for (int k = 0; k < t->l->ncollect; k++) {
    Text value = text_new(r.arena);
    print_output(&r, t->l->ncarry + k, false, &value);
    text_fmt(&r.lets, "  %s[%s] = %s\n", t->collect[k], t->index, text_str(&value));
  }
  print_assignments(t, &r);
  close_region(t->p, &r);
  add_block(&r.lets, out);
}

/* An expression, or a block with one at its end. */
static void print_cond(LoopText *t, Text *out) {
  Printer r = region(t->p, t->l->cond);
  Text value = text_new(r.arena);
  name_inputs(t, &r, false);
  plan_region(&r);
  print_output(&r, 0, false, &value);
  close_region(t->p, &r);
  text_add(out, "while ");
  if (r.lets.n) {
    text_add(out, "{\n");
    add_block(&r.lets, out);
    text_fmt(out, "    %s\n  }", text_str(&value));
  } else {
    text_add(out, text_str(&value));
  }
}

static void print_range(LoopText *t, Text *out) {
  const Loop *l = t->l;
  text_fmt(out, "for %s in %s0..", t->index, l->reverse ? "reversed(" : "");
  if (l->counted) {
    Val n = t->in->arg[0];
    const Ins *in = ins_of(t->p, n);
    bool counts = !is_named(t->p, n) && in->op == OP_cast && is_counting(t->p, in->arg[0]);
    bool outer = t->p->counting;
    t->p->counting |= counts;
    if (counts) n = in->arg[0];
    if (is_number(t->p, n)) print_number(t->p, n, true, out);
    else print_value(t->p, n, NULL, PREC_IF, out);
    t->p->counting = outer;
    text_add(out, " max ");
  }
  print_dim(t->p, l->trip, out);
  if (l->reverse) text_add(out, ")");
}

/* `while` has no index. */
static bool is_while(const Loop *l) {
  return l->cond && !l->counted && !l->reverse && !l->nscan && !l->ncollect &&
         !fn_uses_input(l->body, 0) && !fn_uses_input(l->cond, 0);
}

static void print_loop_head(LoopText *t, Text *out) {
  const Loop *l = t->l;
  int count = l->ncarry + l->ncollect;
  text_add(out, "  ");
  if (!is_while(l)) print_range(t, out);
  if (l->cond && !is_while(l)) text_add(out, " ");
  if (l->cond) print_cond(t, out);
  if (is_while(l)) {
    text_add(out, " max ");
    print_dim(t->p, l->trip, out);
  }
  if (l->cond && part_used(t->p, t->bundle, count)) {
    Name name = fresh_name(t->p, wish_for_part(t->p, t->bundle, count, name_of(t->p->cx, "steps")));
    name_part(t->p, t->bundle, count, name);
    text_fmt(out, " count %s", name);
  }
  text_add(out, " {\n");
}

void print_loop(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const Loop *l = in->u.loop;
  LoopText t = {.p = p,
                .bundle = v,
                .in = in,
                .l = l,
                .first = l->counted,
                .carry = NEWS(p->arena, Name, l->ncarry + 1),
                .collect = NEWS(p->arena, Name, l->ncollect + 1)};
  Text vars = text_new(p->arena), head = text_new(p->arena), body = text_new(p->arena);
  for (int i = 0; i < in->nargs; i++)
    if (!p->node[in->arg[i]].array_ok) print_let(p, in->arg[i]);
  print_line_of(p, v);
  for (int i = 0; i < l->ncarry; i++) {
    Name inside = l->body->out.at[i].name ? l->body->out.at[i].name : l->body->in.at[1 + i].name;
    t.carry[i] = fresh_name(p, wish_for_part(p, v, i, inside));
    text_fmt(&vars, "  var %s = ", t.carry[i]);
    print_value(p, in->arg[t.first + i], NULL, PREC_IF, &vars);
    text_add(&vars, "\n");
  }
  for (int i = 0; i < l->ncollect; i++)
    t.collect[i] =
        fresh_name(p, wish_for_part(p, v, l->ncarry + i, collected_wish(l->body, l->ncarry + i)));
  int at = p->names.list.n; /* the index is a name of the loop alone: free again behind it */
  t.index = fresh_name(p, l->body->in.at[0].name ? l->body->in.at[0].name : name_of(p->cx, "t"));
  print_loop_head(&t, &head);
  print_loop_body(&t, &body);
  p->numbered = NULL; /* one number less is taken */
  for (p->names.list.n--; at < p->names.list.n; at++)
    p->names.list.at[at] = p->names.list.at[at + 1];
  text_fmt(&p->lets, "%s%s%s  }\n", text_str(&vars), text_str(&head),
           body.n ? text_str(&body) : "");
  for (int i = 0; i < l->ncarry; i++) name_part(p, v, i, t.carry[i]);
  for (int i = 0; i < l->ncollect; i++) name_part(p, v, l->ncarry + i, t.collect[i]);
}

/* ---- branches ---- */
static void print_side(Printer *p, const Ins *in, const Fn *f, const Name *names, Text *out) {
  Printer r = region(p, f);
  for (int i = 0; i < f->in.n; i++)
    if (fn_uses_input(f, i)) capture(p, &r, i, in->arg[1 + i]);
    else input_node(&r, i)->name = name_of(p->cx, "unused");
  open_region(p, &r);
  plan_region(&r);
  for (int i = 0; i < f->out.n; i++) {
    Text value = text_new(r.arena);
    print_output(&r, i, true, &value);
    text_fmt(&r.lets, "  %s = %s\n", names[i], text_str(&value));
  }
  close_region(p, &r);
  add_block(&r.lets, out);
}

void print_branch(Printer *p, Val v) {
  const Ins *in = ins_of(p, v);
  const Branch *b = in->u.branch;
  int n = b->then->out.n;
  Name *names = NEWS(p->arena, Name, n + 1);
  Text vars = text_new(p->arena), cond = text_new(p->arena), then = text_new(p->arena),
       other = text_new(p->arena);
  if (!p->node[in->arg[0]].array_ok) print_let(p, in->arg[0]);
  print_line_of(p, v);
  for (int i = 0; i < n; i++) {
    names[i] = fresh_name(p, wish_for_part(p, v, i, b->then->out.at[i].name));
    bool truth = fn_ins(b->then, b->then->out.at[i].val)->type == T_BOOL;
    text_fmt(&vars, "  var %s = %s\n", names[i], truth ? "false" : "0");
  }
  print_side(p, in, b->then, names, &then);
  print_side(p, in, b->other, names, &other);
  print_value(p, in->arg[0], NULL, PREC_IF, &cond);
  text_fmt(&p->lets, "%s  if %s {\n%s  } else {\n%s  }\n", text_str(&vars), text_str(&cond),
           text_str(&then), text_str(&other));
  for (int i = 0; i < n; i++) name_part(p, v, i, names[i]);
}
