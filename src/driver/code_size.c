/* code_size.c: reads the section and symbol tables of ELF objects, 32 and 64 bits, either byte
 * order. The bytes are a compiler's, but nothing is believed of them: every read is checked. */
#include "driver/code_size.h"

typedef struct Elf {
  const unsigned char *at;
  size_t n;
  bool wide, big, cut; /* cut: something was read beyond the end */
} Elf;

static uint64_t get(Elf *e, uint64_t at, int bytes) {
  uint64_t v = 0;
  if (at > e->n || (uint64_t)bytes > e->n - at) {
    e->cut = true;
    return 0;
  }
  for (int i = 0; i < bytes; i++)
    v |= (uint64_t)e->at[at + (uint64_t)i] << 8 * (e->big ? bytes - 1 - i : i);
  return v;
}

static uint64_t word(Elf *e, uint64_t at) {
  return get(e, at, e->wide ? 8 : 4);
} /* as wide as an address */

typedef struct Section {
  uint64_t type, flags, offset, size, link, entry;
} Section;
enum {
  SHT_SYMTAB = 2,
  SHT_NOBITS = 8,
  SHF_WRITE = 1,
  SHF_ALLOC = 2,
  SHF_EXECINSTR = 4,
  STT_FUNC = 2
};

static Section section_at(Elf *e, uint64_t at) {
  Section s = {.type = get(e, at + 4, 4), .flags = word(e, at + 8)};
  s.offset = word(e, at + (e->wide ? 24 : 16));
  s.size = word(e, at + (e->wide ? 32 : 20));
  s.link = get(e, at + (e->wide ? 40 : 24), 4);
  s.entry = word(e, at + (e->wide ? 56 : 36));
  return s;
}

static void add_section(const Section *s, CodeSize *out) {
  if (!(s->flags & SHF_ALLOC)) return;
  int64_t *to = &out->constants;
  if (s->flags & SHF_EXECINSTR) to = &out->code;
  else if (s->flags & SHF_WRITE) to = s->type == SHT_NOBITS ? &out->zeros : &out->data;
  *to += (int64_t)s->size;
}

static const char *text_at(Cx *cx, Elf *e, uint64_t at) {
  uint64_t end = at;
  while (get(e, end, 1) && !e->cut) end++;
  return e->cut ? "" : name_of_n(cx, (const char *)e->at + at, (size_t)(end - at));
}

static void add_symbols(Cx *cx, Elf *e, const Section *table, const Section *names, CodeSize *out) {
  if (!table->entry) return;
  for (uint64_t at = table->offset; at + table->entry <= table->offset + table->size && !e->cut;
       at += table->entry) {
    uint64_t info = get(e, at + (e->wide ? 4 : 12), 1), size = word(e, at + (e->wide ? 16 : 8));
    if ((info & 15) != STT_FUNC || !size) continue;
    CodeSymbol s = {text_at(cx, e, names->offset + get(e, at, 4)), (int64_t)size};
    vec_push(cx->arena, &out->symbol, s);
  }
}

const char *code_size(Cx *cx, const char *elf, size_t n, CodeSize *out) {
  Elf e = {.at = (const unsigned char *)elf, .n = n};
  *out = (CodeSize){0};
  if (n < 52 || memcmp(elf, "\177ELF", 4)) return "it is no ELF object";
  e.wide = elf[4] == 2;
  e.big = elf[5] == 2;
  uint64_t first = word(&e, e.wide ? 40 : 32), size = get(&e, e.wide ? 58 : 46, 2),
           count = get(&e, e.wide ? 60 : 48, 2);
  for (uint64_t i = 0; i < count && !e.cut; i++) {
    Section s = section_at(&e, first + i * size);
    add_section(&s, out);
    if (s.type != SHT_SYMTAB || s.link >= count) continue;
    Section names = section_at(&e, first + s.link * size);
    add_symbols(cx, &e, &s, &names, out);
  }
  return e.cut ? "it ends too early" : NULL;
}
