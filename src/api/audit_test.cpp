#include <fstream>
#include <set>
#include <thread>

#include "api/platform_for_tests.h"
#include "audit/search.h"
#include "audit/verify.h"

namespace chengxin::api {
namespace {

struct AuditApi : PlatformTest {
  // What is durable now.
  std::vector<audit::Recorded> kept(const audit::Query& query = {}) {
    audit::Query all = query;
    all.limit = 10'000;
    return audit::search(folder / "audit", all).value().items;
  }
  std::vector<audit::Recorded> kept_of(const std::string& action) {
    audit::Query query;
    query.action = action;
    return kept(query);
  }
  Reply as(const std::string& token, const std::string& method, const std::string& target,
           const std::string& body = "") {
    return ask(port(), {.method = method,
                        .target = target,
                        .token = token,
                        .type = body.empty() ? "" : "application/json",
                        .body = body});
  }
  template <typename Condition>
  bool soon(Condition condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
  }
};

TEST_F(AuditApi, WhatChangesSomethingIsDurableBeforeItsAnswer) {
  auto made = post("/api/v1/tokens", {{"name", "clerk"}});
  ASSERT_EQ(made.status, 201);
  auto entries = kept_of("createToken");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].entry.subject, "owner");
  EXPECT_EQ(entries[0].entry.outcome, "ok");
  EXPECT_EQ(entries[0].entry.status, 201);
  EXPECT_EQ(entries[0].entry.object, "/api/v1/tokens");
  EXPECT_EQ(entries[0].entry.source, "127.0.0.1");
  EXPECT_EQ(entries[0].entry.request_id, made.header("x-request-id"));
  EXPECT_EQ(entries[0].entry.detail, made.json()["id"]);

  // Refused ones as well, whoever asked.
  const std::string token = made.json()["token"];
  auto refused = as(token, "POST", "/api/v1/tokens", R"({"name":"mine"})");
  EXPECT_EQ(refused.reason(), "auth.owner_only");
  EXPECT_EQ(kept_of("createToken")[0].entry.outcome, "auth.owner_only");
  EXPECT_EQ(kept_of("createToken")[0].entry.subject, "token:" + std::string(made.json()["id"]));
  as("cx_wrong-secret-of-somebody", "DELETE", "/api/v1/tokens/" + std::string(made.json()["id"]));
  auto removal = kept_of("removeToken").empty() ? kept_of("revokeToken") : kept_of("removeToken");
  ASSERT_EQ(removal.size(), 1u);
  EXPECT_EQ(removal[0].entry.outcome, "auth.invalid");
  EXPECT_EQ(removal[0].entry.subject, "");
  post("/api/v1/tokens", {{"name", 7}, {"password", "opensesame-17"}});
  EXPECT_EQ(kept_of("createToken")[0].entry.status, 400);
  as(kToken, "PUT", "/api/v1/nowhere?secret=opensesame-17");
  ASSERT_EQ(kept_of("unrouted PUT").size(), 1u);
  EXPECT_EQ(kept_of("unrouted PUT")[0].entry.outcome, "api.no_route");

  // Nothing secret is in it.
  audit.reset();
  std::string all;
  for (const auto& file : fs::recursive_directory_iterator(folder / "audit"))
    if (file.is_regular_file()) all += to_string(*read_file(file.path(), 1 << 30));
  for (const std::string& secret : {kToken, token, std::string("wrong-secret"), std::string("opensesame")})
    EXPECT_EQ(all.find(secret), std::string::npos) << secret;
}

TEST_F(AuditApi, ReadsAreKeptWithinAMomentAndProbesAreNot) {
  get("/api/v1/tokens");
  get("/healthz");
  as("", "GET", "/api/v1/jobs");
  EXPECT_TRUE(soon([&] { return kept_of("listTokens").size() == 1 && kept_of("listJobs").size() == 1; }));
  EXPECT_EQ(kept_of("listJobs")[0].entry.outcome, "auth.missing");
  EXPECT_TRUE(kept_of("health").empty());
}

// Each row of the table, called by somebody whom it refuses or for what is not there.
TEST_F(AuditApi, EveryOperationLeavesAnEntry) {
  const std::string token = post("/api/v1/tokens", {{"name", "clerk"}}).json()["token"];
  const Json document = Json::parse(get("/api/v1/openapi.json").body);
  std::set<std::string> called;
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      if (!method.empty() && operation.value("security", Json::array()).empty()) continue;  // open to anybody
      std::string target, name = method;
      for (size_t i = 0; i < path.size(); ++i) {
        target += path[i] == '{' ? 'x' : path[i];
        if (path[i] == '{') i = path.find('}', i);
      }
      for (char& c : name) c = char(std::toupper(c));
      const auto reply = as(token, name, target, name == "POST" || name == "PUT" ? "{}" : "");
      EXPECT_GE(reply.status, 200) << name << target;
      called.insert(operation["operationId"].get<std::string>());
    }
  EXPECT_GT(called.size(), 40u);
  std::set<std::string> missing;
  EXPECT_TRUE(soon([&] {
    missing = called;
    for (const auto& one : kept()) missing.erase(one.entry.action);
    return missing.empty();
  })) << *missing.begin();
}

TEST_F(AuditApi, WhileItIsStoppedNothingChangesAndReadsGoOn) {
  ASSERT_EQ(post("/api/v1/tokens", {{"name", "one"}}).status, 201);
  fs::rename(folder / "audit", folder / "gone");
  ASSERT_TRUE(soon([&] { return !audit->state(); }));
  auto refused = post("/api/v1/tokens", {{"name", "two"}});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.reason(), "audit.stopped");
  EXPECT_EQ(submit(envelope({random_digest()})).reason(), "audit.stopped");
  EXPECT_EQ(get("/api/v1/tokens").json()["items"].size(), 1u);
  EXPECT_EQ(get("/api/v1/audit/head").json()["stopped"]["reason"], "file.not_found");
  EXPECT_NE(get("/metrics").body.find("chengxin_audit_stopped 1"), std::string::npos);
  fs::rename(folder / "gone", folder / "audit");
  ASSERT_TRUE(soon([&] { return audit->state().has_value(); }));
  EXPECT_EQ(post("/api/v1/tokens", {{"name", "three"}}).status, 201);
  EXPECT_EQ(kept_of("audit.resumed").size(), 1u);
  std::vector<std::string> outcomes;
  for (const auto& one : kept_of("createToken")) outcomes.push_back(one.entry.outcome);
  EXPECT_EQ(outcomes, (std::vector<std::string>{"ok", "audit.stopped", "ok"}));
}

// Between the look at the log and the entry: it was done, and the answer says that it may have been.
TEST_F(AuditApi, AnAnswerWhoseEntryFailedSaysSo) {
  audit::Log* log = audit.get();
  ASSERT_EQ(post("/api/v1/tokens", {{"name", "one"}}).status, 201);
  std::ofstream(folder / "audit" / "0000000001.seg", std::ios::app) << "x";
  Reply reply = post("/api/v1/tokens", {{"name", "two"}});
  EXPECT_EQ(reply.reason(), "audit.stopped");
  EXPECT_EQ(log->standing().stopped->reason, "audit.altered");
}

TEST_F(AuditApi, SearchPagesHeadVerificationAndExport) {
  for (int i = 0; i < 12; ++i) post("/api/v1/tokens", {{"name", "t" + std::to_string(i)}});
  std::string target = "/api/v1/audit/entries?action=createToken&limit=5";
  size_t seen = 0;
  for (Json page = get(target).json();;
       page = get(target + "&cursor=" + page["next"].get<std::string>()).json()) {
    ASSERT_TRUE(page.contains("items")) << page.dump();
    seen += page["items"].size();
    if (!page.contains("next")) break;
  }
  EXPECT_EQ(seen, 12u);
  EXPECT_EQ(get("/api/v1/audit/entries?outcome=refused").json()["items"].size(), 0u);
  EXPECT_EQ(get("/api/v1/audit/entries?subject=owner&object=tokens&limit=500").json()["items"].size(), 12u);
  EXPECT_EQ(get("/api/v1/audit/entries?cursor=x").status, 400);
  EXPECT_EQ(get("/api/v1/audit/entries/2").json()["action"], "createToken");
  EXPECT_EQ(get("/api/v1/audit/entries/999").reason(), "audit.not_found");
  EXPECT_TRUE(get("/api/v1/audit/head").json()["running"]);
  Json verification = get("/api/v1/audit/verification").json();
  EXPECT_TRUE(verification["verified"]) << verification.dump();
  for (const std::string format : {"ndjson", "csv"}) {
    Json exported = get("/api/v1/audit/export?action=createToken&format=" + format).json();
    auto manifest =
        audit::verify_export(exported["content"].get<std::string>(), exported["manifest"].get<std::string>(),
                             *unhex(exported["signature"].get<std::string>()), key.public_key().point());
    ASSERT_TRUE(manifest) << manifest.error().to_string();
    EXPECT_EQ((*manifest)["entries"], 12);
  }
  const std::string token = post("/api/v1/tokens", {{"name", "clerk"}}).json()["token"];
  for (const std::string path : {"entries", "entries/2", "head", "verification", "export"})
    EXPECT_EQ(as(token, "GET", "/api/v1/audit/" + path).status, 403) << path;
}

TEST_F(AuditApi, StrangersCannotFillIt) {
  for (int i = 0; i < 300; ++i) as("", "POST", "/api/v1/tokens", "{}");
  EXPECT_EQ(kept_of("createToken").size(), 20u);
}

TEST_F(AuditApi, WhatIsSentIsDataInIt) {
  TestClient client(port());
  client.send("GET /api/v1/tokens%0d%0aFORGED?x=\x1b[2J HTTP/1.1\r\nHost: localhost\r\nX-Y: \x1b[2J\r\n\r\n");
  client.receive();
  client.send(
      "POST /api/v1/x%00y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  client.receive();
  post("/api/v1/tokens", {{"name", "a\r\nb"}});
  Json exported = get("/api/v1/audit/export").json();
  const std::string content = exported["content"];
  for (size_t at = 0; at < content.size();) {
    const size_t end = content.find('\n', at);
    EXPECT_TRUE(parse_json(content.substr(at, end - at))) << content.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_EQ(content.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace chengxin::api
