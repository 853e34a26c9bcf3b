#pragma once
#include <map>
#include <mutex>

#include "api/coroutine.h"

namespace chengxin::api {

// Wakes the event streams that wait for a chain's next block. ring() is called on a sequencer's thread and
// only posts.
class Bell {
 public:
  using Wake = std::function<void(bool)>;

  // Rings the waiting coroutine once, unless it was removed before.
  uint64_t add(const std::string& chain, Wake wake);
  void remove(uint64_t ticket);
  void ring(const std::string& chain);
  void ring_all();

 private:
  std::mutex mutex_;
  uint64_t next_ = 1;
  std::map<uint64_t, std::pair<std::string, Wake>> waiting_;
};

}  // namespace chengxin::api
