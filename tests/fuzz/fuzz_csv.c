/* fuzz_csv.c: libFuzzer target of the csv reader. */
#include "fuzz_arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  return fuzz_load(bytes, n, "fuzz.csv");
}
