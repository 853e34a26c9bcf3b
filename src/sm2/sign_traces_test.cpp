#include <gtest/gtest.h>

#include <algorithm>

#include "base/cpu.h"
#include "sm2/curve_for_tests.h"
#include "sm2/impl/number.h"
#include "sm2/impl/order.h"
#include "sm2/impl/sign_engine.h"
#include "sm2/sign.h"

// What signing leaves behind on the stack and in the vector registers. It is looked at from the fault check,
// which is called when everything secret must be gone already.
namespace chengxin::sm2 {
namespace {

using impl::Number;
namespace order = impl::order;

constexpr size_t kDepth = 48 << 10, kWords = kDepth / 8;
uint64_t seen[kWords + 256];  // the stack, then the registers

[[gnu::noinline, gnu::no_sanitize("address")]] void look(const uint64_t* from) {
  for (size_t i = 0; i < kWords; ++i) seen[i] = const_cast<volatile const uint64_t*>(from)[i];
#if defined(__x86_64__)
  if (!cpu().ifma) return;
  uint64_t* to = seen + kWords;
#define CX_LOOK(n) asm volatile("vmovdqu64 %%zmm" #n ", %0" : "=m"(*(uint64_t(*)[8])(to + 8 * n)))
  CX_LOOK(0);
  CX_LOOK(1);
  CX_LOOK(2);
  CX_LOOK(3);
  CX_LOOK(4);
  CX_LOOK(5);
  CX_LOOK(6);
  CX_LOOK(7);
  CX_LOOK(8);
  CX_LOOK(9);
  CX_LOOK(10);
  CX_LOOK(11);
  CX_LOOK(12);
  CX_LOOK(13);
  CX_LOOK(14);
  CX_LOOK(15);
  CX_LOOK(16);
  CX_LOOK(17);
  CX_LOOK(18);
  CX_LOOK(19);
  CX_LOOK(20);
  CX_LOOK(21);
  CX_LOOK(22);
  CX_LOOK(23);
  CX_LOOK(24);
  CX_LOOK(25);
  CX_LOOK(26);
  CX_LOOK(27);
  CX_LOOK(28);
  CX_LOOK(29);
  CX_LOOK(30);
  CX_LOOK(31);
#undef CX_LOOK
#endif
}

// Of the frame of who calls.
[[gnu::always_inline]] inline const uint64_t* below_here() {
  return static_cast<const uint64_t*>(__builtin_frame_address(0)) - kWords;
}

// Looks, and says that everything holds.
struct Looking : impl::Engine {
  const impl::Engine& sound = *impl::portable_engine();
  mutable const uint64_t* bottom = nullptr;
  void verify_unknown(std::span<const impl::Question> questions, uint8_t* verdicts) const override {
    look(bottom);
    std::fill_n(verdicts, questions.size(), uint8_t(1));
  }
  void verify_known(impl::Tier, std::span<const impl::Question> questions, uint8_t* verdicts) const override {
    verify_unknown(questions, verdicts);
  }
  size_t table_bytes(impl::Tier tier) const override { return sound.table_bytes(tier); }
  void build(impl::Tier, std::span<const impl::Affine>, uint8_t* const*, uint8_t* good) const override {
    good[0] = 0;  // never a table
  }
};

int found(const Number& secret) {
  int count = 0;
  for (const uint64_t limb : secret.limb) count += int(std::ranges::count(seen, limb));
  return count;
}

const Digest kScalar = {7, 7, 7, 7, 0x61, 0x72, 0x83, 0x94, 1, 2, 3, 4, 5, 6, 7, 8,
                        9, 8, 7, 6, 5,    4,    3,    2,    1, 0, 1, 2, 3, 4, 5, 6};

[[gnu::noinline]] void sign(const Signer& signer, Looking& looking, std::span<const Digest> digests,
                            std::span<const Entropy> entropy, std::span<Signature> out) {
  looking.bottom = below_here();
  ASSERT_TRUE(signer.sign_many(digests, entropy, out));
}

class TracesTest : public testing::TestWithParam<Path> {
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << "not on this processor";
  }
};
INSTANTIATE_TEST_SUITE_P(All, TracesTest, testing::ValuesIn(kPaths),
                         [](const auto& each) { return std::string(name(each.param)); });

TEST_P(TracesTest, NoSecretStaysOnTheStackOrInAVector) {
  Looking looking;
  const auto signer = Signer::from_scalar(kScalar, *impl::sign_engine_of(GetParam()), looking);
  ASSERT_TRUE(signer);
  const Number d = impl::from_big_endian(kScalar.data()), d_form = order::to_montgomery(d),
               more = order::to_montgomery(order::add(d, order::kOne));
  for (const size_t count : {1u, 2u, 8u, 33u}) {
    std::vector<Digest> digests(count);
    std::vector<Entropy> entropy(count);
    std::vector<Signature> made(count);
    for (size_t i = 0; i < count; ++i) digests[i][0] = uint8_t(9 + i), entropy[i][3] = uint8_t(count);
    impl::wipe_stack();  // what the test itself has computed
    sign(*signer, looking, digests, entropy, made);
    for (const Number& part : {d, d_form, more, order::invert(more)}) EXPECT_EQ(found(part), 0) << count;
    for (size_t i = 0; i < count; ++i) {  // k = s (1 + d) + r d; and the form in which its digits are read
      const Number r = impl::from_big_endian(made[i].data()), s = impl::from_big_endian(made[i].data() + 32);
      const Number k = order::add(order::mul(s, more), order::mul(r, d_form));
      EXPECT_EQ(found(k), 0) << "nonce " << i << " of " << count;
      const impl::Digits digits = impl::recode_secret(k, 264);
      EXPECT_EQ(found({{digits.bits[0], digits.bits[1], digits.bits[2], digits.bits[3]}}), 0) << count;
    }
  }
}

#if defined(__x86_64__)
TEST(Traces, LanesAreCleared) {
  if (!available(Path::ifma)) GTEST_SKIP() << "not on this processor";
  const impl::SigningKey key = impl::signing_key(impl::from_big_endian(kScalar.data()));
  const Number numbers[2] = {{{5, 6, 7, 8}}, {{9, 1, 2, 3}}};
  impl::Attempt made[2];
  impl::ifma_sign_engine()->sign(key, numbers, numbers, made);
  look(below_here());
  // Scalar code after the lanes uses the lower sixteen.
  for (size_t i = kWords + 8 * 16; i < std::size(seen); ++i) EXPECT_EQ(seen[i], 0u) << i - kWords;
}
#endif

}  // namespace
}  // namespace chengxin::sm2
