#pragma once
#include "record/installation.h"

// Records as a table in CSV (RFC 4180; UTF-8, with or without its mark).
namespace chengxin::record {

enum class OnBadRow { keep_good, keep_nothing };

struct ImportReport {
  struct Bad {
    size_t line = 0;  // where the row begins, from 1
    Wrong wrong;      // field as Wrong says; empty: the row
  };
  size_t rows = 0, created = 0;
  size_t there = 0;      // their id is there already: left as they are, so that a file may be handed in again
  size_t refused = 0;    // rows
  std::vector<Bad> bad;  // of the first 1,000 rows that were refused
};

// The first line names fields, by their names or Chinese titles, and perhaps `id`; number, state and what is
// computed are read over. Several codes stand with ';' between them, an empty cell is no value, and the '
// that export_csv puts before a formula is taken off. Each row is made by Work::create, 500 in a transaction;
// with keep_nothing all in one, which is given up when one of them is bad. Errors: import.not_utf8,
// import.quote, import.head_unknown, import.head_twice, import.head_kind (a table, a file, a shape: not in a
// cell), record.not_allowed, record.entity_unknown, sql.…. Of a row besides those of Work::create:
// import.width.
Result<ImportReport> import_csv(Installation& installation, const Person& person, const std::string& entity,
                                std::string_view csv, OnBadRow on_bad);

// All that a list holds, in one snapshot and constant memory. `write` takes some lines at a time. Fields that
// every role of his hides are no columns; where one role hides a field the cell is empty; what is masked in a
// record is masked here. A cell that a spreadsheet would take for a formula has a ' before it.
// Errors: those of Work::list, and of `write`.
Status export_csv(Installation& installation, const Person& person, const std::string& entity,
                  ListQuery query, const std::function<Status(std::string_view)>& write);

}  // namespace chengxin::record
