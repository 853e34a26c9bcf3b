#pragma once
#include "contract/engine.h"
#include "contract/journal.h"

// Calls between deployed contracts, whatever their languages, in one call of a transaction.
namespace chengxin::contract {

inline constexpr uint32_t kMaxDepth = 16;  // frames in one another
inline constexpr size_t kMaxEvents = 1024, kMaxEventBytes = 4 << 20;

// What stands at an address: nothing when nothing does, or what stands there cannot be called
// (contract.frozen, contract.retired, contract.not_deployed).
class Directory {
 public:
  virtual ~Directory() = default;
  virtual Result<std::shared_ptr<const Module>> at(const Address& address, Journal& journal) const = 0;
};

class Frames {
 public:
  Frames(const ledger::CallContext& call, const Directory& directory);

  // A call by the account that signed. What it wrote is in the state below only after commit().
  Result<Outcome> call(const Message& message);
  // Its constructor, before it is at its address.
  Result<Outcome> deploy(const Module& module, const Address& self, ByteView input, uint64_t gas);
  // As a receipt has it; what was kept is then in the state, and the events are taken out.
  ledger::CallResult commit(Outcome outcome);

 private:
  class Frame;
  struct Logged {
    Address contract;
    std::vector<Digest> topics;
    Bytes data;
  };
  FrameContext context_of_transaction() const;
  Result<Outcome> enter(const FrameContext& context, const Module& module, Entrance entrance, ByteView input,
                        uint64_t gas);
  Result<Outcome> nested(const FrameContext& from, const Message& message);
  Result<Outcome> enter(const FrameContext& context, const Message& message);
  Result<std::optional<Bytes>> name_of(const Address& contract) const;
  Result<std::optional<Bytes>> answer(Question question, ByteView arguments);

  const ledger::CallContext& call_;
  const Directory& directory_;
  Journal journal_;
  std::vector<Logged> events_;
  size_t event_bytes_ = 0;
};

}  // namespace chengxin::contract
