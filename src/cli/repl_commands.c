/* repl_commands.c: the table of the REPL's commands, reading their arguments, and those commands
 * that are about expressions. */
#include "base/diag.h"
#include "cli/repl.h"

const ReplCommand repl_command[] = {
#define REPL_COMMAND(name, args, kind, help) {#name, args, ARG_##kind, help, repl_##name},
#include "cli/repl.def"
#undef REPL_COMMAND
};
const int repl_command_count = COUNT_OF(repl_command);

/* ---- finding ---- */
static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static const ReplCommand *find(const char *name, size_t n) {
  for (int i = 0; i < repl_command_count; i++)
    if (strlen(repl_command[i].name) == n && !memcmp(repl_command[i].name, name, n))
      return &repl_command[i];
  return NULL;
}

const ReplCommand *repl_command_find(const char *text, const char **args) {
  size_t n = strcspn(text + 1, " \t\n");
  *args = text + 1 + n;
  while (is_blank(**args)) ++*args;
  return find(text + 1, n);
}

Status repl_usage(const Repl *r, const ReplCommand *c) {
  fflush(stdout);
  return cli_error(r->cli, ST_USAGE, ":%s takes %s", c->name, *c->args ? c->args : "nothing");
}

Status repl_command_run(Repl *r, const char *text) {
  const char *args, *names[COUNT_OF(repl_command)];
  const ReplCommand *c = repl_command_find(text, &args);
  if (c && !*args && *c->args && *c->args != '[') return repl_usage(r, c);
  if (c && !*c->args && *args) return repl_usage(r, c);
  if (c) return c->run(r, args);
  Arena *a = arena_new(NULL);
  for (int i = 0; i < repl_command_count; i++) names[i] = repl_command[i].name;
  const char *rest = text + 1, *word = a ? repl_word(a, &rest) : NULL;
  const char *meant = word ? closest_word(word, names, repl_command_count) : NULL;
  Status s =
      meant ? cli_error(r->cli, ST_USAGE, "there is no command :%s; did you mean :%s?", word, meant)
            : cli_error(r->cli, ST_USAGE, "there is no command :%s; :help lists them",
                        word ? word : "");
  arena_free(a);
  return s;
}

/* ---- words ---- */
const char *repl_word(Arena *a, const char **args) {
  const char *s = *args;
  while (is_blank(*s) || *s == '\n') s++;
  if (!*s) return NULL;
  int open = 0;
  bool string = false;
  const char *from = s;
  for (; *s && (open || string || (!is_blank(*s) && *s != '\n')); s++) {
    if (*s == '"') string = !string;
    if (!string && strchr("([{", *s)) open++;
    if (!string && strchr(")]}", *s) && open) open--;
  }
  *args = s;
  char *word = arena_alloc(a, (size_t)(s - from) + 1);
  memcpy(word, from, (size_t)(s - from));
  return word;
}

const char *repl_rest(Arena *a, const char *args) {
  while (is_blank(*args)) args++;
  size_t n = strlen(args);
  while (n && (is_blank(args[n - 1]) || args[n - 1] == '\n')) n--;
  char *rest = arena_alloc(a, n + 1);
  memcpy(rest, args, n);
  return rest;
}

/* The last word, cut off from the rest where `is` says yes to it. */
const char *repl_cut_last(Arena *a, char *text, bool (*is)(const char *word)) {
  size_t n = strlen(text);
  while (n && is_blank(text[n - 1])) text[--n] = 0;
  size_t from = n;
  while (from && !is_blank(text[from - 1])) from--;
  if (!from || !is(text + from)) return NULL;
  const char *word = arena_copy(a, text + from, n - from + 1);
  text[from] = 0;
  return word;
}

/* ---- :help, :quit ---- */
static void help_line(const ReplCommand *c) {
  int n = printf(":%s %s", c->name, c->args);
  printf("%*s%s\n", MAX(2, 36 - n), "", c->help);
}

Status repl_help(Repl *r, const char *args) {
  Arena *a = r->cli->arena;
  const char *word = repl_word(a, &args);
  if (word && *word == ':') word++;
  const ReplCommand *c = word ? find(word, strlen(word)) : NULL;
  if (word && !c) return cli_error(r->cli, ST_USAGE, "there is no command :%s", word);
  for (int i = 0; i < repl_command_count; i++)
    if (!c || c == &repl_command[i]) help_line(&repl_command[i]);
  if (!c)
    printf("Anything else is an expression, whose value is printed, or a definition (fn, param, "
           "const,\n"
           "layer, let, import, test), which replaces an earlier one of its name.\n");
  return fflush(stdout), ST_OK;
}

Status repl_quit(Repl *r, const char *args) {
  (void)args;
  r->quit = true;
  return ST_OK;
}

/* ---- :type ---- */
Status repl_type(Repl *r, const char *args) {
  const char *type;
  Status s = repl_told(r, gradc_type_of(r->gc, r->label, repl_rest(r->cli->arena, args), &type));
  if (s == ST_OK) printf("%s\n", type);
  return fflush(stdout), s;
}

/* ---- :time ---- */
static void print_seconds(double s) {
  if (s < 1e-3) printf("%.3g us", 1e6 * s);
  else if (s < 1) printf("%.3g ms", 1e3 * s);
  else printf("%.3g s", s);
}

static void print_times(const gradc_values *v) {
  double compiling = 0, running = 0, native = 0;
  gradc_values_figure(v, "compile-seconds", &compiling);
  gradc_values_figure(v, "run-seconds", &running);
  gradc_values_figure(v, "native", &native);
  if (compiling > 0) {
    printf("compiled in ");
    print_seconds(compiling);
    printf(", ");
  }
  printf("run in ");
  print_seconds(running);
  printf(native > 0 ? " by machine code\n" : " by the evaluator\n");
  fflush(stdout);
}

Status repl_time(Repl *r, const char *args) {
  gradc_values *values;
  Status s = repl_eval(r, args, &values);
  if (s == ST_OK && values) print_times(values);
  gradc_values_free(values);
  return s;
}

/* ---- :params ---- */
static void print_param(const gradc_tensor *p) {
  printf("%-20s %-20s", p->name, p->text);
  if (p->state) printf("  state");
  if (p->data && p->count) {
    double lo = repl_number(p, 0), hi = lo, sum = 0;
    for (int64_t k = 0; k < (int64_t)p->count; k++) {
      double x = repl_number(p, k);
      lo = MIN(lo, x), hi = MAX(hi, x), sum += x;
    }
    printf("  min %-12.6g max %-12.6g mean %.6g", lo, hi, sum / (double)p->count);
  }
  printf("\n");
}

Status repl_params(Repl *r, const char *args) {
  (void)args;
  int n = gradc_param_count(r->gc);
  if (!n) printf("there are no parameters\n");
  Status s = ST_OK;
  for (int i = 0; i < n && s == ST_OK; i++) {
    const gradc_tensor *p;
    s = repl_told(r, gradc_param(r->gc, i, &p));
    if (s == ST_OK) print_param(p);
  }
  return fflush(stdout), s;
}
