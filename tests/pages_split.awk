# pages_split.awk: a page of docs/diagnostics -> dir/wrong.nn, dir/right.nn, and as dir/wrong.sh and
# dir/right.sh what is done with them; without a block of commands `gradc check` is.
/^```/ {
  if (to) { close(to); to = ""; next }
  n = split(substr($0, 4), word, " ")
  if (n == 2 && word[2] ~ /^(wrong|right)$/ && word[1] ~ /^(nn|sh)$/) {
    to = dir "/" word[2] "." word[1]
    seen[word[2] "." word[1]]++
    printf "" >to
  } else {
    print FILENAME ":" FNR ": a block that is neither wrong nor right" >"/dev/stderr"
    to = "/dev/null"
  }
  next
}
to { print >to }
END {
  for (kind = 0; kind < 2; kind++) {
    which = kind ? "right" : "wrong"
    if (seen[which ".nn"] && !seen[which ".sh"]) print "gradc check " which ".nn" >(dir "/" which ".sh")
  }
}
