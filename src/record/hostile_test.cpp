#include "record/rig_for_tests.h"

// What somebody tries who wants more than he may, or the platform on its knees.
namespace chengxin::record {
namespace {

using Ids = std::vector<std::string>;
using Told = std::vector<std::string>;

const Person kClerk{"u1", "", "", "", {}, {"clerk"}}, kGuest{"g1", "", "a", "", {"a"}, {"guest"}};
constexpr std::string_view kAll = "access: {clerk: {read: all, create: true, change: all, delete: all}}\n";

class HostileTest : public RecordsOnEachDatabase {};
INSTANTIATE_ON_EACH_DATABASE(HostileTest);

TEST_P(HostileTest, InstantsAtTheEndsOfTheCalendar) {
  apply(house("1.0.0", {{"room", fmt::format("fields:\n  at: {{instant: second}}\n{}", kAll)}}));
  for (const char* at : {"9999-12-31T20:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:60Z"}) {
    EXPECT_EQ(reason(create(kClerk, "room", {{"at", at}})), "record.invalid") << at;
    EXPECT_EQ(told(), Told{"at record.date"}) << at;
  }
  EXPECT_EQ(create(kClerk, "room", {{"at", "9999-12-31T15:59:59Z"}})->at("fields").at("at"),
            "9999-12-31T23:59:59+08:00");
}

TEST_P(HostileTest, AnExceptionTakesNoConnection) {
  apply(house("1.0.0", {{"room", fmt::format("fields: {{name: text}}\n{}", kAll)}}));
  for (int i = 0; i < 10; ++i)
    EXPECT_THROW(static_cast<void>(installation->work([](sql::Session&, const Work::Means&) -> Status {
                   throw std::runtime_error("a fault");
                 })),
                 std::runtime_error);
  EXPECT_EQ(reason(create(kClerk, "room", {{"name", "x"}})), "");
}

TEST_P(HostileTest, WhatIsComputedFitsItsField) {
  apply(house("1.0.0",
              {{"room", fmt::format("fields:\n  tags: {{table: {{a: text}}}}\n  price: {{money: CNY, value: "
                                    "\"size(it.tags) * 2\"}}\n  few: {{whole: true, max: 1, value: "
                                    "\"size(it.tags)\"}}\n{}",
                                    kAll)}}));
  const Json one = {{{"a", "x"}}};
  EXPECT_EQ(create(kClerk, "room", {{"tags", one}})->at("fields").at("price"), "2.00");
  EXPECT_EQ(reason(create(kClerk, "room", {{"tags", {{{"a", "x"}}, {{"a", "y"}}}}})), "record.invalid");
  EXPECT_EQ(told(), Told{"few record.too_large"});
}

TEST_P(HostileTest, NoValueLooksLikeASealedOne) {
  apply(house("1.0.0",
              {{"room", fmt::format("fields:\n  data: {{json: true}}\n  phone: {{text: phone, sensitivity: "
                                    "personal}}\n{}",
                                    kAll)}}));
  const Json forged = {{"sealed", "00"}};
  ASSERT_EQ(reason(create(kClerk, "room", {{"data", forged}, {"phone", "13800001111"}}, "r")), "");
  const auto history = as(kClerk, [&](Work& work) { return work.history("room", "r"); });
  ASSERT_TRUE(history) << history.error().to_string();
  EXPECT_EQ(history->at(0).record.at("fields").at("data"), forged);
}

TEST_P(HostileTest, TheRecordsOfOthersAreNotReadThroughReferences) {
  const std::string fields =
      "fields:\n  owner: {ref: room}\n  former: {ref: room}\n  secret: {whole: true}\n";
  apply(house("1.0.0", {{"room", "owner: owner\n" + fields +
                                     "access:\n  clerk: {read: all, create: true, change: all}\n"
                                     "  guest: {read: own, create: true, change: own}\n"}}));
  ASSERT_EQ(reason(create(kClerk, "room", Json::object(), "a")), "");
  ASSERT_EQ(reason(create(kClerk, "room", {{"secret", 7}}, "b")), "");
  ASSERT_EQ(reason(create(kGuest, "room", {{"owner", "a"}, {"former", "b"}}, "mine")), "");
  EXPECT_EQ(list(kGuest, "room"), Ids{"mine"});
  EXPECT_EQ(list(kGuest, "room", {.where = "has(it.secret) && it.secret > 5"}), Ids{});
  const std::string asks = "has(it.former) && has(it.former.secret) && it.former.secret > 5";
  EXPECT_EQ(list(kGuest, "room", {.where = asks}), Ids{"record.field_hidden: room.former"});
  EXPECT_EQ(list(kClerk, "room", {.where = asks}), Ids{"mine"});
}

TEST_P(HostileTest, RecordsThatNameOneAnotherGoTogether) {
  const auto entity = [](const std::string& field, const std::string& of, const std::string& how) {
    return fmt::format(
        "fields:\n  name: text\n  {}: {{ref: {}, on_delete: {}}}\n  other: {{ref: a, on_delete: delete}}\n{}",
        field, of, how, kAll);
  };
  apply(house("1.0.0", {{"a", entity("back", "b", "clear")},
                        {"b", entity("up", "a", "delete")},
                        {"c", entity("side", "b", "delete")}}));
  ASSERT_EQ(reason(create(kClerk, "a", {{"name", "1"}}, "a1")), "");
  ASSERT_EQ(reason(create(kClerk, "b", {{"up", "a1"}}, "b1")), "");
  ASSERT_EQ(reason(create(kClerk, "c", {{"side", "b1"}, {"other", "a1"}}, "c1")), "");
  ASSERT_EQ(reason(change(kClerk, "a", "a1", {{"back", "b1"}, {"other", "a1"}}, 1)), "");
  EXPECT_EQ(remove(kClerk, "a", "a1", 2), "");
  for (const char* each : {"a", "b", "c"}) EXPECT_EQ(list(kClerk, each), Ids{}) << each;
}

TEST_P(HostileTest, WhatWasShownMaskedIsNotWrittenBack) {
  apply(house("1.0.0",
              {{"room", fmt::format("fields:\n  name: text\n  phone: {{text: phone, sensitivity: personal}}\n"
                                    "  drivers: {{table: {{name: text, phone: {{text: phone, sensitivity: "
                                    "personal}}}}}}\n{}",
                                    kAll)}}));
  const Json drivers = {{{"name", "甲"}, {"phone", "13800001111"}},
                        {{"name", "乙"}, {"phone", "13900002222"}}};
  ASSERT_EQ(reason(create(kClerk, "room", {{"phone", "13700003333"}, {"drivers", drivers}}, "r")), "");
  Json seen = get(kClerk, "room", "r")->at("fields");
  seen["name"] = "改";
  EXPECT_EQ(reason(change(kClerk, "room", "r", seen, 1)), "record.invalid");
  EXPECT_EQ(told(), Told{"drivers record.masked"});
  seen.erase("drivers");
  ASSERT_EQ(reason(change(kClerk, "room", "r", seen, 1)), "");
  const auto reveal = [&](const std::string& field) {
    return as(kClerk, [&](Work& work) { return work.reveal("room", "r", {field}, "看"); })->at("fields");
  };
  EXPECT_EQ(reveal("phone").at("phone"), "13700003333") << "kept";
  EXPECT_EQ(reveal("phone").at("drivers").at(0).at("phone"), "1**********") << "not asked for";
  EXPECT_EQ(reveal("drivers").at("drivers"), drivers);
}

TEST_P(HostileTest, OnlyByTheRoleThatSeesIt) {
  apply(house("1.0.0", {{"room",
                         "owner: owner\nfields: {owner: {ref: room}}\n"
                         "states: {open: {zh: 开, to: [shut], by: [guest]}, shut: 关}\n"
                         "access:\n  clerk: {read: all, create: true}\n  guest: {read: own}\n"}}));
  ASSERT_EQ(reason(create(kClerk, "room", Json::object(), "a")), "");
  ASSERT_EQ(reason(create(kClerk, "room", {{"owner", "a"}}, "mine")), "");
  const Person both{"u2", "", "a", "", {"a"}, {"clerk", "guest"}};
  const auto move = [&](const std::string& id) {
    return reason(as(both, [&](Work& work) { return work.move("room", id, "shut", 1); }));
  };
  EXPECT_EQ(move("a"), "record.state_by");
  EXPECT_EQ(move("mine"), "");
}

TEST_P(HostileTest, WhatComesBackIsHeldAgainstWhatWasThere) {
  const auto pack = [](const std::string& version, const std::string& rest) {
    return house(version, {{"room", rest + std::string(kAll)}});
  };
  apply(pack("1.0.0", "fields: {floor: text}\nstates: {a: {zh: 甲, to: [b], by: [clerk]}, b: 乙}\n"));
  ASSERT_EQ(reason(create(kClerk, "room", {{"floor", "三"}}, "r")), "");
  ASSERT_TRUE(installation->remove("house", {"admin", {"room"}}));
  EXPECT_EQ(
      refused(pack("2.0.0",
                   "fields: {floor: {whole: true}}\nstates: {a: {zh: 甲, to: [b], by: [clerk]}, b: 乙}\n")),
      "record.in_the_way: room: record.returns_changed (1, )");
  EXPECT_EQ(refused(pack("2.0.0", "fields: {floor: text}\nstates: {c: 丙}\n")),
            "record.in_the_way: room.a: record.state_in_use (1, r)");
  apply(pack("1.0.1", "fields: {floor: text}\nstates: {a: {zh: 甲, to: [b], by: [clerk]}, b: 乙}\n"));
  EXPECT_EQ(get(kClerk, "room", "r")->at("fields").at("floor"), "三");
}

// A field that was a text has been a table since: its old versions are shown as they were.
TEST_P(HostileTest, HistoryOfAFieldThatBecameATable) {
  apply(house("1.0.0", {{"room", fmt::format("fields: {{lines: text}}\n{}", kAll)}}));
  ASSERT_EQ(reason(create(kClerk, "room", {{"lines", "一行"}}, "r")), "");
  apply(house("2.0.0", {{"room", fmt::format("fields: {{lines: {{table: {{a: text}}}}}}\n{}", kAll)}}),
        {"room.lines"});
  const auto history = as(kClerk, [&](Work& work) { return work.history("room", "r"); });
  ASSERT_TRUE(history) << history.error().to_string();
  EXPECT_EQ(history->at(0).record.at("fields").at("lines"), "一行");
}

}  // namespace
}  // namespace chengxin::record
