# lang_compare.awk: LINE <tab> EXPRESSION <tab> VALUE of the first file against the lines of the
# second; prints `ok` or `FAIL: ...` for each. Words must be equal; numbers too, but where the wanted
# one has a point or exponent, or the printed one has, they may differ by 1e-6 of their size.
BEGIN { FS = "\t" }
NR == FNR { n++; line[n] = $1; expr[n] = $2; want[n] = $3; next }
{
  i++
  if (i > n) { print "FAIL: " file ": printed more than asked: " $0; next }
  if (same(want[i], $0)) print "ok"
  else print "FAIL: " file ":" line[i] ": " expr[i] "~    printed " $0 "~    wanted  " want[i]
}
END { for (i++; i <= n; i++) print "FAIL: " file ":" line[i] ": " expr[i] ": nothing printed" }

function same(a, b, x, y, p, q, j) {
  if (a == "") return 1
  p = tokens(a, x)
  q = tokens(b, y)
  if (p != q) return 0
  for (j = 1; j <= p; j++)
    if (x[j] != y[j] "" && !close_to(x[j], y[j])) return 0
  return 1
}
# Splits at brackets and commas, which count as tokens themselves; blanks do not.
function tokens(s, out, t) {
  gsub(/[ \t]/, "", s)
  gsub(/[][(),]/, " & ", s)
  sub(/^ +/, "", s)
  sub(/ +$/, "", s)
  t = split(s, out, / +/)
  return t
}
function number(s) { return s ~ /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/ }
function close_to(a, b, d) {
  if (!number(a) || !number(b)) return 0
  if (a !~ /[.e]/ && b !~ /[.e]/) return 0  # integers are equal as text or not at all
  d = a - b
  if (d < 0) d = -d
  a = a < 0 ? -a : +a
  return d <= 1e-6 * a + 1e-12
}
