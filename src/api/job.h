/* job.h: what the files of jobs share; private to the library. A job is a set of options, by the
 * names they have on the command line, and what came of them: texts by name, and a table of rows.
 * job.def has a row for each kind and for each option. */
#ifndef GRADC_JOB_H
#define GRADC_JOB_H

#include "api/api.h"
#include "driver/predict.h"
#include "driver/trainer.h"

#include <signal.h>

typedef enum JobKindId {
#define KIND(ID, name) KIND_##ID##_NUMBER,
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
  JOB_KINDS
} JobKindId;
typedef enum JobKind {
#define KIND(ID, name) JOB_##ID = 1 << KIND_##ID##_NUMBER,
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
  WITH_C = 1 << JOB_KINDS
} JobKind;
typedef enum NumberId {
#define KIND(ID, name)
#define NUMBER(id, name, kinds, whole, least, most) N_##id,
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
  N_COUNT
} NumberId;
typedef enum TextId {
#define KIND(ID, name)
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words) X_##id,
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT
  X_COUNT
} TextId;

typedef struct JobText { /* a result */
  const char *name;
  Text text;
} JobText;
typedef struct JobCell {
  const char *name;
  const char *text; /* NULL: it is a number */
  double number;
} JobCell;
typedef struct JobRow {
  Vec(JobCell) cell;
} JobRow;

struct gradc_job {
  gradc_context *gc;
  JobKind kind;
  Arena *arena; /* of what the caller sets */
  Vec(DataSource) data, val;
  bool has[N_COUNT];
  double number[N_COUNT];
  Vec(const char *) text[X_COUNT]; /* in the order they were given */
  gradc_progress_fn progress;
  void *progress_arg;
  TrainOut out;
  volatile sig_atomic_t stop;
  bool done;
  TrainerReport trained;
  PredictReport predicted;
  Vec(JobText) result;
  Vec(JobRow) row;
};

/* ---- options ---- */
static inline bool job_is(const gradc_job *j, NumberId id) { return j->has[id] && j->number[id]; }
static inline int64_t job_whole(const gradc_job *j, NumberId id, int64_t otherwise) {
  return j->has[id] ? (int64_t)j->number[id] : otherwise;
}
static inline double job_real(const gradc_job *j, NumberId id, double otherwise) {
  return j->has[id] ? j->number[id] : otherwise;
}
/* The last one given; NULL: none. */
static inline const char *job_text(const gradc_job *j, TextId id) {
  return j->text[id].n ? j->text[id].at[j->text[id].n - 1] : NULL;
}
/* Which of its words a text option is; 0 where it isn't given. */
int job_choice(const gradc_job *j, TextId id);
/* The options that were given as words of a command line: " --step adam --size 8". */
void job_words(const gradc_job *j, Text *out);

/* ---- results: inside session_run ---- */
/* Also to whoever follows the job's text. */
void job_say(gradc_job *j, const char *text);
void job_result(gradc_job *j, const char *name, const Text *text);
void job_row(gradc_job *j); /* cells go into the last row */
void job_cell_text(gradc_job *j, const char *name, const char *text);
void job_cell(gradc_job *j, const char *name, double number);
/* Writes a whole file; a regular file's old contents stay until the new ones are complete. */
Status job_write(gradc_job *j, const char *path, const Text *text);
/* Those in X_FUNCTION; without any `loss` for a training step, or all functions whose arguments
 * have types. */
typedef Vec(const char *) JobNames;
JobNames job_functions(Session *s, const gradc_job *j);
/* The sizes of this job alone, "N=4", which are added to out. */
Status job_sizes(gradc_job *j, SizeBindings *out);
/* What the job is about: of target_function, or of the option "expression" where that is it. */
const Fn *job_target(Session *s, const gradc_job *j, const char *text, Name *bare, bool *gradient);
/* The same; where the option "step" is given, a whole training step that makes that loss less. */
const Fn *job_work(Session *s, const gradc_job *j, const char *text, Name *bare, bool *gradient);
/* The first option given that is about C alone; NULL: none. */
const char *job_with_c(const gradc_job *j);

/* ---- the kinds: job_data.c, job_show.c, job_code.c, job_check.c ---- */
#define KIND(ID, name) Status job_##name(Session *s, gradc_job *j);
#define NUMBER(id, name, kinds, whole, least, most)
#define TEXT(id, name, kinds, words)
#include "api/job.def"
#undef KIND
#undef NUMBER
#undef TEXT

#endif
