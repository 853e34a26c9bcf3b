#include <thread>

#include "record/rig_for_tests.h"

// packs/sampler, worked with.
namespace chengxin::record {
namespace {

using Ids = std::vector<std::string>;
using Told = std::vector<std::string>;

const Person kRegulator{"u1", "监管员", "city", "310000", {"city"}, {"regulator"}};
const Person kOfficer{"u2", "区管理员", "district", "440303", {"district"}, {"district_officer"}};
const Person kProducer{"u3", "甲", "jia", "440303", {"jia"}, {"company"}};
const Person kOther{"u4", "乙", "yi", "440304", {"yi"}, {"company"}};
const Person kNobody{"u5", "", "", "", {}, {}};

Json enterprise(const std::string& name, const std::string& code, const std::string& district,
                const std::string& kind = "") {
  Json out = {{"name", name},
              {"code", code},
              {"district", district},
              {"contact", "021-5555 0001"},
              {"founded", "2001-02-03"},
              {"capital", "1000000.5"},
              {"open_from", "08:30"}};
  if (!kind.empty()) out["licences"] = {{{"kind", kind}, {"number_of", "A-1"}, {"until", "2027-12-31"}}};
  return out;
}

Json manifest() {
  return {{"producer", "jia"},
          {"carrier", "che"},
          {"receiver", "yi"},
          {"lines",
           {{{"waste", "900-041-49"}, {"quantity", "0.125"}}, {{"waste", "900-041-49"}, {"quantity", 2}}}},
          {"driver_phone", "13800001111"},
          {"leaves", "2026-11-19T08:30:15Z"}};
}

class SamplerTest : public RecordsOnEachDatabase {
 protected:
  void SetUp() override {
    RecordsOnEachDatabase::SetUp();
    pack::Findings findings;
    const pack::Files files = pack::read_folder(fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler", findings);
    apply(pack::write_packed(files.content, nullptr).value());
    ASSERT_EQ(reason(create(kRegulator, "enterprise", enterprise("甲化工厂", "91310101MA1FL0000A", "440303"),
                            "jia")),
              "");
  }
  void others() {
    ASSERT_EQ(reason(create(kRegulator, "enterprise",
                            enterprise("乙处置中心", "91310115MA1FL0001N", "440304", "treat"), "yi")),
              "");
    ASSERT_EQ(reason(create(kRegulator, "enterprise",
                            enterprise("丙运输公司", "91310115MA1FL0002R", "440304", "transport"), "che")),
              "");
  }
};
INSTANTIATE_ON_EACH_DATABASE(SamplerTest);

TEST_P(SamplerTest, ARecordComesBackInOneForm) {
  const auto seen = get(kRegulator, "enterprise", "jia");
  ASSERT_TRUE(seen) << seen.error().to_string();
  const Json& fields = seen->at("fields");
  EXPECT_EQ(fields.at("name"), "甲化工厂");
  EXPECT_EQ(fields.at("capital"), "1000000.50");
  EXPECT_EQ(fields.at("open_from"), "08:30:00");
  EXPECT_EQ(fields.at("licences"), Json::array());
  EXPECT_EQ(fields.at("contact"), "0************") << "sensitive: masked until it is asked for";
  EXPECT_EQ(seen->at("masked"), Json({"contact"}));
  EXPECT_EQ(seen->at("version"), 1);
}

TEST_P(SamplerTest, EachMistakeInAFormIsToldAtOnce) {
  EXPECT_EQ(
      reason(create(kRegulator, "enterprise",
                    {{"name", "短"},
                     {"code", "91310101MA1FL0000B"},
                     {"district", "999999"},
                     {"founded", "2101-01-01"},
                     {"capital", "1.005"},
                     {"open_from", "25:00"},
                     {"site", {{"type", "Polygon"}, {"coordinates", {{{121, 31}, {122, 31}, {121, 31}}}}}},
                     {"licences", {{{"kind", "fly"}, {"number_of", "a b"}, {"more", 1}}}},
                     {"remark", "a\u0001b"},
                     {"colour", "red"}})),
      "record.invalid");
  EXPECT_EQ(told(), (Told{"capital record.digits", "code record.pattern", "colour record.field_unknown",
                          "district record.code_unknown", "founded record.too_large",
                          "licences[0].kind record.code_unknown", "licences[0].number_of record.pattern",
                          "licences[0].more record.field_unknown", "name record.too_short",
                          "open_from record.date", "remark record.text", "site record.geometry"}));
  EXPECT_EQ(reason(create(kRegulator, "enterprise", {{"licences", {{{"kind", "treat"}}}}})),
            "record.invalid");
  EXPECT_EQ(told(), (Told{"name record.required", "code record.required", "district record.required",
                          "licences[0].number_of record.required", "licences[0].until record.required"}));
  EXPECT_EQ(reason(create(kRegulator, "enterprise", enterprise("甲的孪生", "91310101MA1FL0000A", "440303"))),
            "record.invalid");
  EXPECT_EQ(told(), (Told{"code record.not_unique"}));
  EXPECT_EQ(
      reason(create(kRegulator, "enterprise", enterprise("同号企业", "91310115MA1FL0001N", "440303"), "jia")),
      "record.id_taken");
  EXPECT_EQ(
      reason(create(kRegulator, "enterprise", enterprise("同号企业", "91310115MA1FL0001N", "440303"), "a/b")),
      "record.id");
  EXPECT_EQ(list(kRegulator, "enterprise"), Ids{"jia"}) << "nothing was kept of what was refused";
}

TEST_P(SamplerTest, ValuesAreComputedAndNumbersGivenInOrder) {
  others();
  const auto first = create(kProducer, "manifest", manifest());
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_EQ(first->at("number"), "20264403000001");
  EXPECT_EQ(first->at("state"), "draft");
  const Json& fields = first->at("fields");
  EXPECT_EQ(fields.at("kinds"), 2);
  EXPECT_EQ(fields.at("mixed"), true);
  EXPECT_EQ(fields.at("lines")[0].at("quantity"), "0.125");
  EXPECT_EQ(fields.at("lines")[1].at("quantity"), "2.000");
  EXPECT_EQ(fields.at("lines")[1].at("packages"), 1) << "a default";
  EXPECT_EQ(fields.at("leaves"), "2026-11-19T16:30:00+08:00") << "to the minute";
  EXPECT_EQ(reason(create(kProducer, "manifest", manifest())), "record.invalid");
  EXPECT_EQ(told(), (Told{"producer record.not_unique"})) << "together with the time it leaves at";
  Json second = manifest();
  second["leaves"] = nullptr;
  const auto made = create(kProducer, "manifest", second);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(made->at("number"), "20264403000002") << "what was refused used no number up";
  EXPECT_EQ(made->at("fields").at("leaves"), "2026-11-18T19:06:00+08:00");
}

TEST_P(SamplerTest, WhatMayBeChosenAndWhatHasToHold) {
  others();
  Json wrong = manifest();
  wrong["carrier"] = "yi";
  wrong["receiver"] = "jia";
  wrong["former"] = "none";
  EXPECT_EQ(reason(create(kProducer, "manifest", wrong)), "record.invalid");
  EXPECT_EQ(told(), (Told{"former record.field_fixed"}));
  wrong.erase("former");
  EXPECT_EQ(reason(create(kProducer, "manifest", wrong)), "record.invalid");
  EXPECT_EQ(told(), (Told{"carrier record.reference_choice", "receiver record.reference_choice"}));
  wrong = manifest();
  wrong["receiver"] = "nowhere";
  EXPECT_EQ(reason(create(kProducer, "manifest", wrong)), "record.invalid");
  EXPECT_EQ(told(), (Told{"receiver record.reference_unknown"}));
  wrong = manifest();
  wrong["lines"] = Json::array();
  EXPECT_EQ(reason(create(kProducer, "manifest", wrong)), "record.invalid");
  EXPECT_EQ(told(), (Told{"lines sampler.no_lines"}));
  wrong = manifest();
  wrong["kinds"] = 7;
  EXPECT_EQ(reason(create(kProducer, "manifest", wrong)), "record.invalid");
  EXPECT_EQ(told(), (Told{"kinds record.field_computed"}));
}

TEST_P(SamplerTest, EachSeesWhatTheEntityLetsHim) {
  others();
  const std::string id = create(kProducer, "manifest", manifest())->at("id");
  EXPECT_EQ(list(kRegulator, "manifest"), Ids{id});
  EXPECT_EQ(list(kProducer, "manifest"), Ids{id});
  EXPECT_EQ(list(kOther, "manifest"), Ids{});
  EXPECT_EQ(reason(get(kOther, "manifest", id)), "record.not_found");
  EXPECT_EQ(reason(get(kNobody, "manifest", id)), "record.not_allowed");
  EXPECT_EQ(list(kOfficer, "enterprise"), Ids{"jia"}) << "of his district";
  EXPECT_EQ(list(kProducer, "enterprise"), Ids{"jia"}) << "his own";
  EXPECT_FALSE(get(kOfficer, "enterprise", "jia")->at("fields").contains("capital")) << "hidden";
  EXPECT_EQ(get(kOfficer, "manifest", id)->at("fields").at("driver_phone"), "1**********");

  // Not by a condition either, nor by the order, nor by way of another entity.
  const std::string by_capital = "has(it.capital) && it.capital > decimal('1')";
  EXPECT_EQ(list(kOfficer, "enterprise", {.where = by_capital}), Ids{"record.field_hidden: capital"});
  EXPECT_EQ(list(kRegulator, "enterprise", {.where = by_capital}).size(), 3u);
  EXPECT_EQ(list(kOfficer, "enterprise", {.sort = "capital"}), Ids{"record.field_hidden: capital"});
  EXPECT_EQ(list(kOfficer, "enterprise", {.equal = {{"contact", "021-5555 0001"}}}), Ids{"jia"});
  EXPECT_EQ(list(kProducer, "enterprise", {.equal = {{"contact", "021-5555 0001"}}}),
            Ids{"record.field_hidden: contact"})
      << "he sees it masked";
  EXPECT_EQ(list(kOfficer, "manifest", {.where = "it.producer.name == '甲化工厂'"}),
            Ids{"record.field_hidden: enterprise.name"})
      << "he does not see every enterprise";
  EXPECT_EQ(
      list(
          kRegulator, "manifest",
          {.where =
               "it.producer.name == '甲化工厂' && it.lines.exists(l, l.quantity.orValue(decimal('0')) > 1)"}),
      Ids{id});
  EXPECT_EQ(list(kRegulator, "enterprise", {.where = "it.contact == '1'"})[0].substr(0, 17),
            "rules.sql_mapping")
      << "encrypted";
  EXPECT_EQ(list(kRegulator, "enterprise", {.where = "it.colour == '1'"})[0].substr(0, 16),
            "rules.type_field");
  EXPECT_EQ(list(kRegulator, "enterprise", {.sort = "contact"}), Ids{"record.sort: contact"});
  EXPECT_EQ(list(kRegulator, "enterprise", {.cursor = "zz"})[0].substr(0, 10), "sql.cursor");
  EXPECT_EQ(list(kRegulator, "manifest", {.view = "manifests"}), Ids{id});
  EXPECT_EQ(list(kRegulator, "manifest", {.view = "reports"}), Ids{"record.view_unknown: reports"});
}

TEST_P(SamplerTest, OnlyWhoMayChangesAndNobodyOverwritesAnother) {
  others();
  const std::string id = create(kProducer, "manifest", manifest())->at("id");
  EXPECT_EQ(reason(change(kOfficer, "manifest", id, {{"receiver", "yi"}}, 1)), "record.not_allowed");
  EXPECT_EQ(reason(change(kOther, "manifest", id, {{"receiver", "yi"}}, 1)), "record.not_found")
      << "the draft of another is not his to see, though the rule for changes would let him";
  EXPECT_EQ(reason(change(kProducer, "manifest", id, {{"former", nullptr}}, 1)), "record.invalid");
  Json given_away = manifest();
  given_away["producer"] = "yi";
  given_away["receiver"] = "jia";
  EXPECT_EQ(reason(create(kProducer, "manifest", given_away)), "record.out_of_sight")
      << "nobody makes one in the name of another";
  EXPECT_EQ(reason(change(kProducer, "manifest", id, {{"producer", "che"}}, 1)), "record.out_of_sight");
  const auto changed =
      change(kProducer, "manifest", id, {{"lines", {{{"waste", "900-041-49"}, {"quantity", 1}}}}}, 1);
  ASSERT_TRUE(changed) << changed.error().to_string();
  EXPECT_EQ(changed->at("version"), 2);
  EXPECT_EQ(changed->at("fields").at("kinds"), 1);
  EXPECT_EQ(changed->at("fields").at("driver_phone"), "1**********");
  EXPECT_EQ(reason(change(kProducer, "manifest", id, {{"leaves", "2026-11-20T08:30:00+08:00"}}, 1)),
            "record.stale");
  const auto move = [&](const Person& person, const std::string& state, int64_t version) {
    return as(person, [&](Work& work) { return work.move("manifest", id, state, version); });
  };
  EXPECT_EQ(reason(move(kRegulator, "sent", 2)), "record.state_by");
  EXPECT_EQ(reason(move(kProducer, "closed", 2)), "record.state_order");
  EXPECT_EQ(reason(move(kProducer, "flown", 2)), "record.state_unknown");
  EXPECT_EQ(move(kProducer, "sent", 2)->at("state"), "sent");
  EXPECT_EQ(reason(change(kProducer, "manifest", id, {{"lines", Json::array()}}, 3)), "record.not_allowed")
      << "no draft any more";
  const auto history = as(kProducer, [&](Work& work) { return work.history("manifest", id); });
  ASSERT_EQ(history->size(), 3u);
  EXPECT_EQ(history->at(0).action + history->at(1).action + history->at(2).action, "createdchangedmoved");
  EXPECT_EQ(history->at(0).record.at("fields").at("lines").size(), 2u);
  EXPECT_EQ(history->at(0).record.at("fields").at("driver_phone"), "1**********");
  EXPECT_EQ(history->at(1).record.at("state"), "draft");
}

TEST_P(SamplerTest, WhatIsSensitiveIsShownForAPurposeAndNoted) {
  const auto reveal = [&](const Person& person, const std::string& field, const std::string& purpose) {
    return as(person, [&](Work& work) { return work.reveal("enterprise", "jia", {field}, purpose); });
  };
  EXPECT_EQ(reveal(kOfficer, "contact", "联系检查")->at("fields").at("contact"), "021-5555 0001");
  EXPECT_EQ(reason(reveal(kOfficer, "contact", "")), "record.purpose");
  EXPECT_EQ(reason(reveal(kOfficer, "capital", "x")), "record.field_hidden");
  EXPECT_EQ(reason(reveal(kProducer, "contact", "x")), "record.field_hidden") << "masked for his role";
  ASSERT_OK(database->read([&](sql::Session& session) -> Status {
    ASSIGN(const auto looks, session.rows("select reader, purpose, fields from record_look"));
    EXPECT_EQ(looks.size(), 1u);
    EXPECT_EQ(looks.at(0).text(0) + looks.at(0).text(1) + looks.at(0).text(2), "u2联系检查[\"contact\"]");
    ASSIGN(const auto held, session.rows("select f_contact_xt, k_contact from e_enterprise"));
    EXPECT_EQ(to_string(held.at(0).blob(0)).find("5555"), std::string::npos);
    ASSIGN(const auto kept, session.rows("select content from record_version"));
    EXPECT_EQ(kept.at(0).text(0).find("5555"), std::string::npos) << "nor in the history";
    return {};
  }));
}

TEST_P(SamplerTest, WhatOthersNameIsRefusedClearedOrDeletedWithIt) {
  others();
  const std::string former = create(kProducer, "manifest", manifest())->at("id");
  Json next = manifest();
  next["leaves"] = nullptr;
  const std::string id = create(kProducer, "manifest", next)->at("id");
  ASSERT_EQ(reason(as(kNobody,
                      [&](Work& work) -> Result<bool> {
                        const Model* model = *installation->current()->model("manifest");
                        ASSIGN(Stored record, work.find(*model, id));
                        return record.version == 1;
                      })),
            "");
  const auto report =
      create(kOfficer, "report", {{"about", former}, {"seen_at", "jia"}, {"found", "标签缺失"}});
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(remove(kRegulator, "enterprise", "jia", 1), "record.not_allowed");
  EXPECT_EQ(remove(kOther, "manifest", former, 1), "record.not_found");
  EXPECT_EQ(remove(kProducer, "manifest", former, 9), "record.stale");
  EXPECT_EQ(remove(kProducer, "manifest", former, 1), "");
  EXPECT_EQ(reason(get(kRegulator, "manifest", former)), "record.not_found");
  EXPECT_EQ(list(kRegulator, "report"), Ids{}) << "on_delete: delete";
  EXPECT_EQ(list(kRegulator, "manifest"), Ids{id});
  ASSERT_OK(database->read([&](sql::Session& session) -> Status {
    ASSIGN(const auto erased, session.rows("select content from record_version where entity = 'report'"));
    EXPECT_EQ(erased.size(), 1u) << "erased, but for that there was one";
    EXPECT_EQ(erased.at(0).text(0).find("标签"), std::string::npos);
    ASSIGN(const auto kept, session.rows("select deleted_ms from e_manifest where id = ?", former));
    EXPECT_EQ(kept.at(0).integer(0), now_ms) << "kept out of sight";
    return {};
  }));
}

// Everybody at once: each change counts once, or is told that it came late.
TEST_P(SamplerTest, ChangesAtOneTimeAreNeverLost) {
  std::atomic<int> done = 0, stale = 0, odd = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const Person person{"p" + std::to_string(i), "", "city", "", {"city"}, {"regulator"}};
      for (int round = 0; round < 10; ++round) {
        Result<Json> out = fail(Code::internal, "");
        const Status worked =
            installation->work([&](sql::Session& session, const Work::Means& means) -> Status {
              Work work(session, means, person);
              ASSIGN(const Json now, work.get("enterprise", "jia"));
              out = work.change("enterprise", "jia", {{"remark", fmt::format("{} {}", i, round)}},
                                now.at("version"));
              return out ? Status() : Status(tl::unexpected(out.error()));
            });
        if (worked)
          ++done;
        else if (worked.error().reason == "record.stale" || worked.error().reason == "sql.busy")
          ++stale;
        else
          ++odd;
      }
    });
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(odd, 0);
  EXPECT_EQ(get(kRegulator, "enterprise", "jia")->at("version"), 1 + done);
  EXPECT_EQ(as(kRegulator, [&](Work& work) { return work.history("enterprise", "jia"); })->size(),
            size_t(1 + done));
}

}  // namespace
}  // namespace chengxin::record
