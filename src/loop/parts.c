/* parts.c: what expressions and statements are made of, for those who ask the same of every kind.
 * Whoever gives an ExNode another operand or a Stmt another block or value adds it here. */
#include "loop/loop.h"

int ex_parts(const ExNode *x, Ex part[EX_PARTS]) {
  int n = 0;
  for (int i = 0; i < 3; i++)
    if (x->arg[i]) part[n++] = x->arg[i];
  if (x->dyn) part[n++] = x->dyn;
  if (x->mask) part[n++] = x->mask;
  return n;
}

int st_values(const Stmt *s, Ex value[ST_VALUES]) {
  int n = 0;
  switch (s->kind) {
  case ST_LET:
  case ST_SET: value[n++] = s->u.set.value; break;
  case ST_STORE:
    value[n++] = s->u.store.value;
    if (s->u.store.dyn) value[n++] = s->u.store.dyn;
    if (s->u.store.mask) value[n++] = s->u.store.mask;
    break;
  case ST_IF: value[n++] = s->u.cond.cond; break;
  case ST_FOR:
    if (s->u.loop.from) value[n++] = s->u.loop.from;
    if (s->u.loop.to) value[n++] = s->u.loop.to;
    break;
  case ST_TOUCH: break;
  }
  return n;
}

int st_blocks(Stmt *s, Block *inner[ST_BLOCKS]) {
  if (s->kind == ST_FOR) {
    inner[0] = &s->u.loop.body;
    return 1;
  }
  if (s->kind != ST_IF) return 0;
  inner[0] = &s->u.cond.then;
  inner[1] = &s->u.cond.other;
  return 2;
}
