/* diag_json.c: one recorded diagnostic -> one line of JSON, for editors and other programs:
 *
 *   {"severity": "error", "code": "E0201", "message": "...", "file": "a.nn", "line": 2, "col": 9,
 *    "spans": [{"file": .., "start": 17, "end": 21, "line": 2, "col": 9, "endline": 2, "endcol":
 * 13, "primary": true, "label": null}, ..], "notes": [..], "hints": [..], "fixes": [{.. a place ..,
 * "replacement": "value"}]}
 *
 * start and end count bytes of the file from 0, end excluded; line and col count from 1, col in
 * bytes as in the text form; file, line and col are null for what has no place in a source. */
#include "base/diag.h"

typedef struct Json {
  Cx *cx;
  Text *out;
} Json;

static void key_text(Json *j, const char *key, const char *text) {
  text_fmt(j->out, "\"%s\": ", key);
  if (text) text_json(j->out, text);
  else text_add(j->out, "null");
}

static const char *path_of(const Json *j, Span s) {
  bool placed = s.source > 0 && s.source < j->cx->sources.n;
  return placed ? source_shown_path(&j->cx->sources.at[s.source]) : NULL;
}

static void add_place(Json *j, Span s) {
  int line, column, end_line, end_column;
  span_place(j->cx, s, &line, &column);
  span_place(j->cx, (Span){s.source, s.hi, s.hi}, &end_line, &end_column);
  key_text(j, "file", path_of(j, s));
  text_fmt(j->out, ", \"start\": %d, \"end\": %d, \"line\": %d, \"col\": %d, ", (int)s.lo,
           (int)s.hi, line, column);
  text_fmt(j->out, "\"endline\": %d, \"endcol\": %d", end_line, end_column);
}

static void add_span(Json *j, Span s, bool primary, const char *label) {
  text_add(j->out, "{");
  add_place(j, s);
  text_fmt(j->out, ", \"primary\": %s, ", primary ? "true" : "false");
  key_text(j, "label", label);
  text_add(j->out, "}");
}

static void add_spans(Json *j, const Diag *d) {
  int n = 0;
  text_add(j->out, ", \"spans\": [");
  if (path_of(j, d->span)) n++, add_span(j, d->span, true, NULL);
  for (int i = 0; i < d->parts.n; i++) {
    const DiagPart *p = &d->parts.at[i];
    if (p->kind != PART_LABEL || !path_of(j, p->span)) continue;
    if (n++) text_add(j->out, ", ");
    add_span(j, p->span, false, p->text);
  }
  text_add(j->out, "]");
}

static void add_parts(Json *j, const Diag *d, const char *key, DiagPartKind kind) {
  int n = 0;
  text_fmt(j->out, ", \"%s\": [", key);
  for (int i = 0; i < d->parts.n; i++) {
    const DiagPart *p = &d->parts.at[i];
    if (p->kind != kind) continue;
    if (n++) text_add(j->out, ", ");
    if (kind != PART_FIX) {
      text_json(j->out, p->text);
      continue;
    }
    text_add(j->out, "{");
    add_place(j, p->span);
    text_add(j->out, ", ");
    key_text(j, "replacement", p->text);
    text_add(j->out, "}");
  }
  text_add(j->out, "]");
}

void diag_json_plain(const char *severity, const char *message, Text *out) {
  text_fmt(out, "{\"severity\": \"%s\", \"code\": null, \"message\": ", severity);
  text_json(out, message);
  text_add(out, ", \"file\": null, \"line\": null, \"col\": null, \"spans\": [], \"notes\": [], "
                "\"hints\": [], \"fixes\": []}\n");
}

void diag_json(Cx *cx, const Diag *d, Text *out) {
  Json j = {cx, out};
  int line, column;
  bool placed = path_of(&j, d->span) != NULL;
  text_fmt(out, "{\"severity\": \"%s\", \"code\": \"%s\", ",
           d->severity == SEV_ERROR ? "error" : "warning", diag_code_name(d->code));
  key_text(&j, "message", d->text);
  text_add(out, ", ");
  key_text(&j, "file", path_of(&j, d->span));
  if (placed) {
    span_place(cx, d->span, &line, &column);
    text_fmt(out, ", \"line\": %d, \"col\": %d", line, column);
  } else {
    text_add(out, ", \"line\": null, \"col\": null");
  }
  add_spans(&j, d);
  add_parts(&j, d, "notes", PART_NOTE);
  add_parts(&j, d, "hints", PART_HINT);
  add_parts(&j, d, "fixes", PART_FIX);
  text_add(out, "}\n");
}
