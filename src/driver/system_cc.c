/* system_cc.c: see system_cc.h. */
#include "driver/system_cc.h"

#include "base/diag.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- the folder ---- */
static void *no_file(Cx *cx, const char *path) {
  diag(cx, E0601, (Span){0}, "can't write a temporary file in \"%s\": %s", path, strerror(errno));
  return NULL;
}

const char *scratch_open(Cx *cx) {
  const char *base = getenv("TMPDIR");
  const char *pattern = name_fmt(cx, "%s/gradc.XXXXXX", base && *base ? base : "/tmp");
  char *folder = arena_copy(cx->arena, pattern, strlen(pattern) + 1);
  return mkdtemp(folder) ? folder : no_file(cx, folder);
}

bool scratch_write(Cx *cx, const char *folder, const char *name, const char *text) {
  FILE *f = fopen(name_fmt(cx, "%s/%s", folder, name), "w");
  bool ok = f && fputs(text, f) >= 0;
  ok = f && !fclose(f) && ok;
  return ok || no_file(cx, folder);
}

void scratch_close(const char *folder) {
  DIR *d = opendir(folder);
  for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    unlinkat(dirfd(d), e->d_name, 0);
  }
  if (d) closedir(d);
  rmdir(folder);
}

char *read_whole(Cx *cx, const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  Text t = text_new(cx->arena);
  char block[4096];
  for (size_t got; (got = fread(block, 1, sizeof block, f)) > 0;) text_add_n(&t, block, got);
  bool bad = ferror(f) != 0;
  fclose(f);
  *n = t.n;
  return bad || !t.n ? NULL : t.at;
}

/* ---- programs ---- */
enum { MAX_WORDS = 64 };

int run_quietly(Cx *cx, const char *command, const char *output) {
  char *word[MAX_WORDS + 1], *text = arena_copy(cx->arena, command, strlen(command) + 1),
                             *save = NULL;
  int n = 0;
  for (char *w = strtok_r(text, " ", &save); w && n < MAX_WORDS; w = strtok_r(NULL, " ", &save))
    word[n++] = w;
  word[n] = NULL;
  if (!n) return 127;
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, output ? output : "/dev/null",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid;
  int code = posix_spawnp(&pid, word[0], &quiet, NULL, word, environ), state = 0;
  posix_spawn_file_actions_destroy(&quiet);
  if (code) return 127;
  while (waitpid(pid, &state, 0) < 0)
    if (errno != EINTR) return 126;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 126;
}

const char *system_cc(Cx *cx) {
  static const char *const list[] = {"gcc", "clang", "cc"};
  for (int i = 0; i < COUNT_OF(list); i++)
    if (run_quietly(cx, name_fmt(cx, "%s --version", list[i]), NULL) == 0) return list[i];
  return NULL;
}
