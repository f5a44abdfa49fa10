/* gen_rows.c: random programs as text that do something small for each of many rows, step by step:
 * what a batch of little systems of equations, filters or walks is. Rows are looked up and swapped
 * by numbers from data, some of which lie outside; loops may be as long as data says. See
 * gen_program.h. */
#include "gen_source.h"

typedef struct Rows {
  Writer w;
  Writer *s; /* &w, for F */
  const char *type;
  int wide; /* extent of a row's vector x and matrix a */
  const char *loop[3];
  int nloops;
} Rows;

static const char *scalar(Rows *g, int depth);

/* ---- indices ---- */
/* A number that may be anything; not of loops alone, for what is certain to lie outside is an
 * error. */
static const char *number(Rows *g) {
  Writer *s = g->s;
  int k = rng_below(s->r, 7);
  if (g->nloops && k < 3)
    return F("k %c %s", rng_chance(s->r, 50) ? '+' : '-', g->loop[rng_below(s->r, g->nloops)]);
  switch (k) {
  case 3: return F("p[n, %d]", rng_below(s->r, 2));
  case 4: return F("i32(floor(3 * tame(%s)))", scalar(g, 0));
  case 5: return F("argm%s(x)", rng_chance(s->r, 50) ? "ax" : "in");
  default: return "k";
  }
}

/* One that lies inside for certain. */
static const char *inside(Rows *g) {
  Writer *s = g->s;
  if (rng_chance(s->r, 30)) return F("%d", rng_below(s->r, g->wide));
  if (g->nloops && rng_chance(s->r, 30))
    return F("%s %% %d", g->loop[rng_below(s->r, g->nloops)], g->wide);
  return F("(%s) %% %d", number(g), g->wide);
}

static const char *element(Rows *g) {
  Writer *s = g->s;
  bool vector = rng_chance(s->r, 60);
  if (rng_chance(s->r, 35))
    return vector ? F("unchecked(x[%s])", number(g))
                  : F("unchecked(a[%s, %s])", number(g), number(g));
  return vector ? F("x[%s]", inside(g)) : F("a[%s, %s]", inside(g), inside(g));
}

/* ---- expressions ---- */
static const char *total(Rows *g) {
  Writer *s = g->s;
  const char *x = rng_chance(s->r, 50) ? "x[c]" : F("a[%s, c] * x[c]", inside(g));
  if (g->nloops && rng_chance(s->r, 40))
    return F("sum(c: 0..%d) (if c %s %s then %s else 0)", g->wide,
             rng_chance(s->r, 50) ? ">" : "<=", g->loop[rng_below(s->r, g->nloops)], x);
  return F("%s(c) %s", rng_chance(s->r, 80) ? "sum" : "max", x);
}

static const char *scalar(Rows *g, int depth) {
  Writer *s = g->s;
  if (depth < 1) return rng_chance(s->r, 60) ? element(g) : "s";
  switch (rng_below(s->r, 9)) {
  case 0: return F("%s + %s", scalar(g, depth - 1), scalar(g, 0));
  case 1: return F("(%s) * (%s)", scalar(g, depth - 1), scalar(g, 0));
  case 2: return F("tame(%s)", scalar(g, depth - 1));
  case 3: return F("sin(%s)", scalar(g, depth - 1));
  case 4: return F("(%s)", total(g));
  case 5:
    return F("(if %s < %s then %s else %s)", scalar(g, 0), scalar(g, 0), scalar(g, depth - 1),
             scalar(g, 0));
  case 6: return F("%s(%s) * 0.25 - %s", g->type, number(g), scalar(g, 0));
  default: return element(g);
  }
}

/* ---- statements ---- */
static void add(Rows *g, const char *line) {
  text_fmt(&g->s->body, "%*s%s\n", 4 + 2 * g->nloops, "", line);
}

/* Two rows change places, or one is replaced. */
static void rows(Rows *g) {
  Writer *s = g->s;
  const char *i = F("i%d", s->next), *j = F("j%d", s->next), *b = F("b%d", s->next++);
  add(g, F("let %s = %s", i, rng_chance(s->r, 50) ? inside(g) : number(g)));
  add(g, F("let %s = %s", j, inside(g)));
  const char *swap =
      rng_chance(s->r, 50) ? F("if r == %s then a[(%s) %% %d, c] else ", j, i, g->wide) : "";
  const char *row =
      rng_chance(s->r, 70) ? F("a[%s, c]", j) : F("tame(a[%s, c] + %s)", j, element(g));
  add(g, F("let %s[r: 0..%d, c: 0..%d] = if r == %s then %s else %sa[r, c]", b, g->wide, g->wide, i,
           row, swap));
  add(g, F("a = %s", b));
}

static void one_element(Rows *g) {
  Writer *s = g->s;
  const char *z = F("z%d", s->next++);
  add(g, F("let %s[c: 0..%d] = if c == %s then %s else x[c]", z, g->wide,
           rng_chance(s->r, 60) ? inside(g) : number(g), scalar(g, 1)));
  add(g, F("x = %s", z));
}

static void statement(Rows *g, int depth);

static void inner_loop(Rows *g, int depth) {
  static const char *const trip[] = {"0..%d", "0..%d", "0..(q[n]) max %d", "1..%d",
                                     "reversed(0..%d)"};
  Writer *s = g->s;
  const char *t = F("t%d", s->next++), *outer = g->nloops ? g->loop[g->nloops - 1] : NULL;
  int n = rng_chance(s->r, 60) ? g->wide : rng_below(s->r, 6);
  const char *steps = outer && rng_chance(s->r, 35)
                          ? F("%s + 1..%d", outer, MAX(g->wide, 6))
                          : text_printf(s->cx, trip[rng_below(s->r, COUNT_OF(trip))], MAX(n, 1));
  add(g, F("for %s in %s {", t, steps));
  g->loop[g->nloops++] = t;
  for (int i = rng_below(s->r, 3) + 1; i > 0; i--) statement(g, depth - 1);
  g->nloops--;
  add(g, "}");
}

static void statement(Rows *g, int depth) {
  Writer *s = g->s;
  int choice = rng_below(s->r, 10);
  if (depth > 0 && g->nloops < 2 && choice < 3) {
    inner_loop(g, depth);
    return;
  }
  switch (choice) {
  case 3: rows(g); break;
  case 4:
  case 5: one_element(g); break;
  case 6: add(g, F("x = tame(x + %s)", scalar(g, 1))); break;
  case 7: add(g, F("k = %s", number(g))); break;
  case 8:
    add(g, F("x = if %s < %s then x else a[%s]", scalar(g, 0), scalar(g, 0), inside(g)));
    break;
  default: add(g, F("s = tame(s + %s)", scalar(g, 2))); break;
  }
}

const char *gen_rows(Cx *cx, Rng *r) {
  static const char *const count[] = {"17", "19", "33", "N", "257", "300", "300"};
  static const char *const value[] = {"s", "x", "x * s", "a", "sum(a) + x", "max(x) - s"};
  Rows gen = {.w = {.cx = cx, .r = r, .body = text_new(cx->arena)}, .wide = rng_below(r, 4) + 1};
  Rows *g = &gen;
  Writer *s = gen.s = &gen.w;
  g->type = rng_chance(r, 70) ? "f64" : "f32";
  const char *n = count[rng_below(r, COUNT_OF(count))], *t = g->type;
  if (rng_chance(r, 12)) g->wide = 5 + rng_below(r, 5);
  inner_loop(g, 2);
  for (int i = rng_below(r, 3); i > 0; i--) statement(g, 2);
  return F("fn tame(x) = x / (1 + x * x)\n"
           "fn f(m: %s[%s, %d, %d], v: %s[%s, %d], p: i32[%s, 2], q: i32[%s]) {\n"
           "  let y[n] = {\n    var a = m[n]\n    var x = v[n]\n    var s = m[n, 0, 0]\n"
           "    var k = q[n]\n%s    %s\n  }\n  y\n}\n",
           t, n, g->wide, g->wide, t, n, g->wide, n, n, text_str(&s->body),
           value[rng_below(r, COUNT_OF(value))]);
}
