/* repl.h: what the parts of the REPL share; private to them.
 *
 *   lines (repl_lines.c: a script; repl_edit.c: a terminal) --repl_entry.c--> entries, complete
 *   --cmd_repl.c--> libgradc, or a command of repl.def --repl_value.c, repl_plot.c--> text */
#ifndef GRADC_REPL_H
#define GRADC_REPL_H

#include "cli/cli.h"

typedef struct Repl Repl;

/* ---- lines ---- */
typedef enum LineEnd { LINE_READ, LINE_NONE, LINE_CANCELLED } LineEnd; /* NONE: there are no more */
typedef struct Lines {                                                 /* where lines come from */
  void *self;
  /* The next line, without its end, in `out`. continued: it goes on an entry that has begun. */
  LineEnd (*next)(void *self, bool continued, Text *out);
  /* The line after, where it is there already: typed ahead, pasted, or of a script. NULL: it isn't.
   */
  const char *(*peek)(void *self);
  /* An entry is complete: for the history. May be NULL. */
  void (*entered)(void *self, const char *text);
  void (*close)(void *self);
} Lines;
bool lines_plain(Lines *out, Arena *a, Repl *r);  /* standard input as it comes */
bool lines_edited(Lines *out, Arena *a, Repl *r); /* with libedit; false: there is none */

/* repl_paste.c: text that came in one piece, given out line by line. */
typedef struct Paste {
  char *text; /* malloc'ed */
  size_t n, at;
} Paste;
void paste_add(Paste *p, const char *text, size_t n);
/* The next whole line, into out; false: what is left has no end of line. */
bool paste_line(Paste *p, Text *out);
const char *paste_peek(Paste *p, Text *out); /* the line after, or NULL */

/* ---- entries ---- */
typedef struct Entry {
  Text text;
  int64_t line; /* number of its first line */
  int64_t lines;
} Entry;
/* The next complete entry. */
LineEnd entry_read(Repl *r, Entry *out);

/* ---- history: one file for this start and the others ---- */
enum { HISTORY_MAX = 2000 };
typedef struct ReplHistory {
  Arena *arena;
  char *path;              /* NULL: it can't be kept */
  Vec(const char *) entry; /* of earlier starts, oldest first */
  char *last;              /* malloc'ed: the newest, which isn't kept twice in a row */
} ReplHistory;
void repl_history_open(ReplHistory *h, Arena *a);
void repl_history_add(ReplHistory *h, const char *text); /* to the file */
void repl_history_close(ReplHistory *h);

/* ---- the whole ---- */
struct Repl {
  Cli *cli;
  gradc_context *gc;
  Lines lines;
  int64_t line;        /* lines read so far */
  const char *pending; /* of an entry that has begun, the lines so far with their ends */
  const char *file;    /* what :reload loads; NULL: nothing */
  size_t usual;        /* bytes the context held when it was new, or was renewed */
  bool interactive;    /* a person types: prompts, no end at errors */
  bool quit;
  char label[32]; /* of the present entry, in diagnostics */
  Status worst;   /* of the first entry that went wrong */
};

/* Says what a call of the library has to say, which returned s. */
Status repl_told(const Repl *r, gradc_status s);
/* A line: its values are printed, and what went wrong is said. *out, NULL where there are none, is
 * the caller's to free. */
Status repl_eval(const Repl *r, const char *line, gradc_values **out);
Status repl_print(const Repl *r, gradc_values *v);

/* ---- commands: rows of repl.def ---- */
typedef enum ReplArg { ARG_NONE, ARG_EXPR, ARG_FN, ARG_FILE, ARG_COMMAND } ReplArg;
typedef struct ReplCommand {
  const char *name, *args;
  ReplArg arg; /* what its first argument is, for completion */
  const char *help;
  Status (*run)(Repl *r, const char *args);
} ReplCommand;
extern const ReplCommand repl_command[];
extern const int repl_command_count;
/* The command of an entry that begins with ':', NULL where it isn't one; *args is what follows. */
const ReplCommand *repl_command_find(const char *text, const char **args);
Status repl_command_run(Repl *r, const char *text);

Status repl_usage(const Repl *r, const ReplCommand *c);

#define REPL_COMMAND(name, ...) Status repl_##name(Repl *r, const char *args);
#include "cli/repl.def"
#undef REPL_COMMAND

/* ---- words in the arguments of commands ---- */
/* Cuts the next word, up to a blank that no bracket or string holds; NULL at the end. */
const char *repl_word(Arena *a, const char **args);
/* Cuts the last word off where `is` says yes to it and something stands before it; else NULL. */
const char *repl_cut_last(Arena *a, char *text, bool (*is)(const char *word));
/* The rest without blanks at its ends. */
const char *repl_rest(Arena *a, const char *args);

/* ---- completion ---- */
typedef struct Candidates {
  Vec(const char *) words; /* sorted; whole words, of files with their folders */
  size_t begin;            /* where in the text the word begins that they replace */
} Candidates;
/* text: the entry up to the cursor. */
Candidates repl_complete(Repl *r, Arena *a, const char *text, size_t n);

/* ---- answers ---- */
int repl_columns(void);  /* of the terminal; 80 where there is none */
bool repl_unicode(void); /* the locale's characters are UTF-8 */
/* Element i as a number. */
double repl_number(const gradc_tensor *t, int64_t i);
/* repl_value.c: NumPy-like, with the type behind arrays. precision 0: the REPL's own. False: not
 * all could be had. */
bool repl_value_print(gradc_values *v, int precision, Text *out);

#endif
