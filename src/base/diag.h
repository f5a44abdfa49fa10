/* diag.h: diagnostics as data. A diagnostic has a code (one row of diag.def), a primary span, any
 * number of secondary spans with their own words, notes, hints and replacements. They are recorded
 * in the context; who prints them is the caller's business (diag_render is for people, diag_json
 * for programs). */
#ifndef GRADC_DIAG_H
#define GRADC_DIAG_H

#include "base/base.h"

typedef enum DiagCode {
#define DIAG(code, ...) code,
#include "base/diag.def"
#undef DIAG
  DIAG_COUNT
} DiagCode;

typedef enum Severity { SEV_ERROR, SEV_WARNING } Severity;
typedef enum DiagPartKind { PART_LABEL, PART_NOTE, PART_HINT, PART_FIX } DiagPartKind;

typedef struct DiagPart { /* a secondary place with words, a note, a hint, or a replacement */
  DiagPartKind kind;
  Span span;
  const char *text;
} DiagPart;

typedef struct Diag {
  DiagCode code;
  Severity severity;
  Span span;
  const char *text;
  Vec(DiagPart) parts;
} Diag;

struct Diags {
  Vec(Diag *) list;
  int errors;
  int cap;     /* errors after this many are counted but not recorded */
  int columns; /* of the terminal they are shown on; 0: of no matter */
};

Diags *diags_new(Cx *cx);
/* Records a diagnostic and returns it, so that parts can be added:
 *   Diag *d = diag(cx, E0304, span, "the shapes %s and %s can't be broadcast", ...);
 *   diag_label(cx, d, other, "`x` has this shape");  diag_hint(cx, d, "did you mean ..."); */
Diag *diag(Cx *cx, DiagCode code, Span at, const char *fmt, ...) GC_PRINTF(4, 5);
void diag_label(Cx *cx, Diag *d, Span at, const char *fmt, ...) GC_PRINTF(4, 5);
void diag_note(Cx *cx, Diag *d, const char *fmt, ...) GC_PRINTF(3, 4);
void diag_hint(Cx *cx, Diag *d, const char *fmt, ...) GC_PRINTF(3, 4);
/* What to write at a place instead, where that is certain: for programs; people get a hint. */
void diag_fix(Cx *cx, Diag *d, Span at, const char *replacement);
int diag_errors(Cx *cx);
void diag_clear(Cx *cx);
/* Takes back what was recorded of the code inside the span: something better is said of it. */
void diag_retract(Cx *cx, DiagCode code, Span within);

const char *diag_code_name(DiagCode code);  /* "E0304" */
const char *diag_code_title(DiagCode code); /* one line */
bool diag_code_find(const char *name, DiagCode *out);

/* file:line:col: error[E0304]: text, source line with carets, labels, notes, hints. */
void diag_render(Cx *cx, const Diag *d, bool colour, Text *out);
void diag_render_all(Cx *cx, bool colour, Text *out);
const Diag *const *diag_sorted(Cx *cx); /* in the order to print them: cx->diags->list.n */
const char *source_shown_path(const Source *s);
/* diag_json.c: as a line of JSON; an error that has neither code nor place. */
void diag_json(Cx *cx, const Diag *d, Text *out);
void diag_json_plain(const char *severity, const char *message, Text *out);
/* The name among `candidates` closest to `word`, or NULL where none is close: for "did you mean".
 */
const char *closest_word(const char *word, const char *const *candidates, int n);

#endif
