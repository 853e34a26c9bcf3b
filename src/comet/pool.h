#pragma once
#include "link/link.h"
#include "order/sequencer.h"

// Transactions that wait for a block, on every node of a chain. The engine orders names; what they stand for
// travels once over our own links and is checked once on each node (docs/adr/0019). A transaction's name is
// its hash: what is admitted under one hash differs at most in its signature. Invariants:
// - a transaction in the pool was admitted here: form, signer, signature;
// - what this node has voted for is on its disk until the ledger holds it, so that a decided block can always
// be
//   executed as long as more than a third of the voters come back;
// - every queue is bounded, and a peer can only fill its own share.
namespace chengxin::comet {

// A source is this node's own clients together, or a peer. It may fill as much as is still free: alone half
// of the bound, one of n 1/(n+1), so that whoever comes new finds room.
struct PoolOptions {
  size_t max_transactions = 100'000;
  size_t max_bytes = size_t(256) << 20;
  size_t max_peer_transactions = 50'000;      // of those, that one peer handed in
  size_t max_ahead_bytes = size_t(64) << 20;  // of blocks that peers hold and this node does not
  int fetch_ms = 1'000;                       // for what a proposal names and this node does not hold
  int grace_ms = 20;  // of those, in which what is missing may still arrive by itself before it is asked for
};

// What the pool needs of the other nodes. Peers are named by their key; done over link::Links in the product
// (comet/peers.h), in memory in the simulator. No call waits for the network; none is made under a lock of
// the pool, so that answers may come before it returns.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual void broadcast(std::vector<Bytes> envelopes) = 0;
  // Asks for contents by name; answers come through Pool::receive. `first`: who should have it. None: the
  // next in turn, another one with each call.
  virtual void ask(std::span<const Digest> ids, const crypto::Sm2Point* first) = 0;
  // Asks for the contents of the ledger's blocks from this height on, which other nodes hold already; answers
  // come through Pool::receive_block. It finds what `ask` cannot: a node knows by name only what waits there
  // or was committed lately.
  virtual void ask_blocks(uint64_t from_height) = 0;
};

class Pool {
 public:
  // `wake` is called when the pool goes from empty to not empty, and after each engine height while it is not
  // empty; must not block. An engine that starts asks empty() itself.
  // Errors: file.*.
  static Result<std::unique_ptr<Pool>> open(const ledger::Ledger& ledger, const fs::path& folder,
                                            std::function<int64_t()> now_ms, std::function<void()> wake,
                                            PoolOptions options);
  virtual ~Pool() = default;
  virtual void set_peers(Peers* peers) = 0;

  // Of this node's own clients; handed to the peers. order.queue_full, as Sequencer::submit.
  virtual void submit(std::vector<order::Submission> submissions) = 0;
  // Of a peer; broadcast or asked for. Bad ones are counted against it and dropped.
  virtual void receive(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes) = 0;
  // Of a peer: envelopes in a block of the ledger above the head. Kept unchecked until find() names them or
  // the ledger has passed that height; what does not fit is dropped. A lie costs nothing but a question.
  virtual void receive_block(const crypto::Sm2Point& peer, uint64_t height, std::vector<Bytes> envelopes) = 0;
  virtual size_t room_ahead() const = 0;  // bytes that receive_block takes
  // Of this node's own clients, that were handed to the peers before `handed_before_ms` and wait still; they
  // count as handed over again.
  virtual std::vector<Bytes> unsettled(int64_t handed_before_ms, size_t max_bytes) = 0;
  // Envelopes of those of the ids that are here or in the ledger, for a peer that asks.
  virtual std::vector<Bytes> give(std::span<const Digest> ids, size_t max_bytes) const = 0;

  // As many as fit: sources take turns by bytes, each in the order of arrival. They stay in the pool.
  virtual std::vector<ledger::AdmittedTransaction> candidates(size_t max_bytes, size_t max_count) const = 0;
  // All of these; asks peers for what is missing and waits up to fetch_ms, or without end. What was not in
  // the pool is admitted at time_ms against the head; what was, had been, and execution asks anew what may
  // have changed since. pool.missing (unavailable), pool.inadmissible (names the first and why),
  // pool.stopped.
  virtual Result<std::vector<ledger::AdmittedTransaction>> find(std::span<const Digest> ids, int64_t time_ms,
                                                                const crypto::Sm2Point* proposer,
                                                                bool without_end) = 0;
  // Makes these durable: before this node votes for a block of them. After an error nothing more is kept
  // until the pool is opened again (pool.kept_broken): what reached the disk is not known then. file.*.
  virtual Status keep(uint64_t engine_height, std::span<const ledger::AdmittedTransaction> transactions) = 0;

  // The block is durable in the ledger: outcomes of those in it are told, they leave the pool, and what was
  // kept for engine heights up to this one is dropped.
  virtual void committed(uint64_t engine_height, const ledger::Ledger::Executed* executed) = 0;
  // Could not stand in a block that this node proposed: leaves the pool, its outcome is the error. One of
  // Code::busy (transaction.block_full) stays.
  virtual void refused(const ledger::AdmittedTransaction& transaction, const Error& why) = 0;

  virtual bool empty() const = 0;
  virtual void stop() = 0;  // waiters return pool.stopped; outcomes are told order.outcome_unknown
  struct Counts {
    size_t transactions = 0, bytes = 0;
    size_t own = 0;          // of them, whose outcome somebody here waits for
    size_t ahead_bytes = 0;  // of blocks above the head
    uint64_t received = 0;   // envelopes of peers
    uint64_t refused = 0;    // of those: not admitted
    uint64_t dropped = 0;    // of those: their source's share was used up
    uint64_t asked = 0;      // contents that find() had to ask for
    uint64_t lies = 0;       // contents with a signature that does not hold, handed in as an answer
  };
  virtual Counts counts() const = 0;
};

}  // namespace chengxin::comet
