/* print.h: the parts of the printer to .nn source; nobody else includes it.
 *
 * Every value is written in one of two notations: as an array expression (`relu(x @ W + b)`) or,
 * under labels, as an element (`sum(k) a[i, k] * b[j, k]`, where the value stands in the body of
 * `let c[i, j] = ...`). The plan (print_plan.c) decides which values get a `let` of their own and
 * which stand inside the expression of their only user; print_expr.c and print_view.c write them.
 */
#ifndef GRADC_PRINT_H
#define GRADC_PRINT_H

#include "ir/axis_names.h"

/* How tightly an expression binds, loosest first. */
typedef enum Prec {
  PREC_IF,
  PREC_OR,
  PREC_AND,
  PREC_NOT,
  PREC_COMPARE,
  PREC_ADD,
  PREC_REDUCE,
  PREC_MUL,
  PREC_NEG,
  PREC_POW,
  PREC_POSTFIX,
} Prec;

typedef struct Node { /* of an instruction */
  int32_t uses;
  bool let;        /* it has a name to refer to it by */
  bool array_ok;   /* can be written as an array expression */
  bool index_ok;   /* can be written as an element */
  bool as_element; /* a scalar whose array notation is that of an element, without labels */
  int32_t width;   /* of its text, about */
  Name name;
  Name row;   /* a slice that a loop scans: name[row] is its text */
  bool index; /* the index of a loop: it adapts to its neighbours unless a cast is written */
} Node;

typedef struct Names { /* taken in the scope */
  Vec(Name) list;
  uint64_t *hint; /* of many: a bit by hash; where it is 0 the name isn't in the list */
} Names;

typedef struct BodyName { /* a printed function that derivative instructions differentiate */
  const Body *body;
  const bool *as_param; /* which inputs are parameters, one each */
  Name name;
  const Name *inputs; /* as printed */
} BodyName;

typedef struct Globals { /* of the whole text */
  Text *out;
  Names names;
  Vec(BodyName) bodies;
  bool lines; /* comments say which lines of the source a statement is from */
} Globals;

typedef struct SizeGroup { /* an expression that has a name of its own in the text */
  Dim of, name;
} SizeGroup;
typedef struct SizeGroups {
  Vec(SizeGroup) list;
} SizeGroups;

typedef struct Printer {
  Cx *cx;
  const Fn *f;
  Arena *arena;
  Globals *globals;
  SizeGroups groups; /* print_sizes.c */
  Node *node;
  Names names;               /* of the function; the globals' besides */
  Names labels;              /* in scope now */
  Text lets;                 /* the statements so far */
  struct Numbered *numbered; /* print_names.c */
  int unnamed;
  int32_t source, line; /* which the last comment named */
  int choices;          /* branches of `if .. then .. else` around what is being printed */
  bool region;          /* the body of a loop or branch: outputs are assigned, and need no name */
  int guarded;          /* > 0: a read here is not checked */
  bool counting;        /* an index of loop variables and numbers: they stand without casts */
} Printer;

typedef struct Label { /* of index notation */
  Name name;
  Dim extent;
  bool plain;   /* some x[.., i, ..] shows its range */
  bool maybe;   /* ... under a condition: where no other read does */
  bool affine;  /* some x[.., i + 1, ..] not under a condition would */
  bool unclear; /* its range has to be given */
} Label;

static inline const Ins *ins_of(const Printer *p, Val v) { return &p->f->ins.at[v]; }
static inline const Ins *arg_of(const Printer *p, Val v, int i) {
  return ins_of(p, ins_of(p, v)->arg[i]);
}
static inline bool is_named(const Printer *p, Val v) { return p->node[v].let; }

/* print.c */
/* Plans all values; what has bodies is written. */
void plan_all(Printer *p);

/* print_sizes.c */
/* Names of sizes are taken before anything else gets one: they can't be changed. */
void take_size_names(Printer *p, const Fn *f);
/* The expressions of sizes that get a name where a body is printed as a function of its own. */
const SizeGroups *group_sizes(const Printer *p, const Body *body, const bool *as_param);
void print_dim(const Printer *p, Dim d, Text *out);
void print_extents(const Printer *p, const Shape *s, Text *out); /* "(N, 64)", "N", "()" */
void print_factor(const Printer *p, Dim d,
                  Text *out); /* in brackets unless it is a name or a number >= 0 */
void print_type(const Printer *p, DType t, const Shape *s, Text *out); /* f64[N, 64] */

/* print_loop.c */
void print_loop(Printer *p, Val v);
void print_branch(Printer *p, Val v);

/* print_lines.c: a comment before the statement of v, where its line isn't that of the one before.
 */
void print_line_of(Printer *p, Val v);

/* print_plan.c */
void plan_uses(Printer *p);
/* Settles how v is written, giving operands a `let` where that is needed. */
void plan_value(Printer *p, Val v);
/* What v would like to be called: as the output that it is, where there are several, else as the
 * source called it; NULL for neither. */
Name wish_for(const Printer *p, Val v);
/* Gives v a name and writes its `let` unless it has one. */
void print_let(Printer *p, Val v);
void print_named_let(Printer *p, Val v); /* numbers with a shape as well */
/* Always written anew where it is used: constants, sizes, counters, broadcasts, reads under labels.
 */
bool is_free(const Printer *p, Val v);
/* Elements of the result that its text as an element depends on; bit set over the axes. */
uint32_t labels_of(const Printer *p, Val v);

/* print_names.c */
Name fresh_name(Printer *p, Name wish);  /* for a value; NULL: t1, t2, ... */
Name fresh_label(Printer *p, Name wish); /* in scope from now on; NULL: i, j, .. */
Name param_name(Globals *g, Cx *cx, Name wish);
Name global_name(Globals *g, Cx *cx, Name wish, const char *otherwise);
void names_add(Arena *a, Names *n, Name name);
bool name_in_scope(const Printer *p, Name name); /* a value or size of the function has it */
bool name_taken(const Printer *p, Name name);    /* that, or something else has it */

/* print_expr.c: labels has one Label per axis of v, or is NULL: array notation. In brackets where
 * it binds less than asked; returns how tightly what was written does. */
Prec print_value(Printer *p, Val v, Label *const *labels, Prec least, Text *out);
void print_set(uint64_t bits, Text *out); /* "2" or "(0, 2)" */
/* Its name, and for a row of a scanned tensor its index, the bracket still open: true then. */
bool open_name(const Printer *p, Val v, Text *out);
/* Its name, with indices under labels. */
void print_name(Printer *p, Val v, Label *const *labels, Text *out);
/* A label of the given extent; it leaves the scope when p->labels is cut back. */
Label *new_label(Printer *p, Dim extent, Name wish);
/* What the source calls axis d of v, or of what it is made from element by element; NULL: nothing.
 */
Name axis_wish(const Printer *p, Val v, int d);
/* "i, j: 0..N": ranges where the body printed before doesn't show them. */
/* x[.., l, ..] was printed for an axis of the label's extent. */
void note_plain_use(const Printer *p, Label *l);
void print_labels(Printer *p, Label *const *labels, int n, Text *out);

/* Sums of a loop's variable (as i32) and numbers: the checker follows them, written without casts.
 */
bool is_counting(const Printer *p, Val v);

/* print_map.c */
Prec print_map(Printer *p, Val v, Label *const *labels, Text *out);
bool is_number(const Printer *p, Val v); /* a constant or a size */
/* bare: its type follows from what stands beside it. */
Prec print_number(Printer *p, Val v, bool bare, Text *out);

/* print_join.c */
/* f, or a copy for the printer alone in which concatenations and lists are an instruction. */
const Fn *with_joins(const Fn *f);
Prec print_join(Printer *p, const Ins *in, Text *out); /* a reshape with several operands */

/* print_view.c */
typedef enum ViewForm {
  FORM_NONE,
  FORM_SPREAD,
  FORM_RESHAPE,
  FORM_PERMUTE,
  FORM_SLICE,
  FORM_PAD
} ViewForm;
/* The array notation that gives the view; FORM_SPREAD only when it is NumPy's broadcasting. */
ViewForm view_form(const Printer *p, Val v);
bool is_spread(const Ins *in,
               const Shape *x);   /* every dimension is read at a label of its own, whole */
bool is_ascending(const Ins *in); /* a spread whose labels keep their order, none missing */
bool is_right_aligned(const Ins *in, const Shape *x); /* a spread that NumPy's broadcasting gives */
Prec print_view_array(Printer *p, Val v, Text *out);
Prec print_view_element(Printer *p, Val v, Label *const *labels, Text *out);

#endif
