/* random_program.c: the kinds of random programs, and how one is made and checked. See
 * random_program.h. */
#include "random_program.h"

const RandomKind random_kind[] = {
    {"plain", {.size = 14}, SPICE_PLAIN, 500, 245},
    {"smooth", {.smooth = true, .size = 10}, SPICE_SMOOTH, 150, 140},
    {"nasty", {.size = 6}, SPICE_NASTY, 200, 100},
    {"extreme", {.size = 4}, SPICE_EXTREME, 100, 50},
    {"bodies", {.bodies = true, .size = 8}, SPICE_PLAIN, 250, 100},
    {"sizes", {.symbolic = true, .size = 8}, SPICE_PLAIN, 200, 125},
    {"loops", {.smooth = true, .size = 1, .loops = true}, SPICE_SMOOTH, 20, 5},
    {"calls", {.calls = true}, SPICE_SMOOTH, 200, 60}, /* as text: gen_source.c with gen_calls.c */
    {"wild", {.calls = true}, SPICE_NASTY, 100, 20},
    {"source", {.size = 0}, SPICE_SMOOTH, 200, 100},                     /* as text: gen_source.c */
    {"flow", {.bodies = true, .size = 0}, SPICE_SMOOTH, 180, 55},        /* ... with gen_flow.c */
    {"parts", {.bodies = true, .changes = true}, SPICE_SMOOTH, 100, 40}, /* ... and gen_parts.c */
    {"rows", {.rows = true}, SPICE_SMOOTH, 60, 20},                      /* as text: gen_rows.c */
};

int random_kinds(void) { return COUNT_OF(random_kind); }

int random_kind_of(uint64_t seed) {
  Rng r = rng_at(seed ^ 0xC1A55);
  int total = 0, at = 0;
  for (int i = 0; i < random_kinds(); i++) total += random_kind[i].weight;
  for (int left = rng_below(&r, total); left >= random_kind[at].weight; at++)
    left -= random_kind[at].weight;
  return at;
}

typedef struct Made {
  Cx *cx;
  LawDesk *desk;
  uint64_t seed;
  const GenOptions *gen;
  Fn *f;
  const char *source;
} Made;

static Status read_source(void *arg) {
  Made *m = arg;
  Program *p = law_reader(m->cx, m->desk);
  int32_t source = cx_add_source(m->cx, "random.nn", m->source, strlen(m->source), false);
  front_declare(p, ast_parse(m->cx, source));
  m->f = diag_errors(m->cx) ? NULL : front_function(p, name_of(m->cx, "f"));
  return m->f ? ST_OK : ST_SOURCE;
}

/* Whether the formatter leaves the program as it is, and its own output alone. */
static Status check_format(void *arg) {
  Made *m = arg;
  Cx *cx = m->cx;
  const Fn *f = m->f;
  const char *text = m->source, *again;
  size_t n, n2;
  int32_t source = cx_add_source(cx, "random.nn", text, strlen(text), false);
  if (!front_format(cx, source, &text, &n)) return ST_FINDINGS;
  Made formatted = {.cx = cx, .desk = m->desk, .source = text};
  source = cx_add_source(cx, "random.nn", text, n, false);
  bool stays = front_format(cx, source, &again, &n2) && n == n2 && !memcmp(text, again, n);
  return stays && read_source(&formatted) == ST_OK && ir_equal(f, formatted.f) ? ST_OK
                                                                               : ST_FINDINGS;
}

static bool has_params(const Fn *f) {
  for (int i = 0; i < f->in.n; i++)
    if (f->in.at[i].role == ROLE_PARAM) return true;
  return false;
}

static Status make_program(void *arg) {
  Made *m = arg;
  Rng r = rng_at(m->seed);
  law_reader(m->cx, m->desk); /* the rules of the op table, too */
  if (!m->gen->size) {
    m->source = gen_text(m->cx, &r, m->gen);
    return read_source(m);
  }
  m->f = m->gen->loops ? gen_loops(m->cx, &r) : gen_function(m->cx, &r, m->gen);
  return ST_OK;
}

/* Whether the text is a program that breaks the same law. */
static bool text_fails(const char *text, void *arg) {
  const LawCheck *failed = arg;
  Cx *cx = cx_new();
  LawDesk desk = {0};
  Made m = {.cx = cx, .desk = &desk, .source = text};
  LawCheck c = *failed;
  c.broken = LAW_NONE, c.desk = NULL;
  bool fails =
      cx_guard(cx, read_source, &m) == ST_OK && !check_laws(m.f, &c) && c.broken == failed->broken;
  cx_free(cx);
  return fails;
}

enum { MOST_BYTES = 64 << 20 }; /* then a new context is begun */

void random_desk_clear(RandomDesk *d) {
  if (d->cx) cx_free(d->cx);
  *d = (RandomDesk){0};
}

const char *random_program(RandomDesk *d, int kind, uint64_t seed, bool all_widths) {
  const RandomKind *k = &random_kind[kind];
  if (d->cx && arena_bytes(d->cx->arena) > MOST_BYTES) random_desk_clear(d);
  if (!d->cx) d->cx = cx_new();
  Cx *cx = d->cx;
  unsigned long long number = seed;
  Made m = {.cx = cx, .desk = &d->source, .seed = seed, .gen = &k->gen};
  LawCheck c = {.seed = seed,
                .smooth = k->gen.smooth,
                .spice = k->spice,
                .what = CHECK_ALL | (all_widths ? CHECK_ALL_WIDTHS : 0),
                .desk = &d->check};
  Status made = cx_guard(cx, make_program, &m);
  if (made == ST_SOURCE)
    return text_printf(cx, "---- %s, seed %llu: refused\n%s\n%s\n", k->name, number, m.source,
                       diag_text(cx));
  if (made != ST_OK && strstr(cx->trap_text, "rank above"))
    return NULL; /* there is no such value */
  if (made != ST_OK)
    return text_printf(cx, "---- %s, seed %llu: made: %s\n%s", k->name, number, cx->trap_text,
                       m.source ? m.source : "");
  if (m.source && cx_guard(cx, check_format, &m) != ST_OK)
    return text_printf(cx, "---- %s, seed %llu: formatted it is another program\n%s\n%s", k->name,
                       number, m.source, diag_text(cx));
  if (has_params(m.f)) c.what &= ~CHECK_PRINT; /* a derivative that doesn't use them lacks them */
  if (check_laws(m.f, &c)) return NULL;
  const char *text = m.source ? shrink_source(cx, m.source, text_fails, &c) : "";
  return text_printf(cx, "---- %s, %s\n%s\n", k->name, law_report(m.f, &c), text);
}
