/* gen_flow.c: random control flow as text: `for` with carried variables and collected results, over
 * known and run-time bounds, forwards and backwards, with conditions; `while`; `if`; nested in one
 * another. What is carried stays small, so that steps don't run away. See gen_source.h. */
#include "gen_source.h"

enum { MOST_CARRIED = 3 };

typedef struct Carried {
  int n;
  const char *name[MOST_CARRIED];
  Type type[MOST_CARRIED];
} Carried;

static void statements(Writer *s, DType t, const Carried *c, int depth);

static Carried declare_carried(Writer *s, DType t, int depth) {
  Carried c = {.n = rng_below(s->r, MOST_CARRIED) + 1};
  for (int i = 0; i < c.n; i++) {
    c.type[i] = write_type(s, i == 2 && rng_chance(s->r, 60) ? T_I32 : t, 2);
    const char *start = write_expr(s, c.type[i], depth - 1);
    c.name[i] = F("c%d", s->next++);
    text_fmt(&s->body, "  var %s = %s\n", c.name[i], start);
  }
  for (int i = 0; i < c.n; i++) write_known(s, c.name[i], c.type[i]);
  return c;
}

/* A truth value of rank 0; what it depends on is known to differ from step to step where it can. */
static const char *condition(Writer *s, DType t, const Carried *c) {
  Type scalar = {t, 0, {NULL}};
  if (s->nloops && (s->labelled || rng_chance(s->r, 40)))
    return F("%s %% 2 == %d", s->loop[rng_below(s->r, s->nloops)].name, rng_below(s->r, 2));
  int k = rng_below(s->r, c->n);
  double limit = (rng_below(s->r, 9) - 2) / 4.0;
  if (type_is_float(c->type[k].t) && rng_chance(s->r, 60))
    return F("sum(abs(%s)) < %g", c->name[k], limit + 1.0625);
  return F("(%s) > %g", write_expr(s, scalar, 1), limit + 0.03125);
}

static void assign(Writer *s, const char *name, Type t, int depth) {
  if (t.rank > 0 && !s->labelled && rng_chance(s->r, s->changes)) {
    write_change(s, name, t);
    return;
  }
  const char *x = write_expr(s, t, depth);
  if (!type_is_float(t.t)) {
    text_fmt(&s->body, rng_chance(s->r, 50) ? "  %s = (%s) %% 5\n" : "  %s = (%s) %% 5 - 1\n", name,
             x);
    return;
  }
  static const char *const forms[] = {
      "  %s = 0.75 * sin(%s)\n",  "  %s = 2 * tame(%s)\n", "  %s = 1.5 * tame(%s)\n",
      "  %s += 0.5 * tame(%s)\n", "  %s -= tame(%s)\n",    "  %s = tanh(%s)\n",
      "  %s += 0.5 * tanh(%s)\n", "  %s *= cos(%s)\n",     "  %s -= 0.25 * atan(%s)\n"};
  const char *form = forms[rng_below(s->r, COUNT_OF(forms))], *hole = strstr(form, "%s");
  text_add_n(&s->body, form, (size_t)(hole - form));
  text_add(&s->body, name);
  const char *second = strstr(hole + 2, "%s");
  text_add_n(&s->body, hole + 2, (size_t)(second - hole - 2));
  text_add(&s->body, x);
  text_add(&s->body, second + 2);
}

static void choice(Writer *s, DType t, const Carried *c, int depth) {
  int known = s->nvars;
  const char *cond = condition(s, t, c);
  text_fmt(&s->body, "  if %s {\n", cond);
  statements(s, t, c, depth - 1);
  s->nvars = known;
  if (rng_chance(s->r, 60)) {
    text_add(&s->body, "  } else {\n");
    statements(s, t, c, depth - 1);
    s->nvars = known;
  }
  text_add(&s->body, "  }\n");
}

/* Assigns some of the carried variables, perhaps from inside of more control flow. */
static void statements(Writer *s, DType t, const Carried *c, int depth) {
  int done = 0;
  for (int i = 0; i < c->n; i++) {
    if (done && rng_chance(s->r, 30)) continue;
    if (depth > 0 && s->nloops < MAX_LOOPS && rng_chance(s->r, 15)) write_flow(s, t, depth - 1);
    else if (depth > 0 && (!s->labelled || s->nloops) && rng_chance(s->r, 20))
      choice(s, t, c, depth);
    assign(s, c->name[i], c->type[i], depth);
    done++;
  }
}

static void while_loop(Writer *s, DType t, int depth) {
  Carried c = declare_carried(s, t, depth);
  int known = s->nvars;
  text_fmt(&s->body, "  while %s max %d {\n", condition(s, t, &c), rng_below(s->r, 6));
  statements(s, t, &c, depth - 1);
  s->nvars = known;
  text_add(&s->body, "  }\n");
}

typedef struct Steps {
  const char *text, *trip; /* trip: NULL where the variable doesn't begin at 0 */
  const char *rows;        /* how many are collected */
} Steps;

static Steps random_steps(Writer *s) {
  Type index = {T_I32, 0, {NULL}};
  switch (rng_below(s->r, 9)) {
  case 0: return (Steps){"1..4", NULL, "3"};
  case 1: return (Steps){"reversed(0..3)", "3", "3"};
  case 2: return (Steps){"reversed(2..N + 2)", NULL, "N"};
  case 3: return (Steps){"0..0", NULL, "0"};
  case 4: return (Steps){"0..1", "1", "1"};
  case 5:
    if (s->labelled) break;
    return (Steps){F("0..(%s) max 4", write_expr(s, index, 1)), NULL, "4"};
  case 6: return (Steps){"0..5", "5", "5"};
  default: break;
  }
  return s->labelled ? (Steps){"0..4", "4", "4"} : (Steps){"0..N", "N", "N"};
}

static void for_loop(Writer *s, DType t, int depth) {
  Carried c = declare_carried(s, t, depth);
  Steps steps = random_steps(s);
  if (s->labelled && steps.rows[0] == 'N') steps = (Steps){"reversed(2..5)", NULL, "3"};
  int known = s->nvars;
  const char *i = F("t%d", s->next++), *collected = F("r%d", s->next++);
  Type item = write_type(s, t, 2);
  bool collects = rng_chance(s->r, 60), stops = !s->labelled && rng_chance(s->r, 15);
  text_fmt(&s->body, "  for %s in %s", i, steps.text);
  if (stops)
    text_fmt(&s->body, " while sum(abs(%s)) < %g", c.name[0], rng_below(s->r, 9) / 2.0 + 0.0625);
  text_add(&s->body, " {\n");
  s->loop[s->nloops].name = i, s->loop[s->nloops].trip = steps.trip;
  s->nloops++;
  write_known(s, i, (Type){T_I32, 0, {NULL}});
  statements(s, t, &c, depth - 1);
  if (collects) {
    const char *x = write_expr(s, item, depth - 1);
    text_fmt(&s->body, "  %s[%s] = %s\n", collected, i, x);
  }
  s->nloops--;
  s->nvars = known;
  text_add(&s->body, "  }\n");
  if (collects) write_known(s, collected, type_with_axis(item, 0, steps.rows));
}

void write_flow(Writer *s, DType t, int depth) {
  int kind = s->labelled ? 0 : rng_below(s->r, 10);
  if (kind < 6 && s->nloops < MAX_LOOPS) {
    for_loop(s, t, depth);
  } else if (kind < 8 && s->nloops < MAX_LOOPS) {
    while_loop(s, t, depth);
  } else {
    Carried c = declare_carried(s, t, depth);
    choice(s, t, &c, depth);
  }
}
