/* c_words.c: words that can't name anything in an emitted C file or its header, and what a name of
 * the program becomes in C. A macro of a standard header counts, since whoever includes ours may
 * have included that one first: there its name is a number, not a field or an argument. */
#include "back/c_gen.h"

#include <ctype.h>

/* f32, u8, and what has a vector's type in it, ADD_f32x8: the file has macros of such names. */
static bool names_elements(const char *word) {
  for (const char *s = word; *s; s++) {
    if (!strchr("fiu", *s)) continue;
    size_t n = strspn(s + 1, "0123456789");
    if (n &&
        ((s == word && s[1 + n] == 0) || (s[1 + n] == 'x' && isdigit((unsigned char)s[2 + n]))))
      return true;
  }
  return false;
}

/* Lists of words, with blanks between. First keywords and types of C and C++. */
static const char keywords[] =
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t "
    "char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr "
    "constinit continue decltype default delete do double dynamic_cast else enum explicit export "
    "extern false float for friend goto if inline int int16_t int32_t int64_t int8_t long mutable "
    "namespace new noexcept not not_eq nullptr operator or or_eq private protected ptrdiff_t "
    "public register reinterpret_cast requires restrict return short signed size_t sizeof static "
    "static_assert static_cast struct switch template this thread_local throw true try typedef "
    "typeid typename typeof uint16_t uint32_t uint64_t uint8_t union unsigned using virtual void "
    "volatile wchar_t while xor xor_eq";

/* Macros of the headers of C and POSIX and of compilers, which aren't called like functions, and
 * what these declare that must not be redeclared. */
static const char library[] =
    "BIG_ENDIAN BUFSIZ BYTE_ORDER CLOCKS_PER_SEC DECIMAL_DIG DOMAIN EOF F_LOCK F_OK F_TEST F_TLOCK "
    "F_ULOCK HUGE HUGE_VAL HUGE_VALF HUGE_VALL I INFINITY LITTLE_ENDIAN L_INCR L_SET L_XTND "
    "L_ctermid L_cuserid L_tmpnam MAXFLOAT MAX_CANON MAX_INPUT MINSIGSTKSZ NAN NFDBITS NSIG NULL "
    "NGREG NZERO ONCE_FLAG_INIT OVERFLOW PAGESIZE PDP_ENDIAN PIPE_BUF PLOSS P_tmpdir R_OK SING "
    "SNAN "
    "TIME_UTC TLOSS TSS_DTOR_ITERATIONS UNDERFLOW WCONTINUED WEOF WEXITED WNOHANG WNOWAIT WSTOPPED "
    "WUNTRACED W_OK X_OK complex errno i386 imaginary linux main math_errhandling mips noreturn "
    "signgam sparc stderr stdin stdout sun unix vax";

/* Macros of errno.h and signal.h. C keeps all words like them for itself, EPS and SIGMA too; those
 * are good names in mathematics, and so what is there is listed, on Linux, BSD and newlib. */
static const char errors[] =
    "E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY EAUTH EBADE EBADF "
    "EBADFD EBADMSG EBADR EBADRPC EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM "
    "ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT "
    "EEXIST EFAULT EFBIG EFTYPE EHOSTDOWN EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR "
    "EINVAL EIO EISCONN EISDIR EISNAM EKEYEXPIRED EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT "
    "EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN ELNRNG ELOOP EMEDIUMTYPE EMFILE EMLINK "
    "EMSGSIZE EMULTIHOP ENAMETOOLONG ENAVAIL ENEEDAUTH ENETDOWN ENETRESET ENETUNREACH ENFILE "
    "ENOANO ENOATTR ENOBUFS ENOCSI ENODATA ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOLINK ENOMEDIUM "
    "ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCAPABLE "
    "ENOTCONN ENOTDIR ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ ENXIO "
    "EOPNOTSUPP EOVERFLOW EOWNERDEAD EPERM EPFNOSUPPORT EPIPE EPROCLIM EPROCUNAVAIL EPROGMISMATCH "
    "EPROGUNAVAIL EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EREMCHG EREMOTE EREMOTEIO ERESTART "
    "ERFKILL EROFS ERPCMISMATCH ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT ESTALE ESTRPIPE "
    "ETIME ETIMEDOUT ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL";
static const char signals[] =
    "SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGEMT SIGFPE SIGHUP SIGILL SIGINFO SIGINT "
    "SIGIO SIGIOT SIGKILL SIGLOST SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGRTMAX SIGRTMIN SIGSEGV "
    "SIGSTKFLT SIGSTKSZ SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGUNUSED SIGURG "
    "SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ";

/* Macros that emitted files define themselves. */
static const char own[] = "MAY_ALIAS NOINLINE RESTRICT AS_WRITTEN ROUNDED SIDE_BY_SIDE LOOP WORKER";

/* What many macros begin with, of capitals alone: FLT_EPSILON, FP_NAN, LC_ALL, FE_INVALID. */
static const char families[] =
    "ATOMIC_ BUS_ CLD_ CLOCK_ DBL_ EXIT_ FD_ FE_ FLT_ FPE_ FP_ ILL_ LC_ LDBL_ MATH_ M_ POLL_ "
    "POSIX_ "
    "PTHREAD_ SA_ SCHED_ SEEK_ SEGV_ SIGEV_ SIG_ SI_ SS_ STDERR_ STDIN_ STDOUT_ TIMER_ TRAP_";

/* What members of structs of POSIX begin with, which may be macros: si_pid, st_mtime. */
static const char members[] = "sa_ si_ sigev_ st_";

/* What the limits of types and systems begin with: INT32_MAX, SIZE_MAX, PATH_MAX; and end with. */
static const char limited[] =
    "AIO_ ARG_ ATEXIT_ BC_ BOOL_ CHARCLASS_ CHAR_ CHILD_ COLL_ DELAYTIMER_ EXPR_ FILENAME_ FOPEN_ "
    "HOST_ INT IOV_ LINE_ LINK_ LLONG_ LOGIN_ LONG_ MB_ MQ_ NAME_ NGROUPS_ NL_ OPEN_ PATH_ "
    "PTRDIFF_ RAND_ RE_ RTSIG_ SCHAR_ SEM_ SHRT_ SIZE_ SSIZE_ STREAM_ SYMLINK_ SYMLOOP_ TMP_ TTY_ "
    "TZNAME_ UCHAR_ UINT ULLONG_ ULONG_ USHRT_ WCHAR_ WINT_ WORD_ XATTR_";
static const char limits[] = "_MAX _MIN _BIT _WIDTH";

/* The next word of a list, of *n letters; *list moves behind it. NULL: that was all. */
static const char *next_word(const char **list, size_t *n) {
  const char *word = *list + strspn(*list, " ");
  *n = strcspn(word, " ");
  *list = word + *n;
  return *n ? word : NULL;
}

static bool is_one_of(const char *word, const char *list) {
  size_t n;
  for (const char *w; (w = next_word(&list, &n));)
    if (strlen(word) == n && !memcmp(word, w, n)) return true;
  return false;
}

static bool begins_with_one_of(const char *word, const char *list) {
  size_t n;
  for (const char *w; (w = next_word(&list, &n));)
    if (!strncmp(word, w, n)) return true;
  return false;
}

static bool ends_with_one_of(const char *word, const char *list) {
  size_t n, all = strlen(word);
  for (const char *w; (w = next_word(&list, &n));)
    if (all > n && !memcmp(word + all - n, w, n)) return true;
  return false;
}

static bool is_of_a_family(const char *word) {
  if (begins_with_one_of(word, members)) return true;
  if (word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")]) return false;
  return begins_with_one_of(word, families) ||
         (begins_with_one_of(word, limited) && ends_with_one_of(word, limits));
}

/* PRId64, SCNxPTR: formats of inttypes.h. */
static bool is_format(const char *word) {
  return (!strncmp(word, "PRI", 3) || !strncmp(word, "SCN", 3)) && word[3] &&
         strchr("diouxX", word[3]) &&
         (isupper((unsigned char)word[4]) || isdigit((unsigned char)word[4]));
}

bool c_is_reserved(const char *word) {
  return is_one_of(word, keywords) || is_one_of(word, library) || is_one_of(word, errors) ||
         is_one_of(word, signals) || is_one_of(word, own) || is_of_a_family(word) ||
         is_format(word) || names_elements(word);
}

bool c_identifier(const char *word) {
  if (!isalpha((unsigned char)*word))
    return false; /* leading underscores are the implementation's */
  for (const char *c = word; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return false;
  return !c_is_reserved(word);
}

Name c_safe_name(Cx *cx, const char *word) {
  if (c_identifier(word)) return name_of(cx, word);
  char *s = arena_copy(cx->arena, word, strlen(word) + 1);
  for (char *c = s; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') *c = '_';
  return isalpha((unsigned char)*s) ? name_fmt(cx, "%s_", s) : name_fmt(cx, "v%s", s);
}
