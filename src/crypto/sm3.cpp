#include "crypto/sm3.h"

#include <bit>
#include <utility>

namespace chengxin::crypto {
namespace {

// GB/T 32905 4.1.
constexpr uint32_t kInitial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                  0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};

inline uint32_t load_be(const uint8_t* at) {
  uint32_t word;
  std::memcpy(&word, at, 4);
  return __builtin_bswap32(word);
}
inline void store_be(uint8_t* at, uint32_t word) {
  word = __builtin_bswap32(word);
  std::memcpy(at, &word, 4);
}
inline uint32_t p0(uint32_t x) { return x ^ std::rotl(x, 9) ^ std::rotl(x, 17); }
inline uint32_t p1(uint32_t x) { return x ^ std::rotl(x, 15) ^ std::rotl(x, 23); }

// One round of 5.3.3. Instead of moving eight registers down by one, the caller names them shifted by `J`;
// `w` is a ring of the last sixteen words, and W[J+4] for J >= 12 is made here, just before it is needed
// (5.3.2).
template <int J>
inline __attribute__((always_inline)) void round(uint32_t (&v)[8], uint32_t (&w)[16]) {
  constexpr int low = (4 - J % 4) % 4;
  uint32_t& a = v[low];
  uint32_t& b = v[(low + 1) % 4];
  uint32_t& c = v[(low + 2) % 4];
  uint32_t& d = v[(low + 3) % 4];
  uint32_t& e = v[4 + low];
  uint32_t& f = v[4 + (low + 1) % 4];
  uint32_t& g = v[4 + (low + 2) % 4];
  uint32_t& h = v[4 + (low + 3) % 4];
  constexpr int next = J + 4;
  if constexpr (J >= 12) {
    w[next % 16] = p1(w[next % 16] ^ w[(next - 9) % 16] ^ std::rotl(w[(next - 3) % 16], 15)) ^
                   std::rotl(w[(next - 13) % 16], 7) ^ w[(next - 6) % 16];
  }
  constexpr uint32_t t = std::rotl(J < 16 ? 0x79cc4519u : 0x7a879d8au, J % 32);
  uint32_t a12 = std::rotl(a, 12);
  uint32_t ss1 = std::rotl(a12 + e + t, 7);
  uint32_t ff = J < 16 ? a ^ b ^ c : (a & b) | ((a | b) & c);
  uint32_t gg = J < 16 ? e ^ f ^ g : ((f ^ g) & e) ^ g;
  d += ff + (ss1 ^ a12) + (w[J % 16] ^ w[next % 16]);
  h = p0(h + gg + ss1 + w[J % 16]);
  b = std::rotl(b, 9);
  f = std::rotl(f, 19);
}

template <int... J>
inline __attribute__((always_inline)) void rounds(uint32_t (&v)[8], uint32_t (&w)[16],
                                                  std::integer_sequence<int, J...>) {
  (round<J>(v, w), ...);
}

void compress(uint32_t (&words)[8], const uint8_t* block, size_t count) {
  for (; count > 0; --count, block += 64) {
    uint32_t v[8], w[16];
    std::memcpy(v, words, sizeof v);
    for (int i = 0; i < 16; ++i) w[i] = load_be(block + 4 * i);
    rounds(v, w, std::make_integer_sequence<int, 64>());
    for (int i = 0; i < 8; ++i) words[i] ^= v[i];
  }
}

}  // namespace

Sm3::Sm3() : state_{} { std::memcpy(state_.words, kInitial, sizeof kInitial); }

Sm3& Sm3::update(ByteView bytes) {
  if (bytes.empty()) return *this;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  state_.length += left;
  if (state_.buffered > 0) {
    size_t taken = std::min<size_t>(left, 64 - state_.buffered);
    std::memcpy(state_.block + state_.buffered, at, taken);
    state_.buffered += uint32_t(taken);
    at += taken;
    left -= taken;
    if (state_.buffered < 64) return *this;
    compress(state_.words, state_.block, 1);
  }
  compress(state_.words, at, left / 64);
  state_.buffered = uint32_t(left % 64);
  std::memcpy(state_.block, at + left - state_.buffered, state_.buffered);
  return *this;
}

Digest Sm3::finish() {
  uint8_t* block = state_.block;
  uint32_t used = state_.buffered;
  block[used++] = 0x80;
  if (used > 56) {
    std::memset(block + used, 0, 64 - used);
    compress(state_.words, block, 1);
    used = 0;
  }
  std::memset(block + used, 0, 56 - used);
  uint64_t bits = state_.length * 8;
  store_be(block + 56, uint32_t(bits >> 32));
  store_be(block + 60, uint32_t(bits));
  compress(state_.words, block, 1);
  Digest digest;
  for (int i = 0; i < 8; ++i) store_be(digest.data() + 4 * i, state_.words[i]);
  *this = Sm3();
  return digest;
}

Digest sm3(std::initializer_list<ByteView> parts) {
  Sm3 hash;
  for (ByteView part : parts) hash.update(part);
  return hash.finish();
}

}  // namespace chengxin::crypto
