/* c_gen.h: what the files of the C printer share. Like the LLVM printer it is dumb on purpose: one
 * loop form construct, one way to spell it, so that both give the same bits (loop/loop.h).
 *
 * An expression becomes C text; what would be evaluated twice, or is too long to read, becomes a
 * constant of its own before the statement. Vectors are GCC's vector extensions and never cross a
 * function's border, so no flag changes an ABI. Truth values are 0 and 1 as `int`; of vectors they
 * are masks, lanes of 0 and -1 as wide as the values they were compared from. */
#ifndef GRADC_C_GEN_H
#define GRADC_C_GEN_H

#include "back/back_c.h"

typedef enum CElem {
  CE_F32,
  CE_F64,
  CE_I8,
  CE_I32,
  CE_I64,
  CE_U8,
  CE_U32,
  CE_U64,
  CE_I16,
  CE_U16,
  CE_COUNT
} CElem;
typedef enum CHelp { /* what is done to vectors; see c_macro.c */
                     CH_ADD,
                     CH_SUB,
                     CH_MUL,
                     CH_DIV,
                     CH_NEG,
                     CH_AND,
                     CH_OR,
                     CH_XOR,
                     CH_NOT,
                     CH_SHL,
                     CH_SHR,
                     CH_USHR,
                     CH_FMA,
                     CH_SQRT,
                     CH_FLOOR,
                     CH_CEIL,
                     CH_ROUND,
                     CH_MIN,   /* a < b ? a : b, */
                     CH_MAX,   /* a > b ? a : b, as the instructions have it */
                     CH_SCALE, /* a * b * c, where b * c is 2^n: one instruction of AVX-512 */
                     CH_LOAD,
                     CH_STORE,
                     CH_LOAD_N, /* the first n lanes */
                     CH_STORE_N,
                     CH_LOAD_IF, /* where a mask holds */
                     CH_STORE_IF,
                     CH_GATHER,
                     CH_GATHER_IF,
                     CH_GATHER64,
                     CH_GATHER64_IF,
                     CH_EQ,
                     CH_NE,
                     CH_LT,
                     CH_LE,
                     CH_GT,
                     CH_GE,
                     CH_BLEND,
                     CH_EQ_BITS, /* comparisons whose result may be a mask register, */
                     CH_NE_BITS,
                     CH_LT_BITS,
                     CH_LE_BITS,
                     CH_GT_BITS,
                     CH_GE_BITS,
                     CH_ALL_BITS,
                     CH_AND_BITS, /* and what is done with it: see c_bits.c */
                     CH_BLEND_BITS,
                     CH_LOAD_BITS,
                     CH_STORE_BITS,
                     CH_COUNT
} CHelp;
enum { C_MAX_LOG = 8 }; /* up to 2^7 lanes */

typedef struct CgKernel {   /* a kernel as a C function */
  const char *name, *sizes; /* sizes: the arguments for them, after the buffers */
  const char *text;         /* arguments and body */
  bool plain;
} CgKernel;

typedef struct CGen {
  Cx *cx;
  const char *prefix;
  Text body; /* the functions so far */
  int indent;
  int programs;         /* how many got a number */
  Vec(CgKernel) kernel; /* printed so far */
  Name function;        /* the exported function they belong to */
  bool vec_used[CE_COUNT][C_MAX_LOG], splat_used[CE_COUNT][C_MAX_LOG];
  bool half_used[CE_COUNT][C_MAX_LOG], list_used[CE_COUNT][C_MAX_LOG];
  bool pick_used[CE_COUNT][C_MAX_LOG], bits_used[CE_COUNT][C_MAX_LOG];
  bool convert_used[CE_COUNT][CE_COUNT][C_MAX_LOG], as_used[CE_COUNT][CE_COUNT][C_MAX_LOG];
  bool touch_used, loop_used, keep_used, rounds_back_used, scheduled_used;
  bool help_used[CH_COUNT][CE_COUNT][C_MAX_LOG];
  bool scalar_used[OP_COUNT][T_BUNDLE + 1]; /* functions for operators on scalars, */
  bool extreme_used[2][CE_COUNT];           /* and for the smaller and larger of two */
  bool openmp, omp_used;
  int threads;     /* with openmp: that the workspace has room for */
  Vec(Name) sizes; /* named sizes of the function; each is a parameter n_NAME */
  Vec(Dim)
      dim; /* expressions in them that the C function being printed needs: constants d0, d1, .. */
  /* the program and kernel being printed */
  const LoopProgram *p;
  const Kernel *k;
  bool *fixed;      /* the loop variable is a number, since its loop was unrolled */
  int64_t *value;   /* which */
  uint8_t *mask;    /* bytes of a mask register's lanes */
  uint8_t *selects; /* and of the widest lanes it selects from */
  uint8_t *bits;    /* bytes of the lanes it puts out, where it may be a mask register; else 0 */
  bool *declared;   /* the register has been declared, in the scopes open now: */
  Vec(Reg) scope;
  Ex *active;   /* what the register holds, where that is the first lanes */
  bool *stored; /* per argument of the kernel: it writes there */
  int temps;
  const Ex *let; /* what defines the register; see loop/scale.h */
  bool nameless; /* registers and buffers go by their numbers: for comparing */
} CGen;

/* c_expr.c */
const char *cg_fmt(CGen *g, const char *fmt, ...) GC_PRINTF(2, 3);
void cg_line(CGen *g, const char *fmt, ...) GC_PRINTF(2, 3);
int cg_log(CGen *g, int lanes);
CElem cg_elem(CGen *g, DType t, int mask_bytes);
const char *cg_vec(CGen *g, CElem e, int lanes);                  /* name of the vector type */
const char *cg_type(CGen *g, DType t, int lanes, int mask_bytes); /* as a value */
const char *cg_memory_type(CGen *g, DType t);                     /* of elements as stored */
const char *cg_atom(CGen *g, const char *text, const char *type); /* a name or number for it */
const char *cg_splat(CGen *g, const char *scalar, CElem e, int lanes);
/* c_convert.c: a vector as one of other elements, its bits as another's, its lower or upper half;
 * one of listed lanes, and of lanes picked from two: "a, b, 0, 4, .." */
const char *cg_convert(CGen *g, const char *vector, CElem from, CElem to, int lanes);
const char *cg_as(CGen *g, const char *vector, CElem from, CElem to, int lanes);
const char *cg_half(CGen *g, const char *vector, CElem e, int lanes, bool upper);
const char *cg_listed(CGen *g, const char *list, CElem e, int lanes);
const char *cg_picked(CGen *g, const char *list, CElem e, int lanes);
const char *cg_reduce(CGen *g, const ExNode *x); /* EX_REDUCE */
CElem cg_mask_elem(int bytes);
const char *cg_reg(CGen *g, Reg r);
const char *cg_bare(CGen *g, const char *text);         /* without parentheses around all of it */
const char *cg_lane(CGen *g, const char *v, int lanes); /* lane l of it, where it has several */
const char *cg_number(CGen *g, DType t, double f, int64_t i);
const char *cg_dim(CGen *g, Dim d);
const char *cg_ix(CGen *g, const Ix *ix);
const char *cg_place_at(CGen *g, const char *base, const char *at); /* base + at */
/* A C function whose body is printed before its head, which names what the body needs of the sizes.
 */
typedef struct CgBody {
  Text outer;
} CgBody;
CgBody cg_body_begin(CGen *g);
const char *cg_body_text(CGen *g, CgBody b); /* from the brace on */
void cg_body_end(CGen *g, CgBody b, const char *head);
const char *cg_sizes_used(CGen *g, const char *before,
                          const char *type); /* of the body: "int64_t n_N, int64_t n_M" */
/* A vector truth value comes with lanes of so many bytes; 0: as they come, see cg_mask_bytes. */
const char *cg_ex(CGen *g, Ex e, int mask_bytes);
int cg_mask_bytes(CGen *g, Ex e);
/* How many lanes of a mask that is known to be the first ones; NULL: of another mask. */
const char *cg_first_lanes(CGen *g, Ex mask);
bool cg_is_spread(CGen *g, Ex dyn, int lanes, Dim lane_stride);
/* c_macro.c: the name of an operation on vectors, and its call: as many arguments as it has, atoms
 * where a macro has them twice. Definitions of all that were named. */
const char *cg_help(CGen *g, CHelp h, CElem e, int lanes);
const char *cg_op(CGen *g, CHelp h, CElem e, int lanes, const char *a, const char *b, const char *c,
                  const char *d);
void cg_macros(CGen *g, bool plain, Text *out);
/* c_map.c. mask_bytes: of the operands' masks where from is bool, and of a bool result; by: operand
 * 1 where it is an integer's literal, else 0. */
const char *cg_map(CGen *g, Op op, DType from, DType to, int lanes, const char **arg, int64_t by,
                   int mask_in, int mask_out);
/* a < b ? a : b (min) or a > b ? a : b (max) of vectors of floats */
const char *cg_extreme(CGen *g, Op op, DType t, int lanes, const char *a, const char *b);
/* c_bits.c: truth values in mask registers. cg_bits: the value in that form, which goes into a
 * register with bits; cg_bits_reg: that register's name, where e is one; cg_bits_mask: a mask of
 * lanes of the type, where it comes in that form; NULL: it doesn't. */
void cg_find_bits(CGen *g);
const char *cg_bits(CGen *g, Ex e, int bytes);
const char *cg_bits_reg(CGen *g, Ex e);
const char *cg_bits_mask(CGen *g, Ex e, DType t);
const char *cg_bits_type(CGen *g, int bytes, int lanes);
void cg_bits_types(CGen *g, bool plain, Text *out); /* definitions of those that were named */
/* c_kernel.c */
CgKernel cg_kernel(CGen *g, const Kernel *k, const char *name);
bool cg_has_vectors(const Kernel *k);
int cg_place(CGen *g, Buf b);            /* number of the kernel's argument, */
const char *cg_argument(CGen *g, Buf b); /* and its name */
void cg_kernel_call(CGen *g, const Kernel *k, const CgKernel *made);
const char *cg_sizes(CGen *g,
                     const char *type); /* all sizes, after other arguments: ", int64_t n_N" */
/* c_program.c: the program as a function NAME(in, out, ws), after the functions it calls. */
void cg_program(CGen *g, const LoopProgram *p, const char *name);
const char *cg_base(CGen *g, Buf b); /* text of a buffer's address in the program's function */
/* c_call.c */
void cg_call_site(CGen *g, const Call *c, const char *body, const char *other);
/* c_weights.c: the parameters' values. */
void c_weights_header(const CFile *f, Text *out);
void c_weights_source(const CFile *f, Text *out);
/* c_prelude.c: types, macros and small functions that were used; what makes a name of C one of the
 * file's own, so that two files can be parts of one translation unit; the end of all macros. */
void cg_prelude(CGen *g, Text *out);
void cg_own(CGen *g, const char *name, Text *out);
void cg_undefine(CGen *g, Text *source);
extern const char *const cg_elem_name[CE_COUNT], *const cg_elem_type[CE_COUNT];
extern const int cg_elem_bytes[CE_COUNT];
const char *cg_dtype(DType t);        /* "float", of a caller's arrays */
bool c_is_reserved(const char *word); /* a keyword of C or C++, or a macro of the headers */
const char *c_comment_name(Cx *cx, const char *name);    /* in a comment: letters and digits only */
void c_comment_text(const char *s, size_t n, Text *out); /* a text of the program, on one line */

#endif
