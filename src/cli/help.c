/* help.c: the help texts, made from commands.def, options.def and STATUS_TABLE. */
#include "cli/cli.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 80 };

/* Writes text from the current column `at` on, broken at HELP_WIDTH and indented to HELP_COLUMN. */
static void wrapped(FILE *out, const char *text, int at) {
  int col = at;
  if (col > HELP_COLUMN - 2) {
    fputc('\n', out);
    col = 0;
  }
  for (; col < HELP_COLUMN; col++) fputc(' ', out);
  while (*text) {
    int len = (int)strcspn(text, " ");
    if (col > HELP_COLUMN && col + 1 + len > HELP_WIDTH) {
      fprintf(out, "\n%*s", HELP_COLUMN, "");
      col = HELP_COLUMN;
    } else if (col > HELP_COLUMN) {
      fputc(' ', out);
      col++;
    }
    fprintf(out, "%.*s", len, text);
    col += len;
    text += len;
    while (*text == ' ') text++;
  }
  fputc('\n', out);
}

static void help_options(const CommandInfo *c, FILE *out) {
  fputs("\nOptions:\n", out);
  for (int own = 1; own >= 0; own--) /* the command's own first, then those of all */
    for (int id = 0; id < O_COUNT; id++) {
      const OptInfo *o = &opt_info[id];
      if (!opt_belongs(o, c) || own == !strcmp(o->command, "all")) continue;
      int n = o->letter ? fprintf(out, "  -%c, --%s", o->letter, o->name)
                        : fprintf(out, "      --%s", o->name);
      if (*o->arg) n += fprintf(out, "=%s", o->arg);
      wrapped(out, o->help, n);
    }
}

void help_command(const CommandInfo *c, FILE *out) {
  fprintf(out, "Usage: gradc %s [OPTION]... %s\n\n%s\n", c->name, c->operands, c->about);
  help_options(c, out);
}

void help_overview(FILE *out) {
  fputs("Usage: gradc COMMAND [OPTION]... [OPERAND]...\n"
        "Compiles small differentiable programs, and differentiates them.\n\nCommands:\n",
        out);
  for (int i = 0; i < command_count; i++) {
    const CommandInfo *c = &command_info[i];
    int n = fprintf(out, "  %s %s", c->name, c->operands);
    wrapped(out, c->title, n);
  }
  help_options(NULL, out);
  fputs("\nExit status:\n", out);
#define _(name, code, text) fprintf(out, "  %3d  %s\n", code, text);
  STATUS_TABLE(_)
#undef _
  fputs("\nMore about a command: gradc COMMAND --help\n", out);
}
