/* loopdump.c: a LoopProgram as pseudo-code for people: what `gradc emit --loops` shows. */
#include "loop/loop.h"

typedef struct Dump {
  const LoopProgram *p;
  const Kernel *k;
  Text *out;
} Dump;

static void indent(Dump *d, int depth) {
  for (int i = 0; i < depth; i++) text_add(d->out, "  ");
}

/* Names repeat, numbers don't: i0, acc12. */
static void var_name(Dump *d, Var v) { text_fmt(d->out, "%s%d", d->k->var.at[v], (int)v); }
static void reg_name(Dump *d, Reg r) {
  Name n = d->k->reg.at[r].name;
  text_fmt(d->out, "%s.%d", n ? n : "t", (int)r);
}
static void buf_name(Dump *d, Buf b) {
  const Buffer *x = &d->p->buf.at[b];
  text_add(d->out, x->name);
  if (x->kind == BUF_TEMP || x->kind == BUF_LOCAL) text_fmt(d->out, "'%d", (int)b);
}

static void type_name(Dump *d, DType t, int lanes) {
  text_add(d->out, type_info[t].word);
  if (lanes > 1) text_fmt(d->out, "x%d", lanes);
}

static void dump_ix(Dump *d, const Ix *ix) {
  bool some = false;
  for (int i = 0; i < ix->n; i++) {
    Dim c = ix->term[i].coef;
    bool minus = dim_is_number(c) && c < 0;
    if (some) text_add(d->out, minus ? " - " : " + ");
    else if (minus) text_add(d->out, "-");
    Dim a = minus ? -c : c;
    if (a != 1) {
      dim_print(d->p->cx, a, d->out);
      text_add(d->out, "*");
    }
    var_name(d, ix->term[i].var);
    some = true;
  }
  if (ix->off == 0 && some) return;
  if (some) {
    bool minus = dim_is_number(ix->off) && ix->off < 0;
    text_add(d->out, minus ? " - " : " + ");
    dim_print(d->p->cx, minus ? -ix->off : ix->off, d->out);
    return;
  }
  dim_print(d->p->cx, ix->off, d->out);
}

static void dump_ex(Dump *d, Ex e);

static void dump_place(Dump *d, Buf b, const Ix *ix, Dim lane_stride, int lanes, Ex dyn, Ex mask) {
  buf_name(d, b);
  text_add(d->out, "[");
  dump_ix(d, ix);
  if (lanes > 1) {
    if (lane_stride == 1) text_fmt(d->out, " : %d", lanes);
    else {
      text_add(d->out, " : ");
      dim_print(d->p->cx, lane_stride, d->out);
      text_fmt(d->out, "*%d", lanes);
    }
  }
  if (dyn) {
    text_add(d->out, " + ");
    dump_ex(d, dyn);
  }
  text_add(d->out, "]");
  if (mask) {
    text_add(d->out, " where ");
    dump_ex(d, mask);
  }
}

static void dump_number(Dump *d, const ExNode *n) {
  if (!type_is_float((DType)n->type)) text_fmt(d->out, "%lld", (long long)n->u.i);
  else if (n->type == T_F32) text_f32(d->out, (float)n->u.f);
  else text_f64(d->out, n->u.f);
}

static void dump_map(Dump *d, const ExNode *n) {
  const OpInfo *o = &op_info[n->op];
  if (o->arity == 2 && o->symbol[0]) {
    text_add(d->out, "(");
    dump_ex(d, n->arg[0]);
    text_fmt(d->out, " %s ", o->symbol);
    dump_ex(d, n->arg[1]);
    text_add(d->out, ")");
    return;
  }
  if (n->op == OP_cast) type_name(d, (DType)n->type, n->lanes);
  else text_add(d->out, o->name);
  text_add(d->out, "(");
  for (int i = 0; i < 3 && n->arg[i]; i++) {
    if (i) text_add(d->out, ", ");
    dump_ex(d, n->arg[i]);
  }
  text_add(d->out, ")");
}

static void dump_ex(Dump *d, Ex e) {
  const ExNode *n = &d->k->ex.at[e];
  switch ((ExKind)n->kind) {
  case EX_IMM: dump_number(d, n); return;
  case EX_SIZE: dim_print(d->p->cx, n->ix.off, d->out); return;
  case EX_INDEX:
    text_add(d->out, "(");
    dump_ix(d, &n->ix);
    if (n->lanes > 1) {
      text_add(d->out, " + lane");
      if (n->lane_stride != 1) {
        text_add(d->out, "*");
        dim_print(d->p->cx, n->lane_stride, d->out);
      }
    }
    text_add(d->out, ")");
    return;
  case EX_REG: reg_name(d, n->u.reg); return;
  case EX_LOAD: dump_place(d, n->buf, &n->ix, n->lane_stride, n->lanes, n->dyn, n->mask); return;
  case EX_MAP: dump_map(d, n); return;
  case EX_SPLAT:
    text_add(d->out, "all(");
    dump_ex(d, n->arg[0]);
    text_add(d->out, ")");
    return;
  case EX_ACTIVE:
    text_add(d->out, "first(");
    dump_ix(d, &n->ix);
    text_add(d->out, ")");
    return;
  case EX_SHUFFLE:
    text_add(d->out, "pick(");
    dump_ex(d, n->arg[0]);
    text_add(d->out, ", ");
    dump_ex(d, n->arg[1]);
    for (int l = 0; l < n->lanes; l++) text_fmt(d->out, l ? " %d" : "; %d", n->u.pick[l]);
    text_add(d->out, ")");
    return;
  case EX_REDUCE:
    text_fmt(d->out, "lanes_%s(", op_info[n->op].name);
    dump_ex(d, n->arg[0]);
    text_add(d->out, ")");
    return;
  }
}

static void dump_block(Dump *d, const Block *b, int depth);

static void dump_stmt(Dump *d, const Stmt *s, int depth) {
  static const char *const loop[] = {"for", "parallel for", "unroll"};
  indent(d, depth);
  switch (s->kind) {
  case ST_FOR:
    text_fmt(d->out, "%s ", loop[s->u.loop.kind]);
    var_name(d, s->u.loop.var);
    text_add(d->out, " in ");
    if (s->u.loop.from) dump_ex(d, s->u.loop.from);
    else dump_ix(d, &s->u.loop.lo);
    text_add(d->out, "..");
    if (s->u.loop.to) dump_ex(d, s->u.loop.to);
    else dump_ix(d, &s->u.loop.hi);
    if (s->u.loop.step != 1) text_fmt(d->out, " by %lld", (long long)s->u.loop.step);
    text_add(d->out, " {\n");
    dump_block(d, &s->u.loop.body, depth + 1);
    indent(d, depth);
    text_add(d->out, "}\n");
    return;
  case ST_LET:
  case ST_SET:
    if (s->kind == ST_LET) text_add(d->out, "let ");
    reg_name(d, s->u.set.reg);
    if (s->kind == ST_LET) {
      text_add(d->out, ": ");
      type_name(d, d->k->reg.at[s->u.set.reg].type, d->k->reg.at[s->u.set.reg].lanes);
    }
    text_add(d->out, " = ");
    dump_ex(d, s->u.set.value);
    text_add(d->out, "\n");
    return;
  case ST_STORE: {
    int lanes = d->k->ex.at[s->u.store.value].lanes;
    dump_place(d, s->u.store.buf, &s->u.store.ix, s->u.store.lane_stride, lanes, s->u.store.dyn, 0);
    text_add(d->out, s->u.store.add ? " += " : " = ");
    dump_ex(d, s->u.store.value);
    if (s->u.store.mask) {
      text_add(d->out, " where ");
      dump_ex(d, s->u.store.mask);
    }
    text_add(d->out, "\n");
    return;
  }
  case ST_TOUCH:
    text_add(d->out, s->u.touch.write ? "touch to write " : "touch ");
    dump_place(d, s->u.touch.buf, &s->u.touch.ix, 1, 1, 0, 0);
    text_add(d->out, "\n");
    return;
  case ST_IF:
    text_add(d->out, "if ");
    dump_ex(d, s->u.cond.cond);
    text_add(d->out, " {\n");
    dump_block(d, &s->u.cond.then, depth + 1);
    indent(d, depth);
    if (s->u.cond.other.at.n) {
      text_add(d->out, "} else {\n");
      dump_block(d, &s->u.cond.other, depth + 1);
      indent(d, depth);
    }
    text_add(d->out, "}\n");
    return;
  }
}

static void dump_block(Dump *d, const Block *b, int depth) {
  for (int i = 0; i < b->at.n; i++) dump_stmt(d, b->at.at[i], depth);
}

static void dump_buffer(Dump *d, Buf b) {
  static const char *const kind[] = {"input", "output", "temp", "local"};
  const Buffer *x = &d->p->buf.at[b];
  text_fmt(d->out, "  %-6s ", kind[x->kind]);
  buf_name(d, b);
  text_fmt(d->out, ": %s[", type_info[x->type].word);
  dim_print(d->p->cx, x->count, d->out);
  text_add(d->out, "]");
  if (x->kind >= BUF_TEMP) {
    text_add(d->out, " at ");
    dim_print(d->p->cx, x->offset, d->out);
  }
  if (x->same_as >= 0) text_fmt(d->out, " in place of %s", d->p->buf.at[x->same_as].name);
  text_add(d->out, "\n");
}

static void dump_bufs(const Dump *d, const char *what, const Buf *b, int n) {
  if (n) text_fmt(d->out, "  %s", what);
  for (int i = 0; i < n; i++) text_fmt(d->out, " %s", b[i] < 0 ? "-" : d->p->buf.at[b[i]].name);
  if (n) text_add(d->out, "\n");
}

/* A call: what it is given and makes, then the programs it calls. */
static void dump_call(const Dump *d, const Call *c, Text *out) {
  if (c->loop) {
    const char *word = c->shared ? "parallel loop" : c->loop->reverse ? "loop backwards" : "loop";
    text_fmt(out, "\n%s %s ", word, d->k->name);
    dim_print(d->p->cx, c->loop->trip, out);
    text_fmt(out, " times%s {  # %.0f flops\n",
             c->other ? " at most, while the condition holds" : "", d->k->flops);
  } else {
    text_fmt(out, "\nbranch %s {\n", d->k->name);
  }
  dump_bufs(d, c->loop ? "count" : "condition", &c->flag, c->flag >= 0);
  dump_bufs(d, "takes", c->in.at, c->in.n);
  dump_bufs(d, "makes", c->out.at, c->out.n);
  if (c->asked) text_fmt(out, "  asks for rows of %d steps later:", CALL_AHEAD);
  for (int i = 0; c->asked && i < c->loop->nscan; i++)
    if (c->asked[i]) text_fmt(out, " %s", d->p->buf.at[c->in.at[c->loop->ncarry + i]].name);
  text_add(out, c->asked ? "\n}\n" : "}\n");
  loop_dump(c->body, out);
  if (c->other) loop_dump(c->other, out);
}

void loop_dump(LoopProgram *p, Text *out) {
  Dump d = {.p = p, .out = out};
  text_fmt(out, "program %s: %d kernels, workspace ", p->name ? p->name : "", p->kernel.n);
  dim_print(p->cx, p->workspace, out);
  text_add(out, " bytes\n");
  for (int b = 0; b < p->buf.n; b++)
    if (p->buf.at[b].kind < BUF_TEMP || p->buf.at[b].first >= 0) dump_buffer(&d, b);
  for (int k = 0; k < p->kernel.n; k++) {
    d.k = p->kernel.at[k];
    if (d.k->call) {
      dump_call(&d, d.k->call, out);
      continue;
    }
    text_fmt(out, "\nkernel %s {  # %.0f flops, %.0f bytes\n", d.k->name, d.k->flops, d.k->bytes);
    dump_block(&d, &d.k->body, 1);
    text_add(out, "}\n");
  }
}
