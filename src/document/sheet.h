#pragma once
#include <memory>
#include <vector>

#include "base/file.h"

// Tables for spreadsheets. No text of a cell can become a formula: in XLSX it is stored as text, in CSV what
// a spreadsheet would take for a formula has an apostrophe before it.
namespace chengxin::document {

enum class CellKind {
  text,
  number,  // "-12.50"; another text, or one of more than 15 digits, which no spreadsheet keeps exactly, stays
           // text
};
struct SheetColumn {
  std::string title;
  CellKind kind = CellKind::text;
  double width = 14;  // in characters of Latin
};

// One XLSX file (ISO/IEC 29500) of one sheet whose first row is the titles and stays in sight. Memory does
// not grow with the rows: they go to an unnamed file in the system's temporary folder until `close`.
class XlsxWriter {
 public:
  // `sheet`: 1 to 31 characters without []:*?/\, nor an apostrophe at an end. `path` is made by `close`.
  // Errors: document.sheet, document.text (not UTF-8, or control characters), document.cell_too_long.
  static Result<XlsxWriter> open(const fs::path& path, const std::string& sheet,
                                 std::vector<SheetColumn> columns, int64_t created_ms);
  // A text for each column. Errors: document.sheet (their number), document.text, document.cell_too_long
  // (32,767 UTF-16 units), document.sheet_full (1,048,576 rows).
  Status add(const std::vector<std::string>& row);
  // Errors: document.sheet_write. A writer that is not closed leaves no file.
  Status close();

 private:
  struct Book;
  explicit XlsxWriter(std::unique_ptr<Book, void (*)(Book*)> book) : book_(std::move(book)) {}
  std::unique_ptr<Book, void (*)(Book*)> book_;
};

// Lines of CSV (RFC 4180) in UTF-8, whose mark stands before the titles, since spreadsheets guess otherwise.
// A text that begins with = + - @, a tabulator or a carriage return gets an apostrophe; numbers of number
// columns are left.
std::string csv_titles(const std::vector<SheetColumn>& columns);
std::string csv_line(const std::vector<SheetColumn>& columns, const std::vector<std::string>& row);

}  // namespace chengxin::document
