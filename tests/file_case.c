/* file_case.c: see file_case.h. */
#include "file_case.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ArraySet file_set;
ArrayError file_err;
char file_dir[64];

void file_set_up(void) {
  memset(&file_set, 0, sizeof file_set);
  strcpy(file_dir, "/tmp/gradc-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(file_dir));
}

void file_tear_down(void) {
  char command[160];
  array_set_free(&file_set);
  snprintf(command, sizeof command, "rm -rf '%s'", file_dir);
  ck_assert_int_eq(system(command), 0);
}

const char *file_in(const char *name) {
  static char path[4][200];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, sizeof path[0], "%s/%s", file_dir, name);
  return p;
}

void file_put(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
  ck_assert_int_eq(fclose(f), 0);
}

unsigned char *file_get(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  ck_assert_ptr_nonnull(f);
  unsigned char *bytes = malloc(1 << 16);
  *n = fread(bytes, 1, 1 << 16, f);
  fclose(f);
  return bytes;
}

/* Loads the bytes as a file of that name; the error's text must hold `word` (NULL: no error). */
void file_expect(const void *bytes, size_t n, const char *name, const char *word) {
  array_set_free(&file_set);
  bool ok = array_load_memory(bytes, n, name, &file_set, &file_err);
  if (!word) {
    ck_assert_msg(ok, "%s", file_err.text);
    return;
  }
  ck_assert_msg(!ok, "%s: accepted, expected: %s", name, word);
  ck_assert_msg(strstr(file_err.text, word) != NULL, "`%s` has no `%s`", file_err.text, word);
  ck_assert_msg(!strncmp(file_err.text, name, strlen(name)), "no path in `%s`", file_err.text);
  ck_assert_int_eq(file_set.n, 0);
}

const Array *file_only(const char *path, ElemType type, int rank) {
  array_set_free(&file_set);
  ck_assert_msg(array_load(path, &file_set, &file_err), "%s", file_err.text);
  ck_assert_int_eq(file_set.n, 1);
  ck_assert_int_eq(file_set.at[0].type, type);
  ck_assert_int_eq(file_set.at[0].rank, rank);
  return file_set.at;
}
