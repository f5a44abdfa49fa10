/* guard.c: a choice that is put out contributes exactly nothing.
 *
 * In `if x > 0 then sqrt(x) else 0` the square root is computed for x = 0 as well, and so is its
 * partial, which is infinite there; the cotangent is 0, and 0 * inf would be NaN. As long as the
 * cotangent still is a choice (`if c then dy else 0`), the product goes inside of it
 * (scale_cotangent). But where elements were summed, broadcast or contracted in between it is a
 * number that happens to be 0. There the product is safe_mul, which is 0 where a factor is.
 *
 * That costs a comparison, so it is done only where it can matter: for values all of whose uses lie
 * behind choices, and that may be infinite or NaN. (One that is used elsewhere too spoils the
 * function itself.) Both sides of one choice together are no guard: one of them is always taken.
 *
 * A choice is `if`, min and max, the largest or smallest of many, and a slice or gather, which
 * chooses some elements (unless all slices of a value together leave none out).
 *
 * guarded: the uses of a value are collected backwards, as conditions under which it matters. A
 * value used under c and under not c matters as much as the two choices themselves do. */
#include "pass/guard.h"
#include "ir/arith.h"
#include "ir/rules.h"
#include "pass/sign.h"

#include <math.h>

enum { MOST = 8 }; /* conditions told apart; with more, a value counts as guarded */

typedef struct Condition {
  Val cond, owner; /* the condition; the choice that has it */
  int side;
} Condition;

typedef struct Uses {
  bool open, any; /* some use isn't guarded; there is one at all */
  bool many;
  int n;
  Condition at[MOST];
} Uses;

typedef struct Finder {
  const Fn *f;
  Uses *uses;
  bool *drops; /* per value: it is a view or gather that leaves elements of its operand out, and so
                  do all others of that operand together */
} Finder;

static void use_open(Uses *u) { u->any = u->open = true; }

static void use_all(Finder *x, Uses *u, const Uses *more);

/* Adds a condition; with its opposite, both become the uses of the choices they are of. */
static void use_under(Finder *x, Uses *u, Condition c) {
  u->any = true;
  for (int i = 0; i < u->n; i++) {
    Condition old = u->at[i];
    if (old.cond != c.cond) continue;
    if (old.side == c.side) return;
    u->at[i] = u->at[--u->n];
    Uses both[] = {x->uses[old.owner], x->uses[c.owner]}; /* copies: u may be one of them */
    for (int k = 0; k < 2; k++) use_all(x, u, &both[k]);
    return;
  }
  if (u->n == MOST) u->many = true;
  else u->at[u->n++] = c;
}

static void use_all(Finder *x, Uses *u, const Uses *more) {
  u->any |= more->any;
  u->open |= more->open;
  u->many |= more->many;
  for (int i = 0; i < more->n && !u->open; i++) use_under(x, u, more->at[i]);
}

static bool is_guarded(const Uses *u) { return u->any && !u->open && (u->n || u->many); }

/* ---- uses ---- */
/* Whether a derivative goes from the result of `in` to operand k. */
static bool matters(const Fn *f, const Ins *in, int k) {
  DType t = (DType)fn_ins(f, in->arg[k])->type;
  if (t != T_BUNDLE && !type_is_float(t)) return false;
  if (op_kind((Op)in->op) != KIND_MAP) return true;
  const char *partial = op_info[in->op].partial[k];
  return partial && strcmp(partial, "0");
}

static Uses *uses_in(const Fn *f, bool guarded);

/* Of input `input` of a body whose outputs matter as the bundle does. */
static const Uses *body_uses(Finder *x, Val bundle, const Fn *body, int input, Uses **known) {
  if (!*known) *known = uses_in(body, is_guarded(&x->uses[bundle]));
  return &(*known)[body->in.at[input].val];
}

static void branch_uses(Finder *x, Val v, const Ins *in) {
  Uses *known[2] = {NULL, NULL};
  const Fn *side[] = {in->u.branch->then, in->u.branch->other};
  for (int k = 1; k < in->nargs; k++) {
    if (!matters(x->f, in, k)) continue;
    for (int s = 0; s < 2; s++) {
      const Uses *u = body_uses(x, v, side[s], k - 1, &known[s]);
      if (!u->any) continue;
      /* guarded inside, it is so whichever side runs: a condition of its own */
      use_under(x, &x->uses[in->arg[k]], (Condition){is_guarded(u) ? -v : in->arg[0], v, s});
    }
  }
}

/* ---- what is left out ---- */
/* The view reads every element of its operand, but for those of one axis, of which it reads
 * from..to; axis -1: none is left out. False: it is another kind of view. */
typedef struct Run {
  int axis;
  Dim from, to;
} Run;

static bool view_run(const Fn *f, const Ins *in, Run *r) {
  const Shape *x = &fn_ins(f, in->arg[0])->shape;
  uint32_t seen = 0;
  *r = (Run){.axis = -1};
  for (int d = 0; d < x->rank; d++) {
    const ViewDim *v = &in->u.view->dim[d];
    if (x->dim[d] == 1 && v->n == 0) continue;
    bool one = v->n <= 1 && v->den == 1 && (v->n == 0 || v->term[0].coef == 1);
    if (!one || (v->n && seen >> v->term[0].label & 1)) return false;
    if (v->n) seen |= 1u << v->term[0].label;
    Dim extent = v->n ? in->shape.dim[v->term[0].label] : 1;
    if (v->off == 0 && extent == x->dim[d]) continue;
    if (r->axis >= 0) return false;
    *r = (Run){d, v->off, dim_add(f->cx, v->off, extent)};
  }
  return true;
}

/* Windows and turned axes: the first and the last index are read, and no step is left out. */
static bool view_covers(const Fn *f, const Ins *in) {
  const Shape *x = &fn_ins(f, in->arg[0])->shape;
  for (int d = 0; d < x->rank; d++) {
    const ViewDim *v = &in->u.view->dim[d];
    Dim lo, hi;
    bool unit = v->n == 0 && x->dim[d] == 1;
    for (int t = 0; t < v->n; t++) unit |= v->term[t].coef == 1 || v->term[t].coef == -1;
    if (!unit || v->den != 1 || !view_interval(f->cx, v, &in->shape, &lo, &hi)) return false;
    if (dim_le(f->cx, lo, 0) != 1 || dim_le(f->cx, dim_sub(f->cx, x->dim[d], 1), hi) != 1)
      return false;
    for (int e = 0; e < d; e++) /* a diagonal: no two dimensions go together */
      for (int t = 0; t < v->n; t++)
        for (int s = 0; s < in->u.view->dim[e].n; s++)
          if (in->u.view->dim[e].term[s].label == v->term[t].label) return false;
  }
  return true;
}

/* Slices of one axis that lie side by side from its beginning to its end. */
static bool runs_cover(const Run *run, int n, int axis, Dim extent) {
  Dim at = 0;
  for (int steps = 0; at != extent && steps <= n; steps++)
    for (int i = 0; i < n; i++)
      if (run[i].axis == axis && run[i].from == at) {
        at = run[i].to;
        break;
      }
  return at == extent;
}

static bool reads_part(const Ins *in) { return in->op == OP_view || in->op == OP_gather; }

/* Elements of v that no view or gather reads: their cotangents are 0. */
static bool leaves_out(const Fn *f, Val v) {
  const Shape *x = &fn_ins(f, v)->shape;
  Run *run = NEWS(f->cx->arena, Run, f->ins.n - v + 1);
  int n = 0;
  for (Val u = v + 1; u < f->ins.n; u++) {
    const Ins *in = fn_ins(f, u);
    if (!reads_part(in) || in->arg[0] != v || in->op == OP_gather) continue;
    if (view_covers(f, in)) return false;
    if (view_run(f, in, &run[n])) n++;
  }
  for (int i = 0; i < n; i++)
    if (run[i].axis < 0 || runs_cover(run, n, run[i].axis, x->dim[run[i].axis])) return false;
  return true;
}

static void find_drops(Finder *x) {
  const Fn *f = x->f;
  x->drops = NEWS(f->cx->arena, bool, f->ins.n + 1);
  int8_t *known = NEWS(f->cx->arena, int8_t, f->ins.n + 1);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (!reads_part(in) || !type_is_float((DType)in->type)) continue;
    Val a = in->arg[0];
    if (!known[a]) known[a] = fn_ins(f, a)->shape.rank > 0 && leaves_out(f, a) ? 2 : 1;
    x->drops[v] = known[a] == 2;
  }
}

/* What a loop captures or scans matters as in its body, and not at all where no step is done; what
 * it carries comes out then. */
static void loop_uses(Finder *x, Val v, const Ins *in) {
  const Loop *l = in->u.loop;
  Uses *known = NULL;
  for (int k = l->counted; k < in->nargs; k++) {
    if (!matters(x->f, in, k)) continue;
    Uses *u = &x->uses[in->arg[k]];
    const Uses *inner = body_uses(x, v, l->body, k - l->counted + 1, &known);
    bool carried = k - l->counted < l->ncarry;
    if (carried) use_all(x, u, &x->uses[v]);
    else if (inner->any && (is_guarded(inner) || l->counted || l->cond))
      use_under(x, u, (Condition){-v, v, 0});
    else if (inner->any) use_all(x, u, &x->uses[v]);
  }
}

/* The elements that aren't the largest or smallest are put out. */
static bool is_extreme(const Ins *in) { return in->op == OP_amax || in->op == OP_amin; }

static void ins_uses(Finder *x, Val v) {
  const Ins *in = fn_ins(x->f, v);
  const Uses own = x->uses[v];
  if (!own.any) return;
  if (in->op == OP_branch) {
    branch_uses(x, v, in);
  } else if (in->op == OP_loop) {
    loop_uses(x, v, in);
  } else {
    for (int k = 0; k < in->nargs; k++) {
      if (!matters(x->f, in, k)) continue;
      Uses *u = &x->uses[in->arg[k]];
      if (in->op == OP_select) use_under(x, u, (Condition){in->arg[0], v, k});
      else if (in->op == OP_safe_mul) use_under(x, u, (Condition){-in->arg[1 - k], v, 0});
      else if (in->op == OP_min || in->op == OP_max) use_under(x, u, (Condition){v, v, k});
      else if (is_extreme(in) || x->drops[v]) use_under(x, u, (Condition){-v, v, 0});
      else use_all(x, u, &own);
    }
  }
}

static Uses *uses_in(const Fn *f, bool guarded) {
  Finder x = {f, NEWS(f->cx->arena, Uses, f->ins.n + 1), NULL};
  find_drops(&x);
  for (int i = 0; i < f->out.n; i++) {
    Uses *u = &x.uses[f->out.at[i].val];
    if (!guarded) use_open(u);
    else u->any = u->many = true;
  }
  for (Val v = f->ins.n; v-- > 1;) ins_uses(&x, v);
  return x.uses;
}

/* ---- what may be infinite ---- */
/* The operator at ordinary values and at the usual poles: does it give anything but a number?
 * Constant operands are what they are, and some are known not to be negative. */
static bool value_is_wild(const Fn *f, const Ins *in, const Sign *sign) {
  static const double at[] = {-1000, -2, -1, -0.5, 0, 1e-12, 0.5, 1, 2, 1000};
  static const double from[] = {-INFINITY, 0, 1e-12}; /* by sign */
  enum { N = COUNT_OF(at) };
  int n = in->nargs, many = 1;
  if (!type_is_float((DType)in->type) || op_info[in->op].typing == TY_SELECT || in->op == OP_cast)
    return false;
  const Ins *operand[3] = {NULL, NULL, NULL};
  for (int k = 0; k < n; k++) {
    operand[k] = fn_ins(f, in->arg[k]);
    if (!type_is_float((DType)operand[k]->type)) return true;
    if (!ins_is_const(operand[k]) && operand[k]->op != OP_size) many *= N;
  }
  for (int i = 0; i < many; i++) {
    Scalar a[3], y;
    bool possible = true;
    for (int k = 0, rest = i; k < n; k++) {
      bool fixed = ins_is_const(operand[k]) || operand[k]->op == OP_size;
      a[k].f = ins_is_const(operand[k]) ? operand[k]->u.f : fixed ? 3 : at[rest % N];
      if (fixed) continue;
      possible &= a[k].f >= from[sign[in->arg[k]]];
      rest /= N;
    }
    if (!possible) continue;
    y = ir_map_value((Op)in->op, (DType)in->type, (DType)in->type, a);
    if (!isfinite(y.f)) return true;
  }
  return false;
}

/* A partial divides, or calls something with a pole. */
static bool rule_is_wild(const Fn *f, const Ins *in, int operand, Sign own, const Sign *sign) {
  const char *text = op_info[in->op].partial[operand];
  if (!text || !strcmp(text, "0") || !strcmp(text, LINEAR_CAST)) return false;
  const Fn *rule = f->cx->rules->partial(f->cx, (Op)in->op, operand, (DType)in->type);
  if (!rule) return false;
  Sign input[4] = {SIGN_ANY, SIGN_ANY, SIGN_ANY, SIGN_ANY}; /* the operands and the result */
  for (int k = 0; k < in->nargs; k++) input[k] = sign[in->arg[k]];
  input[in->nargs] = own;
  const Sign *inside = signs_find(rule, rule->in.n <= COUNT_OF(input) ? input : NULL);
  for (Val v = 1; v < rule->ins.n; v++) {
    const Ins *r = fn_ins(rule, v);
    if (op_kind((Op)r->op) == KIND_MAP && value_is_wild(rule, r, inside)) return true;
  }
  return false;
}

/* Whether a MAP instruction or one of its partials may be infinite or NaN. */
static bool map_is_wild(const Fn *f, Val v, const Sign *sign) {
  const Ins *in = fn_ins(f, v);
  if (value_is_wild(f, in, sign)) return true;
  if (in->op == OP_div) return false; /* by a number that isn't 0 */
  for (int k = 0; k < in->nargs; k++)
    if (rule_is_wild(f, in, k, sign[v], sign)) return true;
  return false;
}

static bool has_poles(const Fn *f) {
  const Fn *body[IR_MAX_BODIES];
  const Sign *sign = signs_find(f, NULL);
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (op_kind((Op)in->op) == KIND_MAP && type_is_float((DType)in->type) &&
        map_is_wild(f, v, sign))
      return true;
    for (int i = 0, n = ins_bodies(in, body); i < n; i++)
      if (has_poles(body[i])) return true;
  }
  return false;
}

static bool is_wild(const Fn *f, Val v, const bool *wild, const Sign *sign) {
  const Fn *body[IR_MAX_BODIES];
  const Ins *in = fn_ins(f, v);
  for (int k = 0; k < in->nargs; k++) {
    const Ins *a = fn_ins(f, in->arg[k]);
    if (wild[in->arg[k]] ||
        (a->op == OP_const && type_is_float((DType)a->type) && !isfinite(a->u.f)))
      return true;
  }
  if (op_kind((Op)in->op) == KIND_MAP)
    return type_is_float((DType)in->type) && map_is_wild(f, v, sign);
  if (op_kind((Op)in->op) == KIND_FOLD) return in->op == OP_prod; /* its partial divides */
  for (int i = 0, n = ins_bodies(in, body); i < n; i++)
    if (has_poles(body[i])) return true;
  return in->op == OP_gather && !ir_indices_inside(f, in); /* NaN outside */
}

/* ---- the whole ---- */
static bool has_guards(const Fn *f) {
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    bool choice = in->op == OP_select || in->op == OP_min || in->op == OP_max || is_extreme(in) ||
                  reads_part(in);
    if ((choice && type_is_float((DType)in->type)) || in->op == OP_safe_mul ||
        in->op == OP_branch || in->op == OP_loop)
      return true;
  }
  return false;
}

static bool chooses(const Ins *in) {
  return in->op == OP_select || in->op == OP_min || in->op == OP_max;
}

/* Used once, by a choice that isn't guarded itself or by an elementwise operator that is plain. */
static void find_plain(const Fn *f, Guards *g) {
  int32_t *users = NEWS(f->cx->arena, int32_t, f->ins.n + 1);
  for (int i = 0; i < f->out.n; i++) users[f->out.at[i].val] += 2;
  for (Val v = f->ins.n; v-- > 1;) {
    const Ins *in = fn_ins(f, v);
    g->plain[v] = g->plain[v] && users[v] == 1 && g->guarded[v];
    for (int k = 0; k < in->nargs; k++) {
      if (!matters(f, in, k)) continue;
      users[in->arg[k]]++;
      bool choice = chooses(in) && !g->guarded[v];
      g->plain[in->arg[k]] =
          choice || (op_kind((Op)in->op) == KIND_MAP && !chooses(in) && g->plain[v]);
    }
  }
}

static bool is_dropped(const Fn *f, const Uses *u) {
  for (int i = 0; i < u->n; i++) {
    const Ins *owner = fn_ins(f, u->at[i].owner);
    if (!reads_part(owner) && !is_extreme(owner)) return false;
  }
  return u->n && !u->many;
}

Guards guards_find(const Fn *f, bool guarded) {
  Guards g = {.any = guarded || has_guards(f)};
  if (!g.any) return g;
  Arena *a = f->cx->arena;
  g.guarded = NEWS(a, bool, f->ins.n + 1);
  g.dropped = NEWS(a, bool, f->ins.n + 1);
  g.wild = NEWS(a, bool, f->ins.n + 1);
  g.plain = NEWS(a, bool, f->ins.n + 1);
  const Uses *uses = uses_in(f, guarded);
  const Sign *sign = signs_find(f, NULL);
  for (Val v = 1; v < f->ins.n; v++) {
    g.guarded[v] = is_guarded(&uses[v]);
    g.dropped[v] = g.guarded[v] && is_dropped(f, &uses[v]);
    g.wild[v] = g.guarded[v] && is_wild(f, v, g.wild, sign);
  }
  find_plain(f, &g);
  return g;
}

/* ---- contractions ---- */
Val guard_operand(Builder *b, Val dy, const uint8_t *out, Val x, const uint8_t *own) {
  Shape sy = *ir_shape(b, dy), sx = *ir_shape(b, x);
  int32_t at[IR_MAX_RANK];
  uint32_t gone = 0;
  int n = 0;
  for (int i = 0; i < sy.rank; i++) {
    int axis = -1;
    for (int k = 0; k < sx.rank; k++)
      if (own[k] == out[i]) axis = k;
    if (axis < 0) gone |= 1u << i;
    else at[n++] = axis;
  }
  Val some = ir_map2(b, OP_ne, dy, ir_zeros_like(b, dy));
  if (gone) some = ir_fold(b, OP_amax, some, gone);
  return ir_map3(b, OP_select, ir_spread(b, some, &sx, at), x, ir_zeros_like(b, x));
}
