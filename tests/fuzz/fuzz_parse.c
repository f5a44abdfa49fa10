/* fuzz_parse.c: libFuzzer target: any bytes through the parser, as a file and as a line, and what
 * it says through the renderer. Beyond not crashing: a tree without errors comes without ERROR
 * nodes, spans lie in the source, parents span their children's places, and trees are no higher
 * than promised.
 *
 *   clang -fsanitize=fuzzer,address,undefined ... ; first byte: odd for a line, even for a file */
#include "base/diag.h"
#include "front/ast.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken: %s\n", what);
  abort();
}

static bool walk(Cx *cx, const Node *n, int32_t source, int depth) {
  const Source *s = &cx->sources.at[source];
  must(depth <= 1100, "height of the tree");
  must(n->span.source == source || n->span.source == 0, "source of a span");
  must(n->span.lo >= 0 && n->span.lo <= n->span.hi && n->span.hi <= s->len, "span in the source");
  bool errors = n->kind == NODE_ERROR;
  for (int i = 0; i < n->nkids; i++)
    if (n->kid[i]) errors |= walk(cx, n->kid[i], source, depth + 1);
  return errors;
}

static void check_diags(Cx *cx, int32_t source) {
  for (int i = 0; i < cx->diags->list.n; i++) {
    Span at = cx->diags->list.at[i]->span;
    must(at.source == source && at.lo >= 0 && at.lo <= at.hi && at.hi <= cx->sources.at[source].len,
         "place of a diagnostic");
  }
  Text out = text_new(cx->arena);
  diag_render_all(cx, source & 1, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  Cx *cx = cx_new();
  if (!cx) return 0;
  int32_t source = cx_add_source(cx, "fuzz.nn", (const char *)data + 1, size - 1, false);
  bool is_expr = false;
  Node *n = data[0] & 1 ? ast_parse_line(cx, source, &is_expr) : ast_parse(cx, source);
  must(walk(cx, n, source, 0) <= (diag_errors(cx) > 0), "an ERROR node without a diagnostic");
  must(is_expr == (n->kind != NODE_FILE), "kind of the line");
  check_diags(cx, source);
  Text dump = text_new(cx->arena);
  ast_dump(n, &dump);
  must(dump.n > 0, "a dump");
  int before = diag_errors(cx);
  bool more = ast_incomplete(cx, source);
  must(diag_errors(cx) == before, "ast_incomplete is quiet");
  must(!more || !(data[0] & 1) || before > 0, "an incomplete line has errors");
  cx_free(cx);
  return 0;
}
