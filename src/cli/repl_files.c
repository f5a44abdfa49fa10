/* repl_files.c: :load, :reload, :save. What a file is for is told by its ending: weights are
 * .safetensors and .npz; all else is source. */
#include "base/diag.h"
#include "cli/repl.h"
#include "train/weights.h"

static bool ends_in(const char *path, const char *ending) {
  size_t n = strlen(path), e = strlen(ending);
  return n > e && !strcmp(path + n - e, ending);
}

static bool is_weights(const char *path) {
  return ends_in(path, ".safetensors") || ends_in(path, ".npz");
}

/* ---- weights ---- */
static Status load_weights(Session *s, void *path) {
  int n;
  Weight *w = session_weights(s, &n);
  s->keep_params = true;
  return w ? weights_load(s->cx, path, w, n) : ST_SOURCE;
}

static Status save_weights(Session *s, void *path) {
  int n;
  Weight *w = session_weights(s, &n);
  if (!w) return ST_SOURCE;
  return weights_can_save(s->cx, path) ? weights_save(s->cx, path, w, n) : ST_DATA;
}

/* ---- source ---- */
/* Each declaration as it was typed, with the comments above it. */
static void print_declaration(Cx *cx, const Node *n, Text *out) {
  if (n->doc) {
    for (const char *line = n->doc; *line; line += strcspn(line, "\n"), line += *line == '\n')
      text_fmt(out, "# %.*s\n", (int)strcspn(line, "\n"), line);
  }
  text_add_n(out, cx->sources.at[n->span.source].text + n->span.lo,
             (size_t)(n->span.hi - n->span.lo));
  text_add(out, "\n");
}

static Status print_source(Session *s, void *arg) {
  Text *out = arg;
  *out = text_new(s->cx->arena);
  int n;
  const Node **decl = front_declarations(s->program, s->cx->arena, &n);
  for (int i = 0; i < n; i++) print_declaration(s->cx, decl[i], out);
  return ST_OK;
}

static Status save_source(Repl *r, const char *path) {
  Text out;
  Status s = session_run(r->session, print_source, &out);
  return s == ST_OK ? output_write(r->cli, path, text_str(&out)) : s;
}

/* ---- the commands ---- */
/* What a file declares now replaces what it declared when it was read last; what was typed besides
 * stays, and a file with errors leaves things as they were. */
static Status read_again(Repl *r, const char *path) {
  const char *told;
  Status s = session_reload(r->session, path, &told);
  if (s == ST_OK) out_text(told);
  return s;
}

Status repl_load(Repl *r, const char *args) {
  const char *path = repl_word(r->cli->arena, &args);
  if (is_weights(path)) return session_run(r->session, load_weights, (void *)path);
  if (r->file && !strcmp(path, r->file)) return read_again(r, path);
  Status s = session_load(r->session, path);
  if (s == ST_OK) r->file = path;
  return s;
}

Status repl_reload(Repl *r, const char *args) {
  (void)args;
  return r->file ? read_again(r, r->file) : cli_error(r->cli, ST_USAGE, "no file was loaded");
}

Status repl_save(Repl *r, const char *args) {
  const char *path = repl_word(r->cli->arena, &args);
  if (is_weights(path)) return session_run(r->session, save_weights, (void *)path);
  if (ends_in(path, ".nn")) return save_source(r, path);
  return cli_error(r->cli, ST_USAGE,
                   ":save takes FILE.nn, FILE.safetensors or FILE.npz, not \"%s\"", path);
}
