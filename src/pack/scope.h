#pragma once
#include "pack/model.h"
#include "rules/typed.h"

namespace chengxin::pack {

// Names that one pack may use: its own and those of the packs that it names under uses.
class Scope {
 public:
  Scope(const std::vector<Pack>& packs, const Pack& pack);

  const Pack& pack;
  std::map<std::string, const Entity*, std::less<>> entities;
  std::map<std::string, const Dictionary*, std::less<>> dictionaries;
  std::map<std::string, const Part*, std::less<>> decisions;
  std::vector<std::string> roles, chains, views, calendars, entity_names, dictionary_names;

  // Whether there is what the field refers to.
  bool knows(const Field& field) const;
  // What a rule may read whose own record is of the type `it`, a record around it of `record` (null: none).
  // Compiled once for each; its errors are those of rules::Environment::compile.
  const Result<rules::Environment>& environment(const Json& it, const Json& record = nullptr) const;
  // Where a rule that chooses rows may look (layout.h).
  const Result<rules::Mapping>& columns() const { return columns_; }

 private:
  Json common_;  // describe.h
  Result<rules::Mapping> columns_;
  mutable std::map<std::string, Result<rules::Environment>> environments_;
};

}  // namespace chengxin::pack
