# readme_compare.awk: compares what a document shows (first file) with what was printed (second one);
# exit status 1, and the first line that is off, where they differ. See readme.sh for `mode`.
FILENAME == ARGV[1] { want[++n] = $0; next }
{ got[++m] = $0 }
END {
  if (mode ~ /output differs/) {
    if (m || !n) exit 0
    print "nothing was printed"
    exit 1
  }
  j = 1
  for (i = 1; i <= n; i++) {
    if (want[i] == "...") { # the next line shown is looked for
      if (i == n) exit 0
      i++
      while (j <= m && !same(want[i], got[j])) j++
    }
    if (j > m) off("the output ends before the line", want[i], "")
    if (!same(want[i], got[j])) off("printed", want[i], got[j])
    j++
  }
  if (j <= m) off("more is printed than shown", "", got[j])
}
function same(a, b) {
  if (sub(/ \.\.\.$/, "", a)) b = substr(b, 1, length(a)) # the end of a long line
  if (mode ~ /numbers differ/) { a = plain(a); b = plain(b) }
  return a == b
}
# Numbers, and the blanks that align them, all look alike.
function plain(s) {
  gsub(/[0-9][0-9.]*(e[-+]?[0-9]+)?/, "0", s)
  gsub(/ +/, " ", s)
  gsub(/ -0/, " 0", s)
  return s
}
function off(what, a, b) {
  print what
  if (b != "") print b
  if (a != "") print "instead of\n" a
  exit 1
}
