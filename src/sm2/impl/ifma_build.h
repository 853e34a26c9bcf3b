#pragma once
#include <stdlib.h>

#include "sm2/impl/ifma_single.h"
#include "sm2/impl/ifma_unknown.h"

// Building combs (ifma_kernel.h) of eight keys, one to a lane, and of G, one block to a lane. All points are
// multiples of one point of order n by fixed numbers, none of which are equal or opposite where two are
// added: the affine law is enough for every key if it is for one.
namespace chengxin::sm2::impl {
namespace {

struct Scratch {  // freed at the end
  explicit Scratch(size_t bytes) : at(static_cast<uint8_t*>(aligned_alloc(64, bytes))) {
    if (!at) abort();
  }
  ~Scratch() { free(at); }
  Scratch(const Scratch&) = delete;
  uint8_t* const at;
};

// One table block in each lane.
struct Block {
  uint8_t* at[8];
  AffinePoint<1> tooth[16], twice[16];  // 2^.. P of each tooth, and its double
  void entry(uint8_t* out[8], int index) const {
    for (int lane = 0; lane < 8; ++lane) out[lane] = at[lane] + 64 * index;
  }
};

// Inverts `count` values in place, one inversion for all of them; none is 0. Values are below 4 and their
// inverses below 1.6. `products` has room for as many.
CX_LANES void invert_all(Operand<1>* values, size_t count, Operand<1>* products) {
  Operand<1> product = everywhere<1>(kOne);
  for (size_t i = 0; i < count; ++i) {
    products[i] = product;
    product = operand(mul(product, values[i]));  // < 1.4
  }
  Operand<1> inverse = invert(product);  // < 2
  for (size_t i = count; i-- > 0;) {
    const Operand<1> before = inverse;
    inverse = operand(mul(inverse, values[i]));  // < 1.5
    values[i] = operand(mul(before, products[i]));
  }
}

// teeth * blocks points 2^(columns m) P and their doubles.
[[gnu::noinline]] void double_along(const LaneComb& comb, const AffinePoint<1>& p, AffinePoint<1>* points,
                                    AffinePoint<1>* doubles) {
  const int count = comb.teeth * comb.blocks;
  Scratch scratch(2 * count * (sizeof(Jacobian<1>) + 2 * sizeof(Operand<1>)));
  auto* sums = reinterpret_cast<Jacobian<1>*>(scratch.at);
  auto* inverses = reinterpret_cast<Operand<1>*>(sums + 2 * count);
  Jacobian<1> q = jacobian(p);
  for (int m = 0; m < count; ++m) {
    sums[2 * m] = q;
    double_point(q);
    sums[2 * m + 1] = q;
    for (int i = 1; i < comb.columns; ++i) double_point(q);
  }
  for (int i = 0; i < 2 * count; ++i) inverses[i] = sums[i].z;
  invert_all(inverses, 2 * count, inverses + 2 * count);
  for (int i = 0; i < 2 * count; ++i) {
    const Operand<1> zz = operand(sqr(inverses[i])), zzz = operand(mul(zz, inverses[i]));
    AffinePoint<1>& out = i % 2 ? doubles[i / 2] : points[i / 2];
    out.x = canonical(mul(sums[i].x, zz));
    out.y = canonical(mul(sums[i].y, zzz));
  }
}

// Entry 0 of each block: the highest tooth less all others.
void first_entries(int teeth, Block* blocks, int count) {
  Scratch scratch(count * (sizeof(Xyzz<1>) + 2 * sizeof(Operand<1>)));
  auto* sums = reinterpret_cast<Xyzz<1>*>(scratch.at);
  auto* inverses = reinterpret_cast<Operand<1>*>(sums + count);
  for (int j = 0; j < count; ++j) {
    sums[j] = xyzz(blocks[j].tooth[teeth - 1]);
    for (int i = 0; i < teeth - 1; ++i) add(sums[j], blocks[j].tooth[i], 0xFF);
    inverses[j] = sums[j].zzz;
  }
  invert_all(inverses, count, inverses + count);
  for (int j = 0; j < count; ++j) {
    // 1 / ZZ = (ZZ / ZZZ)^2
    const Operand<1> zz = operand(sqr(operand(mul(sums[j].zz, inverses[j]))));
    uint8_t* out[8];
    blocks[j].entry(out, 0);
    store_points<1>(
        out, {canonical(mul(sums[j].x, zz)), canonical(mul(operand(sums[j].y + Full<1>{}), inverses[j]))});
  }
}

// All entries: those with tooth i positive from those with it negative, by adding twice the tooth.
[[gnu::noinline]] void fill(int teeth, Block* blocks, int count) {
  first_entries(teeth, blocks, count);
  const size_t most = size_t(count) << (teeth - 2);
  Scratch scratch(2 * most * sizeof(Operand<1>));
  auto* inverses = reinterpret_cast<Operand<1>*>(scratch.at);
  uint8_t* at[8];
  for (int i = 0; i < teeth - 1; ++i) {
    const int half = 1 << i;
    for (int n = 0; n < count * half; ++n) {
      const Block& block = blocks[n / half];
      block.entry(at, n % half);
      inverses[n] = operand(plus_p<1>(block.twice[i].x - load_points<1>(at).x));  // 0 to 2
    }
    invert_all(inverses, size_t(count) * half, inverses + most);
    for (int n = 0; n < count * half; ++n) {
      const Block& block = blocks[n / half];
      const AffinePoint<1>& b = block.twice[i];
      block.entry(at, n % half);
      const AffinePoint<1> a = load_points<1>(at);
      const Operand<1> slope = operand(mul(operand(plus_p<1>(b.y - a.y)), inverses[n]));  // < 1.2
      const Full<1> x = canonical(plus_p<2>(sqr(slope) - a.x - b.x));
      const Full<1> y = canonical(plus_p<1>(mul(slope, operand(plus_p<1>(a.x - x))) - a.y));
      block.entry(at, n % half + half);
      store_points<1>(at, {x, y});
    }
  }
}

template <const LaneComb& comb>
uint8_t build_keys(const uint64_t x[4][8], const uint64_t y[4][8], uint8_t* const tables[8]) {
  Mask good;
  const AffinePoint<1> p = load_keys<1>(x, y, 0, good);
  Scratch scratch(comb.blocks * sizeof(Block) + 2 * comb.teeth * comb.blocks * sizeof(AffinePoint<1>));
  auto* blocks = reinterpret_cast<Block*>(scratch.at);
  auto* points = reinterpret_cast<AffinePoint<1>*>(blocks + comb.blocks);
  auto* doubles = points + comb.teeth * comb.blocks;
  double_along(comb, p, points, doubles);
  for (int j = 0; j < comb.blocks; ++j) {
    for (int lane = 0; lane < 8; ++lane) blocks[j].at[lane] = tables[lane] + size_t(j) * comb.entries() * 64;
    for (int i = 0; i < comb.teeth; ++i) {
      blocks[j].tooth[i] = points[i * comb.blocks + j];
      blocks[j].twice[i] = doubles[i * comb.blocks + j];
    }
  }
  fill(comb.teeth, blocks, comb.blocks);
  return uint8_t(good);
}

void build_base(uint8_t* table) {
  constexpr LaneComb comb = kBaseComb;
  static_assert(comb.blocks <= 8);
  constexpr int kPoints = comb.teeth * comb.blocks;
  AffinePoint<1> points[kPoints], doubles[kPoints];
  double_along(comb, {everywhere<1>(kBaseX), everywhere<1>(kBaseY)}, points, doubles);
  Block block;
  for (int lane = 0; lane < 8; ++lane) {
    const int j = lane < comb.blocks ? lane : comb.blocks - 1;  // the lanes left over repeat the last block
    block.at[lane] = table + size_t(j) * comb.entries() * 64;
    for (int i = 0; i < comb.teeth; ++i) {
      const auto take = [lane](AffinePoint<1>& out, const AffinePoint<1>& from) {
        out = {choose(Mask(1) << lane, out.x, from.x), choose(Mask(1) << lane, out.y, from.y)};
      };
      take(block.tooth[i], points[i * comb.blocks + j]);
      take(block.twice[i], doubles[i * comb.blocks + j]);
    }
  }
  fill(comb.teeth, &block, 1);
}

}  // namespace
}  // namespace chengxin::sm2::impl
