/* repl_edit.c: lines from a terminal by libedit: editing, history, completion by TAB. A block that
 * is pasted (xterm's bracketed paste) is taken whole. Ctrl-C is a key here, which gives the entry
 * up; while something is computed the terminal is as it was, and Ctrl-C is a signal. */
#include "cli/repl.h"
#include "config.h"

#if HAVE_LIBEDIT
#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

typedef struct Edited {
  Repl *r;
  Arena *arena;
  EditLine *el;
  History *history;
  ReplHistory kept;
  Paste paste;
  Text peeked;
  bool continued, cancelled;
} Edited;

static Edited *self_of(EditLine *el) {
  void *self = NULL;
  el_get(el, EL_CLIENTDATA, &self);
  return self;
}

static char *prompt(EditLine *el) {
  static char first[] = "> ", more[] = ". ";
  return self_of(el)->continued ? more : first;
}

/* ---- keys ---- */
static void cursor_to_end(EditLine *el) {
  const LineInfo *li = el_line(el);
  el_cursor(el, (int)(li->lastchar - li->cursor));
}

/* Ctrl-C: the line ends here, and counts for nothing. */
static unsigned char on_cancel(EditLine *el, int ch) {
  (void)ch;
  self_of(el)->cancelled = true;
  cursor_to_end(el);
  el_insertstr(el, "^C");
  el_push(el, "\n");
  return CC_REFRESH;
}

/* Ctrl-Z is a key too; libedit's handler puts the terminal in order before the process stops. */
static unsigned char on_suspend(EditLine *el, int ch) {
  (void)el, (void)ch;
  kill(getpid(), SIGTSTP);
  return CC_REFRESH;
}

/* What the terminal puts between its two marks; the second one is taken too. */
static void read_paste(EditLine *el, Text *out) {
  static const char mark[] = "\033[201~";
  wchar_t c;
  char bytes[MB_LEN_MAX];
  while (el_wgetc(el, &c) == 1) {
    mbstate_t state = {0};
    size_t n = wcrtomb(bytes, c == L'\r' ? L'\n' : c, &state);
    if (c && n != (size_t)-1) text_add_n(out, bytes, n);
    if (out->n >= sizeof mark - 1 &&
        !memcmp(out->at + out->n - (sizeof mark - 1), mark, sizeof mark - 1)) {
      out->at[out->n -= sizeof mark - 1] = 0;
      return;
    }
  }
}

/* Its first line goes where the cursor is; the others are given out when they are asked for. */
static unsigned char on_paste(EditLine *el, int ch) {
  (void)ch;
  Edited *e = self_of(el);
  Arena *a = arena_new(NULL);
  if (!a) return CC_ERROR;
  Text t = text_new(a), line = text_new(a);
  read_paste(el, &t);
  const char *text = text_str(&t);
  size_t first = strcspn(text, "\n");
  text_add_n(&line, text, first);
  if (line.n) el_insertstr(el, text_str(&line));
  if (text[first]) {
    paste_add(&e->paste, text + first + 1, t.n - first - 1);
    el_push(el, "\n");
  }
  arena_free(a);
  return CC_REFRESH;
}

/* How many bytes all words have in common. */
static size_t common(const Candidates *c) {
  size_t n = strlen(c->words.at[0]);
  for (int i = 1; i < c->words.n; i++) {
    size_t k = 0;
    while (k < n && c->words.at[i][k] == c->words.at[0][k]) k++;
    n = k;
  }
  return n;
}

static void list_words(const Candidates *c) {
  enum { MOST = 200 };
  size_t width = 1;
  int shown = MIN(c->words.n, MOST);
  for (int i = 0; i < shown; i++) width = MAX(width, strlen(c->words.at[i]) + 2);
  int columns = MAX(1, repl_columns() / (int)width), rows = (shown + columns - 1) / columns;
  printf("\n");
  for (int row = 0; row < rows; row++) {
    for (int i = row; i < shown; i += rows)
      printf("%-*s", i + rows < shown ? (int)width : 0, c->words.at[i]);
    printf("\n");
  }
  if (shown < c->words.n) printf("and %d more\n", c->words.n - shown);
  fflush(stdout);
}

static unsigned char on_tab(EditLine *el, int ch) {
  (void)ch;
  Edited *e = self_of(el);
  const LineInfo *li = el_line(el);
  Arena *a = arena_new(NULL);
  if (!a) return CC_ERROR;
  Text text = text_new(a);
  text_add(&text, e->r->pending);
  text_add_n(&text, li->buffer, (size_t)(li->cursor - li->buffer));
  Candidates c = repl_complete(e->r, a, text_str(&text), text.n);
  unsigned char answer = CC_ERROR;
  if (c.words.n) {
    size_t typed = text.n - c.begin, n = common(&c);
    if (n > typed) {
      Text more = text_new(a);
      text_add_n(&more, c.words.at[0] + typed, n - typed);
      el_insertstr(el, text_str(&more));
      answer = CC_REFRESH;
    } else if (c.words.n > 1) {
      list_words(&c);
      answer = CC_REDISPLAY;
    }
  }
  arena_free(a);
  return answer;
}

/* ---- lines ---- */
static void bracketed_paste(bool on) { out_text(on ? "\033[?2004h" : "\033[?2004l"); }

/* A pasted line looks as if it had been typed. */
static LineEnd pasted_line(Edited *e, Text *out) {
  if (!paste_line(&e->paste, out)) return LINE_NONE;
  printf("%s%s\n", e->continued ? ". " : "> ", text_str(out));
  fflush(stdout);
  return LINE_READ;
}

/* What a paste holds behind its last line end is typed for the user, who may go on with it. */
static void type_remainder(Edited *e) {
  if (e->paste.at == e->paste.n) return;
  for (size_t i = e->paste.at; i < e->paste.n; i++)
    if (e->paste.text[i] == '\t') e->paste.text[i] = ' ';
  el_push(e->el, e->paste.text + e->paste.at);
  e->paste.at = e->paste.n;
}

static LineEnd edited_next(void *self, bool continued, Text *out) {
  Edited *e = self;
  int n = 0;
  e->continued = continued;
  e->cancelled = false;
  if (pasted_line(e, out) == LINE_READ) return LINE_READ;
  type_remainder(e);
  el_set(e->el, EL_PREP_TERM,
         1); /* before the prompt: what is typed as soon as it is seen are keys */
  bracketed_paste(true);
  errno = 0;
  const char *line = el_gets(e->el, &n);
  int why = errno;
  bracketed_paste(false);
  if (e->cancelled) {
    e->paste.at = e->paste.n;
    return LINE_CANCELLED;
  }
  if (!line || n <= 0) {
    out_text("\n");
    return why == EINTR ? LINE_CANCELLED : LINE_NONE;
  }
  if (line[n - 1] == '\n') n--;
  text_add_n(out, line, (size_t)n);
  return LINE_READ;
}

static const char *edited_peek(void *self) {
  Edited *e = self;
  return paste_peek(&e->paste, &e->peeked);
}

static void edited_entered(void *self, const char *text) {
  Edited *e = self;
  HistEvent ev;
  repl_history_add(&e->kept, text);
  history(e->history, &ev, H_ENTER, text);
}

static void edited_close(void *self) {
  Edited *e = self;
  if (e->el) el_end(e->el);
  if (e->history) history_end(e->history);
  free(e->paste.text);
  repl_history_close(&e->kept);
}

/* Names of functions are not copied, and never freed by libedit: so they are constants. */
static void set_keys(EditLine *el) {
  el_set(el, EL_EDITOR, "emacs");
  el_wset(el, EL_ADDFN, L"gradc-complete", L"Complete the word", on_tab);
  el_wset(el, EL_ADDFN, L"gradc-cancel", L"Give the entry up", on_cancel);
  el_wset(el, EL_ADDFN, L"gradc-suspend", L"Stop the program", on_suspend);
  el_wset(el, EL_ADDFN, L"gradc-paste", L"Take a pasted block", on_paste);
  el_source(el, NULL); /* ~/.editrc */
  el_set(el, EL_BIND, "^I", "gradc-complete", NULL);
  el_set(el, EL_BIND, "^C", "gradc-cancel", NULL);
  el_set(el, EL_BIND, "^Z", "gradc-suspend", NULL);
  el_set(el, EL_BIND, "\\e[200~", "gradc-paste", NULL);
  el_set(el, EL_SETTY, "-d", "-isig", NULL);
}

bool lines_edited(Lines *out, Arena *a, Repl *r) {
  Edited *e = NEW(a, Edited);
  HistEvent ev;
  e->r = r, e->arena = a;
  e->peeked = text_new(a);
  e->el = el_init("gradc", stdin, stdout, stderr);
  e->history = history_init();
  if (!e->el || !e->history) {
    edited_close(e);
    return false;
  }
  el_set(e->el, EL_CLIENTDATA, e);
  el_set(e->el, EL_PROMPT, prompt);
  el_set(e->el, EL_SIGNAL, 1);
  history(e->history, &ev, H_SETSIZE, HISTORY_MAX);
  history(e->history, &ev, H_SETUNIQUE, 1);
  repl_history_open(&e->kept, a);
  for (int i = MAX(0, e->kept.entry.n - HISTORY_MAX); i < e->kept.entry.n; i++)
    history(e->history, &ev, H_ENTER, e->kept.entry.at[i]);
  el_set(e->el, EL_HIST, history, e->history);
  set_keys(e->el);
  *out = (Lines){e, edited_next, edited_peek, edited_entered, edited_close};
  return true;
}

#else
bool lines_edited(Lines *out, Arena *a, Repl *r) {
  (void)out, (void)a, (void)r;
  return false;
}
#endif
