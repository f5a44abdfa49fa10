/* habits.h: what somebody means who writes a word of another language; the words are in habits.def.
 */
#ifndef GRADC_FRONT_HABITS_H
#define GRADC_FRONT_HABITS_H

typedef enum HabitKind { HABIT_TYPE, HABIT_ARG, HABIT_MEMBER, HABIT_NAME } HabitKind;

/* What is written here instead; NULL: the word is nobody's. */
const char *habit_of(HabitKind kind, const char *word);

#endif
