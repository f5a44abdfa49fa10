/* library.c: see library.h. In: a session with a program. Out: machine code by the LLVM module,
 * wrapped as the kind of file that was asked for. */
#include "driver/library.h"
#include "driver/library_pool.h"
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

/* ---- the system's compiler and linker ---- */
typedef struct Linking {
  Cx *cx;
  const BuildOptions *o;
  const char *object[2], *result; /* object[1]: that of the threads; NULL: there is none */
  Text tried, said;
} Linking;

/* False: the program isn't there. */
static bool try_program(Linking *l, const char *const *word, int *code) {
  l->said.n = 0;
  *code = spawn_program(word, &l->said);
  if (*code != SPAWN_MISSING) return true;
  text_fmt(&l->tried, "%s%s", l->tried.n ? ", " : "", word[0]);
  return false;
}

/* What compiles and links for the target: of "aarch64-unknown-linux-gnu" what is called
 * aarch64-linux-gnu-gcc. */
typedef Vec(const char *) Programs;
static Programs drivers(Cx *cx, const char *triple) {
  static const char *const host[] = {"cc", "gcc", "clang"};
  Programs all = {0};
  if (!triple || !strncmp(triple, "x86_64-", 7)) {
    for (int i = 0; i < COUNT_OF(host); i++) vec_push(cx->arena, &all, host[i]);
    return all;
  }
  const char *rest = strstr(triple, "-linux");
  vec_push(cx->arena, &all,
           name_fmt(cx, "%.*s%s-gcc", (int)strcspn(triple, "-"), triple, rest ? rest : ""));
  return all;
}

/* A shared library by a compiler driver, or by a linker itself. With threads the C library's
 * start-up files belong to it: they tell it when it is unloaded. */
static bool try_linker(Linking *l, const char *program, bool driver, int *code) {
  const char *soname = l->o->base, *word[20];
  int n = 0;
  word[n++] = program;
  word[n++] = "-shared";
  if (driver && !l->object[1]) word[n++] = "-nostdlib";
  word[n++] = driver ? name_fmt(l->cx, "-Wl,-soname,%s", soname) : "-soname";
  if (!driver) word[n++] = soname;
  word[n++] = driver ? "-Wl,-z,noexecstack" : "-znoexecstack";
  word[n++] = "-o";
  word[n++] = l->result;
  for (int i = 0; i < 2 && l->object[i]; i++) word[n++] = l->object[i];
  if (driver && l->object[1]) word[n++] = "-pthread";
  if (driver && !l->o->c.target.triple)
    word[n++] = "-Wl,--as-needed", word[n++] = "-lm", word[n++] = "-lc";
  word[n] = NULL;
  return try_program(l, word, code);
}

static bool link_shared(Linking *l, int *code) {
  static const char *const linkers[] = {"ld.lld", "ld.lld-19", "ld.lld-22", "ld"};
  Programs all = drivers(l->cx, l->o->c.target.triple);
  for (int i = 0; i < all.n; i++)
    if (try_linker(l, all.at[i], true, code)) return true;
  for (int i = 0; i < COUNT_OF(linkers) && !l->object[1]; i++)
    if (try_linker(l, linkers[i], false, code) && *code == 0) return true;
  return *code != SPAWN_MISSING;
}

/* One object of two. */
static bool link_object(Linking *l, int *code) {
  Programs all = drivers(l->cx, l->o->c.target.triple);
  for (int i = 0; i < all.n; i++) {
    const char *const word[] = {all.at[i], "-r",         "-nostdlib",  "-o",
                                l->result, l->object[0], l->object[1], NULL};
    if (try_program(l, word, code)) return true;
  }
  return false;
}

static Status complain(Linking *l, const char *what, int code) {
  if (code == SPAWN_MISSING) {
    Diag *d = diag(l->cx, E0731, (Span){0}, "%s, and there is none", what);
    diag_note(l->cx, d, "looked for %s", text_str(&l->tried));
    diag_hint(l->cx, d,
              l->o->c.threads > 1
                  ? "install a C compiler for the processor, or build without --threads"
                  : "install a C compiler, or build a .o or .a and link it where one is");
    return ST_DATA;
  }
  Diag *d = diag(l->cx, E0731, (Span){0}, "the compiler or linker failed with status %d", code);
  if (l->said.n) diag_note(l->cx, d, "%s", text_str(&l->said));
  if (l->o->c.target.triple)
    diag_hint(l->cx, d,
              "code for %s: is its linker installed? A .o or .a without threads needs none",
              l->o->cpu);
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

/* ---- the library ---- */
typedef struct Making {
  Linking l;
  const BuildOptions *o;
  const CFile *f;
  const char *folder;
  Text pool; /* the object of the threads; empty: there are none */
  Text *bytes;
} Making;

static Status no_file(Cx *cx, const char *path) {
  diag(cx, E0601, (Span){0}, "can't write a temporary file in \"%s\": %s", path, strerror(errno));
  return ST_DATA;
}

/* The threads, compiled by the system's compiler: their object in m->pool. */
static Status make_pool(Making *m) {
  Cx *cx = m->l.cx;
  Programs all = drivers(cx, m->o->c.target.triple);
  const char *object = name_fmt(cx, "%s/pool.o", m->folder);
  const LibraryPool pool = {m->o->c.prefix, m->o->c.threads};
  const char *source = library_pool_source(cx, m->folder);
  int code = SPAWN_MISSING;
  if (!source) return no_file(cx, m->folder);
  for (int i = 0; i < all.n && code == SPAWN_MISSING; i++)
    if (try_program(&m->l, library_pool_command(cx, &pool, all.at[i], source, object), &code))
      break;
  unlink(source);
  if (code) return complain(&m->l, "threads need a C compiler for the processor", code);
  m->l.object[1] = object;
  return read_file(object, &m->pool) ? ST_OK : no_file(cx, m->folder);
}

static Status link_all(Making *m, bool (*link)(Linking *l, int *code)) {
  Cx *cx = m->l.cx;
  int code = SPAWN_MISSING;
  m->l.result = name_fmt(cx, "%s/program.so", m->folder);
  Status status = ST_OK;
  if (!link(&m->l, &code) || code)
    status = complain(&m->l, "a shared library needs a linker", code);
  else if (!read_file(m->l.result, m->bytes)) status = no_file(cx, m->folder);
  unlink(m->l.result);
  return status;
}

static void make_archive(Making *m, const Text *object) {
  Cx *cx = m->l.cx;
  const char **symbol,
      *pool[] = {name_fmt(cx, "%s_pool", m->f->prefix), name_fmt(cx, "%s_threads", m->f->prefix)};
  int n = c_symbols(m->f, &symbol);
  const CMember member[] = {{name_fmt(cx, "%.12s.o", m->f->prefix), object, symbol, n},
                            {"pool.o", &m->pool, pool, COUNT_OF(pool)}};
  c_archive(cx, member, m->pool.n ? 2 : 1, m->bytes);
}

static Status make_in_folder(Making *m, const Text *object) {
  Status status = m->o->c.threads > 1 ? make_pool(m) : ST_OK;
  if (status == ST_OK && m->o->kind == BUILD_ARCHIVE) make_archive(m, object);
  else if (status == ST_OK && !write_file(m->l.object[0], object))
    status = no_file(m->l.cx, m->folder);
  else if (status == ST_OK)
    status = link_all(m, m->o->kind == BUILD_SHARED ? link_shared : link_object);
  unlink(m->l.object[0]);
  if (m->l.object[1]) unlink(m->l.object[1]);
  return status;
}

static Status wrap(Session *s, const BuildOptions *o, const CFile *f, const Text *object,
                   Text *bytes) {
  Cx *cx = s->cx;
  Making m = {.l = {.cx = cx, .o = o, .tried = text_new(cx->arena), .said = text_new(cx->arena)},
              .o = o,
              .f = f,
              .pool = text_new(cx->arena),
              .bytes = bytes};
  if (o->c.threads <= 1 && o->kind == BUILD_OBJECT) {
    text_add_n(bytes, object->at, object->n);
    return ST_OK;
  }
  if (o->c.threads <= 1 && o->kind == BUILD_ARCHIVE) {
    make_archive(&m, object);
    return ST_OK;
  }
  const char *tmp = getenv("TMPDIR"),
             *pattern = name_fmt(cx, "%s/gradc-build.XXXXXX", tmp && *tmp ? tmp : "/tmp");
  char *folder = arena_copy(cx->arena, pattern, strlen(pattern) + 1);
  if (!mkdtemp(folder)) return no_file(cx, folder);
  m.folder = folder;
  m.l.object[0] = name_fmt(cx, "%s/program.o", folder);
  Status status = make_in_folder(&m, object);
  rmdir(folder);
  return status;
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
  const LlvmBackend *llvm = back_llvm_for(cx, why, sizeof why);
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
