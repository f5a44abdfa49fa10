/* rulebook.h: the front end's side of ir/rules.h: parses the texts of ops.def and vmath.nn on
 * demand. */
#ifndef GRADC_RULEBOOK_H
#define GRADC_RULEBOOK_H

#include "front/front.h"
#include "ir/rules.h"

RuleBook *rules_new(Cx *cx);
Program *front_new_bare(Cx *cx, bool rules); /* without a prelude */

#endif
