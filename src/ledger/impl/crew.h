#pragma once
#include <pthread.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

// Threads that do a job together with whoever has it.
namespace chengxin::ledger {

class Crew {
 public:
  // With the one that calls; the others begin with the first job. Where the system has no more of them, there
  // are fewer.
  explicit Crew(size_t threads) : size_(threads) {}
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  size_t size() const { return size_; }
  // Calls one(i) for every i below the count, in no order, each once. Who finds the crew at work on
  // another job does its own alone.
  void each(size_t count, const std::function<void(size_t)>& one);

 private:
  static void* live(void* self);
  void work();
  void begin();
  void together(const std::function<void()>& job);

  const size_t size_;
  std::mutex busy_;  // who holds it has the crew
  std::vector<pthread_t> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  const std::function<void()>* job_ = nullptr;  // null: none, or its caller needs no more hands
  uint64_t number_ = 0;                         // of the job
  size_t working_ = 0;
  bool ends_ = false;
};

}  // namespace chengxin::ledger
