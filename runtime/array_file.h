/* array_file.h: arrays in files. In: a path (or bytes); out: arrays with a name, an element type, a
 * shape and their elements in native byte order, row by row; or an error text with the path and the
 * byte where the file went wrong. Reads .npy, .npz, IDX, CSV, text (each also gzipped) and
 * .safetensors; writes .npy, .npz, .safetensors and CSV.
 *
 * Files are hostile until proven otherwise: all size arithmetic is checked, a declared size is
 * compared with the bytes that are there before anything is allocated for it, counts and names are
 * capped, nothing in a file is executed or taken for a path. Nothing here prints or exits. */
#ifndef GRADC_ARRAY_FILE_H
#define GRADC_ARRAY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ELEM(enum name, word, C type for arithmetic, bytes, npy kind, safetensors word, IDX code) */
#define ELEM_TABLE(ELEM)                                                                           \
  ELEM(BOOL, "bool", uint8_t, 1, 'b', "BOOL", 0)                                                   \
  ELEM(U8, "u8", uint8_t, 1, 'u', "U8", 0x08)                                                      \
  ELEM(I8, "i8", int8_t, 1, 'i', "I8", 0x09)                                                       \
  ELEM(U16, "u16", uint16_t, 2, 'u', "U16", 0)                                                     \
  ELEM(I16, "i16", int16_t, 2, 'i', "I16", 0x0b)                                                   \
  ELEM(U32, "u32", uint32_t, 4, 'u', "U32", 0)                                                     \
  ELEM(I32, "i32", int32_t, 4, 'i', "I32", 0x0c)                                                   \
  ELEM(U64, "u64", uint64_t, 8, 'u', "U64", 0)                                                     \
  ELEM(I64, "i64", int64_t, 8, 'i', "I64", 0)                                                      \
  ELEM(F16, "f16", uint16_t, 2, 'f', "F16", 0)                                                     \
  ELEM(BF16, "bf16", uint16_t, 2, 0, "BF16", 0)                                                    \
  ELEM(F32, "f32", float, 4, 'f', "F32", 0x0d)                                                     \
  ELEM(F64, "f64", double, 8, 'f', "F64", 0x0e)

typedef enum ElemType {
#define ELEM(name, word, ctype, bytes, npy, st, idx) ELEM_##name,
  ELEM_TABLE(ELEM)
#undef ELEM
      ELEM_COUNT
} ElemType;

typedef struct ElemInfo {
  const char *word;
  int bytes;
  char npy; /* kind letter of .npy, 0: .npy has no such type */
  const char *safetensors;
  int idx; /* IDX type code, 0: IDX has no such type */
} ElemInfo;
extern const ElemInfo elem_info[ELEM_COUNT];

enum { ARRAY_MAX_RANK = 32, ARRAY_MAX_NAME = 512, ARRAY_MAX_COUNT = 20000 };
#define ARRAY_MAX_ELEMENTS ((int64_t)1 << 48)

typedef struct Array {
  char *name; /* "" for the only array of a file without names */
  ElemType type;
  int rank;
  int64_t dim[ARRAY_MAX_RANK];
  int64_t count; /* product of the extents */
  int64_t bytes; /* count * size of an element */
  void *data;    /* aligned to 64; owned by the set */
} Array;

typedef struct ArrayMeta { /* safetensors' __metadata__ */
  char *key, *value;
} ArrayMeta;

typedef struct ArraySet {
  Array *at;
  int n, cap;
  ArrayMeta *meta;
  int nmeta, meta_cap;
  /* wishes of the caller, set before loading */
  int64_t max_bytes; /* of all arrays together; 0: no limit but the format's own */
  bool bytes;        /* no format: the file's bytes, u8 */
  bool table;        /* text is a table of numbers, too */
  bool columns;      /* CSV with a header line: one array per column, not one matrix */
  bool others;       /* members of an archive that hold no numbers become lines of `meta` */
  bool (*want)(void *arg, const char *name); /* NULL: everything; only for formats with names */
  void *want_arg;
  bool headed; /* out: it was a table with a header line */
} ArraySet;

typedef struct ArrayError {
  bool memory;       /* it was memory that failed, not the file */
  const char *holds; /* nothing is damaged, but these are no numbers: "strings" */
  char text[640];
} ArrayError;

/* Reads a file of any known format, told by its first bytes (CSV is what is none of the others),
 * but for text, which is told by its name: .txt or .txt.gz, an array u8[length] of its bytes, or
 * where the caller wants numbers a table of them. On
 * failure everything loaded is given back and err->text says why. */
bool array_load(const char *path, ArraySet *set, ArrayError *err);
/* The same from memory; path only serves the messages. */
bool array_load_memory(const void *bytes, size_t n, const char *path, ArraySet *set,
                       ArrayError *err);
void array_set_free(ArraySet *set);
Array *array_find(const ArraySet *set, const char *name);
const char *array_meta(const ArraySet *set, const char *key); /* NULL: not there */

/* Writing. The data are the caller's. Files appear whole or not at all: what was there under that
 * name stays until the new one is complete and on the disk (atomic_file.h). */
typedef struct ArrayView {
  const char *name;
  ElemType type;
  int rank;
  int64_t dim[ARRAY_MAX_RANK];
  const void *data;
} ArrayView;
/* The format by the name's end: .npy (one array), .npz, .safetensors (the only one with metadata),
 * .csv (columns of one length: of a matrix, each of its columns). */
bool array_save(const char *path, const ArrayView *at, int n, const ArrayMeta *meta, int nmeta,
                ArrayError *err);
/* Whether the format that the name asks for can hold these arrays; their data aren't looked at. */
bool array_fits_format(const char *path, const ArrayView *at, int n, ArrayError *err);
/* Whether a file could be written there: opens it the same way, and leaves what is there alone. */
bool array_can_save(const char *path, ArrayError *err);

/* The number of elements and bytes of a shape; false when they pass the limits. */
bool array_size(ElemType type, int rank, const int64_t *dim, int64_t *count, int64_t *bytes);
/* "u8[60000, 28, 28]" */
void array_type_text(ElemType type, int rank, const int64_t *dim, char *out, size_t n);

#endif
