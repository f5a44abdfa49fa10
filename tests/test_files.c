/* test_files.c: array files: what others wrote is read, what is written is read back the same, what
 * is broken is refused with a place, and a file is never half written. */
#include "array_file.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CORPUS TEST_SRCDIR "/tests/fuzz/corpus/"
#define MNIST  "/usr/share/datasets/fashion-mnist/"

static ArraySet set;
static ArrayError err;
static char dir[64];

static void set_up(void) {
  memset(&set, 0, sizeof set);
  strcpy(dir, "/tmp/gradc-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void tear_down(void) {
  char command[160];
  array_set_free(&set);
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name) {
  static char path[4][200];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, sizeof path[0], "%s/%s", dir, name);
  return p;
}

static void put(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
  ck_assert_int_eq(fclose(f), 0);
}

static unsigned char *get(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  ck_assert_ptr_nonnull(f);
  unsigned char *bytes = malloc(1 << 16);
  *n = fread(bytes, 1, 1 << 16, f);
  fclose(f);
  return bytes;
}

/* Loads the bytes as a file of that name; the error's text must hold `word` (NULL: no error). */
static void expect(const void *bytes, size_t n, const char *name, const char *word) {
  array_set_free(&set);
  bool ok = array_load_memory(bytes, n, name, &set, &err);
  if (!word) {
    ck_assert_msg(ok, "%s", err.text);
    return;
  }
  ck_assert_msg(!ok, "%s: accepted, expected: %s", name, word);
  ck_assert_msg(strstr(err.text, word) != NULL, "`%s` has no `%s`", err.text, word);
  ck_assert_msg(!strncmp(err.text, name, strlen(name)), "no path in `%s`", err.text);
  ck_assert_int_eq(set.n, 0);
}

static const Array *only(const char *path, ElemType type, int rank) {
  array_set_free(&set);
  ck_assert_msg(array_load(path, &set, &err), "%s", err.text);
  ck_assert_int_eq(set.n, 1);
  ck_assert_int_eq(set.at[0].type, type);
  ck_assert_int_eq(set.at[0].rank, rank);
  return set.at;
}

/* ---- .npy ---- */
START_TEST(numpy_wrote_it) { /* the corpus was written by NumPy 2.4 and safetensors 0.7 */
  const Array *a = only(CORPUS "fo.npy", ELEM_I64, 3); /* fortran_order of arange(24) as 2x3x4 */
  for (int i = 0; i < 24; i++) ck_assert_int_eq(((int64_t *)a->data)[i], i);
  a = only(CORPUS "be.npy", ELEM_I16, 1); /* big endian */
  for (int i = 0; i < 5; i++) ck_assert_int_eq(((int16_t *)a->data)[i], i);
  a = only(CORPUS "s.npy", ELEM_F64, 0);
  ck_assert_double_eq(*(double *)a->data, 3);
  a = only(CORPUS "e.npy", ELEM_U64, 2);
  ck_assert_int_eq(a->count, 0);
  ck_assert_int_eq(a->dim[1], 5);
  a = only(CORPUS "h.npy", ELEM_F16, 1);
  ck_assert_int_eq(((uint16_t *)a->data)[1], 0x3c00);
  a = only(CORPUS "b.npy", ELEM_BOOL, 1);
  ck_assert_int_eq(((uint8_t *)a->data)[0], 1);
}
END_TEST

static size_t npy(char *out, int version, const char *dict, size_t payload) {
  size_t n = strlen(dict), at = version == 1 ? 10 : 12;
  memcpy(out, "\x93NUMPY", 6);
  out[6] = (char)version, out[7] = 0;
  out[8] = (char)(n & 255), out[9] = (char)(n >> 8), out[10] = out[11] = 0;
  memcpy(out + at, dict, n);
  memset(out + at + n, 1, payload);
  return at + n + payload;
}

START_TEST(npy_headers) {
  static const struct {
    const char *dict, *word;
    size_t payload;
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", NULL, 8},
      {"{\"shape\": (2L, 1), \"fortran_order\": True, \"descr\": '=i4'}", NULL, 8},
      {"{'descr': '|b1', 'fortran_order': False, 'shape': ()}", NULL, 1},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "truncated", 7},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "needs 8 bytes", 9},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "pickle", 8},
      {"{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", "strings", 8},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "complex", 8},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "records", 8},
      {"{'descr': '<f3', 'fortran_order': False, 'shape': (2,), }", "element type", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "extent", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "extent", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (281474976710656, 281474976710656)}",
       "too large", 8},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 281474976710656, 281474976710656)}",
       "too large", 0},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", NULL, 4},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
       "1,1,1,1,1,1,1,1,1,1,1,1,1)}",
       "dimensions", 4},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", "key", 8},
      {"{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}", "key", 8},
      {"{'descr': '<f4', 'shape': (2,)}", "missing", 8},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "True or False", 8},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "follows", 8},
      {"", "dictionary", 8},
  };
  char file[512];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int version = 1; version <= 3; version++)
      expect(file, npy(file, version, cases[i].dict, cases[i].payload), "t.npy", cases[i].word);
  expect("\x93NUMPY\4\0\0\0", 10, "t.npy", "version");
  expect("\x93NUMPY\2\0\xff\xff\xff\xff{", 13, "t.npy", "header");
  expect("", 0, "t.npy", "empty");
}
END_TEST

/* ---- IDX ---- */
START_TEST(idx_files) {
  const Array *a = only(CORPUS "i.idx", ELEM_U8, 2);
  ck_assert_int_eq(a->dim[0], 2);
  ck_assert_int_eq(((uint8_t *)a->data)[5], 5);
  a = only(CORPUS "g.idx", ELEM_F32, 1); /* gzipped, big endian */
  ck_assert_float_eq(((float *)a->data)[0], 1.5f);
  ck_assert_float_eq(((float *)a->data)[1], -2.0f);
  expect("\0\0\x08\x01\0\0\0\3abc", 11, "t.idx", NULL);
  expect("\0\0\x08\x01\0\0\0\3ab", 10, "t.idx", "truncated");
  expect("\0\0\x08\x01\0\0\0\3abcd", 12, "t.idx", "needs 3 bytes");
  expect("\0\0\x07\x01\0\0\0\3abc", 11, "t.idx", "0x07");
  expect("\0\0\x08\x00\0\0\0\3abc", 11, "t.idx", "dimensions");
  expect("\0\0\x08\x03\0\0\0\3abc", 11, "t.idx", "header");
  expect("\0\0\x0e\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, "t.idx", "large");
}
END_TEST

START_TEST(gzip_is_checked) {
  size_t n;
  unsigned char *b = get(CORPUS "g.idx", &n);
  expect(b, n, "g", NULL);
  for (size_t k = 2; k < n; k++) expect(b, k, "g", "byte");
  b[n - 6] ^= 1; /* the checksum */
  expect(b, n, "g", "damaged");
  b[n - 6] ^= 1;
  b[n] = 'x';
  expect(b, n + 1, "g", "follow");
  b[n] = 0; /* padding of tapes */
  expect(b, n + 1, "g", NULL);
  free(b);
}
END_TEST

START_TEST(fashion_mnist) {
  if (access(MNIST "train-images-idx3-ubyte.gz", R_OK)) {
    printf("SKIP: fashion_mnist (dataset-fashion-mnist is not installed)\n");
    return;
  }
  const Array *a = only(MNIST "train-images-idx3-ubyte.gz", ELEM_U8, 3);
  ck_assert_int_eq(a->bytes, 60000 * 28 * 28); /* kept in the file's type */
  a = only(MNIST "t10k-labels-idx1-ubyte.gz", ELEM_U8, 1);
  int count[10] = {0};
  for (int i = 0; i < 10000; i++) count[((uint8_t *)a->data)[i]]++;
  for (int i = 0; i < 10; i++) ck_assert_int_eq(count[i], 1000);
}
END_TEST

/* ---- .npz ---- */
START_TEST(zip_archives) {
  static const char *const files[] = {CORPUS "a.npz", CORPUS "z.npz"}; /* stored, deflated */
  for (int i = 0; i < 2; i++) {
    array_set_free(&set);
    ck_assert_msg(array_load(files[i], &set, &err), "%s", err.text);
    ck_assert_int_eq(set.n, 2);
    const Array *x = array_find(&set, "x");
    ck_assert_ptr_nonnull(x);
    for (int64_t k = 0; k < x->count; k++) ck_assert_int_eq(((int64_t *)x->data)[k], k);
  }
  const Array *big = only(CORPUS "zip64.npz", ELEM_I32, 1);
  ck_assert_str_eq(big->name, "big");
  ck_assert_int_eq(((int32_t *)big->data)[3], 3);
}
END_TEST

static bool only_y(void *arg, const char *name) {
  (void)arg;
  return !strcmp(name, "y");
}

START_TEST(only_what_is_wanted) {
  set.want = only_y;
  ck_assert(array_load(CORPUS "a.npz", &set, &err));
  ck_assert_int_eq(set.n, 1);
  ck_assert_str_eq(set.at[0].name, "y");
}
END_TEST

/* Finds the n-th place of a signature. */
static unsigned char *find(unsigned char *b, size_t n, const char *what, int nth) {
  for (size_t i = 0; i + 4 <= n; i++)
    if (!memcmp(b + i, what, 4) && !nth--) return b + i;
  ck_abort_msg("no signature");
  return NULL;
}

/* Arrays of other things than numbers are an error where they are wanted, and listed for who only
 * looks into the file. */
START_TEST(members_without_numbers) {
  size_t n;
  unsigned char *b = get(CORPUS "a.npz", &n);
  memcpy(find(b, n, "'<f4", 0) + 1, "<U1", 3);
  put(in_dir("s.npz"), b, n);
  ck_assert(!array_load(in_dir("s.npz"), &set, &err));
  ck_assert_msg(strstr(err.text, "(y.npy): byte") && strstr(err.text, "holds strings"), "%s",
                err.text);
  set.others = true;
  ck_assert_msg(array_load(in_dir("s.npz"), &set, &err), "%s", err.text);
  ck_assert_int_eq(set.n, 1);
  ck_assert_str_eq(array_meta(&set, "y"), "strings, not read");
  free(b);
  static const char header[] =
      "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}";
  char file[8 + sizeof header + 2] = {sizeof header - 1};
  memcpy(file + 8, header, sizeof header - 1);
  put(in_dir("s.safetensors"), file, 8 + sizeof header - 1 + 2);
  array_set_free(&set);
  set.others = true;
  ck_assert_msg(array_load(in_dir("s.safetensors"), &set, &err), "%s", err.text);
  ck_assert_str_eq(array_meta(&set, "a"), "elements of F8_E4M3, not read");
}
END_TEST

START_TEST(broken_archives) {
  size_t n;
  unsigned char *b = get(CORPUS "a.npz", &n), *c;
  c = find(b, n, "PK\1\2", 1);
  memcpy(c + 46, "x", 1), memcpy(find(b, n, "PK\3\4", 1) + 30, "x", 1);
  expect(b, n, "a.npz", "two arrays are called `x`");
  memcpy(c + 46, "y", 1);
  expect(b, n, "a.npz", "disagree");
  memcpy(find(b, n, "PK\3\4", 1) + 30, "y", 1);
  expect(b, n, "a.npz", NULL);
  c[16] ^= 1;
  expect(b, n, "a.npz", "checksum");
  c[16] ^= 1;
  c[8] |= 1;
  expect(b, n, "a.npz", "encrypted");
  c[8] &= 0xfe;
  c[10] = 12;
  expect(b, n, "a.npz", "method");
  c[10] = 0;
  memset(c + 42, 0, 4); /* both members at the first one's place */
  expect(b, n, "a.npz", "disagree");
  free(b);
  b = get(CORPUS "a.npz", &n);
  c = find(b, n, "PK\1\2", 0);
  c[20]++, c[24]++; /* one byte more than there is before the next member */
  expect(b, n, "a.npz", "overlap");
  free(b);
}
END_TEST

/* ---- .safetensors ---- */
static void st(const char *json, size_t payload, const char *word) {
  char file[1024];
  size_t n = strlen(json);
  memset(file, 0, 8);
  file[0] = (char)(n & 255), file[1] = (char)(n >> 8);
  memcpy(file + 8, json, n);
  memset(file + 8 + n, 0, payload);
  expect(file, 8 + n + payload, "t.safetensors", word);
}

static bool is_x(void *arg, const char *name) { return (void)arg, !strcmp(name, "x"); }

START_TEST(safetensors_headers) {
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   ", 8, NULL);
  st("{\"__metadata__\":{\"k\":\"v\"}}", 0, NULL);
  ck_assert_str_eq(array_meta(&set, "k"), "v");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "truncated");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "need 8 bytes");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "gap");
  st("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
     3, "overlap");
  st("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     1, "duplicate");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "don't fit");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0,
     "too large");
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "extent");
  st("{\"a\":{\"dtype\":\"F9\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "its dtype F9 is not known");
  set.want = is_x; /* what nobody wants may have any type */
  st("{\"a\":{\"dtype\":\"F9\",\"shape\":[2],\"data_offsets\":[0,3]},"
     "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}",
     4, NULL);
  set.want = NULL;
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "expected");
  st("{\"a\":7}", 8, "expected");
  st("[]", 0, "not an object");
  st("{\"__metadata__\":{\"k\":1}}", 0, "string");
  st("{\"a\":", 0, "bad .safetensors header");
  expect("\xff\xff\xff\xff\xff\xff\xff\xff{", 9, "t.safetensors", "header");
  expect("\1\0\0", 3, "t.safetensors", "ends");
}
END_TEST

/* ---- CSV ---- */
START_TEST(tables) {
  set.columns = true;
  const char *t = "\xef\xbb\xbf"
                  "x0, x1 ,\"the y\"\r\n1,2,0.5\r\n\r\n3,4,nan\r\n";
  ck_assert_msg(array_load_memory(t, strlen(t), "t.csv", &set, &err), "%s", err.text);
  const Array *x = array_find(&set, "x"), *y = array_find(&set, "the y");
  ck_assert(x && y && x->type == ELEM_I64 && x->rank == 2 && y->type == ELEM_F64);
  ck_assert_int_eq(((int64_t *)x->data)[2], 3);
  ck_assert(isnan(((double *)y->data)[1]));
  array_set_free(&set);
  t = "\"a \"\"b\"\"\",\"\"\"\",c\"\"\n1,2,3\n"; /* quotes in quotes are doubled, outside they
                                                    aren't */
  ck_assert_msg(array_load_memory(t, strlen(t), "t.csv", &set, &err), "%s", err.text);
  ck_assert(array_find(&set, "a \"b\"") && array_find(&set, "\"") && array_find(&set, "c\"\""));
  array_set_free(&set);
  set.columns = false;
  t = "# a comment\n1;2\n3;4.5";
  ck_assert(array_load_memory(t, strlen(t), "t.csv", &set, &err));
  ck_assert_int_eq(set.at[0].dim[1], 2);
  ck_assert_double_eq(((double *)set.at[0].data)[3], 4.5);
  expect("1,2\n3\n", 6, "t.csv", "line 2: 1 field");
  expect("1,2\n3,x\n", 8, "t.csv", "field 2 is not a number");
  expect("1,2\n3,0x10\n", 11, "t.csv", "field 2");
  expect("1,2\n3,\n", 7, "t.csv", "field 2 is empty");
  expect("a,b\n", 4, "t.csv", "no rows");
  expect("a,\n1,2\n", 7, "t.csv", "without a name");
  expect("abc\0def", 7, "t.bin", "not a format");
}
END_TEST

static const ArraySet *table(const char *text, bool columns) {
  array_set_free(&set);
  set.columns = columns;
  ck_assert_msg(array_load_memory(text, strlen(text), "t.csv", &set, &err), "%s", err.text);
  return &set;
}

static void is_matrix(const char *text, int64_t rows, int64_t columns, double last) {
  const Array *a = table(text, false)->at;
  ck_assert_int_eq(a->dim[0], rows);
  ck_assert_int_eq(a->dim[1], columns);
  double v = a->type == ELEM_I64 ? (double)((int64_t *)a->data)[a->count - 1]
                                 : ((double *)a->data)[a->count - 1];
  ck_assert_double_eq(v, last);
}

START_TEST(blanks_part_fields_of_tables) {
  is_matrix("1 2 3\n4 5 6\n", 2, 3, 6);
  is_matrix("  1.5e+00   2 \n\n   3 \t 4.5 \n", 2, 2, 4.5);
  is_matrix("a b\n1 2\n", 1, 2, 2);      /* a header of two names */
  is_matrix("my name\n1\n2\n", 2, 1, 2); /* of one */
  is_matrix("1 , 2\n3 , 4\n", 2, 2, 4);
  is_matrix("1\r2\r", 2, 1, 2);
  array_set_free(&set);
  expect("1 2\n3\n", 6, "t.csv", "line 2: 1 field");
}
END_TEST

START_TEST(whole_numbers_keep_all_their_digits) {
  const char *t = "x,y\n1,1.5\n9007199254740993,2\n-9223372036854775808,3\n9223372036854775807,4\n";
  const int64_t *x = array_find(table(t, true), "x")->data;
  ck_assert_int_eq(x[0], 1);
  ck_assert_int_eq(x[1], 9007199254740993);
  ck_assert_int_eq(x[2], INT64_MIN);
  ck_assert_int_eq(x[3], INT64_MAX);
  ck_assert_double_eq(((double *)array_find(&set, "y")->data)[0], 1.5);
  ck_assert(table("18446744073709551616\n", false)->at->type == ELEM_F64); /* 2^64 */
  ck_assert(table("9007199254740993\n0.5\n", false)->at->type == ELEM_F64);
  is_matrix("0.333333333333333333333333333333333333333333333333333333333333333333333333333\n", 1, 1,
            1.0 / 3);
  array_set_free(&set);
}
END_TEST

START_TEST(columns_nobody_wants_may_hold_anything) {
  set.want = is_x;
  const char *t = "when,\"what; \"\"it\"\"\",x\n2020-01-01,\"a, b\",2\n2020-01-02,\"c\nd\",3.5\n";
  const Array *x = table(t, true)->at;
  ck_assert_int_eq(set.n, 1);
  ck_assert_int_eq(x->count, 2);
  ck_assert_double_eq(((double *)x->data)[1], 3.5);
  /* rows with numbers or names of their own, as other programs write them */
  ck_assert_int_eq(((int64_t *)table(",x\n0,7\n1,8\n", true)->at->data)[1], 8);
  ck_assert_int_eq(table("t,x0,x1\na,1,2\n", true)->at->dim[1], 2);
  array_set_free(&set);
  expect("t,x\n\"a\nb\",1\nc,d\n", 16, "t.csv", "line 4: field 2 is not a number: `d`");
  set.want = NULL;
}
END_TEST

START_TEST(missing_numbers_are_no_header) {
  expect("1,NA,3\n1,2,3\n", 13, "t.csv", "line 1: field 2 is not a number: `NA`: write nan");
  expect("?;2\n1;2\n", 8, "t.csv", "line 1: field 1");
  expect("1,2\n,3\n", 7, "t.csv", "line 2: field 1 is empty");
}
END_TEST

/* ---- writing ---- */
/* One array of each type a format has, through the file and back. */
static void round_trip(const char *path, bool bf16) {
  unsigned char bytes[ELEM_COUNT][64];
  ArrayView v[ELEM_COUNT + 1];
  int n = 0;
  for (int t = 0; t < ELEM_COUNT; t++) {
    if (t == ELEM_BF16 && !bf16) continue;
    for (int k = 0; k < 64; k++)
      bytes[t][k] = t == ELEM_BOOL ? (unsigned char)(k % 3 == 0) : (unsigned char)(k * 37 + t);
    v[n++] = (ArrayView){elem_info[t].word, (ElemType)t, 2, {2, 3}, bytes[t]};
  }
  v[n++] = (ArrayView){"scalar", ELEM_F32, 0, {0}, bytes[0]};
  v[n - 1].data = bytes[1];
  ArrayMeta meta = {(char *)"key", (char *)"va\"lue"};
  bool st_file = strstr(path, "safetensors") != NULL;
  ck_assert_msg(array_save(path, v, n, &meta, st_file, &err), "%s", err.text);
  array_set_free(&set);
  ck_assert_msg(array_load(path, &set, &err), "%s", err.text);
  ck_assert_int_eq(set.n, n);
  for (int i = 0; i < n; i++) {
    const Array *a = array_find(&set, v[i].name);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(a->type, v[i].type);
    ck_assert_int_eq(a->rank, v[i].rank);
    ck_assert_mem_eq(a->data, v[i].data, (size_t)a->bytes);
    ck_assert_uint_eq((uintptr_t)a->data % 64, 0);
  }
  if (st_file) ck_assert_str_eq(array_meta(&set, "key"), "va\"lue");
}

START_TEST(round_trips) {
  round_trip(in_dir("w.safetensors"), true);
  round_trip(in_dir("w.npz"), false);
  float x[6] = {1, 2, 3, 4, 5, 6};
  ArrayView v = {"x", ELEM_F32, 2, {2, 3}, x};
  ck_assert(array_save(in_dir("x.npy"), &v, 1, NULL, 0, &err));
  ck_assert_mem_eq(only(in_dir("x.npy"), ELEM_F32, 2)->data, x, sizeof x);
  ck_assert(!array_save(in_dir("x.txt"), &v, 1, NULL, 0, &err));
  ck_assert(!array_save(in_dir("no/such/x.npy"), &v, 1, NULL, 0, &err));
  ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
  ck_assert(!array_save(dir, &v, 1, NULL, 0, &err));
  v.type = ELEM_BF16;
  ck_assert(!array_save(in_dir("x.npz"), &v, 1, NULL, 0, &err));
  ck_assert_ptr_nonnull(strstr(err.text, "unknown to NumPy"));
}
END_TEST

static int files_in(const char *path) {
  DIR *d = opendir(path);
  int n = 0;
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d));) n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  closedir(d);
  return n;
}

START_TEST(modes_and_links_stay) {
  struct stat s;
  float x = 1;
  ArrayView v = {"x", ELEM_F32, 0, {0}, &x};
  put(in_dir("x.npz"), "old", 3);
  ck_assert_int_eq(chmod(in_dir("x.npz"), 0640), 0);
  ck_assert_int_eq(symlink("x.npz", in_dir("link.npz")), 0);
  ck_assert_msg(array_save(in_dir("link.npz"), &v, 1, NULL, 0, &err), "%s", err.text);
  ck_assert_int_eq(lstat(in_dir("link.npz"), &s), 0);
  ck_assert(S_ISLNK(s.st_mode));
  ck_assert_int_eq(stat(in_dir("x.npz"), &s), 0);
  ck_assert_int_eq(s.st_mode & 0777, 0640);
  only(in_dir("x.npz"), ELEM_F32, 0);
  ck_assert_int_eq(files_in(dir), 2);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file) {
  static double big[1 << 16];
  ArrayView v = {"x", ELEM_F64, 1, {1}, big};
  ck_assert(array_save(in_dir("x.safetensors"), &v, 1, NULL, 0, &err));
  struct rlimit limit = {100000, 100000};
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit),
                   0); /* Check runs each test in its own process */
  v.dim[0] = 1 << 16;
  ck_assert(!array_save(in_dir("x.safetensors"), &v, 1, NULL, 0, &err));
  ck_assert_ptr_nonnull(strstr(err.text, "can't be written"));
  ck_assert_int_eq(only(in_dir("x.safetensors"), ELEM_F64, 1)->count, 1);
  ck_assert_int_eq(files_in(dir), 1);
}
END_TEST

/* A child writes files of all ones, all twos ... and is killed at a random moment, many times. */
START_TEST(killed_while_writing) {
  enum { N = 20000, KILLS = 40 };
  static int32_t x[N];
  ArrayView v = {"x", ELEM_I32, 1, {N}, x};
  const char *path = in_dir("w.safetensors");
  ck_assert(array_save(path, &v, 1, NULL, 0, &err));
  for (int k = 0; k < KILLS; k++) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
      for (int32_t value = 1;; value++) {
        for (int i = 0; i < N; i++) x[i] = value;
        if (!array_save(path, &v, 1, NULL, 0, &err)) _exit(1);
      }
    }
    struct timespec nap = {0, 200000 + 131071L * k};
    nanosleep(&nap, NULL);
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status));
    const Array *a = only(path, ELEM_I32, 1);
    for (int i = 1; i < N; i++) ck_assert_int_eq(((int32_t *)a->data)[i], ((int32_t *)a->data)[0]);
  }
}
END_TEST

/* ---- damage ---- */
/* Every file of the corpus cut at every length, and with every byte changed: an error or arrays,
 * and with the sanitizers on no word from them. A binary file that is cut is always refused. */
START_TEST(damaged_files) {
  DIR *d = opendir(CORPUS);
  ck_assert_ptr_nonnull(d);
  int files = 0;
  for (struct dirent *e; (e = readdir(d));) {
    char path[400];
    size_t n;
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, CORPUS "%s", e->d_name);
    unsigned char *b = get(path, &n), keep;
    bool text = strstr(e->d_name, ".csv") != NULL;
    set.max_bytes = 1 << 20;
    for (size_t k = 0; k < n; k++) {
      array_set_free(&set);
      bool ok = array_load_memory(b, k, e->d_name, &set, &err);
      ck_assert_msg(text || !ok, "%s cut at %zu was accepted", e->d_name, k);
    }
    for (size_t k = 0; k < n; k++)
      for (int bit = 0; bit < 9; bit++) {
        keep = b[k];
        b[k] = bit == 8 ? 0xff : (unsigned char)(b[k] ^ 1 << bit);
        array_set_free(&set);
        err.text[0] = 0;
        ck_assert(array_load_memory(b, n, e->d_name, &set, &err) || err.text[0]);
        b[k] = keep;
      }
    free(b);
    files++;
  }
  closedir(d);
  ck_assert_int_ge(files, 12);
}
END_TEST

START_TEST(files_that_are_none) {
  ck_assert(!array_load(in_dir("nothing.npy"), &set, &err));
  ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
  ck_assert(!array_load(dir, &set, &err));
  ck_assert_ptr_nonnull(strstr(err.text, "folder"));
  ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0);
  ck_assert(!array_load(in_dir("pipe"), &set, &err)); /* and doesn't wait for a writer */
  ck_assert_ptr_nonnull(strstr(err.text, "regular"));
  expect("\x1b[2J,b\n1,x\n", 11, "t.csv", "field 2");
  st("{\"a\\u001b[2J\":{\"dtype\":\"F9\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "a?[2J");
}
END_TEST

Suite *files_suite(void);
Suite *files_suite(void) {
  Suite *s = suite_create("files");
  TCase *t = tcase_create("files");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, numpy_wrote_it);
  tcase_add_test(t, npy_headers);
  tcase_add_test(t, idx_files);
  tcase_add_test(t, gzip_is_checked);
  tcase_add_test(t, fashion_mnist);
  tcase_add_test(t, zip_archives);
  tcase_add_test(t, members_without_numbers);
  tcase_add_test(t, only_what_is_wanted);
  tcase_add_test(t, broken_archives);
  tcase_add_test(t, safetensors_headers);
  tcase_add_test(t, tables);
  tcase_add_test(t, blanks_part_fields_of_tables);
  tcase_add_test(t, whole_numbers_keep_all_their_digits);
  tcase_add_test(t, columns_nobody_wants_may_hold_anything);
  tcase_add_test(t, missing_numbers_are_no_header);
  tcase_add_test(t, round_trips);
  tcase_add_test(t, modes_and_links_stay);
  tcase_add_test(t, a_full_disk_leaves_the_old_file);
  tcase_add_test(t, killed_while_writing);
  tcase_add_test(t, damaged_files);
  tcase_add_test(t, files_that_are_none);
  suite_add_tcase(s, t);
  return s;
}
