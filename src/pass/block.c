/* block.c: what is too large for the caches is made and used up a block at a time. In: a function
 * whose sizes are numbers. Out: an equal one. Where a batched contraction makes more than it is
 * made from, and more than the caches hold, all that comes of it is computed for some indices of
 * the batch in one iteration of a loop, forward and backward as far as they meet: attention's
 * scores are seen one head at a time, and take the room of one. Where those of one head are still
 * too large, its rows are cut too (chunk.c).
 *
 * The bounds are numbers of this file, not of the machine: sums over rows that are cut depend on
 * them.
 * needs: no vjp/jvp, numbers   keeps: values up to the order of sums   breaks: nothing */
#include "pass/block.h"
#include "pass/chunk.h"

/* Values from WIDE bytes on are made in blocks of BLOCK; where one index of the batch has more than
 * TALL, in chunks of ROWS. */
static const double WIDE = 1 << 20, BLOCK = 256 << 10, TALL = 512 << 10, ROWS = 128 << 10;

static Fn *body_blocked(const Fn *f, void *arg) {
  (void)arg;
  return pass_block(f);
}

static Fn *in_bodies(const Fn *f) {
  bool some = false;
  for (Val v = 1; v < f->ins.n; v++) some |= ins_has_bodies(fn_ins(f, v));
  if (!some) return (Fn *)f;
  Walk w = walk_begin(f);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op != OP_arg) w.to[v] = walk_copy_bodies(&w, in, body_blocked, NULL);
  }
  return walk_end(&w);
}

/* Values that depend on more than parameters. */
static bool *from_data(const Fn *f) {
  bool *data = NEWS(f->cx->arena, bool, f->ins.n);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    data[v] = in->op == OP_arg && !input_is_kept(&f->in.at[in->u.i]);
    for (int k = 0; k < in->nargs; k++) data[v] |= data[in->arg[k]];
  }
  return data;
}

/* A contraction of data with data makes more than it is made from, and more than the caches hold,
 * and is made: the adjoint of windows is not. */
static bool has_wide_contraction(const Fn *f) {
  const bool *data = from_data(f), *whole = chunk_read_whole(f);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op != OP_contract || !whole[v] || !data[in->arg[0]] || !data[in->arg[1]]) continue;
    double made = ins_bytes(f->cx, in), given = 0;
    for (int k = 0; k < 2; k++) given += ins_bytes(f->cx, fn_ins(f, in->arg[k]));
    if (made >= WIDE && made >= given) return true;
  }
  return false;
}

Fn *pass_block(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++)
    if (!shape_is_numbers(&fn_ins(f, v)->shape)) return (Fn *)f;
  f = in_bodies(f);
  Blocks p = block_plan(f, WIDE);
  if (p.n) return block_build(&p, BLOCK, TALL, ROWS);
  return has_wide_contraction(f) ? pass_chunk_cached(f, WIDE, ROWS, TALL) : (Fn *)f;
}
