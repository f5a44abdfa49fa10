/* c_macro.c: macros of emitted C for what vectors have no operator for, or one that GCC 12 makes
 * badly: the target's instruction where its macros say that there is one, else two halves, else
 * lane by lane. */
#include "back/c_gen.h"

/* One row a macro: its name, its arguments, and what each of them is: o v vectors (o is the
 * result), O m masks as wide, i j indices of 32 and 64 bits; p a place that the upper half finds
 * further on, q one that both halves have in common. Then what a lane does. */
typedef struct HelpForm {
  const char *word, *args, *kind, *lane;
} HelpForm;
static const HelpForm form[CH_COUNT] = {
    [CH_FMA] = {"FMA", "vabc", "ovvv", "(v)[l_] = fma%s((a)[l_], (b)[l_], (c)[l_])"},
    [CH_SQRT] = {"SQRT", "va", "ov", "(v)[l_] = sqrt%s((a)[l_])"},
    [CH_FLOOR] = {"FLOOR", "va", "ov", "(v)[l_] = floor%s((a)[l_])"},
    [CH_CEIL] = {"CEIL", "va", "ov", "(v)[l_] = ceil%s((a)[l_])"},
    [CH_ROUND] = {"ROUND", "va", "ov", "(v)[l_] = rint%s((a)[l_])"},
    [CH_MIN] = {"MIN", "vab", "ovv", "(v)[l_] = (a)[l_] < (b)[l_] ? (a)[l_] : (b)[l_]"},
    [CH_MAX] = {"MAX", "vab", "ovv", "(v)[l_] = (a)[l_] > (b)[l_] ? (a)[l_] : (b)[l_]"},
    [CH_LOAD] = {"LOAD", "vpm", "opm", "if ((m)[l_]) (v)[l_] = (p)[l_]"},
    [CH_STORE] = {"STORE", "pmv", "pmv", "if ((m)[l_]) (p)[l_] = (v)[l_]"},
    [CH_LOAD_N] = {"LOAD_N", "vpnm", "opnm", NULL},
    [CH_STORE_N] = {"STORE_N", "pnmv", "pnmv", NULL},
    [CH_GATHER] = {"GATHER", "vpi", "oqi", "(v)[l_] = (p)[(i)[l_]]"},
    [CH_GATHER_IF] = {"GATHER_IF", "vpim", "oqim", "if ((m)[l_]) (v)[l_] = (p)[(i)[l_]]"},
    [CH_GATHER64] = {"GATHER64", "vpi", "oqj", "(v)[l_] = (p)[(i)[l_]]"},
    [CH_GATHER64_IF] = {"GATHER64_IF", "vpim", "oqjm", "if ((m)[l_]) (v)[l_] = (p)[(i)[l_]]"},
    [CH_EQ] = {"EQ", "vab", "Ovv", "(v)[l_] = -((a)[l_] == (b)[l_])"},
    [CH_NE] = {"NE", "vab", "Ovv", "(v)[l_] = -((a)[l_] != (b)[l_])"},
    [CH_LT] = {"LT", "vab", "Ovv", "(v)[l_] = -((a)[l_] < (b)[l_])"},
    [CH_LE] = {"LE", "vab", "Ovv", "(v)[l_] = -((a)[l_] <= (b)[l_])"},
    [CH_GT] = {"GT", "vab", "Ovv", "(v)[l_] = -((a)[l_] > (b)[l_])"},
    [CH_GE] = {"GE", "vab", "Ovv", "(v)[l_] = -((a)[l_] >= (b)[l_])"},
    [CH_BLEND] = {"BLEND", "vmab", "omvv", "(v)[l_] = (m)[l_] ? (a)[l_] : (b)[l_]"},
};

const char *cg_help(CGen *g, CHelp h, CElem e, int lanes) {
  cg_vec(g, e, lanes);
  g->help_used[h][e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "%s_%s_%sx%d", g->prefix, form[h].word, cg_elem_name[e], lanes);
}

/* ---- instructions ---- */
static const char avx512[] = "defined(__AVX512F__) && defined(__AVX512VL__) && "
                             "defined(__AVX512BW__) && defined(__AVX512DQ__)";
static const char avx2[] = "defined(__AVX2__) && defined(__FMA__)";

typedef struct Wide { /* a macro for vectors of so many bytes */
  CGen *g;
  CHelp h;
  CElem e;
  int lanes, bytes;
  const char *type, *pre; /* _mm512 */
  const char *suffix;     /* ps, epi64 */
  const char *reg, *ints; /* __m512d, __m512i */
  bool real;
} Wide;

static bool is_masked_access(CHelp h) { return h == CH_LOAD || h == CH_STORE; }
static bool is_gather(CHelp h) { return h >= CH_GATHER && h <= CH_GATHER64_IF; }
static bool is_compare(CHelp h) { return h >= CH_EQ && h <= CH_GE; }

static Wide wide(CGen *g, CHelp h, CElem e, int k) {
  Wide w = {.g = g, .h = h, .e = e, .lanes = 1 << k, .real = e == CE_F32 || e == CE_F64};
  w.bytes = w.lanes * cg_elem_bytes[e];
  w.type = cg_vec(g, e, w.lanes);
  w.pre = w.bytes == 64 ? "_mm512" : w.bytes == 32 ? "_mm256" : "_mm";
  w.suffix = e == CE_F32             ? "ps"
             : e == CE_F64           ? "pd"
             : cg_elem_bytes[e] == 1 ? "epi8"
             : cg_elem_bytes[e] == 4 ? "epi32"
                                     : "epi64";
  w.ints = cg_fmt(g, "__m%di", w.bytes * 8);
  w.reg = w.real ? cg_fmt(g, "__m%d%s", w.bytes * 8, e == CE_F32 ? "" : "d") : w.ints;
  return w;
}

static const char *arithmetic(const Wide *w) {
  const char *round = w->bytes == 64 ? "roundscale" : "round", *f = NULL, *more = "";
  switch (w->h) {
  case CH_FMA:
    return cg_fmt(w->g, "((v) = (%s)%s_fmadd_%s((%s)(a), (%s)(b), (%s)(c)))", w->type, w->pre,
                  w->suffix, w->reg, w->reg, w->reg);
  case CH_MIN:
  case CH_MAX:
    return cg_fmt(w->g, "((v) = (%s)%s_%s_%s((%s)(a), (%s)(b)))", w->type, w->pre,
                  w->h == CH_MIN ? "min" : "max", w->suffix, w->reg, w->reg);
  case CH_SQRT: f = "sqrt"; break;
  case CH_FLOOR: f = round, more = ", 9"; break;
  case CH_CEIL: f = round, more = ", 10"; break;
  default: f = round, more = ", 8"; break;
  }
  return cg_fmt(w->g, "((v) = (%s)%s_%s_%s((%s)(a)%s))", w->type, w->pre, f, w->suffix, w->reg,
                more);
}

/* A mask register of the lanes of m. */
static const char *mask_register(const Wide *w) {
  return cg_fmt(w->g, "%s_movepi%d_mask((%s)(m))", w->pre, cg_elem_bytes[w->e] * 8, w->ints);
}

static const char *element(const Wide *w) { /* as the older intrinsics' pointers have it */
  return w->e == CE_F32             ? "float"
         : w->e == CE_F64           ? "double"
         : cg_elem_bytes[w->e] == 8 ? "long long"
                                    : "int";
}

static const char *access_512(const Wide *w) {
  const char *k = mask_register(w);
  if (w->h == CH_STORE)
    return cg_fmt(w->g, "%s_mask_storeu_%s((p), %s, (%s)(v))", w->pre, w->suffix, k, w->reg);
  return cg_fmt(w->g, "((v) = (%s)%s_maskz_loadu_%s(%s, (p)))", w->type, w->pre, w->suffix, k);
}

static const char *access_2(const Wide *w) {
  if (w->h == CH_STORE)
    return cg_fmt(w->g, "%s_maskstore_%s((%s *)(p), (%s)(m), (%s)(v))", w->pre, w->suffix,
                  element(w), w->ints, w->reg);
  return cg_fmt(w->g, "((v) = (%s)%s_maskload_%s((const %s *)(p), (%s)(m)))", w->type, w->pre,
                w->suffix, element(w), w->ints);
}

static int index_bytes(const Wide *w) {
  return w->lanes * (w->h == CH_GATHER64 || w->h == CH_GATHER64_IF ? 8 : 4);
}

/* Of what the masks put out nothing is read: it is 0, as it was. */
static const char *gathered(const Wide *w) {
  bool some = w->h == CH_GATHER_IF || w->h == CH_GATHER64_IF;
  int scale = cg_elem_bytes[w->e];
  const char *f = cg_fmt(w->g, "%s_%si%dgather_%s", w->pre, some ? "mask_" : "",
                         index_bytes(w) / w->lanes * 8, w->suffix);
  const char *i = cg_fmt(w->g, "(__m%di)(i)", index_bytes(w) * 8);
  if (w->bytes == 64)
    return some ? cg_fmt(w->g, "((v) = (%s)%s((%s)(v), %s, %s, (p), %d))", w->type, f, w->reg,
                         mask_register(w), i, scale)
                : cg_fmt(w->g, "((v) = (%s)%s(%s, (p), %d))", w->type, f, i, scale);
  return some ? cg_fmt(w->g, "((v) = (%s)%s((%s)(v), (const %s *)(p), %s, (%s)(m), %d))", w->type,
                       f, w->reg, element(w), i, w->reg, scale)
              : cg_fmt(w->g, "((v) = (%s)%s((const %s *)(p), %s, %d))", w->type, f, element(w), i,
                       scale);
}

/* With the language's operators, on vectors of a register. */
static const char *by_operators(const Wide *w) {
  static const char *const sign[] = {"==", "!=", "<", "<=", ">", ">="};
  int bytes = cg_elem_bytes[w->e];
  const char *mask = cg_vec(w->g, bytes == 1 ? CE_I8 : bytes == 8 ? CE_I64 : CE_I32, w->lanes);
  if (is_compare(w->h)) return cg_fmt(w->g, "((v) = (%s)((a) %s (b)))", mask, sign[w->h - CH_EQ]);
  return cg_fmt(w->g, "((v) = (%s)(((%s)(a) & (m)) | ((%s)(b) & ~(m))))", w->type, mask, mask);
}

/* What the instructions of a generation make of it; NULL: nothing. */
static const char *by_instruction(const Wide *w, bool has_512) {
  int bytes = cg_elem_bytes[w->e];
  if (w->bytes > (has_512 ? 64 : 32) || w->bytes < 16) return NULL;
  if (is_compare(w->h) || w->h == CH_BLEND)
    return w->bytes == (has_512 ? 64 : 32) ? by_operators(w) : NULL;
  if (is_masked_access(w->h)) {
    if (has_512) return access_512(w);
    return bytes >= 4 ? access_2(w) : NULL;
  }
  if (has_512 != (w->bytes == 64)) return NULL;
  if (is_gather(w->h)) {
    bool fits = bytes >= 4 && index_bytes(w) >= 16 && index_bytes(w) <= w->bytes;
    return fits ? gathered(w) : NULL;
  }
  return arithmetic(w);
}

/* The first n lanes: their mask register is a number. Where there are none of these it is the
 * macro that takes a mask. */
static const char *first_lanes(const Wide *w) {
  CGen *g = w->g;
  int bits = w->lanes < 8 ? 8 : w->lanes;
  const char *ones = bits == 64 ? "(n) > 63 ? ~UINT64_C(0) : (UINT64_C(1) << (n)) - 1"
                                : "(UINT64_C(1) << (n)) - 1";
  const char *k = cg_fmt(g, "(__mmask%d)(%s)", bits, ones);
  bool store = w->h == CH_STORE_N;
  if (w->bytes >= 16)
    return store ? cg_fmt(g, "((void)(m), %s_mask_storeu_%s((p), %s, (%s)(v)))", w->pre, w->suffix,
                          k, w->reg)
                 : cg_fmt(g, "((void)(m), (v) = (%s)%s_maskz_loadu_%s(%s, (p)))", w->type, w->pre,
                          w->suffix, k);
  int own = cg_elem_bytes[w->e] * 8;
  return store ? cg_fmt(g,
                        "do { \\\n    int64_t w_ = 0; \\\n    (void)(m); \\\n"
                        "    memcpy(&w_, &(v), sizeof(v)); \\\n"
                        "    _mm_mask_storeu_epi%d((p), %s, _mm_cvtsi64_si128(w_)); \\\n"
                        "  } while (0)",
                        own, k)
               : cg_fmt(g,
                        "do { \\\n    const int64_t w_ = "
                        "_mm_cvtsi128_si64(_mm_maskz_loadu_epi%d(%s, (p))); \\\n"
                        "    (void)(m); \\\n    memcpy(&(v), &w_, sizeof(v)); \\\n  } while (0)",
                        own, k);
}

static void first_lanes_macro(const Wide *w, Text *out) {
  bool store = w->h == CH_STORE_N;
  const char *name = cg_help(w->g, w->h, w->e, w->lanes),
             *by_mask = cg_help(w->g, store ? CH_STORE : CH_LOAD, w->e, w->lanes);
  const char *args = store ? "p, n, m, v" : "v, p, n, m";
  const char *less = store ? "p, m, v" : "v, p, m";
  if (w->bytes <= 64)
    text_fmt(out, "#if %s\n#define %s(%s) %s\n#else\n", avx512, name, args, first_lanes(w));
  text_fmt(out, "#define %s(%s) do { (void)(n); %s(%s); } while (0)\n", name, args, by_mask, less);
  if (w->bytes <= 64) text_add(out, "#endif\n");
}

/* ---- two halves ---- */
static const char *half_type(const Wide *w, char kind) {
  int bytes = cg_elem_bytes[w->e], n = w->lanes / 2;
  if (kind == 'o' || kind == 'v') return cg_vec(w->g, w->e, n);
  if (kind == 'i') return cg_vec(w->g, CE_I32, n);
  if (kind == 'j') return cg_vec(w->g, CE_I64, n);
  return cg_vec(w->g, bytes == 1 ? CE_I8 : bytes == 8 ? CE_I64 : CE_I32, n);
}

/* The halves' names tell how many lanes they have: a half may have halves in the same scope. */
static const char *halves(const Wide *w) {
  const HelpForm *f = &form[w->h];
  int n = w->lanes / 2;
  Text t = text_new(w->g->cx->arena);
  const char *name = cg_help(w->g, w->h, w->e, n), *result = NULL;
  text_add(&t, "do { \\\n");
  for (int i = 0; f->args[i]; i++) {
    char a = f->args[i], k = f->kind[i];
    if (k == 'p' || k == 'q') continue;
    const char *type = half_type(w, k);
    bool fresh = k == 'O' || (k == 'o' && w->h != CH_GATHER_IF && w->h != CH_GATHER64_IF);
    if (k == 'o' || k == 'O') result = type;
    if (fresh) text_fmt(&t, "    %s %cl_%d = {0}, %ch_%d = {0}; \\\n", type, a, n, a, n);
    else
      text_fmt(&t,
               "    %s%s %cl_%d = *(const %su *)&(%c), %ch_%d = *((const %su *)&(%c) + 1); \\\n",
               k == 'o' ? "" : "const ", type, a, n, type, a, a, n, type, a);
  }
  for (int half = 0; half < 2; half++) {
    text_fmt(&t, "    %s(", name);
    for (int i = 0; f->args[i]; i++) {
      char a = f->args[i], k = f->kind[i];
      if (i) text_add(&t, ", ");
      if (k == 'q' || (k == 'p' && !half)) text_fmt(&t, "(%c)", a);
      else if (k == 'p') text_fmt(&t, "(%c) + %d", a, n);
      else text_fmt(&t, "%c%c_%d", a, half ? 'h' : 'l', n);
    }
    text_add(&t, "); \\\n");
  }
  if (result)
    text_fmt(&t, "    *(%su *)&(v) = vl_%d; \\\n    *((%su *)&(v) + 1) = vh_%d; \\\n", result, n,
             result, n);
  text_add(&t, "  } while (0)");
  return text_str(&t);
}

static const char *lane_by_lane(const Wide *w) {
  const char *lane = cg_fmt(w->g, form[w->h].lane, w->e == CE_F32 ? "f" : "");
  return cg_fmt(w->g, "do { for (int l_ = 0; l_ < %d; l_++) %s; } while (0)", w->lanes, lane);
}

/* ---- conversions ---- */
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

const char *cg_conversion(CGen *g, CElem from, CElem to, int lanes) {
  const Conversion *c = find_conversion(from, to, lanes),
                   *middle = find_conversion(from, CE_I32, lanes);
  bool real = to == CE_F32 || to == CE_F64; /* bytes become floats by way of i32 */
  if (!c && !(real && from == CE_U8 && middle)) return NULL;
  cg_vec(g, from, lanes);
  cg_vec(g, to, lanes);
  g->convert_used[from][to][cg_log(g, lanes)] = true;
  return cg_fmt(g, "%s_CVT_%s_%sx%d", g->prefix, cg_elem_name[from], cg_elem_name[to], lanes);
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

static void conversion_macro(CGen *g, CElem from, CElem to, int lanes, Text *out) {
  const char *name = cg_conversion(g, from, to, lanes);
  const Conversion *c = find_conversion(from, to, lanes);
  if (!c) {
    const char *first = cg_conversion(g, from, CE_I32, lanes);
    const char *v = cg_fmt(g, "%s(a)", first);
    text_fmt(out, "#define %s(a) %s\n", name, cg_convert(g, v, CE_I32, to, lanes));
    return;
  }
  text_fmt(out, "#if %s\n#define %s(a) %s\n#else\n", c->by_512 ? avx512 : avx2, name,
           converted(g, c));
  text_fmt(out, "#define %s(a) %s\n#endif\n", name, cg_convert_plain(g, "(a)", from, to, lanes));
}

/* By way of i32 first. */
static void conversions(CGen *g, Text *out) {
  for (int direct = 0; direct < 2; direct++)
    for (int from = 0; from < CE_COUNT; from++)
      for (int to = 0; to < CE_COUNT; to++)
        for (int k = 1; k < C_MAX_LOG; k++) {
          if (!g->convert_used[from][to][k]) continue;
          bool has = find_conversion((CElem)from, (CElem)to, 1 << k) != NULL;
          if (has == direct) conversion_macro(g, (CElem)from, (CElem)to, 1 << k, out);
        }
}

/* ---- all ---- */
static void one_macro(const Wide *w, Text *out) {
  const char *name = cg_help(w->g, w->h, w->e, w->lanes), *made[2], *word = "#if";
  Text args = text_new(w->g->cx->arena);
  for (const char *a = form[w->h].args; *a; a++)
    text_fmt(&args, "%s%c", a == form[w->h].args ? "" : ", ", *a);
  for (int i = 0; i < 2; i++) {
    if (!(made[i] = by_instruction(w, i == 0))) continue;
    text_fmt(out, "%s %s\n#define %s(%s) %s\n", word, i ? avx2 : avx512, name, text_str(&args),
             made[i]);
    word = "#elif";
  }
  bool any = made[0] || made[1];
  if (any) text_add(out, "#else\n");
  bool operators = (is_compare(w->h) || w->h == CH_BLEND) && w->bytes <= 16;
  text_fmt(out, "#define %s(%s) %s\n", name, text_str(&args),
           operators       ? by_operators(w)
           : w->bytes > 16 ? halves(w)
                           : lane_by_lane(w));
  if (any) text_add(out, "#endif\n");
}

/* The largest first, since they ask for their halves', and those of the first lanes before those
 * with masks. */
void cg_macros(CGen *g, Text *out) {
  conversions(g, out);
  for (int h = 0; h < CH_COUNT; h++)
    for (int e = 0; e < CE_COUNT; e++)
      for (int k = C_MAX_LOG - 1; k > 0; k--) {
        if (!g->help_used[h][e][k]) continue;
        Wide w = wide(g, (CHelp)h, (CElem)e, k);
        if (h == CH_LOAD_N || h == CH_STORE_N) first_lanes_macro(&w, out);
        else one_macro(&w, out);
      }
}
