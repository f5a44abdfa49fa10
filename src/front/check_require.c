/* check_require.c: require(holds, "text", e): what a function asks of its arguments at compile
 * time. In: the call. Out: e, which is looked at only where the condition isn't known to be false;
 * else E0318 with the text and what the arguments are. */
#include "front/check.h"

/* "`a` is f64[2, 3], `p` is the number 1.5", of the call that is being inlined. */
static void note_arguments(Check *c, Diag *d) {
  const Frame *f = c->frame;
  Text t = text_new(c->cx->arena);
  for (int i = 2; f && f->fn && i < f->fn->nkids; i++) {
    const Scope *s = scope_find(c->scope, f->fn->kid[i]->name);
    if (!s || s->value.kind == V_POISON || s->value.kind == V_FN) continue;
    Value v = s->value.kind == V_WEAK ? to_tensor(c, s->value, f->call) : s->value; /* its shape */
    text_fmt(&t, "%s`%s` is %s", t.n ? ", " : "", s->name, value_text(c->cx, c->b, &v));
  }
  if (t.n) diag_note(c->cx, d, "%s", text_str(&t));
}

/* It isn't known yet; of sizes alone it can be asked where these are known. */
static void note_condition(Check *c, Val v, const char *text) {
  Requirements *to = c->p->asked;
  const SizeCond *holds = to ? size_cond_of(c->b, v) : NULL;
  c->p->required = true;
  if (holds) vec_push(c->cx->arena, to, ((Requirement){holds, text}));
}

static bool is_plain(const Node *n) {
  for (int i = 1; i < n->nkids; i++)
    if (n->kid[i]->kind == NODE_NAMED) return false;
  return n->nkids == 4;
}

Value eval_require(Check *c, const Node *n) {
  if (!is_plain(n)) {
    Diag *d = fault(c, E0204, n->span, "`require` takes a condition, a text and an expression");
    diag_hint(c->cx, d, "as in require(k >= 1, \"k is at least 1\", x[:k])");
    return value_poison();
  }
  Value holds = eval_expr(c, n->kid[1]), text = eval_expr(c, n->kid[2]);
  if (holds.kind == V_POISON || text.kind == V_POISON) return value_poison();
  if (text.kind != V_STRING) {
    fault(c, E0311, n->kid[2]->span, "what is said where it doesn't hold must be a text, not %s",
          value_text(c->cx, c->b, &text));
    return value_poison();
  }
  bool truth =
      holds.kind == V_BOOL || (holds.kind == V_TENSOR && ir_type(c->b, holds.u.t.val) == T_BOOL);
  if (!truth) {
    fault(c, E0310, n->kid[1]->span, "what is required must be true or false, not %s",
          value_text(c->cx, c->b, &holds));
    return value_poison();
  }
  if (holds.kind == V_BOOL && !holds.u.truth) {
    note_arguments(c, fault(c, E0318, n->span, "%s", text.u.text));
    return value_poison();
  }
  if (holds.kind == V_TENSOR) note_condition(c, holds.u.t.val, text.u.text);
  return eval_expr(c, n->kid[3]);
}
