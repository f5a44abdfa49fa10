/* diag.c: diagnostics as data: recording them, the table of codes, and the search for the word a
 * user may have meant. In: spans and words from every layer. Out: cx->diags, which diag_render.c
 * turns into text. */
#include "base/diag.h"
#include "base/utf8.h"

#include <ctype.h>

enum { ERROR_CAP = 20, WORD_MAX = 64, TEXT_HEAD = 600, TEXT_TAIL = 200 };

/* ---- the table of codes ---- */
static const struct {
  const char *name, *title;
  Severity severity;
} code_info[DIAG_COUNT] = {
#define DIAG(code, severity, title, ...) {#code, title, severity},
#include "base/diag.def"
#undef DIAG
};

const char *diag_code_name(DiagCode code) { return code_info[code].name; }
const char *diag_code_title(DiagCode code) { return code_info[code].title; }

bool diag_code_find(const char *name, DiagCode *out) {
  for (int i = 0; i < DIAG_COUNT; i++) {
    const char *a = name, *b = code_info[i].name;
    while (*a && toupper((unsigned char)*a) == *b) a++, b++;
    if (*a || *b) continue;
    *out = (DiagCode)i;
    return true;
  }
  return false;
}

/* ---- recording ---- */
Diags *diags_new(Cx *cx) {
  Diags *ds = NEW(cx->arena, Diags);
  ds->cap = ERROR_CAP;
  return ds;
}

/* A message that quotes a name or a type of megabytes keeps its beginning and its end. */
static const char *vtext(Cx *cx, const char *fmt, va_list ap) {
  Text t = text_new(cx->arena), cut = text_new(cx->arena);
  text_vfmt(&t, fmt, ap);
  if (t.n <= TEXT_HEAD + TEXT_TAIL + 8) return text_str(&t);
  size_t head = TEXT_HEAD, tail = t.n - TEXT_TAIL;
  while (head && utf8_continues(t.at[head])) head--;
  while (tail < t.n && utf8_continues(t.at[tail])) tail++;
  text_add_n(&cut, t.at, head);
  text_fmt(&cut, " ... %s", t.at + tail);
  return text_str(&cut);
}

static bool said_already(const Diags *ds, DiagCode code, Span at) {
  for (int i = 0; i < ds->list.n; i++) {
    const Diag *d = ds->list.at[i];
    if (d->code == code && d->span.source == at.source && d->span.lo == at.lo &&
        d->span.hi == at.hi && at.source)
      return true;
  }
  return false;
}

static int recorded(const Diags *ds, Severity severity) {
  int n = 0;
  for (int i = 0; i < ds->list.n; i++) n += ds->list.at[i]->severity == severity;
  return n;
}

/* What is not recorded is still returned, so that callers need not care when they add parts. */
Diag *diag(Cx *cx, DiagCode code, Span at, const char *fmt, ...) {
  Diags *ds = cx->diags;
  Diag *d = NEW(cx->arena, Diag);
  d->code = code;
  d->severity = code_info[code].severity;
  d->span = at;
  va_list ap;
  va_start(ap, fmt);
  d->text = vtext(cx, fmt, ap);
  va_end(ap);
  if (said_already(ds, code, at)) return d;
  if (d->severity == SEV_ERROR) ds->errors++;
  if (recorded(ds, d->severity) < ds->cap) vec_push(cx->arena, &ds->list, d);
  return d;
}

static void add_part(Cx *cx, Diag *d, DiagPartKind kind, Span at, const char *fmt, va_list ap) {
  DiagPart part = {kind, at, vtext(cx, fmt, ap)};
  vec_push(cx->arena, &d->parts, part);
}

static bool same_label(const DiagPart *a, const DiagPart *b) {
  return a->kind == PART_LABEL && a->span.source == b->span.source && a->span.lo == b->span.lo &&
         a->span.hi == b->span.hi && !strcmp(a->text, b->text);
}

/* What is said already isn't said again, as where both operands are one value. */
void diag_label(Cx *cx, Diag *d, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_part(cx, d, PART_LABEL, at, fmt, ap);
  va_end(ap);
  for (int i = 0; i + 1 < d->parts.n; i++)
    if (same_label(&d->parts.at[i], &d->parts.at[d->parts.n - 1])) {
      d->parts.n--;
      return;
    }
}

void diag_note(Cx *cx, Diag *d, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_part(cx, d, PART_NOTE, (Span){0}, fmt, ap);
  va_end(ap);
}

void diag_hint(Cx *cx, Diag *d, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  add_part(cx, d, PART_HINT, (Span){0}, fmt, ap);
  va_end(ap);
}

void diag_fix(Cx *cx, Diag *d, Span at, const char *replacement) {
  DiagPart part = {PART_FIX, at, name_of(cx, replacement)};
  vec_push(cx->arena, &d->parts, part);
}

int diag_errors(Cx *cx) { return cx->diags->errors; }

void diag_clear(Cx *cx) {
  cx->diags->list.n = 0;
  cx->diags->errors = 0;
}

void diag_retract(Cx *cx, DiagCode code, Span within) {
  Diags *ds = cx->diags;
  int kept = 0;
  for (int i = 0; i < ds->list.n; i++) {
    Diag *d = ds->list.at[i];
    bool inside = d->code == code && d->span.source == within.source && d->span.lo >= within.lo &&
                  d->span.hi <= within.hi;
    if (inside) ds->errors -= d->severity == SEV_ERROR;
    else ds->list.at[kept++] = d;
  }
  ds->list.n = kept;
}

/* ---- did you mean ---- */
static int lower(char c) { return tolower((unsigned char)c); }

/* Damerau-Levenshtein distance (optimal string alignment: a swap of neighbours counts once),
 * letters compared without case. Both words are shorter than WORD_MAX. */
static int distance(const char *a, int na, const char *b, int nb) {
  int rows[3][WORD_MAX + 1];
  for (int j = 0; j <= nb; j++) rows[0][j] = j;
  for (int i = 1; i <= na; i++) {
    int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
    row[0] = i;
    for (int j = 1; j <= nb; j++) {
      bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = MIN(MIN(up[j], row[j - 1]) + 1, up[j - 1] + !same);
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = MIN(row[j], up2[j - 2] + 1);
    }
  }
  return rows[na % 3][nb];
}

/* Short words are close to everything: one letter may differ in case only, and a third of a word's
 * letters is the most that may be wrong. */
const char *closest_word(const char *word, const char *const *candidates, int n) {
  int len = (int)strlen(word), limit = len < 2 ? 0 : MIN(3, MAX(1, len / 3));
  const char *best = NULL;
  bool as_long = false; /* the best has as many letters: it wins among equally close ones */
  if (len == 0 || len >= WORD_MAX) return NULL;
  for (int i = 0; i < n; i++) {
    int m = candidates[i] ? (int)strlen(candidates[i]) : 0;
    if (m == 0 || m >= WORD_MAX || m - len > limit || len - m > limit) continue;
    if (!strcmp(word, candidates[i])) continue;
    int d = distance(word, len, candidates[i], m);
    if (d > limit || d >= MIN(len, m) || (best && d == limit && (as_long || m != len))) continue;
    best = candidates[i];
    as_long = m == len;
    limit = d;
    if (!d) break;
  }
  return best;
}
