#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"

// How often whom what key served: counted in memory by the hour, taken out by who keeps it on a disk.
namespace chengxin::keys {

struct UseKey {
  std::string caller, key, operation, outcome;  // outcome: "ok" or a reason
  auto operator<=>(const UseKey&) const = default;
};
struct Use {
  UseKey what;
  int64_t hour_ms = 0, last_ms = 0;
  int64_t calls = 0, items = 0;
};

class Uses {
 public:
  void note(UseKey what, size_t items, int64_t now_ms);
  std::vector<Use> take();               // and begins anew
  void put_back(std::vector<Use> uses);  // could not be kept: they are counted on

 private:
  std::mutex mutex_;
  std::map<std::pair<int64_t, UseKey>, Use> uses_;
};

}  // namespace chengxin::keys
