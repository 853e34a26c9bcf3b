#include <future>

#include "api/access_rig_for_tests.h"
#include "audit/search.h"

namespace chengxin::api {
namespace {

struct AccessApi : AccessPlatformTest {
  std::string add_evidence(const std::string& who) {
    Reply added = as(who, "POST", "/api/v1/evidence",
                     {{"digest", hex(random_digest())}, {"title", "合同"}, {"holder", who}});
    EXPECT_EQ(added.status, 201) << added.body;
    return added.json().value("id", "");
  }
  size_t found(const std::string& who) { return as(who, "GET", "/api/v1/evidence").json()["items"].size(); }

  // A page of the platform: signs in with a cookie.
  struct Page {
    std::string cookie, token;
  };
  Page page(const std::string& who, const std::string& with_cookie = {}) {
    Json body = proofs(people.at(who));
    body["cookie"] = true;
    std::map<std::string, std::string> headers;
    if (!with_cookie.empty()) headers["Cookie"] = with_cookie;
    Reply reply = call("POST", "/api/v1/sessions", "", body, headers);
    EXPECT_EQ(reply.status, 201) << reply.body;
    EXPECT_FALSE(reply.json().contains("token")) << "scripts must not read it";
    const std::string set = reply.header("set-cookie");
    EXPECT_NE(set.find("; HttpOnly; SameSite=Strict"), set.npos) << set;
    return {set.substr(0, set.find(';')), reply.json().value("page_token", "")};
  }
};

TEST_F(AccessApi, ACookieIsWorthNothingWithoutThePagesToken) {
  const Page one = page("official");
  const Json body = {{"digest", hex(random_digest())}};
  EXPECT_EQ(call("GET", "/api/v1/me", "", {}, {{"Cookie", one.cookie}}).json()["user"],
            people["official"].id);
  EXPECT_EQ(call("POST", "/api/v1/evidence", "", body, {{"Cookie", one.cookie}}).reason(),
            "access.page_token");
  EXPECT_EQ(call("POST", "/api/v1/evidence", "", body,
                 {{"Cookie", one.cookie}, {"X-Page-Token", std::string(32, '0')}})
                .reason(),
            "access.page_token");
  EXPECT_EQ(call("POST", "/api/v1/evidence", "", body,
                 {{"Cookie", one.cookie}, {"X-Page-Token", one.token}, {"Origin", "https://evil.example"}})
                .reason(),
            "api.origin_refused");
  EXPECT_EQ(call("POST", "/api/v1/evidence", "", body,
                 {{"Cookie", "a=b; " + one.cookie}, {"X-Page-Token", one.token}})
                .status,
            201);
  const Page other = page("reader");
  EXPECT_EQ(
      call("DELETE", "/api/v1/sessions", "", {}, {{"Cookie", one.cookie}, {"X-Page-Token", other.token}})
          .reason(),
      "access.page_token")
      << "of another session";
}

TEST_F(AccessApi, AnIdentifierIsNeverTakenFromOutside) {
  const std::string planted = "chengxin=cxs_" + std::string(64, 'a');
  const Page one = page("official", planted);
  EXPECT_NE(one.cookie, planted);
  EXPECT_EQ(call("GET", "/api/v1/me", "", {}, {{"Cookie", planted}}).reason(), "auth.invalid");
  for (const char* forged : {"cxs_", "cxs_00", "cxs_0123456789abcdef0123456789abcdef"})
    EXPECT_EQ(call("GET", "/api/v1/me", forged).reason(), "auth.invalid");
  Json step = proofs(people["official"]);
  step.erase("name");
  step.erase("password");
  Reply higher = call("POST", "/api/v1/sessions/step-up", "", step,
                      {{"Cookie", one.cookie}, {"X-Page-Token", one.token}});
  ASSERT_EQ(higher.status, 200) << higher.body;
  EXPECT_NE(higher.header("set-cookie").find("chengxin=cxs_"), std::string::npos);
  EXPECT_EQ(call("GET", "/api/v1/me", "", {}, {{"Cookie", one.cookie}}).reason(), "auth.invalid")
      << "the former one is over";
}

TEST_F(AccessApi, SessionsAreListedAndEnded) {
  const std::string first = people["official"].token;
  sign_in(people["official"]);
  Json items = as("official", "GET", "/api/v1/sessions").json()["items"];
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0]["address"], "127.0.0.1");
  std::string other = items[items[0]["current"] == true ? 1 : 0]["id"];
  EXPECT_EQ(as("reader", "DELETE", "/api/v1/sessions/" + other).reason(), "access.no_session")
      << "not somebody else's";
  EXPECT_EQ(as("official", "DELETE", "/api/v1/sessions/" + other).status, 204);
  EXPECT_EQ(call("GET", "/api/v1/me", first).reason(), "auth.invalid");
  sign_in(people["official"]);
  EXPECT_EQ(as("official", "DELETE", "/api/v1/sessions").status, 204);
  EXPECT_EQ(as("official", "GET", "/api/v1/me").reason(), "auth.invalid");
  sign_in(people["official"]);
  EXPECT_EQ(as("system-administrator", "POST", "/api/v1/users/" + people["official"].id + "/lock").status,
            200);
  EXPECT_EQ(as("official", "GET", "/api/v1/me").reason(), "auth.invalid");
  EXPECT_EQ(call("POST", "/api/v1/sessions", "", proofs(people["official"])).reason(), "access.disabled");
}

TEST_F(AccessApi, AFirstPasswordOnlyLetsOneChangeIt) {
  Reply added = as("system-administrator", "POST", "/api/v1/users", {{"name", "new.one"}});
  ASSERT_EQ(added.status, 201) << added.body;
  const std::string temporary = added.json()["password"];
  Reply entered = call("POST", "/api/v1/sessions", "", {{"name", "new.one"}, {"password", temporary}});
  ASSERT_EQ(entered.status, 201);
  const std::string token = entered.json()["token"];
  EXPECT_EQ(call("GET", "/api/v1/chains", token).reason(), "access.password_change_required");
  EXPECT_EQ(call("PUT", "/api/v1/me/password", token, {{"old", temporary}, {"new", "short"}}).reason(),
            "access.password_short");
  Reply changed = call("PUT", "/api/v1/me/password", token, {{"old", temporary}, {"new", "Seven-7-swans"}});
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(call("GET", "/api/v1/chains", token).reason(), "auth.invalid");
  EXPECT_EQ(call("GET", "/api/v1/chains", changed.json()["token"].get<std::string>()).reason(),
            "access.not_allowed")
      << "and has no role yet";
}

TEST_F(AccessApi, UnknownUsersAndWrongPasswordsAreToldAlike) {
  Reply unknown = call("POST", "/api/v1/sessions", "", {{"name", "who.ever"}, {"password", "Wrong-1-word"}});
  Reply wrong = call("POST", "/api/v1/sessions", "", {{"name", "b.reader"}, {"password", "Wrong-1-word"}});
  Json a = unknown.json(), b = wrong.json();
  EXPECT_EQ(unknown.status, 401);
  a.erase("request_id");
  b.erase("request_id");
  EXPECT_EQ(a, b);
  for (int i = 0; i < 4; ++i) {
    call("POST", "/api/v1/sessions", "", {{"name", "who.ever"}, {"password", "Wrong-1-word"}});
    call("POST", "/api/v1/sessions", "", {{"name", "b.reader"}, {"password", "Wrong-1-word"}});
  }
  for (const char* name : {"who.ever", "b.reader"})
    EXPECT_EQ(call("POST", "/api/v1/sessions", "", {{"name", name}, {"password", kPassword}}).reason(),
              "access.locked")
        << name;
  EXPECT_EQ(as("system-administrator", "POST", "/api/v1/users/" + people["reader"].id + "/unlock").status,
            200);
  EXPECT_EQ(call("POST", "/api/v1/sessions", "", {{"name", "b.reader"}, {"password", kPassword}}).status,
            201);
}

// What 20 calls without sense are folded into does not hold what somebody achieved.
TEST_F(AccessApi, JunkDoesNotHideASignInFromTheAuditLog) {
  const auto kept = [&](const std::string& outcome) {
    audit::Query query;
    query.action = "signIn";
    query.limit = 10'000;
    auto items = audit::search(folder / "audit", query).value().items;
    std::erase_if(items, [&](const auto& one) { return one.entry.outcome != outcome; });
    return items;
  };
  const size_t before = kept("ok").size();
  for (int i = 0; i < 40; ++i)
    call("POST", "/api/v1/sessions", "", {{"name", "who\x1b" + std::to_string(i)}, {"password", "x"}});
  for (const char* password : {"Wrong-1-word", kPassword.c_str()})
    call("POST", "/api/v1/sessions", "", {{"name", "b.reader"}, {"password", password}});
  const auto refused = kept("access.login_failed"), done = kept("ok");
  EXPECT_LT(refused.size(), 41u) << "folded";
  EXPECT_EQ(refused.back().entry.detail,
            "account who\x1b"
            "0");
  EXPECT_EQ(refused.back().entry.subject, "");
  ASSERT_EQ(done.size(), before + 1);
  EXPECT_EQ(done.front().entry.subject, "user:" + people["reader"].id);
}

TEST_F(AccessApi, RecordsOfOtherOrganisationsAreNotThere) {
  const std::string east = add_evidence("official"), west = add_evidence("neighbour");
  Reply by_owner = post("/api/v1/evidence", {{"digest", hex(random_digest())}});
  ASSERT_EQ(by_owner.status, 201);
  EXPECT_EQ(found("official"), 1u);
  EXPECT_EQ(found("neighbour"), 1u);
  EXPECT_EQ(found("reader"), 1u) << "of the same organisation";
  EXPECT_EQ(found("regulator"), 3u);
  EXPECT_EQ(get("/api/v1/evidence").json()["items"].size(), 3u);
  for (const char* rest : {"", "/bundle"}) {
    EXPECT_EQ(as("reader", "GET", "/api/v1/evidence/" + east + rest).status, 200) << rest;
    EXPECT_EQ(as("reader", "GET", "/api/v1/evidence/" + west + rest).reason(), "access.no_record") << rest;
    EXPECT_EQ(as("regulator", "GET", "/api/v1/evidence/" + west + rest).status, 200) << rest;
  }
  apply([&](Json& document) { document["organisations"]["west"]["parent"] = "east"; });
  EXPECT_EQ(found("reader"), 2u) << "what is beneath is seen";
}

TEST_F(AccessApi, WhatIsHiddenDoesNotShowInPages) {
  const auto titled = [&](const std::string& who, const std::string& title) {
    Reply made = as(who, "POST", "/api/v1/evidence", {{"digest", hex(random_digest())}, {"title", title}});
    EXPECT_EQ(made.status, 201) << made.body;
    return made.json()["id"].get<std::string>();
  };
  std::vector<std::string> mine;
  for (int i = 0; i < 5; ++i) {
    mine.push_back(titled("official", "mine"));
    titled("neighbour", "secret merger");
  }
  const Json none = as("official", "GET", "/api/v1/evidence?limit=1&title=secret").json();
  EXPECT_TRUE(none["items"].empty());
  EXPECT_FALSE(none.contains("next")) << none;
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const Json page = as("official", "GET", "/api/v1/evidence?limit=2" + cursor).json();
    for (const Json& one : page["items"]) seen.push_back(one["id"]);
    cursor = page.contains("next") ? "&cursor=" + page["next"].get<std::string>() : "";
    if (!cursor.empty()) EXPECT_EQ(page["items"].size(), 2u);
  } while (!cursor.empty());
  std::reverse(seen.begin(), seen.end());
  EXPECT_EQ(seen, mine);
  EXPECT_EQ(get("/api/v1/evidence?limit=10").json()["items"].size(), 10u);
}

TEST_F(AccessApi, ALabelBlocksLowerReaders) {
  const std::string id = add_evidence("official");
  const auto label = [&](int level) {
    return as("security-administrator", "PUT", "/api/v1/access/labels/" + id,
              {{"organisation", "east"}, {"level", level}})
        .status;
  };
  ASSERT_EQ(label(2), 204);
  EXPECT_EQ(as("reader", "GET", "/api/v1/evidence/" + id).reason(), "access.no_record");
  EXPECT_EQ(found("reader"), 0u);
  EXPECT_EQ(as("official", "GET", "/api/v1/evidence/" + id).status, 200);
  ASSERT_EQ(label(4), 204);
  EXPECT_EQ(as("official", "GET", "/api/v1/evidence/" + id).reason(), "access.no_record");
  EXPECT_EQ(as("regulator", "GET", "/api/v1/evidence/" + id).status, 200);
  EXPECT_EQ(
      as("official", "PUT", "/api/v1/access/labels/" + id, {{"organisation", "east"}, {"level", 0}}).reason(),
      "access.not_allowed");
}

TEST_F(AccessApi, MaskedMembersAreBlank) {
  const std::string id = add_evidence("official");
  apply([&](Json& document) {
    document["roles"]["clerk"] = {{"title", "窗口"}, {"inherits", {"reader"}}, {"masks", {"holder"}}};
    document["users"][people["nobody"].id]["organisation"] = "east";
    document["assignments"].push_back({{"to", "user:" + people["nobody"].id}, {"role", "clerk"}});
  });
  Json one = as("nobody", "GET", "/api/v1/evidence/" + id).json();
  EXPECT_EQ(one["holder"], "***");
  EXPECT_EQ(one["title"], "合同");
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence").json()["items"][0]["holder"], "***");
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence/" + id + "/bundle").reason(), "access.not_allowed");
  EXPECT_EQ(as("reader", "GET", "/api/v1/evidence/" + id).json()["holder"], "official");
}

// A role that shows all rows, one that shows higher labels, and what neither of them shows.
TEST_F(AccessApi, WhatRolesShowIsNeverMixed) {
  const std::string east = add_evidence("official"), west = add_evidence("neighbour");
  const std::string higher_east = add_evidence("official"), higher_west = add_evidence("neighbour");
  const Person& who = people.at("nobody");
  apply([&](Json& document) {
    document["roles"]["inspector"] = {
        {"title", ""}, {"permissions", {"read:evidence"}}, {"all_rows", true}, {"masks", {"holder"}}};
    document["roles"]["clerk"] = {{"title", ""}, {"inherits", {"reader"}}, {"clearance", 3}};
    document["users"][who.id]["organisation"] = "east";
    for (const char* role : {"inspector", "clerk"})
      document["assignments"].push_back({{"to", "user:" + who.id}, {"role", role}});
  });
  for (const auto& [id, organisation] : {std::pair(higher_east, "east"), std::pair(higher_west, "west")})
    ASSERT_EQ(as("security-administrator", "PUT", "/api/v1/access/labels/" + id,
                 {{"organisation", organisation}, {"level", 2}})
                  .status,
              204);
  const auto at = [&](const std::string& id) { return as("nobody", "GET", "/api/v1/evidence/" + id); };
  EXPECT_EQ(at(east).json()["holder"], "official");
  EXPECT_EQ(at(higher_east).json()["holder"], "official");
  EXPECT_EQ(at(west).json()["holder"], "***");
  EXPECT_EQ(at(higher_west).reason(), "access.no_record");
  std::map<std::string, std::string> listed;
  const Json all = as("nobody", "GET", "/api/v1/evidence").json();
  for (const Json& one : all["items"]) listed[one["id"]] = one["holder"];
  const std::map<std::string, std::string> expected = {
      {east, "official"}, {higher_east, "official"}, {west, "***"}};
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence?holder=neighbour").reason(), "access.not_allowed");
}

// Whoever knows a name can keep those busy who look at passwords.
TEST_F(AccessApi, StrangersWhoTryPasswordsKeepNobodyOutWithACertificate) {
  Json entering = proofs(people.at("reader")), proving = proofs(people.at("official"));
  entering.erase("password");
  proving.erase("name");
  std::promise<void> full, arrived;
  std::atomic<int> refused = 0, come = 0;
  const auto arrive = [&] {
    if (++come == 2) arrived.set_value();
  };
  certificate_looked_at = arrive;
  Reply entered, proved;
  std::vector<std::thread> threads;
  // Nothing can be noted as long as this lasts, so nobody who tries is answered, and their queue fills.
  ASSERT_TRUE(database->transaction([&](sql::Session&) -> Status {
    for (int i = 0; i < 70; ++i)
      threads.emplace_back([&] {
        Reply reply =
            call("POST", "/api/v1/sessions", "", {{"name", "b.reader"}, {"password", "Wrong-1-word"}});
        if (reply.reason() != "api.busy") return;
        EXPECT_EQ(reply.headers["retry-after"], "1");
        if (++refused == 1) full.set_value();
      });
    full.get_future().wait();
    threads.emplace_back([&] {
      entered = call("POST", "/api/v1/sessions", "", entering);
      if (entered.reason() == "api.busy") arrive();
    });
    threads.emplace_back([&] {
      proved = call("POST", "/api/v1/sessions/step-up", people.at("official").token, proving);
      if (proved.reason() == "api.busy") arrive();
    });
    arrived.get_future().wait();
    return {};
  }));
  for (auto& thread : threads) thread.join();
  certificate_looked_at = nullptr;
  EXPECT_EQ(entered.status, 201) << entered.body;
  EXPECT_EQ(proved.status, 200) << proved.body;
}

TEST_F(AccessApi, RegistrarsAndIssuersSeeNoRecords) {
  add_evidence("official");
  for (const char* who : {"registrar", "issuer"}) {
    EXPECT_EQ(as(who, "GET", "/api/v1/evidence").reason(), "access.not_allowed") << who;
    EXPECT_EQ(as(who, "GET", "/api/v1/chains").status, 200) << who;
  }
}

TEST_F(AccessApi, ARegulatorSeesAllAndWritesNothing) {
  for (const char* path :
       {"/api/v1/evidence", "/api/v1/users", "/api/v1/access/policy", "/api/v1/tokens", "/api/v1/jobs",
        "/api/v1/access/proposals", "/api/v1/access/policy/versions", "/api/v1/access/roles"})
    EXPECT_EQ(as("regulator", "GET", path).status, 200) << path;
  EXPECT_EQ(as("regulator", "POST", "/api/v1/evidence", {{"digest", hex(random_digest())}}).reason(),
            "access.not_allowed");
  EXPECT_EQ(as("regulator", "POST", "/api/v1/users", {{"name", "x.y"}}).reason(), "access.not_allowed");
}

TEST_F(AccessApi, ARegistrarNamesNoRegistrars) {
  const std::string base = "/api/v1/chains/default/identity/";
  const Json body = {{"key", std::string(32, '0')},
                     {"registrar", {{"rights", {"admin"}}, {"kinds", {"natural"}}}}};
  EXPECT_EQ(as("registrar", "POST", base + "acts/set_registrar", body).reason(), "api.own_route");
  EXPECT_EQ(as("registrar", "POST", base + "registrars", body).reason(), "access.not_allowed");
  const Reply by_system = as("system-administrator", "POST", base + "registrars", body);
  EXPECT_EQ(by_system.status, 404) << by_system.body;
  EXPECT_EQ(by_system.reason(), "contract.unknown") << "he may, and the chain has no such contract";
}

TEST_F(AccessApi, PersonalDataAreForRegistrarsAndUnderTheirNames) {
  jobs->define("identity.personal",
               [](const Json& arguments, const jobs::Report&) { return Result<Json>(arguments); });
  const std::string path = "/api/v1/chains/default/identity/jobs";
  const Json wanted = {{"kind", "personal"},
                       {"arguments", {{"identity", "x"}, {"reader", "owner"}, {"chain", "another"}}}};
  EXPECT_EQ(as("system-administrator", "POST", path, wanted).reason(), "access.not_allowed");
  EXPECT_EQ(as("system-administrator", "POST", "/api/v1/jobs",
               {{"kind", "identity.personal"}, {"arguments", Json::object()}})
                .reason(),
            "api.own_route");
  Json keyed = wanted;
  keyed["arguments"]["public_key"] = hex(people["official"].key.public_key().point());
  EXPECT_EQ(as("registrar", "POST", path, keyed).reason(), "identity.reader_key");
  keyed["arguments"]["public_key"] = hex(people["registrar"].key.public_key().point());
  const Reply begun = as("registrar", "POST", path, keyed);
  ASSERT_EQ(begun.status, 202) << begun.body;
  const Json job = begun.json();
  EXPECT_EQ(job["arguments"]["reader"], "user:" + people["registrar"].id);
  EXPECT_EQ(job["arguments"]["chain"], "default");
  const std::string id = job["id"];
  EXPECT_EQ(as("registrar", "GET", path + "/" + id).status, 200);
  EXPECT_EQ(as("regulator", "GET", path + "/" + id).reason(), "jobs.not_found") << "somebody else's";
  EXPECT_EQ(as("system-administrator", "GET", "/api/v1/jobs/" + id).reason(), "jobs.not_found");
  EXPECT_EQ(as("system-administrator", "GET", "/api/v1/jobs").json()["items"].size(), 0u);
}

TEST_F(AccessApi, TokensHaveRolesThatNobodyHasToApprove) {
  EXPECT_EQ(
      call("POST", "/api/v1/tokens", kToken, {{"name", "x"}, {"role", "security-administrator"}}).reason(),
      "api.out_of_range");
  const std::string reader =
      call("POST", "/api/v1/tokens", kToken, {{"name", "x"}, {"role", "reader"}}).json()["token"];
  EXPECT_EQ(call("GET", "/api/v1/evidence", reader).status, 200);
  const std::string id = add_evidence("official");
  EXPECT_EQ(call("GET", "/api/v1/evidence/" + id, reader).status, 200) << "of no organisation, so of any";
  as("security-administrator", "PUT", "/api/v1/access/labels/" + id,
     {{"organisation", "east"}, {"level", 1}});
  EXPECT_EQ(call("GET", "/api/v1/evidence/" + id, reader).reason(), "access.no_record");
  EXPECT_EQ(call("GET", "/api/v1/evidence", reader).json()["items"].size(), 0u);
  EXPECT_EQ(call("POST", "/api/v1/evidence", reader, {{"digest", hex(random_digest())}}).reason(),
            "access.not_allowed");
  EXPECT_EQ(call("GET", "/api/v1/me", reader).json()["roles"], Json::parse("[\"reader\"]"));
}

TEST_F(AccessApi, NoAdministratorAloneMakesAToken) {
  const auto make = [&](const std::string& token, const char* role) {
    return call("POST", "/api/v1/tokens", token, {{"name", "x"}, {"role", role}});
  };
  apply([&](Json& document) {  // a role of one's own permits the call, and helps nobody either
    document["roles"]["clerk"] = {{"title", "窗口"}, {"permissions", {"write:tokens"}}};
    enrol(document, "nobody", "clerk", "root");
  });
  for (const char* role : {"integrator", "reader", "regulator"}) {
    EXPECT_EQ(make(people.at("system-administrator").token, role).reason(), "access.not_allowed") << role;
    EXPECT_EQ(make(people.at("nobody").token, role).reason(), "access.token_owner_only") << role;
  }
  EXPECT_EQ(as("system-administrator", "GET", "/api/v1/tokens").json()["items"], Json::array());
  const Reply made = make(kToken, "integrator");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(
      as("system-administrator", "DELETE", "/api/v1/tokens/" + made.json()["id"].get<std::string>()).status,
      204);
  EXPECT_EQ(call("GET", "/api/v1/chains", made.json()["token"]).reason(), "auth.invalid");
}

TEST_F(AccessApi, NobodyGovernsContractsByBusiness) {
  for (const std::string act : {"approve", "reject", "deploy", "freeze", "unfreeze", "retire"}) {
    const std::string target = "/api/v1/chains/default/contracts/none/" + act;
    for (const char* who : {"official", "security-administrator", "audit-administrator", "regulator"})
      EXPECT_EQ(as(who, "POST", target, Json::object()).reason(), "access.not_allowed") << who << ' ' << act;
    const Reply by_system = as("system-administrator", "POST", target, Json::object());
    const bool transaction = act.ends_with("freeze") || act == "retire";  // a receipt says so
    EXPECT_EQ(by_system.status, transaction ? 409 : 404) << act << ' ' << by_system.body;
    EXPECT_EQ(by_system.reason(), "contract.unknown") << act;
  }
  const std::string policy = "/api/v1/chains/default/contract-policy";
  const Json now = as("system-administrator", "GET", policy).json();
  EXPECT_EQ(as("official", "PUT", policy, now).reason(), "access.not_allowed");
}

TEST_F(AccessApi, TheOwnersCredentialCanBeRestricted) {
  server.reset();
  options.owner_restricted = true;
  start_server();
  EXPECT_EQ(get("/api/v1/system").status, 200);
  EXPECT_EQ(get("/api/v1/access/policy").status, 200);
  EXPECT_EQ(get("/api/v1/evidence").reason(), "access.owner_restricted");
  EXPECT_EQ(post("/api/v1/tokens", {{"name", "x"}}).reason(), "access.owner_restricted");
  EXPECT_EQ(as("regulator", "GET", "/api/v1/evidence").status, 200);
}

TEST_F(AccessApi, ABentPolicyShutsOutAllButTheOwner) {
  ASSERT_TRUE(database->transaction([&](sql::Session& session) -> Status {
    TRY(session.run("update access_policy set document = replace(document, 'official', 'regulator')"));
    return {};
  }));
  ASSERT_TRUE(access->maintain(now_ms()));
  EXPECT_EQ(as("reader", "GET", "/api/v1/evidence").reason(), "access.policy_bent");
  EXPECT_EQ(call("POST", "/api/v1/sessions", "", proofs(people["reader"])).status, 201)
      << "who one is stands elsewhere";
  EXPECT_TRUE(get("/api/v1/access/policy").json().contains("bent"));
  EXPECT_EQ(get("/api/v1/evidence").status, 200);
}

struct SignedCalls : AccessApi {
  const std::string target = "/api/v1/evidence";
  std::string body = Json{{"digest", hex(random_digest())}}.dump();
  access::SignedFields fields = {};

  void sign(const crypto::Sm2PrivateKey& key) {
    fields = take(access::sign_message(key, people["service"].id, "POST", "http://localhost" + target,
                                       view(body), now_ms()));
  }
  Reply send(const std::string& token = {}) {
    return ask(port(), {.method = "POST",
                        .target = target,
                        .token = token,
                        .type = "application/json",
                        .body = body,
                        .headers = {{"Content-Digest", fields.content_digest},
                                    {"Signature-Input", fields.signature_input},
                                    {"Signature", fields.signature}}});
  }
};

TEST_F(SignedCalls, AServiceSignsItsRequests) {
  const auto& key = people["service"].key;
  sign(key);
  EXPECT_EQ(send().status, 201);
  EXPECT_EQ(send().reason(), "access.message_signature_replayed");
  sign(key);
  body.insert(1, " ");
  EXPECT_EQ(send().reason(), "access.content_digest");
  sign(key);
  fields.content_digest = access::content_digest(view("{}"));
  EXPECT_EQ(send().reason(), "access.message_signature");
  sign(*crypto::Sm2PrivateKey::generate());
  EXPECT_EQ(send().reason(), "access.message_signature");
  sign(people["official"].key);
  EXPECT_EQ(send().reason(), "access.message_signature") << "a person's key is no service's";
  sign(key);
  fields.signature_input.replace(fields.signature_input.find("\"@target-uri\" "), 14, "");
  EXPECT_EQ(send().reason(), "access.message_signature_covers");
  sign(key);
  fields.signature_input.replace(fields.signature_input.find(people["service"].id), 16,
                                 people["official"].id);
  EXPECT_EQ(send().reason(), "access.message_signature_key");
  sign(key);
  EXPECT_EQ(send(kToken).reason(), "access.two_credentials");
  ASSERT_TRUE(access->lock(people["service"].id));
  sign(key);
  EXPECT_EQ(send().reason(), "access.disabled");
}

}  // namespace
}  // namespace chengxin::api
