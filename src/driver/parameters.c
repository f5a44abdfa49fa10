/* parameters.c: the parameters of a session as weights (train/weights.h): what loads, saves or
 * trains them works on the session's own values, so that whatever is evaluated later sees them. */
#include "driver/session.h"
#include "train/weights.h"

Weight *session_weights(Session *s, int *n) {
  int count = front_param_count(s->program);
  Weight *w = NEWS(s->cx->arena, Weight, count + 1);
  *n = 0;
  for (int i = 0; i < count; i++) {
    const ParamInfo *info = front_param(s->program, i);
    const Tensor *v = info ? session_param(s, info->name) : NULL;
    if (!v) return NULL;
    w[(*n)++] = (Weight){.name = info->name,
                         .type = v->type,
                         .shape = v->shape,
                         .data = v->data,
                         .span = info->span,
                         .lead = info->lead,
                         .pattern = info->pattern,
                         .state = info->state};
  }
  return w;
}
