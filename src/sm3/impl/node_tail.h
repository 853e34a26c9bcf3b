#pragma once
#include "sm3/impl/rounds.h"

// A Merkle node is 65 bytes: its second block is the last of them, then padding. The expansion of 5.3.2 is
// linear over bits, so each of its words is the exclusive or of one table entry for each group of `Bits` bits
// of that byte.
namespace chengxin::sm3 {
namespace {

template <int Bits>
struct NodeTail {
  static constexpr int kGroups = (8 + Bits - 1) / Bits;
  alignas(64) uint32_t words[68][kGroups][1 << Bits];
};

template <int Bits>
constexpr NodeTail<Bits> make_node_tail() {
  NodeTail<Bits> tail{};
  for (int group = 0; group < NodeTail<Bits>::kGroups; ++group) {
    for (uint32_t value = 0; value < 1u << Bits; ++value) {
      uint32_t w[68] = {(value << group * Bits & 0xff) << 24};
      if (group == 0) {  // what is the same for all values of the byte stands here
        w[0] |= 0x800000;
        w[15] = 65 * 8;
      }
      for (int j = 16; j < 68; ++j) {
        const uint32_t x = w[j - 16] ^ w[j - 9] ^ rotated(w[j - 3], 15);
        w[j] = x ^ rotated(x, 15) ^ rotated(x, 23) ^ rotated(w[j - 13], 7) ^ w[j - 6];
      }
      for (int j = 0; j < 68; ++j) tail.words[j][group][value] = w[j];
    }
  }
  return tail;
}

}  // namespace
}  // namespace chengxin::sm3
