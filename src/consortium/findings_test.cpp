#include "consortium/findings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/testing.h"

namespace chengxin::consortium {
namespace {

constexpr int64_t kNow = 1'790'000'000'000;

struct FindingsTest : testing::Test {
  ledger::testing::TemporaryFolder folder;
  crypto::Sm2PrivateKey key = *crypto::Sm2PrivateKey::generate(), other = *crypto::Sm2PrivateKey::generate();
  Names names{"archives", "Archives", "a1", "a1.example:7443"};

  Identity identity(const crypto::Sm2PrivateKey& with) {
    if (!fs::exists(folder.path / "consortium"))
      EXPECT_TRUE(Identity::create(folder.path / "consortium", names, key, kNow));
    return Identity::open(folder.path / "consortium", with).value();
  }
  Record record() {
    Record out;
    out.name = "home";
    out.consortium.organisations = {*identity(key).organisation()};
    out.consortium.nodes = {identity(key).node({}, {}, format::NodeRole::voter)};
    return out;
  }
  static Json row() {
    return {{"node", "b1"},
            {"reached", true},
            {"reason", ""},
            {"detail", ""},
            {"address", "b:1"},
            {"key", "04"},
            {"reported_key", "04"},
            {"clock_ahead_ms", 10},
            {"running", true},
            {"lag", 0},
            {"weight", 1},
            {"version", "1"},
            {"disk_free_bytes", uint64_t(1) << 40}};
  }
  static std::vector<std::string> reasons(const std::vector<install::Finding>& findings) {
    std::vector<std::string> out;
    for (const auto& each : findings) {
      EXPECT_FALSE(each.detail.empty()) << each.reason;
      EXPECT_FALSE(each.advice.empty()) << each.reason;
      out.push_back(each.reason);
    }
    return out;
  }
  using List = std::vector<std::string>;
};

TEST_F(FindingsTest, CertificatesThatDoNotFit) {
  EXPECT_EQ(reasons(certificate_findings(identity(key), kNow)), List());
  EXPECT_EQ(reasons(certificate_findings(identity(other), kNow)), (List{"consortium.certificate_key"}));
  EXPECT_EQ(reasons(certificate_findings(identity(key), kNow + kNodeMs + kDayMs)),
            List(2, "crypto.certificate_expired"));
  EXPECT_EQ(reasons(certificate_findings(identity(key), kNow - kDayMs)),
            List(2, "crypto.certificate_not_yet_valid"));
  // The encrypting certificate in the place of the signing one.
  fs::copy_file(folder.path / "consortium" / "encrypt.der", folder.path / "consortium" / "sign.der",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(reasons(certificate_findings(identity(key), kNow)),
            (List{"consortium.certificate_key", "crypto.certificate_usage"}));
}

TEST_F(FindingsTest, WhatTheChainSaysOfThisNode) {
  EXPECT_EQ(reasons(record_findings(record(), identity(key))), List());
  EXPECT_EQ(reasons(record_findings(record(), identity(other))), (List{"consortium.node_key"}));
  Record bent = record();
  bent.consortium.nodes[0].address = "b.example:1";
  EXPECT_EQ(reasons(record_findings(bent, identity(key))), (List{"consortium.address"}));
  bent = record();
  bent.consortium.organisations[0].root_certificate = {1};
  EXPECT_EQ(reasons(record_findings(bent, identity(key))), (List{"consortium.root_differs"}));
  bent = record();
  bent.consortium.nodes.clear();
  EXPECT_EQ(reasons(record_findings(bent, identity(key))), (List{"consortium.not_a_member"}));
}

TEST_F(FindingsTest, WhatOtherNodesSay) {
  Json self = row();
  self["self"] = true;
  auto of = [&](auto change) {
    Json other_row = row();
    change(other_row);
    return reasons(row_findings("home", Json::array({self, other_row})));
  };
  EXPECT_EQ(of([](Json&) {}), List());
  EXPECT_EQ(of([](Json& r) { r["clock_ahead_ms"] = -3'600'000; }), (List{"consortium.clock"}));
  EXPECT_EQ(of([](Json& r) { r["reported_key"] = "05"; }), (List{"consortium.node_key"}));
  EXPECT_EQ(of([](Json& r) { r["twin"] = true; }), (List{"consortium.twin"}));
  EXPECT_EQ(of([](Json& r) { r["asker_twin"] = true; }), (List{"consortium.twin"}));
  EXPECT_EQ(of([](Json& r) { r["running"] = false; }), (List{"consortium.not_running"}));
  EXPECT_EQ(of([](Json& r) { r.update({{"running", false}, {"trouble", "order.starting"}}); }), List());
  EXPECT_EQ(of([](Json& r) { r["lag"] = 1000; }), (List{"consortium.behind"}));
  EXPECT_EQ(of([](Json& r) { r["version"] = "2"; }), (List{"consortium.version"}));
  EXPECT_EQ(of([](Json& r) { r["version"] = ""; }), List()) << "it does not tell";
  EXPECT_EQ(reasons(row_findings("home", Json::array({row()}))), List()) << "the chain does not name us yet";
  EXPECT_EQ(of([](Json& r) { r["disk_free_bytes"] = 1 << 20; }), (List{"consortium.disk"}));
  for (const char* reason :
       {"consortium.other_genesis", "link.not_a_member", "crypto.certificate_expired", "chain.not_found"})
    EXPECT_EQ(of([&](Json& r) {
                r["reached"] = false;
                r["reason"] = reason;
              }),
              (List{reason}));
}

TEST_F(FindingsTest, AnIdentityThatOthersCanReadOrThatIsDamagedIsNotOpened) {
  identity(key);
  const fs::path at = folder.path / "consortium";
  fs::permissions(at, fs::perms(0755));
  EXPECT_EQ(Identity::open(at, key).error().reason, "consortium.modes");
  fs::permissions(at, fs::perms(0700));
  for (const char* file :
       {"identity.json", "root.der", "root.pem", "governor.pem", "sign.der", "encrypt.der", "encrypt.pem"}) {
    const Bytes good = read_file(at / file, 1 << 20).value();
    ASSERT_TRUE(write_durable(at / file, view("x"), 0600));
    auto opened = Identity::open(at, key);
    ASSERT_FALSE(opened) << file;
    EXPECT_EQ(opened.error().reason, "consortium.identity_damaged");
    EXPECT_NE(opened.error().detail.find(file), std::string::npos) << opened.error().detail;
    ASSERT_TRUE(write_durable(at / file, good, 0600));
  }
  EXPECT_TRUE(Identity::open(at, key));
}

TEST(Warnings, OfWeightThatIsNewOrInOneHand) {
  format::Consortium before;
  for (const char* name : {"a", "b", "c", "d"}) {
    format::Node node;
    node.name = node.organisation = name;
    node.key[0] = node.engine_key[0] = uint8_t(name[0]);
    before.nodes.push_back(node);
  }
  auto reasons_of = [&](const format::Action& action) {
    std::vector<std::string> out;
    for (const Warning& each : warnings(before, preview(before, std::span(&action, 1))))
      out.push_back(each.reason);
    return out;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(reasons_of(format::RemoveNode{"a"}),
            (List{"consortium.warn_one_node"}));  // each of three holds a third
  format::Node fresh;
  fresh.name = "e";
  fresh.key[0] = fresh.engine_key[0] = 'e';
  EXPECT_EQ(reasons_of(format::AddNode{fresh}), List());
  fresh.weight = 2;
  EXPECT_EQ(reasons_of(format::AddNode{fresh}),
            (List{"consortium.warn_new_weight", "consortium.warn_one_node"}));
  EXPECT_EQ(reasons_of(format::SetRole{"a", format::NodeRole::observer, 1}),
            (List{"consortium.warn_one_node"}));
  EXPECT_EQ(reasons_of(format::MoveNode{"a", "h:1"}), List());
}

}  // namespace
}  // namespace chengxin::consortium
