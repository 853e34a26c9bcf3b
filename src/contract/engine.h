#pragma once
#include "base/result.h"
#include "format/contract.h"
#include "ledger/contract.h"

// What runs code. An engine knows one frame; what a frame asks of the chain and of other contracts goes to
// its Host (docs/formats/contract.md).
namespace chengxin::contract {

using format::Address;

enum class Ending { returned, reverted, out_of_gas, trapped };

struct Outcome {
  Ending ending = Ending::returned;
  uint64_t gas_used = 0;  // at most what was given
  Bytes output;           // return data; revert data; of a trap, a reason key
  bool returned() const { return ending == Ending::returned; }
};

// The last two make a contract; frames of the EVM alone do.
enum class CallKind { call, read_only, delegate, create, create2 };

struct Message {
  CallKind kind = CallKind::call;
  Address to{};  // create, create2: not looked at
  Bytes input;   // call data; create, create2: init code
  uint64_t gas = 0;
  Digest salt{};  // create2
};

struct FrameContext {
  Address self{}, caller{}, origin{};
  Digest chain{}, transaction{}, previous_block{};
  Digest code{};  // of EVM code that runs, Keccak-256
  uint64_t height = 0;
  int64_t time_ms = 0;
  uint32_t depth = 0, protocol = 0;
  bool read_only = false;
  const format::ContractPolicy* policy = nullptr;  // who may call what; null: everybody everything
};

// Questions that are neither state nor calls: arguments and answers are at CX_ASK_* in
// sandbox/include/chengxin_sandbox.h.
enum class Question : uint32_t {
  caller_name = 0,
  attribute = 1,
  credential = 2,
  approval = 3,
  evidence = 4,
  sm2_verify = 5,
  code = 8,
  code_at = 9,
  code_hash = 10,
  code_size = 11,
  block_hash = 12
};

class Machine;

// What one frame may ask. An Error whose reason begins with "contract." ends the frame as a trap with that
// reason; any other is a fault of this node, and no block is made.
class Host {
 public:
  virtual ~Host() = default;
  virtual Result<std::optional<Bytes>> get(ByteView key) = 0;
  virtual Status put(ByteView key, Bytes value) = 0;
  virtual Status erase(ByteView key) = 0;
  virtual Result<ledger::StateRows> range(ByteView from, ByteView to, size_t limit) = 0;  // `to` empty: all
  virtual Status event(std::span<const Digest> topics, ByteView data) = 0;
  virtual Result<std::optional<Bytes>> ask(Question question, ByteView arguments) = 0;
  virtual Result<Outcome> call(const Message& message) = 0;

  // Of the EVM. What runs when the frame's own contract is called from now on; empty: nothing does.
  virtual Status keep(ByteView code) = 0;
  virtual Machine& machine() = 0;  // of the call of the transaction
};

enum class Entrance { call, deploy };

inline bool is_of_contract(const Error& error) { return error.reason.starts_with("contract."); }

// Code that can run: thread-safe, every run begins as if it were the first.
class Module {
 public:
  virtual ~Module() = default;
  virtual format::ContractEngine engine() const = 0;
  virtual size_t bytes() const { return 0; }  // of memory that it holds, about
  // `deploy`: its constructor, which is nothing where it has none and the input is empty.
  virtual Result<Outcome> run(Entrance entrance, const FrameContext& context, Host& host, ByteView input,
                              uint64_t gas) const = 0;
};

struct Finding {
  std::string reason;  // contract.scan.*
  std::string detail;
};

struct Scan {
  std::vector<Finding> findings;  // why the code may not be deployed
  uint64_t gas = 0;               // of scanning it and of all that load() needs
};

// A language's engine. Everything is a function of its arguments and the protocol's version alone.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual Result<Scan> scan(ByteView code) const = 0;
  // Of code that was scanned; what was loaded before may be given again.
  virtual Result<std::shared_ptr<const Module>> load(ByteView code) const = 0;
};

using Engines = std::map<format::ContractEngine, std::shared_ptr<const Engine>>;

}  // namespace chengxin::contract
