/* fmt.h: what the parts of the formatter share; private to them. The data goes one way:
 *
 *   text --tokens_read--> tokens, comments --fmt_tokens.c--> FmtTokens: comments hang on the token
 *        after them, spaces and statements are known --fmt.c--> lines --fmt_out.c--> text
 *
 * Only what stands between tokens is chosen: tokens are printed as they were written, but for `;`
 * between lines and commas before a closing bracket. */
#ifndef GRADC_FMT_H
#define GRADC_FMT_H

#include "front/parse.h"

enum { FMT_WIDTH = 100, FMT_INDENT = 2, FMT_SMALL = 32 };

typedef struct FmtComment {
  int32_t lo, hi;
  bool own_line; /* nothing but blanks before it */
  bool blank;    /* an empty line before it */
} FmtComment;

typedef struct FmtToken {
  int32_t kind, lo, hi;
  int32_t match;              /* brackets: number of the other one; -1: no bracket */
  int32_t comment, ncomments; /* those between the token before and this one */
  int32_t end;                /* columns of all tokens up to this one on one line */
  int32_t comments_so_far;    /* before it or an earlier token */
  int32_t tall_so_far;        /* blocks of several lines that this or an earlier token opens */
  int32_t lines_so_far; /* of the source's lines, those that begin with this or an earlier one */
  bool blank;           /* an empty line just before it */
  bool begins;          /* first of a statement */
  bool sign;            /* a minus that is no operator */
  bool of_size;         /* inside a type, or beside a slice's colon: products are tight */
  bool of_slice;        /* the colon of a slice */
  bool ends_labels;     /* the bracket before a reduction's body */
} FmtToken;

typedef struct FmtMark { /* a comment behind code, in the text so far */
  size_t at;             /* the byte after the code */
  int32_t line, column, indent;
} FmtMark;

typedef struct Fmt {
  Cx *cx;
  const char *text;
  Vec(FmtToken) toks; /* the last one is END */
  Vec(FmtComment) comments;
  Text out;
  int32_t line, column, indent; /* of the line being written */
  bool opened;                  /* nothing since the `{` or the beginning of the file */
  Vec(FmtMark) marks;
} Fmt;

/* fmt_tokens.c */
void fmt_read(Fmt *f, int32_t source, const Node *file);
bool fmt_spaced(const Fmt *f,
                int32_t i); /* a space between token i and the one before, on one line */
bool fmt_ends_operand(int kind);

/* fmt_out.c */
/* What stands between token i and the one before: comments, then a line's end where asked for or
 * needed, else a space where due. Comments are indented by `inner`, the token by `indent`. */
void fmt_gap(Fmt *f, int32_t i, bool line, int32_t inner, int32_t indent);
void fmt_token(Fmt *f, int32_t i);
const char *fmt_finish(Fmt *f, size_t *n); /* aligns comments behind code */

#endif
