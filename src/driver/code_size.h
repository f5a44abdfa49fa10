/* code_size.h: what an object file takes up, by section and by function. */
#ifndef GRADC_CODE_SIZE_H
#define GRADC_CODE_SIZE_H

#include "base/base.h"

typedef struct CodeSymbol { /* of a function */
  const char *name;
  int64_t bytes;
} CodeSymbol;
typedef struct CodeSize {
  int64_t code, constants, data,
      zeros; /* executable; read only; written, with values; written, zeros at first */
  Vec(CodeSymbol) symbol;
} CodeSize;

/* From the bytes of an ELF object of any machine. NULL, or why it can't be read. */
const char *code_size(Cx *cx, const char *elf, size_t n, CodeSize *out);

#endif
