/* verify_c.h: emitted C against the machine code the JIT makes of the same loops. */
#ifndef GRADC_VERIFY_C_H
#define GRADC_VERIFY_C_H

#include "driver/emit_c.h"

typedef struct VerifyRow {
  const char *compiler; /* as it was called */
  Name function;
  double ulps;         /* largest distance, in units of the last place; 0: the same bits */
  int64_t wrong;       /* elements that differ */
  double ratio;        /* the C code's time by the machine code's, at the largest size tried */
  int sizes;           /* tried, where sizes are known at run time only; else 0 */
  int special;         /* of these, where code made for that size alone gives the same bits too */
  double special_ulps; /* the largest distance to such code */
} VerifyRow;
typedef struct VerifyReport {
  bool untimed; /* asked for by the caller */
  Vec(VerifyRow) row;
  int compilers;      /* found and used */
  const char *failed; /* a compiler that couldn't compile the file: its name; else NULL */
} VerifyReport;

/* The text of a further function per exported one, through which the object is called. */
const char *verify_c_entries(const CFile *f);
/* flags: of the compiler. False after diagnostics. */
bool verify_c(const CFile *f, const char *source, const char *header, const char *flags,
              VerifyReport *out);

#endif
