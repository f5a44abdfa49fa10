/* parse_errors.h: wrong programs and the whole of what the parser says about them (test_parse.c). */
static const Case errors[] = {
    {"fn f(x) x + 1\n", "t.nn:1:9: error[E0106]: expected `{`, `:` or `=`, found `x`\n"
                        "   1 | fn f(x) x + 1\n"
                        "     |         ^\n"
                        "     = hint: a function's value follows `=`: `fn f(x) = ...`\n"},
    {"fn f(x) = (x + )\n", "t.nn:1:16: error[E0106]: expected an expression, found `)`\n"
                           "   1 | fn f(x) = (x + )\n"
                           "     |                ^\n"},
};
