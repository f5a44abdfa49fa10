/* c_bits.c: truth values that mask loads and stores, as mask registers of AVX-512 have them, a bit
 * a lane. GCC 12 takes the result of a comparison of vectors from a mask register to a vector of 0
 * and -1, and from there back to a mask register, where an instruction under a mask wants it.
 *
 * In: a kernel. Out: which of its registers are of a type BITS_.. and are set by comparisons that
 * give it: those of comparisons and their conjunctions, of which all that reads them is masked by
 * them. Without AVX-512 the type is that of every other mask, and so is all that is done to it. */
#include "back/c_gen.h"

typedef struct Uses { /* of a register */
  int32_t all, masks, accesses;
  uint8_t bytes; /* of the lanes it puts out; 255: several */
} Uses;

/* ---- which ---- */
static bool is_comparison(const CGen *g, const ExNode *x) {
  return x->kind == EX_MAP && op_info[x->op].typing == TY_COMPARE &&
         g->k->ex.at[x->arg[0]].type != T_BOOL;
}

static bool gives_bits(const CGen *g, Ex e, int bytes) {
  const ExNode *x = &g->k->ex.at[e];
  int all = bytes * x->lanes;
  if (all < 16 || all > 64) return false;
  if (x->kind == EX_SPLAT) return true;
  if (x->kind == EX_MAP && x->op == OP_and)
    return gives_bits(g, x->arg[0], bytes) && gives_bits(g, x->arg[1], bytes);
  return is_comparison(g, x) && type_info[g->k->ex.at[x->arg[0]].type].bytes == bytes;
}

static void count_use(CGen *g, Uses *uses, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  if (e && x->kind == EX_REG) uses[x->u.reg].all++;
}

/* e puts out lanes of so many bytes. */
static void count_mask(CGen *g, Uses *uses, Ex e, DType t, bool access) {
  const ExNode *x = &g->k->ex.at[e];
  if (!e || x->kind != EX_REG || t == T_BOOL) return;
  Uses *u = &uses[x->u.reg];
  int bytes = type_info[t].bytes;
  u->bytes = u->masks && u->bytes != bytes ? 255 : (uint8_t)bytes;
  u->masks++;
  u->accesses += access;
}

static void count_in_expressions(CGen *g, Uses *uses) {
  for (int i = 1; i < g->k->ex.n; i++) {
    const ExNode *x = &g->k->ex.at[i];
    Ex part[EX_PARTS];
    for (int k = ex_parts(x, part); k-- > 0;) count_use(g, uses, part[k]);
    if (x->kind == EX_LOAD && x->lanes > 1 && !cg_is_spread(g, x->dyn, x->lanes, x->lane_stride))
      count_mask(g, uses, x->mask, (DType)x->type, true);
    if (x->kind == EX_MAP && x->op == OP_select)
      count_mask(g, uses, x->arg[0], (DType)x->type, false);
  }
}

static void count_in_statements(CGen *g, Uses *uses, const Block *b) {
  for (int i = 0; i < b->at.n; i++) {
    Stmt *s = b->at.at[i];
    Ex value[ST_VALUES];
    Block *inner[ST_BLOCKS];
    for (int k = st_values(s, value); k-- > 0;) count_use(g, uses, value[k]);
    for (int k = st_blocks(s, inner); k-- > 0;) count_in_statements(g, uses, inner[k]);
    if (s->kind != ST_STORE) continue;
    const ExNode *x = &g->k->ex.at[s->u.store.value];
    if (x->lanes > 1 && !cg_is_spread(g, s->u.store.dyn, x->lanes, s->u.store.lane_stride))
      count_mask(g, uses, s->u.store.mask, (DType)x->type, true);
  }
}

void cg_find_bits(CGen *g) {
  const Kernel *k = g->k;
  if (g->p->target.vector_bytes != 64) return;
  Uses *uses = NEWS(g->cx->arena, Uses, k->reg.n + 1);
  count_in_expressions(g, uses);
  count_in_statements(g, uses, &k->body);
  for (int r = 0; r < k->reg.n; r++) {
    const Uses *u = &uses[r];
    bool masks_only = u->accesses && u->masks == u->all && (u->bytes == 4 || u->bytes == 8);
    if (masks_only && g->let[r] && gives_bits(g, g->let[r], u->bytes)) g->bits[r] = u->bytes;
  }
}

/* ---- text ---- */
const char *cg_bits_mask(CGen *g, Ex e, DType t) {
  const ExNode *x = &g->k->ex.at[e];
  int bytes = type_info[t].bytes;
  if (x->kind == EX_REG) return cg_bits_reg(g, e);
  bool fits = g->p->target.vector_bytes == 64 && t != T_BOOL && (bytes == 4 || bytes == 8);
  if (!fits || !gives_bits(g, e, bytes)) return NULL;
  return cg_atom(g, cg_bits(g, e, bytes), cg_bits_type(g, bytes, x->lanes));
}

const char *cg_bits_reg(CGen *g, Ex e) {
  const ExNode *x = &g->k->ex.at[e];
  return x->kind == EX_REG && g->bits[x->u.reg] ? cg_reg(g, x->u.reg) : NULL;
}

const char *cg_bits(CGen *g, Ex e, int bytes) {
  const ExNode *x = &g->k->ex.at[e];
  int lanes = x->lanes;
  const char *arg[2];
  if (x->kind == EX_SPLAT) {
    const char *all = cg_atom(g, cg_ex(g, x->arg[0], 0), "int");
    return cg_op(g, CH_ALL_BITS, cg_mask_elem(bytes), lanes, all, NULL, NULL, NULL);
  }
  if (x->op == OP_and) {
    const char *type = cg_bits_type(g, bytes, lanes);
    for (int i = 0; i < 2; i++) arg[i] = cg_atom(g, cg_bits(g, x->arg[i], bytes), type);
    return cg_op(g, CH_AND_BITS, cg_mask_elem(bytes), lanes, arg[0], arg[1], NULL, NULL);
  }
  DType t = (DType)g->k->ex.at[x->arg[0]].type;
  for (int i = 0; i < 2; i++) arg[i] = cg_ex(g, x->arg[i], 0);
  static const CHelp help[] = {CH_EQ_BITS, CH_NE_BITS, CH_LT_BITS,
                               CH_LE_BITS, CH_GT_BITS, CH_GE_BITS};
  return cg_op(g, help[x->op - OP_eq], cg_elem(g, t, 4), lanes, arg[0], arg[1], NULL, NULL);
}

const char *cg_bits_type(CGen *g, int bytes, int lanes) {
  CElem e = cg_mask_elem(bytes);
  g->bits_used[e][cg_log(g, lanes)] = true;
  return cg_fmt(g, "BITS_%s", cg_vec(g, e, lanes));
}

void cg_bits_types(CGen *g, bool plain, Text *out) {
  for (int e = 0; e < CE_COUNT; e++)
    for (int k = 1; k < C_MAX_LOG; k++) {
      if (!g->bits_used[e][k]) continue;
      const char *vector = cg_vec(g, (CElem)e, 1 << k), *name = cg_fmt(g, "BITS_%s", vector);
      cg_own(g, name, out);
      if (!plain)
        text_fmt(out, "#if %s_AVX512\ntypedef __mmask%d %s;\n#else\n", g->prefix, MAX(1 << k, 8),
                 name);
      text_fmt(out, "typedef %s %s;\n%s", vector, name, plain ? "" : "#endif\n");
    }
}
