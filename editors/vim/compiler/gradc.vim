" :make runs `gradc check` and fills the list of errors.
if exists("current_compiler")
  finish
endif
let current_compiler = "gradc"

CompilerSet makeprg=gradc\ check\ --color=never\ %:S
CompilerSet errorformat=%f:%l:%c:\ %trror[E%n]:\ %m,%f:%l:%c:\ %tarning[E%n]:\ %m,%-G%.%#
