#include "crypto/impl/der.h"
#include "crypto/impl/der_time.h"

namespace chengxin::crypto::der {

Element Reader::any() {
  auto refused = [this] {
    ok_ = false;
    return Element{};
  };
  if (!ok_ || rest_.size() < 2 || (rest_[0] & 0x1f) == 0x1f) return refused();
  size_t header = 2, size = rest_[1];
  if (size >= 0x80) {
    size_t count = size & 0x7f;
    if (count == 0 || count > 4 || rest_.size() < 2 + count) return refused();
    size = 0;
    for (size_t i = 0; i < count; ++i) size = size << 8 | rest_[2 + i];
    if (size < 0x80 || size >> 8 * (count - 1) == 0) return refused();
    header += count;
  }
  if (size > rest_.size() - header) return refused();
  Element out{rest_[0], rest_.subspan(header, size), rest_.first(header + size)};
  rest_ = rest_.subspan(header + size);
  return out;
}

Element Reader::take(uint8_t tag) {
  if (!next_is(tag)) {
    ok_ = false;
    return {};
  }
  return any();
}

Reader Reader::sub(ByteView content) const {
  Reader inner(content);
  inner.ok_ = ok_;
  return inner;
}

ByteView Reader::oid() {
  ByteView content = take(kOid).content;
  bool arc_starts = true;
  for (uint8_t byte : content) {
    if (arc_starts && byte == 0x80) ok_ = false;
    arc_starts = byte < 0x80;
  }
  if (content.empty() || !arc_starts) ok_ = false;
  return ok_ ? content : ByteView();
}

bool Reader::boolean() {
  ByteView content = take(kBoolean).content;
  if (content.size() != 1 || (content[0] != 0 && content[0] != 0xff)) ok_ = false;
  return ok_ && content[0] != 0;
}

ByteView Reader::integer() {
  ByteView content = take(kInteger).content;
  bool padded = content.size() > 1 &&
                ((content[0] == 0 && content[1] < 0x80) || (content[0] == 0xff && content[1] >= 0x80));
  if (content.empty() || padded) ok_ = false;
  return ok_ ? content : ByteView();
}

Bytes Reader::unsigned_integer(size_t max_bytes) {
  ByteView content = integer();
  if (content.empty() || content[0] >= 0x80) {
    ok_ = false;
    return {};
  }
  if (content[0] == 0) content = content.subspan(1);
  if (content.size() > max_bytes) {
    ok_ = false;
    return {};
  }
  return to_bytes(content);
}

uint64_t Reader::small_integer() {
  uint64_t value = 0;
  for (uint8_t byte : unsigned_integer(8)) value = value << 8 | byte;
  if (value >> 63 != 0) ok_ = false;
  return value;
}

ByteView Reader::whole_bits() {
  ByteView content = take(kBitString).content;
  if (content.empty() || content[0] != 0) {
    ok_ = false;
    return {};
  }
  return content.subspan(1);
}

ByteView Reader::algorithm() {
  Reader inner = enter(kSequence);
  ByteView id = inner.oid();
  if (inner.next_is(kNull) && !inner.any().content.empty()) inner.refuse();
  finish(inner);
  return ok_ ? id : ByteView();
}

int64_t Reader::certificate_time() {
  std::string digits;
  if (next_is(kUtcTime)) {
    digits = to_string(take(kUtcTime).content);
    digits.insert(0, digits < "5" ? "20" : "19");
  } else {
    digits = to_string(take(kGeneralizedTime).content);
  }
  if (digits.size() != 15 || digits.back() != 'Z') {
    ok_ = false;
    return 0;
  }
  auto time = parse_time_digits(std::string_view(digits).substr(0, 14));
  if (digits < "1950") time.reset();
  ok_ = ok_ && time.has_value();
  return time.value_or(0);
}

int64_t Reader::generalized_time() {
  std::string_view digits = text(take(kGeneralizedTime).content);
  auto time = parse_time_digits(digits.substr(0, 14));
  if (!time || *time < 0 || digits.size() < 15 || digits.back() != 'Z') {
    ok_ = false;
    return 0;
  }
  digits = digits.substr(14, digits.size() - 15);
  if (digits.empty()) return *time;
  digits.remove_prefix(1);
  bool good = !digits.empty() && digits.size() <= 9 && digits.back() != '0' &&
              digits.find_first_not_of("0123456789") == digits.npos && digits.data()[-1] == '.';
  if (!good) {
    ok_ = false;
    return 0;
  }
  int64_t ms = 0;
  for (size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  return *time + ms;
}

std::optional<std::array<uint8_t, 64>> fixed_signature(ByteView der) {
  Reader outer(der);
  Reader reader = outer.enter(kSequence);
  Bytes r = reader.unsigned_integer(32), s = reader.unsigned_integer(32);
  outer.finish(reader);
  if (!outer.done()) return std::nullopt;
  std::array<uint8_t, 64> fixed{};
  std::copy(r.begin(), r.end(), fixed.begin() + 32 - ptrdiff_t(r.size()));
  std::copy(s.begin(), s.end(), fixed.end() - ptrdiff_t(s.size()));
  return fixed;
}

std::optional<Bytes> from_pem(std::string_view label, std::string_view pem) {
  std::string begin = fmt::format("-----BEGIN {}-----", label), end = fmt::format("-----END {}-----", label);
  size_t from = pem.find(begin);
  if (from == pem.npos) return std::nullopt;
  from += begin.size();
  size_t to = pem.find(end, from);
  if (to == pem.npos) return std::nullopt;
  std::string body;
  for (char c : pem.substr(from, to - from))
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') body += c;
  auto der = unbase64(body);
  if (!der) return std::nullopt;
  return std::move(*der);
}

}  // namespace chengxin::crypto::der
