#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <queue>
#include <random>
#include <thread>

#include "base/clock.h"
#include "comet/peers.h"

// Links in memory: one thread delivers everything, late, twice, out of order or not at all, as the seed has
// it.
namespace chengxin::comet::testing {

struct Weather {
  double lost = 0, twice = 0, late = 0;  // shares of the messages
  int late_ms = 30;
  size_t max_queued_bytes = size_t(64) << 20;  // of a link
};

class FakeNet {
 public:
  explicit FakeNet(uint64_t seed = 1, Weather weather = {}) : random_(seed), weather_(weather) {
    thread_ = std::thread([this] { run(); });
  }
  ~FakeNet() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  class FakeConnection;
  using FakePtr = std::shared_ptr<FakeConnection>;

  class FakeConnection final : public link::Connection, public std::enable_shared_from_this<FakeConnection> {
   public:
    FakeConnection(FakeNet& net, link::Peer peer, link::Topic topic, link::Handlers handlers)
        : net_(net), peer_(std::move(peer)), topic_(topic), handlers_(std::move(handlers)) {}
    const link::Peer& peer() const override { return peer_; }
    const link::Topic& topic() const override { return topic_; }
    Status send(Bytes message) override { return net_.send(*this, std::move(message)); }
    void close(std::string_view why) override { net_.close(shared_from_this(), why); }

   private:
    friend class FakeNet;
    FakeNet& net_;
    const link::Peer peer_;
    const link::Topic topic_;
    const link::Handlers handlers_;
    std::weak_ptr<FakeConnection> other_;
    bool closed_ = false;
    size_t queued_ = 0;  // bytes on their way
  };

  class FakeLinks final : public link::Links {
   public:
    FakeLinks(FakeNet& net, const crypto::Sm2Point& key) : net_(net), key_(key) {
      std::lock_guard lock(net_.mutex_);
      net_.nodes_[key] = {};
    }
    ~FakeLinks() override {
      std::lock_guard lock(net_.mutex_);
      net_.nodes_.erase(key_);
    }
    uint16_t port() const override { return 0; }
    void serve(const link::Topic&, link::Handlers handlers) override {
      std::lock_guard lock(net_.mutex_);
      net_.nodes_[key_] = std::move(handlers);
    }
    void stop_serving(const link::Topic&) override {
      std::lock_guard lock(net_.mutex_);
      net_.nodes_[key_].reset();
    }
    Keeper keep(const link::Topic& topic, const link::Address&, const crypto::Sm2Point& key,
                link::Handlers handlers) override {
      auto wish = std::make_shared<Wish>(Wish{key_, key, topic, std::move(handlers), {}});
      net_.pursue(wish);
      return wish;
    }
    Keeper dial(const link::Topic&, const link::Address&, const crypto::Sm2Point&, link::Handlers) override {
      return nullptr;
    }
    Result<Tunnel> tunnel(const Digest&, const link::Address&, const crypto::Sm2Point&) override {
      return fail(Code::unsupported, "test.none");
    }
    void serve_engine(const Digest&, uint16_t) override {}
    void stop_serving_engine(const Digest&) override {}
    void recheck() override {}
    std::vector<State> list() const override { return {}; }

   private:
    FakeNet& net_;
    const crypto::Sm2Point key_;
  };

 private:
  struct Wish {
    crypto::Sm2Point from{}, to{};
    link::Topic topic;
    link::Handlers handlers;
    FakePtr connection;
  };
  struct Event {
    int64_t at_ns;
    uint64_t number;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::tie(at_ns, number) > std::tie(other.at_ns, other.number);
    }
  };

  void later(int64_t delay_ns, std::function<void()> run) {  // under the lock
    if (stopped_) return;
    events_.push({steady_ns() + delay_ns, ++numbers_, std::move(run)});
    changed_.notify_all();
  }

  // Tries to connect now and then, for as long as somebody holds the wish.
  void pursue(const std::shared_ptr<Wish>& wish) {
    std::lock_guard lock(mutex_);
    later(0, [this, weak = std::weak_ptr(wish)] {
      auto held = weak.lock();
      if (!held) return;
      FakePtr here, there;
      {
        std::lock_guard inner(mutex_);
        auto target = nodes_.find(held->to);
        const bool connected = held->connection && !held->connection->closed_;
        if (!connected && target != nodes_.end() && target->second) {
          link::Peer to, from;
          to.key = held->to;
          from.key = held->from;
          here = std::make_shared<FakeConnection>(*this, to, held->topic, held->handlers);
          there = std::make_shared<FakeConnection>(*this, from, held->topic, *target->second);
          here->other_ = there;
          there->other_ = here;
          alive_.push_back(there);
          held->connection = here;
        }
        later(5'000'000, [this, weak] {
          if (auto again = weak.lock()) pursue(again);
        });
      }
      if (!here) return;
      here->handlers_.on_open(here);
      there->handlers_.on_open(there);
    });
  }

  Status send(FakeConnection& from, Bytes message) {
    std::lock_guard lock(mutex_);
    auto to = from.other_.lock();
    if (from.closed_ || !to) return fail(Code::unavailable, "link.closed");
    if (from.queued_ + message.size() > weather_.max_queued_bytes) return fail(Code::busy, "link.full");
    std::uniform_real_distribution<double> chance;
    if (chance(random_) < weather_.lost) return {};
    const int times = chance(random_) < weather_.twice ? 2 : 1;
    auto shared = std::make_shared<Bytes>(std::move(message));
    for (int i = 0; i < times; ++i) {
      const int64_t delay_ns =
          chance(random_) < weather_.late ? int64_t(random_() % uint64_t(weather_.late_ms)) * 1'000'000 : 0;
      from.queued_ += shared->size();
      later(delay_ns, [this, shared, to, self = from.shared_from_this()] {
        {
          std::lock_guard inner(mutex_);
          self->queued_ -= shared->size();
          if (to->closed_) return;
        }
        to->handlers_.on_message(to, *shared);
      });
    }
    return {};
  }

  void close(const FakePtr& connection, std::string_view why) {
    std::lock_guard lock(mutex_);
    const Error error{Code::unavailable, "link.closed", std::string(why)};
    for (const FakePtr& each : {connection, connection->other_.lock()}) {
      if (!each || std::exchange(each->closed_, true)) continue;
      std::erase(alive_, each);
      later(0, [each, error] { each->handlers_.on_close(each, error); });
    }
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      const int64_t now_ns = steady_ns();
      if (events_.empty() || events_.top().at_ns > now_ns) {
        const int64_t wait_ns = events_.empty() ? 1'000'000'000 : events_.top().at_ns - now_ns;
        changed_.wait_for(lock, std::chrono::nanoseconds(wait_ns));
        continue;
      }
      auto event = events_.top().run;
      events_.pop();
      lock.unlock();
      event();
      event = nullptr;
      lock.lock();
    }
    auto left = std::exchange(events_, {});
    auto alive = std::exchange(alive_, {});
    lock.unlock();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937_64 random_;
  const Weather weather_;
  std::map<crypto::Sm2Point, std::optional<link::Handlers>> nodes_;
  std::vector<FakePtr> alive_;
  std::priority_queue<Event> events_;
  uint64_t numbers_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace chengxin::comet::testing
