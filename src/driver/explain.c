/* explain.c: see explain.h. In: the pages, which the build joins and embeds, and ops.def. Out: text
 * for a terminal. */
#include "driver/explain.h"
#include "base/embedded.h"
#include "ir/ir.h"

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

/* ---- operators ---- */
static const struct {
  OpKind kind;
  const char *title;
} kinds[] = {
    {KIND_MAP, "MAP: elementwise on equal shapes; d/da, d/db, d/dc are the partial derivatives, y "
               "the result"},
    {KIND_FOLD, "FOLD: reductions over axes; y is the result of the element's group"},
    {KIND_MOVE,
     "MOVE: linear data movement; the derivative is the same movement, the adjoint its transpose"},
    {KIND_DOT, "DOT: bilinear; the derivative is the product rule"},
    {KIND_LOOP, "LOOP: instructions with bodies; the derivative is that of the body"},
    {KIND_LEAF, "LEAF: without operands, so without a derivative"},
};

static const char *partial_text(const char *partial) {
  return !strcmp(partial, LINEAR_CAST) ? "the cast back" : partial;
}

static void print_op(const OpInfo *op, Text *out) {
  text_fmt(out, "  %-10s%-5s%s\n", op->name, op->symbol, op->doc);
  if (op->kind != KIND_MAP && op->kind != KIND_FOLD) return;
  bool any = false;
  for (int i = 0; i < COUNT_OF(op->partial); i++) {
    if (!op->partial[i]) continue;
    text_fmt(out, "%17sd/d%c = %s\n", "", 'a' + i, partial_text(op->partial[i]));
    any = true;
  }
  if (!any) text_fmt(out, "%17sno derivative\n", "");
}

void explain_operators(Text *out) {
  for (int k = 0; k < COUNT_OF(kinds); k++) {
    text_fmt(out, "%s%s\n", k ? "\n" : "", kinds[k].title);
    for (int op = 0; op < OP_COUNT; op++)
      if (op_info[op].kind == kinds[k].kind && op != OP_none) print_op(&op_info[op], out);
  }
}
