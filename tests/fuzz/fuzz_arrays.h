/* fuzz_arrays.h: the one body of the fuzz targets of array files: whatever the bytes, loading them
 * ends in arrays whose elements can all be read, or in an error text; never in a crash or a leak.
 */
#include "array_format.h"

#include <stdlib.h>

static void fuzz_touch(const ArraySet *set) {
  volatile unsigned sum = 0;
  for (int i = 0; i < set->n; i++)
    for (int64_t k = 0; k < set->at[i].bytes; k++)
      sum += ((const unsigned char *)set->at[i].data)[k];
}

static int fuzz_load(const uint8_t *bytes, size_t n, const char *path) {
  ArraySet set = {.max_bytes = 1 << 22, .columns = n & 1};
  ArrayError err;
  if (array_load_memory(bytes, n, path, &set, &err)) fuzz_touch(&set);
  else if (!err.text[0]) abort();
  array_set_free(&set);
  return 0;
}
