/* c_program.c: a loop program as a function of tables of pointers, after its kernels and the
 * programs of its loops' bodies:  static void NAME(const void *const *in, void *const *out,
 * unsigned char *ws), and the named sizes */
#include "back/c_gen.h"

const char *cg_base(CGen *g, Buf b) {
  const Buffer *x = &g->p->buf.at[b];
  if (x->kind == BUF_INPUT) return cg_fmt(g, "in[%d]", x->slot);
  if (x->kind == BUF_OUTPUT) return cg_fmt(g, "out[%d]", x->slot);
  return cg_fmt(g, "(void *)(ws + %s)", cg_dim(g, x->offset));
}

typedef struct Names {
  CgKernel kernel;
  const char *body, *other;
} Names;

static Names before(CGen *g, const Kernel *k, const char *name, int number) {
  Names n = {0};
  if (!k->call) {
    n.kernel = cg_kernel(g, k, cg_fmt(g, "%s_k%d", name, number));
    return n;
  }
  n.body = cg_fmt(g, "%s_%s_run_p%d", g->prefix, g->function, ++g->programs);
  cg_program(g, k->call->body, n.body);
  if (k->call->other) {
    n.other = cg_fmt(g, "%s_%s_run_p%d", g->prefix, g->function, ++g->programs);
    cg_program(g, k->call->other, n.other);
  }
  return n;
}

void cg_program(CGen *g, const LoopProgram *p, const char *name) {
  const LoopProgram *outer = g->p;
  g->p = p;
  Names *step = NEWS(g->cx->arena, Names, p->kernel.n + 1);
  for (int i = 0; i < p->kernel.n; i++) step[i] = before(g, p->kernel.at[i], name, i);
  CgBody body = cg_body_begin(g);
  cg_line(g, "(void)in;");
  cg_line(g, "(void)out;");
  cg_line(g, "(void)ws;");
  for (int i = 0; i < g->sizes.n; i++) cg_line(g, "(void)n_%s;", g->sizes.at[i]);
  for (int i = 0; i < p->kernel.n; i++) {
    const Kernel *k = p->kernel.at[i];
    if (k->call) cg_call_site(g, k->call, step[i].body, step[i].other);
    else cg_kernel_call(g, k, &step[i].kernel);
  }
  cg_body_end(g, body,
              cg_fmt(g,
                     "static void %s(const void *const *in, void *const *out, unsigned char *ws%s)",
                     name, cg_sizes(g, "int64_t ")));
  g->p = outer;
}
