/* weights.h: parameters between memory and files. A Weight names memory that somebody else owns
 * (the training step updates it in place). Loading checks everything before it changes anything;
 * saving replaces the file at once or not at all. */
#ifndef GRADC_WEIGHTS_H
#define GRADC_WEIGHTS_H

#include "base/diag.h"
#include "ir/ir.h"
#include "array_file.h"

typedef struct Weight {
  const char *name;
  DType type;
  Shape shape; /* numbers */
  void *data;
  int lead; /* axes in front that a file may have split: one tensor for each element, */
  const char
      *pattern; /* called by this with numbers for the stars (blocks.*.up.W); lead > 0 only */
  bool frozen;  /* the training step leaves it as it is */
  bool state;   /* declared by `state` */
  Span span;    /* its declaration */
} Weight;

/* The weights as files hold them: arrays of layers element by element. The memory is shared. */
Weight *weights_split(Cx *cx, const Weight *w, int n, int *count);
int64_t weight_count(const Weight *w);
size_t weight_bytes(const Weight *w);
bool weight_is_finite(const Weight *w);

/* All arrays of a file, which go with the arena. NULL: *status says what happened, after a
 * diagnostic. */
ArraySet *weights_file(Cx *cx, Arena *a, const char *path, Status *status);
/* From .safetensors or .npz, by name. Tensors of the file that no weight asks for are warned about,
 * but for those a checkpoint holds beside the weights. */
Status weights_load(Cx *cx, const char *path, Weight *w, int n);
Status weights_save(Cx *cx, const char *path, const Weight *w, int n);
/* Whether weights can be written under that name; a diagnostic where not: before hours of training.
 */
bool weights_can_save(Cx *cx, const char *path);
/* Marks the weights that a list of names ("W1,b1", "encoder.*") means. */
Status weights_freeze(Cx *cx, Weight *w, int n, const char *list);

/* For checkpoints: tensors are stored under prefix + name. */
#define CHECKPOINT_STATE "optimizer/"
ArrayView weight_view(Cx *cx, const Weight *w, const char *prefix);
/* Compares with a loaded file; true where all weights are there and fit. Then weights_take copies.
 */
bool weights_match(Cx *cx, const ArraySet *set, const char *path, const Weight *w, int n,
                   const char *prefix);
void weights_take(Cx *cx, const ArraySet *set, Weight *w, int n, const char *prefix);

#endif
