/* ir.h: the tensor SSA, what a gradc program is between the parser and the loops.
 *
 * The laws (verify.c checks them):
 *  1 a function is an array of instructions; operands have smaller numbers
 *  2 one result per instruction, with element type and shape (instructions with bodies have
 *    several results, each taken out by a `part`)
 *  3 no mutation, views or aliases; storage does not exist here
 *  4 broadcasting is an instruction (view); operands of a MAP have equal shapes
 *  5 only the builder (build.h) makes instructions; it checks shapes, folds constants and
 *    identities, and gives equal instructions the same number
 *  6 in a contraction every label is in at least two of (a, b, out), once each */
#ifndef GRADC_IR_H
#define GRADC_IR_H

#include "base/base.h"
#include "ir/size.h"

/* ---- element types ---- */
typedef enum TypeClass { CLASS_BOOL, CLASS_INT, CLASS_FLOAT } TypeClass;
typedef enum DType {
#define DTYPE(name, word, ctype, bytes, class) T_##name,
#include "ir/types.def"
#undef DTYPE
  DTYPE_COUNT,
  T_BUNDLE = DTYPE_COUNT /* the results of an instruction with a body; only `part` reads it */
} DType;
typedef struct TypeInfo {
  const char *word;
  int bytes;
  TypeClass class;
} TypeInfo;
extern const TypeInfo type_info[DTYPE_COUNT];
static inline bool type_is_float(DType t) { return t == T_F32 || t == T_F64; }
static inline bool type_is_int(DType t) { return t == T_U8 || t == T_I32 || t == T_I64; }
bool type_find(const char *word, DType *out);

/* ---- operators ---- */
typedef enum OpKind { KIND_MAP, KIND_FOLD, KIND_MOVE, KIND_DOT, KIND_LOOP, KIND_LEAF } OpKind;

typedef enum Typing {
  TY_NUM,       /* integer or float operands of one type, result the same */
  TY_FLOAT,     /* floats only */
  TY_INT,       /* integers only */
  TY_ORD,       /* bool, integer or float of one type, result the same */
  TY_COMPARE,   /* any one type, result bool */
  TY_LOGIC,     /* bool */
  TY_SELECT,    /* (bool, t, t) -> t */
  TY_CAST,      /* t -> the instruction's type */
  TY_SAME,      /* any t -> t */
  TY_BITS,      /* f32 -> i32, f64 -> i64 */
  TY_FROM_BITS, /* i32 -> f32, i64 -> f64 */
} Typing;

typedef enum Accuracy { EXACT, ROUNDED, APPROX } Accuracy; /* see ops.def */
typedef enum Smoothness { SMOOTH, KINKS } Smoothness;

typedef enum Op {
#define MAP(name, ...)  OP_##name,
#define FOLD(name, ...) OP_##name,
#define MOVE(name, ...) OP_##name,
#define DOT(name, ...)  OP_##name,
#define LOOP(name, ...) OP_##name,
#define LEAF(name, ...) OP_##name,
#include "ir/ops.def"
#undef MAP
#undef FOLD
#undef MOVE
#undef DOT
#undef LOOP
#undef LEAF
  OP_COUNT
} Op;

#define LINEAR_CAST "cast" /* the partial of cast: dy cast back to the operand's type */

typedef struct OpInfo {
  const char *name;
  OpKind kind;
  int arity; /* MAP: 1..3; FOLD, view, reshape: 1; contract: 2; others: varies, -1 */
  Typing typing;
  Accuracy accuracy;      /* MAP, FOLD */
  Smoothness smoothness;  /* likewise */
  int weight;             /* rough cost of one element: an addition is 1 */
  const char *symbol;     /* "" for a function call */
  const char *partial[3]; /* MAP: one per operand; FOLD: [0]; NULL where there is none */
  const char *value;      /* MAP, FOLD: the C text of its value on floats, for documentation */
  const char *doc;
} OpInfo;
extern const OpInfo op_info[OP_COUNT];
bool op_find(const char *name, Op *out);
Op op_opposite(Op comparison); /* not (a op b) is a opposite(op) b */
Op op_turned(Op comparison);   /* a op b is b turned(op) a */
static inline OpKind op_kind(Op op) { return op_info[op].kind; }
static inline double op_weight(Op op) { return op_info[op].weight; }

/* ---- shapes ---- */
enum { IR_MAX_RANK = 12 };
typedef struct Shape {
  int32_t rank;
  Dim dim[IR_MAX_RANK];
} Shape;
bool shape_eq(const Shape *a, const Shape *b);
Dim shape_count(Cx *cx, const Shape *s); /* product of the extents */
/* For every axis d of `from`: the run of axes of `to` whose row-major index is the index of d.
 * False when some axis of `to` covers several axes of `from`. */
bool reshape_split(Cx *cx, const Shape *from, const Shape *to, int8_t *first, int8_t *count);
Shape shape_join(Cx *cx, const Shape *a, const Shape *b); /* the axes of a, then those of b */
bool shape_is_numbers(const Shape *s);
bool shape_is_empty(const Shape *s); /* some extent is the number 0: there are no elements */
void shape_print(Cx *cx, const Shape *s, Text *out);         /* "[N, 64]" */
void type_print(Cx *cx, DType t, const Shape *s, Text *out); /* "f32[N, 64]", "f32" */
const char *type_text(Cx *cx, DType t, const Shape *s);      /* the same, in the context's arena */

/* ---- attributes ---- */
/* One dimension of a view's operand is read at (off + sum_k coef_k * i_label_k) / den. */
typedef struct ViewTerm {
  int32_t label; /* axis of the result */
  Dim coef;
} ViewTerm;
typedef struct ViewDim {
  Dim off;
  int64_t den; /* >= 1; where it doesn't divide, the element is 0 */
  int32_t n;
  const ViewTerm *term; /* ascending labels, no coefficient 0 */
} ViewDim;
typedef struct View {
  int32_t rank;       /* of the operand */
  const ViewDim *dim; /* one per operand dimension */
  bool exact;         /* every index is known to be inside and divisible: no element is a fill */
  bool claim;         /* the source says the reads stay inside, but the sizes aren't known yet:
                         pass_bind_sizes reports where that proves wrong */
} View;

typedef struct Contract { /* labels are 0..nlabels-1, numbered as met in a, then b; each at most
                             once per tensor */
  int32_t nlabels, nout;  /* nout: rank of the result */
  int32_t skips; /* not 0: a term for which an operand, a view, is read outside isn't in the sum,
                    where it else would be 0 times the other factor. Made by the lowering alone */
  uint8_t a[IR_MAX_RANK], b[IR_MAX_RANK],
      out[IR_MAX_RANK]; /* one per dimension, 0 beyond the rank */
} Contract;

typedef struct Gather {
  int32_t naxes; /* operands of gather: a, then one index tensor (i32/i64, equal shapes) */
  int32_t axis[IR_MAX_RANK]; /* per axis, ascending.  Result: shape of the indices, then the other
                                axes */
  Shape full;                /* scatter: shape of the result */
} Gather;

typedef struct Fn Fn;
/* Of vjp, jvp, vmap and call; fn's inputs are the first operands. All inputs are arguments: what a
 * body knows of the outside it is given.
 *   vjp   wrt: differentiated for. More operands: a cotangent per float output
 *   jvp   the same. More operands: a tangent per wrt input
 *   vmap  wrt: mapped, one element per index of `lead`, whose axes these operands have in front.
 *         All results have them
 *   call  wrt is empty. The rules stand for the derivative of fn, where there are any:
 *         adjoint: inputs of fn, its outputs, a cotangent per float output -> an adjoint per float
 * input tangent: inputs of fn, a tangent per float input, fn's outputs   -> a tangent per float
 * output again: the way back computes fn's values again instead of keeping them */
typedef struct Body {
  Fn *fn;
  uint64_t *wrt; /* bit i set: input i */
  int32_t nwrt;  /* how many bits are set */
  int32_t nparts;
  Shape lead;
  Fn *adjoint, *tangent;
  bool again;
} Body;
enum { IR_MAX_BODIES = 3 };

/* A loop. Operands: the count (counted only, i64), the carried values' starts, the scanned tensors
 * (each with a first axis of extent trip), the captured values.
 * Inputs of the body: the iteration's index i (i64), the carried values, the slices at i of the
 * scanned tensors, the captured values. Outputs: the new carried values, then the collected ones.
 * Parts: the carried values in the end; the collected values, stacked along a first axis of extent
 * trip (zeros for iterations that did not happen); with a condition, the number of iterations done
 * (i64).
 *
 *   n = counted ? min(count, trip) : trip
 *   for it in 0..n: i = reverse ? n-1-it : it;  if (cond && !cond(i, carried, captured)) break;
 * body */
typedef struct Loop {
  Fn *body;
  Fn *cond; /* (i, carried, captured) -> bool; NULL: none */
  Dim trip;
  int32_t ncarry, nscan, ncollect;
  bool counted, reverse;
  double typical; /* counted: how many steps there are on average, for estimates; 0: trip */
} Loop;

/* Operands: the condition (bool, rank 0), then the captured values, which are the inputs of both
 * bodies; their outputs agree in type and shape and are the parts. */
typedef struct Branch {
  Fn *then, *other;
} Branch;

/* ---- instructions and functions ---- */
typedef enum Derived {
  DERIVED_NOT,
  DERIVED_TANGENT,
  DERIVED_ADJOINT
} Derived; /* which pass made it */

typedef int32_t Val; /* number of an instruction; 0 is "no value" */

typedef struct Ins {
  uint8_t op;   /* Op */
  uint8_t type; /* DType of the result */
  uint16_t nargs;
  int32_t hash_next; /* builder's */
  Val *arg;
  Shape shape;
  union {
    double f;      /* const of a float type */
    int64_t i;     /* const of other types; arg: number of the input; part: number of the result */
    Dim size;      /* size */
    uint32_t axes; /* FOLD: bit set of folded axes */
    const View *view;
    const Contract *contract;
    const Gather *gather; /* gather, scatter */
    const Body *body;     /* vjp, jvp, vmap, call */
    const Loop *loop;
    const Branch *branch;
  } u;
  Span span; /* the source this came from */
  Name
      hint; /* the name the source gave the value, or NULL; d_x for an adjoint, t_x for a tangent */
  uint8_t derived; /* Derived */
} Ins;

/* PARAM, STATE: what the program declares as such; SLOT: a tensor of the optimiser's; SEED: a
 * cotangent or tangent, a step's scalar. */
typedef enum InputRole { ROLE_ARG, ROLE_PARAM, ROLE_STATE, ROLE_SLOT, ROLE_SEED } InputRole;
typedef struct Input {
  Name name;
  DType type;
  Shape shape;
  InputRole role;
  Span span;
  Val val;
} Input;
/* Kept between calls: in the struct of parameters, in files. */
static inline bool input_is_kept(const Input *in) {
  return in->role == ROLE_PARAM || in->role == ROLE_STATE;
}
typedef struct Output {
  Name name; /* may be NULL */
  Val val;
  int32_t alias; /* number of the input whose storage the caller passes for it as well, or -1 */
} Output;

struct Fn {
  Cx *cx;
  Name name;
  Span span;
  Vec(Ins) ins; /* ins.at[0] is OP_none */
  Vec(Input) in;
  Vec(Output) out;
  const char
      *nest; /* how the source groups the outputs: "(.(..))", a dot for each; NULL: not at all */
};

static inline const Ins *fn_ins(const Fn *f, Val v) { return &f->ins.at[v]; }
static inline bool ins_is_const(const Ins *i) { return i->op == OP_const; }
double ins_const_value(const Ins *i);          /* of OP_const, whatever its type */
bool ins_is_splat(const Ins *i, double value); /* const with that value at any shape */
/* Result k of an instruction with a body: type and shape; false where it has no such result. */
bool ins_part(Cx *cx, const Ins *bundle, int64_t k, DType *type, Shape *shape);
int ins_part_count(const Ins *bundle);
int ins_bodies(const Ins *bundle,
               const Fn **body); /* its bodies, up to IR_MAX_BODIES; returns how many */
bool body_wrt(const Body *body,
              int input); /* whether the body is differentiated or mapped for that input */
int fn_float_inputs(const Fn *f);
int fn_float_outputs(const Fn *f);
int fn_input(const Fn *f, Name name); /* number of the input, or -1 */
bool fn_uses_input(const Fn *f, int i);
/* The names in its inputs' extents are added to out, each once, in the order of the inputs. */
void fn_size_names(const Fn *f, SizeBindings *out);

/* ---- helpers named in ops.def ---- */
#define IR_INT_MIN INT64_MIN /* narrowed to the type by who uses it */
#define IR_INT_MAX INT64_MAX

/* ---- other files of the layer ---- */
/* verify.c: checks the laws; NULL when they hold, else what is wrong (in the context's arena). */
const char *ir_verify(const Fn *f);
/* dump.c: the plain numbered form for people and goldens: "%7 f32[N, 64] = mul %3 %5". */
void ir_dump(const Fn *f, Text *out);
/* The attributes of one instruction of f as the dump writes them; nothing where it has none. */
void ir_attr_print(const Fn *f, const Ins *in, Text *out);
/* equal.c: the same program up to numbering; names and hints don't count. */
bool ir_equal(const Fn *f, const Fn *g);
/* linear.c: whether all outputs of f are linear in the inputs from..to; else the instruction that
 * isn't, NULL where an output just doesn't depend on them. */
bool ir_is_linear(const Fn *f, int from, int to, const Ins **culprit);
/* print.c: the function as .nn source that parses back to the same function. */
void ir_print_nn(const Fn *f, Text *out);
/* The same; lines: with comments that show the lines of the source it came from. */
void ir_print_lines(const Fn *f, Text *out, bool lines);

#endif
