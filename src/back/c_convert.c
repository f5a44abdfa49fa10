/* c_convert.c: vectors of emitted C as others: converted, seen as bits, copied from scalars,
 * halved, shuffled. In: which of it was named. Out: the definitions, with vector extensions or
 * without. */
#include "back/c_vector.h"

/* ---- as they are written ---- */
static const char *short_argument(CGen *g, const char *v, CElem e, int lanes) {
  return strlen(v) > 40 ? cg_atom(g, v, cg_vec(g, e, lanes)) : v;
}

const char *cg_splat(CGen *g, const char *scalar, CElem e, int lanes) {
  if (lanes == 1) return scalar;
  const char *type = cg_vec(g, e, lanes);
  g->splat_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "ALL_%s(%s)", type, cg_bare(g, cg_atom(g, scalar, cg_elem_type[e])));
}

static const char *conversion_name(CGen *g, CElem from, CElem to, int lanes) {
  cg_vec(g, from, lanes);
  g->convert_used[from][to][cg_log(g, lanes)] = true;
  return cg_fmt(g, "CVT_%s_%s", cg_elem_name[from], cg_vec(g, to, lanes));
}

const char *cg_convert(CGen *g, const char *v, CElem from, CElem to, int lanes) {
  if (from == to) return v;
  const char *name = conversion_name(g, from, to, lanes);
  return cg_fmt(g, "%s(%s)", name, short_argument(g, v, from, lanes));
}

const char *cg_as(CGen *g, const char *v, CElem from, CElem to, int lanes) {
  if (from == to) return v;
  cg_vec(g, from, lanes);
  g->as_used[from][to][cg_log(g, lanes)] = true;
  v = short_argument(g, v, from, lanes);
  return cg_fmt(g, "AS_%s_%s(%s)", cg_elem_name[from], cg_vec(g, to, lanes), v);
}

const char *cg_half(CGen *g, const char *v, CElem e, int lanes, bool upper) {
  const char *type = cg_vec(g, e, lanes);
  cg_vec(g, e, lanes / 2);
  g->half_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "%s_%s(%s)", upper ? "HIGH" : "LOW", type, v);
}

const char *cg_listed(CGen *g, const char *list, CElem e, int lanes) {
  const char *type = cg_vec(g, e, lanes);
  g->list_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "LIST_%s(%s)", type, list);
}

const char *cg_picked(CGen *g, const char *list, CElem e, int lanes) {
  const char *type = cg_vec(g, e, lanes);
  g->pick_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "PICK_%s(%s)", type, list);
}

/* ---- one of all lanes ---- */
/* The lanes of v, each n lanes further down. */
static const char *moved_down(CGen *g, const char *v, CElem e, int lanes, int n) {
  Text t = text_new(g->cx->arena);
  text_fmt(&t, "%s, %s", v, v);
  for (int l = 0; l < lanes; l++) text_fmt(&t, ", %d", l + n);
  return cg_picked(g, text_str(&t), e, lanes);
}

/* The upper half onto the lower, until one lane is left: the order every back end follows. The last
 * steps leave lanes unused: GCC takes vectors of 8 bytes through memory, adds two scalars that were
 * neighbours by an instruction that takes as long as three, and chooses between two by a jump. */
const char *cg_reduce(CGen *g, const ExNode *x) {
  const ExNode *vec = &g->k->ex.at[x->arg[0]];
  DType t = (DType)x->type;
  int bytes = cg_mask_bytes(g, x->arg[0]), wide = vec->lanes;
  CElem e = cg_elem(g, t, bytes);
  const char *v = cg_ex(g, x->arg[0], bytes);
  v = cg_atom(g, v, cg_type(g, t, wide, bytes));
  for (int n = wide / 2; n > 0; n /= 2) {
    const char *half[2] = {v, NULL};
    if (wide * cg_elem_bytes[e] > 16) {
      for (int i = 0; i < 2; i++) half[i] = cg_half(g, v, e, wide, i == 1);
      wide = n;
    } else {
      half[1] = cg_atom(g, moved_down(g, v, e, wide, n), cg_vec(g, e, wide));
    }
    v = cg_atom(g, cg_map(g, x->op, t, t, wide, half, 0, bytes, bytes), cg_vec(g, e, wide));
  }
  return cg_fmt(g, t == T_BOOL ? "(AT(%s, 0) != 0)" : "AT(%s, 0)", v);
}

/* ---- other numbers ---- */
/* Where an instruction changes the width of a whole vector; GCC 12 takes it apart and converts the
 * parts. */
typedef struct Conversion {
  CElem from, to;
  int lanes;
  bool by_512; /* else AVX2 has it */
  const char *instruction;
} Conversion;
static const Conversion conversion[] = {
    {CE_F32, CE_F64, 8, true, "_mm512_cvtps_pd"},
    {CE_F64, CE_F32, 8, true, "_mm512_cvtpd_ps"},
    {CE_I32, CE_F64, 8, true, "_mm512_cvtepi32_pd"},
    {CE_F64, CE_I32, 8, true, "_mm512_cvttpd_epi32"},
    {CE_I32, CE_I64, 8, true, "_mm512_cvtepi32_epi64"},
    {CE_I64, CE_I32, 8, true, "_mm512_cvtepi64_epi32"},
    {CE_U8, CE_I32, 16, true, "_mm512_cvtepu8_epi32"},
    {CE_I8, CE_I32, 16, true, "_mm512_cvtepi8_epi32"},
    {CE_I32, CE_U8, 16, true, "_mm512_cvtepi32_epi8"},
    {CE_I32, CE_I8, 16, true, "_mm512_cvtepi32_epi8"},
    {CE_I32, CE_U8, 8, true, "_mm256_cvtepi32_epi8"},
    {CE_I32, CE_I8, 8, true, "_mm256_cvtepi32_epi8"},
    {CE_U8, CE_I64, 8, true, "_mm512_cvtepu8_epi64"},
    {CE_I64, CE_U8, 8, true, "_mm512_cvtepi64_epi8"},
    {CE_I64, CE_I8, 8, true, "_mm512_cvtepi64_epi8"},
    {CE_U8, CE_I32, 8, false, "_mm256_cvtepu8_epi32"},
    {CE_I8, CE_I32, 8, false, "_mm256_cvtepi8_epi32"},
    {CE_F32, CE_F64, 4, false, "_mm256_cvtps_pd"},
    {CE_F64, CE_F32, 4, false, "_mm256_cvtpd_ps"},
    {CE_I32, CE_F64, 4, false, "_mm256_cvtepi32_pd"},
    {CE_F64, CE_I32, 4, false, "_mm256_cvttpd_epi32"},
    {CE_I32, CE_I64, 4, false, "_mm256_cvtepi32_epi64"},
};

static const Conversion *find_conversion(CElem from, CElem to, int lanes) {
  for (int i = 0; i < COUNT_OF(conversion); i++) {
    const Conversion *c = &conversion[i];
    if (c->from == from && c->to == to && c->lanes == lanes) return c;
  }
  return NULL;
}

/* GCC 12 goes lane by lane where the width changes by more than a factor of two. */
static const char *by_steps(CGen *g, const char *v, CElem from, CElem to, int lanes) {
  bool plain = from == CE_U8 || from == CE_U16 || to == CE_U8;
  while (cg_elem_bytes[from] * 2 < cg_elem_bytes[to] ||
         cg_elem_bytes[to] * 2 < cg_elem_bytes[from]) {
    bool up = cg_elem_bytes[from] < cg_elem_bytes[to];
    int bytes = up ? cg_elem_bytes[from] * 2 : cg_elem_bytes[from] / 2;
    CElem next = bytes == 2 ? (plain ? CE_U16 : CE_I16) : CE_I32;
    v = cg_fmt(g, "__builtin_convertvector(%s, %s)", v, cg_vec(g, next, lanes));
    from = next;
  }
  bool real_from = from == CE_F32 || from == CE_F64, real_to = to == CE_F32 || to == CE_F64;
  if (real_from != real_to && (cg_elem_bytes[from] < 4 || cg_elem_bytes[to] < 4)) {
    v = cg_fmt(g, "__builtin_convertvector(%s, %s)", v, cg_vec(g, CE_I32, lanes));
    if (real_from) return by_steps(g, v, CE_I32, to, lanes);
  }
  return cg_fmt(g, "__builtin_convertvector(%s, %s)", v, cg_vec(g, to, lanes));
}

/* A vector of 8 bytes goes through a number. */
static const char *converted(CGen *g, const Conversion *c) {
  int in = c->lanes * cg_elem_bytes[c->from], result = c->lanes * cg_elem_bytes[c->to];
  const char *kind = c->from == CE_F32 ? "" : c->from == CE_F64 ? "d" : "i";
  const char *arg =
      in < 16 ? "_mm_cvtsi64_si128((int64_t)(a))" : cg_fmt(g, "(__m%d%s)(a)", in * 8, kind);
  return cg_fmt(g, result < 16 ? "((%s)_mm_cvtsi128_si64(%s(%s)))" : "((%s)%s(%s))",
                cg_vec(g, c->to, c->lanes), c->instruction, arg);
}

/* Bytes become floats by way of i32. */
static bool by_i32(CElem from, CElem to, int lanes) {
  bool real = to == CE_F32 || to == CE_F64;
  return real && from == CE_U8 && !find_conversion(from, to, lanes) &&
         find_conversion(from, CE_I32, lanes);
}

static void conversion_macro(CGen *g, CElem from, CElem to, int lanes, Text *out) {
  const char *name = conversion_name(g, from, to, lanes);
  const Conversion *c = find_conversion(from, to, lanes);
  if (by_i32(from, to, lanes)) {
    const char *first = conversion_name(g, from, CE_I32, lanes);
    text_fmt(out, "#define %s(a) %s(%s(a))\n", name, conversion_name(g, CE_I32, to, lanes), first);
    return;
  }
  bool only_512 = c && c->by_512;
  if (only_512)
    text_fmt(out, "#if %s_AVX512\n#define %s(a) %s\n#else\n", g->prefix, name, converted(g, c));
  text_fmt(out, "#define %s(a) %s\n%s", name,
           c && !only_512 ? converted(g, c) : by_steps(g, "(a)", from, to, lanes),
           only_512 ? "#endif\n" : "");
}

static void conversion_function(CGen *g, CElem from, CElem to, int lanes, Text *out) {
  const char *type = cg_vec(g, to, lanes), *name = conversion_name(g, from, to, lanes);
  cg_own(g, name, out);
  text_fmt(out, "static inline %s %s(%s a) {\n  %s r;\n", type, name, cg_vec(g, from, lanes), type);
  text_fmt(out, "  for (int l = 0; l < %d; l++) r.at[l] = (%s)a.at[l];\n  return r;\n}\n", lanes,
           cg_elem_type[to]);
}

/* ---- the same bits ---- */
static void as_macro(CGen *g, CElem from, CElem to, int lanes, bool plain, Text *out) {
  const char *a = cg_vec(g, from, lanes), *b = cg_vec(g, to, lanes);
  const char *name = cg_fmt(g, "AS_%s_%s", cg_elem_name[from], b);
  if (!plain) {
    text_fmt(out, "#define %s(a) ((%s)(a))\n", name, b);
    return;
  }
  cg_own(g, name, out);
  text_fmt(out,
           "static inline %s %s(%s a) {\n  %s r;\n  memcpy(&r, &a, sizeof r);\n  return r;\n}\n", b,
           name, a, b);
}

/* ---- scalars, halves, lists, shuffles ---- */
static void splat_macro(CGen *g, CElem e, int lanes, bool plain, Text *out) {
  const char *type = cg_vec(g, e, lanes);
  if (plain) {
    cg_own(g, cg_fmt(g, "ALL_%s", type), out);
    text_fmt(out, "static inline %s ALL_%s(%s a) {\n  %s r;\n", type, type, cg_elem_type[e], type);
    text_fmt(out, "  for (int l = 0; l < %d; l++) r.at[l] = a;\n  return r;\n}\n", lanes);
    return;
  }
  text_fmt(out, "#define ALL_%s(a) ((%s){", type, type);
  for (int l = 0; l < lanes; l++) text_fmt(out, "%sa", l ? ", " : "");
  text_add(out, "})\n");
}

static void half_macros(CGen *g, CElem e, int lanes, bool plain, Text *out) {
  const char *type = cg_vec(g, e, lanes), *half = cg_vec(g, e, lanes / 2);
  for (int upper = 0; upper < 2; upper++) {
    const char *name = cg_fmt(g, "%s_%s", upper ? "HIGH" : "LOW", type);
    if (!plain) {
      text_fmt(out, "#define %s(a) (*((const %su *)&(a)%s))\n", name, half, upper ? " + 1" : "");
      continue;
    }
    cg_own(g, name, out);
    text_fmt(out, "static inline %s %s(%s a) {\n  %s r;\n", half, name, type, half);
    text_fmt(out, "  memcpy(&r, a.at%s, sizeof r);\n  return r;\n}\n",
             upper ? cg_fmt(g, " + %d", lanes / 2) : "");
  }
}

static void list_macro(CGen *g, CElem e, int lanes, bool plain, Text *out) {
  const char *type = cg_vec(g, e, lanes);
  text_fmt(out, "#define LIST_%s(...) ((%s){%s__VA_ARGS__%s})\n", type, type, plain ? "{" : "",
           plain ? "}" : "");
}

static void pick_macro(CGen *g, CElem e, int lanes, bool plain, Text *out) {
  const char *type = cg_vec(g, e, lanes);
  if (!plain) {
    const char *like = cg_vec(g, cg_mask_elem(cg_elem_bytes[e]), lanes);
    text_fmt(out, "#define PICK_%s(a, b, ...) SHUFFLE(%s, a, b, __VA_ARGS__)\n", type, like);
    return;
  }
  cg_own(g, cg_fmt(g, "picked_%s", type), out);
  text_fmt(out, "static inline %s picked_%s(%s a, %s b, const unsigned char *from) {\n  %s r;\n",
           type, type, type, type, type);
  text_fmt(out,
           "  for (int l = 0; l < %d; l++) r.at[l] = from[l] < %d ? a.at[from[l]] : "
           "b.at[from[l] - %d];\n  return r;\n}\n",
           lanes, lanes, lanes);
  text_fmt(out,
           "#define PICK_%s(a, b, ...) picked_%s(a, b, (const unsigned char[]){__VA_ARGS__})\n",
           type, type);
}

/* ---- all ---- */
/* Those that others of them stand on are found first. */
static void mark_steps(CGen *g) {
  for (int to = 0; to < CE_COUNT; to++)
    for (int k = 1; k < C_MAX_LOG; k++)
      if (g->convert_used[CE_U8][to][k] && by_i32(CE_U8, (CElem)to, 1 << k)) {
        conversion_name(g, CE_U8, CE_I32, 1 << k);
        conversion_name(g, CE_I32, (CElem)to, 1 << k);
      }
}

static void with_two_types(CGen *g, CElem from, CElem to, int k, bool plain, Text *out) {
  if (g->convert_used[from][to][k])
    (plain ? conversion_function : conversion_macro)(g, from, to, 1 << k, out);
  if (g->as_used[from][to][k]) as_macro(g, from, to, 1 << k, plain, out);
}

void cg_conversions(CGen *g, bool plain, Text *out) {
  if (!plain) mark_steps(g);
  for (int e = 0; e < CE_COUNT; e++)
    for (int k = 1; k < C_MAX_LOG; k++) {
      for (int to = 0; to < CE_COUNT; to++) with_two_types(g, (CElem)e, (CElem)to, k, plain, out);
      if (g->splat_used[e][k]) splat_macro(g, (CElem)e, 1 << k, plain, out);
      if (g->half_used[e][k]) half_macros(g, (CElem)e, 1 << k, plain, out);
      if (g->list_used[e][k]) list_macro(g, (CElem)e, 1 << k, plain, out);
      if (g->pick_used[e][k]) pick_macro(g, (CElem)e, 1 << k, plain, out);
    }
}
