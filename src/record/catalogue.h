#pragma once
#include <memory>
#include <variant>

#include "record/value.h"

namespace chengxin::record {

// Which records: all, those that the caller owns, or those that a condition chooses.
struct All {};
struct Own {};
using Filter = std::variant<All, Own, rules::Typed>;

// What an entity lets a role do.
struct RoleAccess {
  std::string role;
  std::optional<Filter> read, change, remove;
  bool create = false;
  std::set<std::string, std::less<>> hide, mask, fixed;

  bool shows(std::string_view field) const { return !hide.contains(field) && !mask.contains(field); }
};

struct Check {
  rules::Typed rule;
  std::string reason, zh, en, at;
};

struct StateModel {
  std::string name;
  std::vector<std::string> to, by;
  std::optional<rules::Typed> when;
};

// A field of an entity that names records of another.
struct Referrer {
  std::string entity;
  const pack::Field* field = nullptr;
  const pack::Field* table = nullptr;  // that it is a column of; nullptr: of the record itself
  enum class OnDelete { refuse, clear, remove } on_delete = OnDelete::refuse;
};

// Computed values, initial values and choices of the fields of a record, or of the rows of one of its tables.
struct FieldRules {
  std::vector<std::pair<const pack::Field*, rules::Typed>> computed;  // each after what it reads
  std::map<const pack::Field*, rules::Typed> initial, choice;
};

// A decision table (ADR 0049): rows in their order.
struct DecisionRow {
  std::optional<rules::Typed> when;  // none: otherwise
  std::string then, zh, en, from, until;
};
struct Decision {
  enum class Hit { first, unique, collect };
  std::string name, entity, pack, version;
  Hit hit = Hit::first;
  std::vector<DecisionRow> rows;
};

// An entity made ready to be worked with.
struct Model {
  const pack::Pack* pack = nullptr;
  const pack::Entity* entity = nullptr;
  std::shared_ptr<const pack::Scope> scope;
  pack::Layout layout;
  Form::Patterns patterns;
  FieldRules rules;
  std::map<const pack::Field*, FieldRules> table_rules;
  std::vector<Check> checks;
  std::vector<StateModel> states;
  std::vector<RoleAccess> access;
  std::vector<Referrer> referrers;
  std::set<const pack::Field*> sensitive;  // fields and columns of tables
  std::string owner;                       // a field; "creator"; "": nobody's
  enum class Delete { keep, erase, never } on_delete = Delete::keep;
  std::string number;                         // the rule for numbers; empty: none
  std::string chain;                          // of the pack, that versions are anchored on; empty: none
  std::vector<const pack::Field*> committed;  // what a version's commitment holds

  const std::string& name() const { return entity->name; }
  const StateModel* state(std::string_view named) const;
};

// The packs that are installed, compiled. Immutable; shared by whoever works with it.
class Catalogue {
 public:
  // Errors: record.pack (the packs do not check; the detail names the first mistake), record.chain_fields (of
  // an entity go on a chain more than a proof can hold), rules.….
  static Result<std::shared_ptr<const Catalogue>> make(std::span<const pack::Files> files, int64_t epoch);

  int64_t epoch() const { return epoch_; }
  const std::vector<pack::Pack>& packs() const { return packs_.packs; }
  const pack::Pack* pack(std::string_view name) const;
  const std::map<std::string, Model, std::less<>>& models() const { return models_; }
  Result<const Model*> model(std::string_view entity) const;       // record.entity_unknown
  Result<const Decision*> decision(std::string_view named) const;  // record.decision_unknown

 private:
  Catalogue() = default;
  Status compile(const pack::Pack& pack);
  Status compile(const pack::Part& part, const pack::Pack& pack, const pack::Scope& scope);
  void connect();

  int64_t epoch_ = 0;
  pack::Packs packs_;
  std::map<std::string, Model, std::less<>> models_;
  std::map<std::string, Decision, std::less<>> decisions_;
};

// A condition over `it`, in a scope. Errors: rule.…, rules.type_….
Result<rules::Typed> compile_rule(const pack::Scope& scope, std::string_view text, const Json& it,
                                  const Json& record, const Json& wanted);

}  // namespace chengxin::record
