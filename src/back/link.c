/* link.c: links relocatable ELF objects into memory. In: objects as LLVM makes them of loop
 * programs for this processor, position independent, without writable data. Out: pages that may be
 * read and executed but no longer written, and the address of the entry. What an object says is
 * checked before it is believed: it may come from a file.
 *
 * The kinds of relocation are those of the System V ABI for x86-64. Functions of the C library lie
 * farther away than a call reaches: each gets a stub that jumps through an address beside it. */
#include "back/code.h"

#include <stdio.h>

#if defined(__x86_64__) && defined(__ELF__)
#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STUB = 16, STUB_ADDRESS = 8, MOST_BYTES = 1 << 30 };

typedef struct Object {
  const uint8_t *at;
  size_t n;
  const Elf64_Shdr *section;
  uint8_t **place; /* per section: where it lies; NULL: nowhere */
  int nsections;
  const Elf64_Sym *symbol;
  int nsymbols;
  const char *names;
  size_t nnames;
  uint8_t **address; /* per symbol: where it is; NULL: not asked yet, or nowhere */
} Object;

typedef struct Link {
  Arena *arena;
  Object *object;
  int n;
  size_t bytes; /* of all sections, then of all */
  uint8_t *base, *stubs;
  int nstubs;
  char *err;
  size_t nerr;
} Link;

static bool fail(Link *l, const char *why, long number) {
  snprintf(l->err, l->nerr, "the code can't be linked: %s (%ld)", why, number);
  return false;
}

static bool inside(const Object *o, uint64_t at, uint64_t n) {
  return at <= o->n && n <= o->n - at;
}

/* ---- reading ---- */
static bool read_symbols(Link *l, Object *o, const Elf64_Shdr *s) {
  if (s->sh_entsize != sizeof(Elf64_Sym) || s->sh_offset % 8 ||
      s->sh_link >= (unsigned)o->nsections)
    return fail(l, "a table of symbols", (long)s->sh_offset);
  const Elf64_Shdr *names = &o->section[s->sh_link];
  o->symbol = (const void *)(o->at + s->sh_offset);
  o->nsymbols = (int)(s->sh_size / sizeof(Elf64_Sym));
  o->names = (const char *)o->at + names->sh_offset;
  o->nnames = names->sh_size;
  o->address = NEWS(l->arena, uint8_t *, o->nsymbols + 1);
  if (!o->address) return fail(l, "no memory", o->nsymbols);
  if (!o->nnames || o->names[o->nnames - 1]) return fail(l, "names of symbols", 0);
  for (int i = 0; i < o->nsymbols; i++)
    if (o->symbol[i].st_name >= o->nnames) return fail(l, "the name of a symbol", i);
  return true;
}

static bool is_kept(const Elf64_Shdr *s) {
  return (s->sh_flags & SHF_ALLOC) && s->sh_type != SHT_X86_64_UNWIND && s->sh_size;
}

/* Every section that is memory gets its offset, kept in `place` until the base is known. */
static bool read_sections(Link *l, Object *o) {
  for (int i = 0; i < o->nsections; i++) {
    const Elf64_Shdr *s = &o->section[i];
    if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL && !inside(o, s->sh_offset, s->sh_size))
      return fail(l, "a section beyond the end", i);
  }
  for (int i = 0; i < o->nsections; i++) {
    const Elf64_Shdr *s = &o->section[i];
    if (s->sh_type == SHT_SYMTAB && !read_symbols(l, o, s)) return false;
    if (!is_kept(s)) continue;
    size_t align = s->sh_addralign ? s->sh_addralign : 1;
    if (align & (align - 1) || align > 4096 || s->sh_size > MOST_BYTES)
      return fail(l, "a section's size", i);
    l->bytes = (l->bytes + align - 1) & ~(align - 1);
    o->place[i] = (uint8_t *)l->bytes + 1; /* not NULL */
    l->bytes += s->sh_size;
    if (l->bytes > MOST_BYTES) return fail(l, "too much of it", (long)l->bytes);
  }
  return true;
}

static bool read_object(Link *l, Object *o) {
  const Elf64_Ehdr *h = (const void *)o->at;
  if (o->n < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
      h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
      h->e_machine != EM_X86_64 || h->e_type != ET_REL || h->e_shentsize != sizeof(Elf64_Shdr))
    return fail(l, "no object of this machine", (long)o->n);
  if (h->e_shoff % 8 || !inside(o, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
    return fail(l, "a table of sections", (long)h->e_shoff);
  o->section = (const void *)(o->at + h->e_shoff);
  o->nsections = h->e_shnum;
  o->place = NEWS(l->arena, uint8_t *, o->nsections + 1);
  if (!o->place) return fail(l, "no memory", o->nsections);
  return read_sections(l, o);
}

/* ---- symbols ---- */
static uint8_t *defined_at(const Object *o, int i) {
  const Elf64_Sym *s = &o->symbol[i];
  if (s->st_shndx == SHN_UNDEF || s->st_shndx >= o->nsections) return NULL;
  const Elf64_Shdr *in = &o->section[s->st_shndx];
  return o->place[s->st_shndx] && s->st_value <= in->sh_size ? o->place[s->st_shndx] + s->st_value
                                                             : NULL;
}

static uint8_t *global(const Link *l, const char *name) {
  for (int k = 0; k < l->n; k++) {
    const Object *o = &l->object[k];
    for (int i = 0; i < o->nsymbols; i++)
      if (ELF64_ST_BIND(o->symbol[i].st_info) == STB_GLOBAL &&
          !strcmp(o->names + o->symbol[i].st_name, name) && defined_at(o, i))
        return defined_at(o, i);
  }
  return NULL;
}

/* Of the C library. What this code is part of may have been loaded so that others don't see what it
 * was linked with: then it is asked itself. */
static void *external(const char *name) {
  static const char here;
  void *at = dlsym(RTLD_DEFAULT, name);
  Dl_info own;
  if (at || !dladdr(&here, &own)) return at;
  void *self = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  if (self) at = dlsym(self, name), dlclose(self);
  return at;
}

/* A stub that jumps to the address, which lies behind it. */
static uint8_t *stub_to(Link *l, const void *to) {
  static const uint8_t jump[STUB_ADDRESS] = {0xff, 0x25, 2, 0, 0, 0, 0xcc, 0xcc};
  for (int i = 0; i < l->nstubs; i++)
    if (!memcmp(l->stubs + i * STUB + STUB_ADDRESS, &to, sizeof to)) return l->stubs + i * STUB;
  uint8_t *stub = l->stubs + l->nstubs++ * STUB;
  memcpy(stub, jump, sizeof jump);
  memcpy(stub + STUB_ADDRESS, &to, sizeof to);
  return stub;
}

static uint8_t *address_of(Link *l, Object *o, uint32_t i) {
  if (i >= (uint32_t)o->nsymbols) return NULL;
  if (o->address[i]) return o->address[i];
  const Elf64_Sym *s = &o->symbol[i];
  const char *name = o->names + s->st_name;
  uint8_t *at = defined_at(o, (int)i);
  if (!at && s->st_shndx == SHN_UNDEF && *name) {
    at = global(l, name);
    void *far = at ? NULL : external(name);
    if (far) at = stub_to(l, far);
  }
  return o->address[i] = at;
}

/* ---- relocations ---- */
static bool near(Link *l, uint8_t *at, int64_t value) {
  int32_t v = (int32_t)value;
  memcpy(at, &v, sizeof v);
  return v == value || fail(l, "a distance", (long)value);
}

/* In the psABI's letters: S the symbol, A the addend, P the place. */
static bool relocate_one(Link *l, Object *o, uint8_t *base, size_t size, const Elf64_Rela *r) {
  int kind = (int)ELF64_R_TYPE(r->r_info);
  size_t wide = kind == R_X86_64_64 || kind == R_X86_64_PC64 ? 8 : 4;
  if (r->r_offset > size || size - r->r_offset < wide) return fail(l, "a relocation's place", kind);
  uint8_t *at = base + r->r_offset, *s = address_of(l, o, (uint32_t)ELF64_R_SYM(r->r_info));
  if (!s) return fail(l, "a symbol that nobody has", (long)ELF64_R_SYM(r->r_info));
  int64_t value = (int64_t)((uintptr_t)s + (uintptr_t)r->r_addend);
  switch (kind) {
  case R_X86_64_64: memcpy(at, &value, 8); return true;
  case R_X86_64_PC64:
    value -= (int64_t)(uintptr_t)at;
    memcpy(at, &value, 8);
    return true;
  case R_X86_64_PC32:
  case R_X86_64_PLT32: return near(l, at, value - (int64_t)(uintptr_t)at);
  case R_X86_64_GOTPCREL:
  case R_X86_64_GOTPCRELX:
  case R_X86_64_REX_GOTPCRELX: {
    bool stub = s >= l->stubs && s < l->stubs + l->nstubs * STUB; /* holds its target's address */
    uint8_t *slot = (stub ? s : stub_to(l, s)) + STUB_ADDRESS;
    return near(l, at, slot - at + r->r_addend);
  }
  default: return fail(l, "an unknown kind of relocation", kind);
  }
}

static bool is_relocations(const Object *o, const Elf64_Shdr *s) {
  return s->sh_type == SHT_RELA && s->sh_info < (unsigned)o->nsections && o->place[s->sh_info];
}

static bool relocate(Link *l, Object *o) {
  for (int i = 0; i < o->nsections; i++) {
    const Elf64_Shdr *s = &o->section[i];
    if (!is_relocations(o, s)) continue;
    if (s->sh_entsize != sizeof(Elf64_Rela) || s->sh_offset % 8)
      return fail(l, "a table of relocations", i);
    const Elf64_Rela *r = (const void *)(o->at + s->sh_offset);
    for (size_t k = 0; k < s->sh_size / sizeof *r; k++)
      if (!relocate_one(l, o, o->place[s->sh_info], o->section[s->sh_info].sh_size, &r[k]))
        return false;
  }
  return true;
}

/* A stub for each symbol that is asked for elsewhere, and each address that is read from memory. */
static size_t stubs_needed(const Link *l) {
  size_t n = 0;
  for (int k = 0; k < l->n; k++) {
    const Object *o = &l->object[k];
    for (int i = 0; i < o->nsymbols; i++) n += o->symbol[i].st_shndx == SHN_UNDEF;
    for (int i = 0; i < o->nsections; i++) {
      const Elf64_Shdr *s = &o->section[i];
      if (!is_relocations(o, s) || s->sh_offset % 8) continue;
      const Elf64_Rela *r = (const void *)(o->at + s->sh_offset);
      for (size_t j = 0; j < s->sh_size / sizeof *r; j++) {
        int kind = (int)ELF64_R_TYPE(r[j].r_info);
        n += kind == R_X86_64_GOTPCREL || kind == R_X86_64_GOTPCRELX ||
             kind == R_X86_64_REX_GOTPCRELX;
      }
    }
  }
  return n;
}

/* ---- the whole ---- */
static void lay_out(Link *l) {
  for (int k = 0; k < l->n; k++) {
    Object *o = &l->object[k];
    for (int i = 0; i < o->nsections; i++) {
      const Elf64_Shdr *s = &o->section[i];
      if (!o->place[i]) continue;
      o->place[i] = l->base + ((uintptr_t)o->place[i] - 1);
      if (s->sh_type != SHT_NOBITS) memcpy(o->place[i], o->at + s->sh_offset, s->sh_size);
    }
  }
}

static bool map(Link *l) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t stubs = (l->bytes + STUB - 1) & ~(size_t)(STUB - 1);
  l->bytes = (stubs + stubs_needed(l) * STUB + page - 1) / page * page;
  void *at = l->bytes
                 ? mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                 : MAP_FAILED;
  if (at == MAP_FAILED) return fail(l, "no memory for it", (long)l->bytes);
  l->base = at;
  l->stubs = l->base + stubs;
  return true;
}

bool link_knows_host(void) { return true; }

bool link_objects(const CodeObjects *o, Linked *out, char *err, size_t nerr) {
  Link l = {.arena = o->arena, .n = o->n, .err = err, .nerr = nerr};
  l.object = NEWS(l.arena, Object, l.n + 1);
  if (!l.object) return fail(&l, "no memory", l.n);
  for (int i = 0; i < l.n; i++) {
    l.object[i] = (Object){.at = o->object[i].at, .n = o->object[i].n};
    if (!read_object(&l, &l.object[i])) return false;
  }
  if (!map(&l)) return false;
  lay_out(&l);
  bool ok = true;
  for (int i = 0; i < l.n && ok; i++) ok = relocate(&l, &l.object[i]);
  uint8_t *entry = ok ? global(&l, NATIVE_ENTRY) : NULL;
  if (ok && !entry) ok = fail(&l, "it has no entry", l.n);
  if (ok && mprotect(l.base, l.bytes, PROT_READ | PROT_EXEC))
    ok = fail(&l, "its pages can't be made executable", (long)l.bytes);
  *out = (Linked){l.base, l.bytes, (NativeFn)(uintptr_t)entry};
  if (!ok) link_free(out);
  return ok;
}

void link_free(Linked *l) {
  if (l->at) munmap(l->at, l->bytes);
  *l = (Linked){0};
}

#else
bool link_knows_host(void) { return false; }
bool link_objects(const CodeObjects *o, Linked *out, char *err, size_t nerr) {
  (void)o, (void)out;
  snprintf(err, nerr, "the code can't be linked: this machine's relocations are not known");
  return false;
}
void link_free(Linked *l) { (void)l; }
#endif
