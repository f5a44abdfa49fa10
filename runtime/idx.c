/* idx.c: the IDX format of the MNIST data sets: two 0 bytes, a type code, the number of dimensions,
 * the extents as big-endian 32-bit numbers, the elements in big-endian order, last axis fastest. */
#include "array_format.h"

#include <string.h>

static bool header(ByteStream *in, ElemType *type, int *rank, int64_t *dim, ArrayError *err) {
  uint8_t b[4];
  if (!stream_need(in, b, 4, "the IDX header", err)) return false;
  int t = 0;
  while (t < ELEM_COUNT && (!elem_info[t].idx || elem_info[t].idx != b[2])) t++;
  if (b[0] || b[1] || t == ELEM_COUNT)
    return array_fail(err, in->path, 2, "IDX has no element type with the code 0x%02x", b[2]);
  if (b[3] < 1 || b[3] > ARRAY_MAX_RANK)
    return array_fail(err, in->path, 3, "an IDX file with %d dimensions (1 to 32 can be)", b[3]);
  *type = (ElemType)t;
  *rank = b[3];
  for (int i = 0; i < *rank; i++) {
    if (!stream_need(in, b, 4, "the IDX header", err)) return false;
    dim[i] = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | (int64_t)b[3];
  }
  return true;
}

bool idx_read(ByteStream *in, ArraySet *set, ArrayError *err) {
  ElemType type = ELEM_U8;
  int rank = 0;
  int64_t dim[ARRAY_MAX_RANK];
  if (!header(in, &type, &rank, dim, err)) return false;
  Array *a = array_read_payload(in, set, "", type, rank, dim, err);
  if (!a) return false;
  if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) array_swap_bytes(a);
  return true;
}
