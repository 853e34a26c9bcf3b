#include "contract/wasm.h"

#include "base/json.h"
#include "chengxin_sandbox.h"
#include "contract/registry.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::contract {
namespace {

constexpr uint64_t kPrepareGas = 2'000'000'000;

cx_bytes borrowed(ByteView bytes) { return {bytes.data(), bytes.size()}; }
ByteView seen(cx_bytes bytes) { return {bytes.data, bytes.size}; }
cx_buffer given(ByteView bytes) { return cx_copy(borrowed(bytes)); }

Bytes taken(cx_buffer buffer) {
  Bytes out(buffer.data, buffer.data + buffer.size);
  cx_free(buffer);
  return out;
}

// SM4-CBC of whole blocks, without the padding that the library adds and takes away: it is cut off, or made
// for what is to be decrypted.
Result<Bytes> cbc_blocks(bool encrypt, ByteView key, ByteView iv, ByteView blocks) {
  if (blocks.empty()) return Bytes();
  if (encrypt) {
    ASSIGN(Bytes out, crypto::sm4_cbc_encrypt(key, iv, blocks));
    out.resize(blocks.size());
    return out;
  }
  Bytes padded = to_bytes(blocks);
  ASSIGN(const Bytes padding, crypto::sm4_cbc_encrypt(key, blocks.last(16), {}));
  append(padded, padding);
  return crypto::sm4_cbc_decrypt(key, iv, padded);
}

// The Host of one frame as C callbacks. The first fault of this node is kept: the sandbox tells only that
// there was one.
class Bridge {
 public:
  Bridge(Host& host, ByteView prepared) : host_(host), prepared_(prepared) {}

  cx_host table() { return {this, get, set, range, event, ask, call, nullptr}; }
  tl::unexpected<Error> fault(const Bytes& told) const {
    if (fault_) return tl::unexpected(*fault_);
    return fail(Code::internal, "ledger.sandbox_fault", "{}", text(told));
  }

 private:
  static Bridge& of(void* self) { return *static_cast<Bridge*>(self); }

  cx_verdict refused(const Error& error, cx_buffer* why) {
    if (!is_of_contract(error)) {
      if (!fault_) fault_ = error;
      return CX_FAULT;
    }
    if (why) *why = given(view(error.reason));
    return CX_REFUSED;
  }
  cx_verdict answered(Result<std::optional<Bytes>> answer, cx_buffer* into) {
    if (!answer) return refused(answer.error(), into);
    if (!*answer) return CX_ABSENT;
    *into = given(**answer);
    return CX_OK;
  }

  static cx_verdict get(void* self, cx_bytes key, cx_buffer* value) {
    return of(self).answered(of(self).host_.get(seen(key)), value);
  }
  static cx_verdict set(void* self, cx_bytes key, const cx_bytes* value) {
    const Status done =
        value ? of(self).host_.put(seen(key), to_bytes(seen(*value))) : of(self).host_.erase(seen(key));
    return done ? CX_OK : of(self).refused(done.error(), nullptr);
  }
  static cx_verdict range(void* self, cx_bytes from, cx_bytes to, uint32_t limit, cx_buffer* encoded) {
    constexpr size_t kMost = 1 << 20;
    auto rows = of(self).host_.range(seen(from), seen(to), limit);
    if (!rows) return of(self).refused(rows.error(), encoded);
    Bytes out;
    uint32_t count = 0;
    put_be(out, count);
    for (const auto& [key, value] : *rows) {
      if (count > 0 && out.size() + 8 + key.size() + value.size() > kMost) break;
      for (const Bytes& each : {key, value}) {
        put_be(out, uint32_t(each.size()));
        append(out, each);
      }
      ++count;
    }
    Bytes head;
    put_be(head, count);
    std::copy(head.begin(), head.end(), out.begin());
    *encoded = given(out);
    return CX_OK;
  }
  static cx_verdict event(void* self, const uint8_t* topics, uint32_t count, cx_bytes data) {
    std::vector<Digest> all(count);
    for (uint32_t i = 0; i < count; ++i) std::memcpy(all[i].data(), topics + 32 * i, 32);
    const Status done = of(self).host_.event(all, seen(data));
    return done ? CX_OK : of(self).refused(done.error(), nullptr);
  }
  static cx_verdict ask(void* self, uint32_t question, cx_bytes arguments, cx_buffer* answer) {
    return of(self).answered(of(self).answer(question, seen(arguments)), answer);
  }
  Result<std::optional<Bytes>> answer(uint32_t question, ByteView arguments) {
    using Answer = std::optional<Bytes>;
    switch (question) {
      case CX_ASK_CODE:
        return Answer(to_bytes(prepared_));
      case CX_ASK_SM3:
        return Answer(to_bytes(crypto::sm3(arguments)));
      case CX_ASK_SM4_CBC: {
        if (arguments.size() < 33) return Answer();
        const ByteView key = arguments.subspan(1, 16), iv = arguments.subspan(17, 16);
        ASSIGN(Bytes out, cbc_blocks(arguments[0] == 1, key, iv, arguments.subspan(33)));
        return Answer(std::move(out));
      }
      case CX_ASK_CALLER_NAME:
        return host_.ask(Question::caller_name, arguments);
      case CX_ASK_ATTRIBUTE:
        return host_.ask(Question::attribute, arguments);
      case CX_ASK_CREDENTIAL:
        return host_.ask(Question::credential, arguments);
      case CX_ASK_APPROVAL:
        return host_.ask(Question::approval, arguments);
      case CX_ASK_EVIDENCE:
        return host_.ask(Question::evidence, arguments);
      case CX_ASK_SM2_VERIFY:
        return host_.ask(Question::sm2_verify, arguments);
      default:
        return fail(Code::unsupported, "contract.not_offered", "question {}", question);
    }
  }
  static cx_verdict call(void* self, const cx_message* message, cx_outcome* outcome) {
    Message ours;
    switch (message->kind) {
      case CX_CALL:
        break;
      case CX_STATIC:
        ours.kind = CallKind::read_only;
        break;
      case CX_DELEGATE:
        ours.kind = CallKind::delegate;
        break;
      default:
        *outcome = {CX_TRAPPED, message->gas, given(view(std::string_view("contract.not_offered")))};
        return CX_OK;
    }
    std::memcpy(ours.to.data(), message->to, ours.to.size());
    ours.input = to_bytes(seen(message->input));
    ours.gas = message->gas;
    auto ended = of(self).host_.call(ours);
    if (!ended) return of(self).refused(ended.error(), &outcome->output);
    static constexpr cx_ending kEndings[] = {CX_RETURNED, CX_REVERTED, CX_OUT_OF_GAS, CX_TRAPPED};
    *outcome = {kEndings[size_t(ended->ending)], ended->gas_used, given(ended->output)};
    return CX_OK;
  }

  Host& host_;
  const ByteView prepared_;
  std::optional<Error> fault_;
};

cx_context context_of(const FrameContext& frame) {
  cx_context out{};
  std::memcpy(out.self_address, frame.self.data(), 20);
  std::memcpy(out.caller, frame.caller.data(), 20);
  std::memcpy(out.origin, frame.origin.data(), 20);
  std::memcpy(out.chain, frame.chain.data(), 32);
  std::memcpy(out.transaction, frame.transaction.data(), 32);
  std::memcpy(out.previous_block, frame.previous_block.data(), 32);
  out.height = frame.height;
  out.time_ms = frame.time_ms;
  out.depth = frame.depth;
  out.protocol = frame.protocol;
  out.read_only = frame.read_only;
  return out;
}

using Sandbox = std::shared_ptr<cx_wasm>;

class WasmModule : public Module {
 public:
  WasmModule(Sandbox sandbox, Bytes prepared)
      : sandbox_(std::move(sandbox)), prepared_(std::move(prepared)), digest_(crypto::sm3(prepared_)) {}

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
    Outcome out{Ending::returned, ended.gas_used, taken(ended.output)};
    switch (ended.ending) {
      case CX_RETURNED:
        break;
      case CX_REVERTED:
        out.ending = Ending::reverted;
        break;
      case CX_OUT_OF_GAS:
        out.ending = Ending::out_of_gas;
        break;
      case CX_TRAPPED:
        out.ending = Ending::trapped;
        out.output.resize(std::min(out.output.size(), text(out.output).find(": ")));  // the key alone
        break;
      case CX_HOST_FAULT:
        return bridge.fault(out.output);
    }
    return out;
  }

 private:
  const Sandbox sandbox_;
  const Bytes prepared_;
  const Digest digest_;
};

class WasmEngine : public Engine {
 public:
  explicit WasmEngine(Sandbox sandbox) : sandbox_(std::move(sandbox)) {}

  Result<std::vector<Finding>> scan(ByteView code) const override {
    cx_buffer buffer{};
    const cx_verdict verdict = cx_wasm_scan(borrowed(code), kContractsProtocol, &buffer);
    const Bytes report = taken(buffer);
    if (verdict == CX_FAULT) return fail(Code::internal, "ledger.sandbox_fault", "a scan: {}", text(report));
    std::vector<Finding> out;
    if (verdict == CX_OK) {
      const cx_outcome ended = cx_wasm_prepare(borrowed(code), kContractsProtocol, kPrepareGas);
      const Bytes told = taken(ended.output);
      if (ended.ending == CX_HOST_FAULT)
        return fail(Code::internal, "ledger.sandbox_fault", "{}", text(told));
      if (ended.ending != CX_RETURNED) out.push_back({"contract.scan.initialise", to_string(told)});
      return out;
    }
    ASSIGN(const Json read, parse_json(text(report)));
    for (const Json& each : read.at("findings")) out.push_back({each.at("reason"), each.at("detail")});
    return out;
  }

  Result<std::shared_ptr<const Module>> load(ByteView code, const Digest&) const override {
    const cx_outcome ended = cx_wasm_prepare(borrowed(code), kContractsProtocol, kPrepareGas);
    Bytes prepared = taken(ended.output);
    if (ended.ending != CX_RETURNED)
      return fail(Code::internal, "ledger.sandbox_fault", "what was scanned cannot be prepared: {}",
                  text(prepared));
    return std::shared_ptr<const Module>(std::make_shared<WasmModule>(sandbox_, std::move(prepared)));
  }

 private:
  const Sandbox sandbox_;
};

}  // namespace

Result<std::shared_ptr<const Engine>> wasm_engine(const WasmOptions& options) {
  const std::string folder = options.folder.string();
  cx_wasm* opened =
      cx_wasm_open(folder.empty() ? nullptr : folder.c_str(), options.memory_bytes, options.folder_bytes);
  if (!opened) return fail(Code::unavailable, "contract.engine", "{} cannot be used", folder);
  return std::shared_ptr<const Engine>(std::make_shared<WasmEngine>(Sandbox(opened, cx_wasm_close)));
}

}  // namespace chengxin::contract
