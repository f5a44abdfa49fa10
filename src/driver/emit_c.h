/* emit_c.h: a program as standalone C: which functions are exported, and how their inputs and
 * outputs become C arguments. back/back_c.h prints the result. Inside session_run. */
#ifndef GRADC_EMIT_C_H
#define GRADC_EMIT_C_H

#include "back/back_c.h"
#include "driver/compile.h"
#include "driver/session.h"

enum { EMIT_C_OPENMP_THREADS = 16 }; /* that workspaces have room for */

typedef struct EmitCOptions {
  Name prefix, header;
  const char *version, *command, *flags;
  const char
      *functions;   /* names with commas between; NULL: every function whose arguments have types */
  const char *step; /* an optimiser: a training step of `loss` as well; NULL: none */
  SizeBindings *sizes;
  int real; /* bytes that all floats become: 4 or 8; 0: they stay */
  bool openmp;
  int threads; /* of a native library, at most; 0 or 1: none */
  CEmbed embed;
  const char *weights; /* a file, where embed asks for one */
  int64_t size;        /* of named sizes not bound; 0: they stay names, known at run time */
  Target target;
  bool main, selftest; /* with a self-check (emit_c_check.c) */
} EmitCOptions;

/* emit_c_weights.c: the parameters' values from a file, for f->embed. False after diagnostics. */
bool emit_c_weights(Session *s, CFile *f, const char *path);
/* The bytes that a loader or .incbin takes: the struct as it lies in memory, little-endian. */
void emit_c_weight_bytes(const CFile *f, Text *out);

/* The loops of fn with numbers for its named sizes. NULL where they don't suit it,
 * perhaps after a diagnostic. */
LoopProgram *emit_c_bound(const CFunction *fn, const SizeBindings *sizes);
/* Every named size of fn is n. */
SizeBindings emit_c_all_sizes(const CFunction *fn, int64_t n);

/* Adds a function of arguments alone, prepared, under the name. */
void emit_c_add(CFile *f, const Fn *prepared, Name name, const Target *target);

/* False after diagnostics. */
bool emit_c(Session *s, const EmitCOptions *o, CFile *out);

/* emit_c_target.c: the number of a word for --cpu, -1: none; its vectors (only native, 0, asks the
 * machine), and the flags that a compiler of the C file is to be given. */
int emit_c_cpu(const char *word);
Target emit_c_target(int which, const char **flags);

/* emit_c_check.c: the text of P_selftest() where f asks for it, and of main(): each function on
 * fixed inputs, compared with values the reference evaluator gives now. */
const char *emit_c_check(const CFile *f, bool with_main);

#endif
