/* gen_program.c: random functions through the builder. Everything it makes obeys the laws of ir.h
 * by construction; what shapes and values come out is left to chance. See gen_program.h. */
#include "gen_program.h"

typedef struct Gen {
  Builder *b;
  Rng *r;
  const GenOptions *o;
  Vec(Val) pool; /* values made so far */
  int depth;     /* of bodies */
} Gen;

/* ---- shapes ---- */
static Dim random_extent(Cx *cx, Rng *r, bool symbolic) {
  static const int common[] = {1, 2, 3, 4, 5, 7}, rare[] = {0, 1, 8, 9, 13, 16, 17, 33};
  if (symbolic && rng_chance(r, 35)) {
    Dim n = dim_named(cx, name_of(cx, rng_chance(r, 70) ? "N" : "M"));
    int form = rng_below(r, 6);
    return form == 0 ? dim_add(cx, n, rng_below(r, 3) + 1) : form == 1 ? dim_mul(cx, n, 2) : n;
  }
  return rng_chance(r, 80) ? common[rng_below(r, COUNT_OF(common))]
                           : rare[rng_below(r, COUNT_OF(rare))];
}

enum { SYMBOLIC_GUESS = 4 }; /* about what a named size will be */
static int64_t about(Dim d) { return dim_is_number(d) ? d : SYMBOLIC_GUESS; }

Shape gen_shape(Cx *cx, Rng *r, int most, bool symbolic) {
  Shape s = {.rank = rng_below(r, rng_chance(r, 10) ? 6 : 4)};
  int64_t n = 1;
  for (int i = 0; i < s.rank; i++) {
    Dim d = random_extent(cx, r, symbolic);
    if (n * about(d) > most) d = 1;
    s.dim[i] = d;
    n *= MAX(about(d), 1);
  }
  return s;
}

/* ---- views ---- */
/* An index expression for a dimension of extent e, over labels of `out`. */
static ViewDim random_index(Cx *cx, Rng *r, Dim e, const Shape *out) {
  ViewTerm *term = NEWS(cx->arena, ViewTerm, 3);
  ViewDim d = {0, 1, 0, term};
  bool known = dim_is_number(e);
  int last = (int)about(e) - 1, style = rng_below(r, 20);
  if (!out->rank || style < 2) { /* one element */
    d.off = rng_chance(r, 90) ? rng_below(r, last + 1) : rng_below(r, last + 4) - 1;
    return d;
  }
  int l = rng_below(r, out->rank), step = rng_chance(r, 60) ? 1 : rng_below(r, 3) + 1;
  if (style < 6 && known) { /* backwards */
    term[d.n++] = (ViewTerm){l, -step};
    d.off = last + (rng_chance(r, 30) ? rng_below(r, 4) - 1 : 0);
  } else {
    term[d.n++] = (ViewTerm){l, step};
    if (rng_chance(r, 30)) d.off = rng_below(r, 5) - 2;
  }
  if (style >= 16 && out->rank > 1) { /* a window */
    int k = rng_below(r, out->rank);
    if (k != l) {
      term[d.n++] = (ViewTerm){k, rng_chance(r, 80) ? 1 : rng_below(r, 5) - 2};
      if (k < l) {
        ViewTerm t = term[0];
        term[0] = term[1], term[1] = t;
      }
    }
  }
  if (style == 15) d.den = rng_below(r, 3) + 1;
  return d;
}

/* The label of `out` with extent e that comes next from `from` on, or -1. */
static int matching_label(const Shape *out, Dim e, uint32_t taken, Rng *r) {
  int found = -1;
  for (int l = 0; l < out->rank; l++)
    if (out->dim[l] == e && !(taken >> l & 1) && (found < 0 || rng_chance(r, 40))) found = l;
  return found;
}

Val gen_view(Builder *b, Rng *r, Val x, const Shape *out) {
  Shape in = *ir_shape(b, x);
  ViewDim dim[IR_MAX_RANK];
  ViewTerm own[IR_MAX_RANK];
  bool plain = rng_chance(r, 60);
  uint32_t taken = 0;
  for (int d = 0; d < in.rank; d++) {
    int l = plain ? matching_label(out, in.dim[d], taken, r) : -1;
    if (l >= 0) {
      own[d] = (ViewTerm){l, 1};
      dim[d] = (ViewDim){0, 1, 1, &own[d]};
      taken |= 1u << l;
    } else if (plain && in.dim[d] == 1) {
      dim[d] = (ViewDim){0, 1, 0, NULL};
    } else {
      dim[d] = random_index(b->cx, r, in.dim[d], out);
      for (int t = 0; t < dim[d].n; t++)
        if (!dim[d].term[t].coef) dim[d].n = t;
    }
  }
  View v = {in.rank, dim, false, false};
  return ir_view(b, x, out, &v);
}

/* ---- picking operands ---- */
static DType random_type(Gen *g) {
  static const DType types[] = {T_F32, T_F32, T_F32,  T_F32, T_F64, T_F64,
                                T_I32, T_I32, T_BOOL, T_U8,  T_I64};
  if (g->o->smooth) return rng_chance(g->r, 85) ? T_F64 : T_I32;
  return types[rng_below(g->r, COUNT_OF(types))];
}

static Val keep(Gen *g, Val v) {
  vec_push(g->b->cx->arena, &g->pool, v);
  return v;
}

/* Among the latest rather than the oldest. */
static Val any_value(Gen *g) {
  int n = g->pool.n, i = rng_below(g->r, n), j = rng_below(g->r, n);
  return g->pool.at[rng_chance(g->r, 60) ? MAX(i, j) : i];
}

static Val value_of_type(Gen *g, DType t) {
  for (int tries = 0; tries < 8; tries++) {
    Val v = any_value(g);
    if (ir_type(g->b, v) == t) return v;
  }
  for (int i = g->pool.n; i-- > 0;)
    if (ir_type(g->b, g->pool.at[i]) == t) return g->pool.at[i];
  return ir_cast(g->b, t, any_value(g));
}

static Val random_constant(Gen *g, DType t, const Shape *s) {
  static const double values[] = {0, 1, -1, 2, 0.5, -0.5, 3, 0.1, 1.5, -2, 4, 1e-3};
  double v = values[rng_below(g->r, COUNT_OF(values))];
  if (!type_is_float(t)) return ir_const_i(g->b, t, s, (int64_t)(t == T_U8 && v < 0 ? -v : v));
  return ir_const_f(g->b, t, s, v);
}

static Val at_shape(Gen *g, Val x, const Shape *s) {
  if (shape_eq(ir_shape(g->b, x), s)) return x;
  return gen_view(g->b, g->r, x, s);
}

/* Some value of type t and shape s. */
static Val operand_of(Gen *g, DType t, const Shape *s) {
  int choice = rng_below(g->r, 100);
  if (choice < 45)
    for (int tries = 0; tries < 6; tries++) {
      Val v = any_value(g);
      if (ir_type(g->b, v) == t && shape_eq(ir_shape(g->b, v), s)) return v;
    }
  if (choice >= 88) return random_constant(g, t, s);
  if (choice >= 84 && s->rank) return ir_iota_along(g->b, t, s, rng_below(g->r, s->rank));
  if (choice >= 82 && s->rank && t != T_BOOL) return ir_size(g->b, t, s, s->dim[0]);
  return at_shape(g, value_of_type(g, t), s);
}

/* ---- elementwise ---- */
static Val constant_like(Gen *g, Val x, double v) {
  Shape s = *ir_shape(g->b, x);
  return ir_const_f(g->b, ir_type(g->b, x), &s, v);
}
static Val scaled(Gen *g, Val x, double by) {
  return ir_map2(g->b, OP_mul, x, constant_like(g, x, by));
}
static Val plus(Gen *g, Val x, double c) {
  return ir_map2(g->b, OP_add, x, constant_like(g, x, c));
}
/* Smooth and bounded by 1, and cheap to compile nearly always: tanh becomes a hundred instructions.
 */
static Val bounded(Gen *g, Val x) {
  if (rng_chance(g->r, 20)) return ir_map1(g->b, OP_tanh, x);
  Val below = plus(g, ir_map2(g->b, OP_mul, x, x), 1);
  return ir_map2(g->b, OP_div, scaled(g, x, 2), below);
}
static Val within(Gen *g, Val x, double limit) { return scaled(g, bounded(g, x), limit); }
static Val positive(Gen *g, Val x) { return plus(g, ir_map2(g->b, OP_mul, x, x), 0.5); }

/* Operands brought to where the operator is defined and tame. */
static void into_domain(Gen *g, Op op, Val *a) {
  switch (op) {
  case OP_sqrt:
  case OP_log:
  case OP_log1p:
  case OP_log2: a[0] = positive(g, a[0]); break;
  case OP_div:
  case OP_mod:
  case OP_idiv: a[1] = positive(g, a[1]); break;
  case OP_atan2: a[1] = positive(g, a[1]); break;
  case OP_pow: a[0] = positive(g, within(g, a[0], 1)), a[1] = within(g, a[1], 2); break;
  case OP_asin:
  case OP_acos: a[0] = within(g, a[0], 0.9); break;
  case OP_tan:
  case OP_exp:
  case OP_exp2:
  case OP_expm1:
  case OP_sinh:
  case OP_cosh: a[0] = within(g, a[0], 1.25); break;
  case OP_mul:
  case OP_fma: a[0] = within(g, a[0], 1.5); break;
  default: break;
  }
}

/* Functions that are approximated by long expressions: seldom, since they are tested by themselves,
 * and cost more to compile than all the rest. */
static bool is_long(Op op) { return op_info[op].accuracy == APPROX; }

static bool type_fits(Typing ty, DType t) {
  switch (ty) {
  case TY_NUM: return t != T_BOOL;
  case TY_FLOAT:
  case TY_BITS: return type_is_float(t);
  case TY_INT: return type_is_int(t);
  case TY_LOGIC: return t == T_BOOL;
  case TY_FROM_BITS: return t == T_I32 || t == T_I64;
  default: return true;
  }
}

static Val random_map(Gen *g) {
  Op op;
  DType t;
  do {
    op = (Op)rng_below(g->r, OP_COUNT);
    t = random_type(g);
  } while (op_kind(op) != KIND_MAP || !type_fits(op_info[op].typing, t) ||
           (is_long(op) && !rng_chance(g->r, 25)) ||
           ((op == OP_bits || op == OP_from_bits) && !rng_chance(g->r, 15)) ||
           (g->o->smooth && type_is_float(t) && op_info[op].smoothness == KINKS));
  if (op == OP_cast) {
    DType to = random_type(g);
    if (g->o->smooth && type_is_float(t)) to = T_F64;
    return ir_cast(g->b, to, value_of_type(g, t));
  }
  Val a[3];
  int n = op_info[op].arity, first = op == OP_select ? 1 : 0;
  a[first] = value_of_type(g, t);
  Shape s = *ir_shape(g->b, a[first]);
  if (rng_chance(g->r, 15)) {
    s = gen_shape(g->b->cx, g->r, 300, g->o->symbolic);
    a[first] = at_shape(g, a[first], &s);
  }
  for (int i = first + 1; i < n; i++) a[i] = operand_of(g, t, &s);
  if (op == OP_select) a[0] = operand_of(g, T_BOOL, &s);
  if (type_is_float(t) && (g->o->smooth || rng_chance(g->r, 70))) into_domain(g, op, a);
  return ir_map(g->b, op, a);
}

/* ---- the other kinds ---- */
static Val random_fold(Gen *g) {
  static const Op ops[] = {OP_sum, OP_sum, OP_sum, OP_prod, OP_amax, OP_amin};
  Op op;
  DType t;
  do {
    op = ops[rng_below(g->r, COUNT_OF(ops))];
    t = random_type(g);
  } while (!type_fits(op_info[op].typing, t) || (g->o->smooth && op_info[op].smoothness == KINKS) ||
           (t == T_U8 && op_info[op].typing == TY_NUM)); /* the language sums u8 in i32 */
  Val x = value_of_type(g, t);
  int rank = ir_shape(g->b, x)->rank;
  if (op == OP_sum && type_is_float(t) &&
      rng_chance(g->r, 50)) { /* of a product: perhaps a contraction */
    Shape s = gen_shape(g->b->cx, g->r, 1500, g->o->symbolic);
    x = ir_map2(g->b, OP_mul, at_shape(g, x, &s), at_shape(g, value_of_type(g, t), &s));
    if (rng_chance(g->r, 40)) x = ir_map2(g->b, OP_mul, x, operand_of(g, t, &s));
    rank = s.rank;
  }
  if (!rank) return x;
  if (op == OP_prod && type_is_float(t))
    x = plus(g, within(g, x, 0.75), rng_chance(g->r, 50) ? 1 : 0);
  uint32_t axes = (uint32_t)rng_bits(g->r) & ((1u << rank) - 1);
  if (!axes) axes = 1u << rng_below(g->r, rank);
  return ir_fold(g->b, op, x, axes);
}

static Val random_reshape(Gen *g) {
  Val x = any_value(g);
  Shape s = *ir_shape(g->b, x), out = {0};
  Dim n = shape_count(g->b->cx, &s);
  if (!dim_is_number(n) || n == 0) {
    out = (Shape){.rank = 1, .dim = {n}};
    return ir_reshape(g->b, x, &out);
  }
  while (n > 1 && out.rank < 4) {
    int64_t d = rng_chance(g->r, 25) ? n : rng_below(g->r, 6) + 1;
    if (n % d) continue;
    out.dim[out.rank++] = d;
    n /= d;
  }
  if (n > 1 || rng_chance(g->r, 10)) out.dim[out.rank++] = n;
  return ir_reshape(g->b, x, &out);
}

/* ir_iota_along, a constant, or what `fill` gives; brought inside the extent nearly always. */
static Val random_index_tensor(Builder *b, Rng *r, Dim extent, const Shape *s, Val fill) {
  DType t = rng_chance(r, 75) ? T_I32 : T_I64;
  int choice = rng_below(r, 10);
  if (choice < 3 && s->rank) return ir_iota_along(b, t, s, rng_below(r, s->rank));
  Val v = fill && choice < 8 ? ir_cast(b, t, gen_view(b, r, fill, s))
                             : ir_const_i(b, t, s, rng_below(r, (int)about(extent)));
  if (rng_chance(r, 12)) return v;
  return ir_map2(b, OP_mod, v, ir_size(b, t, s, extent));
}

static int choose_axes(Rng *r, int rank, int32_t *axis) {
  int n = 0, want = rng_chance(r, 70) ? 1 : rng_below(r, MIN(rank, 3)) + 1;
  for (int d = 0; d < rank && n < want; d++)
    if (rng_chance(r, 50) || rank - d <= want - n) axis[n++] = d;
  return n;
}

int gen_indices(Builder *b, Rng *r, const Shape *full, const Shape *s, Val *index, int32_t *axis) {
  int n = choose_axes(r, full->rank, axis);
  for (int i = 0; i < n; i++) {
    Val line = ir_iota(b, T_I32, s->rank ? s->dim[s->rank - 1] : 1);
    index[i] = random_index_tensor(b, r, full->dim[axis[i]], s, line);
  }
  return n;
}

static int indices_in(Gen *g, const Shape *full, const Shape *s, Val *index, int32_t *axis) {
  int n = choose_axes(g->r, full->rank, axis);
  for (int i = 0; i < n; i++)
    index[i] = random_index_tensor(g->b, g->r, full->dim[axis[i]], s, value_of_type(g, T_I32));
  return n;
}

static Val random_gather(Gen *g) {
  Val x = any_value(g), index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  Shape full = *ir_shape(g->b, x);
  if (!full.rank || full.rank > 4) return x;
  Shape s = gen_shape(g->b->cx, g->r, 12, g->o->symbolic);
  int n = indices_in(g, &full, &s, index, axis);
  return ir_gather(g->b, x, index, axis, n);
}

static Val random_scatter(Gen *g) {
  Cx *cx = g->b->cx;
  Shape full = gen_shape(cx, g->r, 60, g->o->symbolic), s = gen_shape(cx, g->r, 9, g->o->symbolic);
  Val x = any_value(g), index[IR_MAX_RANK];
  int32_t axis[IR_MAX_RANK];
  if (!full.rank) return x;
  int n = indices_in(g, &full, &s, index, axis);
  Shape want = s;
  for (int d = 0, k = 0; d < full.rank; d++) {
    if (k < n && axis[k] == d) k++;
    else want.dim[want.rank++] = full.dim[d];
  }
  return ir_scatter(g->b, at_shape(g, x, &want), index, axis, n, &full);
}

Val gen_contract(Builder *b, Rng *r, Val x, Val y) {
  int n = rng_below(r, 4) + 1;
  Contract c = {.nlabels = n};
  Shape sx = {0}, sy = {0};
  int64_t volume = 1;
  int order[8], where[8];
  Dim extent[8];
  for (int l = 0; l < n; l++) {
    int at = rng_below(r, l + 1);
    order[l] = order[at], order[at] = l;
    static const int kinds[] = {3, 5, 6, 3, 5, 6, 7}; /* bits: x, y, result */
    where[l] = kinds[rng_below(r, COUNT_OF(kinds))];
    extent[l] = random_extent(b->cx, r, false);
    if (volume * extent[l] > 4000) extent[l] = 2;
    volume *= MAX(extent[l], 1);
  }
  for (int l = 0; l < n; l++)
    if (where[l] & 1) c.a[sx.rank] = (uint8_t)l, sx.dim[sx.rank++] = extent[l];
  for (int k = 0; k < n; k++)
    if (where[order[k]] & 2) c.b[sy.rank] = (uint8_t)order[k], sy.dim[sy.rank++] = extent[order[k]];
  for (int k = n; k-- > 0;)
    if (where[order[k]] & 4) c.out[c.nout++] = (uint8_t)order[k];
  return ir_contract(b, gen_view(b, r, x, &sx), gen_view(b, r, y, &sy), &c);
}

static Val random_contract(Gen *g) {
  DType t = g->o->smooth || rng_chance(g->r, 40) ? T_F64 : T_F32;
  return gen_contract(g->b, g->r, value_of_type(g, t), value_of_type(g, t));
}

static Val random_view(Gen *g) {
  Val x = any_value(g);
  Shape in = *ir_shape(g->b, x), s = gen_shape(g->b->cx, g->r, 300, g->o->symbolic);
  if (rng_chance(g->r, 40) && in.rank) { /* made of the operand's own extents */
    s.rank = MIN(in.rank + rng_below(g->r, 2), 5);
    for (int i = 0; i < s.rank; i++) s.dim[i] = in.dim[rng_below(g->r, in.rank)];
    int64_t n = 1;
    for (int i = 0; i < s.rank; i++) n *= about(s.dim[i]);
    if (n > 1000) s.rank = 1;
  }
  return gen_view(g->b, g->r, x, &s);
}

static Val random_body(Gen *g);

static Val random_value(Gen *g) {
  int choice = rng_below(g->r, 100);
  if (choice < 50) return random_map(g);
  if (choice < 63) return random_fold(g);
  if (choice < 76) return random_view(g);
  if (choice < 81) return random_reshape(g);
  if (choice < 86) return random_gather(g);
  if (choice < 89) return random_scatter(g);
  if (choice < 96 || !g->o->bodies || g->depth > 1) return random_contract(g);
  return random_body(g);
}

static bool too_large(Gen *g, Val v) {
  const Shape *s = ir_shape(g->b, v);
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) n *= MAX(about(s->dim[i]), 1);
  return n > 5000 || s->rank > 6;
}

/* ---- whole functions ---- */
static Fn *function_of(Cx *cx, Rng *r, const GenOptions *o, Name name, int depth) {
  static const char *const names[] = {"x", "y", "z", "u"};
  Builder b = ir_begin(cx, name);
  Gen g = {.b = &b, .r = r, .o = o, .depth = depth};
  int nin = rng_below(r, 3) + 1;
  for (int i = 0; i < nin + (i == 1 && rng_chance(r, 20)); i++) {
    DType t = random_type(&g);
    if (i == 0 && !type_is_float(t)) t = o->smooth ? T_F64 : T_F32;
    Shape s = gen_shape(cx, r, 200, o->symbolic);
    if (o->symbolic && i == 0) /* binds the names */
      s = SHAPE(dim_named(cx, name_of(cx, "N")), dim_named(cx, name_of(cx, "M")));
    keep(&g, ir_input(&b, name_of(cx, names[i]), t, &s, ROLE_ARG, (Span){0}));
  }
  int size = 1 + rng_below(r, o->size);
  for (int i = 0; i < size; i++) {
    Val v = random_value(&g);
    if (!too_large(&g, v)) keep(&g, v);
  }
  int nout = rng_chance(r, 60) ? 1 : rng_below(r, 3) + 1;
  for (int i = 0; i < nout; i++) {
    Val v = g.pool.at[g.pool.n - 1 - rng_below(r, MIN(g.pool.n, i ? 6 : 2))];
    if (depth && type_is_float(ir_type(&b, v)) && rng_chance(r, 50))
      v = ir_fold(&b, OP_sum, v, (1u << ir_shape(&b, v)->rank) - 1);
    ir_output(&b, NULL, v);
  }
  return ir_finish(&b);
}

Fn *gen_function(Cx *cx, Rng *r, const GenOptions *o) {
  return function_of(cx, r, o, name_of(cx, "f"), 0);
}

/* A derivative instruction: a function of its own, applied to values of this one. */
static Val random_body(Gen *g) {
  Cx *cx = g->b->cx;
  GenOptions o = *g->o;
  o.size = 5;
  o.symbolic = false;
  Name name = name_fmt(cx, "%s%d", g->depth ? "h" : "g", g->pool.n);
  Fn *f = function_of(cx, g->r, &o, name, g->depth + 1);
  bool reverse = rng_chance(g->r, 60), *wrt = NEWS(cx->arena, bool, f->in.n + 1);
  for (int i = 0; i < f->in.n; i++)
    wrt[i] = type_is_float(f->in.at[i].type) && (i == 0 || rng_chance(g->r, 70));
  if (!f->in.n || !wrt[0]) return any_value(g);
  Val args[16];
  int n = 0, parts = f->out.n, nfloat = 0, nwrt = 0;
  for (int i = 0; i < f->in.n; i++) args[n++] = operand_of(g, f->in.at[i].type, &f->in.at[i].shape);
  for (int i = 0; i < f->out.n; i++) {
    const Ins *y = fn_ins(f, f->out.at[i].val);
    if (!type_is_float((DType)y->type)) continue;
    nfloat++;
    if (reverse) args[n++] = operand_of(g, (DType)y->type, &y->shape);
  }
  for (int i = 0; i < f->in.n; i++) {
    nwrt += wrt[i];
    if (wrt[i] && !reverse) args[n++] = operand_of(g, f->in.at[i].type, &f->in.at[i].shape);
  }
  parts += reverse ? nwrt : nfloat;
  if (!nfloat) return any_value(g);
  Val bundle = reverse ? ir_vjp(g->b, f, wrt, args, n) : ir_jvp(g->b, f, wrt, args, n);
  return ir_part(g->b, bundle, parts - 1 - (rng_chance(g->r, 20) ? rng_below(g->r, parts) : 0));
}
