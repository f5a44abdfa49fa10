/* c_macro.c: what emitted C does to vectors, each operation under a name: ADD_f32x16(a, b). Where
 * the compiler has vector extensions it is a macro: the language's operator, or for what has none,
 * or one that GCC 12 makes badly, the target's instruction where its predefined macros say that
 * there is one, else two halves, else lane by lane. Elsewhere it is a function (c_plain.c). In:
 * which were named. Out: their definitions with vector extensions. */
#include "back/c_vector.h"

/* Both kinds of a comparison: what is true in all bits of a lane, and what may be in a mask
 * register. */
#define COMPARED(ID, name, op)                                                                     \
  [CH_##ID] = {name, 'm', "ab", "vv", "-(a# " op " b#)", "($M)((a) " op " (b))", NULL, NULL}
#define COMPARISON(ID, op) COMPARED(ID, #ID, op), COMPARED(ID##_BITS, #ID "_BITS", op)
static const VecForm form[CH_COUNT] = {
    [CH_ADD] = {"ADD", 'v', "ab", "vv", "a# + b#", "(a) + (b)", "($T)(($U)a# + ($U)b#)",
                "($T)(($U)(a) + ($U)(b))"},
    [CH_SUB] = {"SUB", 'v', "ab", "vv", "a# - b#", "(a) - (b)", "($T)(($U)a# - ($U)b#)",
                "($T)(($U)(a) - ($U)(b))"},
    [CH_MUL] = {"MUL", 'v', "ab", "vv", "a# * b#", "(a) * (b)", "($T)(($U)a# * ($U)b#)",
                "($T)(($U)(a) * ($U)(b))"},
    [CH_DIV] = {"DIV", 'v', "ab", "vv", "a# / b#", "(a) / (b)", "($T)(a# / b#)", "(a) / (b)"},
    [CH_NEG] = {"NEG", 'v', "a", "v", "-a#", "-(a)", NULL, NULL},
    [CH_AND] = {"AND", 'v', "ab", "vv", "($T)(a# & b#)", "(a) & (b)", NULL, NULL},
    [CH_OR] = {"OR", 'v', "ab", "vv", "($T)(a# | b#)", "(a) | (b)", NULL, NULL},
    [CH_XOR] = {"XOR", 'v', "ab", "vv", "($T)(a# ^ b#)", "(a) ^ (b)", NULL, NULL},
    [CH_NOT] = {"NOT", 'v', "a", "v", "($T)~a#", "~(a)", NULL, NULL},
    [CH_SHL] = {"SHL", 'v', "ab", "vv", "($T)(($U)a# << b#)", "($T)(($U)(a) << ($U)(b))", NULL,
                NULL},
    [CH_SHR] = {"SHR", 'v', "ab", "vv", "($T)(a# >> b#)", "(a) >> (b)", NULL, NULL},
    [CH_USHR] = {"USHR", 'v', "ab", "vv", "($T)(($U)a# >> b#)", "($T)(($U)(a) >> ($U)(b))", NULL,
                 NULL},
    [CH_FMA] = {"FMA", 'v', "abc", "vvv", "fma$f(a#, b#, c#)", NULL, NULL, NULL},
    [CH_SQRT] = {"SQRT", 'v', "a", "v", "sqrt$f(a#)", NULL, NULL, NULL},
    [CH_FLOOR] = {"FLOOR", 'v', "a", "v", "floor$f(a#)", NULL, NULL, NULL},
    [CH_CEIL] = {"CEIL", 'v', "a", "v", "ceil$f(a#)", NULL, NULL, NULL},
    [CH_ROUND] = {"ROUND", 'v', "a", "v", "rint$f(a#)", NULL, NULL, NULL},
    [CH_MIN] = {"MIN", 'v', "ab", "vv", "a# < b# ? a# : b#", NULL, NULL, NULL},
    [CH_MAX] = {"MAX", 'v', "ab", "vv", "a# > b# ? a# : b#", NULL, NULL, NULL},
    [CH_SCALE] = {"SCALE", 'v', "anbc", "vvvv", "a# * b# * c#", "(void)(n), (a) * (b) * (c)", NULL,
                  NULL},
    [CH_LOAD] = {"LOAD", 'v', "p", "p", "p@", "*(const $Tu *)(p)", NULL, NULL},
    [CH_STORE] = {"STORE", 0, "pv", "pv", "p@ = v#", "*($Tu *)(p) = (v)", NULL, NULL},
    [CH_LOAD_N] = {"LOAD_N", 'v', "pnm", "pnm", "m# ? p@ : 0", NULL, NULL, NULL},
    [CH_STORE_N] = {"STORE_N", 0, "pnmv", "pnmv", "if (m#) p@ = v#", NULL, NULL, NULL},
    [CH_LOAD_IF] = {"LOAD_IF", 'v', "pm", "pm", "m# ? p@ : 0", NULL, NULL, NULL},
    [CH_STORE_IF] = {"STORE_IF", 0, "pmv", "pmv", "if (m#) p@ = v#", NULL, NULL, NULL},
    [CH_GATHER] = {"GATHER", 'v', "pi", "qi", "p[i#]", NULL, NULL, NULL},
    [CH_GATHER_IF] = {"GATHER_IF", 'v', "pim", "qim", "m# ? p[i#] : 0", NULL, NULL, NULL},
    [CH_GATHER64] = {"GATHER64", 'v', "pi", "qj", "p[i#]", NULL, NULL, NULL},
    [CH_GATHER64_IF] = {"GATHER64_IF", 'v', "pim", "qjm", "m# ? p[i#] : 0", NULL, NULL, NULL},
    COMPARISON(EQ, "=="),
    COMPARISON(NE, "!="),
    COMPARISON(LT, "<"),
    COMPARISON(LE, "<="),
    COMPARISON(GT, ">"),
    COMPARISON(GE, ">="),
    [CH_BLEND] = {"BLEND", 'v', "mab", "mvv", "m# ? a# : b#",
                  "($T)((($M)(b) & ~(m)) | (($M)(a) & (m)))", NULL, NULL},
    [CH_ALL_BITS] = {"ALL_BITS", 'm', "n", "n", "-n", "($M){0} - (n)", NULL, NULL},
    [CH_AND_BITS] = {"AND_BITS", 'm', "ab", "mm", "a# & b#", "(a) & (b)", NULL, NULL},
    [CH_BLEND_BITS] = {"BLEND_BITS", 'v', "mab", "mvv", "m# ? a# : b#",
                       "($T)((($M)(b) & ~(m)) | (($M)(a) & (m)))", NULL, NULL},
    [CH_LOAD_BITS] = {"LOAD_BITS", 'v', "pm", "pm", "m# ? p@ : 0", NULL, NULL, NULL},
    [CH_STORE_BITS] = {"STORE_BITS", 0, "pmv", "pmv", "if (m#) p@ = v#", NULL, NULL, NULL},
};

/* ---- names ---- */
const char *cg_help(CGen *g, CHelp h, CElem e, int lanes) {
  cg_vec(g, e, lanes);
  g->help_used[h][e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "%s_%sx%d", form[h].word, cg_elem_name[e], lanes);
}

CElem cg_mask_elem(int bytes) { return bytes == 1 ? CE_I8 : bytes == 8 ? CE_I64 : CE_I32; }

const char *vec_arg_type(const VecOp *w, char kind, int lanes) {
  CGen *g = w->g;
  switch (kind) {
  case 'v': return cg_vec(g, w->e, lanes);
  case 'm': return cg_vec(g, cg_mask_elem(cg_elem_bytes[w->e]), lanes);
  case 'i': return cg_vec(g, CE_I32, lanes);
  case 'j': return cg_vec(g, CE_I64, lanes);
  case 'n': return "int";
  default: return cg_fmt(g, w->form->result ? "const %s *" : "%s *", cg_elem_name[w->e]);
  }
}

/* Its arguments that make the line long get names; of those of which a macro has two copies each
 * does. */
const char *cg_op(CGen *g, CHelp h, CElem e, int lanes, const char *a, const char *b, const char *c,
                  const char *d) {
  enum { LONG = 64, LONG_ARGUMENT = 24 };
  const char *arg[4] = {a, b, c, d}, *name = cg_help(g, h, e, lanes);
  VecOp w = {.g = g, .form = &form[h], .e = e, .lanes = lanes};
  size_t n = strlen(name);
  int count = (int)strlen(w.form->args);
  for (int i = 0; i < count; i++) n += strlen(arg[i] = cg_bare(g, arg[i])) + 2;
  Text t = text_new(g->cx->arena);
  for (int i = 0; i < count; i++) {
    char kind = w.form->kind[i];
    bool twice = h == CH_BLEND && kind == 'm';
    if (kind != 'p' && kind != 'q' && (twice || (n > LONG && strlen(arg[i]) > LONG_ARGUMENT)))
      arg[i] = cg_atom(g, arg[i], vec_arg_type(&w, kind, lanes));
    text_fmt(&t, "%s%s", i ? ", " : "", arg[i]);
  }
  return cg_fmt(g, "%s(%s)", name, text_str(&t));
}

/* The template of a row: $T the type of a lane, or of the vectors, $U the same without sign, $M of
 * masks, $f the suffix of the library's functions; a# the lane of a, p@ that at p, p[..] one there.
 */
const char *vec_text(const VecOp *w, const char *text, VecHow how) {
  CGen *g = w->g;
  Text t = text_new(g->cx->arena);
  CElem plain = cg_elem_bytes[w->e] == 1 ? CE_U8 : cg_elem_bytes[w->e] == 8 ? CE_U64 : CE_U32;
  for (const char *s = text; *s; s++) {
    bool gnu = how == VEC_LANE;
    if (*s == '$' && s[1] == 'f') text_add(&t, *++s && w->e == CE_F32 ? "f" : "");
    else if (*s == '$') {
      s++;
      CElem e = *s == 'T' ? w->e : *s == 'U' ? plain : cg_mask_elem(cg_elem_bytes[w->e]);
      text_add(&t, how == VEC_WHOLE ? cg_vec(g, e, w->lanes) : cg_elem_type[e]);
    } else if (s[1] == '#') text_fmt(&t, gnu ? "%c_[l_]" : "%c.at[l]", *s++);
    else if (s[1] == '@') text_fmt(&t, gnu ? "(%c)[l_]" : "%c[l]", *s++);
    else if (s[1] == '[' && gnu) text_fmt(&t, "(%c)", *s);
    else text_fmt(&t, "%c", *s);
  }
  return text_str(&t);
}

const char *vec_lane(const VecOp *w, VecHow how) {
  const VecForm *f = w->form;
  bool real = w->e == CE_F32 || w->e == CE_F64;
  return vec_text(w, !real && f->int_lane ? f->int_lane : f->lane, how);
}

VecOp vec_op(CGen *g, CHelp h, CElem e, int k) {
  VecOp w = {.g = g, .h = h, .form = &form[h], .e = e, .lanes = 1 << k};
  w.bytes = w.lanes * cg_elem_bytes[e];
  w.type = cg_vec(g, e, w.lanes);
  return w;
}

/* The largest first, since they ask for their halves', and those of the first lanes before those
 * with masks. */
void cg_macros(CGen *g, bool plain, Text *out) {
  if (!plain) cg_conversions(g, false, out);
  for (int h = 0; h < CH_COUNT; h++)
    for (int e = 0; e < CE_COUNT; e++)
      for (int k = C_MAX_LOG - 1; k > 0; k--) {
        if (!g->help_used[h][e][k]) continue;
        VecOp w = vec_op(g, (CHelp)h, (CElem)e, k);
        if (plain) vec_function(&w, out);
        else vec_macro(&w, out);
      }
  if (plain) cg_conversions(g, true, out);
}
