#include "contract/impl/bridge.h"

#include "base/json.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::contract {
namespace {

ByteView seen(cx_bytes bytes) { return {bytes.data, bytes.size}; }
cx_buffer given(ByteView bytes) { return cx_copy(borrowed(bytes)); }

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

Message message_of(const cx_message& theirs) {
  static constexpr CallKind kKinds[] = {CallKind::call, CallKind::read_only, CallKind::delegate,
                                        CallKind::create, CallKind::create2};
  Message out;
  out.kind = kKinds[theirs.kind];
  std::memcpy(out.to.data(), theirs.to, out.to.size());
  std::memcpy(out.salt.data(), theirs.salt, out.salt.size());
  out.input = to_bytes(seen(theirs.input));
  out.gas = theirs.gas;
  return out;
}

}  // namespace

Bytes taken(cx_buffer buffer) {
  Bytes out(buffer.data, buffer.data + buffer.size);
  cx_free(buffer);
  return out;
}

tl::unexpected<Error> sandbox_fault(ByteView told) {
  return fail(Code::internal, "ledger.sandbox_fault", "{}", text(told));
}

Result<Outcome> Bridge::outcome(const cx_outcome& ended) const {
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
      if (refusal_) out.output = to_bytes(view(*refusal_));
      break;
    case CX_HOST_FAULT:
      if (fault_) return tl::unexpected(*fault_);
      return sandbox_fault(out.output);
  }
  return out;
}

cx_verdict Bridge::refused(const Error& error, cx_buffer* why) {
  if (!is_of_contract(error)) {
    if (!fault_) fault_ = error;
    return CX_FAULT;
  }
  if (why)
    *why = given(view(error.reason));
  else
    refusal_ = error.reason;
  return CX_REFUSED;
}

cx_verdict Bridge::answered(Result<std::optional<Bytes>> answer, cx_buffer* into) {
  if (!answer) return refused(answer.error(), into);
  if (!*answer) return CX_ABSENT;
  *into = given(**answer);
  return CX_OK;
}

cx_verdict Bridge::get(void* self, cx_bytes key, cx_buffer* value) {
  return of(self).answered(of(self).host_.get(seen(key)), value);
}

cx_verdict Bridge::set(void* self, cx_bytes key, const cx_bytes* value) {
  const Status done =
      value ? of(self).host_.put(seen(key), to_bytes(seen(*value))) : of(self).host_.erase(seen(key));
  return done ? CX_OK : of(self).refused(done.error(), nullptr);
}

// In parts, so that little more is read than is answered: a value may be 64 KiB.
cx_verdict Bridge::range(void* self, cx_bytes from, cx_bytes to, uint32_t limit, uint64_t* erased,
                         cx_buffer* encoded) {
  constexpr size_t kMost = 1 << 20, kPart = 16;
  const uint64_t most_erased = std::exchange(*erased, 0);
  Bytes out(4), next = to_bytes(seen(from));
  uint32_t count = 0;
  for (bool more = true; more && count < limit;) {
    auto rows = of(self).host_.range(next, seen(to), kPart);
    if (!rows) return of(self).refused(rows.error(), encoded);
    more = rows->size() == kPart;
    for (const auto& [key, value] : *rows) {
      if (count == limit) break;
      if (!value) {
        if (++*erased > most_erased) return CX_OK;
        continue;
      }
      if (count > 0 && out.size() + 8 + key.size() + value->size() > kMost) {
        more = false;
        break;
      }
      for (const Bytes& each : {key, *value}) {
        put_be(out, uint32_t(each.size()));
        append(out, each);
      }
      ++count;
    }
    if (more) {
      next = std::move(rows->back().first);
      next.push_back(0);
    }
  }
  Bytes head;
  put_be(head, count);
  std::copy(head.begin(), head.end(), out.begin());
  *encoded = given(out);
  return CX_OK;
}

cx_verdict Bridge::event(void* self, const uint8_t* topics, uint32_t count, cx_bytes data) {
  std::vector<Digest> all(count);
  for (uint32_t i = 0; i < count; ++i) std::memcpy(all[i].data(), topics + 32 * i, 32);
  const Status done = of(self).host_.event(all, seen(data));
  return done ? CX_OK : of(self).refused(done.error(), nullptr);
}

cx_verdict Bridge::ask(void* self, uint32_t question, cx_bytes arguments, cx_buffer* answer) {
  return of(self).answered(of(self).answer(question, seen(arguments)), answer);
}

// Question is CX_ASK_*, but for what needs no chain.
Result<std::optional<Bytes>> Bridge::answer(uint32_t question, ByteView arguments) {
  using Answer = std::optional<Bytes>;
  static_assert(uint32_t(Question::caller_name) == CX_ASK_CALLER_NAME &&
                uint32_t(Question::sm2_verify) == CX_ASK_SM2_VERIFY &&
                uint32_t(Question::code) == CX_ASK_CODE &&
                uint32_t(Question::block_hash) == CX_ASK_BLOCK_HASH);
  switch (question) {
    case CX_ASK_SM3:
      return Answer(to_bytes(crypto::sm3(arguments)));
    case CX_ASK_SM4_CBC: {
      if (arguments.size() < 33) return Answer();
      const ByteView key = arguments.subspan(1, 16), iv = arguments.subspan(17, 16);
      ASSIGN(Bytes out, cbc_blocks(arguments[0] == 1, key, iv, arguments.subspan(33)));
      return Answer(std::move(out));
    }
    case CX_ASK_CODE:
      if (prepared_) return Answer(to_bytes(*prepared_));
      [[fallthrough]];
    default:
      return host_.ask(Question(question), arguments);
  }
}

cx_verdict Bridge::call(void* self, const cx_message* message, cx_outcome* outcome) {
  Bridge& bridge = of(self);
  if (!bridge.prepared_ && message->kind <= CX_DELEGATE && cx_evm_is_precompile(message->to)) {
    const cx_host table = bridge.table();
    *outcome = cx_evm_precompile(&table, message);
    return CX_OK;
  }
  auto ended = bridge.host_.call(message_of(*message));
  if (!ended) return bridge.refused(ended.error(), &outcome->output);
  static constexpr cx_ending kEndings[] = {CX_RETURNED, CX_REVERTED, CX_OUT_OF_GAS, CX_TRAPPED};
  *outcome = {kEndings[size_t(ended->ending)], ended->gas_used, given(ended->output)};
  return CX_OK;
}

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

Result<std::vector<Finding>> findings_of(cx_verdict verdict, cx_buffer report) {
  const Bytes told = taken(report);
  if (verdict == CX_FAULT) return sandbox_fault(told);
  std::vector<Finding> out;
  if (verdict == CX_OK) return out;
  ASSIGN(const Json read, parse_json(text(told)));
  for (const Json& each : read.at("findings")) out.push_back({each.at("reason"), each.at("detail")});
  return out;
}

}  // namespace chengxin::contract
