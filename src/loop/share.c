/* share.c: a kernel's registers, each value once. In: a kernel as the lowering left it; out: the
 * same without registers that hold what another visible one holds, and without those nothing is
 * made of.
 *
 * Expansions of functions are inlined call by call, so x**1, x**2 and x**3 each bring the logarithm
 * of x. Compilers find such things, but not across the instructions that emitted C hides from them,
 * and what isn't there needn't be read, printed or compiled. A load is the same only within a
 * block, so that nothing is kept over a loop in a register that could be loaded again. */
#include "loop/lower.h"

typedef struct Key { /* of a value: operands by their values' numbers */
  const ExNode *node;
  int32_t arg[3], dyn, mask;
  int32_t own; /* register, or for loads the block */
} Key;
typedef struct Entry {
  Key key;
  uint64_t hash;
  Reg holder; /* visible register that holds the value, -1 */
} Entry;

typedef struct Share {
  Arena *arena;
  Kernel *k;
  Vec(Entry) entry; /* numbered values; [0] unused */
  int32_t *slot;    /* open addressing: numbers by hash, 0 is empty */
  int32_t nslots;
  bool *changes;  /* per register: it is set again */
  bool *stored;   /* per buffer: the kernel writes it */
  Reg *same;      /* per register: the one that stands for it */
  int32_t *value; /* per register: the number of what it holds */
  int32_t block, blocks;
  Vec(int32_t) visible; /* numbers with a holder, in the order they came */
} Share;

/* ---- keys ---- */
static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

static uint64_t payload(const ExNode *n) {
  uint64_t bits = 0;
  if (n->kind == EX_IMM) memcpy(&bits, &n->u, sizeof bits);
  return bits;
}

static uint64_t hash_key(const Key *x) {
  const ExNode *n = x->node;
  uint64_t h = mix((uint64_t)n->kind << 32 | (uint64_t)n->type << 16 | n->lanes, (uint64_t)n->op);
  for (int i = 0; i < 3; i++) h = mix(h, (uint64_t)x->arg[i]);
  h = mix(mix(h, (uint64_t)x->dyn), (uint64_t)x->mask);
  h = mix(mix(h, (uint64_t)x->own), payload(n));
  h = mix(mix(h, (uint64_t)n->buf), (uint64_t)n->lane_stride);
  h = mix(h, (uint64_t)n->ix.off);
  for (int i = 0; i < n->ix.n; i++)
    h = mix(mix(h, (uint64_t)n->ix.term[i].var), (uint64_t)n->ix.term[i].coef);
  return h;
}

static bool equal_nodes(const ExNode *a, const ExNode *b) {
  if (a->kind != b->kind || a->type != b->type || a->lanes != b->lanes || a->op != b->op ||
      a->buf != b->buf || a->lane_stride != b->lane_stride || payload(a) != payload(b) ||
      a->ix.off != b->ix.off || a->ix.n != b->ix.n)
    return false;
  for (int i = 0; i < a->ix.n; i++)
    if (a->ix.term[i].var != b->ix.term[i].var || a->ix.term[i].coef != b->ix.term[i].coef)
      return false;
  return a->kind != EX_SHUFFLE || !memcmp(a->u.pick, b->u.pick, a->lanes);
}

static bool equal_keys(const Key *a, const Key *b) {
  return !memcmp(a->arg, b->arg, sizeof a->arg) && a->dyn == b->dyn && a->mask == b->mask &&
         a->own == b->own && equal_nodes(a->node, b->node);
}

/* ---- numbers ---- */
static int32_t fresh(Share *s) {
  vec_push(s->arena, &s->entry, ((Entry){.holder = -1}));
  return s->entry.n - 1;
}

static void grow(Share *s) {
  s->nslots = MAX(64, 2 * s->nslots);
  s->slot = NEWS(s->arena, int32_t, s->nslots);
  for (int i = 1; i < s->entry.n; i++) {
    if (!s->entry.at[i].key.node) continue;
    uint64_t at = s->entry.at[i].hash;
    while (s->slot[at & (uint64_t)(s->nslots - 1)]) at++;
    s->slot[at & (uint64_t)(s->nslots - 1)] = i;
  }
}

static int32_t number_of(Share *s, const Key *key) {
  if (2 * s->entry.n >= s->nslots) grow(s);
  uint64_t h = hash_key(key), at = h;
  for (;; at++) {
    int32_t n = s->slot[at & (uint64_t)(s->nslots - 1)];
    if (!n) break;
    if (s->entry.at[n].hash == h && equal_keys(&s->entry.at[n].key, key)) return n;
  }
  int32_t n = fresh(s);
  s->entry.at[n].key = *key;
  s->entry.at[n].hash = h;
  s->slot[at & (uint64_t)(s->nslots - 1)] = n;
  return n;
}

/* Of integers: no NaN is among them. */
static bool compares_with_itself(const Share *s, const ExNode *n, const Key *key) {
  return n->kind == EX_MAP && op_info[n->op].typing == TY_COMPARE && key->arg[0] == key->arg[1] &&
         !type_is_float((DType)s->k->ex.at[n->arg[0]].type);
}

/* The number of e's value here. What may change between two places has a new one each time. */
static int32_t number(Share *s, Ex e) {
  if (!e) return 0;
  ExNode *n = &s->k->ex.at[e];
  if (n->kind == EX_REG) {
    Reg r = n->u.reg = s->same[n->u.reg];
    return s->changes[r] ? fresh(s) : s->value[r];
  }
  Key key = {.node = n};
  for (int i = 0; i < 3; i++) key.arg[i] = number(s, n->arg[i]);
  key.dyn = number(s, n->dyn);
  key.mask = number(s, n->mask);
  if (compares_with_itself(s, n, &key)) { /* compilers warn of such */
    bool holds = n->op == OP_eq || n->op == OP_le || n->op == OP_ge;
    *n = (ExNode){.kind = EX_IMM, .type = T_BOOL, .lanes = n->lanes, .u.i = holds};
    return number_of(s, &(Key){.node = n});
  }
  if (n->kind == EX_LOAD) key.own = s->block;
  if (n->kind == EX_LOAD && s->stored[n->buf]) return fresh(s);
  return number_of(s, &key);
}

/* ---- statements ---- */
static void find_changes(Share *s, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *x = b->at.at[i];
    Block *inner[ST_BLOCKS];
    if (x->kind == ST_SET) s->changes[x->u.set.reg] = true;
    if (x->kind == ST_STORE) s->stored[x->u.store.buf] = true;
    for (int k = st_blocks(x, inner); k-- > 0;) find_changes(s, inner[k]);
  }
}

/* False: the register isn't needed, another holds the value. */
static bool share_let(Share *s, const Stmt *x) {
  Reg r = x->u.set.reg;
  int32_t v = number(s, x->u.set.value);
  s->value[r] = v;
  if (s->changes[r]) return true;
  if (s->entry.at[v].holder >= 0) {
    s->same[r] = s->entry.at[v].holder;
    return false;
  }
  s->entry.at[v].holder = r;
  vec_push(s->arena, &s->visible, v);
  return true;
}

static bool is_register(const Share *s, Ex e, Reg r) {
  const ExNode *n = &s->k->ex.at[e];
  return n->kind == EX_REG && n->u.reg == r;
}

static void share_block(Share *s, Block *b) {
  int32_t outer = s->block, mark = s->visible.n, kept = 0;
  s->block = ++s->blocks;
  for (int i = 0; i < b->at.n; i++) {
    Stmt *x = b->at.at[i];
    Ex value[ST_VALUES];
    Block *inner[ST_BLOCKS];
    bool keep = true;
    if (x->kind == ST_LET) keep = share_let(s, x);
    else
      for (int k = 0, n = st_values(x, value); k < n; k++) number(s, value[k]);
    if (x->kind == ST_SET) /* a sum that nothing is added to goes */
      keep = !is_register(s, x->u.set.value, x->u.set.reg);
    for (int k = 0, n = st_blocks(x, inner); k < n; k++) share_block(s, inner[k]);
    if (keep) b->at.at[kept++] = x;
  }
  b->at.n = kept;
  while (s->visible.n > mark) s->entry.at[s->visible.at[--s->visible.n]].holder = -1;
  s->block = outer;
}

/* ---- what nothing is made of ---- */
typedef struct Live {
  Kernel *k;
  bool *reg, *ex;
  bool news;
} Live;

static void mark(Live *l, Ex e) {
  const ExNode *x = &l->k->ex.at[e];
  Ex part[EX_PARTS];
  if (l->ex[e]) return;
  l->ex[e] = l->news = true;
  if (x->kind == EX_REG) l->reg[x->u.reg] = true;
  for (int i = ex_parts(x, part); i-- > 0;) mark(l, part[i]);
}

static bool sets_register(const Stmt *s) { return s->kind == ST_LET || s->kind == ST_SET; }

/* From the end, so that one turn does unless a loop hands something to its next iteration. */
static void mark_block(Live *l, const Block *b) {
  for (int i = b->at.n - 1; i >= 0; i--) {
    Stmt *x = b->at.at[i];
    Ex value[ST_VALUES];
    Block *inner[ST_BLOCKS];
    if (sets_register(x) && !l->reg[x->u.set.reg]) continue;
    for (int k = st_values(x, value); k-- > 0;) mark(l, value[k]);
    for (int k = st_blocks(x, inner); k-- > 0;) mark_block(l, inner[k]);
  }
}

static void drop_dead(const Live *l, Block *b) {
  int32_t kept = 0;
  for (int i = 0; i < b->at.n; i++) {
    Stmt *x = b->at.at[i];
    Block *inner[ST_BLOCKS];
    if (sets_register(x) && !l->reg[x->u.set.reg]) continue;
    for (int k = st_blocks(x, inner); k-- > 0;) drop_dead(l, inner[k]);
    b->at.at[kept++] = x;
  }
  b->at.n = kept;
}

void low_share(Low *lw, Kernel *k) {
  Arena *a = lw->arena;
  Share s = {.arena = a, .k = k};
  s.changes = NEWS(a, bool, k->reg.n + 1);
  s.stored = NEWS(a, bool, lw->p->buf.n + 1);
  s.same = NEWS(a, Reg, k->reg.n + 1);
  s.value = NEWS(a, int32_t, k->reg.n + 1);
  for (int r = 0; r < k->reg.n; r++) s.same[r] = r;
  fresh(&s); /* number 0 */
  find_changes(&s, &k->body);
  share_block(&s, &k->body);
  Live l = {.k = k, .reg = NEWS(a, bool, k->reg.n + 1), .ex = NEWS(a, bool, k->ex.n + 1)};
  do {
    l.news = false;
    mark_block(&l, &k->body);
  } while (l.news);
  drop_dead(&l, &k->body);
  for (int e = 1; e < k->ex.n; e++) /* so that no buffer counts as used for it */
    if (!l.ex[e]) k->ex.at[e] = (ExNode){.kind = EX_IMM, .type = T_I32, .lanes = 1};
}
