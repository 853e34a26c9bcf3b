#pragma once
#include <chrono>
struct TT {
  double t[16]{};
  size_t n = 0;
  ~TT() {
    if (n)
      fmt::print(stderr,
                 "loop {:.2f} (ahead {:.2f} busy {:.2f} run {:.2f}: hold {:.2f} rerun {:.2f} merge {:.2f}) "
                 "log+tree {:.2f} state {:.2f} finish {:.2f} us/tx n {}\n",
                 t[0] / n * 1e6, t[6] / n * 1e6, t[7] / n * 1e6, t[8] / n * 1e6, t[9] / n * 1e6,
                 t[10] / n * 1e6, t[11] / n * 1e6, t[5] / n * 1e6, t[3] / n * 1e6, t[4] / n * 1e6, n);
  }
};
inline double nowx() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
namespace chengxin::ledger {
extern TT tt[2];
}
