/* data_case.c: see data_case.h. */
#include "data_case.h"

#include <stdio.h>
#include <stdlib.h>

char data_dir[64];

void data_set_up(void) {
  fixture_bare();
  strcpy(data_dir, "/tmp/gradc-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(data_dir));
}

void data_tear_down(void) {
  char command[160];
  fixture_end();
  snprintf(command, sizeof command, "rm -rf '%s'", data_dir);
  ck_assert_int_eq(system(command), 0);
}

const char *in_dir(const char *name) { return name_fmt(cx, "%s/%s", data_dir, name); }

void save_array(const char *path, const char *name, ElemType type, int rank, const int64_t *dim,
                const void *data) {
  ArrayError err;
  ArrayView v = {name, type, rank, {0}, data};
  memcpy(v.dim, dim, sizeof *dim * (size_t)rank);
  ck_assert_msg(array_save(path, &v, 1, NULL, 0, &err), "%s", err.text);
}

Input arg(const char *name, DType type, int rank, Dim a, Dim b) {
  return (Input){.name = name_of(cx, name), .type = type, .shape = {rank, {a, b}}};
}

void expect_diag(DiagCode code, const char *word) {
  ck_assert_int_eq(cx->diags->list.n, 1);
  const Diag *d = cx->diags->list.at[0];
  ck_assert_msg(d->code == code, "%s: %s", diag_code_name(d->code), d->text);
  ck_assert_msg(strstr(d->text, word) != NULL, "`%s` has no `%s`", d->text, word);
  diag_clear(cx);
}

void expect_none(void) {
  if (cx->diags->list.n) ck_abort_msg("%s", cx->diags->list.at[0]->text);
}

Weight weight(const char *name, DType type, int rank, Dim a, Dim b, void *data) {
  return (Weight){.name = name_of(cx, name), .type = type, .shape = {rank, {a, b}}, .data = data};
}
