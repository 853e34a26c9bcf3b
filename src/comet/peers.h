#pragma once
#include "comet/pool.h"

// The other nodes of a chain, over link::Links: transactions handed to each once, asked for and given by
// name, blocks in bulk for who is behind, and where everybody stands (docs/formats/content.md). Invariants:
// - nobody waits for a slow peer: what does not fit its link is not sent, and it asks later;
// - what a peer sends waits in its own bounded queue, peers take turns by bytes, and so do its questions;
// - what a peer may have read from this node's disk is bounded by time.
namespace chengxin::comet {

struct Member {
  std::string name;
  crypto::Sm2Point key{};
  link::Address address;
  bool operator==(const Member& other) const {
    return name == other.name && key == other.key && address.host == other.address.host &&
           address.port == other.address.port;
  }
};

// This node.
struct Self {
  crypto::Sm2Point key{};
  std::string software;  // version, at most 40 printable characters
  std::function<int64_t()> now_ms;
  std::function<uint64_t()> engine_height;
  // Of an engine height, as the state synchronisation of another node wants it; opaque here. May be empty.
  std::function<std::optional<Bytes>(uint64_t height)> light_block;
};

struct PeersOptions {
  // What clients hand in goes out at once when nothing did for so long, and else together after it.
  int gather_ms = 10;
  size_t gather_bytes = size_t(256) << 10;
  int head_ms = 3'000;                        // between notices of where this node stands
  int unsettled_ms = 3'000;                   // own transactions that wait longer are handed over again
  size_t max_inbox_bytes = size_t(24) << 20;  // of each peer
  size_t max_questions = 16;                  // of each peer
  size_t answer_bytes_per_second = size_t(32) << 20;
  size_t answer_burst_bytes = size_t(64) << 20;
  int reply_ms = 2'000;  // after which a question for blocks goes to another peer
};

struct PeerCounts {
  uint64_t broadcasts_dropped = 0;  // messages to it that did not fit its link
  uint64_t inbox_dropped = 0;       // messages of it that did not fit its queue
  uint64_t questions_dropped = 0;
  uint64_t malformed = 0, unknown_kind = 0;
  uint64_t given = 0, given_bytes = 0;  // envelopes that it asked for
};

struct PeerState {
  crypto::Sm2Point key{};
  std::string name;  // empty: no member that this node knows of
  bool linked = false;
  // As it said last; heard_ms 0: never.
  int64_t heard_ms = 0;
  uint64_t ledger_height = 0, oldest_height = 0, engine_height = 0, certified_height = 0;
  std::string software;
  int64_t clock_ahead_ms = 0;  // of its clock before ours, the way of the message included
  bool disagrees = false;      // it names another block than ours at a height
  PeerCounts counts;
};

class LinkPeers : public Peers {
 public:
  // From then on the pool's peers. Links, ledger and pool outlive stop().
  static std::shared_ptr<LinkPeers> start(link::Links& links, const ledger::Ledger& ledger, Pool& pool,
                                          Self self, PeersOptions options = {});
  // All nodes of the chain, this one may be among them. Between two the one with the lower key dials.
  virtual void set_members(std::vector<Member> members) = 0;
  virtual void decided() = 0;  // the ledger holds one block more
  // Asks peers in turn: peers.no_light_block (unavailable). What comes is not checked.
  virtual Result<Bytes> light_block(uint64_t engine_height, int timeout_ms) = 0;
  // Of all who are linked and answer in time: comet/impl/proven_members.h. Not checked either.
  virtual std::vector<Bytes> members(int timeout_ms) = 0;
  virtual std::vector<PeerState> states() const = 0;
  virtual bool catching_up() const = 0;  // blocks are asked for in bulk
  virtual void stop() = 0;
};

}  // namespace chengxin::comet
