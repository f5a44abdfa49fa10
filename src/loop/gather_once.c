/* gather_once.c: elements that lie apart are fetched once in a block. In: a finished kernel. Out:
 * the same, where a vector of elements apart that a block reads several times has a register.
 *
 * LLVM finds such loads; GCC takes the instructions for them as something it knows nothing of. A
 * load of elements side by side costs less than a register does, so these stay where they are. */
#include "loop/lower.h"
#include "loop/scale.h"

typedef struct Gathers {
  KernelMaker m;
  Arena *arena;
  const Ex *let; /* of the registers that were there before */
  int32_t lets;
  bool *stored;     /* per buffer: the kernel writes it */
  uint8_t *visits;  /* per node that was there before: on how many ways it is reached; 2: or more */
  Vec(Ex) seen;     /* of the block, each in its first place */
  Vec(int32_t) all; /* per one of these: how often */
  Vec(Reg) reg;     /* and where it is, from its first place on; -1 */
  bool replacing;
} Gathers;

static ExNode *node_of(const Gathers *w, Ex e) { return &w->m.k->ex.at[e]; }

static bool apart(const Gathers *w, const ExNode *x) {
  bool moves = x->dyn && node_of(w, x->dyn)->lanes > 1;
  return x->kind == EX_LOAD && x->lanes > 1 && (x->lane_stride != 1 || moves);
}

static bool same_ix(const Ix *a, const Ix *b) {
  if (a->off != b->off || a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (a->term[i].var != b->term[i].var || a->term[i].coef != b->term[i].coef) return false;
  return true;
}

/* The same value wherever both are in a block: nothing in it changes. */
static bool same(const Gathers *w, Ex a, Ex b) {
  const ExNode *x = node_of(w, a), *y = node_of(w, b);
  if (!a || !b) return a == b;
  if (x->kind != y->kind || x->type != y->type || x->lanes != y->lanes || x->op != y->op)
    return false;
  if (x->kind == EX_REG) return x->u.reg == y->u.reg && (x->u.reg >= w->lets || w->let[x->u.reg]);
  if (x->kind == EX_IMM) return x->u.i == y->u.i;
  if (x->kind == EX_SHUFFLE || x->kind == EX_REDUCE) return false;
  if (x->kind == EX_LOAD && (x->buf != y->buf || w->stored[x->buf])) return false;
  if (x->lane_stride != y->lane_stride || !same_ix(&x->ix, &y->ix)) return false;
  Ex p[EX_PARTS], q[EX_PARTS];
  int n = ex_parts(x, p);
  if (n != ex_parts(y, q)) return false;
  for (int i = 0; i < n; i++)
    if (!same(w, p[i], q[i])) return false;
  return true;
}

static void visit(Gathers *w, Ex e) {
  Ex part[EX_PARTS];
  if (w->visits[e] == 2) return;
  w->visits[e]++;
  for (int i = ex_parts(node_of(w, e), part); i-- > 0;) visit(w, part[i]);
}

/* Before the statement in which it is wanted first. The node is going to be the register. */
static void hold(Gathers *w, int i, Ex e) {
  ExNode load = *node_of(w, e);
  vec_push(w->m.p->cx->arena, &w->m.k->ex, load);
  w->seen.at[i] = w->m.k->ex.n - 1;
  w->reg.at[i] = st_let(&w->m, w->seen.at[i], w->m.p->buf.at[load.buf].name);
}

static void gather(Gathers *w, Ex e) {
  int i = 0;
  while (i < w->seen.n && !same(w, w->seen.at[i], e)) i++;
  if (!w->replacing) {
    if (i < w->seen.n) w->all.at[i]++;
    else {
      vec_push(w->arena, &w->seen, e);
      vec_push(w->arena, &w->all, 1);
      vec_push(w->arena, &w->reg, -1);
    }
    return;
  }
  if (i == w->seen.n || w->all.at[i] == 1) return;
  if (w->reg.at[i] < 0) hold(w, i, e);
  ExNode *x = node_of(w, e);
  *x = (ExNode){.kind = EX_REG, .type = x->type, .lanes = x->lanes, .u.reg = w->reg.at[i]};
}

/* Parts first: a place may be computed of what was gathered. */
static void walk(Gathers *w, Ex e) {
  Ex part[EX_PARTS];
  int n = ex_parts(node_of(w, e), part);
  for (int i = 0; i < n; i++) walk(w, part[i]);
  const ExNode *x = node_of(w, e);
  if (apart(w, x) && w->visits[e] == 1 && !w->stored[x->buf]) gather(w, e);
}

static void walk_statement(Gathers *w, const Stmt *s) {
  Ex value[ST_VALUES];
  for (int k = 0, n = st_values(s, value); k < n; k++) walk(w, value[k]);
}

static bool any_twice(const Gathers *w) {
  for (int i = 0; i < w->all.n; i++)
    if (w->all.at[i] > 1) return true;
  return false;
}

static void one_block(Gathers *w, Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Block *inner[ST_BLOCKS];
    for (int k = st_blocks(b->at.at[i], inner); k-- > 0;) one_block(w, inner[k]);
  }
  w->seen.n = w->all.n = w->reg.n = 0;
  w->replacing = false;
  for (int i = 0; i < b->at.n; i++) walk_statement(w, b->at.at[i]);
  if (!any_twice(w)) return;
  Block made = {0};
  w->m.at = &made;
  w->replacing = true;
  for (int i = 0; i < b->at.n; i++) {
    walk_statement(w, b->at.at[i]);
    vec_push(w->m.p->cx->arena, &made.at, b->at.at[i]);
  }
  *b = made;
}

static void look_around(Gathers *w, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Ex value[ST_VALUES];
    Block *inner[ST_BLOCKS];
    if (s->kind == ST_STORE) w->stored[s->u.store.buf] = true;
    for (int k = st_values(s, value); k-- > 0;) visit(w, value[k]);
    for (int k = st_blocks(s, inner); k-- > 0;) look_around(w, inner[k]);
  }
}

void low_gather_once(Low *lw, Kernel *k) {
  Gathers w = {.m = {.p = lw->p, .k = k}, .arena = lw->arena, .let = loop_lets(lw->arena, k)};
  w.lets = k->reg.n;
  w.stored = NEWS(lw->arena, bool, lw->p->buf.n + 1);
  w.visits = NEWS(lw->arena, uint8_t, k->ex.n + 1);
  look_around(&w, &k->body);
  one_block(&w, &k->body);
}
