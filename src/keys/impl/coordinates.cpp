#include "keys/impl/coordinates.h"

#include <algorithm>
#include <cstring>

namespace chengxin::keys {
namespace {

bool put(std::span<uint8_t> out, const uint8_t* field) {
  const bool fits = std::all_of(field, field + 32, [](uint8_t byte) { return byte == 0; });
  std::memcpy(out.data(), field + 32, 32);
  return fits;
}

tl::unexpected<Error> strange() {
  return fail(Code::unavailable, "keys.device", "the device gave a number that is too long");
}

// Definite lengths below 2^24 in their shortest form.
ByteView element(ByteView& rest, uint8_t tag, bool& good) {
  size_t at = 2, length = rest.size() >= 2 ? rest[1] : 0;
  if (rest.size() < 2 || rest[0] != tag) good = false;
  if (good && length >= 0x80) {
    const size_t count = length & 0x7f;
    good = count >= 1 && count <= 3 && rest.size() >= 2 + count;
    length = 0;
    for (size_t i = 0; good && i < count; ++i) length = length << 8 | rest[at++];
    good = good && length >= (count == 1 ? 0x80 : size_t(1) << 8 * (count - 1));
  }
  if (!good || rest.size() - at < length) {
    good = false;
    return {};
  }
  ByteView content = rest.subspan(at, length);
  rest = rest.subspan(at + length);
  return content;
}

void integer(ByteView& rest, std::array<uint8_t, 32>& out, bool& good) {
  ByteView bytes = element(rest, 0x02, good);
  if (good && bytes.size() == 33 && bytes[0] == 0) bytes = bytes.subspan(1);
  good = good && !bytes.empty() && bytes.size() <= 32;
  if (good) std::copy(bytes.begin(), bytes.end(), out.end() - long(bytes.size()));
}

}  // namespace

Result<crypto::Sm2Point> point_of(const uint8_t* x, const uint8_t* y) {
  crypto::Sm2Point out{};
  out[0] = 4;
  if (!put(std::span(out).subspan(1, 32), x) || !put(std::span(out).subspan(33, 32), y)) return strange();
  return out;
}

Result<crypto::Sm2Signature> signature_of(const uint8_t* r, const uint8_t* s) {
  crypto::Sm2Signature out{};
  if (!put(std::span(out).first(32), r) || !put(std::span(out).subspan(32, 32), s)) return strange();
  return out;
}

void put_right(uint8_t* field, ByteView number) {
  std::memset(field, 0, kWideField);
  std::memcpy(field + kWideField - number.size(), number.data(), number.size());
}

Result<CipherParts> cipher_parts(ByteView der) {
  CipherParts out;
  bool good = true;
  ByteView rest = der, sequence = element(rest, 0x30, good);
  integer(sequence, out.x, good);
  integer(sequence, out.y, good);
  const ByteView hash = element(sequence, 0x04, good);
  const ByteView cipher = element(sequence, 0x04, good);
  if (!good || !rest.empty() || !sequence.empty() || hash.size() != 32)
    return fail(Code::invalid_argument, "crypto.decrypt", "not a ciphertext of SM2");
  std::copy(hash.begin(), hash.end(), out.c3.begin());
  out.c2 = to_bytes(cipher);
  return out;
}

}  // namespace chengxin::keys
