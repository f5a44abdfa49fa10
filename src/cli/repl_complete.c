/* repl_complete.c: what TAB offers: commands, files, and what the language would take
 * there. */
#include "cli/repl.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *copy_text(Arena *a, const char *s) { return arena_copy(a, s, strlen(s) + 1); }

static void sort_words(Candidates *c) {
  if (c->words.n) qsort(c->words.at, (size_t)c->words.n, sizeof *c->words.at, by_text);
}

/* ---- files ---- */
/* Of folders with a slash behind; hidden files only where a point was typed. */
static void complete_file(Arena *a, const char *path, Candidates *out) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  Text folder = text_new(a);
  text_add_n(&folder, path, (size_t)(base - path));
  DIR *d = opendir(folder.n ? text_str(&folder) : ".");
  for (struct dirent *f; d && (f = readdir(d));) {
    struct stat st;
    if (strncmp(f->d_name, base, strlen(base)) || (*f->d_name == '.' && *base != '.')) continue;
    Text whole = text_new(a);
    text_fmt(&whole, "%s%s", text_str(&folder), f->d_name);
    if (!stat(text_str(&whole), &st) && S_ISDIR(st.st_mode)) text_add(&whole, "/");
    vec_push(a, &out->words, text_str(&whole));
  }
  if (d) closedir(d);
  sort_words(out);
}

/* ---- the language ---- */
static void complete_language(Repl *r, Arena *a, const char *text, size_t n, Candidates *out) {
  const gradc_completions *c;
  if (gradc_complete(r->gc, text, n, &c) != GRADC_OK) return;
  out->begin = c->begin;
  if (c->file) complete_file(a, text + c->begin, out);
  for (int i = 0; i < c->n; i++) vec_push(a, &out->words, copy_text(a, c->word[i]));
}

/* ---- commands ---- */
static void complete_command(Arena *a, const char *text, bool colon, Candidates *out) {
  for (int i = 0; i < repl_command_count; i++) {
    Text t = text_new(a);
    text_fmt(&t, "%s%s", colon ? ":" : "", repl_command[i].name);
    if (!strncmp(text_str(&t), text, strlen(text))) vec_push(a, &out->words, text_str(&t));
  }
  if (out->words.n == 1) { /* a blank behind it, where something is to follow */
    const char *args, *word = out->words.at[0];
    const ReplCommand *c = colon ? repl_command_find(word, &args) : NULL;
    Text t = text_new(a);
    text_fmt(&t, "%s ", word);
    if (c && *c->args) out->words.at[0] = text_str(&t);
  }
  sort_words(out);
}

/* The last blank of the arguments: files and commands are single words. */
static size_t last_word(const char *text, size_t n) {
  while (n && text[n - 1] != ' ' && text[n - 1] != '\t') n--;
  return n;
}

Candidates repl_complete(Repl *r, Arena *a, const char *text, size_t n) {
  Candidates out = {.begin = n};
  size_t skip = 0;
  if (*text == ':') {
    size_t name = 1 + strcspn(text + 1, " \t");
    const char *args;
    out.begin = 0;
    if (name >= n) return complete_command(a, text, true, &out), out;
    const ReplCommand *c = repl_command_find(text, &args);
    if (!c || c->arg == ARG_NONE) return out;
    out.begin = last_word(text, n);
    if (c->arg == ARG_COMMAND) return complete_command(a, text + out.begin, false, &out), out;
    if (c->arg == ARG_FILE) return complete_file(a, text + out.begin, &out), out;
    skip = (size_t)(args - text);
  }
  out.begin = n - skip;
  complete_language(r, a, text + skip, n - skip, &out);
  out.begin += skip;
  return out;
}
