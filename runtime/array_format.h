/* array_format.h: what the readers and writers of the single formats share; not for others. */
#ifndef GRADC_ARRAY_FORMAT_H
#define GRADC_ARRAY_FORMAT_H

#include "array_file.h"
#include "atomic_file.h"
#include "byte_stream.h"

/* Records an error: "PATH: byte OFFSET: words", the offset left out when negative. Control
 * characters (names come from hostile files) are replaced. Always returns false. */
__attribute__((format(printf, 4, 5))) bool array_fail(ArrayError *err, const char *path,
                                                      int64_t offset, const char *fmt, ...);
bool array_no_memory(ArrayError *err, const char *path);

/* Adds an array with its elements allocated but not filled. The size is checked against the set's
 * limit; type, rank and dim must have passed array_size. NULL on failure. */
Array *array_add(ArraySet *set, const char *name, size_t name_len, ElemType type, int rank,
                 const int64_t *dim, const char *path, ArrayError *err);
bool array_add_meta(ArraySet *set, const char *key, const char *value);
bool array_wanted(const ArraySet *set, const char *name);
/* Checks a name from a file: not empty, not too long, no 0 byte. */
bool array_name_ok(const char *name, size_t n);
bool array_names_unique(const ArraySet *set, const char *path, ArrayError *err);
/* After reading: to native byte order; to row-major; bools to 0 and 1. */
void array_swap_bytes(Array *a);
bool array_from_fortran(Array *a);
void array_normalise(Array *a);

/* The payload of an array from a stream: checks that `bytes` can still come, allocates, reads, and
 * checks that the stream ends there. */
Array *array_read_payload(ByteStream *in, ArraySet *set, const char *name, ElemType type, int rank,
                          const int64_t *dim, ArrayError *err);

bool npy_read(ByteStream *in, const char *name, ArraySet *set, ArrayError *err);
bool idx_read(ByteStream *in, ArraySet *set, ArrayError *err);
bool bytes_read(ByteStream *in, ArraySet *set, ArrayError *err);
bool csv_read(ByteStream *in, ArraySet *set, ArrayError *err);
bool npz_read(const ByteSource *src, ArraySet *set, ArrayError *err);
bool safetensors_read(const ByteSource *src, ArraySet *set, ArrayError *err);

bool npy_write(AtomicFile *out, const ArrayView *a, ArrayError *err);
/* The header of an .npy file; its length (a multiple of 64), 0 where it can't be written. */
size_t npy_header(const ArrayView *a, char *out, size_t room);
bool csv_fits(const char *path, const ArrayView *at, int n, ArrayError *err);
bool csv_write(AtomicFile *out, const ArrayView *at, int n, ArrayError *err);
bool npz_write(AtomicFile *out, const ArrayView *at, int n, ArrayError *err);
bool safetensors_write(AtomicFile *out, const ArrayView *at, int n, const ArrayMeta *meta,
                       int nmeta, ArrayError *err);

#endif
