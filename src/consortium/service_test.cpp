#include "consortium/service.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "consortium/impl/calls.h"
#include "consortium/memory_for_tests.h"
#include "ledger/consortium.h"

namespace chengxin::consortium {
namespace {

using namespace testing;

struct Story : ::testing::Test {
  ledger::testing::TemporaryFolder folder;
  World world;
  std::vector<std::unique_ptr<TestNode>> nodes;
  TestNode& node(const std::string& name) {
    for (auto& each : nodes)
      if (each->names.node == name) return *each;
    ADD_FAILURE() << name;
    return *nodes[0];
  }
  Service& at(const std::string& name) { return *node(name).service; }
  TestNode& make(const std::string& name, const std::string& organisation, uint16_t port = 0) {
    nodes.push_back(std::make_unique<TestNode>(world, folder.path, name, organisation, port));
    return *nodes.back();
  }
  // Services stop before the nodes whose keys certify.
  void TearDown() override {
    world.changed.clear();
    for (auto& each : nodes) each->service.reset();
  }

  Json ok(const Result<Json>& result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().to_string());
    return result ? *result : Json::object();
  }
  std::string reason(const Result<Json>& result) { return result ? "ok" : result.error().reason; }
  bool becomes(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  // Of its own certificates; those of others are as old as the last look at them.
  std::vector<std::string> own_findings(const std::string& name) {
    std::vector<std::string> out;
    for (const auto& finding : at(name).findings())
      if (finding.detail.starts_with("consortium/")) out.push_back(finding.reason);
    return out;
  }
  bool on_chain(const std::string& name, const std::string& chain) {
    for (const auto& ledger : node(name).chains.list())
      if (ledger->genesis().name == chain) return true;
    return false;
  }
  format::Consortium record(const std::string& name, const std::string& chain) {
    for (const auto& ledger : node(name).chains.list())
      if (ledger->genesis().name == chain) return *ledger::consortium_of(*ledger);
    ADD_FAILURE() << name << " is not on " << chain;
    return {};
  }
  Result<Json> enter(const std::string& inviter, TestNode& newcomer,
                     format::NodeRole role = format::NodeRole::voter, const std::string& chain = "home") {
    auto invited = at(inviter).invite({chain, newcomer.names.organisation});
    if (!invited) return invited;
    Join join{invited->at("invitation"), newcomer.names, role};
    return newcomer.service->join(join);
  }
  void init() {
    make("a1", "archives");
    ok(at("a1").init({node("a1").names}));
  }
  // Everybody of `who` votes yes on what is open on the chain.
  void vote_all(const std::vector<std::string>& who, const std::string& chain = "home") {
    for (const std::string& each : who) {
      const Json proposals = ok(at(each).proposals(chain));
      for (const Json& proposal : proposals["items"])
        if (proposal["state"] == "open") {
          const std::string outcome = reason(at(each).vote(chain, proposal["number"], true));
          EXPECT_TRUE(outcome == "ok" || outcome == "consortium.already_voted") << each << " " << outcome;
        }
    }
  }
  bool reached(const std::string& by, const std::string& chain = "home") {
    const Json rows = ok(at(by).status(chain))["items"];
    return std::all_of(rows.begin(), rows.end(), [](const Json& row) { return row["reached"] == true; });
  }
  size_t open_on(const std::string& chain) {
    const Json all = ok(at("a1").proposals(chain))["items"];
    return std::count_if(all.begin(), all.end(), [](const Json& each) { return each["state"] == "open"; });
  }
  std::string root_of(const std::string& name) { return ok(at(name).identity())["root"]; }
  // Four, and a further node of the bureau.
  void five() {
    four();
    make("b2", "bureau");
    ok(enter("b1", node("b2"), format::NodeRole::observer));
    vote_all({"a1", "c1", "d1"});
    ASSERT_TRUE(becomes([&] { return on_chain("b2", "home"); }));
  }
  void four() {
    init();
    for (auto [name, organisation] : {std::pair("b1", "bureau"), {"c1", "court"}, {"d1", "data"}}) {
      make(name, organisation);
      ok(enter("a1", node(name)));
      for (auto& each : nodes)
        if (each->names.node != name) vote_all({each->names.node});
      ASSERT_TRUE(becomes([&, n = std::string(name)] { return on_chain(n, "home"); })) << name;
    }
  }
};

TEST_F(Story, AnOrganisationBeginsAlone) {
  make("a1", "archives");
  EXPECT_EQ(reason(at("a1").identity()), "consortium.no_identity");
  EXPECT_EQ(reason(at("a1").init({{"Archives", "x", "a1", "h:1"}})), "consortium.names");
  const Json identity = ok(at("a1").init({node("a1").names}));
  EXPECT_EQ(identity["organisation"], "archives");
  EXPECT_TRUE(identity["governs"]);
  EXPECT_EQ(record("a1", "home").validators().members.size(), 1u);
  EXPECT_EQ(reason(at("a1").init({node("a1").names})), "consortium.identity_exists");
  // After a restart all is there.
  node("a1").service.reset();
  node("a1").open();
  EXPECT_EQ(ok(at("a1").identity())["key"], identity["key"]);
  EXPECT_NE(at("a1").links(), nullptr);
  EXPECT_TRUE(at("a1").findings().empty());
}

TEST_F(Story, OthersJoinByInvitationAndVote) {
  four();
  for (const char* name : {"a1", "b1", "c1", "d1"}) {
    EXPECT_EQ(record(name, "home").organisations.size(), 4u) << name;
    EXPECT_EQ(record(name, "home").validators().members.size(), 4u) << name;
  }
  const Json status = ok(at("b1").status("home"));
  ASSERT_EQ(status["items"].size(), 4u);
  for (const Json& row : status["items"]) {
    EXPECT_TRUE(row["reached"]) << row;
    EXPECT_EQ(row["reported_key"], row["key"]);
    EXPECT_EQ(row["lag"], 0);
  }
  for (const auto& finding : at("b1").findings()) ADD_FAILURE() << finding.reason << " " << finding.detail;
}

TEST_F(Story, AChainWhoseFolderWasLostIsBegunAgain) {
  four();
  TestNode& lost = node("b1");
  lost.service.reset();
  Digest id{};
  {
    std::lock_guard lock(world.mutex);
    for (auto& [chain, of] : world.chains) {
      id = chain;
      std::erase_if(of.members, [](const World::Member& each) { return each.node == "b1"; });
    }
  }
  fs::remove_all(lost.folder / "chains");
  fs::create_directories(lost.folder / "chains");
  ASSERT_FALSE(on_chain("b1", "home"));
  lost.open();
  const auto known = at("b1").membership().find(id);
  ASSERT_TRUE(known) << "whom to ask is known before the chain is";
  EXPECT_EQ(known->consortium.nodes.size(), 4u);
  EXPECT_TRUE(becomes([&] { return on_chain("b1", "home"); }));
  EXPECT_EQ(record("b1", "home").nodes.size(), 4u);
}

TEST_F(Story, TwoNodesWithOneKeyAreToldByThemselvesAndByOthers) {
  four();
  auto told = [&](Service& service) {
    (void)service.status("home");
    std::string out;
    for (const auto& each : service.findings())
      if (each.reason == "consortium.twin") out += each.detail + ".";
    return out;
  };
  TestNode& d1 = node("d1");
  const fs::path copy = folder.path / "twin";
  fs::create_directories(copy);
  EXPECT_EQ(told(*d1.service), "");
  d1.service.reset();
  d1.open();
  EXPECT_EQ(told(*d1.service), "") << "a restart is no twin";
  fs::copy(d1.folder / "consortium", copy / "consortium", fs::copy_options::recursive);
  std::unique_ptr<Service> original = std::move(d1.service);
  d1.folder = copy;
  d1.open();
  EXPECT_EQ(told(*d1.service), "") << "it may have been moved here";
  EXPECT_NE(told(*original), "");
  EXPECT_NE(told(*d1.service), "");
  EXPECT_TRUE(told(at("a1")).starts_with("d1 on home: ")) << told(at("a1"));
  EXPECT_EQ(told(at("b1")).find("a1 on home: two"), std::string::npos) << "only of whom it is true";
  original.reset();
}

// A port that was free a moment ago.
uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

TEST_F(Story, TheSameOverTlcp) {
  world.network.now_ms = now_ms();
  make("a1", "archives", free_port());
  ok(at("a1").init({node("a1").names}));
  TestNode& b1 = make("b1", "bureau", free_port());
  TestNode& a2 = make("a2", "archives", free_port());
  ok(enter("a1", b1));
  ASSERT_TRUE(becomes([&] { return on_chain("b1", "home"); })) << ok(b1.service->joinings());
  ok(enter("a1", a2));
  vote_all({"b1"});
  ASSERT_TRUE(becomes([&] { return on_chain("a2", "home"); })) << ok(a2.service->joinings());
  ASSERT_TRUE(becomes([&] {
    const Json status = ok(at("b1").status("home"));
    return std::all_of(status["items"].begin(), status["items"].end(),
                       [](const Json& row) { return row["reached"] == true; });
  })) << ok(at("b1").status("home"));
  ok(at("b1").create_chain({"land", {"archives"}}));
  for (const char* name : {"a1", "a2"}) {
    ASSERT_TRUE(becomes([&] { return ok(at(name).offers())["items"].size() == 1; })) << name;
    ok(at(name).accept("land"));
  }
  for (const char* name : {"a1", "a2", "b1"})
    ASSERT_TRUE(becomes([&] { return on_chain(name, "land"); })) << name;
  ok(at("b1").renew());
  ASSERT_TRUE(becomes([&] { return ok(at("a1").status("home"))["items"][2]["reached"] == true; }));
}

TEST_F(Story, AnInvitationIsGoodForOneNodeOfOneOrganisationUntilItEnds) {
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

TEST_F(Story, AJoinThatWasRefusedBindsTheNodeToNothing) {
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

TEST_F(Story, WhatIsVotedOnKeepsItsIdentity) {
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

TEST_F(Story, AnAddressThatCannotBeListenedOnIsTriedNoMore) {
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

TEST_F(Story, AnInitThatFailsHalfWayLeavesNothing) {
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

TEST_F(Story, ALoopbackAddressIsListenedOnItself) {
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
TEST_F(Story, AnEngineThatCameUpSinceTheLastLookIsNotComplainedOf) {
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

TEST_F(Story, AVoteOnNothingMakesNoBlock) {
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

TEST_F(Story, AVoteWaitsForAProposalThatIsNotHereYet) {
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

TEST_F(Story, AGuestHearsOfNothingButItsJoining) {
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

TEST_F(Story, ANewcomerThatIsVotedDownIsToldSo) {
  four();
  TestNode& e1 = make("e1", "estates");
  EXPECT_EQ(ok(enter("a1", e1))["state"], "proposed");
  const Json open = ok(at("b1").proposals("home"))["items"][0];
  for (const char* name : {"b1", "c1"}) ok(at(name).vote("home", open["number"], false));
  ASSERT_TRUE(becomes([&] { return ok(e1.service->joinings())["items"][0]["state"] == "refused"; }));
  EXPECT_EQ(ok(e1.service->joinings())["items"][0]["trouble"], "consortium.join_rejected");
  EXPECT_FALSE(on_chain("e1", "home"));
}

TEST_F(Story, AFurtherNodeOfAnOrganisationGetsItsCertificatesByInvitation) {
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

TEST_F(Story, AChainIsFoundedByThoseItIsOfferedToAndNobodyElseLearnsOfIt) {
  four();
  {
    std::lock_guard lock(world.network.mutex);
    world.network.said.clear();
  }
  const Json offer = ok(at("a1").create_chain({"land", {"bureau", "court"}}));
  EXPECT_EQ(offer["members"].size(), 3u);
  EXPECT_EQ(reason(at("a1").create_chain({"land", {"bureau"}})), "consortium.offer_exists");
  for (const char* name : {"b1", "c1"})
    ASSERT_TRUE(becomes([&] { return ok(at(name).offers())["items"].size() == 1; })) << name;
  ok(at("b1").accept("land"));
  EXPECT_FALSE(on_chain("a1", "land"));
  ok(at("c1").accept("land"));
  for (const char* name : {"a1", "b1", "c1"})
    ASSERT_TRUE(becomes([&] { return on_chain(name, "land"); })) << name;
  const auto land = record("b1", "land");
  EXPECT_EQ(land, record("c1", "land"));
  EXPECT_EQ(land.organisations.size(), 3u);
  EXPECT_EQ(land.find_node("b1")->engine_key, node("b1").chains.engine_keys("land")->key);
  EXPECT_NE(land.find_node("b1")->engine_key, record("b1", "home").find_node("b1")->engine_key);
  // It is governed by its own: d1 is asked nothing and hears nothing.
  ok(at("b1").propose("land", {{format::SetApproval{format::Approval::majority}}, ""}));
  vote_all({"a1", "c1"}, "land");
  EXPECT_EQ(record("a1", "land").approval, format::Approval::majority);
  EXPECT_TRUE(ok(at("d1").offers())["items"].empty());
  EXPECT_FALSE(on_chain("d1", "land"));
  std::lock_guard lock(world.network.mutex);
  for (const std::string& each : world.network.said)
    if (each.find("land") != std::string::npos) EXPECT_EQ(each.find("CN=d1"), std::string::npos) << each;
}

TEST_F(Story, AnOfferMayBeRefusedOrTakenBack) {
  four();
  ok(at("a1").create_chain({"land", {"bureau"}}));
  ASSERT_TRUE(becomes([&] { return ok(at("b1").offers())["items"].size() == 1; }));
  ok(at("b1").refuse("land"));
  ASSERT_TRUE(becomes([&] { return ok(at("a1").offers())["items"][0]["members"][1]["state"] == "refused"; }));
  ok(at("a1").refuse("land"));
  EXPECT_EQ(ok(at("a1").offers())["items"][0]["state"], "cancelled");
  ok(at("a1").create_chain({"land", {"court"}}));
  ASSERT_TRUE(becomes([&] { return ok(at("c1").offers())["items"].size() == 1; }));
  ok(at("a1").refuse("land"));
  ASSERT_TRUE(becomes([&] { return ok(at("c1").offers())["items"][0]["state"] == "cancelled"; }));
  EXPECT_EQ(reason(at("c1").accept("land")), "consortium.no_offer");
  EXPECT_FALSE(on_chain("a1", "land"));
}

TEST_F(Story, ANodeThatWasAwayIsOfferedTheChainWhenItIsBack) {
  four();
  node("b1").service.reset();
  ok(at("a1").create_chain({"land", {"bureau"}}));
  ASSERT_TRUE(becomes(
      [&] { return ok(at("a1").offers())["items"][0]["members"][1]["trouble"] == "link.unreachable"; }));
  node("b1").open();
  ASSERT_TRUE(becomes([&] { return ok(at("b1").offers())["items"].size() == 1; }));
  node("a1").service.reset();  // the founder is away when it is accepted
  ok(at("b1").accept("land"));
  node("a1").open();
  ASSERT_TRUE(becomes([&] { return on_chain("a1", "land") && on_chain("b1", "land"); }));
}

TEST_F(Story, ARevokedNodeIsShutOutAtOnceAndAMovedOneIsFollowed) {
  four();
  const Digest home = node("a1").chains.list()[0]->id();
  auto peer_of = [&](const std::string& name) {
    link::Peer peer;
    const auto identity = Identity::open(node(name).folder / "consortium", node(name).validator).value();
    peer.certificate = identity.sign_certificate();
    peer.key = identity.key().public_key().point();
    peer.root = identity.root();
    return peer;
  };
  const link::Topic content{home, link::Purpose::content};
  EXPECT_TRUE(at("a1").membership().admits(content, peer_of("d1")));
  ok(at("a1").propose("home",
                      {{format::RevokeNode{"d1", "stolen", {peer_of("d1").certificate.serial}}}, ""}));
  vote_all({"b1", "c1"});
  ASSERT_TRUE(becomes([&] {
    auto status = at("a1").membership().admits(content, peer_of("d1"));
    return !status && status.error().reason == "link.revoked";
  }));
  EXPECT_FALSE(at("a1").membership().admits({{}, link::Purpose::member}, peer_of("d1")));
  ASSERT_TRUE(becomes([&] { return node("d1").chains.stopped(home); }));
  link::Peer other_root = peer_of("b1");
  other_root.root = peer_of("c1").root;
  EXPECT_EQ(at("a1").membership().admits(content, other_root).error().reason, "link.organisation_unknown");
  EXPECT_EQ(at("a1").membership().admits({Digest{}, link::Purpose::content}, peer_of("b1")).error().reason,
            "link.unknown_chain");

  ok(at("c1").propose("home", {{format::MoveNode{"c1", "elsewhere.example:7443"}}, ""}));
  vote_all({"a1", "b1", "d1"});
  EXPECT_EQ(record("a1", "home").find_node("c1")->address, "elsewhere.example:7443");
  ASSERT_TRUE(becomes([&] { return ok(at("c1").identity())["address"] == "elsewhere.example:7443"; }));
}

TEST_F(Story, AKeyIsRotatedOnEveryChainAndTakenUpWhenAllNameIt) {
  four();
  const auto old = record("a1", "home").find_node("b1")->key;
  ok(at("b1").rotate_key());
  vote_all({"a1", "c1", "d1"});
  const auto fresh = record("a1", "home").find_node("b1")->key;
  EXPECT_NE(fresh, old);
  const link::Topic content{node("a1").chains.list()[0]->id(), link::Purpose::content};
  ASSERT_TRUE(becomes([&] { return at("a1").membership().same_node(content, fresh, old); }));
  EXPECT_FALSE(at("a1").membership().same_node(content, record("a1", "home").find_node("c1")->key, old));
  EXPECT_FALSE(at("a1").membership().same_node({Digest{}, link::Purpose::content}, fresh, old));
  ASSERT_TRUE(becomes([&] { return ok(at("b1").identity())["key"] == hex(fresh); }));
  // It votes with it: the next block is certified.
  ok(at("b1").propose("home", {{format::SetRole{"b1", format::NodeRole::voter, 2}}, ""}));
  ASSERT_TRUE(becomes([&] { return ok(at("a1").status("home"))["items"][1]["reached"] == true; }));

  const auto engine = record("a1", "home").find_node("b1")->engine_key;
  ok(at("b1").rotate_engine_keys());
  vote_all({"a1", "c1", "d1"});
  EXPECT_NE(record("a1", "home").find_node("b1")->engine_key, engine);

  ok(at("c1").rotate_governor());
  vote_all({"a1", "b1", "d1"});
  vote_all({"a1", "b1", "d1"});
  ok(at("c1").propose("home", {{format::SetApproval{format::Approval::all}}, ""}));
}

TEST_F(Story, ARootIsReplacedOnAllNodesOfTheOrganisation) {
  five();
  const std::vector<std::string> all = {"a1", "b1", "b2", "c1", "d1"};
  auto root_on_chain = [&] { return record("a1", "home").find_organisation("bureau")->root_certificate; };
  const Bytes old = root_on_chain();
  const std::string before = ok(at("b2").identity())["root"];
  EXPECT_EQ(reason(at("b2").replace_root()), "consortium.not_governing");
  // Its nodes are given theirs by the one that governs; others ask in vain.
  const std::string serial = ok(at("b2").identity())["certificate_serial"];
  EXPECT_NE(ok(at("b2").renew())["certificate_serial"], serial);
  EXPECT_TRUE(own_findings("b2").empty());
  ASSERT_TRUE(becomes([&] { return reached("a1"); }));
  const format::Node asked = *record("a1", "home").find_node("b1");
  for (const char* call : {"certificates", "encrypt_key", "next_root"})
    EXPECT_EQ(
        reason(ask(*at("a1").links(), {asked.address, asked.key}, call, {{"encrypt_key", hex(asked.key)}})),
        "consortium.message");

  // Not while a node of it would be left behind.
  node("b2").service.reset();
  const auto proposals = ok(at("b1").proposals("home"))["items"].size();
  EXPECT_EQ(reason(at("b1").replace_root()), "consortium.node_away");
  EXPECT_EQ(ok(at("b1").proposals("home"))["items"].size(), proposals);
  EXPECT_EQ(reason(at("b1").replace_root({"b3"})), "consortium.no_node");
  node("b2").open();

  const Json proposed = ok(at("b1").replace_root())["items"];
  ASSERT_EQ(proposed.size(), 1u);
  EXPECT_EQ(proposed[0]["state"], "open") << proposed;
  for (const std::string& name : all) EXPECT_TRUE(reached(name)) << name << " while it is voted on";
  EXPECT_EQ(ok(at("b2").identity())["root"], before);
  const auto other =
      crypto::Authority::create_root({"CN", "B", "bureau", "Root"}, {kStartMs - kDayMs, kStartMs + kDayMs})
          .value();
  const format::Node b2 = *record("a1", "home").find_node("b2");
  const auto encrypt = unhex(
      ok(ask(*at("b1").links(), {b2.address, b2.key}, "encrypt_key", {}))["encrypt_key"].get<std::string>());
  const auto pair = issue_node(other, node("b2").names, *crypto::Sm2PublicKey::from_point(b2.key),
                               *crypto::Sm2PublicKey::from_point(*encrypt), kStartMs)
                        .value();
  EXPECT_EQ(reason(ask(*at("b1").links(), {b2.address, b2.key}, "next_root",
                       {{"root", base64(other.certificate().der)},
                        {"sign", base64(pair.sign.der)},
                        {"encrypt", base64(pair.encrypt.der)}})),
            "consortium.next_root_waits")
      << "the one that is voted on is not given away";
  for (const char* name : {"b1", "b2"}) {  // what waits is kept
    node(name).service.reset();
    node(name).open();
  }
  vote_all({"a1", "c1", "d1"});
  EXPECT_NE(root_on_chain(), old);
  for (const char* name : {"b1", "b2"})
    ASSERT_TRUE(becomes([&] { return ok(at(name).identity())["root"] != before; })) << name;
  EXPECT_EQ(ok(at("b1").identity())["root"], ok(at("b2").identity())["root"]);
  for (const std::string& name : all) ASSERT_TRUE(becomes([&] { return reached(name); })) << name;

  // It governs with the new one, after a restart too.
  for (const char* name : {"b1", "b2"}) {
    node(name).service.reset();
    node(name).open();
    EXPECT_TRUE(own_findings(name).empty());
  }
  ok(at("b1").renew());
  ok(at("b1").revoke_certificates({Bytes(16, 1)}));
  ok(at("b1").rotate_key());
  vote_all({"a1", "c1", "d1"});
  const auto fresh = hex(record("a1", "home").find_node("b1")->key);
  ASSERT_TRUE(becomes([&] { return ok(at("b1").identity())["key"] == fresh; }));
  ASSERT_TRUE(becomes([&] { return reached("a1"); }));
}

// Given its certificates, but nothing of the proposal nor of the vote, when it stops.
TEST_F(Story, ANodeThatMissedTheVoteOnItsRootComesBack) {
  five();
  const std::string before = root_of("b2");
  world.leave("b2");
  std::vector<Json> answers(2);  // asked for twice at once
  std::thread second([&] { answers[1] = ok(at("b1").replace_root()); });
  answers[0] = ok(at("b1").replace_root());
  second.join();
  for (const Json& answer : answers) EXPECT_EQ(answer["items"][0]["state"], "open") << answer;
  EXPECT_EQ(open_on("home"), 1u);
  node("b2").service.reset();
  vote_all({"a1", "c1", "d1"});
  ASSERT_TRUE(becomes([&] { return root_of("b1") != before; }));
  node("b2").open();
  for (const char* name : {"a1", "b1", "b2"}) EXPECT_TRUE(becomes([&] { return reached(name); })) << name;
  EXPECT_EQ(root_of("b2"), before);
  world.come_back("b2");
  EXPECT_TRUE(becomes([&] { return root_of("b2") == root_of("b1"); }));
  for (const char* name : {"a1", "b1", "b2"}) EXPECT_TRUE(becomes([&] { return reached(name); })) << name;
  EXPECT_TRUE(own_findings("b2").empty());
}

TEST_F(Story, ANodeIsLeftOutOfARootThatItCannotBeGiven) {
  five();
  node("b2").service.reset();
  const Json answer = ok(at("b1").replace_root({"b2"}));
  EXPECT_EQ(answer["without"], Json({"b2"}));
  EXPECT_EQ(open_on("home"), 1u);
}

TEST_F(Story, ARootIsTakenUpWhereEveryChainHasItAndNoChainIsLostBefore) {
  four();
  ok(at("a1").create_chain({"land", {"bureau", "court"}}));
  for (const char* name : {"b1", "c1"}) {
    ASSERT_TRUE(becomes([&] { return ok(at(name).offers())["items"].size() == 1; })) << name;
    ok(at(name).accept("land"));
  }
  for (const char* name : {"a1", "b1", "c1"}) ASSERT_TRUE(becomes([&] { return on_chain(name, "land"); }));
  const std::string before = root_of("b1");

  // One of the chains does not open it: so nor does the other.
  const auto chains = node("b1").chains.list();
  const std::string full = chains.back()->genesis().name, free = chains.front()->genesis().name;
  ASSERT_EQ(chains.size(), 2u);
  for (size_t i = 0; i < ledger::kOpenProposalsEach; ++i)
    ok(at("b1").propose(full, {{format::MoveNode{"b1", "b1.example:" + std::to_string(1000 + i)}}, ""}));
  EXPECT_EQ(reason(at("b1").replace_root()), "consortium.too_many_open");
  EXPECT_EQ(open_on(free), 0u);
  const Json all = ok(at("b1").proposals(full))["items"];
  for (const Json& each : all)
    if (each["state"] == "open") ok(at("b1").withdraw(full, each["number"]));

  ASSERT_EQ(ok(at("b1").replace_root())["items"].size(), 2u);
  const Json land = ok(at("a1").proposals("land"))["items"][0];
  ok(at("a1").vote("land", land["number"], false));
  EXPECT_EQ(open_on("land"), 0u);
  vote_all({"a1", "c1", "d1"});
  EXPECT_NE(record("a1", "home").find_organisation("bureau")->root_certificate,
            record("a1", "land").find_organisation("bureau")->root_certificate);
  ok(at("b1").propose("home", {{format::SetRole{"b1", format::NodeRole::voter, 2}}, ""}));
  for (const char* chain : {"home", "land"})
    for (const char* name : {"a1", "b1", "c1"})
      EXPECT_TRUE(becomes([&] { return reached(name, chain); })) << name << " " << chain;
  EXPECT_EQ(root_of("b1"), before);
  const auto findings = at("b1").findings();
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                          [](const auto& each) { return each.reason == "consortium.root_differs"; }));
  EXPECT_EQ(reason(at("b1").invite({"home", "bureau"})), "consortium.next_root_waits");
  ok(at("b1").invite({"home", "estates"}));

  for (const Json& each : ok(at("b1").replace_root())["items"])
    EXPECT_EQ(each["state"], each["chain"] == "home" ? "executed" : "open") << each;
  vote_all({"a1", "c1"}, "land");
  EXPECT_TRUE(becomes([&] { return root_of("b1") != before; }));
  for (const char* chain : {"home", "land"})
    for (const char* name : {"a1", "b1", "c1"})
      EXPECT_TRUE(becomes([&] { return reached(name, chain); })) << name << " " << chain;
}

TEST_F(Story, AnAnswerIsHeardWhenItArrives) {
  four();
  const format::Node b1 = *record("a1", "home").find_node("b1");
  const Json question = {{"chain", hex(node("a1").chains.list()[0]->id())}, {"name", "home"}};
  std::atomic<int> heard = 0;
  const Asked asked(*at("a1").links(), {b1.address, b1.key}, "status", question,
                    [&](const link::Peer& peer, const Json& row) {
                      heard += peer.key == b1.key && row.contains("instance");
                    });
  EXPECT_TRUE(becomes([&] { return heard == 1; })) << "nobody waits for it";
}

TEST_F(Story, ARowThatIsNoneHidesNoOther) {
  four();
  TestNode& b1 = node("b1");
  b1.service.reset();
  const auto identity = Identity::open(b1.folder / "consortium", b1.validator).value();
  Json row;
  Answering answering(
      [&](const link::Peer&, const std::string&, const Json&) -> Result<Json> { return row; });
  const link::Topic member{{}, link::Purpose::member};
  MemoryLinks links(
      world.network, b1.names.address, identity.credentials(),
      [trust = at("a1").membership().trust(member)](const link::Topic&) { return trust; },
      [](const link::Topic&, const link::Peer&) { return Status(); });
  links.serve(member, answering.handlers());
  for (const Json& bad : {Json{{"key", 1}}, Json{{"instance", 1}}, Json{{"height", "1"}},
                          Json{{"height", 1.5}}, Json{{"running", nullptr}}, Json("row"), Json()}) {
    row = bad;
    const Json rows = ok(at("a1").status("home"))["items"];
    ASSERT_EQ(rows.size(), 4u) << bad;
    for (const Json& each : rows) {
      EXPECT_EQ(each["reached"], each["node"] != "b1") << bad << each;
      EXPECT_EQ(each["reason"], each["node"] == "b1" ? "consortium.message" : "") << bad;
    }
  }
  row = Json::object();
  EXPECT_TRUE(reached("a1"));
  (void)at("a1").findings();
}

TEST_F(Story, CertificatesAreRenewedAndTakenBack) {
  four();
  world.network.now_ms += kNodeMs - 10 * kDayMs;
  EXPECT_EQ(own_findings("b1"), (std::vector<std::string>(2, "consortium.certificate_soon")));
  world.network.now_ms += 20 * kDayMs;
  EXPECT_EQ(own_findings("b1"), (std::vector<std::string>(2, "crypto.certificate_expired")));
  const std::string before = ok(at("b1").identity())["certificate_serial"];
  for (const char* name : {"a1", "b1", "c1", "d1"}) ok(at(name).renew());
  EXPECT_TRUE(own_findings("b1").empty());
  EXPECT_NE(ok(at("b1").identity())["certificate_serial"], before);

  const Json taken = ok(at("b1").revoke_certificates(
      {*unhex(ok(at("b1").identity())["certificate_serial"].get<std::string>())}));
  EXPECT_EQ(taken["published"][0]["reason"], "");
  ASSERT_TRUE(becomes([&] {
    return at("a1")
               .membership()
               .trust({node("a1").chains.list()[0]->id(), link::Purpose::content})
               .crls.size() == 1;
  }));
  auto row = ok(at("a1").status("home"))["items"][1];
  EXPECT_EQ(row["reason"], "crypto.certificate_revoked");
}

}  // namespace
}  // namespace chengxin::consortium
