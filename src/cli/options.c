/* options.c: the words of a command line -> option values and operands, after options.def. */
#include "base/diag.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>

const OptInfo opt_info[O_COUNT] = {
#define OPTION(command, id, name, letter, arg, type, least, most, help)                            \
  {#command, name, letter, arg, OPT_##type, least, most, help},
#include "cli/options.def"
#undef OPTION
};

bool opt_belongs(const OptInfo *o, const CommandInfo *c) {
  return !strcmp(o->command, "all") || (c && !strcmp(o->command, c->name));
}

/* ---- arguments ---- */
static Status bad_argument(const Cli *cli, const OptInfo *o, const char *text) {
  switch (o->type) {
  case OPT_INT:
    return usage_error(cli, "--%s takes a whole number from %.0f to %.0f, not \"%s\"", o->name,
                       o->least, o->most, text);
  case OPT_REAL:
    return usage_error(cli, "--%s takes a number from %g to %g, not \"%s\"", o->name, o->least,
                       o->most, text);
  default: return usage_error(cli, "--%s takes one of %s, not \"%s\"", o->name, o->arg, text);
  }
}

static bool read_int(const OptInfo *o, const char *text, OptValue *v) {
  char *end;
  errno = 0;
  long long i = strtoll(text, &end, 10);
  v->i = i;
  v->r = (double)i;
  return end != text && !*end && !errno && v->r >= o->least && v->r <= o->most;
}

static bool read_real(const OptInfo *o, const char *text, OptValue *v) {
  char *end;
  v->r = strtod(text, &end);
  return end != text && !*end && isfinite(v->r) && v->r >= o->least && v->r <= o->most;
}

static bool read_choice(const OptInfo *o, const char *text, OptValue *v) {
  size_t n = strlen(text);
  v->choice = 0;
  for (const char *word = o->arg;; v->choice++) {
    size_t len = strcspn(word, "|");
    if (len == n && !memcmp(word, text, n)) return true;
    if (!word[len]) return false;
    word += len + 1;
  }
}

static void add_to_list(Cli *cli, OptValue *v, const char *text) {
  const char **list = NEWS(cli->arena, const char *, v->n + 1);
  for (int i = 0; i < v->n; i++) list[i] = v->list[i];
  list[v->n] = text;
  v->list = list;
}

static Status take(Cli *cli, OptId id, const char *text) {
  const OptInfo *o = &opt_info[id];
  OptValue *v = &cli->opt[id];
  bool good = true;
  switch (o->type) {
  case OPT_INT: good = read_int(o, text, v); break;
  case OPT_REAL: good = read_real(o, text, v); break;
  case OPT_CHOICE: good = read_choice(o, text, v); break;
  case OPT_LIST: add_to_list(cli, v, text); break;
  case OPT_TEXT:
  case OPT_FLAG: break;
  }
  v->n++;
  v->text = text;
  return good ? ST_OK : bad_argument(cli, o, text);
}

/* ---- getopt ---- */
enum { LONG_BASE = 256 }; /* getopt's value of a long option is this plus its OptId */

typedef struct Getopt {
  struct option longs[O_COUNT + 1];
  char shorts[2 * O_COUNT + 2];
} Getopt;

static Getopt getopt_tables(const CommandInfo *c) {
  Getopt g = {{{0}}, ":"}; /* a leading ':' tells a missing argument from an unknown option */
  int n = 0;
  char *s = g.shorts + 1;
  for (int id = 0; id < O_COUNT; id++) {
    const OptInfo *o = &opt_info[id];
    if (!opt_belongs(o, c)) continue;
    bool takes = o->type != OPT_FLAG;
    g.longs[n++] =
        (struct option){o->name, takes ? required_argument : no_argument, NULL, LONG_BASE + id};
    if (!o->letter) continue;
    *s++ = o->letter;
    if (takes) *s++ = ':';
  }
  return g;
}

static OptId option_of(const CommandInfo *c, int got) {
  if (got >= LONG_BASE) return (OptId)(got - LONG_BASE);
  for (int id = 0; id < O_COUNT; id++)
    if (opt_info[id].letter == got && opt_belongs(&opt_info[id], c)) return (OptId)id;
  return O_COUNT;
}

static Status unknown_option(const Cli *cli, const char *word) {
  if (word[1] != '-')
    return usage_error(cli, "there is no option -%c%s", optopt,
                       cli->command && cli->command->most != 0
                           ? "; put -- before operands that begin with a minus sign"
                           : "");
  const char *names[O_COUNT];
  int n = 0;
  for (int id = 0; id < O_COUNT; id++)
    if (opt_belongs(&opt_info[id], cli->command)) names[n++] = opt_info[id].name;
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const char *meant = closest_word(name, names, n);
  if (meant) return usage_error(cli, "there is no option --%s; did you mean --%s?", name, meant);
  return usage_error(cli, "there is no option --%s", name);
}

static Status parse_error(const Cli *cli, int got, const char *word) {
  if (got == ':') return usage_error(cli, "option %s needs an argument", word);
  if (optopt >= LONG_BASE) /* a FLAG with "=..." */
    return usage_error(cli, "option --%s takes no argument", opt_info[optopt - LONG_BASE].name);
  return unknown_option(cli, word);
}

Status cli_parse(Cli *cli, int argc, char **argv) {
  Getopt g = getopt_tables(cli->command);
  Status s = ST_OK;
  opterr = 0;
  optind = 1;
  while (s == ST_OK) {
    int got = getopt_long(argc, argv, g.shorts, g.longs, NULL);
    if (got == -1) break;
    s = got == '?' || got == ':' ? parse_error(cli, got, argv[optind - 1])
                                 : take(cli, option_of(cli->command, got), optarg);
  }
  cli->n = argc - optind;
  cli->arg = argv + optind;
  return s;
}
