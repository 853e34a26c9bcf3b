#pragma once
#include "base/bytes.h"

namespace chengxin::format {

// Reads a protobuf message in the one spelling that is taken (docs/formats/chain.md): fields asked for in
// ascending order of number (1 to 15), lengths and numbers in their shortest form, what is zero or empty
// absent. What was not asked for in that order is still there at the end: done() says no. Views point into
// the message.
class Canonical {
 public:
  explicit Canonical(ByteView message) : rest_(message) {}

  bool done() const { return ok_ && rest_.empty(); }

  // Zero or empty when absent.
  ByteView bytes(int field) {
    if (!starts(field, kSized)) return {};
    const ByteView out = element();
    ok_ = ok_ && !out.empty();
    return out;
  }
  std::string_view string(int field) {
    const ByteView out = bytes(field);
    ok_ = ok_ && is_utf8(out);
    return text(out);
  }
  uint64_t number(int field, uint64_t most = UINT64_MAX) {
    if (!starts(field, kVarint)) return 0;
    rest_ = rest_.subspan(1);
    const uint64_t out = varint();
    ok_ = ok_ && out != 0 && out <= most;
    return out;
  }
  // A repeated field: while there is one more, element() takes it. Elements may be empty.
  bool more(int field) const { return starts(field, kSized); }
  ByteView element() {
    rest_ = rest_.subspan(1);
    const uint64_t size = varint();
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const ByteView out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }

  // RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
  static bool is_utf8(ByteView text);

 private:
  // Protocol Buffers documentation, "Encoding": wire types.
  static constexpr int kVarint = 0, kSized = 2;
  bool starts(int field, int wire_type) const {
    return ok_ && !rest_.empty() && rest_[0] == uint8_t(field << 3 | wire_type);
  }
  uint64_t varint() {
    uint64_t out = 0;
    for (size_t i = 0; ok_ && i < rest_.size() && i < 10; ++i) {
      const uint8_t byte = rest_[i];
      out |= uint64_t(byte & 0x7f) << (7 * i);
      if (byte & 0x80) continue;
      ok_ = (byte != 0 || i == 0) && (i < 9 || byte == 1);  // shortest; 64 bits
      rest_ = rest_.subspan(i + 1);
      return out;
    }
    ok_ = false;
    return 0;
  }

  ByteView rest_;
  bool ok_ = true;
};

}  // namespace chengxin::format
