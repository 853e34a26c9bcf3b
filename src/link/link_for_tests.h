#pragma once
// Nodes, a network to be tampered with, and a peer that does what none of ours would.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <list>
#include <set>
#include <thread>

#include "crypto/tls_for_tests.h"
#include "link/link.h"

namespace chengxin::link {

using crypto::kTestDayMs;

inline constexpr auto kPatience = std::chrono::seconds(10);

inline Digest chain_named(uint8_t name) {
  Digest out{};
  out.fill(name);
  return out;
}

// What the handlers of one topic were told.
class Mailbox {
 public:
  Handlers handlers() {
    return {[this](const ConnectionPtr& link) { note([&] { opened.push_back(link); }); },
            [this](const ConnectionPtr&, Bytes message) {
              if (hold) hold();
              note([&] { messages.push_back(std::move(message)); });
            },
            [this](const ConnectionPtr&, const Error& why) { note([&] { closed.push_back(why); }); }};
  }
  template <typename Condition>
  bool wait(const Condition& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, condition);
  }
  bool wait_open(size_t count = 1) {
    return wait([&] { return opened.size() >= count; });
  }
  bool wait_messages(size_t count) {
    return wait([&] { return messages.size() >= count; });
  }
  // The reason of the last of that many ends.
  std::string wait_closed(size_t count = 1) {
    if (!wait([&] { return closed.size() >= count; })) return "(still open)";
    std::lock_guard lock(mutex);
    return closed[count - 1].reason;
  }
  bool none_closed() {
    std::lock_guard lock(mutex);
    return closed.empty();
  }
  ConnectionPtr link() {
    std::lock_guard lock(mutex);
    return opened.empty() ? nullptr : opened.back();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<ConnectionPtr> opened;
  std::vector<Bytes> messages;
  std::vector<Error> closed;
  std::function<void()> hold;  // called with each message

 private:
  template <typename Change>
  void note(const Change& change) {
    std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

// Who is a member of what, as the nodes of a test see it.
struct Registry {
  std::mutex mutex;
  std::vector<crypto::Certificate> roots;
  std::vector<crypto::Crl> crls;
  std::set<std::pair<Digest, crypto::Sm2Point>> members;

  void set_member(const Digest& chain, const crypto::Sm2Point& key, bool is) {
    std::lock_guard lock(mutex);
    is ? (void)members.emplace(chain, key) : (void)members.erase({chain, key});
  }
  TrustOf trust() {
    return [this](const Topic&) {
      std::lock_guard lock(mutex);
      return Trust{roots, crls};
    };
  }
  Admits admits() {
    return [this](const Topic& topic, const Peer& peer) -> Status {
      std::lock_guard lock(mutex);
      if (members.count({topic.chain, peer.key})) return {};
      return fail(Code::forbidden, "link.not_a_member");
    };
  }
};

struct Node {
  crypto::TlsIdentity identity;
  Registry registry = {};  // this node's view
  std::unique_ptr<Links> links = nullptr;

  const crypto::Sm2Point& key() const { return identity.sign_key.public_key().point(); }
  Credentials credentials() const {
    return {identity.sign, identity.encrypt, identity.sign_key, identity.encrypt_key, identity.chain};
  }
  void start(Options options = {}) {
    auto made = Links::start(credentials(), registry.trust(), registry.admits(), options);
    ASSERT_TRUE(made) << made.error().to_string();
    links = std::move(*made);
  }
  Address address() const { return {"127.0.0.1", links->port()}; }
};

// Plain blocking sockets.
class Wire {
 public:
  explicit Wire(int fd = -1) : fd_(fd) {}
  Wire(Wire&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Wire& operator=(Wire&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Wire() { close(); }

  static Wire connect(uint16_t port, const char* from = "127.0.0.1") {
    Wire out(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::inet_addr(from);
    ::bind(out.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(out.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) out.close();
    return out;
  }
  static Wire listen(uint16_t& port) {
    Wire out(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(out.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(out.fd_, 16);
    socklen_t size = sizeof address;
    ::getsockname(out.fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    return out;
  }
  Wire accept() { return Wire(::accept(fd_, nullptr, nullptr)); }
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void shutdown(int how) { ::shutdown(fd_, how); }
  bool write(ByteView bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(size_t(sent));
    }
    return true;
  }
  // What arrives next; empty: the end, an error, or nothing for long.
  Bytes read(size_t most = 65536, int patience_ms = 10'000) {
    pollfd poll{fd_, POLLIN, 0};
    if (fd_ < 0 || ::poll(&poll, 1, patience_ms) <= 0) return {};
    Bytes out(most);
    ssize_t count = ::recv(fd_, out.data(), out.size(), 0);
    out.resize(count > 0 ? size_t(count) : 0);
    return out;
  }
  bool ends() {  // within the patience
    while (true) {
      pollfd poll{fd_, POLLIN, 0};
      if (::poll(&poll, 1, 10'000) <= 0) return false;
      if (read().empty()) return true;
    }
  }

 private:
  int fd_;
};

// Stands between two nodes: passes everything on, records it, and may change, hold or cut it.
class Proxy {
 public:
  explicit Proxy(uint16_t target) : listener_(Wire::listen(port)), target_(target) {
    accepting_ = std::thread([this] {
      while (true) {
        Wire in = listener_.accept();
        if (!in.is_open() || stopped_) return;
        Wire out = Wire::connect(target_);
        std::lock_guard lock(mutex_);
        wires_.emplace_back(std::move(in), std::move(out));
        auto& pair = wires_.back();
        threads_.emplace_back([this, &pair] { carry(pair.first, pair.second, &to_server, &recorded); });
        threads_.emplace_back([this, &pair] { carry(pair.second, pair.first, &to_client, nullptr); });
      }
    });
  }
  ~Proxy() {
    stopped_ = true;
    stalled = false;
    Wire::connect(port);
    listener_.shutdown(SHUT_RDWR);
    accepting_.join();
    cut();
    for (auto& thread : threads_) thread.join();
  }
  void cut() {
    std::lock_guard lock(mutex_);
    for (auto& [in, out] : wires_) in.shutdown(SHUT_RDWR), out.shutdown(SHUT_RDWR);
  }
  Bytes taken() {
    std::lock_guard lock(mutex_);
    return recorded;
  }

  uint16_t port = 0;
  std::atomic<bool> stalled = false;
  std::function<void(Bytes&)> to_server, to_client;  // set before use
  Bytes recorded;                                    // of what went to the server

 private:
  void carry(Wire& from, Wire& to, std::function<void(Bytes&)>* change, Bytes* record) {
    while (!stopped_) {
      Bytes bytes = from.read(65536, 1000);
      while (stalled) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (bytes.empty()) {
        pollfd poll{from.fd(), POLLIN, 0};
        if (::poll(&poll, 1, 0) == 0) continue;
        to.shutdown(SHUT_WR);
        return;
      }
      if (record) {
        std::lock_guard lock(mutex_);
        append(*record, bytes);
      }
      if (*change) (*change)(bytes);
      if (!to.write(bytes)) return;
    }
  }

  Wire listener_;
  const uint16_t target_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::list<std::pair<Wire, Wire>> wires_;
  std::list<std::thread> threads_;
  std::thread accepting_;
};

// One side of a protected connection by hand.
class RawPeer {
 public:
  RawPeer(Wire wire, std::unique_ptr<crypto::TlsSession> with)
      : session(std::move(with)), wire_(std::move(wire)) {}
  // Until open, an error or the end.
  Status shake_hands() {
    Status status = session->receive({}, plain);
    while (true) {
      wire_.write(session->take_output());
      TRY(status);
      if (session->open()) return {};
      Bytes bytes = wire_.read();
      if (bytes.empty()) return fail(Code::unavailable, "test.ended");
      status = session->receive(bytes, plain);
    }
  }
  bool send_raw(ByteView bytes) { return session->send(bytes) && wire_.write(session->take_output()); }
  bool send_frame(ByteView frame) {
    Bytes whole;
    put_be(whole, uint32_t(frame.size()));
    append(whole, frame);
    return send_raw(whole);
  }
  // The next frame; nullopt at the end.
  std::optional<Bytes> frame() {
    while (true) {
      if (plain.size() >= 4) {
        size_t size = get_be<uint32_t>(plain.data());
        if (plain.size() >= 4 + size) {
          Bytes out(plain.begin() + 4, plain.begin() + 4 + ptrdiff_t(size));
          plain.erase(plain.begin(), plain.begin() + 4 + ptrdiff_t(size));
          return out;
        }
      }
      Bytes bytes = wire_.read();
      if (bytes.empty() || !session->receive(bytes, plain) || session->ended()) return std::nullopt;
    }
  }
  bool ends() { return wire_.ends(); }

  std::unique_ptr<crypto::TlsSession> session;
  Bytes plain;

 private:
  Wire wire_;
};

inline std::unique_ptr<crypto::TlsSession> raw_client(const crypto::TlsIdentity& who,
                                                      const crypto::Certificate& root) {
  return crypto::TlsContext::create(crypto::TlsProtocol::tlcp, who)
      .value()
      .connect(crypto::test_trust({root}));
}

// Two nodes of one root that are members of chain 1.
class TwoNodes : public testing::Test {
 protected:
  void SetUp() override {
    for (Node* node : {&alice, &bob}) {
      node->registry.roots = {root.certificate()};
      for (Node* other : {&alice, &bob}) node->registry.set_member(chain, other->key(), true);
    }
  }
  void start(Options options = {}) {
    alice.start(options);
    bob.start(options);
  }
  // A link from alice to bob, over `port` instead of bob's when there is something between.
  void open(uint16_t port = 0) {
    bob.links->serve(topic, bobs.handlers());
    keeper = alice.links->keep(topic, {"127.0.0.1", port ? port : bob.links->port()}, bob.key(),
                               alices.handlers());
    ASSERT_TRUE(alices.wait_open()) << alices.wait_closed();
    ASSERT_TRUE(bobs.wait_open());
  }

  const crypto::Authority root = crypto::test_root("Ministry");
  const Digest chain = chain_named(1);
  const Topic topic{chain, Purpose::content};
  Mailbox alices, bobs;
  Node alice{crypto::test_identity(root, "alice")}, bob{crypto::test_identity(root, "bob")};
  Links::Keeper keeper;
};

}  // namespace chengxin::link
