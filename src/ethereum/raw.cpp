#include "ethereum/raw.h"

#include <algorithm>

#include <chengxin_sandbox.h>
#include "contract/keccak.h"
#include "ethereum/rlp.h"

namespace chengxin::ethereum {
namespace {

// Half of the order of secp256k1's group (SEC 2, 2.4.1): a signature's s is at most that (EIP-2).
constexpr std::string_view kHalfOrder = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

bool is_bytes(const RlpItem& item, size_t size) { return !item.is_list && item.payload.size() == size; }

// Addresses, each with slots (EIP-2930).
bool is_access_list(ByteView list) {
  const auto entries = rlp_list(list);
  return entries && std::all_of(entries->begin(), entries->end(), [](const RlpItem& entry) {
           const auto parts = rlp_list(entry.whole);
           if (!parts || parts->size() != 2 || !is_bytes((*parts)[0], 20)) return false;
           const auto slots = rlp_list((*parts)[1].whole);
           return slots && std::all_of(slots->begin(), slots->end(),
                                       [](const RlpItem& slot) { return is_bytes(slot, 32); });
         });
}

// Reads the fields of one transaction in order; the first that cannot be is kept.
class Fields {
 public:
  explicit Fields(std::vector<RlpItem> items) : items_(std::move(items)) {}

  Digest word() {
    const ByteView bytes = take(false);
    Digest out{};
    if (bytes.size() > out.size() || (!bytes.empty() && bytes[0] == 0))
      ok_ = false;
    else
      std::copy(bytes.begin(), bytes.end(), out.end() - std::ptrdiff_t(bytes.size()));
    return out;
  }
  uint64_t number() {
    const Digest all = word();
    ok_ = ok_ && std::all_of(all.begin(), all.begin() + 24, [](uint8_t byte) { return byte == 0; });
    return get_be<uint64_t>(&all[24]);
  }
  bool flag() {
    const uint64_t value = number();
    ok_ = ok_ && value <= 1;
    return value == 1;
  }
  ByteView bytes() { return take(false); }
  // What is warm from the beginning: nothing depends on it here but gas.
  void access_list() {
    take(true);
    ok_ = ok_ && is_access_list(items_[next_ - 1].whole);
  }
  std::optional<Address> address() {
    const ByteView bytes = take(false);
    if (bytes.empty()) return std::nullopt;
    Address out{};
    if (bytes.size() == out.size())
      std::copy(bytes.begin(), bytes.end(), out.begin());
    else
      ok_ = false;
    return out;
  }
  // As they were encoded: the first `count` fields.
  Bytes encoded(size_t count) const {
    Bytes out;
    for (size_t i = 0; i < count && i < items_.size(); ++i) append(out, items_[i].whole);
    return out;
  }
  bool done() const { return ok_ && next_ == items_.size(); }

 private:
  ByteView take(bool list) {
    if (next_ >= items_.size() || items_[next_].is_list != list) {
      ok_ = false;
      return {};
    }
    return items_[next_++].payload;
  }
  const std::vector<RlpItem> items_;
  size_t next_ = 0;
  bool ok_ = true;
};

// By the EVM's precompile 1 (ECRECOVER), which asks its host nothing.
Result<Address> recover(const Digest& signed_hash, const RawTransaction& raw) {
  const Bytes half = unhex(kHalfOrder).value();
  if (std::lexicographical_compare(half.begin(), half.end(), raw.s.begin(), raw.s.end()))
    return fail(Code::invalid_argument, "ethereum.signature", "s is above half of the order");
  Bytes input = to_bytes(signed_hash);
  input.resize(63);
  input.push_back(uint8_t(27 + raw.odd));
  append(input, raw.r);
  append(input, raw.s);
  const cx_host nobody{};
  cx_message message{};
  message.to[19] = 1;
  message.input = {input.data(), input.size()};
  message.gas = 10'000;
  const cx_outcome outcome = cx_evm_precompile(&nobody, &message);
  Bytes output(outcome.output.data, outcome.output.data + outcome.output.size);
  cx_free(outcome.output);
  if (outcome.ending != CX_RETURNED || output.size() != 32)
    return fail(Code::invalid_argument, "ethereum.signature", "of no key");
  Address out;
  std::copy(output.begin() + 12, output.end(), out.begin());
  return out;
}

Status read_legacy(Fields& fields, RawTransaction& out, Bytes& signed_bytes) {
  out.nonce = fields.number();
  out.priority = out.gas_price = fields.word();
  out.gas = fields.number();
  out.to = fields.address();
  out.value = fields.word();
  out.input = to_bytes(fields.bytes());
  const uint64_t v = fields.number();
  if (v < 37) return fail(Code::unsupported, "ethereum.type", "signed for no chain: EIP-155 is wanted");
  out.odd = (v - 35) % 2 == 1;
  out.chain = (v - 35) / 2;
  signed_bytes = fields.encoded(6);
  append(signed_bytes, rlp_number(out.chain));
  append(signed_bytes, rlp_number(0));
  append(signed_bytes, rlp_number(0));
  signed_bytes = rlp_wrap(signed_bytes);
  return {};
}

void read_typed(Fields& fields, RawTransaction& out, Bytes& signed_bytes) {
  out.chain = fields.number();
  out.nonce = fields.number();
  out.priority = fields.word();
  out.gas_price = out.type == 2 ? fields.word() : out.priority;
  out.gas = fields.number();
  out.to = fields.address();
  out.value = fields.word();
  out.input = to_bytes(fields.bytes());
  fields.access_list();
  out.odd = fields.flag();
  signed_bytes = {uint8_t(out.type)};
  append(signed_bytes, rlp_wrap(fields.encoded(out.type == 2 ? 9 : 8)));
}

}  // namespace

Result<RawTransaction> decode_raw(ByteView bytes) {
  RawTransaction out;
  out.hash = contract::keccak256(bytes);
  ByteView list = bytes;
  if (!bytes.empty() && bytes[0] < 0xc0) {
    out.type = bytes[0];
    if (out.type != 1 && out.type != 2)
      return fail(Code::unsupported, "ethereum.type", "type {}: 0, 1 and 2 are taken", out.type);
    list = bytes.subspan(1);
  }
  ASSIGN(auto items, rlp_list(list));
  Fields fields(std::move(items));
  Bytes signed_bytes;
  if (out.type == 0)
    TRY(read_legacy(fields, out, signed_bytes));
  else
    read_typed(fields, out, signed_bytes);
  out.r = fields.word();
  out.s = fields.word();
  if (!fields.done()) return fail(Code::invalid_argument, "ethereum.field", "not the fields of its type");
  ASSIGN(out.sender, recover(contract::keccak256(signed_bytes), out));
  return out;
}

Status check_raw(const RawTransaction& raw, const Digest& chain) {
  if (raw.chain != chain_number(chain))
    return fail(Code::invalid_argument, "ethereum.chain", "signed for chain {}, this is {}", raw.chain,
                chain_number(chain));
  if (raw.value != Digest{})
    return fail(Code::invalid_argument, "ethereum.value", "insufficient funds: every balance is 0");
  if (raw.gas_price != Digest{} || raw.priority != Digest{})
    return fail(Code::invalid_argument, "ethereum.fee", "insufficient funds: gas costs 0 here");
  return {};
}

Json describe(const RawTransaction& raw) {
  Json out = {{"type", quantity(raw.type)},
              {"nonce", quantity(raw.nonce)},
              {"gas", quantity(raw.gas)},
              {"gasPrice", quantity_of_word(raw.gas_price)},
              {"r", quantity_of_word(raw.r)},
              {"s", quantity_of_word(raw.s)},
              {"v", quantity(raw.type == 0 ? raw.chain * 2 + 35 + raw.odd : uint64_t(raw.odd))}};
  if (raw.type == 0) return out;
  out["yParity"] = out["v"];
  out["accessList"] = Json::array();
  if (raw.type == 2) {
    out["maxFeePerGas"] = quantity_of_word(raw.gas_price);
    out["maxPriorityFeePerGas"] = quantity_of_word(raw.priority);
  }
  return out;
}

}  // namespace chengxin::ethereum
