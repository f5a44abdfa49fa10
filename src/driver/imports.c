/* imports.c: `import "file.nn"`. In: a parsed file or line. Out: one FILE node with the
 * declarations of all files it imports, directly or through others, each file once, before its own.
 */
#include "driver/session.h"

#include <stdlib.h>

typedef struct Loaded {
  Name path; /* resolved: one per file, however it was named */
  bool busy; /* its imports are being read */
  Span at;   /* the import that led to it */
} Loaded;

typedef struct Importing {
  Cx *cx;
  Vec(Loaded) files;
  Vec(Node *) decls;
  Status status;
} Importing;

static Name resolved(Cx *cx, const char *path) {
  char *real = realpath(path, NULL);
  Name name = name_of(cx, real ? real : path);
  free(real);
  return name;
}

/* The path as seen from the folder of the file that imports it. */
static const char *beside(Cx *cx, const char *importer, const char *path) {
  const char *slash = strrchr(importer, '/');
  if (*path == '/' || !slash) return path;
  return name_fmt(cx, "%.*s/%s", (int)(slash - importer), importer, path);
}

static void take_all(Importing *m, const Node *file);

static void fault_cycle(Importing *m, const Node *n, const Loaded *l) {
  Diag *d = diag(m->cx, E0604, n->span, "\"%s\" imports itself", n->name);
  for (int i = (int)(l - m->files.at) + 1; i < m->files.n; i++)
    if (m->files.at[i].busy) diag_label(m->cx, d, m->files.at[i].at, "through this import");
}

static void import(Importing *m, const Node *n) {
  const char *path = beside(m->cx, m->cx->sources.at[n->span.source].path, n->name);
  Name key = resolved(m->cx, path);
  for (int i = 0; i < m->files.n; i++)
    if (m->files.at[i].path == key) {
      if (m->files.at[i].busy) fault_cycle(m, n, &m->files.at[i]);
      return;
    }
  int number = m->files.n;
  Loaded l = {key, true, n->span};
  vec_push(m->cx->arena, &m->files, l);
  int32_t source = session_read_source(m->cx, path, n->span);
  if (source) take_all(m, ast_parse(m->cx, source));
  else m->status = ST_DATA;
  m->files.at[number].busy = false;
}

static void take_all(Importing *m, const Node *file) {
  for (int i = 0; i < file->nkids; i++)
    if (file->kid[i]->kind == NODE_IMPORT) import(m, file->kid[i]);
  for (int i = 0; i < file->nkids; i++)
    if (file->kid[i]->kind != NODE_IMPORT) vec_push(m->cx->arena, &m->decls, file->kid[i]);
}

Status session_declare(Session *s, const Node *file) {
  Importing m = {.cx = s->cx};
  Loaded own = {resolved(s->cx, s->cx->sources.at[file->span.source].path), true, file->span};
  vec_push(s->cx->arena, &m.files, own);
  take_all(&m, file);
  front_declare(s->program, ast_new(s->cx, NODE_FILE, file->span, NULL, m.decls.n, m.decls.at));
  return m.status;
}
