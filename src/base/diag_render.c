/* diag_render.c: one recorded diagnostic -> the text a person reads:
 *
 *   net.nn:3:9: error[E0304]: what is wrong
 *      3 | let y = a + b
 *        |         ^^^^^
 *        |         - `a` has this shape
 *        = hint: what to do
 *
 * Source lines are shown with tabs expanded and with what can't be printed replaced, so that carets
 * stand under their text on any terminal; a long line is cut to a window around the span. */
#include "base/diag.h"
#include "base/utf8.h"

#include <stdio.h>

enum { TAB = 4, LINE_MAX_BYTES = 120, LEAST_BYTES = 20 };

typedef struct Mark { /* one underlined place */
  Span span;
  const char *text; /* NULL for the primary one */
  int line;
} Mark;

typedef struct Render {
  Cx *cx;
  Text *out;
  bool colour;
  int gutter; /* width of line numbers */
} Render;

/* ---- colours ---- */
#define C_BOLD  "\033[1m"
#define C_RED   "\033[1;31m"
#define C_WARN  "\033[1;35m"
#define C_BLUE  "\033[1;34m"
#define C_GREEN "\033[1;32m"

/* Writes s[0..n), which starts at display column col, to out (may be NULL); returns the column
 * after it. */
static int show_text(Text *out, const char *s, int n, int col) {
  for (int i = 0; i < n;) {
    int32_t c;
    int bytes = utf8_read(s + i, n - i, &c), columns = utf8_columns(c);
    if (c == '\t') {
      int to = (col / TAB + 1) * TAB;
      for (; col < to; col++)
        if (out) text_add(out, " ");
    } else if (columns < 0) {
      if (out) text_add(out, "\xEF\xBF\xBD"); /* the replacement character */
      col++;
    } else {
      if (out) text_add_n(out, s + i, (size_t)bytes);
      col += columns;
    }
    i += bytes;
  }
  return col;
}

/* Messages quote names of files and pieces of sources: what a terminal would obey is replaced
 * there, too. */
static void paint(Render *r, const char *colour, const char *text) {
  if (r->colour) text_add(r->out, colour);
  show_text(r->out, text, (int)strlen(text), 0);
  if (r->colour) text_add(r->out, "\033[0m");
}

/* ---- a source line and what is under it ---- */
typedef struct Line {
  const Source *src;
  int32_t lo, hi;   /* bytes of the line without its end */
  int32_t from, to; /* bytes shown */
} Line;

static bool inside_char(const Source *s, int32_t i) {
  return i < s->len && utf8_continues(s->text[i]);
}

/* How much of a line is shown: what the terminal has room for between the gutter and the dots. */
static int32_t room(const Render *r) {
  int columns = r->cx->diags->columns;
  return columns ? MIN(LINE_MAX_BYTES, MAX(LEAST_BYTES, columns - r->gutter - 3 - 6))
                 : LINE_MAX_BYTES;
}

static Line line_of(const Render *r, const Source *src, int32_t at) {
  Line l = {src, MIN(MAX(at, 0), src->len), 0, 0, 0};
  l.hi = l.lo;
  while (l.lo > 0 && src->text[l.lo - 1] != '\n') l.lo--;
  while (l.hi < src->len && src->text[l.hi] != '\n') l.hi++;
  if (l.hi > l.lo && src->text[l.hi - 1] == '\r') l.hi--;
  l.from = l.lo, l.to = l.hi;
  int32_t most = room(r);
  if (l.hi - l.lo > most) {
    l.from = MAX(l.lo, MIN(at - most * 5 / 12, l.hi - most));
    l.to = MIN(l.hi, l.from + most);
    while (l.from > l.lo && inside_char(src, l.from)) l.from--;
    while (l.to < l.hi && inside_char(src, l.to)) l.to++;
  }
  return l;
}

static void show_gutter(Render *r, int line) {
  char buf[32];
  int width = MIN(r->gutter, 12);
  if (line > 0) snprintf(buf, sizeof buf, "%*d | ", width, line);
  else snprintf(buf, sizeof buf, "%*s | ", width, "");
  paint(r, C_BLUE, buf);
}

static void show_line(Render *r, const Line *l, int number) {
  show_gutter(r, number);
  if (l->from > l->lo) text_add(r->out, "...");
  show_text(r->out, l->src->text + l->from, l->to - l->from, l->from > l->lo ? 3 : 0);
  if (l->to < l->hi) text_add(r->out, "...");
  while (r->out->n && r->out->at[r->out->n - 1] == ' ') r->out->at[--r->out->n] = 0;
  text_add(r->out, "\n");
}

static void show_mark(Render *r, const Line *l, const Mark *m, const char *colour) {
  int32_t lo = MIN(MAX(m->span.lo, l->from), l->to), hi = MIN(MAX(m->span.hi, lo), l->to);
  const char *s = l->src->text;
  int start = l->from > l->lo ? 3 : 0;
  int col = show_text(NULL, s + l->from, lo - l->from, start);
  int end = MAX(show_text(NULL, s + lo, hi - lo, col), col + 1);
  show_gutter(r, 0);
  for (int i = 0; i < col; i++) text_add(r->out, " ");
  Text under = text_new(r->cx->arena);
  for (int i = col; i < end; i++) text_add(&under, m->text ? "-" : "^");
  if (m->text) text_fmt(&under, " %s", m->text);
  paint(r, colour, text_str(&under));
  text_add(r->out, "\n");
}

/* ---- a diagnostic ---- */
static const Source *source_of(Cx *cx, Span s) {
  return s.source > 0 && s.source < cx->sources.n ? &cx->sources.at[s.source] : NULL;
}

const char *source_shown_path(const Source *s) { return s->prelude ? "<prelude>" : s->path; }

static void show_head(Render *r, const Diag *d) {
  const Source *src = source_of(r->cx, d->span);
  bool error = d->severity == SEV_ERROR;
  Text t = text_new(r->cx->arena);
  if (src) {
    int line, col;
    span_place(r->cx, d->span, &line, &col);
    text_fmt(&t, "%s:%d:%d: ", source_shown_path(src), line, col);
    paint(r, C_BOLD, text_str(&t));
    t = text_new(r->cx->arena);
  }
  text_fmt(&t, "%s[%s]: ", error ? "error" : "warning", diag_code_name(d->code));
  paint(r, error ? C_RED : C_WARN, text_str(&t));
  paint(r, C_BOLD, d->text);
  text_add(r->out, "\n");
}

/* The primary place and the labels of its source by line, then the labels of other sources. */
static bool mark_goes_first(const Mark *a, const Mark *b, int32_t home) {
  bool a_home = a->span.source == home, b_home = b->span.source == home;
  if (a_home != b_home) return a_home;
  return a_home && a->line < b->line;
}

static int collect_marks(Render *r, const Diag *d, Mark *mark) {
  int n = 0, col;
  for (int i = -1; i < d->parts.n; i++) {
    Mark m = {d->span, NULL, 0};
    if (i >= 0) m.span = d->parts.at[i].span, m.text = d->parts.at[i].text;
    if ((i >= 0 && d->parts.at[i].kind != PART_LABEL) || !source_of(r->cx, m.span)) continue;
    span_place(r->cx, m.span, &m.line, &col);
    int at = n++;
    for (; at > 0 && mark_goes_first(&m, &mark[at - 1], d->span.source); at--)
      mark[at] = mark[at - 1];
    mark[at] = m;
  }
  return n;
}

static void show_marks(Render *r, const Diag *d) {
  Mark *mark = NEWS(r->cx->arena, Mark, d->parts.n + 1);
  int n = collect_marks(r, d, mark), widest = 0;
  for (int i = 0; i < n; i++) widest = MAX(widest, mark[i].line);
  for (r->gutter = 4; widest > 9999; widest /= 10) r->gutter++;
  Line l = {0};
  for (int i = 0; i < n; i++) {
    const Mark *m = &mark[i], *prev = i ? &mark[i - 1] : NULL;
    const Source *src = source_of(r->cx, m->span);
    int32_t home = prev ? prev->span.source : d->span.source;
    bool moved = m->span.source != home;
    if (moved) {
      Text t = text_new(r->cx->arena);
      text_fmt(&t, "%*s ::: ", r->gutter - 1, "");
      paint(r, C_BLUE, text_str(&t));
      show_text(r->out, source_shown_path(src), (int)strlen(source_shown_path(src)), 0);
      text_fmt(r->out, ":%d\n", m->line);
    } else if (prev && m->line > prev->line + 1) {
      paint(r, C_BLUE, "...");
      text_add(r->out, "\n");
    }
    bool cut_off = m->span.lo < l.from || m->span.lo > l.to;
    if (!prev || moved || m->line != prev->line || cut_off) {
      l = line_of(r, src, m->span.lo);
      show_line(r, &l, m->line);
    }
    show_mark(r, &l, m, m->text ? C_BLUE : d->severity == SEV_ERROR ? C_RED : C_WARN);
  }
}

/* A note of several lines is indented under its first. */
static void show_note(Render *r, const char *word, const char *text) {
  Text head = text_new(r->cx->arena);
  text_fmt(&head, "%*s = ", r->gutter, "");
  paint(r, C_BLUE, text_str(&head));
  head = text_new(r->cx->arena);
  text_fmt(&head, "%s: ", word);
  paint(r, C_GREEN, text_str(&head));
  for (int n; n = (int)strcspn(text, "\n"), show_text(r->out, text, n, 0), text[n]; text += n + 1)
    text_fmt(r->out, "\n%*s", r->gutter + 3 + (int)strlen(word) + 2, "");
  text_add(r->out, "\n");
}

void diag_render(Cx *cx, const Diag *d, bool colour, Text *out) {
  Render r = {cx, out, colour, 4};
  show_head(&r, d);
  show_marks(&r, d);
  for (int i = 0; i < d->parts.n; i++)
    if (d->parts.at[i].kind == PART_NOTE || d->parts.at[i].kind == PART_HINT)
      show_note(&r, d->parts.at[i].kind == PART_NOTE ? "note" : "hint", d->parts.at[i].text);
}

/* By source, then place; what was recorded first stays first among equals. */
const Diag *const *diag_sorted(Cx *cx) {
  const Diags *ds = cx->diags;
  const Diag **sorted = NEWS(cx->arena, const Diag *, ds->list.n + 1);
  for (int i = 0; i < ds->list.n; i++) {
    const Diag *d = ds->list.at[i];
    int at = i;
    for (; at > 0; at--) {
      const Span a = sorted[at - 1]->span, b = d->span;
      if (a.source < b.source || (a.source == b.source && a.lo <= b.lo)) break;
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = d;
  }
  return sorted;
}

void diag_render_all(Cx *cx, bool colour, Text *out) {
  const Diag *const *sorted = diag_sorted(cx);
  for (int i = 0; i < cx->diags->list.n; i++) diag_render(cx, sorted[i], colour, out);
}
