#pragma once
#include "consortium/identity.h"
#include "ledger/ledger.h"

namespace chengxin::consortium {

// The chains of this node that a consortium runs, as this module needs them; the platform wires it to host
// and engine, tests to ledgers in one process. Thread-safe.
class Chains {
 public:
  virtual ~Chains() = default;

  using LedgerPtr = std::shared_ptr<const ledger::Ledger>;
  virtual std::vector<LedgerPtr> list() const = 0;

  struct Outcome {
    uint32_t status = 0;  // of the receipt
    uint64_t height = 0;
    std::string output;
  };
  // Waits for the block. Errors: those of admission and order.
  virtual Result<Outcome> submit(const Digest& chain, Bytes envelope) = 0;

  // A chain of this genesis on this node: made, and its engine running. chain.exists, chain.name.
  virtual Status start(std::string_view genesis) = 0;
  // This node is no member any more: the engine stops, what it holds stays readable.
  virtual Status stop(const Digest& chain) = 0;
  // Of the chain of that name, which need not be there yet; made when they are not.
  virtual Result<EngineKeys> engine_keys(const std::string& chain) = 0;
  // With a new key to vote with, made when there is none that waits for its vote. It is taken up by itself.
  virtual Result<EngineKeys> next_engine_keys(const std::string& chain) = 0;

  // What only the engine knows, for the table of nodes.
  struct State {
    uint64_t engine_height = 0;
    int round = 0;
    size_t peers = 0;
    bool running = false;
    std::string trouble;  // a reason key, or empty
  };
  virtual State state(const Digest& chain) const = 0;
};

}  // namespace chengxin::consortium
