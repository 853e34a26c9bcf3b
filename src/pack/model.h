#pragma once
#include <memory>

#include "pack/files.h"

// Packs as what their files say. A pack with mistakes is read as far as it goes; nothing is put in for what
// is wrong.
namespace chengxin::pack {

// The grammar and features of this program; what `engine` of pack.yaml asks for.
constexpr Version kEngine{1, 0, 0};

struct Titles {
  std::string zh, en;
};

enum class Type {
  text,
  whole,
  decimal,
  money,
  flag,
  date,
  time,
  instant,
  dictionary,
  tree,
  ref,
  attachment,
  geometry,
  table,
  json,
};
std::string_view name_of(Type type);
std::optional<Type> type_named(std::string_view name);

// A field of an entity, or a column of a table in one.
struct Field {
  std::string name;
  Titles title;
  Type type = Type::text;
  std::string option;  // kind of text, currency, dictionary, entity, precision, geometry
  int digits = 0;      // of a decimal
  bool required = false, many = false, computed = false;
  std::string unit, sensitivity;
  std::vector<Field> columns;  // of a table
  const Node* node = nullptr;  // with its options; a lone word when it is in short form
  Place at;                    // its name
};

struct Entity {
  std::string name, pack;
  Titles title;
  std::vector<Field> fields;
  const Source* source = nullptr;

  const Node& node() const { return source->root; }
  const Field* find(std::string_view field) const;
};

// "personal" or "secret": the field is encrypted; "": it is not. A field may say, else the entity does.
std::string sensitivity_of(const Entity& entity, const Field& field);

struct Dictionary {
  std::string name;
  std::map<std::string, Place> codes;  // of all levels
  bool nested = false;
  const Source* source = nullptr;
};

struct Texts {
  std::string language;
  std::map<std::string, Place> keys;
  const Source* source = nullptr;
};

// A decision table, a process, a calendar or a view: what they say is in their nodes.
struct Part {
  std::string name;
  const Source* source = nullptr;
};

struct Pack {
  std::string name, label;
  Version version{};
  std::vector<std::string> uses, roles, chains;
  std::vector<std::unique_ptr<const Source>> sources;  // by path; what the others point into
  const Source* file = nullptr;                        // pack.yaml
  std::vector<Entity> entities;
  std::vector<Dictionary> dictionaries;
  std::vector<Part> decisions, processes, calendars, views;
  std::vector<Texts> texts;
};

// Reads and checks each file by itself.
Pack read_pack(const Files& files, Findings& findings);

struct Packs {
  std::vector<Pack> packs;
  Findings findings;
  bool good() const { return findings.empty(); }
};

// Reads packs and checks them with one another: names, references, dictionaries, roles, states, what
// computed fields need of each other, rules. Mistakes beside those of one file:
// pack.name_taken, pack.uses_unknown, pack.uses_version, pack.uses_cycle, pack.engine, pack.….
// The mistakes are added to what `out` has.
void check_into(std::span<const Files> packs, Packs& out);
Packs check(std::span<const Files> packs);
Packs check_folders(std::span<const fs::path> folders);

}  // namespace chengxin::pack
