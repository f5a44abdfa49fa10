/* main.c: the program gradc: looks at the first word and hands over to its command. */
#include "cli/cli.h"
#include "config.h"

#include <stdio.h>

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "--version")) {
    printf("gradc %s\n", PACKAGE_VERSION);
    return ST_OK;
  }
  fprintf(stderr, "usage: gradc --version\n");
  return ST_USAGE;
}
