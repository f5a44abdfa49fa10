/* test_docs.c: the tree shown in docs/ARCHITECTURE.md is that of the program shown before it. The
 * console blocks of the documents are tests/readme.sh's. */
#include "front/ast.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static Cx *cx;
static void set_up(void) { cx = cx_new(); }
static void tear_down(void) { cx_free(cx); }

static const char *read_document(const char *path) {
  static char text[1 << 17];
  FILE *f = fopen(path, "r");
  ck_assert_msg(f != NULL, "no %s", path);
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  return text;
}

/* The text of the first block after *at that is fenced with `fence`; *at moves behind it. */
static const char *block(const char **at, const char *fence, size_t *n) {
  const char *start = strstr(*at, fence);
  ck_assert_msg(start != NULL, "no block %s", fence);
  start = strchr(start, '\n') + 1;
  *at = strstr(start, "```");
  ck_assert_ptr_nonnull(*at);
  *n = (size_t)(*at - start);
  return start;
}

/* Line ends and indentation are the document's. */
static const char *on_one_line(const char *s, size_t n) {
  Text t = text_new(cx->arena);
  for (size_t i = 0; i < n; i++) {
    bool blank = isspace((unsigned char)s[i]);
    bool last = i + 1 == n || isspace((unsigned char)s[i + 1]);
    if (!blank) text_add_n(&t, s + i, 1);
    else if (!last) text_add(&t, " ");
  }
  return text_str(&t);
}

START_TEST(tree_of_the_tour) {
  const char *at = read_document(TEST_SRCDIR "/docs/ARCHITECTURE.md");
  size_t nprogram, ntree;
  const char *program = block(&at, "```nn\n", &nprogram);
  const char *tree = block(&at, "```ast\n", &ntree);
  Text dump = text_new(cx->arena);
  ast_dump(ast_parse(cx, cx_add_source(cx, "fit.nn", program, nprogram, false)), &dump);
  ck_assert_str_eq(on_one_line(tree, ntree), text_str(&dump));
}
END_TEST

Suite *docs_suite(void) {
  Suite *s = suite_create("docs");
  TCase *t = tcase_create("documents");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, tree_of_the_tour);
  suite_add_tcase(s, t);
  return s;
}
