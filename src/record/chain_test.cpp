#include <algorithm>
#include <fstream>

#include "proof/bundle.h"
#include "record/chain_rig_for_tests.h"

// What an entity's chain policy promises.
namespace chengxin::record {
namespace {

using Told = std::vector<std::string>;

// What the verifier of another language says of a bundle: sdk/js.
std::string verdict_of_node(const Bytes& bundle, const fs::path& folder) {
  const fs::path script = fs::path(CHENGXIN_SOURCE_DIR) / "sdk/js/dist/cli.js";
  if (!fs::exists(script)) return "sdk/js is not built: npm ci && npm run build in sdk/js";
  std::ofstream(folder / "in") << "{\"bundle\":\"" << base64(bundle) << "\"}\n";
  const std::string command = fmt::format("node {} --batch < {} > {}", script.string(),
                                          (folder / "in").string(), (folder / "out").string());
  if (std::system(command.c_str()) != 0) return "node failed";
  std::string line;
  std::ifstream answers(folder / "out");
  std::getline(answers, line);
  const Json answer = Json::parse(line);
  return answer.at("ok") == true ? "ok" : answer.value("reason", "");
}

class ChainTest : public RecordsOnEachDatabase {
 protected:
  void SetUp() override {
    RecordsOnEachDatabase::SetUp();
    rig = open_chain(folder, url);
    ASSERT_TRUE(rig->service);
    apply(permits());
  }
  void TearDown() override {
    anchoring.reset();
    rig.reset();
    RecordsOnEachDatabase::TearDown();
  }
  void anchor(const std::string& default_chain = "main") {
    auto opened = Anchoring::open(*database, *rig->service, {default_chain, 20});
    ASSERT_TRUE(opened) << opened.error().to_string();
    anchoring = std::move(*opened);
  }
  void add(const std::string& id, const std::string& name = "一号") {
    const auto made = create(kClerk, "permit", permit(name), id);
    ASSERT_TRUE(made) << made.error().to_string();
  }
  void sql(const std::string& statement) { rig->sql(statement); }
  std::string column(const std::string& field) {
    return (*installation->current()->model("permit"))->layout.column(field)->name;
  }
  // "record version field what detail", sorted.
  Told reconcile(int64_t since_ms = 0, int64_t patience_ms = 1000) {
    Told out;
    Reconciliation reconciliation(*installation, *rig->service, {[this] { return now_ms; }, patience_ms, {}});
    const auto done = reconciliation.run(since_ms, [&](const Discrepancy& each) {
      EXPECT_TRUE(each.entity == "permit" || each.record.empty());
      out.push_back(fmt::format("{} {} {} {} {}{}", each.record, each.version,
                                each.field.empty() ? "*" : each.field, name_of(each.what), each.detail,
                                each.mended ? " mended" : ""));
    });
    EXPECT_TRUE(done) << done.error().to_string();
    summary = done.value_or(Reconciliation::Summary{});
    std::sort(out.begin(), out.end());
    return out;
  }
  Result<Bytes> bundle(const Person& person, const std::string& id, int64_t version,
                       std::vector<std::string> fields, const std::string& purpose = "") {
    return Proofs(*installation, *rig->service)
        .bundle(person, {"permit", id, version, std::move(fields), purpose, false});
  }

  std::unique_ptr<evidence::Rig> rig;
  std::unique_ptr<Anchoring> anchoring;
  Reconciliation::Summary summary;
};
INSTANTIATE_ON_EACH_DATABASE(ChainTest);

TEST_P(ChainTest, AVersionIsProvedFieldByFieldToWhoMaySeeIt) {
  add("a");
  ASSERT_EQ(reason(change(kClerk, "permit", "a", {{"name", "二号"}}, 1)), "");
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"name"})), "evidence.not_anchored");
  anchor();
  ASSERT_TRUE(settled(*database));

  const auto made = bundle(kClerk, "a", 1, {"name", "place"});
  ASSERT_TRUE(made) << made.error().to_string();
  const auto trust = proof::Anchor::decode(rig->service->anchor("main").value()).value();
  const auto facts = proof::verify(*made, trust);
  ASSERT_TRUE(facts) << facts.error().to_string();
  EXPECT_TRUE(facts->anchored);
  EXPECT_EQ(facts->digest, anchors(*database).at(0).root);
  std::map<std::string, std::string> shown(facts->record.begin(), facts->record.end());
  EXPECT_EQ(shown, (std::map<std::string, std::string>{
                       {"action", "\"created\""},
                       {"entity", "\"permit\""},
                       {"id", "\"a\""},
                       {"number", "\"P-0001\""},
                       {"state", "\"\""},
                       {"version", "1"},
                       {"f.name", "\"一号\""},
                       {"f.place", R"("{\"coordinates\":[121.473701,31.230416],\"type\":\"Point\"}")"}}));
  EXPECT_EQ(facts->withheld_fields, 2u) << "area and phone; the remark does not go on the chain";
  for (const std::string_view secret : {"12.50", "13800001111", "内部", "f.area", "二号"})
    EXPECT_EQ(text(*made).find(secret), std::string_view::npos) << secret;
  EXPECT_EQ(verdict_of_node(*made, folder), "ok");
  Bytes bent = *made;
  const size_t at = text(bent).find("一号");
  ASSERT_NE(at, std::string_view::npos);
  bent[at + 2] ^= 1;
  EXPECT_EQ(reason(proof::verify(bent, trust)), verdict_of_node(bent, folder));
  EXPECT_NE(reason(proof::verify(bent, trust)), "");

  const auto second = bundle(kClerk, "a", 2, {"name"});
  ASSERT_TRUE(second);
  EXPECT_NE(text(*second).find("二号"), std::string_view::npos);
  EXPECT_EQ(reason(bundle(kClerk, "a", 3, {"name"})), "record.version_unknown");
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"remark"})), "record.not_committed");
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"colour"})), "record.field_unknown");
  EXPECT_EQ(reason(bundle(kGuest, "a", 1, {"name"})), "");
  EXPECT_EQ(reason(bundle(kGuest, "a", 1, {"area"})), "record.field_hidden");
  EXPECT_EQ(reason(bundle(kGuest, "a", 1, {"phone"}, "why")), "record.field_hidden");
  EXPECT_EQ(reason(bundle({"u9", "", "", "", {}, {}}, "a", 1, {})), "record.not_allowed");
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"phone"})), "record.purpose");
  const auto phone = bundle(kClerk, "a", 1, {"phone"}, "查证");
  ASSERT_TRUE(phone) << phone.error().to_string();
  EXPECT_NE(text(*phone).find("13800001111"), std::string_view::npos);
  EXPECT_TRUE(database->read([&](sql::Session& session) -> Status {
    ASSIGN(const auto looks, session.rows("select reader, purpose, fields from record_look"));
    EXPECT_EQ(looks.size(), 1u);
    EXPECT_EQ(looks.at(0).text(0) + looks.at(0).text(1) + looks.at(0).text(2), "u1查证[\"phone\"]");
    return {};
  }));
}

TEST_P(ChainTest, WithoutAChainWorkGoesOnAndNothingIsLost) {
  anchor("nowhere");
  for (int i = 0; i < 5; ++i) add(fmt::format("a{}", i));
  anchoring->wake();
  for (int i = 0; i < 1000 && anchoring->counters().held_back < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(anchoring->counters().held_back, 2u) << "it tries again";
  for (const Anchor& each : anchors(*database)) EXPECT_EQ(each.state, AnchorState::pending);
  EXPECT_EQ(reconcile(), Told{});
  EXPECT_EQ(summary.pending, 5u);
  now_ms += 1001;
  EXPECT_EQ(reconcile().at(4), "a4 1 * pending_too_long ");
  add("late");
  EXPECT_EQ(reconcile().size(), 5u);

  // A service without room for them, and one that is stopped.
  anchoring.reset();
  rig->close();
  rig->max_queue_items = 1;
  rig->open();
  anchor();
  for (int i = 0; i < 1000 && anchoring->counters().held_back < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(anchoring->counters().held_back, 2u);
  anchoring.reset();
  rig->service->stop();
  anchor();
  for (int i = 0; i < 1000 && anchoring->counters().held_back < 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (const Anchor& each : anchors(*database)) EXPECT_EQ(each.state, AnchorState::pending);

  anchoring.reset();
  rig->close();
  rig->max_queue_items = 1000;
  rig->open();
  anchor();
  ASSERT_TRUE(settled(*database));
  expect_each_once(*database, *rig);
  EXPECT_EQ(reconcile(), Told{});
  EXPECT_EQ(summary.sound, 6u);
  EXPECT_EQ(summary.versions, 6u);
}

TEST_P(ChainTest, AChainThatIsNotThereHoldsUpNoOther) {
  apply(packed({{"pack.yaml",
                 "pack: notes\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 通告\nchains: {main: 主链}\n"
                 "roles: {writer: 职员}\n"},
                {"entities/notice.yaml",
                 "entity: notice\ntitle: 通告\nchain: {on: main, record: full}\nfields:\n  text: text\n"
                 "access: {writer: {read: all, create: true}}\n"}}));
  anchor("nowhere");
  add("a");
  ASSERT_EQ(reason(create({"u3", "", "", "", {}, {"writer"}}, "notice", {{"text", "通告"}}, "n")), "");
  add("b");
  anchoring->wake();
  for (int i = 0; i < 1000 && anchoring->counters().anchored < 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (const Anchor& each : anchors(*database))
    EXPECT_EQ(each.state, each.record == "n" ? AnchorState::anchored : AnchorState::pending) << each.record;
}

TEST_P(ChainTest, TamperingIsToldByRecordAndField) {
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    add(id);
    ASSERT_EQ(reason(change(kClerk, "permit", id, {{"remark", "二"}}, 1)), "");
    ASSERT_EQ(reason(change(kClerk, "permit", id, {{"remark", "三"}}, 2)), "");
  }
  anchor();
  ASSERT_TRUE(settled(*database));
  EXPECT_EQ(reconcile(), Told{});
  EXPECT_EQ(summary.sound, 24u);
  anchoring.reset();

  sql(fmt::format("update e_permit set {} = '改', {} = 1 where id = 'a'", column("name"), column("area")));
  sql("update record_version set content = replace(content, '一号', '九号'), action = 'moved' "
      "where record = 'b' and version = 1");
  sql("delete from record_version where record = 'c' and version = 2");
  sql("delete from e_permit where id = 'd'");
  sql(fmt::format("update e_permit set {0} = (select o.{0} from e_permit o where o.id = 'a') where id = 'e'",
                  column("phone")));
  sql("update record_anchor set salts = (select o.salts from record_anchor o where o.record = 'a' and "
      "o.version = 1) where record = 'f' and version = 2");
  sql("update record_anchor set root = (select o.root from record_anchor o where o.record = 'a' and "
      "o.version = 1) where record = 'f' and version = 1");
  sql("delete from record_version where record = 'g' and version >= 2");
  sql("delete from record_anchor where record = 'g' and version = 2");
  sql("update e_permit set version = 2, deleted_ms = 5, number = 'P-9' where id = 'h'");
  const Told found = reconcile();
  const Told expected{
      "a 3 area changed current",   "a 3 name changed current",    "b 1 action changed ",
      "b 1 name changed ",          "c 2 * missing_in_sql ",       "d 3 * missing_in_sql current",
      "e 3 phone changed current",  "f 1 * changed root",          "f 2 * changed salts",
      "g 3 * missing_in_sql ",      "h 3 deleted changed current", "h 3 number changed current",
      "h 3 version changed current"};
  for (const std::string& each : expected)
    EXPECT_NE(std::find(found.begin(), found.end(), each), found.end()) << each;
  // Of g version 2 all is gone but its evidence; the root that stood in f too.
  EXPECT_EQ(found.size(), expected.size() + 2) << fmt::format("{}", fmt::join(found, "\n"));
  EXPECT_EQ(std::count_if(found.begin(), found.end(),
                          [](const auto& each) { return each.starts_with(" 0 * missing_in_sql "); }),
            2);
  EXPECT_EQ(summary.mended, 0u);
  EXPECT_EQ(reconcile(), found) << "nothing of it was touched";
  EXPECT_EQ(reason(bundle(kClerk, "b", 1, {"name"})), "record.damaged");
  EXPECT_EQ(reason(bundle(kClerk, "f", 2, {"name"})), "record.damaged");
}

TEST_P(ChainTest, GapsAreMendedAndNothingIsAnchoredTwice) {
  for (const char* id : {"a", "b", "c", "d"}) add(id);
  sql("update record_anchor set state = 2 where record = 'a'");
  sql("update record_anchor set state = 3, refusal = 'ledger.x' where record = 'b'");
  EXPECT_EQ(reconcile(), (Told{"a 1 * missing_on_chain  mended", "b 1 * missing_on_chain  mended"}));
  anchor();
  ASSERT_TRUE(settled(*database));
  EXPECT_EQ(reconcile(), Told{});
  expect_each_once(*database, *rig);

  sql("update record_anchor set state = 0, evidence = '' where record = 'c'");
  sql("update record_anchor set state = 1, evidence = '' where record = 'd'");
  ASSERT_TRUE(settled(*database));
  EXPECT_EQ(reconcile(), Told{});
  sql("update record_anchor set evidence = (select o.evidence from record_anchor o where o.record = 'b') "
      "where record = 'a'");
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"name"})), "record.damaged");
  EXPECT_EQ(reconcile(), (Told{"a 1 * changed evidence mended"}));
  EXPECT_EQ(reason(bundle(kClerk, "a", 1, {"name"})), "");
  expect_each_once(*database, *rig);

  // The chain is not to be asked: nothing is held to be missing there.
  sql("update evidence set chain = 'gone'");
  EXPECT_EQ(reconcile(), Told{});
  EXPECT_EQ(summary.unchecked, 4u);
}

TEST_P(ChainTest, WhatIsErasedLosesItsSaltsAndIsNoTampering) {
  apply(permits("1.0.1", "{decimal: 2, zh: 面积}", "erase"));
  add("a");
  ASSERT_EQ(reason(change(kClerk, "permit", "a", {{"name", "二号"}}, 1)), "");
  anchor();
  ASSERT_TRUE(settled(*database));
  ASSERT_EQ(remove(kClerk, "permit", "a", 2), "");
  ASSERT_TRUE(settled(*database));
  EXPECT_EQ(reconcile(), Told{});
  EXPECT_EQ(summary.sound, 1u) << "the version that says that it was erased";
  EXPECT_TRUE(database->read([&](sql::Session& session) -> Status {
    ASSIGN(const auto rows, session.rows("select salts from record_anchor order by version"));
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_TRUE(rows.at(0).is_null(0) && rows.at(1).is_null(0));
    return {};
  }));
  EXPECT_EQ(reason(create(kClerk, "permit", permit("一号"), "a")), "record.id_taken");
  // To hide a record as one that was erased takes a version that nobody can forge.
  add("b");
  ASSERT_TRUE(settled(*database));
  sql("update record_version set action = 'deleted', content = "
      "'{\"fields\":{},\"number\":\"\",\"state\":\"\"}' "
      "where record = 'b'");
  sql("delete from e_permit where id = 'b'");
  EXPECT_EQ(reconcile(), (Told{"b 1 action changed ", "b 1 area changed ", "b 1 name changed ",
                               "b 1 number changed ", "b 1 phone changed ", "b 1 place changed "}));
}

TEST_P(ChainTest, AMigrationIsNoTampering) {
  add("a");
  apply(permits("1.1.0", "{decimal: 3, zh: 面积}"));
  EXPECT_EQ(get(kClerk, "permit", "a")->at("fields").at("area"), "12.500");
  EXPECT_EQ(reconcile(), Told{});
  now_ms += 10;
  ASSERT_EQ(reason(change(kClerk, "permit", "a", {{"area", "13"}}, 1)), "");
  EXPECT_EQ(reconcile(), Told{});
  sql(fmt::format("update e_permit set {} = 1", column("area")));
  EXPECT_EQ(reconcile(), (Told{"a 2 area changed current"}));
  EXPECT_EQ(reconcile(now_ms + 1), Told{}) << "since then";
}

TEST_P(ChainTest, MoreFieldsThanAProofHoldsAreRefused) {
  std::string fields = "chain: {on: state, record: digest}\nfields:\n";
  for (int i = 0; i < 251; ++i) fields += fmt::format("  f{}: text\n", i);
  fields += "access: {viewer: {read: all}}\n";
  EXPECT_EQ(refused(packed({{"pack.yaml",
                             "pack: wide\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 宽\n"
                             "chains: {state: 省链}\nroles: {viewer: 职员}\n"},
                            {"entities/wide.yaml", "entity: wide\ntitle: 宽\n" + fields}})),
            "record.chain_fields: wide: 251 > 250");
}

}  // namespace
}  // namespace chengxin::record
