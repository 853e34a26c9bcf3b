#include <fstream>

#include "api/access_rig_for_tests.h"
#include "api/authorise.h"

namespace chengxin::api {
namespace {

// Who is a column of the matrix, in its order.
const std::vector<std::string> kColumns = {"nobody",
                                           "owner",
                                           "token:integrator",
                                           "token:reader",
                                           "token:regulator",
                                           "system-administrator",
                                           "security-administrator",
                                           "audit-administrator",
                                           "regulator",
                                           "official",
                                           "registrar",
                                           "issuer",
                                           "reader",
                                           "no role",
                                           "service:integrator"};
const fs::path kFile = fs::path(CHENGXIN_SOURCE_DIR) / "src/api/access_matrix.tsv";

using Row = std::map<std::string, std::string>;  // column to cell
using Matrix = std::map<std::string, Row>;       // "METHOD path" to row

struct AccessMatrix : AccessPlatformTest {
  std::map<std::string, std::string> tokens;

  void SetUp() override {
    AccessPlatformTest::SetUp();
    for (const char* role : {"integrator", "reader", "regulator"}) {
      Reply made = call("POST", "/api/v1/tokens", kToken, {{"name", role}, {"role", role}});
      ASSERT_EQ(made.status, 201) << made.body;
      tokens[std::string("token:") + role] = made.json()["token"];
    }
    tokens["owner"] = kToken;
  }

  // What a call is answered to when nothing else is right about it: who is not allowed learns nothing more.
  static bool denied(const Reply& reply) {
    if (reply.status == 401) return true;
    const std::string reason = reply.reason();
    return reply.status == 403 && (reason == "auth.owner_only" || reason == "access.not_allowed");
  }
  Reply try_out(const std::string& column, const std::string& method, const std::string& target) {
    if (column == "nobody") return ask(port(), {.method = method, .target = target});
    if (column == "service:integrator") return signed_call(method, target, "");
    if (auto token = tokens.find(column); token != tokens.end()) return call(method, target, token->second);
    Person& who = people.at(column == "no role" ? "nobody" : column);
    Reply reply = call(method, target, who.token);
    if (target == "/api/v1/sessions" && method == "DELETE") sign_in(who);
    return reply;
  }
  Reply signed_call(const std::string& method, const std::string& target, const std::string& body) {
    const Person& service = people.at("service");
    auto fields = take(access::sign_message(service.key, service.id, method, "http://localhost" + target,
                                            view(body), now_ms()));
    return ask(port(), {.method = method,
                        .target = target,
                        .headers = {{"Content-Digest", fields.content_digest},
                                    {"Signature-Input", fields.signature_input},
                                    {"Signature", fields.signature}}});
  }
  static std::string target_of(std::string path) {
    for (size_t at; (at = path.find('{')) != path.npos;) {
      const std::string name = path.substr(at + 1, path.find('}') - at - 1);
      const bool digest = name == "digest" || name == "hash" || name == "key";
      path.replace(at, name.size() + 2,
                   digest                            ? std::string(64, '0')
                   : name == "id" || name == "chain" ? "none"
                                                     : "1");
    }
    return path;
  }
};

std::string cell(const std::optional<access::Grant>& grant, const Route& route, bool token) {
  if (!grant) return "-";
  return route.records && !grant->sees_every_row() && !token ? "own" : "+";
}

// As the table of routes and the roles say; every row, whether its services are there or not.
Matrix from_the_table() {
  Matrix out;
  auto policy = *access::Policy::read(access::Policy::beginning());
  for (const Route& route : every_route()) {
    Row& row = out[fmt::format("{}\t{}", route.path, method_name(route.method))];
    const access::Action action = action_of(route);
    for (const auto& column : kColumns) {
      const std::string role = column.substr(column.find(':') == column.npos ? 0 : column.find(':') + 1);
      if (column == "nobody")
        row[column] = route.access == Access::open ? "+" : "-";
      else if (column == "owner" || route.access == Access::open || route.access == Access::self)
        row[column] = "+";
      else
        row[column] = cell(policy.decide_role(role, action), route, column.starts_with("token:"));
    }
  }
  return out;
}

std::string text_of(const Matrix& matrix) {
  std::string out = "path\tmethod";
  for (const auto& column : kColumns) out += "\t" + column;
  out += "\n";
  for (const auto& [name, row] : matrix) {
    out += name;
    for (const auto& column : kColumns) out += "\t" + row.at(column);
    out += "\n";
  }
  return out;
}

TEST_F(AccessMatrix, IsTheFile) {
  const std::string text = text_of(from_the_table());
  if (const char* renew = std::getenv("CHENGXIN_RENEW")) {
    std::ofstream(renew) << text;
    return;
  }
  auto kept = read_file(kFile, 1 << 20);
  ASSERT_TRUE(kept);
  EXPECT_EQ(to_string(*kept), text) << "look whether each change is meant, then: CHENGXIN_RENEW="
                                    << kFile.string() << " api_test --gtest_filter=AccessMatrix.IsTheFile";
}

TEST_F(AccessMatrix, HoldsForEveryRouteAndEveryRoleOverHttp) {
  const Matrix matrix = from_the_table();
  const Json document = Json::parse(server->openapi());
  size_t calls = 0;
  for (auto& [path, methods] : document["paths"].items())
    for (auto& [name, operation] : methods.items()) {
      std::string method = name;
      for (char& c : method) c = char(std::toupper(c));
      auto row = matrix.find(path + "\t" + method);
      ASSERT_NE(row, matrix.end()) << path;
      for (const auto& column : kColumns) {
        if (column == "service:integrator" && path == "/api/v1/originals" && method == "POST")
          continue;  // streamed
        const Reply reply = try_out(column, method, target_of(path));
        ++calls;
        EXPECT_NE(reply.status, 0) << method << ' ' << path << " as " << column;
        EXPECT_EQ(denied(reply), row->second.at(column) == "-")
            << method << ' ' << path << " as " << column << ": " << reply.status << ' '
            << reply.body.substr(0, 200);
      }
    }
  EXPECT_GT(calls, 500u);
}

TEST(Routes, EachHasAnIdOfItsOwn) {
  std::map<std::string, std::string> paths;
  for (const Route& route : every_route()) {
    const auto [at, fresh] = paths.emplace(route.id, route.path);
    EXPECT_TRUE(fresh) << route.id << " of " << route.path << " and of " << at->second;
  }
}

// Each success of a call that is no reading stands in the audit log: with these alone strangers can write to
// it, and for each they have to show something.
TEST(Routes, StrangersSucceedAtNothingThatIsRecorded) {
  std::set<std::string> open;
  for (const Route& route : every_route())
    if (route.access == Access::open && route.method != Method::get && !route.reads) open.insert(route.id);
  const std::set<std::string> known = {"signIn",     "openidToken",   "openidCredential",
                                       "endOutside", "signInOutside", "presentationResponse"};
  EXPECT_EQ(open, known);
}

// Names of the members that an answer of this schema has.
void note_members(const Json& schema, const std::map<std::string, Json>& schemas,
                  std::set<std::string>& names, std::set<std::string>& seen) {
  if (!schema.is_object()) return;
  if (const std::string at = schema.value("$ref", ""); !at.empty()) {
    if (seen.insert(at).second) note_members(schemas.at(at.substr(at.rfind('/') + 1)), schemas, names, seen);
    return;
  }
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [name, member] : properties.items()) {
    names.insert(name);
    note_members(member, schemas, names, seen);
  }
  for (const char* inner : {"items", "additionalProperties"})
    if (schema.contains(inner)) note_members(schema[inner], schemas, names, seen);
}

// Who may not see a member may not ask for it either: each parameter says which it is about, by its name or
// by Parameter::about, or it stands here as one that is about nothing in the answer.
TEST(Routes, EachParameterNamesItsMemberOrIsAboutNone) {
  const std::set<std::string> free = {"limit",
                                      "cursor",
                                      "audit anchors",
                                      "audit format",
                                      "consortium chain",
                                      "contracts arguments",
                                      "contracts caller",
                                      "contracts dry_run",
                                      "credentials version",
                                      "events after",
                                      "events transaction",
                                      "events types",
                                      "evidence disclose",
                                      "evidence timestamp",
                                      "evidence wait",
                                      "gateway by_minute",
                                      "identities amount",
                                      "identities principal",
                                      "identities scope",
                                      "identities time_ms",
                                      "packs dry",
                                      "packs lose",
                                      "proofs timestamp",
                                      "records descending",
                                      "records equal",
                                      "records search",
                                      "records sort",
                                      "records version",
                                      "records view",
                                      "records where",
                                      "transactions receipts",
                                      "transactions wait"};  // by tag
  const Resource all = every_resource();
  size_t named = 0;
  for (const Route& route : all.routes) {
    if (route.access == Access::open) continue;  // nobody's members are masked there
    std::set<std::string> members, seen;
    for (const Answer& answer : route.answers) note_members(answer.schema, all.schemas, members, seen);
    for (const Parameter& one : route.query) {
      const bool names_one = !one.about.empty() || members.contains(one.name);
      const bool is_free = free.contains(one.name) || free.contains(route.tag + " " + one.name);
      EXPECT_NE(names_one, is_free) << route.id << " " << one.name;
      named += names_one;
    }
  }
  EXPECT_GT(named, 30u);
}

TEST_F(AccessMatrix, NobodyAsksAboutWhatIsMasked) {
  apply([&](Json& document) {
    document["roles"]["clerk"] = {{"title", "窗口"},
                                  {"permissions", {"read:evidence", "read:transactions"}},
                                  {"all_rows", true},
                                  {"masks", {"tags", "added_ms", "signer", "time_ms"}}};
    enrol(document, "nobody", "clerk", "east");
  });
  const std::string transactions = "/api/v1/chains/default/transactions";
  for (const std::string& target :
       {std::string("/api/v1/evidence?tag=a"), std::string("/api/v1/evidence?from_ms=1"),
        std::string("/api/v1/evidence?to_ms=1"), transactions + "?signer=" + std::string(32, '0'),
        transactions + "?from_ms=1", transactions + "?to_ms=1"}) {
    const Reply reply = as("nobody", "GET", target);
    EXPECT_EQ(reply.status, 403) << target;
    EXPECT_EQ(reply.reason(), "access.not_allowed") << target;
  }
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence?holder=a&type=b&title=c&limit=1").status, 200);
  EXPECT_EQ(as("reader", "GET", "/api/v1/evidence?tag=a&from_ms=1&to_ms=2").status, 200);
}

// Organisations are the tenants: whose records somebody sees, through every route that names one. `above` is
// of the organisation that all others are beneath, `branch` of one beneath the official's.
struct Tenants : AccessMatrix {
  const std::map<std::string, std::string> organisations = {{"above", "root"},      {"official", "east"},
                                                            {"branch", "east-one"}, {"neighbour", "west"},
                                                            {"reader", "east"},     {"regulator", "root"}};
  const std::vector<std::string> makers = {"above", "official", "branch", "neighbour"};
  int made = 0;

  void SetUp() override {
    AccessMatrix::SetUp();
    for (const char* name : {"above", "branch"}) person(name, std::string("d.") + name);
    apply([&](Json& document) {
      document["organisations"]["east-one"] = {{"name", "东一区"}, {"parent", "east"}};
      enrol(document, "above", "official", "root");
      enrol(document, "branch", "official", "east-one");
    });
    for (const char* name : {"above", "branch"}) sign_in(people[name]);
  }
  std::string digest() { return fmt::format("{:064x}", ++made); }

  // Makes a record by a route that adds some: its id. nullopt: the test does not know how.
  std::optional<std::string> make(const Route& route, const std::string& who) {
    Reply reply;
    if (route.id == "addEvidence") {
      reply = as(who, "POST", route.path, {{"digest", digest()}});
    } else if (route.id == "addEvidenceBatch") {
      reply = as(who, "POST", route.path, {{"items", {{{"digest", digest()}}}}});
    } else if (route.id == "uploadOriginal") {
      reply = ask(port(), {.method = "POST",
                           .target = route.path,
                           .token = people.at(who).token,
                           .type = "application/octet-stream",
                           .body = "original " + digest()});
    } else {
      return std::nullopt;
    }
    EXPECT_EQ(reply.status, 201) << route.id << ' ' << reply.body;
    Json body = reply.json();
    const Json& one = body.contains("items") ? body["items"][0] : body;
    return one.contains("original") && !one.contains("id") ? one["original"] : one["id"];
  }
  static std::string collection(const std::string& path) {
    const size_t at = path.find("/{");
    const std::string base = path.substr(0, at);
    return at == path.npos && base.ends_with("/batch") ? base.substr(0, base.rfind('/')) : base;
  }
  bool sees(const std::string& viewer, const std::string& maker) {
    if (viewer == "regulator") return true;
    return access->policies().current()->within(organisations.at(maker), organisations.at(viewer));
  }
};

TEST_F(Tenants, EveryRouteThatNamesARecordHidesThoseOfOthers) {
  using Records = std::map<std::string, std::vector<std::string>>;  // maker to ids
  std::map<std::string, Records> records;                           // by collection
  std::vector<Route> naming, listing;
  for (const Route& route : every_route()) {
    if (!route.records) continue;
    const bool named = route.path.find('{') != route.path.npos;
    if (route.method == Method::post && !named) {
      for (const auto& who : makers) {
        auto id = make(route, who);
        ASSERT_TRUE(id) << route.id << " adds records: say here how";
        records[collection(route.path)][who].push_back(*id);
      }
    } else {
      (named ? naming : listing).push_back(route);
    }
  }
  ASSERT_GE(naming.size(), 3u);
  ASSERT_GE(listing.size(), 1u);

  for (const Route& route : naming) {
    auto kept = records.find(collection(route.path));
    ASSERT_NE(kept, records.end()) << route.path << " names records that nothing here makes";
    const size_t open = route.path.find('{'), close = route.path.find('}');
    ASSERT_EQ(route.path.find('{', close), route.path.npos) << "which of them is the record?";
    for (const auto& [viewer, organisation] : organisations)
      for (const auto& [maker, ids] : kept->second)
        for (const auto& id : ids) {
          const std::string target = std::string(route.path).replace(open, close - open + 1, id);
          const Reply reply = as(viewer, std::string(method_name(route.method)), target);
          const std::string what = fmt::format("{} {} of {} as {}", route.id, id, maker, viewer);
          if (sees(viewer, maker)) {
            EXPECT_LT(reply.status, 300) << what << ": " << reply.body.substr(0, 200);
          } else {
            EXPECT_EQ(reply.status, 404) << what;
            EXPECT_EQ(reply.reason(), "access.no_record") << what;
            const std::string nothing = std::string(route.path).replace(open, close - open + 1, "0" + id);
            Json there = reply.json();
            Json missing = as(viewer, std::string(method_name(route.method)), nothing).json();
            for (Json* one : {&there, &missing})
              for (const char* own : {"instance", "request_id", "detail"}) one->erase(own);
            EXPECT_EQ(there, missing) << what << ": as if it were not there";
          }
        }
  }
  for (const Route& route : listing) {
    auto kept = records.find(collection(route.path));
    ASSERT_NE(kept, records.end()) << route.path << " lists records that nothing here makes";
    for (const auto& [viewer, organisation] : organisations) {
      std::set<std::string> listed;
      const Json body = as(viewer, "GET", route.path + "?limit=500").json();
      for (const Json& one : body["items"]) listed.insert(one["id"].get<std::string>());
      for (const auto& [maker, ids] : kept->second)
        for (const auto& id : ids)
          EXPECT_EQ(listed.contains(id), sees(viewer, maker))
              << route.id << ' ' << id << " of " << maker << " as " << viewer;
    }
  }
}

TEST_F(Tenants, NorAreRecordsOfOthersReferredTo) {
  const std::string shared = digest();
  const auto add = [&](const std::string& who, Json more) {
    more["digest"] = shared;
    return as(who, "POST", "/api/v1/evidence", more);
  };
  const std::string east = add("official", Json::object()).json()["id"];
  const Json west = add("neighbour", Json::object()).json();
  EXPECT_EQ(west["same_digest"], Json::array()) << "who else has it is not told";
  const Json third = add("official", Json::object()).json();
  EXPECT_EQ(third["same_digest"], Json::array({east}));
  const std::string at = "/api/v1/evidence/" + third["id"].get<std::string>();
  EXPECT_EQ(as("regulator", "GET", at).json()["same_digest"].size(), 2u);
  EXPECT_EQ(as("official", "GET", at).json()["same_digest"].size(), 1u);
  EXPECT_EQ(add("neighbour", {{"links", {east}}}).reason(), "access.no_record");
  EXPECT_EQ(add("branch", {{"links", {east}}}).reason(), "access.no_record") << "not upwards";
  EXPECT_EQ(add("above", {{"links", {east}}}).status, 201);
  Reply original = ask(port(), {.method = "POST",
                                .target = "/api/v1/originals",
                                .token = people.at("official").token,
                                .type = "application/octet-stream",
                                .body = "a contract"});
  const std::string stored = original.json()["original"];
  EXPECT_EQ(add("neighbour", {{"original", stored}}).reason(), "access.no_record");
  const Json linked = add("above", {{"links", {east}}}).json();
  EXPECT_EQ(linked["links"], Json::array({east}));
}

// People whose roles are for some chains only.
struct Chains : AccessMatrix {
  const std::vector<std::string> roles = {"official", "registrar", "issuer", "reader", "regulator"};

  void limit(const std::string& chain) {
    apply([&](Json& document) {
      for (Json& one : document["assignments"])
        for (const auto& role : roles)
          if (one["to"] == "user:" + people.at(role).id) one["chains"] = {chain};
    });
  }
  static std::string on(const std::string& path, const std::string& chain) {
    std::string out = path;
    if (const size_t at = out.find("{chain}"); at != out.npos) out.replace(at, 7, chain);
    return target_of(out);
  }
  std::string add(const std::string& who, const std::string& chain, Json more = Json::object()) {
    more.update({{"digest", hex(random_digest())}, {"chain", chain}, {"holder", who}});
    const Reply reply = as(who, "POST", "/api/v1/evidence", more);
    return reply.status == 201 ? reply.json()["id"].get<std::string>() : reply.reason();
  }
  std::set<std::string> listed(const std::string& who, const std::string& query = "") {
    std::set<std::string> out;
    const Json body = as(who, "GET", "/api/v1/evidence?limit=100" + query).json();
    for (const Json& one : body["items"]) out.insert(one["id"].get<std::string>());
    return out;
  }
};

// "none" is a chain that is not there: who may call about it is told so, and nothing streams or changes.
TEST_F(Chains, EveryRouteKeepsToTheChainsOfARole) {
  limit("none");
  const auto policy = *access::Policy::read(access::Policy::beginning());
  size_t about = 0, without = 0;
  for (const Route& route : every_route()) {
    if (route.access == Access::open || route.access == Access::self) continue;
    const std::string method(method_name(route.method));
    const bool named = route.path.find("{chain}") != route.path.npos;
    for (const auto& role : roles) {
      const bool may = policy.decide_role(role, action_of(route)).has_value();
      const Reply mine = as(role, method, on(route.path, "none"));
      const std::string what = fmt::format("{} {} as {}", method, route.path, role);
      if (mine.reason() == "api.no_route") continue;  // its service is not there
      EXPECT_EQ(denied(mine), !(may && (named || route.by_chain)))
          << what << ": " << mine.body.substr(0, 200);
      (named ? about : without) += may;
      if (!named) continue;
      const Reply other = as(role, method, on(route.path, "default"));
      EXPECT_EQ(other.status, 403) << what;
      EXPECT_EQ(other.reason(), "access.not_allowed") << what;
    }
  }
  EXPECT_GT(about, 100u);
  EXPECT_GT(without, 30u);
}

TEST_F(Chains, WhatStandsOnOtherChainsIsNotThere) {
  ASSERT_EQ(post("/api/v1/chains", {{"name", "other"}}).status, 201);
  const std::string here = add("official", "default"), there = add("official", "other");
  limit("default");
  EXPECT_EQ(listed("official"), std::set{here});
  EXPECT_EQ(listed("reader"), std::set{here});
  EXPECT_EQ(listed("regulator"), std::set{here}) << "who sees all rows, of his chains";
  EXPECT_TRUE(listed("regulator", "&chain=other").empty());
  for (const char* rest : {"", "/bundle"}) {
    EXPECT_EQ(as("regulator", "GET", "/api/v1/evidence/" + here + rest).status, 200) << rest;
    const Reply hidden = as("regulator", "GET", "/api/v1/evidence/" + there + rest);
    EXPECT_EQ(hidden.status, 404);
    EXPECT_EQ(hidden.reason(), "access.no_record");
  }
  EXPECT_EQ(add("official", "other"), "access.not_allowed");
  EXPECT_EQ(add("official", "nowhere"), "access.not_allowed") << "whether it is there is not told";
  EXPECT_EQ(as("official", "POST", "/api/v1/evidence/batch",
               {{"chain", "other"}, {"items", {{{"digest", hex(random_digest())}}}}})
                .reason(),
            "access.not_allowed");
  EXPECT_EQ(add("official", "default", {{"links", {there}}}), "access.no_record");
  EXPECT_EQ(
      as("official", "GET", "/api/v1/evidence/" + add("official", "default", {{"links", {here}}})).status,
      200);
  const auto chains = [&](const std::string& who) {
    std::vector<std::string> out;
    const Json body = as(who, "GET", "/api/v1/chains").json();
    for (const Json& one : body["items"]) out.push_back(one["name"]);
    return out;
  };
  EXPECT_EQ(chains("official"), std::vector<std::string>{"default"});
  EXPECT_EQ(chains("neighbour"), (std::vector<std::string>{"default", "other"}));
  EXPECT_EQ(as("official", "GET", "/api/v1/me").json()["chains"].dump(), R"({"official":["default"]})");
  const Json figures = as("regulator", "GET", "/api/v1/chains/default/identity/statistics").json();
  EXPECT_EQ(figures.value(Json::json_pointer("/chains/count"), 0), 1) << figures;
}

TEST_F(Chains, EachRecordIsShownByTheRolesForItsChain) {
  ASSERT_EQ(post("/api/v1/chains", {{"name", "other"}}).status, 201);
  const std::string here = add("official", "default"), there = add("official", "other");
  const auto label = [&](const std::string& id, int level) {
    return as("security-administrator", "PUT", "/api/v1/access/labels/" + id,
              {{"organisation", "east"}, {"level", level}})
        .status;
  };
  ASSERT_EQ(label(here, 2), 204);
  ASSERT_EQ(label(there, 2), 204);
  apply([&](Json& document) {
    document["roles"]["clerk"] = {{"title", "窗口"}, {"inherits", {"reader"}}, {"masks", {"holder"}}};
    document["users"][people["nobody"].id]["organisation"] = "east";
    const std::string to = "user:" + people["nobody"].id;
    document["assignments"].push_back({{"to", to}, {"role", "official"}, {"chains", {"default"}}});
    document["assignments"].push_back({{"to", to}, {"role", "clerk"}});
  });
  EXPECT_EQ(listed("nobody"), std::set{here}) << "the official's clearance is for default alone";
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence/" + there).reason(), "access.no_record");
  ASSERT_EQ(label(there, 0), 204);
  EXPECT_EQ(listed("nobody"), (std::set{here, there}));
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence/" + there).json()["holder"], "***");
  EXPECT_EQ(as("nobody", "GET", "/api/v1/evidence?holder=official").reason(), "access.not_allowed");
  EXPECT_EQ(add("nobody", "other"), "access.not_allowed");
}

}  // namespace
}  // namespace chengxin::api
