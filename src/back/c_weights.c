/* c_weights.c: values of the parameters in emitted C. In: the file with its parameters' values.
 * Out: a function that takes them from bytes, or a constant, as text or through the assembler's
 * .incbin: a compiler needs seconds for a million numbers of text, and nothing for included bytes.
 */
#include "back/c_gen.h"

static int64_t count_of(const Shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) n *= s->dim[i];
  return MAX(n, 1); /* C has no arrays without elements */
}

int64_t c_param_offset(const CFile *f, int i) {
  int64_t at = 0, align = 1;
  for (int k = 0; k <= i; k++) {
    int64_t one = k < f->param.n ? type_info[f->param.at[k].type].bytes : align;
    align = MAX(align, one);
    at = (at + one - 1) / one * one;
    if (k < i) at += one * count_of(&f->param.at[k].shape);
  }
  return at;
}

void c_weights_header(const CFile *f, Text *out) {
  const char *p = f->prefix;
  if (f->embed == CEMBED_LOADER)
    text_fmt(out,
             "/* The parameters from the bytes of \"%s\", which lie as in %s_params, "
             "little-endian, on any machine. */\n"
             "enum { %s_WEIGHT_BYTES = %lld };\nint %s_params_load(%s_params *params, const void "
             "*bytes, size_t n);\n\n",
             f->weights_file, p, c_upper(f->cx, p), (long long)c_param_offset(f, f->param.n), p, p);
  if (f->embed > CEMBED_LOADER)
    text_fmt(out, "/* The parameters' values. */\nextern const %s_params %s_weights;\n\n", p, p);
}

/* ---- from bytes ---- */
static void loader(const CFile *f, Text *out) {
  const char *p = f->prefix, *upper = c_upper(f->cx, p);
  text_fmt(out,
           "static void take_%s(void *to, const unsigned char *from, size_t count, size_t size) {\n"
           "  const uint16_t one = 1;\n  const int little = *(const unsigned char *)&one;\n  "
           "unsigned char *t = (unsigned char *)to;\n"
           "  for (size_t i = 0; i < count * size; i++) t[i] = from[little ? i : i - i %% size + "
           "size - 1 - i %% size];\n}\n\n",
           p);
  text_fmt(out,
           "int %s_params_load(%s_params *params, const void *bytes, size_t n) {\n  const unsigned "
           "char *b = (const unsigned char *)bytes;\n"
           "  if (!params || !bytes) return %s_NULL_POINTER;\n  if (n != %s_WEIGHT_BYTES) return "
           "%s_BAD_WEIGHTS;\n",
           p, p, upper, upper, upper);
  for (int i = 0; i < f->param.n; i++) {
    const CParam *x = &f->param.at[i];
    text_fmt(out, "  take_%s(%sparams->%s, b + %lld, %lld, %d);\n", p, x->shape.rank ? "" : "&",
             x->field, (long long)c_param_offset(f, i), (long long)count_of(&x->shape),
             type_info[x->type].bytes);
  }
  text_fmt(out, "  return %s_OK;\n}\n\n", upper);
}

/* ---- by the assembler ---- */
static void included(const CFile *f, Text *out) {
  const char *p = f->prefix, *upper = c_upper(f->cx, p);
  text_fmt(out, "#if !defined(__GNUC__)\n#error \"--embed incbin needs GCC's or clang's assembler; "
                "--embed hex does without\"\n#endif\n"
                "#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n"
                "#error \"the included weights are little-endian; --embed hex and --embed none "
                "suit any machine\"\n#endif\n");
  for (int i = 0; i < f->param.n; i++)
    text_fmt(out,
             "_Static_assert(offsetof(%s_params, %s) == %lld, \"lies where the file has it\");\n",
             p, f->param.at[i].field, (long long)c_param_offset(f, i));
  text_fmt(out, "_Static_assert(sizeof(%s_params) == %lld, \"is as large as the file\");\n", p,
           (long long)c_param_offset(f, f->param.n));
  text_fmt(out,
           "#ifndef %s_WEIGHTS_FILE\n#define %s_WEIGHTS_FILE \"%s\" /* found as the assembler "
           "finds files */\n#endif\n",
           upper, upper, f->weights_file);
  text_fmt(out,
           "#if defined(__APPLE__)\n__asm__(\".const_data\\n.balign 64\\n.globl "
           "_%s_weights\\n_%s_weights:\\n.incbin \\\"\" %s_WEIGHTS_FILE "
           "\"\\\"\\n.text\\n\");\n#else\n__asm__(\".pushsection .rodata\\n.balign 64\\n.globl "
           "%s_weights\\n%s_weights:\\n.incbin \\\"\" "
           "%s_WEIGHTS_FILE \"\\\"\\n.popsection\\n\");\n#endif\n\n",
           p, p, upper, p, p, upper);
}

/* ---- as text ---- */
static void number(Text *out, DType t, const void *value, int64_t i) {
  switch (t) {
  case T_F32: {
    double v = (double)((const float *)value)[i];
    if (v != v) text_add(out, "NAN");
    else if (v - v != 0) text_add(out, v < 0 ? "-INFINITY" : "INFINITY");
    else text_fmt(out, "%af", v);
    return;
  }
  case T_F64: {
    double v = ((const double *)value)[i];
    if (v != v) text_add(out, "(double)NAN");
    else if (v - v != 0) text_add(out, v < 0 ? "-(double)INFINITY" : "(double)INFINITY");
    else text_fmt(out, "%a", v);
    return;
  }
  case T_I32: text_fmt(out, "INT32_C(%d)", ((const int32_t *)value)[i]); return;
  case T_I64: text_fmt(out, "INT64_C(%lld)", (long long)((const int64_t *)value)[i]); return;
  default: text_fmt(out, "%d", ((const uint8_t *)value)[i]); return;
  }
}

static void as_text(const CFile *f, Text *out) {
  text_fmt(out, "const %s_params %s_weights = {\n", f->prefix, f->prefix);
  for (int i = 0; i < f->param.n; i++) {
    const CParam *x = &f->param.at[i];
    int64_t n = count_of(&x->shape);
    text_fmt(out, "  .%s = %s", x->field, x->shape.rank ? "{" : "");
    for (int64_t k = 0; k < n; k++) {
      if (k) text_add(out, k % 8 ? ", " : ",\n    ");
      number(out, x->type, x->value, k);
    }
    text_add(out, x->shape.rank ? "},\n" : ",\n");
  }
  text_add(out, "};\n\n");
}

void c_weights_source(const CFile *f, Text *out) {
  if (f->embed == CEMBED_LOADER) loader(f, out);
  if (f->embed == CEMBED_INCBIN) included(f, out);
  if (f->embed == CEMBED_HEX) as_text(f, out);
}
