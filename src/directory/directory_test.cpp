#include <gtest/gtest.h>

#include "directory/pseudonyms.h"
#include "directory/sync.h"
#include "identity/testing.h"
#include "sql/database.h"

namespace chengxin::directory {
namespace {

using namespace identity;

class DirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    on.appoint();
    ASSERT_TRUE(migrate(*database));
  }
  std::string refused(const std::vector<Entry>& entries) {
    const auto made = sync.plan(place(), "hr", entries);
    return made ? "" : made.error().reason;
  }
  Sync::Place place() const { return {"home", on.setup.chain(), on.registrar.id, on.read()}; }
  std::vector<Entry> entries(std::string_view csv) const { return parse_entries(csv).value(); }
  // What it did, as action and external id.
  std::vector<std::string> apply(const std::vector<Entry>& wanted) {
    const Plan plan = sync.plan(place(), "hr", wanted).value();
    const auto done = sync.apply(place(), "hr", wanted, plan.digest(), submit, [](uint64_t, uint64_t) {});
    EXPECT_TRUE(done) << done.error().to_string();
    std::vector<std::string> out;
    for (const Difference& each : plan.differences)
      out.push_back(std::string(directory::name_of(each.action)) + " " + each.external);
    EXPECT_TRUE(sync.plan(place(), "hr", wanted)->differences.empty()) << "nothing is left to do";
    return out;
  }

  identity::testing::IdentityChain on;
  std::unique_ptr<sql::Database> database =
      sql::Database::open({.url = "sqlite:" + (on.chain->folder.path / "test.db").string()}).value();
  int64_t now = 1000;
  Personal personal{*database, Bytes(16, 7), [this] { return now; }};
  Sync sync{*database, personal};
  int calls = 0, fail_after = 1000;
  Sync::Submit submit = [this](format::Call call) -> Status {
    if (calls++ >= fail_after) return fail(Code::unavailable, "order.stopping");
    const std::string reason = on.run(on.registrar, std::move(call));
    return reason.empty() ? Status() : fail(Code::conflict, reason);
  };
};

constexpr std::string_view kFirst =
    "external,kind,parent,status,unique,name,phone\r\n"
    "u1,unit,c1,active,,\"Bureau, first\",\r\n"
    "c1,public_body,,active,913100,City,\r\n"
    "p1,official,u1,active,310101,\xE5\xBC\xA0\xE4\xB8\x89\xE4\xB8\xB0,13800001111\r\n"
    "p2,official,u1,suspended,310102,Li,\r\n";

TEST_F(DirectoryTest, APlanIsShownAndThenApplied) {
  auto wanted = entries(kFirst);
  EXPECT_EQ(apply(wanted),
            (std::vector<std::string>{"create c1", "create u1", "create p1", "create p2", "suspend p2"}));
  const Totals totals = totals_of(on.read()).value();
  EXPECT_EQ(totals.official, (Count{1, 1, 0, 0}));
  EXPECT_EQ(totals.unit.active, 1u);

  wanted[2].personal["phone"] = "13900002222";
  wanted[2].parent = "c1";
  wanted[3].active = true;
  EXPECT_EQ(apply(wanted), (std::vector<std::string>{"update p1", "move p1", "restore p2"}));
  wanted.pop_back();
  EXPECT_EQ(apply(wanted), (std::vector<std::string>{"suspend p2"})) << "who left";
  EXPECT_TRUE(on.chain->ledger->verify(nullptr));
}

TEST_F(DirectoryTest, OnlyThePlanThatWasAgreedIsApplied) {
  auto wanted = entries(kFirst);
  const Digest agreed = sync.plan(place(), "hr", wanted)->digest();
  wanted.pop_back();
  const auto done = sync.apply(place(), "hr", wanted, agreed, submit, [](uint64_t, uint64_t) {});
  EXPECT_EQ(done.error().reason, "directory.plan_changed");
  EXPECT_EQ(calls, 0);
}

TEST_F(DirectoryTest, WhatWasInterruptedGoesOnAndEnrolsNobodyTwice) {
  std::string csv = "external,kind,name,unique\n";
  for (int i = 0; i < 450; ++i) csv += fmt::format("p{},natural,Person {},{}\n", i, i, i);
  const auto wanted = entries(csv);
  const Digest agreed = sync.plan(place(), "hr", wanted)->digest();
  fail_after = 2;
  const auto stopped = sync.apply(place(), "hr", wanted, agreed, submit, [](uint64_t, uint64_t) {});
  EXPECT_EQ(stopped.error().reason, "order.stopping");
  EXPECT_EQ(totals_of(on.read())->natural.active, 400u);
  fail_after = 1000;
  EXPECT_EQ(apply(wanted).size(), 50u);
  EXPECT_EQ(totals_of(on.read())->natural.active, 450u);
}

TEST_F(DirectoryTest, FilesThatDoNotFitAreRefusedWithTheEntry) {
  const auto reason = [](std::string_view document) {
    const auto read = parse_entries(document);
    return read ? "" : read.error().reason + ": " + read.error().detail;
  };
  EXPECT_EQ(reason("external,kind,name\na,king,x\n"), "directory.file: entry 1: kind king");
  EXPECT_EQ(reason("external,kind,name\na,natural\n"),
            "directory.file: entry 1: another number of columns than the first line");
  EXPECT_EQ(reason("external,kind,name\na,natural,\"x\n"),
            "directory.file: entry 2: a quotation mark is not closed");
  EXPECT_EQ(reason("external,kind,name\na,natural,x\na,natural,y\n"), "directory.duplicate: a stands twice");
  EXPECT_EQ(reason("[{\"external\":\"a\"}]"),
            "directory.file: entry 1: nothing is said of it, not even a name");
  EXPECT_EQ(reason("[{\"external\":\"a\",\"name\":\"x\"}]"), "");
  EXPECT_EQ(refused(entries("external,kind,parent,name\na,unit,b,x\n")), "directory.parent");
  EXPECT_EQ(refused(entries("external,kind,parent,name\na,unit,b,x\nb,unit,a,x\n")), "directory.parent");
}

TEST_F(DirectoryTest, PersonalDataAreMaskedLoggedAndErasable) {
  const SubjectId who{7}, other{8};
  const Json data = {{"name", "\xE5\xBC\xA0\xE4\xB8\x89\xE4\xB8\xB0"}, {"phone", "13800001111"}};
  const auto keep = [&] {
    Digest out{};
    EXPECT_TRUE(database->transaction([&](sql::Session& session) -> Status {
      ASSIGN(out, personal.keep(session, "home", who, data));
      return {};
    }));
    return out;
  };
  const Digest on_chain = keep();
  EXPECT_EQ(personal.read("home", who, {}, true, "owner", "").error().reason, "directory.purpose");
  EXPECT_EQ(personal.read("home", other, {}, true, "owner", "a test").error().reason,
            "directory.no_personal");
  const auto masked = personal.read("home", who, {}, true, "owner", "a test").value();
  EXPECT_EQ(masked.data, (Json{{"name", "\xE5\xBC\xA0**"}, {"phone", "1**********"}}));
  EXPECT_TRUE(masked.salt.empty());
  EXPECT_EQ(personal.read("home", who, {"phone"}, false, "clerk", "a call")->data,
            (Json{{"phone", "13800001111"}}));
  const auto whole = personal.read("home", who, {}, false, "clerk", "a check").value();
  EXPECT_EQ(commitment(whole.salt, *canonical_json(whole.data)), on_chain);
  const auto looks = personal.looks("home", who).value();
  ASSERT_EQ(looks.size(), 3u);
  EXPECT_EQ(looks[1].purpose, "a call");
  EXPECT_EQ(looks[1].fields, std::vector<std::string>{"phone"});
  EXPECT_NE(keep(), on_chain) << "a fresh salt: nobody can try what it may be";

  // Neither data nor salt stands in the file in the clear, and another key reads nothing.
  Personal stranger(*database, Bytes(16, 8), [] { return 1; });
  EXPECT_EQ(stranger.read("home", who, {}, true, "x", "y").error().reason, "directory.damaged");
  ASSERT_TRUE(personal.erase("home", who));
  EXPECT_EQ(personal.read("home", who, {}, true, "owner", "a test").error().reason, "directory.erased");
  EXPECT_EQ(personal.erase("home", who).error().reason, "directory.no_personal");
}

TEST(Pseudonyms, DifferBySceneAndAreTheSameAgain) {
  const PseudonymManager manager(Bytes(32, 1)), other(Bytes(32, 2));
  const auto carbon = manager.derive("carbon", "310101");
  EXPECT_EQ(manager.derive("carbon", "310101").pseudonym, carbon.pseudonym);
  EXPECT_NE(manager.derive("waste", "310101").pseudonym, carbon.pseudonym);
  EXPECT_NE(manager.derive("waste", "310101").nullifier, carbon.nullifier);
  EXPECT_NE(manager.derive("carbon", "310102").nullifier, carbon.nullifier);
  EXPECT_NE(other.derive("carbon", "310101").pseudonym, carbon.pseudonym);
  EXPECT_NE(carbon.pseudonym, carbon.nullifier);
  EXPECT_TRUE(manager.is_of("carbon", carbon.pseudonym, "310101"));
  EXPECT_FALSE(manager.is_of("carbon", carbon.pseudonym, "310102"));
}

}  // namespace
}  // namespace chengxin::directory
