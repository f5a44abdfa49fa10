/* words.h: the words of the language by what they are, for editors. */
#ifndef GRADC_WORDS_H
#define GRADC_WORDS_H

#include "base/base.h"

typedef enum WordClass {
  CLASS_DECLARATION, /* fn param const .. */
  CLASS_CONTROL,     /* if for while .. */
  CLASS_LOGIC,       /* and or not */
  CLASS_CONSTANT,    /* true false inf nan */
  CLASS_TYPE,
  CLASS_DERIVATIVE,
  CLASS_FUNCTION,
  CLASSES
} WordClass;

typedef Vec(const char *) Words;
/* From the tables of tokens, types, builtins, operators, and from the prelude. */
Words language_words(Arena *a, WordClass class);

#endif
