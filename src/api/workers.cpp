#include "api/workers.h"

#include <utility>

#include "base/check.h"

namespace chengxin::api {

Workers::Workers(size_t threads, size_t max_queue, size_t stack_bytes) : max_queue_(max_queue) {
  pthread_attr_t attributes;
  CHECK(pthread_attr_init(&attributes) == 0);
  if (stack_bytes > 0) CHECK(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
  const auto run = [](void* workers) -> void* {
    static_cast<Workers*>(workers)->loop();
    return nullptr;
  };
  threads_.resize(threads);
  for (pthread_t& thread : threads_) CHECK(pthread_create(&thread, &attributes, run, this) == 0);
  pthread_attr_destroy(&attributes);
}

bool Workers::post(std::function<void()> work, When when) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || (when == When::if_room && queue_.size() >= max_queue_)) return false;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

void Workers::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (pthread_t thread : std::exchange(threads_, {})) pthread_join(thread, nullptr);
}

size_t Workers::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void Workers::loop() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace chengxin::api
