/* cli.h: what the files of the command line share: the tables of commands and options, a parsed
 * command line, and the ways to answer. Results go to stdout, everything else to stderr. */
#ifndef GRADC_CLI_H
#define GRADC_CLI_H

#include "base/base.h"
#include "include/gradc.h"

#include <stdio.h>

typedef struct Cli Cli;

typedef struct CommandInfo {
  const char *name, *operands;
  int least, most;
  const char *title, *about;
  Status (*run)(Cli *cli);
} CommandInfo;
extern const CommandInfo command_info[];
extern const int command_count;
const CommandInfo *command_find(const char *name); /* NULL: there is none */

typedef enum OptType { OPT_FLAG, OPT_INT, OPT_REAL, OPT_TEXT, OPT_LIST, OPT_CHOICE } OptType;
typedef enum OptId {
#define OPTION(command, id, ...) O_##command##_##id,
#include "cli/options.def"
#undef OPTION
  O_COUNT
} OptId;
typedef struct OptInfo {
  const char *command, *name;
  char letter;
  const char *arg;
  OptType type;
  double least, most;
  const char *help;
} OptInfo;
extern const OptInfo opt_info[O_COUNT];

typedef struct OptValue {
  int n;             /* how often it was given: 0 is not at all */
  const char *text;  /* the last one's argument */
  int64_t i;         /* of an INT */
  double r;          /* of a REAL or an INT */
  int choice;        /* of a CHOICE: which word */
  const char **list; /* of a LIST: n arguments */
} OptValue;

struct Cli {
  const CommandInfo *command; /* NULL before it is known */
  Arena *arena;
  OptValue opt[O_COUNT];
  int n; /* operands */
  char **arg;
  bool colour; /* on stderr */
};

/* options.c: fills cli->opt, cli->arg from the words after the command's name. ST_USAGE after
 * an error was printed. */
Status cli_parse(Cli *cli, int argc, char **argv);
bool opt_belongs(const OptInfo *o, const CommandInfo *c); /* c may be NULL */
static inline int64_t opt_int(const Cli *cli, OptId id, int64_t otherwise) {
  return cli->opt[id].n ? cli->opt[id].i : otherwise;
}
static inline double opt_real(const Cli *cli, OptId id, double otherwise) {
  return cli->opt[id].n ? cli->opt[id].r : otherwise;
}

/* Whether errors are told to a program. */
static inline bool cli_json(const Cli *cli) {
  return cli->opt[O_all_diagnostics].n && cli->opt[O_all_diagnostics].choice == 1;
}

/* help.c */
void help_overview(FILE *out);
void help_command(const CommandInfo *c, FILE *out);

/* report.c */
/* Says on stderr what is wrong with the command line; returns ST_USAGE. */
Status usage_error(const Cli *cli, const char *fmt, ...) GC_PRINTF(2, 3);
void usage_hint(const Cli *cli); /* "Try 'gradc eval --help'." */
/* An error without a place in a source; returns s. */
Status cli_error(const Cli *cli, Status s, const char *fmt, ...) GC_PRINTF(3, 4);
/* diagnose.c */
/* A new context; NULL after an error was printed and *s set. */
gradc_context *cli_context(const Cli *cli, Status *s);
/* Says what the last call has to say, which returned s: its diagnostics, or its message. */
Status cli_outcome(const Cli *cli, gradc_context *gc, gradc_status s);

/* load.c */
/* Does it to each file of the command line; the worst of what came of it. */
Status cli_each_file(const Cli *cli, Status (*work)(const Cli *cli, const char *path));
/* -D NAME=N, the option id. */
Status cli_define(const Cli *cli, gradc_context *gc, OptId id);
/* The same, and loads the program, in which each -D must mean something; NULL: no file, for lines
 * that are to follow. */
Status cli_open(const Cli *cli, gradc_context *gc, OptId id, const char *path);
/* --memory BYTES, the option id. After the number of threads is set. */
Status cli_memory(const Cli *cli, gradc_context *gc, OptId id);

/* cmd_train.c: how many threads: the option, else GRADC_THREADS, else all processors. */
int cli_threads(const Cli *cli, OptId id);
int cli_all_threads(void); /* without the option */

/* output.c */
/* Prints to stdout at once, so that it stands before any later diagnostic. */
void out_text(const char *text);
void out_bytes(const char *text, size_t n);
/* Writes a whole file, or stdout for NULL and "-". A regular file's old contents stay until the new
 * ones are complete. */
Status output_write(const Cli *cli, const char *path, const char *text);
/* What an option --output names; NULL: standard output. */
static inline const char *cli_output_file(const Cli *cli, OptId id) {
  return cli->opt[id].n && strcmp(cli->opt[id].text, "-") ? cli->opt[id].text : NULL;
}
Status output_write_bytes(const Cli *cli, const char *path, const char *bytes, size_t n);
/* At the end of the program: stdout could be written to its end, or an error is said. */
Status output_finish(Status s);
/* First of all: standard streams that are closed get descriptors, which else the files would that
 * the program opens, and what is printed would be in them. */
void output_begin(void);

#define COMMAND(name, ...) Status cmd_##name(Cli *cli);
#include "cli/commands.def"
#undef COMMAND

#endif
