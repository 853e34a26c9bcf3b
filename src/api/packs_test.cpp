#include "api/access_rig_for_tests.h"
#include "pack/files.h"

// packs/sampler on a platform that runs, over HTTP.
namespace chengxin::api {
namespace {

const std::string kPacks = "/api/v1/packs", kRecords = "/api/v1/records/";

struct PacksTest : AccessPlatformTest {
  // The sampler, with `what` replaced `by` in one of its files.
  static std::string sampler(const std::string& file = "", const std::string& what = "",
                             const std::string& by = "", const crypto::Sm2PrivateKey* key = nullptr) {
    pack::Findings findings;
    auto content = pack::read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings).content;
    EXPECT_TRUE(findings.empty());
    if (!file.empty()) {
      std::string text = to_string(content.at(file));
      const size_t at = text.find(what);
      EXPECT_NE(at, text.npos) << what;
      content[file] = to_bytes(view(text.replace(at, what.size(), by)));
    }
    return to_string(pack::write_packed(content, key).value());
  }
  Reply apply_pack(const std::string& bytes, const std::string& query = "",
                   const std::string& token = kToken) {
    return ask(port(), {.method = "POST",
                        .target = kPacks + query,
                        .token = token,
                        .type = "application/octet-stream",
                        .body = bytes});
  }
  void SetUp() override {
    AccessPlatformTest::SetUp();
    apply([&](Json& document) {
      const Json permissions = {"read:records", "write:records"};
      for (const char* role : {"company", "regulator", "district_officer"})
        document["roles"][std::string("sampler-") + role] = {{"title", role}, {"permissions", permissions}};
      document["roles"]["chief"] = {{"title", "chief"}, {"inherits", {"sampler-regulator"}}};
      document["organisations"]["city"] = {{"name", "市局"}, {"parent", "root"}};
      document["organisations"]["east"]["region"] = "440303";
      const auto give = [&](const char* who, const char* role) {
        document["assignments"].push_back({{"to", "user:" + people.at(who).id}, {"role", role}});
      };
      give("official", "sampler-company");
      give("neighbour", "sampler-company");
      give("issuer", "sampler-district_officer");
      give("reader", "chief");
    });
  }
  static Json enterprise(const std::string& id, const std::string& name, const std::string& code) {
    return {{"id", id},
            {"fields",
             {{"name", name},
              {"code", code},
              {"district", "440303"},
              {"contact", "021-5555 0001"},
              {"capital", "1000000.5"},
              {"licences", {{{"kind", "transport"}, {"number_of", "A-1"}, {"until", "2999-12-31"}}}}}}};
  }
  void two_enterprises() {
    ASSERT_EQ(apply_pack(sampler()).status, 200);
    for (const auto& [id, name, code] : {std::tuple{"east", "甲化工厂", "91310101MA1FL0000A"},
                                         {"west", "乙运输公司", "91310115MA1FL0001N"}}) {
      const Reply made = as("reader", "POST", kRecords + "enterprise", enterprise(id, name, code));
      ASSERT_EQ(made.status, 201) << made.body;
    }
  }
  static Json manifest() {
    return {{"fields",
             {{"producer", "east"},
              {"carrier", "west"},
              {"receiver", "west"},
              {"driver_phone", "13800001111"},
              {"lines", {{{"waste", "900-041-49"}, {"quantity", "1.5"}}}}}}};
  }
};

TEST_F(PacksTest, AnApplicationComesAndGoesWhileThePlatformRuns) {
  EXPECT_EQ(as("reader", "GET", kRecords + "enterprise").reason(), "record.entity_unknown");
  const Reply planned = apply_pack(sampler(), "?dry=true");
  ASSERT_EQ(planned.status, 200) << planned.body;
  EXPECT_EQ(planned.json()["possible"], true);
  EXPECT_GE(planned.json()["steps"].size(), 3u);
  EXPECT_EQ(get(kPacks).json()["items"], Json::array()) << "a plan leaves nothing";
  EXPECT_EQ(get(kPacks + "/sampler").reason(), "record.pack_unknown");
  EXPECT_EQ(apply_pack(sampler(), "", people.at("official").token).reason(), "access.not_allowed");
  two_enterprises();
  const Json told = get(kPacks + "/sampler").json();
  EXPECT_EQ(told["version"], "0.1.0");
  EXPECT_EQ(told["roles"], (Json{"sampler-company", "sampler-district_officer", "sampler-regulator"}));
  EXPECT_EQ(told["changes"][0]["by"], "owner");
  EXPECT_EQ(get(kPacks + "/sampler/archive").body, sampler());

  const std::string newer = sampler("pack.yaml", "version: 0.1.0", "version: 0.2.0");
  EXPECT_EQ(apply_pack(newer).json()["before"], "0.1.0");
  EXPECT_EQ(apply_pack(sampler()).reason(), "pack.downgrade");
  EXPECT_EQ(post(kPacks + "/sampler/rollback", nullptr).reason(), "api.body_refused");
  EXPECT_EQ(as("system-administrator", "POST", kPacks + "/sampler/rollback").json()["after"], "0.1.0");
  const Reply lost = as("system-administrator", "DELETE", kPacks + "/sampler");
  EXPECT_EQ(lost.reason(), "record.would_lose");
  EXPECT_EQ(lost.status, 409);
  const Json losses = as("system-administrator", "DELETE", kPacks + "/sampler?dry=true").json()["losses"];
  std::string lose;
  for (const Json& each : losses) lose += (lose.empty() ? "?lose=" : ",") + each.get<std::string>();
  EXPECT_EQ(as("system-administrator", "DELETE", kPacks + "/sampler" + lose).status, 200);
  EXPECT_EQ(as("reader", "GET", kRecords + "enterprise").reason(), "record.entity_unknown");
  EXPECT_EQ(get(kPacks + "/sampler").json()["changes"].size(), 4u);
  ASSERT_EQ(apply_pack(sampler()).status, 200);
  EXPECT_EQ(as("reader", "GET", kRecords + "enterprise").json()["items"].size(), 2u) << "nothing was deleted";
}

TEST_F(PacksTest, PeopleSeeWhatTheirRolesOfThePackShow) {
  two_enterprises();
  const auto ids = [&](const std::string& who, const std::string& query = "") {
    std::set<std::string> out;
    const Json body = as(who, "GET", kRecords + "enterprise" + query).json();
    for (const Json& each : body["items"]) out.insert(each["id"].get<std::string>());
    return out;
  };
  using Ids = std::set<std::string>;
  EXPECT_EQ(ids("reader"), (Ids{"east", "west"})) << "by a role that inherits the pack's";
  EXPECT_EQ(ids("official"), Ids{"east"});
  EXPECT_EQ(ids("neighbour"), Ids{"west"});
  EXPECT_EQ(ids("issuer"), (Ids{"east", "west"})) << "of the region of his organisation";
  EXPECT_EQ(ids("reader", "?where=it.name%20%3D%3D%20'%E7%94%B2%E5%8C%96%E5%B7%A5%E5%8E%82'"), Ids{"east"});
  EXPECT_EQ(ids("reader", "?equal=contact:021-5555%200001"), (Ids{"east", "west"}));
  EXPECT_EQ(as("reader", "GET", kRecords + "enterprise?equal=contact").reason(), "record.equal");
  EXPECT_EQ(as("issuer", "GET", kRecords + "enterprise?sort=capital").reason(), "record.field_hidden");
  EXPECT_FALSE(as("issuer", "GET", kRecords + "enterprise/east").json()["fields"].contains("capital"));
  const std::string token = post("/api/v1/tokens", {{"name", "program"}}).json()["token"];
  for (const std::string& nobody : {kToken, token}) {
    const Reply refused = call("GET", kRecords + "enterprise", nobody);
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.reason(), "record.not_allowed");
  }
  EXPECT_EQ(as("registrar", "GET", kRecords + "enterprise").reason(), "access.not_allowed");
}

TEST_F(PacksTest, AFormIsToldEachOfItsMistakes) {
  two_enterprises();
  Json wrong = manifest();
  wrong["fields"]["driver_phone"] = "0";
  wrong["fields"]["lines"][0]["quantity"] = "0.0001";
  wrong["fields"]["colour"] = "red";
  const auto create = [&](const Json& body) {
    return call("POST", kRecords + "manifest", people.at("official").token, body,
                {{"Idempotency-Key", "one"}});
  };
  const Reply refused = create(wrong);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.reason(), "record.invalid");
  std::map<std::string, std::string> told;
  const Json errors = refused.json()["errors"];
  for (const Json& each : errors) {
    told[each["field"]] = each["reason"];
    EXPECT_FALSE(each["zh"].get<std::string>().empty());
    EXPECT_NE(each["en"], each["reason"]) << each;
  }
  EXPECT_EQ(told["colour"], "record.field_unknown");
  EXPECT_EQ(told["driver_phone"], "record.pattern");
  EXPECT_EQ(told.count("lines[0].quantity"), 1u) << refused.body;

  Json own = manifest();
  own["fields"]["lines"] = Json::array();
  const Json checked = create(own).json()["errors"];
  ASSERT_EQ(checked.size(), 1u) << checked;
  EXPECT_EQ(checked[0]["reason"], "sampler.no_lines");
  EXPECT_EQ(checked[0]["field"], "lines");
  EXPECT_EQ(checked[0]["zh"], "至少填一种废物");
  EXPECT_EQ(checked[0]["en"], "At least one kind of waste");

  const Reply made = create(manifest());
  ASSERT_EQ(made.status, 201) << "the key was free again: " << made.body;
  EXPECT_EQ(create(manifest()).json()["id"], made.json()["id"]) << "and is kept now";
  const std::string at = kRecords + "manifest/" + made.json()["id"].get<std::string>();
  EXPECT_EQ(made.header("location"), at);
  EXPECT_NE(made.json()["fields"]["driver_phone"], "13800001111");
  const Reply changed =
      as("official", "PUT", at, {{"version", 1}, {"fields", {{"driver_phone", "13900002222"}}}});
  EXPECT_EQ(changed.json()["version"], 2) << changed.body;
  const Reply stale = as("official", "PUT", at, {{"version", 1}, {"fields", {{"driver_phone", "1"}}}});
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.reason(), "record.stale");
  EXPECT_EQ(as("official", "POST", at + "/state", {{"version", 2}, {"state", "closed"}}).reason(),
            "record.state_order");
  const Reply shown =
      as("official", "POST", at + "/reveal", {{"fields", {"driver_phone"}}, {"purpose", "核对"}});
  EXPECT_EQ(shown.json()["fields"]["driver_phone"], "13900002222") << shown.body;
  EXPECT_EQ(as("neighbour", "GET", at).reason(), "record.not_found");
  EXPECT_EQ(as("official", "GET", at + "/history").json()["items"].size(), 2u);
  EXPECT_EQ(as("official", "DELETE", at).reason(), "api.missing_parameter");
  EXPECT_EQ(as("official", "DELETE", at + "?version=2").status, 204);
}

TEST_F(PacksTest, WhoSignsPacksIsTheSites) {
  const auto publisher = *crypto::Sm2PrivateKey::generate(), other = *crypto::Sm2PrivateKey::generate();
  pack_signers = {publisher.public_key()};
  EXPECT_EQ(apply_pack(sampler()).reason(), "pack.unsigned");
  EXPECT_EQ(apply_pack(sampler("", "", "", &other), "?dry=true").reason(), "pack.signer");
  EXPECT_EQ(apply_pack("no pack").reason(), "pack.packed");
  EXPECT_EQ(apply_pack(sampler("", "", "", &publisher)).status, 200);
}

void each_reference(const Json& value, const std::function<void(const std::string&)>& visit) {
  if (value.is_object() && value.contains("$ref")) visit(value["$ref"]);
  if (value.is_structured())
    for (const auto& child : value) each_reference(child, visit);
}

TEST_F(PacksTest, TheApplicationDescribesItself) {
  ASSERT_EQ(apply_pack(sampler()).status, 200);
  EXPECT_EQ(as("official", "GET", kPacks + "/nothing/openapi.json").reason(), "record.pack_unknown");
  const Json document = as("official", "GET", kPacks + "/sampler/openapi.json").json();
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "0.1.0");
  each_reference(document, [&](const std::string& reference) {
    EXPECT_TRUE(document.contains(Json::json_pointer(reference.substr(1)))) << reference;
  });
  const Json& paths = document["paths"];
  EXPECT_TRUE(paths.contains(kRecords + "manifest/{id}/state"));
  EXPECT_FALSE(paths.contains(kRecords + "enterprise/{id}/state")) << "it has no states";
  EXPECT_FALSE(paths[kRecords + "enterprise/{id}"].contains("delete")) << "it is never deleted";
  const Json& create = paths[kRecords + "manifest"]["post"];
  EXPECT_EQ(create["summary"], "转移联单：新建记录");
  EXPECT_EQ(create["x-summary-en"], "Transfer manifest: Create a record");
  const Json& schemas = document["components"]["schemas"];
  const Json& fresh = schemas["manifest.NewRecordFields"];
  EXPECT_EQ(fresh["required"], (Json{"producer", "carrier", "receiver"}));
  EXPECT_FALSE(fresh["properties"].contains("kinds")) << "it is computed";
  EXPECT_TRUE(schemas["manifest.RecordFields"]["properties"].contains("kinds"));
  EXPECT_EQ(schemas["manifest.RecordState"]["enum"], (Json{"draft", "sent", "moving", "closed"}));
}

}  // namespace
}  // namespace chengxin::api
