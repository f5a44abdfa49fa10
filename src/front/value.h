/* value.h: what an expression means while it is being checked.
 *
 * A value is known at compile time (integers, sizes, floats, truth values, functions, strings,
 * tuples), or it is a tensor of the function under construction. A tensor may depend on labels of
 * index notation: its SSA shape then begins with one axis per label, and only the axes after those
 * (the trailing ones) are visible to the program. Every operation on tensors keeps to that, so
 * calling any function with labelled arguments batches it. */
#ifndef GRADC_VALUE_H
#define GRADC_VALUE_H

#include "base/diag.h"
#include "front/ast.h"
#include "ir/build.h"

typedef struct Value Value;
typedef struct Unit Unit; /* an SSA function under construction (check.h) */

typedef enum ValueKind {
  V_POISON, /* an error was reported; silent from here on */
  V_INT,    /* untyped integer, a number */
  V_SIZE,   /* untyped integer, an expression over named sizes */
  V_FLOAT,  /* untyped float */
  V_BOOL,   /* a truth value known at compile time */
  V_WEAK,   /* untyped expression that is no number yet: 1/N, if c then 1 else 0 */
  V_AFFINE, /* a sum of labels and sizes; becomes an i32 tensor where a number is asked for */
  V_TENSOR,
  V_TUPLE,
  V_FN,
  V_STRING,
} ValueKind;

typedef struct Label {
  Name name;
  Span span;
  int32_t order;     /* outer labels have smaller numbers */
  bool known, given; /* given: the range was written down */
  bool partly;    /* of a loop that ends where variables of loops around it say: no step is sure */
  Dim lo, extent; /* values lo .. lo + extent - 1 */
  Span why;       /* the use that fixed the range */
  Name why_name;  /* the tensor used there */
  const struct End *first, *end; /* its own range, where that depends on labels around: lo and
                                    extent hold all of them. NULL: it doesn't */
  const struct Affine *shift;    /* the label is this much more than a counter 0..extent */
  Unit *loop; /* the variable of a loop: the body, whose input `index` is the value - lo */
  Val index;
} Label;

typedef struct Labels { /* ascending order */
  int32_t n;
  Label *at[IR_MAX_RANK];
} Labels;

typedef struct AffineTerm {
  Label *label;
  Dim coef;
} AffineTerm;
typedef struct Affine { /* (off + sum coef * label) / den; den is 1 except below inside() */
  Dim off;
  int64_t den;
  int32_t n;
  AffineTerm term[IR_MAX_RANK]; /* ascending order of labels, no coefficient 0 */
} Affine;

typedef enum DerivMode {
  DERIV_GRAD,
  DERIV_VALUE_AND_GRAD,
  DERIV_JVP,
  DERIV_VJP,
  DERIV_HVP,
  DERIV_JACOBIAN,
  DERIV_HESSIAN,
  DERIV_VMAP, /* no derivative, but a function made from one likewise: wrt is what it maps over */
} DerivMode;
typedef enum DerivWay { WAY_CHEAPER, WAY_FORWARD, WAY_REVERSE } DerivWay;
typedef struct Wrt { /* an argument or parameter, or a layer's instance: all its parameters */
  Name name;
  bool group;
} Wrt;
typedef enum FnKind {
  FN_DECL, /* a function, or an instance of a layer */
  FN_BUILTIN,
  FN_MAP,
  FN_CAST,
  FN_DERIV,
  FN_LAYER,  /* a layer as declared; called with its sizes by `let` alone */
  FN_LAYERS, /* an array of instances */
} FnKind;
typedef struct Instance Instance; /* check.h */
typedef struct Builtin Builtin;
typedef struct FnValue FnValue;
struct FnValue {
  FnKind kind;
  Name name;
  const Node *node;         /* FN_DECL: the FN; FN_LAYER: the LAYER */
  const Instance *instance; /* of a layer, or NULL */
  const Value *at;          /* which elements of the arrays around it, outermost first */
  int32_t nat;
  const Node *rule[2];   /* FN_DECL: the RULEs of its adjoint and its tangent, or NULL */
  const FnValue *run[2]; /* the same as functions: arguments, then (adjoint) results and cotangents,
                            (tangent) tangents and results */
  int32_t round[2];      /* of front_declare */
  bool plain;            /* called without them: the function itself */
  bool prelude;
  bool broken; /* its declaration has an error that was reported: calls are silent */
  const Builtin *builtin;
  Op op;      /* FN_MAP */
  DType type; /* FN_CAST */
  DerivMode mode;
  const FnValue *of;
  DerivWay way;
  int32_t axes; /* vmap: how many */
  Vec(Wrt) wrt; /* empty: the default */
  Span span;    /* of the derivative expression */
};

typedef struct Weak Weak;
struct Value {
  ValueKind kind;
  bool is_float; /* V_WEAK */
  Name name;     /* what the source calls it, or NULL */
  Span decl;     /* where that name was declared */
  union {
    int64_t i;
    Dim size;
    double f;
    bool truth;
    const Weak *weak;
    const Affine *affine;
    struct {
      Val val;
      const Labels *labels; /* NULL: none */
    } t;
    struct {
      Value *item;
      int32_t n;
    } tuple;
    const FnValue *fn;
    Name text;
  } u;
};
typedef enum WeakKind {
  WEAK_MAP,       /* op of untyped values; a select's condition is a tensor or known */
  WEAK_BROADCAST, /* arg[0] at a shape */
  WEAK_STACK,     /* [a, b, c] of untyped values */
  WEAK_VARIABLE,  /* carried by a loop that is checked to find its type (check_loop.c) */
} WeakKind;
struct Weak {
  WeakKind kind;
  Op op;
  int32_t n;
  const Value *arg;
  const Span *arg_span; /* NULL: all of them are at span */
  Shape shape;
  Span span;
  Unit *unit; /* WEAK_VARIABLE: the body, and the labels it depends on */
  const Labels *labels;
};

typedef struct Var { /* what a `var` declares: one for all its values */
  Name name;
  Span span;
  int32_t order; /* of declaration */
} Var;

typedef struct Scope
    Scope; /* immutable chain of local names, innermost first; an assignment adds */
struct Scope {
  Scope *up;
  Name name;
  Value value;
  Span span;
  Unit *unit;     /* the function that the value is of */
  const Var *var; /* NULL: the name keeps its value */
};

/* ---- making values ---- */
static inline Value value_poison(void) { return (Value){.kind = V_POISON}; }
static inline Value value_int(int64_t i) { return (Value){.kind = V_INT, .u.i = i}; }
static inline Value value_float(double f) { return (Value){.kind = V_FLOAT, .u.f = f}; }
static inline Value value_bool(bool t) { return (Value){.kind = V_BOOL, .u.truth = t}; }
static inline Value value_size(Dim d) {
  return dim_is_number(d) ? value_int(d) : (Value){.kind = V_SIZE, .u.size = d};
}
Value value_tuple(Cx *cx, const Value *items, int n);
static inline Value value_fn(const FnValue *f) { return (Value){.kind = V_FN, .u.fn = f}; }
static inline Value value_tensor(Val v, const Labels *labels) {
  return (Value){.kind = V_TENSOR, .u.t = {v, labels && labels->n ? labels : NULL}};
}
Value value_affine(Cx *cx, const Affine *a); /* a plain number or size where there is no label */

/* ---- asking ---- */
static inline bool value_is_tensor(const Value *v) { return v->kind == V_TENSOR; }
bool affine_is_loop(const Affine *a); /* of loop variables only: no axis comes with it */
/* A loop variable, or a sum of them: an integer that is known at run time, and adapts like one. */
static inline bool value_is_loop_number(const Value *v) {
  return v->kind == V_AFFINE && affine_is_loop(v->u.affine);
}
static inline bool value_is_integer(const Value *v) {
  return v->kind == V_INT || v->kind == V_SIZE;
}
/* A number that takes the element type its surroundings ask for. */
static inline bool value_is_untyped(const Value *v) {
  return value_is_integer(v) || v->kind == V_FLOAT || v->kind == V_WEAK || value_is_loop_number(v);
}
/* Integers and sizes that can be an extent, index or offset. */
bool value_dim(const Value *v, Dim *out);
bool value_has_tensor(const Value *v); /* anything of the function under construction inside? */
const Labels *value_labels(const Value *v);          /* of a tensor; never NULL */
const Labels *labels_within(Cx *cx, const Value *v); /* of any value, whatever depends on them */
/* The shape after the labels. */
Shape tensor_shape(const Builder *b, const Value *v);
int tensor_rank(const Builder *b, const Value *v);
/* In words, for messages: "f32[N, 3]", "the integer 3", "a function". */
const char *value_text(Cx *cx, const Builder *b, const Value *v);

/* ---- labels ---- */
extern const Labels no_labels;
const Labels *labels_union(Cx *cx, const Labels *a, const Labels *b);
bool labels_equal(const Labels *a, const Labels *b);
int labels_find(const Labels *l, const Label *label); /* position or -1 */
bool labels_overlap(const Labels *a, const Labels *b);

/* ---- affine arithmetic: false where the result isn't affine ---- */
bool affine_of_value(const Value *v, Affine *out); /* V_AFFINE, V_INT, V_SIZE */
/* The terms that are labels of index notation, as labels: loop variables are none. */
const Labels *affine_labels(Cx *cx, const Affine *a);
bool affine_binary(Cx *cx, Op op, const Affine *a, const Affine *b, Affine *out);

#endif
