/* check.h: the checker's state and the functions its files share. In: syntax (ast.h) and values;
 * out: values, and instructions in the builder of the function under construction. */
#ifndef GRADC_CHECK_H
#define GRADC_CHECK_H

#include "front/habits.h"
#include "front/front.h"
#include "front/value.h"

enum {
  MAX_CALL_DEPTH = 256,
  MAX_EVAL_DEPTH = 3000, /* nested expressions, all calls together: bounds the C stack */
  MAX_CALLS = 200000,    /* inlined calls in one function */
  MAX_ARGS = 64,
};

typedef enum DeclState { DECL_FRESH, DECL_BUSY, DECL_DONE, DECL_FAILED } DeclState;
typedef struct Decl { /* one declaration of a file or of the prelude */
  Name name;
  const Node
      *node; /* PARAM, CONST, FN, LAYER, LET or TEST; NULL when replaced by one of another kind */
  const FnValue *owner; /* PARAM: the layer's instance it belongs to, or NULL */
  bool prelude;
  int round; /* which call of front_declare made it: one file and what it imports */
  DeclState state;
  Value value;     /* CONST, when known at compile time; LET */
  ParamInfo param; /* PARAM, when DECL_DONE */
  FnValue *fn;
} Decl;

typedef struct Member { /* a parameter of an instance, or an instance inside */
  Name name;
  const Node *node; /* the statement */
  Decl *param;      /* or NULL */
  Value value;
} Member;
struct Instance {     /* of a layer */
  const Instance *up; /* the one it is a part of */
  const FnValue *layer;
  Span made;          /* the `name(sizes)` that made it */
  Name path, pattern; /* blocks.up, blocks.*.up: where the numbers go that say which of an array */
  Scope *scope;       /* the layer's sizes */
  int32_t nlead;      /* arrays it is in, itself or with those it is a part of */
  Dim lead[IR_MAX_RANK];
  Vec(Member) members;
};

typedef struct DeclMap { /* open addressing, keyed by the interned name */
  int32_t *slot;         /* number of the declaration + 1 */
  int32_t cap, n;
} DeclMap;

/* The user's own functions and parameters, in their order; made anew when it is asked for and
 * declarations came or went since. */
typedef Vec(Decl *) DeclList;
typedef struct DeclLists {
  DeclList fn, param;
  int64_t version;
} DeclLists;

struct Program {
  Cx *cx;
  Vec(Decl *) decls;
  int64_t version; /* of decls: another one after each change */
  DeclLists own;
  DeclMap user, prelude;
  Vec(const Node *) tests;
  SizeBindings defines; /* numbers from outside, for constants and sizes */
  int round;
  int instances; /* of layers, made so far */
  bool holes;    /* a declaration was lost to a syntax error: nobody knows what names it had */
  bool required; /* a `require` was met whose condition wasn't known yet */
  Requirements *asked; /* where such conditions over sizes go; NULL: nobody asks for them */
  bool rules;          /* texts of the op table: total and product are known */
};

typedef struct UnitParam {
  Decl *decl;
  Value value, outer; /* outer: the same parameter in the unit around this one */
} UnitParam;
typedef struct UnitConst {
  const Decl *decl;
  Value value;
} UnitConst;
typedef struct Capture { /* a value of the function around, as an input of a loop's or branch's body
                          */
  Val outer, inner;
  int32_t number; /* of the input */
  bool scan;      /* inner is the slice of outer at the loop's index */
} Capture;
typedef struct UnitState { /* what a state has come to here */
  Name name; /* its own, or that of an element that a loop around the function picks */
  Decl *decl;
  const FnValue *layer; /* that element, as far as they pick it; else NULL */
  Value value;
  bool assigned; /* else it is as a loop's body gets it */
  Span at;
} UnitState;
typedef struct LoopBody LoopBody; /* check_loop.c */
struct Unit {                     /* one SSA function under construction */
  Unit *up;
  Builder *b;
  Vec(UnitParam) params;
  Vec(UnitConst) consts;
  const Labels *batch;  /* labels that parameters differentiated here must carry */
  const FnValue *deriv; /* the derivative whose body this is, or NULL */
  bool region;          /* the body of a loop or branch: it sees the names around it */
  Label *label; /* the variable of the loop whose body this is, where its slices may be scanned */
  LoopBody *loop;
  Vec(UnitState) states; /* assigned here, or carried by the loop whose body this is */
  int choices;           /* blocks around, of this unit, that are chosen per label */
  Vec(Capture) captures;
};

typedef struct Arg { /* of a call */
  Name name;         /* NULL: positional */
  Span span;
  Value value;
} Arg;
typedef struct Call {
  int n;
  Arg *arg;
  Span span;
  Span name_span; /* of what is called */
} Call;

typedef struct Frame { /* one call being inlined, or the value of a constant */
  struct Frame *up;
  const Node *fn; /* NULL for a constant */
  Name name;
  Span call;
  bool prelude;
  bool higher; /* has functions among its arguments */
  int depth;
  SizeBindings sizes;
  const FnValue *self; /* the instance of a layer that is called, or NULL */
  const Call *args;    /* as the caller gave them, NULL: none; values of `b` */
  const int *slot;     /* which of them is argument i of fn, or -1 */
  const Builder *b;
} Frame;

typedef struct Ranges { /* labels of one reduction whose ranges the enclosing solve found */
  struct Ranges *up;
  const Node *node;
  const Labels *labels;
  bool failed;
} Ranges;

typedef struct Guard { /* a >= 0 is known here, by a condition around */
  const struct Guard *up;
  Affine a;
} Guard;

typedef struct Check {
  Program *p;
  Cx *cx;
  Unit *unit;
  Builder *b; /* the unit's */
  Scope *scope;
  Frame *frame;
  Ranges *ranges;
  const Guard *guards;
  const Node *reduced; /* the last reduction that was gone through */
  int depth, calls;
  int32_t labels;   /* number of labels made so far */
  bool indexing;    /* an index is being checked */
  const char *many; /* why no state can be assigned here; or NULL */
  bool updates;     /* the function's outputs are followed by the states it assigns */
  int guarded;      /* > 0: what is read here may not be wanted, and isn't checked */
  bool dividing;    /* below inside(): an index may be divided */
  bool gave_up;     /* a limit was reported */
  int mute;         /* > 0: a trial, whose faults are not reported */
  int faults;       /* all of them, reported or not */
  int reported;
  int32_t vars;               /* number of variables declared so far */
  const SizeBindings *preset; /* sizes of the outermost call that stand for themselves */
  bool open; /* the next derivative's cotangents or tangents become arguments of the function */
  DType int_type, float_type; /* of untyped numbers that stand alone: i32, f64 */
} Check;

/* ---- program.c ---- */
Decl *program_add(Program *p, Name name, const Node *n); /* one of the user's */
Decl *program_find(const Program *p, Name name, bool prelude);
Decl *program_param(Program *p, int i); /* the user's parameter number i; or NULL */
Decl *program_fn(const Program *p,
                 Name name); /* a function, the user's or the prelude's; or NULL */
/* program_fn.c: a function whose arguments have types; NULL after an error. */
Fn *program_function(Program *p, const FnValue *f);
Fn *program_finish(Check *c, const Value *v,
                   Span at); /* the function whose result is v; NULL after an error */
Check check_begin(Program *p, Unit *unit, Builder *b);
Value const_value(Check *c, Decl *d, Span at);
const ParamInfo *param_info(Program *p, Decl *d);
/* Whether a parameter's type mentions the size: it then is one number in the whole program. */
Dim program_size(const Program *p, Name name); /* the size as a value: a name, or its number */
bool program_has_size(Program *p, Name name);

/* ---- layer.c: layers and their instances ---- */
/* Makes the instances that are declared, and their parameters. */
void program_expand(Program *p);
Value instance_value(Check *c, Decl *d, Span at); /* of a LET */
/* A name inside the instance that f is, or an array of; false: it has none of that name. *home is
 * the function that the value is of. */
bool layer_member(Check *c, const FnValue *f, Name name, Unit **home, Value *out);
const Member *layer_statement(const Check *c, const Node *n); /* declares it a member? */
Value layer_pick(Check *c, const FnValue *layers, Value at);  /* an element of an array */
Value index_layers(Check *c, const Node *n, const FnValue *layers);
bool expect_layers(Check *c, const Node *n, const FnValue **out); /* in the head of a `for` */
Value eval_member(Check *c, const Node *n);
Name dotted_name(Check *c, const Node *n); /* a.b.c as one name; NULL: it is none */
/* What the names of its parameters begin with: its path, or for the element of an array that a loop
 * goes through the name of that. */
Name layer_prefix(Check *c, const FnValue *f);
Decl *layer_param(const FnValue *f, Name name); /* its own parameter or state; or NULL */
bool layer_has(const FnValue *f, Name name);
Value call_layer(Check *c, const FnValue *f, const Call *call); /* an error */
/* The layer's names around what is checked for its instance. */
void layer_enter(Check *c, const FnValue *self, Frame *frame);

/* The element as far as loops around the function under construction pick it; NULL: they don't. */
const FnValue *layer_outside(Check *c, const FnValue *f);
/* Under which name that function knows the state of the layer, or of all it is in. */
Name layer_state_name(Check *c, const FnValue *outside, const Decl *d);

/* ---- check_state.c ---- */
bool decl_is_state(const Decl *d);
UnitState *state_entry(Unit *u, const Decl *d, Name name);
/* The value that the state has come to, of *home; false: what it began with. */
bool state_now(Check *c, const Decl *d, Name name, Unit **home, Value *out);
/* The present value of the same state as a value of the function under construction. */
Value state_value(Check *c, const UnitState *s);
void state_put(Check *c, const UnitState *s);
/* A new value of the state, or of the element that the layer is. */
void state_write(Check *c, Decl *d, const FnValue *layer, Value v, Span at);
/* The element of what is stacked, by the indices behind the first so many. */
Value layer_row(Check *c, const FnValue *f, int from, Value whole);
/* An ASSIGN to a state; false: there is none of that name. */
bool state_assign(Check *c, const Node *n, Value v);
/* At the end of a body: its states as further outputs, and how many; and, in the function around,
 * these parts of the instruction as their values. */
int state_outputs(Check *c);
void state_take(Check *c, const Unit *body, Val bundle, int first);
/* Until c->many is what is returned no state can be assigned. */
const char *states_refuse(Check *c, const char *why);

/* ---- scope.c ---- */
/* The state that a name means; *layer, at first the instance whose function this is, becomes NULL
 * where it is none of its own. NULL: it means none. */
Decl *state_find(Check *c, Name name, const FnValue **layer);
Scope *scope_add(Check *c, Scope *up, Name name, Value v, Span at);
const Scope *scope_find(const Scope *s, Name name);
/* The value of a name; an unknown one is reported. */
Value name_value(Check *c, const Node *n);
/* The same as a value of *home, the function under construction that it is of. */
Value home_value(Check *c, const Node *n, Unit **home);
/* The same without a report; false where it is unknown, a parameter or a function. */
bool name_value_quiet(Check *c, Name name, Value *out);
/* Whether a size of that name is fixed for the whole program, seen from here. */
bool known_size(Check *c, Name name);
/* A parameter as a value of the function around all loops and branches. */
Value home_param(Check *c, Decl *d);
/* The parameter as a value of the function under construction. */
Value unit_param(Check *c, Decl *d);
/* Records a diagnostic at `at`, or, where that lies in the prelude, at the user's line that led
 * there. */
Diag *fault(Check *c, DiagCode code, Span at, const char *fmt, ...) GC_PRINTF(4, 5);
void fault_declared(Check *c, Diag *d, const Value *v); /* "`x` is f32[2], declared as f32[N]" */
/* What the named sizes in use are, where they are numbers: "N is 2 and M is 3 in this call of `f`".
 */
void fault_sizes(Check *c, Diag *d);
/* "`net.up`, whose I is 3", at the places where it and those around it were made; NULL: nothing. */
void fault_instance(Check *c, Diag *d, const FnValue *self);
/* Which axis makes the difference between two shapes that should be equal. */
void fault_axes(Check *c, Diag *d, const Shape *is, const Shape *wanted, const char *what);
void suggest(Check *c, Diag *d, const char *word, const char *const *more, int n);

/* ---- habits.c ---- */
/* A hint where the word is one of another language's; false: it isn't. */
bool habit_hint(Check *c, Diag *d, HabitKind kind, const char *word);

/* ---- check_expr.c ---- */
Value eval_expr(Check *c, const Node *n);
Value eval_block(Check *c, const Node *n);
void eval_statement(Check *c, const Node *n);
void name_tensor(Check *c, const Value *v, Name name);
void name_axes(Check *c, Val v, const Labels *labels,
               Name name); /* its first axes are those labels */
/* As a tensor of type t (untyped numbers, labels), with an error where it can't be. */
Value to_type(Check *c, Value v, DType t, Span at);
/* As a tensor, untyped numbers with their own types. */
Value to_tensor(Check *c, Value v, Span at);
Value cast_value(Check *c, Value v, DType t, Span at);
Value make_weak(Check *c, const Weak *w);
/* Turns values into tensors of one element type, untyped ones adapting; false after an error. */
bool unify_types(Check *c, Value *v, const Span *spans, int n, const char *what, Span at);
/* Elementwise operator on values of any kind: types adapt, labels unite, shapes broadcast. */
Value apply_map(Check *c, Op op, const Value *v, const Span *spans, int n, Span at);
Value apply_select(Check *c, const Value *v, const Span *spans, Span at);
extern const char size_order_hint[]; /* where min or max of named sizes is asked for */
bool expect_dim(Check *c, const Value *v, Span at, const char *what, Dim *out);

/* ---- region.c: bodies of loops and branches ---- */
void region_enter(Check *c, Unit *r, Builder *b, Name name);
void region_resume(Check *c, Unit *r);
void region_leave(Check *c);
Unit *unit_home(Check *c); /* the function around all bodies */
/* Values of a function around as values of the one under construction. */
Value import_value(Check *c, Unit *home, Value v);
/* x[t, ..]: as many leading indices as are loop variables taken as slices that the loops scan.
 * false: none. *used of the indices are consumed. */
bool loop_slice(Check *c, const Node *n, bool inside, Value *out, int *used);
/* Element at[0], at[1], .. of a value of `home` along its first axes: integers, or variables of the
 * loops under construction, whose slices are then scanned. false: a loop is out of reach. */
bool region_pick(Check *c, Unit *home, Value v, const Value *at, int n, Value *out);
typedef struct RegionInput { /* an operand, as input of one body or of two: a loop's and its
                                condition's, or a branch's */
  Val outer;
  bool scan;
  int number[2]; /* of the input in each as it was built; -1: not used there */
} RegionInput;
typedef Vec(RegionInput) RegionInputs;
void region_add(Check *c, RegionInputs *in, Val outer, bool scan, int which, int number);
/* Adds what the body captured (scan: slices, else whole values) and uses. */
void region_captures(Check *c, const Unit *r, const Fn *raw, int which, bool scan,
                     RegionInputs *in);
/* The body with its inputs in order: those numbered in lead, then the captures. */
Fn *region_fn(Check *c, const Fn *raw, int which, const int *lead, int nlead,
              const RegionInputs *in);

/* ---- check_flow.c: statements that change variables ---- */
void eval_var(Check *c, const Node *n);
void eval_assign(Check *c, const Node *n);
void eval_choice(Check *c, const Node *n);
void eval_statements(Check *c, const Node *block);
void assign_value(Check *c, const Var *var, Value v, Span at);
const Scope *var_entry(const Scope *s, const Var *var); /* its latest value */
typedef Vec(const Var *) Vars;
/* The variables in scope that the blocks assign, in order of declaration. */
Vars assigned_vars(Check *c, const Node *const *blocks, int n);
/* Error where a value can't be the result of a loop or branch; true when it can. */
bool expect_carried(Check *c, const Var *var, const Value *v, Span at);
/* A truth value of rank 0, which may depend on labels. */
bool eval_condition(Check *c, const Node *n, const char *what, Value *out);
void fault_changes(Check *c, const Var *var, const char *was, const char *is, Span at,
                   const char *where);

/* ---- check_loop.c, check_collect.c ---- */
void eval_loop_statement(Check *c, const Node *n); /* FOR, WHILE */
void eval_collect(Check *c, const Node *n);
bool is_collected(Check *c, Name name); /* by a loop around: not yet to be used */

/* ---- check_number.c: arithmetic at compile time ---- */
/* True when it could be done (or was reported); *out is the result. */
bool number_map(Check *c, Op op, const Value *v, const Span *spans, int n, Span at, Value *out);

/* ---- broadcast.c ---- */
/* NumPy's rule on the trailing shapes; false after E0304. */
bool broadcast_shapes(Check *c, const Value *v, const Span *spans, int n, const char *what, Span at,
                      Shape *out);
bool broadcast_dims(const Shape *a, const Shape *b, Shape *out); /* the bare rule, no message */
/* The tensor with exactly these labels in front (a superset of its own) and this trailing shape. */
Val align(Check *c, const Value *v, const Labels *labels, const Shape *trailing);
bool check_count(Check *c, const Shape *s,
                 Span at); /* false after E0814: more elements than any machine holds */
bool labelled_shape(Check *c, const Labels *labels, const Shape *trailing, Span at, Shape *out);
/* claim: the source says that the reads stay inside, which is checked again when sizes are numbers.
 */
Val view_of(Check *c, Val x, const Shape *out, const ViewDim *dims, bool claim);
/* Result axis i reads operand axis from[i]; -1: a new axis. */
Value rearrange(Check *c, const Value *v, const Shape *out, const int32_t *from);
/* Folds trailing axes (bit set). */
Value fold_axes(Check *c, Op op, const Value *v, uint32_t axes, bool keepdims);
Value matmul(Check *c, const Value *v, const Span *spans, Span at);
Value affine_tensor(Check *c, const Affine *a, DType t);

/* ---- check_type.c ---- */
typedef enum TypeUse { TYPE_ARG, TYPE_RESULT, TYPE_PARAM } TypeUse;
bool resolve_type(Check *c, const Node *type, TypeUse use, DType *t, Shape *s);
/* Fixes the named sizes of the call that the arguments decide, whatever their order. */
void bind_call_sizes(Check *c, const Node *fn, const Call *call, const int *slot);
/* A declared argument: the value with the declared element type, its extents bound or checked. */
Value check_argument(Check *c, const Node *arg, Value v, Span at);
Value check_result(Check *c, const Node *fn, Value v, Span at);

/* ---- check_call.c ---- */
Value eval_call(Check *c, const Node *n);
bool eval_args(Check *c, const Node *n, Call *call); /* of a CALL node */
Value call_fn(Check *c, const FnValue *f, const Call *call);
Value call_value(Check *c, const Node *n, const Value *f,
                 const Call *call); /* n: the CALL, for messages */
/* Puts arguments into slots by position and name; slot[i] is the argument's number or -1. */
/* `zeros(2, 3)` as `zeros((2, 3))`: what is positional behind the last argument joins it where that
 * is a shape or a permutation. */
Call gather_sizes(Check *c, const Name *names, int n, const Call *call);
bool bind_slots(Check *c, const char *what, const Name *names, int n, const Call *call, int *slot);

/* ---- check_builtin.c ---- */
typedef enum BuiltinId {
#define BUILTIN(name, params, doc) BI_##name,
#include "front/builtin.def"
#undef BUILTIN
  BUILTIN_COUNT
} BuiltinId;
struct Builtin {
  BuiltinId id;
  const char *name;
  const char *params; /* "x axis? keepdims?" */
  const char *doc;
};
extern const Builtin builtins[BUILTIN_COUNT];
const FnValue *builtin_find(Check *c, Name name); /* builtins, MAP operators, casts */
void builtin_names(Check *c, const char **out, int *n, int max);
int builtin_params(Check *c, const Builtin *b, Name *names, bool *optional);
Value call_builtin(Check *c, const FnValue *f, const Call *call);
bool axis_number(Check *c, const Value *v, int rank, Span at, int *out);
bool dims_of_value(Check *c, const Value *v, Span at, const char *what, Shape *out);

/* ---- check_move.c: builtins that move data ---- */
Value move_reshape(Check *c, const Arg *x, const Arg *shape, Span at);
Value move_transpose(Check *c, const Arg *x, const Arg *perm);
Value move_broadcast(Check *c, const Arg *x, const Arg *shape, Span at);
Value move_pad(Check *c, const Arg *x, const Arg *axis, const Arg *before, const Arg *after,
               Span at);
Value move_concat(Check *c, const Arg *parts, const Arg *axis, Span at);
Value move_stack(Check *c, const Value *items, const Span *spans, int n, Span at);
Value move_gather(Check *c, const Arg *x, const Arg *index, const Arg *axes, Span at);
Value move_scatter(Check *c, const Arg *x, const Arg *index, const Arg *axes, const Arg *shape,
                   Span at);

/* ---- check_array.c ---- */
Value array_flip(Check *c, const Arg *x, const Arg *axis);
Value array_move_axis(Check *c, const Arg *x, const Arg *from, const Arg *to);
Value array_stack(Check *c, const Arg *parts, const Arg *axis, Span at);
Value array_split(Check *c, const Arg *x, const Arg *parts, const Arg *axis);
/* ---- check_einsum.c ---- */
enum { EINSUM_MAX = 12 }; /* tensors */
Value array_einsum(Check *c, const Arg *spec, const Arg *const *x, Span at);

/* ---- check_index.c, check_range.c ---- */
Value eval_index(Check *c, const Node *n, bool inside);
/* Whether an index of labels and loop variables stays inside, whatever the sizes are. */
bool surely_inside(Check *c, const Affine *a, Dim extent);
/* A computed index into an axis: an error where it is outside, unless it stands under a condition.
 */
Value bounded_index(Check *c, const Value *index, Dim extent, Span at);
/* Not more indices than axes, `...` once at most; *count is the number of indices. */
bool index_count_fits(Check *c, const Node *n, const Value *base, int *count);
Value eval_reduce(Check *c, const Node *n);
bool eval_define(Check *c, const Node *n, Value *out);
/* Labels of a define or reduction, their ranges solved; NULL after an error. *end is to be given to
 * ranges_end when the body was evaluated. */
const Labels *ranges_begin(Check *c, const Node *n, Ranges **mark);
void ranges_end(Check *c, Ranges *mark);
/* Smallest and largest value over the labels' ranges, leaving out the term of `skip`; false where a
 * coefficient's sign depends on sizes. */
bool affine_interval(Cx *cx, const Affine *a, const Label *skip, Dim *lo, Dim *hi);
/* The extent of label l, counted from 0, for which a < extent (a >= 0 where l counts down). */
bool affine_room(Cx *cx, const Affine *a, Dim extent, const Label *l, Dim *out);
Scope *scope_labels(Check *c, Scope *up, const Labels *labels);

/* ---- check_ends.c: ranges whose ends depend on labels around ---- */
typedef struct End End;
/* An end of a range; NULL: it is no sum of labels nor made of such, but v (POISON after an error).
 */
const End *end_read(Check *c, const Node *n, Value *v);
const End *end_of(Check *c, const Node *n, const Value *v); /* the same, where v is known */
bool end_dim(Check *c, const End *e, Dim *out);             /* where it depends on no label */
bool ends_known(const Label *l);     /* all labels that its ends are made of are known */
bool ends_of_sizes(const Label *l);  /* of no labels: sizes whose order isn't known */
void ends_shift(Check *c, Label *l); /* gives it a start to be counted from, where that helps */
bool ends_hull(Check *c, Label *l);  /* its largest range; false where sizes don't tell it */
/* How far they are apart at most; false where sizes don't tell it. */
bool ends_apart(Check *c, const End *first, const End *end, Dim *out);
void label_value(Check *c, Label *l,
                 Affine *out); /* as a sum: itself, beside what it is shifted by */
/* own, a sum of labels, isn't beyond the end (above), or before the start. */
void end_guard(Check *c, const Affine *own, const End *e, bool above);
void ends_guard(Check *c, const Labels *labels); /* inside the body it is within its range */
/* v, and what reduces to nothing where a label is outside of its own range. */
Value ends_choose(Check *c, Op op, const Labels *labels, Value v, Span at);

/* ---- check_require.c ---- */
Value eval_require(Check *c, const Node *n);

/* ---- check_rule.c: rules for derivatives, and checkpoints ---- */
/* Gives the function its rule (a RULE node); reports where it can't be. */
void rule_declare(Program *p, const Node *rule, bool prelude);
Value call_ruled(Check *c, const FnValue *f, const Call *call);
Value eval_checkpoint(Check *c, const Node *n);

/* ---- check_guard.c ---- */
/* Adds what the condition says of labels where it holds, or doesn't, to c->guards. */
void guard_condition(Check *c, const Node *n, bool holds);
void guard_push(Check *c, const Affine *a);   /* a >= 0 */
bool guard_proves(Check *c, const Affine *a); /* that a >= 0 */
/* Whether conditions prove the index a, which the ranges of its labels only say to be in lo .. hi,
 * to be inside. */
bool guard_inside(Check *c, const Affine *a, Dim extent, Dim lo, Dim hi);
/* Whether conditions say that the labels of a don't have the values at which it is smallest (below)
 * or largest, as they would for large sizes: being outside there is no mistake yet. */
bool guard_excludes(Check *c, const Affine *a, bool below);
bool guard_mentions(const Check *c, const Label *label); /* a condition says something of it */
bool guard_is_condition(const Node *n);                  /* may say something of labels */

/* ---- check_deriv.c ---- */
Value eval_deriv(Check *c, const Node *call, DerivMode mode); /* grad(f, wrt: x): a function */
Value call_deriv(Check *c, const FnValue *f, const Call *call);
bool deriv_wants(const FnValue *deriv, Name name); /* may the derivative be with respect to it? */

#endif
