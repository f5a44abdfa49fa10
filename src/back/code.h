/* code.h: machine code in memory: the objects that the LLVM module makes of a program, linked and
 * made executable, and the files in which they are kept for the next run. */
#ifndef GRADC_BACK_CODE_H
#define GRADC_BACK_CODE_H

#include "back/back.h"
#include "base/digest.h"

/* ---- link.c: ELF objects of this machine to memory that can be called ---- */
typedef struct Linked {
  void *at; /* pages of its own; NULL: none */
  size_t bytes;
  NativeFn entry;
} Linked;
/* Whether link.c knows this machine's relocations; where not, LLVM's JIT links. */
bool link_knows_host(void);
/* The objects may use each other's functions. False with the reason in err, and nothing kept. */
bool link_objects(const CodeObjects *o, Linked *out, char *err, size_t nerr);
void link_free(Linked *l);

/* ---- code_cache.c: objects on disk ---- */
/* Appends the objects. False where there are none, or the file isn't whole, or what made it has
 * changed since. */
bool code_cache_read(DigestValue key, CodeObjects *out);
/* Failing is no failure: then nothing is kept. makers: the files whose change makes the code
 * stale. */
void code_cache_write(DigestValue key, const CodeObjects *o, const char *const *maker, int nmakers);

#endif
