#include "api/access_rig_for_tests.h"
#include "pack/files.h"

// The process of packs/sampler over HTTP, and whom it means by the policy. The whole story, with a platform
// that is killed, is tests/acceptance/cases_test.py.
namespace chengxin::api {
namespace {

const std::string kCases = "/api/v1/cases", kTasks = "/api/v1/tasks", kRecords = "/api/v1/records/";
using Ids = std::vector<std::string>;

struct CasesTest : AccessPlatformTest {
  void SetUp() override {
    AccessPlatformTest::SetUp();
    apply([&](Json& document) {
      const Json permissions = {"read:records", "write:records", "read:cases", "write:cases"};
      for (const char* role : {"company", "regulator", "district_officer"})
        document["roles"][std::string("sampler-") + role] = {{"title", role}, {"permissions", permissions}};
      document["roles"]["chief"] = {{"title", "chief"}, {"inherits", {"sampler-regulator"}}};
      document["organisations"]["east"]["region"] = "440303";
      for (const auto& [who, role] : {std::pair("official", "sampler-company"),
                                      {"neighbour", "sampler-company"},
                                      {"issuer", "sampler-district_officer"},
                                      {"reader", "chief"}})
        document["assignments"].push_back({{"to", called(who)}, {"role", role}});
    });
    pack::Findings findings;
    const auto files = pack::read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings).content;
    const Reply applied = ask(port(), {.method = "POST",
                                       .target = "/api/v1/packs",
                                       .token = kToken,
                                       .type = "application/octet-stream",
                                       .body = to_string(pack::write_packed(files, nullptr).value())});
    ASSERT_EQ(applied.status, 200) << applied.body;
    for (const auto& [id, code] : {std::pair("east", "91310101MA1FL0000A"), {"west", "91310115MA1FL0001N"}}) {
      const Json fields = {
          {"name", std::string("企业 ") + id},
          {"code", code},
          {"district", "440303"},
          {"licences", {{{"kind", "transport"}, {"number_of", "A-1"}, {"until", "2999-12-31"}}}}};
      const Reply made = as("reader", "POST", kRecords + "enterprise", {{"id", id}, {"fields", fields}});
      ASSERT_EQ(made.status, 201) << made.body;
    }
  }
  std::string called(const std::string& who) { return "user:" + people.at(who).id; }
  std::string file(int kinds) {
    Json lines = Json::array();
    for (int i = 0; i < kinds; ++i) lines.push_back({{"waste", "900-041-49"}, {"quantity", "1.5"}});
    const Json fields = {{"producer", "east"},
                         {"carrier", "west"},
                         {"receiver", "west"},
                         {"leaves", fmt::format("2026-12-01T08:{:02}:00+08:00", ++filed)},
                         {"lines", lines}};
    const Reply made = as("official", "POST", kRecords + "manifest", {{"fields", fields}});
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json()["id"];
  }
  int64_t start(int kinds) {
    const Reply begun = as("official", "POST", kCases, {{"process", "transfer"}, {"record", file(kinds)}});
    EXPECT_EQ(begun.status, 201) << begun.body;
    return begun.json()["id"];
  }
  Json get_case(int64_t id) { return as("official", "GET", fmt::format("{}/{}", kCases, id)).json(); }
  std::string task_at(const std::string& who, const std::string& step) {
    const Json tasks = as(who, "GET", kTasks).json();
    for (const Json& each : tasks["items"])
      if (each["step"] == step) return each["id"];
    return "none";
  }
  Reply act(const std::string& who, const std::string& task, const Json& deed = {{"verb", "complete"}}) {
    return as(who, "POST", kTasks + "/" + task, deed);
  }
  int filed = 0;
};

TEST_F(CasesTest, ACaseGoesFromThoseWhoFileToThoseWhoCarry) {
  const int64_t id = start(1);
  const Json first = get_case(id);
  EXPECT_EQ(as("official", "POST", kCases, {{"process", "transfer"}, {"record", first["record"]}}).reason(),
            "cases.running");
  EXPECT_EQ(first["tasks"][0]["people"], Json{called("neighbour")});
  const std::string accept = task_at("neighbour", "accept");
  EXPECT_EQ(act("official", accept).reason(), "flow.not_yours");
  EXPECT_EQ(act("neighbour", accept, {{"verb", "devour"}}).reason(), "api.out_of_range");
  EXPECT_EQ(act("neighbour", accept, {{"verb", "complete"}, {"fields", Json::object()}}).reason(),
            "api.missing_field");
  ASSERT_EQ(act("neighbour", accept).status, 200);
  EXPECT_EQ(act("neighbour", accept).reason(), "flow.task_done");

  const std::string depart = task_at("neighbour", "depart");
  const Json of = get_case(id)["of"];
  const Reply refused =
      act("neighbour", depart,
          {{"verb", "complete"}, {"fields", {{"lines", Json::array()}}}, {"version", of["version"]}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.reason(), "record.invalid");
  ASSERT_EQ(refused.json()["errors"].size(), 1u) << refused.body;
  EXPECT_EQ(refused.json()["errors"][0]["zh"], "至少填一种废物") << "in the words of the pack";
  const Json good = {
      {"verb", "complete"}, {"fields", {{"leaves", "2026-12-03T04:30:00Z"}}}, {"version", of["version"]}};
  const Reply left = act("neighbour", depart, good);
  ASSERT_EQ(left.status, 200) << left.body;
  EXPECT_EQ(as("reader", "GET", kRecords + "manifest/" + first["record"].get<std::string>()).json()["state"],
            "moving");
  EXPECT_EQ(as("official", "POST", fmt::format("{}/{}/withdraw", kCases, id), Json::object()).reason(),
            "flow.too_late");
  EXPECT_EQ(as("neighbour", "GET", kTasks + "/done").json()["items"].size(), 2u);
  EXPECT_EQ(as("official", "GET", kCases).json()["items"][0]["id"], id);
}

TEST_F(CasesTest, ADecisionSaysWhyAndPeopleAreKnownByName) {
  const int64_t id = start(2);
  ASSERT_EQ(act("neighbour", task_at("neighbour", "accept")).status, 200);
  const Json found = get_case(id);
  Json decided;
  for (const Json& each : found["history"])
    if (each["what"] == "decided") decided = each["detail"];
  EXPECT_EQ(decided["outcome"], "sampled");
  EXPECT_EQ(decided["why"]["rows"][0]["zh"], "混装须抽查");
  const std::string inspect = task_at("issuer", "inspect");
  EXPECT_EQ(inspect, task_at("reader", "inspect")) << "by a role that inherits the pack's";
  const auto hand_to = [&](const std::string& whom) {
    return act("issuer", inspect, {{"verb", "hand_over"}, {"people", {whom}}});
  };
  EXPECT_EQ(hand_to("b.none").reason(), "flow.person_unknown");
  EXPECT_EQ(hand_to("user:none").reason(), "flow.person_unknown");
  EXPECT_EQ(hand_to("b.reader").json()["tasks"][0]["people"], Json{called("reader")});
  EXPECT_EQ(act("issuer", inspect).reason(), "flow.not_yours");
  ASSERT_EQ(act("reader", inspect, {{"verb", "back"}, {"step", "accept"}, {"comment", "标签缺失"}}).status,
            200);
  EXPECT_EQ(task_at("neighbour", "tell"), "none") << "the other branch ended";
  EXPECT_NE(task_at("neighbour", "accept"), "none");
}

TEST_F(CasesTest, MessagesAreReadOnceByTheirReader) {
  start(1);
  ASSERT_TRUE(desk->run());
  ASSERT_TRUE(desk->run());
  const std::string unread = "/api/v1/messages?unread=true";
  const Json items = as("neighbour", "GET", unread).json()["items"];
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["kind"], "task");
  const std::string read = "/api/v1/messages/" + items[0]["id"].get<std::string>() + "/read";
  EXPECT_EQ(as("official", "POST", read).reason(), "cases.message_unknown") << "not his";
  EXPECT_EQ(as("neighbour", "POST", read).status, 204);
  EXPECT_EQ(as("neighbour", "GET", unread).json()["items"], Json::array());
  EXPECT_TRUE(as("neighbour", "GET", "/api/v1/messages").json()["items"][0].contains("read_ms"));
}

TEST_F(CasesTest, WhoHasNoRoleHasNoCases) {
  const Json new_case = {{"process", "transfer"}, {"record", file(1)}};
  EXPECT_EQ(as("neighbour", "POST", kCases, new_case).reason(), "record.not_found");
  EXPECT_EQ(as("reader", "POST", kCases, new_case).reason(), "flow.may_not_start");
  EXPECT_EQ(as("official", "POST", kCases, {{"process", "teleport"}, {"record", "x"}}).reason(),
            "cases.process_unknown");
  EXPECT_EQ(as("registrar", "GET", kTasks).reason(), "access.not_allowed");
  EXPECT_EQ(call("POST", kCases, kToken, new_case).reason(), "record.not_allowed") << "the owner has no role";
  EXPECT_EQ(call("GET", kTasks, kToken).json()["items"], Json::array());
  const int64_t id = start(1);
  EXPECT_EQ(call("GET", fmt::format("{}/{}", kCases, id), kToken).reason(), "cases.not_found");
  EXPECT_EQ(act("neighbour", "1.999").reason(), "flow.task_unknown");
}

TEST_F(CasesTest, ThePolicySaysWhoIsMeant) {
  Ids companies = {called("official"), called("neighbour")};
  std::sort(companies.begin(), companies.end());
  EXPECT_EQ(staff->with_role("company"), companies);
  EXPECT_EQ(staff->with_role("regulator"), Ids{called("reader")});
  EXPECT_EQ(staff->with_role("none"), Ids());
  EXPECT_EQ(staff->of_organisation("west"), Ids{called("neighbour")});
  EXPECT_EQ(staff->of_organisation("root").size(), 4u) << "those beneath it, who have a role of a pack";
  EXPECT_EQ(staff->administrators(), Ids{called("system-administrator")});
  EXPECT_EQ(staff->find(called("issuer"))->region, "440303");
  EXPECT_FALSE(staff->find(people.at("issuer").id)) << "not what he is called";
  EXPECT_FALSE(staff->find("service:" + people.at("issuer").id));
  EXPECT_TRUE(staff->find("service:" + people.at("service").id));

  ASSERT_TRUE(access->lock(people.at("neighbour").id));
  ASSERT_TRUE(staff->renew());
  EXPECT_EQ(staff->with_role("company"), Ids{called("official")});
  EXPECT_FALSE(staff->find(called("neighbour")));
  const Json task = get_case(start(1))["tasks"][0];
  EXPECT_EQ(task["people"], Json{called("system-administrator")}) << "it falls to them";
  const std::string id = task["id"];
  EXPECT_EQ(act("system-administrator", id, {{"verb", "hand_over"}, {"people", {"b.official"}}}).status, 200);
  EXPECT_EQ(act("official", id).status, 200);
  apply([&](Json& document) {
    document["assignments"].push_back({{"to", "organisation:west"}, {"role", "sampler-company"}});
    enrol(document, "nobody", "", "west");
  });
  Ids members = {called("nobody"), "service:" + people.at("service").id};
  std::sort(members.begin(), members.end());
  EXPECT_EQ(staff->of_organisation("west"), members) << "a new policy counts at once";
}

}  // namespace
}  // namespace chengxin::api
