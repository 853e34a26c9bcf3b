#pragma once
#include <functional>
#include <memory>

#include "crypto/certificate.h"
#include "crypto/secret.h"
#include "crypto/sm2.h"

// Links between the nodes of chains: TLCP (GB/T 38636) with dual SM2 certificates on both sides, one TCP
// connection for each chain, peer and purpose (docs/formats/link.md, docs/adr/0020). Invariants:
// - nothing is sent or delivered on a link before both certificates were checked, and the peer's signing key
//   is that of a node which the chain admits now; a link whose peer stops being admitted is cut;
// - the chain and the purpose of a link are part of what both sides agreed to inside the protection: a link
//   of one chain cannot be taken for that of another;
// - every queue is bounded: who sends faster than the peer reads is told so.
namespace chengxin::link {

enum class Purpose : uint8_t {
  engine = 1,   // bytes of the consensus engine's own connection
  content = 2,  // transactions: what is broadcast, asked for and answered (docs/formats/content.md)
  member = 3,   // joining, offers of chains: before there is a chain in common
};

// This node's two certificates with their keys, and what leads to their root.
struct Credentials {
  crypto::Certificate sign, encrypt;
  crypto::Sm2PrivateKey sign_key, encrypt_key;
  std::vector<crypto::Certificate> chain;
};

struct Peer {
  crypto::Certificate certificate;  // its signing certificate
  crypto::Sm2Point key{};           // of that certificate
  crypto::Certificate root;         // the root it leads to
  std::string address;              // of the other end, for logs
  int64_t clock_ahead_ms = 0;       // of its clock before ours, when the link was made
};

// What a link is for. The dialling side says it, the other answers whether it agrees.
struct Topic {
  Digest chain{};  // zeroes for Purpose::member
  Purpose purpose = Purpose::content;
  bool operator==(const Topic&) const = default;
};

// Whether this peer may have a link on this topic now. Asked on both sides when a link is made and again at
// recheck(), on any thread and several at once; the change that it depends on comes before recheck(). Errors:
// link.unknown_chain, link.not_a_member, link.revoked, link.organisation_unknown (all forbidden).
using Admits = std::function<Status(const Topic&, const Peer&)>;
// Roots that node certificates of this topic may lead to, and revocation lists. For an empty topic all that
// are known to this node: the handshake comes before the topic is known. Called like Admits.
struct Trust {
  std::vector<crypto::Certificate> roots;
  std::vector<crypto::Crl> crls;
};
using TrustOf = std::function<Trust(const Topic&)>;

// One link. Messages for content and member, bytes for engine. Thread-safe; handlers are called on a thread
// of the links, one at a time for each link, and must not block for long.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual const Peer& peer() const = 0;
  virtual const Topic& topic() const = 0;
  // link.full (Code::busy) when more than max_queued_bytes wait; link.too_large; link.closed. Nothing to send
  // is not sent.
  virtual Status send(Bytes message) = 0;
  // What waits is sent first, for two seconds at most. A kept link is dialled again.
  virtual void close(std::string_view why) = 0;
};
using ConnectionPtr = std::shared_ptr<Connection>;

// None is called once the handle of keep() or dial() was dropped, stop_serving() or ~Links() has returned.
// These wait for one that runs (on another thread): do not call them with a lock that a handler takes.
struct Handlers {
  std::function<void(const ConnectionPtr&)> on_open;
  std::function<void(const ConnectionPtr&, Bytes message)> on_message;
  // Once; of those dialled also for one that never opened. Besides errors of links those of crypto/tls.h.
  std::function<void(const ConnectionPtr&, const Error& why)> on_close;
};

// Whether the node with the key `asked`, which was dialled, may answer with the key `found`.
using SameNode =
    std::function<bool(const Topic&, const crypto::Sm2Point& asked, const crypto::Sm2Point& found)>;

struct Options {
  SameNode same_node = {};  // may be empty: no other key than the one asked for; called like Admits
  std::string listen = "127.0.0.1:0";  // host:port
  size_t max_message_bytes = 16 << 20;
  size_t max_queued_bytes = 64 << 20;  // for each link
  size_t max_connections = 1024;       // incoming ones
  size_t max_half_open = 256;          // of those, not agreed to yet
  size_t max_half_open_of_one = 32;    // of those, from one address
  int handshake_ms = 10'000;
  int idle_ms = 30'000;     // without a sign of life; keep-alives go out at a third of it
  int recheck_ms = 60'000;  // recheck() of its own accord: certificates and revocation lists age
};

struct Address {
  std::string host;
  uint16_t port = 0;
};

class Links {
 public:
  // Errors: link.listen (the address is in use, and by whom as far as known), link.certificate (the own
  // certificates do not fit together, are expired or of the wrong usage).
  static Result<std::unique_ptr<Links>> start(Credentials credentials, TrustOf trust, Admits admits,
                                              Options options);
  virtual ~Links() = default;

  virtual uint16_t port() const = 0;

  // Incoming links of a topic (of content or member) go to these, one for each peer: a newer one ends the one
  // before it (link.replaced). Replaces earlier handlers and ends their links. Unless served they are
  // refused.
  virtual void serve(const Topic& topic, Handlers handlers) = 0;
  virtual void stop_serving(const Topic& topic) = 0;

  // Keeps a link to that node: dials, and dials again with growing pauses, until the returned handle is
  // dropped. The peer's key must be the one asked for, or stand for it by Options::same_node
  // (link.other_key).
  using Keeper = std::shared_ptr<void>;
  virtual Keeper keep(const Topic& topic, const Address& address, const crypto::Sm2Point& key,
                      Handlers handlers) = 0;
  // One link, once. on_close tells of failure.
  virtual Keeper dial(const Topic& topic, const Address& address, const crypto::Sm2Point& key,
                      Handlers handlers) = 0;

  // The engine's own connections (Purpose::engine): a loopback listener whose connections are carried to that
  // node, and from there to the port that it names in serve_engine.
  struct Tunnel {
    std::shared_ptr<void> keeper;
    uint16_t port = 0;  // on 127.0.0.1
  };
  virtual Result<Tunnel> tunnel(const Digest& chain, const Address& address, const crypto::Sm2Point& key) = 0;
  virtual void serve_engine(const Digest& chain, uint16_t engine_port) = 0;
  virtual void stop_serving_engine(const Digest& chain) = 0;

  // Looks at the certificates of every link and asks Admits again; cuts those that do not pass, before it
  // returns: nothing of them is delivered or sent from then on (a handler that runs is not waited for).
  virtual void recheck() = 0;

  struct State {
    Topic topic;
    Peer peer;
    bool dialled = false;
    int64_t since_ms = 0;
    uint64_t sent_bytes = 0, received_bytes = 0;
  };
  virtual std::vector<State> list() const = 0;
};

}  // namespace chengxin::link
