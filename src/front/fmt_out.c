/* fmt_out.c: what the formatter writes: tokens, the comments and line ends between them, and at the
 * end comments behind code, which stand in one column where lines with such comments follow each
 * other. */
#include "front/fmt.h"
#include "base/utf8.h"
#include "grammar/nn_parse.h"

enum { ALIGN_MOST = 24 }; /* widths that differ by more are not aligned */

static void put(Fmt *f, const char *s, int32_t n) {
  text_add_n(&f->out, s, (size_t)n);
  for (int32_t i = 0; i < n; i++) f->column += !utf8_continues(s[i]);
}

static void spaces(Text *out, int32_t n) {
  for (int32_t i = 0; i < n; i++) text_add(out, " ");
}

static void new_line(Fmt *f, bool blank, int32_t indent) {
  if (f->out.n) {
    text_add(&f->out, blank && !f->opened ? "\n\n" : "\n");
    f->line += 1 + (blank && !f->opened);
  }
  spaces(&f->out, indent);
  f->column = f->indent = indent;
  f->opened = false;
}

static void comment_behind(Fmt *f, const FmtComment *c) {
  FmtMark mark = {f->out.n, f->line, f->column, f->indent};
  vec_push(f->cx->arena, &f->marks, mark);
  text_add(&f->out, "  ");
  put(f, f->text + c->lo, c->hi - c->lo);
}

void fmt_gap(Fmt *f, int32_t i, bool line, int32_t inner, int32_t indent) {
  const FmtToken *t = &f->toks.at[i];
  bool statement = t->begins || t->kind == TOK_RBRACE || t->kind == TOK_END;
  for (int32_t k = t->comment; k < t->comment + t->ncomments; k++) {
    const FmtComment *c = &f->comments.at[k];
    line = true;
    if (!c->own_line) {
      comment_behind(f, c);
      continue;
    }
    new_line(f, c->blank && statement, inner);
    put(f, f->text + c->lo, c->hi - c->lo);
  }
  if (t->kind == TOK_END) return;
  if (line) new_line(f, t->blank && t->begins, indent);
  else if (fmt_spaced(f, i)) put(f, " ", 1);
}

void fmt_token(Fmt *f, int32_t i) {
  const FmtToken *t = &f->toks.at[i];
  put(f, f->text + t->lo, t->hi - t->lo);
}

/* The marks from a on that get one column; returns the one behind the last. */
static int32_t run_of(const Fmt *f, int32_t a, int32_t *column) {
  const FmtMark *m = f->marks.at;
  int32_t least = m[a].column, most = least, b = a + 1;
  for (; b < f->marks.n; b++) {
    int32_t lo = MIN(least, m[b].column), hi = MAX(most, m[b].column);
    if (m[b].line != m[b - 1].line + 1 || m[b].indent != m[a].indent || hi - lo > ALIGN_MOST) break;
    least = lo, most = hi;
  }
  *column = most;
  return b;
}

const char *fmt_finish(Fmt *f, size_t *n) {
  Text out = text_new(f->cx->arena);
  size_t from = 0;
  for (int32_t a = 0, b, column; a < f->marks.n; a = b) {
    b = run_of(f, a, &column);
    for (int32_t i = a; i < b; i++) {
      const FmtMark *m = &f->marks.at[i];
      text_add_n(&out, f->out.at + from, m->at - from);
      spaces(&out, column - m->column);
      from = m->at;
    }
  }
  if (f->out.n) {
    text_add_n(&out, f->out.at + from, f->out.n - from);
    text_add(&out, "\n");
  }
  *n = out.n;
  return text_str(&out);
}
