/* parse_errors.h: wrong programs and the whole of what the parser says about them (test_parse.c).
 */
static const Case errors[] = {
    {"fn f(x) x + 1\n", "t.nn:1:9: error[E0106]: expected `{`, `:` or `=`, found `x`\n"
                        "   1 | fn f(x) x + 1\n"
                        "     |         ^\n"
                        "     = hint: a function's value follows `=`: `fn f(x) = ...`\n"},
    {"fn f(x) = (x + )\n", "t.nn:1:16: error[E0106]: expected an expression, found `)`\n"
                           "   1 | fn f(x) = (x + )\n"
                           "     |                ^\n"},
    {"fn f(x) = x +\nfn g(x) = x\n",
     "t.nn:1:14: error[E0106]: expected an expression, found the end of the line\n"
     "   1 | fn f(x) = x +\n"
     "     |              ^\n"},
    {"fn f(x) = x + y z\n",
     "t.nn:1:17: error[E0106]: expected an operator or the end of the line, found `z`\n"
     "   1 | fn f(x) = x + y z\n"
     "     |                 ^\n"
     "     = hint: arguments stand in brackets, `f(x)`; a product is written with `*`\n"},
    {"x = 3\n",
     "t.nn:1:1: error[E0106]: expected a declaration (`fn`, `param` or `const`), found `x`\n"
     "   1 | x = 3\n"
     "     | ^\n"
     "     = hint: outside of functions values are declared by `const`\n"},
    {"x + 3\n",
     "t.nn:1:1: error[E0106]: expected a declaration (`fn`, `param` or `const`), found `x`\n"
     "   1 | x + 3\n"
     "     | ^\n"
     "     = hint: expressions stand inside functions: `fn f(x) = ...`\n"},
    {"def f(x): return x\n",
     "t.nn:1:1: error[E0106]: expected a declaration (`fn`, `param` or `const`), found `def`\n"
     "   1 | def f(x): return x\n"
     "     | ^^^\n"
     "     = hint: a function is declared as `fn f(x) = ...`\n"},
    {"fn f(x) {\n  return x\n}\n",
     "t.nn:2:10: error[E0106]: expected an operator or the end of the line, found `x`\n"
     "   2 |   return x\n"
     "     |          ^\n"
     "     = hint: a block's value is its last expression; there is no `return`\n"},
    {"fn f(x) {\n  g(x) = 1\n  (x) = 2\n  x[0] += 1\n  x\n}\n",
     "t.nn:2:3: error[E0111]: this can't be assigned to\n"
     "   2 |   g(x) = 1\n"
     "     |   ^^^^\n"
     "     = hint: variables change (`x = e`), and loops collect (`ys[t] = e`)\n"
     "t.nn:4:3: error[E0111]: this can't be assigned to\n"
     "   4 |   x[0] += 1\n"
     "     |   ^^^^\n"
     "     = hint: an element of a tensor doesn't change; assign a whole new tensor, as in "
     "`let new[k] = if k == t then y[k] + 1 else y[k]`, then `y = new`\n"},
    {"fn f(x) {\n  for t 0..3 { }\n  for in 0..3 { }\n  x\n}\n",
     "t.nn:2:9: error[E0106]: expected `in`, found `0`\n"
     "   2 |   for t 0..3 { }\n"
     "     |         ^\n"
     "     = hint: a loop is written `for t in 0..n { .. }`: t counts, and the elements are x[t]\n"
     "t.nn:3:7: error[E0107]: `in` is a keyword and can't be a name\n"
     "   3 |   for in 0..3 { }\n"
     "     |       ^^\n"},
    {"fn f(x) {\n  for t in 0..3 {\n    x + t\n    let y = $\n  }\n  if x { }\n}\n",
     "t.nn:3:5: error[E0110]: nothing uses this value\n"
     "   3 |     x + t\n"
     "     |     ^^^^^\n"
     "     = hint: give it a name with `let`; a block's value is its last expression\n"
     "t.nn:4:13: error[E0101]: unexpected character `$`\n"
     "   4 |     let y = $\n"
     "     |             ^\n"
     "t.nn:6:3: error[E0109]: this block has no value\n"
     "   6 |   if x { }\n"
     "     |   ^^^^^^^^\n"
     "     = hint: `if` with blocks is a statement; as a value it is written `if c then a else "
     "b`\n"},
    {"fn f(x) {\n  let y == x\n  y\n}\n",
     "t.nn:2:9: error[E0106]: expected `[` or `=`, found `==`\n"
     "   2 |   let y == x\n"
     "     |         ^^\n"
     "     = hint: write `=`; `==` compares\n"},
    {"fn f(x) = if x = 3 then 1 else 2\n", "t.nn:1:16: error[E0106]: expected `then`, found `=`\n"
                                           "   1 | fn f(x) = if x = 3 then 1 else 2\n"
                                           "     |                ^\n"
                                           "     = hint: `==` compares\n"},
    {"fn f(x) = sum(x, axis=0)\n",
     "t.nn:1:22: error[E0106]: expected `)`, `,` or `:`, found `=`\n"
     "   1 | fn f(x) = sum(x, axis=0)\n"
     "     |                      ^\n"
     "     = hint: an argument is given by name as in `f(x, axis: 0)`; `==` compares\n"},
    {"fn f(x) = (x = 3)\n", "t.nn:1:14: error[E0106]: expected `)` or `,`, found `=`\n"
                            "   1 | fn f(x) = (x = 3)\n"
                            "     |              ^\n"
                            "     = hint: `==` compares\n"},
    {"fn f(a, b) = a && b || !a\n", "t.nn:1:16: error[E0101]: `&&` is not an operator\n"
                                    "   1 | fn f(a, b) = a && b || !a\n"
                                    "     |                ^^\n"
                                    "     = hint: write `and`\n"
                                    "t.nn:1:21: error[E0101]: `||` is not an operator\n"
                                    "   1 | fn f(a, b) = a && b || !a\n"
                                    "     |                     ^^\n"
                                    "     = hint: write `or`\n"
                                    "t.nn:1:24: error[E0101]: `!` is not an operator\n"
                                    "   1 | fn f(a, b) = a && b || !a\n"
                                    "     |                        ^\n"
                                    "     = hint: write `not`\n"},
    {"fn f(x) = x^2\n", "t.nn:1:12: error[E0101]: `^` is not an operator\n"
                        "   1 | fn f(x) = x^2\n"
                        "     |            ^\n"
                        "     = hint: write `**` for a power\n"},
    {"// a comment\nconst a = 1\n",
     "t.nn:1:1: error[E0106]: expected a declaration (`fn`, `param` or `const`), found `//`\n"
     "   1 | // a comment\n"
     "     | ^^\n"
     "     = hint: comments begin with `#`; `//` divides and rounds down\n"},
    {"const a = 1 // the first one\n",
     "t.nn:1:20: error[E0106]: expected an operator or the end of the line, found `first`\n"
     "   1 | const a = 1 // the first one\n"
     "     |                    ^^^^^\n"
     "     = hint: comments begin with `#`; `//` divides and rounds down\n"},
    {"const a = 1 /* one */\n", "t.nn:1:13: error[E0101]: `/*` does not begin a comment\n"
                                "   1 | const a = 1 /* one */\n"
                                "     |             ^^^^^^^^^\n"
                                "     = hint: comments begin with `#`\n"},
    {"fn f(a) = 0 < a < 1\n", "t.nn:1:17: error[E0108]: comparisons don't chain\n"
                              "   1 | fn f(a) = 0 < a < 1\n"
                              "     |                 ^\n"
                              "     = hint: write `a < b and b < c`\n"},
    {"fn f(a) = if a then 1\nconst b = 2\n",
     "t.nn:1:22: error[E0106]: expected `else`, found the end of the line\n"
     "   1 | fn f(a) = if a then 1\n"
     "     |                      ^\n"
     "     = hint: `if` is an expression and needs a value for both cases\n"},
    {"fn f(a) = if a { 1 } else { 2 }\n",
     "t.nn:1:16: error[E0106]: expected `then`, found `{`\n"
     "   1 | fn f(a) = if a { 1 } else { 2 }\n"
     "     |                ^\n"
     "     = hint: a choice is written `if c then a else b`\n"},
    {"fn f(a) = if (a) 1 else 2\n", "t.nn:1:18: error[E0106]: expected `then`, found `1`\n"
                                    "   1 | fn f(a) = if (a) 1 else 2\n"
                                    "     |                  ^\n"
                                    "     = hint: a choice is written `if c then a else b`\n"},
    {"fn f(a) = a ? 1 : 2\n", "t.nn:1:13: error[E0101]: `?` is not an operator\n"
                              "   1 | fn f(a) = a ? 1 : 2\n"
                              "     |             ^\n"
                              "     = hint: a choice is written `if c then a else b`\n"},
    {"fn f(x) = exp(x[0]\nconst a = 1\n", "t.nn:1:14: error[E0105]: this `(` is never closed\n"
                                          "   1 | fn f(x) = exp(x[0]\n"
                                          "     |              ^\n"},
    {"fn f(x) = exp((x[0])\n", "t.nn:1:14: error[E0105]: this `(` is never closed\n"
                               "   1 | fn f(x) = exp((x[0])\n"
                               "     |              ^\n"},
    {"fn f(x) = exp(x]\n", "t.nn:1:16: error[E0105]: `]` can't close `(`\n"
                           "   1 | fn f(x) = exp(x]\n"
                           "     |                ^\n"
                           "     |              - opened here\n"},
    {"fn f(x) = x)\n", "t.nn:1:12: error[E0105]: this `)` closes nothing\n"
                       "   1 | fn f(x) = x)\n"
                       "     |            ^\n"},
    {"fn f(x) {\n  let y = g(x,\n    2\n  y\n}\n",
     "t.nn:2:12: error[E0105]: this `(` is never closed\n"
     "   2 |   let y = g(x,\n"
     "     |            ^\n"},
    {"fn f(x) {\n  x\n\nfn g(x) = x\n", "t.nn:1:9: error[E0105]: this `{` is never closed\n"
                                        "   1 | fn f(x) {\n"
                                        "     |         ^\n"},
    {"fn f(x) = x }\n", "t.nn:1:13: error[E0105]: this `}` closes nothing\n"
                        "   1 | fn f(x) = x }\n"
                        "     |             ^\n"},
    {"fn f(x) {\n  x\n", "t.nn:1:9: error[E0105]: this `{` is never closed\n"
                         "   1 | fn f(x) {\n"
                         "     |         ^\n"},
    {"fn f(x) {\n  fn g(y) = y\n  g(x)\n}\n",
     "t.nn:2:3: error[E0106]: expected a statement or `}`, found `fn`\n"
     "   2 |   fn g(y) = y\n"
     "     |   ^^\n"
     "     = hint: functions are declared outside of others\n"},
    {"fn f(x) {\n}\n", "t.nn:2:1: error[E0109]: this block has no value\n"
                       "   2 | }\n"
                       "     | ^\n"
                       "     = hint: write the expression that is its value\n"},
    {"fn f(x) {\n  let y = x\n}\n", "t.nn:2:3: error[E0109]: this block has no value\n"
                                    "   2 |   let y = x\n"
                                    "     |   ^^^^^^^^^\n"
                                    "     = hint: a block ends in an expression, its value\n"},
    {"fn f(x) {\n  let y = x\n    - 2\n  y\n}\n",
     "t.nn:3:5: error[E0110]: nothing uses this value\n"
     "   3 |     - 2\n"
     "     |     ^^^\n"
     "     = hint: a line that begins with `-` does not go on the line before; end that one with "
     "the operator, or use brackets\n"},
    {"fn f(x) {\n  x\n  2*x\n}\n",
     "t.nn:2:3: error[E0110]: nothing uses this value\n"
     "   2 |   x\n"
     "     |   ^\n"
     "     = hint: give it a name with `let`; a block's value is its last expression\n"},
    {"fn f(x) = x\n  - 1\n",
     "t.nn:2:3: error[E0106]: expected a declaration (`fn`, `param` or `const`), found `-`\n"
     "   2 |   - 1\n"
     "     |   ^\n"
     "     = hint: a line that begins with `-` does not go on the line before; end that one with "
     "the operator\n"},
    {"const in = 3\n", "t.nn:1:7: error[E0107]: `in` is a keyword and can't be a name\n"
                       "   1 | const in = 3\n"
                       "     |       ^^\n"},
    {"const if = 3\n", "t.nn:1:7: error[E0107]: `if` is a keyword and can't be a name\n"
                       "   1 | const if = 3\n"
                       "     |       ^^\n"},
    {"fn let(x) = x\n", "t.nn:1:4: error[E0107]: `let` is a keyword and can't be a name\n"
                        "   1 | fn let(x) = x\n"
                        "     |    ^^^\n"},
    {"const checkpoint = 3\n",
     "t.nn:1:7: error[E0107]: `checkpoint` is a keyword and can't be a name\n"
     "   1 | const checkpoint = 3\n"
     "     |       ^^^^^^^^^^\n"},
    {"param W = 3\n", "t.nn:1:9: error[E0106]: expected `:`, found `=`\n"
                      "   1 | param W = 3\n"
                      "     |         ^\n"
                      "     = hint: a parameter has a type: `param W: f32[64, 32] ~ he()`\n"},
    {"param W: f32[2.5]\n", "t.nn:1:14: error[E0106]: expected a size, found `2.5`\n"
                            "   1 | param W: f32[2.5]\n"
                            "     |              ^^^\n"},
    {"param W: f32[N < 3]\n", "t.nn:1:16: error[E0106]: expected `]` or `,`, found `<`\n"
                              "   1 | param W: f32[N < 3]\n"
                              "     |                ^\n"},
    {"param W: [2]\n", "t.nn:1:10: error[E0106]: expected a type, found `[`\n"
                       "   1 | param W: [2]\n"
                       "     |          ^\n"
                       "     = hint: a type is written f64[3]\n"},
    {"param W f32[2]\n", "t.nn:1:9: error[E0106]: expected `:`, found `f32`\n"
                         "   1 | param W f32[2]\n"
                         "     |         ^^^\n"
                         "     = hint: a parameter has a type: `param W: f32[64, 32] ~ he()`\n"},
    {"const c: f32\n", "t.nn:1:13: error[E0106]: expected `[` or `=`, found the end of the file\n"
                       "   1 | const c: f32\n"
                       "     |             ^\n"},
    {"param W: f32[]\n", "t.nn:1:14: error[E0106]: expected a size, found `]`\n"
                         "   1 | param W: f32[]\n"
                         "     |              ^\n"
                         "     = hint: the type of a scalar has no brackets\n"},
    {"fn f(x: ) = x\n", "t.nn:1:9: error[E0106]: expected a type, found `)`\n"
                        "   1 | fn f(x: ) = x\n"
                        "     |         ^\n"},
    {"fn f(x y) = x\n", "t.nn:1:8: error[E0106]: expected `)`, `,`, `:` or `=`, found `y`\n"
                        "   1 | fn f(x y) = x\n"
                        "     |        ^\n"},
    {"fn f(x,, y) = x\n", "t.nn:1:8: error[E0106]: expected a name or `)`, found `,`\n"
                          "   1 | fn f(x,, y) = x\n"
                          "     |        ^\n"},
    {"fn f(x) -> f32 = x\n", "t.nn:1:9: error[E0101]: `->` is not an operator\n"
                             "   1 | fn f(x) -> f32 = x\n"
                             "     |         ^^\n"
                             "     = hint: a type follows `:`\n"},
    {"fn (x) = x\n", "t.nn:1:4: error[E0106]: expected a name, found `(`\n"
                     "   1 | fn (x) = x\n"
                     "     |    ^\n"},
    {"fn f(x) {\n  let y: f32 = x\n  y\n}\n",
     "t.nn:2:8: error[E0106]: expected `[` or `=`, found `:`\n"
     "   2 |   let y: f32 = x\n"
     "     |        ^\n"
     "     = hint: a `let` takes the type of its value; to convert, write a cast such as "
     "`f32(x)`\n"},
    {"fn f(x) {\n  let C[i + 1] = x\n  C\n}\n",
     "t.nn:2:11: error[E0106]: expected `]`, `,` or `:`, found `+`\n"
     "   2 |   let C[i + 1] = x\n"
     "     |           ^\n"},
    {"fn f(x) = sum(k: 3) x[k]\n",
     "t.nn:1:19: error[E0106]: expected `..`, found `)`\n"
     "   1 | fn f(x) = sum(k: 3) x[k]\n"
     "     |                   ^\n"
     "     = hint: the range of a label is written `k: 0..n`, n excluded\n"},
    {"fn f(x) = sum(k + 1) x[k]\n", "t.nn:1:17: error[E0106]: expected `)`, `,` or `:`, found `+`\n"
                                    "   1 | fn f(x) = sum(k + 1) x[k]\n"
                                    "     |                 ^\n"
                                    "     = hint: before an expression the brackets hold labels, "
                                    "as in `sum(k) x[k]`; to multiply, write `*`\n"},
    {"fn f(x) = sum() x\n", "t.nn:1:15: error[E0106]: expected a name, found `)`\n"
                            "   1 | fn f(x) = sum() x\n"
                            "     |               ^\n"
                            "     = hint: before an expression the brackets hold labels, as in "
                            "`sum(k) x[k]`; to multiply, write `*`\n"},
    {"fn f(x) = x[]\n", "t.nn:1:13: error[E0106]: expected an expression, `:` or `...`, found `]`\n"
                        "   1 | fn f(x) = x[]\n"
                        "     |             ^\n"},
    {"fn f(x) = x[1:2:3:4]\n", "t.nn:1:18: error[E0106]: expected `]` or `,`, found `:`\n"
                               "   1 | fn f(x) = x[1:2:3:4]\n"
                               "     |                  ^\n"},
    {"fn f(x) = []\n", "t.nn:1:12: error[E0106]: expected an expression, found `]`\n"
                       "   1 | fn f(x) = []\n"
                       "     |            ^\n"},
    {"fn f(x) = g(a,\n  b\n  c)\n", "t.nn:3:3: error[E0106]: expected `)`, `,` or `:`, found `c`\n"
                                    "   1 | fn f(x) = g(a,\n"
                                    "     |            - inside this bracket\n"
                                    "...\n"
                                    "   3 |   c)\n"
                                    "     |   ^\n"},
    {"const a = 1 2\n",
     "t.nn:1:13: error[E0106]: expected an operator or the end of the line, found `2`\n"
     "   1 | const a = 1 2\n"
     "     |             ^\n"
     "     = hint: a product is written with `*`\n"},
    {"const a = 1;; const\n",
     "t.nn:1:20: error[E0106]: expected a name, found the end of the file\n"
     "   1 | const a = 1;; const\n"
     "     |                    ^\n"},
    {"const a = 0..3\n",
     "t.nn:1:12: error[E0106]: expected an operator or the end of the line, found `..`\n"
     "   1 | const a = 0..3\n"
     "     |            ^^\n"},
    {"const a = 1.5f\n",
     "t.nn:1:11: error[E0103]: `1.5f` is not a number\n"
     "   1 | const a = 1.5f\n"
     "     |           ^^^^\n"
     "     = hint: a number takes its type from its use or from a cast: `f32(1.5)`\n"},
    {"const a = 2x\n", "t.nn:1:11: error[E0103]: `2x` is not a number\n"
                       "   1 | const a = 2x\n"
                       "     |           ^^\n"
                       "     = hint: a product is written `2*x`\n"},
    {"const a = 0xG\n", "t.nn:1:11: error[E0103]: `0xG` is not a number\n"
                        "   1 | const a = 0xG\n"
                        "     |           ^^^\n"},
    {"const a = 1__0\n", "t.nn:1:11: error[E0103]: `1__0` is not a number\n"
                         "   1 | const a = 1__0\n"
                         "     |           ^^^^\n"},
    {"const a = 1e\n", "t.nn:1:11: error[E0103]: `1e` is not a number\n"
                       "   1 | const a = 1e\n"
                       "     |           ^^\n"},
    {"const a = 9223372036854775808\n",
     "t.nn:1:11: error[E0104]: the integer is larger than 9223372036854775807, the largest i64\n"
     "   1 | const a = 9223372036854775808\n"
     "     |           ^^^^^^^^^^^^^^^^^^^\n"},
    {"const a = 0xFFFFFFFFFFFFFFFF\n",
     "t.nn:1:11: error[E0104]: the integer is larger than 9223372036854775807, the largest i64\n"
     "   1 | const a = 0xFFFFFFFFFFFFFFFF\n"
     "     |           ^^^^^^^^^^^^^^^^^^\n"
     "     = hint: write a float, such as 1e20, if an approximate value will do\n"},
    {"const a = -9223372036854775809\n",
     "t.nn:1:12: error[E0104]: the integer is larger than 9223372036854775807, the largest i64\n"
     "   1 | const a = -9223372036854775809\n"
     "     |            ^^^^^^^^^^^^^^^^^^^\n"
     "     = hint: write a float, such as 1e20, if an approximate value will do\n"},
    {"const a = 1e999\n",
     "t.nn:1:11: error[E0104]: the number is larger than 1.8e308, the largest f64\n"
     "   1 | const a = 1e999\n"
     "     |           ^^^^^\n"
     "     = hint: infinity is written `inf`\n"},
    {"const a = \"abc\n", "t.nn:1:11: error[E0102]: the string is never closed\n"
                          "   1 | const a = \"abc\n"
                          "     |           ^^^^\n"
                          "     = hint: a string ends on the line it begins on\n"},
    {"const a = \"a\\q\"\n", "t.nn:1:11: error[E0102]: unknown escape in the string\n"
                             "   1 | const a = \"a\\q\"\n"
                             "     |           ^^^^^\n"
                             "     = hint: the escapes are \\n, \\t, \\\" and \\\\\n"},
    {"const a = \"\xFF\"\n", "t.nn:1:11: error[E0102]: the string is not UTF-8 text\n"
                             "   1 | const a = \"\xEF\xBF\xBD\"\n"
                             "     |           ^^^\n"},
    {"const a = 'x'\n",
     "t.nn:1:11: error[E0101]: unexpected character `'`\n"
     "   1 | const a = 'x'\n"
     "     |           ^\n"
     "     = hint: strings stand in double quotes; a matrix is turned by transpose(x)\n"},
    {"const a = 2 \xC3\x97 3 \xE2\x88\x92 1\n",
     "t.nn:1:13: error[E0101]: unexpected character `\xC3\x97`\n"
     "   1 | const a = 2 \xC3\x97 3 \xE2\x88\x92 1\n"
     "     |             ^\n"
     "     = hint: write `*`\n"
     "t.nn:1:18: error[E0101]: unexpected character `\xE2\x88\x92`\n"
     "   1 | const a = 2 \xC3\x97 3 \xE2\x88\x92 1\n"
     "     |                 ^\n"
     "     = hint: write `-`\n"},
    {"const gr\xC3\xB6\xC3\x9F"
     "e = 1\n",
     "t.nn:1:9: error[E0101]: unexpected text `\xC3\xB6\xC3\x9F"
     "e`\n"
     "   1 | const gr\xC3\xB6\xC3\x9F"
     "e = 1\n"
     "     |         ^^^\n"
     "     = hint: names are made of the letters a-z and A-Z, digits and `_`; other characters can "
     "stand in comments and strings\n"},
    {"const a = \xE2\x80\x9Cx\xE2\x80\x9D\n",
     "t.nn:1:11: error[E0101]: unexpected character `\xE2\x80\x9C`\n"
     "   1 | const a = \xE2\x80\x9Cx\xE2\x80\x9D\n"
     "     |           ^\n"
     "     = hint: write `\"`\n"},
    {"const a = $x\n", "t.nn:1:11: error[E0101]: unexpected character `$`\n"
                       "   1 | const a = $x\n"
                       "     |           ^\n"},
    {"const a = \x01\n", "t.nn:1:11: error[E0101]: unexpected byte 0x01\n"
                         "   1 | const a = \xEF\xBF\xBD\n"
                         "     |           ^\n"},
    {"const a = 1\n\tconst b = )\n", "t.nn:2:12: error[E0105]: this `)` closes nothing\n"
                                     "   2 |     const b = )\n"
                                     "     |               ^\n"},
    {"const a = x := 2\n", "t.nn:1:13: error[E0101]: `:=` is not an operator\n"
                           "   1 | const a = x := 2\n"
                           "     |             ^^\n"
                           "     = hint: write `=`\n"},
    {"const a = 1 => 2\n", "t.nn:1:13: error[E0101]: `=>` is not an operator\n"
                           "   1 | const a = 1 => 2\n"
                           "     |             ^^\n"
                           "     = hint: `>=` compares; `=` comes before the body of a function\n"},
    {"fn f(x) = a & b\n", "t.nn:1:13: error[E0101]: `&` is not an operator\n"
                          "   1 | fn f(x) = a & b\n"
                          "     |             ^\n"
                          "     = hint: write `and`, or bitand(a, b) for the bits of integers\n"},
    {"const a = x \\\n  + 1\n",
     "t.nn:1:13: error[E0101]: unexpected character `\\`\n"
     "   1 | const a = x \\\n"
     "     |             ^\n"
     "     = hint: a line goes on by itself after an operator and inside brackets\n"},
    {"fn f(x) {\n  let (a, 1) = x\n  a\n}\n",
     "t.nn:2:11: error[E0106]: expected a name or `)`, found `1`\n"
     "   2 |   let (a, 1) = x\n"
     "     |           ^\n"},
    {"fn f(x) = lambda x: x\n",
     "t.nn:1:18: error[E0106]: expected an operator or the end of the line, found `x`\n"
     "   1 | fn f(x) = lambda x: x\n"
     "     |                  ^\n"
     "     = hint: functions are declared by `fn` and passed by name\n"},
    {"fn f(x) = if a then 1 elif b then 2 else 3\n",
     "t.nn:1:23: error[E0106]: expected `else`, found `elif`\n"
     "   1 | fn f(x) = if a then 1 elif b then 2 else 3\n"
     "     |                       ^^^^\n"
     "     = hint: write `else if`\n"},
    {"fn f(x) = a b\r\nconst c = \r\n",
     "t.nn:1:13: error[E0106]: expected an operator or the end of the line, found `b`\n"
     "   1 | fn f(x) = a b\n"
     "     |             ^\n"
     "     = hint: arguments stand in brackets, `f(x)`; a product is written with `*`\n"
     "t.nn:2:10: error[E0106]: expected an expression, found the end of the file\n"
     "   2 | const c =\n"
     "     |          ^\n"},
    {"fn f(x) = x == 1 == 2\n", "t.nn:1:18: error[E0108]: comparisons don't chain\n"
                                "   1 | fn f(x) = x == 1 == 2\n"
                                "     |                  ^^\n"
                                "     = hint: write `a < b and b < c`\n"},
    {"fn f(x) = f(x, axis: )\n", "t.nn:1:22: error[E0106]: expected an expression, found `)`\n"
                                 "   1 | fn f(x) = f(x, axis: )\n"
                                 "     |                      ^\n"},
};
