/* lower.h: what the files of the lowering share. Private to src/loop.
 *
 * The lowering works on nests: a nest makes values of one shape (its roots) by one loop structure,
 * around an anchor (a contraction, a reduction, a scatter) or none. Nests whose rows depend on each
 * other only within a row share a kernel.
 *
 *   group.c   which values get a place (roots), which are recomputed where they are wanted
 *   fuse.c    roots -> nests -> kernels, in an order that also respects updates in place
 *   access.c  how the value at a point of a domain reads stored values, without emitting anything
 *   value.c   emits the value at a point
 *   triangle.c  steps of reductions that add nothing
 *   slim.c    nests with few elements a row: a row a lane, the rest unrolled
 *   lower.c   drives; reduce.c, contract*.c, scatter.c: the anchors; call.c: loops and branches
 *   stay.c    which carried values stay in one place
 *   update.c  stores of what a step changes of them
 */
#ifndef GRADC_LOWER_H
#define GRADC_LOWER_H

#include "ir/box.h"
#include "ir/rules.h"
#include "loop/loop.h"

enum { MAX_AXES = 20 };
enum { MOST_PHASES = 4 }; /* of a strided window's adjoint, that code is made for one by one */

typedef struct Group { /* nests that share a kernel */
  Vec(int32_t) nest;
  int32_t rows;   /* leading axes of their shapes that are the kernel's outer loops */
  int32_t slim;   /* leading axes walked by vectors, the others unrolled (slim.c); 0: it isn't so */
  bool plain;     /* while groups are made: it may also be lowered nest by nest */
  int32_t kernel; /* its number */
} Group;

typedef struct Place { /* what is decided about one value */
  bool live, root;
  int32_t uses;  /* operand slots of live instructions that read it, outputs */
  float cost;    /* weighted operators to compute one element from stored values */
  int32_t nest;  /* that makes it, -1 */
  Buf buf;       /* storage, -1: none */
  Vec(Buf) also; /* outputs it is stored to as well */
  int32_t skip;  /* leading axes its storage leaves out: it is local to a row */
  Reg reg;       /* local to a row of no further extent: a register, -1 */
  bool outside;  /* wanted outside its nest */
  bool beyond;   /* wanted outside its kernel */
} Place;

/* ---- access.c: symbolic reads ---- */
typedef struct Form { /* off + sum coef[i] * (index of axis i of the domain) */
  Dim off;
  bool opaque; /* not affine (data-dependent, divided): the coefficients say which axes matter */
  Dim coef[MAX_AXES];
} Form;
typedef struct Access {
  Val leaf;    /* stored value read */
  bool linear; /* dim[0] is the form of the row-major element number, the dims aren't known */
  bool masked;
  int rank;
  Form *dim;
  Dim stride[MAX_AXES]; /* elements per step of each axis of the domain */
} Access;
typedef struct Analysis {
  int axes;
  Dim extent[MAX_AXES];
  Vec(Access) access;
  bool block[MAX_AXES]; /* the axis' index is itself looked at: it can't be merged with another */
  int lanes;            /* most lanes all types met can have */
  double ops;           /* weighted operators met */
  bool maps;            /* computes more than a read */
  Cx *cx;
} Analysis;

typedef struct Low Low;
typedef struct Copied { /* a copy of a contraction's operand in the order of its tiles */
  Val v;
  Buf buf;
  int32_t kernel; /* the number of kernels there were when it was made or last read */
  int64_t tile, count, ahead;
  int64_t stride[IR_MAX_RANK]; /* per dimension of v; of the one that tiles go along -1 - stride */
} Copied;
void analysis_begin(Low *lw, Analysis *an, const Shape *domain);
/* Adds what value v reads, wanted at the given forms (one per dimension of v). top: v itself is to
 * be computed even when it is a root. */
void analyse(Low *lw, Analysis *an, Val v, const Form *at, bool top);
/* v at the identity of the domain */
void analyse_identity(Low *lw, Analysis *an, Val v);
/* Axes i and i+1 can be walked as one of extent e_i * e_{i+1}, index i standing still. */
bool axes_merge(const Analysis *an, int i, int j);
/* The leading n dims of the leaf are read exactly at axes axis[0..n). */
bool access_row_identity(const Analysis *an, const Access *a, const int *axis, int n);
bool access_identity(const Analysis *an, const Access *a);
/* Both read the same at the same index of the domain. */
bool access_same(const Analysis *an, const Access *a, const Access *b);
/* Rough cost of a vector of reads along an axis. */
double access_lane_cost(const Access *a, int axis, int lanes);
/* The index stays inside an operand of that extent wherever the view is read. */
bool view_dim_inside(Cx *cx, const ViewDim *vd, const Shape *result, Dim extent);

typedef enum NestKind {
  NEST_MAP,
  NEST_FOLD,
  NEST_CONTRACT,
  NEST_SCATTER,
  NEST_COPY,
  NEST_CALL
} NestKind;
typedef struct Side { /* one expression a nest evaluates: an operand of an anchor, or a root */
  Val v;
  Val of; /* the anchor; 0: it is a root */
  Analysis an;
  int kept[MAX_AXES]; /* axis of the analysis that is axis d of the nest's shape */
} Side;
typedef struct Nest {
  NestKind kind;
  Val anchor;        /* the (first) fold, contraction or scatter; COPY: the value copied */
  int32_t copy_to;   /* COPY: number of the output, or -1: to stash */
  int32_t copy_from; /* COPY: nest whose stash it reads, -1: the value's own place */
  Buf stash;         /* COPY: a temporary */
  Shape shape;       /* of the roots */
  Vec(Val) root;     /* in the order they are computed, the anchor first */
  Vec(Side *) side;  /* the first is an operand of the anchor */
  Vec(int32_t) dep;  /* nests whose values it reads */
  Vec(int32_t) soft; /* nests that must be done before it overwrites their input in place */
  int32_t group;     /* number of its kernel */
  bool alone;        /* nothing joins it */
} Nest;

/* ---- value.c: emission ---- */
typedef struct AxisIx { /* index along one axis: ix + lane * l (+ dyn) */
  Ix ix;
  Dim lane;
  Ex dyn; /* i32 scalar or vector, 0: none */
} AxisIx;
typedef struct Point {
  int lanes;
  int64_t active; /* lanes that count; all of them where that is known at run time only */
  Ex vmask;       /* vector mask: active lanes and conditions that differ by lane, 0: all */
  Ex smask;       /* scalar condition for the whole point, 0: holds */
  bool by_lane;   /* vmask says more than `active` which lanes count */
} Point;
typedef struct Read { /* a value, and the masks it has heeded: it is 0 where they don't hold */
  Ex e;
  bool by_lane; /* the point's vmask, in the lanes that count */
  bool whole;   /* its smask */
} Read;
typedef struct Memo {
  Val v;
  int32_t next; /* older entry of the same value */
  Point pt;
  int rank;
  AxisIx *at;
  Read read; /* a register, or a literal */
} Memo;
typedef struct Inside { /* dimensions in which a view isn't read outside at present */
  const Ins *view;
  uint32_t dims;
} Inside;
typedef struct VarRange {
  Dim lo, hi; /* inclusive */
} VarRange;

struct Low {
  Cx *cx;
  Arena *arena;
  const Fn *f;
  LoopProgram *p;
  Place *place; /* per value */
  Vec(Nest) nest;
  Vec(Group) group;
  Vec(int32_t) order; /* nests in the order they run */
  bool *through_temp; /* per output: not made in place, but copied at the end */
  bool *stout;        /* per nest: not to be in a slim group */
  bool *stashed;      /* per output that is an input: copied to a temporary first */
  Update **update;    /* per value: it changes parts of an input in whose place it goes; or NULL */
  Vec(Copied) copied; /* contract_pack.c */
  /* of the kernel under construction */
  KernelMaker m;
  Vec(Memo) memo;
  int32_t *memo_head;  /* per value, -1 none */
  Vec(VarRange) range; /* per variable */
  Inside inside;
  int32_t rows; /* leading axes fixed by the outer loops */
  AxisIx row[IR_MAX_RANK];
  int32_t slim;      /* the group, where it is a slim one; -1 */
  bool may_parallel; /* the next loop opened is the outermost and worth sharing out */
};

/* ---- sizes that are names (named.c) ----
 * What is emitted is said in Dims and holds for every value of the names; what is decided is
 * decided for the value the target expects of them. */
double shape_expected(Cx *cx, const Shape *s); /* elements, in the same way */
int64_t low_number(const Low *lw, Dim d);
Ex ex_dim(Low *lw, DType t, int lanes, Dim d); /* an extent as a value */

Val low_base(const Low *lw, Val v); /* below reshapes */
/* The value whose storage a loop or branch is given for its operand k, and the element it begins
 * at: rows of a tensor are not copied. (The count and the condition begin where their storage
 * does.) */
Val low_operand(const Low *lw, const Ins *call, int k, Dim *from);
bool low_stored(const Low *lw, Val v); /* has storage or is an input (v not a reshape) */
static inline const Ins *low_ins(const Low *lw, Val v) { return &lw->f->ins.at[v]; }

Ex value_at(Low *lw, Val v, const AxisIx *at, Point pt);
Ex value_reg(Low *lw, Val v, const AxisIx *at, Point pt); /* in a register (or literal) */
Ex value_own(Low *lw, Val v, const AxisIx *at, Point pt); /* computed, though v has a place */
/* Where the first view at v or below it that has zeros around isn't read there; 0: always. */
Ex value_inside(Low *lw, Val v, const AxisIx *at, Point pt);
void value_bind(Low *lw, Val v, const AxisIx *at, Point pt, Ex reg); /* v there is this register */
/* operator.c: */
Ex low_map(Low *lw, Op op, DType result, const Ex *arg, int n); /* expands what needs it */
Ex low_map1(Low *lw, Op op, DType result, Ex a);
Ex low_map2(Low *lw, Op op, DType result, Ex a, Ex b);
Ex low_map3(Low *lw, Op op, DType result, Ex a, Ex b, Ex c);
Ex low_literal(Low *lw, DType t, int lanes, double v);
Ex low_cast(Low *lw, DType to, Ex a);
Ex ex_let(Low *lw, Ex value, Name hint); /* in a register, but for literals and what is in one */
DType ex_type(Low *lw, Ex e);
int ex_lanes(Low *lw, Ex e);
bool ex_same(Low *lw, Ex a, Ex b);
bool ex_is_literal(Low *lw, Ex e);
bool ex_never(Low *lw, Ex e); /* literally false */
bool ex_always(Low *lw, Ex e);
Ex mask_and(Low *lw, Ex a, Ex b); /* 0: all */
static inline Point point_scalar(void) { return (Point){.lanes = 1, .active = 1}; }

/* ---- lanes.c ---- */
/* v[0..n) are vectors, n at most their lanes; v[0..lanes) become the vectors of their lanes. */
void low_transpose(Low *lw, Ex *v, int n);
/* Loads of elements `lane` apart are better made of whole vectors. */
bool low_strided(Dim lane, int lanes, DType t);
Ex low_load_strided(Low *lw, Buf buf, Ix ix, int lanes, int64_t lane, Ex dyn, int64_t active,
                    Ex smask);

/* Blocks with the memo's scope. */
Block *low_enter(Low *lw, Block *inner, int32_t *mark);
void low_leave(Low *lw, Block *outer, int32_t mark);
/* Opens a loop over lo <= var < hi; returns its variable. */
typedef struct LoopMark {
  Block *outer;
  int32_t memo;
} LoopMark;
Var low_for(Low *lw, ForKind kind, const char *name, Dim lo, Dim hi, int64_t step, LoopMark *mark);
void low_end(Low *lw, LoopMark mark);
static inline AxisIx axis_number(Dim i) { return (AxisIx){.ix = {.off = i}}; }
AxisIx axis_var(Low *lw, Var v);
AxisIx axis_plus(Low *lw, AxisIx a, Dim by);
AxisIx axis_add(Low *lw, AxisIx a, const AxisIx *b, Dim by); /* a + b * by */
bool axis_varies(Low *lw, const AxisIx *a);                  /* by lane */
/* The index as a number of 32 bits; scalar where it doesn't vary by lane. */
Ex axis_value(Low *lw, const AxisIx *a, int lanes);
/* False where the sign of a coefficient isn't known. */
bool axis_range(Low *lw, const AxisIx *a, Point pt, Dim *lo, Dim *hi);

/* ---- lower.c ---- */
/* Walks the indices 0..extent of an axis by vectors; body is called with the axis' index and point
 * for whole vectors (in a loop) and for the masked tail. */
typedef void (*VectorBody)(Low *lw, void *arg, AxisIx ix, Point pt);
void low_vectors(Low *lw, Dim extent, int lanes, double ops, VectorBody body, void *arg);
/* Stores the roots of n (but the first `from`) at a point, all computed before any is stored. */
void low_store_roots(Low *lw, Nest *n, const AxisIx *at, Point pt);
void low_store_root(Low *lw, Val v, const AxisIx *at, Point pt, Ex value); /* one of them */
/* Row-major element number of index at in the storage of v. */
Ix low_linear(Low *lw, const Shape *s, int skip, const AxisIx *at, Dim *lane, Ex *dyn);
KernelMaker low_kernel(Low *lw, Name name, Span span); /* a new kernel at the program's end */
Buf low_buffer(Low *lw, Name name, BufKind kind, DType type, Dim count);

typedef struct LoopAxis { /* an axis the nest itself walks */
  int axis;
  Dim extent; /* after merging; the axes merged into it stand at 0 */
} LoopAxis;
/* The axes of the nest's shape from `from` on that have more than one index, merged where all its
 * reads allow. */
int nest_axes(Cx *cx, const Nest *n, int from, LoopAxis *out);
/* pieces.c: the parts an axis of an elementwise nest is walked in. */
typedef struct Pieces {
  int n;
  Dim at[33];     /* [i] to [i + 1] */
  double ops[32]; /* operators of each */
} Pieces;
/* at: the indices of the axes walked outside of it. */
Pieces axis_pieces(Low *lw, const Nest *n, const AxisIx *at, LoopAxis axis, int lanes);
/* The least and the greatest of the integers that v is at a point; false: not known. */
bool value_range(Low *lw, Val v, const AxisIx *at, Point pt, Dim *lo, Dim *hi);
/* What the comparison of integers gives in all lanes that count; -1: not known. */
int known_comparison(Low *lw, const Ins *in, const AxisIx *at, Point pt);
int nest_lanes(const Nest *n);
double nest_ops(const Nest *n);
/* The block's statements from `start` on, parts that end before end[i], in turn (interleave.c). */
void st_interleave(KernelMaker *m, int start, const int *end, int n);
/* The kind the next loop should have: parallel when it is the kernel's outermost and worth it. The
 * caller must make it the only statement there. */
ForKind low_outermost(Low *lw);
bool low_worth_sharing(const Low *lw, double flops, double bytes); /* so much work, by workers */
/* How much longer than a perfect share of equal pieces the longest takes. */
double low_unevenness(double pieces, int workers);
int lanes_for(int lanes, Dim extent); /* no more than the extent needs; all for a named one */

/* first_term.c: sums that begin with 0 begin with what is added to it. */
void low_first_terms(Low *lw, Kernel *k);
/* share.c: registers that hold the same, or that nothing is made of. */
void low_share(Low *lw, Kernel *k);
/* gather_once.c: elements that lie apart are fetched once in a block. */
void low_gather_once(Low *lw, Kernel *k);
void lower_map(Low *lw, Nest *n);
void lower_fold(Low *lw, Nest *n);
void lower_contract(Low *lw, Nest *n);
void lower_scatter(Low *lw, Nest *n);
void lower_call(Low *lw, Nest *n); /* a loop or branch: the kernel becomes a call of its bodies */
void call_uses(const Call *c, void (*use)(void *arg, Buf b), void *arg);
/* reduce.c, reduce_plan.c: */
int nest_folds(const Nest *n); /* its reductions */
/* s, the operand of fold v, may be reduced in the loops of fold nest n. */
bool fold_joins(Low *lw, const Nest *n, Val v, Side *s);
/* True when the fold is best vectorised along a kept axis among the first rows. */
bool fold_wants_row_axis(Low *lw, Val fold, int rows);
/* Vector operations, in the better form, its leading `rows` axes being loops outside of it. */
double fold_cost(Low *lw, const Nest *n, int rows);
double fold_identity(const Ins *fold);
Ex fold_step(Low *lw, Op fold, Ex acc, Ex x);

/* ---- triangle.c ---- */
typedef struct Ends { /* from <= index < to, i64 values; 0: as the axis */
  Ex from, to;
} Ends;
typedef struct Triangle { /* conditions on indices without which a fold's operand adds nothing */
  int n;
  Val cond[4];
  bool want[4];
  Boxes boxes; /* outside of which nothing is added */
} Triangle;
typedef struct Along { /* indices from .. from + more of an axis of the operand */
  int axis;
  AxisIx from;
  Dim more;
} Along;
Triangle triangle_of(const Low *lw, const Ins *fold, Val operand);
/* Between which indices of an axis of the operand anything is added, the other axes being at `in`;
 * by_lane: the axis along which vectors lie, -1. The beginning is a multiple of step. */
Ends triangle_ends(Low *lw, const Triangle *t, const AxisIx *in, int axis, int by_lane, Dim extent,
                   int64_t step);
/* Whether anything of a block adds to the fold, the other axes being at `in`; 0: it is to be taken
 * for granted. */
Ex triangle_there(Low *lw, const Triangle *t, const AxisIx *in, const Along *along, int n);

/* contract_guards.c: how many i of 0 .. all there are with 0 <= e + coef * i < extent for an e from
 * lo to hi. */
int64_t terms_inside(int64_t coef, int64_t all, int64_t extent, int64_t lo, int64_t hi);

/* ---- slim.c ---- */
bool slim_nest(Low *lw, const Nest *n, int rows); /* could be in a slim group with that many rows */
int slim_rows(Low *lw, const Nest *n);            /* the most rows with which it could; 0: none */
bool slim_join(Low *lw, const Group *g, const Nest *n); /* the group may take it */
bool slim_pays(Low *lw, const Group *g);                /* against nest by nest */
bool slim_holds(const Low *lw, Val v); /* v belongs to the slim group being lowered */
Ex slim_anchor(Low *lw, Val v, const AxisIx *at, Point pt); /* a reduction or contraction of it */
void lower_slim(Low *lw, Group *g);

/* ---- stay.c ---- */
/* Per carried value of the loop: every step leaves it as it is but for parts that it replaces, or
 * only adds to it. */
bool *carried_that_stay(Cx *cx, const Loop *l, const Target *t);
/* v is what a loop makes of carried value arg, which stays in its place, and the loop is given arg
 * once. */
bool part_stays(const Fn *f, Val v, Val arg, const Target *t);
/* Per result of the branch: the input that both bodies may replace where it lies; -1. */
int *branch_inputs(const Ins *call, const Target *t);
/* Outputs 0 .. n - 1 alias these inputs (-1: none). */
Fn *body_in_place(const Fn *body, const int *input, int n);

/* ---- update.c ---- */
/* What the limit compares its index with, the axes further out standing at `at`. */
Ex limit_right(Low *lw, const Limit *l, const AxisIx *at);
void limit_ends(Low *lw, const Limit *l, Ex right, Dim extent, Ends *e);
/* The values of rank 0 that decide, each looked at once, here. */
void look_at_scalars(Low *lw, const Boxes *boxes);
/* The last statement of `outer`, a loop that was just opened, goes from e.from to e.to only. */
void low_between(Block *outer, Ends e);
void find_updates(Low *lw);
bool lower_update(Low *lw, const Nest *n); /* false: the nest is no update in place */
bool update_by_parts(const Update *u);     /* little enough changes to be made apart and copied */
bool update_small(const Fn *f, Val v, const Target *t);

/* lower.c: per output of f that is to replace an input where that lies: whether it would, without
 * being made elsewhere first. */
bool *outputs_in_place(const Fn *f, const Target *t);
Fn *loop_prepare(const Fn *f); /* prepare.c */
/* prepare_check.c: f without `bounded`. Where something is checked it has one output more, and the
 * list isn't empty. */
const Fn *prepare_checks(const Fn *f, IndexChecks *list);
/* A program whose indices need no check, or whose last output is the finding of those listed. */
LoopProgram *lower_program(const Fn *f, const Target *t, const IndexChecks *checks);
enum { INDEX_BITS = 40 }; /* of a finding: the index; above it the number of the check */
void group_values(Low *lw);
void fuse_nests(Low *lw);
bool nest_reads(const Nest *n, Val v);
/* The nest reads v only where it stores: it may store in v's place. */
bool reads_in_place(const Nest *n, Val v);
void share_places(Low *lw); /* inplace.c */
void plan_memory(Low *lw);
void plan_named_memory(Low *lw,
                       Dim (*bytes_of)(const LoopProgram *p, const Buffer *b)); /* named.c */

#endif
