dnl llvm.m4: finds LLVM through its llvm-config.

dnl GRADC_LLVM(least major version)
dnl Sets LLVM_CONFIG, LLVM_VERSION, LLVM_CPPFLAGS, LLVM_LDFLAGS, LLVM_LIBS and the conditional
dnl HAVE_LLVM. 19 is the reference and comes first; the unversioned name comes last because
dnl distributions let it name an old release.
AC_DEFUN([GRADC_LLVM], [
  AC_ARG_WITH([llvm],
    [AS_HELP_STRING([--with-llvm=LLVM-CONFIG],
                    [path of the llvm-config to use, or "no" to build without native code
                     @<:@default: search llvm-config-19, -22, -21, ...@:>@])],
    [], [with_llvm=yes])
  LLVM_CONFIG= LLVM_VERSION= LLVM_CPPFLAGS= LLVM_LDFLAGS= LLVM_LIBS=
  AS_CASE([$with_llvm],
    [no], [],
    [yes], [GRADC_LLVM_SEARCH([$1])],
    [GRADC_LLVM_TRY([$with_llvm], [$1])
     AS_IF([test -z "$LLVM_CONFIG"],
           [AC_MSG_ERROR([--with-llvm=$with_llvm: not an llvm-config of LLVM $1 or newer])])])
  AS_IF([test -n "$LLVM_CONFIG"], [GRADC_LLVM_FLAGS])
  AC_SUBST([LLVM_CONFIG])
  AC_SUBST([LLVM_VERSION])
  AC_SUBST([LLVM_CPPFLAGS])
  AC_SUBST([LLVM_LDFLAGS])
  AC_SUBST([LLVM_LIBS])
  AM_CONDITIONAL([HAVE_LLVM], [test -n "$LLVM_CONFIG"])
])

dnl Takes $1 as LLVM_CONFIG when it runs, has its headers, and is not older than $2.
AC_DEFUN([GRADC_LLVM_TRY], [
  gradc_version=`"$1" --version 2>/dev/null`
  gradc_major=`AS_ECHO(["$gradc_version"]) | $SED 's/@<:@^0-9@:>@.*//'`
  AS_IF([test -n "$gradc_major" && test "$gradc_major" -ge "$2" &&
         test -f "`"$1" --includedir`/llvm-c/LLJIT.h"],
        [LLVM_CONFIG="$1" LLVM_VERSION=$gradc_version])
])

AC_DEFUN([GRADC_LLVM_SEARCH], [
  AC_MSG_CHECKING([for llvm-config of LLVM $1 or newer])
  for gradc_name in llvm-config-19 llvm-config-22 llvm-config-21 llvm-config-20 \
      llvm-config-26 llvm-config-25 llvm-config-24 llvm-config-23 \
      llvm-config-18 llvm-config-17 llvm-config-16 llvm-config-15 llvm-config
  do
    AS_IF([test -z "$LLVM_CONFIG"], [GRADC_LLVM_TRY([$gradc_name], [$1])])
  done
  AC_MSG_RESULT([${LLVM_CONFIG:-none}${LLVM_VERSION:+ ($LLVM_VERSION)}])
  AS_IF([test -z "$LLVM_CONFIG"],
        [AC_MSG_ERROR([LLVM $1 or newer is needed for native code (Debian: llvm-19-dev);
  --with-llvm=PATH names its llvm-config, --with-llvm=no builds without it])])
])

dnl The flags of LLVM_CONFIG: of the compiler's only -I and -D, of the linker's only -L, since the
dnl rest is how LLVM itself was built. Then a link with what the back end calls.
AC_DEFUN([GRADC_LLVM_FLAGS], [
  for gradc_flag in `"$LLVM_CONFIG" --cppflags`; do
    AS_CASE([$gradc_flag], [-I*|-D*], [LLVM_CPPFLAGS="$LLVM_CPPFLAGS $gradc_flag"])
  done
  for gradc_flag in `"$LLVM_CONFIG" --ldflags`; do
    AS_CASE([$gradc_flag], [-L*], [LLVM_LDFLAGS="$LLVM_LDFLAGS $gradc_flag"])
  done
  gradc_parts="orcjit passes all-targets"
  LLVM_LIBS=`"$LLVM_CONFIG" --link-shared --libs $gradc_parts 2>/dev/null` ||
    LLVM_LIBS="`"$LLVM_CONFIG" --link-static --libs --system-libs $gradc_parts` -lstdc++"
  LLVM_LIBS=`AS_ECHO(["$LLVM_LIBS"]) | tr '\n' ' '`
  gradc_saved="$CPPFLAGS|$LDFLAGS|$LIBS"
  CPPFLAGS="$CPPFLAGS $LLVM_CPPFLAGS" LDFLAGS="$LDFLAGS $LLVM_LDFLAGS" LIBS="$LLVM_LIBS $LIBS"
  AC_LANG_CONFTEST([AC_LANG_PROGRAM([[#include <llvm-c/LLJIT.h>
#include <llvm-c/Transforms/PassBuilder.h>]],
    [[return LLVMOrcCreateLLJIT == 0 || LLVMRunPasses == 0;]])])
  AC_MSG_CHECKING([whether LLVM $LLVM_VERSION links])
  AC_LINK_IFELSE([], [AC_MSG_RESULT([yes])], [
    AC_MSG_RESULT([no])
    AC_MSG_ERROR([a program that calls LLVMOrcCreateLLJIT and LLVMRunPasses does not link with
  $LLVM_LDFLAGS $LLVM_LIBS; see config.log. --with-llvm=PATH names another llvm-config])])
  dnl A library outside the loader's path is found by a path in the module itself.
  AC_RUN_IFELSE([], [], [
    LLVM_LDFLAGS="$LLVM_LDFLAGS -Wl,-rpath,`"$LLVM_CONFIG" --libdir`"], [:])
  rm -f conftest.$ac_ext
  CPPFLAGS=${gradc_saved%%|*}
  gradc_saved=${gradc_saved#*|}
  LDFLAGS=${gradc_saved%%|*} LIBS=${gradc_saved#*|}
])
