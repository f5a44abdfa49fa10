/* random_program.h: one random program, made of a seed, under all laws of laws.h. */
#ifndef GRADC_TEST_RANDOM_PROGRAM_H
#define GRADC_TEST_RANDOM_PROGRAM_H

#include "gen_program.h"
#include "laws.h"

typedef struct RandomKind {
  const char *name;
  GenOptions gen;
  Spice spice;
  int share;  /* programs of it in make check */
  int weight; /* of 1000, where the seed chooses the kind */
} RandomKind;
extern const RandomKind random_kind[];
int random_kinds(void);
/* What the seed chooses. */
int random_kind_of(uint64_t seed);

/* What programs share that are checked one after the other: a context is good for many, since what
 * doesn't depend on the program (the prelude, the rules of the tables) is read once in it. */
typedef struct RandomDesk {
  Cx *cx;
  LawDesk source, check;
} RandomDesk;

/* NULL where all laws hold, else a report of the failure with the program shrunk, good until the
 * desk is next used. */
const char *random_program(RandomDesk *d, int kind, uint64_t seed, bool all_widths);
void random_desk_clear(RandomDesk *d);

/* bulk.c: `unit --programs FIRST COUNT [WORKERS [LOG [KIND]]]`. */
int bulk_main(int argc, char **argv);
/* ... and `unit --source SEED KIND`, the text of a program, for what takes files: gradc verify. */
int source_main(int argc, char **argv);

#endif
