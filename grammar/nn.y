/* nn.y: tokens -> syntax tree, nothing else. The driver (src/front/parse.c) pushes the tokens in,
 * already with a SEP at every end of a statement that something follows, reports what is wrong in
 * words, and drops the rest of a statement after an error; so `error` here always stands for the
 * rest of one statement. */
%require "3.8"
%define api.prefix {nn_}
%define api.pure full
%define api.push-pull push
%define api.token.prefix {TOK_}
%define api.value.type {TokenValue}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction accepting
%locations
%expect 0
%param {Parser *p}

%code requires {
#include "front/parse.h"
}
%code {
#define YYMAXDEPTH 10000
#define YYLLOC_DEFAULT(Cur, Rhs, N)                                                                \
  ((Cur) = (N) ? span_join(YYRHSLOC(Rhs, 1), YYRHSLOC(Rhs, N))                                     \
               : (Span){YYRHSLOC(Rhs, 0).source, YYRHSLOC(Rhs, 0).hi, YYRHSLOC(Rhs, 0).hi})

#define KIDS(...)  COUNT_OF(((Node *[]){__VA_ARGS__})), (Node *[]){__VA_ARGS__}
#define MAKE(kind, span, name, ...) parse_node(p, NODE_##kind, span, name, KIDS(__VA_ARGS__))
#define LEAF(kind, span, name)      parse_node(p, NODE_##kind, span, name, 0, NULL)
#define LIST(kind, span, name, a, b, rest) parse_list_node(p, NODE_##kind, span, name, a, b, rest)
#define NOTHING ((NodeList){0})

static void yyerror(const Span *at, Parser *p, const char *text);

static Node *error_node(Parser *p, Span at) { return LEAF(ERROR, at, NULL); }

static Node *name_node(Parser *p, Span at, Name name) {
  Node *n = LEAF(NAME, at, name);
  n->name_span = at;
  return n;
}

static Node *with_name_at(Node *n, Span name_span) {
  n->name_span = name_span;
  return n;
}

static Node *with_doc(Node *n, Span name_span, const char *doc) {
  n->name_span = name_span;
  n->doc = doc;
  return n;
}

static Node *binary(Parser *p, Span at, Op op, Node *a, Node *b) {
  Node *n = MAKE(BINARY, at, NULL, a, b);
  if (n->kind == NODE_BINARY) n->u.op = op;
  return n;
}

static Node *unary(Parser *p, Span at, Op op, Node *a) {
  Node *n = MAKE(UNARY, at, NULL, a);
  if (n->kind == NODE_UNARY) n->u.op = op;
  return n;
}

static Node *integer(Parser *p, Span at, int64_t i) {
  Node *n = LEAF(INT, at, NULL);
  n->u.i = i;
  return n;
}

/* A parameter's declaration as that of a state. */
static Node *state(Node *n) {
  n->u.i = 1;
  return n;
}

static Node *rule(Parser *p, Span at, Name name, int64_t tangent, NodeList before, NodeList after, Node *body) {
  Node *n = MAKE(RULE, at, name, body, LIST(TUPLE, at, NULL, NULL, NULL, before), LIST(TUPLE, at, NULL, NULL, NULL, after));
  n->u.i = tangent;
  return n;
}

static Node *truth(Parser *p, Span at, bool value) {
  Node *n = LEAF(BOOL, at, NULL);
  n->u.i = value;
  return n;
}
}

%token END 0
%token SEP THEN ELSE IF AND OR NOT TRUE FALSE LET VAR FOR WHILE IN MAX COUNT REVERSED
%token CHECK TOL IMPORT CHECKPOINT
%token <doc> FN PARAM STATE CONST LAYER TEST ADJOINT TANGENT
%token <name> NAME REDUCE STRING
%token <i> INT
%token <f> FLOAT
%token LPAREN RPAREN LBRACKET RBRACKET LBRACE RBRACE COMMA COLON ASSIGN ADDTO SUBFROM MULBY DIVBY TILDE DOT DOTDOT ELLIPSIS
%token PLUS MINUS STAR SLASH IDIV PERCENT AT POW EQ NE LT LE GT GE CLOSE
/* What the source is, pushed first. */
%token AS_FILE AS_LINE
/* Between lexer and driver; no rule has them. */
%token BAD NEWLINE COMMENT

%precedence ELSE
%left OR
%left AND
%precedence NOT
%nonassoc EQ NE LT LE GT GE
%left PLUS MINUS
%precedence BODY
%left STAR SLASH IDIV PERCENT AT
%precedence NEGATIVE
%right POW

%type <node> decl init value type result body param size stmt expr primary arg at slice bound label
%type <node> const_type arg_type arg_default name range whole_range limit going count block choice tolerance
%type <name> dotted
%type <i> assign
%type <list> params param_list sizes size_list stmts args arg_list ats at_list labels label_list
%type <list> items names name_list tuple_start rule_names rule_list
%type <node> rule_name

%%

input:
    AS_FILE
  | AS_FILE decls
  | AS_LINE
  | AS_LINE decls
  | AS_LINE expr                        { p->expr = $2; }
  ;

/* ---- declarations ---- */
decls:
    decl                                { p->decls = parse_list(p, p->decls, $1); }
  | decls SEP decl                      { p->decls = parse_list(p, p->decls, $3); }
  ;

decl:
    PARAM dotted COLON type init        { $$ = with_doc(MAKE(PARAM, @$, $2, $4, $5), @2, $1); }
  | PARAM NAME error                    { $$ = with_doc(MAKE(PARAM, @$, $2, error_node(p, @3), NULL), @2, $1); }
  | PARAM dotted COLON error            { $$ = with_doc(MAKE(PARAM, @$, $2, error_node(p, @4), NULL), @2, $1); }
  | PARAM dotted DOT NAME error         { $$ = with_doc(MAKE(PARAM, @$, name_fmt(p->cx, "%s.%s", $2, $4), error_node(p, @5), NULL), @2, $1); }
  | STATE dotted COLON type init        { $$ = state(with_doc(MAKE(PARAM, @$, $2, $4, $5), @2, $1)); }
  | STATE NAME error                    { $$ = state(with_doc(MAKE(PARAM, @$, $2, error_node(p, @3), NULL), @2, $1)); }
  | STATE dotted COLON error            { $$ = state(with_doc(MAKE(PARAM, @$, $2, error_node(p, @4), NULL), @2, $1)); }
  | STATE dotted DOT NAME error         { $$ = state(with_doc(MAKE(PARAM, @$, name_fmt(p->cx, "%s.%s", $2, $4), error_node(p, @5), NULL), @2, $1)); }
  | CONST NAME const_type ASSIGN value  { $$ = with_doc(MAKE(CONST, @$, $2, $3, $5), @2, $1); }
  | CONST NAME error                    { $$ = with_doc(MAKE(CONST, @$, $2, NULL, error_node(p, @3)), @2, $1); }
  | FN NAME LPAREN params RPAREN result body
                                        { $$ = with_doc(LIST(FN, @$, $2, $6, $7, $4), @2, $1); }
  | FN NAME error                       { $$ = with_doc(LIST(FN, @$, $2, NULL, error_node(p, @3), NOTHING), @2, $1); }
  | LAYER NAME LPAREN params RPAREN LPAREN params RPAREN result body
                                        { $$ = with_doc(parse_layer(p, @$, $2, $4, LIST(FN, @$, $2, $9, $10, $7)), @2, $1); }
  | LAYER NAME error                    { $$ = with_doc(parse_layer(p, @$, $2, NOTHING, LIST(FN, @$, $2, NULL, error_node(p, @3), NOTHING)), @2, $1); }
  | LET NAME ASSIGN value               { $$ = with_name_at(MAKE(LET, @$, $2, $4), @2); }
  | LET NAME error                      { $$ = with_name_at(MAKE(LET, @$, $2, error_node(p, @3)), @2); }
  | ADJOINT NAME LPAREN rule_names SEP rule_names RPAREN body
                                        { $$ = with_doc(rule(p, @$, $2, 0, $4, $6, $8), @2, $1); }
  | ADJOINT NAME error                  { $$ = error_node(p, @$); }
  | TANGENT NAME LPAREN rule_names SEP rule_names RPAREN body
                                        { $$ = with_doc(rule(p, @$, $2, 1, $4, $6, $8), @2, $1); }
  | TANGENT NAME error                  { $$ = error_node(p, @$); }
  | IMPORT STRING                       { $$ = with_name_at(LEAF(IMPORT, @$, $2), @2); }
  | IMPORT error                        { $$ = error_node(p, @$); }
  | TEST STRING LBRACE stmts RBRACE     { $$ = with_doc(LIST(TEST, @$, $2, NULL, NULL, $4), @2, $1); }
  | TEST STRING LBRACE RBRACE           { $$ = with_doc(LIST(TEST, @$, $2, NULL, NULL, NOTHING), @2, $1); }
  | TEST error                          { $$ = error_node(p, @$); }
  | error                               { $$ = error_node(p, @$); }
  ;

/* The names of a derivative rule: arguments, parameters, results. */
rule_names:
    rule_list
  | rule_list COMMA
  ;
rule_list:
    rule_name                           { $$ = parse_list(p, NOTHING, $1); }
  | rule_list COMMA rule_name           { $$ = parse_list(p, $1, $3); }
  ;
rule_name:
    dotted                              { $$ = name_node(p, @$, $1); }
  ;

/* The path of a layer's parameter, as printed programs declare it. */
dotted:
    NAME
  | dotted DOT NAME                     { $$ = name_fmt(p->cx, "%s.%s", $1, $3); }
  ;

init:
    %empty                              { $$ = NULL; }
  | TILDE value                         { $$ = $2; }
  ;

const_type:
    %empty                              { $$ = NULL; }
  | COLON type                          { $$ = $2; }
  ;

/* What a name is defined as. */
value:
    expr
  | error                               { $$ = error_node(p, @$); }
  ;

params:
    %empty                              { $$ = NOTHING; }
  | param_list
  | param_list COMMA
  ;
param_list:
    param                               { $$ = parse_list(p, NOTHING, $1); }
  | param_list COMMA param              { $$ = parse_list(p, $1, $3); }
  ;
param:
    NAME arg_type arg_default           { $$ = with_name_at(MAKE(ARG, @$, $1, $2, $3), @1); }
  ;
arg_type:
    %empty                              { $$ = NULL; }
  | COLON type                          { $$ = $2; }
  ;
arg_default:
    %empty                              { $$ = NULL; }
  | ASSIGN expr                         { $$ = $2; }
  ;

result:
    %empty                              { $$ = NULL; }
  | COLON type                          { $$ = $2; }
  ;

body:
    ASSIGN value                        { $$ = $2; }
  | LBRACE stmts RBRACE                 { $$ = parse_block(p, @$, $2); }
  | LBRACE RBRACE                       { $$ = parse_block(p, @$, NOTHING); }
  ;

/* ---- types ---- */
type:
    NAME                                { $$ = with_name_at(LIST(TYPE, @$, $1, NULL, NULL, NOTHING), @1); }
  | NAME LBRACKET sizes RBRACKET        { $$ = with_name_at(LIST(TYPE, @$, $1, NULL, NULL, $3), @1); }
  ;
sizes:
    size_list
  | size_list COMMA
  ;
size_list:
    size                                { $$ = parse_list(p, NOTHING, $1); }
  | size_list COMMA size                { $$ = parse_list(p, $1, $3); }
  ;
size:
    INT                                 { $$ = integer(p, @$, $1); }
  | NAME                                { $$ = name_node(p, @$, $1); }
  | size PLUS size                      { $$ = binary(p, @$, OP_add, $1, $3); }
  | size MINUS size                     { $$ = binary(p, @$, OP_sub, $1, $3); }
  | size STAR size                      { $$ = binary(p, @$, OP_mul, $1, $3); }
  | size IDIV size                      { $$ = binary(p, @$, OP_idiv, $1, $3); }
  | LPAREN size RPAREN                  { $$ = $2; }
  ;

/* ---- statements ---- */
stmts:
    stmt                                { $$ = parse_list(p, NOTHING, $1); }
  | stmts SEP stmt                      { $$ = parse_list(p, $1, $3); }
  ;
stmt:
    PARAM NAME COLON type init          { $$ = with_doc(MAKE(PARAM, @$, $2, $4, $5), @2, $1); }
  | PARAM NAME error                    { $$ = with_doc(MAKE(PARAM, @$, $2, error_node(p, @3), NULL), @2, $1); }
  | STATE NAME COLON type init          { $$ = state(with_doc(MAKE(PARAM, @$, $2, $4, $5), @2, $1)); }
  | STATE NAME error                    { $$ = state(with_doc(MAKE(PARAM, @$, $2, error_node(p, @3), NULL), @2, $1)); }
  | expr CLOSE expr tolerance           { $$ = MAKE(CLOSE, @$, NULL, $1, $3, $4); }
  | CHECK NAME primary                  { $$ = with_name_at(MAKE(CHECK, @$, $2, $3), @2); }
  | LET NAME ASSIGN value               { $$ = with_name_at(MAKE(LET, @$, $2, $4), @2); }
  | LET NAME LBRACKET labels RBRACKET ASSIGN value
                                        { $$ = with_name_at(LIST(DEFINE, @$, $2, $7, NULL, $4), @2); }
  | LET NAME error                      { $$ = with_name_at(MAKE(LET, @$, $2, error_node(p, @3)), @2); }
  | LET LPAREN names RPAREN ASSIGN value
                                        { $$ = LIST(LETS, @$, NULL, $6, NULL, $3); }
  | VAR NAME ASSIGN value               { $$ = with_name_at(MAKE(VAR, @$, $2, $4), @2); }
  | VAR NAME error                      { $$ = with_name_at(MAKE(VAR, @$, $2, error_node(p, @3)), @2); }
  | primary assign value                { $$ = parse_assign(p, @$, $1, (Op)$2, $3); }
  | FOR NAME IN range going count block { $$ = parse_for(p, @$, $2, $4, (Node *[]){$5, $6, $7}); $$->name_span = @2; }
  | WHILE expr limit count block        { $$ = MAKE(WHILE, @$, NULL, $2, $3, $4, $5); }
  | choice
  | expr
  | error                               { $$ = error_node(p, @$); }
  ;
tolerance:
    %empty                              { $$ = NULL; }
  | TOL expr                            { $$ = $2; }
  ;
assign:
    ASSIGN                              { $$ = OP_none; }
  | ADDTO                               { $$ = OP_add; }
  | SUBFROM                             { $$ = OP_sub; }
  | MULBY                               { $$ = OP_mul; }
  | DIVBY                               { $$ = OP_div; }
  ;
range:
    whole_range
  | expr
  | REVERSED LPAREN whole_range RPAREN  { $$ = $3; $$->u.i = 1; }
  | REVERSED LPAREN expr RPAREN         { $$ = MAKE(RANGE, @$, NULL, NULL, $3, NULL); $$->u.i = 1; }
  ;
whole_range:
    expr DOTDOT expr limit              { $$ = MAKE(RANGE, @$, NULL, $1, $3, $4); }
  ;
limit:
    %empty                              { $$ = NULL; }
  | MAX expr                            { $$ = $2; }
  ;
going:
    %empty                              { $$ = NULL; }
  | WHILE expr                          { $$ = $2; }
  ;
count:
    %empty                              { $$ = NULL; }
  | COUNT name                          { $$ = $2; }
  ;
block:
    LBRACE stmts RBRACE                 { $$ = parse_statements(p, @$, $2); }
  | LBRACE RBRACE                       { $$ = parse_statements(p, @$, NOTHING); }
  ;
choice:
    IF expr block                       { $$ = MAKE(CHOICE, @$, NULL, $2, $3, NULL); }
  | IF expr block ELSE block            { $$ = MAKE(CHOICE, @$, NULL, $2, $3, $5); }
  | IF expr block ELSE choice           { $$ = MAKE(CHOICE, @$, NULL, $2, $3, $5); }
  ;
names:
    name_list
  | name_list COMMA
  ;
name_list:
    name                                { $$ = parse_list(p, NOTHING, $1); }
  | name_list COMMA name                { $$ = parse_list(p, $1, $3); }
  ;
name:
    NAME                                { $$ = name_node(p, @$, $1); }
  ;

/* ---- labels of index notation ---- */
labels:
    label_list
  | label_list COMMA
  ;
label_list:
    label                               { $$ = parse_list(p, NOTHING, $1); }
  | label_list COMMA label              { $$ = parse_list(p, $1, $3); }
  ;
label:
    NAME                                { $$ = with_name_at(MAKE(LABEL, @$, $1, NULL), @1); }
  | NAME COLON expr DOTDOT expr
      { $$ = with_name_at(MAKE(LABEL, @$, $1, MAKE(RANGE, span_join(@3, @5), NULL, $3, $5)), @1); }
  ;

/* ---- expressions ---- */
expr:
    primary
  | CHECKPOINT primary                  { $$ = MAKE(CHECKPOINT, @$, NULL, $2); }
  | IF expr THEN expr ELSE expr         { $$ = MAKE(IF, @$, NULL, $2, $4, $6); }
  | expr OR expr                        { $$ = binary(p, @$, OP_or, $1, $3); }
  | expr AND expr                       { $$ = binary(p, @$, OP_and, $1, $3); }
  | NOT expr                            { $$ = unary(p, @$, OP_not, $2); }
  | expr EQ expr                        { $$ = binary(p, @$, OP_eq, $1, $3); }
  | expr NE expr                        { $$ = binary(p, @$, OP_ne, $1, $3); }
  | expr LT expr                        { $$ = binary(p, @$, OP_lt, $1, $3); }
  | expr LE expr                        { $$ = binary(p, @$, OP_le, $1, $3); }
  | expr GT expr                        { $$ = binary(p, @$, OP_gt, $1, $3); }
  | expr GE expr                        { $$ = binary(p, @$, OP_ge, $1, $3); }
  | expr PLUS expr                      { $$ = binary(p, @$, OP_add, $1, $3); }
  | expr MINUS expr                     { $$ = binary(p, @$, OP_sub, $1, $3); }
  | REDUCE LPAREN labels RPAREN expr %prec BODY
                                        { $$ = with_name_at(LIST(REDUCE, @$, $1, $5, NULL, $3), @1); }
  | expr STAR expr                      { $$ = binary(p, @$, OP_mul, $1, $3); }
  | expr SLASH expr                     { $$ = binary(p, @$, OP_div, $1, $3); }
  | expr IDIV expr                      { $$ = binary(p, @$, OP_idiv, $1, $3); }
  | expr PERCENT expr                   { $$ = binary(p, @$, OP_mod, $1, $3); }
  | expr AT expr                        { $$ = binary(p, @$, OP_contract, $1, $3); }
  | MINUS expr %prec NEGATIVE           { $$ = parse_negative(p, @$, $2); }
  | expr POW expr                       { $$ = binary(p, @$, OP_pow, $1, $3); }
  ;

primary:
    NAME                                { $$ = name_node(p, @$, $1); }
  | INT                                 { $$ = integer(p, @$, $1); }
  | FLOAT                               { $$ = LEAF(FLOAT, @$, NULL); $$->u.f = $1; }
  | TRUE                                { $$ = truth(p, @$, true); }
  | FALSE                               { $$ = truth(p, @$, false); }
  | STRING                              { $$ = LEAF(STRING, @$, $1); }
  | LPAREN expr RPAREN                  { $$ = $2; }
  | LPAREN RPAREN                       { $$ = LIST(TUPLE, @$, NULL, NULL, NULL, NOTHING); }
  | LPAREN tuple_start RPAREN           { $$ = LIST(TUPLE, @$, NULL, NULL, NULL, $2); }
  | LPAREN tuple_start expr RPAREN
                                        { $$ = LIST(TUPLE, @$, NULL, NULL, NULL, parse_list(p, $2, $3)); }
  | LBRACE stmts RBRACE                 { $$ = parse_block_value(p, @$, $2); }
  | LBRACKET items RBRACKET             { $$ = LIST(LIST, @$, NULL, NULL, NULL, $2); }
  | LBRACKET items COMMA RBRACKET       { $$ = LIST(LIST, @$, NULL, NULL, NULL, $2); }
  | LBRACKET expr SEP expr RBRACKET     { $$ = MAKE(REPEAT, @$, NULL, $2, $4); }
  | primary DOT NAME                    { $$ = with_name_at(MAKE(MEMBER, @$, $3, $1), @3); }
  | primary LPAREN args RPAREN          { $$ = LIST(CALL, @$, NULL, $1, NULL, $3); }
  | primary LBRACKET ats RBRACKET       { $$ = LIST(INDEX, @$, NULL, $1, NULL, $3); }
  ;

tuple_start:
    expr COMMA                          { $$ = parse_list(p, NOTHING, $1); }
  | tuple_start expr COMMA              { $$ = parse_list(p, $1, $2); }
  ;
items:
    expr                                { $$ = parse_list(p, NOTHING, $1); }
  | items COMMA expr                    { $$ = parse_list(p, $1, $3); }
  ;

args:
    %empty                              { $$ = NOTHING; }
  | arg_list
  | arg_list COMMA
  ;
arg_list:
    arg                                 { $$ = parse_list(p, NOTHING, $1); }
  | arg_list COMMA arg                  { $$ = parse_list(p, $1, $3); }
  ;
arg:
    expr
  | NAME COLON expr                     { $$ = with_name_at(MAKE(NAMED, @$, $1, $3), @1); }
  ;

ats:
    at_list
  | at_list COMMA
  ;
at_list:
    at                                  { $$ = parse_list(p, NOTHING, $1); }
  | at_list COMMA at                    { $$ = parse_list(p, $1, $3); }
  ;
at:
    expr
  | slice
  | ELLIPSIS                            { $$ = LEAF(ELLIPSIS, @$, NULL); }
  ;
slice:
    bound COLON bound                   { $$ = MAKE(SLICE, @$, NULL, $1, $3, NULL); }
  | bound COLON bound COLON bound       { $$ = MAKE(SLICE, @$, NULL, $1, $3, $5); }
  ;
bound:
    %empty                              { $$ = NULL; }
  | expr
  ;

%%

void nn_forget_error(nn_pstate *state) { state->yyerrstatus = 0; }

static void rows_of(const yysymbol_kind_t *symbol, int n, bool *expected) {
  for (int row = 0; row < TOKEN_ROWS; row++)
    for (int i = 0; i < n; i++)
      expected[row] |= YYTRANSLATE(token_info[row].kind) == symbol[i];
}

void nn_expected(nn_pstate *state, bool *expected) {
  yysymbol_kind_t symbol[YYNTOKENS];
  rows_of(symbol, yypstate_expected_tokens(state, symbol, YYNTOKENS), expected);
}

static int yyreport_syntax_error(const yypcontext_t *ctx, Parser *p) {
  yysymbol_kind_t symbol[YYNTOKENS];
  bool expected[TOKEN_ROWS] = {false};
  rows_of(symbol, yypcontext_expected_tokens(ctx, symbol, YYNTOKENS), expected);
  parse_unexpected(p, expected);
  return 0;
}

/* Only called when the parser's stack is full. */
static void yyerror(const Span *at, Parser *p, const char *text) {
  (void)text;
  parse_complain(p, E0801, *at, "the program is nested too deeply here");
}
