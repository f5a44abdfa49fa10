// model.cpp: C++ with a compiled-in model: the functions of examples/embed/sensor.nn from a header and an
// object (or the emitted C), wrapped in a class; and gradc.h, to check them against the library.
//
//   gradc build examples/embed/sensor.nn --step adam -o sensor.o
//   c++ -I. examples/embed/model.cpp sensor.o $(pkg-config --cflags --libs gradc) -lm -o model
//   ./model examples/embed/sensor.nn
#include "sensor.h"

#include <gradc.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// A model that owns its parameters, the optimiser's moments, and a workspace that grows with the batch.
class Model {
public:
  explicit Model(unsigned seed) {
    auto *weight = reinterpret_cast<float *>(&params_); // all parameters are float: one array
    for (std::size_t i = 0; i < sizeof params_ / sizeof *weight; i++) {
      seed = seed * 1664525u + 1013904223u;
      weight[i] = static_cast<float>(seed >> 8) / 16777216.0f - 0.5f;
    }
  }

  std::vector<float> output(const std::vector<float> &x) {
    const auto n = static_cast<std::int64_t>(x.size() / 2);
    std::vector<float> y(static_cast<std::size_t>(n));
    void *workspace = room(sensor_output_workspace(n));
    check(sensor_output(n, &params_, x.data(), y.data(), workspace, bytes_));
    return y;
  }

  float train(const std::vector<float> &x, const std::vector<float> &y, double lr) {
    const auto n = static_cast<std::int64_t>(y.size());
    float loss = 0;
    void *workspace = room(sensor_loss_adam_step_workspace(n));
    check(sensor_loss_adam_step(n, &params_, &m_, &v_, x.data(), y.data(), lr, ++steps_, &loss, workspace, bytes_));
    return loss;
  }

  const sensor_params &params() const { return params_; }

private:
  static void check(int status) {
    if (status) throw std::runtime_error(sensor_strerror(status));
  }

  void *room(std::size_t bytes) {
    if (bytes > bytes_ || !workspace_) {
      workspace_.reset(std::aligned_alloc(64, (bytes / 64 + 1) * 64));
      if (!workspace_) throw std::bad_alloc();
      bytes_ = bytes;
    }
    return workspace_.get();
  }

  struct Free {
    void operator()(void *p) const { std::free(p); }
  };
  sensor_params params_{}, m_{}, v_{};
  double steps_ = 0;
  std::unique_ptr<void, Free> workspace_;
  std::size_t bytes_ = 0;
};

// The same function compiled now, by the library, with the parameters that the model has learned.
static std::vector<float> by_library(const char *path, const sensor_params &params, const std::vector<float> &x) {
  gradc_context *gc = nullptr;
  gradc_function *open = nullptr, *f = nullptr;
  if (gradc_new(&gc) != GRADC_OK) throw std::bad_alloc();
  const std::unique_ptr<gradc_context, void (*)(gradc_context *)> owner(gc, gradc_free);
  auto ok = [&](gradc_status s) {
    if (s != GRADC_OK) throw std::runtime_error(gradc_message(gc));
  };
  ok(gradc_load(gc, path));
  for (int i = 0; i < SENSOR_PARAMS; i++) {
    const sensor_tensor &t = sensor_param_table[i];
    ok(gradc_param_set(gc, t.name, reinterpret_cast<const char *>(&params) + t.offset, t.bytes));
  }
  const char *const size[] = {"N"};
  const std::int64_t n = static_cast<std::int64_t>(x.size() / 2);
  ok(gradc_find(gc, "output", &open));
  ok(gradc_specialize(open, size, &n, 1, &f));
  std::vector<float> y(static_cast<std::size_t>(n));
  const void *args[] = {x.data()};
  void *results[] = {y.data()};
  ok(gradc_call(f, args, results));
  return y;
}

int main(int argc, char **argv) {
  if (argc != 2) return std::fputs("usage: model SENSOR.nn\n", stderr), 2;
  try {
    Model model(1);
    unsigned seed = 1;
    auto noise = [&] {
      seed = seed * 1664525u + 1013904223u;
      return static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
    };
    float first = 0, last = 0;
    std::vector<float> x(64), y(32);
    for (int step = 0; step < 1500; step++) {
      for (std::size_t i = 0; i < y.size(); i++) {
        x[2 * i] = noise(), x[2 * i + 1] = noise();
        y[i] = x[2 * i] * x[2 * i + 1] > 0 ? 1.0f : -1.0f;
      }
      const float loss = model.train(x, y, 0.01);
      (step < 100 ? first : last) += step < 100 || step >= 1400 ? loss / 100 : 0;
    }
    const std::vector<float> a = model.output(x), b = by_library(argv[1], model.params(), x);
    double apart = 0;
    for (std::size_t i = 0; i < a.size(); i++) apart = std::fmax(apart, std::fabs(double(a[i]) - double(b[i])));
    std::printf("loss %.3f at first, %.3f in the end; the library's results differ by %s\n", double(first), double(last),
                apart == 0 ? "nothing" : apart < 1e-5 ? "rounding" : "too much");
    return last < 0.5f * first && apart < 1e-5 ? 0 : 1;
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
