#pragma once
#include <array>
#include <optional>

#include "pack/yaml.h"

// What may stand in a pack: one table, from which come the reader's checks, the JSON Schemas that editors
// use, and the equal forms that versions are compared in. docs/formats/pack.md explains it.
namespace chengxin::pack {

struct Shape;

constexpr size_t kMostFields = 500;  // of an entity

// A member of an object.
struct Row {
  std::string_view name;
  const Shape* shape;
  std::string_view zh, en;
  bool required = false;
  std::string_view only_with = {};  // it goes with one of these members, blanks between; empty: with any
};

struct Shape {
  enum class Kind {
    text,      // most: characters
    name,      // [a-z][a-z0-9_]*, at most 63
    code,      // of a dictionary
    key,       // dotted names
    whole,     // least … most
    decimal,   // exact, at most 18 digits
    flag,      // true, false
    date,      // 2025-01-31
    duration,  // 30 minutes, 1 workday
    rule,      // CEL
    version,   // 1.2.3
    range,     // of versions: >=1.2 <2
    pattern,   // a regular expression
    choice,    // words
    constant,  // a value of the field it is for
    object,    // rows
    map,       // names → of
    list,      // of
    either,    // by what is there: a scalar, a list or a map
  };
  Kind kind = Kind::text;
  std::string_view id = {};       // in schemas; empty: written where it is used
  int64_t least = 0, most = 200;  // of a map or list: most is how many
  std::vector<std::string_view> words = {};
  std::vector<Row> rows = {};
  std::vector<std::string_view> one_of = {};  // of an object: exactly one of these members
  const Shape* of = nullptr;
  const Shape* names = nullptr;  // of a map
  bool reserved = false;         // its names are read in rules: words of CEL are refused
  std::vector<const Shape*> either = {};
  // Of either: the member that a lone scalar stands for; "*": the scalar names the member, whose value is
  // then the first word of its shape.
  std::string_view short_for = {};
};

struct FileKind {
  std::string_view kind;    // entity
  std::string_view folder;  // entities; empty: pack.yaml
  std::string_view member;  // what names the thing that the file holds
  const Shape* shape;
  std::string_view zh, en;
};
const std::vector<FileKind>& file_kinds();
// Which kind a path in a pack is of: pack.yaml or FOLDER/NAME.yaml. nullptr: of none.
const FileKind* kind_of(std::string_view path);

// Finds what `source` holds that its kind does not allow. Mistakes: pack.member_unknown, pack.member_missing,
// pack.member_twice, pack.member_alone, pack.kind_wrong, pack.choice, pack.name, pack.name_reserved,
// pack.number, pack.date, pack.duration, pack.version, pack.pattern, pack.too_long, pack.too_many,
// pack.empty_list.
bool check_grammar(const Source& source, const Shape& shape, Findings& findings);

// Of JSON Schema 2020-12, for editors.
Json grammar_schema(const FileKind& kind);

// With short forms written out: two texts that mean the same give the same.
Json to_json(const Node& node, const Shape& shape);

// Numbers of at most 18 digits: the value times 10^digits. nullopt for anything else.
struct Decimal {
  int64_t scaled = 0;
  int digits = 0;
};
std::optional<Decimal> parse_decimal(std::string_view text);
// a < b, exactly.
bool less(Decimal a, Decimal b);

bool is_name(std::string_view text);  // [a-z][a-z0-9_]*, at most 63
bool is_date(std::string_view text);
// A whole number from 1 to 9999, a blank and minute, hour, day or workday, with an s or without.
bool is_duration(std::string_view text);

using Version = std::array<int, 3>;
std::optional<Version> parse_version(std::string_view text);  // 1, 1.2 or 1.2.3
// Comparisons with blanks between, all of which hold; 1.2 alone is at least that, of the same first number.
// nullopt: no such range.
std::optional<bool> within_range(Version version, std::string_view range);

}  // namespace chengxin::pack
