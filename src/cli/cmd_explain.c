/* cmd_explain.c: gradc explain [CODE]... and --ops: the pages of docs/diagnostics and the table
 * ops.def for people. */
#include "base/diag.h"
#include "cli/cli.h"
#include "driver/explain.h"
#include "ir/ir.h"

#include <stdlib.h>

/* ---- operators ---- */
static const struct {
  OpKind kind;
  const char *title;
} kinds[] = {
    {KIND_MAP, "MAP: elementwise on equal shapes; d/da, d/db, d/dc are the partial derivatives, y "
               "the result"},
    {KIND_FOLD, "FOLD: reductions over axes; y is the result of the element's group"},
    {KIND_MOVE,
     "MOVE: linear data movement; the derivative is the same movement, the adjoint its transpose"},
    {KIND_DOT, "DOT: bilinear; the derivative is the product rule"},
    {KIND_LOOP, "LOOP: instructions with bodies; the derivative is that of the body"},
    {KIND_LEAF, "LEAF: without operands, so without a derivative"},
};

static const char *partial_text(const char *partial) {
  return !strcmp(partial, LINEAR_CAST) ? "the cast back" : partial;
}

static void print_op(const OpInfo *op) {
  printf("  %-10s%-5s%s\n", op->name, op->symbol, op->doc);
  if (op->kind != KIND_MAP && op->kind != KIND_FOLD) return;
  bool any = false;
  for (int i = 0; i < COUNT_OF(op->partial); i++) {
    if (!op->partial[i]) continue;
    printf("%17sd/d%c = %s\n", "", 'a' + i, partial_text(op->partial[i]));
    any = true;
  }
  if (!any) printf("%17sno derivative\n", "");
}

static Status explain_ops(void) {
  for (int k = 0; k < COUNT_OF(kinds); k++) {
    printf("%s%s\n", k ? "\n" : "", kinds[k].title);
    for (int op = 0; op < OP_COUNT; op++)
      if (op_info[op].kind == kinds[k].kind && op != OP_none) print_op(&op_info[op]);
  }
  return ST_OK;
}

/* ---- diagnostics ---- */
static Status explain_code(const Cli *cli, const char *name) {
  DiagCode code;
  if (diag_code_find(name, &code)) {
    Text t = text_new(cli->arena);
    explain_page(code, &t);
    out_text(text_str(&t));
    return ST_OK;
  }
  const char *names[DIAG_COUNT];
  for (int i = 0; i < DIAG_COUNT; i++) names[i] = diag_code_name((DiagCode)i);
  const char *meant = closest_word(name, names, DIAG_COUNT);
  if (meant)
    return usage_error(cli, "there is no diagnostic \"%s\"; did you mean %s?", name, meant);
  return usage_error(cli, "there is no diagnostic \"%s\"; 'gradc explain' lists them all", name);
}

static int by_name(const void *a, const void *b) {
  return strcmp(diag_code_name(*(const DiagCode *)a), diag_code_name(*(const DiagCode *)b));
}

static Status list_codes(void) {
  DiagCode code[DIAG_COUNT];
  for (int i = 0; i < DIAG_COUNT; i++) code[i] = (DiagCode)i;
  qsort(code, DIAG_COUNT, sizeof *code, by_name);
  for (int i = 0; i < DIAG_COUNT; i++)
    printf("%s  %s\n", diag_code_name(code[i]), diag_code_title(code[i]));
  return ST_OK;
}

Status cmd_explain(Cli *cli) {
  if (cli->opt[O_explain_ops].n) return explain_ops();
  if (!cli->n) return list_codes();
  Status s = ST_OK;
  for (int i = 0; i < cli->n && s == ST_OK; i++) {
    if (i) putchar('\n');
    s = explain_code(cli, cli->arg[i]);
  }
  return s;
}
