/* api_case.h: what tests of include/gradc.h share. */
#ifndef GRADC_TESTS_API_CASE_H
#define GRADC_TESTS_API_CASE_H

#include "include/gradc.h"

extern gradc_context *gc;   /* of the present test */
extern const char linear[]; /* a program: a linear classifier and its loss */

void api_set_up(void);
void api_tear_down(void);

#define OK(call)         ck_assert_msg((call) == GRADC_OK, "%s: %s", #call, gradc_message(gc))
#define IS(status, call) ck_assert_int_eq((call), GRADC_##status)

#endif
