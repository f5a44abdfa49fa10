/* main.c: the program gradc: finds the command, reads its options, runs it. */
#include "base/diag.h"
#include "cli/cli.h"

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

const CommandInfo command_info[] = {
#define COMMAND(name, operands, least, most, title, about)                                         \
  {#name, operands, least, most, title, about, cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};
const int command_count = COUNT_OF(command_info);

const CommandInfo *command_find(const char *name) {
  for (int i = 0; i < command_count; i++)
    if (!strcmp(command_info[i].name, name)) return &command_info[i];
  return NULL;
}

static Status unknown_command(const Cli *cli, const char *word) {
  const char *names[COUNT_OF(command_info)];
  for (int i = 0; i < command_count; i++) names[i] = command_info[i].name;
  const char *meant = closest_word(word, names, command_count);
  if (meant)
    return usage_error(cli, "there is no command \"%s\"; did you mean \"%s\"?", word, meant);
  return usage_error(cli, "there is no command \"%s\"", word);
}

/* no-color.org: NO_COLOR counts when it is set and not empty, whatever its value. */
static bool want_colour(const Cli *cli) {
  enum { AUTO, ALWAYS, NEVER };
  const OptValue *v = &cli->opt[O_all_color];
  if (v->n && v->choice != AUTO) return v->choice == ALWAYS;
  const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
  return isatty(STDERR_FILENO) && !(none && *none) && term && strcmp(term, "dumb");
}

static Status check_operands(const Cli *cli) {
  const CommandInfo *c = cli->command;
  if (cli->n < c->least)
    return usage_error(cli, "operands are missing: gradc %s %s", c->name, c->operands);
  if (c->most >= 0 && cli->n > c->most)
    return usage_error(cli, "\"%s\" is one operand too many: gradc %s %s", cli->arg[c->most],
                       c->name, c->operands);
  return ST_OK;
}

static void print_version(void) {
  char text[9000];
  gradc_about(text, sizeof text);
  out_text(text);
}

static Status run(Cli *cli, int argc, char **argv) {
  if (argc > 1 && argv[1][0] != '-') {
    cli->command = command_find(argv[1]);
    if (!cli->command) return unknown_command(cli, argv[1]);
    argc--, argv++;
  }
  Status s = cli_parse(cli, argc, argv);
  if (s != ST_OK) return s;
  if (cli->opt[O_all_version].n) {
    print_version();
    return ST_OK;
  }
  if (cli->opt[O_all_help].n) {
    if (cli->command) help_command(cli->command, stdout);
    else help_overview(stdout);
    return ST_OK;
  }
  if (!cli->command) {
    if (cli->n) return usage_error(cli, "the command comes first: gradc COMMAND [OPTION]...");
    help_overview(stderr);
    return ST_USAGE;
  }
  cli->colour = want_colour(cli);
  s = check_operands(cli);
  return s == ST_OK ? cli->command->run(cli) : s;
}

int main(int argc, char **argv) {
  Cli cli = {0};
  output_begin();
  /* Characters as the terminal has them, numbers always with a point. */
  setlocale(LC_CTYPE, "");
  cli.arena = arena_new(NULL);
  Status s =
      cli.arena ? run(&cli, argc, argv) : cli_error(&cli, ST_MEMORY, "%s", status_text(ST_MEMORY));
  s = output_finish(s);
  arena_free(cli.arena);
  return s;
}
