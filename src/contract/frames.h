#pragma once
#include "contract/code.h"
#include "contract/evm.h"
#include "contract/journal.h"
#include "contract/watch.h"

// Calls between deployed contracts, whatever their languages, in one call of a transaction.
namespace chengxin::contract {

inline constexpr uint32_t kMaxDepth = 16;  // frames in one another
inline constexpr size_t kMaxEvents = 1024, kMaxEventBytes = 4 << 20;

// What a call of an address runs.
struct Callee {
  std::shared_ptr<const Module> module;
  Digest code{};  // FrameContext::code
};

// Of an EVM contract. contract.unknown, contract.not_deployed: it has no code.
Result<Callee> evm_callee(const Read& read, const Address& address);

// Who and what the addresses are, in the state that a call sees.
class Directory {
 public:
  virtual ~Directory() = default;
  // What the frame calls. contract.unknown when nothing stands there, or why it cannot be called:
  // contract.frozen, .retired, .not_deployed, .forbidden.
  virtual Result<Callee> at(const Address& address, const FrameContext& frame, Journal& journal) const = 0;
  // A contract's name.
  virtual Result<std::optional<Bytes>> name(const Address& address, Journal& journal) const = 0;
  // Of an account.
  virtual Result<std::optional<Bytes>> attribute(const Address& address, std::string_view attribute,
                                                 Journal& journal) const = 0;
  // Who is told of the frames. Null: nobody.
  virtual Watch* watch() const { return nullptr; }
};

class Frames {
 public:
  // `transaction`: caller and origin are the account that signed; own address, depth and read_only are not
  // looked at.
  Frames(ledger::StateView& state, const FrameContext& transaction, const Directory& directory)
      : transaction_(transaction), directory_(directory), journal_(state) {}

  // A call by the account that signed. What it wrote is in the state below only after commit().
  Result<Outcome> call(const Message& message);
  // The same, of what was looked up already.
  Result<Outcome> call(const Message& message, const Callee& callee);
  // A contract's constructor, before the contract is at its address.
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
  FrameContext context_of(const Message& message) const;
  Result<Callee> callee(const Address& address, const FrameContext& frame);
  Result<Outcome> outermost(const Watch::Entrant& who, const std::function<Result<Outcome>()>& enter);
  Result<Outcome> enter(FrameContext context, const Message& message,
                        std::optional<format::ContractEngine> from);
  Result<Outcome> run(const FrameContext& context, const Module& module, Entrance entrance, ByteView input,
                      uint64_t gas);
  Result<Outcome> watched(const FrameContext& from, const Module& module, const Message& message);
  Result<Outcome> nested(const FrameContext& from, const Module& module, const Message& message);
  Result<Outcome> create(const FrameContext& from, const Message& message);

  Result<std::optional<Bytes>> answer(const FrameContext& frame, Question question, ByteView arguments);
  Result<std::optional<Bytes>> code_answer(Question question, ByteView arguments);
  Result<std::optional<CodeRecord>> code_of(const Address& address);
  void keep(const Address& address, CodeRecord record, ByteView code);
  Read read() {
    return [this](std::string_view key) { return journal_.get(to_bytes(view(key))); };
  }

  const FrameContext transaction_;
  const Directory& directory_;
  std::optional<Address> constructed_;  // no code stands there meanwhile, whatever its language
  Journal journal_;
  Machine machine_;
  std::vector<Logged> events_;
  size_t event_bytes_ = 0;
};

}  // namespace chengxin::contract
