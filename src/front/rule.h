/* rule.h: the parts of a derivative rule's declaration, for the files that read it. */
#ifndef GRADC_FRONT_RULE_H
#define GRADC_FRONT_RULE_H

#include "front/check.h"

enum { ADJOINT, TANGENT }; /* kinds: u.i of a RULE, places in FnValue.rule and .run */
extern const char *const rule_word[2];

/* Arguments of an FN. */
static inline int rule_fn_args(const Node *fn) {
  return MIN(fn->nkids - ast_fixed(NODE_FN), MAX_ARGS);
}
static inline const Node *rule_fn_arg(const Node *fn, int i) {
  return fn->kid[ast_fixed(NODE_FN) + i];
}
/* The names of a RULE on either side of the `;`. */
static inline const Node *rule_before(const Node *rule) { return rule->kid[1]; }
static inline const Node *rule_behind(const Node *rule) { return rule->kid[2]; }
/* How many names behind the arguments are parameters. */
int rule_params(const Program *p, const Node *rule, int nargs);

#endif
