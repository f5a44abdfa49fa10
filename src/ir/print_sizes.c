/* print_sizes.c: extents as text, and the sizes of a body that is printed as a function of its own.
 *
 * A call finds the sizes of a function from the shapes of its arguments, each from an extent that
 * is linear in it once others are known. The body of a map or rule was made for the shapes of one
 * call, say f64[N*M], from which no call can find N and M. Such an extent gets a name: the text
 * says f64[K], and every size of the body that is an expression in N*M says K instead. */
#include "ir/print.h"

/* ---- text ---- */
static Dim grouped(Cx *cx, const SizeGroups *groups, Dim d) {
  for (int i = 0; i < groups->list.n; i++)
    d = dim_in_terms(cx, d, groups->list.at[i].of, groups->list.at[i].name);
  return d;
}

void print_dim(const Printer *p, Dim d, Text *out) {
  dim_print(p->cx, grouped(p->cx, &p->groups, d), out);
}

void print_factor(const Printer *p, Dim d, Text *out) {
  Text t = text_new(p->arena);
  print_dim(p, d, &t);
  bool plain = !strpbrk(text_str(&t), " /*-");
  text_fmt(out, plain ? "%s" : "(%s)", text_str(&t));
}

void print_extents(const Printer *p, const Shape *s, Text *out) {
  if (s->rank != 1) text_add(out, "(");
  for (int i = 0; i < s->rank; i++) {
    if (i) text_add(out, ", ");
    print_dim(p, s->dim[i], out);
  }
  if (s->rank != 1) text_add(out, ")");
}

static Shape grouped_shape(const Printer *p, const Shape *s) {
  Shape r = *s;
  for (int i = 0; i < r.rank; i++) r.dim[i] = grouped(p->cx, &p->groups, r.dim[i]);
  return r;
}

void print_type(const Printer *p, DType t, const Shape *s, Text *out) {
  Shape shape = grouped_shape(p, s);
  type_print(p->cx, t, &shape, out);
}

/* ---- all sizes of a function ---- */
typedef void (*SizeVisit)(void *data, Dim d);

static void visit_shape(const Shape *s, SizeVisit visit, void *data) {
  for (int i = 0; i < s->rank; i++) visit(data, s->dim[i]);
}

static void visit_view(const View *w, SizeVisit visit, void *data) {
  for (int d = 0; d < w->rank; d++) {
    visit(data, w->dim[d].off);
    for (int k = 0; k < w->dim[d].n; k++) visit(data, w->dim[d].term[k].coef);
  }
}

/* Those that its text shows; bodies that are functions of their own have sizes of their own. */
static void visit_sizes(const Fn *f, SizeVisit visit, void *data) {
  const Fn *body[IR_MAX_BODIES];
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    visit_shape(&in->shape, visit, data);
    if (in->op == OP_size) visit(data, in->u.size);
    if (in->op == OP_view) visit_view(in->u.view, visit, data);
    if (in->op == OP_loop) visit(data, in->u.loop->trip);
    if (in->op != OP_loop && in->op != OP_branch) continue;
    for (int i = ins_bodies(in, body); i-- > 0;) visit_sizes(body[i], visit, data);
  }
}

static void take_names(void *data, Dim d) {
  Printer *p = data;
  SizeBindings found = {0};
  dim_names(p->cx, grouped(p->cx, &p->groups, d), p->arena, &found);
  for (int i = 0; i < found.list.n; i++)
    if (!name_taken(p, found.list.at[i].name))
      names_add(p->arena, &p->names, found.list.at[i].name);
}

void take_size_names(Printer *p, const Fn *f) { visit_sizes(f, take_names, p); }

/* ---- which sizes a call can't find ---- */
typedef struct Sizes { /* of a body */
  Cx *cx;
  Arena *arena;
  SizeGroups *groups;
  SizeBindings known; /* what a call has found; the value is a name that only the call has */
  SizeBindings names; /* of all of them */
  bool unknown;
} Sizes;

static void collect_names(void *data, Dim d) {
  Sizes *s = data;
  dim_names(s->cx, d, s->arena, &s->names);
}

static bool is_found(const Sizes *s, Dim d) {
  SizeBindings names = {0};
  Dim value;
  dim_names(s->cx, d, s->arena, &names);
  for (int i = 0; i < names.list.n; i++)
    if (!size_lookup(&s->known, names.list.at[i].name, &value)) return false;
  return true;
}

static void look_for_unknown(void *data, Dim d) {
  Sizes *s = data;
  if (!is_found(s, grouped(s->cx, s->groups, d))) s->unknown = true;
}

/* The same expression in names of the caller. */
static Dim of_caller(const Sizes *s, Dim d) {
  SizeBindings names = {0}, other = {0};
  dim_names(s->cx, d, s->arena, &names);
  for (int i = 0; i < names.list.n; i++) {
    Name name = names.list.at[i].name;
    size_bind(s->arena, &other, name, dim_named(s->cx, name_fmt(s->cx, "%s of the caller", name)));
  }
  return dim_subst(s->cx, d, &other);
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* A name that no size has. */
static Name group_name(const Sizes *s) {
  static const char letters[] = "KLPQRSTUVW";
  Dim value;
  for (int i = 0;; i++) {
    char c = letters[i % (int)(sizeof letters - 1)];
    int round = i / (int)(sizeof letters - 1) + 1;
    Name name = round > 1 ? name_fmt(s->cx, "%c%d", c, round) : name_fmt(s->cx, "%c", c);
    if (!size_lookup(&s->names, name, &value)) return name;
  }
}

/* A name for the extent, or for what a multiple of makes it, beside a number: K of 2*N*M + 1. */
static void add_group(Sizes *s, Dim extent) {
  int64_t common = 0, number = 0;
  for (int i = dim_term_count(s->cx, extent); i-- > 0;) {
    DimTerm t = dim_term(s->cx, extent, i);
    if (!t.n) number = t.coef;
    else common = common_divisor(t.coef < 0 ? -t.coef : t.coef, common);
  }
  Dim of = extent;
  if (common > 1) dim_divides(s->cx, dim_sub(s->cx, extent, number), common, &of);
  Name name = group_name(s);
  Dim named = dim_named(s->cx, name);
  size_bind(s->arena, &s->names, name, named);
  size_bind(s->arena, &s->known, name, of_caller(s, named));
  vec_push(s->arena, &s->groups->list, ((SizeGroup){of, named}));
}

/* What a call finds from the extents, one after the other as long as one tells something; the first
 * that doesn't follow from the others gets a name then. */
static bool find_size(Sizes *s, const Fn *f, const bool *as_param, Dim *unsolved) {
  *unsolved = 0;
  for (int i = 0; i < f->in.n; i++) {
    const Shape *x = &f->in.at[i].shape;
    for (int d = 0; d < x->rank && !as_param[i]; d++) {
      Dim extent = grouped(s->cx, s->groups, x->dim[d]);
      if (is_found(s, extent)) continue;
      if (dim_unify(s->cx, s->arena, extent, of_caller(s, extent), &s->known)) return true;
      if (!*unsolved) *unsolved = extent;
    }
  }
  return false;
}

/* Parameters are declared outside: their sizes are known. */
static void know_params(Sizes *s, const Fn *f, const bool *as_param) {
  for (int i = 0; i < f->in.n; i++) {
    SizeBindings names = {0};
    const Shape *x = &f->in.at[i].shape;
    for (int d = 0; d < x->rank && as_param[i]; d++) dim_names(s->cx, x->dim[d], s->arena, &names);
    for (int k = 0; k < names.list.n; k++)
      size_bind(s->arena, &s->known, names.list.at[k].name, names.list.at[k].value);
  }
}

const SizeGroups *group_sizes(const Printer *p, const Body *body, const bool *as_param) {
  static const SizeGroups none;
  const Fn *f[] = {body->fn, body->adjoint, body->tangent};
  SizeGroups *groups = NEW(p->arena, SizeGroups);
  Sizes s = {.cx = p->cx, .arena = p->arena, .groups = groups};
  Dim unsolved;
  for (int i = 0; i < 3; i++)
    if (f[i]) visit_sizes(f[i], collect_names, &s);
  know_params(&s, body->fn, as_param);
  for (;;) {
    if (find_size(&s, body->fn, as_param, &unsolved)) continue;
    if (!unsolved) break;
    add_group(&s, unsolved);
  }
  for (int i = 0; i < 3; i++)
    if (f[i]) visit_sizes(f[i], look_for_unknown, &s);
  return s.unknown ? &none : groups; /* then no text is a function that can be called */
}
