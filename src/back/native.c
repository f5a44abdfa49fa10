/* native.c: from the loop form to a function that can be called. In: a program whose sizes are
 * numbers. Out: its machine code, from the cache or by LLVM, linked into this process. */
#include "back/code.h"
#include "config.h"
#include "loop/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct Native {
  Linked linked;
  const LlvmBackend *llvm; /* where LLVM linked it */
  LlvmLinked *by_llvm;
  bool cached;
};

void native_dispose(Native *n) {
  if (!n) return;
  link_free(&n->linked);
  if (n->by_llvm) n->llvm->unlink(n->by_llvm);
  free(n);
}

NativeFn native_entry(const Native *n) {
  return n->by_llvm ? n->llvm->entry(n->by_llvm) : n->linked.entry;
}
bool native_was_cached(const Native *n) { return n->cached; }

/* What the code depends on: the program, this processor, gradc, and the module that would make it,
 * as it lies on disk. (Which LLVM the module brings in is known only when it is loaded; so the file
 * of that is one of the code's makers.) False where there is no module. */
static bool key_of(const LoopProgram *p, DigestValue *key) {
  char module[4096];
  struct stat st;
  back_llvm_path(module, sizeof module);
  if (stat(module, &st)) return false;
  Digest d = digest_begin();
  digest_text(&d, PACKAGE_VERSION);
  digest_i64(&d, BACK_ABI);
  digest_i64(&d, p->cx->code_quick);
  digest_i64(&d, (int64_t)st.st_ino);
  digest_i64(&d, (int64_t)st.st_size);
  digest_i64(&d, st.st_mtim.tv_sec);
  digest_i64(&d, st.st_mtim.tv_nsec);
  target_host_digest(&d);
  loop_digest(p, &d);
  *key = digest_end(&d);
  return true;
}

static bool link_all(Native *n, const CodeObjects *o, char *err, size_t nerr) {
  if (link_knows_host()) return link_objects(o, &n->linked, err, nerr);
  n->llvm = back_llvm(err, nerr);
  n->by_llvm = n->llvm ? n->llvm->link(o, err, nerr) : NULL;
  return n->by_llvm != NULL;
}

typedef struct Making {
  const LoopProgram *p;
  CodeObjects objects;
  char *err;
  size_t nerr;
} Making;

static Status compile_guarded(void *arg) {
  Making *m = arg;
  const LlvmBackend *llvm = back_llvm_for(m->p->cx, m->err, m->nerr);
  return llvm && llvm->compile(m->p, &m->objects, m->err, m->nerr) ? ST_OK : ST_SOURCE;
}

static void keep(DigestValue key, const CodeObjects *o) {
  char why[8];
  const LlvmBackend *llvm = back_llvm(why, sizeof why);
  const char *library = llvm ? llvm->library() : NULL;
  if (library) code_cache_write(key, o, &library, 1);
}

/* Fills n. ST_SOURCE with the reason in err; or the status that was unwound with. */
static Status make(Native *n, Making *m, CodeCache how) {
  DigestValue key;
  bool keeps = how != CODE_CACHE_OFF && !loop_has_names(m->p) && key_of(m->p, &key);
  if (keeps && how == CODE_CACHE_USE && code_cache_read(key, &m->objects) &&
      link_all(n, &m->objects, m->err, m->nerr)) {
    n->cached = true;
    return ST_OK;
  }
  m->objects.n = 0;
  Status s = cx_guard(m->p->cx, compile_guarded, m);
  if (s != ST_OK) return s;
  if (!link_all(n, &m->objects, m->err, m->nerr)) return ST_SOURCE;
  if (keeps) keep(key, &m->objects);
  return ST_OK;
}

Native *native_compile(const LoopProgram *p, CodeCache how, char *err, size_t nerr) {
  Native *n = calloc(1, sizeof *n);
  Making m = {.p = p, .objects = {.arena = arena_new(NULL)}, .err = err, .nerr = nerr};
  if (!n || !m.objects.arena) {
    arena_free(m.objects.arena);
    free(n);
    cx_out_of_memory(p->cx);
  }
  Status s = make(n, &m, how);
  arena_free(m.objects.arena);
  if (s == ST_OK) return n;
  native_dispose(n);
  if (s != ST_SOURCE) cx_unwind_again(p->cx);
  return NULL;
}
