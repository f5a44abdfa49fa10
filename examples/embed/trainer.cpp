// trainer.cpp: training in C++ that can stop and go on, twice: with libgradc, whose context owns parameters and
// moments, and with a native library (or emitted C), where they are structs of the program's own. What is saved in
// the middle and restored elsewhere goes on with the same bits.
//
//   gradc build examples/embed/sensor.nn --step adam -o sensor.so
//   c++ -I. examples/embed/trainer.cpp ./sensor.so $(pkg-config --cflags --libs gradc) -lm -o trainer
//   ./trainer examples/embed/sensor.nn
#include "sensor.h"

#include <gradc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static constexpr std::int64_t batch = 32;

struct Batch {
  std::vector<float> x = std::vector<float>(2 * batch), y = std::vector<float>(batch);
  explicit Batch(unsigned number) {
    unsigned seed = number;
    auto noise = [&] { return static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f; };
    for (std::size_t i = 0; i < y.size(); i++) {
      x[2 * i] = noise(), x[2 * i + 1] = noise();
      y[i] = x[2 * i] * x[2 * i + 1] > 0 ? 1.0f : -1.0f;
    }
  }
};

// By libgradc. Of a checkpoint the weights are a .safetensors file, which any tool reads; beside them are the
// optimiser's tensors one after the other, and the number of steps.
class Trainer {
public:
  Trainer(const std::string &program, const std::string &optimizer) {
    gradc_context *gc = nullptr;
    if (gradc_new(&gc) != GRADC_OK) throw std::bad_alloc();
    context_.reset(gc);
    check(gradc_load(gc, program.c_str()));
    const char *const size[] = {"N"};
    gradc_trainer *t = nullptr;
    check(gradc_trainer_new(gc, "loss", optimizer.c_str(), nullptr, size, &batch, 1, &t));
    trainer_.reset(t);
  }

  double step(const Batch &b, double lr) {
    const void *args[] = {b.x.data(), b.y.data()};
    double loss = 0;
    check(gradc_trainer_step(trainer_.get(), args, lr, &loss));
    return loss;
  }

  void save(const std::string &path) const {
    check(gradc_params_save(context_.get(), (path + ".safetensors").c_str()));
    std::ofstream out(path + ".moments", std::ios::binary);
    const std::int64_t steps = gradc_trainer_steps(trainer_.get());
    out.write(reinterpret_cast<const char *>(&steps), sizeof steps);
    for (int i = 0; i < gradc_trainer_state_count(trainer_.get()); i++) {
      const gradc_tensor *t = gradc_trainer_state(trainer_.get(), i);
      out.write(static_cast<const char *>(t->data), static_cast<std::streamsize>(t->bytes));
    }
    if (!out.flush()) throw std::runtime_error(path + ".moments can't be written");
  }

  void restore(const std::string &path) {
    check(gradc_params_load(context_.get(), (path + ".safetensors").c_str()));
    std::ifstream in(path + ".moments", std::ios::binary);
    std::int64_t steps = 0;
    in.read(reinterpret_cast<char *>(&steps), sizeof steps);
    for (int i = 0; i < gradc_trainer_state_count(trainer_.get()); i++) {
      const gradc_tensor *t = gradc_trainer_state(trainer_.get(), i);
      in.read(static_cast<char *>(t->data), static_cast<std::streamsize>(t->bytes));
    }
    if (!in) throw std::runtime_error(path + ".moments ends too early");
    check(gradc_trainer_set_steps(trainer_.get(), steps));
  }

private:
  void check(gradc_status s) const {
    if (s != GRADC_OK) throw std::runtime_error(gradc_message(context_.get()));
  }
  struct Free {
    void operator()(gradc_context *gc) const { gradc_free(gc); }
    void operator()(gradc_trainer *t) const { gradc_trainer_free(t); }
  };
  std::unique_ptr<gradc_context, Free> context_; // goes last
  std::unique_ptr<gradc_trainer, Free> trainer_;
};

// By the compiled-in model: a checkpoint is one struct, copied or written as it is.
class Compiled {
public:
  struct State {
    sensor_params params{}, m{}, v{};
    double steps = 0;
  };

  explicit Compiled(const State &s) : state_(s), bytes_(sensor_loss_adam_step_workspace(batch)) {
    workspace_.reset(std::aligned_alloc(64, (bytes_ / 64 + 1) * 64));
    if (!workspace_) throw std::bad_alloc();
  }

  double step(const Batch &b, double lr) {
    float loss = 0;
    const int status = sensor_loss_adam_step(batch, &state_.params, &state_.m, &state_.v, b.x.data(), b.y.data(), lr,
                                             ++state_.steps, &loss, workspace_.get(), bytes_);
    if (status) throw std::runtime_error(sensor_strerror(status));
    return static_cast<double>(loss);
  }

  const State &state() const { return state_; }

private:
  struct Free {
    void operator()(void *p) const { std::free(p); }
  };
  State state_;
  std::size_t bytes_;
  std::unique_ptr<void, Free> workspace_;
};

template <class T> static std::vector<double> train(T &trainer, unsigned from, unsigned to) {
  std::vector<double> losses;
  for (unsigned i = from; i < to; i++) losses.push_back(trainer.step(Batch(i), 0.01));
  return losses;
}

// The same: the bits of every loss. Learnt: the last are well below the first.
static bool verdict(const char *what, const std::vector<double> &first, const std::vector<double> &straight,
                    const std::vector<double> &resumed) {
  const bool same = straight.size() == resumed.size() &&
                    !std::memcmp(straight.data(), resumed.data(), straight.size() * sizeof(double));
  const bool learnt = straight.back() < 0.5 * first.front();
  std::printf("%s: %s, and goes on with %s\n", what, learnt ? "learns" : "does not learn",
              same ? "the same bits" : "other losses");
  return same && learnt;
}

int main(int argc, char **argv) {
  if (argc != 2) return std::fputs("usage: trainer SENSOR.nn\n", stderr), 2;
  try {
    Trainer one(argv[1], "adam");
    const auto first = train(one, 0, 600);
    one.save("trainer");
    const auto straight = train(one, 600, 1500);
    Trainer other(argv[1], "adam"); // another context, as another process would have
    other.restore("trainer");
    const bool library = verdict("libgradc", first, straight, train(other, 600, 1500));

    Compiled::State start;
    auto *weight = reinterpret_cast<float *>(&start.params);
    unsigned seed = 1;
    for (std::size_t i = 0; i < sizeof start.params / sizeof *weight; i++)
      weight[i] = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
    Compiled model(start);
    const auto begun = train(model, 0, 600);
    Compiled copy(model.state());
    const auto on = train(model, 600, 1500);
    const bool compiled = verdict("the compiled model", begun, on, train(copy, 600, 1500));
    return library && compiled ? 0 : 1;
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
