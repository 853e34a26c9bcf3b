#include "contract/keccak.h"

#include <bit>

namespace chengxin::contract {
namespace {

constexpr size_t kRate = 136;  // bytes: 1600 bits less twice 256

// Keccak-f[1600], FIPS 202 section 3.3; lane (x, y) is a[x + 5y].
void permute(std::array<uint64_t, 25>& a) {
  uint8_t lfsr = 1;  // of the round constants, 3.2.5
  for (int round = 0; round < 24; ++round) {
    uint64_t column[5];
    for (int x = 0; x < 5; ++x) column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (int i = 0; i < 25; ++i) a[i] ^= column[(i + 4) % 5] ^ std::rotl(column[(i + 1) % 5], 1);

    uint64_t moving = a[1];  // ρ and π walk one cycle through all lanes but the first
    for (int step = 1, x = 1, y = 0; step <= 24; ++step) {
      int next = (2 * x + 3 * y) % 5;
      x = y, y = next;
      uint64_t rotated = std::rotl(moving, step * (step + 1) / 2 % 64);
      moving = a[x + 5 * y];
      a[x + 5 * y] = rotated;
    }

    for (int y = 0; y < 25; y += 5) {
      uint64_t row[5];
      for (int x = 0; x < 5; ++x) row[x] = a[y + x];
      for (int x = 0; x < 5; ++x) a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }

    for (int j = 0; j < 7; ++j) {
      if (lfsr & 1) a[0] ^= uint64_t(1) << ((1 << j) - 1);
      lfsr = uint8_t(lfsr << 1 ^ (lfsr & 0x80 ? 0x71 : 0));
    }
  }
}

void absorb(std::array<uint64_t, 25>& state, const uint8_t* block) {
  for (size_t i = 0; i < kRate; ++i) state[i / 8] ^= uint64_t(block[i]) << (8 * (i % 8));
  permute(state);
}

}  // namespace

Digest keccak256(ByteView message) {
  std::array<uint64_t, 25> state{};
  for (; message.size() >= kRate; message = message.subspan(kRate)) absorb(state, message.data());
  uint8_t last[kRate] = {};
  if (!message.empty()) std::memcpy(last, message.data(), message.size());
  last[message.size()] ^= 0x01;
  last[kRate - 1] ^= 0x80;
  absorb(state, last);
  Digest digest;
  for (size_t i = 0; i < digest.size(); ++i) digest[i] = uint8_t(state[i / 8] >> (8 * (i % 8)));
  return digest;
}

}  // namespace chengxin::contract
