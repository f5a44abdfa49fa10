/* c_call.c: loops and branches: C loops that call the functions of their bodies with tables of
 * pointers. The order of things is that of llvm_call.c. */
#include "back/c_gen.h"

static void tables(CGen *g, const Call *c, bool few) {
  cg_line(g, "const void *ci[%d];", c->in.n + 1);
  cg_line(g, "void *co[%d];", MAX(c->out.n, 1));
  if (few) cg_line(g, "const void *cf[%d];", c->in.n + 1);
}

static bool by_workers(const CGen *g, const Call *c) { return g->openmp && c->shared; }

/* Where a worker has its copy of what is its own. */
static const char *own(CGen *g, const Call *c, Buf b) {
  const char *first = cg_base(g, b);
  if (!by_workers(g, c)) return first;
  return cg_fmt(g, "((unsigned char *)%s + WORKER * %s)", first, cg_dim(g, g->p->buf.at[b].stride));
}

static void call(CGen *g, const Call *c, const char *f, const char *in) {
  cg_line(g, "%s(%s, co, (unsigned char *)%s%s);", f, in, own(g, c, c->workspace), cg_sizes(g, ""));
}

/* The one element of a buffer, to be read or written. */
static const char *as(CGen *g, DType t, Buf b) {
  return cg_fmt(g, "*(const %s *)%s", cg_memory_type(g, t), cg_base(g, b));
}
static const char *into(CGen *g, DType t, const char *base) {
  return cg_fmt(g, "*(%s *)%s", cg_memory_type(g, t), base);
}

/* Where operand i begins. */
static const char *given(CGen *g, const Call *c, int i) {
  const char *b = cg_base(g, c->in.at[i]);
  return c->from.at[i] ? cg_fmt(g, "((const unsigned char *)%s + %s)", b, cg_dim(g, c->from.at[i]))
                       : b;
}

static void branch(CGen *g, const Call *c, const char *body, const char *other) {
  tables(g, c, false);
  cg_line(g, "(void)ci;");
  for (int i = 0; i < c->in.n; i++) cg_line(g, "ci[%d] = %s;", i, given(g, c, i));
  for (int i = 0; i < c->out.n; i++) cg_line(g, "co[%d] = %s;", i, cg_base(g, c->out.at[i]));
  cg_line(g, "if (%s) {", as(g, T_BOOL, c->flag));
  g->indent++;
  call(g, c, body, "ci");
  g->indent--;
  cg_line(g, "} else {");
  g->indent++;
  call(g, c, other, "ci");
  g->indent--;
  cg_line(g, "}");
}

static void trip_count(CGen *g, const Call *c) {
  const char *trip = cg_dim(g, c->loop->trip);
  if (c->flag < 0) {
    cg_line(g, "const int64_t n = %s;", trip);
    return;
  }
  cg_line(g, "const int64_t given = %s;", as(g, T_I64, c->flag));
  cg_line(g, "const int64_t n = given < 0 ? 0 : given < %s ? given : %s;", trip, trip);
}

/* Everything that stands still: the starts of the carried values, the captured ones, the index. */
static void before_loop(CGen *g, const Call *c) {
  const Loop *l = c->loop;
  cg_line(g, "ci[0] = %s;", own(g, c, c->index));
  for (int i = 0; i < c->in.n; i++) cg_line(g, "ci[%d] = %s;", 1 + i, given(g, c, i));
  for (int i = 0; i < l->ncarry; i++) {
    Dim bytes = loop_port_bytes(c->body, BUF_OUTPUT, i);
    if (!c->stays[i] || !bytes) continue;
    cg_line(g, "co[%d] = %s;", i, cg_base(g, c->ping.at[i]));
    cg_line(g, "if (ci[%d] != co[%d]) memcpy(co[%d], ci[%d], (size_t)%s);", 1 + i, i, i, 1 + i,
            cg_dim(g, bytes));
    cg_line(g, "ci[%d] = co[%d];", 1 + i, i);
  }
  if (!l->counted && !l->cond) return; /* every row will be written */
  for (int i = l->ncarry; i < l->ncarry + l->ncollect; i++) {
    Dim bytes = dim_mul(g->cx, loop_port_bytes(c->body, BUF_OUTPUT, i), l->trip);
    if (bytes) cg_line(g, "memset(%s, 0, (size_t)%s);", cg_base(g, c->out.at[i]), cg_dim(g, bytes));
  }
}

static void check_condition(CGen *g, const Call *c, const char *other) {
  const Loop *l = c->loop;
  int ncapture = c->in.n - l->ncarry - l->nscan;
  for (int i = 0; i <= l->ncarry; i++) cg_line(g, "cf[%d] = ci[%d];", i, i);
  for (int i = 0; i < ncapture; i++)
    cg_line(g, "cf[%d] = ci[%d];", 1 + l->ncarry + i, 1 + l->ncarry + l->nscan + i);
  cg_line(g, "co[0] = %s;", cg_base(g, c->more));
  call(g, c, other, "cf");
  cg_line(g, "if (!%s) break;", as(g, T_BOOL, c->more));
}

/* The rows of some steps later are asked for, of the last step where there are no more. */
static void ask_for_rows(CGen *g, const Call *c) {
  enum { LINE = 64 };
  const Loop *l = c->loop;
  if (!c->asked) return;
  g->touch_used = true;
  if (l->reverse) cg_line(g, "const int64_t later = i < %d ? 0 : i - %d;", CALL_AHEAD, CALL_AHEAD);
  else cg_line(g, "const int64_t later = i < n - %d ? i + %d : n - 1;", CALL_AHEAD, CALL_AHEAD);
  for (int k = 0; k < l->nscan; k++) {
    Dim bytes = loop_port_bytes(c->body, BUF_INPUT, 1 + l->ncarry + k);
    if (!c->asked[k]) continue;
    for (int64_t at = 0; at < bytes; at += LINE)
      cg_line(g, "TOUCH((const unsigned char *)%s + later * %lld + %lld, 0);",
              given(g, c, l->ncarry + k), (long long)bytes, (long long)at);
  }
}

static void one_iteration(CGen *g, const Call *c, const char *body) {
  const Loop *l = c->loop;
  ask_for_rows(g, c);
  for (int k = 0; k < l->nscan; k++) {
    int port = 1 + l->ncarry + k;
    cg_line(g, "ci[%d] = (const unsigned char *)%s + i * %s;", port, given(g, c, l->ncarry + k),
            cg_dim(g, loop_port_bytes(c->body, BUF_INPUT, port)));
  }
  for (int k = 0; k < l->ncarry; k++) {
    const char *ping = cg_base(g, c->ping.at[k]), *pong = cg_base(g, c->pong.at[k]);
    if (strcmp(ping, pong)) cg_line(g, "co[%d] = it & 1 ? %s : %s;", k, pong, ping);
    else cg_line(g, "co[%d] = %s;", k, ping);
  }
  for (int k = l->ncarry; k < l->ncarry + l->ncollect; k++)
    cg_line(g, "co[%d] = (unsigned char *)%s + i * %s;", k, cg_base(g, c->out.at[k]),
            cg_dim(g, loop_port_bytes(c->body, BUF_OUTPUT, k)));
  call(g, c, body, "ci");
  for (int k = 0; k < l->ncarry; k++) cg_line(g, "ci[%d] = co[%d];", 1 + k, k);
}

/* Iterations in any order, by OpenMP's threads with tables of their own. */
static void shared_loop(CGen *g, const Call *c, const char *body) {
  g->omp_used = true;
  trip_count(g, c);
  cg_line(g, "OMP(omp parallel num_threads(%s_threads()))", g->prefix);
  cg_line(g, "{");
  g->indent++;
  tables(g, c, false);
  before_loop(g, c);
  cg_line(g, "OMP(omp for)");
  cg_line(g, "for (int64_t it = 0; it < n; it++) {");
  g->indent++;
  cg_line(g, c->loop->reverse ? "const int64_t i = n - it - 1;" : "const int64_t i = it;");
  cg_line(g, "%s = i;", into(g, T_I64, own(g, c, c->index)));
  one_iteration(g, c, body);
  g->indent--;
  cg_line(g, "}");
  g->indent--;
  cg_line(g, "}");
}

static void loop(CGen *g, const Call *c, const char *body, const char *other) {
  const Loop *l = c->loop;
  if (by_workers(g, c)) {
    shared_loop(g, c, body);
    return;
  }
  tables(g, c, other != NULL);
  trip_count(g, c);
  before_loop(g, c);
  cg_line(g, "int64_t it;");
  cg_line(g, "for (it = 0; it < n; it++) {");
  g->indent++;
  cg_line(g, l->reverse ? "const int64_t i = n - it - 1;" : "const int64_t i = it;");
  cg_line(g, "%s = i;", into(g, T_I64, cg_base(g, c->index)));
  if (other) check_condition(g, c, other);
  one_iteration(g, c, body);
  g->indent--;
  cg_line(g, "}");
  for (int k = 0; k < l->ncarry; k++) {
    Dim bytes = loop_port_bytes(c->body, BUF_OUTPUT, k);
    if (bytes && !call_ends_in_place(c, k))
      cg_line(g, "memcpy(%s, ci[%d], (size_t)%s);", cg_base(g, c->out.at[k]), 1 + k,
              cg_dim(g, bytes));
  }
  if (other) cg_line(g, "%s = it;", into(g, T_I64, cg_base(g, c->out.at[l->ncarry + l->ncollect])));
}

void cg_call_site(CGen *g, const Call *c, const char *body, const char *other) {
  cg_line(g, "{");
  g->indent++;
  (c->loop ? loop : branch)(g, c, body, other);
  g->indent--;
  cg_line(g, "}");
}
