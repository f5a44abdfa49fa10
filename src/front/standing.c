/* standing.c: what a program declares after all that was replaced: for whoever writes it down,
 * declares it again elsewhere, or takes a file's part of it back. */
#include "front/check.h"

enum { RULES = 2 };

/* A rule of the user's that hangs at a function, which may be the prelude's; NULL: there is none.
 */
static const Node *own_rule(const Decl *d, int kind) {
  const FnValue *f = d->node ? d->fn : NULL;
  return f && f->run[kind] && !f->run[kind]->prelude ? f->rule[kind] : NULL;
}

const Node **front_declarations(const Program *p, Arena *a, int *n) {
  const Node **out = NEWS(a, const Node *, (1 + RULES) * (int64_t)p->decls.n + p->tests.n + 1);
  *n = 0;
  for (int i = 0; i < p->decls.n; i++) {
    const Decl *d = p->decls.at[i];
    if (d->node && !d->prelude && !d->owner) out[(*n)++] = d->node;
  }
  for (int i = 0; i < p->decls.n; i++)
    for (int k = 0; k < RULES; k++)
      if (own_rule(p->decls.at[i], k)) out[(*n)++] = own_rule(p->decls.at[i], k);
  for (int i = 0; i < p->tests.n; i++) out[(*n)++] = p->tests.at[i];
  return out;
}

/* A function may have been copied for its rule (rule_declare): the copy is front_undo's to forget.
 */
static void drop_rule(Program *p, Decl *d, int kind) {
  FnValue *f = arena_copy(p->cx->arena, d->fn, sizeof *f);
  f->rule[kind] = NULL;
  f->run[kind] = NULL;
  d->fn = f;
}

void front_withdraw(Program *p, bool (*gone)(const Node *n, void *arg), void *arg) {
  for (int i = 0; i < p->decls.n; i++) {
    Decl *d = p->decls.at[i];
    for (int k = 0; k < RULES; k++)
      if (own_rule(d, k) && gone(own_rule(d, k), arg)) drop_rule(p, d, k);
    if (d->node && !d->prelude && !d->owner && gone(d->node, arg)) d->node = NULL;
  }
  int kept = 0;
  for (int i = 0; i < p->tests.n; i++)
    if (!gone(p->tests.at[i], arg)) p->tests.at[kept++] = p->tests.at[i];
  p->tests.n = kept;
}

const SizeBindings *front_defines(const Program *p) { return &p->defines; }
