/* job.h: what the commands that are jobs of the library share: the job with its options and
 * operands from the command line, its text on stdout, Ctrl-C. */
#ifndef GRADC_CLI_JOB_H
#define GRADC_CLI_JOB_H

#include "cli/cli.h"

/* Takes over the options of the command, but for those that are the context's or the command's own
 * (data, threads, memory, definitions, how results are shown). */
gradc_status cli_job_options(const Cli *cli, gradc_job *j);
gradc_status cli_job_data(const Cli *cli, gradc_job *j, OptId data);
/* Runs it with progress on stdout. The first Ctrl-C ends it after the step it is in; a second one
 * ends the process. */
gradc_status cli_job_run(gradc_job *j);
/* Runs it, its text on stdout as it comes. */
gradc_status cli_job_stream(gradc_job *j);

/* The job that the command is, with its options, and the operands behind the first as functions;
 * gradc_job_free is due. What is wrong has been said. */
Status cli_job(const Cli *cli, gradc_context *gc, gradc_job **out);
/* That job run, and one of its results printed unless it went into a file. */
Status cli_show_job(const Cli *cli, gradc_context *gc, const char *result);
/* That job run, its text printed as it comes. */
Status cli_follow_job(const Cli *cli, gradc_context *gc);

#endif
