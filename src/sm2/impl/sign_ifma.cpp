#include "base/cpu.h"
#include "sm2/impl/portable_field.h"
#include "sm2/impl/scalar_comb.h"
#include "sm2/impl/sign_engine.h"
#include "sm2/impl/sign_ifma_kernel.h"

namespace chengxin::sm2::impl {

#if defined(__x86_64__)
namespace {

using SignComb = Comb<kSignTeeth, kSignBlocks, kSignColumns>;
constexpr size_t kChunk = 8 * kSignVectors;

class IfmaSignEngine : public SignEngine {
 public:
  explicit IfmaSignEngine(decltype(multiply_in_lanes)* lanes) : multiply_in_lanes_(lanes) {
    std::vector<TablePoint> points(SignComb::entries);
    fill_comb<PortableField, SignComb>({kGeneratorX, kGeneratorY}, points.data());
    for (int i = 0; i < SignComb::entries; ++i) {
      put(points[i].x, table_.limb[i / kSignRow], i % kSignRow);
      put(points[i].y, table_.limb[i / kSignRow] + 5, i % kSignRow);
    }
  }

  void sign(const SigningKey& key, std::span<const Number> e, std::span<const Number> k,
            Attempt* attempts) const override {
    for (size_t at = 0; at < e.size(); at += kChunk) {
      const size_t count = std::min(kChunk, e.size() - at);
      if (count == 1) {  // one in eight lanes would take longer
        alone().sign(key, e.subspan(at), k.subspan(at), attempts + at);
      } else {
        sign_chunk(key, e.subspan(at, count), k.subspan(at, count), attempts + at);
      }
    }
  }

  bool multiply(const Number& k, Affine& out) const override { return alone().multiply(k, out); }

 private:
  decltype(multiply_in_lanes)* const multiply_in_lanes_;
  SignTable table_;

  static const SignEngine& alone() {
    static const SignEngine* const engine =
        cpu().adx ? make_adx_sign_engine(select_wide) : portable_sign_engine();
    return *engine;
  }

  // From the form of field64.h, times 2^256, to that of the lanes.
  static void put(const Tight& a, uint64_t (*limbs)[kSignRow], int entry) {
    constexpr Tight kLaneRadix{{{0x10, 0xffffffff0, 0, 0x1000000000}}};  // 2^260 mod p
    const Tight b = PortableField::mul(a, kLaneRadix);
    for (int i = 0; i < 5; ++i) {
      const int at = 52 * i, word = at / 64, shift = at % 64;
      uint64_t limb = b.limb[word] >> shift;
      if (shift > 12 && word < 3) limb |= b.limb[word + 1] << (64 - shift);
      limbs[i][entry] = limb & ((uint64_t(1) << 52) - 1);
    }
  }

  void sign_chunk(const SigningKey& key, std::span<const Number> e, std::span<const Number> k,
                  Attempt* attempts) const {
    const size_t vectors = (k.size() + 7) / 8;
    SignLanes lanes[kSignVectors] = {};
    for (size_t i = 0; i < 8 * vectors; ++i) {  // lanes that are left over repeat the last
      const Digits digits = recode_secret(k[std::min(i, k.size() - 1)], SignComb::digits);
      SignLanes& to = lanes[i / 8];
      for (int word = 0; word < 5; ++word) to.digits[word][i % 8] = digits.bits[word];
      to.negative |= uint64_t(digits.negative) << i % 8;
    }
    multiply_in_lanes_(table_, lanes, vectors);
    for (size_t i = 0; i < k.size(); ++i) {
      const SignLanes& from = lanes[i / 8];
      Number x;
      for (int word = 0; word < 4; ++word) x.limb[word] = from.x[word][i % 8];
      attempts[i] = complete(key, e[i], k[i], x, 0 - (from.on_curve >> i % 8 & 1));
    }
    wipe(lanes, sizeof lanes);
  }
};

}  // namespace

const SignEngine* make_ifma_sign_engine(decltype(multiply_in_lanes)* multiply) {
  return new IfmaSignEngine(multiply);
}

const SignEngine* ifma_sign_engine() {
  static const SignEngine* const engine = make_ifma_sign_engine(multiply_in_lanes);
  return engine;
}
#else
const SignEngine* ifma_sign_engine() { return nullptr; }
#endif

}  // namespace chengxin::sm2::impl
