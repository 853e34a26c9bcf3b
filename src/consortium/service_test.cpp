#include "consortium/service.h"

#include <thread>

#include "consortium/impl/calls.h"
#include "consortium/story_for_tests.h"

namespace chengxin::consortium {
namespace {

using namespace testing;

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
