/* back_c.h: loop programs as a C file and its header. Who calls it has chosen the functions and how
 * their inputs and outputs map to arguments; this prints them. Needs one
 * thread. Sizes left by name become arguments. The same input gives the same bytes. */
#ifndef GRADC_BACK_C_H
#define GRADC_BACK_C_H

#include "ir/size_cond.h"
#include "loop/loop.h"

/* What functions return: C_STATUS_TABLE(name, text), numbered from 0. Object files have the same
 * codes. */
#define C_STATUS_TABLE(_)                                                                          \
  _(OK, "ok")                                                                                      \
  _(NULL_POINTER, "an argument is a null pointer")                                                 \
  _(MISALIGNED, "the workspace is not aligned to 64 bytes")                                        \
  _(TOO_SMALL, "the workspace is too small")                                                       \
  _(BAD_SIZE, "a size is less than 1, or one leaves no room for another")                          \
  _(TOO_LARGE, "the sizes ask for more memory, or a longer axis, than can be addressed")           \
  _(BAD_WEIGHTS, "the weights' bytes are not as many as the parameters have")                      \
  _(INDEX, "an index is outside of what it reads; parameters and states are as they were")         \
  _(REQUIRED, "the sizes are not what the function requires, as its header says")
typedef enum CStatus {
#define _(name, text) CST_##name,
  C_STATUS_TABLE(_)
#undef _
} CStatus;

/* The line of the source at a span, as a comment can have it: "net.nn:7: fn f .."; "": none. */
const char *c_source_line(Cx *cx, Span span);

/* A C argument: a pointer to elements, a scalar by value, or a pointer to a struct of parameters.
 */
typedef enum CArgKind { CARG_ARRAY, CARG_VALUE, CARG_STRUCT } CArgKind;
typedef struct CArg {
  CArgKind kind;
  Name name;
  DType type;   /* not of a struct */
  Shape shape;  /* of an array */
  bool written; /* else const */
  Name says;    /* what it is, for the header */
} CArg;
/* Where an input or output of the program is found. */
typedef struct CPort {
  int arg;
  int field; /* of a struct: which parameter */
} CPort;
/* What the program says of sizes (`require`), to be asked by each call. */
typedef struct CRequire {
  const SizeCond *holds;
  const char *text;
} CRequire;
typedef struct CFunction {
  Name name; /* without the prefix */
  Name says;
  LoopProgram *loops;
  Vec(Name) size; /* named sizes, known at run time only: the first arguments */
  Vec(Dim) check; /* what must not be negative for the function to make sense */
  Vec(CRequire) require;
  Vec(CArg) arg;
  Vec(CPort) in, out;
  Vec(CPort) zero;                /* fields that the function sets to zero */
  const struct CFunction *primal; /* of a gradient: the function itself; else NULL */
} CFunction;
typedef struct CParam {
  Name name, field;
  DType type;
  Shape shape;
  const void *value; /* with CFile.embed */
  bool state;        /* declared by `state` */
} CParam;
/* Values of the parameters that the file brings along: none; a function that takes them from bytes;
 * as P_weights from a file that the assembler includes; as P_weights in C text. */
typedef enum CEmbed { CEMBED_NO, CEMBED_LOADER, CEMBED_INCBIN, CEMBED_HEX } CEmbed;

typedef struct CFile {
  Cx *cx;
  Name prefix, header; /* header: the file's name for #include */
  const char *version, *command;
  const char
      *flags; /* of the compiler, for the same bits and full speed; NULL: it is compiled already */
  Vec(CParam) param;
  Vec(CFunction *) fn;
  int threads; /* of an object: parallel kernels ask PREFIX_pool() for so many at most; else <= 1 */
  bool openmp; /* parallel loops say so to OpenMP */
  CEmbed embed;
  Name weights_file; /* for the loader's bytes and for .incbin */
  bool selftest;     /* main defines PREFIX_selftest() */
  const char *main;  /* further text for the end of the C file, may be NULL */
} CFile;

/* Where a parameter lies in the struct where every type is aligned to its size; returns that for i
 * == param.n: the struct's size. */
int64_t c_param_offset(const CFile *f, int i);
void c_print(const CFile *f, Text *source, Text *header); /* c_file.c */
void c_print_header(const CFile *f, Text *header);
/* archive.c: the names that the header declares; a static library of n objects. */
int c_symbols(const CFile *f, const char ***out);
typedef struct CMember {
  const char *name;
  const Text *object;
  const char *const *symbol; /* n that others may ask for */
  int n;
} CMember;
void c_archive(Cx *cx, const CMember *m, int n, Text *out);
/* c_names.c: two functions that would define the same name; one: NULL where every file has it. */
typedef struct CClash {
  Name name, one, other;
} CClash;
bool c_names_clash(const CFile *f, CClash *out);
bool c_identifier(const char *word);        /* usable as a name in C and C++ */
Name c_safe_name(Cx *cx, const char *word); /* the word, or it with an underscore */
const char *c_upper(Cx *cx, const char *word);

#endif
