/* stage.h: a function at one of the stages of compilation, as text. Inside session_run. */
#ifndef GRADC_STAGE_H
#define GRADC_STAGE_H

#include "driver/compile.h"

typedef enum Stage { STAGE_IR, STAGE_LOOPS, STAGE_LLVM, STAGE_ASM } Stage;

/* The tensor SSA keeps the names of sizes that aren't in `sizes`; all that follows takes `rest` for
 * them. For so many threads. ST_SOURCE after diagnostics. */
Status stage_print(const Fn *f, Stage stage, SizeBindings *sizes, int64_t rest, int threads,
                   Text *out);

#endif
