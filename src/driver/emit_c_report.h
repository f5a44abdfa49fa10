/* emit_c_report.h: what emitted C costs on a machine: code, constants, memory, arithmetic. */
#ifndef GRADC_EMIT_C_REPORT_H
#define GRADC_EMIT_C_REPORT_H

#include "driver/emit_c.h"

/* cc: a compiler with its flags for the machine, or NULL: the system's, with the flags the file
 * names. False after a diagnostic. */
bool emit_c_report(const CFile *f, const char *source, const char *header, const char *cc,
                   Text *out);

#endif
