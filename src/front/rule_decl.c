/* rule_decl.c: the declarations of derivative rules. In: RULE nodes, after all functions are
 * declared. Out: at each function its rules, as functions of their own that check_rule.c calls. */
#include "front/rule.h"

const char *const rule_word[2] = {"adjoint", "tangent"};

int rule_params(const Program *p, const Node *rule, int nargs) {
  int n = 0;
  for (int i = nargs; i < rule_before(rule)->nkids; i++, n++) {
    Name name = rule_before(rule)->kid[i]->name;
    const Decl *d = program_find(p, name, false);
    if (!strchr(name, '.') && !(d && d->node->kind == NODE_PARAM)) break;
  }
  return n;
}

static Node *plain_arg(Cx *cx, const Node *name) {
  Node *n = ast_new(cx, NODE_ARG, name->span, name->name, 2, (Node *[]){NULL, NULL});
  n->name_span = name->span;
  return n;
}

/* The rule as a function: f's arguments under the rule's names, with f's types, then the others. */
static const Node *as_function(Cx *cx, const Node *rule, const Node *fn, int nparams) {
  int nargs = rule_fn_args(fn), n = ast_fixed(NODE_FN);
  Node **kid = NEWS(cx->arena, Node *, n + rule_before(rule)->nkids + rule_behind(rule)->nkids + 1);
  kid[1] = rule->kid[0];
  for (int i = 0; i < nargs; i++) {
    Node *arg = arena_copy(cx->arena, rule_fn_arg(fn, i), sizeof *arg);
    arg->name = rule_before(rule)->kid[i]->name;
    kid[n++] = arg;
  }
  for (int i = nargs + nparams; i < rule_before(rule)->nkids; i++)
    kid[n++] = plain_arg(cx, rule_before(rule)->kid[i]);
  for (int i = 0; i < rule_behind(rule)->nkids; i++)
    kid[n++] = plain_arg(cx, rule_behind(rule)->kid[i]);
  Node *f = ast_new(cx, NODE_FN, rule->span,
                    name_fmt(cx, "%s %s", rule_word[rule->u.i], rule->name), n, kid);
  f->name_span = rule->name_span;
  return f;
}

static bool names_fit(Program *p, const Node *rule, const Node *fn, int nparams) {
  int nargs = rule_fn_args(fn), n = rule_before(rule)->nkids;
  bool good = rule->u.i == TANGENT ? n > nargs + nparams : n == nargs + nparams;
  Span at = rule_before(rule)->span;
  if (n) at = span_join(rule_before(rule)->kid[0]->span, rule_before(rule)->kid[n - 1]->span);
  if (!good) {
    Diag *d =
        diag(p->cx, E0409, at,
             rule->u.i == TANGENT
                 ? "before the `;` stand the %d arguments of `%s`, and then a tangent for each"
                 : "before the `;` stand the %d arguments of `%s`, and parameters",
             nargs, rule->name);
    diag_label(p->cx, d, fn->name_span, "`%s` is declared here", rule->name);
  }
  for (int i = 0; good && i < n + rule_behind(rule)->nkids; i++)
    for (int k = 0; k < i; k++) {
      const Node *x = i < n ? rule_before(rule)->kid[i] : rule_behind(rule)->kid[i - n];
      const Node *y = k < n ? rule_before(rule)->kid[k] : rule_behind(rule)->kid[k - n];
      if (x->name != y->name) continue;
      diag(p->cx, E0202, x->span, "`%s` stands here twice", x->name);
      return false;
    }
  return good;
}

void rule_declare(Program *p, const Node *rule, bool prelude) {
  Decl *d = program_find(p, rule->name, prelude);
  if (!d && !prelude) d = program_find(p, rule->name, true);
  int kind = (int)rule->u.i;
  if (!d || d->node->kind != NODE_FN) {
    Diag *e = diag(p->cx, E0408, rule->name_span,
                   "there is no function `%s` that this could be the rule of", rule->name);
    if (d) diag_label(p->cx, e, d->node->name_span, "this is no function");
    return;
  }
  FnValue *f = arena_copy(p->cx->arena, d->fn, sizeof *f); /* front_undo brings the old one back */
  if (f->rule[kind] && f->round[kind] == p->round) {
    Diag *e = diag(p->cx, E0408, rule->name_span, "`%s` has two rules of this kind", rule->name);
    diag_label(p->cx, e, f->rule[kind]->name_span, "the first one");
    return;
  }
  int nparams = rule_params(p, rule, rule_fn_args(d->node));
  if (f->broken || !names_fit(p, rule, d->node, nparams)) return;
  FnValue *run = NEW(p->cx->arena, FnValue);
  const Node *fn = as_function(p->cx, rule, d->node, nparams);
  *run = (FnValue){.kind = FN_DECL, .name = fn->name, .node = fn, .prelude = prelude};
  f->rule[kind] = rule;
  f->run[kind] = run;
  f->round[kind] = p->round;
  d->fn = f;
}
