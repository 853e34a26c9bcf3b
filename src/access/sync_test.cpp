#include "access/sync.h"

#include <random>

#include "access/rig_for_tests.h"

namespace chengxin::access::testing {
namespace {

struct SyncTest : AdministeredTest {
  Person li, wang;
  Json file = {
      {"format", kExportFormat},
      {"source", "city"},
      {"organisations",
       {{{"id", "east"}, {"title", "东区"}}, {{"id", "east-one"}, {"title", "东一区"}, {"parent", "east"}}}},
      {"users",
       {{{"name", "li.na"}, {"organisation", "east-one"}, {"roles", {"official"}}, {"chains", {"a"}}},
        {{"name", "wang.fang"}, {"organisation", "east"}, {"roles", {"reader"}}}}},
      {"chains", {{{"name", "a"}}}}};
  std::set<std::string> chains = {"a", "default"};

  void SetUp() override {
    AdministeredTest::SetUp();
    li = add("li.na");
    wang = add("wang.fang");
  }
  Result<Comparison> run() {
    ASSIGN(const Export exported, read_export(file));
    ASSIGN(auto accounts, service->users().list("", 1000));
    const auto policy = service->policies().current();
    return compare(exported, {*policy, std::move(accounts), chains, service->policies().actions()});
  }
  // "CHANGE WHAT" of each.
  static std::vector<std::string> names(const std::vector<Difference>& differences) {
    std::vector<std::string> out;
    for (const auto& one : differences) out.push_back(one.change + " " + one.what);
    return out;
  }
  using Names = std::vector<std::string>;
  using AdministeredTest::apply;
  void apply(const Comparison& found) {
    EXPECT_TRUE(found.accounts.empty()) << to_json(found.accounts);
    apply([&](Json& document) { document = found.document; });
  }
  std::shared_ptr<const Policy> policy() { return service->policies().current(); }
  Json& user(size_t at) { return file["users"][at]; }
};

const Action kRead{"getEvidence", "evidence", false, true, true};

TEST_F(SyncTest, WhatIsMissingIsAddedOnceAndTheSecondTimeNothing) {
  const auto found = take(run());
  EXPECT_EQ(names(found.policy),
            (Names{"organisation-add east", "organisation-add east-one", "user-add li.na", "role-give li.na",
                   "user-add wang.fang", "role-give wang.fang"}));
  EXPECT_TRUE(found.notes.empty());
  apply(found);
  EXPECT_TRUE(policy()->decide(li.id, kRead, now, "a"));
  EXPECT_FALSE(policy()->decide(li.id, kRead, now, "default"));
  EXPECT_TRUE(policy()->decide(wang.id, kRead, now, "default"));
  EXPECT_TRUE(policy()->within("east-one", "east"));
  EXPECT_TRUE(policy()->within("east", "root"));
  const auto again = take(run());
  EXPECT_TRUE(again.policy.empty()) << to_json(again.policy);
  EXPECT_TRUE(again.accounts.empty());
  EXPECT_EQ(again.document["assignments"], policy()->document()["assignments"]);
  open();
  EXPECT_TRUE(take(run()).policy.empty()) << "after a restart too";
}

TEST_F(SyncTest, AccountsAndChainsComeFirst) {
  file["users"].push_back({{"name", "chen.jie"}, {"organisation", "root"}, {"roles", {"reader"}}});
  file["chains"].push_back({{"name", "b"}, {"title", "碳"}});
  const auto found = take(run());
  EXPECT_EQ(names(found.accounts), (Names{"chain-add b", "account-add chen.jie"}));
  EXPECT_TRUE(found.document["users"].contains("new:chen.jie"));
  const Digest plan = digest_of(found.policy);
  add("chen.jie");
  chains.insert("b");
  const auto after = take(run());
  EXPECT_TRUE(after.accounts.empty());
  EXPECT_EQ(digest_of(after.policy), plan) << "what was agreed to is the same";
}

TEST_F(SyncTest, PeopleMoveAndRolesChange) {
  apply(take(run()));
  user(0)["organisation"] = "east";
  user(0)["roles"] = {"official", "reader"};
  user(0)["chains"] = {"a", "default"};
  user(1)["roles"] = Json::array();
  file["organisations"][1]["parent"] = "";
  const auto found = take(run());
  EXPECT_EQ(names(found.policy), (Names{"organisation-change east-one", "user-move li.na", "role-take li.na",
                                        "role-give li.na", "role-give li.na", "role-take wang.fang"}));
  apply(found);
  EXPECT_FALSE(policy()->within("east-one", "east"));
  EXPECT_TRUE(policy()->decide(li.id, kRead, now, "default"));
  EXPECT_FALSE(policy()->decide(wang.id, kRead, now, "a"));
  EXPECT_TRUE(take(run()).policy.empty());
}

TEST_F(SyncTest, WhoLeftLosesRolesDelegationsAndTheAccount) {
  apply(take(run()));
  apply([&](Json& document) {
    document["delegations"].push_back(
        {{"from", li.id}, {"to", wang.id}, {"role", "official"}, {"from_ms", now}, {"until_ms", now + kDay}});
  });
  user(0)["active"] = false;
  auto found = take(run());
  ASSERT_EQ(names(found.accounts), Names{"account-lock li.na"});
  EXPECT_EQ(found.accounts[0].account, li.id);
  EXPECT_EQ(names(found.policy), (Names{"role-take li.na", "user-leave li.na", "delegation-end li.na"}));
  ASSERT_TRUE(service->lock(li.id));
  apply(take(run()));
  EXPECT_FALSE(policy()->user(li.id));
  EXPECT_TRUE(take(run()).policy.empty());
  EXPECT_TRUE(take(run()).accounts.empty());

  file["users"].erase(1);  // no longer named at all
  file["organisations"].erase(1);
  found = take(run());
  EXPECT_EQ(names(found.accounts), Names{"account-lock wang.fang"});
  EXPECT_EQ(names(found.policy),
            (Names{"role-take wang.fang", "user-leave wang.fang", "organisation-remove east-one"}));
  ASSERT_TRUE(service->lock(wang.id));
  apply(take(run()));

  user(0)["active"] = true;
  user(0)["organisation"] = "east";
  found = take(run());
  EXPECT_TRUE(found.accounts.empty()) << "nobody is unlocked by an export";
  EXPECT_EQ(found.notes.size(), 1u);
  EXPECT_EQ(names(found.policy), (Names{"user-add li.na", "role-give li.na"}));
}

TEST_F(SyncTest, ThePlanNamesWhoseKeysAreLetIn) {
  const auto key = [] { return hex(crypto::Sm2PrivateKey::generate()->public_key().point()); };
  file["chains"] = {{{"name", "b"}, {"accounts", {{{"public_key", key()}, {"roles", {"writer"}}}}}}};
  const auto writer = take(run());
  file["chains"][0]["accounts"][0]["roles"][0] = "governor";
  EXPECT_NE(digest_of(take(run()).accounts), digest_of(writer.accounts));

  file["users"] = {{{"name", "billing"}, {"organisation", "east"}, {"service", true}, {"key", key()}}};
  const auto first = take(run());
  EXPECT_EQ(names(first.policy), (Names{"organisation-add east", "organisation-add east-one",
                                        "user-add billing", "key-set billing"}));
  user(0)["key"] = key();
  EXPECT_NE(digest_of(take(run()).policy), digest_of(first.policy));
}

TEST_F(SyncTest, WhatOthersGaveStays) {
  const Person chen = add("chen.jie");
  apply([&](Json& document) {
    document["organisations"]["own"] = {{"name", "自建"}, {"parent", "root"}};
    document["users"][chen.id] = {{"name", "chen.jie"}, {"organisation", "own"}};
    document["assignments"].push_back({{"to", "user:" + chen.id}, {"role", "regulator"}});
    document["assignments"].push_back({{"to", "organisation:own"}, {"role", "reader"}});
  });
  apply(take(run()));
  EXPECT_EQ(policy()->roles_of(chen.id, now), (std::set<std::string>{"reader", "regulator"}));
  EXPECT_EQ(policy()->roles_of(security.id, now), std::set<std::string>{"security-administrator"});
  apply([&](Json& document) {
    document["assignments"].push_back({{"to", "organisation:east-one"}, {"role", "reader"}});
  });
  file["organisations"].erase(1);
  user(0)["organisation"] = "east";
  const auto found = take(run());
  EXPECT_EQ(names(found.policy), Names{"user-move li.na"});
  EXPECT_EQ(found.notes.size(), 1u) << "the organisation is in use";

  file["users"].push_back({{"name", "Chen.Jie"}, {"organisation", "east"}, {"roles", {"official"}}});
  EXPECT_EQ(names(take(run()).policy), (Names{"user-move li.na", "user-take Chen.Jie", "user-move Chen.Jie",
                                              "role-take Chen.Jie", "role-give Chen.Jie"}))
      << "whom it names, it says all about";
}

TEST_F(SyncTest, DutiesAreNeitherGivenNorTakenNorMoved) {
  for (const char* role : {"system-administrator", "security-administrator", "audit-administrator"}) {
    user(0)["roles"] = {role};
    EXPECT_EQ(reason(run()), "access.sync_duty") << role;
  }
  apply([&](Json& document) {
    document["roles"]["own"] = {{"title", ""}, {"permissions", {"write:users"}}};
    document["organisations"]["east"] = {{"name", "东区"}, {"parent", "root"}};
    document["users"][system.id]["organisation"] = "east";
  });
  user(0)["roles"] = {"own"};
  EXPECT_EQ(reason(run()), "access.sync_duty") << "by a role of one's own";
  user(0)["roles"] = {"official"};

  // An administrator whom the export names keeps the duty and nothing else.
  file["users"].push_back({{"name", "zhao.lei"}, {"organisation", "east"}, {"roles", {"reader"}}});
  apply(take(run()));
  EXPECT_EQ(policy()->roles_of(system.id, now), (std::set<std::string>{"reader", "system-administrator"}));
  user(2)["active"] = false;
  EXPECT_EQ(reason(run()), "access.everyone_out") << "nobody else adds users";
  const Person second = add("zhou.min");
  apply([&](Json& document) {
    document["users"][second.id] = {
        {"name", "zhou.min"}, {"organisation", "root"}, {"key", hex(second.key.public_key().point())}};
    document["assignments"].push_back({{"to", "user:" + second.id}, {"role", "system-administrator"}});
  });
  const auto found = take(run());
  EXPECT_EQ(names(found.accounts), Names{"account-lock zhao.lei"});
  EXPECT_EQ(names(found.policy), Names{"role-take zhao.lei"});
  EXPECT_EQ(found.notes.size(), 1u) << "who takes the duty over is for people to say";
}

TEST_F(SyncTest, NobodyBecomesAnAdministratorByWhereHeIsPlaced) {
  const Person chen = add("chen.jie");
  apply([&](Json& document) {
    document["organisations"]["keepers"] = {{"name", "密管"}, {"parent", "root"}};
    document["roles"]["keeper"] = {{"title", ""}, {"permissions", {"write:users"}}};
    document["assignments"].push_back({{"to", "organisation:keepers"}, {"role", "keeper"}});
    document["users"][chen.id] = {
        {"name", "chen.jie"}, {"organisation", "keepers"}, {"key", hex(chen.key.public_key().point())}};
  });
  user(0)["organisation"] = "keepers";
  EXPECT_EQ(reason(run()), "access.sync_duty");
  user(0)["organisation"] = "east";
  file["organisations"][0]["parent"] = "keepers";
  EXPECT_EQ(reason(run()), "access.sync_duty") << "nor by what is above it";
  file["organisations"][0].erase("parent");
  file["users"].push_back({{"name", "chen.jie"}, {"organisation", "east"}});
  EXPECT_EQ(reason(run()), "access.sync_duty") << "nor does one stop to be";
}

TEST_F(SyncTest, WhatDoesNotFitIsRefused) {
  const Json good = file;
  const auto refused = [&](const std::function<void()>& change) {
    file = good;
    change();
    return reason(run());
  };
  EXPECT_EQ(refused([&] { user(0)["roles"] = {"nobody-knows"}; }), "access.role_unknown");
  EXPECT_EQ(refused([&] { user(0)["organisation"] = "north"; }), "access.organisation_unknown");
  EXPECT_EQ(refused([&] { file["organisations"][1]["parent"] = "north"; }), "access.organisation_unknown");
  EXPECT_EQ(refused([&] { file["organisations"][0]["parent"] = "east-one"; }), "access.organisation_loop");
  EXPECT_EQ(refused([&] { user(0)["chains"] = {"b"}; }), "access.sync_chain_unknown");
  EXPECT_EQ(refused([&] { user(0)["chains"] = Json::array(); }), "access.sync_form");
  EXPECT_EQ(refused([&] { user(0)["roles"] = {"reader", "reader"}; }), "access.sync_duplicate");
  EXPECT_EQ(refused([&] { file["users"].push_back(user(0)); }), "access.sync_duplicate");
  EXPECT_EQ(refused([&] {
              file["users"].push_back(user(0));
              user(2)["name"] = "LI.na";
            }),
            "access.sync_duplicate");
  EXPECT_EQ(refused([&] { file["organisations"].push_back(file["organisations"][0]); }),
            "access.sync_duplicate");
  EXPECT_EQ(refused([&] { file["chains"].push_back(file["chains"][0]); }), "access.sync_duplicate");
  EXPECT_EQ(refused([&] { user(0)["name"] = "admin"; }), "access.shared_name");
  EXPECT_EQ(refused([&] { user(0)["name"] = "li na"; }), "access.user_name");
  EXPECT_EQ(refused([&] { user(0)["service"] = true; }), "access.sync_service");
  EXPECT_EQ(refused([&] { user(0)["key"] = hex(li.key.public_key().point()); }), "access.sync_form");
  EXPECT_EQ(refused([&] { user(0)["password"] = "x"; }), "access.sync_form");
  EXPECT_EQ(refused([&] { user(0).erase("organisation"); }), "access.sync_form");
  EXPECT_EQ(refused([&] { file["organisations"][0]["id"] = "root"; }), "access.sync_form");
  EXPECT_EQ(refused([&] { file["organisations"][0]["id"] = "East 1"; }), "access.policy_form");
  EXPECT_EQ(refused([&] { file["format"] = "chengxin-access-export-2"; }), "access.sync_form");
  EXPECT_EQ(refused([&] { file["source"] = ""; }), "access.sync_form");
  EXPECT_EQ(refused([&] { file = Json::array(); }), "access.sync_form");
  EXPECT_EQ(refused([&] { user(0)["roles"] = {"regulator", "official"}; }), "access.read_only_writes");
  file = good;
  apply(take(run()));
  EXPECT_EQ(refused([&] { file["source"] = "other"; }), "access.sync_source");
}

TEST_F(SyncTest, OneSyncIsEnoughWhateverTheExport) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (const char* name : {"chen.jie", "zhou.min", "wu.hao"}) add(name);
  const std::vector<std::string> people = {"li.na", "wang.fang", "chen.jie", "zhou.min", "wu.hao"},
                                 roles = {"official", "reader", "issuer", "registrar"},
                                 places = {"east", "west", "north"};
  for (int round = 0; round < 25; ++round) {
    file["organisations"] = Json::array();
    std::vector<std::string> there = {"root"};
    for (const auto& place : places)
      if (random() % 3) {
        file["organisations"].push_back(
            {{"id", place}, {"title", place}, {"parent", there.back() == "root" ? "" : there.back()}});
        there.push_back(place);
      }
    file["users"] = Json::array();
    for (const auto& name : people) {
      if (random() % 4 == 0) continue;
      Json one = {{"name", name}, {"organisation", there[random() % there.size()]}, {"roles", Json::array()}};
      for (const auto& role : roles)
        if (random() % 2) one["roles"].push_back(role);
      if (random() % 2) one["chains"] = {"a"};
      if (random() % 5 == 0) one["active"] = false;
      file["users"].push_back(one);
    }
    auto found = take(run());
    for (const auto& one : found.accounts) ASSERT_TRUE(service->lock(one.account)) << one.change;
    found = take(run());
    if (!found.policy.empty()) apply(found);
    const auto again = take(run());
    ASSERT_TRUE(again.policy.empty() && again.accounts.empty())
        << to_json(again.policy) << ", seed " << seed << ", round " << round;
    for (const auto& account : take(service->users().list("", 100)))
      if (account.disabled) {
        ASSERT_TRUE(service->unlock(account.id));
      }
  }
}

}  // namespace
}  // namespace chengxin::access::testing
