#include "access/rig_for_tests.h"

// Roles for some chains only.
namespace chengxin::access::testing {
namespace {

const Action kBlocks{"listBlocks", "evidence", false, true, true},
    kSubmit{"submit", "evidence", true, true, true}, kElsewhere{"getEvidence", "evidence", false, true};

struct ChainsTest : AdministeredTest {
  Person person, other;
  void SetUp() override {
    AdministeredTest::SetUp();
    person = add("li.na");
    other = add("wang.fang");
  }
  static void assign(Json& document, const std::string& to, const std::string& role, Json chains = {}) {
    Json entry = {{"to", to}, {"role", role}};
    if (!chains.is_null()) entry["chains"] = std::move(chains);
    document["assignments"].push_back(entry);
  }
  Json document(const std::function<void(Json&)>& change) {
    return next([&](Json& all) {
      for (const Person* one : {&person, &other})
        all["users"][one->id] = {{"name", one->name}, {"organisation", "root"}};
      change(all);
    });
  }
  std::string refused(const std::function<void(Json&)>& change) {
    return reason(propose(security, document(change)));
  }
  std::shared_ptr<const Policy> apply(const std::function<void(Json&)>& change) {
    take(approve(audit, take(propose(security, document(change)))));
    return service->policies().current();
  }
  std::string user() const { return "user:" + person.id; }
};

TEST_F(ChainsTest, ARoleForSomeChainsGivesNothingElsewhere) {
  auto policy = apply([&](Json& all) { assign(all, user(), "official", {"a", "b"}); });
  for (const Action& action : {kBlocks, kSubmit}) {
    EXPECT_TRUE(policy->decide(person.id, action, now, "a"));
    EXPECT_FALSE(policy->decide(person.id, action, now, "c"));
    EXPECT_FALSE(policy->decide(person.id, action, now, "A"));
    const auto open = policy->decide(person.id, action, now);
    ASSERT_TRUE(open) << "there are chains for which it may be called";
    EXPECT_TRUE(open->by_chain);
  }
  EXPECT_FALSE(policy->decide(person.id, kElsewhere, now)) << "it would not keep to the chains";
  EXPECT_FALSE(policy->decide(person.id, kElsewhere, now, "a"));
  EXPECT_EQ(policy->roles_of(person.id, now), std::set<std::string>{"official"});
  EXPECT_EQ(policy->chains_of(person.id, now).at("official"), (std::set<std::string>{"a", "b"}));

  policy = apply([&](Json& all) { assign(all, user(), "reader"); });
  EXPECT_TRUE(policy->decide(person.id, kBlocks, now, "c"));
  EXPECT_EQ(policy->decide(person.id, kBlocks, now, "c")->views.at(0).clearance, 0)
      << "the reader's, not the official's";
  EXPECT_EQ(policy->decide(person.id, kBlocks, now, "a")->views.at(0).clearance, 3);
  EXPECT_FALSE(policy->decide(person.id, kSubmit, now, "c"));
  EXPECT_TRUE(policy->decide(person.id, kElsewhere, now));
  EXPECT_FALSE(policy->chains_of(person.id, now).contains("reader"));
}

TEST_F(ChainsTest, MasksAreThoseOfTheRolesForTheChain) {
  const auto policy = apply([&](Json& all) {
    all["roles"]["clerk"] = {{"title", ""}, {"permissions", {"read:evidence"}}, {"masks", {"holder"}}};
    assign(all, user(), "clerk", {"a"});
    assign(all, user(), "reader", {"b"});
  });
  EXPECT_EQ(policy->decide(person.id, kBlocks, now)->any_masks(), std::set<std::string>{"holder"});
  EXPECT_TRUE(policy->decide(person.id, kBlocks, now, "b")->any_masks().empty());
}

TEST_F(ChainsTest, OrganisationsAndDelegationsKeepTheirChains) {
  const auto policy = apply([&](Json& all) {
    assign(all, "organisation:root", "reader", {"a"});
    assign(all, user(), "official", {"b"});
    all["delegations"].push_back({{"from", person.id},
                                  {"to", other.id},
                                  {"role", "official"},
                                  {"from_ms", now},
                                  {"until_ms", now + kDay}});
  });
  EXPECT_TRUE(policy->decide(other.id, kBlocks, now, "a"));
  EXPECT_FALSE(policy->decide(other.id, kSubmit, now, "a"));
  EXPECT_TRUE(policy->decide(other.id, kSubmit, now, "b"));
  EXPECT_FALSE(policy->decide(other.id, kSubmit, now, "c"));
  EXPECT_FALSE(policy->decide(other.id, kSubmit, now + kDay, "b"));
  EXPECT_FALSE(policy->decide(other.id, kBlocks, now, "c"));
}

TEST_F(ChainsTest, WhoOnlyReadsOnOneChainWritesOnNone) {
  EXPECT_EQ(refused([&](Json& all) {
              assign(all, user(), "regulator", {"a"});
              assign(all, user(), "official", {"b"});
            }),
            "access.read_only_writes");
}

TEST_F(ChainsTest, AdministratorsAreForAllChains) {
  for (const char* role : {"system-administrator", "security-administrator", "audit-administrator"})
    EXPECT_EQ(refused([&](Json& all) { assign(all, "user:" + security.id, role, {"a"}); }),
              "access.chains_duty");
  EXPECT_EQ(refused([&](Json& all) {
              all["roles"]["own"] = {{"title", ""}, {"permissions", {"write:users"}}};
              assign(all, user(), "own", {"a"});
            }),
            "access.chains_duty");
  EXPECT_EQ(refused([&](Json& all) { assign(all, user(), "regulator", {"a"}); }), "") << "it has no duty";
}

TEST_F(ChainsTest, FormsAreChecked) {
  for (const Json& chains : {Json::array(), Json("a"), Json::array({1}), Json::array({"a", "a"})})
    EXPECT_EQ(refused([&](Json& all) { assign(all, user(), "reader", chains); }), "access.policy_form")
        << chains;
}

TEST_F(ChainsTest, ARecoveryDoesNotWidenThem) {
  auto shares = *crypto::Sm2PrivateKey::generate();
  apply([&](Json& all) {
    all["recovery"] = {{"key", hex(shares.public_key().point())}, {"need", 2}, {"holders", {"a", "b"}}};
    all["users"][person.id]["key"] = hex(person.key.public_key().point());
    assign(all, "user:" + audit.id, "reader", {"a"});
  });
  const auto moved = [&](bool widened) {
    const Json all = next([&](Json& document) {
      for (Json& one : document["assignments"]) {
        if (one["to"] != "user:" + audit.id) continue;
        one["to"] = user();
        if (widened) one.erase("chains");
      }
    });
    return reason(
        service->policies().recover(all, sign(shares, "recover", all), service->usable_check(), now));
  };
  EXPECT_EQ(moved(true), "access.recovery_scope");
  EXPECT_EQ(moved(false), "");
}

}  // namespace
}  // namespace chengxin::access::testing
