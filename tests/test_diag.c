/* test_diag.c: diagnostics: whole rendered texts, what is recorded and what is not, closest words.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

static Cx *cx;

static void set_up(void) { cx = cx_new(); }
static void tear_down(void) { cx_free(cx); }

static int32_t source(const char *path, const char *text) {
  return cx_add_source(cx, path, text, strlen(text), false);
}

/* The place of the n-th (from 0) occurrence of word. */
static Span place(int32_t s, const char *word, int n) {
  const char *text = cx->sources.at[s].text, *at = strstr(text, word);
  while (at && n-- > 0) at = strstr(at + 1, word);
  ck_assert_ptr_nonnull(at);
  int32_t lo = (int32_t)(at - text);
  return (Span){s, lo, lo + (int32_t)strlen(word)};
}

static const char *all(bool colour) {
  Text t = text_new(cx->arena);
  diag_render_all(cx, colour, &t);
  return text_str(&t);
}

START_TEST(a_whole_diagnostic) {
  int32_t s =
      source("net.nn", "const a = 1\nfn f(x: f32[N, 3]) {\n  let y = x + b\n\n  y @ x\n}\n");
  Diag *d = diag(cx, E0401, place(s, "x + b", 0), "the shapes %s and %s differ", "[N, 3]", "[4]");
  diag_label(cx, d, place(s, "b", 0), "[4]");
  diag_label(cx, d, place(s, "f32[N, 3]", 0), "`x` is declared here");
  diag_label(cx, d, place(s, "y @", 0), "used here");
  diag_note(cx, d, "two lines\nof note");
  diag_hint(cx, d, "transpose it");
  ck_assert_str_eq(all(false), "net.nn:3:11: error[E0401]: the shapes [N, 3] and [4] differ\n"
                               "   2 | fn f(x: f32[N, 3]) {\n"
                               "     |         --------- `x` is declared here\n"
                               "   3 |   let y = x + b\n"
                               "     |           ^^^^^\n"
                               "     |               - [4]\n"
                               "...\n"
                               "   5 |   y @ x\n"
                               "     |   --- used here\n"
                               "     = note: two lines\n"
                               "             of note\n"
                               "     = hint: transpose it\n");
}
END_TEST

START_TEST(places_in_other_sources) {
  const char *pre = "# relu\nfn relu(x) = max(x, 0)\n";
  int32_t p = cx_add_source(cx, "/usr/share/prelude.nn", pre, strlen(pre), true);
  int32_t s = source("a.nn", "fn f(x) = relu(x)");
  Diag *d = diag(cx, E0401, place(s, "relu(x)", 0), "wrong");
  diag_label(cx, d, place(p, "max(x, 0)", 0), "in here");
  diag_label(cx, d, place(s, "f(x)", 0), "called from here");
  ck_assert_str_eq(all(false), "a.nn:1:11: error[E0401]: wrong\n"
                               "   1 | fn f(x) = relu(x)\n"
                               "     |           ^^^^^^^\n"
                               "     |    ---- called from here\n"
                               "    ::: <prelude>:2\n"
                               "   2 | fn relu(x) = max(x, 0)\n"
                               "     |              --------- in here\n");
  diag_clear(cx);
  ck_assert_int_eq(diag_errors(cx), 0);
  diag(cx, E0401, place(p, "max", 0), "in the prelude");
  ck_assert_str_eq(all(false), "<prelude>:2:14: error[E0401]: in the prelude\n"
                               "   2 | fn relu(x) = max(x, 0)\n"
                               "     |              ^^^\n");
}
END_TEST

/* {text, word to mark, the line and caret shown} */
static const struct {
  const char *text, *word, *shown;
} characters[] = {
    {"a\tbc\td", "d", "   1 | a   bc  d\n     |         ^\n"},
    {"\tx", "x", "   1 |     x\n     |     ^\n"},
    {"\t", "\t", "   1 |\n     | ^^^^\n"},
    {"\xC3\xA9 = y", "y", "   1 | \xC3\xA9 = y\n     |     ^\n"},         /* e acute */
    {"e\xCC\x81 = y", "y", "   1 | e\xCC\x81 = y\n     |     ^\n"},       /* combining */
    {"\xE5\xAD\xA6 y", "y", "   1 | \xE5\xAD\xA6 y\n     |    ^\n"},      /* CJK: two columns */
    {"\xF0\x9F\x98\x80y", "y", "   1 | \xF0\x9F\x98\x80y\n     |   ^\n"}, /* emoji */
    {"\xE5\xAD\xA6", "\xE5\xAD\xA6", "   1 | \xE5\xAD\xA6\n     | ^^\n"},
    {"a\x1B[31m y", "y", "   1 | a\xEF\xBF\xBD[31m y\n     |        ^\n"}, /* no escapes get out */
    {"\xFF\xC3 y", "y", "   1 | \xEF\xBF\xBD\xEF\xBF\xBD y\n     |    ^\n"}, /* not UTF-8 */
    {"a\xE2\x80\xAE"
     "b y",
     "y",
     "   1 | a\xEF\xBF\xBD"
     "b y\n     |     ^\n"}, /* text direction */
    {"x y\r\nz", "y", "   1 | x y\n     |   ^\n"},
    {"x\r\nz", "z", "   2 | z\n     | ^\n"},
    {"f(a,\n b)", "(a,\n b)", "   1 | f(a,\n     |  ^^^\n"}, /* first line only */
};

START_TEST(carets_stand_under_their_text) {
  int32_t s = source("t.nn", characters[_i].text);
  Text t = text_new(cx->arena);
  diag_render(cx, diag(cx, E0401, place(s, characters[_i].word, 0), "e"), false, &t);
  ck_assert_str_eq(strchr(text_str(&t), '\n') + 1, characters[_i].shown);
}
END_TEST

START_TEST(long_lines_are_cut) {
  Text line = text_new(cx->arena);
  for (int i = 0; i < 1000; i++) text_fmt(&line, "%03d ", i);
  int32_t s = source("t.nn", text_str(&line));
  Text t = text_new(cx->arena);
  diag_render(cx, diag(cx, E0401, place(s, "500", 0), "e"), false, &t);
  const char *shown = strstr(text_str(&t), "   1 | "), *caret = strstr(text_str(&t), "     | ");
  ck_assert_int_lt((int)(caret - shown), 7 + 120 + 6 + 2);
  ck_assert_int_eq((int)(strstr(shown, "500") - shown), (int)(strchr(caret, '^') - caret));
  ck_assert(!strncmp(shown, "   1 | ...", 10));
  ck_assert(!strncmp(caret - 4, "...\n", 4));
  /* Both ends of the line, and a span longer than what is shown. */
  for (int i = 0; i < 3; i++) {
    Span at = i == 0 ? place(s, "000", 0) : i == 1 ? place(s, "999", 0) : (Span){s, 40, 3000};
    t = text_new(cx->arena);
    diag_render(cx, diag(cx, E0401, at, "e"), false, &t);
    ck_assert_int_lt((int)t.n, 400);
    ck_assert_ptr_nonnull(strchr(text_str(&t), '^'));
  }
}
END_TEST

START_TEST(sorted_counted_and_capped) {
  int32_t s = source("t.nn", "a b c d e f g h i j k l m n o p q r s t u v w x y z");
  diag(cx, E0401, place(s, "c", 0), "third");
  diag(cx, E0401, place(s, "a", 0), "first");
  diag(cx, E0401, place(s, "a", 0), "first again: dropped");
  diag(cx, E0101, place(s, "a", 0), "another code: kept");
  Diag *lost = diag(cx, E0401, place(s, "a", 0), "parts can be added to what is dropped");
  diag_hint(cx, lost, "nobody sees this");
  diag(cx, E0401, (Span){0}, "no place at all");
  ck_assert_int_eq(diag_errors(cx), 4);
  ck_assert_str_eq(all(false), "error[E0401]: no place at all\n"
                               "t.nn:1:1: error[E0401]: first\n"
                               "   1 | a b c d e f g h i j k l m n o p q r s t u v w x y z\n"
                               "     | ^\n"
                               "t.nn:1:1: error[E0101]: another code: kept\n"
                               "   1 | a b c d e f g h i j k l m n o p q r s t u v w x y z\n"
                               "     | ^\n"
                               "t.nn:1:5: error[E0401]: third\n"
                               "   1 | a b c d e f g h i j k l m n o p q r s t u v w x y z\n"
                               "     |     ^\n");
  for (int i = 0; i < 26; i++) diag(cx, E0103, (Span){s, 2 * i, 2 * i + 1}, "letter");
  ck_assert_int_eq(diag_errors(cx), 30);
  ck_assert_int_eq(cx->diags->list.n, 20);
}
END_TEST

START_TEST(colour_only_when_asked) {
  int32_t s = source("t.nn", "x");
  diag(cx, E0401, place(s, "x", 0), "e");
  ck_assert_ptr_null(strchr(all(false), '\033'));
  ck_assert_str_eq(all(true),
                   "\033[1mt.nn:1:1: \033[0m\033[1;31merror[E0401]: \033[0m\033[1me\033[0m\n"
                   "\033[1;34m   1 | \033[0mx\n"
                   "\033[1;34m     | \033[0m\033[1;31m^\033[0m\n");
}
END_TEST

START_TEST(line_numbers_widen_the_gutter) {
  Text t = text_new(cx->arena);
  for (int i = 0; i < 123455; i++) text_add(&t, "\n");
  text_add(&t, "x");
  int32_t s = source("t.nn", text_str(&t));
  diag(cx, E0401, place(s, "x", 0), "e");
  ck_assert_str_eq(all(false), "t.nn:123456:1: error[E0401]: e\n123456 | x\n       | ^\n");
}
END_TEST

START_TEST(codes) {
  DiagCode c;
  ck_assert(diag_code_find("E0401", &c));
  ck_assert_int_eq(c, E0401);
  ck_assert(diag_code_find("e0401", &c));
  ck_assert(!diag_code_find("E040", &c));
  ck_assert(!diag_code_find("E04011", &c));
  ck_assert(!diag_code_find("", &c));
  for (int i = 0; i < DIAG_COUNT; i++) {
    ck_assert(diag_code_find(diag_code_name((DiagCode)i), &c));
    ck_assert_int_eq(c, i); /* no code is given twice */
    ck_assert_uint_gt(strlen(diag_code_title((DiagCode)i)), 0);
  }
}
END_TEST

static const char *const known[] = {"sum", "softmax", "softplus",  "logits",
                                    "W1",  "W2",      "transpose", "x"};
static const struct {
  const char *word, *meant;
} words[] = {
    {"sofmax", "softmax"},
    {"softmxa", "softmax"},
    {"SoftMax", "softmax"},
    {"sun", "sum"},
    {"usm", "sum"},
    {"logit", "logits"},
    {"tranpsoe", "transpose"},
    {"w1", "W1"},
    {"W3", "W1"},
    {"y", NULL},
    {"X", "x"},
    {"q", NULL},
    {"relu", NULL},
    {"", NULL},
    {"sum", NULL},
    {"xyzzy", NULL},
};

START_TEST(closest_words) {
  const char *got = closest_word(words[_i].word, known, COUNT_OF(known));
  ck_assert_pstr_eq(got, words[_i].meant);
}
END_TEST

START_TEST(no_limit_on_the_length_of_words) {
  char word[1000];
  memset(word, 'a', sizeof word - 1);
  word[sizeof word - 1] = 0;
  const char *const candidates[] = {word};
  ck_assert_ptr_null(closest_word(word, known, COUNT_OF(known)));
  ck_assert_ptr_null(closest_word("aaaa", candidates, 1));
}
END_TEST

/* What jansson, which is no part of gradc, reads back. */
static json_t *json_of(const Diag *d) {
  Text t = text_new(cx->arena);
  json_error_t err;
  diag_json(cx, d, &t);
  ck_assert_msg(strchr(text_str(&t), '\n') == text_str(&t) + t.n - 1, "%s", text_str(&t));
  json_t *o = json_loads(text_str(&t), 0, &err);
  ck_assert_msg(o != NULL, "%s: %s", err.text, text_str(&t));
  return o;
}

START_TEST(json_is_read_back) {
  const char *odd = "\"\\/ \t\r\n\x01\x7f é \xF0\x9F\x98\x80 \xFF\xC3";
  int32_t s = source(odd, "fn f(x) = y\n  + 日z\n");
  Diag *d = diag(cx, E0201, place(s, "y\n  +", 0), "%s", odd);
  diag_label(cx, d, place(s, "z", 0), "a label");
  diag_note(cx, d, "first");
  diag_note(cx, d, "second");
  diag_fix(cx, d, place(s, "z", 0), "\"w\"");
  json_t *o = json_of(d);
  const char *want = "\"\\/ \t\r\n\x01\x7f é \xF0\x9F\x98\x80 \xEF\xBF\xBD\xEF\xBF\xBD";
  ck_assert_str_eq(json_string_value(json_object_get(o, "message")), want);
  ck_assert_str_eq(json_string_value(json_object_get(o, "file")), want);
  ck_assert_int_eq(json_array_size(json_object_get(o, "spans")), 2);
  ck_assert_int_eq(json_array_size(json_object_get(o, "notes")), 2);
  ck_assert_int_eq(json_array_size(json_object_get(o, "hints")), 0);
  const json_t *primary = json_array_get(json_object_get(o, "spans"), 0);
  ck_assert_int_eq(json_integer_value(json_object_get(primary, "line")), 1);
  ck_assert_int_eq(json_integer_value(json_object_get(primary, "col")), 11);
  ck_assert_int_eq(json_integer_value(json_object_get(primary, "endline")), 2);
  ck_assert_int_eq(json_integer_value(json_object_get(primary, "endcol")), 4);
  const json_t *fix = json_array_get(json_object_get(o, "fixes"), 0);
  ck_assert_str_eq(json_string_value(json_object_get(fix, "replacement")), "\"w\"");
  ck_assert_int_eq(json_integer_value(json_object_get(fix, "start")), 19);
  ck_assert_int_eq(json_integer_value(json_object_get(fix, "end")), 20);
  ck_assert_int_eq(json_integer_value(json_object_get(fix, "col")), 8);
  json_decref(o);
}
END_TEST

START_TEST(json_without_a_place) {
  json_t *o = json_of(diag(cx, E0623, (Span){0}, "a warning"));
  ck_assert_str_eq(json_string_value(json_object_get(o, "severity")), "warning");
  ck_assert(json_is_null(json_object_get(o, "file")));
  ck_assert_int_eq(json_array_size(json_object_get(o, "spans")), 0);
  json_decref(o);
}
END_TEST

Suite *diag_suite(void);
Suite *diag_suite(void) {
  Suite *s = suite_create("diag");
  TCase *t = tcase_create("diag");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, a_whole_diagnostic);
  tcase_add_test(t, places_in_other_sources);
  tcase_add_loop_test(t, carets_stand_under_their_text, 0, COUNT_OF(characters));
  tcase_add_test(t, long_lines_are_cut);
  tcase_add_test(t, sorted_counted_and_capped);
  tcase_add_test(t, colour_only_when_asked);
  tcase_add_test(t, line_numbers_widen_the_gutter);
  tcase_add_test(t, codes);
  tcase_add_loop_test(t, closest_words, 0, COUNT_OF(words));
  tcase_add_test(t, no_limit_on_the_length_of_words);
  tcase_add_test(t, json_is_read_back);
  tcase_add_test(t, json_without_a_place);
  suite_add_tcase(s, t);
  return s;
}
