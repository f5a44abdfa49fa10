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
typedef struct TypeQuery {
  Repl *r;
  const char *text;
  Text out;
} TypeQuery;

static void source_of(Cx *cx, Span s, Text *out) {
  text_add_n(out, cx->sources.at[s.source].text + s.lo, (size_t)(s.hi - s.lo));
}

static void type_of_outputs(const Fn *f, Text *out) {
  if (f->out.n != 1) text_add(out, "(");
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (i) text_add(out, ", ");
    type_print(f->cx, (DType)y->type, &y->shape, out);
  }
  if (f->out.n != 1) text_add(out, ")");
}

/* A function: its arguments as they are declared, and where they all have types, its result. */
static Status type_of_function(TypeQuery *t, const Node *fn) {
  Session *s = t->r->session;
  bool typed = true;
  text_fmt(&t->out, "fn %s(", fn->name);
  for (int i = ast_fixed(NODE_FN); i < fn->nkids; i++) {
    if (i > ast_fixed(NODE_FN)) text_add(&t->out, ", ");
    source_of(s->cx, fn->kid[i]->span, &t->out);
    typed = typed && fn->kid[i]->kid[0];
  }
  text_add(&t->out, ")");
  const Fn *f = typed ? front_function(s->program, fn->name) : NULL;
  if (f) text_add(&t->out, ": ");
  if (f) type_of_outputs(f, &t->out);
  return f || !typed ? ST_OK : ST_SOURCE;
}

static Status find_type(Session *s, void *arg) {
  TypeQuery *t = arg;
  t->out = text_new(s->cx->arena);
  const Node *fn = front_fn_find(s->program, name_of(s->cx, t->text));
  if (fn) return type_of_function(t, fn);
  const Fn *f = session_expr(s, t->r->label, t->text);
  if (!f) return ST_SOURCE;
  type_of_outputs(f, &t->out);
  return ST_OK;
}

Status repl_type(Repl *r, const char *args) {
  TypeQuery t = {.r = r, .text = repl_rest(r->cli->arena, args)};
  Status s = session_run(r->session, find_type, &t);
  if (s == ST_OK) printf("%s\n", text_str(&t.out));
  return fflush(stdout), s;
}

/* ---- :time ---- */
static void print_seconds(double s) {
  if (s < 1e-3) printf("%.3g us", 1e6 * s);
  else if (s < 1) printf("%.3g ms", 1e3 * s);
  else printf("%.3g s", s);
}

Status repl_time(Repl *r, const char *args) {
  Results results;
  Status s = session_line(r->session, r->label, args, &results);
  if (s == ST_OK && !results.declaration) s = repl_print(r, &results);
  if (s == ST_OK && !results.declaration) {
    if (results.compile_seconds > 0) {
      printf("compiled in ");
      print_seconds(results.compile_seconds);
      printf(", ");
    }
    printf("run in ");
    print_seconds(results.run_seconds);
    printf(results.native ? " by machine code\n" : " by the evaluator\n");
    fflush(stdout);
  }
  results_free(&results);
  return s;
}

/* ---- :params ---- */
static Status list_params(Session *s, void *arg) {
  Text *out = arg;
  *out = text_new(s->cx->arena);
  int n = front_param_count(s->program);
  if (!n) text_add(out, "there are no parameters\n");
  for (int i = 0; i < n; i++) {
    const ParamInfo *p = front_param(s->program, i);
    const Tensor *v = p && shape_is_numbers(&p->shape) ? session_param(s, p->name) : NULL;
    if (!p) continue;
    text_fmt(out, "%-20s %-20s", p->name, type_text(s->cx, p->type, &p->shape));
    if (p->state) text_add(out, "  state");
    if (v && tensor_count(v)) {
      double lo = tensor_get(v, 0), hi = lo, sum = 0;
      for (int64_t k = 0; k < tensor_count(v); k++) {
        double x = tensor_get(v, k);
        lo = MIN(lo, x), hi = MAX(hi, x), sum += x;
      }
      text_fmt(out, "  min %-12.6g max %-12.6g mean %.6g", lo, hi, sum / (double)tensor_count(v));
    }
    text_add(out, "\n");
  }
  return ST_OK;
}

Status repl_params(Repl *r, const char *args) {
  (void)args;
  Text out;
  Status s = session_run(r->session, list_params, &out);
  if (s == ST_OK) out_text(text_str(&out));
  return s;
}
