#pragma once
#include "link/link.h"
#include "order/sequencer.h"

// Transactions that wait for a block, on every node of a chain. The engine orders names; what they stand for
// travels once over our own links and is checked once on each node (docs/adr/0019). Invariants:
// - a transaction in the pool was admitted here: form, signer, signature;
// - what this node has voted for is on its disk until the ledger holds it, so that a decided block can always
// be
//   executed as long as more than a third of the voters come back;
// - every queue is bounded, and a peer can only fill its own share.
namespace chengxin::comet {

// Names a transaction together with its attachments: its hash when it has none, else
// SM3(tag "chengxin/content/v1" || hash || for each attachment u32 length || bytes).
using ContentId = Digest;
ContentId content_id(const format::Transaction& transaction);

struct PoolOptions {
  size_t max_transactions = 100'000;
  size_t max_bytes = size_t(256) << 20;
  size_t max_peer_transactions = 50'000;  // of those, that one peer handed in
  int fetch_ms = 1'000;                   // for what a proposal names and this node does not hold
};

// What the pool needs of the other nodes. Peers are named by their key; done over link::Links in the product,
// in memory in the simulator.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual void broadcast(std::vector<Bytes> envelopes) = 0;
  // Asks for contents by name; answers come through Pool::receive. `first`: who should have it.
  virtual void ask(std::span<const ContentId> ids, const crypto::Sm2Point* first) = 0;
};

class Pool {
 public:
  // `wake` is called when the pool goes from empty to not empty, or has work again; must not block.
  static Result<std::unique_ptr<Pool>> open(const ledger::Ledger& ledger, const fs::path& folder,
                                            std::function<int64_t()> now_ms, std::function<void()> wake,
                                            PoolOptions options);
  virtual ~Pool() = default;
  virtual void set_peers(Peers* peers) = 0;

  // Of this node's own clients; handed to the peers. order.queue_full, as Sequencer::submit.
  virtual void submit(std::vector<order::Submission> submissions) = 0;
  // Of a peer; broadcast or asked for. Bad ones are counted against it and dropped.
  virtual void receive(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes) = 0;
  // Envelopes of those of the ids that are here or in the ledger, for a peer that asks.
  virtual std::vector<Bytes> give(std::span<const ContentId> ids, size_t max_bytes) const = 0;

  // In the order of their arrival, as many as fit; they stay in the pool.
  virtual std::vector<ledger::AdmittedTransaction> candidates(size_t max_bytes, size_t max_count) const = 0;
  // All of these, admitted at time_ms against the head; asks peers for what is missing and waits up to
  // fetch_ms, or without end. pool.missing (unavailable), pool.inadmissible (names the first and why),
  // pool.stopped.
  virtual Result<std::vector<ledger::AdmittedTransaction>> find(std::span<const ContentId> ids,
                                                                int64_t time_ms,
                                                                const crypto::Sm2Point* proposer,
                                                                bool without_end) = 0;
  // Makes these durable: before this node votes for a block of them.
  virtual Status keep(uint64_t engine_height, std::span<const ledger::AdmittedTransaction> transactions) = 0;

  // The block is durable in the ledger: outcomes of those in it are told, they leave the pool, and what was
  // kept for engine heights up to this one is dropped.
  virtual void committed(uint64_t engine_height, const ledger::Ledger::Executed* executed) = 0;
  // Could not stand in a block that this node proposed: leaves the pool, its outcome is the error.
  virtual void refused(const ledger::AdmittedTransaction& transaction, const Error& why) = 0;

  virtual bool empty() const = 0;
  virtual void stop() = 0;  // waiters return pool.stopped; outcomes are told order.outcome_unknown
  struct Counts {
    size_t transactions = 0, bytes = 0;
    uint64_t received = 0, refused = 0, asked = 0;
  };
  virtual Counts counts() const = 0;
};

}  // namespace chengxin::comet
