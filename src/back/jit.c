/* jit.c: finds and loads the LLVM module (gradc-llvm.so), once per process: beside the program or
 * the shared library that this code is part of, as in a build tree, else where it was installed, or
 * where GRADC_LLVM_MODULE says. */
#define _GNU_SOURCE 1 /* dladdr */
#include "back/back.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef const LlvmBackend *(*Entry)(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const LlvmBackend *loaded; /* under the lock; the module is code only and stays for good */

/* The folder of the object this function is in, without the final '/'. What the loader calls the
 * program itself is how it was called; the system knows where it is. */
static bool own_folder(char *out, size_t n) {
  Dl_info info;
  static const char here; /* an address of this object */
  bool shared = dladdr(&here, &info) && info.dli_fname && strstr(info.dli_fname, ".so");
  ssize_t len = shared ? (ssize_t)strlen(info.dli_fname) : readlink("/proc/self/exe", out, n - 1);
  if (len <= 0 || (size_t)len >= n) return false;
  if (shared) memcpy(out, info.dli_fname, (size_t)len);
  out[len] = 0;
  char *slash = strrchr(out, '/');
  if (!slash) return false;
  *slash = 0;
  return true;
}

static const LlvmBackend *open_module(const char *path, char *err, size_t nerr) {
  void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!so) {
    snprintf(err, nerr, "%s", dlerror());
    return NULL;
  }
  Entry entry = (Entry)(uintptr_t)dlsym(so, "gradc_llvm_backend");
  const LlvmBackend *b = entry ? entry() : NULL;
  if (b && b->abi == BACK_ABI) return b;
  snprintf(err, nerr, "%s is of another version of gradc", path);
  return NULL;
}

void back_llvm_path(char *path, size_t n) {
  const char *set = secure_getenv("GRADC_LLVM_MODULE"); /* code is loaded from there */
  char folder[2048];
  if (set && *set) {
    snprintf(path, n, "%s", set);
    return;
  }
  if (own_folder(folder, sizeof folder)) {
    static const char *const place[] = {"gradc-llvm.so", ".libs/gradc-llvm.so",
                                        "../../.libs/gradc-llvm.so"};
    for (int i = 0; i < COUNT_OF(place); i++) {
      snprintf(path, n, "%s/%s", folder, place[i]);
      if (!access(path, R_OK)) return;
    }
  }
  snprintf(path, n, "%s", GRADC_PKGLIBDIR "/gradc-llvm.so");
}

static const LlvmBackend *find_module(char *err, size_t nerr) {
  char path[4096];
  back_llvm_path(path, sizeof path);
  return open_module(path, err, nerr);
}

/* The module's libraries take up some 200 MB of addresses. */
static bool can_be_mapped(void) {
  enum { ROOM = 256 << 20 };
  void *at = mmap(NULL, ROOM, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  munmap(at, ROOM);
  return true;
}

const LlvmBackend *back_llvm(char *err, size_t nerr) {
  pthread_mutex_lock(&lock);
  if (!loaded) loaded = find_module(err, nerr);
  const LlvmBackend *b = loaded;
  pthread_mutex_unlock(&lock);
  return b;
}

const LlvmBackend *back_llvm_for(Cx *cx, char *err, size_t nerr) {
  char path[4096];
  const LlvmBackend *b = back_llvm(err, nerr);
  if (b) return b;
  back_llvm_path(path, sizeof path);
  if (!access(path, R_OK) && !can_be_mapped()) cx_out_of_memory(cx);
  return NULL;
}
