/* fuzz_npy.c: libFuzzer target of the npy reader. */
#include "fuzz_arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  return fuzz_load(bytes, n, "fuzz.npy");
}
