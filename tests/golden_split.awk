# golden_split.awk: a file of golden outputs (see golden in lib.sh) -> parts in dir, and dir/list with
# a line "kind TAB part TAB line TAB rest" for each. What stands before the first case is a note.
function begin(kind, rest) {
  part = sprintf("%s/%04d", dir, ++n)
  printf "" >part
  printf "%s\t%s\t%d\t%s\n", kind, part, NR, rest >(dir "/list")
}
NR == 1 { begin("note", "-") }
/^==== / { begin("title", substr($0, 6)); next }
/^---- / { begin("run", substr($0, 6)); next }
{ print >part }
