/* file_case.h: what tests of array files share: a folder for their files, and what was read last.
 */
#ifndef GRADC_TESTS_FILE_CASE_H
#define GRADC_TESTS_FILE_CASE_H

#include "array_file.h"

#define CORPUS TEST_SRCDIR "/tests/fuzz/corpus/"

extern ArraySet file_set;
extern ArrayError file_err;
extern char file_dir[64]; /* the folder of the present test */

void file_set_up(void);
void file_tear_down(void);
const char *file_in(const char *name); /* in the folder; good for four calls */
void file_put(const char *path, const void *bytes, size_t n);
unsigned char *file_get(const char *path, size_t *n); /* the caller's to free */
/* Loads the bytes as a file of that name; the error's text must hold `word` (NULL: no error). */
void file_expect(const void *bytes, size_t n, const char *name, const char *word);
const Array *file_only(const char *path, ElemType type, int rank);

#endif
