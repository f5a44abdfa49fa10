/* help_complete.c: the tables of commands and options -> completions for bash and zsh. The scripts
 * know the words of the tables; names of functions they read from the .nn file on the line. */
#include "cli/help.h"

/* ---- bash ---- */
static void option_words(const CommandInfo *c, Text *out) {
  for (int id = 0; id < O_COUNT; id++) {
    const OptInfo *o = &opt_info[id];
    if (!opt_belongs(o, c)) continue;
    if (o->letter) text_fmt(out, " -%c", o->letter);
    text_fmt(out, " --%s", o->name);
  }
}

static const char *bash_kind(WordKind k) {
  switch (k) {
  case WORD_FILE: return "file";
  case WORD_NN: return "nn";
  case WORD_FUNCTION: return "function";
  case WORD_CODE: return "code";
  case WORD_COMMAND: return "command";
  case WORD_ANY: break;
  }
  return "none";
}

static void choice_words(const OptInfo *o, Text *out) {
  for (const char *s = o->arg; *s; s++) text_add_n(out, *s == '|' ? " " : s, 1);
}

/* What the argument of an option is: a list of words, or a kind. */
static void bash_arguments(Text *out) {
  text_add(out, "_gradc_argument() {\n  case $1$2 in\n");
  for (int id = 0; id < O_COUNT; id++) {
    const OptInfo *o = &opt_info[id];
    if (o->type == OPT_FLAG) continue;
    const char *any = strcmp(o->command, "all") ? o->command : "*";
    text_fmt(out, "    %s--%s", any, o->name);
    if (o->letter) text_fmt(out, " | %s-%c", any, o->letter);
    text_add(out, ") echo ");
    if (o->type != OPT_CHOICE) {
      text_fmt(out, "%s ;;\n", bash_kind(argument_kind(o)));
      continue;
    }
    text_add(out, "words ");
    choice_words(o, out);
    text_add(out, " ;;\n");
  }
  text_add(out, "  esac\n}\n");
}

static void bash_operands(Text *out) {
  text_add(out, "_gradc_operand() {\n  case $1 in\n");
  for (int i = 0; i < command_count; i++) {
    const CommandInfo *c = &command_info[i];
    text_fmt(out, "    %s) if [ \"$2\" -eq 0 ]; then echo %s; else echo %s; fi ;;\n", c->name,
             bash_kind(operand_kind(c, 0)), bash_kind(operand_kind(c, 1)));
  }
  text_add(out, "  esac\n}\n");
}

static const char bash_tail[] =
    "# The functions of the first .nn file on the line.\n"
    "_gradc_functions() {\n"
    "  local word\n"
    "  for word in \"${COMP_WORDS[@]}\"; do\n"
    "    if [[ $word == *.nn && -r $word ]]; then\n"
    "      sed -n 's/^fn  *\\([A-Za-z_][A-Za-z0-9_]*\\).*/\\1/p' \"$word\"\n"
    "      return\n"
    "    fi\n"
    "  done\n"
    "}\n"
    "# _gradc_offer KIND [WORD...]: fills COMPREPLY with what $cur can become.\n"
    "_gradc_offer() {\n"
    "  local kind=$1\n"
    "  shift\n"
    "  case $kind in\n"
    "    words) COMPREPLY=($(compgen -W \"$*\" -- \"$cur\")) ;;\n"
    "    command) COMPREPLY=($(compgen -W \"$_gradc_commands\" -- \"$cur\")) ;;\n"
    "    code) COMPREPLY=($(compgen -W \"$(gradc explain 2>/dev/null | cut -d' ' -f1)\" -- "
    "\"$cur\")) ;;\n"
    "    function) COMPREPLY=($(compgen -W \"$(_gradc_functions)\" -- \"$cur\")) ;;\n"
    "    file) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
    "    nn) COMPREPLY=($(compgen -f -X '!*.nn' -- \"$cur\") $(compgen -d -S / -- \"$cur\")) ;;\n"
    "  esac\n"
    "}\n"
    "_gradc() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "  local command=${COMP_WORDS[1]} kind i count=0\n"
    "  COMPREPLY=()\n"
    "  # --name=value comes as three words.\n"
    "  if [[ $cur == = ]]; then\n"
    "    cur=\n"
    "  elif [[ $prev == = ]]; then\n"
    "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  if ((COMP_CWORD == 1)); then\n"
    "    if [[ $cur == -* ]]; then _gradc_offer words \"$(_gradc_options '')\"; else _gradc_offer "
    "command; fi\n"
    "    return\n"
    "  fi\n"
    "  if [[ $prev == -* ]]; then\n"
    "    kind=$(_gradc_argument \"$command\" \"$prev\")\n"
    "    if [[ -n $kind ]]; then\n"
    "      _gradc_offer $kind\n"
    "      return\n"
    "    fi\n"
    "  fi\n"
    "  if [[ $cur == -* ]]; then\n"
    "    _gradc_offer words \"$(_gradc_options \"$command\")\"\n"
    "    return\n"
    "  fi\n"
    "  for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "    case ${COMP_WORDS[i]} in\n"
    "      -* | =) ;;\n"
    "      *) [[ ${COMP_WORDS[i - 1]} == = || -n $(_gradc_argument \"$command\" \"${COMP_WORDS[i - "
    "1]}\") ]] || ((++count)) ;;\n"
    "    esac\n"
    "  done\n"
    "  _gradc_offer $(_gradc_operand \"$command\" $count)\n"
    "}\n"
    "complete -o filenames -F _gradc gradc\n";

void help_bash(Text *out) {
  text_add(out,
           "# Completion of gradc's command line for bash; made by `gradc help --format bash`.\n");
  text_add(out, "_gradc_commands='");
  for (int i = 0; i < command_count; i++) text_fmt(out, "%s%s", i ? " " : "", command_info[i].name);
  text_add(out, "'\n_gradc_options() {\n  case $1 in\n");
  for (int i = 0; i < command_count; i++) {
    text_fmt(out, "    %s) echo", command_info[i].name);
    option_words(&command_info[i], out);
    text_add(out, " ;;\n");
  }
  text_add(out, "    *) echo");
  option_words(NULL, out);
  text_add(out, " ;;\n  esac\n}\n# _gradc_argument COMMAND OPTION: what follows the option; "
                "nothing: no argument.\n");
  bash_arguments(out);
  text_add(out, "# _gradc_operand COMMAND NUMBER\n");
  bash_operands(out);
  text_add(out, bash_tail);
}

/* ---- zsh ---- */
/* Inside '..[..]' of _arguments. */
static void zsh_text(Text *out, const char *s) {
  for (; *s; s++) {
    if (*s == '\'') text_add(out, "'\\''");
    else if (strchr("[]:\\", *s)) text_fmt(out, "\\%c", *s);
    else text_add_n(out, s, 1);
  }
}

static void zsh_action(Text *out, WordKind k) {
  switch (k) {
  case WORD_FILE: text_add(out, "_files"); break;
  case WORD_NN: text_add(out, "_files -g \"*.nn(-.)\""); break;
  case WORD_FUNCTION: text_add(out, "_gradc_functions"); break;
  case WORD_CODE: text_add(out, "_gradc_codes"); break;
  case WORD_COMMAND: text_add(out, "_gradc_commands"); break;
  case WORD_ANY: text_add(out, " "); break;
  }
}

static void zsh_option(const OptInfo *o, Text *out) {
  bool takes = o->type != OPT_FLAG, again = o->type == OPT_LIST;
  text_add(out, " \\\n        ");
  if (again) text_add(out, "'*'");
  else if (o->letter) text_fmt(out, "'(-%c --%s)'", o->letter, o->name);
  if (o->letter)
    text_fmt(out, "{-%c%s,--%s%s}'", o->letter, takes ? "+" : "", o->name, takes ? "=" : "");
  else text_fmt(out, "'--%s%s", o->name, takes ? "=" : "");
  text_add(out, "[");
  zsh_text(out, o->help);
  text_add(out, "]");
  if (takes) {
    text_add(out, ":");
    zsh_text(out, o->type == OPT_CHOICE ? "word" : o->arg);
    text_add(out, ":");
    if (o->type == OPT_CHOICE) {
      text_add(out, "(");
      choice_words(o, out);
      text_add(out, ")");
    } else {
      zsh_action(out, argument_kind(o));
    }
  }
  text_add(out, "'");
}

static void zsh_options(const CommandInfo *c, Text *out) {
  for (int id = 0; id < O_COUNT; id++)
    if (opt_belongs(&opt_info[id], c)) zsh_option(&opt_info[id], out);
}

static const char zsh_helpers[] =
    "_gradc_functions() {\n"
    "  local file=${words[(r)*.nn]}\n"
    "  local -a names\n"
    "  [[ -r $file ]] && names=(${(f)\"$(sed -n 's/^fn  *\\([A-Za-z_][A-Za-z0-9_]*\\).*/\\1/p' "
    "$file)\"})\n"
    "  _describe function names\n"
    "}\n"
    "_gradc_codes() {\n"
    "  local -a codes\n"
    "  codes=(${(f)\"$(gradc explain 2>/dev/null | sed 's/:/\\\\:/g; s/  */:/')\"})\n"
    "  _describe diagnostic codes\n"
    "}\n";

void help_zsh(Text *out) {
  text_add(out, "#compdef gradc\n# Completion of gradc's command line for zsh; made by `gradc help "
                "--format zsh`.\n");
  text_add(out, zsh_helpers);
  text_add(out, "_gradc_commands() {\n  local -a commands\n  commands=(\n");
  for (int i = 0; i < command_count; i++) {
    text_fmt(out, "    '%s:", command_info[i].name);
    zsh_text(out, command_info[i].title);
    text_add(out, "'\n");
  }
  text_add(out, "  )\n  _describe command commands\n}\n_gradc() {\n  local curcontext=$curcontext "
                "state line\n");
  text_add(out, "  _arguments -C '1:command:_gradc_commands' '*::operand:->operand'");
  zsh_options(NULL, out);
  text_add(out, "\n  [[ $state == operand ]] || return\n  case $words[1] in\n");
  for (int i = 0; i < command_count; i++) {
    const CommandInfo *c = &command_info[i];
    text_fmt(out, "    %s)\n      _arguments -s -S '1:operand:", c->name);
    zsh_action(out, operand_kind(c, 0));
    text_add(out, "' '*:operand:");
    zsh_action(out, operand_kind(c, 1));
    text_add(out, "'");
    zsh_options(c, out);
    text_add(out, " ;;\n");
  }
  text_add(out, "  esac\n}\n_gradc \"$@\"\n");
}
