#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"

// Tables for spreadsheets. No text of a cell can become a formula: in XLSX it is stored as text, in CSV what
// a spreadsheet would take for a formula has an apostrophe before it.
namespace chengxin::document {

enum class CellKind {
  text,
  number,  // "-12.50"; what a spreadsheet would not keep (more than 15 digits, "007") or is none stays text
};
struct SheetColumn {
  std::string title;
  CellKind kind = CellKind::text;
  double width = 14;  // in characters of Latin
};

// Where the bytes of a file go as they are made, front to back.
using Sink = std::function<Status(ByteView)>;

// One XLSX file (ECMA-376, ISO/IEC 29500) of one sheet whose first row is the titles and stays in sight.
// Memory does not grow with the rows. After an error of the sink, and without `close`, the file is cut off
// and no reader takes it for whole.
class XlsxWriter {
 public:
  // `sheet`: 1 to 31 characters without []:*?/\, nor an apostrophe at an end.
  // Errors: document.sheet, document.text (not UTF-8, or control characters), document.cell_too_long, the
  // sink's.
  static Result<XlsxWriter> open(Sink sink, const std::string& sheet, std::vector<SheetColumn> columns,
                                 int64_t created_ms);
  XlsxWriter(XlsxWriter&&) noexcept;
  XlsxWriter& operator=(XlsxWriter&&) noexcept;
  ~XlsxWriter();

  // A text for each column; all of the row or nothing is added. Errors: document.sheet (their number),
  // document.text, document.cell_too_long (32,767 UTF-16 units), document.sheet_full (1,048,576 rows or 4
  // GB), the sink's.
  Status add(const std::vector<std::string>& row);
  // Once, at the end. Errors: the sink's.
  Status close();

 private:
  struct Book;
  explicit XlsxWriter(std::unique_ptr<Book> book);
  std::unique_ptr<Book> book_;
};

// Lines of CSV (RFC 4180) in UTF-8, whose mark stands before the titles, since spreadsheets guess otherwise.
// A text that begins with = + - @, a tabulator or a carriage return gets an apostrophe; numbers of number
// columns are left.
std::string csv_titles(const std::vector<SheetColumn>& columns);
std::string csv_line(const std::vector<SheetColumn>& columns, const std::vector<std::string>& row);

}  // namespace chengxin::document
