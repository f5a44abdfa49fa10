/* help_syntax.c: the language's own tables (tokens, element types, builtins, operators, the
 * prelude)
 * -> syntax files for Vim and, as a TextMate grammar, for VS Code and its kin. */
#include "cli/help.h"

static const struct {
  const char *words, *vim, *link, *scope; /* words: what gradc_words() calls them */
} class_info[] = {
    {"declaration", "nnDeclaration", "Keyword", "storage.type.nn"},
    {"control", "nnControl", "Conditional", "keyword.control.nn"},
    {"logic", "nnLogic", "Operator", "keyword.operator.word.nn"},
    {"constant", "nnConstant", "Constant", "constant.language.nn"},
    {"type", "nnType", "Type", "storage.type.numeric.nn"},
    {"derivative", "nnDerivative", "Special", "support.function.derivative.nn"},
    {"function", "nnFunction", "Function", "support.function.nn"},
};
enum { CLASSES = COUNT_OF(class_info) };

/* ---- Vim ---- */
static void vim_words(gradc_context *gc, Text *out, int class) {
  const char *word;
  size_t line = 100;
  int i = 0;
  for (; (word = gradc_word(gc, class_info[class].words, i)); i++) {
    size_t n = strlen(word) + 1;
    if (line + n > 98) {
      text_fmt(out, "%ssyn keyword %s", i ? "\n" : "", class_info[class].vim);
      line = 20;
    }
    text_fmt(out, " %s", word);
    line += n;
  }
  if (i) text_add(out, "\n");
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

void help_vim(gradc_context *gc, Text *out) {
  text_add(out,
           "\" Vim syntax file for .nn, the language of gradc; made by `gradc help --format vim`.\n"
           "if exists(\"b:current_syntax\")\n  finish\nendif\n\n");
  for (int class = 0; class < CLASSES; class ++) vim_words(gc, out, class);
  text_add(out, vim_matches);
  for (int class = 0; class < CLASSES; class ++)
    text_fmt(out, "hi def link %s %s\n", class_info[class].vim, class_info[class].link);
  text_add(out, "\nlet b:current_syntax = \"nn\"\n");
}

/* ---- TextMate ---- */
static void textmate_words(gradc_context *gc, Text *out, int class) {
  const char *word;
  text_fmt(out, "    {\"name\": \"%s\", \"match\": \"\\\\b(", class_info[class].scope);
  for (int i = 0; (word = gradc_word(gc, class_info[class].words, i)); i++)
    text_fmt(out, "%s%s", i ? "|" : "", word);
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
    "    {\"match\": \"\\\\b(param|state|const)\\\\s+([A-Za-z_][\\\\w.]*)\", \"captures\": {\n"
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

void help_textmate(gradc_context *gc, Text *out) {
  text_add(out, textmate_head);
  for (int class = 0; class < CLASSES; class ++) textmate_words(gc, out, class);
  text_add(out, textmate_tail);
}
