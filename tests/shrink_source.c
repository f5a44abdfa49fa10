/* shrink_source.c: a program as text made smaller as long as it still fails: statements left out,
 * whole blocks left out, blocks replaced by what stands in them. What is refused then doesn't fail.
 */
#include "gen_source.h"

enum { MOST_TRIES = 400 };

typedef struct Lines {
  int n;
  const char **at;
} Lines;

static Lines split(Cx *cx, const char *text) {
  Lines l = {0, NEWS(cx->arena, const char *, strlen(text) + 1)};
  while (*text) {
    size_t n = strcspn(text, "\n");
    l.at[l.n++] = name_of_n(cx, text, n);
    text += n + (text[n] == '\n');
  }
  return l;
}

static const char *joined(Cx *cx, const Lines *l, int from, int to, int keep_from, int keep_to) {
  Text t = text_new(cx->arena);
  for (int i = 0; i < l->n; i++)
    if (i < from || i >= to || (i >= keep_from && i < keep_to)) text_fmt(&t, "%s\n", l->at[i]);
  return text_str(&t);
}

/* How many more blocks are open after the line than before it. */
static int opened(const char *line) {
  int n = 0;
  for (; *line; line++) n += (*line == '{') - (*line == '}');
  return n;
}

/* The line behind the block that line i opens: where its closing bracket is. */
static int block_end(const Lines *l, int i) {
  int depth = 1;
  for (i++; i < l->n; i++) {
    if (depth == 1 && strchr(l->at[i], '}')) return i;
    depth += opened(l->at[i]);
  }
  return l->n - 1;
}

static bool opens(const char *line) {
  size_t n = strlen(line);
  return n && line[n - 1] == '{';
}

const char *shrink_source(Cx *cx, const char *text,
                          bool (*still_fails)(const char *text, void *arg), void *arg) {
  int tries = 0;
  for (bool smaller = true; smaller && tries < MOST_TRIES;) {
    smaller = false;
    Lines l = split(cx, text);
    for (int i = l.n; i-- > 0 && !smaller && tries < MOST_TRIES;) {
      int end = opens(l.at[i]) ? block_end(&l, i) : i;
      bool other = strstr(l.at[i], "} else {"), chain = strstr(l.at[end], "} else {");
      const char *cut[2] = {NULL, NULL};
      if (opens(l.at[i])) {
        cut[0] = joined(cx, &l, i, other ? end : end + 1, 0, 0);
        if (!other && !chain) cut[1] = joined(cx, &l, i, end + 1, i + 1, end);
      } else if (!strchr(l.at[i], '}') || opened(l.at[i]) == 0) {
        cut[0] = joined(cx, &l, i, i + 1, 0, 0);
      }
      for (int k = 0; k < 2 && !smaller; k++) {
        if (!cut[k]) continue;
        tries++;
        if (still_fails(cut[k], arg)) text = cut[k], smaller = true;
      }
    }
  }
  return text;
}
