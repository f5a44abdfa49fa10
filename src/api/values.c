/* values.c: lines evaluated: the `eval` of libgradc. */
#include "api/api.h"

#include <stdlib.h>

struct gradc_values {
  gradc_context *gc;
  Results results;
  gradc_tensor *item;
  int digits;
  bool strings;
  Text text;
};

static Status describe(void *arg) {
  gradc_values *v = arg;
  const Results *r = &v->results;
  v->item = NEWS(r->arena, gradc_tensor, r->n + 1);
  for (int i = 0; i < r->n; i++)
    v->item[i] = api_tensor(v->gc->session->cx, r->name[i], r->value[i].type, &r->value[i].shape,
                            r->value[i].data);
  return ST_OK;
}

gradc_status gradc_eval(gradc_context *gc, const char *label, const char *line,
                        gradc_values **out) {
  API_RETURN_UNLESS(gc && line && out);
  *out = NULL;
  if (!api_enter(gc)) return gc->broken;
  gradc_values *v = calloc(1, sizeof *v);
  if (!v) return api_leave(gc, ST_MEMORY);
  v->gc = gc;
  Status s = session_line(gc->session, label ? label : "<line>", line, &v->results);
  bool value = s == ST_OK && !v->results.declaration;
  if (value) s = cx_guard(gc->session->cx, describe, v);
  if (value && s == ST_OK) *out = v;
  else gradc_values_free(v);
  return api_leave(gc, s);
}

int gradc_value_count(const gradc_values *v) { return v ? v->results.n : 0; }
const gradc_tensor *gradc_value(const gradc_values *v, int i) {
  return v && i >= 0 && i < v->results.n ? &v->item[i] : NULL;
}

typedef struct Printing {
  gradc_values *v;
  Cx *cx;
  Text out;
  int next;         /* value */
  const char *nest; /* how the rest is grouped */
} Printing;

static void print_one(Printing *p, const Tensor *t) {
  if (p->v->strings && t->type == T_U8 && t->shape.rank == 1)
    text_add_n(&p->out, t->data, (size_t)tensor_count(t));
  else tensor_print(p->cx, t, p->v->digits, &p->out);
}

/* One value, or a tuple of them; (a,) is one of one item. */
static void print_nest(Printing *p) {
  int n = 0;
  if (*p->nest++ != '(') {
    print_one(p, &p->v->results.value[p->next++]);
    return;
  }
  text_add(&p->out, "(");
  for (; *p->nest != ')'; n++) {
    if (n) text_add(&p->out, ", ");
    print_nest(p);
  }
  p->nest++;
  text_add(&p->out, n == 1 ? ",)" : ")");
}

static Status print(Session *s, void *arg) {
  gradc_values *v = arg;
  const char *nest = v->results.nest;
  Printing p = {v, s->cx, text_new(v->results.arena), 0, nest ? nest : "."};
  print_nest(&p);
  text_str(&p.out);
  v->text = p.out;
  return ST_OK;
}

gradc_status gradc_values_text(gradc_values *v, int digits, int strings, const char **out,
                               size_t *n) {
  API_RETURN_UNLESS(v && out && digits >= 0 && digits <= 17);
  v->digits = digits;
  v->strings = strings != 0;
  gradc_status s = api_run(v->gc, print, v);
  *out = s == GRADC_OK ? text_str(&v->text) : NULL;
  if (n) *n = s == GRADC_OK ? v->text.n : 0;
  return s;
}

typedef struct PrintingOne {
  gradc_values *v;
  int i, digits;
  Text out;
} PrintingOne;

static Status print_item(Session *s, void *arg) {
  PrintingOne *p = arg;
  p->out = text_new(p->v->results.arena);
  tensor_print(s->cx, &p->v->results.value[p->i], p->digits, &p->out);
  return ST_OK;
}

gradc_status gradc_value_text(gradc_values *v, int i, int digits, const char **out) {
  API_RETURN_UNLESS(v && out && i >= 0 && i < v->results.n && digits >= 0 && digits <= 17);
  PrintingOne p = {v, i, digits, {0}};
  gradc_status s = api_run(v->gc, print_item, &p);
  *out = s == GRADC_OK ? text_str(&p.out) : NULL;
  return s;
}

const char *gradc_values_nest(const gradc_values *v) {
  return v && v->results.nest ? v->results.nest : ".";
}

gradc_status gradc_values_figure(const gradc_values *v, const char *name, double *out) {
  API_RETURN_UNLESS(v && name && out);
  if (!strcmp(name, "compile-seconds")) *out = v->results.compile_seconds;
  else if (!strcmp(name, "run-seconds")) *out = v->results.run_seconds;
  else if (!strcmp(name, "native")) *out = v->results.native;
  else return (gradc_status)api_usage(v->gc, "values have no figure \"%s\"", name);
  return GRADC_OK;
}

void gradc_values_free(gradc_values *v) {
  if (!v) return;
  results_free(&v->results);
  free(v);
}
