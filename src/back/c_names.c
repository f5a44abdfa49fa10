/* c_names.c: the names that a C file and its header define at file scope, and whether two things
 * would bear the same one: a function `f_grad` beside the gradient of `f`, `F` beside `f`, whose
 * constants are in capitals. */
#include "back/c_gen.h"

#include <ctype.h>

typedef struct Defined {
  Name name;
  int by; /* number of the function it belongs to; -1: every file has it */
} Defined;
typedef struct Names {
  const CFile *f;
  Vec(Defined) list;
} Names;

static void define(Names *n, int by, const char *prefix, const char *word) {
  Defined d = {name_fmt(n->f->cx, "%s_%s", prefix, word), by};
  vec_push(n->f->cx->arena, &n->list, d);
}

static void define_common(Names *n, const char *upper) {
  static const char *const words[] = {"strerror",   "params",      "param_table",
                                      "param_info", "params_load", "weights",
                                      "selftest",   "threads",     "pool"};
  static const char *const codes[] = {
#define _(name, text) #name,
      C_STATUS_TABLE(_)
#undef _
  };
  for (int i = 0; i < COUNT_OF(words); i++) define(n, -1, n->f->prefix, words[i]);
  for (int i = 0; i < COUNT_OF(codes); i++) define(n, -1, upper, codes[i]);
}

static void define_function(Names *n, const char *upper, int number) {
  Cx *cx = n->f->cx;
  Name name = n->f->fn.at[number]->name;
  static const char *const ending[] = {"_workspace", "_run", "_sizes"};
  define(n, number, n->f->prefix, name);
  for (int i = 0; i < COUNT_OF(ending); i++)
    define(n, number, n->f->prefix, name_fmt(cx, "%s%s", name, ending[i]));
  define(n, number, upper, name_fmt(cx, "%s_WORKSPACE", c_upper(cx, name)));
}

/* Whether a function's name is that of another's kernel or of the body of a loop in it: f_run_k0.
 */
static bool names_inner(const char *name, const char *of) {
  size_t n = strlen(of);
  if (strncmp(name, of, n) || strncmp(name + n, "_run_", 5)) return false;
  const char *rest = name + n + 5;
  return (*rest == 'k' || *rest == 'p') && isdigit((unsigned char)rest[1]);
}

bool c_names_clash(const CFile *f, CClash *out) {
  Names n = {f, {0}};
  const char *upper = c_upper(f->cx, f->prefix);
  define_common(&n, upper);
  for (int i = 0; i < f->fn.n; i++) define_function(&n, upper, i);
  for (int i = 0; i < n.list.n; i++)
    for (int k = 0; k < i; k++)
      if (n.list.at[i].name == n.list.at[k].name && n.list.at[i].by != n.list.at[k].by) {
        int one = n.list.at[k].by;
        *out = (CClash){n.list.at[i].name, one < 0 ? NULL : f->fn.at[one]->name,
                        f->fn.at[n.list.at[i].by]->name};
        return true;
      }
  for (int i = 0; i < f->fn.n; i++)
    for (int k = 0; k < f->fn.n; k++)
      if (names_inner(f->fn.at[i]->name, f->fn.at[k]->name)) {
        *out = (CClash){name_fmt(f->cx, "%s_%s", f->prefix, f->fn.at[i]->name), f->fn.at[k]->name,
                        f->fn.at[i]->name};
        return true;
      }
  return false;
}
