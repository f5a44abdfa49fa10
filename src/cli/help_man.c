/* help_man.c: the tables of commands and options -> manual pages (man(7) macros). */
#include "cli/help.h"
#include "config.h"

#include <ctype.h>

/* ---- text ---- */
static void roff(Text *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    bool first = out->n == 0 || out->at[out->n - 1] == '\n';
    if (first && (s[i] == '.' || s[i] == '\'')) text_add(out, "\\&");
    if (s[i] == '\\') text_add(out, "\\e");
    else if (s[i] == '-') text_add(out, "\\-");
    else text_add_n(out, s + i, 1);
  }
}

static void roff_line(Text *out, const char *s) {
  roff(out, s, strlen(s));
  text_add(out, "\n");
}

/* Paragraphs; lines that begin with a blank are examples and stand as they are. */
static void roff_about(Text *out, const char *about) {
  bool example = false;
  for (size_t n; *about; about += n + (about[n] == '\n')) {
    n = strcspn(about, "\n");
    bool indented = *about == ' ';
    if (indented != example) text_add(out, indented ? ".PP\n.nf\n" : ".fi\n");
    example = indented;
    if (!n) text_add(out, ".PP\n");
    else roff(out, about, n), text_add(out, "\n");
  }
  if (example) text_add(out, ".fi\n");
}

static void upper(Text *out, const char *s) {
  for (; *s; s++) text_fmt(out, "%c", toupper((unsigned char)*s));
}

/* ---- parts of a page ---- */
static void page_head(const CommandInfo *c, Text *out) {
  text_add(out, ".\\\" made by `gradc help --format man` from gradc's tables\n.TH GRADC");
  if (c) text_add(out, "\\-"), upper(out, c->name);
  text_fmt(out, " 1 \"\" \"gradc %s\" \"User Commands\"\n.SH NAME\n", PACKAGE_VERSION);
  text_fmt(out, "gradc%s%s \\- ", c ? "\\-" : "", c ? c->name : "");
  roff_line(out, c ? c->title : "compile and differentiate small programs");
  text_add(out, ".SH SYNOPSIS\n.B gradc");
  text_fmt(out, " %s\n.RI [ OPTION ]...\n", c ? c->name : "\\fICOMMAND\\fR");
  roff_line(out, c ? c->operands : "[OPERAND]...");
}

static void option(const OptInfo *o, Text *out) {
  text_add(out, ".TP\n");
  if (o->letter) text_fmt(out, "\\fB\\-%c\\fR, ", o->letter);
  text_add(out, "\\fB\\-\\-");
  roff(out, o->name, strlen(o->name));
  text_add(out, "\\fR");
  if (*o->arg) text_add(out, "=\\fI"), roff(out, o->arg, strlen(o->arg)), text_add(out, "\\fR");
  text_add(out, "\n");
  roff_line(out, o->help);
}

static void options(const CommandInfo *c, Text *out) {
  text_add(out, ".SH OPTIONS\n");
  for (int own = 1; own >= 0; own--)
    for (int id = 0; id < O_COUNT; id++)
      if (opt_belongs(&opt_info[id], c) && own != !strcmp(opt_info[id].command, "all"))
        option(&opt_info[id], out);
}

static void commands(Text *out) {
  text_add(out, ".SH COMMANDS\n");
  for (int i = 0; i < command_count; i++) {
    text_fmt(out, ".TP\n.BR gradc\\-%s (1)\n", command_info[i].name);
    roff_line(out, command_info[i].title);
  }
}

static void status_and_environment(Text *out) {
  static const struct {
    const char *name, *about;
  } environment[] = {
#define ENVIRONMENT(name, about) {#name, about},
#include "cli/environment.def"
#undef ENVIRONMENT
  };
  text_add(out, ".SH EXIT STATUS\n");
#define _(name, code, text) text_fmt(out, ".TP\n%d\n%s\n", code, text);
  STATUS_TABLE(_)
#undef _
  text_add(out, ".SH ENVIRONMENT\n");
  for (int i = 0; i < COUNT_OF(environment); i++) {
    text_fmt(out, ".TP\n.B %s\n", environment[i].name);
    roff_line(out, environment[i].about);
  }
}

void help_man(const CommandInfo *c, Text *out) {
  page_head(c, out);
  text_add(out, ".SH DESCRIPTION\n");
  roff_about(out,
             c ? c->about
               : "gradc compiles small programs of arrays, written in .nn files, to machine code\n"
                 "or C, and differentiates them; it trains what has parameters. Each command has\n"
                 "a page of its own.");
  if (!c) commands(out);
  options(c, out);
  status_and_environment(out);
  text_add(out, ".SH SEE ALSO\n");
  if (c) text_add(out, ".BR gradc (1)\n");
  if (!c) roff_line(out, "The documents installed with gradc, and `gradc explain`.");
}
