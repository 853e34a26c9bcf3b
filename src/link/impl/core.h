#pragma once
#include <map>

#include "link/impl/carrier.h"
#include "link/impl/guard.h"

namespace chengxin::link {

struct TopicLess {
  bool operator()(const Topic& a, const Topic& b) const {
    return std::tie(a.chain, a.purpose) < std::tie(b.chain, b.purpose);
  }
};

// Handlers that may be taken away while links of theirs exist.
struct Served {
  Handlers handlers;
  Gate gate;

  void tell_open(const CarrierPtr& link);
  void tell_message(const CarrierPtr& link, Bytes message);
  void tell_close(const CarrierPtr& link, const Error& why);
};
using ServedPtr = std::shared_ptr<Served>;

// What was asked to be dialled, until its handle is dropped.
struct Dial : std::enable_shared_from_this<Dial> {
  Topic topic;
  Address address;
  crypto::Sm2Point key{};
  ServedPtr served;
  bool again = false;
  std::shared_ptr<Loop> loop;

  std::mutex mutex;
  bool stopped = false;
  CarrierPtr link;
  Timer* pause = nullptr;  // the loop's thread only
};
using DialPtr = std::shared_ptr<Dial>;

// What all links of a node share. Its coroutines end, each on its loop, before it goes.
class Core {
 public:
  Core(Credentials credentials, TrustOf trust, Admits admits, Options options);

  Status start();
  void stop();  // returns when all threads have ended
  uint16_t port() const { return port_; }

  void serve(const Topic& topic, Handlers handlers);
  void stop_serving(const Topic& topic);
  void serve_engine(const Digest& chain, uint16_t engine_port);
  void stop_serving_engine(const Digest& chain);
  Links::Keeper dial(DialPtr what);
  Result<Links::Tunnel> tunnel(const Digest& chain, const Address& address, const crypto::Sm2Point& key);
  void recheck();
  std::vector<Links::State> list() const;

  const Options options;

 private:
  // Where an incoming link of a topic leads.
  struct Target {
    ServedPtr served;
    std::optional<Socket> engine;
  };
  struct Tunnel;

  Status listen();
  std::shared_ptr<Loop> next_loop();
  CarrierPtr new_carrier(const std::shared_ptr<Loop>& loop, std::optional<Topic> topic);
  std::vector<CarrierPtr> carriers() const;
  void cut_incoming(const Topic& topic, const Error& why);
  void claim(const CarrierPtr& link);
  std::shared_ptr<const crypto::TlsTrust> trust_of(const Topic& topic) const;
  Result<crypto::Certificate> root_of(const Topic& topic, const crypto::TlsPeer& peer) const;
  Status examine(const Carrier& link) const;
  static void stop_dial(Dial& dial);
  void stop_tunnels();

  Task<void> sweep(std::shared_ptr<Loop> loop);
  Task<void> accept();
  Task<void> run_incoming(CarrierPtr link, HalfOpen::Token token);
  Task<Result<Target>> agree(const CarrierPtr& link);
  Task<Result<Target>> consider(const CarrierPtr& link, const Hello& hello);
  Task<Status> connect(const CarrierPtr& link, const Address& address);
  Task<Status> reach(const CarrierPtr& link, const Address& address, const crypto::Sm2Point& key);
  Task<void> run_dial(DialPtr what);
  Task<Error> deliver(const CarrierPtr& link, Served& served);
  Task<void> accept_tunnel(std::shared_ptr<Tunnel> tunnel);
  Task<void> run_tunnel(std::shared_ptr<Tunnel> tunnel, Socket engine);
  static Task<Error> pump(const CarrierPtr& link, Socket& engine);
  static Task<void> end(const CarrierPtr& link, const Error& why);
  void spawn(const std::shared_ptr<Loop>& loop, Task<void> task);

  Credentials credentials_;
  const TrustOf trust_;
  const Admits admits_;
  std::optional<crypto::TlsContext> context_;
  HalfOpen half_open_;
  RefusalLog refusals_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> incoming_ = 0, next_ = 0;
  std::vector<std::shared_ptr<Loop>> loops_;
  std::optional<Acceptor> acceptor_;

  mutable std::mutex mutex_;  // what follows
  std::map<Topic, ServedPtr, TopicLess> served_;
  std::map<Digest, uint16_t> engines_;
  std::list<std::weak_ptr<Carrier>> carriers_;
  std::list<std::weak_ptr<Dial>> dials_;
  std::list<std::weak_ptr<Tunnel>> tunnels_;
};

}  // namespace chengxin::link
