/* repl_entry.c: lines -> entries. An entry is a command, an expression or declarations; it goes on
 * while a bracket or a block is open or an expression isn't at its end, and where the next line is
 * there already (a script, a pasted block) also when that one goes on it. */
#include "cli/repl.h"

/* Looking at a text costs memory of a context; this one lives as long as the look. */
typedef struct Look {
  Cx *cx;
  const char *text;
  bool (*at)(Cx *cx, int32_t source);
  bool yes;
} Look;

static Status take_look(void *arg) {
  Look *l = arg;
  l->yes = l->at(l->cx, cx_add_source(l->cx, "<entry>", l->text, strlen(l->text), false));
  return ST_OK;
}

static bool look(bool (*at)(Cx *cx, int32_t source), const char *text) {
  Look l = {cx_new(), text, at, false};
  if (l.cx) cx_guard(l.cx, take_look, &l);
  cx_free(l.cx);
  return l.yes;
}

/* Of a command the argument counts, where that is an expression. */
static bool goes_on(const char *text) {
  const char *args = text;
  if (*text == ':') {
    const ReplCommand *c = repl_command_find(text, &args);
    if (!c || c->arg != ARG_EXPR) return false;
  }
  return look(ast_incomplete, args);
}

static bool next_joins(Repl *r, const char *text) {
  const char *next = *text == ':' ? NULL : r->lines.peek(r->lines.self);
  return next && look(ast_joins, next);
}

LineEnd entry_read(Repl *r, Entry *e) {
  e->line = r->line + 1;
  r->pending = "";
  e->lines = 0;
  for (;;) {
    Text line = text_new(e->text.arena);
    if (e->text.n) {
      Text begun = text_new(e->text.arena);
      text_fmt(&begun, "%s\n", text_str(&e->text));
      r->pending = text_str(&begun);
    }
    LineEnd end = r->lines.next(r->lines.self, e->text.n > 0, &line);
    if (end == LINE_CANCELLED || (end == LINE_NONE && !e->text.n)) return end;
    if (end == LINE_NONE) return LINE_READ; /* what is missing is the parser's to say */
    r->line++, e->lines++;
    const char *text = text_str(&line);
    if (!e->text.n) text += strspn(text, " \t");
    if (e->text.n) text_add(&e->text, "\n");
    text_add(&e->text, text);
    /* Comments belong to the declaration below them, where there is one already. */
    if (look(ast_is_blank, text_str(&e->text)) && text_str(&e->text)[0] != ':') {
      if (e->text.n && r->lines.peek(r->lines.self)) continue;
      e->text.n = 0;
      return LINE_READ;
    }
    if (!goes_on(text_str(&e->text)) && !next_joins(r, text_str(&e->text))) return LINE_READ;
  }
}
