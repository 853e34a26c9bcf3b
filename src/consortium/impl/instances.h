#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <string>

#include "crypto/sm2.h"

// Which process speaks for a node's key. Each has an id of its own while it runs, so one that is heard again
// after another spoke for the same key stands beside it: two nodes have one key. A restart brings a new id
// and never an old one back. Not thread-safe.
namespace chengxin::consortium {

class Instances {
 public:
  void hear(const crypto::Sm2Point& key, const std::string& instance, int64_t now_ms) {
    if (instance.empty() || instance.size() > kMaxBytes) return;
    Heard& heard = heard_[key];
    if (heard.newest == instance) return;
    if (std::erase(heard.former, instance) > 0) heard.twin_ms = now_ms;
    if (!heard.newest.empty()) heard.former.push_back(std::move(heard.newest));
    if (heard.former.size() > kMaxFormer) heard.former.pop_front();
    heard.newest = instance;
  }

  // Whether two took turns lately.
  bool twin(const crypto::Sm2Point& key, int64_t now_ms) const {
    auto found = heard_.find(key);
    return found != heard_.end() && found->second.twin_ms > now_ms - kStandsMs;
  }

 private:
  static constexpr size_t kMaxBytes = 64, kMaxFormer = 16;
  static constexpr int64_t kStandsMs = 600'000;

  struct Heard {
    std::string newest;
    std::deque<std::string> former;
    int64_t twin_ms = INT64_MIN / 2;
  };
  std::map<crypto::Sm2Point, Heard> heard_;
};

}  // namespace chengxin::consortium
