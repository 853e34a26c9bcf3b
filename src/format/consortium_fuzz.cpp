#include "base/check.h"
#include "format/proposal.h"

// What decodes must encode to the same bytes, and its voters must be a set in order.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::format;
  const ByteView bytes(data, size);
  if (auto consortium = Consortium::decode(text(bytes))) {
    CHECK(consortium->encode() == text(bytes));
    CHECK(ValidatorSet::decode(consortium->validators().encode()).has_value());
  }
  if (auto change = ProtocolChange::decode(bytes)) CHECK(equal(change->encode(), bytes));
  if (auto propose = Propose::decode(bytes)) CHECK(equal(propose->encode(), bytes));
  if (auto vote = VoteOn::decode(bytes)) CHECK(equal(vote->encode(), bytes));
  if (auto proposal = Proposal::decode(bytes)) CHECK(equal(proposal->encode(), bytes));
  if (auto index = ProposalIndex::decode(bytes)) CHECK(equal(index->encode(), bytes));
  if (auto revocations = Revocations::decode(bytes)) CHECK(equal(revocations->encode(), bytes));
  return 0;
}
