/* gen_source.c: random programs as .nn text, in the language's own constructs: lets, calls, index
 * notation, reductions, slices, gathers, `if`, functions differentiated. Types are known while
 * writing, so what is written must be accepted. See gen_program.h. */
#include "gen_source.h"

#include <stdlib.h>

static const char *elements(Writer *s, Type t, const char *const *label, int depth);

const char *write_dim(Writer *s) {
  static const char *const dims[] = {"1", "2", "3", "4", "5", "N", "N"};
  static const char *const large[] = {"7", "8", "9", "15", "16", "17", "31", "33"};
  if (s->calls && rng_chance(s->r, 4)) return large[rng_below(s->r, COUNT_OF(large))];
  if (rng_chance(s->r, 3)) return rng_chance(s->r, 50) ? "0" : "7";
  if (s->labelled) return dims[rng_below(s->r, 5)]; /* N is no name there */
  return dims[rng_below(s->r, COUNT_OF(dims))];
}
static bool is_named(const char *dim) { return dim[0] == 'N'; }

static bool same_type(const Type *a, const Type *b) {
  if (a->t != b->t || a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (strcmp(a->dim[i], b->dim[i])) return false;
  return true;
}

static const char *shape_text(Writer *s, const Type *t) { /* "(2, N)" */
  Text x = text_new(s->cx->arena);
  text_add(&x, "(");
  for (int i = 0; i < t->rank; i++)
    text_fmt(&x, "%s%s", t->dim[i], i + 1 < t->rank ? ", " : t->rank == 1 ? "," : "");
  text_add(&x, ")");
  return text_str(&x);
}
static const char *type_words(Writer *s, const Type *t) { /* "f64[2, N]" */
  Text x = text_new(s->cx->arena);
  text_add(&x, type_info[t->t].word);
  for (int i = 0; i < t->rank; i++) text_fmt(&x, "%s%s", i ? ", " : "[", t->dim[i]);
  if (t->rank) text_add(&x, "]");
  return text_str(&x);
}

Type type_with_axis(Type t, int at, const char *dim) {
  for (int i = t.rank; i > at; i--) t.dim[i] = t.dim[i - 1];
  t.dim[at] = dim;
  t.rank++;
  return t;
}
static Type without_axis(Type t, int at) {
  t.rank--;
  for (int i = at; i < t.rank; i++) t.dim[i] = t.dim[i + 1];
  return t;
}
static Type of_type(Type t, DType d) { return t.t = d, t; }

Type write_type(Writer *s, DType d, int most_rank) {
  Type t = {d, 0, {NULL}};
  int rank = rng_below(s->r, most_rank + 1);
  while (t.rank < rank) t.dim[t.rank++] = write_dim(s);
  return t;
}

void write_known(Writer *s, const char *name, Type t) {
  if (s->nvars < MAX_VARS) s->var[s->nvars].name = name, s->var[s->nvars++].type = t;
}

static const char *declare(Writer *s, Type t, const char *text) {
  const char *name = F("v%d", s->next++);
  text_fmt(&s->body, "  let %s = %s\n", name, text);
  write_known(s, name, t);
  return name;
}

const char *write_variable(Writer *s, const Type *t) {
  const char *found = NULL;
  for (int i = 0; i < s->nvars; i++)
    if (same_type(&s->var[i].type, t) && (!found || rng_chance(s->r, 50))) found = s->var[i].name;
  return found;
}

/* Made of something of another type or shape. */
static const char *adapted(Writer *s, const Type *t) {
  int i = rng_below(s->r, s->nvars);
  if (!s->nvars || s->var[i].type.t == T_BOOL) return NULL;
  const char *x = s->var[i].type.rank ? F("sum(%s)", s->var[i].name) : s->var[i].name;
  if (t->t != s->var[i].type.t) x = F("%s(%s)", type_info[t->t].word, x);
  if (type_is_float(t->t)) x = F(rng_chance(s->r, 15) ? "sin(%s)" : "tame(%s)", x);
  return t->rank ? F("broadcast_to(%s, %s)", x, shape_text(s, t)) : x;
}

static const char *full(Writer *s, const Type *t) {
  const char *x = rng_chance(s->r, 60) ? adapted(s, t) : NULL;
  if (x) return x;
  const char *v = t->t == T_BOOL ? "true"
                  : t->t == T_I32
                      ? F("i32(%d)", rng_below(s->r, 5))
                      : F("%s(%g)", type_info[t->t].word, (rng_below(s->r, 17) - 8) / 8.0);
  return t->rank ? F("broadcast_to(%s, %s)", v, shape_text(s, t)) : v;
}

/* ---- index notation ---- */
/* A statement "let t[i, j] = ..", whose name is the value. */
static const char *notation(Writer *s, Type t, int depth) {
  static const char *const names[] = {"i", "j", "l", "m", "n"};
  const char *name = F("t%d", s->next++);
  Text head = text_new(s->cx->arena);
  for (int k = 0; k < t.rank; k++)
    text_fmt(&head, "%s%s: 0..%s", k ? ", " : "", names[k], t.dim[k]);
  const char *body = elements(s, t, names, depth);
  text_fmt(&s->body, "  let %s[%s] = %s\n", name, text_str(&head), body);
  return name;
}

static const char *at_labels(Writer *s, const char *x, const Type *t, const char *const *label) {
  Text out = text_new(s->cx->arena);
  text_add(&out, x);
  for (int k = 0; k < t->rank; k++) text_fmt(&out, "%s%s", k ? ", " : "[", label[k]);
  if (t->rank) text_add(&out, "]");
  return text_str(&out);
}
const char *write_named(Writer *s, Type t, int depth) {
  return declare(s, t, write_expr(s, t, depth));
}

/* A scalar under labels, of type t.t, for each label k < t.rank. */
static const char *elements(Writer *s, Type t, const char *const *label, int depth) {
  const char *l[MAX_RANK + 2];
  for (int k = 0; k < t.rank; k++) l[k] = label[k];
  int axis = rng_below(s->r, t.rank);
  switch (rng_below(s->r, 8)) {
  case 0: /* a contraction */
    if (t.rank == 2) {
      const char *k = write_dim(s);
      Type x = t, y = t;
      x.dim[1] = y.dim[0] = k;
      const char *a = write_named(s, x, depth - 1), *b = write_named(s, y, depth - 1);
      return F("sum(k) %s[%s, k] * %s[k, %s]", a, label[0], b, label[1]);
    }       /* fall through */
  case 1: { /* a window */
    Type x = t;
    x.dim[axis] = F("%s + 2", t.dim[axis]);
    if (!is_named(t.dim[axis])) x.dim[axis] = F("%d", (int)strtol(t.dim[axis], NULL, 10) + 2);
    const char *a = write_named(s, of_type(x, t.t), 0);
    l[axis] = F("%s + r", label[axis]);
    return F("%s(r: 0..3) (%s)", rng_chance(s->r, 70) ? "sum" : "max", at_labels(s, a, &x, l));
  }
  case 2: { /* a reduction of something with one more axis */
    Type x = type_with_axis(t, t.rank, write_dim(s));
    const char *a = write_named(s, x, depth - 1);
    l[t.rank] = "k";
    return F("%s(k) tame(%s)", rng_chance(s->r, 60) ? "sum" : "prod", at_labels(s, a, &x, l));
  }
  case 3: { /* a gather */
    Type ids = {T_I32, 1, {t.dim[axis]}};
    const char *i = write_named(s, ids, depth - 1), *n = write_dim(s);
    Type x = t;
    x.dim[axis] = n;
    const char *a = write_named(s, x, depth - 1);
    l[axis] = F("%s[%s] %% %s", i, label[axis], n);
    return at_labels(s, a, &x, l);
  }
  case 4: { /* guarded by the labels */
    const char *a = write_named(s, t, depth - 1);
    return F("if %s <= %s then %s else %s(0)", label[0], label[t.rank - 1], at_labels(s, a, &t, l),
             type_info[t.t].word);
  }
  case 5: { /* the label as a number */
    const char *a = write_named(s, t, depth - 1);
    return F("%s * %s(%s + 1)", at_labels(s, a, &t, l), type_info[t.t].word, label[axis]);
  }
  case 6: { /* another order of axes */
    Type x = t;
    for (int k = 0; k < t.rank; k++) x.dim[k] = t.dim[t.rank - 1 - k], l[k] = label[t.rank - 1 - k];
    return at_labels(s, write_named(s, x, depth - 1), &x, l);
  }
  default: {
    const char *a = write_named(s, t, depth - 1), *b = write_named(s, t, depth - 1);
    return F("%s * tame(%s)", at_labels(s, a, &t, l), at_labels(s, b, &t, l));
  }
  }
}

/* ---- array expressions ---- */
static const char *unary(Writer *s, Type t, int depth) {
  static const char *const cheap[] = {"tame(%s)",
                                      "relu(%s)",
                                      "-(%s)",
                                      "square(%s)",
                                      "(%s) ** 3",
                                      "floor(%s)",
                                      "stop(%s)",
                                      "clip(%s, -0.5, 1)",
                                      "abs(%s)",
                                      "tame(2 * (%s))",
                                      "sqrt(abs(%s) + 0.5)",
                                      "1 / (2 + tame(%s))"};
  static const char *const forms[] = {"sin(%s)",
                                      "tanh(%s)",
                                      "exp(-abs(%s))",
                                      "relu(%s)",
                                      "sigmoid(%s)",
                                      "softplus(%s)",
                                      "sqrt(abs(%s) + 0.5)",
                                      "-(%s)",
                                      "gelu(%s)",
                                      "square(%s)",
                                      "(%s) ** 3",
                                      "log1p(abs(%s))",
                                      "erf(%s)",
                                      "erfc(%s)",
                                      "normcdf(%s)",
                                      "stop(%s)",
                                      "floor(%s)",
                                      "clip(%s, -0.5, 1)",
                                      "atan(%s)",
                                      "silu(%s)",
                                      "abs(%s)",
                                      "1 / (2 + cos(%s))"};
  Text out = text_new(s->cx->arena);
  const char *form = rng_chance(s->r, 75) ? cheap[rng_below(s->r, COUNT_OF(cheap))]
                                          : forms[rng_below(s->r, COUNT_OF(forms))],
             *hole = strstr(form, "%s");
  text_add_n(&out, form, (size_t)(hole - form));
  text_add(&out, write_expr(s, t, depth - 1));
  text_add(&out, hole + 2);
  return text_str(&out);
}

static const char *binary(Writer *s, Type t, int depth) {
  Type u = t; /* perhaps stretched by broadcasting */
  if (t.rank && rng_chance(s->r, 40)) {
    if (rng_chance(s->r, 50)) u.dim[rng_below(s->r, u.rank)] = "1";
    else u = without_axis(u, 0);
  }
  const char *x = write_expr(s, t, depth - 1), *y = write_expr(s, u, depth - 1);
  switch (rng_below(s->r, 9)) {
  case 0: return F("(%s) - (%s)", y, x);
  case 1:
  case 2: return F("(%s) * (%s)", x, y);
  case 3: return F("(%s) / (1 + square(%s))", x, y);
  case 4: return F("max(%s, %s)", x, y);
  case 5: return F("min(%s, %s)", y, x);
  case 6: return F("%g * (%s) + (%s)", (rng_below(s->r, 9) - 4) / 4.0, x, y);
  case 7: return F("where((%s) > (%s), %s, %g)", x, y, x, rng_below(s->r, 5) - 2.0);
  default: return F("(%s) + (%s)", x, y);
  }
}

static const char *reduced(Writer *s, Type t, int depth) {
  static const char *const folds[] = {"sum", "mean", "max", "min", "sum", "var", "logsumexp"};
  int axis = rng_below(s->r, t.rank + 1);
  const char *x = write_expr(s, type_with_axis(t, axis, write_dim(s)), depth - 1);
  return F("%s(%s, axis: %d)", folds[rng_below(s->r, COUNT_OF(folds))], x, axis);
}

/* The part of something at the present step of a loop. */
static const char *at_step(Writer *s, Type t, int depth) {
  int k = rng_below(s->r, s->nloops);
  const char *step = s->loop[k].name, *trip = s->loop[k].trip;
  if (!trip) return F("%s[%s %% 3]", write_named(s, type_with_axis(t, 0, "3"), depth - 1), step);
  Type u = type_with_axis(t, 0, trip);
  const char *x = write_variable(s, &u);
  if (!x || rng_chance(s->r, 30)) x = write_named(s, u, depth - 1);
  switch (rng_below(s->r, 4)) {
  case 0: /* in the first index of something from outside of the loop */
    x = write_variable(s, &u);
    if (x && x[0] == 'x') return F("inside(%s[%s - 1])", x, step);
    return F("%s[%s]", write_named(s, u, depth - 1), step);
  case 1: return F("%s[%s - 1 - %s]", x, trip, step);
  default: return F("%s[%s]", x, step);
  }
}

static const char *moved(Writer *s, Type t, int depth) {
  Type u = t;
  if (s->nloops && t.rank < MAX_RANK && rng_chance(s->r, 60)) return at_step(s, t, depth);
  if (!t.rank)
    return F("%s[%d]", write_named(s, type_with_axis(t, 0, "3"), depth - 1),
             rng_below(s->r, 6) - 3);
  int n = is_named(t.dim[0]) ? 0 : (int)strtol(t.dim[0], NULL, 10);
  switch (rng_below(s->r, 7)) {
  case 0:
    for (int k = 0; k < t.rank; k++) u.dim[k] = t.dim[t.rank - 1 - k];
    return F("transpose(%s)", write_expr(s, u, depth - 1));
  case 1:
    if (n < 1) break;
    u.dim[0] = F("%d", n + 3);
    return F(rng_chance(s->r, 50) ? "%s[1:-2]" : "%s[2:%d]", write_named(s, u, depth - 1), n + 2);
  case 2:
    if (n < 1) break;
    u.dim[0] = F("%d", 2 * n);
    return F("%s[%s]", write_named(s, u, depth - 1), rng_chance(s->r, 50) ? "::2" : "::-2");
  case 3: return F("%s[::-1]", write_named(s, t, depth - 1));
  case 4:
    if (n < 3) break;
    u.dim[0] = F("%d", n - 2);
    return F("pad(%s, axis: 0, before: 1, after: 1)", write_expr(s, u, depth - 1));
  case 5:
    if (n != 2) break;
    u = without_axis(t, 0);
    return F("[%s, %s]", write_expr(s, u, depth - 1), write_expr(s, u, depth - 1));
  default: break;
  }
  return F("reshape(reshape(%s, -1), %s)", write_expr(s, t, depth - 1), shape_text(s, &t));
}

static const char *gathered(Writer *s, Type t, int depth) {
  Type ids = {T_I32, 1, {t.dim[0]}}, x = t;
  x.dim[0] = write_dim(s);
  return F("%s[(%s) %% %s]", write_named(s, x, depth - 1), write_expr(s, ids, depth - 1), x.dim[0]);
}

static const char *product(Writer *s, Type t, int depth) {
  Type x = t, y = t;
  const char *k = write_dim(s);
  if (t.rank == 1) x = type_with_axis(t, 1, k), y.dim[0] = k;
  else x.dim[t.rank - 1] = k, y.dim[t.rank - 2] = k;
  return F("(%s) @ (%s)", write_expr(s, x, depth - 1), write_expr(s, y, depth - 1));
}

/* A derivative of a function of one variable, taken where it stands: g is declared before f. */
static const char *derived(Writer *s, Type t, int depth) {
  const char *x = write_expr(s, t, depth - 1);
  switch (rng_below(s->r, 6)) {
  case 0: return F("grad(g_sum)(%s)", x);
  case 1: return F("grad(g_norm)(%s)", x);
  case 2: return F("grad(g_loop)(%s)", x);
  case 3: return F("jvp(g_loop)(%s, %s)[1] * (%s)", x, write_expr(s, t, 0), write_expr(s, t, 0));
  case 4: return F("softmax(%s)", x);
  default: return F("layer_norm(%s)", x);
  }
}

static const char *integers(Writer *s, Type t, int depth) {
  const char *v = write_variable(s, &t);
  if (v && (depth < 1 || rng_chance(s->r, 40))) return v;
  if (depth < 1) return full(s, &t);
  const char *x = write_expr(s, t, depth - 1), *y = write_expr(s, t, depth - 1);
  switch (rng_below(s->r, 9)) {
  case 0: return F("(%s) + (%s)", x, y);
  case 5: return F("i32((i64(%s) * i64(%s) - 3) %% 11)", x, y);
  case 6: return F("i32((%s) < (%s) or not (%s) == 2)", x, y, x);
  case 7: return F("where((%s) >= (%s) and (%s) != 0, %s, i32(u8(%s)))", x, y, x, y, x);
  case 8:
    if (t.rank >= MAX_RANK) return F("(%s) - (%s)", x, y);
    return F("%s(%s, axis: -1)", rng_chance(s->r, 50) ? "argmax" : "argmin",
             write_expr(s, of_type(type_with_axis(t, t.rank, write_dim(s)), T_F64), depth - 1));
  case 1: return F("(%s) * (%s) %% 7", x, y);
  case 2: return F("(%s) // (1 + abs(%s))", x, y);
  case 3: return F("i32(%s)", write_expr(s, of_type(t, T_F64), depth - 1));
  default: return t.rank == 1 ? F("(%s) + iota(%s)", x, t.dim[0]) : F("max(%s, %s)", x, y);
  }
}

const char *write_expr(Writer *s, Type t, int depth) {
  if (t.t == T_I32) return integers(s, t, depth);
  const char *v = write_variable(s, &t);
  if (depth < 1 || s->body.n > 3000) return v ? v : full(s, &t);
  if (v && rng_chance(s->r, 15)) return v;
  if (s->calls && !s->labelled && rng_chance(s->r, 35)) return write_call(s, t, depth);
  int choice = rng_below(s->r, 100);
  if (choice < 24) return unary(s, t, depth);
  if (choice < 48) return binary(s, t, depth);
  if (choice < 58 && t.rank < MAX_RANK) return reduced(s, t, depth);
  if (choice < 68) return moved(s, t, depth);
  if (choice < 73 && t.rank) return gathered(s, t, depth);
  if (choice < 79 && t.rank) return product(s, t, depth);
  if (choice < 83 && t.rank) return derived(s, t, depth);
  if (choice < 86)
    return F("%s(%s)", type_info[t.t].word,
             write_expr(s, of_type(t, t.t == T_F32 ? T_F64 : T_F32), depth - 1));
  if (choice < 88)
    return F("%s(%s)", type_info[t.t].word, write_expr(s, of_type(t, T_I32), depth - 1));
  if (choice < 92)
    return F("if (%s) < (%s) then %s else %s", write_expr(s, t, 0), write_expr(s, t, depth - 1),
             write_expr(s, t, 0), write_expr(s, t, 0));
  if (t.rank && t.rank < MAX_RANK) return notation(s, t, depth);
  return unary(s, t, depth);
}

/* fn h(p: t[3], q: t) to be called plainly, differentiated, and with labels. */
static void write_helper(Writer *s, Text *all, DType t) {
  Writer inner = {
      .cx = s->cx, .r = s->r, .body = text_new(s->cx->arena), .next = 100, .labelled = true};
  write_known(&inner, "p", (Type){t, 1, {"3"}});
  write_known(&inner, "q", (Type){t, 0, {NULL}});
  write_flow(&inner, t, 1);
  const char *value = write_expr(&inner, (Type){t, 0, {NULL}}, 1);
  text_fmt(all, "fn h(p: %s[3], q: %s) {\n%s  %s\n}\n", type_info[t].word, type_info[t].word,
           text_str(&inner.body), value);
}

const char *gen_source(Cx *cx, Rng *r, GenFlow flow, bool calls) {
  Writer gen = {.cx = cx, .r = r, .calls = calls, .body = text_new(cx->arena)}, *s = &gen;
  s->changes = flow == FLOW_CHANGES ? 75 : 15;
  Text args = text_new(cx->arena), all = text_new(cx->arena);
  int n = rng_below(r, 3) + 2, most = rng_chance(r, 15) ? MAX_RANK : 3;
  DType main_type = rng_chance(r, 60) ? T_F64 : T_F32;
  if (calls) write_callees(s, &all, main_type);
  for (int i = 0; i < n; i++) {
    Type t = write_type(s, i == 1 && rng_chance(r, 60) ? T_I32 : main_type, most);
    if (i == 0) t.rank = 2, t.dim[0] = "N", t.dim[1] = write_dim(s); /* binds it */
    const char *name = F("x%d", i);
    write_known(s, name, t);
    text_fmt(&args, "%s%s: %s", i ? ", " : "", name, type_words(s, &t));
  }
  Type result = write_type(s, main_type, 2);
  int lets = rng_below(r, 3);
  for (int i = 0; i < lets; i++) {
    Type t = write_type(s, main_type, 2);
    declare(s, t, write_expr(s, t, 2));
  }
  text_add(&all,
           "fn tame(x) = x / (1 + x * x)\nfn g_sum(x) = sum(tame(x) * x)\nfn g_norm(x) = norm(x) + "
           "mean(x * x * x)\n"
           "fn g_loop(x) {\n  var s = mean(x)\n  for t in 0..3 { s = tame(s) * t + sum(x * x) "
           "/ 8 }\n  s\n}\n");
  bool helper = flow && rng_chance(r, 40);
  if (helper) write_helper(s, &all, main_type);
  for (int i = flow ? rng_below(r, 2) + 1 : 0; i > 0; i--) write_flow(s, main_type, 2);
  if (helper) {
    const char *p = write_named(s, (Type){main_type, 2, {"N", "3"}}, 1),
               *q = write_named(s, (Type){main_type, 1, {"N"}}, 1);
    text_fmt(&s->body, "  let b0[n] = %s(%s[n], %s[n])\n",
             rng_chance(r, 50) ? "h" : "grad(h, wrt: q)", p, q);
    write_known(s, "b0", (Type){main_type, 1, {"N"}});
  }
  const char *value = write_expr(s, result, flow ? 2 : 3);
  if (helper && rng_chance(r, 70)) value = F("(%s) + sum(b0)", value);
  text_fmt(&all, "fn f(%s) {\n%s  %s\n}\n", text_str(&args), text_str(&s->body), value);
  return text_str(&all);
}

const char *gen_text(Cx *cx, Rng *r, const GenOptions *o) {
  GenFlow flow = o->changes ? FLOW_CHANGES : o->bodies ? FLOW_SOME : FLOW_NONE;
  return o->rows ? gen_rows(cx, r) : gen_source(cx, r, flow, o->calls);
}
