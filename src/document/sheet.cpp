#include "document/sheet.h"

#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "document/impl/utf8.h"
#include "document/impl/writing.h"
#include "document/impl/zip.h"

namespace chengxin::document {
namespace {

constexpr size_t kMaxUnits = 32767;  // of UTF-16, in a cell
constexpr uint32_t kMaxRows = 1'048'576;
constexpr size_t kMaxColumns = 16'384, kExactDigits = 15, kPiece = 64 << 10;
constexpr uint64_t kMaxBytes = 4'000'000'000;  // of the sheet's XML; archives end at 4 GiB

// [-]digits[.digits] of at most 15 digits, which a double keeps, without zeros in front, which a code may
// have.
bool is_plain_number(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-'));
  const bool plain = !digits.empty() &&
                     std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  const auto points = std::ranges::count(digits, '.');
  const bool padded = digits.size() > 1 && digits[0] == '0' && digits[1] != '.';
  return plain && !padded && points <= 1 && digits.front() != '.' && digits.back() != '.' &&
         digits.size() <= kExactDigits + size_t(points);
}

Status check_text(std::string_view text) {
  ASSIGN(const std::u32string characters, characters_of(text));
  size_t units = characters.size();
  for (char32_t each : characters) units += each >= 0x10000;
  if (units > kMaxUnits)
    return fail(Code::too_large, "document.cell_too_long", "{} units of UTF-16, at most {}", units,
                kMaxUnits);
  return {};
}

Status check_sheet(const std::string& sheet, size_t columns) {
  ASSIGN(const std::u32string characters, characters_of(sheet));
  if (characters.empty() || characters.size() > 31 ||
      characters.find_first_of(U"[]:*?/\\\n\t") != characters.npos || characters.front() == '\'' ||
      characters.back() == '\'')
    return fail(Code::invalid_argument, "document.sheet", "a sheet cannot be named \"{}\"", sheet);
  if (columns == 0 || columns > kMaxColumns)
    return fail(Code::invalid_argument, "document.sheet", "{} columns", columns);
  return {};
}

// A, B, … Z, AA, …
std::string column_name(size_t index) {
  std::string out;
  for (++index; index > 0; index = (index - 1) / 26) out.insert(out.begin(), char('A' + (index - 1) % 26));
  return out;
}

// ECMA-376 part 1, 22.9.2.19: readers take _xHHHH_ for a character, so an underscore that would begin one is
// written as that.
std::string escaped(std::string_view text) {
  const auto begins_one = [&](size_t at) {
    if (at + 7 > text.size() || text[at + 1] != 'x' || text[at + 6] != '_') return false;
    return std::ranges::all_of(text.substr(at + 2, 4), [](char c) { return std::isxdigit(uint8_t(c)) != 0; });
  };
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '_' && begins_one(at))
      out += "_x005F_";
    else
      out += text[at];
  }
  return out;
}

constexpr std::string_view kStart = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
constexpr std::string_view kMain = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";

// All parts of the package but the sheet (ECMA-376 part 2, part 1 clause 12 and 18.8).
void add_parts(Zip& zip, std::string_view sheet, int64_t created_ms) {
  const std::string package = "http://schemas.openxmlformats.org/package/2006/",
                    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                    types = "application/vnd.openxmlformats-officedocument.spreadsheetml.";
  const auto add = [&](std::string_view name, const std::string& content) {
    zip.add(name, view(std::string(kStart) + content));
  };
  add("[Content_Types].xml",
      fmt::format("<Types xmlns=\"{0}content-types\"><Default Extension=\"rels\" "
                  "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
                  "<Override PartName=\"/xl/workbook.xml\" ContentType=\"{1}sheet.main+xml\"/>"
                  "<Override PartName=\"/xl/styles.xml\" ContentType=\"{1}styles+xml\"/>"
                  "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"{1}worksheet+xml\"/>"
                  "<Override PartName=\"/docProps/core.xml\" "
                  "ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>",
                  package, types));
  add("_rels/.rels",
      fmt::format(
          "<Relationships xmlns=\"{0}relationships\"><Relationship Id=\"r1\" Type=\"{1}/officeDocument\" "
          "Target=\"xl/workbook.xml\"/><Relationship Id=\"r2\" "
          "Type=\"{0}relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/></Relationships>",
          package, office));
  add("docProps/core.xml",
      fmt::format("<cp:coreProperties xmlns:cp=\"{}metadata/core-properties\" "
                  "xmlns:dcterms=\"http://purl.org/dc/terms/\" "
                  "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">"
                  "<dcterms:created xsi:type=\"dcterms:W3CDTF\">{}Z</dcterms:created></cp:coreProperties>",
                  package, format_time(created_ms).substr(0, 19)));
  add("xl/workbook.xml",
      fmt::format(
          "<workbook {} xmlns:r=\"{}\"><sheets><sheet name=\"{}\" sheetId=\"1\" r:id=\"r1\"/></sheets>"
          "</workbook>",
          kMain, office, xml(sheet)));
  add("xl/_rels/workbook.xml.rels",
      fmt::format("<Relationships xmlns=\"{0}relationships\"><Relationship Id=\"r1\" Type=\"{1}/worksheet\" "
                  "Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"r2\" Type=\"{1}/styles\" "
                  "Target=\"styles.xml\"/></Relationships>",
                  package, office));
  const std::string font = "<sz val=\"11\"/><name val=\"Calibri\"/>",
                    format = "numFmtId=\"0\" fillId=\"0\" borderId=\"0\"";
  add("xl/styles.xml",  // format 1: bold, for titles
      fmt::format("<styleSheet {0}><fonts count=\"2\"><font>{1}</font><font><b/>{1}</font></fonts>"
                  "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
                  "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
                  "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
                  "<cellStyleXfs count=\"1\"><xf {2} fontId=\"0\"/></cellStyleXfs>"
                  "<cellXfs count=\"2\"><xf {2} fontId=\"0\" xfId=\"0\"/>"
                  "<xf {2} fontId=\"1\" xfId=\"0\" applyFont=\"1\"/></cellXfs></styleSheet>",
                  kMain, font, format));
}

std::string sheet_start(const std::vector<SheetColumn>& columns) {
  std::string out = fmt::format(
      "{}<worksheet {}><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" "
      "activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>",
      kStart, kMain);
  for (size_t i = 0; i < columns.size(); ++i)
    out += fmt::format("<col min=\"{0}\" max=\"{0}\" width=\"{1}\" customWidth=\"1\"/>", i + 1,
                       number(columns[i].width));
  return out + "</cols><sheetData>";
}

std::string csv_field(std::string_view text, CellKind kind) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  std::string out = "\"";
  if (formula && !(kind == CellKind::number && is_plain_number(text))) out += '\'';
  for (char each : text) out.append(each == '"' ? 2 : 1, each);
  return out + '"';
}

}  // namespace

struct XlsxWriter::Book {
  Sink sink;
  Zip zip;
  std::vector<SheetColumn> columns;
  uint32_t rows = 0;  // with the titles

  Status drain(size_t least) {
    if (zip.made() < least) return {};
    return sink(zip.take());
  }
  Status write_row(const std::vector<std::string_view>& texts, bool titles) {
    for (std::string_view each : texts) TRY(check_text(each));
    const uint32_t row = rows + 1;
    std::string out = fmt::format("<row r=\"{}\">", row);
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::string place = column_name(i) + std::to_string(row);
      if (!titles && columns[i].kind == CellKind::number && is_plain_number(texts[i]))
        out += fmt::format("<c r=\"{}\"><v>{}</v></c>", place, texts[i]);
      else
        out += fmt::format("<c r=\"{}\"{} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                           place, titles ? " s=\"1\"" : "", xml(escaped(texts[i])));
    }
    out += "</row>";
    if (row > kMaxRows || zip.written() + out.size() > kMaxBytes)
      return fail(Code::too_large, "document.sheet_full", "after {} rows", rows);
    zip.write(out);
    rows = row;
    return {};
  }
};

XlsxWriter::XlsxWriter(std::unique_ptr<Book> book) : book_(std::move(book)) {}
XlsxWriter::XlsxWriter(XlsxWriter&&) noexcept = default;
XlsxWriter& XlsxWriter::operator=(XlsxWriter&&) noexcept = default;
XlsxWriter::~XlsxWriter() = default;

Result<XlsxWriter> XlsxWriter::open(Sink sink, const std::string& sheet, std::vector<SheetColumn> columns,
                                    int64_t created_ms) {
  TRY(check_sheet(sheet, columns.size()));
  std::vector<std::string_view> titles;
  for (const SheetColumn& each : columns) titles.push_back(each.title);
  auto book = std::make_unique<Book>();
  book->sink = std::move(sink);
  book->columns = columns;
  add_parts(book->zip, sheet, created_ms);
  book->zip.begin("xl/worksheets/sheet1.xml");
  book->zip.write(sheet_start(columns));
  TRY(book->write_row(titles, true));
  TRY(book->drain(0));
  return XlsxWriter(std::move(book));
}

Status XlsxWriter::add(const std::vector<std::string>& row) {
  Book& book = *book_;
  if (row.size() != book.columns.size())
    return fail(Code::invalid_argument, "document.sheet", "{} texts for {} columns", row.size(),
                book.columns.size());
  TRY(book.write_row({row.begin(), row.end()}, false));
  return book.drain(kPiece);
}

Status XlsxWriter::close() {
  book_->zip.write("</sheetData></worksheet>");
  book_->zip.end();
  book_->zip.finish();
  return book_->drain(0);
}

std::string csv_titles(const std::vector<SheetColumn>& columns) {
  std::string out = "\xEF\xBB\xBF";
  for (const SheetColumn& each : columns) out += csv_field(each.title, CellKind::text) + ",";
  if (!columns.empty()) out.pop_back();
  return out + "\r\n";
}

std::string csv_line(const std::vector<SheetColumn>& columns, const std::vector<std::string>& row) {
  CHECK(row.size() == columns.size());
  std::string out;
  for (size_t i = 0; i < row.size(); ++i) out += csv_field(row[i], columns[i].kind) + ",";
  if (!columns.empty()) out.pop_back();
  return out + "\r\n";
}

}  // namespace chengxin::document
