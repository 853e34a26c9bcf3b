#pragma once
#include "record/work.h"

namespace chengxin::record {

// One thing that applying a pack does to the tables, or finds there.
struct Step {
  std::string
      kind;  // create, add, convert, fill, compute, unique, return, drop, search, required, code, state
  std::string object;                 // an entity
  std::string member;                 // a field of it; empty: the whole
  int64_t rows = 0;                   // records that it concerns
  bool loss = false;                  // what they hold there can no longer be reached
  std::string reason;                 // why it cannot be done; empty: it can
  std::vector<std::string> examples;  // ids of such records

  std::string name() const { return member.empty() ? object : object + "." + member; }
};
Json to_json(const Step& step);

// A logical copy of the database (sql/dump.h) of an installation with packs leaves these out: how records are
// found is made again when it is opened. define_tables() makes what the packs had made, of the rows of
// record_column.
inline const std::vector<std::string> kMadeAgain{"record_index", "w_"};
inline const std::vector<std::pair<std::string, std::string>> kColumnsMadeAgain{{"e_", "row"},
                                                                                {"e_", "words"}};
Status define_tables(sql::Session& session);

// Brings tables and records from one catalogue to another, in the transaction of a session: what a plan shows
// is what was done, before it was rolled back (ADR 0049). Columns are never dropped: what a version no longer
// has is retired, and comes back with the version that has it again.
class Migrator {
 public:
  // `before`: null when nothing is installed.
  Migrator(sql::Session& session, const Catalogue* before, const Work::Means& after, const std::string& by)
      : session_(session),
        before_(before),
        after_(after.catalogue),
        means_(after),
        person_{by, by, "", "", {}, {}},
        work_(session, after, person_) {}

  // Errors: sql.…, rule.…. What stands in the way is a step with a reason.
  Status run();
  const std::vector<Step>& steps() const { return steps_; }

 private:
  struct Columns {
    const std::vector<pack::Column>& columns;
    std::string table;
  };
  Step& step(std::string kind, const std::string& object, const std::string& member);
  const Model* former(const std::string& entity) const;
  Status read_columns();
  Status entity(const Model& now);
  Status create(const Model& now);
  Status ensure(const std::string& table, const std::vector<pack::Column>& columns, bool& returned);
  Status field(const Model& before, const Model& now, const pack::Field& field);
  Status convert(const Model& before, const Model& now, const pack::Field& from, const pack::Field& to);
  Status convert_batch(const Model& before, const Model& now, const pack::Field& from, const pack::Field& to,
                       std::span<const std::string> ids, Step& into);
  Status drop(const Model& before, const pack::Field& field);
  Status drop_entity(const Model& before);
  Status retire(const std::string& table, const std::string& column);
  Status required(const Model* before, const Model& now);
  Status codes(const Model& now);
  Status states(const Model& now);
  Status computed(const Model& before, const Model& now);
  Status unique(const Model& now);
  Status words(const Model& now, const std::string& held);
  Status all_words();
  Status indexes();
  Result<int64_t> count(const std::string& table, const std::string& where = "");
  Status each_record(const Model& model, const std::function<Status(std::span<const std::string>)>& visit);

  sql::Session& session_;
  const Catalogue* before_;
  const Catalogue& after_;
  const Work::Means& means_;
  const Person person_;
  Work work_;
  std::vector<Step> steps_;
  std::map<std::pair<std::string, std::string>, bool> columns_;  // (table, column) → whether it is retired
};

}  // namespace chengxin::record
