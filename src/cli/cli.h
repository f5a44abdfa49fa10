/* cli.h: what the files of the command line share. */
#ifndef GRADC_CLI_H
#define GRADC_CLI_H

#include "base/base.h"

#endif
