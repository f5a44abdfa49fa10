/* undo.c: taking back declarations. In: a program, before something is declared. Out: a mark that
 * brings the program back to what it was, however far the declaring came (an interrupt or a lack of
 * memory may have ended it in the middle). Also what was declared last, checked on its own. */
#include "front/check.h"

struct ProgramMark {
  int ndecls, ntests, ndefines, round, instances;
  const Node **test;
  int32_t cap, n, *slot; /* of the user's names */
  Decl *decl;            /* copies of all there were */
};

ProgramMark *front_mark(const Program *p, Arena *a) {
  ProgramMark *m = NEW(a, ProgramMark);
  *m = (ProgramMark){.ndecls = p->decls.n,
                     .ntests = p->tests.n,
                     .ndefines = p->defines.list.n,
                     .round = p->round,
                     .instances = p->instances,
                     .cap = p->user.cap,
                     .n = p->user.n};
  if (m->cap) m->slot = arena_copy(a, p->user.slot, (size_t)m->cap * sizeof *m->slot);
  if (m->ntests) m->test = arena_copy(a, p->tests.at, (size_t)m->ntests * sizeof *m->test);
  m->decl = NEWS(a, Decl, m->ndecls + 1);
  for (int i = 0; i < m->ndecls; i++) m->decl[i] = *p->decls.at[i];
  return m;
}

void front_undo(Program *p, const ProgramMark *m) {
  for (int i = 0; i < m->ndecls; i++) *p->decls.at[i] = m->decl[i];
  p->decls.n = m->ndecls;
  p->version++;
  p->tests.n = m->ntests;
  if (m->ntests) memcpy(p->tests.at, m->test, (size_t)m->ntests * sizeof *m->test);
  p->defines.list.n = m->ndefines;
  p->round = m->round;
  p->instances = m->instances;
  if (p->user.cap != m->cap) p->user.slot = NEWS(p->cx->arena, int32_t, m->cap + 1);
  if (m->cap) memcpy(p->user.slot, m->slot, (size_t)m->cap * sizeof *m->slot);
  p->user.cap = m->cap, p->user.n = m->n;
}

/* What was being computed is computed anew when it is next needed. */
void front_settle(Program *p) {
  for (int i = 0; i < p->decls.n; i++)
    if (p->decls.at[i]->state == DECL_BUSY) p->decls.at[i]->state = DECL_FRESH;
}
