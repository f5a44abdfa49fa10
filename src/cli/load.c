/* load.c: the files a command is given; a program with the constants and sizes that the command
 * line sets, and its bounds. */
#include "cli/cli.h"

#include <stdlib.h>

/* NAME=NUMBER; false after an error was printed. */
static bool read_define(const Cli *cli, const char *word, const char **name, int64_t *number) {
  const char *eq = strchr(word, '=');
  char *end = NULL, *copy;
  long long n = eq ? strtoll(eq + 1, &end, 10) : -1;
  if (!eq || eq == word || end == eq + 1 || *end || n < 0 || n > (int64_t)1 << 48) {
    usage_error(cli, "-D takes NAME=NUMBER, not \"%s\"", word);
    return false;
  }
  copy = arena_copy(cli->arena, word, strlen(word) + 1);
  if (copy) copy[eq - word] = 0;
  else cli_error(cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  *name = copy;
  *number = n;
  return copy != NULL;
}

Status cli_each_file(const Cli *cli, Status (*work)(const Cli *cli, const char *path)) {
  Status worst = ST_OK;
  for (int i = 0; i < cli->n; i++) {
    Status s = work(cli, cli->arg[i]);
    worst = MAX(worst, s);
  }
  return worst;
}

Status cli_define(const Cli *cli, gradc_context *gc, OptId id) {
  const OptValue *v = &cli->opt[id];
  for (int i = 0; i < v->n; i++) {
    const char *name;
    int64_t n;
    if (!read_define(cli, v->list[i], &name, &n)) return ST_USAGE;
    Status s = cli_outcome(cli, gc, gradc_define(gc, name, n));
    if (s != ST_OK) return s;
  }
  return ST_OK;
}

Status cli_open(const Cli *cli, gradc_context *gc, OptId id, const char *path) {
  Status s = cli_define(cli, gc, id);
  if (s != ST_OK || !path) return s;
  s = cli_outcome(cli, gc, gradc_load(gc, path));
  return s == ST_OK ? cli_outcome(cli, gc, gradc_check_defines(gc)) : s;
}

/* 1500, 64K, 30M, 2G; -1 for anything else. */
static int64_t read_bytes(const char *text) {
  char *end;
  double n = strtod(text, &end);
  static const char unit[] = "KMG";
  const char *u = end != text && *end ? strchr(unit, *end) : NULL;
  for (int i = 0; u && i <= u - unit; i++) n *= 1024;
  if (u) end++;
  bool number = end != text && *end == 0 && text[0] >= '0' && text[0] <= '9';
  return number && n >= 1 && n < 1e15 ? (int64_t)n : -1;
}

Status cli_memory(const Cli *cli, gradc_context *gc, OptId id) {
  const OptValue *v = &cli->opt[id];
  if (!v->n) return ST_OK;
  int64_t bytes = read_bytes(v->text);
  if (bytes < 0)
    return usage_error(
        cli, "--memory takes a number of bytes such as 65536, 64K, 30M or 2G, not \"%s\"", v->text);
  return cli_outcome(cli, gc, gradc_set_memory(gc, bytes));
}
