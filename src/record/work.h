#pragma once
#include "record/commitment.h"

// What one transaction does with records: reads and changes by what an entity allows to whom.
namespace chengxin::record {

// Who asks.
struct Person {
  std::string id, name, organisation, region;
  std::set<std::string> organisations;  // his and those beneath it: what they own is his own
  std::vector<std::string> roles;       // of packs
};

struct ListQuery {
  std::string view;    // a list of the pack: its condition and its order hold too
  std::string where;   // a rule over `it`; empty: all that he may see
  std::string search;  // words; needs a view that says what is searched
  std::vector<std::pair<std::string, std::string>> equal;  // of sealed fields that are searched by equality
  std::string sort;                                        // a field, or number; empty: the newest first
  bool descending = false;
  std::string cursor;
  size_t limit = 50;
};

struct Listing {
  std::vector<Json> records;
  std::string next;  // cursor; empty: this was the last page
};

// A version of a record that stands in its history.
struct Version {
  int64_t version = 0, at_ms = 0;
  std::string by, action;  // created, changed, moved, cleared, deleted
  Json record;             // as to_json of a record
};

// Who may not see a record is told that there is none. A record in JSON:
//   {"id", "entity", "version", "number", "state", "created_ms", "created_by", "changed_ms", "changed_by",
//    "fields": {…}, "masked": [field]}
// Sensitive fields are masked, until they are asked for one by one (reveal()).
//
// Errors of all: record.entity_unknown, record.not_found, record.not_allowed, record.invalid (what is wrong
// stands in wrongs()), record.stale (not of that version any more), rule.… (a rule that the pack gives could
// not be worked out), sql.….
class Work {
 public:
  struct Means {
    const Catalogue& catalogue;
    const Vault& vault;
    int64_t now_ms = 0;
    std::function<std::string()> make_id;
  };
  Work(sql::Session& session, const Means& means, const Person& person)
      : session_(session), means_(means), person_(person), today_(today_at(means.now_ms)) {}

  const Wrongs& wrongs() const { return wrongs_; }

  // {"id": of the caller's choice (letters, digits, '-', '_', '.'; at most 64), "fields": {…}}. record.id,
  // record.id_taken, record.out_of_sight (he could not see what he makes, by the roles that let him make it).
  Result<Json> create(std::string_view entity, const Json& given);
  Result<Json> get(std::string_view entity, const std::string& id);
  // What is not given stays. record.out_of_sight.
  Result<Json> change(std::string_view entity, const std::string& id, const Json& fields, int64_t version);
  // To one of the states that follow. record.state_unknown, record.state_order, record.state_by,
  // record.state_when.
  Result<Json> move(std::string_view entity, const std::string& id, const std::string& state,
                    int64_t version);
  // record.never_deleted, record.referenced (by records that say so).
  Status remove(std::string_view entity, const std::string& id, int64_t version);

  // record.view_unknown, record.field_unknown, record.field_hidden (a condition or an order by what he does
  // not see), record.sort, record.search_unknown, sql.cursor, rule.…, rules.….
  Result<Listing> list(std::string_view entity, const ListQuery& query);
  // The newest thousand versions, in their order.
  Result<std::vector<Version>> history(std::string_view entity, const std::string& id);
  // Sensitive fields in the clear; that they were looked at is noted with the purpose (1 to 200 characters).
  // record.purpose, record.field_unknown, record.field_hidden.
  Result<Json> reveal(std::string_view entity, const std::string& id, const std::vector<std::string>& fields,
                      const std::string& purpose);

  // What a proof of one version shows: these fields, and what the record is called. Sensitive ones as with
  // reveal(). record.version_unknown, record.not_committed (version or field), record.purpose,
  // record.field_unknown, record.field_hidden, record.damaged (SQL holds another value than was committed
  // to).
  struct Disclosed {
    Digest root{};
    std::string evidence;  // id; empty while it is pending
    std::vector<format::RecordEntry> entries;
  };
  Result<Disclosed> disclose(std::string_view entity, const std::string& id, int64_t version,
                             const std::vector<std::string>& fields, const std::string& purpose);

  // What processes do, in nobody's name but the caller's: no role is asked.
  Result<Stored> find(const Model& model, const std::string& id);
  Status set_state(const Model& model, const std::string& id, const std::string& state);
  Result<bool> holds(const Model& model, const Stored& record, const rules::Typed& rule);
  // {"outcomes": [name], "rows": [{"row": from 1, "then", "zh", "en"}], "inputs": {field: value}, "decision",
  // "pack", "version"}; of the inputs, what is sensitive is masked. record.no_row, record.several_rows.
  Result<Json> decide(const Decision& decision, const Stored& record);
  // As shown to somebody who sees all of it but what is sensitive, and what all of his roles hide.
  Json shown_for_task(const Model& model, const Stored& record) const;
  // Changes these of its fields in the name of the process; others are refused. Errors as those of change().
  Result<Json> fill(const Model& model, const std::string& id, const Json& fields,
                    const std::set<std::string>& allowed, int64_t version);
  Status compute(const Model& model, Stored& record);   // its computed values, anew
  Status complete(const Model& model, Stored& record);  // what nobody gave and the pack has a value for

 private:
  using Reads = std::set<std::pair<std::string, std::string>>;
  struct Condition {
    std::string text;
    std::vector<sql::Value> values;
  };
  struct Access {
    std::vector<const RoleAccess*> roles;
    std::vector<Condition> conditions;  // of each
  };
  using Views = std::vector<const RoleAccess*>;  // the roles that let a record be seen
  enum class Verb { read, change, remove };
  struct Seen {
    Stored record;
    Views views;
  };
  // What is wrong with the fields of a record, or of a row in it.
  struct Holder {
    const std::vector<pack::Field>& fields;
    const FieldRules& rules;
    std::string object;  // how rules call it
    std::string path;
  };

  Result<const Model*> model(std::string_view entity) const { return means_.catalogue.model(entity); }
  Rows rows(const Model& model) const { return {model.layout, means_.vault, session_}; }
  Form form(const Model& model) const { return {*model.scope, model.patterns, today_}; }
  tl::unexpected<Error> invalid() const;
  void wrong(std::string field, std::string_view reason, std::string detail = {});

  // Rules.
  Json variables() const;
  Result<Json> seen_by_rule(const Model& model, const Stored& record, const rules::Typed& rule);
  Result<Json> object(const pack::Scope& scope, const std::string& name,
                      const std::vector<pack::Field>& fields, const Json& values, const rules::Typed& rule,
                      size_t steps);
  Result<Json> referred(const pack::Scope& scope, const std::string& entity, const std::string& id,
                        const rules::Typed& rule, size_t steps);
  Result<Json> read_value(const pack::Scope& scope, const std::string& object, const pack::Field& field,
                          const Json& value, const rules::Typed& rule, size_t steps);
  Result<Condition> condition(const Model& model, const rules::Typed& rule,
                              const Json& record = nullptr) const;
  Result<Condition> condition(const Model& model, const Filter& filter) const;
  Result<Json> worth(const Model& model, const Stored& record, const Json* row, const pack::Field* table,
                     const rules::Typed& rule);

  // Access.
  Result<Access> access(const Model& model, Verb verb) const;
  Result<Seen> seen(const Model& model, const std::string& id, Verb verb);
  Status look(const Model& model, const std::string& id, const std::vector<std::string>& fields,
              const std::string& purpose);
  Status check_in_sight(const Model& model, const std::string& id, const Views& views);
  RoleAccess for_task(const Model& model) const;
  bool may_write(const Views& views, std::string_view field) const;
  Json shown(const Model& model, Stored record, const Views& views,
             const std::vector<std::string>& clear = {}) const;
  Result<Condition> searched(const Model& model, const Access& access, const ListQuery& asked, bool& few);
  Status check_asked(const Model& model, const rules::Typed& rule, Access& access) const;

  // Writing.
  Status take(const Model& model, const Json& fields, const Views& views, Stored& record);
  Status judge(const Model& model, const Stored* before, const Stored& after);
  Status judge_fields(const Model& model, const Stored& record, const Holder& holder, const Json* before,
                      const Json& after, const Json* row, const pack::Field* table);
  Status judge_reference(const Model& model, const Stored& record, const Holder& holder,
                         const pack::Field& field, const std::string& id, const Json* row,
                         const pack::Field* table, const std::string& path);
  Status judge_unique(const Model& model, const Stored& record);
  Result<std::string> next_number(const Model& model);
  Status note(const Model& model, const Stored& record, std::string_view action);
  Status commit(const Model& model, const Stored& record, std::string_view action);
  Status save(const Model& model, const Stored& before, Stored& after, std::string_view action);
  Status remove_stored(const Model& model, const Stored& record, int depth);
  Status take_away(const Model& model, const Stored& record);
  Status release(const Stored& record, const Referrer& referrer, int depth);

  sql::Session& session_;
  const Means& means_;
  const Person& person_;
  const std::string today_;
  Wrongs wrongs_;
};

// A value as it is shown to whoever may not see it.
Json masked(const Json& value);

// The tables of this module.
Status migrate(sql::Database& database);

}  // namespace chengxin::record
