#include "format/proposal.h"

#include <gtest/gtest.h>

namespace chengxin::format {
namespace {

template <size_t N>
std::array<uint8_t, N> filled(int value) {
  std::array<uint8_t, N> out;
  out.fill(uint8_t(value));
  return out;
}

std::vector<Action> one_of_each() {
  Node node{"n", "o", filled<65>(1), filled<65>(2), filled<32>(3), filled<20>(4), "h:1", NodeRole::observer,
            7};
  return {AddOrganisation{{"o", "标题", {1, 2}, filled<65>(5)}},
          RemoveOrganisation{"o"},
          ReplaceGovernor{"o", filled<65>(6)},
          ReplaceRoot{"o", {9}},
          AddNode{node},
          SetRole{"n", NodeRole::voter, 3},
          RemoveNode{"n"},
          RevokeNode{"n", "stolen", {{1}, {2, 3}}},
          ReplaceNodeKeys{"n", filled<65>(7), {}, filled<32>(8), {}},
          MoveNode{"n", "[::1]:9"},
          RegisterAccount{filled<65>(9), {"writer", "reader"}},
          RevokeAccount{filled<16>(1)},
          SetProtocol{{2, 50}},
          SetApproval{Approval::all},
          SetLimits{{1, 2, 3}},
          SetContractPolicy{[] {
            ContractPolicy policy;
            policy.calls["notary"] = {"reader", "writer"};
            policy.quota_gas = 7;
            return policy;
          }()}};
}

TEST(Proposal, EveryActionRoundTrips) {
  const auto actions = one_of_each();
  ASSERT_EQ(actions.size(), std::variant_size_v<Action>);
  for (size_t i = 0; i < actions.size(); ++i) {
    EXPECT_EQ(actions[i].index(), i);
    EXPECT_EQ(read_action(action_json(actions[i])).value(), actions[i]) << action_name(actions[i]);
  }
  const Propose what{actions, "why", 1000};
  EXPECT_EQ(Propose::decode(what.encode()).value(), what);
  Proposal proposal{3, "o",  what, 4, 5, 6, {{"o", true, 4}, {"p", false, 5}}, ProposalState::failed,
                    7, "r.s"};
  EXPECT_EQ(Proposal::decode(proposal.encode()).value(), proposal);
  const ProposalIndex index{9, {7, 8}, {1, 2}};
  EXPECT_EQ(ProposalIndex::decode(index.encode()).value(), index);
  const Revocations revocations{{{"n", "w", true, filled<65>(1), {{1}, {2}}, 3}}};
  EXPECT_EQ(Revocations::decode(revocations.encode()).value(), revocations);
  const VoteOn vote{8, true};
  EXPECT_EQ(VoteOn::decode(vote.encode()).value(), vote);
}

TEST(Proposal, NothingElseIsTaken) {
  const auto taken = [](std::string_view actions) {
    return Propose::decode(view(fmt::format(R"({{"actions":[{}],"open_ms":1,"why":""}})", actions)))
        .has_value();
  };
  ASSERT_TRUE(taken(R"({"action":"remove_node","node":"n"})"));
  EXPECT_FALSE(taken(""));
  EXPECT_FALSE(taken(R"({"action":"remove_all","node":"n"})"));
  EXPECT_FALSE(taken(R"({"node":"n"})"));
  EXPECT_FALSE(taken(R"({"action":"remove_node","more":1,"node":"n"})"));
  EXPECT_FALSE(taken(R"({"action":"remove_node","node":1})"));
  EXPECT_FALSE(taken(R"({"action":"replace_node_keys","node":"n"})"));
  EXPECT_FALSE(taken(R"({"action":"set_role","node":"n","role":"voter","weight":0})"));
  EXPECT_FALSE(taken(R"({"action":"set_protocol","from_height":1,"version":4294967296})"));
  EXPECT_FALSE(taken(R"({"action":"revoke_node","node":"n","serials":[""],"why":""})"));
  EXPECT_FALSE(taken(R"({"action":"register_key","public_key":"04","roles":["writer"]})"));
  EXPECT_FALSE(
      Propose::decode(Propose{std::vector<Action>(kMaxActions + 1, RemoveNode{"n"}), "", 1}.encode()));
  EXPECT_FALSE(Propose::decode(Propose{{RemoveNode{"n"}}, std::string(kMaxWhyBytes + 1, 'x'), 1}.encode()));
  EXPECT_FALSE(Propose::decode(Propose{{RemoveNode{"n"}}, "", 0}.encode()));
  EXPECT_FALSE(Propose::decode(Propose{{RemoveNode{"n"}}, "", kMaxProposalMs + 1}.encode()));
}

}  // namespace
}  // namespace chengxin::format
