/* progress.c: see progress.h. In: steps and epochs as they end; out: lines to the caller's writer
 * and to the log. Control characters only where the caller says that a terminal listens. */
#include "train/progress.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

double progress_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the screen ---- */
typedef struct Line { /* a line in the making; what doesn't fit is cut */
  char at[1024];
  size_t n;
} Line;

static GC_PRINTF(2, 0) void vadd(Line *l, const char *fmt, va_list ap) {
  int n = vsnprintf(l->at + l->n, sizeof l->at - l->n, fmt, ap);
  if (n > 0) l->n = MIN(l->n + (size_t)n, sizeof l->at - 1);
}

static GC_PRINTF(2, 3) void add(Line *l, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vadd(l, fmt, ap);
  va_end(ap);
}

static void emit(Progress *p, const char *s, size_t n) {
  if (p->opt->out.write) p->opt->out.write(p->opt->out.arg, s, n);
}

/* The line that is written over: from the first column, and what is left of the old one erased. */
static void redraw(Progress *p, Line *l) {
  size_t columns = p->opt->out.columns > 0 ? (size_t)p->opt->out.columns : 80;
  emit(p, "\r", 1);
  emit(p, l->at, MIN(l->n, columns - 1));
  emit(p, "\033[K", 3);
  p->line_open = true;
}

static void print_line(Progress *p, Line *l) {
  if (p->line_open) emit(p, "\r\033[K", 4);
  p->line_open = false;
  add(l, "\n");
  emit(p, l->at, l->n);
}

void progress_say(Progress *p, const char *fmt, ...) {
  Line l = {.n = 0};
  va_list ap;
  va_start(ap, fmt);
  vadd(&l, fmt, ap);
  va_end(ap);
  print_line(p, &l);
}

/* Losses of any size: four decimals where that says something, else four digits and an exponent. */
static void add_value(Line *l, double v) {
  double size = fabs(v);
  add(l, size == 0 || (size >= 1e-3 && size < 1e6) ? "%.4f" : "%.3e", v);
}

static void add_time(Line *l, double s) {
  int64_t t = (int64_t)(s + 0.5);
  if (t >= 3600) add(l, "%lld:%02d:%02d", (long long)(t / 3600), (int)(t / 60 % 60), (int)(t % 60));
  else add(l, "%d:%02d", (int)(t / 60), (int)(t % 60));
}

static void add_rate(Line *l, double r) {
  if (r >= 1e6) add(l, "%.2fM", r / 1e6);
  else if (r >= 1e4) add(l, "%.0fk", r / 1e3);
  else add(l, "%.0f", r);
}

static int digits(int64_t n) { return n < 10 ? 1 : 1 + digits(n / 10); }

static void add_count(Line *l, const char *word, int64_t i, int64_t of) {
  add(l, "%s %*lld/%lld", word, digits(of), (long long)i, (long long)of);
}

/* ---- the log ---- */
static json_t *real_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void warn_log(Progress *p, const char *what) {
  diag(p->cx, E0627, (Span){0}, "%s %s: %s", p->opt->log, what, strerror(errno));
  if (p->log) fclose(p->log);
  p->log = NULL;
}

static void log_object(Progress *p, json_t *o) {
  char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
  if (text && p->log && (fprintf(p->log, "%s\n", text) < 0 || fflush(p->log)))
    warn_log(p, "can't be written");
  free(text);
  json_decref(o);
}

static json_t *log_entry(const char *event, int64_t epoch, int64_t t, double loss, double seconds) {
  return json_pack("{s:s, s:I, s:I, s:o, s:o}", "event", event, "epoch", (json_int_t)epoch, "step",
                   (json_int_t)t, "loss", real_or_null(loss), "seconds", real_or_null(seconds));
}

/* ---- events ---- */
static void log_start(Progress *p, bool again) {
  const TrainOptions *o = p->opt;
  if (!o->log) return;
  p->log = fopen(o->log, again ? "a" : "w");
  if (!p->log) {
    warn_log(p, "can't be opened");
    return;
  }
  log_object(p, json_pack("{s:s, s:I, s:I, s:I, s:o, s:I}", "event", again ? "resume" : "start",
                          "examples", (json_int_t)p->job->data->examples, "batch",
                          (json_int_t)o->batch, "epochs", (json_int_t)o->epochs, "lr",
                          real_or_null(o->lr), "seed", (json_int_t)o->seed));
}

void progress_start(Progress *p, const TrainJob *job, const TrainOptions *opt,
                    int64_t steps_per_epoch, int64_t first_step) {
  p->cx = job->cx;
  p->job = job;
  p->opt = opt;
  p->began = p->drawn = progress_clock();
  p->steps_per_epoch = steps_per_epoch;
  p->first_step = first_step;
  p->last_step = opt->epochs * steps_per_epoch;
  p->curve.per_point = 1;
  log_start(p, first_step > 0);
}

void progress_step(Progress *p, int64_t epoch, int64_t step_in_epoch, int64_t t, double loss,
                   double mean_loss) {
  curve_add(&p->curve, (double)t, loss);
  double now = progress_clock(), spent = now - p->began;
  if (p->log && p->opt->log_every && t % p->opt->log_every == 0)
    log_object(p, log_entry("step", epoch, t, loss, spent));
  if (!p->opt->out.terminal || now - p->drawn < 0.1) return;
  p->drawn = now;
  double per_step = spent / (double)(t - p->first_step);
  Line l = {.n = 0};
  add_count(&l, "epoch", epoch, p->opt->epochs);
  add_count(&l, "  step", step_in_epoch, p->steps_per_epoch);
  add(&l, "  loss ");
  add_value(&l, mean_loss);
  add(&l, "  ");
  add_rate(&l, (double)p->opt->batch / per_step);
  add(&l, " examples/s  ETA ");
  add_time(&l, per_step * (double)(p->last_step - t));
  redraw(p, &l);
}

static void log_epoch(Progress *p, int64_t epoch, int64_t t, double loss, const double *value,
                      bool on_val) {
  json_t *o = log_entry("epoch", epoch, t, loss, progress_clock() - p->began), *m = json_object();
  for (int i = 0; i < p->job->nmetrics; i++)
    if (!isnan(value[i])) json_object_set_new(m, p->job->metric[i], real_or_null(value[i]));
  json_object_set_new(o, on_val ? "val" : "train", m);
  log_object(p, o);
}

void progress_epoch(Progress *p, int64_t epoch, int64_t t, double loss, const double *value,
                    bool on_val, double seconds) {
  if (p->log) log_epoch(p, epoch, t, loss, value, on_val);
  Line l = {.n = 0};
  add_count(&l, "epoch", epoch, p->opt->epochs);
  add(&l, "  loss ");
  add_value(&l, loss);
  for (int i = 0; i < p->job->nmetrics; i++) {
    if (isnan(value[i])) continue;
    add(&l, "  %s %s ", on_val ? "val" : "train", p->job->metric[i]);
    add_value(&l, value[i]);
  }
  add(&l, "  %.1f s", seconds);
  print_line(p, &l);
}

static void save_svg(Progress *p) {
  Arena *a = arena_new(p->cx);
  Text t = text_new(a);
  curve_svg(&p->curve, "loss", &t);
  FILE *f = fopen(p->opt->plot, "w");
  bool ok = f && fwrite(text_str(&t), 1, t.n, f) == t.n;
  if (f && fclose(f)) ok = false;
  if (!ok) diag(p->cx, E0627, (Span){0}, "%s can't be written: %s", p->opt->plot, strerror(errno));
  arena_free(a);
}

static void show_curve(Progress *p) {
  Arena *a = arena_new(p->cx);
  Text t = text_new(a);
  int columns = p->opt->out.columns > 0 ? p->opt->out.columns : 80;
  curve_text(&p->curve, MIN(columns, 100), 12, &t);
  emit(p, text_str(&t), t.n);
  arena_free(a);
}

void progress_close(Progress *p) {
  if (p->log) fclose(p->log);
  p->log = NULL;
}

void progress_end(Progress *p, Status why, const TrainResult *r) {
  if (p->line_open) emit(p, "\r\033[K", 4);
  p->line_open = false;
  if (p->log) {
    log_object(p, json_pack("{s:s, s:s, s:I, s:I, s:o}", "event", "end", "status", status_text(why),
                            "epoch", (json_int_t)r->epochs, "step", (json_int_t)r->steps, "seconds",
                            real_or_null(r->seconds)));
    if (p->log && fclose(p->log)) {
      p->log = NULL;
      warn_log(p, "can't be written");
    }
    p->log = NULL;
  }
  if (!p->opt->plot) return;
  if (strcmp(p->opt->plot, "-")) save_svg(p);
  else show_curve(p);
}
