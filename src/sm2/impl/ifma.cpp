// The scalar half of the engine of eight lanes: ranges and arithmetic mod n, then the questions in lanes.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "sm2/impl/engine.h"

#if defined(__x86_64__)
#include "sm2/impl/ifma_kernel.h"
#include "sm2/impl/number.h"

namespace chengxin::sm2::impl {
namespace {

void put(uint64_t (*words)[8], int lane, const uint64_t* number, int count) {
  for (int i = 0; i < count; ++i) words[i][lane] = number[i];
}
void set_bit(uint8_t& bits, int lane, bool value) {
  bits = uint8_t((bits & ~(1 << lane)) | int(value) << lane);
}

// Question q, or harmless values where there is none or it cannot hold.
void fill_lane(Lanes& lanes, int lane, const Question* q, int t_bits, bool with_key,
               const uint8_t* any_table) {
  constexpr Number one = {{1, 0, 0, 0}};
  const Scalars scalars = q ? scalars_of(q->r, q->s, q->e) : Scalars{false, one, one, one};
  const Digits s = recode(scalars.s, kBaseComb.bits()), t = recode(scalars.t, t_bits);
  put(lanes.s, lane, s.bits, 5);
  put(lanes.t, lane, t.bits, 5);
  set_bit(lanes.s_negative, lane, s.negative);
  set_bit(lanes.t_negative, lane, t.negative);
  put(lanes.target, lane, scalars.target.limb, 4);
  Number second;
  set_bit(lanes.has_second, lane, !add(second, scalars.target, kN) && less(second, kP));
  put(lanes.second, lane, second.limb, 4);
  bool valid = scalars.valid;
  if (with_key) {
    const bool in_range = q && less(q->key.x, kP) && less(q->key.y, kP);
    const Affine& key = in_range ? q->key : kG;
    put(lanes.x, lane, key.x.limb, 4);
    put(lanes.y, lane, key.y.limb, 4);
    valid = valid && in_range;
  } else {
    lanes.table[lane] = q ? q->table : any_table;
  }
  set_bit(lanes.valid, lane, valid);
}

class IfmaEngine final : public Engine {
 public:
  // The table of G for the life of the process, in huge pages where there are any.
  explicit IfmaEngine(const IfmaKernel& kernel) : kernel_(kernel) {
    constexpr size_t kHuge = 2 << 20;
    base_ = static_cast<uint8_t*>(std::aligned_alloc(kHuge, (kBaseComb.bytes() + kHuge - 1) / kHuge * kHuge));
    if (!base_) std::abort();
    madvise(base_, kHuge, MADV_HUGEPAGE);
    kernel_.build_base(base_);
  }

  void verify_unknown(std::span<const Question> questions, uint8_t* verdicts) const override {
    run(kernel_.verify_unknown, kWindowBits * kWindows, true, questions, verdicts);
  }
  void verify_known(Tier tier, std::span<const Question> questions, uint8_t* verdicts) const override {
    if (tier == Tier::small) {
      run(kernel_.verify_small, kSmallComb.bits(), false, questions, verdicts);
    } else {
      run(kernel_.verify_large, kLargeComb.bits(), false, questions, verdicts);
    }
  }
  size_t table_bytes(Tier tier) const override {
    return tier == Tier::small ? kSmallComb.bytes() : kLargeComb.bytes();
  }

  void build(Tier tier, std::span<const Affine> keys, uint8_t* const* tables, uint8_t* good) const override {
    for (size_t at = 0; at < keys.size(); at += 8) {
      const size_t count = std::min<size_t>(8, keys.size() - at);
      alignas(64) uint64_t x[4][8], y[4][8];
      uint8_t* out[8];
      uint8_t in_range = 0;
      for (size_t lane = 0; lane < 8; ++lane) {
        // The lanes left over repeat the first.
        const size_t i = at + (lane < count ? lane : 0);
        const bool ok = less(keys[i].x, kP) && less(keys[i].y, kP);
        const Affine& key = ok ? keys[i] : kG;
        put(x, int(lane), key.x.limb, 4);
        put(y, int(lane), key.y.limb, 4);
        set_bit(in_range, int(lane), ok);
        out[lane] = tables[i];
      }
      const auto make = tier == Tier::small ? kernel_.build_small : kernel_.build_large;
      const uint8_t on_curve = make(x, y, out);
      for (size_t lane = 0; lane < count; ++lane) good[at + lane] = (on_curve & in_range) >> lane & 1;
    }
  }

 private:
  using Verify = void (*)(IfmaWorkspace&, size_t, const uint8_t*, uint8_t*);

  void run(Verify verify, int t_bits, bool with_key, std::span<const Question> questions,
           uint8_t* verdicts) const {
    thread_local std::unique_ptr<IfmaWorkspace> work;
    if (!work) work.reset(new IfmaWorkspace());
    while (!questions.empty()) {
      const auto now = questions.first(std::min(questions.size(), 8 * kLanesAtOnce));
      const size_t vectors = (now.size() + 7) / 8;
      for (size_t i = 0; i < 8 * vectors; ++i)
        fill_lane(work->lanes[i / 8], int(i % 8), i < now.size() ? &now[i] : nullptr, t_bits, with_key,
                  now[0].table);
      uint8_t bits[kLanesAtOnce];
      verify(*work, now.size(), base_, bits);
      for (size_t i = 0; i < now.size(); ++i) verdicts[i] = bits[i / 8] >> i % 8 & 1;
      questions = questions.subspan(now.size());
      verdicts += now.size();
    }
  }

  const IfmaKernel& kernel_;
  uint8_t* base_;
};

}  // namespace

const Engine* make_ifma_engine(const IfmaKernel& kernel) { return new IfmaEngine(kernel); }

const Engine* ifma_engine() {
  static const Engine* const engine = make_ifma_engine(ifma_kernel());
  return engine;
}

}  // namespace chengxin::sm2::impl
#else
namespace chengxin::sm2::impl {
const Engine* ifma_engine() { return nullptr; }
}  // namespace chengxin::sm2::impl
#endif
