/* calls.c: calls of functions with rules, and checkpoints, become the body that they call. They
 * matter to derivatives alone: behind the last one they would only keep code from being shared and
 * fused.
 * needs: nothing   keeps: the values   breaks: rules and checkpoints   after it: no call is left */
#include "ir/walk.h"
#include "pass/pass.h"

static bool has_calls(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_call) return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_calls(body[i])) return true;
  }
  return false;
}

static Fn *inline_body(const Fn *f, void *arg) {
  (void)arg;
  return pass_inline_calls(f);
}

Fn *pass_inline_calls(const Fn *f) {
  if (!has_calls(f)) return (Fn *)f;
  Arena *a = f->cx->arena;
  Walk w = walk_begin(f);
  Val **parts = NEWS(a, Val *, f->ins.n); /* per call: its results */
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    if (in->op == OP_part && parts[in->arg[0]]) {
      w.to[v] = parts[in->arg[0]][in->u.i];
      ir_name(&w.b, w.to[v], in->hint);
    } else if (in->op == OP_call) {
      const Fn *body = pass_inline_calls(in->u.body->fn);
      parts[v] = NEWS(a, Val, body->out.n + 1);
      ir_inline(&w.b, body, walk_args(&w, in), parts[v]);
    } else {
      w.to[v] = walk_copy_bodies(&w, in, inline_body, NULL);
    }
  }
  return walk_end(&w);
}
