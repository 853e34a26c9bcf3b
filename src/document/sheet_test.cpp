#include "document/sheet.h"

#include <fstream>

#include "base/json.h"
#include "document/rig_for_tests.h"

namespace chengxin::document {
namespace {

const std::vector<SheetColumn> kColumns{{"名称"}, {"数量", CellKind::number}};
// What spreadsheets, XML or CSV might take for something else.
const std::vector<std::string> kTexts{"=1+1",
                                      "+1",
                                      "-1",
                                      "@SUM(A1)",
                                      "\t=1",
                                      "=HYPERLINK(\"http://x.example\")",
                                      "http://x.example",
                                      "<b>&\"'",
                                      "a,b",
                                      "a\nb",
                                      "  spaces  ",
                                      "007",
                                      "1e5",
                                      "TRUE",
                                      "_x0041_",
                                      "甲公司"};

Sink into(Bytes& out) {
  return [&out](ByteView bytes) -> Status {
    append(out, bytes);
    return {};
  };
}

std::string python(const Folder& folder, std::string_view script) {
  // Debian's, which has the package python3-openpyxl.
  return output_of("/usr/bin/python3 " + folder.keep("script.py", view(script)));
}

TEST(Xlsx, openpyxl_reads_texts_as_texts_and_numbers_as_numbers) {
  Folder folder;
  Bytes made;
  auto writer = XlsxWriter::open(into(made), "清单", kColumns, 1'795'000'000'000).value();
  Json wanted = Json::array({Json::array({"名称", "数量"})});
  for (const std::string& each : kTexts) {
    ASSERT_TRUE(writer.add({each, "-12.50"}));
    wanted.push_back({each, -12.5});
  }
  for (std::string_view each : {"=1", "12.", "1.2.3", "1234567890123456789", "-", "nan", "0x10", "007"}) {
    ASSERT_TRUE(writer.add({"t", std::string(each)}));  // no number that a spreadsheet keeps: text
    wanted.push_back({"t", each});
  }
  ASSERT_TRUE(writer.close());
  const Json read = Json::parse(python(folder, fmt::format(R"(
import json, openpyxl
from openpyxl.utils.escape import unescape  # of _xHHHH_, which is left to whoever calls it
book = openpyxl.load_workbook("{}")
sheet = book["清单"]
assert not any(cell.data_type == "f" for row in sheet for cell in row)
assert sheet.freeze_panes == "A2" and book.properties.created.isoformat().startswith("2026-11-18")
plain = lambda value: unescape(value) if isinstance(value, str) else value
print(json.dumps([[plain(cell.value) for cell in row] for row in sheet]))
)",
                                                           folder.keep("a.xlsx", made))));
  EXPECT_EQ(read, wanted);
}

size_t peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  return 0;
}

TEST(Xlsx, a_hundred_thousand_rows_take_no_more_memory_than_a_thousand) {
  Folder folder;
  const auto write = [&](int rows) {
    std::ofstream out(folder.path / "a.xlsx", std::ios::binary);
    const Sink sink = [&](ByteView bytes) -> Status {
      out << text(bytes);
      return {};
    };
    auto writer = XlsxWriter::open(sink, "a", kColumns, 0).value();
    for (int i = 0; i < rows; ++i)
      ASSERT_TRUE(writer.add({"危险废物转移联单 " + std::to_string(i), std::to_string(i)}));
    ASSERT_TRUE(writer.close());
  };
  write(1000);
  const size_t before = peak_kib();
  write(100'000);
  EXPECT_LT(peak_kib(), before + 1024);  // the rows alone are 5 MB
  EXPECT_EQ(
      python(folder, fmt::format("import openpyxl\n"
                                 "rows = list(openpyxl.load_workbook('{}', read_only=True)['a'].values)\n"
                                 "print(len(rows), rows[-1])",
                                 (folder.path / "a.xlsx").string())),
      "100001 ('危险废物转移联单 99999', 99999)\n");
}

TEST(Xlsx, equal_rows_give_equal_bytes_and_what_is_cut_off_is_no_archive) {
  const auto write = [&](bool close) {
    Bytes made;
    auto writer = XlsxWriter::open(into(made), "a", kColumns, 0).value();
    EXPECT_TRUE(writer.add({"甲", "1"}));
    EXPECT_TRUE(!close || writer.close());
    return made;
  };
  EXPECT_EQ(write(true), write(true));
  Folder folder;
  const auto opens = [&](const Bytes& bytes) {
    return python(folder,
                  fmt::format("import zipfile\nprint(zipfile.is_zipfile('{}'))", folder.keep("a", bytes)));
  };
  EXPECT_EQ(opens(write(true)), "True\n");
  EXPECT_EQ(opens(write(false)), "False\n");
}

TEST(Xlsx, refuses_what_a_sheet_cannot_hold) {
  Bytes made;
  const auto reason = [&](std::string_view sheet, const std::vector<SheetColumn>& columns) {
    return reason_of(XlsxWriter::open(into(made), std::string(sheet), columns, 0));
  };
  for (std::string_view name :
       {"", "a/b", "'a", "[1]", "一二三四五六七八九十一二三四五六七八九十一二三四五六七八九十一二"})
    EXPECT_EQ(reason(name, kColumns), "document.sheet") << name;
  EXPECT_EQ(reason("a", {}), "document.sheet");
  EXPECT_EQ(reason("a", {{"\xff"}}), "document.text");
  auto writer = XlsxWriter::open(into(made), "a", kColumns, 0).value();
  EXPECT_EQ(reason_of(writer.add({"a"})), "document.sheet");
  EXPECT_EQ(reason_of(writer.add({"a\x01", "1"})), "document.text");
  EXPECT_EQ(reason_of(writer.add({"\xef\xbf\xbf", "1"})), "document.text");  // U+FFFF
  EXPECT_EQ(reason_of(writer.add({std::string(32768, 'a'), "1"})), "document.cell_too_long");
  EXPECT_TRUE(writer.add({std::string(32767, 'a'), "1"}));
}

TEST(Xlsx, ends_at_the_last_row_that_a_sheet_has) {
  size_t bytes = 0;
  const Sink sink = [&](ByteView each) -> Status {
    bytes += each.size();
    return {};
  };
  auto writer = XlsxWriter::open(sink, "a", {{"a"}}, 0).value();
  for (int i = 1; i < 1'048'576; ++i) ASSERT_TRUE(writer.add({"1"}));
  EXPECT_EQ(reason_of(writer.add({"1"})), "document.sheet_full");
  EXPECT_TRUE(writer.close());
  EXPECT_GT(bytes, 1'000'000u);
}

TEST(Xlsx, a_full_disk_is_an_error_at_once) {
  size_t room = 100'000;
  const Sink sink = [&](ByteView bytes) -> Status {
    if (bytes.size() > room) return fail(Code::unavailable, "file.full");
    room -= bytes.size();
    return {};
  };
  auto writer = XlsxWriter::open(sink, "a", kColumns, 0).value();
  Status added;
  int rows = 0;
  for (; added && rows < 1'000'000; ++rows) added = writer.add({std::to_string(rows * 7919LL), "1"});
  EXPECT_EQ(reason_of(added), "file.full");
  EXPECT_LT(rows, 1'000'000);
}

TEST(Csv, python_reads_it_back_and_nothing_begins_like_a_formula) {
  Folder folder;
  std::string csv = csv_titles(kColumns);
  for (const std::string& each : kTexts) csv += csv_line(kColumns, {each, "-12.50"});
  csv += csv_line(kColumns, {"\r=1", "=1"});
  const std::string path = folder.keep("a.csv", view(csv));
  const Json read =
      Json::parse(python(folder, fmt::format("import csv, json\n"
                                             "print(json.dumps(list(csv.reader(open('{}', encoding="
                                             "'utf-8-sig', newline='')))))",
                                             path)));
  Json wanted = Json::array({Json::array({"名称", "数量"})});
  for (const std::string& each : kTexts)
    wanted.push_back(
        {(std::string("=+-@\t").find(each[0]) != std::string::npos ? "'" : "") + each, "-12.50"});
  wanted.push_back({"'\r=1", "'=1"});
  EXPECT_EQ(read, wanted);
}

}  // namespace
}  // namespace chengxin::document
