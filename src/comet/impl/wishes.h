#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "comet/engine.h"

// What an engine wants to know of its peers' engines is asked on a thread of its own, which is there from the
// first wish on.
namespace chengxin::comet {

class LightBlockWishes {
 public:
  using Ask = std::function<std::optional<Bytes>(uint64_t height)>;
  explicit LightBlockWishes(Ask ask) : ask_(std::move(ask)) {}
  ~LightBlockWishes() { stop(); }

  void add(uint64_t height, GiveLightBlock give) {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    wishes_.emplace_back(height, std::move(give));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    changed_.notify_one();
  }
  // Returns when nothing is asked any more: what `ask` waits for must have been stopped.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !wishes_.empty(); });
      if (stopping_) return;
      auto [height, give] = std::move(wishes_.front());
      wishes_.pop_front();
      lock.unlock();
      give(ask_(height));
      lock.lock();
    }
  }

  const Ask ask_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<uint64_t, GiveLightBlock>> wishes_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chengxin::comet
