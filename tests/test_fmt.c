/* test_fmt.c: the formatter: whole layouts, and its laws on random programs: the same tree, the
 * same comments (the formatter itself refuses otherwise), once is enough, blanks don't matter. */
#include "base/diag.h"
#include "front/front.h"
#include "gen_program.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static Cx *cx;
static void set_up(void) { cx = cx_new(); }
static void tear_down(void) { cx_free(cx); }

typedef struct Job {
  const char *text, *out;
  size_t n;
  bool good;
} Job;

static Status run_job(void *arg) {
  Job *j = arg;
  int32_t s = cx_add_source(cx, "a.nn", j->text, strlen(j->text), false);
  j->good = front_format(cx, s, &j->out, &j->n);
  return ST_OK;
}

static const char *formatted(const char *text) {
  Job j = {.text = text};
  Status s = cx_guard(cx, run_job, &j);
  ck_assert_msg(s == ST_OK, "%s\n%.4000s", cx->trap_text, text);
  Text t = text_new(cx->arena);
  diag_render_all(cx, false, &t);
  ck_assert_msg(j.good, "%.4000s\n%.4000s", text, text_str(&t));
  return j.out;
}

/* ---- layouts ---- */
static const struct {
  const char *in, *out;
} layout[] = {
    {"", ""},
    {"\n\n# a\n\n\n\n# b   \n\n", "# a\n\n# b\n"},
    {"fn f( x:f64 )=-x  +2*x**-1", "fn f(x: f64) = -x + 2 * x**-1\n"},
    {"fn f(x:f32[2*N+1,K//2])=x [ 1:2 ,:,i+1: ,::-1, ...]",
     "fn f(x: f32[2*N + 1, K//2]) = x[1:2, :, i + 1:, ::-1, ...]\n"},
    {"fn f ( x ) { sum (x,axis :0,) }", "fn f(x) { sum(x, axis: 0) }\n"},
    {"fn f(x)\n{\n\n\nlet (a,)=(x,)\n\n\n(a,)\n\n}\nfn g(x)=not(x) and(x)\n",
     "fn f(x) {\n  let (a,) = (x,)\n\n  (a,)\n}\nfn g(x) = not (x) and (x)\n"},
    {"fn f(a:f64[N,K]){let y[ i,j:0 .. 3 ]=sum( k ) (a[i,k]+ -a[ 1 - j , k ]);y}",
     "fn f(a: f64[N, K]) { let y[i, j: 0..3] = sum(k) (a[i, k] + -a[1 - j, k]); y }\n"},
    {"fn f(x){for t in reversed( 0..3 ){x+=1;ys[t]=x};ys}",
     "fn f(x) { for t in reversed(0..3) { x += 1; ys[t] = x }; ys }\n"},
    {"fn f(x){\nvar y=0.;for t in 0 .. 9 max 3 while y<1. count n{\ny=y+ .5}\nif y>0{y=1.}else if "
     "y<0 {y=2.}else{\ny=3.}\ny}",
     "fn f(x) {\n  var y = 0.\n  for t in 0..9 max 3 while y < 1. count n {\n    y = y + .5\n  }\n"
     "  if y > 0 {\n    y = 1.\n  } else if y < 0 {\n    y = 2.\n  } else {\n    y = 3.\n  }\n  "
     "y\n}\n"},
    {"layer l( I ,O)( x:f32[N,I] ){\nparam W:f32[I,O]~glorot( )\nx@W}\nlet a=[l( 2,2 );3]\nparam b "
     ". W:f32",
     "layer l(I, O)(x: f32[N, I]) {\n  param W: f32[I, O] ~ glorot()\n  x @ W\n}\nlet a = [l(2, "
     "2); 3]\n"
     "param b.W: f32\n"},
    {"state  m :f32[ 3 ]~1.\nlayer l()(x){state  n:i32\nn+=1;m=x\nm}\nfn g(state)=state",
     "state m: f32[3] ~ 1.\nlayer l()(x) {\n  state n: i32\n  n += 1\n  m = x\n  m\n}\nfn "
     "g(state) = state\n"},
    {"test \"a  b\"{f(1)~=2 tol 1e-6;check grad f(1.)}",
     "test \"a  b\" { f(1) ~= 2 tol 1e-6; check grad f(1.) }\n"},
    /* a statement that begins with `{` would go on the line before */
    {"fn f(x) {\n  let y = x;\n  { let z = y; z }\n}",
     "fn f(x) {\n  let y = x;\n  { let z = y; z }\n}\n"},
    /* comments: documentation, behind code in one column, inside brackets, after operators */
    {"#doc\nfn f(x)=x#one\nfn gg(x)=x   # two\n\nfn h(x)=[ # a\n1,2 # b\n# c\n,3 , # d\n]",
     "#doc\nfn f(x) = x   #one\nfn gg(x) = x  # two\n\nfn h(x) = [  # a\n  1, 2,  # b\n  # c\n  3  "
     "# d\n]\n"},
    {"fn f(x) { # head\n\n  # first\n\n  x # value\n  # last\n\n}\n# end",
     "fn f(x) {  # head\n  # first\n\n  x  # value\n  # last\n}\n# end\n"},
    {"fn f(x) = x + # why\n  1\n", "fn f(x) =\n  x +  # why\n  1\n"},
    {"fn f(x) { # only\n}\nfn g(x) = 1", NULL},
    /* long lines: behind `=`, operators, `then` and `else`, inside the widest brackets */
    {"fn f(x) = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb * "
     "cccccccccccccccccccccc - ddddddddd",
     "fn f(x) =\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb * "
     "cccccccccccccccccccccc -\n"
     "  ddddddddd\n"},
    {"fn f(x) = if aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa then bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
     "else ccccccccccccccccccc",
     "fn f(x) =\n  if aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa then "
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
     "  else ccccccccccccccccccc\n"},
    /* a chain has a line for each case; a value that is too long for it, one of its own */
    {"fn f(x) {\n  if aaaaaaaaaaaaaaaaaaaaaaaa then bbbbbbbbbbbbbbbbbbb else if cccccccccccccccccc "
     "then (if d then e else f) else g\n}",
     "fn f(x) {\n  if aaaaaaaaaaaaaaaaaaaaaaaa then bbbbbbbbbbbbbbbbbbb\n  else if "
     "cccccccccccccccccc then (if d then e else f)\n  else g\n}\n"},
    {"fn f(x) {\n  let y = if aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa then "
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb else 1\n  y\n}",
     "fn f(x) {\n  let y =\n    if aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa then\n"
     "      bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n    else 1\n  y\n}\n"},
    /* a block stays behind `=` */
    {"fn f(x) {\n  let y[i] =\n  {\nlet z = x[i]\nz }\n  y\n}",
     "fn f(x) {\n  let y[i] = {\n    let z = x[i]\n    z\n  }\n  y\n}\n"},
    {"fn f(x) = x[2 * N:(N + 1) * 3, 2 * i]", "fn f(x) = x[2*N:(N + 1)*3, 2 * i]\n"},
    /* small arguments fill lines; a single one that ends in brackets stays on the line */
    {"fn f(x) = concat((flatten(aaaaaaaaaaaaaaaaaaaaaaaaaaaaa), flatten(bbbbbbbbbbbbbbbbbbbbbbbb), "
     "ccccccccccccccccccccc, 1))",
     "fn f(x) = concat((\n  flatten(aaaaaaaaaaaaaaaaaaaaaaaaaaaaa),\n  "
     "flatten(bbbbbbbbbbbbbbbbbbbbbbbb),\n  ccccccccccccccccccccc,\n  1\n))\n"},
    {"fn f(x) { gggggggggggggggggggggg(aaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbb, "
     "cccccccccccccccccccc, [1, 2], dddd) }",
     "fn f(x) {\n  gggggggggggggggggggggg(\n    aaaaaaaaaaaaaaaaaaaaaaaaa, "
     "bbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc, [1, 2], dddd\n  )\n}\n"},
    {"fn f(x) {\n  let y = gggggggggggggggggggggg(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, "
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccc: 1)\n  y\n}",
     "fn f(x) {\n  let y = gggggggggggggggggggggg(\n    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,\n"
     "    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,\n    ccccccccccccccc: 1\n  )\n  y\n}\n"},
    {"fn f(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: f32[N], "
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: f32[N]) {\n  1\n}",
     "fn f(\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: f32[N],\n  "
     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: f32[N]\n) {\n"
     "  1\n}\n"},
    {"const c = [1000000001, 2000000002, 3000000003, 4000000004, 5000000005, 6000000006, "
     "7000000007, 8000000008, 9000000009]",
     "const c = [\n  1000000001, 2000000002, 3000000003, 4000000004, 5000000005, 6000000006, "
     "7000000007, 8000000008,\n"
     "  9000000009\n]\n"},
    /* what would be another number without a space */
    {"fn f(x) { for t in 1. .. 3 { y[t] = t }; y }",
     "fn f(x) { for t in 1. ..3 { y[t] = t }; y }\n"},
    {"\xEF\xBB\xBF# mark\r\nfn f(x) = x\r\n", "# mark\nfn f(x) = x\n"},
};

START_TEST(layouts) {
  const char *want = layout[_i].out;
  if (!want) return;
  const char *got = formatted(layout[_i].in);
  ck_assert_str_eq(got, want);
  ck_assert_str_eq(formatted(got), want);
}
END_TEST

START_TEST(wrong_programs_are_refused) {
  Job j = {.text = "fn f(x = 1"};
  ck_assert_int_eq(cx_guard(cx, run_job, &j), ST_OK);
  ck_assert(!j.good);
  ck_assert_int_gt(diag_errors(cx), 0);
}
END_TEST

/* ---- laws ---- */
/* The text with other blanks between its tokens, and, where asked for, a comment at each place
 * inside brackets where a line may end. */
static const char *disturbed(Rng *r, const char *text, bool comments) {
  Text t = text_new(cx->arena);
  char open[600] = {0};
  int depth = 0;
  for (const char *s = text; *s; s++) {
    bool lines_free = depth && open[depth - 1] != '{';
    if (strchr("([{", *s) && depth < (int)sizeof open) open[depth++] = *s;
    if (strchr(")]}", *s) && depth) depth--;
    if (*s == '#') {
      size_t n = strcspn(s, "\n");
      text_add_n(&t, s, n);
      s += n - 1;
    } else if (*s == '"') {
      size_t n = strcspn(s + 1, "\"") + 2;
      text_add_n(&t, s, n);
      s += n - 1;
    } else if (*s == ' ' && comments && lines_free && rng_below(r, 3) == 0) {
      text_fmt(&t, "  # %d\n", (int)rng_below(r, 100));
    } else if (*s == ' ') {
      text_add(&t, rng_below(r, 2) ? " \t " : "   ");
    } else {
      text_add_n(&t, s, 1);
    }
  }
  return text_str(&t);
}

static void check_laws(Rng *r, const char *text) {
  const char *once = formatted(text);
  ck_assert_str_eq(formatted(once), once);
  ck_assert_str_eq(formatted(disturbed(r, once, false)), once);
  const char *commented = formatted(disturbed(r, once, true));
  ck_assert_str_eq(formatted(commented), commented);
}

START_TEST(laws_on_random_programs) {
  Rng r = rng_at((uint64_t)_i + 1);
  for (int k = 0; k < 20; k++)
    check_laws(&r, gen_source(cx, &r, k % 2 ? FLOW_NONE : FLOW_SOME, k % 3 == 0));
}
END_TEST

/* Functions as gradc itself prints them: many lines, loops, index notation. */
START_TEST(laws_on_printed_functions) {
  Rng r = rng_at((uint64_t)_i + 1);
  GenOptions o = {.symbolic = _i % 2, .bodies = _i % 3 == 0, .size = 5 + _i};
  Text t = text_new(cx->arena);
  ir_print_nn(gen_function(cx, &r, &o), &t);
  check_laws(&r, text_str(&t));
}
END_TEST

static const char *const files[] = {
    "examples/cnn.nn",          "examples/fashion_mlp.nn", "examples/logistic.nn",
    "examples/polyfit.nn",      "examples/rosenbrock.nn",  "examples/softmax_regression.nn",
    "examples/embed/sensor.nn", "src/front/prelude.nn",    "src/front/special.nn",
    "src/front/arrays.nn",      "src/front/linear.nn",     "src/ir/vmath.nn",
    "tests/emit/operators.nn",
};

START_TEST(laws_on_files) {
  static char text[1 << 18];
  char path[1000];
  snprintf(path, sizeof path, TEST_SRCDIR "/%s", files[_i]);
  FILE *f = fopen(path, "r");
  ck_assert_msg(f != NULL, "no %s", path);
  text[fread(text, 1, sizeof text - 1, f)] = 0;
  fclose(f);
  Rng r = rng_at(1);
  check_laws(&r, text);
}
END_TEST

Suite *fmt_suite(void) {
  Suite *s = suite_create("fmt");
  TCase *t = tcase_create("formatter");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, layouts, 0, COUNT_OF(layout));
  tcase_add_test(t, wrong_programs_are_refused);
  tcase_add_loop_test(t, laws_on_random_programs, 0, 10);
  tcase_add_loop_test(t, laws_on_printed_functions, 0, 30);
  tcase_add_loop_test(t, laws_on_files, 0, COUNT_OF(files));
  suite_add_tcase(s, t);
  return s;
}
