/* data_case.h: what tests of data and training share: a context, and a folder for their files. */
#ifndef GRADC_TESTS_DATA_CASE_H
#define GRADC_TESTS_DATA_CASE_H

#include "fixture.h"
#include "train/weights.h"

extern char data_dir[64]; /* the folder of the present test */

void data_set_up(void);
void data_tear_down(void);
const char *in_dir(const char *name);
void save_array(const char *path, const char *name, ElemType type, int rank, const int64_t *dim,
                const void *data);
Input arg(const char *name, DType type, int rank, Dim a, Dim b);
Weight weight(const char *name, DType type, int rank, Dim a, Dim b, void *data);
/* The diagnostics so far must be exactly one, of this code, with this word in its text; cleared. */
void expect_diag(DiagCode code, const char *word);
void expect_none(void);

#endif
