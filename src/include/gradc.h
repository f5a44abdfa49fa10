/* gradc.h: the C interface of libgradc: compile .nn programs inside a process of one's own, call
 * their functions and gradients, train their parameters. docs/EMBEDDING.md is the guide.
 *
 *   gradc_context *gc;
 *   gradc_function *f;
 *   gradc_new(&gc);
 *   gradc_declare(gc, "cube", "fn f(x: f64) = x**3 + 2*x");
 *   gradc_find(gc, "grad(f)", &f);
 *   double x = 2, y;
 *   const void *args[] = {&x};
 *   void *results[] = {&y};
 *   gradc_call(f, args, results);          // y is 14
 *   gradc_free(gc);
 *
 * What holds everywhere:
 *  - A call that can fail returns a status, GRADC_OK being 0; gradc_message(gc) then says why in a
 *    line, and for GRADC_SOURCE and GRADC_DATA the diagnostics say it with places. No call prints,
 *    ends the process, or leaves a handler behind. A null pointer where one isn't allowed is
 * GRADC_USAGE.
 *  - Contexts share nothing: different threads may use different ones at the same time. One context
 *    belongs to one thread at a time; only gradc_call_in() may run in several at once.
 *  - What a context hands out (functions, texts, tensor descriptions) is the context's: it is valid
 *    until gradc_free(), or until the call that the description of a function names.
 *  - After GRADC_MEMORY or GRADC_INTERNAL the context can only be asked for its message and freed.
 *  - Arrays are dense, row by row, of the C type that gradc_type names, aligned like it; a truth
 * value is a byte, 0 or 1. They are read and written in place: nothing is copied.
 *  - Structs are only handed out by pointer: later versions may add members at their ends. */
#ifndef GRADC_H
#define GRADC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GRADC_API __attribute__((visibility("default")))
#else
#define GRADC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statuses: the exit codes of the program gradc ---- */
typedef enum gradc_status {
  GRADC_OK = 0,
  GRADC_FINDINGS = 1, /* a check failed: training met a NaN, say */
  GRADC_USAGE = 2,    /* this call was given something it can't take */
  GRADC_SOURCE = 3,   /* the program has errors: see the diagnostics */
  GRADC_DATA = 4,     /* a file or its data can't be used: see the diagnostics */
  GRADC_INTERNAL = 5, /* a bug of gradc */
  GRADC_MEMORY = 6,   /* out of memory */
  GRADC_INTERRUPTED = 130
} gradc_status;

GRADC_API const char *gradc_version(void); /* "0.1.0" */
/* What `gradc --version` prints, at most n bytes with the zero behind; returns how long it is. */
GRADC_API size_t gradc_about(char *text, size_t n);
GRADC_API const char *gradc_status_text(gradc_status status);

/* ---- contexts ---- */
typedef struct gradc_context gradc_context;

GRADC_API gradc_status gradc_new(gradc_context **out);
GRADC_API void gradc_free(gradc_context *gc); /* NULL is allowed */
/* The memory a context holds, in bytes, but for machine code. Each call that declares, finds or
 * compiles something adds to it, also where that replaces what was there. */
GRADC_API size_t gradc_bytes(const gradc_context *gc);
/* Gives back what no longer serves: declarations as they stand, defined numbers, settings and the
 * parameters' values stay, all else that the context handed out is no longer valid: functions,
 * descriptions, texts, the parameters' addresses. Trainers, jobs and values are freed before. A
 * process that redefines its model for ever calls it when gradc_bytes() has grown too large; it
 * takes some milliseconds. GRADC_MEMORY: the context is as it was, and valid. */
GRADC_API gradc_status gradc_renew(gradc_context *gc);

/* How many threads a call may use: 1 at first; 0: all processors. Results don't depend on it. For
 * what is compiled from then on. */
GRADC_API gradc_status gradc_set_threads(gradc_context *gc, int threads);
/* Calls are done by the reference evaluator instead of machine code: slow, and without LLVM. */
GRADC_API gradc_status gradc_set_reference(gradc_context *gc, int yes);
/* The most workspace, in bytes, that a function compiled from then on may take: what doesn't fit is
 * computed again on the way back. 0, the default: no bound. The sizes of such functions must be
 * numbers. */
GRADC_API gradc_status gradc_set_memory(gradc_context *gc, int64_t bytes);
/* A result of gradc_eval() with a NaN or an infinity is an error, which says where it arose. */
GRADC_API gradc_status gradc_set_trap_nan(gradc_context *gc, int yes);
/* Whether machine code is kept in the user's cache folder for the next time the same is compiled,
 * by whatever process; yes at first. See GRADC_CACHE in gradc(1). */
GRADC_API gradc_status gradc_set_cache(gradc_context *gc, int yes);
/* Seed of the parameters' initial values, 0 at first. */
GRADC_API gradc_status gradc_set_seed(gradc_context *gc, int64_t seed);

/* Wherever the program says `name`, a constant or a size, it is n. Before what it is for is
 * declared. */
GRADC_API gradc_status gradc_define(gradc_context *gc, const char *name, int64_t n);
/* A file (with what it imports), or a text, which `label` names in diagnostics; imports in a text
 * are looked for beside the path that label is. A name declared before is replaced. */
GRADC_API gradc_status gradc_load(gradc_context *gc, const char *path);
GRADC_API gradc_status gradc_declare(gradc_context *gc, const char *label, const char *text);
/* All errors of what is declared, used or not, derivatives included. */
GRADC_API gradc_status gradc_check(gradc_context *gc);
/* Loads a file and checks it, whatever was wrong with the first: all errors together. */
GRADC_API gradc_status gradc_check_file(gradc_context *gc, const char *path);
/* Whether each gradc_define() so far means something in what is declared by now. */
GRADC_API gradc_status gradc_check_defines(gradc_context *gc);
/* A text, or with NULL that of the file label, in the canonical layout; *changed, which may be
 * NULL, says whether that differs from what it was. Nothing is declared or written. */
GRADC_API gradc_status gradc_format(gradc_context *gc, const char *label, const char *text,
                                    const char **out, size_t *n, int *changed);

/* ---- what went wrong ---- */
typedef enum gradc_severity { GRADC_ERROR, GRADC_WARNING } gradc_severity;
typedef enum gradc_part_kind { GRADC_LABEL, GRADC_NOTE, GRADC_HINT } gradc_part_kind;
typedef struct gradc_place {
  const char *file;             /* "": no place */
  int32_t line, column;         /* from 1, column in bytes; 0: no place */
  int32_t end_line, end_column; /* one past the end */
} gradc_place;
typedef struct gradc_part { /* a further place with its own words, a note, a hint */
  gradc_part_kind kind;
  gradc_place place;
  const char *message;
} gradc_part;
typedef struct gradc_diagnostic {
  gradc_severity severity;
  const char *code; /* "E0304"; gradc_explain() has its long form */
  const char *message;
  gradc_place place;
  const gradc_part *part;
  int32_t parts;
} gradc_diagnostic;

/* Those of the last call that could give any; warnings are there after GRADC_OK, too. */
GRADC_API int gradc_diagnostic_count(const gradc_context *gc);
GRADC_API const gradc_diagnostic *gradc_diagnostic_at(gradc_context *gc,
                                                      int i); /* NULL: there is none */
/* All of them as gradc prints them, with source lines and carets. */
GRADC_API const char *gradc_diagnostics_text(gradc_context *gc, int colour);
/* How wide what shows that text is: source lines are cut so that carets stay under them. 0, the
 * default: only very long ones are. */
GRADC_API gradc_status gradc_set_columns(gradc_context *gc, int columns);
/* A line of JSON for each, as `gradc --diagnostics=json` prints them. */
GRADC_API const char *gradc_diagnostics_json(gradc_context *gc);
/* Why the last call didn't return GRADC_OK, in a line; "" where it did. */
GRADC_API const char *gradc_message(const gradc_context *gc);
/* What `gradc explain` prints of a code, or of "operators"; diagnostics stay as they are. NULL:
 * there is no such code. */
GRADC_API const char *gradc_explain(gradc_context *gc, const char *code);

/* ---- tensors ---- */
typedef enum gradc_type {
  GRADC_BOOL = 0, /* uint8_t */
  GRADC_U8 = 1,
  GRADC_I32 = 2,
  GRADC_I64 = 3,
  GRADC_F32 = 4,
  GRADC_F64 = 5
} gradc_type;
GRADC_API const char *gradc_type_name(gradc_type type); /* "f32" */
GRADC_API size_t gradc_type_size(gradc_type type);      /* in bytes; 0: no type */

typedef struct gradc_tensor {
  const char *name; /* "" where the program gives none */
  gradc_type type;
  int32_t rank;
  const int64_t *shape; /* -1 where the extent isn't a number yet */
  const char *text;     /* "f32[N, 64]" */
  size_t count, bytes;  /* of all elements; 0 where the shape isn't known yet */
  void *data;           /* of values, parameters and an optimiser's tensors; else NULL */
  int state;            /* of a parameter: 1 where it is declared by `state`; else 0 */
} gradc_tensor;

/* ---- functions ---- */
typedef struct gradc_function gradc_function;

/* The functions that were declared, templates among them. */
GRADC_API int gradc_function_count(gradc_context *gc);
GRADC_API const char *gradc_function_name(gradc_context *gc, int i); /* NULL: there is none */
/* A function by its name, or a derivative: "loss", "grad(loss)", "value_and_grad(loss, wrt: (W1,
 * x))", "grad(grad(f))"; "vjp(f)", "jvp(f)" and "hvp(f)" take cotangents ct or tangents t_x behind
 * the arguments of f. All its arguments must have types. */
GRADC_API gradc_status gradc_find(gradc_context *gc, const char *expression, gradc_function **out);
/* Gives back its machine code and workspace, which else go with the context. NULL is allowed. */
GRADC_API void gradc_release(gradc_function *f);

GRADC_API int gradc_argument_count(const gradc_function *f);
GRADC_API const gradc_tensor *gradc_argument(const gradc_function *f, int i);
/* The parts of a tuple count one by one. */
GRADC_API int gradc_result_count(const gradc_function *f);
GRADC_API const gradc_tensor *gradc_result(const gradc_function *f, int i);
GRADC_API int gradc_size_count(const gradc_function *f); /* named sizes that are still open */
GRADC_API const char *gradc_size(const gradc_function *f, int i);
/* The derivative, or the function, as .nn source. */
GRADC_API gradc_status gradc_source(gradc_function *f, const char **out);

/* The same function with numbers for its open sizes; each must get one. */
GRADC_API gradc_status gradc_specialize(gradc_function *f, const char *const *names,
                                        const int64_t *numbers, int n, gradc_function **out);
/* Machine code, now and not at the first call. The function must have no open size. */
GRADC_API gradc_status gradc_compile(gradc_function *f);
/* One pointer per argument and per result. Parameters are the context's present ones. Results must
 * not overlap anything else. Nothing is allocated once the function is compiled. */
GRADC_API gradc_status gradc_call(gradc_function *f, const void *const *args, void *const *results);
/* The same in the caller's workspace, of gradc_workspace() bytes, aligned to 64. Compiled functions
 * may be called so by several threads at once, each with its own workspace and results. */
GRADC_API size_t gradc_workspace(const gradc_function *f); /* 0 until it is compiled */
GRADC_API gradc_status gradc_call_in(const gradc_function *f, const void *const *args,
                                     void *const *results, void *workspace, size_t bytes);

/* ---- parameters ---- */
/* And states, which steps of training assign. Their values live in the context, drawn at first use,
 * until the program declares them anew. A
 * pointer to the elements stays valid; functions that were compiled before keep to the old ones. */
GRADC_API int gradc_param_count(gradc_context *gc);
GRADC_API gradc_status gradc_param(gradc_context *gc, int i, const gradc_tensor **out);
GRADC_API gradc_status gradc_param_named(gradc_context *gc, const char *name,
                                         const gradc_tensor **out);
GRADC_API gradc_status gradc_param_get(gradc_context *gc, const char *name, void *to, size_t bytes);
GRADC_API gradc_status gradc_param_set(gradc_context *gc, const char *name, const void *from,
                                       size_t bytes);
/* Draws all anew; with the same seed come the same values. */
GRADC_API gradc_status gradc_params_init(gradc_context *gc, int64_t seed);
/* .safetensors and .npz. A file that doesn't fit changes nothing. */
GRADC_API gradc_status gradc_params_load(gradc_context *gc, const char *path);
GRADC_API gradc_status gradc_params_save(gradc_context *gc, const char *path);
/* The tensors of a weight or array file as a table: names, types, ranges. */
GRADC_API gradc_status gradc_inspect(gradc_context *gc, const char *path, const char **out);

/* ---- values ---- */
typedef struct gradc_values gradc_values;

/* What computes them. FIRST: the reference evaluator, whose values are the same everywhere, unless
 * machine code is done far earlier. */
typedef enum gradc_engine {
  GRADC_ENGINE_FIRST = 0,
  GRADC_ENGINE_EVALUATOR = 1,
  GRADC_ENGINE_NATIVE = 2
} gradc_engine;
GRADC_API gradc_status gradc_set_engine(gradc_context *gc, gradc_engine engine);
/* A line as `gradc eval` takes it: an expression, whose values come in *out, or a declaration
 * (NULL). */
GRADC_API gradc_status gradc_eval(gradc_context *gc, const char *label, const char *line,
                                  gradc_values **out);
GRADC_API int gradc_value_count(const gradc_values *v);
GRADC_API const gradc_tensor *gradc_value(const gradc_values *v, int i);
/* As `gradc eval` prints them; so many significant digits, 0: as many as read back exactly.
 * strings: vectors of bytes (u8) as the text they are, which then may hold zeros; n, which may be
 * NULL, is the whole text's length. */
GRADC_API gradc_status gradc_values_text(gradc_values *v, int digits, int strings, const char **out,
                                         size_t *n);
/* The i-th alone. */
GRADC_API gradc_status gradc_value_text(gradc_values *v, int i, int digits, const char **out);
/* How they are grouped, a point for each: "." one value, "(..)" a tuple of two, "(.(..))". */
GRADC_API const char *gradc_values_nest(const gradc_values *v);
/* "compile-seconds" (0: nothing was compiled now), "run-seconds", "native" (1: by machine code). */
GRADC_API gradc_status gradc_values_figure(const gradc_values *v, const char *name, double *out);
GRADC_API void gradc_values_free(gradc_values *v); /* before its context; NULL is allowed */

/* ---- steps of training, on the caller's own data ---- */
typedef struct gradc_trainer gradc_trainer;

/* loss: a function with a float scalar result. optimizer: sgd, adam, or a function of the program.
 * freeze: parameters to leave alone, "W1,encoder.*", or NULL. Numbers for all open sizes of the
 * loss. */
GRADC_API gradc_status gradc_trainer_new(gradc_context *gc, const char *loss, const char *optimizer,
                                         const char *freeze, const char *const *names,
                                         const int64_t *numbers, int n, gradc_trainer **out);
GRADC_API int gradc_trainer_argument_count(const gradc_trainer *t);
GRADC_API const gradc_tensor *gradc_trainer_argument(const gradc_trainer *t, int i);
/* A step: the loss before it, its gradient, and the update of the context's parameters and of the
 * states that the loss assigns, in one pass. An argument `key: i32` is given like any other. */
GRADC_API gradc_status gradc_trainer_step(gradc_trainer *t, const void *const *args, double lr,
                                          double *loss);
/* The optimiser's tensors, and how many steps it has done: what a checkpoint keeps beside the
 * parameters. */
GRADC_API int gradc_trainer_state_count(const gradc_trainer *t);
GRADC_API const gradc_tensor *gradc_trainer_state(const gradc_trainer *t, int i);
GRADC_API int64_t gradc_trainer_steps(const gradc_trainer *t);
GRADC_API gradc_status gradc_trainer_set_steps(gradc_trainer *t, int64_t steps);
GRADC_API void gradc_trainer_free(gradc_trainer *t); /* NULL is allowed */

/* ---- jobs: what the commands of the program do ---- */
typedef struct gradc_job gradc_job;

/* kind: the name of a command: "train", "predict", "grad", "gradcheck", "test", "bench", "emit",
 * "build", "verify". A job is set up by options, is run, and then has results. */
GRADC_API gradc_status gradc_job_new(gradc_context *gc, const char *kind, gradc_job **out);
GRADC_API gradc_status gradc_job_train(gradc_context *gc, gradc_job **out);
GRADC_API gradc_status gradc_job_predict(gradc_context *gc, const char *function, gradc_job **out);
/* As --data and --val: "x=images.npy", "digits.npz", a folder. */
GRADC_API gradc_status gradc_job_data(gradc_job *j, const char *source);
GRADC_API gradc_status gradc_job_validation(gradc_job *j, const char *source);
/* Data in memory for the argument `name`; not copied, so they must live until the job has run. */
GRADC_API gradc_status gradc_job_array(gradc_job *j, const char *name, gradc_type type, int rank,
                                       const int64_t *shape, const void *elements);
/* Options by the names they have on the command line ("epochs", "lr", "save"): a flag is a number,
 * 0 or 1; an option that may be repeated is given again and again; operands are "function". What is
 * the context's on the command line too (threads, memory, definitions) is set there. emit and bench
 * also take "expression", of what is declared, and as text "size" for this job alone, "N=64"; emit
 * "made-by", which a comment says instead of a command. GRADC_USAGE for one that the job doesn't
 * have, or that is out of range. */
GRADC_API gradc_status gradc_job_number(gradc_job *j, const char *option, double value);
GRADC_API gradc_status gradc_job_text(gradc_job *j, const char *option, const char *value);

typedef struct gradc_progress {
  int64_t epoch, epochs; /* from 1; of a prediction 1 of 1 */
  int64_t step, steps;   /* done and in all, of the epoch */
  double loss;           /* mean over the epoch so far; NaN in a prediction */
} gradc_progress;
/* Called after every step; not 0 ends the job as an interruption would. It must not use the
 * context. */
typedef int (*gradc_progress_fn)(void *arg, const gradc_progress *p);
GRADC_API gradc_status gradc_job_on_progress(gradc_job *j, gradc_progress_fn fn, void *arg);
/* Progress as lines of text; on a terminal one line is written over and over. */
typedef void (*gradc_text_fn)(void *arg, const char *text, size_t n);
GRADC_API gradc_status gradc_job_on_text(gradc_job *j, gradc_text_fn fn, void *arg, int terminal,
                                         int columns);
/* Ends a running job after its step: what is done is saved. May be called from a signal handler. */
GRADC_API void gradc_job_stop(gradc_job *j);
GRADC_API gradc_status gradc_job_run(gradc_job *j);
/* What a finished job measured: "loss", "epochs", "steps", "seconds", "examples" and every metric
 * by its name. GRADC_USAGE where there is no such figure. */
GRADC_API gradc_status gradc_job_figure(const gradc_job *j, const char *name, double *out);
/* What a job made, of n bytes (n may be NULL), with a zero behind: "text", what the command prints;
 * of emit with `c` "source", "header", "weights", "report"; of build "library", "header"; of bench
 * also "json". With the option "output" it is in files too. NULL: there is none. */
GRADC_API const char *gradc_job_result(const gradc_job *j, const char *name, size_t *n);
/* What a job measured, as a table: of gradcheck a row for each input ("function", "sizes", "input",
 * "type", "directions", "differences", "forward", "ok") or function that was "skipped"; of test
 * ("test", "ok", "wrong"); of bench ("function", "seconds", "least-seconds", "cpu-seconds",
 * "flops", "peak-gflops", "bytes", "workspace-bytes", "compile-seconds", "reload-seconds",
 * "threads", "gradient-to-forward") and of its kernels ("function", "kernel", "seconds", "flops",
 * "bytes"); of verify ("compiler", "function", "differ", "ulps", "ratio", "sizes"). There also
 * after GRADC_FINDINGS. NULL, or GRADC_USAGE: the row has no such text, or number. */
GRADC_API int gradc_job_row_count(const gradc_job *j);
GRADC_API const char *gradc_job_row_text(const gradc_job *j, int row, const char *name);
GRADC_API gradc_status gradc_job_row_number(const gradc_job *j, int row, const char *name,
                                            double *out);
GRADC_API void gradc_job_free(gradc_job *j); /* before its context; NULL is allowed */

/* ---- at a prompt: what `gradc repl` is made of ---- */
/* For declarations that a person types: each is checked at once, and where it is wrong all stays as
 * it was; parameters are drawn anew when something is declared, until gradc_params_load(); lines
 * are compiled earlier, since they are entered again. 0, at first: none of it. */
GRADC_API gradc_status gradc_set_interactive(gradc_context *gc, int yes);
/* What can be said of a text without a program: the sum of these. BLANK: nothing but blanks and
 * comments. OPEN: more must follow (a bracket, a block, an operator's right side). JOINS: it goes
 * on what stands before it, as a line that begins with `else`. */
typedef enum gradc_entry { GRADC_BLANK = 1, GRADC_OPEN = 2, GRADC_JOINS = 4 } gradc_entry;
GRADC_API int gradc_entry_kind(const char *text);
/* What could be typed behind the first n bytes of a text: whole words, sorted, of which each
 * replaces what stands from `begin` on. file: the name of a file, which is the caller's to look
 * for. The words are valid until the next call with the context. */
typedef struct gradc_completions {
  const char *const *word;
  int32_t n;
  int32_t file;
  size_t begin;
} gradc_completions;
GRADC_API gradc_status gradc_complete(gradc_context *gc, const char *text, size_t n,
                                      const gradc_completions **out);
/* The type of an expression; of the name of a function what it takes and gives. */
GRADC_API gradc_status gradc_type_of(gradc_context *gc, const char *label, const char *text,
                                     const char **out);
/* All that is declared, as it was written. */
GRADC_API gradc_status gradc_declarations(gradc_context *gc, const char **out);
/* Reads the file of the last gradc_load() again: what it declares now is in place of what it
 * declared then, and with errors all stays as it was. *told: a line for each name that is gone, and
 * what still uses it. */
GRADC_API gradc_status gradc_reload(gradc_context *gc, const char **told);
/* Ends what the context does as soon as it can: the call returns GRADC_INTERRUPTED, and so do those
 * after it until gradc_proceed(). From another thread, with signal 0; or from the handler of a
 * signal, whose number lets gradc_eval() be left in the middle of machine code: then this doesn't
 * return. */
GRADC_API void gradc_interrupt(gradc_context *gc, int signal);
GRADC_API int gradc_interrupted(const gradc_context *gc);
GRADC_API void gradc_proceed(gradc_context *gc);
/* Loads what makes machine code, which the first compilation does else. From any thread, at any
 * time. */
GRADC_API void gradc_warm_up(void);

/* ---- the language ---- */
/* The i-th word of the language of a class: "declaration", "control", "logic", "constant", "type",
 * "derivative", "function"; for editors. NULL: there is none. */
GRADC_API const char *gradc_word(gradc_context *gc, const char *word_class, int i);

#ifdef __cplusplus
}
#endif

#endif
