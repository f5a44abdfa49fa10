/* print_program.c: a function together with the parameters it needs, as .nn source that stands
 * alone. */
#include "driver/session.h"

/* Whether an expression means the same without the user's own declarations: it names nothing but
 * functions of the prelude and what the language has built in. */
static bool stands_alone(Session *s, const Node *n) {
  if (!n) return true;
  if (n->kind == NODE_MEMBER) return false;
  if (n->kind == NODE_NAME) {
    const Node *fn = front_fn_find(s->program, n->name);
    if (!fn || !s->cx->sources.at[fn->span.source].prelude) return false;
  }
  for (int i = 0; i < n->nkids; i++)
    if (!stands_alone(s, n->kid[i])) return false;
  return true;
}

static void print_param(Session *s, const ParamInfo *p, Text *out) {
  text_fmt(out, "%s %s: %s", p->state ? "state" : "param", p->name,
           type_text(s->cx, p->type, &p->shape));
  if (p->init) {
    const char *source = s->cx->sources.at[p->init->span.source].text;
    int32_t n = p->init->span.hi - p->init->span.lo;
    if (!p->lead && stands_alone(s, p->init))
      text_fmt(out, " ~ %.*s", n, source + p->init->span.lo);
  }
  text_add(out, "\n");
}

static bool uses_params(const Fn *f) {
  for (int i = 0; i < f->in.n; i++)
    if (input_is_kept(&f->in.at[i])) return true;
  return false;
}

/* The source of f without the declarations of its parameters, which come first, a line each. */
static const char *without_params(const char *source) {
  while (!strncmp(source, "param ", 6) || !strncmp(source, "state ", 6))
    source += strcspn(source, "\n") + 1;
  return source;
}

/* As `gradc fmt` lays it out. */
static void add_formatted(Session *s, const Text *program, Text *out) {
  const char *text = text_str((Text *)program);
  size_t n = program->n;
  int32_t source = cx_add_source(s->cx, "<printed>", text, n, false);
  if (!front_format(s->cx, source, &text, &n))
    cx_bug(s->cx, "a function that was printed can't be read");
  text_add_n(out, text, n);
}

void print_program(Session *s, const Fn *f, Text *printed) {
  Text source = text_new(s->cx->arena), program = text_new(s->cx->arena), *out = &program;
  ir_print_lines(f, &source, true);
  const char *rest = without_params(text_str(&source));
  if (uses_params(f))
    for (int i = 0; i < front_param_count(s->program); i++) {
      const ParamInfo *p = front_param(s->program, i);
      if (p) print_param(s, p, out);
    }
  while (*rest == '\n') rest++;
  if (out->n) text_add(out, "\n");
  text_add(out, rest);
  add_formatted(s, out, printed);
}
