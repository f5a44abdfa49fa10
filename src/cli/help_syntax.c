/* help_syntax.c: the language's own tables (tokens, element types, builtins, operators, the
 * prelude)
 * -> syntax files for Vim and, as a TextMate grammar, for VS Code and its kin. */
#include "base/embedded.h"
#include "cli/help.h"
#include "front/parse.h"
#include "ir/ir.h"

#include <ctype.h>

typedef enum WordClass {
  CLASS_DECLARATION, /* fn param const .. */
  CLASS_CONTROL,     /* if for while .. */
  CLASS_LOGIC,       /* and or not */
  CLASS_CONSTANT,    /* true false inf nan */
  CLASS_TYPE,
  CLASS_DERIVATIVE,
  CLASS_FUNCTION,
  CLASSES
} WordClass;

/* ---- the words of a class ---- */
typedef Vec(const char *) Words;

static void add_word(Arena *a, Words *w, const char *s, size_t n) {
  for (int i = 0; i < w->n; i++)
    if (strlen(w->at[i]) == n && !memcmp(w->at[i], s, n)) return;
  char *copy = arena_alloc(a, n + 1);
  memcpy(copy, s, n);
  vec_push(a, w, copy);
}

static WordClass class_of_token(int row) {
  switch (row) {
  case ROW_FN:
  case ROW_PARAM:
  case ROW_CONST:
  case ROW_LAYER:
  case ROW_IMPORT:
  case ROW_TEST:
  case ROW_LET:
  case ROW_VAR: return CLASS_DECLARATION;
  case ROW_AND:
  case ROW_OR:
  case ROW_NOT: return CLASS_LOGIC;
  case ROW_TRUE:
  case ROW_FALSE: return CLASS_CONSTANT;
  default: return CLASS_CONTROL;
  }
}

/* `max` and `count` are words of a loop's head only, and functions or names elsewhere. */
static void add_tokens(Arena *a, Words *w, WordClass class) {
  for (int row = 0; row < TOKEN_ROWS; row++) {
    const char *text = token_info[row].text;
    bool elsewhere = row == ROW_MAX || row == ROW_COUNT;
    if (isalpha((unsigned char)*text) && !elsewhere && class_of_token(row) == class)
      add_word(a, w, text, strlen(text));
  }
}

static bool is_derivative(const char *name) {
  static const char *const names[] = {"grad", "value_and_grad", "jvp",     "vjp",       "hvp",
                                      "stop", "jacobian",       "hessian", "checkpoint"};
  for (int i = 0; i < COUNT_OF(names); i++)
    if (!strcmp(names[i], name)) return true;
  return false;
}

static void add_builtins(Arena *a, Words *w, bool derivatives) {
  static const char *const names[] = {
#define BUILTIN(name, params, doc) #name,
#include "front/builtin.def"
#undef BUILTIN
  };
  for (int i = 0; i < COUNT_OF(names); i++)
    if (is_derivative(names[i]) == derivatives) add_word(a, w, names[i], strlen(names[i]));
  for (int op = 0; op < OP_COUNT; op++)
    if (op_info[op].kind == KIND_MAP && !*op_info[op].symbol &&
        is_derivative(op_info[op].name) == derivatives)
      add_word(a, w, op_info[op].name, strlen(op_info[op].name));
}

static bool is_keyword(const char *word) {
  for (int row = 0; row < TOKEN_ROWS; row++)
    if ((token_info[row].flags & F_WORD) && !strcmp(token_info[row].text, word)) return true;
  return false;
}

/* Names that the prelude declares at the beginning of a line behind the word. */
static void add_prelude(Arena *a, Words *w, const char *word, bool derivatives) {
  size_t n = strlen(word);
  for (const char *s = prelude_nn; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
    if (strncmp(s, word, n)) continue;
    size_t len = strspn(s + n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    char name[64] = "";
    if (len < sizeof name) memcpy(name, s + n, len);
    if (is_derivative(name) == derivatives && !is_keyword(name)) add_word(a, w, s + n, len);
  }
}

static Words words_of(Arena *a, WordClass class) {
  Words w = {0};
  add_tokens(a, &w, class);
  switch (class) {
  case CLASS_TYPE:
    w.n = 0;
    for (int t = 0; t < DTYPE_COUNT; t++)
      add_word(a, &w, type_info[t].word, strlen(type_info[t].word));
    break;
  case CLASS_CONSTANT:
    add_word(a, &w, "inf", 3);
    add_word(a, &w, "nan", 3);
    add_prelude(a, &w, "const ", false);
    break;
  case CLASS_DERIVATIVE:
  case CLASS_FUNCTION:
    w.n = 0;
    add_builtins(a, &w, class == CLASS_DERIVATIVE);
    add_prelude(a, &w, "fn ", class == CLASS_DERIVATIVE);
    add_prelude(a, &w, "layer ", class == CLASS_DERIVATIVE);
    break;
  default: break;
  }
  return w;
}

/* ---- Vim ---- */
static const struct {
  const char *vim, *link, *scope;
} class_info[CLASSES] = {
    [CLASS_DECLARATION] = {"nnDeclaration", "Keyword", "storage.type.nn"},
    [CLASS_CONTROL] = {"nnControl", "Conditional", "keyword.control.nn"},
    [CLASS_LOGIC] = {"nnLogic", "Operator", "keyword.operator.word.nn"},
    [CLASS_CONSTANT] = {"nnConstant", "Constant", "constant.language.nn"},
    [CLASS_TYPE] = {"nnType", "Type", "storage.type.numeric.nn"},
    [CLASS_DERIVATIVE] = {"nnDerivative", "Special", "support.function.derivative.nn"},
    [CLASS_FUNCTION] = {"nnFunction", "Function", "support.function.nn"},
};

static void vim_words(Text *out, WordClass class) {
  Words w = words_of(out->arena, class);
  size_t line = 100;
  for (int i = 0; i < w.n; i++) {
    size_t n = strlen(w.at[i]) + 1;
    if (line + n > 98) {
      text_fmt(out, "%ssyn keyword %s", i ? "\n" : "", class_info[class].vim);
      line = 20;
    }
    text_fmt(out, " %s", w.at[i]);
    line += n;
  }
  if (w.n) text_add(out, "\n");
}

static const char vim_matches[] =
    "syn match nnOperator \"[-+*/%@<>=~!]=\\?\\|\\*\\*\\|//\\|\\.\\.\"\n"
    "syn match nnNumber \"\\<\\d\\(_\\?\\d\\)*\\(\\.\\.\\@!\\d*\\)\\?\\([eE][-+]\\?\\d\\+\\)\\?\"\n"
    "syn match nnNumber \"\\.\\d\\+\\([eE][-+]\\?\\d\\+\\)\\?\"\n"
    "syn match nnNumber "
    "\"\\<0[xX][0-9A-Fa-f_]*\\(\\.[0-9A-Fa-f]*\\)\\?\\([pP][-+]\\?\\d\\+\\)\\?\"\n"
    "syn match nnName \"\\%(\\<\\%(fn\\|layer\\)\\s\\+\\)\\@<=\\h\\w*\"\n"
    "syn match nnEscape \"\\\\[nt\\\\\\\"]\" contained\n"
    "syn region nnString start=+\"+ skip=+\\\\.+ end=+\"+ oneline contains=nnEscape\n"
    "syn keyword nnTodo TODO FIXME NOTE contained\n"
    "syn match nnComment \"#.*$\" contains=nnTodo,@Spell\n"
    "\n"
    "hi def link nnOperator Operator\n"
    "hi def link nnNumber Number\n"
    "hi def link nnName Identifier\n"
    "hi def link nnEscape SpecialChar\n"
    "hi def link nnString String\n"
    "hi def link nnTodo Todo\n"
    "hi def link nnComment Comment\n";

void help_vim(Text *out) {
  text_add(out,
           "\" Vim syntax file for .nn, the language of gradc; made by `gradc help --format vim`.\n"
           "if exists(\"b:current_syntax\")\n  finish\nendif\n\n");
  for (int class = 0; class < CLASSES; class ++) vim_words(out, (WordClass) class);
  text_add(out, vim_matches);
  for (int class = 0; class < CLASSES; class ++)
    text_fmt(out, "hi def link %s %s\n", class_info[class].vim, class_info[class].link);
  text_add(out, "\nlet b:current_syntax = \"nn\"\n");
}

/* ---- TextMate ---- */
static void textmate_words(Text *out, WordClass class) {
  Words w = words_of(out->arena, class);
  text_fmt(out, "    {\"name\": \"%s\", \"match\": \"\\\\b(", class_info[class].scope);
  for (int i = 0; i < w.n; i++) text_fmt(out, "%s%s", i ? "|" : "", w.at[i]);
  text_add(out, ")\\\\b\"},\n");
}

static const char textmate_head[] =
    "{\n"
    "  \"comment\": \"made by `gradc help --format textmate`\",\n"
    "  \"name\": \"nn\",\n"
    "  \"scopeName\": \"source.nn\",\n"
    "  \"fileTypes\": [\"nn\"],\n"
    "  \"patterns\": [\n"
    "    {\"name\": \"comment.line.number-sign.nn\", \"match\": \"#.*$\"},\n"
    "    {\"name\": \"string.quoted.double.nn\", \"begin\": \"\\\"\", \"end\": \"\\\"|$\", "
    "\"patterns\": [\n"
    "      {\"name\": \"constant.character.escape.nn\", \"match\": "
    "\"\\\\\\\\[nt\\\"\\\\\\\\]\"}]},\n"
    "    {\"match\": \"\\\\b(fn|layer)\\\\s+([A-Za-z_]\\\\w*)\", \"captures\": {\n"
    "      \"1\": {\"name\": \"storage.type.nn\"}, \"2\": {\"name\": "
    "\"entity.name.function.nn\"}}},\n"
    "    {\"match\": \"\\\\b(param|const)\\\\s+([A-Za-z_][\\\\w.]*)\", \"captures\": {\n"
    "      \"1\": {\"name\": \"storage.type.nn\"}, \"2\": {\"name\": "
    "\"variable.other.constant.nn\"}}},\n";
static const char textmate_tail[] =
    "    {\"name\": \"constant.numeric.hex.nn\", \"match\": "
    "\"\\\\b0[xX][0-9A-Fa-f_]*(\\\\.[0-9A-Fa-f]*)?([pP][-+]?\\\\d+)?\"},\n"
    "    {\"name\": \"constant.numeric.nn\", \"match\": "
    "\"\\\\b\\\\d(_?\\\\d)*(\\\\.(?!\\\\.)\\\\d*)?([eE][-+]?\\\\d+)?|\\\\.\\\\d+([eE][-+]?\\\\d+)?"
    "\"},\n"
    "    {\"name\": \"keyword.operator.nn\", \"match\": "
    "\"\\\\*\\\\*|//|\\\\.\\\\.\\\\.?|[-+*/%@<>=~!]=?\"}\n"
    "  ]\n"
    "}\n";

void help_textmate(Text *out) {
  text_add(out, textmate_head);
  for (int class = 0; class < CLASSES; class ++) textmate_words(out, (WordClass) class);
  text_add(out, textmate_tail);
}
