/* test_parse.c: the parser: trees as s-expressions, whole rendered syntax errors, layout, limits.
 */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t source_n(const char *text, size_t n) {
  return cx_add_source(cx, "t.nn", text, n, false);
}
static int32_t source(const char *text) { return source_n(text, strlen(text)); }

static const char *dump(const Node *n) {
  Text t = text_new(cx->arena);
  ast_dump(n, &t);
  return text_str(&t);
}

static Node *file(const char *text) { return ast_parse(cx, source(text)); }

static Node *expression(const char *text) {
  bool is_expr;
  Node *n = ast_parse_line(cx, source(text), &is_expr);
  ck_assert_str_eq(diag_text(cx), "");
  ck_assert(is_expr);
  return n;
}

typedef struct Case {
  const char *text, *want;
} Case;

/* ---- expressions ---- */
static const Case expressions[] = {
    /* literals */
    {"42", "(int 42)"},
    {"1_000_000", "(int 1000000)"},
    {"0xFf", "(int 255)"},
    {"0x7FFF_FFFF_FFFF_FFFF", "(int 9223372036854775807)"},
    {"9223372036854775807", "(int 9223372036854775807)"},
    {"-9223372036854775808", "(int -9223372036854775808)"},
    {"1.", "(float 1.0)"},
    {".5", "(float 0.5)"},
    {"1e-3", "(float 0.001)"},
    {"1.55E+2", "(float 155.0)"},
    {"1_0.2_5", "(float 10.25)"},
    {"0x1.8p3", "(float 12.0)"},
    {"0x1p-1074", "(float 5e-324)"},
    {"1e-999", "(float 0.0)"},
    {"true", "(bool true)"},
    {"\"a \\\"b\\\" \\\\ \xC3\xA9\"", "(string \"a \\\"b\\\" \\\\ \xC3\xA9\")"},
    {"\"\"", "(string \"\")"},
    {"x_1", "(name x_1)"},
    {"var(x)", "(call (name var) (name x))"},
    {"grad(var)", "(call (name grad) (name var))"},
    /* precedence, loosest to tightest */
    {"a or b and not c == d + e * -f ** g",
     "(binary or (name a) (binary and (name b) (unary not (binary == "
     "(name c) (binary + (name d) (binary * (name e) (unary - (binary ** (name f) (name "
     "g)))))))))"},
    {"a - b - c", "(binary - (binary - (name a) (name b)) (name c))"},
    {"a / b * c // d % e @ f",
     "(binary @ (binary % (binary // (binary * (binary / (name a) (name b)) "
     "(name c)) (name d)) (name e)) (name f))"},
    {"a ** b ** c", "(binary ** (name a) (binary ** (name b) (name c)))"},
    {"-x**2", "(unary - (binary ** (name x) (int 2)))"},
    {"2 ** -x", "(binary ** (int 2) (unary - (name x)))"},
    {"2 ** -x * 3", "(binary * (binary ** (int 2) (unary - (name x))) (int 3))"},
    {"-x @ y", "(binary @ (unary - (name x)) (name y))"},
    {"--x", "(unary - (unary - (name x)))"},
    {"-1", "(unary - (int 1))"},
    {"not a and b", "(binary and (unary not (name a)) (name b))"},
    {"not not a", "(unary not (unary not (name a)))"},
    {"(a + b) * c", "(binary * (binary + (name a) (name b)) (name c))"},
    {"-f(x)[0]", "(unary - (index (call (name f) (name x)) (int 0)))"},
    {"a != b", "(binary != (name a) (name b))"},
    {"a <= b and c > d or e >= f", "(binary or (binary and (binary <= (name a) (name b)) "
                                   "(binary > (name c) (name d))) (binary >= (name e) (name f)))"},
    /* if reaches as far as it can */
    {"if a then b else c + d", "(if (name a) (name b) (binary + (name c) (name d)))"},
    {"if a then b else if c then d else e",
     "(if (name a) (name b) (if (name c) (name d) (name e)))"},
    {"1 + if a then b else c * 2",
     "(binary + (int 1) (if (name a) (name b) (binary * (name c) (int 2))))"},
    {"if a or b then c else d or e",
     "(if (binary or (name a) (name b)) (name c) (binary or (name d) (name e)))"},
    /* calls, tuples, lists */
    {"f()", "(call (name f))"},
    {"f(a, b,)", "(call (name f) (name a) (name b))"},
    {"sum(x, axis: (0, 2), keepdims: true)", "(call (name sum) (name x) (named axis (tuple (int 0) "
                                             "(int 2))) (named keepdims (bool true)))"},
    {"grad(grad(f))(x)", "(call (call (name grad) (call (name grad) (name f))) (name x))"},
    {"()", "(tuple)"},
    {"(a,)", "(tuple (name a))"},
    {"(a, b)", "(tuple (name a) (name b))"},
    {"(a, b, c,)", "(tuple (name a) (name b) (name c))"},
    {"[a, [b], c,]", "(list (name a) (list (name b)) (name c))"},
    {"f32(1)", "(call (name f32) (int 1))"},
    /* indexing */
    {"x[0]", "(index (name x) (int 0))"},
    {"x[-1, i + 1]", "(index (name x) (unary - (int 1)) (binary + (name i) (int 1)))"},
    {"x[i][j]", "(index (index (name x) (name i)) (name j))"},
    {"x[1:3, :, ::2]", "(index (name x) (slice (int 1) (int 3)) (slice) (slice () () (int 2)))"},
    {"x[:n]", "(index (name x) (slice () (name n)))"},
    {"x[a:]", "(index (name x) (slice (name a)))"},
    {"x[a:b:c]", "(index (name x) (slice (name a) (name b) (name c)))"},
    {"x[::-1]", "(index (name x) (slice () () (unary - (int 1))))"},
    {"x[..., 0]", "(index (name x) (ellipsis) (int 0))"},
    /* reductions */
    {"sum(k) a[k]*b[k] + c", "(binary + (reduce sum (binary * (index (name a) (name k)) "
                             "(index (name b) (name k))) (label k)) (name c))"},
    {"sum(k) -x[k]", "(binary - (call (name sum) (name k)) (index (name x) (name k)))"},
    {"sum(k) (-x[k])", "(reduce sum (unary - (index (name x) (name k))) (label k))"},
    {"sum(k) [a]", "(index (call (name sum) (name k)) (name a))"},
    {"max(a, b)", "(call (name max) (name a) (name b))"},
    {"max(r: 0..2, s: 0..n-1,) x[r, s]",
     "(reduce max (index (name x) (name r) (name s)) "
     "(label r (range (int 0) (int 2))) (label s (range (int 0) (binary - (name n) (int 1)))))"},
    {"prod(k) if k < 3 then a[k] else 1", "(reduce prod (if (binary < (name k) (int 3)) "
                                          "(index (name a) (name k)) (int 1)) (label k))"},
    {"min(k) not a[k]", "(reduce min (unary not (index (name a) (name k))) (label k))"},
    {"a * sum(k) b[k] * c",
     "(binary * (name a) (reduce sum (binary * (index (name b) (name k)) (name c)) "
     "(label k)))"},
    {"sum(i) sum(j) a[i, j] @ 2 - 1",
     "(binary - (reduce sum (reduce sum (binary @ (index (name a) (name i) "
     "(name j)) (int 2)) (label j)) (label i)) (int 1))"},
    {"sum(i) 2 ** i", "(reduce sum (binary ** (int 2) (name i)) (label i))"},
    {"if max(a, b) then c else d", "(if (call (name max) (name a) (name b)) (name c) (name d))"},
    {"mean(k) ", "(call (name mean) (name k))"},
    {"(sum(k)\n  a[k])", "(reduce sum (index (name a) (name k)) (label k))"},
    {"sum", "(name sum)"},
    /* layout inside a line */
    {"1 + # one\n  2", "(binary + (int 1) (int 2))"},
    {"1\n  * 2\n\n  # more\n  + 3", "(binary + (binary * (int 1) (int 2)) (int 3))"},
    {"\t1\t+\f2\r\n", "(binary + (int 1) (int 2))"},
    {"x[0\n  ,\n 1]", "(index (name x) (int 0) (int 1))"},
    {"if a\n then b\n else c", "(if (name a) (name b) (name c))"},
    {"1;", "(int 1)"},
    {";;1;;", "(int 1)"},
    {"2\xC2\xA0*\xC2\xA0x", "(binary * (int 2) (name x))"}, /* no-break spaces */
};

START_TEST(an_expression) {
  ck_assert_str_eq(dump(expression(expressions[_i].text)), expressions[_i].want);
}
END_TEST

/* ---- files ---- */
static const Case files[] = {
    {"fn f(x) {\n  var y = x; y = 2; y += x\n  z[t] = y\n  var(x)\n}\n",
     "(file (fn f () (block (var y (name x)) (assign y (int 2)) (assign + y (name x)) "
     "(collect z (name y) (name t)) (call (name var) (name x))) (arg x)))"},
    {"fn f(x) {\n  for t in 0..N { y = x }\n  for t in reversed(0..n max 2*N) while max(x) > 1 { y "
     "= x }\n  1\n}\n",
     "(file (fn f () (block (for t (range (int 0) (name N)) () () (block (assign y (name x)))) "
     "(for t (range reversed (int 0) (name n) (binary * (int 2) (name N))) "
     "(binary > (call (name max) (name x)) (int 1)) () (block (assign y (name x)))) (int 1)) (arg "
     "x)))"},
    {"fn f(x) {\n  while sum(k) max(x[k], 3) < max(x) max 10 count n {\n  }\n  n\n}\n",
     "(file (fn f () (block (while (binary < (reduce sum (call (name max) (index (name x) (name "
     "k)) (int 3)) "
     "(label k)) (call (name max) (name x))) (int 10) (name n) (block)) (name n)) (arg x)))"},
    {"fn f(x) {\n  if x { y = 1 }\n  else if z\n  { }\n  else { y = 2 }\n  x\n}\n",
     "(file (fn f () (block (choice (name x) (block (assign y (int 1))) (choice (name z) (block) "
     "(block (assign y (int 2))))) (name x)) (arg x)))"},
    {"", "(file)"},
    {"# nothing\n\n", "(file)"},
    {"\xEF\xBB\xBF"
     "const a = 1",
     "(file (const a () (int 1)))"},
    {"param W: f32[64, 2*(N + 1) - M//2] ~ he()\nparam b: f64\n",
     "(file (param W (type f32 (int 64) (binary - (binary * (int 2) (binary + (name N) (int 1))) "
     "(binary // (name M) (int 2)))) (call (name he))) (param b (type f64)))"},
    /* `state` is a word before a name at the start of a statement */
    {"state m: f32[3] ~ 1\nstate a.n: i32\nlayer l()(x) { state state: f64\n state = x; state }",
     "(file (param state m (type f32 (int 3)) (int 1)) (param state a.n (type i32)) (layer l (fn l "
     "() "
     "(block (param state state (type f64)) (assign state (name x)) (name state)) (arg x))))"},
    {"fn f(state: f32,\n state) = g(x,\n  state)",
     "(file (fn f () (call (name g) (name x) (name state)) (arg state (type f32)) (arg state)))"},
    {"const D = 64; const c: f32 = 0.5",
     "(file (const D () (int 64)) (const c (type f32) (float 0.5)))"},
    {"fn f() = 1", "(file (fn f () (int 1)))"},
    {"fn f(x, y: i32, k = 3, z: f32[N,] = 0,): f32[N] = x",
     "(file (fn f (type f32 (name N)) (name x) (arg x) "
     "(arg y (type i32)) (arg k () (int 3)) (arg z (type f32 (name N)) (int 0))))"},
    {"fn f(x)\n  = x\n  + 1\nfn g(y)\n{\n  y }",
     "(file (fn f () (binary + (name x) (int 1)) (arg x)) "
     "(fn g () (block (name y)) (arg y)))"},
    {"fn f(x) {\n\n  let a = x; let (b, c) = g(a)\n  let C[i, j: 0..4] =\n    a[i] *\n    b[j]\n\n "
     " C\n}\n",
     "(file (fn f () (block (let a (name x)) (lets (call (name g) (name a)) (name b) (name c)) "
     "(define C (binary * (index (name a) (name i)) (index (name b) (name j))) (label i) "
     "(label j (range (int 0) (int 4)))) (name C)) (arg x)))"},
    {"fn f(x) { ;x; }\r\nfn g(x) = x\r\n",
     "(file (fn f () (block (name x)) (arg x)) (fn g () (name x) (arg x)))"},
    {"fn f(x) {\n  sum(x)\n}", "(file (fn f () (block (call (name sum) (name x))) (arg x)))"},
    {"fn f(a) {\n  let s = sum(a)\n  (s)\n}", /* a new line is no body of a reduction */
     "(file (fn f () (block (let s (call (name sum) (name a))) (name s)) (arg a)))"},
    {"fn var(x) = x", "(file (fn var () (name x) (arg x)))"},
    {"# \xFF not UTF-8, and \x01\nconst a = 1 # \xE9", "(file (const a () (int 1)))"},
};

START_TEST(a_file) {
  Node *n = file(files[_i].text);
  ck_assert_str_eq(diag_text(cx), "");
  ck_assert_str_eq(dump(n), files[_i].want);
}
END_TEST

START_TEST(a_line_of_either_kind) {
  bool is_expr = true;
  ck_assert_str_eq(dump(ast_parse_line(cx, source("const a = 1; fn f(x) = a"), &is_expr)),
                   "(file (const a () (int 1)) (fn f () (name a) (arg x)))");
  ck_assert(!is_expr);
  ck_assert_str_eq(dump(ast_parse_line(cx, source("  # nothing"), &is_expr)), "(file)");
  ck_assert(!is_expr);
  ck_assert_str_eq(dump(ast_parse_line(cx, source("1 +"), &is_expr)), "(file (error))");
  ck_assert(!is_expr);
  ck_assert_int_eq(diag_errors(cx), 1);
}
END_TEST

START_TEST(comments_above_declarations_are_kept) {
  Node *n =
      file("# of the file\n\n# one\n#  two \r\n#\n#three\nfn f(x) = x # behind\nparam a: f32\n"
           "# lost\n\nconst b = 1 # behind\n# of c\nconst c = 2\n");
  ck_assert_int_eq(n->nkids, 4);
  ck_assert_str_eq(n->kid[0]->doc, "one\n two\n\nthree");
  ck_assert_ptr_null(n->kid[1]->doc);
  ck_assert_ptr_null(n->kid[2]->doc);
  ck_assert_str_eq(n->kid[3]->doc, "of c");
}
END_TEST

static void check_span(Span s, const char *want) {
  ck_assert_int_eq(s.hi - s.lo, (int)strlen(want));
  ck_assert(!strncmp(cx->sources.at[s.source].text + s.lo, want, strlen(want)));
}

START_TEST(spans) {
  Node *fn = file("  fn f(x: f32[N], k = 3) = (x + k) * sum(i) g(x, axis: 0)[i] ")->kid[0];
  check_span(fn->span, "fn f(x: f32[N], k = 3) = (x + k) * sum(i) g(x, axis: 0)[i]");
  check_span(fn->name_span, "f");
  Node *body = fn->kid[1], *reduce = body->kid[1], *call = reduce->kid[0]->kid[0];
  check_span(body->span, "(x + k) * sum(i) g(x, axis: 0)[i]");
  check_span(body->kid[0]->span, "x + k");
  check_span(reduce->span, "sum(i) g(x, axis: 0)[i]");
  check_span(reduce->name_span, "sum");
  check_span(call->span, "g(x, axis: 0)");
  check_span(call->kid[2]->span, "axis: 0");
  check_span(call->kid[2]->name_span, "axis");
  check_span(fn->kid[2]->span, "x: f32[N]");
  check_span(fn->kid[2]->name_span, "x");
  check_span(fn->kid[2]->kid[0]->span, "f32[N]");
  check_span(fn->kid[3]->span, "k = 3");
}
END_TEST

START_TEST(fixed_children) {
  ck_assert_int_eq(ast_fixed(NODE_FN), 2);
  ck_assert_int_eq(ast_fixed(NODE_FILE), 0);
  ck_assert_int_eq(ast_fixed(NODE_NAME), 0);
  ck_assert_int_eq(ast_fixed(NODE_IF), 3);
  ck_assert_int_eq(ast_fixed(NODE_CALL), 1);
  ck_assert_int_eq(ast_fixed(NODE_SLICE), 3);
}
END_TEST

/* ---- errors: each text gives exactly these messages ---- */
#include "parse_errors.h"

START_TEST(an_error) {
  Node *n = file(errors[_i].text);
  ck_assert_str_eq(diag_text(cx), errors[_i].want);
  ck_assert_int_eq(n->kind, NODE_FILE);
}
END_TEST

START_TEST(many_errors_no_cascade) {
  Node *n = file("fn a(x) x\n"
                 "fn b(x) = x +* 2\n"
                 "fn c(x) {\n"
                 "  let y = (x + 1\n" /* never closed: the next line counts again */
                 "  for t in 0..3 {\n"
                 "    let z = $\n"
                 "  }\n"
                 "  let in = $ $ $\n" /* one message a statement */
                 "  y\n"
                 "}\n"
                 "const d = 1 2\n"
                 "fn e(x = = 2) {\n" /* the block goes with its broken head */
                 "  x y z\n"
                 "}\n"
                 "fn f(x) = x\n");
  ck_assert_int_eq(diag_errors(cx), 7);
  ck_assert_str_eq(
      dump(n), "(file (fn a () (error)) (fn b () (error) (arg x)) (fn c () (block (let y (error)) "
               "(for t (range (int 0) (int 3)) () () (block (let z (error)))) (error) (name y)) "
               "(arg x)) (const d () (error)) (fn e () (error)) "
               "(fn f () (name x) (arg x)))");
}
END_TEST

START_TEST(nul_bytes) {
  static const char text[] =
      "const a = 1 # \0 in a comment\nconst b = \"x\0y\"\nconst c = 1 \0 + 2\n";
  ast_parse(cx, source_n(text, sizeof text - 1));
  ck_assert_str_eq(diag_text(cx), "t.nn:2:11: error[E0102]: the string has a NUL byte in it\n"
                                  "   2 | const b = \"x\xEF\xBF\xBDy\"\n"
                                  "     |           ^^^^^\n"
                                  "t.nn:3:13: error[E0101]: unexpected byte 0x00\n"
                                  "   3 | const c = 1 \xEF\xBF\xBD + 2\n"
                                  "     |             ^\n");
}
END_TEST

/* ---- limits ---- */
static const struct {
  const char *open, *close;
  int fits, too_many;
} nestings[] = {
    {"(", ")", 256, 257},    {"f(", ")", 256, 257},
    {"[", "]", 256, 257},    {"-", "", 999, 1000},
    {"x + ", "", 999, 1000}, {"x ** ", "", 999, 1000},
    {"not ", "", 999, 1000}, {"if x then 1 else ", "", 999, 1000},
    {"-", "", 9, 200000},    {"(", ")", 9, 100000},
    {"x*", "", 9, 100000},   {"if x then 1 else ", "", 9, 50000},
};

static int errors_of_nesting(int row, int n) {
  Text t = text_new(cx->arena);
  text_add(&t, "fn f(x) = ");
  for (int i = 0; i < n; i++) text_add(&t, nestings[row].open);
  text_add(&t, "x");
  for (int i = 0; i < n; i++) text_add(&t, nestings[row].close);
  text_add(&t, "\nfn g(x) = x");
  diag_clear(cx);
  Node *f = file(text_str(&t));
  ck_assert_str_eq(dump(f->kid[f->nkids - 1]), "(fn g () (name x) (arg x))");
  dump(f);
  return diag_errors(cx);
}

START_TEST(nesting_is_bounded) {
  ck_assert_int_eq(errors_of_nesting(_i, nestings[_i].fits), 0);
  ck_assert_int_eq(errors_of_nesting(_i, nestings[_i].too_many), 1);
  ck_assert_int_eq(cx->diags->list.at[0]->code, E0801);
}
END_TEST

/* ---- the REPL's question ---- */
static const struct {
  const char *text;
  bool more;
} lines[] = {
    {"1 + 2", false},
    {"1 +", true},
    {"f(1,", true},
    {"f(1,\n 2)", false},
    {"[1", true},
    {"fn f(x) {", true},
    {"fn f(x) {\n x", true},
    {"fn f(x) {\n x\n}", false},
    {"fn f(x)", true},
    {"fn f(x) =", true},
    {"if a then b", true},
    {"if a then b else", true},
    {"const a = 1\nconst", true},
    {"", false},
    {"# comment", false},
    {"1 + # comment", true},
    {"1 + )", false},
    {"1 2", false},
    {"\"abc", false},
    {"param W: f32[2] ~", true},
    {"sum(k)", false},
    {"fn f(x) = (1\nfn g(x) = 2", false},
};

START_TEST(whether_a_line_goes_on) {
  ck_assert_int_eq(ast_incomplete(cx, source(lines[_i].text)), lines[_i].more);
  ck_assert_int_eq(diag_errors(cx), 0);
}
END_TEST

Suite *parse_suite(void);
Suite *parse_suite(void) {
  Suite *s = suite_create("parse");
  TCase *t = tcase_create("parse");
  tcase_add_checked_fixture(t, fixture_bare, fixture_end);
  tcase_add_loop_test(t, an_expression, 0, COUNT_OF(expressions));
  tcase_add_loop_test(t, a_file, 0, COUNT_OF(files));
  tcase_add_test(t, a_line_of_either_kind);
  tcase_add_test(t, comments_above_declarations_are_kept);
  tcase_add_test(t, spans);
  tcase_add_test(t, fixed_children);
  tcase_add_loop_test(t, an_error, 0, COUNT_OF(errors));
  tcase_add_test(t, many_errors_no_cascade);
  tcase_add_test(t, nul_bytes);
  tcase_add_loop_test(t, nesting_is_bounded, 0, COUNT_OF(nestings));
  tcase_add_loop_test(t, whether_a_line_goes_on, 0, COUNT_OF(lines));
  suite_add_tcase(s, t);
  return s;
}
