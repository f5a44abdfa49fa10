/* weights.c: loading, saving and freezing parameters by name. */
#include "train/weights.h"

#include "train/convert.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

int64_t weight_count(const Weight *w) {
  int64_t n = 1;
  for (int i = 0; i < w->shape.rank; i++) n *= w->shape.dim[i];
  return n;
}

size_t weight_bytes(const Weight *w) {
  return (size_t)weight_count(w) * (size_t)type_info[w->type].bytes;
}

bool weight_is_finite(const Weight *w) {
  int64_t n = weight_count(w);
  if (w->type == T_F32) {
    const float *p = w->data;
    for (int64_t i = 0; i < n; i++)
      if (!isfinite(p[i])) return false;
  }
  if (w->type == T_F64) {
    const double *p = w->data;
    for (int64_t i = 0; i < n; i++)
      if (!isfinite(p[i])) return false;
  }
  return true;
}

/* ---- elements of arrays of layers ---- */
/* The pattern with the numbers of element i, counted in row-major order. */
static const char *element_name(Cx *cx, const Weight *w, int64_t i) {
  int64_t at[IR_MAX_RANK];
  for (int d = w->lead - 1; d >= 0; d--) at[d] = i % w->shape.dim[d], i /= w->shape.dim[d];
  Text t = text_new(cx->arena);
  int star = 0;
  for (const char *s = w->pattern; *s; s++)
    if (*s == '*') text_fmt(&t, "%lld", (long long)at[star++]);
    else text_add_n(&t, s, 1);
  return text_str(&t);
}

static Weight element(Cx *cx, const Weight *w, int64_t i) {
  Weight e = *w;
  e.lead = 0;
  e.shape.rank -= w->lead;
  memmove(e.shape.dim, w->shape.dim + w->lead, (size_t)e.shape.rank * sizeof e.shape.dim[0]);
  e.name = element_name(cx, w, i);
  e.data = (char *)w->data + (size_t)i * weight_bytes(&e);
  return e;
}

static int64_t element_count(const Weight *w) {
  int64_t n = 1;
  for (int d = 0; d < w->lead; d++) n *= w->shape.dim[d];
  return n;
}

Weight *weights_split(Cx *cx, const Weight *w, int n, int *count) {
  int64_t total = 0;
  for (int i = 0; i < n; i++) total += element_count(&w[i]);
  Weight *all = NEWS(cx->arena, Weight, total + 1);
  *count = 0;
  for (int i = 0; i < n; i++)
    for (int64_t k = 0; k < element_count(&w[i]); k++)
      all[(*count)++] = w[i].lead ? element(cx, &w[i], k) : w[i];
  return all;
}

/* The same, but stacked where the file has the stacked tensor. */
static Weight *as_stored(Cx *cx, const ArraySet *set, const Weight *w, int n, int *count) {
  Weight *flat = arena_copy(cx->arena, w, (size_t)n * sizeof *w);
  for (int i = 0; i < n; i++)
    if (array_find(set, w[i].name)) flat[i].lead = 0;
  return weights_split(cx, flat, n, count);
}

/* ---- loading ---- */
static bool same_shape(const Array *a, const Shape *s) {
  if (a->rank != s->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != s->dim[i]) return false;
  return true;
}

static bool fits(Cx *cx, const Array *a, const char *path, const Weight *w) {
  ConvertRule rule = convert_rule(a->type, w->type);
  int64_t bad = -1;
  char have[160], why[120] = "the shapes differ";
  bool shape = same_shape(a, &w->shape);
  if (shape && rule == CONVERT_CHECK) bad = convert_misfit(a->type, a->data, a->count, w->type);
  if (shape && rule != CONVERT_NO && bad < 0) return true;
  if (shape && rule == CONVERT_NO) strcpy(why, "the types differ");
  if (bad >= 0) {
    char value[40];
    elem_text(a->type, a->data, bad, value, sizeof value);
    snprintf(why, sizeof why, "element %lld is %s, which %s can't hold", (long long)bad, value,
             type_info[w->type].word);
  }
  array_type_text(a->type, a->rank, a->dim, have, sizeof have);
  Diag *d = diag(cx, E0624, w->span, "`%s` in %s is %s, the %s is %s: %s", w->name, path, have,
                 w->state ? "state" : "parameter", type_text(cx, w->type, &w->shape), why);
  if (!shape && a->rank == 2 && w->shape.rank == 2 && a->dim[0] == w->shape.dim[1] &&
      a->dim[1] == w->shape.dim[0])
    diag_hint(cx, d, "the file has the transpose (PyTorch's linear layers do)");
  return false;
}

static const char *stored_name(Cx *cx, const Weight *w, const char *prefix) {
  return *prefix ? name_fmt(cx, "%s%s", prefix, w->name) : w->name;
}

bool weights_match(Cx *cx, const ArraySet *set, const char *path, const Weight *w, int n,
                   const char *prefix) {
  bool ok = true;
  const char **names = NEWS(cx->arena, const char *, set->n + 1);
  for (int i = 0; i < set->n; i++) names[i] = set->at[i].name;
  for (int i = 0; i < n; i++) {
    const char *name = stored_name(cx, &w[i], prefix);
    const Array *a = array_find(set, name);
    if (a) {
      ok = fits(cx, a, path, &w[i]) && ok;
      continue;
    }
    ok = false;
    Diag *d = diag(cx, E0622, w[i].span, "%s has no tensor `%s`", path, name);
    const char *near = closest_word(name, names, set->n);
    if (near) diag_hint(cx, d, "it has one called `%s`", near);
    if (w[i].state)
      diag_note(
          cx, d,
          "`%s` is a state: weights that were saved before the program declared it lack it, and "
          "only training on the data finds its value",
          name);
  }
  return ok;
}

void weights_take(Cx *cx, const ArraySet *set, Weight *w, int n, const char *prefix) {
  for (int i = 0; i < n; i++) {
    const Array *a = array_find(set, stored_name(cx, &w[i], prefix));
    convert(a->type, a->data, w[i].type, w[i].data, a->count);
  }
}

static void warn_of_extras(Cx *cx, const ArraySet *set, const char *path, const Weight *w, int n) {
  for (int i = 0; i < set->n; i++) {
    const char *name = set->at[i].name;
    bool known = !strncmp(name, CHECKPOINT_STATE, strlen(CHECKPOINT_STATE));
    for (int k = 0; k < n && !known; k++) known = !strcmp(w[k].name, name);
    if (!known)
      diag(cx, E0623, (Span){0}, "%s has a tensor `%s`, the program has no such parameter", path,
           name);
  }
}

static void free_set(void *set) { array_set_free(set); }

ArraySet *weights_file(Cx *cx, Arena *a, const char *path, Status *status) {
  ArraySet *set = NEW(a, ArraySet);
  ArrayError err;
  arena_defer(a, free_set, set);
  *status = ST_OK;
  if (array_load(path, set, &err)) return set;
  if (err.memory) cx_out_of_memory(cx);
  diag(cx, E0621, (Span){0}, "%s", err.text);
  *status = ST_DATA;
  return NULL;
}

Status weights_load(Cx *cx, const char *path, Weight *w, int n) {
  Arena *a = arena_new(cx);
  Status s;
  int count;
  const ArraySet *set = weights_file(cx, a, path, &s);
  Weight *stored = set ? as_stored(cx, set, w, n, &count) : NULL;
  if (set && !weights_match(cx, set, path, stored, count, "")) s = ST_DATA;
  if (s == ST_OK) {
    warn_of_extras(cx, set, path, stored, count);
    weights_take(cx, set, stored, count, "");
  }
  arena_free(a);
  return s;
}

/* ---- saving ---- */
ArrayView weight_view(Cx *cx, const Weight *w, const char *prefix) {
  ArrayView v = {stored_name(cx, w, prefix), elem_of(w->type), w->shape.rank, {0}, w->data};
  for (int i = 0; i < w->shape.rank; i++) v.dim[i] = w->shape.dim[i];
  return v;
}

static bool knows_format(Cx *cx, const char *path) {
  size_t n = strlen(path);
  if (n >= 4 && !strcasecmp(path + n - 4, ".npz")) return true;
  if (n >= 12 && !strcasecmp(path + n - 12, ".safetensors")) return true;
  diag(cx, E0621, (Span){0},
       "weights can't be written to %s: its name must end in .safetensors or .npz", path);
  return false;
}

bool weights_can_save(Cx *cx, const char *path) {
  ArrayError err;
  if (!knows_format(cx, path)) return false;
  if (array_can_save(path, &err)) return true;
  if (err.memory) cx_out_of_memory(cx);
  diag(cx, E0621, (Span){0}, "%s", err.text);
  return false;
}

Status weights_save(Cx *cx, const char *path, const Weight *w, int n) {
  ArrayError err;
  if (!knows_format(cx, path)) return ST_DATA;
  w = weights_split(cx, w, n, &n);
  ArrayView *v = NEWS(cx->arena, ArrayView, n + 1);
  for (int i = 0; i < n; i++) v[i] = weight_view(cx, &w[i], "");
  if (array_save(path, v, n, NULL, 0, &err)) return ST_OK;
  if (err.memory) return ST_MEMORY;
  diag(cx, E0621, (Span){0}, "%s", err.text);
  return ST_DATA;
}

/* ---- freezing ---- */
static void no_such(Cx *cx, const Weight *w, int n, const char *pattern) {
  const char **names = NEWS(cx->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = w[i].name;
  Diag *d = diag(cx, E0625, (Span){0}, "--freeze: no parameter is called `%s`", pattern);
  const char *near = closest_word(pattern, names, n);
  if (near) diag_hint(cx, d, "did you mean `%s`?", near);
}

Status weights_freeze(Cx *cx, Weight *w, int n, const char *list) {
  Status s = ST_OK;
  for (const char *p = list; *p;) {
    size_t len = strcspn(p, ",");
    Name pattern = name_of_n(cx, p, len);
    int hits = 0;
    for (int i = 0; i < n; i++)
      if (!fnmatch(pattern, w[i].name, 0)) w[i].frozen = true, hits++;
    if (!hits && len) {
      no_such(cx, w, n, pattern);
      s = ST_USAGE;
    }
    p += len + (p[len] == ',');
  }
  return s;
}
