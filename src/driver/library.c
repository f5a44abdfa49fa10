/* library.c: see library.h. In: a session with a program. Out: machine code by the LLVM module,
 * wrapped as the kind of file that was asked for. */
#include "driver/library.h"
#include "driver/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool build_kind(const char *path, BuildKind *out) {
  static const char *const ending[] = {
      [BUILD_OBJECT] = ".o", [BUILD_ARCHIVE] = ".a", [BUILD_SHARED] = ".so"};
  size_t n = strlen(path);
  for (int i = 0; i < COUNT_OF(ending); i++) {
    size_t e = strlen(ending[i]);
    if (n <= e || strcmp(path + n - e, ending[i]) || path[n - e - 1] == '/') continue;
    *out = (BuildKind)i;
    return true;
  }
  return false;
}

/* ---- shared libraries ---- */
typedef struct Linking {
  Cx *cx;
  const BuildOptions *o;
  const char *object, *result;
  Text tried, said;
} Linking;

/* A compiler driver, or a linker itself; false: it isn't there. */
static bool try_linker(Linking *l, const char *program, bool driver, int *code) {
  const char *soname = l->o->base, *word[16];
  int n = 0;
  word[n++] = program;
  word[n++] = "-shared";
  if (driver) word[n++] = "-nostdlib";
  word[n++] = driver ? name_fmt(l->cx, "-Wl,-soname,%s", soname) : "-soname";
  if (!driver) word[n++] = soname;
  word[n++] = driver ? "-Wl,-z,noexecstack" : "-znoexecstack";
  word[n++] = "-o";
  word[n++] = l->result;
  word[n++] = l->object;
  if (driver && !l->o->c.target.triple)
    word[n++] = "-Wl,--as-needed", word[n++] = "-lm", word[n++] = "-lc";
  word[n] = NULL;
  l->said.n = 0;
  *code = spawn_program(word, &l->said);
  if (*code != SPAWN_MISSING) return true;
  text_fmt(&l->tried, "%s%s", l->tried.n ? ", " : "", program);
  return false;
}

/* The architecture of "aarch64-unknown-linux-gnu", and what its compiler is called. */
static bool link_shared(Linking *l, int *code) {
  const char *triple = l->o->c.target.triple;
  if (!triple || !strncmp(triple, "x86_64-", 7)) {
    static const char *const drivers[] = {"cc", "gcc", "clang"};
    for (int i = 0; i < COUNT_OF(drivers); i++)
      if (try_linker(l, drivers[i], true, code)) return true;
  } else {
    const char *rest = strstr(triple, "-linux");
    const char *cross =
        name_fmt(l->cx, "%.*s%s-gcc", (int)strcspn(triple, "-"), triple, rest ? rest : "");
    if (try_linker(l, cross, true, code)) return true;
  }
  static const char *const linkers[] = {"ld.lld", "ld.lld-19", "ld.lld-22", "ld"};
  for (int i = 0; i < COUNT_OF(linkers); i++)
    if (try_linker(l, linkers[i], false, code) && *code == 0) return true;
  return *code != SPAWN_MISSING;
}

static Status complain(Linking *l, int code) {
  if (code == SPAWN_MISSING) {
    Diag *d = diag(l->cx, E0731, (Span){0}, "a shared library needs a linker, and there is none");
    diag_note(l->cx, d, "looked for %s", text_str(&l->tried));
    diag_hint(l->cx, d, "install a C compiler, or build a .o or .a and link it where one is");
    return ST_DATA;
  }
  Diag *d = diag(l->cx, E0731, (Span){0}, "the linker failed with status %d", code);
  if (l->said.n) diag_note(l->cx, d, "%s", text_str(&l->said));
  if (l->o->c.target.triple)
    diag_hint(l->cx, d, "code for %s: is its linker installed? A .o or .a needs none", l->o->cpu);
  return ST_DATA;
}

static bool write_file(const char *path, const Text *t) {
  FILE *f = fopen(path, "wb");
  if (!f) return false;
  bool ok = fwrite(t->at, 1, t->n, f) == t->n;
  return !fclose(f) && ok;
}

static bool read_file(const char *path, Text *out) {
  char buf[1 << 14];
  FILE *f = fopen(path, "rb");
  size_t n;
  if (!f) return false;
  while ((n = fread(buf, 1, sizeof buf, f)) > 0) text_add_n(out, buf, n);
  bool ok = !ferror(f);
  fclose(f);
  return ok;
}

static Status make_shared(Session *s, const BuildOptions *o, const Text *object, Text *bytes) {
  Cx *cx = s->cx;
  const char *tmp = getenv("TMPDIR"),
             *pattern = name_fmt(cx, "%s/gradc-build.XXXXXX", tmp && *tmp ? tmp : "/tmp");
  char *folder = arena_copy(cx->arena, pattern, strlen(pattern) + 1);
  bool made = mkdtemp(folder) != NULL;
  Linking l = {.cx = cx, .o = o, .tried = text_new(cx->arena), .said = text_new(cx->arena)};
  l.object = name_fmt(cx, "%s/program.o", folder);
  l.result = name_fmt(cx, "%s/program.so", folder);
  Status status = ST_OK;
  int code = SPAWN_MISSING;
  if (!made || !write_file(l.object, object)) {
    diag(cx, E0601, (Span){0}, "can't write a temporary file in \"%s\": %s", folder,
         strerror(errno));
    status = ST_DATA;
  } else if (!link_shared(&l, &code) || code) {
    status = complain(&l, code);
  } else if (!read_file(l.result, bytes)) {
    diag(cx, E0601, (Span){0}, "can't read the linked \"%s\": %s", l.result, strerror(errno));
    status = ST_DATA;
  }
  unlink(l.object);
  unlink(l.result);
  if (made) rmdir(folder);
  return status;
}

/* ---- all ---- */
static Status wrap(Session *s, const BuildOptions *o, const CFile *f, const Text *object,
                   Text *bytes) {
  const char **symbol;
  switch (o->kind) {
  case BUILD_OBJECT: text_add_n(bytes, object->at, object->n); return ST_OK;
  case BUILD_ARCHIVE: {
    int n = c_symbols(f, &symbol);
    c_archive(s->cx, name_fmt(s->cx, "%.12s.o", o->c.prefix), object, symbol, n, bytes);
    return ST_OK;
  }
  case BUILD_SHARED: break;
  }
  return make_shared(s, o, object, bytes);
}

/* Whether a file is what is wrong: of weights, that is. */
static bool about_files(const Cx *cx) {
  for (int i = 0; i < cx->diags->list.n; i++)
    if (!strncmp(diag_code_name(cx->diags->list.at[i]->code), "E06", 3)) return true;
  return false;
}

Status build_native(Session *s, const BuildOptions *o, Text *bytes, Text *header) {
  Cx *cx = s->cx;
  char why[600] = "";
  const LlvmBackend *llvm = back_llvm(why, sizeof why);
  CFile f;
  if (!emit_c(s, &o->c, &f)) return about_files(cx) ? ST_DATA : ST_SOURCE;
  Text object = text_new(cx->arena);
  if (!llvm || !llvm->object(&f, &o->c.target, &object, why, sizeof why)) {
    diag_note(cx, diag(cx, E0701, (Span){0}, "there is no machine code for \"%s\"", o->cpu), "%s",
              why);
    return ST_SOURCE;
  }
  c_print_header(&f, header);
  return wrap(s, o, &f, &object, bytes);
}
