/* gen_calls.c: what gen_source.c writes of functions of functions: derivatives of all kinds where
 * they stand, vmap and calls in index notation, rules of the user's own, checkpoints, layers and
 * arrays of them; and of the ways to put tensors together: concat, stack, split, cumsum, einsum,
 * windows with stride, dilation and reads outside, ranges that depend on a label. In: the writer of
 * gen_source.h. Out: expressions, and the declarations they use. */
#include "gen_source.h"

#include <stdlib.h>

/* Scalars of a tensor of any rank from 1, and tensors of its shape. */
static const char *const scalars[] = {
    "sum(tame(x) * x)",       "sum(x * x * x) / 4",    "sum(soft(x)) ** 2",
    "mean(sq(x) * tame(x))",  "sum(both(x, tame(x)))", "sum(checkpoint block(x))",
    "max(x) * sum(x)",        "sum(logsumexp(x))",     "sum(cumsum(x) * x)",
    "sum(tame(x[::-1] * x))", "prod(1 + tame(x) / 8)"};
static const char *const same[] = {"tame(x) * sum(x)",       "cumsum(x) * x", "x[::-1] * x",
                                   "both(x, tame(x[::-1]))", "x - mean(x)",   "checkpoint block(x)",
                                   "soft(x) + sq(x)",        "x * max(x)"};

void write_callees(Writer *s, Text *out, DType t) {
  text_add(out, "fn soft(x) = x / (1 + x * x)\n"
                "adjoint soft(x; y, dy) = dy * (1 - x * x) / (1 + x * x) ** 2\n"
                "fn sq(x) = x * x\ntangent sq(x, dx; y) = 2 * x * dx\n"
                "fn both(a, b) = a * b\nadjoint both(a, b; y, dy) = (dy * b, dy * a)\n"
                "fn block(h) = tame(h) + 0.25 * h * h\n");
  text_fmt(out, "fn u(x) = %s\nfn m(x) = %s\n", scalars[rng_below(s->r, COUNT_OF(scalars))],
           same[rng_below(s->r, COUNT_OF(same))]);
  s->layers = rng_chance(s->r, 40), s->layer_type = t;
  if (!s->layers) return;
  const char *word = type_info[t].word;
  text_fmt(out,
           "layer lin(I)(x: %s[A, I]) {\n  param W: %s[I, I] ~ 0.5\n  param b: %s[I]\n"
           "  tame(x @ W + b)\n}\nlet one = lin(3)\nlet many = [lin(3); %d]\n"
           "fn net(x: %s[A, 3]) {\n  var h = one(x)\n  for l in %s { h = %s }\n  h\n}\n",
           word, word, word, rng_below(s->r, 3) + 1, word,
           rng_chance(s->r, 50) ? "many" : "reversed(many)",
           rng_chance(s->r, 50) ? "l(h)" : "checkpoint l(h) + h");
}

static int number_of(const char *dim) { return dim[0] == 'N' ? -1 : (int)strtol(dim, NULL, 10); }

/* A function applied, or a derivative of one. */
static const char *applied(Writer *s, Type t, int depth) {
  const char *x = write_expr(s, t, depth - 1);
  int form = rng_below(s->r, t.rank ? 12 : 4);
  if (form == 2) return F("both(%s, %s)", x, write_expr(s, t, depth - 1));
  if (form >= 7 && form <= 9) {
    const char *y = write_expr(s, t, 0);
    return F(form == 7   ? "hvp(u)(%s, %s)"
             : form == 8 ? "jvp(m)(%s, %s)[1]"
                         : "vjp(m)(%s, %s)[1]",
             x, y);
  }
  if (form >= 10 && t.rank == 1) {
    const char *y = write_expr(s, t, 0);
    return F(form == 10 ? "jacobian(m)(%s) @ (%s)" : "hessian(u)(%s) @ (%s)", x, y);
  }
  if (form >= 10) return F("vmap(m)(%s)", x);
  static const char *const forms[] = {"soft(%s)",
                                      "sq(%s)",
                                      "",
                                      "(checkpoint block(%s))",
                                      "m(%s)",
                                      "grad(u)(%s)",
                                      "value_and_grad(u)(%s)[1]"};
  const char *hole = strstr(forms[form], "%s");
  Text out = text_new(s->cx->arena);
  text_add_n(&out, forms[form], (size_t)(hole - forms[form]));
  text_add(&out, x);
  text_add(&out, hole + 2);
  return text_str(&out);
}

/* One value for each row of something: vmap, or a call with a label. */
static const char *by_rows(Writer *s, Type t, int depth) {
  Type x = type_with_axis(t, 1, F("%d", rng_below(s->r, 4) + 1));
  const char *a = write_named(s, x, depth - 1);
  if (rng_chance(s->r, 50)) return F("vmap(u)(%s)", a);
  const char *name = F("t%d", s->next++);
  text_fmt(&s->body, "  let %s[n: 0..%s] = u(%s[n])\n", name, t.dim[0], a);
  return name;
}

/* ---- put together ---- */
static const char *joined(Writer *s, Type t, int depth) {
  int n = number_of(t.dim[0]), form = rng_below(s->r, 4);
  Type u = t, v = t;
  if (form == 0 && n > 1) {
    int k = 1 + rng_below(s->r, n - 1);
    u.dim[0] = F("%d", k), v.dim[0] = F("%d", n - k);
    return F("concat((%s, %s), axis: 0)", write_expr(s, u, depth - 1), write_expr(s, v, depth - 1));
  }
  if (form == 1 && n == 2) {
    for (int i = 1; i < t.rank; i++) u.dim[i - 1] = t.dim[i];
    u.rank--;
    return F("stack((%s, %s), axis: 0)", write_expr(s, u, depth - 1), write_expr(s, u, depth - 1));
  }
  if (form == 2 && n > 0) {
    u.dim[0] = F("%d", 2 * n);
    return F("split(%s, 2, axis: 0)[%d]", write_expr(s, u, depth - 1), rng_below(s->r, 2));
  }
  return F("cumsum(%s, axis: %d)", write_expr(s, t, depth - 1), rng_below(s->r, t.rank));
}

static const char *einsum(Writer *s, Type t, int depth) {
  static const struct {
    int rank;
    const char *spec; /* labels i, j of the result; k, l are summed */
  } forms[] = {{0, "k,k->"},      {0, "kl,lk->"},    {1, "ik,k->i"},   {1, "ki,k->i"},
               {1, "ik,kl,l->i"}, {2, "ik,kj->ij"},  {2, "kij,k->ij"}, {2, "i,j->ij"},
               {2, "ji,ij->ij"},  {2, "ikl,klj->ij"}};
  int which = rng_below(s->r, COUNT_OF(forms));
  while (forms[which].rank != t.rank) which = (which + 1) % COUNT_OF(forms);
  const char *k = write_dim(s), *l = write_dim(s);
  Text args = text_new(s->cx->arena);
  for (const char *p = forms[which].spec; *p && *p != '-';) {
    Type x = {t.t, 0, {NULL}};
    for (; *p >= 'a'; p++)
      x.dim[x.rank++] = *p == 'i' ? t.dim[0] : *p == 'j' ? t.dim[1] : *p == 'k' ? k : l;
    p += *p == ',';
    text_fmt(&args, ", %s", write_expr(s, x, depth - 1));
  }
  return F("einsum(\"%s\"%s)", forms[which].spec, text_str(&args));
}

/* A definition over t's axes whose value at i is made of several elements along the first one. */
static const char *along(Writer *s, Type t, int depth) {
  static const char *const label[] = {"i", "j", "l", "m", "n"};
  Type x = t;
  Text head = text_new(s->cx->arena), rest = text_new(s->cx->arena);
  for (int k = 0; k < t.rank; k++) {
    text_fmt(&head, "%s%s: 0..%s", k ? ", " : "", label[k], t.dim[k]);
    if (k) text_fmt(&rest, ", %s", label[k]);
  }
  bool window = rng_chance(s->r, 60);
  if (window) x.dim[0] = write_dim(s);
  const char *a = write_named(s, x, depth - 1), *name = F("t%d", s->next++), *body;
  const char *fold = rng_chance(s->r, 70) ? "sum" : rng_chance(s->r, 50) ? "max" : "prod";
  if (window)
    body = F("%s(r: 0..%d) inside(%s[%d*i + %d*r - %d%s])", rng_chance(s->r, 80) ? "sum" : "max",
             rng_below(s->r, 4) + 1, a, rng_below(s->r, 3) + 1, rng_below(s->r, 3) + 1,
             rng_below(s->r, 4), text_str(&rest));
  else if (rng_chance(s->r, 50)) body = F("%s(r: 0..i + 1) %s[r%s]", fold, a, text_str(&rest));
  else body = F("sum(r: i..%s) %s[r%s]", t.dim[0], a, text_str(&rest));
  text_fmt(&s->body, "  let %s[%s] = %s\n", name, text_str(&head), body);
  return name;
}

const char *write_call(Writer *s, Type t, int depth) {
  int choice = rng_below(s->r, 10);
  if (choice < 4) return applied(s, t, depth);
  if (choice < 5 && t.rank <= 2) return einsum(s, t, depth);
  if (!t.rank) return applied(s, t, depth);
  if (choice < 6 && t.rank == 1) return by_rows(s, t, depth);
  if (choice < 7 && s->layers && t.t == s->layer_type && t.rank == 2 && !strcmp(t.dim[1], "3"))
    return F(rng_chance(s->r, 50) ? "net(%s)" : "one(%s)", write_expr(s, t, depth - 1));
  if (choice < 8) return along(s, t, depth);
  return joined(s, t, depth);
}
