/* test_complete.c: what could be typed next: keywords and names by what the grammar takes at the
 * place. */
#include "front/front.h"

#include <check.h>

static Cx *cx;
static Program *program;

static void set_up(void) {
  static const char text[] =
      "param W_in: f32[3, 4]\nconst rate = 0.5\n"
      "fn squash(x: f64) = tanh(x)\nfn squeeze(x: f64) = x\n"
      "layer dense(I, O)(x: f32[N, I]) {\n  param kernel: f32[I, O]\n  x @ kernel\n}\n"
      "let first = dense(2, 3)\n";
  cx = cx_new();
  program = front_new(cx);
  front_declare(program, ast_parse(cx, cx_add_source(cx, "t.nn", text, sizeof text - 1, false)));
}

static void tear_down(void) { cx_free(cx); }

static Completions complete(const char *text) {
  return front_complete(program, text, strlen(text));
}

static bool offers(const char *text, const char *word) {
  Completions c = complete(text);
  for (int i = 0; i < c.words.n; i++)
    if (!strcmp(c.words.at[i], word)) return true;
  return false;
}

/* The words, with blanks between. */
static const char *all(const char *text) {
  Completions c = complete(text);
  Text t = text_new(cx->arena);
  for (int i = 0; i < c.words.n; i++) text_fmt(&t, "%s%s", i ? " " : "", c.words.at[i]);
  return text_str(&t);
}

START_TEST(names_of_the_program_and_of_the_language) {
  ck_assert_str_eq(all("squ"), "square squash squeeze");
  ck_assert_str_eq(all("1 + squa"), "square squash");
  ck_assert(offers("ra", "rate"));
  ck_assert(offers("f(W", "W_in"));
  ck_assert(offers("gr", "grad"));
  ck_assert(offers("softm", "softmax"));
  ck_assert(offers("re", "reshape"));
  ck_assert(offers("si", "sin"));
  ck_assert_int_eq((int)complete("1 + squa").begin, 4);
}
END_TEST

START_TEST(keywords_where_the_grammar_takes_them) {
  ck_assert(offers("f", "fn"));
  ck_assert(offers("", "param"));
  ck_assert(!offers("1 + f", "fn"));
  ck_assert(!offers("fn g(x: f64) = p", "param"));
  ck_assert(offers("if rate > 0 t", "then"));
  ck_assert(!offers("t", "then"));
  ck_assert(offers("if rate > 0 then 1 el", "else"));
  ck_assert(offers("rate > 0 a", "and"));
  ck_assert_str_eq(all("rate squ"), ""); /* an operator must come first */
}
END_TEST

START_TEST(arguments_by_name) {
  ck_assert(offers("squash(x", "x:"));
  ck_assert(offers("sum([1.0], ax", "axis:"));     /* a builtin */
  ck_assert(offers("softmax([1.0], ax", "axis:")); /* of the prelude */
  ck_assert(offers("squash(sum([1.0], ax", "axis:"));
  ck_assert(!offers("squash(ax", "axis:"));
  ck_assert(!offers("sum([ax", "axis:"));
  ck_assert(!offers("sum([1.0], 2*ax", "axis:"));
  ck_assert(!offers("(ax", "axis:"));
}
END_TEST

START_TEST(types_after_a_colon) {
  ck_assert_str_eq(all("fn g(x: f"), "f32 f64");
  ck_assert_str_eq(all("param V: i"), "i32 i64");
  ck_assert(!offers("fn g(x: s", "sin"));
}
END_TEST

START_TEST(blocks_that_are_open) {
  ck_assert(offers("fn g(x: f64) {\n  l", "let"));
  ck_assert(offers("fn g(x: f64) {\n  let value_of_mine = x\n  val", "value_of_mine"));
  ck_assert(offers("fn g(argument: f64) {\n  squash(arg", "argument"));
  ck_assert(offers("fn g(x: f64) {\n  var y = x\n  for i in 0..3 {\n    wh", "while"));
  ck_assert(!offers("fn g(x: f64) {\n  f", "fn"));
  ck_assert(offers("f([\n  squ", "squash"));
}
END_TEST

START_TEST(names_that_are_declared_again) {
  ck_assert_str_eq(all("fn s"), "squash squeeze");
  ck_assert_str_eq(all("const r"), "rate");
  ck_assert_str_eq(all("param W"), "W_in");
  ck_assert(offers("", "state"));
}
END_TEST

START_TEST(parameters_of_layers) { ck_assert_str_eq(all("first.k"), "kernel"); }
END_TEST

START_TEST(files_of_imports) {
  Completions c = complete("import \"dir/na");
  ck_assert(c.file);
  ck_assert_int_eq((int)c.begin, 8);
  ck_assert_int_eq(c.words.n, 0);
  ck_assert(complete("import \"").file);
  ck_assert(!complete("einsum(\"ij").file);
  ck_assert_str_eq(all("einsum(\"i"), "");
  ck_assert_str_eq(all("1 # squ"), "");
  ck_assert_str_eq(all("x = 1 ) squ"), "");
  ck_assert_str_eq(all("12"), "");
}
END_TEST

Suite *complete_suite(void);
Suite *complete_suite(void) {
  Suite *s = suite_create("complete");
  TCase *t = tcase_create("words");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, names_of_the_program_and_of_the_language);
  tcase_add_test(t, keywords_where_the_grammar_takes_them);
  tcase_add_test(t, arguments_by_name);
  tcase_add_test(t, types_after_a_colon);
  tcase_add_test(t, blocks_that_are_open);
  tcase_add_test(t, names_that_are_declared_again);
  tcase_add_test(t, parameters_of_layers);
  tcase_add_test(t, files_of_imports);
  suite_add_tcase(s, t);
  return s;
}
