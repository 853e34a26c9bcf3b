// Does the time of a signature tell anything about the nonce? After Reparaz, Balasch, Verbauwhede, "Dude, is
// my code constant time?" (2017): signatures with one fixed nonce and with fresh ones in random order, and
// Welch's t of the two samples, whole and with the slowest measurements cut off. |t| above 4.5 is suspicious
// when it comes again with more measurements. Run on a quiet core: sm2_timing [thousands of measurements].
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/cpu.h"
#include "sm2/impl/number.h"
#include "sm2/impl/sign_engine.h"

namespace chengxin::sm2::impl {
namespace {

double nanoseconds() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Of the measurements up to `limit`.
double welch(const std::vector<double> (&sample)[2], double limit) {
  double mean[2], error[2];
  for (int i = 0; i < 2; ++i) {
    double sum = 0, squares = 0, count = 0;
    for (const double time : sample[i]) {
      if (time > limit) continue;
      sum += time;
      squares += time * time;
      ++count;
    }
    mean[i] = sum / count;
    error[i] = (squares / count - mean[i] * mean[i]) / count;
  }
  return (mean[0] - mean[1]) / std::sqrt(error[0] + error[1]);
}

// In groups of `together`, all of which have the fixed nonce or fresh ones.
void measure(const char* name, const SignEngine& engine, size_t together, size_t count) {
  std::mt19937_64 random(1);
  const auto nonce = [&random] {
    Number k;
    for (uint64_t& limb : k.limb) limb = random();
    return mod_n(k);
  };
  const SigningKey key = signing_key(nonce());
  const std::vector<Number> e(together, nonce());
  const Number fixed = {{1, 0, 0, 0}};
  std::vector<Number> k(together);
  std::vector<Attempt> made(together);
  std::vector<double> sample[2], all;
  for (size_t i = 0; i < count + 1000; ++i) {
    const bool which = random() & 1;
    for (size_t j = 0; j < together; ++j) {
      const Number fresh = nonce();
      k[j] = which ? fresh : fixed;
    }
    const double started = nanoseconds();
    engine.sign(key, e, k, made.data());
    const double time = nanoseconds() - started;
    if (i < 1000) continue;  // warming up
    sample[which].push_back(time);
    all.push_back(time);
  }
  std::ranges::sort(all);
  std::printf("%-9s %zu times %zu signatures, median %.1f us; t:", name, count, together,
              all[all.size() / 2] / 1000);
  for (const double part : {1.0, 0.99, 0.9, 0.5})
    std::printf("  %+.2f of %.0f %%", welch(sample, all[size_t(double(all.size() - 1) * part)]), part * 100);
  std::printf("\n");
}

}  // namespace
}  // namespace chengxin::sm2::impl

int main(int count, char** arguments) {
  using namespace chengxin::sm2::impl;
  const size_t measurements = size_t(count > 1 ? std::max(1, std::atoi(arguments[1])) : 200) * 1000;
  const chengxin::Cpu& has = chengxin::cpu();
  measure("portable", *portable_sign_engine(), 1, measurements);
  if (has.adx && adx_sign_engine()) measure("adx", *adx_sign_engine(), 1, measurements);
  if (has.adx && has.ifma && ifma_sign_engine()) measure("ifma", *ifma_sign_engine(), 8, measurements);
}
