/* sign.h: which values can't be negative. */
#ifndef GRADC_SIGN_H
#define GRADC_SIGN_H

#include "ir/ir.h"

typedef enum Sign { /* what is known of a value that is a number */
                    SIGN_ANY,
                    SIGN_NOT_NEGATIVE,
                    SIGN_POSITIVE /* no smaller than some number above 0 */
} Sign;

/* Per value of f. input: of its inputs; NULL: nothing is known of them. */
Sign *signs_find(const Fn *f, const Sign *input);

#endif
