/* renew.c: the memory of a long session given back. All that a context allocates lives as long as
 * it does, so a session that takes thousands of lines grows by each, whatever the line was for.
 * What has to stay is small: what is declared, and the parameters' values. In: a session. Out: a
 * new one, in which the sources of the declarations that stand are read again. */
#include "base/diag.h"
#include "driver/session.h"

typedef struct Again { /* a source of the old context in the new one */
  int32_t old;
  const Node *file;
  int next; /* of the file's declarations, which come in their order */
} Again;

typedef struct Renewal {
  Session *from;
  Vec(Again) sources;
  Vec(Node *) decls;
} Renewal;

static Again *source_again(Renewal *r, Cx *cx, int32_t old) {
  for (int i = r->sources.n - 1; i >= 0; i--)
    if (r->sources.at[i].old == old) return &r->sources.at[i];
  const Source *src = &r->from->cx->sources.at[old];
  int32_t source = cx_add_source(cx, src->path, src->text, (size_t)src->len, false);
  Again a = {old, ast_parse(cx, source), 0};
  vec_push(cx->arena, &r->sources, a);
  return &r->sources.at[r->sources.n - 1];
}

/* The same declaration, parsed again; NULL: it isn't found. */
static Node *declaration_again(Renewal *r, Cx *cx, const Node *n) {
  Again *a = source_again(r, cx, n->span.source);
  for (int i = 0; i < a->file->nkids; i++) {
    Node *k = a->file->kid[(a->next + i) % a->file->nkids];
    if (k->kind != n->kind || k->span.lo != n->span.lo || k->span.hi != n->span.hi) continue;
    a->next = (a->next + i + 1) % a->file->nkids;
    return k;
  }
  return NULL;
}

static Status declare_again(Session *s, void *arg) {
  Renewal *r = arg;
  int n;
  const Node **decl = front_declarations(r->from->program, s->cx->arena, &n);
  const SizeBindings *defines = front_defines(r->from->program);
  for (int i = 0; i < defines->list.n; i++)
    front_define(s->program, name_of(s->cx, defines->list.at[i].name), defines->list.at[i].value);
  for (int i = 0; i < n; i++) {
    Node *k = declaration_again(r, s->cx, decl[i]);
    if (!k) return ST_INTERNAL;
    vec_push(s->cx->arena, &r->decls, k);
  }
  front_declare(s->program, ast_new(s->cx, NODE_FILE, (Span){0}, NULL, r->decls.n, r->decls.at));
  for (int i = 0; i < r->from->files.n; i++)
    vec_push(s->cx->arena, &s->files, name_of(s->cx, r->from->files.at[i]));
  diag_clear(s->cx); /* what was wrong when it was declared is wrong again, and has been told */
  return ST_OK;
}

static Status take_params(Session *s, void *arg) {
  const Renewal *r = arg;
  for (int i = 0; i < r->from->list.n; i++) {
    const ParamValue *v = &r->from->list.at[i];
    session_set_param(s, name_of(s->cx, v->name), &v->value);
  }
  return ST_OK;
}

/* Values that outlived their declarations stay behind. */
static Status drop_old_params(Session *s, void *none) {
  (void)none;
  int kept = 0;
  for (int i = 0; i < s->list.n; i++)
    if (session_param_fits(s, &s->list.at[i])) s->list.at[kept++] = s->list.at[i];
  s->list.n = kept;
  return ST_OK;
}

Session *session_renew(Session *from) {
  Renewal r = {.from = from};
  Session *s = session_new();
  if (!s) return NULL;
  s->seed = from->seed;
  s->keep_params = from->keep_params;
  s->careful = from->careful;
  s->trap_nan = from->trap_nan;
  s->how = from->how;
  s->cx->bound = from->cx->bound;
  s->cx->stop = from->cx->stop;
  s->cx->code_cache = from->cx->code_cache;
  s->cx->diags->columns = from->cx->diags->columns;
  bool good = session_run(from, drop_old_params, NULL) == ST_OK &&
              session_run(s, declare_again, &r) == ST_OK &&
              session_run(s, take_params, &r) == ST_OK;
  if (good) return s;
  session_free(s);
  return NULL;
}

size_t session_bytes(const Session *s) { return cx_bytes(s->cx); }
