#include <random>

#include "record/rig_for_tests.h"
#include "sql/dump.h"

// From one version of a pack to the next.
namespace chengxin::record {
namespace {

using Ids = std::vector<std::string>;
const Person kClerk{"u1", "", "", "", {}, {"clerk"}};
constexpr std::string_view kAll = "access: {clerk: {read: all, create: true, change: all, delete: all}}\n";

std::string room(const std::string& fields, const std::string& rest = "") {
  return fmt::format("fields:\n{}{}{}", fields, rest, kAll);
}

// "kind object.member rows[ loss][ reason]"
Ids steps(const Report& report) {
  Ids out;
  for (const Step& each : report.steps)
    out.push_back(fmt::format("{} {} {}{}{}{}", each.kind, each.name(), each.rows, each.loss ? " loss" : "",
                              each.reason.empty() ? "" : " ", each.reason));
  return out;
}

class MigratorTest : public RecordsOnEachDatabase {
 protected:
  Report plan(const Bytes& archive) {
    auto done = installation->apply(archive, {"admin", {}, true});
    EXPECT_TRUE(done) << done.error().to_string();
    return done.value_or(Report{});
  }
  Json field(const std::string& id, const std::string& name) {
    const auto seen = get(kClerk, "room", id);
    return seen ? seen->at("fields").value(name, Json("none")) : Json(seen.error().to_string());
  }
  void add(const std::string& id, const Json& fields) {
    const auto made = create(kClerk, "room", fields, id);
    ASSERT_TRUE(made) << made.error().to_string();
  }
};
INSTANTIATE_ON_EACH_DATABASE(MigratorTest);

TEST_P(MigratorTest, APlanShowsWhatApplyingDoesAndDoesNothing) {
  const Bytes first = house("1.0.0", {{"room", room("  name: text\n")}});
  const Report planned = plan(first);
  EXPECT_EQ(steps(planned), (Ids{"create room 0"}));
  EXPECT_TRUE(installation->list()->empty());
  EXPECT_EQ(list(kClerk, "room"), Ids{"record.entity_unknown: room"});
  EXPECT_EQ(to_json(apply(first)), to_json(planned));
  EXPECT_EQ(installation->list()->at(0).version, "1.0.0");
  EXPECT_EQ(*installation->archive("house"), first);
  add("a", {{"name", "一"}});
  EXPECT_EQ(steps(apply(first)), Ids{}) << "the same again";
  EXPECT_EQ(field("a", "name"), "一");
}

TEST_P(MigratorTest, ValuesAreConvertedExactlyOrTheirLossIsSaid) {
  apply(house("1.0.0", {{"room", room("  area: {decimal: 2}\n  floor: text\n  since: {date: true}\n")}}));
  add("a", {{"area", "12.34"}, {"floor", "3"}, {"since", "2001-02-03"}});
  add("b", {{"area", "-0.5"}, {"floor", "地下"}, {"since", nullptr}});
  add("c", {{"area", nullptr}, {"floor", nullptr}});

  const Bytes second =
      house("2.0.0",
            {{"room", room("  area: {decimal: 4}\n  floor: {whole: true}\n  since: {instant: minute}\n")}});
  EXPECT_EQ(steps(plan(second)),
            (Ids{"convert room.area 2", "convert room.floor 2 loss", "convert room.since 1"}));
  EXPECT_EQ(refused(second), "record.would_lose: room.floor");
  EXPECT_EQ(field("b", "floor"), "地下") << "nothing was done";
  EXPECT_EQ(plan(second).steps.at(1).examples, Ids{"b"});
  apply(second, {"room.floor"});
  EXPECT_EQ(field("a", "area"), "12.3400");
  EXPECT_EQ(field("b", "area"), "-0.5000");
  EXPECT_EQ(field("c", "area"), nullptr);
  EXPECT_EQ(field("a", "floor"), 3);
  EXPECT_EQ(field("b", "floor"), nullptr);
  EXPECT_EQ(field("a", "since"), "2001-02-03T00:00:00+08:00");

  // Back again: what was lost on the way comes from where it was left, what changed meanwhile is kept.
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"area", "7.5000"}}, 1)), "");
  const auto back = installation->roll_back("house", {"admin"});
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(back->after, "1.0.0");
  EXPECT_EQ(field("a", "area"), "7.50");
  EXPECT_EQ(field("b", "area"), "-0.50");
  EXPECT_EQ(field("a", "floor"), "3");
  EXPECT_EQ(field("a", "since"), "2001-02-03");
}

TEST_P(MigratorTest, AFieldThatGoesIsKeptUntilItComesBack) {
  const Bytes first = house("1.0.0", {{"room", room("  name: text\n  colour: text\n  old: text\n")}});
  const Bytes second = house("1.1.0", {{"room", room("  name: text\n")}});
  apply(first);
  add("a", {{"name", "一"}, {"colour", "红"}});
  EXPECT_EQ(steps(plan(second)), (Ids{"drop room.colour 1 loss", "drop room.old 0"}));
  EXPECT_EQ(refused(second), "record.would_lose: room.colour");
  EXPECT_EQ(refused(second, {"room.name"}), "record.would_lose: room.colour");
  apply(second, {"room.colour"});
  EXPECT_EQ(field("a", "colour"), "none");
  add("b", {{"name", "二"}});
  EXPECT_EQ(refused(first), "pack.downgrade: 1.0.0 < 1.1.0");
  ASSERT_TRUE(installation->roll_back("house", {"admin"}));
  EXPECT_EQ(field("a", "colour"), "红");
  EXPECT_EQ(field("b", "colour"), nullptr);
  EXPECT_EQ(reason(installation->roll_back("house", {"admin"})), "record.nothing_before")
      << "there is no third version behind";

  EXPECT_EQ(reason(installation->remove("house", {"admin"})), "record.would_lose");
  ASSERT_TRUE(installation->remove("house", {"admin", {"room"}}));
  EXPECT_EQ(list(kClerk, "room"), Ids{"record.entity_unknown: room"});
  EXPECT_EQ(reason(installation->remove("house", {"admin"})), "record.pack_unknown");
  EXPECT_EQ(steps(apply(first)), (Ids{"return room 2"}));
  EXPECT_EQ(field("a", "colour"), "红");
  Ids actions;
  for (const PackChange& each : *installation->changes("house")) actions.push_back(each.action);
  EXPECT_EQ(actions, (Ids{"applied", "removed", "rolled back", "applied", "applied"}));
}

TEST_P(MigratorTest, WhatIsRequiredFromNowOnIsFilledOrStandsInTheWay) {
  apply(house("1.0.0", {{"room", room("  name: text\n  floor: {whole: true}\n")}}));
  add("a", {{"name", "一"}});
  add("b", {{"floor", 2}});
  const Bytes strict =
      house("1.1.0", {{"room", room("  name: {text: line, required: true}\n  floor: {whole: true, "
                                    "required: true, default: 1}\n")}});
  EXPECT_EQ(steps(plan(strict)), (Ids{"required room.name 1 record.required", "fill room.floor 1"}));
  EXPECT_EQ(refused(strict), "record.in_the_way: room.name: record.required (1, b)");
  ASSERT_EQ(reason(change(kClerk, "room", "b", {{"name", "二"}}, 1)), "");
  EXPECT_EQ(steps(apply(strict)), (Ids{"fill room.floor 1"}));
  EXPECT_EQ(field("a", "floor"), 1);
}

TEST_P(MigratorTest, CodesStatesAndUniquenessAreHeldAgainstWhatIsThere) {
  const auto kinds = [](const std::string& codes) {
    return Content{{"dictionaries/kind.yaml", "dictionary: kind\ntitle: 类\ncodes: {" + codes + "}\n"}};
  };
  const std::string fields =
      "  name: text\n  kind: {dictionary: kind}\n  kinds: {dictionary: kind, many: true}\n";
  apply(house("1.0.0", {{"room", room(fields)}}, kinds("a: 甲, b: 乙")));
  add("1", {{"name", "x"}, {"kind", "a"}, {"kinds", {"a", "b"}}});
  add("2", {{"name", "x"}, {"kind", "b"}});
  EXPECT_EQ(steps(plan(house("1.1.0", {{"room", room(fields)}}, kinds("a: 甲")))),
            (Ids{"code room.kind 1 record.code_in_use", "code room.kinds 1 record.code_in_use"}));
  const std::string unique =
      "  name: {text: line, unique: true}\n  kind: {dictionary: kind}\n  kinds: {dictionary: "
      "kind, many: true}\n";
  EXPECT_EQ(refused(house("1.1.0", {{"room", room(unique)}}, kinds("a: 甲, b: 乙"))),
            "record.in_the_way: room.name: record.not_unique (1, 1)");
  EXPECT_EQ(remove(kClerk, "room", "2", 1), "");
  const std::string states = "states: {open: {zh: 开, to: [shut], by: [clerk]}, shut: 关}\n";
  EXPECT_EQ(steps(apply(house("1.2.0", {{"room", room(unique, states)}}, kinds("a: 甲, b: 乙")))),
            (Ids{"fill room.state 2"}));
  EXPECT_EQ(get(kClerk, "room", "1")->at("state"), "open");
  EXPECT_EQ(refused(house("1.3.0", {{"room", room(unique, "states: {shut: 关}\n")}}, kinds("a: 甲, b: 乙"))),
            "record.in_the_way: room.open: record.state_in_use (1, 1)");
  EXPECT_EQ(reason(create(kClerk, "room", {{"name", "x"}})), "record.invalid");
}

TEST_P(MigratorTest, TablesListsAndSecretsMoveToo) {
  apply(house("1.0.0", {{"room", room("  phone: {text: phone, unique: true}\n"
                                      "  doors: {table: {width: {decimal: 1}, key: text, old: text}}\n"
                                      "  tag: text\n")}}));
  add("a", {{"phone", "13800001111"},
            {"tag", "x"},
            {"doors", {{{"width", "0.9"}, {"key", "k"}, {"old", "o"}}, {{"width", "1.0"}}}}});
  const Bytes second =
      house("2.0.0", {{"room", room("  phone: {text: phone, unique: true, sensitivity: personal, "
                                    "search: equal}\n"
                                    "  doors: {table: {width: {decimal: 3}, key: text, lock: text}}\n"
                                    "  tag: {text: line, sensitivity: secret}\n"
                                    "  area: {decimal: 3, value: \"it.doors.map(d, "
                                    "d.width.orValue(decimal('0'))).sum()\"}\n")}});
  EXPECT_EQ(steps(plan(second)),
            (Ids{"convert room.phone 1", "drop room.doors.old 1 loss", "convert room.doors 1",
                 "convert room.tag 1", "add room.area 1", "compute room.area 1"}));
  apply(second, {"room.doors.old"});
  EXPECT_EQ(field("a", "doors"), Json({{{"width", "0.900"}, {"key", "k"}, {"lock", nullptr}},
                                       {{"width", "1.000"}, {"key", nullptr}, {"lock", nullptr}}}));
  EXPECT_EQ(field("a", "area"), "1.900");
  EXPECT_EQ(field("a", "phone"), "1**********");
  EXPECT_EQ(list(kClerk, "room", {.equal = {{"phone", "13800001111"}}}), Ids{"a"});
  EXPECT_EQ(reason(create(kClerk, "room", {{"phone", "13800001111"}})), "record.invalid")
      << "unique, though sealed";
  ASSERT_TRUE(installation->roll_back("house", {"admin", {"room.area"}}));
  EXPECT_EQ(field("a", "phone"), "13800001111");
  EXPECT_EQ(field("a", "tag"), "x");
  EXPECT_EQ(field("a", "doors"), Json({{{"width", "0.9"}, {"key", "k"}, {"old", "o"}},
                                       {{"width", "1.0"}, {"key", nullptr}, {"old", nullptr}}}));
}

TEST_P(MigratorTest, OneBecomesSeveralAndSeveralOne) {
  const Content kinds{{"dictionaries/kind.yaml", "dictionary: kind\ntitle: 类\ncodes: {a: 甲, b: 乙}\n"}};
  const Bytes one = house("1.0.0", {{"room", room("  kind: {dictionary: kind}\n")}}, kinds);
  const Bytes many = house("1.1.0", {{"room", room("  kind: {dictionary: kind, many: true}\n")}}, kinds);
  apply(one);
  add("a", {{"kind", "b"}});
  add("b", Json::object());
  EXPECT_EQ(steps(apply(many)), (Ids{"convert room.kind 1"}));
  EXPECT_EQ(field("a", "kind"), Json({"b"}));
  EXPECT_EQ(field("b", "kind"), Json::array());
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"kind", {"b", "a"}}}, 1)), "");
  EXPECT_EQ(field("a", "kind"), Json({"a", "b"}));
  EXPECT_EQ(reason(installation->roll_back("house", {"admin"})), "record.would_lose")
      << "two do not fit into one";
  ASSERT_EQ(reason(change(kClerk, "room", "a", {{"kind", {"a"}}}, 2)), "");
  ASSERT_TRUE(installation->roll_back("house", {"admin"}));
  EXPECT_EQ(field("a", "kind"), "a");
}

TEST_P(MigratorTest, PacksThatDoNotGoTogetherAreRefused) {
  apply(house("1.0.0", {{"room", room("  name: text\n")}}));
  const auto other = [](const std::string& uses, const std::string& entity) {
    return packed({{"pack.yaml", "pack: garden\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 园\n" + uses},
                   {"entities/x.yaml", "entity: " + entity + "\ntitle: 树\nfields:\n  room: {ref: room}\n"}});
  };
  EXPECT_EQ(refused(other("", "tree")).substr(0, 12), "record.pack:") << "it does not say that it uses house";
  EXPECT_EQ(refused(other("uses: {house: \">=1.0 <2\"}\n", "room")).substr(0, 12), "record.pack:")
      << "the name is taken";
  apply(other("uses: {house: \">=1.0 <2\"}\n", "tree"));
  EXPECT_EQ(refused(house("2.0.0", {{"room", room("  name: text\n")}})).substr(0, 12), "record.pack:")
      << "another pack needs the version that is there";
  EXPECT_EQ(reason(installation->remove("house", {"admin", {"room"}})), "record.pack");
  EXPECT_EQ(refused(Bytes{1, 2, 3}).substr(0, 11), "pack.packed");
}

TEST_P(MigratorTest, AnotherProcessSeesTheNewVersionAtOnce) {
  apply(house("1.0.0", {{"room", room("  name: text\n")}}));
  const auto second = install();
  apply(house("1.1.0", {{"room", room("  name: text\n  floor: {whole: true}\n")}}));
  const Status done = second->work([&](sql::Session& session, const Work::Means& means) -> Status {
    Work work(session, means, kClerk);
    return work.create("room", {{"id", "a"}, {"fields", {{"floor", 3}}}}).map([](const Json&) {});
  });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(field("a", "floor"), 3);
  EXPECT_EQ(install()->current()->epoch(), installation->current()->epoch());
}

TEST_P(MigratorTest, ALogicalCopyHoldsThemAllForEitherDatabase) {
  const Content view{{"views/rooms.yaml",
                      "view: rooms\ntitle: 房\nlist: room\ncolumns: [name]\nsearch: [name]\nnewest: name\n"}};
  const std::string fields =
      "  name: {text: line, unique: true}\n  phone: {text: phone, sensitivity: personal, search: "
      "equal}\n  doors: {table: {width: {decimal: 1}}}\n";
  apply(house("1.0.0", {{"room", room(fields + "  old: text\n")}}, view));
  add("a", {{"name", "危险废物"}, {"phone", "13800001111"}, {"doors", {{{"width", "0.9"}}}}, {"old", "旧"}});
  add("b", {{"name", "一般货物"}});
  apply(house("1.1.0", {{"room", room(fields)}}, view), {"room.old"});
  const fs::path file = folder / "copy.jsonl";
  ASSERT_OK(sql::dump(*database, file, kMadeAgain, kColumnsMadeAgain));
  for (const auto dialect : {sql::Dialect::sqlite, sql::Dialect::postgresql}) {
    installation.reset();
    database = open({.url = fresh_url(dialect)});
    ASSERT_OK(migrate(*database));
    ASSERT_OK(sql::restore(*database, file, define_tables));
    installation = install();
    EXPECT_EQ(field("a", "doors"), Json({{{"width", "0.9"}}}));
    EXPECT_EQ(list(kClerk, "room", {.view = "rooms", .search = "危险"}), Ids{"a"});
    EXPECT_EQ(list(kClerk, "room", {.equal = {{"phone", "13800001111"}}}), Ids{"a"});
    EXPECT_EQ(reason(create(kClerk, "room", {{"name", "一般货物"}})), "record.invalid");
    ASSERT_TRUE(installation->roll_back("house", {"admin"}));
    EXPECT_EQ(field("a", "old"), "旧");
    EXPECT_EQ(as(kClerk, [&](Work& work) { return work.history("room", "a"); })->size(), 1u);
  }
}

// Through random versions of one entity nothing is lost that was not said to be: the values of a field that
// stayed what it was are what they were.
TEST_P(MigratorTest, RandomVersionsKeepWhatStays) {
  std::mt19937 random(20261123);
  const std::vector<std::string> types{
      "text",         "{decimal: 2}", "{decimal: 5}", "{whole: true}",
      "{date: true}", "{money: CNY}", "{flag: true}", "{text: line, sensitivity: personal}",
      "{json: true}"};
  const auto value = [&](const std::string& type) -> Json {
    if (type.find("decimal") != type.npos || type.find("money") != type.npos)
      return std::to_string(int(random() % 1000)) + ".25";
    if (type.find("whole") != type.npos) return int(random() % 1000);
    if (type.find("date") != type.npos) return fmt::format("2026-01-{:02}", 1 + random() % 28);
    if (type.find("flag") != type.npos) return random() % 2 == 0;
    return "t" + std::to_string(random() % 1000);
  };
  std::map<std::string, std::string> now;
  std::map<std::string, std::map<std::string, Json>> held;  // by record, by field
  for (int version = 1; version <= 12; ++version) {
    std::map<std::string, std::string> next;
    for (const char* name : {"a", "b", "c", "d", "e"}) {
      if (random() % 4 == 0) continue;
      const bool stays = now.contains(name) && random() % 2 == 0;
      next[name] = stays ? now[name] : types[random() % types.size()];
    }
    std::string fields = "  fixed: text\n";
    for (const auto& [name, type] : next) fields += fmt::format("  {}: {}\n", name, type);
    const auto done = installation->apply(house(fmt::format("1.{}.0", version), {{"room", room(fields)}}),
                                          {"admin", {"room"}});
    ASSERT_TRUE(done) << done.error().to_string();
    for (auto& [id, values] : held) {
      const auto seen = get(kClerk, "room", id);
      ASSERT_TRUE(seen) << seen.error().to_string();
      for (const auto& [name, type] : next) {
        if (now.contains(name) && now[name] == type && type.find("personal") == type.npos)
          EXPECT_EQ(seen->at("fields").at(name), values[name]) << version << " " << id << " " << name;
        values[name] = seen->at("fields").at(name);
      }
      EXPECT_EQ(seen->at("fields").at("fixed"), id);
    }
    now = next;
    const std::string id = fmt::format("r{}", version);
    Json given = {{"fixed", id}};
    for (const auto& [name, type] : next) given[name] = value(type);
    const auto made = create(kClerk, "room", given, id);
    ASSERT_TRUE(made) << made.error().to_string();
    for (const auto& [name, type] : next) held[id][name] = made->at("fields").at(name);
  }
}

}  // namespace
}  // namespace chengxin::record
