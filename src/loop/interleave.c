/* interleave.c: straight-line code for one vector after another becomes code for all of them in
 * turn. In: a block whose last statements are, part by part, the same work on different elements.
 * Out: the statements in an order that goes through the parts at the same pace.
 *
 * A function is a chain of operations that wait for each other, and functions of functions are long
 * chains. A processor looks some hundred operations ahead: of a part that is longer it doesn't see
 * the next one, which could fill the gaps. */
#include "loop/lower.h"

typedef struct Interleave {
  KernelMaker *m;
  bool *waits; /* per register: some part makes it, and hasn't yet */
} Interleave;

static bool ready(const Interleave *w, Ex e) {
  const ExNode *x = &w->m->k->ex.at[e];
  Ex part[EX_PARTS];
  if (x->kind == EX_REG && w->waits[x->u.reg]) return false;
  for (int i = ex_parts(x, part); i-- > 0;)
    if (!ready(w, part[i])) return false;
  return true;
}

static bool may_go(const Interleave *w, const Stmt *s) {
  Ex value[ST_VALUES];
  for (int i = st_values(s, value); i-- > 0;)
    if (!ready(w, value[i])) return false;
  return true;
}

/* Statements without an order among the parts: nothing is set anew, nothing branches. */
static bool only_values(const Block *b, int from) {
  for (int i = from; i < b->at.n; i++) {
    StmtKind k = b->at.at[i]->kind;
    if (k != ST_LET && k != ST_STORE && k != ST_TOUCH) return false;
  }
  return true;
}

void st_interleave(KernelMaker *m, int start, const int *end, int n) {
  Arena *a = m->p->cx->arena;
  Block *b = m->at;
  if (n < 2 || end[n - 1] != b->at.n || !only_values(b, start)) return;
  Interleave w = {m, NEWS(a, bool, m->k->reg.n + 1)};
  int *next = NEWS(a, int, n), total = b->at.n - start;
  Stmt **order = NEWS(a, Stmt *, total + 1);
  for (int i = start; i < b->at.n; i++)
    if (b->at.at[i]->kind == ST_LET) w.waits[b->at.at[i]->u.set.reg] = true;
  for (int k = 0; k < n; k++) next[k] = k ? end[k - 1] : start;
  for (int i = 0; i < total; i++) { /* whoever has the largest part of his way before him */
    int pick = -1;
    double most = 0;
    for (int k = 0; k < n; k++) {
      double left = (double)(end[k] - next[k]) / MAX(1, end[k] - (k ? end[k - 1] : start));
      if (left > most && may_go(&w, b->at.at[next[k]])) pick = k, most = left;
    }
    if (pick < 0) cx_bug(m->p->cx, "statements of vectors wait for each other");
    Stmt *s = order[i] = b->at.at[next[pick]++];
    if (s->kind == ST_LET) w.waits[s->u.set.reg] = false;
  }
  memcpy(b->at.at + start, order, (size_t)total * sizeof *order);
}
