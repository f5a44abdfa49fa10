/* spawn.c: see spawn.h. */
#include "driver/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FAILED = 126, MOST_SAID = 4000 };

static void read_to_end(int fd, Text *said) {
  char buf[512];
  ssize_t n;
  while ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0 && said->n < MOST_SAID) text_add_n(said, buf, (size_t)n);
}

int spawn_program(const char *const *word, Text *said) {
  int fd[2], state = 0;
  pid_t pid;
  posix_spawn_file_actions_t io;
  if (pipe2(fd, O_CLOEXEC)) return FAILED;
  if (posix_spawn_file_actions_init(&io)) {
    close(fd[0]), close(fd[1]);
    return FAILED;
  }
  posix_spawn_file_actions_addopen(&io, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&io, fd[1], 1);
  posix_spawn_file_actions_adddup2(&io, fd[1], 2);
  int code = posix_spawnp(&pid, word[0], &io, NULL, (char *const *)(uintptr_t)word, environ);
  posix_spawn_file_actions_destroy(&io);
  close(fd[1]);
  if (!code) read_to_end(fd[0], said);
  close(fd[0]);
  if (code) return code == ENOENT || code == EACCES ? SPAWN_MISSING : FAILED;
  while (waitpid(pid, &state, 0) < 0)
    if (errno != EINTR) return FAILED;
  return WIFEXITED(state) ? WEXITSTATUS(state) : FAILED;
}
