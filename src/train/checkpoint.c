/* checkpoint.c: snapshots in memory and checkpoints in .safetensors files. The position is in the
 * file's metadata, sums of losses as hexadecimal floats, so that a resumed run has the same bits.
 */
#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- in memory ---- */
static Weight *weight_at(const TrainJob *job, int i) {
  return i < job->nparams ? &job->param[i] : &job->state[i - job->nparams];
}

bool snapshot_new(Snapshot *s, const TrainJob *job) {
  *s = (Snapshot){0};
  for (int i = 0; i < job->nparams + job->nstate; i++) s->size += weight_bytes(weight_at(job, i));
  s->bytes = malloc(s->size + 1);
  return s->bytes != NULL;
}

void snapshot_free(Snapshot *s) { free(s->bytes); }

void snapshot_take(Snapshot *s, const TrainJob *job, const Position *at) {
  char *p = s->bytes;
  for (int i = 0; i < job->nparams + job->nstate; i++) {
    const Weight *w = weight_at(job, i);
    memcpy(p, w->data, weight_bytes(w));
    p += weight_bytes(w);
  }
  s->at = *at;
}

void snapshot_restore(const Snapshot *s, const TrainJob *job, Position *at) {
  const char *p = s->bytes;
  for (int i = 0; i < job->nparams + job->nstate; i++) {
    Weight *w = weight_at(job, i);
    memcpy(w->data, p, weight_bytes(w));
    p += weight_bytes(w);
  }
  *at = s->at;
}

/* ---- in files ---- */
/* The numbers of the metadata: those that say where the run stands and those that say which run. */
typedef struct Facts {
  int64_t version, epoch, step, t, seed, batch, steps, examples, in_order;
} Facts;
static const struct {
  const char *key;
  size_t at;
  const char *option; /* NULL: position; else what must be the same for the run to go on */
} facts[] = {
    {"gradc.checkpoint", offsetof(Facts, version), "version"},
    {"gradc.epoch", offsetof(Facts, epoch), NULL},
    {"gradc.epoch_step", offsetof(Facts, step), NULL},
    {"gradc.step", offsetof(Facts, t), NULL},
    {"gradc.seed", offsetof(Facts, seed), "seed"},
    {"gradc.batch", offsetof(Facts, batch), "batch size"},
    {"gradc.epoch_steps", offsetof(Facts, steps), "number of steps in an epoch"},
    {"gradc.examples", offsetof(Facts, examples), "number of examples"},
    {"gradc.in_order", offsetof(Facts, in_order), "setting of --no-shuffle (1: given)"},
};

static int64_t *fact(Facts *f, int i) { return (int64_t *)(void *)((char *)f + facts[i].at); }

static Facts facts_of(const TrainJob *job, const TrainOptions *opt, const Position *at) {
  return (Facts){1,
                 at->epoch,
                 at->step,
                 at->t,
                 (int64_t)opt->seed,
                 opt->batch,
                 train_steps(job, opt),
                 job->data->examples,
                 opt->in_order};
}

static bool read_number(const ArraySet *set, const char *key, int64_t *out) {
  const char *s = array_meta(set, key);
  char *end;
  if (!s || !*s) return false;
  errno = 0;
  *out = strtoll(s, &end, 10);
  return !*end && !errno;
}

static bool read_double(const ArraySet *set, const char *key, double *out) {
  const char *s = array_meta(set, key);
  char *end;
  if (!s || !*s) return false;
  *out = strtod(s, &end);
  return !*end;
}

static void another_run(Cx *cx, const char *path, const char *what, int64_t its, int64_t mine) {
  Diag *d = diag(cx, E0626, (Span){0},
                 "%s is the checkpoint of another run: its %s is %lld, here it is %lld", path, what,
                 (long long)its, (long long)mine);
  diag_hint(cx, d, "give the options of that run, or begin a new one with its weights: --load %s",
            path);
}

/* Reads the metadata and compares it with this run's. */
static bool same_run(const TrainJob *job, const TrainOptions *opt, const ArraySet *set,
                     Position *at) {
  Facts mine = facts_of(job, opt, at), its = {0};
  const char *path = opt->resume;
  int64_t steps = train_steps(job, opt);
  for (int i = 0; i < COUNT_OF(facts); i++)
    if (!read_number(set, facts[i].key, fact(&its, i))) {
      diag(job->cx, E0626, (Span){0}, "%s is not a checkpoint: it has no `%s`", path, facts[i].key);
      return false;
    }
  for (int i = 0; i < COUNT_OF(facts); i++)
    if (facts[i].option && *fact(&its, i) != *fact(&mine, i)) {
      another_run(job->cx, path, facts[i].option, *fact(&its, i), *fact(&mine, i));
      return false;
    }
  *at = (Position){.epoch = its.epoch, .step = its.step, .t = its.t};
  if (its.epoch < 0 || its.step < 0 || its.step > steps || its.t < 0 ||
      !read_double(set, "gradc.loss_sum", &at->loss_sum) ||
      !read_double(set, "gradc.last_loss", &at->last_loss)) {
    diag(job->cx, E0626, (Span){0}, "%s is not a checkpoint: its position makes no sense", path);
    return false;
  }
  return true;
}

/* All of it or, after a diagnostic, nothing. */
static bool take_checkpoint(const TrainJob *job, const TrainOptions *opt, const ArraySet *set,
                            Position *at) {
  Position p = *at;
  int tensors = job->nparams + job->nstate;
  if (!same_run(job, opt, set, &p)) return false;
  if (set->n != tensors) {
    another_run(job->cx, opt->resume, "number of parameters and optimiser states", set->n, tensors);
    return false;
  }
  if (!weights_match(job->cx, set, opt->resume, job->param, job->nparams, "") ||
      !weights_match(job->cx, set, opt->resume, job->state, job->nstate, CHECKPOINT_STATE))
    return false;
  weights_take(job->cx, set, job->param, job->nparams, "");
  weights_take(job->cx, set, job->state, job->nstate, CHECKPOINT_STATE);
  *at = p;
  return true;
}

Status checkpoint_load(const TrainJob *job, const TrainOptions *opt, Position *at, bool *found) {
  struct stat st;
  *found = false;
  if (stat(opt->resume, &st) && errno == ENOENT) return ST_OK;
  Arena *a = arena_new(job->cx);
  Status s;
  const ArraySet *set = weights_file(job->cx, a, opt->resume, &s);
  *found = set && take_checkpoint(job, opt, set, at);
  if (set && !*found) s = ST_DATA;
  arena_free(a);
  return s;
}

bool checkpoint_can_save(Cx *cx, const char *path) {
  size_t n = strlen(path);
  if (n >= 12 && !strcasecmp(path + n - 12, ".safetensors")) return weights_can_save(cx, path);
  diag(cx, E0621, (Span){0}, "the checkpoint %s must be a .safetensors file", path);
  return false;
}

Status checkpoint_save(const TrainJob *job, const TrainOptions *opt, const Position *at) {
  enum { N = COUNT_OF(facts) };
  char text[N + 2][40];
  ArrayMeta meta[N + 2];
  ArrayError err;
  Facts f = facts_of(job, opt, at);
  for (int i = 0; i < N; i++) {
    snprintf(text[i], sizeof text[i], "%lld", (long long)*fact(&f, i));
    meta[i] = (ArrayMeta){(char *)facts[i].key, text[i]};
  }
  snprintf(text[N], sizeof text[N], "%a", at->loss_sum);
  snprintf(text[N + 1], sizeof text[N + 1], "%a", at->last_loss);
  meta[N] = (ArrayMeta){(char *)"gradc.loss_sum", text[N]};
  meta[N + 1] = (ArrayMeta){(char *)"gradc.last_loss", text[N + 1]};
  int n = job->nparams + job->nstate;
  ArrayView *v = NEWS(job->cx->arena, ArrayView, n + 1);
  for (int i = 0; i < n; i++)
    v[i] = weight_view(job->cx, weight_at(job, i), i < job->nparams ? "" : CHECKPOINT_STATE);
  if (array_save(opt->resume, v, n, meta, N + 2, &err)) return ST_OK;
  if (err.memory) return ST_MEMORY;
  diag(job->cx, E0621, (Span){0}, "%s", err.text);
  return ST_DATA;
}
