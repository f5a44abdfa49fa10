/* target_fn.c: see target_fn.h. */
#include "driver/target_fn.h"
#include "base/diag.h"

static bool is_name(const char *text, size_t n) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  size_t k = 0;
  while (k < n && strchr(letters, text[k])) k++;
  return n && k == n;
}

static bool strip(const char *text, const char *outer, Cx *cx, Name *inside) {
  size_t n = strlen(outer), len = strlen(text);
  if (strncmp(text, outer, n) || text[n] != '(' || len < n + 3 || text[len - 1] != ')' ||
      !is_name(text + n + 1, len - n - 2))
    return false;
  *inside = name_of_n(cx, text + n + 1, len - n - 2);
  return true;
}

Fn *target_function(Session *s, const char *text, Name *bare, bool *gradient) {
  bool with_value = strip(text, "value_and_grad", s->cx, bare);
  *gradient = with_value || strip(text, "grad", s->cx, bare);
  if (!*gradient) *bare = name_of(s->cx, text);
  if (!*gradient && !is_name(text, strlen(text))) return session_function_value(s, text);
  Fn *f = session_function(s, *bare);
  if (!f || !*gradient) return f;
  DeriveOptions o = {.order = 1, .value = with_value, .deferred = true};
  return derive(f, &o);
}

Name target_open_size(const Fn *f, const SizeBindings *sizes) {
  SizeBindings names = {0};
  fn_size_names(f, &names);
  for (int i = 0; i < names.list.n; i++) {
    Dim known;
    if (!sizes || !size_lookup(sizes, names.list.at[i].name, &known)) return names.list.at[i].name;
  }
  return NULL;
}
