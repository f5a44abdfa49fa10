/* c_instr.c: an operation on vectors as a macro for compilers with vector extensions: operators,
 * the target's instruction, two halves, or lane by lane; see c_macro.c. */
#include "back/c_vector.h"

static bool is_bits(CHelp h) { return h >= CH_EQ_BITS && h <= CH_STORE_BITS; }
static bool is_masked_access(CHelp h) {
  return h == CH_LOAD_IF || h == CH_STORE_IF || h == CH_LOAD_BITS || h == CH_STORE_BITS;
}
static bool is_store(CHelp h) { return h == CH_STORE_IF || h == CH_STORE_BITS; }
static bool is_gather(CHelp h) { return h >= CH_GATHER && h <= CH_GATHER64_IF; }
static bool is_compare(CHelp h) {
  return (h >= CH_EQ && h <= CH_GE) || (h >= CH_EQ_BITS && h <= CH_GE_BITS);
}
static bool is_choice(CHelp h) {
  return is_compare(h) || h == CH_BLEND || h == CH_BLEND_BITS || h == CH_AND_BITS;
}

typedef struct Wide { /* the names that intrinsics have for it */
  CGen *g;
  const VecOp *op;
  CHelp h;
  CElem e;
  int lanes, bytes;
  const char *type, *pre; /* _mm512 */
  const char *suffix;     /* ps, epi64 */
  const char *reg, *ints; /* __m512d, __m512i */
} Wide;

static Wide wide(const VecOp *op) {
  CElem e = op->e;
  Wide w = {.g = op->g, .op = op, .h = op->h, .e = e, .lanes = op->lanes, .bytes = op->bytes};
  w.type = op->type;
  w.pre = w.bytes == 64 ? "_mm512" : w.bytes == 32 ? "_mm256" : "_mm";
  w.suffix = e == CE_F32             ? "ps"
             : e == CE_F64           ? "pd"
             : cg_elem_bytes[e] == 1 ? "epi8"
             : cg_elem_bytes[e] == 4 ? "epi32"
                                     : "epi64";
  w.ints = cg_fmt(w.g, "__m%di", w.bytes * 8);
  bool real = e == CE_F32 || e == CE_F64;
  w.reg = real ? cg_fmt(w.g, "__m%d%s", w.bytes * 8, e == CE_F32 ? "" : "d") : w.ints;
  return w;
}

static const char *arithmetic(const Wide *w) {
  const char *round = w->bytes == 64 ? "roundscale" : "round", *f = NULL, *more = "";
  switch (w->h) {
  case CH_FMA:
    return cg_fmt(w->g, "((%s)%s_fmadd_%s((%s)(a), (%s)(b), (%s)(c)))", w->type, w->pre, w->suffix,
                  w->reg, w->reg, w->reg);
  case CH_MIN:
  case CH_MAX:
    return cg_fmt(w->g, "((%s)%s_%s_%s((%s)(a), (%s)(b)))", w->type, w->pre,
                  w->h == CH_MIN ? "min" : "max", w->suffix, w->reg, w->reg);
  case CH_SCALE:
    return cg_fmt(w->g, "((void)(b), (void)(c), (%s)%s_scalef_%s((%s)(a), (%s)(n)))", w->type,
                  w->pre, w->suffix, w->reg, w->reg);
  case CH_SQRT: f = "sqrt"; break;
  case CH_FLOOR: f = round, more = ", 9"; break;
  case CH_CEIL: f = round, more = ", 10"; break;
  default: f = round, more = ", 8"; break;
  }
  return cg_fmt(w->g, "((%s)%s_%s_%s((%s)(a)%s))", w->type, w->pre, f, w->suffix, w->reg, more);
}

/* A mask register of the lanes of m. */
static const char *mask_register(const Wide *w) {
  if (is_bits(w->h)) return "(m)";
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
  if (is_store(w->h))
    return cg_fmt(w->g, "%s_mask_storeu_%s((p), %s, (%s)(v))", w->pre, w->suffix, k, w->reg);
  return cg_fmt(w->g, "((%s)%s_maskz_loadu_%s(%s, (p)))", w->type, w->pre, w->suffix, k);
}

static const char *access_2(const Wide *w) {
  if (is_store(w->h))
    return cg_fmt(w->g, "%s_maskstore_%s((%s *)(p), (%s)(m), (%s)(v))", w->pre, w->suffix,
                  element(w), w->ints, w->reg);
  return cg_fmt(w->g, "((%s)%s_maskload_%s((const %s *)(p), (%s)(m)))", w->type, w->pre, w->suffix,
                element(w), w->ints);
}

static int index_bytes(const Wide *w) {
  return w->lanes * (w->h == CH_GATHER64 || w->h == CH_GATHER64_IF ? 8 : 4);
}

/* Of what the masks put out nothing is read: it is 0. */
static const char *gathered(const Wide *w) {
  bool some = w->h == CH_GATHER_IF || w->h == CH_GATHER64_IF;
  int scale = cg_elem_bytes[w->e];
  const char *f = cg_fmt(w->g, "%s_%si%dgather_%s", w->pre, some ? "mask_" : "",
                         index_bytes(w) / w->lanes * 8, w->suffix);
  const char *i = cg_fmt(w->g, "(__m%di)(i)", index_bytes(w) * 8);
  if (w->bytes == 64)
    return some ? cg_fmt(w->g, "((%s)%s((%s)(%s){0}, %s, %s, (p), %d))", w->type, f, w->reg,
                         w->type, mask_register(w), i, scale)
                : cg_fmt(w->g, "((%s)%s(%s, (p), %d))", w->type, f, i, scale);
  return some ? cg_fmt(w->g, "((%s)%s((%s)(%s){0}, (const %s *)(p), %s, (%s)(m), %d))", w->type, f,
                       w->reg, w->type, element(w), i, w->reg, scale)
              : cg_fmt(w->g, "((%s)%s((const %s *)(p), %s, %d))", w->type, f, element(w), i, scale);
}

/* Each element by itself, where the instruction is slower. */
static const char *fetched(const Wide *w) {
  Text t = text_new(w->g->cx->arena);
  bool some = w->h == CH_GATHER_IF || w->h == CH_GATHER64_IF;
  if (some)
    text_fmt(&t, "__extension__({ \\\n    const int m_ = %s_movemask_%s((__m%d%s)(m)); \\\n    ",
             w->pre, cg_elem_bytes[w->e] == 8 ? "pd" : "ps", w->bytes * 8,
             cg_elem_bytes[w->e] == 8 ? "d" : "");
  text_fmt(&t, "(%s){", w->type);
  for (int l = 0; l < w->lanes; l++) {
    if (l) text_add(&t, ", ");
    if (some) text_fmt(&t, "m_ & %d ? (p)[(i)[%d]] : 0", 1 << l, l);
    else text_fmt(&t, "(p)[(i)[%d]]", l);
  }
  text_add(&t, some ? "}; \\\n  })" : "}");
  return text_str(&t);
}

/* With the language's operators, on vectors of a register. */
static const char *by_operators(const VecOp *w) {
  bool real = w->e == CE_F32 || w->e == CE_F64;
  const char *text = !real && w->form->int_oper ? w->form->int_oper : w->form->oper;
  return cg_fmt(w->g, "(%s)", vec_text(w, text, VEC_WHOLE));
}

static const char *blended(const Wide *w) {
  return cg_fmt(w->g, "((%s)%s_mask_blend_%s(%s, (%s)(b), (%s)(a)))", w->type, w->pre, w->suffix,
                mask_register(w), w->reg, w->reg);
}

/* With mask registers; the numbers are those of the instructions' conditions. */
static const char *in_bits(const Wide *w) {
  static const int real[] = {0, 4, 17, 18, 30, 29}, whole[] = {0, 4, 1, 2, 6, 5};
  if (w->h == CH_BLEND_BITS) return blended(w);
  if (w->h == CH_ALL_BITS) return cg_fmt(w->g, "((__mmask%d)-(n))", MAX(w->lanes, 8));
  if (w->h == CH_AND_BITS) return cg_fmt(w->g, "_kand_mask%d((a), (b))", MAX(w->lanes, 8));
  bool is_real = w->e == CE_F32 || w->e == CE_F64, plain = w->e == CE_U32 || w->e == CE_U64;
  const char *suffix = plain ? cg_fmt(w->g, "epu%d", cg_elem_bytes[w->e] * 8) : w->suffix;
  return cg_fmt(w->g, "%s_cmp_%s_mask((%s)(a), (%s)(b), %d)", w->pre, suffix, w->reg, w->reg,
                (is_real ? real : whole)[w->h - CH_EQ_BITS]);
}

/* What the instructions of a generation make of it; NULL: nothing. */
static const char *by_instruction(const Wide *w, bool has_512) {
  int bytes = cg_elem_bytes[w->e];
  if (w->bytes > (has_512 ? 64 : 32) || w->bytes < 16) return NULL;
  if (has_512 && is_bits(w->h) && !is_masked_access(w->h)) return in_bits(w);
  if (is_choice(w->h)) return w->bytes == (has_512 ? 64 : 32) ? by_operators(w->op) : NULL;
  if (w->h == CH_SCALE) return has_512 ? arithmetic(w) : NULL;
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
                 : cg_fmt(g, "((void)(m), (%s)%s_maskz_loadu_%s(%s, (p)))", w->type, w->pre,
                          w->suffix, k);
  int own = cg_elem_bytes[w->e] * 8;
  return store ? cg_fmt(g,
                        "do { \\\n    int64_t w_ = 0; \\\n    (void)(m); \\\n"
                        "    const %s v_ = (v); \\\n    memcpy(&w_, &v_, sizeof v_); \\\n"
                        "    _mm_mask_storeu_epi%d((p), %s, _mm_cvtsi64_si128(w_)); \\\n"
                        "  } while (0)",
                        w->type, own, k)
               : cg_fmt(g,
                        "__extension__({ \\\n    const int64_t w_ = "
                        "_mm_cvtsi128_si64(_mm_maskz_loadu_epi%d(%s, (p))); \\\n"
                        "    %s r_; \\\n    (void)(m); \\\n    memcpy(&r_, &w_, sizeof r_); "
                        "\\\n    r_; \\\n  })",
                        own, k, w->type);
}

/* By the instruction where PREFIX_GATHERS says that it is fast. */
static bool gather_macro(const Wide *w, const char *args, Text *out) {
  const char *by_2 = is_gather(w->h) ? by_instruction(w, false) : NULL, *p = w->g->prefix;
  const char *name = cg_help(w->g, w->h, w->e, w->lanes);
  if (!by_2) return false;
  text_fmt(out, "#if %s_GATHERS\n#define %s(%s) %s\n#else\n#define %s(%s) %s\n#endif\n", p, name,
           args, by_2, name, args, fetched(w));
  return true;
}

static void first_lanes_macro(const Wide *w, Text *out) {
  bool store = w->h == CH_STORE_N;
  const char *name = cg_help(w->g, w->h, w->e, w->lanes),
             *by_mask = cg_help(w->g, store ? CH_STORE_IF : CH_LOAD_IF, w->e, w->lanes);
  const char *args = store ? "p, n, m, v" : "p, n, m";
  if (w->bytes <= 64)
    text_fmt(out, "#if %s_AVX512\n#define %s(%s) %s\n#else\n", w->g->prefix, name, args,
             first_lanes(w));
  text_fmt(out,
           store ? "#define %s(%s) do { (void)(n); %s(p, m, v); } while (0)\n"
                 : "#define %s(%s) ((void)(n), %s(p, m))\n",
           name, args, by_mask);
  if (w->bytes <= 64) text_add(out, "#endif\n");
}

/* ---- two halves, or lane by lane ---- */
/* Each argument that isn't a place is evaluated once. Names tell how many lanes they have: a half
 * may have halves in the same scope. */
static void bound(const VecOp *w, const char *ending, Text *t) {
  for (int i = 0; w->form->args[i]; i++) {
    char a = w->form->args[i], k = w->form->kind[i];
    if (k == 'p' || k == 'q') continue;
    text_fmt(t, "    const %s %c_%s = (%c); \\\n", vec_arg_type(w, k, w->lanes), a, ending, a);
  }
}

static const char *begin(const VecOp *w) { return w->form->result ? "__extension__({" : "do {"; }
static const char *end(const VecOp *w) { return w->form->result ? "})" : "} while (0)"; }

static const char *halves(const VecOp *w) {
  const VecForm *f = w->form;
  int n = w->lanes / 2;
  Text t = text_new(w->g->cx->arena);
  const char *name = cg_help(w->g, w->h, w->e, n);
  const char *ending = cg_fmt(w->g, "%d", w->lanes);
  text_fmt(&t, "%s \\\n", begin(w));
  bound(w, ending, &t);
  for (int i = 0; f->args[i]; i++) {
    char a = f->args[i], k = f->kind[i];
    if (k == 'p' || k == 'q') continue;
    const char *type = vec_arg_type(w, k, n);
    text_fmt(&t,
             "    const %s %cl_%d = *(const %su *)&%c_%s, %ch_%d = *((const %su *)&%c_%s + 1); "
             "\\\n",
             type, a, n, type, a, ending, a, n, type, a, ending);
  }
  const char *half = f->result ? vec_arg_type(w, f->result, n) : NULL;
  if (half) text_fmt(&t, "    %s r_%s = {0}; \\\n", vec_arg_type(w, f->result, w->lanes), ending);
  for (int upper = 0; upper < 2; upper++) {
    text_add(&t, "    ");
    if (half) text_fmt(&t, upper ? "*((%su *)&r_%s + 1) = " : "*(%su *)&r_%s = ", half, ending);
    text_fmt(&t, "%s(", name);
    for (int i = 0; f->args[i]; i++) {
      char a = f->args[i], k = f->kind[i];
      if (i) text_add(&t, ", ");
      if (k == 'q' || (k == 'p' && !upper)) text_fmt(&t, "(%c)", a);
      else if (k == 'p') text_fmt(&t, "(%c) + %d", a, n);
      else text_fmt(&t, "%c%c_%d", a, upper ? 'h' : 'l', n);
    }
    text_add(&t, "); \\\n");
  }
  if (half) text_fmt(&t, "    r_%s; \\\n", ending);
  text_fmt(&t, "  %s", end(w));
  return text_str(&t);
}

static const char *lane_by_lane(const VecOp *w) {
  const char *lane = vec_lane(w, VEC_LANE);
  Text t = text_new(w->g->cx->arena);
  text_fmt(&t, "%s \\\n", begin(w));
  bound(w, "", &t);
  if (w->form->result)
    text_fmt(&t, "    %s r_ = {0}; \\\n", vec_arg_type(w, w->form->result, w->lanes));
  text_fmt(&t, "    for (int l_ = 0; l_ < %d; l_++) %s%s; \\\n", w->lanes,
           w->form->result ? "r_[l_] = " : "", lane);
  if (w->form->result) text_add(&t, "    r_; \\\n");
  text_fmt(&t, "  %s", end(w));
  return text_str(&t);
}

/* ---- all ---- */
/* What clang makes the same of as of LLVM's own choice; from the operators on bits it makes
 * expansions where the mask is a constant. */
static const char *choice_of_clang(const Wide *w) {
  return w->h != CH_BLEND || w->bytes < 16 || w->bytes > 64 ? NULL : blended(w);
}

void vec_macro(const VecOp *op, Text *out) {
  Wide w = wide(op);
  if (op->h == CH_LOAD_N || op->h == CH_STORE_N) {
    first_lanes_macro(&w, out);
    return;
  }
  const char *name = cg_help(w.g, w.h, w.e, w.lanes), *p = w.g->prefix, *word = "#if";
  Text args = text_new(w.g->cx->arena);
  for (const char *a = op->form->args; *a; a++)
    text_fmt(&args, "%s%c", a == op->form->args ? "" : ", ", *a);
  if (gather_macro(&w, text_str(&args), out)) return;
  bool operators = op->form->oper && (!is_choice(w.h) || w.bytes <= 16);
  bool instructions = !operators || w.h == CH_SCALE || is_bits(w.h);
  const char *choice = choice_of_clang(&w),
             *by_512 = instructions ? by_instruction(&w, true) : NULL;
  const char *by_2 = instructions ? by_instruction(&w, false) : NULL;
  if (choice) {
    text_fmt(out, "#if defined(__clang__) && %s_AVX512\n#define %s(%s) %s\n", p, name,
             text_str(&args), choice);
    word = "#elif";
  }
  if (by_512)
    text_fmt(out, "%s %s_AVX512\n#define %s(%s) %s\n", word, p, name, text_str(&args), by_512);
  if (choice || by_512) text_add(out, "#else\n");
  text_fmt(out, "#define %s(%s) %s\n", name, text_str(&args),
           by_2           ? by_2
           : operators    ? by_operators(op)
           : w.bytes > 16 ? halves(op)
                          : lane_by_lane(op));
  if (choice || by_512) text_add(out, "#endif\n");
}
