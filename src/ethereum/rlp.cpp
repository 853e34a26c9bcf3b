#include "ethereum/rlp.h"

namespace chengxin::ethereum {
namespace {

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "ethereum.rlp", "{}", why);
}

// Takes one item off the front.
Result<RlpItem> take_item(ByteView& rest) {
  if (rest.empty()) return malformed("an item is missing");
  const uint8_t first = rest[0];
  RlpItem out;
  out.is_list = first >= 0xc0;
  size_t head = 1, size = 0;
  if (first < 0x80) {
    head = 0;
    size = 1;
  } else if (const unsigned base = out.is_list ? 0xc0 : 0x80; first < base + 56) {
    size = first - base;
  } else {
    const size_t digits = first - base - 55;
    if (rest.size() < 1 + digits || rest[1] == 0) return malformed("a length");
    if (digits > 4) return malformed("a length beyond all that is taken");
    for (size_t i = 0; i < digits; ++i) size = size << 8 | rest[1 + i];
    if (size < 56) return malformed("a length that has a shorter form");
    head += digits;
  }
  if (rest.size() - head < size) return malformed("an item is cut off");
  out.payload = rest.subspan(head, size);
  out.whole = rest.first(head + size);
  if (head == 1 && !out.is_list && size == 1 && out.payload[0] < 0x80)
    return malformed("a byte that has a shorter form");
  rest = rest.subspan(head + size);
  return out;
}

Bytes with_head(uint8_t base, ByteView payload) {
  Bytes out;
  if (payload.size() < 56) {
    out.push_back(uint8_t(base + payload.size()));
  } else {
    Bytes digits;
    for (size_t left = payload.size(); left > 0; left >>= 8) digits.insert(digits.begin(), uint8_t(left));
    out.push_back(uint8_t(base + 55 + digits.size()));
    append(out, digits);
  }
  append(out, payload);
  return out;
}

}  // namespace

Result<std::vector<RlpItem>> rlp_list(ByteView bytes) {
  ASSIGN(const RlpItem list, take_item(bytes));
  if (!list.is_list) return malformed("a list is wanted");
  if (!bytes.empty()) return malformed("something follows");
  std::vector<RlpItem> out;
  for (ByteView rest = list.payload; !rest.empty();) {
    ASSIGN(out.emplace_back(), take_item(rest));
  }
  return out;
}

Bytes rlp_bytes(ByteView bytes) {
  if (bytes.size() == 1 && bytes[0] < 0x80) return to_bytes(bytes);
  return with_head(0x80, bytes);
}

Bytes rlp_number(uint64_t value) {
  Bytes digits;
  for (; value > 0; value >>= 8) digits.insert(digits.begin(), uint8_t(value));
  return rlp_bytes(digits);
}

Bytes rlp_wrap(ByteView payload) { return with_head(0xc0, payload); }

}  // namespace chengxin::ethereum
