/* dataset.c: finding the arrays of --data, matching them to arguments, gathering batches. */
#include "train/dataset.h"

#include "train/convert.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct Found { /* an array of a file, under the name it goes by */
  Name name;
  const char *file;
  const Array *array;
  int64_t step; /* of windows */
  bool headed;
} Found;

typedef struct Opening {
  Cx *cx;
  Arena *arena;
  Dataset *ds;
  Vec(Found) found;
  Vec(Name) seen; /* every name met in an archive, for "did you mean" */
  const Input *in;
  int nin;
} Opening;

DataSource data_source(Cx *cx, const char *text) {
  const char *p = text;
  while (isalnum((unsigned char)*p) || *p == '_') p++;
  if (*p != '=' || p == text) return (DataSource){.path = name_of(cx, text)};
  return (DataSource){.name = name_of_n(cx, text, (size_t)(p - text)), .path = name_of(cx, p + 1)};
}

/* ---- loading ---- */
static bool want_array(void *arg, const char *name) {
  Opening *o = arg;
  Name n = name_of(o->cx, name);
  vec_push(o->arena, &o->seen, n);
  for (int i = 0; i < o->nin; i++)
    if (o->in[i].name == n) return true;
  return false;
}

static bool want_one(void *arg, const char *name) { return !strcmp(arg, name); }

static void free_set(void *set) {
  array_set_free(set);
  free(set);
}

/* NAME=FILE takes all columns of a table together. */
static void hint_columns(Cx *cx, Diag *d, const char *file) {
  diag_hint(cx, d, "its columns have names: `--data %s` gives each to the argument of its name",
            file);
}

/* The set outlives this call in memory of its own: the arena is told to give it back. For an
 * argument: the array of its name, or all there are where none has that name. */
static ArraySet *load(Opening *o, const char *path, const Input *in) {
  bool named = in != NULL;
  Span at = in ? in->span : (Span){0};
  ArrayError err;
  ArraySet *set = calloc(1, sizeof *set);
  if (!set) cx_out_of_memory(o->cx);
  set->columns = !named;
  set->bytes = named && !strncmp(path, "bytes:", 6);
  if (set->bytes) path += 6;
  set->table = named && type_is_float(in->type); /* bytes as numbers mean nothing */
  set->want = named ? want_one : want_array;
  set->want_arg = named ? (void *)(uintptr_t)in->name : o;
  arena_defer(o->arena, free_set, set);
  bool ok = array_load(path, set, &err);
  if (ok && named && !set->n) {
    set->want = NULL;
    ok = array_load(path, set, &err);
  }
  if (ok) return set;
  if (err.memory) cx_out_of_memory(o->cx);
  struct stat st;
  Diag *d = diag(o->cx, E0611, at, "%s", err.text);
  if (stat(path, &st)) diag_hint(o->cx, d, "is the path right as seen from the current folder?");
  else if (S_ISDIR(st.st_mode))
    diag_hint(o->cx, d,
              "name the file in it, or give the folder without NAME= if its files bear the "
              "arguments' names");
  else if (named && set->headed) hint_columns(o->cx, d, path);
  else diag_hint(o->cx, d, "`gradc explain E0611` lists the formats");
  return NULL;
}

static void add_found(Opening *o, Name name, const DataSource *src, const Array *a, bool headed) {
  const char *file = src->path;
  for (int i = 0; i < o->found.n; i++)
    if (o->found.at[i].name == name) {
      diag(o->cx, E0618, (Span){0}, "two arrays are given for the argument `%s`: in %s and in %s",
           name, o->found.at[i].file, file);
      return;
    }
  vec_push(o->arena, &o->found, ((Found){name, file, a, src->step, headed}));
}

static const char *argument_list(Opening *o) {
  Text t = text_new(o->arena);
  text_add(&t, o->nin ? "the arguments are " : "there is no argument");
  for (int i = 0; i < o->nin; i++) text_fmt(&t, "%s`%s`", i ? ", " : "", o->in[i].name);
  return text_str(&t);
}

/* The argument that data are given for by name; nin after a diagnostic. */
static int argument_named(Opening *o, const char *word) {
  Name name = name_of(o->cx, word);
  int k = 0;
  while (k < o->nin && o->in[k].name != name) k++;
  if (k < o->nin) return k;
  const char **names = NEWS(o->arena, const char *, o->nin + 1);
  for (int i = 0; i < o->nin; i++) names[i] = o->in[i].name;
  Diag *d =
      diag(o->cx, E0618, (Span){0}, "data are given for `%s`, but no argument has that name", word);
  const char *near = closest_word(word, names, o->nin);
  if (near) diag_hint(o->cx, d, "did you mean `%s`?", near);
  else diag_note(o->cx, d, "%s", argument_list(o));
  return k;
}

/* NAME=FILE: the array of that name, or the only one there is. */
static void load_named(Opening *o, const DataSource *src) {
  int k = argument_named(o, src->name);
  if (k == o->nin) return;
  if (src->array) {
    add_found(o, o->in[k].name, src, src->array, false);
    return;
  }
  ArraySet *set = load(o, src->path, &o->in[k]);
  if (!set) return;
  Array *a = set->n == 1 ? set->at : array_find(set, src->name);
  if (a) add_found(o, o->in[k].name, src, a, set->headed);
  else
    diag(o->cx, E0612, o->in[k].span, "%s holds %d arrays, none of which is called `%s`", src->path,
         set->n, src->name);
}

static void load_folder(Opening *o, const DataSource *src) {
  static const char *const ends[] = {".npy",    ".idx", ".idx.gz", ".csv", ".npy.gz",
                                     ".csv.gz", ".txt", ".txt.gz", ".gz"};
  struct stat st;
  for (int k = 0; k < o->nin; k++)
    for (int e = 0; e < COUNT_OF(ends); e++) {
      Name file = name_fmt(o->cx, "%s/%s%s", src->path, o->in[k].name, ends[e]);
      if (stat(file, &st) || !S_ISREG(st.st_mode)) continue;
      DataSource one = {.name = o->in[k].name, .path = file, .step = src->step};
      load_named(o, &one);
      break;
    }
}

static void load_source(Opening *o, const DataSource *src) {
  struct stat st;
  if (src->name) {
    load_named(o, src);
    return;
  }
  if (!stat(src->path, &st) && S_ISDIR(st.st_mode)) {
    load_folder(o, src);
    return;
  }
  ArraySet *set = load(o, src->path, NULL);
  for (int i = 0; set && i < set->n; i++) {
    if (set->at[i].name[0]) {
      add_found(o, name_of(o->cx, set->at[i].name), src, &set->at[i], false);
      continue;
    }
    Diag *d = diag(o->cx, E0618, (Span){0}, "%s holds an array without a name", src->path);
    diag_hint(o->cx, d, "say which argument it is for: --data NAME=%s", src->path);
  }
}

/* ---- matching ---- */
/* The name a dimension consists of, or NULL. */
static Name plain_name(Opening *o, Dim d) {
  SizeBindings names = {0};
  if (dim_is_number(d)) return NULL;
  dim_names(o->cx, d, o->arena, &names);
  bool plain = names.list.n == 1 && dim_named(o->cx, names.list.at[0].name) == d;
  return plain ? names.list.at[0].name : NULL;
}

static bool mentions(Opening *o, Dim d, Name name) {
  SizeBindings names = {0};
  if (!dim_is_number(d)) dim_names(o->cx, d, o->arena, &names);
  for (int i = 0; i < names.list.n; i++)
    if (names.list.at[i].name == name) return true;
  return false;
}

static bool find_batch_axis(Opening *o) {
  Dim known;
  for (int k = 0; k < o->nin && !o->ds->batch_name; k++) {
    if (!o->in[k].shape.rank) continue;
    Name n = plain_name(o, o->in[k].shape.dim[0]);
    if (n && !size_lookup(&o->ds->sizes, n, &known)) o->ds->batch_name = n;
  }
  if (!o->ds->batch_name) {
    Diag *d = diag(o->cx, E0617, o->nin ? o->in[0].span : (Span){0},
                   "no argument has a size name as its first extent, so there is no batch axis");
    diag_hint(o->cx, d, "give the examples an axis, as in `x: f32[N, 784]`, and N no number by -D");
    return false;
  }
  bool ok = true;
  for (int k = 0; k < o->nin; k++)
    for (int i = 0; i < o->in[k].shape.rank; i++) {
      Dim dim = o->in[k].shape.dim[i];
      if ((!i && plain_name(o, dim) == o->ds->batch_name) || !mentions(o, dim, o->ds->batch_name))
        continue;
      diag(o->cx, E0617, o->in[k].span, "the batch size `%s` can only be a first extent of data",
           o->ds->batch_name);
      ok = false;
    }
  return ok;
}

/* "`x` in digits.npz is u8[100, 28, 28]" against "`x: f32[N, 784]`": both sides of every complaint.
 */
static Diag *mismatch(Opening *o, DiagCode code, const DataInput *in, const char *why) {
  char have[160];
  array_type_text(in->array->type, in->array->rank, in->array->dim, have, sizeof have);
  Diag *d =
      diag(o->cx, code, in->want.span, "the array for `%s` in %s is %s, the argument is %s: %s",
           in->want.name, in->file, have, type_text(o->cx, in->want.type, &in->want.shape), why);
  for (int i = 0; i < o->ds->sizes.list.n; i++) {
    SizeBinding b = o->ds->sizes.list.at[i];
    if (dim_is_number(b.value)) diag_note(o->cx, d, "%s is %lld", b.name, (long long)b.value);
  }
  if (in->headed && code == E0614) hint_columns(o->cx, d, in->file);
  return d;
}

static bool match_axes(Opening *o, DataInput *in) {
  for (int i = in->batched; i < in->want.shape.rank; i++) {
    Dim want = dim_subst(o->cx, in->want.shape.dim[i], &o->ds->sizes);
    if (dim_unify(o->cx, o->arena, want, in->array->dim[i], &o->ds->sizes)) continue;
    char why[120];
    snprintf(why, sizeof why, "dimension %d is %lld", i, (long long)in->array->dim[i]);
    mismatch(o, E0614, in, why);
    return false;
  }
  return true;
}

/* Different ranks: the same elements in row-major order, where at most one extent is still open. */
static bool match_reshaped(Opening *o, DataInput *in) {
  int64_t have = 1, want = 1;
  Dim open = 0;
  int nopen = 0;
  bool fits = in->array->rank >= in->batched;
  for (int i = in->batched; i < in->array->rank; i++) have *= in->array->dim[i];
  for (int i = in->batched; i < in->want.shape.rank && fits; i++) {
    Dim d = dim_subst(o->cx, in->want.shape.dim[i], &o->ds->sizes);
    if (!dim_is_number(d)) open = d, nopen++;
    else fits = !__builtin_mul_overflow(want, d, &want);
  }
  if (fits && nopen == 1)
    fits = want > 0 && have % want == 0 &&
           dim_unify(o->cx, o->arena, open, have / want, &o->ds->sizes);
  else fits = fits && !nopen && have == want;
  in->reshaped = true;
  if (!fits)
    mismatch(o, E0614, in,
             in->batched ? "an example has not the same number of elements"
                         : "they have not the same number of elements");
  return fits;
}

static void match_type(Opening *o, DataInput *in) {
  ConvertRule rule = convert_rule(in->array->type, in->want.type);
  if (rule == CONVERT_NO) {
    Diag *d = mismatch(o, E0613, in, "the types differ, and converting would lose something");
    diag_hint(o->cx, d, "declare the argument as %s, or convert the file",
              in->array->type == ELEM_F64 ? "f64" : "f32");
  }
  if (rule != CONVERT_CHECK) return;
  int64_t bad = convert_misfit(in->array->type, in->array->data, in->array->count, in->want.type);
  if (bad < 0) return;
  char why[120], value[40];
  elem_text(in->array->type, in->array->data, bad, value, sizeof value);
  snprintf(why, sizeof why, "element %lld is %s, which %s can't hold", (long long)bad, value,
           type_info[in->want.type].word);
  mismatch(o, E0616, in, why);
}

/* An array with one axis less than the argument whose rows are alike: a series. */
static bool is_series(Opening *o, DataInput *in) {
  const Shape *want = &in->want.shape;
  const Array *a = in->array;
  if (!in->batched || a->rank < 1 || a->rank != want->rank - 1) return false;
  Dim length = dim_subst(o->cx, want->dim[1], &o->ds->sizes);
  for (int i = 1; i < a->rank; i++)
    if (dim_subst(o->cx, want->dim[i + 1], &o->ds->sizes) != a->dim[i]) return false;
  return dim_is_number(length) && length >= 1;
}

/* Its windows are the examples; how many, or -1 after a diagnostic. */
static int64_t count_windows(Opening *o, DataInput *in) {
  const Array *a = in->array;
  int64_t length = dim_subst(o->cx, in->want.shape.dim[1], &o->ds->sizes), each = 1;
  int64_t step = in->step ? in->step : length;
  for (int i = 1; i < a->rank; i++) each *= a->dim[i];
  in->series = true;
  in->row = length * each;
  in->stride = step * each;
  if (a->dim[0] >= length) return (a->dim[0] - length) / step + 1;
  mismatch(o, E0614, in, "the series is shorter than one example");
  return -1;
}

static void match_examples(Opening *o, DataInput *in) {
  Dataset *ds = o->ds;
  int64_t n = is_series(o, in) ? count_windows(o, in) : in->array->dim[0];
  if (n < 0) return;
  if (ds->examples < 0) {
    ds->examples = n;
    if (!n) mismatch(o, E0614, in, "there are no examples");
    return;
  }
  if (n == ds->examples) return;
  const DataInput *first = ds->in;
  while (!first->batched || !first->array) first++;
  Diag *d = mismatch(o, E0615, in, "the arrays disagree about the number of examples");
  diag_note(o->cx, d, "`%s` in %s has %lld examples, `%s` has %lld", first->want.name, first->file,
            (long long)ds->examples, in->want.name, (long long)n);
}

static bool find_arrays(Opening *o) {
  bool all = true;
  for (int k = 0; k < o->nin; k++) {
    DataInput *in = &o->ds->in[k];
    in->want = o->in[k];
    for (int i = 0; i < o->found.n; i++)
      if (o->found.at[i].name == in->want.name)
        in->array = o->found.at[i].array, in->file = o->found.at[i].file,
        in->step = o->found.at[i].step, in->headed = o->found.at[i].headed;
    if (in->array) continue;
    all = false;
    Diag *d = diag(o->cx, E0612, in->want.span, "there are no data for the argument `%s: %s`",
                   in->want.name, type_text(o->cx, in->want.type, &in->want.shape));
    const char *near = closest_word(in->want.name, o->seen.at, o->seen.n);
    if (near) diag_note(o->cx, d, "there is an array called `%s`", near);
    diag_hint(o->cx, d, "give them with --data %s=FILE", in->want.name);
  }
  return all;
}

/* Sizes that the arrays decide whatever their order: x: f32[N, A*B], y: f32[N, A]. */
static void bind_open_sizes(Opening *o) {
  SizeBindings *sizes = &o->ds->sizes;
  for (int before = -1; before < sizes->list.n;) {
    before = sizes->list.n;
    for (int k = 0; k < o->nin; k++) {
      const DataInput *in = &o->ds->in[k];
      if (in->want.shape.rank != in->array->rank) continue;
      for (int i = in->batched; i < in->want.shape.rank; i++) {
        int had = sizes->list.n;
        if (!dim_unify(o->cx, o->arena, in->want.shape.dim[i], in->array->dim[i], sizes))
          sizes->list.n = had;
      }
    }
  }
}

static void match(Opening *o) {
  for (int k = 0; k < o->nin; k++) {
    DataInput *in = &o->ds->in[k];
    in->batched = in->want.shape.rank && plain_name(o, in->want.shape.dim[0]) == o->ds->batch_name;
    if (in->batched && !in->array->rank) {
      mismatch(o, E0614, in, "a single number has no axis of examples");
      return;
    }
    if (in->batched) match_examples(o, in);
  }
  bind_open_sizes(o);
  /* equal ranks first: they bind sizes that the reshaped ones may need */
  for (int pass = 0; pass < 2; pass++)
    for (int k = 0; k < o->nin; k++) {
      DataInput *in = &o->ds->in[k];
      if (pass != (in->want.shape.rank != in->array->rank)) continue;
      if (!in->series) {
        if (!(pass ? match_reshaped(o, in) : match_axes(o, in))) continue;
        int64_t rows = in->batched ? in->array->dim[0] : 1;
        in->stride = in->row = rows ? in->array->count / rows : 0;
      }
      match_type(o, in);
    }
}

Dataset *dataset_open(Cx *cx, Arena *a, const DataSource *src, int nsrc, const Input *in, int nin,
                      const SizeBindings *given) {
  Opening o = {.cx = cx, .arena = a, .in = in, .nin = nin};
  int before = diag_errors(cx);
  Dataset *ds = o.ds = NEW(a, Dataset);
  *ds = (Dataset){.cx = cx, .examples = -1, .nin = nin};
  ds->in = NEWS(a, DataInput, nin + 1);
  for (int i = 0; given && i < given->list.n; i++)
    size_bind(a, &ds->sizes, given->list.at[i].name, given->list.at[i].value);
  if (!nin) ds->examples = 1;
  if (nin && !find_batch_axis(&o)) return NULL;
  for (int i = 0; i < nsrc; i++) load_source(&o, &src[i]);
  if (diag_errors(cx) > before) return NULL; /* what a broken file held is not "missing" as well */
  if (find_arrays(&o)) match(&o);
  return diag_errors(cx) > before ? NULL : ds;
}

int dataset_find(const Dataset *ds, const Input *in) {
  for (int k = 0; k < ds->nin; k++)
    if (ds->in[k].want.name == in->name && ds->in[k].want.type == in->type &&
        shape_eq(&ds->in[k].want.shape, &in->shape))
      return k;
  return -1;
}

/* ---- batches ---- */
size_t dataset_batch_bytes(const Dataset *ds, int k, int64_t batch) {
  const DataInput *in = &ds->in[k];
  int64_t bytes = type_info[in->want.type].bytes;
  if (__builtin_mul_overflow(bytes, in->row, &bytes) ||
      (in->batched && __builtin_mul_overflow(bytes, batch, &bytes)))
    cx_out_of_memory(ds->cx);
  return (size_t)bytes;
}

void dataset_batch(const Dataset *ds, int k, const int64_t *index, int64_t first, int64_t n,
                   void *dst) {
  const DataInput *in = &ds->in[k];
  const Array *a = in->array;
  int64_t from = in->stride * elem_info[a->type].bytes,
          to = in->row * type_info[in->want.type].bytes;
  if (!in->batched) {
    convert(a->type, a->data, in->want.type, dst, in->row);
  } else if (!index && in->stride == in->row) {
    convert(a->type, (const char *)a->data + first * from, in->want.type, dst, n * in->row);
  } else {
    for (int64_t i = 0; i < n; i++)
      convert(a->type, (const char *)a->data + (index ? index[i] : first + i) * from, in->want.type,
              (char *)dst + i * to, in->row);
  }
}

/* ---- order ---- */
/* splitmix64 (Steele, Lea, Flood 2014; constants of Vigna's public-domain version). */
static uint64_t next_random(uint64_t *s) {
  uint64_t z = *s += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

void dataset_shuffle(uint64_t seed, uint64_t epoch, int64_t *order, int64_t n) {
  uint64_t s = seed;
  s = next_random(&s) + epoch;
  s = next_random(&s);
  for (int64_t i = 0; i < n; i++) order[i] = i;
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = (int64_t)((unsigned __int128)next_random(&s) * (uint64_t)(i + 1) >> 64);
    int64_t t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
}
