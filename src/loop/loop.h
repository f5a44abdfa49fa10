/* loop.h: the loop form, where storage first exists. A LoopProgram is a list of kernels over
 * buffers; a kernel is a tree of loops, register definitions and stores. Everything that makes code
 * fast or exact is decided before it is printed: vector widths, tails, accumulators, the order of
 * every sum, every fused multiply-add. The printers (LLVM, C) only spell it.
 *
 *   Fn --lower.c--> kernels (fuse.c decides which values get storage; contract.c makes the tiles
 *   of contractions) --memplan.c--> one workspace --> back/
 */
#ifndef GRADC_LOOP_H
#define GRADC_LOOP_H

#include "base/base.h"
#include "ir/ir.h"

typedef int32_t Ex;  /* number of an expression node of the kernel; 0: none */
typedef int32_t Var; /* number of a loop variable of the kernel */
typedef int32_t Reg; /* number of a register of the kernel */
typedef int32_t Buf; /* number of a buffer of the program */

/* ---- the machine compiled for ---- */
typedef struct Target {
  const char *triple;   /* LLVM's name of architecture and system; NULL: the host's */
  const char *cpu;      /* LLVM's name; NULL: the host */
  const char *features; /* LLVM's list; NULL: the host's */
  const char *abi;      /* where the triple doesn't say it; NULL or "": it does */
  int vector_bytes;     /* 64 AVX-512, 32 AVX2, 16 SSE/NEON, 0: scalars only */
  int vector_regs;      /* 32, 16 */
  bool fma;             /* has fused multiply-add in hardware */
  int64_t l1, l2, l3;   /* data cache bytes of one core (l3: its share) */
  int threads;          /* workers the program may be run with: sizes per-worker buffers */
  int64_t expected;     /* what a named size is expected to be, for decisions; 0: 64 */
} Target;
Target target_host(void); /* target.c */
/* A processor of cpu.def, with the caches of a small one, for one thread; false where there is none
 * of that name. target_cpu_name: the i-th name, NULL at the end. */
bool target_named(const char *name, Target *out);
const char *target_cpu_name(int i);
static inline int target_lanes(const Target *t, DType type) {
  int bytes = type == T_BOOL ? 4 : type_info[type].bytes;
  return t->vector_bytes > bytes ? t->vector_bytes / bytes : 1;
}

/* ---- buffers ---- */
typedef enum BufKind {
  BUF_INPUT,  /* slot: number of the function's input */
  BUF_OUTPUT, /* slot: number of the function's output */
  BUF_TEMP,   /* in the workspace at offset */
  BUF_LOCAL   /* in the workspace, one copy per worker: offset + worker * stride */
} BufKind;
typedef struct Buffer {
  Name name;
  BufKind kind;
  DType type;
  int32_t slot;
  Dim count;           /* elements */
  Dim offset;          /* bytes from the workspace's start, a multiple of 64; set by memplan.c */
  Dim stride;          /* BUF_LOCAL: bytes between two workers' copies */
  int32_t first, last; /* kernels that touch it */
  Buf same_as;         /* output that is updated in place in this input's storage, or -1 */
  Buf into;   /* temporary that takes the place of this one, which dies in the kernel that makes it;
                 -1 */
  bool taken; /* some other takes its place */
  Span span;  /* of the value it holds */
} Buffer;

/* ---- affine indices, in elements: off + sum coef * var ---- */
typedef struct IxTerm {
  Var var;
  Dim coef;
} IxTerm;
typedef struct Ix {
  int32_t n;
  const IxTerm *term; /* ascending vars */
  Dim off;
} Ix;

/* ---- expressions: trees; what is used twice is a register ---- */
typedef enum ExKind {
  EX_IMM,     /* u.f (float types) or u.i; at any lanes */
  EX_SIZE,    /* ix.off as a number of the node's type; at any lanes */
  EX_INDEX,   /* u.ix as an integer; lane l adds l * lane_stride */
  EX_REG,     /* u.reg */
  EX_LOAD,    /* buffer element ix + lane * lane_stride (+ dyn) where mask holds, else 0 */
  EX_MAP,     /* u.op on arg[] (same lanes); cast: arg's type -> the node's type */
  EX_SPLAT,   /* scalar arg[0] in every lane */
  EX_ACTIVE,  /* bool: lane < u.ix (a count) */
  EX_SHUFFLE, /* lane l is lane u.pick[l] of arg[0] followed by arg[1] */
  EX_REDUCE /* vector arg[0] -> scalar by u.op (add, mul, min, max): the upper half onto the lower,
               repeated */
} ExKind;
typedef struct ExNode {
  uint8_t kind;    /* ExKind */
  uint8_t type;    /* DType; bool vectors are masks */
  uint16_t lanes;  /* 1: scalar */
  uint16_t height; /* MAP: operators from here down */
  Op op;
  Ex arg[3];
  Buf buf;
  Ix ix;
  Dim lane_stride; /* 1: contiguous; 0 only beside a vector dyn (else: a splat of a scalar load) */
  Ex dyn;          /* LOAD: further element offset (i32 or i64; same lanes, or a scalar that moves
                      all lanes alike), 0: none */
  Ex mask;         /* LOAD: bool of the same lanes, 0: all */
  union {
    double f;
    int64_t i;
    Reg reg;
    const uint8_t *pick; /* one per lane, below 2 * lanes; no truth values */
  } u;
} ExNode;

/* Operators a printer must know (everything else was expanded by vmath): add sub mul div idiv mod
 * (ints) neg abs fma min max floor ceil round copysign sqrt, the comparisons, and or not, select,
 * cast, bits, from_bits, bitand bitor bitxor shl shr ushr.
 *   max(a, b) is a where a > b or a is NaN, else b; min likewise with <.
 *   fma without hardware support is the C library's. Floats are never reassociated or contracted.
 */
bool loop_machine_op(Op op, DType operand);

/* ---- statements ---- */
typedef struct Stmt Stmt;
typedef struct Block {
  Vec(Stmt *) at;
} Block;
typedef enum ForKind { FOR_SERIAL, FOR_PARALLEL, FOR_UNROLL } ForKind;
typedef enum StmtKind { ST_FOR, ST_LET, ST_SET, ST_STORE, ST_IF, ST_TOUCH } StmtKind;
struct Stmt {
  StmtKind kind;
  union {
    struct {
      ForKind kind;
      Var var;
      Ix lo, hi;   /* lo <= var < hi, by step */
      Ex from, to; /* i64 scalars, 0: none; else they stand for lo and hi, which hold them in where
                      there is anything between */
      int64_t step;
      Block body;
    } loop; /* FOR_PARALLEL: only as the single top-level statement of a kernel */
    struct {
      Reg reg;
      Ex value;
    } set; /* LET defines the register here (its scope: the rest of this block); SET changes it */
    struct {
      Buf buf;
      Ix ix;
      Dim lane_stride;
      Ex dyn, mask, value;
      bool add; /* element += value (bool: or), scalars only (scatter) */
    } store;
    struct {
      Buf buf;
      Ix ix;
      bool write;
    } touch; /* the element's cache line will be read (or written) soon: a hint */
    struct {
      Ex cond; /* scalar bool */
      Block then, other;
    } cond;
  } u;
};

/* ---- parts (parts.c), for those who ask the same of every kind; each returns how many ---- */
enum { EX_PARTS = 5, ST_VALUES = 3, ST_BLOCKS = 2 };
int ex_parts(const ExNode *x, Ex part[EX_PARTS]);  /* what it reads: operands, offset, mask */
int st_values(const Stmt *s, Ex value[ST_VALUES]); /* what it computes itself */
int st_blocks(Stmt *s, Block *inner[ST_BLOCKS]);   /* the blocks in it, in their order */

typedef struct RegInfo {
  DType type;
  int32_t lanes;
  Name name; /* hint, may be NULL */
} RegInfo;

/* A loop or branch of the SSA: its bodies are programs of their own, called with pointers. Carried
 * values alternate between two places; slices and collected values are rows of whole tensors;
 * nothing is copied but the last carried values to where they are wanted. The semantics are those
 * of struct Loop and struct Branch in ir.h. */
typedef struct LoopProgram LoopProgram;
enum { CALL_AHEAD = 4 };
typedef struct Call {
  const Loop *loop;   /* NULL: a branch */
  LoopProgram *body;  /* of a branch: the one taken where the flag holds */
  LoopProgram *other; /* the condition (may be NULL); of a branch: the other body */
  Buf flag;           /* the count (i64), or the branch's condition; -1: none */
  Vec(Buf) in;        /* carried starts, scanned, captured; of a branch: captured */
  Vec(Dim) from;      /* per `in`: the byte of the buffer it begins at */
  Vec(Buf) out;       /* per part; -1: wanted nowhere */
  Vec(Buf) ping,
      pong; /* per carried value: where even and odd iterations leave it. One of them is its
               part's place where it is certain which comes last: then nothing is copied */
  const bool *stays; /* per carried value: it has one place, both ping and pong, its part's; it
                        starts there, copied where it began elsewhere; NULL of a branch */
  Buf index, more;   /* i64 and bool: what the bodies are told, and what the condition says */
  Buf workspace;     /* of the bodies, used one at a time */
  const bool *asked; /* per scanned value: its row of the step CALL_AHEAD later is asked for; NULL:
                        none is */
  bool shared;       /* iterations may run in any order, on any worker: each worker has an index and
                        a workspace of its own, which are locals, and runs the body alone */
} Call;

typedef struct Kernel {
  Name name;      /* after the value it makes */
  Span span;      /* of the source it stems from */
  Vec(ExNode) ex; /* [0] unused */
  Vec(RegInfo) reg;
  Vec(Name) var;
  Vec(Buf) uses; /* buffers it reads or writes, each once */
  Block body;
  bool parallel; /* body is one FOR_PARALLEL whose iterations may run in any order, on any worker */
  const Call *call; /* NULL: a kernel of its own; else the body is empty */
  double flops;     /* arithmetic of one run, for scheduling and bench */
  double bytes;     /* memory touched */
} Kernel;

/* What is checked when the program runs: that an index is in 0 .. extent - 1. */
typedef struct IndexCheck {
  Span span;
  Dim extent; /* -1: the elements have several */
} IndexCheck;
typedef Vec(IndexCheck) IndexChecks;

struct LoopProgram {
  Cx *cx;
  Name name;
  const Fn *given; /* what it was made of */
  const Fn *fn;    /* the same as it was lowered */
  bool *stored;    /* per value of fn: it has a place */
  Target target;
  Vec(Buffer) buf;
  Vec(Kernel *) kernel; /* run in this order */
  Dim workspace;        /* bytes, for target.threads workers; alignment 64 */
  IndexChecks check;    /* numbered from 1 */
  Buf fault; /* in the workspace to the end: an i64, not 0 where a check failed; -1: there is none
              */
};

/* lower.c: the check that failed in the run that just ended in this workspace, and the index; NULL:
 * none. The program's sizes are numbers. */
const IndexCheck *loop_fault(const LoopProgram *p, const void *workspace, int64_t *index);

/* needs: no vjp/jvp (pass_expand). Named sizes may be left: every extent, index and offset then is
 * an expression in them, true for all their values from 1 on. */
LoopProgram *loop_lower(const Fn *f, const Target *t);
/* named.c: the same program with numbers for the names, as the LLVM printer and interp.c need it;
 * the order and rounding of everything are those of p. f: pass_bind_sizes of p->fn. */
LoopProgram *loop_bind(const LoopProgram *p, const Fn *f, const SizeBindings *sizes);
bool loop_has_names(const LoopProgram *p);
void loop_dump(LoopProgram *p, Text *out);
const char *loop_verify(const LoopProgram *p); /* NULL: well formed */
/* No other buffer of the kernel may share bytes with b (memplan.c). */
bool loop_buffer_alone(const LoopProgram *p, const Kernel *k, Buf b);
/* call.c: the bytes of an input or output of a body; 0: it isn't used. */
Dim loop_port_bytes(const LoopProgram *p, BufKind kind, int port);
static inline bool call_ends_in_place(const Call *c, int carried) {
  Buf out = c->out.at[carried];
  return c->ping.at[carried] == out || c->pong.at[carried] == out;
}
/* peak.c: */
int64_t loop_least_workspace(const LoopProgram *p); /* no plan takes less: what lives at one time */
typedef struct PeakItem {
  Name name;
  Span span;
  int64_t bytes;
} PeakItem;
/* The largest buffers that live when the workspace is fullest, at most `most`; returns how many. */
int loop_peak(const LoopProgram *p, PeakItem *item, int most);
/* Of the elements of its operand, those that a reduction asks for. */
double fold_share(const Fn *f, const Ins *fold);
typedef void FlopVisit(void *data, const Ins *in, double flops);
/* All of it, and to `visit` by instruction, those of bodies as often as they run. */
double fn_visit_flops(const Fn *f, FlopVisit *visit, void *data);
double fn_flops(const Fn *f);       /* multiply and add are two; elementwise operators one each */
bool fn_flops_at_most(const Fn *f); /* how often some loop runs is found by running it */

/* ---- making kernels (kernel.c): small constructors that others share ---- */
typedef struct KernelMaker {
  LoopProgram *p;
  Kernel *k;
  Block *at; /* where statements go */
} KernelMaker;
Ex ex_imm_f(KernelMaker *m, DType t, int lanes, double v);
Ex ex_imm_i(KernelMaker *m, DType t, int lanes, int64_t v);
Ex ex_reg(KernelMaker *m, Reg r);
Ex ex_index(KernelMaker *m, DType t, int lanes, Ix ix, Dim lane_stride);
Ex ex_load(KernelMaker *m, Buf b, Ix ix, int lanes, Dim lane_stride, Ex dyn, Ex mask);
Ex ex_map(KernelMaker *m, Op op, DType result, const Ex *arg, int n);
Ex ex_splat(KernelMaker *m, Ex scalar, int lanes); /* returns it unchanged for lanes == 1 */
Ex ex_size(KernelMaker *m, DType t, int lanes, Dim d);
Ex ex_active(KernelMaker *m, int lanes, Ix count);
Ex ex_shuffle(KernelMaker *m, Ex a, Ex b, const uint8_t *pick);
Ex ex_reduce(KernelMaker *m, Op op, Ex vector);
Var var_new(KernelMaker *m, const char *name);
Reg st_let(KernelMaker *m, Ex value, Name hint);
void st_set(KernelMaker *m, Reg r, Ex value);
void st_store(KernelMaker *m, Buf b, Ix ix, Dim lane_stride, Ex dyn, Ex mask, Ex value, bool add);
void st_touch(KernelMaker *m, Buf b, Ix ix, bool write);
/* Opens a loop; statements go into its body until st_end. */
Stmt *st_for(KernelMaker *m, ForKind kind, Var v, Ix lo, Ix hi, int64_t step);
Stmt *st_if(KernelMaker *m, Ex cond); /* fill u.cond.then and .other by st_enter */
Block *st_enter(KernelMaker *m,
                Block *inner); /* returns the outer block, to be given back to st_leave */
void st_leave(KernelMaker *m, Block *outer);
Ix ix_number(Dim d);
Ix ix_add_term(KernelMaker *m, Ix ix, Var v, Dim coef);
Ix ix_plus(KernelMaker *m, Ix a, Ix b);
Ix ix_scale(KernelMaker *m, Ix a, Dim by);

#endif
