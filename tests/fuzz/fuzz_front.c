/* fuzz_front.c: libFuzzer target: any text through the whole front end: parsed, declared, checked,
 * and every function that comes out verified. No text may end in anything but a function or
 * diagnostics.
 *
 *   clang -fsanitize=fuzzer,address,undefined ... ; first byte: odd for a line, even for a file */
#include "front/front.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Job {
  Cx *cx;
  const uint8_t *data;
  size_t size;
} Job;

static void verify(Cx *cx, const Fn *f) {
  if (!f) {
    if (!diag_errors(cx)) cx_bug(cx, "no function and no diagnostic");
    return;
  }
  const char *broken = ir_verify(f);
  if (broken) cx_bug(cx, "%s", broken);
}

static Status work(void *arg) {
  const Job *j = arg;
  Program *p = front_new(j->cx);
  int32_t source = cx_add_source(j->cx, "fuzz.nn", (const char *)j->data + 1, j->size - 1, false);
  bool is_expr = false;
  Node *n = j->data[0] & 1 ? ast_parse_line(j->cx, source, &is_expr) : ast_parse(j->cx, source);
  if (is_expr) {
    verify(j->cx, front_expr(p, n));
  } else {
    front_declare(p, n);
    front_check(p);
    for (int i = 0; i < front_fn_count(p); i++)
      verify(j->cx, front_function(p, front_fn_node(p, i)->name));
    for (int i = 0; i < front_param_count(p); i++) verify(j->cx, front_param_init(p, i, 1));
  }
  Text out = text_new(j->cx->arena);
  diag_render_all(j->cx, false, &out);
  return ST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  Cx *cx = cx_new();
  if (!cx) return 0;
  Job j = {cx, data, size};
  if (cx_guard(cx, work, &j) == ST_INTERNAL) {
    fprintf(stderr, "internal error: %s\n", cx->trap_text);
    abort();
  }
  cx_free(cx);
  return 0;
}
