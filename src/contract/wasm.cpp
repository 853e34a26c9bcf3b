#include "contract/wasm.h"

#include <list>
#include <mutex>

#include "contract/impl/bridge.h"
#include "contract/impl/newest.h"
#include "contract/registry.h"
#include "crypto/sm3.h"

namespace chengxin::contract {
namespace {

constexpr uint64_t kPrepareGas = 8'000'000'000;  // docs/adr/0036: as many nanoseconds at most

using Sandbox = std::shared_ptr<cx_wasm>;

class WasmModule : public Module {
 public:
  WasmModule(Sandbox sandbox, Bytes prepared)
      : sandbox_(std::move(sandbox)), prepared_(std::move(prepared)), digest_(crypto::sm3(prepared_)) {}

  format::ContractEngine engine() const override { return format::ContractEngine::wasm; }
  size_t bytes() const override { return prepared_.size(); }
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
  // Whether the compiler takes it.
  Result<bool> compile() const {
    const cx_verdict verdict = cx_wasm_compile(sandbox_.get(), digest_.data(), borrowed(prepared_));
    if (verdict == CX_FAULT) return sandbox_fault(view("compiling"));
    return verdict == CX_OK;
  }

 private:
  const Sandbox sandbox_;
  const Bytes prepared_;
  const Digest digest_;
};

class WasmEngine : public Engine {
 public:
  WasmEngine(Sandbox sandbox, const WasmOptions& options)
      : sandbox_(std::move(sandbox)),
        covered_from_(options.covered_from),
        folder_(covered_from_ ? fs::path() : options.folder) {}

  // Compiles too, so that no deployment or call waits for what nobody paid.
  Result<Scan> scan(ByteView code) const override {
    Scan out;
    cx_buffer buffer{};
    const cx_verdict verdict = cx_wasm_scan(borrowed(code), kContractsProtocol, &buffer);
    ASSIGN(out.findings, findings_of(verdict, buffer));
    if (!out.findings.empty()) return out;
    ASSIGN(const Prepared prepared, prepare(code));
    out.gas = prepared.gas;
    if (!prepared.module) {
      out.findings.push_back({"contract.scan.initialise", prepared.why});
      return out;
    }
    ASSIGN(const bool compiled, prepared.module->compile());
    if (!compiled) out.findings.push_back({"contract.prepare.compile", "a limit of the compiler"});
    return out;
  }

  Result<std::shared_ptr<const Module>> load(ByteView code) const override {
    ASSIGN(const Prepared prepared, prepare(code, true));
    if (prepared.module) return prepared.module;
    return fail(Code::internal, "ledger.sandbox_fault", "what was scanned cannot be prepared: {}",
                prepared.why);
  }

 private:
  struct Prepared {
    Digest code{};
    std::shared_ptr<const WasmModule> module;
    std::string why;  // there is none
    uint64_t gas = 0;
  };

  // Takes seconds for a large module, so what a scan prepared is kept for who loads it, and as a file, which
  // does not say the gas.
  Result<Prepared> prepare(ByteView code, bool to_load = false) const {
    Prepared out{crypto::sm3(code), nullptr, {}, 0};
    {
      std::lock_guard lock(mutex_);
      for (const Prepared& each : recent_)
        if (each.code == out.code) return each;
    }
    if (to_load && !folder_.empty()) {
      if (auto kept = read_kept(out.code)) {
        out.module = std::make_shared<WasmModule>(sandbox_, std::move(*kept));
        return out;
      }
    }
    const cx_outcome ended =
        covered_from_ ? cx_wasm_cover(borrowed(code), kContractsProtocol, kPrepareGas, covered_from_(code))
                      : cx_wasm_prepare(borrowed(code), kContractsProtocol, kPrepareGas);
    Bytes told = taken(ended.output);
    if (ended.ending == CX_HOST_FAULT) return sandbox_fault(told);
    out.gas = ended.gas_used;
    if (ended.ending == CX_RETURNED) {
      if (!folder_.empty()) keep(out.code, told);
      out.module = std::make_shared<WasmModule>(sandbox_, std::move(told));
    } else {
      out.why = ended.ending == CX_OUT_OF_GAS ? "preparing it, or what it does first, takes too much gas"
                                              : to_string(told);
    }
    std::lock_guard lock(mutex_);
    recent_.push_front(out);
    keep_newest(recent_, kRecent, kRecentBytes,
                [](const Prepared& each) { return each.module ? each.module->bytes() : 0; });
    return out;
  }

  // Beside the compiled code, as trusted as that and dropped with it: SM3 of the rest, and the rest. What
  // another version of the sandbox prepared is not taken.
  fs::path file_of(const Digest& code) const {
    return folder_ /
           fmt::format("{}.{}.{}.prepared", hex(code), kContractsProtocol, CHENGXIN_SANDBOX_SOURCES);
  }
  std::optional<Bytes> read_kept(const Digest& code) const {
    auto bytes = read_file(file_of(code), kMostPrepared);
    if (!bytes || bytes->size() < sizeof(Digest)) return {};
    const ByteView rest = ByteView(*bytes).subspan(sizeof(Digest));
    if (!equal(crypto::sm3(rest), ByteView(*bytes).first(sizeof(Digest)))) return {};
    return to_bytes(rest);
  }
  void keep(const Digest& code, ByteView prepared) const {
    Bytes bytes = to_bytes(crypto::sm3(prepared));
    append(bytes, prepared);
    (void)write_durable(file_of(code), bytes);  // if it cannot be written, the next start prepares again
  }

  static constexpr size_t kRecent = 16, kRecentBytes = 128 << 20, kMostPrepared = 33 << 20;
  const Sandbox sandbox_;
  const std::function<uint32_t(ByteView)> covered_from_;
  const fs::path folder_;  // empty: nothing is kept
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
