/* chunk.c: a sum over many rows is computed a chunk of rows at a time. In: a function whose sizes
 * are numbers. Out: an equal one (up to the order of sums) in which no value computed by rows is
 * larger than it need be. A mean over a million examples, and its gradient, need the room of some
 * hundred examples: forward and backward of a chunk are in one iteration of the loop that this pass
 * makes.
 *
 * The rows are the axis of an input for which the most room is saved. The chunk's size depends on
 * shapes and on what is asked for, never on the machine, so the order of sums is always the same.
 * needs: no vjp/jvp, numbers   keeps: values up to the order of sums   breaks: nothing */
#include "pass/chunk.h"

#include <math.h>

enum { LEAST_ROWS = 8 };

static double row_bytes(const Chunking *c, Val v) {
  return ins_bytes(c->f->cx, fn_ins(c->f, v)) / (double)c->rows;
}

bool *chunk_read_whole(const Fn *f) {
  bool *other = NEWS(f->cx->arena, bool, f->ins.n), *whole = NEWS(f->cx->arena, bool, f->ins.n);
  for (int i = 0; i < f->out.n; i++) other[f->out.at[i].val] = whole[f->out.at[i].val] = true;
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    for (int i = 0; i < in->nargs; i++) other[in->arg[i]] |= in->op != OP_sum;
  }
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    for (int i = 0; i < in->nargs; i++) whole[in->arg[i]] |= in->op != OP_view || other[v];
  }
  return whole;
}

/* Values that elementwise operators alone make into outputs are computed where those are stored. */
static bool *wanted_apart(const Fn *f) {
  bool *apart = NEWS(f->cx->arena, bool, f->ins.n);
  for (Val v = f->ins.n - 1; v > 0; v--) {
    const Ins *in = fn_ins(f, v);
    bool into = op_kind((Op)in->op) == KIND_MAP && !apart[v];
    for (int i = 0; i < in->nargs; i++) apart[in->arg[i]] |= !into;
  }
  return apart;
}

/* The largest value by rows that the function computes and nobody wants as a whole. */
static double largest_row(const Chunking *c) {
  const bool *collected = chunk_collected(c), *whole = chunk_read_whole(c->f);
  const bool *apart = wanted_apart(c->f);
  double most = 0;
  for (Val v = 1; v < c->f->ins.n; v++) {
    const Ins *in = fn_ins(c->f, v);
    bool moved = in->op == OP_view || in->op == OP_reshape || in->op == OP_arg;
    moved |= in->op == OP_contract && !whole[v];
    if (c->part[v] == PART_ROWS && apart[v] && !collected[v] && !moved)
      most = MAX(most, row_bytes(c, v));
  }
  return most;
}

/* Bytes the loop keeps beside: sums, and values wanted as a whole for more than to be returned. */
static double kept_bytes(const Chunking *c) {
  bool *collected = chunk_collected(c);
  double sum = 0;
  for (int i = 0; i < c->f->out.n; i++) collected[c->f->out.at[i].val] = false;
  for (Val v = 1; v < c->f->ins.n; v++) {
    if (collected[v]) sum += ins_bytes(c->f->cx, fn_ins(c->f, v));
    if (c->part[v] == PART_SUM) sum += 3 * ins_bytes(c->f->cx, fn_ins(c->f, v));
  }
  return sum;
}

/* Bytes each chunk goes through again: what it captures and the sums it adds to. */
static double shared_bytes(const Chunking *c) {
  bool *seen = NEWS(c->f->cx->arena, bool, c->f->ins.n);
  double sum = 0;
  for (Val v = 1; v < c->f->ins.n; v++) {
    const Ins *in = fn_ins(c->f, v);
    if (c->part[v] == PART_SUM) sum += ins_bytes(c->f->cx, in);
    if (in->op == OP_arg || (c->part[v] != PART_ROWS && c->part[v] != PART_SUM)) continue;
    for (int k = 0; k < in->nargs; k++) {
      int axis;
      if (seen[in->arg[k]] || chunk_use(c, v, k, &axis) != USE_WHOLE) continue;
      seen[in->arg[k]] = true;
      sum += ins_bytes(c->f->cx, fn_ins(c->f, in->arg[k]));
    }
  }
  return sum;
}

/* Bytes of the largest value that is still made whole, for nobody outside. */
static double whole_bytes(const Chunking *c) {
  bool *out = NEWS(c->f->cx->arena, bool, c->f->ins.n);
  double most = 0;
  for (int i = 0; i < c->f->out.n; i++) out[c->f->out.at[i].val] = true;
  for (Val v = 1; v < c->f->ins.n; v++) {
    const Ins *in = fn_ins(c->f, v);
    bool made = op_kind((Op)in->op) != KIND_LEAF && in->op != OP_view && in->op != OP_reshape;
    bool whole = c->part[v] == PART_BEFORE || c->part[v] == PART_AFTER;
    if (made && whole && !out[v] && in->type != T_BUNDLE) most = MAX(most, ins_bytes(c->f->cx, in));
  }
  return most;
}

typedef struct Best {
  Chunking c;
  double gain, row;
  double score; /* the gain less what is left whole */
} Best;

static void consider(Best *best, const Fn *f, const int8_t *axes, Dim rows, double above) {
  Chunking c = chunk_plan(f, axes, rows);
  double r = largest_row(&c), gain = r * (double)rows - kept_bytes(&c);
  double score = gain - whole_bytes(&c);
  bool better = best->gain <= 0 || score > best->score;
  if (r * (double)rows > above && gain > 0 && better) *best = (Best){c, gain, r, score};
}

/* Parameters aren't data, and what is updated in place isn't either: an update is walked once,
 * where the gradient is made; chunks of it would be copied in and out. */
static bool may_have_rows(const Fn *f, int i) {
  if (input_is_kept(&f->in.at[i])) return false;
  for (int k = 0; k < f->out.n; k++)
    if (f->out.at[k].alias == i) return false;
  return true;
}

/* Further inputs with such an axis join, one by one, where that leaves less: a gradient's rows are
 * those of the result. */
static void consider_more(Best *best, const Fn *f, int8_t *axes, int d, Dim n, double above) {
  for (int k = 0; k < f->in.n; k++) {
    const Input *in = &f->in.at[k];
    double before = best->score;
    if (axes[k] >= 0 || !may_have_rows(f, k) || in->shape.rank <= d || in->shape.dim[d] != n)
      continue;
    axes[k] = (int8_t)d;
    consider(best, f, axes, n, above);
    if (best->score == before) axes[k] = -1;
  }
}

/* The axis by which the largest value shrinks the most: of one input, of all that have an axis of
 * that extent in the same place, or of some of them. */
static Best best_rows(const Fn *f, double above) {
  Best best = {.gain = 0};
  for (int i = 0; i < f->in.n; i++)
    for (int d = 0; d < f->in.at[i].shape.rank; d++) {
      Dim n = f->in.at[i].shape.dim[d];
      if (!may_have_rows(f, i) || n < 2 * LEAST_ROWS) continue;
      int8_t *axes = NEWS(f->cx->arena, int8_t, f->in.n);
      for (int k = 0; k < f->in.n; k++) {
        const Input *in = &f->in.at[k];
        axes[k] =
            may_have_rows(f, k) && in->shape.rank > d && in->shape.dim[d] == n ? (int8_t)d : -1;
      }
      consider(&best, f, axes, n, above);
      for (int k = 0; k < f->in.n; k++) axes[k] = k == i ? (int8_t)d : -1;
      consider(&best, f, axes, n, above);
      consider_more(&best, f, axes, d, n, above);
    }
  return best;
}

/* The rows whose largest value takes about `bytes`; a divisor of n where one is near. */
static Dim rows_for(Dim n, double row, double bytes) {
  Dim want = (Dim)fmin(fmax(bytes / row, 1), (double)(n / 2));
  for (Dim k = want; k > want / 2; k--)
    if (n % k == 0) return k;
  return want;
}

static bool has_names(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++)
    if (!shape_is_numbers(&fn_ins(f, v)->shape)) return true;
  return false;
}

static Fn *in_chunks(const Best *best, double bytes) {
  if (bytes > best->row * (double)best->c.rows / 2) return (Fn *)best->c.f;
  return chunk_build(&best->c, rows_for(best->c.rows, best->row, bytes));
}

Fn *pass_chunk(const Fn *f, double above, double bytes) {
  if (has_names(f)) return (Fn *)f;
  Best best = best_rows(f, above);
  if (best.gain <= 0) return (Fn *)f;
  /* a chunk does more than to read weights and add up their gradients */
  if (above > bytes) bytes = fmax(bytes, shared_bytes(&best.c) / 2);
  return in_chunks(&best, bytes);
}

Fn *pass_chunk_cached(const Fn *f, double above, double bytes, double most) {
  if (has_names(f)) return (Fn *)f;
  Best best = best_rows(f, above);
  if (best.gain <= 0) return (Fn *)f;
  bytes = fmax(bytes, shared_bytes(&best.c) / 4);
  return bytes > most ? (Fn *)f : in_chunks(&best, bytes);
}
