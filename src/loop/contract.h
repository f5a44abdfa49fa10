/* contract.h: what the files of the contraction engine share. */
#ifndef GRADC_CONTRACT_H
#define GRADC_CONTRACT_H

#include "loop/lower.h"

enum { TILE_MAX = 64 };
enum { MOST_TILE = 128 }; /* indices of one axis in a tile whose guards are looked at */
enum { MOST_SUM_GUARDS = 8 };

typedef struct Label { /* one axis of the contraction after merging */
  int label; /* innermost label merged into it: it carries the index, the others stand at 0 */
  int outer; /* outermost label merged into it */
  Dim extent;
  int64_t number;                /* the extent, or what is expected of it */
  bool in[2], out;               /* which tensors have it */
  int64_t stride[2], out_stride; /* as expected */
  double lane_cost[2];           /* of a vector of reads along it, per operand */
  int phase_of;                  /* the summed axis of which index i here takes the first terms[i]
                                    steps only (contract_phases.c); -1: none */
  int64_t terms[MOST_PHASES];
} Label;

typedef struct Pack { /* a copy of an operand in the order the tiles read it */
  bool on;
  Buf buf;
  int64_t stride[MAX_AXES]; /* of numbers, for no operand with a named extent is copied; by merged
                               axis: elements per step of its index (tile axis: per tile) */
  int tile_axis;            /* split into tiles of `tile`, whose elements are adjacent; -1 none */
  int64_t tile;
  bool by_block; /* copied block by block of tiles, where the block's loop begins */
  int64_t ahead; /* elements ahead that reads ask for, the copy comes from afar; 0: none */
} Pack;

/* 0 <= off + out_coef * (index of axis out) + coef * (index of axis summed) < extent, or a term
 * isn't there (contract_guards.c). Axes by number of the merged ones. */
typedef struct SumGuard {
  int operand;
  const Ins *view; /* that reads outside, in dimension dim */
  int dim;
  Dim off, extent;
  int64_t expected_off, expected_extent;
  int out, summed; /* out: -1: none */
  bool loop;       /* the loop over `summed` is one that ends pay for */
  int64_t out_coef, coef;
  double share[MOST_TILE + 1]; /* of the terms, by indices of `out` in a tile; 0: not asked yet */
} SumGuard;
typedef struct SumGuards {
  int n;
  SumGuard at[MOST_SUM_GUARDS];
  bool others[2]; /* the operand has other conditions */
  bool padded[2]; /* the operand is read from a copy with zeros around */
} SumGuards;

typedef struct ContractPlan {
  Nest *n;
  const Ins *in;
  const Side *side[2];
  Label at[MAX_AXES];
  int count;
  int vec, row, col; /* numbers of merged axes, -1: none. vec may be a summed axis ("dot" form) */
  int lanes, nv, mr, nc;
  int full_lanes; /* of the target's vectors */
  bool dot;
  int level[MAX_AXES + 4], nlevels; /* axes from the outermost loop in; BLOCKS_OF an axis: blocks of
                                       its tiles */
  int64_t block[MAX_AXES];          /* tiles in a block */
  bool touch; /* the lines the tile's results go to are asked for before its sum is begun */
  Pack pack[2];
  SumGuards *guards;
  double cost;        /* estimated cycles */
  double ops;         /* of what is computed on the sums */
  int ends;           /* buffers that the tile's end reads or writes, 1 at least */
  double distinct[2]; /* elements of memory each operand is read from */
  int64_t l1, l2;     /* the caches' bytes */
} ContractPlan;

/* The level that walks blocks of an axis' tiles, and back. */
#define BLOCKS_OF(axis) (-2 - (axis))

/* contract_phases.c */
void contract_phases(Low *lw, ContractPlan *p);     /* sets phase_of of all axes */
double contract_phase_share(const ContractPlan *p); /* of the products, those that are needed */
static inline bool contract_has_phases(const ContractPlan *p, int axis) {
  return axis >= 0 && p->at[axis].phase_of >= 0;
}
/* contract_guards.c, after the phases are known */
void contract_guards(Low *lw, ContractPlan *p); /* sets guards */
void contract_guard_loops(ContractPlan *p); /* sets what the order of loops decides about them */
/* The summed axis decides whether an operand that isn't padded is read outside. */
bool contract_is_guarded(const ContractPlan *p, int axis);
double contract_guard_share(const ContractPlan *p); /* of the products, those between the ends */
/* Between its loops' ends operand k is never read outside. */
bool contract_all_inside(const ContractPlan *p, int k);
/* The arithmetic of terms that aren't there, whether it is done or not. */
double contract_flops_left_out(const ContractPlan *p);
/* Reads of operand k ask where they are. */
bool contract_asks(const ContractPlan *p, int k);
Inside contract_inside(const ContractPlan *p, int k); /* the dimensions in which it isn't */
/* Between which indices of a summed axis of so many steps terms are there. first, size: the tile's,
 * by merged axis. */
Ends contract_ends(Low *lw, const ContractPlan *p, int axis, Dim terms, const AxisIx *first,
                   const int64_t *size);
/* contract_plan.c */
/* The summed axes as their loops are nested, from the outermost in; returns how many. */
int contract_sum_order(const ContractPlan *p, int *order);
void contract_plan(Low *lw, Nest *n, ContractPlan *p);
/* contract_order.c: the loops around the tiles. */
void contract_order(Low *lw, ContractPlan *p);
int64_t contract_tile_size(const ContractPlan *p, int axis);
int64_t contract_most_tiles(const ContractPlan *p, int axis); /* in one block */
/* contract.c: m rows by c columns are turned before they are stored: their vectors' elements don't
 * lie side by side, but their rows do. */
bool contract_turns(const ContractPlan *p, int m, int c);
/* The buffers that the tile's end reads or writes at the result's own index, each memory once;
 * returns how many, at most MAX_TOUCHED. */
enum { MAX_TOUCHED = 8 };
typedef struct Touched {
  Buf buf;
  const Shape *shape;
  bool write;
} Touched;
int contract_touched(Low *lw, const Nest *n, Touched *out);
/* contract_pack.c: emits the copies the plan asks for, as kernels of their own before this one. */
void contract_pack(Low *lw, ContractPlan *p);
/* Here: operand k's tiles from number `first` on, and the incomplete one behind them if `rest`. */
void contract_pack_block(Low *lw, ContractPlan *p, int k, AxisIx first, int64_t tiles, bool rest);
/* The axis whose tiles a copy of operand k has. */
static inline int contract_copied_axis(const ContractPlan *p, int k) {
  return p->vec >= 0 && !p->dot && p->at[p->vec].in[k] ? p->vec : p->row;
}

/* contract_again.c: of a contraction that skips terms. sum: what `old` and the term at these
 * indices make; old where the term isn't one (0: nothing yet). */
Ex contract_term(Low *lw, const Ins *in, const AxisIx *ia, const AxisIx *ib, Point pt, Ex sum,
                 Ex old);
/* The whole sum for the indices that ix has of the result's labels; ix: per label. */
Ex contract_again(Low *lw, const Ins *in, AxisIx *ix, Point pt);

#endif
