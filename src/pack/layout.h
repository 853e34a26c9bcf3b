#pragma once
#include "pack/model.h"

// Where the records of an entity stand in the database (ADR 0049). It follows from the entity alone: the same
// field of the same type is the same column on every site, and one whose type changed is another column.
namespace chengxin::pack {

enum class Storage {
  integer,  // whole numbers, units of exact ones, 0 and 1, days, seconds of the day, milliseconds
  text,     // texts, codes, ids of records; JSON of what no rule looks into
  sealed,   // SM4-GCM of the value's JSON
};

struct Column {
  const Field* field = nullptr;
  std::string name;
  Storage storage = Storage::text;
  std::string digest;  // the column with the keyed digest of what is sealed; empty: none
};

// Rows of a list in a record: (of_id: the record, position: from 0, its columns).
struct ListTable {
  const Field* field = nullptr;  // a table, or of several codes or references; then it has one column
  std::string name;
  std::vector<Column> columns;
};

// Of records: id, number, state, version, created_ms, created_by, changed_ms,
// changed_by, deleted_ms, words (what full text looks at), and its columns; on SQLite also row, its key.
struct Layout {
  const Entity* entity = nullptr;
  std::string table;
  std::vector<Column> columns;
  std::vector<ListTable> lists;
  std::vector<const Field*> searched = {};  // by the lists of the pack, in the order of their names

  const Column* column(std::string_view field) const;  // nullptr: its values are in a list, or there is none
  const ListTable* list(std::string_view field) const;
};
Layout layout_of(const Entity& entity);

// What a row can be chosen by, for rules::Mapping: all but what is sealed or is JSON. The row is called t.
Json mapping(std::span<const Layout> layouts);

}  // namespace chengxin::pack
