#include "contract/evidence.h"

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

}  // namespace
}  // namespace chengxin::contract
