/* job_code.h: emit with `c`, which shares its options with build and verify. */
#ifndef GRADC_JOB_CODE_H
#define GRADC_JOB_CODE_H

#include "api/job.h"

Status job_emit_c(Session *s, gradc_job *j);

#endif
