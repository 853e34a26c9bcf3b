#pragma once
#include <vector>

#include "sm2/impl/number.h"
#include "sm2/impl/scalar_point.h"

// Tables of a fixed point, and the walk through them.
//
// A scalar is written in digits of +1 and -1 only (number.h, recode), `teeth * blocks * columns` of them.
// Digit `column + columns * (block + blocks * tooth)` of all teeth together chooses one entry of the block's
// table: the sum over the teeth of +-2^(columns * (block + blocks * tooth)) times the point. The signs are
// those of the digits, or all turned, so that the last tooth is always +. So columns - 1 doublings and blocks
// * columns additions make the product, and half of the combinations need to be kept.
namespace chengxin::sm2::impl {

template <int kTeeth, int kBlocks, int kColumns>
struct Comb {
  static constexpr int teeth = kTeeth, blocks = kBlocks, columns = kColumns;
  static constexpr int digits = kTeeth * kBlocks * kColumns;
  static constexpr int row = 1 << (kTeeth - 1);  // entries of a block
  static constexpr int entries = kBlocks * row;
  static constexpr size_t bytes = entries * sizeof(TablePoint);
  static_assert(digits >= 256 && digits < 320);

  static Digit choose(const Digits& of, int block, int column) {
    uint32_t signs = 0;
    for (int tooth = 0; tooth < kTeeth; ++tooth) {
      const int at = column + kColumns * (block + kBlocks * tooth);
      signs |= uint32_t(of.bits[at / 64] >> at % 64 & 1) << tooth;
    }
    const uint32_t turned = (signs >> (kTeeth - 1)) - 1;  // all ones where the last tooth is -
    return {(signs ^ turned) & (row - 1), bool((turned & 1) ^ of.negative)};
  }
};

// Affine points from Jacobian ones, with one inversion; none of them may be infinite.
template <class F>
void to_affine(std::span<const Jacobian<F, 1>> points, TablePoint* out) {
  std::vector<Tight> products(points.size());
  Tight product = kOne;
  for (size_t i = 0; i < points.size(); ++i) {
    products[i] = product;
    product = F::mul(product, points[i].z.lane[0]);
  }
  Tight inverse = invert<F>(product);
  for (size_t i = points.size(); i-- > 0;) {
    const Tight z = F::mul(inverse, products[i]), zz = F::sqr(z);
    inverse = F::mul(inverse, points[i].z.lane[0]);
    out[i] = {F::mul(points[i].x.lane[0], zz), F::mul(points[i].y.lane[0], F::mul(z, zz))};
  }
}

// Fills the table of a point of the curve. No addition meets plus or minus its own operand, nor gives
// infinity: all entries of the first block are odd multiples, by less than the order, of a point of prime
// order, and even multiples are added to them; the other blocks are multiples of the first. add() would cover
// it all the same.
template <class F, class C>
void fill_comb(const TablePoint& point, TablePoint* table) {
  // Of each block and tooth 2^(columns * (block + blocks * tooth)) times the point, and twice that.
  std::vector<Jacobian<F, 1>> bases(2 * C::blocks * C::teeth);
  Jacobian<F, 1> power{{{point.x}}, {{point.y}}, {{kOne}}};
  for (int i = 0; i < C::blocks * C::teeth; ++i) {
    bases[2 * i] = power;
    double_in_place(power);
    bases[2 * i + 1] = power;
    for (int column = 1; column < C::columns; ++column) double_in_place(power);
  }
  std::vector<TablePoint> affine(bases.size());
  to_affine<F>(bases, affine.data());

  std::vector<Jacobian<F, 1>> entries(C::row);
  for (int block = 0; block < C::blocks; ++block) {
    const auto base = [&](int tooth, bool twice) -> const TablePoint& {
      return affine[2 * (block + C::blocks * tooth) + twice];
    };
    const TablePoint& last = base(C::teeth - 1, false);
    entries[0] = {{{last.x}}, {{last.y}}, {{kOne}}};
    for (int tooth = 0; tooth < C::teeth - 1; ++tooth) {
      const TablePoint& less = base(tooth, false);
      add(entries[0], AffineLanes<F, 1>{{{less.x}}, {{negate<F>(less.y)}}});
    }
    for (int tooth = 0; tooth < C::teeth - 1; ++tooth) {
      const AffineLanes<F, 1> more{{{base(tooth, true).x}}, {{base(tooth, true).y}}};
      for (int i = 0; i < 1 << tooth; ++i) {
        entries[i | 1 << tooth] = entries[i];
        add(entries[i | 1 << tooth], more);
      }
    }
    to_affine<F>(entries, table + block * C::row);
  }
}

}  // namespace chengxin::sm2::impl
