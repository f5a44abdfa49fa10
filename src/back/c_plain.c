/* c_plain.c: an operation on vectors as a function of plain C, for compilers without vector
 * extensions: a vector is an array in a struct, and what is done to it a loop over its lanes, so
 * that each element is computed by the same operations in the same order. */
#include "back/c_vector.h"

void vec_function(const VecOp *w, Text *out) {
  const VecForm *f = w->form;
  const char *lane = vec_lane(w, VEC_PLAIN), *name = cg_help(w->g, w->h, w->e, w->lanes);
  const char *result = f->result ? vec_arg_type(w, f->result, w->lanes) : NULL;
  cg_own(w->g, name, out);
  text_fmt(out, "static inline %s %s(", result ? result : "void", name);
  for (int i = 0; f->args[i]; i++) {
    const char *type = vec_arg_type(w, f->kind[i], w->lanes);
    const char *space = type[strlen(type) - 1] == '*' ? "" : " ";
    text_fmt(out, "%s%s%s%c", i ? ", " : "", type, space, f->args[i]);
  }
  text_add(out, ") {\n");
  for (const char *a = f->args; *a; a++) { /* is it in the template? */
    bool used = false;
    for (const char *s = f->lane; *s; s++) used |= *s == *a && s[1] && strchr("#@[", s[1]);
    if (!used) text_fmt(out, "  (void)%c;\n", *a);
  }
  if (result) text_fmt(out, "  %s r;\n", result);
  text_fmt(out, "  for (int l = 0; l < %d; l++) %s%s;\n", w->lanes, result ? "r.at[l] = " : "",
           lane);
  text_add(out, result ? "  return r;\n}\n" : "}\n");
}
