#pragma once
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "link/link.h"

// Questions and answers between members over links of Purpose::member. Wire: canonical JSON, a message each:
// {"id":N,"call":name,"with":{…}} is answered by {"id":N,"result":…} or
// {"id":N,"error":{"code","reason","detail"}}.
namespace chengxin::consortium {

inline constexpr size_t kMaxCallBytes = 2 << 20;
inline constexpr int kCallMs = 20'000;

struct Place {
  std::string address;
  crypto::Sm2Point key{};
};

// A link for one question, made for it and gone with this. The answer comes in kCallMs or not at all:
// consortium.no_answer (unavailable).
class Asked {
 public:
  // Hears of an answer when it arrives, on a thread of the links; wait() may come much later.
  using Heard = std::function<void(const link::Peer&, const Json& answer)>;
  Asked(link::Links& links, const Place& place, std::string_view call, Json with, Heard heard = {});
  Result<Json> wait();
  // Of the peer that answered, once there was an answer.
  link::Peer peer() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::future<Result<Json>> answer_;
  link::Links::Keeper keeper_;
};
inline Result<Json> ask(link::Links& links, const Place& place, std::string_view call, Json with) {
  return Asked(links, place, call, std::move(with)).wait();
}

// Whether another try cannot mend it: what links and handshakes refuse may be admitted later.
bool is_final(const Error& error);

// Answers what comes in, one question at a time, on a thread of its own; the queue is bounded.
class Answering {
 public:
  using Handler = std::function<Result<Json>(const link::Peer&, const std::string& call, const Json& with)>;
  explicit Answering(Handler handler);
  ~Answering();
  link::Handlers handlers();

 private:
  struct Question {
    link::ConnectionPtr connection;
    uint64_t id = 0;
    std::string call;
    Json with;
  };
  void take(const link::ConnectionPtr& connection, const Bytes& message);
  void work();

  // What links hold after this is gone finds nobody.
  struct Shared {
    std::mutex mutex;
    Answering* answering = nullptr;
  };
  Handler handler_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Question> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chengxin::consortium
