#pragma once
#include <stddef.h>
#include <stdint.h>

// Between sign_ifma.cpp and sign_ifma_kernel.cpp, which is compiled for AVX-512. Plain data.
namespace chengxin::sm2::impl {

inline constexpr int kSignTeeth = 6, kSignBlocks = 11, kSignColumns = 4, kSignRow = 1 << (kSignTeeth - 1);
inline constexpr size_t kSignVectors = 4;  // of eight nonces, that share an inversion

// A comb of G (scalar_comb.h) by limbs of 52 bits, five of x and five of y, times 2^260 mod p.
struct alignas(64) SignTable {
  uint64_t limb[kSignBlocks][10][kSignRow];
};

struct alignas(64) SignLanes {
  uint64_t digits[5][8];  // of the nonces
  uint64_t x[4][8];       // of kG
  uint64_t negative;      // a bit for each lane, of the nonces
  uint64_t on_curve;      // a bit for each lane, of kG
};

// kG for 8 * vectors nonces, up to kSignVectors, in constant time. Secrets stay on the stack, but in no
// vector register.
void multiply_in_lanes(const SignTable& table, SignLanes* lanes, size_t vectors);

// As select() of sign_engine.h, of rows that are 64-byte aligned.
struct TablePoint;
void select_wide(const TablePoint* row, size_t count, uint32_t index, TablePoint& out);

class SignEngine;
const SignEngine* make_ifma_sign_engine(
    decltype(multiply_in_lanes)* multiply);  // for the rest of the process

}  // namespace chengxin::sm2::impl
