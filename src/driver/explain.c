/* explain.c: see explain.h. In: the pages, which the build joins and embeds. Out: text for a
 * terminal. */
#include "driver/explain.h"
#include "base/embedded.h"

#include <stdio.h>

/* A page begins with the line "# E0304: title". */
static const char *find_page(DiagCode code, const char **end) {
  char head[32];
  snprintf(head, sizeof head, "# %s: ", diag_code_name(code));
  for (const char *at = diagnostics_md; (at = strstr(at, head)); at++) {
    if (at != diagnostics_md && at[-1] != '\n') continue;
    *end = strstr(at, "\n# E");
    if (!*end) *end = diagnostics_md + diagnostics_md_size;
    return at;
  }
  return NULL;
}

/* The heading above a block, from the line that opens it; commands go on under their program's. */
static const char *block_title(const char *line, const char *shown) {
  const char *title = strstr(line, " wrong") == strchr(line, ' ') ? "Wrong:" : "Right:";
  return shown && !strcmp(shown, title) ? NULL : title;
}

void explain_page(DiagCode code, Text *out) {
  const char *end = NULL, *at = find_page(code, &end), *shown = NULL;
  bool inside = false, commands = false;
  if (!at) {
    text_fmt(out, "%s: %s\n", diag_code_name(code), diag_code_title(code));
    return;
  }
  for (at += 2; at < end;) {
    size_t n = strcspn(at, "\n");
    if (n >= 3 && !strncmp(at, "```", 3)) {
      inside = !inside;
      commands = inside && !strncmp(at, "```sh", 5);
      const char *title = inside ? block_title(at, shown) : NULL;
      if (title) text_fmt(out, "%s\n\n", shown = title);
    } else if (n) {
      text_fmt(out, "%s%.*s\n",
               commands && *at != ' ' ? "    $ "
               : inside               ? "    "
                                      : "",
               (int)n, at);
    } else {
      text_add(out, "\n");
    }
    at += n + (at[n] == '\n');
  }
  while (out->n && out->at[out->n - 1] == '\n') out->at[--out->n] = 0;
  text_add(out, "\n");
}
