dnl gradc.m4: the configure checks of gradc that autoconf has no macro for.

dnl GRADC_GENERATOR(VARIABLE, program, least version, generated file)
dnl Finds a parser generator. A release carries the generated file, so there it may be missing.
AC_DEFUN([GRADC_GENERATOR], [
  AC_ARG_VAR([$1], [$2, version $3 or newer])
  AC_CACHE_CHECK([for $2 >= $3], [ac_cv_path_$1], [
    AC_PATH_PROGS_FEATURE_CHECK([$1], [$2], [
      gradc_version=`"$ac_path_$1" --version 2>/dev/null | $SED -n '1s/^[[^0-9]]*\([[0-9.]]*\).*/\1/p'`
      AS_VERSION_COMPARE([$gradc_version], [$3], [], [gradc_ok=yes], [gradc_ok=yes])
      AS_IF([test "x$gradc_ok" = xyes && test -n "$gradc_version"],
            [ac_cv_path_$1=$ac_path_$1; ac_path_$1_found=:])
      AS_UNSET([gradc_ok])
    ], [ac_cv_path_$1=no])
  ])
  $1=$ac_cv_path_$1
  AS_IF([test "x$$1" = xno], [
    AS_IF([test -f "$srcdir/$4"],
          [$1="${am_missing_run}$2"],
          [AC_MSG_ERROR([$2 $3 or newer is needed to build from a git checkout])])
  ])
])

dnl GRADC_TRY_CFLAG(flag): adds it to GRADC_CFLAGS where the compiler knows it.
AC_DEFUN([GRADC_TRY_CFLAG], [
  gradc_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_MSG_CHECKING([whether $CC knows $1])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
                    [AC_MSG_RESULT([yes]); GRADC_CFLAGS="$GRADC_CFLAGS $1"],
                    [AC_MSG_RESULT([no])])
  CFLAGS=$gradc_saved_CFLAGS
])
