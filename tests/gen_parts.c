/* gen_parts.c: random statements that change part of a variable and leave the rest: elements, rows,
 * windows, triangles, what conditions on indices, loops' counters and data single out; with new
 * values that read the old variable at the same place, shifted, turned, summed, or others like it.
 * See gen_source.h. */
#include "gen_source.h"

typedef struct Change {
  Writer *s;
  const char *name; /* of what changes */
  Type type;
  const char *label[MAX_RANK];
} Change;

/* A number that all elements see: counters, sums of them, integers that are computed. */
static const char *some_number(const Change *c) {
  Writer *s = c->s;
  Type index = {T_I32, 0, {NULL}};
  int k = rng_below(s->r, 10);
  if (s->nloops && k < 7) {
    const char *t = s->loop[rng_below(s->r, s->nloops)].name;
    switch (rng_below(s->r, 5)) {
    case 0: return F("%d - %s", rng_below(s->r, 5), t);
    case 1: return F("%s + %d", t, rng_below(s->r, 4) - 1);
    case 2: return F("2 * %s", t);
    default: return t;
    }
  }
  if (k == 7) return F("(%s) %% 4", write_expr(s, index, 1));
  if (k == 8 && type_is_float(c->type.t) && !s->labelled)
    return F("i32(floor(2 * abs(tame(sum(%s)))))", c->name);
  return F("%d", rng_below(s->r, 5) - 1);
}

static const char *comparison(const Change *c) {
  static const char *const op[] = {"==", "==", "==", "==", "!=", ">=", "<", "<=", ">"};
  Writer *s = c->s;
  int axis = rng_below(s->r, c->type.rank);
  const char *i = c->label[axis], *k = op[rng_below(s->r, COUNT_OF(op))];
  if (c->type.rank > 1 && rng_chance(s->r, 15))
    return F("%s %s %s", i, k, c->label[(axis + 1) % c->type.rank]);
  const char *n = some_number(c);
  switch (rng_below(s->r, 8)) {
  case 0:
    if (s->nloops) n = s->loop[rng_below(s->r, s->nloops)].name;
    if (s->nloops) return F("%s - %s %s %d", i, n, k, rng_below(s->r, 3) - 1);
    break;
  case 1: return F("%s %s %s", n, k, i);
  case 2: return F("%s >= %s and %s < %s + %d", i, n, i, n, rng_below(s->r, 3) + 1);
  case 3: return F("%s + 1 %s %s", i, k, n);
  default: break;
  }
  return F("%s %s %s", i, k, n);
}

static const char *condition(const Change *c) {
  Writer *s = c->s;
  const char *a = comparison(c);
  switch (rng_below(s->r, 8)) {
  case 0:
  case 1:
  case 2: return F("%s and %s", a, comparison(c));
  case 3: return F("%s or %s", a, comparison(c));
  case 4: return F("not (%s)", a);
  case 5:
    if (!s->nloops) return a;
    return F("%s and %s %% 2 == %d", a, s->loop[rng_below(s->r, s->nloops)].name,
             rng_below(s->r, 2));
  default: return a;
  }
}

/* The variable's element at the labels, some of them shifted or turned; 0 outside. */
static const char *element(const Change *c, const char *name, bool same) {
  Writer *s = c->s;
  Text t = text_new(s->cx->arena);
  for (int d = 0; d < c->type.rank; d++) {
    const char *i = c->label[d];
    if (!same && rng_chance(s->r, 40)) i = F("%s - 1", i);
    else if (!same && rng_chance(s->r, 25)) i = F("%s - 1 - %s", c->type.dim[d], i);
    text_fmt(&t, "%s%s", d ? ", " : "", i);
  }
  return same ? F("%s[%s]", name, text_str(&t)) : F("inside(%s[%s])", name, text_str(&t));
}

static const char *new_value(const Change *c) {
  Writer *s = c->s;
  bool real = type_is_float(c->type.t);
  Type scalar = {c->type.t, 0, {NULL}};
  const char *other = write_variable(s, &c->type);
  if (!other) other = c->name;
  const char *x = element(c, rng_chance(s->r, 70) ? c->name : other, rng_chance(s->r, 40));
  switch (rng_below(s->r, 5)) {
  case 0: x = F("%s + %s", x, write_expr(s, scalar, 1)); break;
  case 1: x = F("%s - %s", element(c, other, rng_chance(s->r, 50)), x); break;
  case 2: x = F("%s + sum(%s)", x, c->name); break;
  case 3: x = write_expr(s, scalar, 1); break;
  default: break;
  }
  return real ? F("0.75 * sin(%s)", x) : F("(%s) %% 5", x);
}

static void ranges(const Change *c, Text *out) {
  for (int d = 0; d < c->type.rank; d++)
    text_fmt(out, "%s%s: 0..%s", d ? ", " : "", c->label[d], c->type.dim[d]);
}

void write_change(Writer *s, const char *name, Type type) {
  Change c = {.s = s, .name = name, .type = type};
  const char *now = name;
  for (int d = 0; d < type.rank; d++) c.label[d] = F("i%d_%d", s->next, d);
  s->next++;
  for (int i = rng_chance(s->r, 25) ? 2 : 1; i > 0; i--) {
    const char *next = F("n%d", s->next++), *cond = condition(&c), *x = new_value(&c),
               *old = element(&c, now, true);
    text_fmt(&s->body, "  let %s[", next);
    ranges(&c, &s->body);
    if (rng_chance(s->r, 20)) text_fmt(&s->body, "] = %s + (if %s then %s else 0)\n", old, cond, x);
    else if (rng_chance(s->r, 25)) text_fmt(&s->body, "] = if %s then %s else %s\n", cond, old, x);
    else text_fmt(&s->body, "] = if %s then %s else %s\n", cond, x, old);
    now = next;
    if (rng_chance(s->r, 50)) c.name = now;
  }
  text_fmt(&s->body, "  %s = %s\n", name, now);
}
