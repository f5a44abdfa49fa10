/* test_files.c: array files are read: what others wrote, in every format; what is broken is refused
 * with a place. */
#include "file_case.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MNIST "/usr/share/datasets/fashion-mnist/"

/* ---- .npy ---- */
START_TEST(numpy_wrote_it) { /* the corpus was written by NumPy 2.4 and safetensors 0.7 */
  const Array *a =
      file_only(CORPUS "fo.npy", ELEM_I64, 3); /* fortran_order of arange(24) as 2x3x4 */
  for (int i = 0; i < 24; i++) ck_assert_int_eq(((int64_t *)a->data)[i], i);
  a = file_only(CORPUS "be.npy", ELEM_I16, 1); /* big endian */
  for (int i = 0; i < 5; i++) ck_assert_int_eq(((int16_t *)a->data)[i], i);
  a = file_only(CORPUS "s.npy", ELEM_F64, 0);
  ck_assert_double_eq(*(double *)a->data, 3);
  a = file_only(CORPUS "e.npy", ELEM_U64, 2);
  ck_assert_int_eq(a->count, 0);
  ck_assert_int_eq(a->dim[1], 5);
  a = file_only(CORPUS "h.npy", ELEM_F16, 1);
  ck_assert_int_eq(((uint16_t *)a->data)[1], 0x3c00);
  a = file_only(CORPUS "b.npy", ELEM_BOOL, 1);
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
      file_expect(file, npy(file, version, cases[i].dict, cases[i].payload), "t.npy",
                  cases[i].word);
  file_expect("\x93NUMPY\4\0\0\0", 10, "t.npy", "version");
  file_expect("\x93NUMPY\2\0\xff\xff\xff\xff{", 13, "t.npy", "header");
  file_expect("", 0, "t.npy", "empty");
}
END_TEST

/* ---- IDX ---- */
START_TEST(idx_files) {
  const Array *a = file_only(CORPUS "i.idx", ELEM_U8, 2);
  ck_assert_int_eq(a->dim[0], 2);
  ck_assert_int_eq(((uint8_t *)a->data)[5], 5);
  a = file_only(CORPUS "g.idx", ELEM_F32, 1); /* gzipped, big endian */
  ck_assert_float_eq(((float *)a->data)[0], 1.5f);
  ck_assert_float_eq(((float *)a->data)[1], -2.0f);
  file_expect("\0\0\x08\x01\0\0\0\3abc", 11, "t.idx", NULL);
  file_expect("\0\0\x08\x01\0\0\0\3ab", 10, "t.idx", "truncated");
  file_expect("\0\0\x08\x01\0\0\0\3abcd", 12, "t.idx", "needs 3 bytes");
  file_expect("\0\0\x07\x01\0\0\0\3abc", 11, "t.idx", "0x07");
  file_expect("\0\0\x08\x00\0\0\0\3abc", 11, "t.idx", "dimensions");
  file_expect("\0\0\x08\x03\0\0\0\3abc", 11, "t.idx", "header");
  file_expect("\0\0\x0e\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16, "t.idx", "large");
}
END_TEST

START_TEST(gzip_is_checked) {
  size_t n;
  unsigned char *b = file_get(CORPUS "g.idx", &n);
  file_expect(b, n, "g", NULL);
  for (size_t k = 2; k < n; k++) file_expect(b, k, "g", "byte");
  b[n - 6] ^= 1; /* the checksum */
  file_expect(b, n, "g", "damaged");
  b[n - 6] ^= 1;
  b[n] = 'x';
  file_expect(b, n + 1, "g", "follow");
  b[n] = 0; /* padding of tapes */
  file_expect(b, n + 1, "g", NULL);
  free(b);
}
END_TEST

START_TEST(fashion_mnist) {
  if (access(MNIST "train-images-idx3-ubyte.gz", R_OK)) {
    printf("SKIP: fashion_mnist (dataset-fashion-mnist is not installed)\n");
    return;
  }
  const Array *a = file_only(MNIST "train-images-idx3-ubyte.gz", ELEM_U8, 3);
  ck_assert_int_eq(a->bytes, 60000 * 28 * 28); /* kept in the file's type */
  a = file_only(MNIST "t10k-labels-idx1-ubyte.gz", ELEM_U8, 1);
  int count[10] = {0};
  for (int i = 0; i < 10000; i++) count[((uint8_t *)a->data)[i]]++;
  for (int i = 0; i < 10; i++) ck_assert_int_eq(count[i], 1000);
}
END_TEST

/* ---- .npz ---- */
START_TEST(zip_archives) {
  static const char *const files[] = {CORPUS "a.npz", CORPUS "z.npz"}; /* stored, deflated */
  for (int i = 0; i < 2; i++) {
    array_set_free(&file_set);
    ck_assert_msg(array_load(files[i], &file_set, &file_err), "%s", file_err.text);
    ck_assert_int_eq(file_set.n, 2);
    const Array *x = array_find(&file_set, "x");
    ck_assert_ptr_nonnull(x);
    for (int64_t k = 0; k < x->count; k++) ck_assert_int_eq(((int64_t *)x->data)[k], k);
  }
  const Array *big = file_only(CORPUS "zip64.npz", ELEM_I32, 1);
  ck_assert_str_eq(big->name, "big");
  ck_assert_int_eq(((int32_t *)big->data)[3], 3);
}
END_TEST

static bool only_y(void *arg, const char *name) {
  (void)arg;
  return !strcmp(name, "y");
}

START_TEST(only_what_is_wanted) {
  file_set.want = only_y;
  ck_assert(array_load(CORPUS "a.npz", &file_set, &file_err));
  ck_assert_int_eq(file_set.n, 1);
  ck_assert_str_eq(file_set.at[0].name, "y");
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
  unsigned char *b = file_get(CORPUS "a.npz", &n);
  memcpy(find(b, n, "'<f4", 0) + 1, "<U1", 3);
  file_put(file_in("s.npz"), b, n);
  ck_assert(!array_load(file_in("s.npz"), &file_set, &file_err));
  ck_assert_msg(strstr(file_err.text, "(y.npy): byte") && strstr(file_err.text, "holds strings"),
                "%s", file_err.text);
  file_set.others = true;
  ck_assert_msg(array_load(file_in("s.npz"), &file_set, &file_err), "%s", file_err.text);
  ck_assert_int_eq(file_set.n, 1);
  ck_assert_str_eq(array_meta(&file_set, "y"), "strings, not read");
  free(b);
  static const char header[] =
      "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}";
  char file[8 + sizeof header + 2] = {sizeof header - 1};
  memcpy(file + 8, header, sizeof header - 1);
  file_put(file_in("s.safetensors"), file, 8 + sizeof header - 1 + 2);
  array_set_free(&file_set);
  file_set.others = true;
  ck_assert_msg(array_load(file_in("s.safetensors"), &file_set, &file_err), "%s", file_err.text);
  ck_assert_str_eq(array_meta(&file_set, "a"), "elements of F8_E4M3, not read");
}
END_TEST

START_TEST(broken_archives) {
  size_t n;
  unsigned char *b = file_get(CORPUS "a.npz", &n), *c;
  c = find(b, n, "PK\1\2", 1);
  memcpy(c + 46, "x", 1), memcpy(find(b, n, "PK\3\4", 1) + 30, "x", 1);
  file_expect(b, n, "a.npz", "two arrays are called `x`");
  memcpy(c + 46, "y", 1);
  file_expect(b, n, "a.npz", "disagree");
  memcpy(find(b, n, "PK\3\4", 1) + 30, "y", 1);
  file_expect(b, n, "a.npz", NULL);
  c[16] ^= 1;
  file_expect(b, n, "a.npz", "checksum");
  c[16] ^= 1;
  c[8] |= 1;
  file_expect(b, n, "a.npz", "encrypted");
  c[8] &= 0xfe;
  c[10] = 12;
  file_expect(b, n, "a.npz", "method");
  c[10] = 0;
  memset(c + 42, 0, 4); /* both members at the first one's place */
  file_expect(b, n, "a.npz", "disagree");
  free(b);
  b = file_get(CORPUS "a.npz", &n);
  c = find(b, n, "PK\1\2", 0);
  c[20]++, c[24]++; /* one byte more than there is before the next member */
  file_expect(b, n, "a.npz", "overlap");
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
  file_expect(file, 8 + n + payload, "t.safetensors", word);
}

static bool is_x(void *arg, const char *name) { return (void)arg, !strcmp(name, "x"); }

START_TEST(safetensors_headers) {
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   ", 8, NULL);
  st("{\"__metadata__\":{\"k\":\"v\"}}", 0, NULL);
  ck_assert_str_eq(array_meta(&file_set, "k"), "v");
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
  file_set.want = is_x; /* what nobody wants may have any type */
  st("{\"a\":{\"dtype\":\"F9\",\"shape\":[2],\"data_offsets\":[0,3]},"
     "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}",
     4, NULL);
  file_set.want = NULL;
  st("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "expected");
  st("{\"a\":7}", 8, "expected");
  st("[]", 0, "not an object");
  st("{\"__metadata__\":{\"k\":1}}", 0, "string");
  st("{\"a\":", 0, "bad .safetensors header");
  file_expect("\xff\xff\xff\xff\xff\xff\xff\xff{", 9, "t.safetensors", "header");
  file_expect("\1\0\0", 3, "t.safetensors", "ends");
}
END_TEST

/* ---- CSV ---- */
START_TEST(tables) {
  file_set.columns = true;
  const char *t = "\xef\xbb\xbf"
                  "x0, x1 ,\"the y\"\r\n1,2,0.5\r\n\r\n3,4,nan\r\n";
  ck_assert_msg(array_load_memory(t, strlen(t), "t.csv", &file_set, &file_err), "%s",
                file_err.text);
  const Array *x = array_find(&file_set, "x"), *y = array_find(&file_set, "the y");
  ck_assert(x && y && x->type == ELEM_I64 && x->rank == 2 && y->type == ELEM_F64);
  ck_assert_int_eq(((int64_t *)x->data)[2], 3);
  ck_assert(isnan(((double *)y->data)[1]));
  array_set_free(&file_set);
  /* quotes in quotes are doubled, outside they aren't */
  t = "\"a \"\"b\"\"\",\"\"\"\",c\"\"\n1,2,3\n";
  ck_assert_msg(array_load_memory(t, strlen(t), "t.csv", &file_set, &file_err), "%s",
                file_err.text);
  ck_assert(array_find(&file_set, "a \"b\"") && array_find(&file_set, "\"") &&
            array_find(&file_set, "c\"\""));
  array_set_free(&file_set);
  file_set.columns = false;
  t = "# a comment\n1;2\n3;4.5";
  ck_assert(array_load_memory(t, strlen(t), "t.csv", &file_set, &file_err));
  ck_assert_int_eq(file_set.at[0].dim[1], 2);
  ck_assert_double_eq(((double *)file_set.at[0].data)[3], 4.5);
  file_expect("1,2\n3\n", 6, "t.csv", "line 2: 1 field");
  file_expect("1,2\n3,x\n", 8, "t.csv", "field 2 is not a number");
  file_expect("1,2\n3,0x10\n", 11, "t.csv", "field 2");
  file_expect("1,2\n3,\n", 7, "t.csv", "field 2 is empty");
  file_expect("a,b\n", 4, "t.csv", "no rows");
  file_expect("a,\n1,2\n", 7, "t.csv", "without a name");
  file_expect("abc\0def", 7, "t.bin", "not a format");
}
END_TEST

static const ArraySet *table(const char *text, bool columns) {
  array_set_free(&file_set);
  file_set.columns = columns;
  ck_assert_msg(array_load_memory(text, strlen(text), "t.csv", &file_set, &file_err), "%s",
                file_err.text);
  return &file_set;
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
  array_set_free(&file_set);
  file_expect("1 2\n3\n", 6, "t.csv", "line 2: 1 field");
}
END_TEST

START_TEST(whole_numbers_keep_all_their_digits) {
  const char *t = "x,y\n1,1.5\n9007199254740993,2\n-9223372036854775808,3\n9223372036854775807,4\n";
  const int64_t *x = array_find(table(t, true), "x")->data;
  ck_assert_int_eq(x[0], 1);
  ck_assert_int_eq(x[1], 9007199254740993);
  ck_assert_int_eq(x[2], INT64_MIN);
  ck_assert_int_eq(x[3], INT64_MAX);
  ck_assert_double_eq(((double *)array_find(&file_set, "y")->data)[0], 1.5);
  ck_assert(table("18446744073709551616\n", false)->at->type == ELEM_F64); /* 2^64 */
  ck_assert(table("9007199254740993\n0.5\n", false)->at->type == ELEM_F64);
  is_matrix("0.333333333333333333333333333333333333333333333333333333333333333333333333333\n", 1, 1,
            1.0 / 3);
  array_set_free(&file_set);
}
END_TEST

START_TEST(columns_nobody_wants_may_hold_anything) {
  file_set.want = is_x;
  const char *t = "when,\"what; \"\"it\"\"\",x\n2020-01-01,\"a, b\",2\n2020-01-02,\"c\nd\",3.5\n";
  const Array *x = table(t, true)->at;
  ck_assert_int_eq(file_set.n, 1);
  ck_assert_int_eq(x->count, 2);
  ck_assert_double_eq(((double *)x->data)[1], 3.5);
  /* rows with numbers or names of their own, as other programs write them */
  ck_assert_int_eq(((int64_t *)table(",x\n0,7\n1,8\n", true)->at->data)[1], 8);
  ck_assert_int_eq(table("t,x0,x1\na,1,2\n", true)->at->dim[1], 2);
  array_set_free(&file_set);
  file_expect("t,x\n\"a\nb\",1\nc,d\n", 16, "t.csv", "line 4: field 2 is not a number: `d`");
  file_set.want = NULL;
}
END_TEST

START_TEST(missing_numbers_are_no_header) {
  file_expect("1,NA,3\n1,2,3\n", 13, "t.csv", "line 1: field 2 is not a number: `NA`: write nan");
  file_expect("?;2\n1;2\n", 8, "t.csv", "line 1: field 1");
  file_expect("1,2\n,3\n", 7, "t.csv", "line 2: field 1 is empty");
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
    unsigned char *b = file_get(path, &n), keep;
    bool text = strstr(e->d_name, ".csv") != NULL;
    file_set.max_bytes = 1 << 20;
    for (size_t k = 0; k < n; k++) {
      array_set_free(&file_set);
      bool ok = array_load_memory(b, k, e->d_name, &file_set, &file_err);
      ck_assert_msg(text || !ok, "%s cut at %zu was accepted", e->d_name, k);
    }
    for (size_t k = 0; k < n; k++)
      for (int bit = 0; bit < 9; bit++) {
        keep = b[k];
        b[k] = bit == 8 ? 0xff : (unsigned char)(b[k] ^ 1 << bit);
        array_set_free(&file_set);
        file_err.text[0] = 0;
        ck_assert(array_load_memory(b, n, e->d_name, &file_set, &file_err) || file_err.text[0]);
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
  ck_assert(!array_load(file_in("nothing.npy"), &file_set, &file_err));
  ck_assert_ptr_nonnull(strstr(file_err.text, "No such file"));
  ck_assert(!array_load(file_dir, &file_set, &file_err));
  ck_assert_ptr_nonnull(strstr(file_err.text, "folder"));
  ck_assert_int_eq(mkfifo(file_in("pipe"), 0600), 0);
  ck_assert(!array_load(file_in("pipe"), &file_set, &file_err)); /* and doesn't wait for a writer */
  ck_assert_ptr_nonnull(strstr(file_err.text, "regular"));
  file_expect("\x1b[2J,b\n1,x\n", 11, "t.csv", "field 2");
  st("{\"a\\u001b[2J\":{\"dtype\":\"F9\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "a?[2J");
}
END_TEST

Suite *files_suite(void);
Suite *files_suite(void) {
  Suite *s = suite_create("files");
  TCase *t = tcase_create("files");
  tcase_add_checked_fixture(t, file_set_up, file_tear_down);
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
  tcase_add_test(t, damaged_files);
  tcase_add_test(t, files_that_are_none);
  suite_add_tcase(s, t);
  return s;
}
