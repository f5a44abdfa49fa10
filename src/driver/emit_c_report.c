/* emit_c_report.c: see emit_c_report.h. In: a C file, which is compiled for speed and for size.
 * Out: a table: what the sections of the object take up of flash and RAM, and each exported
 * function's share. */
#include "driver/emit_c_report.h"

#include "base/diag.h"
#include "driver/code_size.h"
#include "driver/system_cc.h"

#include <stdio.h>

enum { LEVELS = 2 };
static const char *const level[LEVELS] = {"-O2", "-Os"};

/* The function that a symbol belongs to: the longest whose name it begins with; -1: shared by
 * several. */
static int owner(const CFile *f, const char *symbol) {
  int best = -1;
  size_t best_n = 0, prefix = strlen(f->prefix);
  if (strncmp(symbol, f->prefix, prefix) || symbol[prefix] != '_') return -1;
  symbol += prefix + 1;
  for (int i = 0; i < f->fn.n; i++) {
    size_t n = strlen(f->fn.at[i]->name);
    bool mine = !strncmp(symbol, f->fn.at[i]->name, n) &&
                (symbol[n] == 0 || symbol[n] == '_' || symbol[n] == '.');
    if (mine && n >= best_n) best = i, best_n = n;
  }
  return best;
}

static int64_t code_of(const CFile *f, const CodeSize *s, int fn) {
  int64_t sum = 0;
  for (int i = 0; i < s->symbol.n; i++)
    if (owner(f, s->symbol.at[i].name) == fn) sum += s->symbol.at[i].bytes;
  return sum;
}

static const char *bytes_text(Cx *cx, Dim d) {
  Text t = text_new(cx->arena);
  DimC how = {.before = "", .after = ""};
  dim_print_c(cx, d, &how, &t);
  return text_str(&t);
}

/* Words that choose a level themselves, or ask for warnings to be errors, have no place here. */
static const char *without_level(Cx *cx, const char *flags) {
  Text t = text_new(cx->arena);
  for (const char *s = flags; *s;) {
    size_t n = strcspn(s, " ");
    if (strncmp(s, "-O", 2)) text_add_n(&t, s, n), text_add(&t, " ");
    s += n + (s[n] == ' ');
  }
  return text_str(&t);
}

static bool measure(const CFile *f, const char *folder, const char *cc, const char *opt,
                    CodeSize *out) {
  Cx *cx = f->cx;
  const char *object = name_fmt(cx, "%s/program.o", folder), *why = "the compiler refuses the file";
  /* without tables for unwinding: C never throws */
  const char *command =
      name_fmt(cx,
               "%s -std=c11 -w %s -ffp-contract=off -fno-asynchronous-unwind-tables "
               "-fno-unwind-tables -c -o %s %s/program.c",
               cc, opt, object, folder);
  size_t n = 0;
  int code = run_quietly(cx, command, NULL);
  char *elf = code ? NULL : read_whole(cx, object, &n);
  if (elf) why = code_size(cx, elf, n, out);
  if (code == 127) why = "there is no such compiler";
  if (!why) return true;
  Diag *d = diag(cx, E0722, (Span){0}, "the C file can't be measured by `%s`", cc);
  diag_note(cx, d, "%s", why);
  return false;
}

static void print_table(const CFile *f, const CodeSize *size, Text *out) {
  Cx *cx = f->cx;
  text_fmt(out, "%-28s %9s %9s  %12s  %s\n", "function", level[0], level[1], "arithmetic",
           "workspace");
  for (int i = 0; i <= f->fn.n; i++) {
    const CFunction *fn = i < f->fn.n ? f->fn.at[i] : NULL;
    int64_t a = code_of(f, &size[0], fn ? i : -1), b = code_of(f, &size[1], fn ? i : -1);
    text_fmt(out, "%-28s %9lld %9lld", fn ? fn->name : "shared", (long long)a, (long long)b);
    if (fn) {
      SizeBindings sizes = emit_c_all_sizes(fn, 64);
      const LoopProgram *loops = emit_c_bound(fn, &sizes);
      if (loops)
        text_fmt(out, "  %12.0f  %s", fn_flops(loops->fn), bytes_text(cx, fn->loops->workspace));
      else diag_clear(cx);
    }
    text_add(out, "\n");
  }
}

static void print_sections(const CFile *f, const CodeSize *size, Text *out) {
  static const char *const name[] = {"code", "constants", "data", "flash (code, constants, data)",
                                     "RAM (data, zeros)"};
  for (int r = 0; r < COUNT_OF(name); r++) {
    text_fmt(out, "%-28s", name[r]);
    for (int k = 0; k < LEVELS; k++) {
      const CodeSize *s = &size[k];
      const int64_t v[] = {s->code, s->constants, s->data, s->code + s->constants + s->data,
                           s->data + s->zeros};
      text_fmt(out, " %9lld", (long long)v[r]);
    }
    text_add(out, "\n");
  }
  if (f->param.n)
    text_fmt(out,
             "%-28s %9lld bytes, of the caller; as many for gradients and for each moment of an "
             "optimiser\n",
             "parameters", (long long)c_param_offset(f, f->param.n));
}

bool emit_c_report(const CFile *f, const char *source, const char *header, const char *cc,
                   Text *out) {
  Cx *cx = f->cx;
  CodeSize size[LEVELS];
  const char *folder = scratch_open(cx), *given = cc;
  if (!folder) return false;
  if (!given) {
    const char *found = system_cc(cx);
    if (!found)
      diag(cx, E0722, (Span){0},
           "there is no C compiler (gcc, clang, cc) to measure the C file with");
    given = found ? name_fmt(cx, "%s %s", found, without_level(cx, f->flags)) : NULL;
  }
  bool ok = given && scratch_write(cx, folder, "program.c", source) &&
            scratch_write(cx, folder, f->header, header);
  for (int k = 0; k < LEVELS && ok; k++) ok = measure(f, folder, given, level[k], &size[k]);
  if (ok) {
    size_t n = 0;
    const char *answer = name_fmt(cx, "%s/version", folder), *text = NULL;
    char first[200];
    size_t words = strcspn(given, " ");
    snprintf(first, sizeof first, "%.*s --version", (int)words, given);
    if (run_quietly(cx, first, answer) == 0) text = read_whole(cx, answer, &n);
    text_fmt(out, "bytes by %.*s", (int)(strlen(given) - (given[strlen(given) - 1] == ' ')), given);
    if (text) text_fmt(out, " (%.*s)", (int)strcspn(text, "\n"), text);
    text_fmt(out, "; arithmetic and workspace%s of a call\n",
             f->fn.n && f->fn.at[0]->size.n ? ", for sizes of 64," : "");
    print_table(f, size, out);
    print_sections(f, size, out);
  }
  scratch_close(folder);
  return ok;
}
