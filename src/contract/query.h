#pragma once
#include "contract/registry.h"
#include "contract/stack.h"
#include "ledger/ledger.h"

// Calls that no transaction makes, on a chain as it stands after a block: nothing is written.
namespace chengxin::contract {

struct Query {
  Address to{};
  Bytes input;  // call data
  Address caller{};
  uint64_t gas = ledger::kTransactionGas;  // at most that
  // False, a dry run: it may write, sees what it wrote, and all is gone after it. A contract that is frozen
  // answers only the former.
  bool read_only = true;
  std::optional<uint64_t> height;  // of the state; none: the head's
  // Now. What runs is in the block after that height, whose time is this, or its predecessor's if that is
  // later.
  int64_t time_ms = 0;
};

struct Answer {
  Outcome outcome;  // trapped with contract.unknown, .not_deployed, .frozen, .retired: it cannot be called
  std::vector<format::Event> events;  // of a dry run
  uint64_t height = 0;                // of the state
};

// Holds no lock; takes up to kStackBytes of stack and as long as its gas, 5 ns for each at worst, besides
// loading. Errors: those of Ledger::state.
Result<Answer> run(const std::shared_ptr<const Registry>& registry, const ledger::Ledger& ledger,
                   const Query& query);

// What stands on a chain after one block; what is written is gone.
class ChainState : public ledger::StateView {
 public:
  ChainState(const ledger::Ledger& ledger, uint64_t height) : ledger_(ledger), height_(height) {}
  Result<std::optional<Bytes>> get(std::string_view key) override { return ledger_.state(key, height_); }
  void put(std::string_view, Bytes) override {}
  void erase(std::string_view) override {}
  Result<ledger::StateRows> range(std::string_view from, std::string_view to, size_t limit) override {
    return ledger_.state_range(to_bytes(view(from)), to_bytes(view(to)), limit, height_);
  }
  Read reader() {
    return [this](std::string_view key) { return get(key); };
  }
  uint64_t height() const { return height_; }

 private:
  const ledger::Ledger& ledger_;
  const uint64_t height_;
};

}  // namespace chengxin::contract
