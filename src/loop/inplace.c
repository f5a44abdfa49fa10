/* inplace.c: which temporaries take the place of one that dies where they are made. In: kernels,
 * buffers with their first and last use. Out: Buffer.into.
 *
 * An elementwise value may be stored over an operand that is read at the same index and never
 * again. In a loop, the second place of a carried value may be where it started, if nobody looks
 * there again: by the time it is written the first iteration is over. */
#include "loop/lower.h"

static int64_t bytes_of(const Buffer *b) { return b->count * type_info[b->type].bytes; }

/* x may move into y's place in kernel k, as far as sizes and lives go. y was there before k: what k
 * itself stores comes in an order of its own, in slim rows all of it after all values. */
static bool may_follow(const Buffer *x, const Buffer *y, int k) {
  return x->kind == BUF_TEMP && y->kind == BUF_TEMP && x->into < 0 && !y->taken && y->last == k &&
         y->first < k && x->first == k && bytes_of(x) == bytes_of(y) &&
         type_info[x->type].bytes == type_info[y->type].bytes && bytes_of(x) > 0;
}

static void follow(LoopProgram *p, Buf x, Buf y) {
  p->buf.at[x].into = y;
  p->buf.at[y].taken = true;
}

/* Only nest n of its kernel reads value v. */
static bool sole_reader(const Low *lw, const Nest *n, Val v) {
  const Group *g = &lw->group.at[n->group];
  for (int i = 0; i < g->nest.n; i++) {
    const Nest *m = &lw->nest.at[g->nest.at[i]];
    if (m != n && nest_reads(m, v)) return false;
  }
  return true;
}

static void nest_in_place(Low *lw, const Nest *n) {
  LoopProgram *p = lw->p;
  int k = lw->group.at[n->group].kernel;
  for (int r = 0; r < n->root.n; r++) {
    const Place *to = &lw->place[n->root.at[r]];
    if (to->buf < 0 || to->skip || to->also.n) continue;
    for (int s = 0; s < n->side.n && p->buf.at[to->buf].into < 0; s++)
      for (int a = 0; a < n->side.at[s]->an.access.n; a++) {
        Val v = n->side.at[s]->an.access.at[a].leaf;
        const Place *from = &lw->place[v];
        if (from->buf < 0 || from->skip || from->buf == to->buf) continue;
        if (!may_follow(&p->buf.at[to->buf], &p->buf.at[from->buf], k)) continue;
        if (reads_in_place(n, v) && sole_reader(lw, n, v)) follow(p, to->buf, from->buf);
      }
  }
}

static bool given_once(const Call *c, Buf b) {
  int n = c->flag == b;
  for (int i = 0; i < c->in.n; i++) n += c->in.at[i] == b;
  return n == 1;
}

static void call_in_place(LoopProgram *p, int k) {
  const Call *c = p->kernel.at[k]->call;
  for (int i = 0; i < c->pong.n; i++) {
    Buf start = c->in.at[i], pong = c->pong.at[i];
    bool one_place = c->ping.at[i] == pong;
    if (one_place && !c->stays[i]) continue; /* the first iteration writes it and reads the start */
    if (given_once(c, start) && may_follow(&p->buf.at[pong], &p->buf.at[start], k))
      follow(p, pong, start);
  }
}

void share_places(Low *lw) {
  for (int i = 0; i < lw->nest.n; i++)
    if (lw->nest.at[i].kind == NEST_MAP) nest_in_place(lw, &lw->nest.at[i]);
  for (int k = 0; k < lw->p->kernel.n; k++)
    if (lw->p->kernel.at[k]->call) call_in_place(lw->p, k);
}
