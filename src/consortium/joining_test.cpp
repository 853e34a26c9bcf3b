#include <thread>

#include "consortium/impl/calls.h"
#include "consortium/story_for_tests.h"

// How a node comes to others: invitations, joinings that fail, votes on them.
namespace chengxin::consortium {
namespace {

using namespace testing;

class Joining : public Story {};

TEST_F(Joining, AnInvitationIsGoodForOneNodeOfOneOrganisationUntilItEnds) {
  init();
  TestNode& b1 = make("b1", "bureau");
  TestNode& c1 = make("c1", "court");
  const Json invited = ok(at("a1").invite({"home", "bureau", kDayMs}));
  Json bent = invited["invitation"];
  bent["organisation"] = "court";
  EXPECT_EQ(reason(c1.service->join({bent, c1.names})), "consortium.invitation");
  bent = invited["invitation"];
  bent["genesis"] = "{}";
  EXPECT_EQ(reason(c1.service->join({bent, c1.names})), "consortium.invitation");
  EXPECT_EQ(reason(c1.service->join({Json::object(), c1.names})), "consortium.invitation");

  Names other = c1.names;
  ok(b1.service->join({invited["invitation"], b1.names}));
  ASSERT_TRUE(becomes([&] { return on_chain("b1", "home"); }));
  EXPECT_EQ(record("a1", "home").find_node("b1")->role, format::NodeRole::observer);
  // It was used: another node gets nothing by it.
  EXPECT_EQ(reason(c1.service->join({invited["invitation"], other})), "consortium.invitation_used");

  const Json second = ok(at("a1").invite({"home", "data", kDayMs}));
  world.network.now_ms += 2 * kDayMs;
  TestNode& d1 = make("d1", "data");
  EXPECT_EQ(reason(d1.service->join({second["invitation"], d1.names})), "consortium.invitation_expired");
}

TEST_F(Joining, AJoinThatWasRefusedBindsTheNodeToNothing) {
  init();
  TestNode& b1 = make("b1", "bureau");
  TestNode& c1 = make("c1", "court");
  const Json used = ok(at("a1").invite({"home", "bureau"}))["invitation"];
  ok(b1.service->join({used, b1.names}));
  ASSERT_TRUE(becomes([&] { return on_chain("b1", "home"); }));
  EXPECT_EQ(reason(c1.service->join({used, c1.names})), "consortium.invitation_used");
  c1.service.reset();
  c1.open();
  EXPECT_EQ(reason(enter("a1", c1)), "ok");
  EXPECT_EQ(ok(c1.service->identity())["organisation"], "court");
  vote_all({"a1", "b1"});
  ASSERT_TRUE(becomes([&] { return on_chain("c1", "home"); })) << ok(c1.service->joinings());
  ASSERT_TRUE(becomes([&] { return reached("a1"); })) << "under its new root";
  // Now it is known, and stays what it is.
  EXPECT_EQ(reason(c1.service->join({used, c1.names})), "chain.exists");
  EXPECT_EQ(reason(c1.service->init({{"data", "Data", "c1", "c:1"}, "other"})), "consortium.identity_exists");
  EXPECT_EQ(ok(c1.service->identity())["organisation"], "court");

  // Or it begins alone, or becomes a further node of another.
  for (const char* name : {"d1", "a2"}) {
    make(name, name == std::string("d1") ? "data" : "archives");
    EXPECT_EQ(reason(at(name).join({used, node(name).names})), "consortium.invitation_used");
  }
  ok(at("d1").init({node("d1").names, "alone"}));
  EXPECT_EQ(ok(at("d1").identity())["organisation"], "data");
  EXPECT_TRUE(ok(at("d1").joinings())["items"].empty());
  ok(enter("a1", node("a2")));
  vote_all({"a1", "b1", "c1"});
  ASSERT_TRUE(becomes([&] { return on_chain("a2", "home"); }));
  EXPECT_EQ(ok(at("a2").identity())["governs"], false);
  for (const char* name : {"c1", "d1", "a2"}) {
    node(name).service.reset();
    node(name).open();
    EXPECT_TRUE(own_findings(name).empty()) << name;
  }
}

TEST_F(Joining, WhatIsVotedOnKeepsItsIdentity) {
  four();
  TestNode& e1 = make("e1", "estates");
  EXPECT_EQ(ok(enter("a1", e1))["state"], "proposed");
  const Json key = ok(e1.service->identity())["root"];
  EXPECT_EQ(reason(e1.service->init({{"data", "Data", "e1", "e:1"}, "other"})), "consortium.identity_exists");
  const Json other = ok(at("a1").invite({"home", "fishery"}))["invitation"];
  EXPECT_EQ(reason(e1.service->join({other, e1.names})), "consortium.invitation");
  EXPECT_EQ(ok(e1.service->identity())["organisation"], "estates");
  vote_all({"b1", "c1", "d1"});
  ASSERT_TRUE(becomes([&] { return on_chain("e1", "home"); }));
}

TEST_F(Joining, AnAddressThatCannotBeListenedOnIsTriedNoMore) {
  init();
  TestNode& b1 = make("b1", "bureau");
  b1.taken = {"0.0.0.0:7443", "0.0.0.0:7445"};
  EXPECT_EQ(reason(enter("a1", b1)), "link.listen");
  EXPECT_EQ(reason(b1.service->identity()), "consortium.no_identity");
  EXPECT_EQ(reason(b1.service->init({b1.names})), "link.listen");
  EXPECT_EQ(reason(b1.service->identity()), "consortium.no_identity");
  EXPECT_FALSE(fs::exists(b1.folder / "consortium" / "governor.pem"));

  // While nobody answers it stands, and the next join changes its address, not its keys.
  b1.taken.clear();
  const Json invitation = ok(at("a1").invite({"home", "bureau"}))["invitation"];
  node("a1").service.reset();
  EXPECT_EQ(ok(b1.service->join({invitation, b1.names}))["trouble"], "link.unreachable");
  const auto governor = Identity::open(b1.folder / "consortium", b1.validator)->governor();
  Names elsewhere{"", "", "", "b1.example:7445"};
  b1.taken = {"0.0.0.0:7445"};
  EXPECT_EQ(reason(b1.service->join({invitation, elsewhere})), "link.listen");
  elsewhere.address = b1.names.address = "b1.example:7446";
  node("a1").open();
  ok(b1.service->join({invitation, elsewhere}));
  ASSERT_TRUE(becomes([&] { return on_chain("b1", "home"); })) << ok(b1.service->joinings());
  EXPECT_EQ(record("a1", "home").find_node("b1")->address, "b1.example:7446");
  EXPECT_EQ(record("a1", "home").find_organisation("bureau")->governor_key, governor.public_key().point());
  EXPECT_EQ(b1.listened, "0.0.0.0:7446");
  ASSERT_TRUE(becomes([&] { return reached("a1"); }));
  for (const auto& each : b1.service->findings()) EXPECT_NE(each.reason, "link.listen");
}

TEST_F(Joining, AnInitThatFailsHalfWayLeavesNothing) {
  TestNode& a1 = make("a1", "archives");
  a1.chains.no_keys = true;
  EXPECT_EQ(reason(a1.service->init({{"wrong", "Wrong", "a0", "a0:1"}})), "engine.not_found");
  EXPECT_EQ(reason(a1.service->identity()), "consortium.no_identity");
  a1.service.reset();
  a1.open();
  EXPECT_EQ(reason(a1.service->identity()), "consortium.no_identity");
  a1.chains.no_keys = false;
  EXPECT_EQ(ok(a1.service->init({a1.names}))["organisation"], "archives");
  EXPECT_EQ(record("a1", "home").find_node("a1")->address, a1.names.address);
}

TEST_F(Joining, ALoopbackAddressIsListenedOnItself) {
  for (auto [address, listens] : {std::pair("127.0.0.1:7444", "127.0.0.1:7444"),
                                  {"127.8.0.1:7444", "127.8.0.1:7444"},
                                  {"[::1]:7444", "[::1]:7444"},
                                  {"[fd00::1]:7444", "0.0.0.0:7444"},
                                  {"10.1.0.1:7444", "0.0.0.0:7444"},
                                  {"127.example:7444", "0.0.0.0:7444"}}) {
    const std::string name = "n" + std::to_string(nodes.size());
    TestNode& each = make(name, "archives");
    each.names.address = address;
    ok(each.service->init({each.names, name}));
    EXPECT_EQ(each.listened, listens) << address;
  }
}

// The table is as old as the last look around; this node knows better of itself.
TEST_F(Joining, AnEngineThatCameUpSinceTheLastLookIsNotComplainedOf) {
  init();
  auto told = [&] {
    std::string out;
    for (const auto& each : at("a1").findings()) out += each.reason + " ";
    return out;
  };
  for (const auto& [trouble, finding] :
       {std::pair("order.starting", ""), {"engine.not_found", "consortium.not_running "}}) {
    node("a1").chains.stand(trouble);
    (void)at("a1").status("home");
    EXPECT_EQ(told(), finding) << trouble;
    node("a1").chains.stand("");
    EXPECT_EQ(told(), "") << trouble;
  }
}

TEST_F(Joining, AVoteOnNothingMakesNoBlock) {
  four();
  const auto height = [&] { return node("a1").chains.list()[0]->head().header.height; };
  const uint64_t number =
      ok(at("a1").propose("home", {{format::SetApproval{format::Approval::majority}}, ""}))["proposal"];
  const uint64_t before = height();
  for (uint64_t none : {uint64_t(0), number + 1, UINT64_MAX}) {
    EXPECT_EQ(reason(at("b1").vote("home", none, true)), "consortium.not_open");
    EXPECT_EQ(reason(at("b1").withdraw("home", none)), "consortium.not_open");
  }
  EXPECT_EQ(height(), before);
  EXPECT_EQ(reason(at("b1").withdraw("home", number)), "consortium.not_yours");
  ok(at("a1").withdraw("home", number));
  EXPECT_EQ(height(), before + 2);
  EXPECT_EQ(reason(at("b1").vote("home", number, true)), "consortium.not_open");
  EXPECT_EQ(height(), before + 2);
}

TEST_F(Joining, AVoteWaitsForAProposalThatIsNotHereYet) {
  four();
  node("b1").service.reset();
  node("b1").behind_ms = 60'000;
  node("b1").open();
  world.leave("b1");
  const Json number =
      ok(at("a1").propose("home", {{format::SetApproval{format::Approval::majority}}, ""}))["proposal"];
  std::string voted;
  std::thread voter([&] { voted = reason(at("b1").vote("home", number, true)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  world.come_back("b1");
  voter.join();
  EXPECT_EQ(voted, "ok");
}

TEST_F(Joining, AGuestHearsOfNothingButItsJoining) {
  init();
  make("b1", "bureau");
  const Json invited = ok(at("a1").invite({"home", "bureau"}))["invitation"];
  const auto key = crypto::Sm2PrivateKey::from_pem(invited["guest"]["sign_key"].get<std::string>()).value();
  link::Peer guest;
  guest.key = key.public_key().point();
  const auto& members = at("a1").membership();
  EXPECT_TRUE(members.admits({{}, link::Purpose::member}, guest));
  Digest home = node("a1").chains.list()[0]->id();
  EXPECT_EQ(members.admits({home, link::Purpose::content}, guest).error().reason, "link.not_a_member");
  EXPECT_EQ(members.admits({home, link::Purpose::engine}, guest).error().reason, "link.not_a_member");
  const std::string id = ok(at("a1").invitations())["items"][0]["id"];
  ok(at("a1").cancel_invitation(id));
  EXPECT_EQ(members.admits({{}, link::Purpose::member}, guest).error().reason, "link.not_a_member");
}

TEST_F(Joining, ANewcomerThatIsVotedDownIsToldSo) {
  four();
  TestNode& e1 = make("e1", "estates");
  EXPECT_EQ(ok(enter("a1", e1))["state"], "proposed");
  const Json open = ok(at("b1").proposals("home"))["items"][0];
  for (const char* name : {"b1", "c1"}) ok(at(name).vote("home", open["number"], false));
  ASSERT_TRUE(becomes([&] { return ok(e1.service->joinings())["items"][0]["state"] == "refused"; }));
  EXPECT_EQ(ok(e1.service->joinings())["items"][0]["trouble"], "consortium.join_rejected");
  EXPECT_FALSE(on_chain("e1", "home"));
}

TEST_F(Joining, AFurtherNodeOfAnOrganisationGetsItsCertificatesByInvitation) {
  init();
  TestNode& a2 = make("a2", "archives");
  ok(enter("a1", a2));
  ASSERT_TRUE(becomes([&] { return on_chain("a2", "home"); }));
  const Json identity = ok(a2.service->identity());
  EXPECT_FALSE(identity["governs"]);
  EXPECT_EQ(identity["organisation"], "archives");
  EXPECT_EQ(reason(a2.service->vote("home", 1, true)), "consortium.not_governing");
  EXPECT_EQ(reason(a2.service->invite({"home", "x"})), "consortium.not_governing");
  EXPECT_TRUE(ok(at("a1").status("home"))["items"][1]["reached"]);
}

}  // namespace
}  // namespace chengxin::consortium
