/* retype.c: all floats become f64, for checks, or f32, for small machines. Bit patterns keep their
 * width: what is computed from the bits of an f32 is computed from those of the value as f32.
 * needs: no vjp/jvp inside   keeps: shapes, names   breaks: values (they are rounded otherwise) */
#include "ir/walk.h"
#include "pass/pass.h"

static DType now(DType t, DType to) { return type_is_float(t) ? to : t; }

static Fn *body(const Fn *f, void *to) { return pass_retype(f, *(DType *)to); }

static Val retype_ins(Walk *w, const Ins *in, DType to) {
  Builder *b = &w->b;
  Val *arg = walk_args(w, in);
  const Shape *s = &in->shape;
  DType t = now((DType)in->type, to);
  switch ((Op)in->op) {
  case OP_const:
    return type_is_float(t) ? ir_const_f(b, t, s, in->u.f) : ir_const_i(b, t, s, in->u.i);
  case OP_size: return ir_size(b, t, s, in->u.size);
  case OP_iota: return ir_iota(b, t, s->dim[0]);
  case OP_cast: return ir_cast(b, t, arg[0]);
  case OP_bits: return ir_map1(b, OP_bits, ir_cast(b, in->type == T_I32 ? T_F32 : T_F64, arg[0]));
  case OP_from_bits: return ir_cast(b, t, ir_map1(b, OP_from_bits, arg[0]));
  case OP_loop:
  case OP_branch:
  case OP_call: return walk_copy_bodies(w, in, body, &to);
  default: return ir_copy(b, in, arg);
  }
}

Fn *pass_to_f64(const Fn *f) { return pass_retype(f, T_F64); }

Fn *pass_retype(const Fn *f, DType to) {
  Walk w = {.b = ir_begin(f->cx, f->name), .f = f, .to = NEWS(f->cx->arena, Val, f->ins.n)};
  w.b.fn->span = f->span;
  for (int i = 0; i < f->in.n; i++) {
    const Input *in = &f->in.at[i];
    w.to[in->val] = ir_input(&w.b, in->name, now(in->type, to), &in->shape, in->role, in->span);
  }
  for (Val v = 1; v < f->ins.n; v++) {
    const Ins *in = fn_ins(f, v);
    if (in->op == OP_arg) continue;
    w.b.span = in->span;
    w.to[v] = retype_ins(&w, in, to);
    ir_name(&w.b, w.to[v], in->hint);
  }
  return walk_end(&w);
}
