#include "base/check.h"
#include "contract/keccak.h"
#include "ethereum/raw.h"
#include "ethereum/rlp.h"

using namespace chengxin;
using namespace chengxin::ethereum;

namespace {

// From what was read alone; its access list, which is not kept, as it was.
Bytes encode(const RawTransaction& raw, ByteView access_list) {
  const auto word = [](const Digest& value) {
    const size_t zeros = size_t(std::find_if(value.begin(), value.end(), std::identity()) - value.begin());
    return rlp_bytes(ByteView(value).subspan(zeros));
  };
  Bytes fields;
  const auto add = [&](const Bytes& field) { append(fields, field); };
  if (raw.type > 0) add(rlp_number(raw.chain));
  add(rlp_number(raw.nonce));
  if (raw.type == 2) add(word(raw.priority));
  add(word(raw.gas_price));
  add(rlp_number(raw.gas));
  add(rlp_bytes(raw.to ? ByteView(*raw.to) : ByteView()));
  add(word(raw.value));
  add(rlp_bytes(raw.input));
  append(fields, access_list);
  add(rlp_number(raw.type == 0 ? raw.chain * 2 + 35 + raw.odd : raw.odd));
  add(word(raw.r));
  add(word(raw.s));
  Bytes out;
  if (raw.type > 0) out.push_back(uint8_t(raw.type));
  append(out, rlp_wrap(fields));
  return out;
}

void check_list(ByteView bytes) {
  const auto items = rlp_list(bytes);
  if (!items) return;
  Bytes again;
  for (const RlpItem& item : *items) {
    if (item.is_list) check_list(item.whole);
    append(again, item.is_list ? rlp_wrap(item.payload) : rlp_bytes(item.payload));
  }
  CHECK(equal(rlp_wrap(again), bytes));
}

}  // namespace

// Lists and transactions: what is taken has this one encoding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  if (size < 4096) check_list(bytes);  // a list in each byte is deep
  const auto raw = decode_raw(bytes);
  if (!raw) return 0;
  ByteView access_list;
  if (raw->type > 0) access_list = rlp_list(bytes.subspan(1)).value().at(raw->type == 2 ? 8 : 7).whole;
  CHECK(equal(encode(*raw, access_list), bytes));
  CHECK(raw->hash == contract::keccak256(bytes));
  (void)describe(*raw);
  (void)check_raw(*raw, Digest{});
  return 0;
}
