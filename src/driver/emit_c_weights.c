/* emit_c_weights.c: the values of emitted C's parameters. In: a weights file. Out: a value for each
 * parameter of the C file, in its C type, and the bytes of the struct that holds them. */
#include "driver/emit_c.h"
#include "train/weights.h"

bool emit_c_weights(Session *s, CFile *f, const char *path) {
  Cx *cx = s->cx;
  Weight *w = NEWS(cx->arena, Weight, f->param.n + 1);
  for (int i = 0; i < f->param.n; i++) {
    CParam *p = &f->param.at[i];
    Tensor v = tensor_new(cx, cx->arena, p->type, &p->shape);
    w[i] = (Weight){
        .name = p->name, .type = p->type, .shape = p->shape, .data = v.data, .state = p->state};
    for (int k = 0; k < front_param_count(s->program); k++) {
      const ParamInfo *info = front_param(s->program, k);
      if (info && info->name == p->name)
        w[i].lead = info->lead, w[i].pattern = info->pattern, w[i].span = info->span;
    }
    p->value = v.data;
  }
  return weights_load(cx, path, w, f->param.n) == ST_OK;
}

void emit_c_weight_bytes(const CFile *f, Text *out) {
  const uint16_t one = 1;
  bool little = *(const uint8_t *)&one;
  for (int i = 0; i < f->param.n; i++) {
    const CParam *p = &f->param.at[i];
    size_t size = (size_t)type_info[p->type].bytes, n = size;
    for (int d = 0; d < p->shape.rank; d++) n *= (size_t)p->shape.dim[d];
    while (out->n < (size_t)c_param_offset(f, i)) text_add_n(out, "", 1);
    const char *at = p->value;
    for (size_t k = 0; k < n; k++)
      text_add_n(out, &at[little ? k : k - k % size + size - 1 - k % size], 1);
  }
  while (out->n < (size_t)c_param_offset(f, f->param.n)) text_add_n(out, "", 1);
}
