/* param.c: parameters of libgradc: their values in place, as bytes, and in files. */
#include "api/api.h"
#include "train/weights.h"

int gradc_param_count(gradc_context *gc) {
  return gc ? front_param_count(gc->session->program) : 0;
}

typedef struct Asking {
  gradc_context *gc;
  int i; /* < 0: by its name */
  const char *name;
  const gradc_tensor *found;
} Asking;

static Status no_param(const Asking *a) {
  if (a->name) return api_usage(a->gc, "there is no parameter %s", a->name);
  return api_usage(a->gc, "there is no parameter number %d", a->i);
}

static Status ask(Session *s, void *arg) {
  Asking *a = arg;
  int n = front_param_count(s->program), first = a->name ? 0 : a->i;
  const ParamInfo *info = NULL;
  for (int i = MAX(first, 0); i < n && !info; i++) {
    info = front_param(s->program, i);
    if (!info && !a->name) return ST_SOURCE;
    if (info && a->name && strcmp(info->name, a->name)) info = NULL;
  }
  if (!info || first < 0) return no_param(a);
  const Tensor *v = session_param(s, info->name);
  if (!v) return ST_SOURCE;
  gradc_tensor *t = NEW(s->cx->arena, gradc_tensor);
  *t = api_tensor(s->cx, info->name, v->type, &v->shape, v->data);
  t->state = info->state;
  a->found = t;
  return ST_OK;
}

gradc_status gradc_param(gradc_context *gc, int i, const gradc_tensor **out) {
  API_RETURN_UNLESS(gc && out);
  Asking a = {gc, i, NULL, NULL};
  gradc_status s = api_run(gc, ask, &a);
  *out = s == GRADC_OK ? a.found : NULL;
  return s;
}

gradc_status gradc_param_named(gradc_context *gc, const char *name, const gradc_tensor **out) {
  API_RETURN_UNLESS(gc && name && out);
  Asking a = {gc, -1, name, NULL};
  gradc_status s = api_run(gc, ask, &a);
  *out = s == GRADC_OK ? a.found : NULL;
  return s;
}

static gradc_status sized(gradc_context *gc, const char *name, size_t bytes,
                          const gradc_tensor **out) {
  gradc_status s = gradc_param_named(gc, name, out);
  if (s != GRADC_OK || (*out)->bytes == bytes) return s;
  return (gradc_status)api_usage(gc, "%s is %s, which has %zu bytes and not %zu", name,
                                 (*out)->text, (*out)->bytes, bytes);
}

gradc_status gradc_param_get(gradc_context *gc, const char *name, void *to, size_t bytes) {
  const gradc_tensor *t;
  API_RETURN_UNLESS(gc && name && to);
  gradc_status s = sized(gc, name, bytes, &t);
  if (s == GRADC_OK && bytes) memcpy(to, t->data, bytes);
  return s;
}

gradc_status gradc_param_set(gradc_context *gc, const char *name, const void *from, size_t bytes) {
  const gradc_tensor *t;
  API_RETURN_UNLESS(gc && name && from);
  gradc_status s = sized(gc, name, bytes, &t);
  if (s == GRADC_OK && bytes) memcpy(t->data, from, bytes);
  return s;
}

static Status redraw(Session *s, void *seed) { return session_redraw(s, *(int64_t *)seed); }

gradc_status gradc_params_init(gradc_context *gc, int64_t seed) {
  API_RETURN_UNLESS(gc);
  return api_run(gc, redraw, &seed);
}

typedef Status (*FileWork)(Cx *cx, const char *path, Weight *w, int n);
typedef struct FileJob {
  const char *path;
  FileWork work;
} FileJob;

static Status save(Cx *cx, const char *path, Weight *w, int n) {
  return weights_save(cx, path, w, n);
}

static Status with_weights(Session *s, void *arg) {
  const FileJob *j = arg;
  int n;
  Weight *w = session_weights(s, &n);
  if (!w) return ST_SOURCE;
  if (j->work == weights_load) s->keep_params = true; /* they are somebody's now */
  return j->work(s->cx, j->path, w, n);
}

static gradc_status file_job(gradc_context *gc, const char *path, FileWork work) {
  API_RETURN_UNLESS(gc && path);
  FileJob j = {path, work};
  return api_run(gc, with_weights, &j);
}

gradc_status gradc_params_load(gradc_context *gc, const char *path) {
  return file_job(gc, path, weights_load);
}
gradc_status gradc_params_save(gradc_context *gc, const char *path) {
  return file_job(gc, path, save);
}
