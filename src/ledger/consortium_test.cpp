#include "ledger/consortium.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "crypto/authority.h"
#include "ledger/impl/consortium_change.h"

namespace chengxin::ledger {
namespace {

using namespace format;

class MapState : public StateView {
 public:
  Result<std::optional<Bytes>> get(std::string_view key) override {
    auto found = values.find(key);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  void put(std::string_view key, Bytes value) override { values[std::string(key)] = std::move(value); }
  void erase(std::string_view key) override { values.erase(std::string(key)); }
  Result<StateRows> range(std::string_view, std::string_view, size_t) override { return StateRows{}; }
  std::map<std::string, Bytes, std::less<>> values;
};

// Points and roots are dear to make: from a store of them.
struct Material {
  std::vector<crypto::Sm2Point> points;
  std::vector<Bytes> roots;
  std::vector<crypto::Authority> authorities;
  Material() {
    for (int i = 0; i < 400; ++i)
      points.push_back(crypto::Sm2PrivateKey::generate().value().public_key().point());
    for (int i = 0; i < 24; ++i) {
      authorities.push_back(crypto::Authority::create_root({"CN", "Org", "", "Root " + std::to_string(i)},
                                                           {1'600'000'000'000, 2'600'000'000'000})
                                .value());
      roots.push_back(authorities.back().certificate().der);
    }
  }
};
Material& material() {
  static Material once;
  return once;
}

struct ContractTest : testing::Test {
  MapState state;
  uint64_t height = 1;
  int64_t time_ms = 1'700'000'000'000;
  size_t next_point = 0, next_root = 0;
  std::map<std::string, crypto::Sm2Point> governors;  // by organisation
  ContractTable table = consortium_contract(), governance = governance_contract();
  std::vector<Event> events;

  crypto::Sm2Point point() { return material().points.at(next_point++ % material().points.size()); }

  Organisation organisation(std::string name) {
    Organisation out{std::move(name), "title", material().roots.at(next_root++ % material().roots.size()),
                     point()};
    governors[out.name] = out.governor_key;
    return out;
  }
  Node node(std::string name, std::string organisation, NodeRole role = NodeRole::voter) {
    Node out;
    out.name = std::move(name);
    out.organisation = std::move(organisation);
    out.key = point();
    out.service_key = point();
    std::copy_n(out.key.begin() + 1, 32, out.engine_key.begin());
    std::copy_n(out.key.begin() + 33, 20, out.engine_id.begin());
    out.address = out.name + ".example:7443";
    out.role = role;
    return out;
  }

  void start(const std::vector<std::string>& names, Approval approval = Approval::two_thirds) {
    Consortium consortium;
    consortium.approval = approval;
    for (const std::string& name : names) {
      consortium.organisations.push_back(organisation(name));
      consortium.nodes.push_back(node(name + "-1", name));
      grant(consortium.organisations.back().governor_key, "governor");
      grant(consortium.nodes.back().service_key, "writer");
    }
    consortium.sort();
    state.put(kConsortiumKey, to_bytes(view(consortium.encode())));
    state.put(kValidatorsKey, consortium.validators().encode());
  }
  void grant(const crypto::Sm2Point& key, const std::string& role) {
    state.put(to_string(Account::state_key(key_id(key))), Account{key, true, {role}}.encode());
  }
  std::optional<Account> account(const crypto::Sm2Point& key) {
    auto stored = state.get(to_string(Account::state_key(key_id(key)))).value();
    if (!stored) return std::nullopt;
    return Account::decode(*stored).value();
  }
  Consortium now() { return Consortium::decode(text(*state.get(kConsortiumKey).value())).value(); }
  Proposal proposal(uint64_t number) {
    return Proposal::decode(*state.get(proposal_key(number)).value()).value();
  }
  ProposalIndex index() {
    auto stored = state.get(kProposalsKey).value();
    return stored ? ProposalIndex::decode(*stored).value() : ProposalIndex();
  }

  // As the ledger does it: a call that is not accepted leaves the state as it was. "ok", or the reason.
  std::string call(const ContractTable& methods, const std::string& name, const crypto::Sm2Point& signer,
                   Bytes arguments) {
    auto known = account(signer);
    if (!known || !known->active || !known->has_role("governor")) return "contract.forbidden";
    ++height;
    auto before = state.values;
    for (const Method& method : methods)
      if (method.name == name) {
        auto result = method.run({key_id(signer), *known, height, time_ms, arguments, {}, state}).value();
        if (result.status == ReceiptStatus::accepted) {
          for (const Event& event : result.events) events.push_back(event);
          output = to_string(result.output);
          return "ok";
        }
        state.values = std::move(before);
        return to_string(result.output);
      }
    return "no method";
  }
  std::string propose(const std::string& organisation, std::vector<Action> actions, int64_t open_ms = 1000) {
    return call(table, "propose", governors[organisation], Propose{std::move(actions), "", open_ms}.encode());
  }
  std::string vote(const std::string& organisation, uint64_t number, bool yes = true) {
    return call(table, "vote", governors[organisation], VoteOn{number, yes}.encode());
  }
  std::string withdraw(const std::string& organisation, uint64_t number) {
    return call(table, "withdraw", governors[organisation], Withdraw{number}.encode());
  }
  std::string output;
};

TEST_F(ContractTest, OneOrganisationDecidesAtOnce) {
  start({"a"});
  const Node added = node("a-2", "a", NodeRole::observer);
  EXPECT_EQ(propose("a", {AddNode{added}}), "ok");
  EXPECT_EQ(output, R"({"proposal":1,"state":"executed"})");
  EXPECT_EQ(*now().find_node("a-2"), added);
  EXPECT_TRUE(account(added.service_key)->has_role("writer"));
  EXPECT_EQ(proposal(1).state, ProposalState::executed);
  EXPECT_EQ(proposal(1).votes, (std::vector<Vote>{{"a", true, height}}));
  std::vector<std::string> types;
  for (const Event& event : events) types.push_back(event.type);
  EXPECT_EQ(types, (std::vector<std::string>{"proposed", "voted", "executed"}));
}

TEST_F(ContractTest, MoreThanTwoThirdsMustAgree) {
  start({"a", "b", "c", "d"});
  EXPECT_EQ(propose("a", {SetRole{"b-1", NodeRole::voter, 5}}), "ok");
  EXPECT_EQ(output, R"({"proposal":1,"state":"open"})");
  EXPECT_EQ(vote("b", 1), "ok");
  EXPECT_EQ(vote("b", 1), "consortium.already_voted");
  EXPECT_EQ(now().find_node("b-1")->weight, 1u);
  EXPECT_EQ(vote("c", 1), "ok");
  EXPECT_EQ(now().find_node("b-1")->weight, 5u);
  EXPECT_EQ(ValidatorSet::decode(*state.get(kValidatorsKey).value()).value(), now().validators());
  EXPECT_EQ(vote("d", 1), "consortium.not_open");
}

TEST_F(ContractTest, EndsWhenItCannotPassIsWithdrawnOrLate) {
  start({"a", "b", "c", "d"});
  EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "ok");
  EXPECT_EQ(vote("b", 1, false), "ok");
  EXPECT_EQ(vote("c", 1, false), "ok");
  EXPECT_EQ(proposal(1).state, ProposalState::rejected);
  EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "ok");
  EXPECT_EQ(withdraw("b", 2), "consortium.not_yours");
  EXPECT_EQ(withdraw("a", 2), "ok");
  EXPECT_EQ(proposal(2).state, ProposalState::withdrawn);
  EXPECT_EQ(propose("a", {SetApproval{Approval::all}}, 1000), "ok");
  time_ms += 1001;
  EXPECT_EQ(vote("b", 3), "consortium.not_open");
  EXPECT_EQ(propose("b", {SetApproval{Approval::majority}}), "ok");
  EXPECT_EQ(proposal(3).state, ProposalState::expired);
  EXPECT_EQ(now().approval, Approval::two_thirds);
}

TEST_F(ContractTest, WhatDoesNotFitIsRefusedWhenItIsProposed) {
  start({"a", "b"});
  const Consortium before = now();
  const Node& a1 = *before.find_node("a-1");
  auto with = [&](auto change) {
    Node bent = node("x", "a");
    change(bent);
    return std::vector<Action>{AddNode{bent}};
  };
  const std::vector<std::pair<std::vector<Action>, std::string>> cases = {
      {with([](Node& n) { n.name = "a-1"; }), "consortium.node_exists"},
      {with([](Node& n) { n.organisation = "z"; }), "consortium.no_organisation"},
      {with([&](Node& n) { n.key = a1.key; }), "consortium.key_exists"},
      {with([&](Node& n) { n.engine_key = a1.engine_key; }), "consortium.key_exists"},
      {with([&](Node& n) { n.engine_id = a1.engine_id; }), "consortium.key_exists"},
      {with([&](Node& n) { n.service_key = a1.service_key; }), "consortium.key_exists"},
      {with([&](Node& n) { n.service_key = governors["b"]; }), "consortium.key_exists"},
      {with([&](Node& n) { n.address = a1.address; }), "consortium.address_taken"},
      {with([](Node& n) { n.key[64] ^= 1; }), "consortium.public_key"},
      {with([](Node& n) { n.service_key[64] ^= 1; }), "consortium.public_key"},
      {with([](Node& n) { n.name = "A"; }), "format.consortium"},
      {with([](Node& n) { n.address = "nowhere"; }), "format.consortium"},
      {{RemoveNode{"z"}}, "consortium.no_node"},
      {{RemoveNode{"a-1"}, RemoveNode{"b-1"}}, "consortium.last_voter"},
      {{SetRole{"a-1", NodeRole::observer, 1}, SetRole{"b-1", NodeRole::observer, 1}},
       "consortium.last_voter"},
      {{RemoveOrganisation{"a"}, RemoveOrganisation{"b"}}, "consortium.last_organisation"},
      {{RemoveOrganisation{"z"}}, "consortium.no_organisation"},
      {{ReplaceRoot{"a", {1, 2}}}, "consortium.root_certificate"},
      {{ReplaceRoot{"a", before.find_organisation("b")->root_certificate}}, "consortium.root_exists"},
      {{ReplaceGovernor{"a", governors["b"]}}, "consortium.key_exists"},
      {{RegisterAccount{point(), {"governor"}}}, "consortium.governor_role"},
      {{RegisterAccount{a1.service_key, {"writer"}}}, "consortium.key_exists"},
      {{RevokeAccount{key_id(governors["b"])}}, "consortium.governor_role"},
      {{RevokeAccount{{}}}, "consortium.no_key"},
      {{SetProtocol{{3, 100}}}, "consortium.protocol_version"},
      {{SetProtocol{{2, 1}}}, "consortium.protocol_height"},
      {{}, "format.consortium"},
  };
  for (size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(propose("a", cases[i].first), cases[i].second) << i;
  EXPECT_EQ(now(), before);
  EXPECT_EQ(index().last, 0u);
}

TEST_F(ContractTest, OnlyGovernorsOfOrganisationsSpeakAndNobodyGovernsAlone) {
  start({"a", "b"});
  const crypto::Sm2Point stranger = point();
  grant(stranger, "governor");
  governors["stranger"] = stranger;
  EXPECT_EQ(propose("stranger", {SetApproval{Approval::all}}), "consortium.not_a_governor");
  EXPECT_EQ(call(governance, "register_key", governors["a"], encode_register_key(point(), {"writer"})),
            "governance.by_vote");
  EXPECT_EQ(call(governance, "set_validators", governors["a"], encode_set_validators(Bytes{1})),
            "governance.by_vote");
  MapState empty;
  const Account governor{stranger, true, {"governor"}};
  auto result =
      table[0].run({key_id(stranger), governor, 1, 1, Propose{{RemoveNode{"x"}}, "", 1}.encode(), {}, empty});
  EXPECT_EQ(to_string(result.value().output), "consortium.none");
}

TEST_F(ContractTest, TwoActionsTakeEffectTogetherOrNotAtAll) {
  start({"a"});
  const Organisation added = organisation("b");
  EXPECT_EQ(propose("a", {AddOrganisation{added}, AddNode{node("a-1", "b")}}), "consortium.node_exists");
  EXPECT_EQ(account(added.governor_key), std::nullopt);
  EXPECT_EQ(propose("a", {AddOrganisation{added}, AddNode{node("b-1", "b", NodeRole::observer)}}), "ok");
  EXPECT_TRUE(account(added.governor_key)->has_role("governor"));
  // Now two organisations must agree.
  EXPECT_EQ(propose("a", {SetRole{"b-1", NodeRole::voter, 1}}), "ok");
  EXPECT_EQ(now().find_node("b-1")->role, NodeRole::observer);
  EXPECT_EQ(vote("b", 2), "ok");
  EXPECT_EQ(now().validators().members.size(), 2u);
}

TEST_F(ContractTest, APassedProposalThatNoLongerFitsFailsAndTheVoteStands) {
  start({"a", "b"});
  EXPECT_EQ(propose("a", {MoveNode{"b-1", "new.example:1"}}), "ok");
  EXPECT_EQ(propose("a", {RemoveNode{"b-1"}}), "ok");
  EXPECT_EQ(vote("b", 2), "ok");
  EXPECT_EQ(vote("b", 1), "ok");
  EXPECT_EQ(proposal(1).state, ProposalState::failed);
  EXPECT_EQ(proposal(1).reason, "consortium.no_node");
  EXPECT_EQ(proposal(1).votes.size(), 2u);
}

TEST_F(ContractTest, ALooserRuleSettlesWhatWaitedForMore) {
  start({"a", "b", "c"}, Approval::majority);
  EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "ok");
  EXPECT_EQ(vote("b", 1), "ok");
  EXPECT_EQ(propose("a", {MoveNode{"a-1", "new.example:1"}}), "ok");
  EXPECT_EQ(vote("b", 2), "ok");
  EXPECT_EQ(propose("a", {SetApproval{Approval::majority}}), "ok");
  EXPECT_EQ(vote("b", 3), "ok");
  EXPECT_EQ(vote("c", 3), "ok");
  ASSERT_EQ(now().approval, Approval::majority);
  // The rule is looser now: 2 is executed with what is settled next.
  EXPECT_EQ(proposal(2).state, ProposalState::executed);
  EXPECT_EQ(now().find_node("a-1")->address, "new.example:1");
}

TEST_F(ContractTest, RevokedKeysStayOutAndRemovedOnesMayComeBack) {
  start({"a", "b"});
  auto both = [&](std::vector<Action> actions) {
    EXPECT_EQ(propose("a", std::move(actions)), "ok");
    const uint64_t number = index().last;
    EXPECT_EQ(vote("b", number), "ok");
    return state_name(proposal(number).state);
  };
  const Node b2 = node("b-2", "b");
  EXPECT_EQ(both({AddNode{b2}}), "executed");
  EXPECT_EQ(both({RemoveNode{"b-2"}}), "executed");
  EXPECT_TRUE(account(b2.service_key)->roles.empty());
  EXPECT_EQ(both({AddNode{b2}}), "executed");
  EXPECT_TRUE(account(b2.service_key)->has_role("writer"));
  EXPECT_EQ(both({RevokeNode{"b-2", "stolen", {{7, 7}}}}), "executed");
  EXPECT_FALSE(account(b2.service_key)->active);
  const auto revoked = Revocations::decode(*state.get(kRevocationsKey).value()).value();
  EXPECT_TRUE(revoked.holds(b2.key, {}));
  EXPECT_TRUE(revoked.holds({}, Bytes{7, 7}));
  EXPECT_EQ(propose("a", {AddNode{b2}}), "consortium.key_revoked");

  const crypto::Sm2Point old = now().find_node("b-1")->key, fresh = point();
  EXPECT_EQ(both({ReplaceNodeKeys{"b-1", fresh, {}, {}, {}}}), "executed");
  EXPECT_EQ(now().find_node("b-1")->key, fresh);
  EXPECT_EQ(propose("a", {ReplaceNodeKeys{"b-1", old, {}, {}, {}}}), "consortium.key_revoked");

  const crypto::Sm2Point old_governor = governors["b"], new_governor = point();
  EXPECT_EQ(both({ReplaceGovernor{"b", new_governor}}), "executed");
  EXPECT_EQ(propose("b", {SetApproval{Approval::all}}), "contract.forbidden");
  governors["b"] = new_governor;
  EXPECT_EQ(propose("b", {SetApproval{Approval::all}}), "ok");
  EXPECT_FALSE(account(old_governor)->active);
}

TEST_F(ContractTest, ProtocolVersionsComeOneByOneAndTheHeightOfOneThatWaitsMayMove) {
  start({"a"});
  EXPECT_EQ(propose("a", {SetProtocol{{2, 100}}}), "ok");
  EXPECT_EQ(propose("a", {SetProtocol{{3, 200}}}), "consortium.protocol_version");
  EXPECT_EQ(propose("a", {SetProtocol{{2, 50}}}), "ok");
  EXPECT_EQ(ProtocolChange::decode(*state.get(kProtocolKey).value()).value(), (ProtocolChange{2, 50}));
  height = 60;
  EXPECT_EQ(propose("a", {SetProtocol{{3, 200}}}), "ok");
}

TEST_F(ContractTest, AnOrganisationPublishesTheListOfItsOwnAuthority) {
  start({"a", "b"});
  const crypto::Authority& a = material().authorities[0];
  auto list = [&](const crypto::Authority& authority, int64_t from_ms) {
    return authority.issue_crl({{Bytes{1, 2}, from_ms, 1}}, 1, {from_ms, from_ms + 1000}).value().der;
  };
  EXPECT_EQ(call(table, "publish_crl", governors["a"], list(a, 1'700'000'000'000)), "ok");
  EXPECT_EQ(call(table, "publish_crl", governors["a"], list(a, 1'690'000'000'000)), "consortium.crl_older");
  EXPECT_EQ(call(table, "publish_crl", governors["b"], list(a, 1'700'000'000'000)), "consortium.crl");
  EXPECT_EQ(call(table, "publish_crl", governors["a"], Bytes{1}), "crypto.crl_malformed");
}

TEST_F(ContractTest, OpenAndKeptProposalsAreBounded) {
  start({"a", "b"});
  for (size_t i = 0; i < kOpenProposalsEach; ++i) EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "ok");
  EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "consortium.too_many_open");
  for (uint64_t i = 1; i <= 100; ++i) {
    EXPECT_EQ(withdraw("a", i), "ok");
    EXPECT_EQ(propose("a", {SetApproval{Approval::all}}), "ok");
  }
  EXPECT_EQ(index().closed.size(), kClosedProposals);
  size_t kept = 0;
  for (const auto& [key, value] : state.values) kept += key.starts_with("consortium/proposal/");
  EXPECT_EQ(kept, kClosedProposals + kOpenProposalsEach);
}

struct Story : ContractTest {
  std::mt19937_64 random;
  std::map<uint64_t, size_t> executed;  // how often
  int names = 0;

  std::string any_organisation() {
    const auto all = now().organisations;
    return all[random() % all.size()].name;
  }
  std::string any_node() {
    const auto all = now().nodes;
    return all[random() % all.size()].name;
  }
  Action any_action() {
    switch (random() % 12) {
      case 0:
      case 1:
        if (now().organisations.size() > 5) return RemoveOrganisation{any_organisation()};
        return AddOrganisation{organisation("o" + std::to_string(++names))};
      case 2:
      case 3:
      case 4:
        return AddNode{node("n" + std::to_string(++names), any_organisation(),
                            random() % 2 ? NodeRole::voter : NodeRole::observer)};
      case 5:
        return RemoveOrganisation{any_organisation()};
      case 6:
        return RemoveNode{any_node()};
      case 7:
        return RevokeNode{any_node(), "why", {Bytes{uint8_t(random() + 1)}}};
      case 8:
        return SetRole{any_node(), random() % 2 ? NodeRole::voter : NodeRole::observer, 1 + random() % 9};
      case 9:
        return SetApproval{Approval(1 + random() % 3)};
      case 10:
        return ReplaceNodeKeys{any_node(), point(), point(), {}, {}};
      default:
        return RegisterAccount{point(), {"writer"}};
    }
  }
  void check() {
    const Consortium consortium = now();
    ASSERT_TRUE(consortium.check()) << consortium.encode();
    ASSERT_EQ(ValidatorSet::decode(*state.get(kValidatorsKey).value()).value(), consortium.validators());
    for (const Organisation& each : consortium.organisations) {
      auto known = account(each.governor_key);
      ASSERT_TRUE(known && known->active && known->has_role("governor")) << each.name;
    }
    // Whoever may govern is of an organisation.
    for (const auto& [key, value] : state.values) {
      if (!key.starts_with("key/")) continue;
      const Account known = Account::decode(value).value();
      if (known.active && known.has_role("governor")) {
        ASSERT_NE(consortium.find_governor(known.public_key), nullptr);
      }
    }
    ProposalIndex kept = index();
    if (kept.closed.size() > 8) kept.closed.erase(kept.closed.begin(), kept.closed.end() - 8);
    for (const auto* numbers : {&kept.open, &kept.closed})
      for (uint64_t number : *numbers) {
        const Proposal each = proposal(number);
        ASSERT_EQ(each.state == ProposalState::open, numbers == &kept.open) << number;
        std::set<std::string> voters;
        for (const Vote& cast : each.votes) ASSERT_TRUE(voters.insert(cast.organisation).second) << number;
      }
    for (const auto& [number, times] : executed) ASSERT_EQ(times, 1u) << number;
  }
};

TEST_F(Story, RandomProposalsAndVotesKeepTheInvariants) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  random.seed(seed);
  start({"a", "b", "c"});
  size_t accepted = 0;
  // As long as it takes until enough has happened: how much does depends on the seed.
  auto enough = [&] { return accepted > 200 && executed.size() > 30; };
  for (int step = 0; step < 1000 || (step < 10'000 && !enough()); ++step) {
    time_ms += int64_t(random() % 100);
    const std::string who = any_organisation();
    events.clear();
    std::string outcome;
    const ProposalIndex kept = index();
    if (random() % 5 == 0 || kept.open.empty()) {
      std::vector<Action> actions = {any_action()};
      if (random() % 4 == 0) actions.push_back(any_action());
      outcome = propose(who, std::move(actions), 1 + int64_t(random() % 3000));
    } else {
      const uint64_t number = kept.open[random() % std::min<size_t>(2, kept.open.size())];
      outcome = random() % 40 ? vote(who, number, random() % 5 != 0) : withdraw(who, number);
    }
    accepted += outcome == "ok";
    if (outcome == "ok")
      for (const Event& event : events)
        if (event.type == "executed")
          ++executed[Json::parse(to_string(event.data))["proposal"].get<uint64_t>()];
    // Names of proposals that never came are of no governor.
    for (const Organisation& each : now().organisations) governors[each.name] = each.governor_key;
    ASSERT_NO_FATAL_FAILURE(check()) << "step " << step << ": " << outcome;
  }
  EXPECT_TRUE(enough()) << accepted << " accepted, " << executed.size() << " executed";
}

}  // namespace
}  // namespace chengxin::ledger
