/* program_init.c: the initial values of parameters, drawn with keys of their own. */
#include "front/check.h"

/* A key per parameter: the finaliser of splitmix64 (Steele, Lea, Flood 2014) over seed and
 * position. */
static int64_t init_key(int64_t seed, int position) {
  uint64_t z = (uint64_t)seed + 0x9E3779B97F4A7C15u * (uint64_t)(position + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (int64_t)((z ^ (z >> 31)) >> 33);
}

static bool has_argument(const FnValue *f, Name name) {
  for (int i = 2; i < f->node->nkids; i++)
    if (f->node->kid[i]->name == name) return true;
  return false;
}

static void add_argument(Check *c, const FnValue *f, Call *call, const char *word, Value v) {
  Name name = name_of(c->cx, word);
  for (int i = 0; i < call->n; i++)
    if (call->arg[i].name == name) return;
  if (has_argument(f, name)) call->arg[call->n++] = (Arg){name, call->span, v};
}

/* `~ f(args)` calls f(args, shape: .., key: ..) where f has such arguments. */
static Value init_value(Check *c, const ParamInfo *info, const Shape *shape, Value key) {
  const Node *n = info->init, *callee = n->kind == NODE_CALL ? n->kid[0] : n;
  Value f = callee->kind == NODE_NAME ? eval_expr(c, callee) : value_poison();
  if (f.kind != V_FN || f.u.fn->kind != FN_DECL) return eval_expr(c, n);
  Call call = {.span = n->span, .name_span = callee->span};
  if (n->kind == NODE_CALL && !eval_args(c, n, &call)) return value_poison();
  Arg *more = NEWS(c->cx->arena, Arg, call.n + 2);
  if (call.n) memcpy(more, call.arg, (size_t)call.n * sizeof *more);
  call.arg = more;
  Value dims[IR_MAX_RANK];
  for (int i = 0; i < shape->rank; i++) dims[i] = value_size(shape->dim[i]);
  add_argument(c, f.u.fn, &call, "shape", value_tuple(c->cx, dims, shape->rank));
  add_argument(c, f.u.fn, &call, "key", key);
  return call_fn(c, f.u.fn, &call);
}

/* One label per array of layers that the parameter is in: the initial value is computed for all
 * elements at once, as in index notation. Each has a key of its own, first + its number. */
static const Labels *element_labels(Check *c, const ParamInfo *info, int64_t first, Value *key) {
  Labels *all = NEW(c->cx->arena, Labels);
  Affine a = {.off = first, .den = 1, .n = info->lead};
  Dim stride = 1;
  for (int i = info->lead - 1; i >= 0; i--) {
    Label *l = NEW(c->cx->arena, Label);
    *l = (Label){.name = name_of(c->cx, "layer"),
                 .span = info->span,
                 .order = i + 1,
                 .known = true,
                 .given = true,
                 .extent = info->shape.dim[i],
                 .why = info->span};
    all->at[i] = l;
    a.term[i] = (AffineTerm){l, stride};
    stride = dim_mul(c->cx, stride, l->extent);
  }
  c->labels = all->n = info->lead;
  *key = value_affine(c->cx, &a);
  return all;
}

Fn *front_param_init(Program *p, int i, int64_t seed) {
  Decl *decl = program_param(p, i);
  const ParamInfo *info = front_param(p, i);
  if (!info) return NULL;
  Unit unit = {0};
  Frame frame;
  Builder b = ir_begin(p->cx, info->name);
  Check c = check_begin(p, &unit, &b);
  if (decl->owner) layer_enter(&c, decl->owner, &frame);
  Span at = info->init ? info->init->span : info->span;
  b.span = at;
  int64_t k = init_key(seed, i);
  Value key = value_int(k);
  const Labels *labels = info->lead ? element_labels(&c, info, k >> 1, &key) : &no_labels;
  Shape want = {.rank = info->shape.rank - info->lead};
  for (int d = 0; d < want.rank; d++) want.dim[d] = info->shape.dim[info->lead + d];
  Value v = info->init ? init_value(&c, info, &want, key) : value_int(0);
  if (v.kind != V_POISON) v = cast_value(&c, v, info->type, at);
  if (v.kind == V_POISON) return NULL;
  Shape is = tensor_shape(&b, &v), all;
  if (!broadcast_dims(&is, &want, &all) || !shape_eq(&all, &want)) {
    Diag *d = fault(&c, E0307, at, "the initial value is %s, and `%s` is %s",
                    value_text(c.cx, &b, &v), info->name, type_text(c.cx, info->type, &want));
    diag_label(c.cx, d, info->span, "declared here");
    fault_axes(&c, d, &is, &want, "declared as");
    return NULL;
  }
  v = value_tensor(align(&c, &v, labels, &want), NULL);
  return program_finish(&c, &v, at);
}
