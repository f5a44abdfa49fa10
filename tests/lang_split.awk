# lang_split.awk: a document or language test -> one set of files per program, in the folder `dir`:
#   K.nn     the program, at its own line numbers     K.line  the line where it begins
#   K.check  codes `gradc check` must give; empty: none
#   K.good   expressions that have a value            K.want  LINE <tab> EXPRESSION <tab> VALUE
#   K.bad    LINE <tab> CODE TEXT <tab> EXPRESSION
BEGIN { markdown = ARGV[1] ~ /\.md$/; inside = !markdown; k = 1000; if (inside) begin(1) }

markdown && !inside && /^```nn *$/ { inside = 1; begin(FNR + 1); next }
markdown && inside && /^```/ { end(); inside = 0; next }
!inside { next }
!markdown && /^---/ { end(); begin(FNR + 1); next }

/^> / { flush(); expr = substr($0, 3); expr_line = FNR; used = 1; print "" > nn; next }
/^= / { want = substr($0, 3); print "" > nn; next }
/^! / {
  if (expr != "") bad = substr($0, 3)
  else { codes = codes substr($0, 3) "\n"; used = 1 }
  print "" > nn
  next
}
/^~ / { print "" > nn; next }
{ print > nn; if ($0 !~ /^ *(#.*)?$/) some = 1 }

END { if (inside) end() }

function begin(line, i) {
  k++
  base = dir "/" k
  nn = base ".nn"
  printf "" > nn
  for (i = 1; i < line; i++) print "" > nn
  print line > (base ".line")
  close(base ".line")
  expr = want = bad = codes = ""
  used = some = 0
}
function end() {
  flush()
  if (codes != "" || (!used && some)) { printf "%s", codes > (base ".check"); close(base ".check") }
  close(nn); close(base ".good"); close(base ".want"); close(base ".bad")
}
function flush() {
  if (expr != "") {
    if (bad != "") print expr_line "\t" bad "\t" expr > (base ".bad")
    else {
      print expr > (base ".good")
      if (expr !~ /^(fn|const|param) /) print expr_line "\t" expr "\t" want > (base ".want")
    }
  }
  expr = want = bad = ""
}
