/* build_parts.h: what the files of the builder share; nobody else includes it. */
#ifndef GRADC_BUILD_PARTS_H
#define GRADC_BUILD_PARTS_H

#include "ir/arith.h"
#include "ir/build.h"

/* The number of an instruction equal to the prototype, 0 where there is none. */
Val build_find(Builder *b, const Ins *proto);
/* That, or a new one. */
Val build_emit(Builder *b, const Ins *proto);
bool view_eq(const View *a, const View *b);
/* einsum.c: the sum over `axes` of the product mul (an OP_mul), as contractions and smaller sums;
 * 0 where it is best left as it is. */
Val einsum_of_product(Builder *b, Val mul, uint32_t axes);
/* build_merged.c: likewise of x, a product along axes that were merged, or one that was cut. */
Val sum_of_merged(Builder *b, Val x, uint32_t axes);
/* The same of an OP_add or OP_sub, term by term. */
Val einsum_of_sum(Builder *b, Val sum, uint32_t axes);

/* build_wrap.c: a gather at counted indices, (i + 1) % n, as a choice between views; 0 where the
 * indices are looked up, or nothing proves that they are inside. */
Val build_counted_gather(Builder *b, Val x, const Val *index, const int32_t *axis, int n,
                         const Shape *out);

/* build_scan.c: what the loop reads by its counter is scanned. Returns the number of operands,
 * which are new ones then. */
int build_scan_rows(Builder *b, Loop *l, Val **args, int nargs);

/* delta.c: the contraction where one operand is a basis: the other one, moved; 0 where none is. */
Val delta_contract(Builder *b, Val x, Val y, const Contract *c, const Shape *out);

/* Labels (result axes) a value really depends on: all but those of extent 1 and, for a view, those
 * that occur in no index. Bit set. */
uint32_t labels_used(const Builder *b, Val v);
/* v under the labels order[0..n) of its own, in this order; those left out have extent 1 or don't
 * occur in it. */
Val relabel(Builder *b, Val v, const int32_t *order, int n);
/* v over only the labels in `keep` (which holds all it uses), in the order that makes it the
 * plainest view of what it reads; the labels in that order go to `order`. */
Val restrict_labels(Builder *b, Val v, uint32_t keep, int32_t *order);

/* The index of `inner` with its labels replaced by the (whole) indices of `outer`. */
ViewDim view_substitute(Cx *cx, const ViewDim *inner, const View *outer);
/* build_choice.c: the view of a choice where all its reads fall on one side; else 0. */
Val view_of_choice(Builder *b, Val x, const Shape *out, const View *v);

#endif
