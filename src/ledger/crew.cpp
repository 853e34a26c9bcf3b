#include "ledger/impl/crew.h"

#include <atomic>

namespace chengxin::ledger {

// Contracts that call each other 16 deep need 6 MiB (docs/adr/0027).
constexpr size_t kStackBytes = 8 << 20;

Crew::~Crew() {
  {
    std::lock_guard lock(mutex_);
    ends_ = true;
  }
  wake_.notify_all();
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
}

void Crew::begin() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  for (pthread_t thread; threads_.size() + 1 < size_; threads_.push_back(thread))
    if (pthread_create(&thread, &attributes, live, this) != 0) break;
  pthread_attr_destroy(&attributes);
}

void* Crew::live(void* self) {
  static_cast<Crew*>(self)->work();
  return nullptr;
}

void Crew::work() {
  std::unique_lock lock(mutex_);
  for (uint64_t done = 0;;) {
    wake_.wait(lock, [&] { return ends_ || (job_ && number_ != done); });
    if (ends_) return;
    done = number_;
    const std::function<void()>& job = *job_;
    ++working_;
    lock.unlock();
    job();
    lock.lock();
    if (--working_ == 0) idle_.notify_one();
  }
}

void Crew::together(const std::function<void()>& job) {
  {
    std::lock_guard lock(mutex_);
    job_ = &job;
    ++number_;
  }
  wake_.notify_all();
  job();
  std::unique_lock lock(mutex_);
  job_ = nullptr;  // who did not wake in time is not waited for
  idle_.wait(lock, [&] { return working_ == 0; });
}

void Crew::each(size_t count, const std::function<void(size_t)>& one) {
  std::atomic<size_t> next = 0;
  const auto job = [&] {
    for (size_t i; (i = next.fetch_add(1)) < count;) one(i);
  };
  std::unique_lock alone(busy_, std::try_to_lock);
  if (!alone || size_ < 2 || count < 2) return job();
  if (threads_.empty()) begin();
  together(job);
}

}  // namespace chengxin::ledger
