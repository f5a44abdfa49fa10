/* lanes.c: vectors whose lanes change places. In: registers of the kernel under construction. Out:
 * shuffles: the transpose of a square of vectors, and loads of every second to fourth element,
 * which a gather would fetch one by one. */
#include "loop/lower.h"

/* ---- transposing ---- */
/* By halves: after the step of distance d, lanes and vectors agree in bit d of their numbers'
 * exchange. */
void low_transpose(Low *lw, Ex *v, int n) {
  int lanes = ex_lanes(lw, v[0]);
  for (int i = n; i < lanes; i++) v[i] = v[n - 1]; /* nobody looks at their lanes */
  for (int d = 1; d < lanes; d *= 2) {
    uint8_t low[128], high[128];
    for (int l = 0; l < lanes; l++) {
      low[l] = (uint8_t)(l & d ? lanes + l - d : l);
      high[l] = (uint8_t)(l & d ? lanes + l : l + d);
    }
    for (int i = 0; i < lanes; i++) {
      if (i & d) continue;
      Ex a = v[i], b = v[i + d];
      v[i] = ex_let(lw, ex_shuffle(&lw->m, a, b, low), NULL);
      v[i + d] = ex_let(lw, ex_shuffle(&lw->m, a, b, high), NULL);
    }
  }
}

/* ---- every second to fourth element ---- */
bool low_strided(Dim lane, int lanes, DType t) {
  return lane >= 2 && lane <= 4 && lanes >= 4 && lanes <= 64 && t != T_BOOL;
}

/* Elements ix, ix + lane, ..: whole vectors over the stretch, the last one pulled back to its end
 * (or, where only the first `active` lanes count, masked). */
Ex low_load_strided(Low *lw, Buf buf, Ix ix, int lanes, int64_t lane, Ex dyn, int64_t active,
                    Ex smask) {
  int64_t stretch = (active - 1) * lane + 1;
  bool whole = active == lanes;
  Ex all = smask ? ex_splat(&lw->m, smask, lanes) : 0, sum = 0;
  for (int64_t begin = 0; begin < stretch; begin += lanes) {
    int64_t from = whole ? MIN(begin, stretch - lanes) : begin, count = stretch - from;
    Ex mask = count < lanes ? ex_active(&lw->m, lanes, ix_number(count)) : 0;
    Ex part = ex_load(&lw->m, buf, ix_plus(&lw->m, ix, ix_number(from)), lanes, 1, dyn,
                      mask_and(lw, all, mask));
    part = ex_let(lw, part, NULL);
    uint8_t pick[128];
    for (int l = 0; l < lanes; l++) { /* those before are in place already */
      int64_t at = l * lane;
      bool mine = at >= begin && at < begin + lanes && at < stretch;
      pick[l] = (uint8_t)(mine ? (sum ? lanes : 0) + at - from : sum ? l : 0);
    }
    sum = ex_let(lw, ex_shuffle(&lw->m, sum ? sum : part, part, pick), NULL);
  }
  return sum;
}
