" What Vim does with .nn files: comments, indentation, `gq` and :make by gradc.
if exists("b:did_ftplugin")
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:# commentstring=#\ %s
setlocal shiftwidth=2 softtabstop=2 expandtab textwidth=100 smartindent
setlocal formatprg=gradc\ fmt\ -
compiler gradc
let b:undo_ftplugin = "setl com< cms< sw< sts< et< tw< si< fp<"
