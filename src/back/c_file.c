/* c_file.c: the C file and its header: exported functions around the loop programs, the struct of
 * parameters and its table, status codes. */
#include "back/c_gen.h"

#include <ctype.h>

/* ---- names ---- */
const char *c_upper(Cx *cx, const char *word) {
  char *s = arena_copy(cx->arena, word, strlen(word) + 1);
  for (char *c = s; *c; c++) *c = (char)toupper((unsigned char)*c);
  return s;
}

/* ---- status codes ---- */
static const char *const status_word[][2] = {
#define _(name, text) {#name, text},
    C_STATUS_TABLE(_)
#undef _
};

static void status_enum(const CFile *f, const char *upper, Text *out) {
  text_add(out, "enum {\n");
  for (int i = 0; i < COUNT_OF(status_word); i++)
    text_fmt(out, "  %s_%s = %d%s /* %s */\n", upper, status_word[i][0], i,
             i + 1 < COUNT_OF(status_word) ? "," : "", status_word[i][1]);
  text_fmt(out, "};\nconst char *%s_strerror(int status);\n\n", f->prefix);
}

static void status_texts(const CFile *f, Text *out) {
  text_fmt(out, "const char *%s_strerror(int status) {\n  static const char *const text[] = {",
           f->prefix);
  for (int i = 0; i < COUNT_OF(status_word); i++)
    text_fmt(out, "%s\"%s\"", i ? ",\n    " : "", status_word[i][1]);
  text_fmt(out,
           "};\n  return status >= 0 && status < %d ? text[status] : \"unknown status\";\n}\n\n",
           COUNT_OF(status_word));
}

/* ---- parameters ---- */
const char *cg_dtype(DType t) {
  switch (t) {
  case T_F32: return "float";
  case T_F64: return "double";
  case T_I32: return "int32_t";
  case T_I64: return "int64_t";
  default: return "uint8_t";
  }
}

static int64_t count_of(const Shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) n *= s->dim[i];
  return n;
}

/* A parameter's shape, which is all numbers. */
static const char *dims(Cx *cx, const Shape *s) {
  Text t = text_new(cx->arena);
  for (int i = 0; i < s->rank; i++) text_fmt(&t, "%s%lld", i ? " * " : "", (long long)s->dim[i]);
  return count_of(s) ? text_str(&t) : "1"; /* C has no arrays without elements */
}

static void params_struct(const CFile *f, const char *upper, Text *out) {
  if (!f->param.n) return;
  bool states = false;
  for (int i = 0; i < f->param.n; i++) states |= f->param.at[i].state;
  text_fmt(out,
           "/* The parameters%s, row-major; gradients and the optimiser's moments have the same "
           "form%s. */\n",
           states ? " and states" : "", states ? ", 0 at states" : "");
  text_fmt(out, "typedef struct %s_params {\n", f->prefix);
  for (int i = 0; i < f->param.n; i++) {
    const CParam *p = &f->param.at[i];
    if (p->shape.rank)
      text_fmt(out, "  %s %s[%s];\n", cg_dtype(p->type), p->field, dims(f->cx, &p->shape));
    else text_fmt(out, "  %s %s;\n", cg_dtype(p->type), p->field);
  }
  text_fmt(out, "} %s_params;\n\n", f->prefix);
  text_fmt(out, "enum { %s_PARAMS = %d, %s_MAX_RANK = %d };\n", upper, f->param.n, upper,
           IR_MAX_RANK);
  text_fmt(
      out,
      "typedef struct %s_tensor {\n  const char *name, *dtype;\n  int32_t rank, state; /* state: 1 "
      "where steps assign it and it has no gradient */\n  int64_t "
      "shape[%s_MAX_RANK];\n"
      "  size_t offset, bytes; /* within %s_params */\n} %s_tensor;\n"
      "extern const %s_tensor %s_param_table[%s_PARAMS];\n\n",
      f->prefix, upper, f->prefix, f->prefix, f->prefix, f->prefix, upper);
}

static void params_table(const CFile *f, const char *upper, Text *out) {
  if (!f->param.n) return;
  text_fmt(out, "const %s_tensor %s_param_table[%s_PARAMS] = {\n", f->prefix, f->prefix, upper);
  for (int i = 0; i < f->param.n; i++) {
    const CParam *p = &f->param.at[i];
    text_fmt(out, "  {\"%s\", \"%s\", %d, %d, {", p->name, type_info[p->type].word, p->shape.rank,
             p->state);
    for (int d = 0; d < p->shape.rank; d++)
      text_fmt(out, "%s%lld", d ? ", " : "", (long long)p->shape.dim[d]);
    text_fmt(out, "%s}, offsetof(%s_params, %s), %lld},\n", p->shape.rank ? "" : "0", f->prefix,
             p->field, (long long)(count_of(&p->shape) * type_info[p->type].bytes));
  }
  text_add(out, "};\n\n");
}

/* ---- exported functions ---- */
/* "N, M", each after the text */
static const char *size_list(const CFile *f, const CFunction *fn, const char *before) {
  Text t = text_new(f->cx->arena);
  for (int i = 0; i < fn->size.n; i++)
    text_fmt(&t, "%s%s%s", i ? ", " : "", before, c_safe_name(f->cx, fn->size.at[i]));
  return text_str(&t);
}

static const char *workspace_name(const CFile *f, const CFunction *fn) {
  return name_fmt(f->cx, "%s_%s_WORKSPACE", c_upper(f->cx, f->prefix), c_upper(f->cx, fn->name));
}

/* The constant, or with named sizes the macro's call. */
static const char *workspace_text(const CFile *f, const CFunction *fn) {
  const char *name = workspace_name(f, fn);
  return fn->size.n ? name_fmt(f->cx, "%s(%s)", name, size_list(f, fn, "")) : name;
}

static void workspace_constant(const CFile *f, const CFunction *fn, Text *out) {
  Dim bytes = fn->loops->workspace;
  if (fn->size.n) {
    DimC how = {.before = "(int64_t)(", .after = ")", .word = c_safe_name};
    text_fmt(out, "#define %s ((size_t)(", workspace_text(f, fn));
    dim_print_c(f->cx, bytes, &how, out);
    text_add(out, "))\n");
  } else if (bytes <= INT32_MAX) {
    text_fmt(out, "enum { %s = %lld };\n", workspace_name(f, fn), (long long)bytes);
  } else {
    text_fmt(out, "#define %s INT64_C(%lld)\n", workspace_name(f, fn), (long long)bytes);
  }
  text_fmt(out, "size_t %s_%s_workspace(%s);\n", f->prefix, fn->name,
           fn->size.n ? size_list(f, fn, "int64_t ") : "void");
}

static void signature(const CFile *f, const CFunction *fn, Text *out) {
  text_fmt(out, "int %s_%s(", f->prefix, fn->name);
  if (fn->size.n) text_fmt(out, "%s, ", size_list(f, fn, "int64_t "));
  for (int i = 0; i < fn->arg.n; i++) {
    const CArg *a = &fn->arg.at[i];
    const char *type =
        a->kind == CARG_STRUCT ? name_fmt(f->cx, "%s_params", f->prefix) : cg_dtype(a->type);
    if (a->kind == CARG_VALUE) text_fmt(out, "%s %s, ", type, a->name);
    else text_fmt(out, "%s%s *%s, ", a->written ? "" : "const ", type, a->name);
  }
  text_fmt(out, "void *workspace, size_t workspace_bytes)");
}

static void requirements(const CFile *f, const CFunction *fn, Text *out) {
  for (int i = 0; i < fn->require.n; i++) {
    text_fmt(out, " * Status %s_REQUIRED: ", c_upper(f->cx, f->prefix));
    c_comment_text(fn->require.at[i].text, strlen(fn->require.at[i].text), out);
    text_add(out, "\n");
  }
}

static void declaration(const CFile *f, const CFunction *fn, Text *out) {
  text_fmt(out, "/* %s\n", fn->says);
  for (int i = 0; i < fn->size.n; i++)
    text_fmt(out, " *   %-12s size, at least 1\n", c_safe_name(f->cx, fn->size.at[i]));
  for (int i = 0; i < fn->arg.n; i++) {
    const CArg *a = &fn->arg.at[i];
    text_fmt(out, " *   %-12s %s", a->name, a->says);
    if (a->kind != CARG_STRUCT) text_fmt(out, ", %s", type_text(f->cx, a->type, &a->shape));
    text_add(out, "\n");
  }
  requirements(f, fn, out);
  text_add(out, " */\n");
  workspace_constant(f, fn, out);
  signature(f, fn, out);
  text_add(out, ";\n\n");
}

static const char *port_text(const CFile *f, const CFunction *fn, CPort p) {
  const CArg *a = &fn->arg.at[p.arg];
  if (a->kind == CARG_STRUCT) {
    const CParam *param = &f->param.at[p.field];
    return name_fmt(f->cx, "%s%s->%s", param->shape.rank ? "" : "&", a->name, param->field);
  }
  return name_fmt(f->cx, "%s%s", a->kind == CARG_VALUE ? "&" : "", a->name);
}

/* The programs take addresses of elements. */
static void table(const CFile *f, const CFunction *fn, const char *type, const char *name,
                  const CPort *port, int n, Text *out) {
  text_fmt(out, "  %s%s[%d];\n", type, name, MAX(n, 1));
  for (int i = 0; i < n; i++) text_fmt(out, "  %s[%d] = %s;\n", name, i, port_text(f, fn, port[i]));
}

/* A status for sizes no workspace can be given for. Bytes are added as float, which doesn't
 * overflow, is exact enough for a limit that is a quarter of what can be addressed, and is there on
 * processors that have double by library only. */
static void sizes_check(const CFile *f, const CFunction *fn, const char *upper, Text *out) {
  DimC bytes = {.before = "(float)", .after = "", .word = c_safe_name, .magnitude = true};
  DimC exact = {.before = "", .after = "", .word = c_safe_name};
  text_fmt(out, "static int %s_%s_sizes(%s) {\n  if (", f->prefix, fn->name,
           size_list(f, fn, "int64_t "));
  for (int i = 0; i < fn->size.n; i++)
    text_fmt(out, "%s%s < 1", i ? " || " : "", c_safe_name(f->cx, fn->size.at[i]));
  text_fmt(out, ") return %s_BAD_SIZE;\n  if (", upper);
  for (int i = 0; i < fn->size.n; i++)
    text_fmt(out, "%s%s > INT32_MAX", i ? " || " : "", c_safe_name(f->cx, fn->size.at[i]));
  text_fmt(out, ") return %s_TOO_LARGE;\n  float bytes = ", upper);
  dim_print_c(f->cx, fn->loops->workspace, &bytes, out);
  text_add(out, ";\n");
  for (int i = 0; i < fn->loops->buf.n; i++) {
    const Buffer *b = &fn->loops->buf.at[i];
    if (dim_is_number(b->count) || (b->kind != BUF_INPUT && b->kind != BUF_OUTPUT)) continue;
    text_add(out, "  bytes += ");
    dim_print_c(f->cx, dim_mul(f->cx, b->count, type_info[b->type].bytes), &bytes, out);
    text_add(out, ";\n");
  }
  text_fmt(out, "  if (bytes > (float)(SIZE_MAX / 4)) return %s_TOO_LARGE;\n", upper);
  for (int i = 0; i < fn->require.n; i++) {
    text_add(out, "  if (!(");
    size_cond_print_c(f->cx, fn->require.at[i].holds, &exact, out);
    text_fmt(out, ")) return %s_REQUIRED;\n", upper);
  }
  for (int i = 0; i < fn->check.n; i++) {
    text_add(out, "  if (");
    dim_print_c(f->cx, fn->check.at[i], &exact, out);
    text_fmt(out, " < 0) return %s_BAD_SIZE;\n", upper);
  }
  text_fmt(out, "  return %s_OK;\n}\n\n", upper);
}

static void workspace_query(const CFile *f, const CFunction *fn, const char *upper, Text *out) {
  if (!fn->size.n) {
    text_fmt(out, "size_t %s_%s_workspace(void) { return (size_t)%s; }\n\n", f->prefix, fn->name,
             workspace_name(f, fn));
    return;
  }
  sizes_check(f, fn, upper, out);
  const char *list = size_list(f, fn, "");
  text_fmt(out, "size_t %s_%s_workspace(%s) {\n  return %s_%s_sizes(%s) ? SIZE_MAX : %s;\n}\n\n",
           f->prefix, fn->name, size_list(f, fn, "int64_t "), f->prefix, fn->name, list,
           workspace_text(f, fn));
}

/* What the program left in the workspace about its indices. */
static void fault_status(const CFile *f, const CFunction *fn, const char *upper, Text *out) {
  if (fn->loops->fault < 0) return;
  DimC how = {.before = "(int64_t)(", .after = ")", .word = c_safe_name};
  text_add(out, "  int64_t outside;\n  memcpy(&outside, (const unsigned char *)workspace + ");
  dim_print_c(f->cx, fn->loops->buf.at[fn->loops->fault].offset, &how, out);
  text_fmt(out, ", sizeof outside);\n  if (outside) return %s_INDEX;\n", upper);
}

static void definition(const CFile *f, const CFunction *fn, const char *upper, Text *out) {
  workspace_query(f, fn, upper, out);
  signature(f, fn, out);
  text_add(out, " {\n");
  if (fn->size.n)
    text_fmt(out, "  const int sizes = %s_%s_sizes(%s);\n  if (sizes) return sizes;\n", f->prefix,
             fn->name, size_list(f, fn, ""));
  for (int i = 0; i < fn->arg.n; i++)
    if (fn->arg.at[i].kind != CARG_VALUE)
      text_fmt(out, "  if (!%s) return %s_NULL_POINTER;\n", fn->arg.at[i].name, upper);
  if (fn->loops->workspace != 0) {
    text_fmt(out, "  if (!workspace) return %s_NULL_POINTER;\n", upper);
    text_fmt(out, "  if ((uintptr_t)workspace %% 64) return %s_MISALIGNED;\n", upper);
    text_fmt(out, "  if (workspace_bytes < (size_t)%s) return %s_TOO_SMALL;\n",
             workspace_text(f, fn), upper);
  } else {
    text_add(out, "  (void)workspace_bytes;\n");
  }
  for (int i = 0; i < fn->zero.n; i++) {
    const CParam *p = &f->param.at[fn->zero.at[i].field];
    const char *arg = fn->arg.at[fn->zero.at[i].arg].name;
    text_fmt(out, "  memset(&%s->%s, 0, sizeof %s->%s);\n", arg, p->field, arg, p->field);
  }
  table(f, fn, "const void *", "in_", fn->in.at, fn->in.n, out);
  table(f, fn, "void *", "out_", fn->out.at, fn->out.n, out);
  text_fmt(out, "  %s_%s_run(in_, out_, (unsigned char *)workspace%s%s);\n", f->prefix, fn->name,
           fn->size.n ? ", " : "", size_list(f, fn, ""));
  fault_status(f, fn, upper, out);
  text_fmt(out, "  return %s_OK;\n}\n\n", upper);
}

/* ---- the files ---- */
static void head(const CFile *f, Text *out) {
  text_fmt(out, "/* Written by %s: %s\n", f->version, f->command);
  text_add(out, " * The code stands under the licence of the program it was made from; gradc "
                "claims no right in it.");
  if (f->flags)
    text_fmt(out, "\n * For full speed and the same bits as gradc itself: %s", f->flags);
  text_add(out, " */\n");
}

void c_print_header(const CFile *f, Text *out) {
  const char *upper = c_upper(f->cx, f->prefix);
  head(f, out);
  text_fmt(out, "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n", upper,
           upper);
  text_add(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
  text_fmt(out,
           "/* Functions return a status. Nothing is allocated, printed or kept between "
           "calls%s: a call works in the\n"
           " * workspace it is given, of at least so many bytes as the function's constant "
           "says, aligned to 64. Calls with\n"
           " * different workspaces and results may run at the same time. Results must not "
           "overlap other arguments. */\n",
           f->threads > 1 ? " but the threads" : "");
  status_enum(f, upper, out);
  params_struct(f, upper, out);
  c_weights_header(f, out);
  if (f->threads > 1)
    text_fmt(
        out,
        "/* Calls share their work out to at most so many threads from now on, of which there "
        "are %d at first, and can't\n"
        " * be more; 0: as many as there are processors. Returns how many. Results don't depend "
        "on it. Of calls that run\n"
        " * at the same time one has the threads; they are made when a call first needs them. "
        "*/\n"
        "int %s_threads(int n);\n\n",
        f->threads, f->prefix);
  for (int i = 0; i < f->fn.n; i++) declaration(f, f->fn.at[i], out);
  if (f->selftest)
    text_fmt(out,
             "/* Calls every function on fixed arguments and compares: 0, or the number of the "
             "first that is wrong,\n"
             " * from 1 in the order of this file. Its arguments are static variables. */\nint "
             "%s_selftest(void);\n\n",
             f->prefix);
  text_add(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}

static bool computes_in(const LoopProgram *p, DType t) {
  for (int i = 0; i < p->buf.n; i++)
    if (p->buf.at[i].type == t) return true;
  for (int i = 0; i < p->kernel.n; i++) {
    const Call *c = p->kernel.at[i]->call;
    if (c && (computes_in(c->body, t) || (c->other && computes_in(c->other, t)))) return true;
  }
  return false;
}

/* A target whose types aren't those the code is made for refuses it. */
static void type_checks(const CFile *f, Text *out) {
  static const DType floats[] = {T_F32, T_F64};
  for (int k = 0; k < COUNT_OF(floats); k++) {
    bool used = false;
    for (int i = 0; i < f->fn.n; i++) used |= computes_in(f->fn.at[i]->loops, floats[k]);
    int bytes = type_info[floats[k]].bytes;
    if (used)
      text_fmt(out, "_Static_assert(sizeof(%s) == %d, \"the code needs a %s of %d bytes\");\n",
               cg_dtype(floats[k]), bytes, cg_dtype(floats[k]), bytes);
  }
}

void c_print(const CFile *f, Text *source, Text *header) {
  const char *upper = c_upper(f->cx, f->prefix);
  CGen g = {.cx = f->cx, .prefix = f->prefix, .openmp = f->openmp, .body = text_new(f->cx->arena)};
  for (int i = 0; i < f->fn.n; i++) {
    const CFunction *fn = f->fn.at[i];
    g.function = fn->name;
    g.threads = fn->loops->target.threads;
    g.programs = 0;
    g.sizes.n = 0;
    for (int k = 0; k < fn->size.n; k++) vec_push(f->cx->arena, &g.sizes, fn->size.at[k]);
    cg_program(&g, fn->loops, name_fmt(f->cx, "%s_%s_run", f->prefix, fn->name));
    definition(f, fn, upper, &g.body);
  }
  head(f, source);
  text_fmt(source, "#include \"%s\"\n", f->header);
  type_checks(f, source);
  cg_prelude(&g, source);
  status_texts(f, source);
  params_table(f, upper, source);
  c_weights_source(f, source);
  text_add(source, text_str(&g.body));
  if (f->main) text_add(source, f->main);
  cg_undefine(&g, source);
  c_print_header(f, header);
}
