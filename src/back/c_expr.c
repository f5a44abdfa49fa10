/* c_expr.c: expressions of the loop form as C text. */
#include "back/c_gen.h"
#include "loop/scale.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- text ---- */
const char *cg_fmt(CGen *g, const char *fmt, ...) {
  Text t = text_new(g->cx->arena);
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&t, fmt, ap);
  va_end(ap);
  return text_str(&t);
}

void cg_line(CGen *g, const char *fmt, ...) {
  for (int i = 0; i < g->indent; i++) text_add(&g->body, "  ");
  va_list ap;
  va_start(ap, fmt);
  text_vfmt(&g->body, fmt, ap);
  va_end(ap);
  text_add(&g->body, "\n");
}

/* ---- types ---- */
const char *const cg_elem_name[CE_COUNT] = {"f32", "f64", "i8",  "i32", "i64",
                                            "u8",  "u32", "u64", "i16", "u16"};
const char *const cg_elem_type[CE_COUNT] = {"float",   "double",  "int8_t",   "int32_t",
                                            "int64_t", "uint8_t", "uint32_t", "uint64_t",
                                            "int16_t", "uint16_t"};
const int cg_elem_bytes[CE_COUNT] = {4, 8, 1, 4, 8, 1, 4, 8, 2, 2};

int cg_log(CGen *g, int lanes) {
  int k = 0;
  while ((1 << k) < lanes) k++;
  if ((1 << k) != lanes || k >= C_MAX_LOG)
    cx_bug(g->cx, "a vector of %d lanes has no C type", lanes);
  return k;
}

CElem cg_elem(CGen *g, DType t, int mask_bytes) {
  switch (t) {
  case T_BOOL: return cg_mask_elem(mask_bytes);
  case T_U8: return CE_U8;
  case T_I32: return CE_I32;
  case T_I64: return CE_I64;
  case T_F32: return CE_F32;
  case T_F64: return CE_F64;
  case T_BUNDLE: break;
  }
  cx_bug(g->cx, "a loop form value without a C type");
}

const char *cg_vec(CGen *g, CElem e, int lanes) {
  g->vec_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "%sx%d", cg_elem_name[e], lanes);
}

const char *cg_type(CGen *g, DType t, int lanes, int mask_bytes) {
  if (lanes > 1) return cg_vec(g, cg_elem(g, t, mask_bytes), lanes);
  return t == T_BOOL ? "int" : cg_elem_type[cg_elem(g, t, 4)];
}

const char *cg_memory_type(CGen *g, DType t) {
  return t == T_BOOL ? "u8" : cg_elem_name[cg_elem(g, t, 4)];
}

/* A name or a number: a macro may take its address or use it twice. */
static bool is_atom(const char *s) {
  if (*s == '(' && s[1] == '-' && isdigit((unsigned char)s[2])) s += 2; /* (-1.5f) */
  bool number = isdigit((unsigned char)*s);
  for (; *s && *s != ')'; s++) {
    bool exponent = number && *s == '-' && s[-1] == 'e';
    if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.' && !exponent) return false;
  }
  return !*s || !s[1];
}

const char *cg_atom(CGen *g, const char *text, const char *type) {
  if (is_atom(text)) return text;
  const char *name = cg_fmt(g, "t%d", g->temps++);
  cg_line(g, "const %s %s = %s;", type, name, cg_bare(g, text));
  return name;
}

/* The outer parentheses, if one pair is around all. */
const char *cg_bare(CGen *g, const char *s) {
  size_t n = strlen(s);
  bool one = s[0] == '(' && s[n - 1] == ')' && !memchr(s + 1, '(', n - 1);
  return one ? cg_fmt(g, "%.*s", (int)n - 2, s + 1) : s;
}

/* Texts that would make lines too long get a name. */
static const char *kept_short(CGen *g, const char *text, const ExNode *x, int mask_bytes) {
  if (strlen(text) < 60) return text;
  return cg_atom(g, text, cg_type(g, (DType)x->type, x->lanes, mask_bytes));
}

/* ---- numbers ---- */
/* Large numbers are patterns of bits more often than counts, but for round ones. */
static const char *int_text(CGen *g, int64_t v) {
  if (v >= 1 << 24 && v <= INT32_MAX && v % 1000) return cg_fmt(g, "0x%08llx", (long long)v);
  if (v >= -INT32_MAX && v <= INT32_MAX) return cg_fmt(g, v < 0 ? "(%lld)" : "%lld", (long long)v);
  if (v == INT64_MIN) return "INT64_MIN";
  return cg_fmt(g, v < 0 ? "(-INT64_C(%llu))" : "INT64_C(%llu)",
                (unsigned long long)(v < 0 ? -v : v));
}

const char *cg_number(CGen *g, DType t, double f, int64_t i) {
  Text s = text_new(g->cx->arena);
  if (t == T_I32 && (int32_t)i == INT32_MIN) return "INT32_MIN";
  if (t == T_I32) return int_text(g, (int32_t)i);
  if (t == T_U8) return int_text(g, (uint8_t)i);
  if (t == T_BOOL) return int_text(g, i & 1);
  if (!type_is_float(t)) return int_text(g, i);
  if (t == T_F32) f = (float)f;
  const char *cast = t == T_F64 ? "(double)" : "";
  if (f != f) return cg_fmt(g, "(%sNAN)", cast);
  if (f - f != 0) return cg_fmt(g, f < 0 ? "(-%sINFINITY)" : "(%sINFINITY)", cast);
  bool negative = f < 0 || (f == 0 && 1 / f < 0);
  if (negative) text_add(&s, "(");
  if (t == T_F32) text_f32(&s, (float)f);
  else text_f64(&s, f);
  if (t == T_F32) text_add(&s, "f");
  if (negative) text_add(&s, ")");
  return text_str(&s);
}

/* ---- sizes ---- */
static const char *dim_constant(CGen *g, Dim d) {
  int k = 0;
  while (k < g->dim.n && g->dim.at[k] != d) k++;
  if (k == g->dim.n) vec_push(g->cx->arena, &g->dim, d);
  return cg_fmt(g, "d%d", k);
}

const char *cg_dim(CGen *g, Dim d) {
  return dim_is_number(d) ? int_text(g, d) : dim_constant(g, d);
}

static const DimC size_syntax = {.before = "n_", .after = ""};

const char *cg_ix(CGen *g, const Ix *ix) {
  Text t = text_new(g->cx->arena);
  Dim off = ix->off;
  int n = 0;
  for (int i = 0; i < ix->n; i++) {
    int v = ix->term[i].var;
    Dim c = ix->term[i].coef;
    if (g->fixed[v]) {
      off = dim_add(g->cx, off, dim_mul(g->cx, c, g->value[v]));
      continue;
    }
    if (n++) text_add(&t, " + ");
    if (c != 1) text_fmt(&t, "%s * ", cg_dim(g, c));
    text_fmt(&t, "i%d", v);
  }
  if (!n) return cg_dim(g, off);
  if (!dim_is_number(off)) text_fmt(&t, " + %s", cg_dim(g, off));
  else if (off) text_fmt(&t, off < 0 ? " - %s" : " + %s", int_text(g, off < 0 ? -off : off));
  else if (n == 1 && ix->n == 1 && ix->term[0].coef == 1) return text_str(&t);
  return cg_fmt(g, "(%s)", text_str(&t));
}

const char *cg_sizes(CGen *g, const char *type) {
  Text t = text_new(g->cx->arena);
  for (int i = 0; i < g->sizes.n; i++) text_fmt(&t, ", %sn_%s", type, g->sizes.at[i]);
  return text_str(&t);
}

const char *cg_sizes_used(CGen *g, const char *before, const char *type) {
  Text t = text_new(g->cx->arena);
  SizeBindings used = {0};
  for (int i = 0; i < g->dim.n; i++) dim_names(g->cx, g->dim.at[i], g->cx->arena, &used);
  for (int i = 0; i < g->sizes.n; i++) {
    Dim d;
    if (!size_lookup(&used, g->sizes.at[i], &d)) continue;
    text_fmt(&t, "%s%sn_%s", before, type, g->sizes.at[i]);
    before = ", ";
  }
  return text_str(&t);
}

CgBody cg_body_begin(CGen *g) {
  CgBody b = {g->body};
  g->body = text_new(g->cx->arena);
  g->dim.n = 0;
  g->indent++;
  return b;
}

void cg_body_end(CGen *g, CgBody b, const char *head) {
  const char *text = cg_body_text(g, b);
  cg_line(g, "%s%s", head, text);
}

const char *cg_body_text(CGen *g, CgBody b) {
  Text body = g->body;
  g->body = b.outer;
  g->indent--;
  Text sizes = text_new(g->cx->arena);
  for (int i = 0; i < g->dim.n; i++) {
    text_fmt(&sizes, "  const ptrdiff_t d%d = ", i);
    dim_print_c(g->cx, g->dim.at[i], &size_syntax, &sizes);
    text_add(&sizes, ";\n");
  }
  return cg_fmt(g, " {\n%s%s}\n", text_str(&sizes), text_str(&body));
}

/* {0, step, 2*step, ...} */
static const char *lane_numbers(CGen *g, CElem e, int lanes, int64_t step) {
  Text t = text_new(g->cx->arena);
  for (int i = 0; i < lanes; i++)
    text_fmt(&t, "%s%s", i ? ", " : "", cg_bare(g, int_text(g, i * step)));
  return cg_listed(g, text_str(&t), e, lanes);
}

static const char *lane_steps(CGen *g, CElem e, int lanes, Dim step) {
  if (dim_is_number(step)) return lane_numbers(g, e, lanes, step);
  const char *by = cg_splat(g, cg_fmt(g, "(%s)%s", cg_elem_type[e], cg_dim(g, step)), e, lanes);
  return cg_op(g, CH_MUL, e, lanes, lane_numbers(g, e, lanes, 1), by, NULL, NULL);
}

const char *cg_lane(CGen *g, const char *v, int lanes) {
  return lanes > 1 ? cg_fmt(g, "AT(%s, l)", v) : v;
}

/* ---- masks ---- */
/* How wide the lanes of a mask are if nobody asks for another width; 0: any will do. */
static int natural_bytes(CGen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  if (x->type != T_BOOL) return type_info[x->type].bytes;
  if (x->kind == EX_REG) return g->mask[x->u.reg];
  if (x->kind != EX_MAP) return 0;
  for (int i = x->op == OP_select; i < 3 && x->arg[i]; i++) {
    int n = natural_bytes(g, x->arg[i]);
    if (n) return n;
  }
  return 0;
}

int cg_mask_bytes(CGen *g, Ex e) {
  int n = natural_bytes(g, e);
  return n ? n : 4;
}

static const char *widened(CGen *g, const char *mask, int lanes, int from, int to) {
  if (from == to || lanes == 1) return mask;
  return cg_convert(g, mask, cg_mask_elem(from), cg_mask_elem(to), lanes);
}

/* ---- memory ---- */
const char *cg_place_at(CGen *g, const char *base, const char *at) {
  return strcmp(at, "0") ? cg_fmt(g, "%s + %s", base, at) : base;
}

bool cg_is_spread(CGen *g, Ex dyn, int lanes, Dim lane_stride) {
  return lanes > 1 && (lane_stride != 1 || (dyn && g->k->ex.at[dyn].lanes > 1));
}

static const char *plus_dyn(CGen *g, const char *at, Ex dyn) {
  return dyn ? cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_ex(g, dyn, 0)) : at;
}

/* Lanes that aren't side by side: by one instruction where the target has it. The scalar parts of
 * their places are in the address, so that the lanes' own parts are small. */
static bool gathers(CGen *g, const ExNode *x) {
  const ExNode *dyn = x->dyn ? &g->k->ex.at[x->dyn] : NULL;
  bool moves = dyn && dyn->lanes > 1;
  if (x->lane_stride && (moves || !dim_is_number(x->lane_stride) || x->lane_stride > 1 << 20 ||
                         x->lane_stride < -(1 << 20)))
    return false;
  return !moves || dyn->type == T_I32 || type_info[x->type].bytes == 8;
}

static const char *gathered(CGen *g, const ExNode *x, CElem e, const char *at) {
  const ExNode *dyn = x->dyn ? &g->k->ex.at[x->dyn] : NULL;
  bool moves = dyn && dyn->lanes > 1, far = moves && dyn->type == T_I64;
  if (!moves) at = plus_dyn(g, at, x->dyn);
  CElem own = far ? CE_I64 : CE_I32;
  const char *i = moves ? cg_ex(g, x->dyn, 0) : lane_numbers(g, own, x->lanes, x->lane_stride);
  at = cg_place_at(g, cg_argument(g, x->buf), at);
  if (!x->mask) return cg_op(g, far ? CH_GATHER64 : CH_GATHER, e, x->lanes, at, i, NULL, NULL);
  const char *mask = cg_ex(g, x->mask, cg_elem_bytes[e]);
  return cg_op(g, far ? CH_GATHER64_IF : CH_GATHER_IF, e, x->lanes, at, i, mask, NULL);
}

static const char *lane_loads(CGen *g, const ExNode *x, const char *type, const char *at) {
  const ExNode *dyn = x->dyn ? &g->k->ex.at[x->dyn] : NULL;
  const char *move =
      dyn ? cg_atom(g, cg_ex(g, x->dyn, 0), cg_type(g, (DType)dyn->type, dyn->lanes, 4)) : NULL;
  const char *mask =
      x->mask ? cg_atom(g, cg_ex(g, x->mask, 4), cg_type(g, T_BOOL, x->lanes, 4)) : NULL;
  at = cg_atom(g, at, "ptrdiff_t");
  if (x->lane_stride) at = cg_fmt(g, "%s + %s * l", at, cg_dim(g, x->lane_stride));
  if (move) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_lane(g, move, dyn->lanes));
  const char *t = cg_fmt(g, "t%d", g->temps++);
  cg_line(g, "%s %s = {0};", type, t);
  const char *test = mask ? cg_fmt(g, "if (AT(%s, l)) ", mask) : "";
  cg_line(g, "for (int l = 0; l < %d; l++) %sAT(%s, l) = %s[%s];", x->lanes, test, t,
          cg_argument(g, x->buf), at);
  return t;
}

/* Where one condition holds for all lanes or for none: for none the place may be far from the
 * array, and what a masked instruction doesn't load from pages that aren't there takes long. */
static const char *near_place(CGen *g, const ExNode *x, const char *at) {
  const ExNode *mask = &g->k->ex.at[x->mask];
  if (!x->mask || mask->kind != EX_SPLAT || !strcmp(at, "0")) return at;
  const char *place = cg_fmt(g, "(%s ? %s : 0)", cg_ex(g, mask->arg[0], 0), at);
  return strlen(place) < 60 ? place : cg_atom(g, place, "ptrdiff_t");
}

/* A vector of elements as they lie in memory: bool as u8. */
static const char *vector_load(CGen *g, const ExNode *x) {
  int lanes = x->lanes;
  CElem e = x->type == T_BOOL ? CE_U8 : cg_elem(g, (DType)x->type, 4);
  const char *type = cg_vec(g, e, lanes), *at = cg_ix(g, &x->ix);
  if (!cg_is_spread(g, x->dyn, lanes, x->lane_stride)) {
    at = near_place(g, x, plus_dyn(g, at, x->dyn));
    at = cg_place_at(g, cg_argument(g, x->buf), at);
    if (!x->mask) return cg_op(g, CH_LOAD, e, lanes, at, NULL, NULL, NULL);
    const char *bits = cg_bits_mask(g, x->mask, (DType)x->type);
    if (bits) return cg_op(g, CH_LOAD_BITS, e, lanes, at, bits, NULL, NULL);
    const char *first = cg_first_lanes(g, x->mask), *mask = cg_ex(g, x->mask, cg_elem_bytes[e]);
    if (first) return cg_op(g, CH_LOAD_N, e, lanes, at, first, mask, NULL);
    return cg_op(g, CH_LOAD_IF, e, lanes, at, mask, NULL, NULL);
  }
  return e != CE_U8 && gathers(g, x) ? gathered(g, x, e, at) : lane_loads(g, x, type, at);
}

static const char *load(CGen *g, const ExNode *x, int mask_bytes) {
  DType t = (DType)x->type;
  if (x->lanes == 1) {
    const char *at = cg_ix(g, &x->ix);
    at = plus_dyn(g, at, x->dyn);
    if (!x->dyn) at = cg_bare(g, at);
    const char *v = cg_fmt(g, t == T_BOOL ? "(%s[%s] != 0)" : "%s[%s]", cg_argument(g, x->buf), at);
    return x->mask ? cg_fmt(g, "(%s ? %s : %s)", cg_ex(g, x->mask, 0), v, cg_number(g, t, 0, 0))
                   : v;
  }
  const char *v = vector_load(g, x);
  if (t != T_BOOL) return v;
  CElem mask = cg_mask_elem(mask_bytes);
  v = cg_convert(g, v, CE_U8, mask, x->lanes);
  return cg_op(g, CH_NE, mask, x->lanes, v, cg_splat(g, "0", mask, x->lanes), NULL, NULL);
}

/* ---- the other kinds ---- */
static const char *immediate(CGen *g, DType t, int lanes, double f, int64_t i, int mask_bytes) {
  if (t == T_BOOL && lanes > 1) i = -(i & 1);
  const char *v = t == T_BOOL ? int_text(g, i) : cg_number(g, t, f, i);
  return cg_splat(g, v, cg_elem(g, t, mask_bytes), lanes);
}

static const char *size_value(CGen *g, const ExNode *x, int mask_bytes) {
  DType t = (DType)x->type;
  if (dim_is_number(x->ix.off))
    return immediate(g, t, x->lanes, (double)x->ix.off, x->ix.off, mask_bytes);
  CElem e = cg_elem(g, t, mask_bytes);
  return cg_splat(g, cg_fmt(g, "(%s)%s", cg_elem_type[e], cg_dim(g, x->ix.off)), e, x->lanes);
}

static const char *index_value(CGen *g, const ExNode *x) {
  DType t = (DType)x->type, own = type_is_float(t) ? T_I64 : t;
  CElem e = cg_elem(g, own, 4);
  const char *v = cg_ix(g, &x->ix);
  int lanes = x->lanes;
  if (own != T_I64) v = cg_fmt(g, "(%s)%s", cg_elem_type[e], v);
  if (lanes > 1) {
    v = cg_splat(g, v, e, lanes);
    if (x->lane_stride)
      v = cg_op(g, CH_ADD, e, lanes, v, lane_steps(g, e, lanes, x->lane_stride), NULL, NULL);
  }
  if (own == t) return v;
  if (lanes == 1) return cg_fmt(g, "(%s)%s", cg_elem_type[cg_elem(g, t, 4)], v);
  return cg_convert(g, v, e, cg_elem(g, t, 4), lanes);
}

/* 0 .. lanes, of a count that may be negative or beyond the lanes */
static const char *clamped(CGen *g, const char *n, int lanes) {
  char *end;
  long long v = strtoll(n, &end, 10);
  if (!*end) return cg_fmt(g, "%lld", v > lanes ? (long long)lanes : v);
  n = cg_atom(g, n, "ptrdiff_t");
  return cg_fmt(g, "(%s < 0 ? 0 : %s > %d ? %d : %s)", n, n, lanes, lanes, n);
}

static const char *active_lanes(CGen *g, const ExNode *x, int mask_bytes) {
  const char *n = cg_ix(g, &x->ix);
  if (x->lanes == 1) return cg_fmt(g, "(%s > 0)", n);
  CElem e = cg_mask_elem(mask_bytes);
  const char *count = cg_fmt(g, "(%s)%s", cg_elem_type[e], clamped(g, n, x->lanes));
  const char *all = cg_splat(g, count, e, x->lanes), *lanes = lane_numbers(g, e, x->lanes, 1);
  return cg_op(g, CH_LT, e, x->lanes, lanes, all, NULL, NULL);
}

const char *cg_first_lanes(CGen *g, Ex mask) {
  const ExNode *x = &g->k->ex.at[mask];
  if (x->kind == EX_REG) x = &g->k->ex.at[g->active[x->u.reg]];
  if (x->kind != EX_ACTIVE) return NULL;
  const char *n = clamped(g, cg_ix(g, &x->ix), x->lanes);
  return cg_atom(g, *n == '(' ? cg_fmt(g, "(int)%s", n) : n, "int");
}

static const char *shuffle(CGen *g, const ExNode *x) {
  CElem e = cg_elem(g, (DType)x->type, 4);
  const char *type = cg_vec(g, e, x->lanes), *arg[2];
  for (int i = 0; i < 2; i++) arg[i] = cg_atom(g, cg_ex(g, x->arg[i], 0), type);
  Text t = text_new(g->cx->arena);
  text_fmt(&t, "%s, %s", arg[0], arg[1]);
  for (int l = 0; l < x->lanes; l++) text_fmt(&t, ", %d", x->u.pick[l]);
  return cg_picked(g, text_str(&t), e, x->lanes);
}

/* The same value for sure. */
static bool same_value(CGen *g, Ex a, Ex b) {
  const ExNode *x = &g->k->ex.at[a], *y = &g->k->ex.at[b];
  if (a == b) return true;
  if (x->kind != y->kind || x->type != y->type || x->lanes != y->lanes) return false;
  if (x->kind == EX_IMM && type_is_float((DType)x->type))
    return !memcmp(&x->u.f, &y->u.f, sizeof x->u.f);
  return x->kind == EX_IMM ? x->u.i == y->u.i : x->kind == EX_REG && x->u.reg == y->u.reg;
}

/* min or max, as the instructions have it, where a select on a comparison is one of them; else
 * NULL. Of vectors GCC makes a comparison and a blend of it. Of scalars tools that follow values
 * (cppcheck) take each comparison with a number for news about a variable, which costs them
 * minutes. */
static const char *extreme(CGen *g, const ExNode *x) {
  const ExNode *c = &g->k->ex.at[x->arg[0]];
  if (x->op != OP_select || !type_is_float((DType)x->type)) return NULL;
  if (c->kind != EX_MAP || (c->op != OP_lt && c->op != OP_gt)) return NULL;
  bool straight = same_value(g, c->arg[0], x->arg[1]) && same_value(g, c->arg[1], x->arg[2]);
  bool crossed = same_value(g, c->arg[0], x->arg[2]) && same_value(g, c->arg[1], x->arg[1]);
  if (!straight && !crossed) return NULL;
  const char *a = cg_ex(g, x->arg[1], 0), *b = cg_ex(g, x->arg[2], 0);
  Op op = (c->op == OP_lt) == straight ? OP_min : OP_max;
  return cg_extreme(g, op, (DType)x->type, x->lanes, a, b);
}

/* GCC 12 turns a choice between results of arithmetic into the arithmetic under a mask, twice, and
 * a union; what it can't see into it blends. A choice of 0 is better under a mask. */
static void hide_operands(CGen *g, const ExNode *x, const char **arg) {
  int bytes = type_info[x->type].bytes * x->lanes;
  if (x->op != OP_select || x->type == T_BOOL || x->lanes == 1) return;
  if (bytes < 16 || bytes > MIN(g->p->target.vector_bytes, 64)) return;
  for (int i = 1; i < 3; i++)
    if (g->k->ex.at[x->arg[i]].kind == EX_IMM) return;
  for (int i = 1; i < 3; i++) {
    ExKind kind = (ExKind)g->k->ex.at[x->arg[i]].kind;
    if (kind == EX_LOAD || kind == EX_REG || kind == EX_SPLAT) continue;
    const char *t = cg_fmt(g, "t%d", g->temps++);
    cg_line(g, "%s %s = %s;", cg_type(g, (DType)x->type, x->lanes, 4), t, arg[i]);
    cg_line(g, "KEEP(%s);", t);
    g->keep_used = true;
    arg[i] = t;
  }
}

/* 0 <= i and i < n of lanes is one comparison without sign: of i as wide as the mask, where
 * negative numbers are the largest. NULL: e is nothing of the kind. */
static const char *inside_range(CGen *g, const ExNode *x, int mask_bytes) {
  if (x->op != OP_and || x->lanes == 1) return NULL;
  const ExNode *lo = &g->k->ex.at[x->arg[0]], *hi = &g->k->ex.at[x->arg[1]];
  if (lo->kind != EX_MAP || hi->kind != EX_MAP || lo->op != OP_ge || hi->op != OP_lt) return NULL;
  const ExNode *i = &g->k->ex.at[lo->arg[0]], *zero = &g->k->ex.at[lo->arg[1]],
               *n = &g->k->ex.at[hi->arg[1]];
  DType t = (DType)i->type;
  if ((t != T_I32 && t != T_I64) || i->kind != EX_REG || !same_value(g, lo->arg[0], hi->arg[0]))
    return NULL;
  if (zero->kind != EX_IMM || zero->u.i != 0 || n->kind != EX_IMM || n->u.i < 0) return NULL;
  int bytes = MAX(mask_bytes, type_info[t].bytes), lanes = x->lanes;
  if (bytes * lanes > MAX(g->p->target.vector_bytes, 16)) return NULL; /* more than a register */
  CElem e = bytes == 8 ? CE_I64 : CE_I32, plain = bytes == 8 ? CE_U64 : CE_U32;
  const char *v = cg_ex(g, lo->arg[0], 0);
  if (bytes > type_info[t].bytes) v = cg_convert(g, v, CE_I32, CE_I64, lanes);
  const char *most = cg_splat(g, int_text(g, n->u.i), e, lanes);
  v = cg_op(g, CH_LT, plain, lanes, cg_as(g, v, e, plain, lanes), cg_as(g, most, e, plain, lanes),
            NULL, NULL);
  return widened(g, v, lanes, bytes, mask_bytes);
}

static int64_t integer(CGen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  if (x->kind == EX_SPLAT) return integer(g, x->arg[0]);
  return x->kind == EX_IMM && !type_is_float((DType)x->type) ? x->u.i : 0;
}

/* A product by two powers of two. */
static const char *scaled(CGen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  int lanes = x->lanes, bytes = lanes * type_info[x->type].bytes;
  LoopScaled s;
  if (x->op != OP_mul || lanes == 1 || g->p->target.vector_bytes != 64) return NULL;
  if ((bytes != 16 && bytes != 32 && bytes != 64) || !loop_scaled(g->k, g->let, e, &s)) return NULL;
  CElem own = cg_elem(g, (DType)x->type, 4);
  const char *magic = cg_splat(g, cg_number(g, (DType)x->type, s.magic, 0), own, lanes);
  const char *n = cg_op(g, CH_SUB, own, lanes, cg_ex(g, s.sum, 0), magic, NULL, NULL);
  return cg_op(g, CH_SCALE, own, lanes, cg_ex(g, s.p, 0), n, cg_ex(g, s.low, 0),
               cg_ex(g, s.high, 0));
}

static const char *chosen_by_bits(CGen *g, const ExNode *x) {
  const char *bits = x->op == OP_select ? cg_bits_reg(g, x->arg[0]) : NULL;
  if (!bits) return NULL;
  const char *a = cg_ex(g, x->arg[1], 0), *b = cg_ex(g, x->arg[2], 0);
  return cg_op(g, CH_BLEND_BITS, cg_elem(g, (DType)x->type, 4), x->lanes, bits, a, b, NULL);
}

static const char *map(CGen *g, Ex e, int mask_bytes) {
  const ExNode *x = &g->k->ex.at[e];
  const char *arg[3], *whole = extreme(g, x);
  if (!whole) whole = scaled(g, e);
  if (!whole) whole = inside_range(g, x, mask_bytes);
  if (!whole) whole = chosen_by_bits(g, x);
  if (whole) return whole;
  DType from = (DType)x->type;
  int inner = mask_bytes; /* of truth values among the operands */
  if (x->arg[0] && g->k->ex.at[x->arg[0]].type == T_BOOL && x->type != T_BOOL)
    inner = type_info[x->type].bytes;
  for (int i = 0; i < 3 && x->arg[i]; i++) {
    const ExNode *a = &g->k->ex.at[x->arg[i]];
    arg[i] = cg_ex(g, x->arg[i], inner);
    if (strlen(arg[i]) > 60)
      arg[i] = cg_atom(g, arg[i], cg_type(g, (DType)a->type, a->lanes, inner));
    if (i == 0 || x->op == OP_select) from = (DType)a->type;
  }
  hide_operands(g, x, arg);
  bool shifts = x->op == OP_shl || x->op == OP_shr || x->op == OP_ushr;
  int64_t by = x->op == OP_idiv || x->op == OP_mod || shifts ? integer(g, x->arg[1]) : 0;
  int lanes = x->lanes;
  if (op_info[x->op].typing == TY_COMPARE && lanes > 1 && mask_bytes == 8 &&
      type_info[from].bytes == 4 && from != T_BOOL) { /* cheaper than to widen a mask */
    DType wide = from == T_F32 ? T_F64 : T_I64;
    for (int i = 0; i < 2; i++)
      arg[i] = cg_convert(g, arg[i], cg_elem(g, from, 4), cg_elem(g, wide, 4), lanes);
    from = wide;
  }
  const char *v = cg_map(g, x->op, from, (DType)x->type, lanes, arg, by, inner, mask_bytes);
  if (op_info[x->op].typing != TY_COMPARE || from == T_BOOL || lanes == 1) return v;
  return widened(g, v, lanes, type_info[from].bytes, mask_bytes);
}

static const char *splat(CGen *g, const ExNode *x, int mask_bytes) {
  DType t = (DType)x->type;
  const char *v = cg_ex(g, x->arg[0], 0);
  int lanes = x->lanes;
  if (t == T_BOOL && lanes > 1) {
    v = cg_fmt(g, "-%s", cg_atom(g, v, "int"));
    v = cg_fmt(g, "(%s)(%s)", cg_elem_type[cg_mask_elem(mask_bytes)], v);
  }
  return cg_splat(g, v, cg_elem(g, t, mask_bytes), lanes);
}

static const char *in_register(CGen *g, const ExNode *x, int mask_bytes) {
  const char *v = cg_reg(g, x->u.reg);
  return x->type == T_BOOL ? widened(g, v, x->lanes, g->mask[x->u.reg], mask_bytes) : v;
}

const char *cg_ex(CGen *g, Ex e, int mask_bytes) {
  const ExNode *x = &g->k->ex.at[e];
  DType t = (DType)x->type;
  const char *v = NULL;
  if (!mask_bytes) mask_bytes = cg_mask_bytes(g, e);
  switch ((ExKind)x->kind) {
  case EX_IMM: v = immediate(g, t, x->lanes, x->u.f, x->u.i, mask_bytes); break;
  case EX_SIZE: v = size_value(g, x, mask_bytes); break;
  case EX_INDEX: v = index_value(g, x); break;
  case EX_REG: v = in_register(g, x, mask_bytes); break;
  case EX_LOAD: v = load(g, x, mask_bytes); break;
  case EX_SPLAT: v = splat(g, x, mask_bytes); break;
  case EX_ACTIVE: v = active_lanes(g, x, mask_bytes); break;
  case EX_SHUFFLE: v = shuffle(g, x); break;
  case EX_REDUCE: v = cg_reduce(g, x); break;
  case EX_MAP: v = map(g, e, mask_bytes); break;
  }
  return kept_short(g, v, x, mask_bytes);
}
