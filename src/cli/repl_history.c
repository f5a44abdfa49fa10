/* repl_history.c: entries kept from one start to the next, under XDG_STATE_HOME (basedir-spec 0.8:
 * default ~/.local/state). The file has a line an entry, in which \n is the end of a line and \\ a
 * backslash. Entries are appended one by one as they are made, each by one write, so that nothing
 * is lost and several REPLs may share the file; what is too old goes at the start of the next one,
 * by a new file in place of the old. */
#include "array_file.h"
#include "atomic_file.h"
#include "cli/repl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where ---- */
static char *copy_text(Arena *a, const char *s) { return arena_copy(a, s, strlen(s) + 1); }

/* Makes the folders that lead to the file; only the owner may look into new ones. */
static void make_folders(char *path) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(path, 0700);
    *slash = '/';
  }
}

static char *history_path(Arena *a) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  Text t = text_new(a);
  if (state && *state == '/')
    text_fmt(&t, "%s/gradc/history", state); /* a relative one is to be ignored */
  else if (home && *home) text_fmt(&t, "%s/.local/state/gradc/history", home);
  else return NULL;
  char *path = copy_text(a, text_str(&t));
  make_folders(path);
  return path;
}

/* ---- entries as lines ---- */
static void escape(const char *s, Text *out) {
  for (; *s; s++) {
    if (*s == '\n') text_add(out, "\\n");
    else if (*s == '\\') text_add(out, "\\\\");
    else text_add_n(out, s, 1);
  }
  text_add(out, "\n");
}

static const char *unescape(Arena *a, const char *s, size_t n) {
  char *to = arena_alloc(a, n + 1);
  size_t k = 0;
  for (size_t i = 0; i < n; i++) {
    bool pair = s[i] == '\\' && i + 1 < n;
    to[k++] = !pair ? s[i] : s[i + 1] == 'n' ? '\n' : s[i + 1];
    i += pair;
  }
  to[k] = 0;
  return to;
}

static void keep(ReplHistory *h, const char *entry) {
  if (!h->entry.n || strcmp(h->entry.at[h->entry.n - 1], entry))
    vec_push(h->arena, &h->entry, entry);
}

static void read_entries(ReplHistory *h) {
  FILE *f = fopen(h->path, "r");
  if (!f) return;
  char *line = NULL;
  size_t cap = 0;
  ssize_t n;
  while ((n = getline(&line, &cap, f)) > 0)
    if (line[n - 1] == '\n' && n > 1) keep(h, unescape(h->arena, line, (size_t)n - 1));
  free(line);
  fclose(f);
}

/* ---- the file ---- */
static void forget_oldest(ReplHistory *h) {
  int drop = h->entry.n - HISTORY_MAX;
  h->entry.n = HISTORY_MAX;
  memmove(h->entry.at, h->entry.at + drop, (size_t)HISTORY_MAX * sizeof *h->entry.at);
  Text t = text_new(h->arena);
  for (int i = 0; i < h->entry.n; i++) escape(h->entry.at[i], &t);
  AtomicFile f;
  ArrayError err;
  if (!atomic_open(&f, h->path, &err)) return;
  if (atomic_write(&f, text_str(&t), t.n, &err)) atomic_commit(&f, &err);
  atomic_abort(&f);
}

void repl_history_open(ReplHistory *h, Arena *a) {
  *h = (ReplHistory){.arena = a, .path = history_path(a)};
  if (!h->path) return;
  read_entries(h);
  h->last = h->entry.n ? strdup(h->entry.at[h->entry.n - 1]) : NULL;
  if (h->entry.n > HISTORY_MAX + HISTORY_MAX / 4) forget_oldest(h);
}

void repl_history_close(ReplHistory *h) {
  free(h->last);
  h->last = NULL;
}

void repl_history_add(ReplHistory *h, const char *text) {
  if (h->last && !strcmp(h->last, text)) return;
  free(h->last);
  h->last = strdup(text);
  int fd = h->path ? open(h->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (fd < 0) return; /* a history that can't be kept is no reason to stop */
  Arena *a = arena_new(NULL);
  if (a) {
    Text t = text_new(a);
    escape(text, &t);
    ssize_t done = write(fd, text_str(&t), t.n);
    (void)done;
  }
  arena_free(a);
  close(fd);
}
