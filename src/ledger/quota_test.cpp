#include <gtest/gtest.h>

#include "format/proposal.h"
#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

using namespace testing;

const format::Call kBurn{"test", "burn", {}};

struct QuotaTest : ::testing::Test {
  TestChain setup;
  Signer other;
  std::unique_ptr<LiveChain> chain;

  void open(const format::ContractPolicy& policy) {
    setup.genesis.protocol = 3;
    setup.genesis.accounts.push_back({other.key.public_key().point(), {"writer"}});
    chain = std::make_unique<LiveChain>(setup);
    ASSERT_TRUE(
        chain->add(setup.governor, {{"governance", "set_contract_policy", to_bytes(view(policy.encode()))}}));
  }
  // Of ten transactions of each of two accounts in one block, how many of each are in it.
  std::pair<size_t, size_t> included() {
    std::vector<Bytes> envelopes;
    for (int i = 0; i < 20; ++i)
      envelopes.push_back(setup.envelope(i % 2 ? setup.writer : other, chain->time_ms, {kBurn}));
    const auto block = chain->add_block(envelopes).value();
    for (const auto& [transaction, why] : block.dropped) {
      EXPECT_EQ(why.reason, "transaction.quota");
      EXPECT_EQ(why.code, Code::busy) << "it goes into a later block";
    }
    size_t writers = 0;
    for (const auto& each : block.included) writers += each->body.signer == setup.writer.id;
    return {writers, block.included.size() - writers};
  }
};

TEST_F(QuotaTest, OfAnAccountThatIsOfNoOrganisation) {
  format::ContractPolicy policy;
  policy.quota_gas = 3 * kTransactionGas;
  open(policy);
  EXPECT_EQ(included(), (std::pair<size_t, size_t>(3, 3)));
  EXPECT_TRUE(chain->ledger->verify(nullptr));
}

TEST_F(QuotaTest, OneTransactionAlwaysGoes) {
  format::ContractPolicy policy;
  policy.quota_gas = 1;
  open(policy);
  EXPECT_EQ(included(), (std::pair<size_t, size_t>(1, 1)));
}

TEST_F(QuotaTest, NoneIsNoLimit) {
  open({});
  EXPECT_EQ(included(), (std::pair<size_t, size_t>(10, 10)));
}

TEST_F(QuotaTest, AccountsOfOneOrganisationShareIt) {
  format::Node node;
  node.name = "node-a";
  node.organisation = "org-a";
  node.key = setup.validator.key.public_key().point();
  node.service_key = setup.writer.key.public_key().point();
  node.address = "node-a.example:7443";
  setup.genesis.consortium = format::Consortium{
      {{"org-a", "A", {1}, setup.governor.key.public_key().point()}}, {node}, format::Approval::all};
  setup.genesis.protocol = 3;
  chain = std::make_unique<LiveChain>(setup);
  format::ContractPolicy policy;
  policy.quota_gas = 2 * kTransactionGas;
  ASSERT_TRUE(chain->add(
      setup.governor,
      {{"consortium", "propose", format::Propose{{format::SetContractPolicy{policy}}, "", 1000}.encode()}}));
  ASSERT_TRUE(chain->ledger->head().contract_policy);
  const format::Call named{"governance", "register_key", {}};
  std::vector<Bytes> envelopes = {setup.envelope(setup.writer, chain->time_ms, {kBurn}),
                                  setup.envelope(setup.writer, chain->time_ms, {kBurn}),
                                  setup.envelope(setup.governor, chain->time_ms, {named})};
  const auto block = chain->add_block(envelopes).value();
  ASSERT_EQ(block.included.size(), 2u);
  EXPECT_EQ(block.dropped.at(0).second.reason, "transaction.quota") << "the governor is of the same";
}

}  // namespace
}  // namespace chengxin::ledger
