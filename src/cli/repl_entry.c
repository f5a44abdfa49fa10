/* repl_entry.c: lines -> entries. An entry is a command, an expression or declarations; it goes on
 * while a bracket or a block is open or an expression isn't at its end, and where the next line is
 * there already (a script, a pasted block) also when that one goes on it. */
#include "cli/repl.h"

/* What is asked of the text; of a command its argument counts, where that is an expression. */
static int kind_of(const char *text) {
  const char *args = text;
  if (*text != ':') return gradc_entry_kind(text);
  const ReplCommand *c = repl_command_find(text, &args);
  return c && c->arg == ARG_EXPR ? gradc_entry_kind(args) & GRADC_OPEN : 0;
}

static bool next_joins(Repl *r, const char *text) {
  const char *next = *text == ':' ? NULL : r->lines.peek(r->lines.self);
  return next && (gradc_entry_kind(next) & GRADC_JOINS);
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
    int kind = kind_of(text_str(&e->text));
    /* Comments belong to the declaration below them, where there is one already. */
    if (kind & GRADC_BLANK) {
      if (e->text.n && r->lines.peek(r->lines.self)) continue;
      e->text.n = 0;
      return LINE_READ;
    }
    if (!(kind & GRADC_OPEN) && !next_joins(r, text_str(&e->text))) return LINE_READ;
  }
}
