/* first_term.c: sums that begin with 0 in straight code begin with their first term. In: a kernel
 * as the lowering left it. Out: the same, without additions of 0 that change no bit.
 *
 * 0 + x is x but where x is -0, so only of terms that are never -0: squares, as distances and norms
 * add them up. LLVM knows that, GCC doesn't (it had to be told that signs of zeros don't matter).
 */
#include "loop/lower.h"
#include "loop/scale.h"

#include <math.h>

typedef struct FirstTerm {
  Kernel *k;
  const Ex *let;
  bool *zero; /* per register: it holds +0, and is only changed in this block or one around it */
} FirstTerm;

static const ExNode *node_of(const FirstTerm *w, Ex e) { return &w->k->ex.at[e]; }

static bool same_value(const FirstTerm *w, Ex a, Ex b) {
  const ExNode *x = node_of(w, a), *y = node_of(w, b);
  return a == b || (x->kind == EX_REG && y->kind == EX_REG && x->u.reg == y->u.reg);
}

/* deep: how far down is looked. A sum is -0 only where both its terms are. */
static bool never_minus_zero(const FirstTerm *w, Ex e, int deep) {
  const ExNode *x = node_of(w, e);
  if (!e || deep == 0) return false;
  switch ((ExKind)x->kind) {
  case EX_IMM: return x->u.f != 0 || !signbit(x->u.f);
  case EX_REG: return never_minus_zero(w, w->let[x->u.reg], deep - 1);
  case EX_SPLAT: return never_minus_zero(w, x->arg[0], deep - 1);
  case EX_MAP: break;
  default: return false;
  }
  switch (x->op) {
  case OP_mul: return same_value(w, x->arg[0], x->arg[1]);
  case OP_abs: return true;
  case OP_add:
    return never_minus_zero(w, x->arg[0], deep - 1) || never_minus_zero(w, x->arg[1], deep - 1);
  default: return false;
  }
}

/* What is added to the register; 0: something else is done with it. */
static Ex added_to(const FirstTerm *w, Reg r, Ex sum) {
  const ExNode *x = node_of(w, sum);
  if (x->kind != EX_MAP || x->op != OP_add || !type_is_float((DType)x->type)) return 0;
  for (int i = 0; i < 2; i++) {
    const ExNode *a = node_of(w, x->arg[i]);
    if (a->kind == EX_REG && a->u.reg == r) return x->arg[1 - i];
  }
  return 0;
}

static bool is_plus_zero(const FirstTerm *w, const Stmt *s) {
  const ExNode *x = node_of(w, s->u.set.value);
  return x->kind == EX_IMM && type_is_float((DType)x->type) && x->u.f == 0 && !signbit(x->u.f);
}

static void forget_changed(FirstTerm *w, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Block *inner[ST_BLOCKS];
    if (b->at.at[i]->kind == ST_SET) w->zero[b->at.at[i]->u.set.reg] = false;
    for (int k = st_blocks(b->at.at[i], inner); k-- > 0;) forget_changed(w, inner[k]);
  }
}

/* An inner block may run often, or never: what it changes is known neither in it nor after it. */
static void begin_sums(FirstTerm *w, Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Block *inner[ST_BLOCKS];
    int n = st_blocks(s, inner);
    for (int k = 0; k < n; k++) forget_changed(w, inner[k]);
    for (int k = 0; k < n; k++) begin_sums(w, inner[k]);
    if (s->kind != ST_LET && s->kind != ST_SET) continue;
    Reg r = s->u.set.reg;
    Ex term = s->kind == ST_SET && w->zero[r] ? added_to(w, r, s->u.set.value) : 0;
    if (term && never_minus_zero(w, term, 8)) s->u.set.value = term;
    w->zero[r] = is_plus_zero(w, s);
  }
}

void low_first_terms(Low *lw, Kernel *k) {
  FirstTerm w = {.k = k, .let = loop_lets(lw->arena, k)};
  w.zero = NEWS(lw->arena, bool, k->reg.n + 1);
  begin_sums(&w, &k->body);
}
