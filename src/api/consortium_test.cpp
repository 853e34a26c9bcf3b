#include <gtest/gtest.h>

#include "api/server.h"
#include "api/test_client.h"
#include "consortium/memory_for_tests.h"

namespace chengxin::api {
namespace {

const std::string kOwner = "owner-token-of-the-tests-0123456789";

struct ConsortiumApi : testing::Test {
  ledger::testing::TemporaryFolder folder;
  consortium::testing::World world;
  consortium::testing::TestNode a1{world, folder.path, "a1", "archives"},
      b1{world, folder.path, "b1", "bureau"};
  std::map<std::string, std::unique_ptr<Server>> servers;

  void SetUp() override {
    for (auto* node : {&a1, &b1}) {
      Options options;
      options.port = 0;
      options.owner_token = kOwner;
      Services services;
      services.consortium = node->service.get();
      auto& server = servers[node->names.node] = std::make_unique<Server>(options, services);
      auto status = server->start();
      ASSERT_TRUE(status) << status.error().to_string();
    }
  }
  void TearDown() override {
    servers.clear();
    world.changed.clear();
    a1.service.reset();
    b1.service.reset();
  }
  Reply call(const std::string& node, const std::string& method, const std::string& path,
             const Json& body = {}) {
    return ask(servers[node]->port(), {.method = method,
                                       .target = "/api/v1/consortium" + path,
                                       .token = kOwner,
                                       .type = body.is_null() ? "" : "application/json",
                                       .body = body.is_null() ? "" : body.dump()});
  }
  bool becomes(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
};

TEST_F(ConsortiumApi, TwoOrganisationsMeetThroughTheInterface) {
  EXPECT_EQ(ask(servers["a1"]->port(), {.target = "/api/v1/consortium"}).status, 401);
  EXPECT_EQ(call("a1", "GET", "").reason(), "consortium.no_identity");
  EXPECT_EQ(call("a1", "POST", "", {{"organisation", "archives"}}).reason(), "api.missing_field");
  Json names = {
      {"organisation", "archives"}, {"title", "城建档案馆"}, {"node", "a1"}, {"address", a1.names.address}};
  const Reply made = call("a1", "POST", "", names);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(call("a1", "POST", "", names).reason(), "consortium.identity_exists");

  const Reply invited = call("a1", "POST", "/invitations", {{"organisation", "bureau"}});
  ASSERT_EQ(invited.status, 201) << invited.body;
  const Reply joined = call("b1", "POST", "/joinings",
                            {{"invitation", invited.json()["invitation"]},
                             {"title", "Bureau"},
                             {"node", "b1"},
                             {"address", b1.names.address},
                             {"role", "voter"}});
  ASSERT_EQ(joined.status, 202) << joined.body;
  ASSERT_TRUE(becomes([&] { return call("b1", "GET", "/members").status == 200; }));
  EXPECT_EQ(call("b1", "GET", "/members").json()["consortium"]["organisations"].size(), 2u);

  const Reply proposed =
      call("b1", "POST", "/proposals?chain=home",
           {{"actions", {{{"action", "set_role"}, {"node", "b1"}, {"role", "voter"}, {"weight", 3}}}}});
  ASSERT_EQ(proposed.status, 201) << proposed.body;
  EXPECT_EQ(proposed.json()["state"], "open");
  EXPECT_EQ(proposed.json()["warnings"][0]["reason"], "consortium.warn_new_weight");
  const std::string number = std::to_string(proposed.json()["proposal"].get<int>());
  EXPECT_EQ(call("a1", "POST", "/proposals/x/votes", {{"yes", true}}).status, 400);
  const Reply voted = call("a1", "POST", "/proposals/" + number + "/votes", {{"yes", true}});
  EXPECT_EQ(voted.json()["state"], "executed") << voted.body;
  EXPECT_EQ(call("a1", "DELETE", "/proposals/" + number).reason(), "consortium.not_open");
  EXPECT_EQ(call("a1", "POST", "/proposals", {{"actions", {{{"action", "fly"}}}}}).reason(),
            "format.consortium");
  EXPECT_EQ(call("a1", "GET", "/nodes").json()["items"].size(), 2u);

  ASSERT_EQ(call("a1", "POST", "/offers", {{"name", "land"}}).status, 202);
  ASSERT_TRUE(becomes([&] { return call("b1", "GET", "/offers").json()["items"].size() == 1; }));
  EXPECT_EQ(call("b1", "POST", "/offers/land/acceptance").status, 200);
  ASSERT_TRUE(becomes([&] { return call("b1", "GET", "/members?chain=land").status == 200; }));
  EXPECT_EQ(call("b1", "POST", "/certificates").status, 200);
  EXPECT_EQ(call("b1", "GET", "/members?chain=nothing").reason(), "chain.not_found");
}

}  // namespace
}  // namespace chengxin::api
