#pragma once
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "consortium/memory_for_tests.h"
#include "ledger/consortium.h"

// A consortium as it grows, step by step, in one process.
namespace chengxin::consortium::testing {

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

// A port that was free a moment ago.
inline uint16_t free_port() {
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

}  // namespace chengxin::consortium::testing
