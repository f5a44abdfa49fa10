/* check_collect.c: `ys[t] = e`, which collects the values of a loop's steps. */
#include "front/loop_body.h"

/* By the statements of the loop itself, done or still to come; those of inner loops are not names
 * here. */
static bool collects(const Node *n, Name name) {
  if (n->kind == NODE_COLLECT && n->name == name) return true;
  bool statements = n->kind == NODE_BLOCK || n->kind == NODE_CHOICE;
  for (int i = 0; statements && i < n->nkids; i++)
    if (n->kid[i] && collects(n->kid[i], name)) return true;
  return false;
}

bool is_collected(Check *c, Name name) {
  for (const Unit *u = c->unit; u->region; u = u->up)
    if (u->loop && collects(u->loop->body, name)) return true;
  return false;
}

static bool collected_before(const LoopBody *l, Name name) {
  for (int i = 0; i < l->collected.n; i++)
    if (l->collected.at[i].name == name) return true;
  return false;
}

static Diag *fault_collect(Check *c, const Node *n, const char *why) {
  return fault(c, E0217, n->span, "`%s[..] =` collects the values of a loop's steps: %s", n->name,
               why);
}

/* B[i, j] = v, where an element of a variable is meant. */
static void hint_whole(Check *c, Diag *d, const Node *n) {
  Text labels = text_new(c->cx->arena), same = text_new(c->cx->arena);
  for (int i = 1; i < n->nkids; i++) {
    bool named = n->kid[i]->kind == NODE_NAME;
    text_fmt(&labels, "%sk%d", i > 1 ? ", " : "", i);
    text_fmt(&same, "%sk%d == %s", i > 1 ? " and " : "", i, named ? n->kid[i]->name : "..");
  }
  diag_hint(c->cx, d,
            "a variable is assigned as a whole: `let new[%s] = if %s then .. else %s[%s]`, "
            "then `%s = new`",
            text_str(&labels), text_str(&same), n->name, text_str(&labels), n->name);
}

static bool may_collect(Check *c, const Node *n, const LoopBody *l) {
  const Scope *s = scope_find(c->scope, n->name);
  bool chosen = c->unit->choices > 0;
  if (!l || chosen) {
    Diag *d = fault_collect(c, n,
                            c->unit->region || chosen ? "not under an `if` known at run time"
                                                      : "outside of a loop there are none");
    if (c->unit->region || chosen)
      diag_hint(c->cx, d, "collect behind the `if` what it leaves in a variable");
    else if (s)
      diag_hint(c->cx, d,
                "elements of a tensor don't change; make a new one, as in `let y[i] = ..`");
    return false;
  }
  if (!l->range) {
    Diag *d = fault_collect(c, n, "`while` has no variable to index them");
    diag_hint(c->cx, d, "write `for t in 0..N while cond { .. }`");
    return false;
  }
  if (s || collected_before(l, n->name)) {
    Diag *d = fault_collect(c, n, s ? "the name must be new" : "and the name is collected already");
    if (s) diag_label(c->cx, d, s->span, "declared here");
    if (s && s->var) hint_whole(c, d, n);
    return false;
  }
  const Node *at = n->nkids == 2 ? n->kid[1] : NULL;
  bool same = at && at->kind == NODE_NAME && scope_find(c->scope, at->name) == l->entry;
  if (same) return true;
  Diag *d = fault_collect(c, n, "the index must be the loop's variable alone");
  diag_label(c->cx, d, l->node->name_span, "the loop's variable is `%s`", l->node->name);
  if (n->nkids > 2)
    diag_hint(c->cx, d, "collect a row in an inner loop, then `%s[%s] = row`", n->name,
              l->node->name);
  return false;
}

void eval_collect(Check *c, const Node *n) {
  LoopBody *l = c->unit->loop;
  Value v = eval_expr(c, n->kid[0]);
  if (!may_collect(c, n, l)) return;
  if (v.kind != V_POISON) v = to_tensor(c, v, n->kid[0]->span);
  if (v.kind == V_POISON) return;
  if (ir_shape(c->b, v.u.t.val)->rank == IR_MAX_RANK) {
    fault(c, E0812, n->span, "what is collected would have more than %d axes", IR_MAX_RANK);
    return;
  }
  name_tensor(c, &v, n->name);
  Collected y = {n->name, n->name_span, v};
  vec_push(c->cx->arena, &l->collected, y);
}
