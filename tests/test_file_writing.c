/* test_file_writing.c: array files are written: what is written is read back the same, and a file
 * is never half written. */
#include "file_case.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
  ck_assert_msg(array_save(path, v, n, &meta, st_file, &file_err), "%s", file_err.text);
  array_set_free(&file_set);
  ck_assert_msg(array_load(path, &file_set, &file_err), "%s", file_err.text);
  ck_assert_int_eq(file_set.n, n);
  for (int i = 0; i < n; i++) {
    const Array *a = array_find(&file_set, v[i].name);
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(a->type, v[i].type);
    ck_assert_int_eq(a->rank, v[i].rank);
    ck_assert_mem_eq(a->data, v[i].data, (size_t)a->bytes);
    ck_assert_uint_eq((uintptr_t)a->data % 64, 0);
  }
  if (st_file) ck_assert_str_eq(array_meta(&file_set, "key"), "va\"lue");
}

START_TEST(round_trips) {
  round_trip(file_in("w.safetensors"), true);
  round_trip(file_in("w.npz"), false);
  float x[6] = {1, 2, 3, 4, 5, 6};
  ArrayView v = {"x", ELEM_F32, 2, {2, 3}, x};
  ck_assert(array_save(file_in("x.npy"), &v, 1, NULL, 0, &file_err));
  ck_assert_mem_eq(file_only(file_in("x.npy"), ELEM_F32, 2)->data, x, sizeof x);
  ck_assert(!array_save(file_in("x.txt"), &v, 1, NULL, 0, &file_err));
  ck_assert(!array_save(file_in("no/such/x.npy"), &v, 1, NULL, 0, &file_err));
  ck_assert_ptr_nonnull(strstr(file_err.text, "No such file"));
  ck_assert(!array_save(file_dir, &v, 1, NULL, 0, &file_err));
  v.type = ELEM_BF16;
  ck_assert(!array_save(file_in("x.npz"), &v, 1, NULL, 0, &file_err));
  ck_assert_ptr_nonnull(strstr(file_err.text, "unknown to NumPy"));
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
  file_put(file_in("x.npz"), "old", 3);
  ck_assert_int_eq(chmod(file_in("x.npz"), 0640), 0);
  ck_assert_int_eq(symlink("x.npz", file_in("link.npz")), 0);
  ck_assert_msg(array_save(file_in("link.npz"), &v, 1, NULL, 0, &file_err), "%s", file_err.text);
  ck_assert_int_eq(lstat(file_in("link.npz"), &s), 0);
  ck_assert(S_ISLNK(s.st_mode));
  ck_assert_int_eq(stat(file_in("x.npz"), &s), 0);
  ck_assert_int_eq(s.st_mode & 0777, 0640);
  file_only(file_in("x.npz"), ELEM_F32, 0);
  ck_assert_int_eq(files_in(file_dir), 2);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file) {
  static double big[1 << 16];
  ArrayView v = {"x", ELEM_F64, 1, {1}, big};
  ck_assert(array_save(file_in("x.safetensors"), &v, 1, NULL, 0, &file_err));
  struct rlimit limit = {100000, 100000};
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit),
                   0); /* Check runs each test in its own process */
  v.dim[0] = 1 << 16;
  ck_assert(!array_save(file_in("x.safetensors"), &v, 1, NULL, 0, &file_err));
  ck_assert_ptr_nonnull(strstr(file_err.text, "can't be written"));
  ck_assert_int_eq(file_only(file_in("x.safetensors"), ELEM_F64, 1)->count, 1);
  ck_assert_int_eq(files_in(file_dir), 1);
}
END_TEST

/* A child writes files of all ones, all twos ... and is killed at a random moment, many times. */
START_TEST(killed_while_writing) {
  enum { N = 20000, KILLS = 40 };
  static int32_t x[N];
  ArrayView v = {"x", ELEM_I32, 1, {N}, x};
  const char *path = file_in("w.safetensors");
  ck_assert(array_save(path, &v, 1, NULL, 0, &file_err));
  for (int k = 0; k < KILLS; k++) {
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
      for (int32_t value = 1;; value++) {
        for (int i = 0; i < N; i++) x[i] = value;
        if (!array_save(path, &v, 1, NULL, 0, &file_err)) _exit(1);
      }
    }
    struct timespec nap = {0, 200000 + 131071L * k};
    nanosleep(&nap, NULL);
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status));
    const Array *a = file_only(path, ELEM_I32, 1);
    for (int i = 1; i < N; i++) ck_assert_int_eq(((int32_t *)a->data)[i], ((int32_t *)a->data)[0]);
  }
}
END_TEST

Suite *file_writing_suite(void);
Suite *file_writing_suite(void) {
  Suite *s = suite_create("file_writing");
  TCase *t = tcase_create("files");
  tcase_add_checked_fixture(t, file_set_up, file_tear_down);
  tcase_add_test(t, round_trips);
  tcase_add_test(t, modes_and_links_stay);
  tcase_add_test(t, a_full_disk_leaves_the_old_file);
  tcase_add_test(t, killed_while_writing);
  suite_add_tcase(s, t);
  return s;
}
