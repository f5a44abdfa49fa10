/* c_prelude.c: what the functions of a C file stand on: the vector types, macros and small
 * functions that they used, and no others. */
#include "back/c_gen.h"

/* ---- vectors ---- */
static bool any_vector(const CGen *g) {
  for (int e = 0; e < CE_COUNT; e++)
    for (int k = 0; k < C_MAX_LOG; k++)
      if (g->vec_used[e][k]) return true;
  return false;
}

/* Types and functions can't be taken back at the end of the file, as macros are. */
void cg_own(CGen *g, const char *name, Text *out) {
  text_fmt(out, "#define %s %s_%s\n", name, name, g->prefix);
}

/* With vector extensions, or as arrays in structs. */
static void vector_types(CGen *g, bool plain, Text *out) {
  for (int k = 1; k < C_MAX_LOG; k++)
    for (int e = 0; e < CE_COUNT; e++) {
      if (!g->vec_used[e][k]) continue;
      int n = 1 << k, bytes = n * cg_elem_bytes[e];
      const char *name = cg_vec(g, (CElem)e, n), *type = cg_elem_type[e];
      cg_own(g, name, out);
      if (plain) {
        text_fmt(out, "typedef struct {\n  %s at[%d];\n} %s;\n", type, n, name);
        continue;
      }
      cg_own(g, cg_fmt(g, "%su", name), out);
      text_fmt(out, "typedef %s %s __attribute__((vector_size(%d)));\n", type, name, bytes);
      text_fmt(out, "typedef %s %su __attribute__((vector_size(%d), aligned(%d), may_alias));\n",
               type, name, bytes, cg_elem_bytes[e]);
    }
}

/* What kernels named is defined first without extensions: the other definitions name more. */
static void vectors(CGen *g, Text *out) {
  Text plain = text_new(g->cx->arena), types = text_new(g->cx->arena),
       macros = text_new(g->cx->arena);
  cg_macros(g, true, &plain);
  vector_types(g, true, &types);
  cg_bits_types(g, true, &types);
  cg_macros(g, false, &macros);
  text_add(out,
           "/* Vectors, and what is done to them: ADD_f32x16(a, b) adds the lanes of two vectors "
           "of 16 floats. */\n");
  text_fmt(out, "#if %s_VECTORS\n", g->prefix);
  vector_types(g, false, out);
  cg_bits_types(g, false, out);
  text_fmt(out,
           "#define AT(v, lane) ((v)[lane])\n%s#else\n%s#define AT(v, lane) ((v).at[lane])\n"
           "%s#endif\n\n",
           text_str(&macros), text_str(&types), text_str(&plain));
}

/* ---- scalars ---- */
static void bit_copy(CGen *g, Text *out, Op op, DType from) {
  DType to = from == T_F32 ? T_I32 : from == T_F64 ? T_I64 : from == T_I32 ? T_F32 : T_F64;
  const char *a = cg_elem_type[cg_elem(g, from, 4)], *b = cg_elem_type[cg_elem(g, to, 4)];
  text_fmt(
      out,
      "static inline %s %s_%s_%s(%s a) {\n  %s v;\n  memcpy(&v, &a, sizeof v);\n  return v;\n}\n",
      b, op_info[op].name, cg_elem_name[cg_elem(g, from, 4)], g->prefix, a, b);
}

/* Integer division: rounds down; by zero gives 0; by -1 wraps. */
static void quotient(CGen *g, Text *out, Op op, DType t) {
  const char *type = cg_elem_type[cg_elem(g, t, 4)], *plain = t == T_I64 ? "uint64_t" : "uint32_t";
  bool div = op == OP_idiv;
  text_fmt(out, "static inline %s %s_%s_%s(%s a, %s b) {\n", type, op_info[op].name,
           cg_elem_name[cg_elem(g, t, 4)], g->prefix, type, type);
  text_add(out, "  if (b == 0) return 0;\n");
  if (t == T_U8) {
    text_fmt(out, "  return (uint8_t)(a %s b);\n}\n", div ? "/" : "%");
    return;
  }
  if (div) text_fmt(out, "  if (b == -1) return (%s)(0 - (%s)a);\n", type, plain);
  else text_add(out, "  if (b == -1) return 0;\n");
  text_fmt(out, "  const %s r = a %% b;\n", type);
  if (div) text_add(out, "  return a / b - (r != 0 && (r ^ b) < 0);\n}\n");
  else text_add(out, "  return r != 0 && (r ^ b) < 0 ? r + b : r;\n}\n");
}

static void scalar_functions(CGen *g, Text *out) {
  for (int larger = 0; larger < 2; larger++)
    for (int e = 0; e < CE_COUNT; e++)
      if (g->extreme_used[larger][e])
        text_fmt(out, "static inline %s %s_%s_%s(%s a, %s b) {\n  return a %s b ? a : b;\n}\n",
                 cg_elem_type[e], larger ? "max" : "min", cg_elem_name[e], g->prefix,
                 cg_elem_type[e], cg_elem_type[e], larger ? ">" : "<");
  for (int op = 0; op < OP_COUNT; op++)
    for (int t = 0; t <= T_BUNDLE; t++) {
      if (!g->scalar_used[op][t]) continue;
      if (op == OP_bits || op == OP_from_bits) bit_copy(g, out, (Op)op, (DType)t);
      else quotient(g, out, (Op)op, (DType)t);
    }
}

/* ---- the compiler ---- */
static bool gathers(const CGen *g) {
  for (int h = CH_GATHER; h <= CH_GATHER64_IF; h++)
    for (int e = 0; e < CE_COUNT; e++)
      for (int k = 0; k < C_MAX_LOG; k++)
        if (g->help_used[h][e][k]) return true;
  return false;
}

/* Few conditions, since tools look at the whole file once for each combination of them. */
static void includes(CGen *g, bool vectors, Text *out) {
  const char *p = g->prefix, *upper = c_upper(g->cx, p);
  text_add(out, "#include <math.h>\n#include <string.h>\n");
  if (vectors) {
    text_fmt(
        out,
        "/* The same in plain C is for other compilers and processors, and where %s_PORTABLE is "
        "defined. */\n"
        "#if defined(__GNUC__) && defined(__AVX2__) && defined(__FMA__) && "
        "!defined(%s_PORTABLE)\n"
        "#define %s_VECTORS 1\n#include <immintrin.h>\n#else\n#define %s_VECTORS 0\n#endif\n",
        upper, upper, p, p);
    text_fmt(out,
             "#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && "
             "defined(__AVX512DQ__)\n"
             "#define %s_AVX512 %s_VECTORS\n#else\n#define %s_AVX512 0\n#endif\n",
             p, p, p);
    if (gathers(g)) /* as LLVM has it: of processors with AVX2 alone few gather fast */
      text_fmt(out,
               "#if %s_AVX512 || defined(__tune_skylake__) || defined(__tune_alderlake__)\n"
               "#define %s_GATHERS %s_VECTORS\n#else\n#define %s_GATHERS 0\n#endif\n",
               p, p, p, p);
  }
  text_add(out, "#if defined(__FAST_MATH__)\n#error \"-ffast-math changes results\"\n#endif\n"
                "#pragma GCC diagnostic push\n"
                "#pragma GCC diagnostic ignored \"-Wunknown-pragmas\"\n"
                "#pragma STDC FP_CONTRACT OFF\n"
                "#pragma GCC diagnostic pop\n\n");
}

/* The workspace's bytes hold one type after another, so accesses may not be told apart by type. */
static void attributes(CGen *g, Text *out) {
  const char *p = g->prefix;
  text_add(out, "#if defined(__GNUC__)\n"
                "#define MAY_ALIAS __attribute__((may_alias))\n"
                "#define NOINLINE __attribute__((noinline))\n"
                "#define RESTRICT __restrict\n");
  text_add(out, "#else\n#define MAY_ALIAS\n#define NOINLINE\n#define RESTRICT restrict\n");
  text_add(out, "#endif\n"
                "/* GCC; clang says that it is GCC 4. */\n"
                "#if defined(__GNUC__) && __GNUC__ > 4\n"
                "#define AS_WRITTEN \\\n  __attribute__((optimize(\"no-tree-loop-vectorize\", "
                "\"no-predictive-commoning\")))\n"
                "#else\n#define AS_WRITTEN\n#endif\n");
  /* On x86 GCC 12 doesn't put independent computations side by side by itself. */
  if (g->scheduled_used)
    text_fmt(out,
             "#if defined(__GNUC__) && __GNUC__ > 4 && %s_VECTORS && !defined(__OPTIMIZE_SIZE__)\n"
             "#define SIDE_BY_SIDE \\\n  AS_WRITTEN __attribute__((optimize(\"schedule-insns\", "
             "\"sched-pressure\")))\n"
             "#else\n#define SIDE_BY_SIDE AS_WRITTEN\n#endif\n",
             p);
  if (g->rounds_back_used)
    text_fmt(out,
             "#if defined(__GNUC__) && __GNUC__ > 4 && !%s_VECTORS\n"
             "#define ROUNDED AS_WRITTEN __attribute__((optimize(\"no-tree-slp-vectorize\")))\n"
             "#else\n#define ROUNDED AS_WRITTEN\n#endif\n",
             p);
  if (g->omp_used)
    text_fmt(out,
             "#if defined(_OPENMP)\n#include <omp.h>\n#define PRAGMA(x) _Pragma(#x)\n"
             "#define OMP(x) PRAGMA(x)\n"
             "#define WORKER omp_get_thread_num()\nstatic inline int %s_threads(void) {\n"
             "  return omp_get_max_threads() < %d ? omp_get_max_threads() : %d;\n}\n"
             "#else\n#define OMP(x)\n#define WORKER 0\n#endif\n",
             p, g->threads, g->threads);
}

static void builtins(CGen *g, Text *out) {
  if (g->keep_used)
    text_fmt(out,
             "#if %s_AVX512 && !defined(__clang__)\n#define KEEP(x) __asm__(\"\" : \"+v\"(x))\n"
             "#else\n#define KEEP(x) ((void)0)\n#endif\n\n",
             g->prefix);
  /* What is to be unrolled has been: compilers would run out of registers. */
  if (g->loop_used)
    text_add(out, "#if defined(__clang__)\n"
                  "#define LOOP _Pragma(\"clang loop unroll(disable)\")\n"
                  "#elif defined(__GNUC__) && __GNUC__ >= 8\n"
                  "#define LOOP _Pragma(\"GCC unroll 1\")\n"
                  "#else\n#define LOOP\n#endif\n\n");
  bool picks = false;
  for (int e = 0; e < CE_COUNT; e++)
    for (int k = 0; k < C_MAX_LOG; k++) picks |= g->pick_used[e][k];
  if (picks)
    text_add(out, "#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 12)\n"
                  "#define SHUFFLE(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)\n"
                  "#else\n"
                  "#define SHUFFLE(type, a, b, ...) __builtin_shuffle(a, b, (type){__VA_ARGS__})\n"
                  "#endif\n\n");
  if (g->touch_used)
    text_add(out, "#if defined(__GNUC__)\n"
                  "#define TOUCH(at, write) __builtin_prefetch((at), (write))\n"
                  "#else\n#define TOUCH(at, write) ((void)(at))\n#endif\n\n");
}

void cg_prelude(CGen *g, Text *out) {
  static const CElem elems[] = {CE_F32, CE_F64, CE_U8, CE_I32, CE_I64};
  bool any = any_vector(g);
  includes(g, any, out);
  attributes(g, out);
  text_add(out, "\n/* Elements of arrays. */\n");
  for (int i = 0; i < COUNT_OF(elems); i++) cg_own(g, cg_elem_name[elems[i]], out);
  for (int i = 0; i < COUNT_OF(elems); i++)
    text_fmt(out, "typedef %s MAY_ALIAS %s;\n", cg_elem_type[elems[i]], cg_elem_name[elems[i]]);
  text_add(out, "\n");
  builtins(g, out);
  if (any) vectors(g, out);
  size_t n = out->n;
  scalar_functions(g, out);
  if (out->n > n) text_add(out, "\n");
}

/* ---- the end ---- */
/* Whatever the file defines, found in its text so that nothing is forgotten. */
void cg_undefine(CGen *g, Text *source) {
  static const char word[] = "#define ";
  Text end = text_new(g->cx->arena);
  for (const char *s = text_str(source); s; s = strchr(s, '\n')) {
    s += *s == '\n';
    if (strncmp(s, word, sizeof word - 1)) continue;
    s += sizeof word - 1;
    const char *line = cg_fmt(g, "#undef %.*s\n", (int)strcspn(s, " (\n"), s);
    if (!strstr(text_str(&end), line)) text_add(&end, line);
  }
  if (!end.n) return;
  text_add(source, "/* The file leaves no macro to what else is in its translation unit. */\n");
  text_add(source, text_str(&end));
}
