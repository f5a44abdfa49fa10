/* embedded.h: text files that are part of the program, as arrays the build makes (embed.sh). Each
 * ends in a zero byte that its size does not count. */
#ifndef GRADC_EMBEDDED_H
#define GRADC_EMBEDDED_H

#include <stddef.h>

extern const char prelude_nn[]; /* src/front/prelude.nn and what follows it */
extern const size_t prelude_nn_size;
extern const char vmath_nn[]; /* src/ir/vmath.nn */
extern const size_t vmath_nn_size;
extern const char library_pool_c[]; /* runtime: what native libraries with threads have in them */
extern const size_t library_pool_c_size;
extern const char diagnostics_md[]; /* docs/diagnostics, one page after the other */
extern const size_t diagnostics_md_size;

#endif
