/* session.h: a compilation from its outside: one context, one program, what was loaded and typed so
 * far, and the values of its parameters. Each call runs under a trap: it returns a status and never
 * unwinds. Problems of the program are diagnostics in cx->diags, which the caller prints. */
#ifndef GRADC_SESSION_H
#define GRADC_SESSION_H

#include "driver/compute.h"
#include "front/front.h"
#include "ir/eval.h"

typedef struct ParamValue {
  Name name;
  Tensor value;
  Span span; /* of the declaration it was drawn for */
} ParamValue;

typedef struct KnownLine { /* an expression that was evaluated, ready to run again */
  Name text;
  Computed computed;
} KnownLine;

typedef struct Session {
  Cx *cx;
  Program *program;
  const SizeBindings
      *sizes;       /* numbers for named sizes in the types of parameters; NULL: none are known */
  int64_t seed;     /* of the parameters' initial values; set before the first evaluation */
  bool keep_params; /* a declaration leaves the values of parameters it doesn't declare anew */
  Arena *params;    /* what the values lie in; NULL: none yet */
  Vec(ParamValue) list; /* drawn so far */
  Computing how;
  bool careful;       /* what is declared is checked at once, and taken back where it is wrong */
  bool trap_nan;      /* a result that isn't finite is an error, which says where it first arose */
  Vec(Name) files;    /* the last session_load read: the file, then what it imports */
  KnownLine known[4]; /* until something is declared */
  int next_known;
} Session;

Session *session_new(void); /* NULL when out of memory */
void session_free(Session *s);

/* For declarations and lines that a person types; see the fields above. */
void session_interactive(Session *s, bool yes);

/* Runs work(s, arg) under the session's trap. ST_SOURCE where it returned ST_OK but recorded
 * errors. */
Status session_run(Session *s, Status (*work)(Session *s, void *arg), void *arg);

/* Reads a file ("-" is standard input) and declares what it holds. */
Status session_load(Session *s, const char *path);
/* reload.c: the same, in place of what the last session_load declared: what the files declare no
 * more is gone. Where they have an error all stays as it was. `told`, in the session's memory: a
 * line for each name that is gone, and what still uses it. */
Status session_reload(Session *s, const char *path, const char **told);
/* renew.c: another session with the same declarations, constants from outside, values of parameters
 * and settings, and without the memory that was used on the way to them; NULL: it can't be had.
 * Sizes that session_sizes gave aren't taken along. */
Session *session_renew(Session *s);
size_t session_bytes(const Session *s); /* the memory it holds */
/* Declares what a text holds. The label stands for it in diagnostics, and imports are seen from its
 * folder. */
Status session_declare_text(Session *s, const char *label, const char *text);
/* Checks all that is declared, used or not. */
Status session_check(Session *s);

typedef struct Results {
  bool declaration; /* the line declared something and has no value */
  bool tuple;
  const char *nest; /* how they are grouped, as in ir.h; NULL: one value */
  int n;
  Tensor *value;
  const Name *name; /* may be NULL each */
  bool native;      /* computed by machine code */
  double compile_seconds, run_seconds;
  Arena *arena; /* what the values lie in */
} Results;
/* Takes a line (or several) of `eval` or of the REPL: declares it, or evaluates it. label names it
 * in diagnostics. results_free is due in every case. */
Status session_line(Session *s, const char *label, const char *text, Results *out);
void results_free(Results *r);

/* ---- inside session_run ---- */
/* A declared function by its name as the user gave it. NULL after a diagnostic, also where there is
 * none. */
Fn *session_function(Session *s, Name name);
/* The same by an expression: a name, or a derivative that takes its function's arguments. */
Fn *session_function_value(Session *s, const char *text);
/* The same of a loss as training needs it: its further outputs are the new values of the states it
 * assigns. */
Fn *session_loss(Session *s, const char *text);
/* The value of a parameter: drawn at first use, then the same until something is declared anew.
 * NULL after a diagnostic. */
const Tensor *session_param(Session *s, Name name);
/* Gives a parameter a value of its type and shape, which is copied; another isn't taken. */
void session_set_param(Session *s, Name name, const Tensor *value);
/* Whether it is the value of a parameter as it is declared now. */
bool session_param_fits(Session *s, const ParamValue *v);
/* All parameters from now on as drawn with another seed: values that are there are overwritten in
 * place. */
Status session_redraw(Session *s, int64_t seed);
/* Numbers for the named sizes of parameters, from data or chosen for a check. They must outlive
 * their use. */
void session_sizes(Session *s, const SizeBindings *sizes);
/* The computation of f, whose inputs are all parameters, and its values. */
Status session_evaluate(Session *s, const Fn *f, Results *out);
/* The expression as a function of nothing but parameters; NULL after diagnostics. */
const Fn *session_expr(Session *s, const char *label, const char *text);

/* source_file.c: registers the text of a file as a source. Returns its number, or 0 after a
 * diagnostic; at is where the program asks for it. */
int32_t session_read_source(Cx *cx, const char *path, Span at);
/* imports.c: declares what a file or line holds and what it imports. */
Status session_declare(Session *s, const Node *file);
/* What gone (may be NULL) says yes to is withdrawn, and what the source declares is declared; where
 * s->careful all of it or nothing. */
Status session_replace(Session *s, int32_t source, bool (*gone)(const Node *n, void *arg),
                       void *arg);

/* parameters.c: all parameters of the program, where their values lie; NULL after a diagnostic. */
struct Weight *session_weights(Session *s, int *n);

/* derive.c: the derivative of a finished function as a function. */
typedef struct DeriveOptions {
  const bool *wrt; /* one per input of f; NULL: its parameters, or where it has none its floats */
  int order;
  bool forward, value;
  bool deferred; /* reverse mode: as an instruction, to be expanded when sizes are numbers */
} DeriveOptions;
Fn *derive(const Fn *f, const DeriveOptions *o); /* NULL after a diagnostic */
/* Sets wrt[i] for each input that "a,b" names; NULL, or what is wrong with it. */
const char *derive_wrt(const Fn *f, const char *list, bool *wrt);

/* print_program.c: f as a program of its own: the parameters of the session's program with their
 * initial values, in their order, so that these are drawn the same; then f as source. */
void print_program(Session *s, const Fn *f, Text *out);

#endif
