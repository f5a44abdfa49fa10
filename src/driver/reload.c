/* reload.c: a source file read again. In: a session that loaded it, and was told other things
 * since. Out: the session with what the file declares now in place of what it declared then, and in
 * words what is gone with it. */
#include "driver/session.h"

typedef struct Old { /* what the files declared that were read last time */
  const Session *s;
  Vec(Name) names;
} Old;

static bool is_of_files(const Node *n, void *arg) {
  const Old *old = arg;
  const char *path = old->s->cx->sources.at[n->span.source].path;
  for (int i = 0; i < old->s->files.n; i++)
    if (!strcmp(old->s->files.at[i], path)) return true;
  return false;
}

static bool has_name(const Node *n) { return n->kind != NODE_TEST && n->kind != NODE_RULE; }

/* A function's argument of the same name is another thing. */
static bool uses(const Node *n, Name name) {
  for (int i = ast_fixed(n->kind); n->kind == NODE_FN && i < n->nkids; i++)
    if (n->kid[i]->name == name) return false;
  return ast_mentions(n, name);
}

/* "`f` is gone, which `g` and `h` use". */
static void tell_gone(Name name, const Node *const *decl, int n, Text *told) {
  int users = 0, said = 0;
  for (int i = 0; i < n; i++) users += has_name(decl[i]) && uses(decl[i], name);
  text_fmt(told, "`%s` is gone", name);
  for (int i = 0; i < n; i++) {
    if (!has_name(decl[i]) || !uses(decl[i], name)) continue;
    const char *before = !said ? ", which " : said + 1 == users ? " and " : ", ";
    text_fmt(told, "%s`%s`", before, decl[i]->name);
    said++;
  }
  text_add(told, users == 0 ? "\n" : users == 1 ? " uses\n" : " use\n");
}

static const char *what_is_gone(Session *s, const Old *old) {
  int n;
  const Node **decl = front_declarations(s->program, s->cx->arena, &n);
  Text told = text_new(s->cx->arena);
  for (int i = 0; i < old->names.n; i++) {
    bool there = false;
    for (int k = 0; k < n && !there; k++)
      there = has_name(decl[k]) && decl[k]->name == old->names.at[i];
    if (!there) tell_gone(old->names.at[i], decl, n, &told);
  }
  return text_str(&told);
}

typedef struct Reloading {
  const char *path, *told;
} Reloading;

static Status reload(Session *s, void *arg) {
  Reloading *r = arg;
  Old old = {.s = s};
  int n;
  const Node **decl = front_declarations(s->program, s->cx->arena, &n);
  for (int i = 0; i < n; i++)
    if (has_name(decl[i]) && is_of_files(decl[i], &old))
      vec_push(s->cx->arena, &old.names, decl[i]->name);
  int32_t source = session_read_source(s->cx, r->path, (Span){0});
  if (!source) return ST_DATA;
  Status status = session_replace(s, source, is_of_files, &old);
  if (status != ST_OK) return status;
  s->files.n = 0;
  for (int i = source; i < s->cx->sources.n; i++)
    vec_push(s->cx->arena, &s->files, name_of(s->cx, s->cx->sources.at[i].path));
  r->told = what_is_gone(s, &old);
  return ST_OK;
}

Status session_reload(Session *s, const char *path, const char **told) {
  Reloading r = {path, ""};
  Status status = session_run(s, reload, &r);
  *told = r.told;
  return status;
}
