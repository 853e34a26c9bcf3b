#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace chengxin {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using Digest = std::array<uint8_t, 32>;  // SM3 unless a name says otherwise

inline ByteView view(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
inline std::string to_string(ByteView bytes) { return std::string(text(bytes)); }
inline bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string hex(ByteView bytes);                     // lower case
Result<Bytes> unhex(std::string_view text);          // base.hex
Result<Digest> unhex_digest(std::string_view text);  // base.hex, base.digest_length
std::string base64(ByteView bytes);                  // RFC 4648 section 4, padded
Result<Bytes> unbase64(std::string_view text);       // base.base64; only the canonical form is taken
Result<Digest> to_digest(ByteView bytes);            // base.digest_length unless 32 bytes

// Big-endian integers, the byte order of every format of ours. `out` is a Bytes or a std::string.
template <typename Int, typename Out>
void put_be(Out& out, Int value) {
  for (int shift = int(sizeof(Int)) * 8 - 8; shift >= 0; shift -= 8)
    out.push_back(typename Out::value_type(value >> shift));
}
template <typename Int>
Int get_be(const uint8_t* at) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) value = Int(value << 8 | at[i]);
  return value;
}
inline void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
// Its length before it.
template <typename Length = uint32_t>
void put_sized(Bytes& out, ByteView bytes) {
  put_be(out, Length(bytes.size()));
  append(out, bytes);
}

// Reads a byte string front to back. After the first read past the end every read gives zeros and ok() is
// false, so a decoder may read all its fields and ask once.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  size_t remaining() const { return rest_.size(); }
  ByteView take(size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    ByteView taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  ByteView take_sized() { return take(be<uint32_t>()); }
  template <typename Int>
  Int be() {
    ByteView bytes = take(sizeof(Int));
    return ok_ ? get_be<Int>(bytes.data()) : Int(0);
  }
  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out{};
    ByteView bytes = take(N);
    if (ok_) std::memcpy(out.data(), bytes.data(), N);
    return out;
  }
  Digest digest() { return array<32>(); }

 private:
  ByteView rest_;
  bool ok_ = true;
};

// For digests as keys of hash maps: they are uniform already.
struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t value;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

}  // namespace chengxin
