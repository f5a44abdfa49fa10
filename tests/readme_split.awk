# readme_split.awk: a document -> its commands, each as N.cmd, what it prints as N.want, the comment
# above its block as N.mode, its line as N.line in `dir`; files go to `here`. See readme.sh.
/^<!-- .* -->$/ { note = substr($0, 6, length($0) - 9); next }
/^```/ {
  if (inside) { inside = ""; note = ""; to = "" }
  else {
    inside = substr($0, 4) == "console" ? "console" : "other"
    if (note ~ /^file: /) { inside = "file"; to = here "/" substr(note, 7); printf "" >to }
  }
  if (!inside && out) { close(out); out = "" }
  more = 0
  next
}
inside == "file" { print >to; fflush(to) }
inside == "console" && (more || /^\$ /) {
  if (!more) {
    begin()
    sub(/^\$ /, "")
  }
  print >cmd
  more = /\\$/
  if (!more) close(cmd)
  next
}
inside == "console" && want { print >want; fflush(want) }
!inside && !/^[ \t]*$/ { note = "" }

function begin() {
  n++
  cmd = sprintf("%s/%03d.cmd", dir, n)
  want = sprintf("%s/%03d.want", dir, n)
  printf "" >want
  print note >(sprintf("%s/%03d.mode", dir, n))
  print FNR >(sprintf("%s/%03d.line", dir, n))
}
