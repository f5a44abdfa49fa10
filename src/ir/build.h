/* build.h: the only maker of instructions. Each ir_* call checks its operands (a mistake here is a
 * bug of the caller: cx_bug), folds constants and identities, and returns the number of an equal
 * instruction where one exists. Passes walk an old function and emit into a new builder. */
#ifndef GRADC_BUILD_H
#define GRADC_BUILD_H

#include "ir/ir.h"

typedef struct Builder {
  Cx *cx;
  Fn *fn;
  int32_t *bucket; /* hash of instruction -> newest with that hash */
  int32_t nbuckets;
  Span span;       /* given to new instructions */
  Derived derived; /* given to new instructions */
  Name hint;       /* given to the next new instruction, then cleared */
  bool opaque;     /* `stop` of a constant stays: it is a value like any other */
} Builder;

Builder ir_begin(Cx *cx, Name name);
/* Ends building; drops what no output needs (inputs stay). The function is never changed
 * afterwards. */
Fn *ir_finish(Builder *b);

Val ir_input(Builder *b, Name name, DType t, const Shape *s, InputRole role, Span span);
void ir_output(Builder *b, Name name, Val v);

static inline const Ins *ir_ins(const Builder *b, Val v) { return &b->fn->ins.at[v]; }
static inline DType ir_type(const Builder *b, Val v) { return (DType)ir_ins(b, v)->type; }
static inline const Shape *ir_shape(const Builder *b, Val v) { return &ir_ins(b, v)->shape; }
/* v, which derivatives are to take for a number like any other. Their rules drop what is multiplied
 * by a constant 0, for that is an element put out, or a direction nobody asked for; the 0 that a
 * program computes with is a value, and 0 times infinity isn't 0 whether it was written down or
 * not. A constant becomes `stop` of it; fn_without_marks takes such marks away in the end. */
Val ir_opaque(Builder *b, Val v);
void ir_name(Builder *b, Val v, Name hint); /* names v unless it has a name */

/* leaves, at any shape (NULL: rank 0) */
Val ir_const_f(Builder *b, DType t, const Shape *s,
               double v); /* any type; the value is converted */
Val ir_const_i(Builder *b, DType t, const Shape *s, int64_t v);
Val ir_size(Builder *b, DType t, const Shape *s, Dim d); /* a number folds to a constant */
Val ir_iota(Builder *b, DType t, Dim n);
Val ir_iota_along(Builder *b, DType t, const Shape *s,
                  int axis); /* the index along axis, at shape s */

/* elementwise */
Val ir_map(Builder *b, Op op, const Val *arg);
/* range.c: whether index is surely in 0 .. extent - 1, element by element. */
bool ir_index_inside(const Fn *f, Val index, Val extent);
bool ir_index_below(const Fn *f, Val index, Dim extent);
/* Whether all indices of a gather or scatter are. */
bool ir_indices_inside(const Fn *f, const Ins *in);
/* `index` into an axis: an error where it is outside when the program runs. */
Val ir_bounded(Builder *b, Val index, Dim extent);
Val ir_map1(Builder *b, Op op, Val x);
Val ir_map2(Builder *b, Op op, Val x, Val y);
Val ir_map3(Builder *b, Op op, Val x, Val y, Val z);
Val ir_cast(Builder *b, DType t, Val x);

/* reductions: axes is a bit set; the axes disappear. A sum over a product becomes a contraction
 * where some label is in one factor only (einsum.c). */
Val ir_fold(Builder *b, Op op, Val x, uint32_t axes);

/* movement */
/* Smallest and largest value of off + sum coef*i over the result's labels; false where a
 * coefficient's sign isn't known. */
bool view_interval(Cx *cx, const ViewDim *d, const Shape *out, Dim *lo, Dim *hi);
Val ir_view(Builder *b, Val x, const Shape *out, const View *v); /* v->exact is computed here */
Val ir_reshape(Builder *b, Val x, const Shape *out);
Val ir_gather(Builder *b, Val x, const Val *index, const int32_t *axis, int naxes);
Val ir_scatter(Builder *b, Val upd, const Val *index, const int32_t *axis, int naxes,
               const Shape *full);
/* common views */
Val ir_permute(Builder *b, Val x, const int32_t *perm); /* result axis i is operand axis perm[i] */
/* The same; where x is a choice between views, as ir_gather makes it of counted indices, these take
 * the order of the axes in. */
Val ir_permute_choice(Builder *b, Val x, const int32_t *perm);
/* Result has shape `out`; operand axis k becomes result axis at[k]; other result axes are
 * broadcast. */
Val ir_spread(Builder *b, Val x, const Shape *out, const int32_t *at);
Val ir_broadcast(Builder *b, Val x,
                 const Shape *out); /* NumPy: aligns at the right, extent 1 stretches */
Val ir_slice(Builder *b, Val x, int axis, Dim start, Dim count, int64_t step);
Val ir_pad(Builder *b, Val x, int axis, Dim before, Dim after); /* with zeros */

/* The bilinear one; labels as in ir.h. */
Val ir_contract(Builder *b, Val x, Val y, const Contract *c);
/* For the lowering. The sum over `axes` of the product mul as a contraction of two operands, though
 * one may have no axis for itself: false where neither is read by windows that slide over it. And
 * that contraction, left as it is. */
bool ir_window_operands(Builder *b, Val mul, uint32_t axes, Val x[2], Contract *c);
Val ir_contract_as_it_is(Builder *b, Val x, Val y, const Contract *c);

/* instructions with bodies: args are the body's inputs, then its cotangents (one per output of a
 * float type, in order) or tangents (one per wrt input); parts are the body's outputs, then one
 * adjoint per wrt input, or one tangent per float output. */
Val ir_vjp(Builder *b, Fn *body, const bool *wrt, const Val *args, int nargs);
Val ir_jvp(Builder *b, Fn *body, const bool *wrt, const Val *args, int nargs);
/* The body once per index of `lead`; args are its inputs, those mapped with these axes in front. */
Val ir_vmap(Builder *b, Fn *body, const bool *mapped, const Shape *lead, const Val *args);
/* The rules may be NULL; args are the body's inputs. */
Val ir_call(Builder *b, Fn *body, Fn *adjoint, Fn *tangent, bool again, const Val *args);
/* args as ir.h says at Loop and Branch; both return a bundle. */
Val ir_loop(Builder *b, const Loop *loop, const Val *args, int nargs);
Val ir_branch(Builder *b, Fn *then, Fn *other, Val cond, const Val *captures, int ncaptures);
Val ir_part(Builder *b, Val bundle, int k);

/* Copies instruction `in` (of another function) with operands already mapped; the builder folds it.
 */
Val ir_copy(Builder *b, const Ins *in, const Val *arg);
/* Inlines all of f: inputs become args; outs (may be NULL) receives one value per output. */
void ir_inline(Builder *b, const Fn *f, const Val *args, Val *outs);

/* Zero-filled tensor like x. */
static inline Val ir_zeros_like(Builder *b, Val x) {
  Shape s = *ir_shape(b, x);
  return ir_const_f(b, ir_type(b, x), &s, 0);
}

#endif
