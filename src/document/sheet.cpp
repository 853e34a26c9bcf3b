#include "document/sheet.h"

#include <xlsxwriter.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.h"
#include "document/impl/utf8.h"

namespace chengxin::document {
namespace {

constexpr size_t kMaxUnits = 32767;          // of UTF-16, in a cell
constexpr lxw_row_t kMaxRows = LXW_ROW_MAX;  // with the titles
constexpr size_t kMaxColumns = 16384;
constexpr size_t kExactDigits = 15;

// [-]digits[.digits] of at most 15 digits, which a double keeps.
std::optional<double> plain_number(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-'));
  const bool plain = !digits.empty() &&
                     std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  if (!plain || std::ranges::count(digits, '.') > 1 || digits.front() == '.' || digits.back() == '.' ||
      digits.size() > kExactDigits + 1)
    return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
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

std::string csv_field(std::string_view text, CellKind kind) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  std::string out = "\"";
  if (formula && !(kind == CellKind::number && plain_number(text))) out += '\'';
  for (char each : text) out.append(each == '"' ? 2 : 1, each);
  return out + '"';
}

}  // namespace

struct XlsxWriter::Book {
  fs::path path, made;  // made: under another name until it is whole
  lxw_workbook* book = nullptr;
  lxw_worksheet* sheet = nullptr;
  std::vector<SheetColumn> columns;
  lxw_row_t row = 0;
};

Result<XlsxWriter> XlsxWriter::open(const fs::path& path, const std::string& sheet,
                                    std::vector<SheetColumn> columns, int64_t created_ms) {
  TRY(check_sheet(sheet, columns.size()));
  for (const SheetColumn& each : columns) TRY(check_text(each.title));
  const auto drop = [](Book* each) {
    if (each->book) lxw_workbook_free(each->book);
    delete each;
  };
  std::unique_ptr<Book, void (*)(Book*)> book(new Book, drop);
  book->path = path;
  book->made = path.string() + ".part";
  lxw_workbook_options options{};
  options.constant_memory = LXW_TRUE;
  book->book = workbook_new_opt(book->made.c_str(), &options);
  CHECK(book->book);
  lxw_doc_properties properties{};
  properties.created = created_ms / 1000;
  workbook_set_properties(book->book, &properties);
  book->sheet = workbook_add_worksheet(book->book, sheet.c_str());
  if (!book->sheet) return fail(Code::unavailable, "document.sheet_write", "no temporary file");
  lxw_format* bold = workbook_add_format(book->book);
  format_set_bold(bold);
  for (size_t i = 0; i < columns.size(); ++i)
    worksheet_set_column(book->sheet, lxw_col_t(i), lxw_col_t(i), columns[i].width, nullptr);
  worksheet_freeze_panes(book->sheet, 1, 0);
  for (size_t i = 0; i < columns.size(); ++i)
    worksheet_write_string(book->sheet, 0, lxw_col_t(i), columns[i].title.c_str(), bold);
  book->columns = std::move(columns);
  return XlsxWriter(std::move(book));
}

Status XlsxWriter::add(const std::vector<std::string>& row) {
  Book& book = *book_;
  if (row.size() != book.columns.size())
    return fail(Code::invalid_argument, "document.sheet", "{} texts for {} columns", row.size(),
                book.columns.size());
  if (book.row + 1 >= kMaxRows)
    return fail(Code::too_large, "document.sheet_full", "a sheet has at most {} rows", kMaxRows);
  for (const std::string& each : row) TRY(check_text(each));
  ++book.row;
  for (size_t i = 0; i < row.size(); ++i) {
    const auto value = book.columns[i].kind == CellKind::number ? plain_number(row[i]) : std::nullopt;
    const lxw_col_t column = lxw_col_t(i);
    const lxw_error error =
        value ? worksheet_write_number(book.sheet, book.row, column, *value, nullptr)
              : worksheet_write_string(book.sheet, book.row, column, row[i].c_str(), nullptr);
    if (error != LXW_NO_ERROR)
      return fail(Code::unavailable, "document.sheet_write", "{}", lxw_strerror(error));
  }
  return {};
}

Status XlsxWriter::close() {
  Book& book = *book_;
  const lxw_error error = workbook_close(std::exchange(book.book, nullptr));
  std::error_code failed;
  if (error == LXW_NO_ERROR) fs::rename(book.made, book.path, failed);
  if (error == LXW_NO_ERROR && !failed) return {};
  fs::remove(book.made, failed);
  return fail(Code::unavailable, "document.sheet_write", "{}: {}", book.path.string(), lxw_strerror(error));
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
