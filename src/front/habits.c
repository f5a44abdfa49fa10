/* habits.c: what somebody means who writes a word of another language; see habits.def. */
#include "front/check.h"

static const struct {
  HabitKind kind;
  const char *word, *here;
} habits[] = {
#define HABIT(kind, word, here) {HABIT_##kind, word, here},
#include "front/habits.def"
#undef HABIT
};

const char *habit_of(HabitKind kind, const char *word) {
  for (int i = 0; i < COUNT_OF(habits); i++)
    if (habits[i].kind == kind && !strcmp(habits[i].word, word)) return habits[i].here;
  return NULL;
}

bool habit_hint(Check *c, Diag *d, HabitKind kind, const char *word) {
  const char *here = habit_of(kind, word);
  if (here) diag_hint(c->cx, d, "here one writes %s", here);
  return here;
}
