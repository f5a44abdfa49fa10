/* code_cache.c: compiled code on disk. In: the digest of what was compiled, and its objects. Out:
 * the same objects in a later run, or nothing: whatever is wrong with the folder or a file, the
 * code is made anew and the command goes on.
 *
 *   FOLDER/n/0123..: one file a program; n is the digest's first digit, 0123.. all of it
 *
 * Shared by processes: a file is written under another name and renamed, and nobody waits for
 * anybody. Nothing is synced: what a crash leaves half written the checksum finds out. Bounded:
 * each of the folders has its share of the bound, and room is made before a file is added, by
 * removing those that were not used for the longest time (a use sets the file's time).
 *
 * Code is run that lies there, so the folder and its files must be the user's and be writable by
 * nobody else, and a program that runs with the rights of its file's owner doesn't look there. */
#include "back/code.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS = 16, DEFAULT_MIB = 256, FORMAT = 1, MOST_MAKERS = 4, PATH_ROOM = 4096 };

/* ---- the folder ---- */
bool code_cache_folder(char *path, size_t n) {
  const char *set = secure_getenv("GRADC_CACHE"), *cache = secure_getenv("XDG_CACHE_HOME"),
             *home = secure_getenv("HOME");
  int len = -1;
  if (set && *set) {
    if (!strcmp(set, "off")) return false;
    len = snprintf(path, n, "%s", set);
  } else if (cache && *cache == '/') { /* the standard wants others to be ignored */
    len = snprintf(path, n, "%s/gradc", cache);
  } else if (home && *home == '/') {
    len = snprintf(path, n, "%s/.cache/gradc", home);
  }
  return len > 0 && (size_t)len < n;
}

/* Bytes that one of the folders may hold. */
static int64_t room_of_folder(void) {
  const char *set = secure_getenv("GRADC_CACHE_MIB");
  long mib = set && *set ? strtol(set, NULL, 10) : DEFAULT_MIB;
  return mib <= 0 ? 0 : MIN((int64_t)mib, (int64_t)1 << 30) * ((1 << 20) / FOLDERS);
}

static bool is_ours(const struct stat *st) {
  return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_folder(int at, const char *path, bool make) {
  int links = at == AT_FDCWD ? 0 : O_NOFOLLOW; /* the user's own folder may be elsewhere */
  int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | links);
  if (fd < 0 && make && errno == ENOENT && !mkdirat(at, path, 0700))
    fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  struct stat st;
  if (fd < 0 || (!fstat(fd, &st) && is_ours(&st))) return fd;
  close(fd);
  return -1;
}

/* The folder of files with this key; -1 where there is none that may be used. */
static int open_share(const char *name, bool make) {
  char path[PATH_ROOM], share[] = {name[0], 0};
  if (!code_cache_folder(path, sizeof path)) return -1;
  char *last = strrchr(path, '/');
  if (make && last && last > path) { /* ~/.cache itself may be missing */
    *last = 0;
    mkdir(path, 0700);
    *last = '/';
  }
  int folder = open_folder(AT_FDCWD, path, make);
  if (folder < 0) return -1;
  int fd = open_folder(folder, share, make);
  close(folder);
  return fd;
}

/* ---- a file ---- */
typedef struct Head {
  char magic[8];
  uint32_t format, nmakers, nobjects, none;
  DigestValue key, sum;
  uint64_t bytes; /* of the content, which follows: the makers, then the objects */
} Head;
static const char magic[8] = "gradcode";

typedef struct Maker { /* a file as it was when it made the code; its path follows */
  uint64_t size, inode;
  int64_t seconds, nanoseconds;
  uint64_t path_bytes; /* with zeros up to a multiple of 8 */
} Maker;

static bool look_at(const char *path, Maker *m) {
  struct stat st;
  if (stat(path, &st)) return false;
  *m = (Maker){(uint64_t)st.st_size, (uint64_t)st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
               (strlen(path) + 8) & ~(uint64_t)7};
  return true;
}

/* Of the head, without the sum itself, and what follows. */
static DigestValue sum_of(Head h, const char *content) {
  Digest d = digest_begin();
  h.sum = (DigestValue){{0}};
  digest_add(&d, &h, sizeof h);
  digest_add(&d, content, h.bytes);
  return digest_end(&d);
}

/* ---- reading ---- */
typedef struct Reader {
  const char *at;
  size_t n;
} Reader;

static const void *take(Reader *r, uint64_t n) {
  if (n > r->n) return NULL;
  const void *at = r->at;
  r->at += n, r->n -= n;
  return at;
}

static bool read_all(int fd, void *to, size_t n) {
  for (char *p = to; n;) {
    ssize_t did = read(fd, p, n);
    if (did < 0 && errno == EINTR) continue;
    if (did <= 0) return false;
    p += did, n -= (size_t)did;
  }
  return true;
}

/* Whether the files that made it are what they were. */
static bool is_fresh(Reader *r, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    const Maker *was = take(r, sizeof *was);
    const char *path = was ? take(r, was->path_bytes) : NULL;
    Maker is;
    if (!path || !was->path_bytes || path[was->path_bytes - 1] || !look_at(path, &is) ||
        memcmp(&is, was, sizeof is))
      return false;
  }
  return true;
}

static bool read_objects(Reader *r, uint32_t n, CodeObjects *out) {
  if (n < 1 || n > MOST_OBJECTS) return false;
  for (out->n = 0; out->n < (int)n; out->n++) {
    const uint64_t *bytes = take(r, sizeof *bytes);
    const void *at = bytes ? take(r, *bytes) : NULL;
    if (!at || *bytes % 8) return false;
    out->object[out->n] = (CodeObject){at, *bytes};
  }
  return r->n == 0;
}

static bool read_file(int fd, DigestValue key, CodeObjects *out) {
  Head h;
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !is_ours(&st)) return false;
  if (!read_all(fd, &h, sizeof h) || memcmp(h.magic, magic, sizeof magic) || h.format != FORMAT ||
      !digest_same(h.key, key) || (uint64_t)st.st_size != sizeof h + h.bytes)
    return false;
  char *content = arena_alloc(out->arena, h.bytes);
  if (!content || !read_all(fd, content, h.bytes)) return false;
  if (!digest_same(sum_of(h, content), h.sum)) return false;
  Reader r = {content, h.bytes};
  return is_fresh(&r, h.nmakers) && read_objects(&r, h.nobjects, out);
}

bool code_cache_read(DigestValue key, CodeObjects *out) {
  char name[DIGEST_DIGITS + 1];
  digest_print(key, name);
  int folder = open_share(name, false);
  if (folder < 0) return false;
  int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  close(folder);
  if (fd < 0) return false;
  bool ok = read_file(fd, key, out);
  if (ok && futimens(fd, NULL)) errno = 0; /* a folder that can only be read serves as well */
  close(fd);
  return ok;
}

/* ---- making room ---- */
typedef struct Kept {
  char name[DIGEST_DIGITS + 16];
  int64_t bytes;
  struct timespec used;
} Kept;
static int by_use(const void *a, const void *b) {
  const struct timespec *x = &((const Kept *)a)->used, *y = &((const Kept *)b)->used;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
  return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* What a file takes, more or less. */
static int64_t in_pages(int64_t bytes) { return (bytes + 4095) & ~(int64_t)4095; }

/* At most `most` of the files, and how many there are. */
static int list_files(int folder, Kept *out, int most) {
  int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir && fd >= 0) close(fd);
  if (!dir) return 0;
  for (struct dirent *e; (e = readdir(dir));) {
    struct stat st;
    size_t len = strlen(e->d_name);
    if (*e->d_name == '.' || len >= sizeof out->name) continue;
    if (n++ >= most || fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) continue;
    Kept *k = &out[n - 1];
    memcpy(k->name, e->d_name, len + 1);
    k->bytes = in_pages(st.st_size);
    k->used = st.st_mtim;
  }
  closedir(dir);
  return n;
}

static bool make_room(int folder, Arena *a, int64_t bytes) {
  int64_t room = room_of_folder(), taken = 0;
  if (bytes > room) return false;
  int n = list_files(folder, NULL, 0);
  Kept *all = NEWS(a, Kept, n + 1);
  if (!all) return false;
  n = MIN(n, list_files(folder, all, n));
  for (int i = 0; i < n; i++) taken += all[i].bytes;
  if (taken + bytes <= room) return true;
  qsort(all, (size_t)n, sizeof *all, by_use);
  for (int i = 0; i < n && taken + bytes > room; i++)
    if (!unlinkat(folder, all[i].name, 0)) taken -= all[i].bytes;
  return taken + bytes <= room;
}

/* ---- writing ---- */
typedef struct Writer { /* counts where there is nowhere to write yet */
  char *at;
  size_t n;
} Writer;

static void give(Writer *w, const void *from, size_t n, size_t whole) {
  if (w->at) {
    memcpy(w->at + w->n, from, n);
    memset(w->at + w->n + n, 0, whole - n);
  }
  w->n += whole;
}

typedef struct Entry {
  DigestValue key;
  const CodeObjects *code;
  const char *const *path; /* of the makers */
  Maker maker[MOST_MAKERS];
  int nmakers;
} Entry;

static void give_content(Writer *w, const Entry *e) {
  for (int i = 0; i < e->nmakers; i++) {
    give(w, &e->maker[i], sizeof e->maker[i], sizeof e->maker[i]);
    give(w, e->path[i], strlen(e->path[i]), e->maker[i].path_bytes);
  }
  for (int i = 0; i < e->code->n; i++) {
    uint64_t n = e->code->object[i].n, whole = (n + 7) & ~(uint64_t)7;
    give(w, &whole, sizeof whole, sizeof whole);
    give(w, e->code->object[i].at, n, whole);
  }
}

/* The bytes of the file; NULL where there is no memory for them. */
static char *compose(Arena *a, const Entry *e, size_t *bytes) {
  Head h = {.format = FORMAT, .nmakers = (uint32_t)e->nmakers, .nobjects = (uint32_t)e->code->n};
  Writer w = {0};
  memcpy(h.magic, magic, sizeof magic);
  h.key = e->key;
  give_content(&w, e);
  h.bytes = w.n;
  *bytes = sizeof h + w.n;
  char *file = arena_alloc(a, *bytes);
  if (!file) return NULL;
  w = (Writer){file + sizeof h, 0};
  give_content(&w, e);
  h.sum = sum_of(h, file + sizeof h);
  return memcpy(file, &h, sizeof h);
}

static bool write_all(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t did = write(fd, p, n);
    if (did < 0 && errno == EINTR) continue;
    if (did <= 0) return false;
    p += did, n -= (size_t)did;
  }
  return true;
}

/* A limit on the size of files is told by a signal that ends the process: it is held back
 * meanwhile, and thrown away where it came. */
static bool write_quietly(int fd, const char *file, size_t n) {
  sigset_t limit, before, waiting;
  sigemptyset(&limit);
  sigaddset(&limit, SIGXFSZ);
  if (pthread_sigmask(SIG_BLOCK, &limit, &before)) return false;
  bool pending = !sigpending(&waiting) && sigismember(&waiting, SIGXFSZ) == 1;
  bool ok = write_all(fd, file, n);
  if (!ok && !pending)
    while (sigtimedwait(&limit, NULL, &(struct timespec){0}) < 0 && errno == EINTR) {
    }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return ok;
}

/* Under a name that no other writer has, then under its own. */
static void put(int folder, const char *name, const char *file, size_t n) {
  static _Atomic uint32_t made; /* by this process: threads get different numbers */
  char temp[DIGEST_DIGITS + 16];
  snprintf(temp, sizeof temp, "new-%x-%x", (unsigned)getpid(), (unsigned)made++);
  int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST) unlinkat(folder, temp, 0); /* left by a process of that number */
  if (fd < 0) return;
  bool ok = write_quietly(fd, file, n);
  ok = !close(fd) && ok;
  if (!ok || renameat(folder, temp, folder, name)) unlinkat(folder, temp, 0);
}

void code_cache_write(DigestValue key, const CodeObjects *o, const char *const *maker,
                      int nmakers) {
  char name[DIGEST_DIGITS + 1];
  Entry e = {.key = key, .code = o, .path = maker, .nmakers = nmakers};
  if (nmakers > MOST_MAKERS) return;
  for (int i = 0; i < nmakers; i++)
    if (*maker[i] != '/' || !look_at(maker[i], &e.maker[i])) return;
  digest_print(key, name);
  int folder = open_share(name, true);
  if (folder < 0) return;
  size_t n;
  char *file = compose(o->arena, &e, &n);
  if (file && make_room(folder, o->arena, in_pages((int64_t)n))) put(folder, name, file, n);
  close(folder);
}
