#pragma once
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "base/log.h"
#include "base/result.h"

// What keeps strangers from using up this node, and callers from being called after they have gone.
namespace chengxin::link {

// Counts connections that were not agreed to yet, for each address (IPv6: for each /64). Thread-safe;
// outlives its tokens.
class HalfOpen {
 public:
  HalfOpen(size_t most, size_t most_for_one) : most_(most), most_for_one_(most_for_one) {}
  using Token = std::shared_ptr<void>;          // counts until it is dropped
  Token take(const boost::asio::ip::address&);  // null: too many

 private:
  std::mutex mutex_;
  std::map<std::string, size_t> counts_;
  size_t all_ = 0;
  const size_t most_, most_for_one_;
};

// Thread-safe.
class RefusalLog {
 public:
  void tell(std::string_view event, const std::string& address, std::string_view subject, const Error& why);

 private:
  log::Sparing sparing_;
};

// Lets calls through until it is shut. shut() returns when none is running any more, except for one that it
// is itself called from.
class Gate {
 public:
  template <typename Call>
  void pass(const Call& call) {
    std::shared_lock lock(mutex_);
    if (shut_) return;
    Gate* outer = std::exchange(inside_, this);
    call();
    inside_ = outer;
  }
  void shut() {
    shut_ = true;
    if (inside_ != this) std::unique_lock wait(mutex_);
  }
  bool is_shut() const { return shut_; }

 private:
  std::shared_mutex mutex_;
  std::atomic<bool> shut_ = false;
  static inline thread_local Gate* inside_ = nullptr;
};

}  // namespace chengxin::link
