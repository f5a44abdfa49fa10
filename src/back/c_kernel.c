/* c_kernel.c: kernels: loops, registers, stores. */
#include "back/c_gen.h"
#include "loop/scale.h"

static void print_block(CGen *g, const Block *b);

static void open_brace(CGen *g, const char *before) {
  cg_line(g, "%s{", before);
  g->indent++;
}
static void close_brace(CGen *g) {
  g->indent--;
  cg_line(g, "}");
}

/* ---- names ---- */
enum { NAME_MOST = 16 };

/* What may stand in a name of C, of the beginning of a value's name: "", or "_acc". */
static const char *word_of(CGen *g, const char *name) {
  char word[NAME_MOST + 2] = "_";
  int n = 1;
  for (; name && *name && n <= NAME_MOST; name++) {
    bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
    bool fits = letter || *name == '_' || (*name >= '0' && *name <= '9' && n > 1);
    if (!fits) break;
    word[n++] = *name;
  }
  word[n] = 0;
  return n > 1 ? arena_copy(g->cx->arena, word, (size_t)n + 1) : "";
}

const char *cg_reg(CGen *g, Reg r) {
  return cg_fmt(g, "r%d%s", r, g->nameless ? "" : word_of(g, g->k->reg.at[r].name));
}

const char *cg_argument(CGen *g, Buf b) {
  return cg_fmt(g, "b%d%s", cg_place(g, b), g->nameless ? "" : word_of(g, g->p->buf.at[b].name));
}

bool cg_has_vectors(const Kernel *k) {
  for (int i = 1; i < k->ex.n; i++)
    if (k->ex.at[i].lanes > 1) return true;
  return false;
}

/* ---- registers ---- */
/* Per register the widest of what it selects from as a mask, in bytes. */
static void find_mask_widths(CGen *g, uint8_t *most) {
  for (int i = 1; i < g->k->ex.n; i++) {
    const ExNode *x = &g->k->ex.at[i];
    Ex mask = x->kind == EX_LOAD                        ? x->mask
              : x->kind == EX_MAP && x->op == OP_select ? x->arg[0]
                                                        : 0;
    const ExNode *m = &g->k->ex.at[mask];
    if (!mask || m->kind != EX_REG || x->type == T_BOOL) continue;
    most[m->u.reg] = (uint8_t)MAX((int)most[m->u.reg], type_info[x->type].bytes);
  }
}

/* As wide as what the mask selects from, else as what it was made of. */
static int mask_width(CGen *g, Reg r, Ex value) {
  return g->selects[r] >= 4 ? g->selects[r] : cg_mask_bytes(g, value);
}

static void declare(CGen *g, Reg r) {
  if (g->declared[r]) return;
  g->declared[r] = true;
  vec_push(g->cx->arena, &g->scope, r);
}

/* The last line, where it is the constant, as the register's instead: r = .. */
static bool takes_last_line(CGen *g, const char *constant, const char *type, const char *target) {
  const char *head = cg_fmt(g, "const %s %s = ", type, constant), *text = g->body.at;
  if (g->body.n == 0) return false;
  size_t at = g->body.n - 1;
  while (at > 0 && text[at - 1] != '\n') at--;
  const char *line = text + at + strspn(text + at, " ");
  if (strncmp(line, head, strlen(head))) return false;
  const char *value = cg_fmt(g, "%s", line + strlen(head)); /* with its end */
  g->body.n = at;
  g->body.at[at] = 0;
  cg_line(g, "%s = %.*s", target, (int)strlen(value) - 1, value);
  return true;
}

static void print_set(CGen *g, const Stmt *s) {
  Reg r = s->u.set.reg;
  const RegInfo *info = &g->k->reg.at[r];
  if (!g->declared[r] && info->type == T_BOOL)
    g->mask[r] = (uint8_t)mask_width(g, r, s->u.set.value);
  int bits = g->bits[r];
  const char *v = bits ? cg_bits(g, s->u.set.value, bits) : cg_ex(g, s->u.set.value, g->mask[r]);
  const char *type =
      bits ? cg_bits_type(g, bits, info->lanes) : cg_type(g, info->type, info->lanes, g->mask[r]);
  const char *name = cg_reg(g, r);
  v = cg_bare(g, v);
  const char *target = g->declared[r] ? name : cg_fmt(g, "%s %s", type, name);
  if (v[0] != 't' || !takes_last_line(g, v, type, target)) cg_line(g, "%s = %s;", target, v);
  declare(g, r);
}

/* ---- stores ---- */
static void scalar_store(CGen *g, const Stmt *s, DType t, const char *v) {
  const char *at = cg_ix(g, &s->u.store.ix), *to = cg_argument(g, s->u.store.buf);
  if (s->u.store.dyn) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_ex(g, s->u.store.dyn, 0));
  else at = cg_bare(g, at);
  const char *mask = s->u.store.mask ? cg_ex(g, s->u.store.mask, 0) : NULL;
  if (s->u.store.add) {
    const char *type = cg_type(g, t, 1, 4),
               *old = cg_fmt(g, "%s[%s]", cg_argument(g, s->u.store.buf), at);
    const char *arg[2] = {old, cg_atom(g, v, type)};
    v = cg_map(g, t == T_BOOL ? OP_or : OP_add, t, t, 1, arg, 0, 4, 4);
  }
  if (t == T_BOOL) v = cg_fmt(g, "(uint8_t)%s", v);
  if (mask) cg_line(g, "if (%s) %s[%s] = %s;", cg_bare(g, mask), to, at, v);
  else cg_line(g, "%s[%s] = %s;", to, at, cg_bare(g, v));
}

static void vector_store(CGen *g, const Stmt *s, DType t, int lanes, const char *v, int bytes) {
  CElem e = t == T_BOOL ? CE_U8 : cg_elem(g, t, 4);
  const char *type = cg_vec(g, e, lanes), *at = cg_ix(g, &s->u.store.ix),
             *to = cg_argument(g, s->u.store.buf);
  Ex dyn = s->u.store.dyn, some = s->u.store.mask;
  if (t == T_BOOL) {
    v = cg_convert(g, v, cg_elem(g, T_BOOL, bytes), CE_U8, lanes);
    v = cg_op(g, CH_AND, e, lanes, v, cg_splat(g, "1", e, lanes), NULL, NULL);
  }
  if (!cg_is_spread(g, dyn, lanes, s->u.store.lane_stride)) {
    if (dyn) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_ex(g, dyn, 0));
    at = cg_place_at(g, to, at);
    if (!some) {
      cg_line(g, "%s;", cg_op(g, CH_STORE, e, lanes, at, v, NULL, NULL));
      return;
    }
    const char *bits = cg_bits_mask(g, some, t);
    if (bits) {
      cg_line(g, "%s;", cg_op(g, CH_STORE_BITS, e, lanes, at, bits, v, NULL));
      return;
    }
    const char *first = cg_first_lanes(g, some), *mask = cg_ex(g, some, cg_elem_bytes[e]);
    cg_line(g, "%s;",
            first ? cg_op(g, CH_STORE_N, e, lanes, at, first, mask, v)
                  : cg_op(g, CH_STORE_IF, e, lanes, at, mask, v, NULL));
    return;
  }
  v = cg_atom(g, v, type);
  const ExNode *d = dyn ? &g->k->ex.at[dyn] : NULL;
  const char *move =
      d ? cg_atom(g, cg_ex(g, dyn, 0), cg_type(g, (DType)d->type, d->lanes, 4)) : NULL;
  const char *mask = some ? cg_atom(g, cg_ex(g, some, 4), cg_type(g, T_BOOL, lanes, 4)) : NULL;
  at = cg_atom(g, at, "ptrdiff_t");
  if (s->u.store.lane_stride) at = cg_fmt(g, "%s + %s * l", at, cg_dim(g, s->u.store.lane_stride));
  if (move) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_lane(g, move, d->lanes));
  const char *test = mask ? cg_fmt(g, "if (AT(%s, l)) ", mask) : "";
  cg_line(g, "for (int l = 0; l < %d; l++) %s%s[%s] = AT(%s, l);", lanes, test, to, at, v);
}

static void print_store(CGen *g, const Stmt *s) {
  const ExNode *x = &g->k->ex.at[s->u.store.value];
  DType t = (DType)x->type;
  if (s->u.store.add && x->lanes > 1) cx_bug(g->cx, "an accumulating vector store");
  int bytes = cg_mask_bytes(g, s->u.store.value);
  const char *v = cg_ex(g, s->u.store.value, bytes);
  if (x->lanes == 1) scalar_store(g, s, t, v);
  else vector_store(g, s, t, x->lanes, v, bytes);
}

/* ---- buffers ---- */
static void find_stored(CGen *g, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Block *inner[ST_BLOCKS];
    if (s->kind == ST_STORE) g->stored[cg_place(g, s->u.store.buf)] = true;
    for (int k = st_blocks(s, inner); k-- > 0;) find_stored(g, inner[k]);
  }
}

/* Of the kernel's argument at that place. */
static const char *pointer_type(CGen *g, int place) {
  Buf b = g->k->uses.at[place];
  return cg_fmt(g, "%s%s *", g->stored[place] ? "" : "const ",
                cg_memory_type(g, g->p->buf.at[b].type));
}

/* ---- loops ---- */
/* What a block declares ends with it. */
static void print_body(CGen *g, const Block *b) {
  int mark = g->scope.n;
  print_block(g, b);
  while (g->scope.n > mark) g->declared[g->scope.at[--g->scope.n]] = false;
}

static bool constant_ix(CGen *g, const Ix *ix, int64_t *v) {
  Dim sum = ix->off;
  for (int i = 0; i < ix->n; i++) {
    if (!g->fixed[ix->term[i].var]) return false;
    sum = dim_add(g->cx, sum, dim_mul(g->cx, ix->term[i].coef, g->value[ix->term[i].var]));
  }
  *v = sum;
  return dim_is_number(sum);
}

static bool is_per_worker(CGen *g, const Kernel *k, Buf b) {
  return g->openmp && k->parallel && g->p->buf.at[b].kind == BUF_LOCAL;
}

/* Pieces for OpenMP's threads, each with its own copies of what is a worker's own. */
static void print_shared_for(CGen *g, const Stmt *s) {
  Var v = s->u.loop.var;
  const char *from = cg_ix(g, &s->u.loop.lo), *to = cg_ix(g, &s->u.loop.hi);
  cg_line(g, "OMP(omp parallel num_threads(%s_threads()))", g->prefix);
  open_brace(g, "");
  for (int i = 0; i < g->k->uses.n; i++) {
    Buf b = g->k->uses.at[i];
    const Buffer *x = &g->p->buf.at[b];
    Dim step = 0;
    if (!is_per_worker(g, g->k, b)) continue;
    if (!dim_divides(g->cx, x->stride, type_info[x->type].bytes, &step))
      cx_bug(g->cx, "a worker's copy out of step");
    cg_line(g, "%sRESTRICT %s = w%d + WORKER * %s;", pointer_type(g, i), cg_argument(g, b), i,
            cg_dim(g, step));
  }
  cg_line(g, "OMP(omp for)");
  open_brace(g, cg_fmt(g, "for (ptrdiff_t i%d = %s; i%d < %s; i%d++) ", v, from, v, to, v));
  print_body(g, &s->u.loop.body);
  close_brace(g);
  close_brace(g);
}

/* Compilers may unroll loops of so many statements if they like. */
enum { FEW = 12 };

static int statements(const Block *b) {
  int n = b->at.n;
  for (int i = 0; i < b->at.n; i++) {
    Block *inner[ST_BLOCKS];
    for (int k = st_blocks(b->at.at[i], inner); k-- > 0;) n += statements(inner[k]);
  }
  return n;
}

static void print_for(CGen *g, const Stmt *s) {
  if (g->openmp && s->u.loop.kind == FOR_PARALLEL && s->u.loop.step == 1) {
    g->omp_used = true;
    print_shared_for(g, s);
    return;
  }
  int64_t lo, hi, step = s->u.loop.step;
  Var v = s->u.loop.var;
  Ex begin = s->u.loop.from, end = s->u.loop.to;
  bool known =
      !begin && !end && constant_ix(g, &s->u.loop.lo, &lo) && constant_ix(g, &s->u.loop.hi, &hi);
  bool unroll = known && (s->u.loop.kind == FOR_UNROLL || (hi > lo && hi - lo <= step));
  if (!unroll) {
    const char *from = begin ? cg_ex(g, begin, 0) : cg_ix(g, &s->u.loop.lo);
    const char *to = end ? cg_ex(g, end, 0) : cg_ix(g, &s->u.loop.hi);
    const char *more =
        step == 1 ? cg_fmt(g, "i%d++", v) : cg_fmt(g, "i%d += %lld", v, (long long)step);
    const char *kept = "";
    if (cg_has_vectors(g->k) && statements(&s->u.loop.body) > FEW) {
      kept = "LOOP ";
      g->loop_used = true;
    }
    open_brace(g,
               cg_fmt(g, "%sfor (ptrdiff_t i%d = %s; i%d < %s; %s) ", kept, v, from, v, to, more));
    print_body(g, &s->u.loop.body);
    close_brace(g);
    return;
  }
  for (int64_t i = lo; i < hi; i += step) {
    g->fixed[v] = true;
    g->value[v] = i;
    open_brace(g, "");
    print_body(g, &s->u.loop.body);
    close_brace(g);
  }
  g->fixed[v] = false;
}

static void print_if(CGen *g, const Stmt *s) {
  open_brace(g, cg_fmt(g, "if (%s) ", cg_bare(g, cg_ex(g, s->u.cond.cond, 0))));
  print_body(g, &s->u.cond.then);
  if (s->u.cond.other.at.n) {
    g->indent--;
    open_brace(g, "} else ");
    print_body(g, &s->u.cond.other);
  }
  close_brace(g);
}

static void print_block(CGen *g, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    const Stmt *s = b->at.at[i];
    switch (s->kind) {
    case ST_FOR: print_for(g, s); break;
    case ST_LET:
    case ST_SET: print_set(g, s); break;
    case ST_STORE: print_store(g, s); break;
    case ST_IF: print_if(g, s); break;
    case ST_TOUCH:
      g->touch_used = true;
      cg_line(g, "TOUCH(%s + %s, %d);", cg_argument(g, s->u.touch.buf), cg_ix(g, &s->u.touch.ix),
              s->u.touch.write);
      break;
    }
  }
}

/* Sums of scalars, which GCC 12 must not vectorise itself: it gives wrong sums of integers and
 * truth values, and for sums of neighbours it reads up to a vector beyond the end of an array. */
static bool sums_scalars(const Kernel *k, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    const RegInfo *r = s->kind == ST_SET ? &k->reg.at[s->u.set.reg] : NULL;
    Block *inner[ST_BLOCKS];
    if (r && r->lanes == 1) return true;
    for (int j = st_blocks(s, inner); j-- > 0;)
      if (sums_scalars(k, inner[j])) return true;
  }
  return false;
}

/* Buffers are numbered by kernel, so that equal kernels have equal texts. */
int cg_place(CGen *g, Buf b) {
  int i = 0;
  while (i < g->k->uses.n && g->k->uses.at[i] != b) i++;
  return i;
}

/* The name of an equal kernel that has been printed, of whatever function. */
static const char *seen_before(CGen *g, const CgKernel *k) {
  for (int i = 0; i < g->kernel.n; i++)
    if (g->kernel.at[i].plain == k->plain && !strcmp(g->kernel.at[i].text, k->text))
      return g->kernel.at[i].name;
  return NULL;
}

/* Registers that are set once, to the first lanes. */
static void find_active(CGen *g, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Block *inner[ST_BLOCKS];
    if (s->kind == ST_LET && g->k->ex.at[s->u.set.value].kind == EX_ACTIVE)
      g->active[s->u.set.reg] = s->u.set.value;
    for (int k = st_blocks(s, inner); k-- > 0;) find_active(g, inner[k]);
  }
}

/* "a, b, c", on as many lines as it takes. column: where it begins. */
static void add_item(Text *t, int *column, const char *item) {
  enum { MOST = 96 };
  int n = (int)strlen(item);
  bool first = t->n == 0, next_line = !first && *column + n + 2 > MOST;
  text_fmt(t, "%s%s", first ? "" : next_line ? ",\n    " : ", ", item);
  *column = next_line ? 4 + n : *column + n + (first ? 0 : 2);
}

static const char *parameters(CGen *g, const Kernel *k, int column) {
  Text t = text_new(g->cx->arena);
  for (int i = 0; i < k->uses.n; i++) {
    Buf b = k->uses.at[i];
    const char *restricted = loop_buffer_alone(g->p, k, b) ? "RESTRICT " : "";
    const char *name = is_per_worker(g, k, b) ? cg_fmt(g, "w%d", i) : cg_argument(g, b);
    add_item(&t, &column, cg_fmt(g, "%s%s%s", pointer_type(g, i), restricted, name));
  }
  return text_str(&t);
}

/* Arguments and body; name: NULL where it is made for being compared. */
static const char *kernel_text(CGen *g, const Kernel *k, const char *name, const char **sizes) {
  int column = name ? (int)(strlen("static NOINLINE void (") + strlen(name)) : 0;
  g->nameless = !name;
  g->temps = 0;
  memset(g->mask, 4, (size_t)k->reg.n + 1);
  memset(g->declared, 0, (size_t)k->reg.n + 1);
  g->scope.n = 0;
  CgBody body = cg_body_begin(g);
  print_block(g, &k->body);
  const char *between = k->uses.n ? ", " : "";
  const char *all =
      cg_fmt(g, "%s%s", parameters(g, k, column), cg_sizes_used(g, between, "int64_t "));
  *sizes = cg_sizes_used(g, between, "");
  return cg_fmt(g, "(%s)%s", *all ? all : "void", cg_body_text(g, body));
}

/* What is rounded to f32 and goes on in f64: gcc 12 vectorises that of neighbouring lanes and
 * forgets the rounding (the rest of an argument reduced in f64, as tan of an f32 has it). */
static bool rounds_back(const Kernel *k) {
  bool down = false, up = false;
  for (int i = 1; i < k->ex.n; i++) {
    const ExNode *x = &k->ex.at[i];
    if (x->kind != EX_MAP || x->op != OP_cast) continue;
    DType from = (DType)k->ex.at[x->arg[0]].type;
    down |= from == T_F64 && x->type == T_F32;
    up |= from == T_F32 && x->type == T_F64;
  }
  return down && up;
}

static void begin_kernel(CGen *g, const Kernel *k) {
  Arena *a = g->cx->arena;
  g->k = k;
  g->fixed = NEWS(a, bool, k->var.n + 1);
  g->value = NEWS(a, int64_t, k->var.n + 1);
  g->mask = NEWS(a, uint8_t, k->reg.n + 1);
  g->selects = NEWS(a, uint8_t, k->reg.n + 1);
  find_mask_widths(g, g->selects);
  g->declared = NEWS(a, bool, k->reg.n + 1);
  g->active = NEWS(a, Ex, k->reg.n + 1);
  g->let = loop_lets(a, k);
  g->bits = NEWS(a, uint8_t, k->reg.n + 1);
  cg_find_bits(g);
  g->stored = NEWS(a, bool, k->uses.n + 1);
  find_stored(g, &k->body);
  find_active(g, &k->body);
}

/* GCC is to leave loops with vectors as they are: it would keep what one iteration loads in
 * registers for the next. */
CgKernel cg_kernel(CGen *g, const Kernel *k, const char *name) {
  begin_kernel(g, k);
  CgKernel made = {.plain = !cg_has_vectors(k) && !sums_scalars(k, &k->body)};
  made.text = kernel_text(g, k, NULL, &made.sizes);
  made.name = seen_before(g, &made);
  if (made.name) return made;
  made.name = name;
  vec_push(g->cx->arena, &g->kernel, made);
  const char *text = kernel_text(g, k, name, &made.sizes);
  bool rounds = cg_has_vectors(k) && rounds_back(k);
  bool straight = cg_has_vectors(k) && !strstr(text, "for (");
  g->rounds_back_used |= rounds;
  g->scheduled_used |= straight && !rounds;
  const char *value = k->name ? c_comment_name(g->cx, k->name) : "",
             *from = c_source_line(g->cx, k->span);
  cg_line(g, "/* %s%s%s */", value, *value && *from ? ", " : "", from);
  if (!made.plain) cg_line(g, rounds ? "ROUNDED" : straight ? "SIDE_BY_SIDE" : "AS_WRITTEN");
  cg_line(g, "static NOINLINE void %s%s", name, text);
  return made;
}

void cg_kernel_call(CGen *g, const Kernel *k, const CgKernel *made) {
  Text t = text_new(g->cx->arena);
  int column = (int)strlen(made->name) + 3;
  g->k = k;
  g->stored = NEWS(g->cx->arena, bool, k->uses.n + 1);
  find_stored(g, &k->body);
  for (int i = 0; i < k->uses.n; i++) {
    Buf b = k->uses.at[i];
    const char *type = pointer_type(g, i);
    add_item(&t, &column, cg_fmt(g, "(%.*s*)%s", (int)strlen(type) - 1, type, cg_base(g, b)));
  }
  cg_line(g, "%s(%s%s);", made->name, text_str(&t), made->sizes);
}
