/* c_kernel.c: kernels: loops, registers, stores. */
#include "back/c_gen.h"

static void print_block(CGen *g, const Block *b);

static void open_brace(CGen *g, const char *before) {
  cg_line(g, "%s{", before);
  g->indent++;
}
static void close_brace(CGen *g) {
  g->indent--;
  cg_line(g, "}");
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
  if (g->portable) cg_lanes_ready(g, s->u.set.value);
  if (g->portable && info->lanes > 1) {
    cg_lanes_set(g, r, s->u.set.value);
    declare(g, r);
    return;
  }
  if (!g->declared[r] && info->type == T_BOOL)
    g->mask[r] = (uint8_t)mask_width(g, r, s->u.set.value);
  const char *v = cg_ex(g, s->u.set.value, g->mask[r]);
  size_t n = strlen(v);
  if (v[0] == '(' && v[n - 1] == ')' && !memchr(v + 1, '(', n - 1))
    v = cg_fmt(g, "%.*s", (int)n - 2, v + 1);
  const char *type = cg_type(g, info->type, info->lanes, g->mask[r]),
             *target =
                 cg_fmt(g, "%s%sr%d", g->declared[r] ? "" : type, g->declared[r] ? "" : " ", r);
  if (v[0] != 't' || !takes_last_line(g, v, type, target)) cg_line(g, "%s = %s;", target, v);
  declare(g, r);
}

/* ---- stores ---- */
static void scalar_store(CGen *g, const Stmt *s, DType t, const char *v) {
  const char *at = cg_ix(g, &s->u.store.ix);
  if (s->u.store.dyn) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_ex(g, s->u.store.dyn, 0));
  const char *mask = s->u.store.mask ? cg_ex(g, s->u.store.mask, 0) : NULL;
  if (s->u.store.add) {
    const char *type = cg_type(g, t, 1, 4),
               *old = cg_fmt(g, "b%d[%s]", cg_place(g, s->u.store.buf), at);
    const char *arg[2] = {old, cg_atom(g, v, type)};
    v = cg_map(g, t == T_BOOL ? OP_or : OP_add, t, t, 1, arg, 0, 4, 4);
  }
  if (t == T_BOOL) v = cg_fmt(g, "(uint8_t)%s", v);
  if (mask) cg_line(g, "if (%s) b%d[%s] = %s;", mask, cg_place(g, s->u.store.buf), at, v);
  else cg_line(g, "b%d[%s] = %s;", cg_place(g, s->u.store.buf), at, v);
}

static void vector_store(CGen *g, const Stmt *s, DType t, int lanes, const char *v, int bytes) {
  CElem e = t == T_BOOL ? CE_U8 : cg_elem(g, t, 4);
  const char *type = cg_vec(g, e, lanes), *at = cg_ix(g, &s->u.store.ix);
  Ex dyn = s->u.store.dyn;
  if (t == T_BOOL)
    v = cg_fmt(g, "(%s & 1)", cg_convert(g, v, cg_elem(g, T_BOOL, bytes), CE_U8, lanes));
  v = cg_atom(g, v, type);
  int width = cg_elem_bytes[e];
  if (!cg_is_spread(g, dyn, lanes, s->u.store.lane_stride)) {
    if (dyn) at = cg_fmt(g, "%s + (ptrdiff_t)%s", at, cg_ex(g, dyn, 0));
    if (!s->u.store.mask) {
      cg_line(g, "*(%su *)(b%d + %s) = %s;", type, cg_place(g, s->u.store.buf), at, v);
      return;
    }
    const char *mask =
        cg_atom(g, cg_ex(g, s->u.store.mask, width), cg_type(g, T_BOOL, lanes, width));
    const char *first = cg_first_lanes(g, s->u.store.mask);
    cg_line(g, "%s(b%d + %s, %s%s%s, %s);", cg_help(g, first ? CH_STORE_N : CH_STORE, e, lanes),
            cg_place(g, s->u.store.buf), at, first ? first : "", first ? ", " : "", mask, v);
    return;
  }
  const ExNode *d = dyn ? &g->k->ex.at[dyn] : NULL;
  const char *move =
      d ? cg_atom(g, cg_ex(g, dyn, 0), cg_type(g, (DType)d->type, d->lanes, 4)) : NULL;
  const char *mask = s->u.store.mask
                         ? cg_atom(g, cg_ex(g, s->u.store.mask, 4), cg_type(g, T_BOOL, lanes, 4))
                         : NULL;
  at = cg_atom(g, at, "ptrdiff_t");
  if (s->u.store.lane_stride) at = cg_fmt(g, "%s + %s * l", at, cg_dim(g, s->u.store.lane_stride));
  if (move) at = cg_fmt(g, "%s + (ptrdiff_t)%s%s", at, move, d->lanes > 1 ? "[l]" : "");
  const char *test = mask ? cg_fmt(g, "if (%s[l]) ", mask) : "";
  cg_line(g, "for (int l = 0; l < %d; l++) %sb%d[%s] = %s[l];", lanes, test,
          cg_place(g, s->u.store.buf), at, v);
}

static void print_store(CGen *g, const Stmt *s) {
  const ExNode *x = &g->k->ex.at[s->u.store.value];
  DType t = (DType)x->type;
  if (s->u.store.add && x->lanes > 1) cx_bug(g->cx, "an accumulating vector store");
  if (g->portable) {
    cg_lanes_ready(g, s->u.store.value);
    cg_lanes_ready(g, s->u.store.dyn);
    cg_lanes_ready(g, s->u.store.mask);
    if (x->lanes > 1) {
      cg_lanes_store(g, s);
      return;
    }
  }
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
  const char *p = g->prefix, *from = cg_ix(g, &s->u.loop.lo), *to = cg_ix(g, &s->u.loop.hi);
  cg_line(g, "%s_OMP(omp parallel num_threads(%s_threads()))", p, p);
  open_brace(g, "");
  for (int i = 0; i < g->k->uses.n; i++) {
    Buf b = g->k->uses.at[i];
    const Buffer *x = &g->p->buf.at[b];
    Dim step = 0;
    if (!is_per_worker(g, g->k, b)) continue;
    if (!dim_divides(g->cx, x->stride, type_info[x->type].bytes, &step))
      cx_bug(g->cx, "a worker's copy out of step");
    cg_line(g, "%s%s_RESTRICT b%d = w%d + %s_WORKER * %s;", pointer_type(g, i), p, i, i, p,
            cg_dim(g, step));
  }
  cg_line(g, "%s_OMP(omp for)", p);
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
    if (g->portable && begin) cg_lanes_ready(g, begin);
    if (g->portable && end) cg_lanes_ready(g, end);
    const char *from = begin ? cg_ex(g, begin, 0) : cg_ix(g, &s->u.loop.lo);
    const char *to = end ? cg_ex(g, end, 0) : cg_ix(g, &s->u.loop.hi);
    const char *more =
        step == 1 ? cg_fmt(g, "i%d++", v) : cg_fmt(g, "i%d += %lld", v, (long long)step);
    const char *kept = "";
    if (!g->portable && cg_has_vectors(g->k) && statements(&s->u.loop.body) > FEW) {
      kept = cg_fmt(g, "%s_LOOP ", g->prefix);
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
  if (g->portable) cg_lanes_ready(g, s->u.cond.cond);
  const char *cond = cg_ex(g, s->u.cond.cond, 0);
  size_t n = strlen(cond);
  bool one_pair = cond[0] == '(' && cond[n - 1] == ')' && !memchr(cond + 1, '(', n - 1);
  open_brace(g, cg_fmt(g, one_pair ? "if %s " : "if (%s) ", cond));
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
      cg_line(g, "%s_TOUCH(b%d + %s, %d);", g->prefix, cg_place(g, s->u.touch.buf),
              cg_ix(g, &s->u.touch.ix), s->u.touch.write);
      break;
    }
    if (g->portable) cg_lanes_done(g);
  }
}

/* The value's name in a comment: letters and digits only. */
static const char *comment_name(CGen *g, const char *name) {
  char *s = arena_copy(g->cx->arena, name, strlen(name) + 1);
  for (char *c = s; *c; c++)
    if (!(*c == '_' || *c == '.' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
          (*c >= 'A' && *c <= 'Z')))
      *c = '_';
  return s;
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

static const char *parameters(CGen *g, const Kernel *k) {
  Text t = text_new(g->cx->arena);
  int column = 60;
  for (int i = 0; i < k->uses.n; i++) {
    Buf b = k->uses.at[i];
    const char *restricted =
        loop_buffer_alone(g->p, k, b) ? cg_fmt(g, "%s_RESTRICT ", g->prefix) : "";
    add_item(&t, &column,
             cg_fmt(g, "%s%s%s%d", pointer_type(g, i), restricted,
                    is_per_worker(g, k, b) ? "w" : "b", i));
  }
  return text_str(&t);
}

/* Where its value stands in the source: ", net.nn:7". */
static const char *made_at(CGen *g, Span span) {
  int line, column;
  if (span.source <= 0) return "";
  span_place(g->cx, span, &line, &column);
  const Source *s = &g->cx->sources.at[span.source];
  const char *slash = strrchr(s->path, '/');
  const char *file = s->prelude ? "prelude" : slash ? slash + 1 : s->path;
  return cg_fmt(g, ", %s:%d", comment_name(g, file), line);
}

/* Arguments and body. */
static CgKernel kernel_text(CGen *g, const Kernel *k, bool portable) {
  g->portable = portable;
  g->temps = 0;
  memset(g->mask, 4, (size_t)k->reg.n + 1);
  memset(g->declared, 0, (size_t)k->reg.n + 1);
  g->scope.n = 0;
  CgBody body = cg_body_begin(g);
  print_block(g, &k->body);
  const char *between = k->uses.n ? ", " : "", *sizes = cg_sizes_used(g, between, "int64_t ");
  const char *all = cg_fmt(g, "%s%s", parameters(g, k), sizes);
  CgKernel made = {.sizes = cg_sizes_used(g, between, ""),
                   .plain = !cg_has_vectors(k) && !sums_scalars(k, &k->body)};
  made.text = cg_fmt(g, "(%s)%s", *all ? all : "void", cg_body_text(g, body));
  g->portable = false;
  return made;
}

/* A kernel with vectors comes in two forms, of which the compiler takes one. GCC is to leave the
 * loops of the first as they are: it would keep what one iteration loads in registers for the next.
 */
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

CgKernel cg_kernel(CGen *g, const Kernel *k, const char *name) {
  Arena *a = g->cx->arena;
  g->k = k;
  g->fixed = NEWS(a, bool, k->var.n + 1);
  g->value = NEWS(a, int64_t, k->var.n + 1);
  g->mask = NEWS(a, uint8_t, k->reg.n + 1);
  g->selects = NEWS(a, uint8_t, k->reg.n + 1);
  find_mask_widths(g, g->selects);
  g->declared = NEWS(a, bool, k->reg.n + 1);
  g->made = NEWS(a, const char *, k->ex.n + 1);
  g->active = NEWS(a, Ex, k->reg.n + 1);
  g->stored = NEWS(a, bool, k->uses.n + 1);
  find_stored(g, &k->body);
  find_active(g, &k->body);
  CgKernel made = kernel_text(g, k, false);
  made.name = seen_before(g, &made);
  if (made.name) return made;
  made.name = name;
  vec_push(a, &g->kernel, made);
  bool two = cg_has_vectors(k);
  const char *head = cg_fmt(g, "static %s_NOINLINE void %s", g->prefix, name);
  if (k->name) cg_line(g, "/* %s%s */", comment_name(g, k->name), made_at(g, k->span));
  if (two) cg_line(g, "#if %s_VECTORS", g->prefix);
  if (!made.plain) cg_line(g, "%s_AS_WRITTEN", g->prefix);
  cg_line(g, "%s%s", head, made.text);
  if (!two) return made;
  CgKernel other = kernel_text(g, k, true);
  if (strcmp(other.sizes, made.sizes)) cx_bug(g->cx, "two forms of a kernel with other sizes");
  cg_line(g, "#else");
  bool rounds = rounds_back(k);
  g->rounds_back_used |= rounds;
  cg_line(g, rounds ? "%s_ROUNDED" : "%s_AS_WRITTEN", g->prefix);
  cg_line(g, "%s%s#endif\n", head, other.text);
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
