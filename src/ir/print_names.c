/* print_names.c: names for printed values: the source's where it gave one, made valid and unique.
 */
#include "ir/print.h"

#include <ctype.h>

/* Words of the language and the functions that printed text itself uses: a value of that name would
 * hide them. Operators and element types are in their own tables. */
static const char *const reserved[] = {
    "param",     "const",        "fn",      "let",     "if",         "then", "else",  "and",
    "or",        "not",          "true",    "false",   "var",        "for",  "while", "layer",
    "import",    "test",         "adjoint", "tangent", "checkpoint", "max",  "min",   "reshape",
    "transpose", "broadcast_to", "pad",     "inside",  "nan",        "inf",
};

/* Operators that printed text spells otherwise: nothing is called by these names. */
static bool is_spelt_otherwise(Op op) {
  switch (op) {
  case OP_none:
  case OP_arg:
  case OP_part:
  case OP_view:
  case OP_contract:
  case OP_loop:
  case OP_branch:
  case OP_call: return true;
  default: return false;
  }
}

static bool is_reserved(const char *word) {
  Op op;
  DType t;
  for (int i = 0; i < COUNT_OF(reserved); i++)
    if (!strcmp(reserved[i], word)) return true;
  return (op_find(word, &op) && !is_spelt_otherwise(op)) || type_find(word, &t);
}

/* ---- what is taken ---- */
enum { FEW = 64, HINT_BITS = 20 };

/* Names are interned: the pointer stands for the text. */
static uint32_t hash(Name name) {
  return (uint32_t)(((uint64_t)(uintptr_t)name * 0x9E3779B97F4A7C15u) >> (64 - HINT_BITS));
}

static void hint_at(Names *n, Name name) { n->hint[hash(name) / 64] |= 1ull << hash(name) % 64; }

void names_add(Arena *a, Names *n, Name name) {
  vec_push(a, &n->list, name);
  if (n->hint) hint_at(n, name);
  if (n->hint || n->list.n < FEW) return;
  n->hint = NEWS(a, uint64_t, (1 << HINT_BITS) / 64);
  for (int i = 0; i < n->list.n; i++) hint_at(n, n->list.at[i]);
}

static bool listed(const Names *n, Name name) {
  if (n->hint && !(n->hint[hash(name) / 64] >> hash(name) % 64 & 1)) return false;
  for (int i = 0; i < n->list.n; i++)
    if (n->list.at[i] == name) return true;
  return false;
}

bool name_in_scope(const Printer *p, Name name) { return listed(&p->names, name); }

bool name_taken(const Printer *p, Name name) {
  return name_in_scope(p, name) || listed(&p->globals->names, name) || is_reserved(name);
}

/* The wish with what can't stand in a name turned into '_'; NULL for nothing usable. */
static Name valid_name(Cx *cx, Name wish) {
  char buf[128];
  size_t n = 0;
  if (!wish) return NULL;
  if (isdigit((unsigned char)*wish)) buf[n++] = '_';
  for (const char *s = wish; *s && n + 1 < sizeof buf; s++)
    buf[n++] = isalnum((unsigned char)*s) && (unsigned char)*s < 128 ? *s : '_';
  return n ? name_of_n(cx, buf, n) : NULL;
}

/* ---- numbered names: s, s2, s3 ---- */
enum { NUMBERED = 1 << 12 };
typedef struct Numbered { /* by hash of the base: below the number all are taken */
  struct {
    Name base;
    int next;
  } at[NUMBERED];
} Numbered;

static Name numbered(Printer *p, Name base) {
  if (!p->numbered) p->numbered = NEW(p->arena, Numbered);
  uint32_t at = hash(base) % NUMBERED;
  int i = p->numbered->at[at].base == base ? p->numbered->at[at].next : 2;
  Name name = base;
  for (; name_taken(p, name); i++) name = name_fmt(p->cx, "%s%d", base, i);
  p->numbered->at[at].base = base;
  p->numbered->at[at].next = i;
  return name;
}

Name fresh_name(Printer *p, Name wish) {
  Name base = valid_name(p->cx, wish), name = base;
  if (!base) do
      name = name_fmt(p->cx, "t%d", ++p->unnamed);
    while (name_taken(p, name));
  else if (name_taken(p, name)) name = numbered(p, base);
  names_add(p->arena, &p->names, name);
  return name;
}

Name fresh_label(Printer *p, Name wish) {
  static const char letters[] = "ijklmnopqrstuvwabcdefgh";
  if (wish && !name_taken(p, wish) && !listed(&p->labels, wish)) {
    vec_push(p->arena, &p->labels.list, wish);
    return wish;
  }
  for (int round = 1;; round++)
    for (int c = 0; letters[c]; c++) {
      Name name = round > 1 ? name_fmt(p->cx, "%c%d", letters[c], round)
                            : name_fmt(p->cx, "%c", letters[c]);
      if (name_taken(p, name) || listed(&p->labels, name)) continue;
      vec_push(p->arena, &p->labels.list, name);
      return name;
    }
}

/* A parameter of a layer keeps its path, a.b.c; others become a plain name. */
Name param_name(Globals *g, Cx *cx, Name wish) {
  bool path = wish && strchr(wish, '.') && !strstr(wish, "..") && *wish != '.' &&
              wish[strlen(wish) - 1] != '.';
  for (const char *s = wish; path && *s; s++) {
    bool starts = s == wish || s[-1] == '.';
    path = *s == '.' || *s == '_' || (isalpha((unsigned char)*s) && (unsigned char)*s < 128) ||
           (!starts && isdigit((unsigned char)*s));
  }
  if (!path || listed(&g->names, wish)) return global_name(g, cx, wish, "p");
  names_add(g->out->arena, &g->names, wish);
  return wish;
}

Name global_name(Globals *g, Cx *cx, Name wish, const char *otherwise) {
  Name base = valid_name(cx, wish);
  if (!base) base = name_of(cx, otherwise);
  Name name = base;
  for (int i = 2; listed(&g->names, name) || is_reserved(name); i++)
    name = name_fmt(cx, "%s%d", base, i);
  names_add(g->out->arena, &g->names, name);
  return name;
}
