/* bytes.c: a file without a format, such as text. In: its bytes, unpacked where it was gzipped;
 * out: one array u8[length]. */
#include "array_format.h"

#include <stdlib.h>
#include <string.h>

/* The length isn't known before the end where the file is packed. */
static char *read_to_end(ByteStream *in, int64_t limit, int64_t *length, ArrayError *err) {
  int64_t cap = 1 << 16, n = 0, got = 0;
  char *data = malloc((size_t)cap);
  while (data && (got = stream_read(in, data + n, cap - n, err)) > 0) {
    n += got;
    if (limit && n > limit) {
      array_fail(err, in->path, n, "the file is larger than the limit");
      free(data);
      return NULL;
    }
    if (n < cap) continue;
    char *more = realloc(data, (size_t)(cap *= 2));
    if (!more) free(data);
    data = more;
  }
  if (!data) array_no_memory(err, in->path);
  if (data && got < 0) free(data), data = NULL;
  *length = n;
  return data;
}

bool bytes_read(ByteStream *in, ArraySet *set, ArrayError *err) {
  int64_t n;
  char *data = read_to_end(in, set->max_bytes, &n, err);
  if (!data) return false;
  Array *a = array_add(set, "", 0, ELEM_U8, 1, &n, in->path, err);
  if (a) memcpy(a->data, data, (size_t)n);
  free(data);
  return a != NULL;
}
