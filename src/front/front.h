/* front.h: from syntax to tensor SSA: names, types, shapes, index notation.
 *
 * A Program is what a file (plus the prelude, plus lines typed later) declares. Functions are
 * instantiated on demand: front_function builds the SSA of a declared function with its signature's
 * sizes symbolic; front_expr builds a closed expression. Calls are inlined; derivative operators
 * become vjp/jvp instructions with the differentiated function as body, which pass/expand.c later
 * replaces by the derivative itself. */
#ifndef GRADC_FRONT_H
#define GRADC_FRONT_H

#include "base/diag.h"
#include "front/ast.h"
#include "ir/build.h"
#include "ir/size_cond.h"

typedef struct Program Program;

/* A program that knows the prelude and nothing else. Also fills cx->rules. */
Program *front_new(Cx *cx);
/* Fixes a constant or a named size: wherever the program says `name`, it is n. Before
 * front_declare. */
void front_define(Program *p, Name name, int64_t n);
/* Whether the program has a constant or a size of that name. */
bool front_has_size(Program *p, Name name);
/* Parses and declares all of a source (a file, or a line with declarations); a redeclaration
 * replaces. Problems become diagnostics. */
void front_declare(Program *p, const Node *file);
/* Checks every declared function of the user's whose signature is complete (all types given), and
 * all params and consts. After syntax errors inside declarations, too; false, and nothing, where
 * a whole declaration was lost. */
bool front_check(Program *p);

/* The same for what the last front_declare declared. */
void front_check_last(Program *p);

/* complete.c: what could be typed next. */
typedef struct Completions {
  Vec(const char *) words; /* sorted, each once; they begin with the last word of the text */
  size_t begin; /* where that word begins; a string's contents where a file is expected */
  bool file;    /* the name of a file is expected; words is empty */
} Completions;
/* text: the first n bytes of an entry, to where the cursor is. */
Completions front_complete(Program *p, const char *text, size_t n);

/* undo.c: a mark taken before something is declared, and the way back to it. front_settle is due
 * after work on the program was ended by unwinding. */
typedef struct ProgramMark ProgramMark;
ProgramMark *front_mark(const Program *p, Arena *a);
void front_undo(Program *p, const ProgramMark *m);
void front_settle(Program *p);

typedef struct ParamInfo {
  Name name;
  DType type;
  Shape shape;      /* of numbers or named sizes */
  int32_t lead;     /* how many axes in front count elements of arrays of layers */
  Name pattern;     /* the name in files of one element: blocks.*.up.W, a number for each star */
  const Node *init; /* NULL: zeros */
  Span span;
  bool state; /* declared by `state`: a step assigns it, and nothing is differentiated by it */
} ParamInfo;
int front_param_count(Program *p);
const ParamInfo *front_param(Program *p,
                             int i); /* in order of declaration; NULL after an error in it */
/* A function without inputs whose only output is the initial value of param i (numbers for all
 * sizes needed), drawn with the seed. NULL after an error. */
Fn *front_param_init(Program *p, int i, int64_t seed);

/* standing.c: all declarations of the user's that stand: in their order, then derivative rules,
 * then tests. */
const Node **front_declarations(const Program *p, Arena *a, int *n);
/* Takes back those for which gone says yes. Before the front_declare that declares in their place.
 */
void front_withdraw(Program *p, bool (*gone)(const Node *n, void *arg), void *arg);
/* The numbers from outside: see front_define. */
const SizeBindings *front_defines(const Program *p);

/* Whether an FN has code of its own: each argument has a type, or a default and takes that. */
bool front_fn_is_complete(const Node *fn);
int front_fn_count(Program *p); /* functions declared by the user's sources */
const Node *front_fn_node(Program *p, int i);
const Node *front_fn_find(const Program *p,
                          Name name); /* the user's or the prelude's; NULL: none */

/* The SSA of a declared function whose arguments all have types: inputs are its arguments, then the
 * params and states it uses (input_is_kept); outputs its result, or the parts of a tuple. NULL
 * after an error. */
Fn *front_function(Program *p, Name name);
/* As above with the argument types given by the caller: for functions without annotations and for
 * sizes already known. */
Fn *front_instance(Program *p, Name name, const DType *types, const Shape *shapes, int n);
/* Asks again what a declared function requires (`require`), with numbers for its named sizes where
 * they have become known; false after an error. */
bool front_requires(Program *p, Name name, const SizeBindings *numbers);
/* What it requires of sizes that stay names, and of nothing else: in the source's order, each text
 * with its condition. `out` lies in the program's arena: work that is given up leaves it in use. */
typedef struct Requirement {
  const SizeCond *holds;
  const char *text;
} Requirement;
typedef Vec(Requirement) Requirements;
void front_required(Program *p, Name name, Requirements *out);
/* The SSA of a function given by an expression: a name, or derivatives of one that take its
 * arguments (grad(f, wrt: x), value_and_grad(grad(f))). NULL after an error. */
Fn *front_function_value(Program *p, const Node *expr);
/* The same of a function by its name or expression, whose further outputs are the new values of the
 * states it assigns, each by the state's name: what a step of training is made from. */
Fn *front_function_updates(Program *p, const Node *expr);
/* The SSA of an expression without free variables: inputs are the params it uses. */
Fn *front_expr(Program *p, const Node *expr);

/* check_test.c: a `test` block. */
typedef enum TestKind { TEST_TRUE, TEST_EQUAL, TEST_CLOSE, TEST_GRADIENT } TestKind;
typedef struct TestLine { /* one assertion, or one part of a comparison of tuples */
  TestKind kind;
  Span span;
  int first; /* its first output: the truth values; both sides; the arguments that are inputs */
  double tolerance; /* of TEST_CLOSE; < 0: the type's */
  Fn *function;     /* of TEST_GRADIENT: inputs are the arguments, then the parameters */
} TestLine;
typedef struct TestPlan {
  Name title;
  Fn *fn; /* its inputs are parameters */
  Vec(TestLine) lines;
} TestPlan;
int front_test_count(const Program *p);
const Node *front_test_node(const Program *p, int i);
bool front_test(Program *p, const Node *test, TestPlan *plan); /* false after a diagnostic */

/* fmt.c: the source's text in the canonical layout, of the same tree and with the same comments.
 * false after a syntax error. */
bool front_format(Cx *cx, int32_t source, const char **text, size_t *n);

/* Calls a declared or prelude function from a builder in the middle of other work (the training
 * step calls the optimiser so). args are values of b. Returns how many results were written into
 * out (at most max), 0 after an error. Named arguments by nonzero names[i]; the first unnamed ones
 * are positional. */
int front_call(Program *p, Builder *b, Name name, const Val *args, const Name *names, int n,
               Val *out, int max, Span at);

#endif
