/* repl_files.c: :load, :reload, :save. What a file is for is told by its ending: weights are
 * .safetensors and .npz; all else is source. */
#include "cli/repl.h"

static bool ends_in(const char *path, const char *ending) {
  size_t n = strlen(path), e = strlen(ending);
  return n > e && !strcmp(path + n - e, ending);
}

static bool is_weights(const char *path) {
  return ends_in(path, ".safetensors") || ends_in(path, ".npz");
}

static Status save_source(Repl *r, const char *path) {
  const char *source;
  Status s = repl_told(r, gradc_declarations(r->gc, &source));
  return s == ST_OK ? output_write(r->cli, path, source) : s;
}

/* What a file declares now replaces what it declared when it was read last; what was typed besides
 * stays, and a file with errors leaves things as they were. */
static Status read_again(Repl *r) {
  const char *told;
  Status s = repl_told(r, gradc_reload(r->gc, &told));
  if (s == ST_OK) out_text(told);
  return s;
}

Status repl_load(Repl *r, const char *args) {
  const char *path = repl_word(r->cli->arena, &args);
  if (is_weights(path)) return repl_told(r, gradc_params_load(r->gc, path));
  if (r->file && !strcmp(path, r->file)) return read_again(r);
  Status s = repl_told(r, gradc_load(r->gc, path));
  if (s == ST_OK) r->file = path;
  return s;
}

Status repl_reload(Repl *r, const char *args) {
  (void)args;
  return r->file ? read_again(r) : cli_error(r->cli, ST_USAGE, "no file was loaded");
}

Status repl_save(Repl *r, const char *args) {
  const char *path = repl_word(r->cli->arena, &args);
  if (is_weights(path)) return repl_told(r, gradc_params_save(r->gc, path));
  if (ends_in(path, ".nn")) return save_source(r, path);
  return cli_error(r->cli, ST_USAGE,
                   ":save takes FILE.nn, FILE.safetensors or FILE.npz, not \"%s\"", path);
}
