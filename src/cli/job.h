/* job.h: what the commands that run over data sets share: a job of the library, its options from
 * the command line, its progress on stdout, Ctrl-C. */
#ifndef GRADC_CLI_JOB_H
#define GRADC_CLI_JOB_H

#include "cli/cli.h"

/* Takes over the options of the command, but for those every command sees to itself (data,
 * validation data, threads, definitions). */
gradc_status cli_job_options(const Cli *cli, gradc_job *j);
gradc_status cli_job_data(const Cli *cli, gradc_job *j, OptId data);
/* Runs it with progress on stdout. The first Ctrl-C ends it after the step it is in; a second one
 * ends the process. */
gradc_status cli_job_run(gradc_job *j);

#endif
