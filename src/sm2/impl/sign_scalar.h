#pragma once
#include "sm2/impl/order.h"
#include "sm2/impl/scalar_comb.h"
#include "sm2/impl/sign_engine.h"

// Signing over a field of 64-bit words. No branch and no address depends on the key or a nonce: kG comes from
// a comb whose rows are read whole, everything else is arithmetic with masks.
namespace chengxin::sm2::impl {

template <class F>
class ScalarSignEngine : public SignEngine {
 public:
  explicit ScalarSignEngine(Select* select = impl::select) : select_(select) {
    fill_comb<F, GeneratorComb>({kGeneratorX, kGeneratorY}, table_);
  }

  void sign(const SigningKey& key, std::span<const Number> e, std::span<const Number> k,
            Attempt* attempts) const override {
    for (size_t at = 0; at < e.size(); at += kChunk) {
      const size_t count = std::min(kChunk, e.size() - at);
      Number x[kChunk], y[kChunk];
      uint64_t on_curve[kChunk];
      multiply_many(k.subspan(at, count), x, y, on_curve);
      for (size_t i = 0; i < count; ++i)
        attempts[at + i] = complete(key, e[at + i], k[at + i], x[i], on_curve[i]);
      wipe(x, sizeof x);
      wipe(y, sizeof y);
    }
  }

  bool multiply(const Number& k, Affine& out) const override {
    uint64_t on_curve;
    multiply_many({&k, 1}, &out.x, &out.y, &on_curve);
    return on_curve;
  }

 protected:
  using GeneratorComb = Comb<6, 11, 4>;  // 22 KiB, to stay in the first-level cache
  alignas(64) TablePoint table_[GeneratorComb::entries];

 private:
  Select* const select_;
  static constexpr size_t kChunk = 16;  // nonces that share an inversion

  static uint64_t mask_of_zero(const Tight& a) {
    return order::is_zero({{a.limb[0], a.limb[1], a.limb[2], a.limb[3]}});
  }
  static Number plain(const Tight& a) {
    const Tight out = F::mul(kPlainOne, a);
    return {{out.limb[0], out.limb[1], out.limb[2], out.limb[3]}};
  }

  static Tight montgomery(const Number& a) {
    return F::mul({{a.limb[0], a.limb[1], a.limb[2], a.limb[3]}}, kMontgomerySquare);
  }

  AffineLanes<F, 1> load(const Digits& digits, int block, int column) const {
    const Digit chosen = GeneratorComb::choose(digits, block, column);
    TablePoint point;
    select_(table_ + block * GeneratorComb::row, GeneratorComb::row, chosen.index, point);
    const Tight turned = negate<F>(point.y);
    const uint64_t mask = 0 - uint64_t(chosen.negative);
    for (int i = 0; i < 4; ++i) point.y.limb[i] ^= mask & (point.y.limb[i] ^ turned.limb[i]);
    return {{{point.x}}, {{point.y}}};
  }

  // A sum that meets plus or minus its next operand has zz = 0 from there on. For a nonce that is uniform
  // this has a probability below 2^-240, and in the end it is told from a point of the curve, so it costs a
  // signature and gives nothing away.
  Xyzz<F, 1> multiply_projective(const Number& k) const {
    Digits digits = recode_secret(k, GeneratorComb::digits);
    Xyzz<F, 1> sum{};
    for (int column = GeneratorComb::columns - 1; column >= 0; --column) {
      const bool first = column == GeneratorComb::columns - 1;
      if (!first) double_in_place(sum);
      for (int block = 0; block < GeneratorComb::blocks; ++block) {
        const auto point = load(digits, block, column);
        if (first && block == 0) {
          sum = {point.x, point.y, {{kOne}}, {{kOne}}};
        } else {
          add_unchecked(sum, point);
        }
      }
    }
    wipe(&digits, sizeof digits);
    return sum;
  }

  // k[i] G with one inversion, of the product of all zzz; where one of them is zero, no point of the group is
  // on the curve.
  void multiply_many(std::span<const Number> k, Number* x, Number* y, uint64_t* on_curve) const {
    Xyzz<F, 1> points[kChunk];
    Tight before[kChunk];
    Tight product = impl::kOne;
    for (size_t i = 0; i < k.size(); ++i) {
      points[i] = multiply_projective(k[i]);
      before[i] = product;
      product = F::mul(product, points[i].zzz.lane[0]);
    }
    Tight inverse = invert<F>(product);
    for (size_t i = k.size(); i-- > 0;) {
      const Tight zzz = F::mul(inverse, before[i]), z = F::mul(zzz, points[i].zz.lane[0]);
      inverse = F::mul(inverse, points[i].zzz.lane[0]);
      const Tight ax = F::mul(points[i].x.lane[0], F::sqr(z)), ay = F::mul(points[i].y.lane[0], zzz);
      x[i] = plain(ax);
      y[i] = plain(ay);
      on_curve[i] = mask_of_zero(curve_error<F>(montgomery(x[i]), montgomery(y[i])));
    }
    wipe(points, sizeof points);
    wipe(before, sizeof before);
  }
};

}  // namespace chengxin::sm2::impl
