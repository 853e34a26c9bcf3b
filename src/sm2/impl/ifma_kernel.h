#pragma once
#include <stddef.h>
#include <stdint.h>

// What passes between the scalar half of the engine (ifma.cpp: ranges, arithmetic mod n) and the vector half
// (ifma_kernel.cpp, the only file compiled for AVX-512). Plain data, no inline functions.
namespace chengxin::sm2::impl {

// A comb of signed teeth (Lim and Lee, CRYPTO '94). The digits of a scalar are its teeth * blocks * columns
// bits, each standing for +1 or -1 (number.h: recode with w = 1). Bit number (i * blocks + j) * columns + c
// belongs to tooth i of block j, column c. Block j's table holds, for every choice of signs, the sum over i
// of
// +- 2^((i * blocks + j) * columns) P with the sign of the highest tooth taken out, so that
//   kP = sum over c of 2^c * (sum over j of one entry of block j):
// blocks * columns additions and columns - 1 doublings.
struct LaneComb {
  int teeth, blocks, columns;
  constexpr int bits() const { return teeth * blocks * columns; }
  constexpr int entries() const { return 1 << (teeth - 1); }  // of a block
  constexpr size_t bytes() const { return size_t(blocks) * entries() * 64; }
};
inline constexpr LaneComb kBaseComb = {13, 5, 4};   // of G, 1.25 MiB
inline constexpr LaneComb kSmallComb = {5, 4, 13};  // 4 KiB
inline constexpr LaneComb kLargeComb = {8, 8, 4};   // 64 KiB

// A scalar of the unknown tier: 52 windows of 5 bits.
inline constexpr int kWindowBits = 5, kWindows = 52, kWindowEntries = 16;

// Eight questions. A lane that is not valid holds harmless values; its verdict is 0.
struct alignas(64) Lanes {
  uint64_t s[5][8], t[5][8];  // recoded, for G's comb and for the key's comb or windows
  uint64_t target[4][8];      // r - e mod n
  uint64_t second[4][8];      // r - e + n where that is below p
  uint64_t x[4][8], y[4][8];  // the key; unknown tier only
  const uint8_t* table[8];    // known tiers only
  uint8_t s_negative, t_negative, has_second, valid;  // a bit for each lane
};

// Tables hold points of 64 bytes: x, then y, times R mod p, as four 64-bit words each.
inline constexpr size_t kLanesAtOnce = 16;  // of the functions below
struct IfmaWorkspace {
  alignas(64) Lanes lanes[kLanesAtOnce];
  alignas(64) uint8_t tables[kLanesAtOnce][kWindowEntries][8][64];
  alignas(64) uint8_t scratch[kLanesAtOnce * 16320];  // the tables before their denominators are gone
};

struct IfmaKernel {
  // 1 to 8 * kLanesAtOnce questions; verdicts has a bit for each, eight to a byte.
  void (*verify_unknown)(IfmaWorkspace& work, size_t questions, const uint8_t* base, uint8_t* verdicts);
  void (*verify_small)(IfmaWorkspace& work, size_t questions, const uint8_t* base, uint8_t* verdicts);
  void (*verify_large)(IfmaWorkspace& work, size_t questions, const uint8_t* base, uint8_t* verdicts);
  // Eight keys, plain coordinates below p. A bit for each that is on the curve; the table of any other is
  // that of G.
  uint8_t (*build_small)(const uint64_t x[4][8], const uint64_t y[4][8], uint8_t* const tables[8]);
  uint8_t (*build_large)(const uint64_t x[4][8], const uint64_t y[4][8], uint8_t* const tables[8]);
  void (*build_base)(uint8_t* table);  // of kBaseComb
};
const IfmaKernel& ifma_kernel();

class Engine;
const Engine* make_ifma_engine(const IfmaKernel& kernel);  // for the rest of the process

}  // namespace chengxin::sm2::impl
