#include "record/csv.h"
#include "record/rig_for_tests.h"

// Records handed in and out as CSV.
namespace chengxin::record {
namespace {

using Told = std::vector<std::string>;
const Person kClerk{"u1", "", "", "", {}, {"clerk"}};
const Person kGuest{"u2", "", "", "", {}, {"guest"}};

class CsvTest : public RecordsOnEachDatabase {
 protected:
  void SetUp() override {
    RecordsOnEachDatabase::SetUp();
    apply(house(
        "1.0.0",
        {{"room",
          "fields:\n  name: {text: long, zh: 名称, required: true, unique: true}\n"
          "  area: {decimal: 2, zh: 面积}\n  floor: {whole: true, min: 0}\n  open: flag\n"
          "  phone: {text: phone, zh: 电话, sensitivity: personal}\n  uses: {dictionary: use, many: true}\n"
          "  twice: {whole: true, value: \"it.floor.orValue(0) * 2\"}\n  shape: {geometry: area}\n"
          "access:\n  clerk: {read: all, create: true, change: all}\n  guest: {read: all, hide: [area]}\n"}},
        {{"dictionaries/use.yaml", "dictionary: use\ntitle: 用途\ncodes: {home: 住, shop: 店}\n"}}));
  }
  // "rows created there refused", and the mistakes.
  std::string import(const std::string& csv, OnBadRow on_bad = OnBadRow::keep_good) {
    bad.clear();
    const auto done = import_csv(*installation, kClerk, "room", csv, on_bad);
    if (!done) return done.error().reason + ": " + done.error().detail;
    for (const auto& each : done->bad)
      bad.push_back(fmt::format("{} {} {}", each.line, each.wrong.field, each.wrong.reason));
    return fmt::format("{} {} {} {}", done->rows, done->created, done->there, done->refused);
  }
  std::string exported(const Person& person) {
    std::string out;
    const Status done = export_csv(*installation, person, "room", {}, [&](std::string_view text) -> Status {
      out += text;
      return {};
    });
    return done ? out : done.error().reason;
  }
  Told bad;
};
INSTANTIATE_ON_EACH_DATABASE(CsvTest);

TEST_P(CsvTest, RowsBecomeRecordsOnce) {
  const std::string csv =
      "\xEF\xBB\xBFid,名称,area,floor,open,电话,uses\r\n"
      "a,\"甲, \"\"大\"\"\n楼\",12.5,3,是,13800001111,home;shop\r\n"
      "\n"
      "b,乙楼,,,,,\n";
  EXPECT_EQ(import(csv), "2 2 0 0");
  const Json fields = get(kClerk, "room", "a")->at("fields");
  EXPECT_EQ(fields.at("name"), "甲, \"大\"\n楼");
  EXPECT_EQ(fields.at("area"), "12.50");
  EXPECT_EQ(fields.at("floor"), 3);
  EXPECT_EQ(fields.at("open"), true);
  EXPECT_EQ(fields.at("uses"), Json({"home", "shop"}));
  EXPECT_EQ(fields.at("twice"), 6);
  EXPECT_EQ(fields.at("phone"), "1**********");
  EXPECT_EQ(import(csv), "2 0 2 0") << "the same file again";
}

TEST_P(CsvTest, EachBadRowIsToldAndTheGoodOnesStay) {
  const std::string csv =
      "id,name,floor,uses\n"
      "a,甲,1,home\n"
      "b,,x,home;sea\n"
      "c,丙,-1,\n"
      "d,丁\n"
      "e,甲,2,\n"
      "a/b,己,2,\n"
      "f,庚,2,shop\n";
  const Told mistakes{"3 floor record.type", "3 uses[1] record.code_unknown", "4 floor record.too_small",
                      "5  import.width",     "6 name record.not_unique",      "7  record.id"};
  EXPECT_EQ(import(csv, OnBadRow::keep_nothing), "7 0 0 5");
  EXPECT_EQ(bad, mistakes);
  EXPECT_EQ(list(kClerk, "room"), Told{});
  EXPECT_EQ(import("id,name\na,甲\nb\n", OnBadRow::keep_nothing), "2 0 0 1") << "a bad shape alone";
  EXPECT_EQ(list(kClerk, "room"), Told{});
  EXPECT_EQ(import(csv), "7 2 0 5");
  EXPECT_EQ(bad, mistakes);
  Told ids = list(kClerk, "room");
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (Told{"a", "f"}));
}

TEST_P(CsvTest, AFileThatIsNoneIsRefusedWhole) {
  EXPECT_EQ(import("name\n\xBC\xD7\xC2\xA5\n"), "import.not_utf8: ");
  EXPECT_EQ(import("name\n\"甲\n"), "import.quote: line 2");
  EXPECT_EQ(import("name\n\"甲\"乙\n"), "import.quote: line 2");
  EXPECT_EQ(import("name\n甲\"\n"), "import.quote: line 2");
  EXPECT_EQ(import("name,colour\n甲,red\n"), "import.head_unknown: colour");
  EXPECT_EQ(import("name,名称\n甲,乙\n"), "import.head_twice: 名称");
  EXPECT_EQ(import("name,shape\n甲,\n"), "import.head_kind: shape");
  EXPECT_EQ(import(""), "0 0 0 0");
  EXPECT_EQ(reason(import_csv(*installation, kGuest, "room", "name\n甲\n", OnBadRow::keep_good)),
            "record.not_allowed");
}

TEST_P(CsvTest, WhatGoesOutComesBackAndIsNoFormula) {
  ASSERT_EQ(
      reason(create(kClerk, "room",
                    {{"name", "=HYPERLINK(\"http://a\",\"b\")"}, {"area", "-1.00"}, {"phone", "13800001111"}},
                    "a")),
      "");
  const std::string out = exported(kClerk);
  EXPECT_EQ(out,
            "\xEF\xBB\xBFid,name,area,floor,open,phone,uses,twice,shape\r\n"
            "a,\"'=HYPERLINK(\"\"http://a\"\",\"\"b\"\")\",-1.00,,,1**********,,0,\r\n");
  EXPECT_EQ(exported(kGuest).find("area"), std::string::npos) << "hidden: no column";
  EXPECT_EQ(exported({"u", "", "", "", {}, {}}), "record.not_allowed");
  EXPECT_EQ(import("id,name\nz,'=1+1\n"), "1 1 0 0");
  EXPECT_EQ(get(kClerk, "room", "z")->at("fields").at("name"), "=1+1");
}

TEST_P(CsvTest, ManyRowsGoInBatchesAndOutInPages) {
  std::string csv = "id,name,floor\n";
  for (int i = 0; i < 1203; ++i) csv += fmt::format("r{:04},房{},{}\n", i, i, i == 700 ? -1 : i);
  EXPECT_EQ(import(csv), "1203 1202 0 1");
  EXPECT_EQ(bad, Told{"702 floor record.too_small"});
  const std::string out = exported(kClerk);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1203);
}

}  // namespace
}  // namespace chengxin::record
