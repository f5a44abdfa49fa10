/* test_embed.c: a file that embed.sh made an array of is in the program byte for byte. */
#include <check.h>
#include <stdio.h>
#include <string.h>

extern const char embed_sample[]; /* made from tests/embed_sample.txt */
extern const size_t embed_sample_size;

START_TEST(every_byte_arrives) {
  char text[512];
  FILE *f = fopen(TEST_SRCDIR "/tests/embed_sample.txt", "rb");
  ck_assert_ptr_nonnull(f);
  size_t n = fread(text, 1, sizeof text, f);
  fclose(f);
  ck_assert_uint_gt(n, 256);
  ck_assert_uint_eq(n, embed_sample_size);
  ck_assert_mem_eq(text, embed_sample, n);
  ck_assert_int_eq(embed_sample[n], 0);
}
END_TEST

Suite *embed_suite(void) {
  Suite *s = suite_create("embed");
  TCase *t = tcase_create("embed");
  tcase_add_test(t, every_byte_arrives);
  suite_add_tcase(s, t);
  return s;
}
