/* atomic_file.h: writing a file so that a reader, and a machine that loses power at any moment,
 * sees either the old file or the complete new one: a new file in the same folder, written, synced,
 * renamed over the old name, and the folder synced. A symbolic link is followed, so that the file
 * it points to is replaced and not the link; the old file's permissions are kept. What isn't a
 * regular file (a pipe, /dev/null) is written directly. */
#ifndef GRADC_ATOMIC_FILE_H
#define GRADC_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ArrayError;

typedef struct AtomicFile {
  const char *path; /* as the caller named it, for messages */
  int fd;
  char *target; /* what is replaced, links resolved */
  char *temp;   /* the new file's name until then; NULL: written directly */
  int64_t written;
  size_t n;
  uint8_t *buffer;
} AtomicFile;

bool atomic_open(AtomicFile *f, const char *path, struct ArrayError *err);
bool atomic_write(AtomicFile *f, const void *bytes, size_t n, struct ArrayError *err);
/* Makes the new file the file. On failure the new one is removed and the old one is untouched. */
bool atomic_commit(AtomicFile *f, struct ArrayError *err);
void atomic_abort(AtomicFile *f); /* harmless after a commit */

#endif
