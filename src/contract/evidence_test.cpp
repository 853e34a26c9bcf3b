#include "contract/evidence.h"

#include <chengxin_sandbox.h>
#include <gtest/gtest.h>

#include "proof/sample_for_tests.h"

namespace chengxin::contract {
namespace {

struct EvidenceTest : ::testing::Test {
  proof::Sample sample;
  FrameContext frame;
  EvidenceTest() {
    frame.chain = sample.anchor.chain;
    frame.protocol = sample.header.version;
  }
  bool shown() const { return proves(frame, sample.file_digest, proof::encode(sample.bundle)); }
};

TEST_F(EvidenceTest, OfThisChainAndThisDigest) {
  EXPECT_TRUE(shown());
  EXPECT_FALSE(proves(frame, Digest{1}, proof::encode(sample.bundle)));
  frame.chain[0] ^= 1;
  EXPECT_FALSE(shown());
}

TEST_F(EvidenceTest, NothingOfALaterProtocol) {
  sample.header.version = 2;
  sample.seal();
  frame.protocol = 1;
  EXPECT_FALSE(shown());
  frame.protocol = 2;
  EXPECT_TRUE(shown());
}

TEST_F(EvidenceTest, ATimeStampIsNotLookedAt) {
  ASSERT_FALSE(sample.bundle.timestamp.empty());
  sample.bundle.timestamp = {1, 2, 3};
  ASSERT_FALSE(proof::verify(proof::encode(sample.bundle)));
  EXPECT_TRUE(shown());
}

TEST_F(EvidenceTest, AnyBentByteShowsNothing) {
  sample.bundle.timestamp.clear();
  const Bytes whole = proof::encode(sample.bundle);
  ASSERT_TRUE(proves(frame, sample.file_digest, whole));
  for (size_t i = 0; i < whole.size(); i += 1 + whole.size() / 199) {
    Bytes bent = whole;
    bent[i] ^= 1;
    EXPECT_FALSE(proves(frame, sample.file_digest, bent)) << i;
  }
  EXPECT_FALSE(proves(frame, sample.file_digest, {}));
}

// What the precompile takes for input that the platform finds nothing in.
uint64_t precompile_gas(uint8_t number, size_t input_bytes) {
  const Bytes input(input_bytes);
  cx_host host{};
  host.ask = [](void*, uint32_t, cx_bytes, cx_buffer* answer) {
    const uint8_t no = 0;
    *answer = cx_copy({&no, 1});
    return CX_OK;
  };
  cx_message message{};
  message.to[18] = 0x0c, message.to[19] = number;
  message.input = {input.data(), input.size()};
  message.gas = 1'000'000'000;
  const cx_outcome ended = cx_evm_precompile(&host, &message);
  cx_free(ended.output);
  EXPECT_EQ(ended.ending, CX_RETURNED);
  return ended.gas_used;
}

// As many validators as there may be, each of whom signed each change of all of them: no bundle has more
// signatures for its size. Each is paid for as one that is checked alone.
TEST(EvidencePrice, IsThatOfTheSignaturesThatABundleHasRoomFor) {
  for (const size_t validators : {1, 4, 128}) {
    proof::SampleOptions options;
    options.transitions = 2;
    options.weights.assign(validators, 1);
    const proof::Sample sample(options);
    const Bytes bundle = proof::encode(sample.bundle);
    FrameContext frame;
    frame.chain = sample.anchor.chain;
    frame.protocol = sample.header.version;
    ASSERT_TRUE(proves(frame, sample.file_digest, bundle));
    const size_t signatures = 1 + (options.transitions + 1) * validators;
    EXPECT_GE(precompile_gas(4, 32 + bundle.size()), signatures * precompile_gas(2, 128 + 32)) << validators;
  }
}

}  // namespace
}  // namespace chengxin::contract
