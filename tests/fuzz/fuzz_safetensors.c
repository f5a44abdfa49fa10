/* fuzz_safetensors.c: libFuzzer target of the safetensors reader. */
#include "fuzz_arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  return fuzz_load(bytes, n, "fuzz.safetensors");
}
