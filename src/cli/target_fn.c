/* target_fn.c: see target_fn.h. */
#include "cli/target_fn.h"
#include "base/diag.h"

#include <stdlib.h>

static bool strip(const char *text, const char *outer, Cx *cx, Name *inside) {
  size_t n = strlen(outer), len = strlen(text);
  if (strncmp(text, outer, n) || text[n] != '(' || len < n + 3 || text[len - 1] != ')')
    return false;
  *inside = name_of_n(cx, text + n + 1, len - n - 2);
  return true;
}

Fn *target_function(Session *s, const char *text, Name *bare, bool *gradient) {
  bool with_value = strip(text, "value_and_grad", s->cx, bare);
  *gradient = with_value || strip(text, "grad", s->cx, bare);
  if (!*gradient) *bare = name_of(s->cx, text);
  Fn *f = session_function(s, *bare);
  if (!f || !*gradient) return f;
  DeriveOptions o = {.order = 1, .value = with_value};
  return derive(f, &o);
}

bool target_sizes(const Cli *cli, Session *s, OptId id, SizeBindings *sizes) {
  const OptValue *v = &cli->opt[id];
  for (int i = 0; i < v->n; i++) {
    const char *word = v->list[i], *eq = strchr(word, '=');
    char *end;
    long long n = eq ? strtoll(eq + 1, &end, 10) : -1;
    if (!eq || eq == word || *end || n < 0 || n > DIM_MAX_NUMBER) {
      usage_error(cli, "-D takes NAME=NUMBER, not \"%s\"", word);
      return false;
    }
    size_bind(s->cx->arena, sizes, name_of_n(s->cx, word, (size_t)(eq - word)), n);
  }
  return true;
}

bool target_is_sized(const Cli *cli, const Fn *f, const SizeBindings *sizes) {
  SizeBindings names = {0};
  if (!f->cx->bound.bytes) return true;
  for (int i = 0; i < f->in.n; i++)
    for (int d = 0; d < f->in.at[i].shape.rank; d++)
      dim_names(f->cx, f->in.at[i].shape.dim[d], f->cx->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Dim known;
    if (sizes && size_lookup(sizes, names.list.at[i].name, &known)) continue;
    usage_error(cli, "--memory needs a number for every size: give -D %s=NUMBER",
                names.list.at[i].name);
    return false;
  }
  return true;
}
