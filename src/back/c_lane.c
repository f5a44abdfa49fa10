/* c_lane.c: the portable form of a kernel with vectors: the same loops for compilers without vector
 * extensions. A vector is an array, and what is done to all lanes a loop over them, so that each
 * element is computed by the same operations in the same order. */
#include "back/c_gen.h"

bool cg_has_vectors(const Kernel *k) {
  for (int i = 1; i < k->ex.n; i++)
    if (k->ex.at[i].lanes > 1) return true;
  return false;
}

static const char *scalar_type(CGen *g, const ExNode *x) {
  return cg_type(g, (DType)x->type, 1, 4);
}

/* NAME[from + l] = e, for all lanes */
static void fill(CGen *g, Ex e, const char *name, const char *from) {
  cg_line(g, "for (int l = 0; l < %d; l++) {", g->k->ex.at[e].lanes);
  g->indent++;
  g->lane = true;
  const char *v = cg_ex(g, e, 0);
  cg_line(g, "%s[%sl] = %s;", name, from, v);
  g->lane = false;
  g->indent--;
  cg_line(g, "}");
}

static const char *new_array(CGen *g, const ExNode *x, int n) {
  const char *name = cg_fmt(g, "t%d", g->temps++);
  cg_line(g, "%s %s[%d];", scalar_type(g, x), name, n);
  return name;
}

/* The upper half onto the lower, until one lane is left. */
static const char *reduced(CGen *g, const ExNode *x) {
  const ExNode *all = &g->k->ex.at[x->arg[0]];
  DType t = (DType)x->type;
  const char *v = new_array(g, all, all->lanes);
  fill(g, x->arg[0], v, "");
  cg_line(g, "for (int n = %d; n > 0; n /= 2)", all->lanes / 2);
  g->indent++;
  cg_line(g, "for (int l = 0; l < n; l++) {");
  g->indent++;
  const char *half[3] = {cg_fmt(g, "%s[l]", v), cg_fmt(g, "%s[l + n]", v)};
  for (int i = 0; i < 2; i++) half[i] = cg_atom(g, half[i], scalar_type(g, x));
  const char *sum = cg_map(g, x->op, t, t, 1, half, 0, 4, 4);
  cg_line(g, "%s[l] = %s;", v, sum);
  g->indent--;
  cg_line(g, "}");
  g->indent--;
  return cg_fmt(g, "%s[0]", v);
}

static const char *shuffled(CGen *g, const ExNode *x) {
  const ExNode *a = &g->k->ex.at[x->arg[0]];
  const char *v = new_array(g, x, 2 * a->lanes), *pick = cg_fmt(g, "t%d", g->temps++);
  fill(g, x->arg[0], v, "");
  fill(g, x->arg[1], v, cg_fmt(g, "%d + ", a->lanes));
  Text t = text_new(g->cx->arena);
  for (int l = 0; l < x->lanes; l++) text_fmt(&t, "%s%d", l ? ", " : "", x->u.pick[l]);
  cg_line(g, "static const unsigned char %s[%d] = {%s};", pick, x->lanes, text_str(&t));
  return cg_fmt(g, "%s[%s[l]]", v, pick);
}

void cg_lanes_ready(CGen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  Ex part[EX_PARTS];
  if (!e || g->made[e] || x->kind == EX_REG) return;
  for (int i = 0, n = ex_parts(x, part); i < n; i++) cg_lanes_ready(g, part[i]);
  if (x->kind == EX_REDUCE) g->made[e] = reduced(g, x);
  if (x->kind == EX_SHUFFLE) g->made[e] = shuffled(g, x);
  if (g->made[e]) vec_push(g->cx->arena, &g->ready, e);
}

void cg_lanes_done(CGen *g) {
  while (g->ready.n > 0) g->made[g->ready.at[--g->ready.n]] = NULL;
}

void cg_lanes_set(CGen *g, Reg r, Ex value) {
  const RegInfo *info = &g->k->reg.at[r];
  const char *name = cg_fmt(g, "r%d", r);
  if (!g->declared[r]) cg_line(g, "%s %s[%d];", cg_type(g, info->type, 1, 4), name, info->lanes);
  fill(g, value, name, "");
}

static bool loads(const Kernel *k, Ex e) {
  const ExNode *x = &k->ex.at[e];
  if (!e || x->kind == EX_REG) return false;
  if (x->kind == EX_LOAD) return true;
  for (int i = 0; i < 3 && x->arg[i]; i++)
    if (loads(k, x->arg[i])) return true;
  return false;
}

/* All that is read is read before the first lane is stored. */
void cg_lanes_store(CGen *g, const Stmt *s) {
  const ExNode *x = &g->k->ex.at[s->u.store.value];
  Ex dyn = s->u.store.dyn, mask = s->u.store.mask;
  const char *kept[3] = {0};
  Ex from[3] = {s->u.store.value, dyn, mask};
  for (int i = 0; i < 3; i++)
    if (from[i] && g->k->ex.at[from[i]].lanes > 1 && loads(g->k, from[i]))
      fill(g, from[i], kept[i] = new_array(g, &g->k->ex.at[from[i]], x->lanes), "");
  cg_line(g, "for (int l = 0; l < %d; l++) {", x->lanes);
  g->indent++;
  g->lane = true;
  const char *text[3];
  for (int i = 0; i < 3; i++)
    text[i] = kept[i] ? cg_fmt(g, "%s[l]", kept[i]) : from[i] ? cg_ex(g, from[i], 0) : NULL;
  const char *at =
      cg_fmt(g, "%s%s", cg_ix(g, &s->u.store.ix), cg_lane_step(g, s->u.store.lane_stride));
  if (dyn) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, text[1]);
  cg_line(g, "%s%sb%d[%s] = %s%s;", mask ? cg_fmt(g, "if (%s)", text[2]) : "", mask ? " " : "",
          cg_place(g, s->u.store.buf), at, x->type == T_BOOL ? "(uint8_t)" : "", text[0]);
  g->lane = false;
  g->indent--;
  cg_line(g, "}");
}
