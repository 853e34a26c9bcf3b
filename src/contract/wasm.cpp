#include "contract/wasm.h"

#include <list>
#include <mutex>

#include "contract/impl/bridge.h"
#include "contract/registry.h"
#include "crypto/sm3.h"

namespace chengxin::contract {
namespace {

constexpr uint64_t kPrepareGas = 20'000'000'000;  // docs/adr/0027: some seconds

using Sandbox = std::shared_ptr<cx_wasm>;

class WasmModule : public Module {
 public:
  WasmModule(Sandbox sandbox, Bytes prepared)
      : sandbox_(std::move(sandbox)), prepared_(std::move(prepared)), digest_(crypto::sm3(prepared_)) {}

  format::ContractEngine engine() const override { return format::ContractEngine::wasm; }
  Result<Outcome> run(Entrance entrance, const FrameContext& frame, Host& host, ByteView input,
                      uint64_t gas) const override {
    Bridge bridge(host, prepared_);
    const cx_context context = context_of(frame);
    const cx_host table = bridge.table();
    cx_message message{};
    message.kind = entrance == Entrance::deploy ? CX_CREATE : CX_CALL;
    message.input = borrowed(input);
    message.gas = gas;
    const cx_outcome ended = cx_wasm_call(sandbox_.get(), digest_.data(), &context, &table, &message);
    return bridge.outcome(ended);
  }

 private:
  const Sandbox sandbox_;
  const Bytes prepared_;
  const Digest digest_;
};

class WasmEngine : public Engine {
 public:
  WasmEngine(Sandbox sandbox, const WasmOptions& options)
      : sandbox_(std::move(sandbox)), covered_from_(options.covered_from) {}

  Result<std::vector<Finding>> scan(ByteView code) const override {
    cx_buffer buffer{};
    const cx_verdict verdict = cx_wasm_scan(borrowed(code), kContractsProtocol, &buffer);
    ASSIGN(auto out, findings_of(verdict, buffer));
    if (!out.empty()) return out;
    ASSIGN(const Prepared prepared, prepare(code));
    if (!prepared.module) out.push_back({"contract.scan.initialise", prepared.why});
    return out;
  }

  Result<std::shared_ptr<const Module>> load(ByteView code) const override {
    ASSIGN(const Prepared prepared, prepare(code));
    if (prepared.module) return prepared.module;
    return fail(Code::internal, "ledger.sandbox_fault", "what was scanned cannot be prepared: {}",
                prepared.why);
  }

 private:
  struct Prepared {
    Digest code{};
    std::shared_ptr<const Module> module;
    std::string why;  // there is none
  };

  // Takes seconds for a large module, so what a scan prepared is kept for who loads it.
  Result<Prepared> prepare(ByteView code) const {
    Prepared out{crypto::sm3(code), nullptr, {}};
    {
      std::lock_guard lock(mutex_);
      for (const Prepared& each : recent_)
        if (each.code == out.code) return each;
    }
    const cx_outcome ended =
        covered_from_ ? cx_wasm_cover(borrowed(code), kContractsProtocol, kPrepareGas, covered_from_(code))
                      : cx_wasm_prepare(borrowed(code), kContractsProtocol, kPrepareGas);
    Bytes told = taken(ended.output);
    if (ended.ending == CX_HOST_FAULT) return sandbox_fault(told);
    if (ended.ending == CX_RETURNED)
      out.module = std::make_shared<WasmModule>(sandbox_, std::move(told));
    else
      out.why = ended.ending == CX_OUT_OF_GAS ? "out of gas" : to_string(told);
    std::lock_guard lock(mutex_);
    recent_.push_front(out);
    if (recent_.size() > kRecent) recent_.pop_back();
    return out;
  }

  static constexpr size_t kRecent = 16;
  const Sandbox sandbox_;
  const std::function<uint32_t(ByteView)> covered_from_;
  mutable std::mutex mutex_;
  mutable std::list<Prepared> recent_;
};

}  // namespace

Result<std::shared_ptr<const Engine>> wasm_engine(const WasmOptions& options) {
  const std::string folder = options.folder.string();
  cx_wasm* opened =
      cx_wasm_open(folder.empty() ? nullptr : folder.c_str(), options.memory_bytes, options.folder_bytes);
  if (!opened) return fail(Code::unavailable, "contract.engine", "{} cannot be used", folder);
  return std::shared_ptr<const Engine>(std::make_shared<WasmEngine>(Sandbox(opened, cx_wasm_close), options));
}

}  // namespace chengxin::contract
