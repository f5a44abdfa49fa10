/* cmd_help.c: gradc help [COMMAND], and with --format what else is made from the tables. */
#include "cli/help.h"

enum { FORMAT_TEXT, FORMAT_MAN, FORMAT_BASH, FORMAT_ZSH, FORMAT_VIM, FORMAT_TEXTMATE };

static void print_text(const CommandInfo *c) {
  if (c) help_command(c, stdout);
  else help_overview(stdout);
}

Status cmd_help(Cli *cli) {
  const CommandInfo *c = cli->n ? command_find(cli->arg[0]) : NULL;
  int format = cli->opt[O_help_format].n ? cli->opt[O_help_format].choice : FORMAT_TEXT;
  if (cli->n && !c) return usage_error(cli, "there is no command \"%s\"", cli->arg[0]);
  if (cli->n && format > FORMAT_MAN)
    return usage_error(cli, "--format=%s is of all commands: it takes no operand",
                       cli->opt[O_help_format].text);
  Text out = text_new(cli->arena);
  Status s = ST_OK;
  gradc_context *gc = format >= FORMAT_VIM ? cli_context(cli, &s) : NULL; /* knows the language */
  if (s != ST_OK) return s;
  switch (format) {
  case FORMAT_TEXT: print_text(c); return ST_OK;
  case FORMAT_MAN: help_man(c, &out); break;
  case FORMAT_BASH: help_bash(&out); break;
  case FORMAT_ZSH: help_zsh(&out); break;
  case FORMAT_VIM: help_vim(gc, &out); break;
  case FORMAT_TEXTMATE: help_textmate(gc, &out); break;
  }
  gradc_free(gc);
  out_text(text_str(&out));
  return ST_OK;
}
