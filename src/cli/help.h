/* help.h: what is written from the tables of commands, options and the language: help for people,
 * manual pages, completions, syntax files. One function a format, called by cmd_help.c. */
#ifndef GRADC_CLI_HELP_H
#define GRADC_CLI_HELP_H

#include "cli/cli.h"

void help_man(const CommandInfo *c, Text *out); /* of a command; NULL: of gradc */
void help_bash(Text *out);
void help_zsh(Text *out);
void help_vim(gradc_context *gc, Text *out);
void help_textmate(gradc_context *gc, Text *out);

/* What a word of a command line can be completed to. */
typedef enum WordKind {
  WORD_ANY,
  WORD_FILE,
  WORD_NN,
  WORD_FUNCTION,
  WORD_CODE,
  WORD_COMMAND
} WordKind;
/* Of an operand (of "FILE.nn FUNCTION" the one with the number; more than there are: the last) or
 * of an option's argument ("[NAME=]FILE"). */
WordKind operand_kind(const CommandInfo *c, int number);
WordKind argument_kind(const OptInfo *o);

#endif
