/* hand_peer.c: ADBench's three objectives with their derivatives worked out by hand, as a careful C
 * programmer writes them: plain loops over doubles, nothing computed twice.
 *
 *   gmm      the gradient of a Gaussian mixture's log-likelihood and prior
 *   adlstm   the gradient of the gated network's loss
 *   ba       the 2 x 15 Jacobian blocks of bundle adjustment's residuals */
#include "worker.h"

#include <math.h>

static void set_threads(int threads) { (void)threads; }

static double *doubles(size_t n, double scale) {
  double *p = calloc(n ? n : 1, sizeof *p);
  if (!p) exit(1);
  for (size_t i = 0; i < n; i++) p[i] = scale * ((double)(i * 37 % 101) / 101 - 0.5);
  return p;
}

/* ---- Gaussian mixture ----
 * L = sum_n lse_k(w_k - |Q_k (x_n - m_k)|^2 / 2) - N lse(a) + prior,  w_k = a_k + sum(q_k), Q_k
 * lower triangular: exp(q) on the diagonal, l below it, column by column. With p_nk the softmax
 * over k, u = Q (x - m): dL/da_k = sum_n p - N softmax(a)_k, dL/dm_k = sum_n p Q'u, dL/dQ_k =
 * -sum_n p u (x - m)'. */
static struct {
  int n, d, k;
  double *a, *m, *icf, *x, *da, *dm, *dicf;
  double *q, *sums, *e, *u, *back;
} g;

static void gmm_load(int n, int d, int k) {
  size_t tri = (size_t)(d * (d + 1) / 2);
  g.n = n, g.d = d, g.k = k;
  g.a = doubles((size_t)k, 1), g.m = doubles((size_t)(k * d), 1),
  g.icf = doubles((size_t)k * tri, 0.2);
  g.x = doubles((size_t)n * (size_t)d, 1);
  g.da = doubles((size_t)k, 0), g.dm = doubles((size_t)(k * d), 0),
  g.dicf = doubles((size_t)k * tri, 0);
  g.q = doubles((size_t)(k * d), 0), g.sums = doubles((size_t)k, 0), g.e = doubles((size_t)k, 0);
  g.u = doubles((size_t)(k * d), 0), g.back = doubles((size_t)(k * d), 0);
}

static double softmax_in_place(double *e, int n) {
  double top = e[0], sum = 0;
  for (int i = 1; i < n; i++) top = e[i] > top ? e[i] : top;
  for (int i = 0; i < n; i++) sum += e[i] = exp(e[i] - top);
  for (int i = 0; i < n; i++) e[i] /= sum;
  return top + log(sum);
}

/* u = Q (x - m), and c = x - m */
static double project_point(const double *diag, const double *l, const double *x, const double *m,
                            double *c, double *u) {
  double square = 0;
  for (int i = 0; i < g.d; i++) c[i] = x[i] - m[i], u[i] = diag[i] * c[i];
  for (int j = 0, at = 0; j < g.d; j++)
    for (int i = j + 1; i < g.d; i++) u[i] += l[at++] * c[j];
  for (int i = 0; i < g.d; i++) square += u[i] * u[i];
  return square;
}

static void add_component(int k, const double *c, const double *u, double p) {
  int d = g.d, at = 0;
  const double *diag = g.q + k * d, *l = g.icf + (size_t)k * (size_t)(d * (d + 1) / 2) + d;
  double *dm = g.dm + k * d, *dq = g.dicf + (size_t)k * (size_t)(d * (d + 1) / 2), *dl = dq + d;
  for (int j = 0; j < d; j++) {
    double to_c = diag[j] * u[j];
    dq[j] += p * (1 - u[j] * diag[j] * c[j]);
    for (int i = j + 1; i < d; i++, at++) {
      to_c += l[at] * u[i];
      dl[at] -= p * u[i] * c[j];
    }
    dm[j] += p * to_c;
  }
}

static double gmm_point(const double *x) {
  int d = g.d;
  double *c = g.back;
  for (int k = 0; k < g.k; k++) {
    const double *l = g.icf + (size_t)k * (size_t)(d * (d + 1) / 2) + d;
    double square = project_point(g.q + k * d, l, x, g.m + k * d, c + k * d, g.u + k * d);
    g.e[k] = g.a[k] + g.sums[k] - 0.5 * square;
  }
  double value = softmax_in_place(g.e, g.k);
  for (int k = 0; k < g.k; k++) {
    g.da[k] += g.e[k];
    add_component(k, c + k * d, g.u + k * d, g.e[k]);
  }
  return value;
}

static double gmm_prior(void) {
  double value = 0;
  int d = g.d, tri = d * (d + 1) / 2;
  for (int k = 0; k < g.k; k++) {
    double *dicf = g.dicf + (size_t)k * (size_t)tri;
    const double *icf = g.icf + (size_t)k * (size_t)tri;
    for (int i = 0; i < d; i++)
      value += 0.5 * g.q[k * d + i] * g.q[k * d + i], dicf[i] += g.q[k * d + i] * g.q[k * d + i];
    for (int i = d; i < tri; i++) value += 0.5 * icf[i] * icf[i], dicf[i] += icf[i];
  }
  return value;
}

static double gmm(void) {
  int d = g.d, tri = d * (d + 1) / 2;
  memset(g.da, 0, sizeof *g.da * (size_t)g.k);
  memset(g.dm, 0, sizeof *g.dm * (size_t)(g.k * d));
  memset(g.dicf, 0, sizeof *g.dicf * (size_t)g.k * (size_t)tri);
  for (int k = 0; k < g.k; k++) {
    g.sums[k] = 0;
    for (int i = 0; i < d; i++)
      g.sums[k] += g.icf[k * tri + i], g.q[k * d + i] = exp(g.icf[k * tri + i]);
  }
  double value = 0;
  for (int n = 0; n < g.n; n++) value += gmm_point(g.x + (size_t)n * (size_t)d);
  memcpy(g.e, g.a, sizeof *g.a * (size_t)g.k);
  value -= g.n * softmax_in_place(g.e, g.k);
  for (int k = 0; k < g.k; k++) g.da[k] -= g.n * g.e[k];
  return value + gmm_prior();
}

/* ---- the gated network ----
 * Per layer: f = s(x w0 + b0), i = s(h w1 + b1), o = s(x w2 + b2), c~ = tanh(h w3 + b3),
 * C = C_old f + i c~, h = o tanh(C). Forward keeps every step's gates; the reverse sweep uses them.
 */
static struct {
  int l, t, b;
  double *w, *extra, *state, *seq, *dw, *dextra, *dstate;
  double *gate, *h, *c, *in,
      *y; /* [t][l][4][b], [t + 1][l][b], [t + 1][l][b], [t][l + 1][b], [t][b] */
} r;

static void lstm_load(int l, int t, int b) {
  size_t lb = (size_t)(l * b), steps = (size_t)t;
  r.l = l, r.t = t, r.b = b;
  r.w = doubles(lb * 8, 1), r.extra = doubles((size_t)(3 * b), 1), r.state = doubles(2 * lb, 1);
  r.seq = doubles(steps * (size_t)b, 1);
  r.dw = doubles(lb * 8, 0), r.dextra = doubles((size_t)(3 * b), 0), r.dstate = doubles(2 * lb, 0);
  r.gate = doubles(steps * lb * 4, 0), r.h = doubles((steps + 1) * lb, 0),
  r.c = doubles((steps + 1) * lb, 0);
  r.in = doubles(steps * (lb + (size_t)b), 0), r.y = doubles(steps * (size_t)b, 0);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void lstm_cell(int t, int l) {
  int b = r.b;
  size_t now = ((size_t)t * (size_t)r.l + (size_t)l) * (size_t)b, next = now + (size_t)(r.l * b);
  const double *w = r.w + (size_t)l * 8 * (size_t)b, *bias = w + 4 * b;
  const double *x = r.in + ((size_t)t * (size_t)(r.l + 1) + (size_t)l) * (size_t)b;
  double *gate = r.gate + now * 4,
         *out = r.in + ((size_t)t * (size_t)(r.l + 1) + (size_t)l + 1) * (size_t)b;
  for (int i = 0; i < b; i++) {
    double f = sigmoid(x[i] * w[i] + bias[i]), in = sigmoid(r.h[now + i] * w[b + i] + bias[b + i]);
    double o = sigmoid(x[i] * w[2 * b + i] + bias[2 * b + i]),
           change = tanh(r.h[now + i] * w[3 * b + i] + bias[3 * b + i]);
    gate[i] = f, gate[b + i] = in, gate[2 * b + i] = o, gate[3 * b + i] = change;
    r.c[next + i] = r.c[now + i] * f + in * change;
    out[i] = r.h[next + i] = o * tanh(r.c[next + i]);
  }
}

static void lstm_cell_back(int t, int l, double *dx, double *dh, double *dc) {
  int b = r.b;
  size_t now = ((size_t)t * (size_t)r.l + (size_t)l) * (size_t)b, next = now + (size_t)(r.l * b);
  const double *w = r.w + (size_t)l * 8 * (size_t)b, *gate = r.gate + now * 4;
  const double *x = r.in + ((size_t)t * (size_t)(r.l + 1) + (size_t)l) * (size_t)b;
  double *dw = r.dw + (size_t)l * 8 * (size_t)b, *db = dw + 4 * b;
  for (int i = 0; i < b; i++) {
    double f = gate[i], in = gate[b + i], o = gate[2 * b + i], change = gate[3 * b + i],
           th = tanh(r.c[next + i]);
    double out = dh[i] + dx[i], cell = dc[i] + out * o * (1 - th * th);
    double zf = cell * r.c[now + i] * f * (1 - f), zi = cell * change * in * (1 - in);
    double zo = out * th * o * (1 - o), zc = cell * in * (1 - change * change);
    dw[i] += zf * x[i], dw[b + i] += zi * r.h[now + i], dw[2 * b + i] += zo * x[i],
        dw[3 * b + i] += zc * r.h[now + i];
    db[i] += zf, db[b + i] += zi, db[2 * b + i] += zo, db[3 * b + i] += zc;
    dx[i] = zf * w[i] + zo * w[2 * b + i];
    dh[i] = zi * w[b + i] + zc * w[3 * b + i];
    dc[i] = cell * f;
  }
}

static double lstm_forward(void) {
  int b = r.b;
  double total = 0;
  for (int l = 0; l < r.l; l++) {
    memcpy(r.h + l * b, r.state + 2 * l * b, sizeof *r.h * (size_t)b);
    memcpy(r.c + l * b, r.state + (2 * l + 1) * b, sizeof *r.c * (size_t)b);
  }
  for (int t = 0; t + 1 < r.t; t++) {
    double *in = r.in + (size_t)t * (size_t)(r.l + 1) * (size_t)b, sum = 2,
           *y = r.y + (size_t)t * (size_t)b;
    for (int i = 0; i < b; i++) in[i] = r.seq[t * b + i] * r.extra[i];
    for (int l = 0; l < r.l; l++) lstm_cell(t, l);
    for (int i = 0; i < b; i++)
      y[i] = in[r.l * b + i] * r.extra[b + i] + r.extra[2 * b + i], sum += exp(y[i]);
    for (int i = 0; i < b; i++) total += r.seq[(t + 1) * b + i] * (y[i] - log(sum));
  }
  return -total / ((r.t - 1) * b);
}

static void lstm_step_back(int t, double scale, double *dh, double *dc) {
  int b = r.b;
  const double *y = r.y + (size_t)t * (size_t)b, *target = r.seq + (size_t)(t + 1) * (size_t)b;
  const double *top = r.in + ((size_t)t * (size_t)(r.l + 1) + (size_t)r.l) * (size_t)b;
  double sum = 2, weight = 0, dx[64];
  for (int i = 0; i < b; i++) sum += exp(y[i]), weight += target[i];
  for (int i = 0; i < b; i++) {
    double dy = scale * (target[i] - weight * exp(y[i]) / sum);
    r.dextra[b + i] += dy * top[i], r.dextra[2 * b + i] += dy;
    dx[i] = dy * r.extra[b + i];
  }
  for (int l = r.l - 1; l >= 0; l--) lstm_cell_back(t, l, dx, dh + l * b, dc + l * b);
  for (int i = 0; i < b; i++) r.dextra[i] += dx[i] * r.seq[t * b + i];
}

static double lstm(void) {
  double value = lstm_forward(), scale = -1.0 / ((r.t - 1) * r.b), dh[1024] = {0}, dc[1024] = {0};
  memset(r.dw, 0, sizeof *r.dw * (size_t)(r.l * r.b * 8));
  memset(r.dextra, 0, sizeof *r.dextra * (size_t)(3 * r.b));
  for (int t = r.t - 2; t >= 0; t--) lstm_step_back(t, scale, dh, dc);
  for (int l = 0; l < r.l; l++) {
    memcpy(r.dstate + 2 * l * r.b, dh + l * r.b, sizeof *dh * (size_t)r.b);
    memcpy(r.dstate + (2 * l + 1) * r.b, dc + l * r.b, sizeof *dc * (size_t)r.b);
  }
  return value;
}

/* ---- bundle adjustment ---- */
static struct {
  int n, m, p;
  double *cam, *x, *w, *seen, *jac;
} s;

static void ba_load(int n, int m, int p) {
  s.n = n, s.m = m, s.p = p;
  s.cam = doubles((size_t)n * 11, 1), s.x = doubles((size_t)m * 3, 1), s.w = doubles((size_t)p, 1);
  s.seen = doubles((size_t)p * 2, 1), s.jac = doubles((size_t)p * 30, 0);
}

/* v = R(r) d: the value, dv/dr and dv/dd = R. With t = |r|, w = r / t, k = w.d:
 * v = d cos t + (w x d) sin t + w k (1 - cos t). */
static void rotate(const double *a, const double *d, double *v, double dr[3][3], double rot[3][3]) {
  double t = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
  if (t == 0) t = 1e-300;
  double c = cos(t), si = sin(t), w[3] = {a[0] / t, a[1] / t, a[2] / t},
         k = w[0] * d[0] + w[1] * d[1] + w[2] * d[2];
  double x[3] = {w[1] * d[2] - w[2] * d[1], w[2] * d[0] - w[0] * d[2], w[0] * d[1] - w[1] * d[0]};
  double hat[3][3] = {{0, -w[2], w[1]}, {w[2], 0, -w[0]}, {-w[1], w[0], 0}},
         off[3][3] = {{0, d[2], -d[1]}, {-d[2], 0, d[0]}, {d[1], -d[0], 0}};
  for (int i = 0; i < 3; i++) {
    v[i] = d[i] * c + x[i] * si + w[i] * k * (1 - c);
    for (int j = 0; j < 3; j++) rot[i][j] = (i == j) * c + hat[i][j] * si + w[i] * w[j] * (1 - c);
  }
  for (int j = 0; j < 3; j++) { /* dt = w_j, dw_l = (delta_lj - w_l w_j) / t */
    double dk = (d[j] - k * w[j]) / t;
    for (int i = 0; i < 3; i++) {
      double dw = ((i == j) - w[i] * w[j]) / t, dx = 0;
      for (int l = 0; l < 3; l++) dx += off[i][l] * ((l == j) - w[l] * w[j]) / t;
      dr[i][j] =
          w[j] * (-d[i] * si + x[i] * c + w[i] * k * si) + dx * si + (dw * k + w[i] * dk) * (1 - c);
    }
  }
}

static void ba_block(const double *cam, const double *x, double w, const double *seen,
                     double *jac) {
  double d[3] = {x[0] - cam[3], x[1] - cam[4], x[2] - cam[5]}, v[3], dr[3][3], rot[3][3];
  rotate(cam, d, v, dr, rot);
  double z = 1 / v[2], u[2] = {v[0] * z, v[1] * z}, q = u[0] * u[0] + u[1] * u[1];
  double radial = 1 + cam[9] * q + cam[10] * q * q, slope = cam[9] + 2 * cam[10] * q, f = cam[6];
  for (int i = 0; i < 2; i++) {
    double *j = jac + 15 * i, dv[3] = {0};
    for (int l = 0; l < 2; l++) { /* d(u_i radial)/du_l, and u by v */
      double du = w * f * ((i == l) * radial + u[i] * slope * 2 * u[l]);
      dv[l] += du * z;
      dv[2] -= du * u[l] * z;
    }
    for (int l = 0; l < 3; l++) {
      j[l] = dv[0] * dr[0][l] + dv[1] * dr[1][l] + dv[2] * dr[2][l];
      j[11 + l] = dv[0] * rot[0][l] + dv[1] * rot[1][l] + dv[2] * rot[2][l];
      j[3 + l] = -j[11 + l];
    }
    j[6] = w * u[i] * radial;
    j[7] = w * (i == 0), j[8] = w * (i == 1);
    j[9] = w * f * u[i] * q, j[10] = w * f * u[i] * q * q;
    j[14] = u[i] * radial * f + cam[7 + i] - seen[i];
  }
}

static double ba(void) {
  for (int p = 0; p < s.p; p++)
    ba_block(s.cam + 11 * (p % s.n), s.x + 3 * (p % s.m), s.w[p], s.seen + 2 * p,
             s.jac + 30 * (size_t)p);
  return s.jac[0];
}

/* ---- orders ---- */
static double (*run)(void);
static volatile double sink;

static const char *load(const char *kind, const char *sizes) {
  run = !strcmp(kind, "gmm")      ? gmm
        : !strcmp(kind, "adlstm") ? lstm
        : !strcmp(kind, "ba")     ? ba
                                  : NULL;
  if (!run) return "such workload here";
  if (run == gmm)
    gmm_load((int)size_of(sizes, "N", 0), (int)size_of(sizes, "D", 0), (int)size_of(sizes, "K", 0));
  if (run == lstm)
    lstm_load((int)size_of(sizes, "L", 0), (int)size_of(sizes, "T", 0),
              (int)size_of(sizes, "B", 0));
  if (run == ba)
    ba_load((int)size_of(sizes, "N", 0), (int)size_of(sizes, "M", 0), (int)size_of(sizes, "P", 0));
  return NULL;
}

static void call(void) { sink = run(); }
