#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "keys/provider.h"

namespace chengxin::keys {
namespace {

constexpr size_t kMostWaiting = 64;

// What the thread and the callers share. The thread keeps it alive when a call never comes back.
struct Shared {
  std::unique_ptr<Provider> provider;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  bool stopping = false, idle = true;
};

void work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->wake.wait(lock, [&] { return shared->stopping || !shared->queue.empty(); });
    if (shared->queue.empty()) return;
    auto next = std::move(shared->queue.front());
    shared->queue.pop_front();
    shared->idle = false;
    lock.unlock();
    next();
    next = nullptr;  // what it captured may be a secret
    lock.lock();
    shared->idle = true;
  }
}

class OneThread final : public Provider {
 public:
  OneThread(std::unique_ptr<Provider> provider, int timeout_ms) : timeout_ms_(timeout_ms) {
    shared_->provider = std::move(provider);
    thread_ = std::thread(work, shared_);
  }
  ~OneThread() override {
    bool stuck;
    {
      std::lock_guard lock(shared_->mutex);
      shared_->stopping = true;
      shared_->queue.clear();
      stuck = !shared_->idle;
    }
    shared_->wake.notify_all();
    if (stuck)
      thread_.detach();  // a device that does not answer must not hold the end of the program up
    else
      thread_.join();
  }

  Result<Info> info() override {
    return call<Result<Info>>([](Provider& p) { return p.info(); });
  }
  Status unlock(ByteView pin) override {
    return call<Status>([own = crypto::to_secret(pin)](Provider& p) { return p.unlock(own); });
  }
  void lock() override {
    (void)call<Status>([](Provider& p) {
      p.lock();
      return Status();
    });
  }
  Result<std::vector<Key>> list() override {
    return call<Result<std::vector<Key>>>([](Provider& p) { return p.list(); });
  }
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                 std::span<const Digest> digests) override {
    return call<Result<std::vector<crypto::Sm2Signature>>>(
        [id, own = std::vector<Digest>(digests.begin(), digests.end())](Provider& p) {
          return p.sign(id, own);
        });
  }
  Result<Bytes> random(size_t count) override {
    return call<Result<Bytes>>([count](Provider& p) { return p.random(count); });
  }
  Result<Key> generate(const std::string& id, Algorithm algorithm) override {
    return call<Result<Key>>([id, algorithm](Provider& p) { return p.generate(id, algorithm); });
  }
  Result<Key> import_public(const std::string& id, const crypto::Sm2PublicKey& key) override {
    return call<Result<Key>>([id, key](Provider& p) { return p.import_public(id, key); });
  }
  Status destroy(const std::string& id) override {
    return call<Status>([id](Provider& p) { return p.destroy(id); });
  }
  Result<crypto::Secret> decrypt(const std::string& id, ByteView cipher) override {
    return call<Result<crypto::Secret>>(
        [id, own = to_bytes(cipher)](Provider& p) { return p.decrypt(id, own); });
  }
  Result<crypto::Secret> reveal(const std::string& id) override {
    return call<Result<crypto::Secret>>([id](Provider& p) { return p.reveal(id); });
  }
  Result<Key> import_private(const std::string& id, ByteView scalar) override {
    return call<Result<Key>>(
        [id, own = crypto::to_secret(scalar)](Provider& p) { return p.import_private(id, own); });
  }

 private:
  template <typename Value>
  Value call(std::function<Value(Provider&)> ask) {
    auto promise = std::make_shared<std::promise<Value>>();
    auto answer = promise->get_future();
    {
      std::lock_guard lock(shared_->mutex);
      if (shared_->queue.size() >= kMostWaiting)
        return tl::unexpected(Error{Code::busy, "keys.busy", "too many callers wait for the device", 1000});
      shared_->queue.emplace_back(
          [ask = std::move(ask), promise, raw = shared_.get()] { promise->set_value(ask(*raw->provider)); });
    }
    shared_->wake.notify_one();
    if (answer.wait_for(std::chrono::milliseconds(timeout_ms_)) != std::future_status::ready)
      return fail(Code::unavailable, "keys.timeout", "no answer within {} ms", timeout_ms_);
    return answer.get();
  }

  const int timeout_ms_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::thread thread_;
};

}  // namespace

std::shared_ptr<Provider> on_one_thread(std::unique_ptr<Provider> provider, int timeout_ms) {
  return std::make_shared<OneThread>(std::move(provider), timeout_ms);
}

}  // namespace chengxin::keys
