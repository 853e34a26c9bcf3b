#include "contract/evm.h"

#include "contract/impl/bridge.h"
#include "contract/registry.h"

namespace chengxin::contract {
namespace {

struct Free {
  void operator()(cx_evm* evm) const { cx_evm_free(evm); }
};
using Pool = std::vector<std::unique_ptr<cx_evm, Free>>;
Pool& pool() {
  thread_local Pool machines;
  return machines;
}

// `block.chainid` is the number that tools see, which keep it in a double: the first 6 bytes of the id.
cx_context evm_context(const FrameContext& frame) {
  cx_context out = context_of(frame);
  std::memset(out.chain, 0, sizeof out.chain);
  std::memcpy(out.chain + sizeof out.chain - 6, frame.chain.data(), 6);
  return out;
}

class EvmModule : public Module {
 public:
  explicit EvmModule(Bytes init_code) : init_code_(std::move(init_code)) {}

  format::ContractEngine engine() const override { return format::ContractEngine::evm; }

  Result<Outcome> run(Entrance entrance, const FrameContext& frame, Host& host, ByteView input,
                      uint64_t gas) const override {
    if (entrance == Entrance::deploy) return deploy(frame, host, input, gas);
    Bridge bridge(host);
    const cx_context context = evm_context(frame);
    const cx_host table = bridge.table();
    cx_message message{};
    message.input = borrowed(input);
    message.gas = gas;
    return bridge.outcome(cx_evm_call(host.machine().get(), frame.code.data(), &context, &table, &message));
  }

 private:
  // As in Ethereum, a contract has no code while its constructor runs; also one that had some before.
  Result<Outcome> deploy(const FrameContext& frame, Host& host, ByteView input, uint64_t gas) const {
    TRY(host.keep({}));
    Bridge bridge(host);
    const cx_context context = evm_context(frame);
    const cx_host table = bridge.table();
    Bytes code = init_code_;
    append(code, input);
    cx_message message{};
    message.kind = CX_CREATE;
    message.input = borrowed(code);
    message.gas = gas;
    ASSIGN(Outcome outcome, bridge.outcome(cx_evm_create(host.machine().get(), &context, &table, &message)));
    if (!outcome.returned()) return outcome;
    if (outcome.output.empty() && frame.depth == 0)  // a contract that makes another may
      return Outcome{Ending::trapped, gas, to_bytes(view("contract.scan.empty"))};
    TRY(host.keep(outcome.output));
    return outcome;
  }

  const Bytes init_code_;
};

class EvmEngine : public Engine {
 public:
  Result<Scan> scan(ByteView code) const override {
    cx_buffer report{};
    const cx_verdict verdict = cx_evm_scan(borrowed(code), true, kContractsProtocol, &report);
    ASSIGN(auto findings, findings_of(verdict, report));
    return Scan{std::move(findings), 0};  // at most 48 KiB, which their bytes pay for
  }
  Result<std::shared_ptr<const Module>> load(ByteView code) const override {
    return std::shared_ptr<const Module>(std::make_shared<EvmModule>(to_bytes(code)));
  }
};

}  // namespace

std::shared_ptr<const Engine> evm_engine() { return std::make_shared<EvmEngine>(); }

std::shared_ptr<const Module> evm_module() {
  static const auto module = std::make_shared<const EvmModule>(Bytes());
  return module;
}

Machine::Machine() {
  if (pool().empty()) {
    evm_ = cx_evm_new();
    return;
  }
  evm_ = pool().back().release();
  pool().pop_back();
}

Machine::~Machine() { pool().emplace_back(evm_); }

void Machine::begin(const Address& origin, const Address& called) {
  cx_evm_begin(evm_, origin.data(), called.data());
}
uint64_t Machine::mark() const { return cx_evm_mark(evm_); }
void Machine::rewind(uint64_t mark) { cx_evm_rewind(evm_, mark); }
uint64_t Machine::refund(uint64_t gas_used) const { return cx_evm_refund(evm_, gas_used); }
void Machine::touch(const Address& address) { cx_evm_touch(evm_, address.data()); }

Address create_address(const Address& creator, uint64_t nonce) {
  Address out;
  cx_evm_create_address(creator.data(), nonce, out.data());
  return out;
}

Address create2_address(const Address& creator, const Digest& salt, ByteView init_code) {
  Address out;
  cx_evm_create2_address(creator.data(), salt.data(), borrowed(init_code), out.data());
  return out;
}

}  // namespace chengxin::contract
