/* size.c: arithmetic on extents. A symbolic Dim is a polynomial in normal form: monomials sorted by
 * their atoms, each with a nonzero integer coefficient. Atoms are named sizes and floor divisions
 * floor(P / k) whose polynomial P has all coefficients in 0..k-1 (the rest was divided out). */
#include "ir/size.h"

enum { MAX_ATOMS = DIM_MAX_ATOMS, MAX_MONOS = 64 };

typedef struct Mono {
  int64_t coef;
  int32_t n;
  int32_t atom[MAX_ATOMS]; /* ascending, with repetition for powers */
} Mono;

typedef struct Poly {
  int32_t n;
  Mono *mono; /* ascending in (n, atoms); the number, if any, is first */
} Poly;

typedef struct Atom {
  Name name; /* a named size, or NULL: floor(over / by) */
  Dim over;
  int64_t by;
} Atom;

struct SizeTable {
  Vec(Poly) polys;
  Vec(Atom) atoms;
};

/* ---- polynomials ---- */
static Poly as_poly(Cx *cx, Dim d, Mono *room) {
  if (!dim_is_number(d)) return cx->sizes->polys.at[d - DIM_SYMBOLIC];
  *room = (Mono){.coef = d};
  return (Poly){d != 0, room};
}

static int mono_cmp(const Mono *a, const Mono *b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  return memcmp(a->atom, b->atom, (size_t)a->n * sizeof a->atom[0]);
}

static bool poly_eq(const Poly *a, const Poly *b) {
  if (a->n != b->n) return false;
  for (int i = 0; i < a->n; i++)
    if (a->mono[i].coef != b->mono[i].coef || mono_cmp(&a->mono[i], &b->mono[i])) return false;
  return true;
}

/* Numbers are kept clear of the handles: what overflows stays at the limit, which is far above
 * DIM_MAX_NUMBER and refused where extents are checked. */
static int64_t clamp(__int128 v) {
  __int128 top = DIM_SYMBOLIC - 1;
  return (int64_t)(v > top ? top : v < -top ? -top : v);
}

static Dim intern(Cx *cx, const Poly *p) {
  if (p->n == 0) return 0;
  if (p->n == 1 && p->mono[0].n == 0) return p->mono[0].coef;
  SizeTable *t = cx->sizes;
  for (int i = 0; i < t->polys.n; i++)
    if (poly_eq(&t->polys.at[i], p)) return DIM_SYMBOLIC + i;
  Poly copy = {p->n, arena_copy(cx->arena, p->mono, (size_t)p->n * sizeof *p->mono)};
  vec_push(cx->arena, &t->polys, copy);
  return DIM_SYMBOLIC + t->polys.n - 1;
}

/* Adds coef * m to the sorted list. */
static void add_mono(Cx *cx, Poly *p, const Mono *m, int64_t coef) {
  int i = 0;
  while (i < p->n && mono_cmp(&p->mono[i], m) < 0) i++;
  if (i < p->n && !mono_cmp(&p->mono[i], m)) {
    p->mono[i].coef = clamp((__int128)p->mono[i].coef + coef);
    if (!p->mono[i].coef) {
      memmove(&p->mono[i], &p->mono[i + 1], (size_t)(p->n - i - 1) * sizeof *m);
      p->n--;
    }
    return;
  }
  if (!coef) return;
  if (p->n == MAX_MONOS) cx_bug(cx, "a size expression has more than %d terms", MAX_MONOS);
  memmove(&p->mono[i + 1], &p->mono[i], (size_t)(p->n - i) * sizeof *m);
  p->mono[i] = *m;
  p->mono[i].coef = coef;
  p->n++;
}

static Mono mono_mul(Cx *cx, const Mono *a, const Mono *b) {
  Mono r = {.coef = clamp((__int128)a->coef * b->coef)};
  if (a->n + b->n > MAX_ATOMS) cx_bug(cx, "a size expression has a degree above %d", MAX_ATOMS);
  for (int i = 0, j = 0; i < a->n || j < b->n;)
    r.atom[r.n++] =
        j == b->n || (i < a->n && a->atom[i] <= b->atom[j]) ? a->atom[i++] : b->atom[j++];
  return r;
}

static Dim combine(Cx *cx, Dim a, Dim b, int64_t sign) {
  if (dim_is_number(a) && dim_is_number(b)) return clamp((__int128)a + (__int128)sign * b);
  Mono ra, rb, room[MAX_MONOS + 1];
  Poly pa = as_poly(cx, a, &ra), pb = as_poly(cx, b, &rb), r = {0, room};
  for (int i = 0; i < pa.n; i++) add_mono(cx, &r, &pa.mono[i], pa.mono[i].coef);
  for (int i = 0; i < pb.n; i++) add_mono(cx, &r, &pb.mono[i], sign * pb.mono[i].coef);
  return intern(cx, &r);
}

Dim dim_add(Cx *cx, Dim a, Dim b) { return combine(cx, a, b, 1); }
Dim dim_sub(Cx *cx, Dim a, Dim b) { return combine(cx, a, b, -1); }

Dim dim_mul(Cx *cx, Dim a, Dim b) {
  if (dim_is_number(a) && dim_is_number(b)) return clamp((__int128)a * b);
  Mono ra, rb, room[MAX_MONOS + 1];
  Poly pa = as_poly(cx, a, &ra), pb = as_poly(cx, b, &rb), r = {0, room};
  for (int i = 0; i < pa.n; i++)
    for (int j = 0; j < pb.n; j++) {
      Mono m = mono_mul(cx, &pa.mono[i], &pb.mono[j]);
      add_mono(cx, &r, &m, m.coef);
    }
  return intern(cx, &r);
}

/* ---- atoms ---- */
static Dim atom_dim(Cx *cx, Name name, Dim over, int64_t by) {
  if (!cx->sizes) cx->sizes = NEW(cx->arena, SizeTable); /* symbolic sizes begin with their atoms */
  SizeTable *t = cx->sizes;
  int i = 0;
  while (i < t->atoms.n && (t->atoms.at[i].name != name ||
                            (!name && (t->atoms.at[i].over != over || t->atoms.at[i].by != by))))
    i++;
  if (i == t->atoms.n) vec_push(cx->arena, &t->atoms, ((Atom){name, over, by}));
  Mono m = {.coef = 1, .n = 1, .atom = {i}};
  Poly p = {1, &m};
  return intern(cx, &p);
}

Dim dim_named(Cx *cx, Name name) { return atom_dim(cx, name, 0, 0); }

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* floor((k*P + R)/k) = P + floor(R/k), with every coefficient of R in 0..k-1: what is divided in
 * the end is not negative. */
Dim dim_floor_div(Cx *cx, Dim a, int64_t by) {
  if (by <= 0) cx_bug(cx, "size divided by %lld", (long long)by);
  if (dim_is_number(a)) return floor_div(a, by);
  Mono room[MAX_MONOS + 1], rest[MAX_MONOS + 1];
  Poly p = cx->sizes->polys.at[a - DIM_SYMBOLIC], whole = {0, room}, rem = {0, rest};
  for (int i = 0; i < p.n; i++) {
    int64_t q = floor_div(p.mono[i].coef, by);
    add_mono(cx, &whole, &p.mono[i], q);
    add_mono(cx, &rem, &p.mono[i], p.mono[i].coef - q * by);
  }
  Dim r = intern(cx, &rem);
  Dim tail = dim_is_number(r) ? floor_div(r, by) : atom_dim(cx, NULL, r, by);
  return dim_add(cx, intern(cx, &whole), tail);
}

/* ---- division of polynomials: by leading monomials ---- */
static bool mono_divides(const Mono *a, const Mono *b, Mono *q) {
  *q = (Mono){0};
  if (!b->coef || a->coef % b->coef) return false;
  q->coef = a->coef / b->coef;
  int j = 0;
  for (int i = 0; i < a->n; i++)
    if (j < b->n && a->atom[i] == b->atom[j]) j++;
    else q->atom[q->n++] = a->atom[i];
  return j == b->n;
}

bool dim_divides(Cx *cx, Dim a, Dim b, Dim *quotient) {
  *quotient = 0;
  if (b == 0) return false;
  if (dim_is_number(a) && dim_is_number(b)) {
    *quotient = a / b;
    return a % b == 0;
  }
  Mono room;
  for (int steps = 0; a != 0; steps++) {
    Mono ra;
    Poly pa = as_poly(cx, a, &ra), pb = as_poly(cx, b, &room);
    Mono q;
    if (steps > MAX_MONOS || !mono_divides(&pa.mono[pa.n - 1], &pb.mono[pb.n - 1], &q))
      return false;
    Poly one = {1, &q};
    Dim qd = intern(cx, &one);
    *quotient = dim_add(cx, *quotient, qd);
    a = dim_sub(cx, a, dim_mul(cx, qd, b));
  }
  return true;
}

/* The step of a division of a by b that takes away the highest term of a that it can: the
 * quotient's term, 0 when there is none. */
static Dim quotient_term(Cx *cx, Dim a, Dim b) {
  Mono ra, rb, q;
  Poly pa = as_poly(cx, a, &ra), pb = as_poly(cx, b, &rb);
  for (int i = pa.n; i-- > 0;) {
    if (!mono_divides(&pa.mono[i], &pb.mono[pb.n - 1], &q)) continue;
    Poly one = {1, &q};
    return intern(cx, &one);
  }
  return 0;
}

/* Atoms that are divisions, with what they divide in terms of k. */
static Dim floors_in_terms(Cx *cx, Dim d, Dim c, Dim k) {
  Mono room;
  Poly p = as_poly(cx, d, &room);
  Dim sum = 0;
  for (int i = 0; i < p.n; i++) {
    Dim term = p.mono[i].coef;
    for (int j = 0; j < p.mono[i].n; j++) {
      Atom at = cx->sizes->atoms.at[p.mono[i].atom[j]];
      Dim factor = at.name ? dim_named(cx, at.name)
                           : dim_floor_div(cx, dim_in_terms(cx, at.over, c, k), at.by);
      term = dim_mul(cx, term, factor);
    }
    sum = dim_add(cx, sum, term);
  }
  return sum;
}

Dim dim_in_terms(Cx *cx, Dim d, Dim c, Dim k) {
  if (dim_is_number(d) || dim_is_number(c)) return d;
  Dim quotient = 0, rest = d, q;
  for (int steps = 0; steps < MAX_MONOS && (q = quotient_term(cx, rest, c)) != 0; steps++) {
    quotient = dim_add(cx, quotient, q);
    rest = dim_sub(cx, rest, dim_mul(cx, q, c));
  }
  rest = floors_in_terms(cx, rest, c, k);
  if (quotient == 0) return rest;
  return dim_add(cx, dim_mul(cx, dim_in_terms(cx, quotient, c, k), k), rest);
}

/* ---- order ---- */
/* Replaces floor(e/k) in d by a bound: from below when it stands with a positive coefficient
 * ((e - k + 1)/k), from above when negative (e/k); d is multiplied by k so that all stays integral.
 * k*d' <= k*d then; false where there is no such atom. */
static bool drop_floor(Cx *cx, Dim d, Dim *out, int64_t *by) {
  if (dim_is_number(d)) return false;
  Poly p = cx->sizes->polys.at[d - DIM_SYMBOLIC];
  for (int i = 0; i < p.n; i++) {
    const Mono *m = &p.mono[i];
    if (m->n != 1) continue;
    Atom at = cx->sizes->atoms.at[m->atom[0]];
    if (at.name) continue;
    Poly one = {1, &(Mono){.coef = m->coef, .n = 1, .atom = {m->atom[0]}}};
    Dim rest = dim_sub(cx, d, intern(cx, &one));
    Dim bound = m->coef > 0 ? dim_sub(cx, at.over, at.by - 1) : at.over;
    *out = dim_add(cx, dim_mul(cx, rest, at.by), dim_mul(cx, bound, m->coef));
    *by = at.by;
    return true;
  }
  return false;
}

/* A lower bound of d over all named sizes >= 1, where every non-constant coefficient is positive.
 */
static bool lower_bound(Cx *cx, Dim d, int64_t *bound) {
  Mono room;
  Poly p = as_poly(cx, d, &room);
  *bound = 0;
  for (int i = 0; i < p.n; i++) {
    if (p.mono[i].n && p.mono[i].coef < 0) return false;
    bool floors = false;
    for (int k = 0; k < p.mono[i].n; k++) floors |= !cx->sizes->atoms.at[p.mono[i].atom[k]].name;
    if (!floors) *bound = clamp((__int128)*bound + p.mono[i].coef);
  }
  return true;
}

/* An integer of which some multiple is more than minus that multiple of 1 is not negative. */
static bool surely_nonnegative(Cx *cx, Dim d) {
  int64_t bound, scale = 1, by;
  for (int i = 0; i < 8 && scale < 1 << 30; i++, scale *= by) {
    if (lower_bound(cx, d, &bound) && bound > -scale) return true;
    if (!drop_floor(cx, d, &d, &by) || by > 1 << 30) return false;
  }
  return false;
}

int dim_le(Cx *cx, Dim a, Dim b) {
  Dim d = dim_sub(cx, b, a);
  if (dim_is_number(d)) return d >= 0;
  if (surely_nonnegative(cx, d)) return 1;
  if (surely_nonnegative(cx, dim_sub(cx, dim_sub(cx, 0, d), 1))) return 0;
  return -1;
}

/* ---- binding ---- */
bool size_lookup(const SizeBindings *b, Name name, Dim *out) {
  for (int i = b->list.n; i-- > 0;)
    if (b->list.at[i].name == name) {
      *out = b->list.at[i].value;
      return true;
    }
  return false;
}

void size_bind(Arena *a, SizeBindings *b, Name name, Dim value) {
  vec_push(a, &b->list, ((SizeBinding){name, value}));
}

static Dim subst_atom(Cx *cx, int32_t atom, const SizeBindings *b) {
  Atom at = cx->sizes->atoms.at[atom];
  Dim v;
  if (!at.name) return dim_floor_div(cx, dim_subst(cx, at.over, b), at.by);
  return size_lookup(b, at.name, &v) ? v : dim_named(cx, at.name);
}

Dim dim_subst(Cx *cx, Dim d, const SizeBindings *b) {
  if (dim_is_number(d)) return d;
  Poly p = cx->sizes->polys.at[d - DIM_SYMBOLIC];
  Dim sum = 0;
  for (int i = 0; i < p.n; i++) {
    Dim term = p.mono[i].coef;
    for (int k = 0; k < p.mono[i].n; k++)
      term = dim_mul(cx, term, subst_atom(cx, p.mono[i].atom[k], b));
    sum = dim_add(cx, sum, term);
  }
  return sum;
}

void dim_names(Cx *cx, Dim d, Arena *a, SizeBindings *out) {
  if (dim_is_number(d)) return;
  Poly p = cx->sizes->polys.at[d - DIM_SYMBOLIC];
  for (int i = 0; i < p.n; i++)
    for (int k = 0; k < p.mono[i].n; k++) {
      Atom at = cx->sizes->atoms.at[p.mono[i].atom[k]];
      Dim known;
      if (!at.name) dim_names(cx, at.over, a, out);
      else if (!size_lookup(out, at.name, &known))
        size_bind(a, out, at.name, dim_named(cx, at.name));
    }
}

bool dim_unify(Cx *cx, Arena *a, Dim declared, Dim actual, SizeBindings *b) {
  SizeBindings names = {0};
  Name unknown = NULL;
  dim_names(cx, declared, a, &names);
  for (int i = 0; i < names.list.n; i++) {
    Dim v;
    if (size_lookup(b, names.list.at[i].name, &v)) continue;
    if (unknown) return false;
    unknown = names.list.at[i].name;
  }
  if (!unknown) return dim_subst(cx, declared, b) == actual;
  /* declared = c * unknown + rest; the value at 0 is rest, the step from 0 to 1 is c */
  SizeBindings at0 = {0}, at1 = {0};
  for (int i = 0; i < b->list.n; i++) {
    size_bind(a, &at0, b->list.at[i].name, b->list.at[i].value);
    size_bind(a, &at1, b->list.at[i].name, b->list.at[i].value);
  }
  size_bind(a, &at0, unknown, 0);
  size_bind(a, &at1, unknown, 1);
  Dim rest = dim_subst(cx, declared, &at0), step = dim_sub(cx, dim_subst(cx, declared, &at1), rest),
      value;
  if (!dim_divides(cx, dim_sub(cx, actual, rest), step, &value)) return false;
  if (dim_is_number(value) && value < 0) return false;
  size_bind(a, b, unknown, value);
  if (dim_subst(cx, declared, b) == actual) return true;
  b->list.n--; /* it wasn't linear */
  return false;
}

int dim_term_count(Cx *cx, Dim d) {
  Mono room;
  return as_poly(cx, d, &room).n;
}

DimTerm dim_term(Cx *cx, Dim d, int i) {
  Mono room;
  const Mono *m = &as_poly(cx, d, &room).mono[i];
  DimTerm t = {.coef = m->coef, .n = m->n};
  for (int k = 0; k < m->n; k++) {
    const Atom *a = &cx->sizes->atoms.at[m->atom[k]];
    t.atom[k] = (DimAtom){a->name, a->over, a->by};
  }
  return t;
}

bool dim_is_known(Cx *cx, Dim d) { return cx->sizes && d - DIM_SYMBOLIC < cx->sizes->polys.n; }

/* ---- printing ---- */
static bool is_one_word(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  dim_print(cx, d, &t);
  return !strpbrk(text_str(&t), " */-");
}

/* A quotient is bracketed where an operator stands before it that binds as tightly: -(N//2) is not
 * -N//2. */
static void print_quotient(Cx *cx, const Atom *q, bool alone, Text *out) {
  bool word = is_one_word(cx, q->over);
  text_fmt(out, "%s%s", alone ? "" : "(", word ? "" : "(");
  dim_print(cx, q->over, out);
  text_fmt(out, "%s//%lld%s", word ? "" : ")", (long long)q->by, alone ? "" : ")");
}

static void print_mono(Cx *cx, const Mono *m, int64_t coef, bool signed_before, Text *out) {
  bool first = true, alone = m->n == 1 && coef == 1 && !signed_before;
  if (coef != 1 || !m->n) text_fmt(out, "%lld", (long long)coef), first = false;
  for (int k = 0; k < m->n; k++) {
    Atom at = cx->sizes->atoms.at[m->atom[k]];
    if (!first) text_add(out, "*");
    first = false;
    if (at.name) text_add(out, at.name);
    else print_quotient(cx, &at, alone, out);
  }
}

/* Highest degree first, but what is subtracted behind something that it is subtracted from. */
void dim_print(Cx *cx, Dim d, Text *out) {
  if (dim_is_number(d)) {
    text_fmt(out, "%lld", (long long)d);
    return;
  }
  Poly p = cx->sizes->polys.at[d - DIM_SYMBOLIC];
  int first = p.n - 1;
  while (first > 0 && p.mono[first].coef < 0) first--;
  if (p.mono[first].coef < 0) first = p.n - 1;
  for (int k = 0; k < p.n; k++) {
    int i = k == 0 ? first : p.n - k - (p.n - k <= first);
    int64_t c = p.mono[i].coef;
    if (k) text_add(out, c < 0 ? " - " : " + ");
    else if (c < 0) text_add(out, "-");
    print_mono(cx, &p.mono[i], c < 0 ? -c : c, k == 0 && c < 0, out);
  }
}

/* ---- as C ---- */
static void atom_as_c(Cx *cx, int32_t atom, const DimC *how, Text *out) {
  Atom at = cx->sizes->atoms.at[atom];
  if (at.name) {
    text_fmt(out, "%s%s%s", how->before, how->word ? how->word(cx, at.name) : at.name, how->after);
    return;
  }
  bool word = is_one_word(cx, at.over);
  text_add(out, word ? "(" : "((");
  dim_print_c(cx, at.over, how, out);
  text_fmt(out, "%s / %lld)", word ? "" : ")", (long long)at.by);
}

void dim_print_c(Cx *cx, Dim d, const DimC *how, Text *out) {
  Mono room;
  Poly p = as_poly(cx, d, &room);
  if (!p.n) text_add(out, "0");
  for (int i = p.n; i-- > 0;) {
    int64_t c = p.mono[i].coef;
    bool minus = c < 0 && !how->magnitude;
    if (i < p.n - 1) text_add(out, minus ? " - " : " + ");
    else if (minus) text_add(out, "-");
    c = c < 0 ? -c : c;
    if (c != 1 || !p.mono[i].n)
      text_fmt(out, c > INT32_MAX ? "INT64_C(%lld)" : "%lld", (long long)c);
    for (int k = 0; k < p.mono[i].n; k++) {
      if (k || c != 1) text_add(out, " * ");
      atom_as_c(cx, p.mono[i].atom[k], how, out);
    }
  }
}

/* ---- about how large ---- */
enum { EXPECTED = 64 };

int64_t dim_expected(Cx *cx, Dim d, int64_t n) {
  if (dim_is_number(d)) return d;
  SizeBindings names = {0}, sizes = {0};
  dim_names(cx, d, cx->arena, &names);
  for (int i = 0; i < names.list.n; i++)
    size_bind(cx->arena, &sizes, names.list.at[i].name, n ? n : EXPECTED);
  return dim_subst(cx, d, &sizes);
}
