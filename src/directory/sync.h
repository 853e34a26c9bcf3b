#pragma once
#include <map>

#include "directory/personal.h"
#include "identity/reads.h"

// Brings identities into step with a directory of people and organisations (a CSV or JSON file of theirs):
// first a plan of the differences, then, when somebody has agreed to that very plan, the changes, by the
// batch. What was interrupted goes on where it stopped: each entry's seed is kept before its identity is
// enrolled, so none is enrolled twice.
namespace chengxin::directory {

struct Entry {
  std::string external;  // its id in the directory
  identity::Kind kind = identity::Kind::natural;
  std::string parent;  // external id of the organisation above; may be empty
  bool active = true;
  std::string unique;  // an identifier that nobody else has; may be empty
  Json personal;       // texts by name; not on the chain
};

// JSON: an array of objects. CSV (RFC 4180): the first line names the columns external, kind, parent, status,
// unique; all others are personal. At most 1,000,000 entries. directory.file names the entry that does not
// fit.
Result<std::vector<Entry>> parse_entries(std::string_view document);

enum class Action { create, update, move, suspend, restore };
std::string_view name_of(Action action);
struct Difference {
  Action action = Action::create;
  std::string external;
  std::optional<SubjectId> subject;  // none yet of what is created
  std::string why;
};
struct Plan {
  std::vector<Difference> differences;
  Digest digest() const;  // of what it would do: who agrees to it names this
};
Json describe(const Plan& plan, size_t most);  // counts by action, and the first of the differences

class Sync {
 public:
  // Hands a call in as the registrar and waits for its block; the error of one that was refused.
  using Submit = std::function<Status(format::Call)>;
  struct Place {
    std::string chain;  // its name
    Digest chain_id{};
    identity::KeyId registrar{};
    identity::Read read;
  };
  Sync(sql::Database& database, Personal& personal) : database_(database), personal_(personal) {}

  // `source` names the directory: entries that another one brought are not touched. directory.parent,
  // directory.duplicate.
  Result<Plan> plan(const Place& place, const std::string& source, const std::vector<Entry>& entries);
  // directory.plan_changed when `agreed` is not the plan as it is now. `report` (done, total).
  Result<Plan> apply(const Place& place, const std::string& source, const std::vector<Entry>& entries,
                     const Digest& agreed, const Submit& submit,
                     const std::function<void(uint64_t, uint64_t)>& report);

 private:
  struct Row {
    SubjectId subject{};
    Bytes seed, content;
  };
  using Rows = std::map<std::string, Row>;
  Result<Rows> rows_of(const Place& place, const std::string& source);
  static Status keep(sql::Session& session, const std::string& chain, const std::string& source,
                     const std::string& external, const Row& row);
  using Done = std::function<void(uint64_t)>;  // how many so far
  Status create(const Place& place, const std::string& source, const std::vector<const Entry*>& entries,
                const Submit& submit, const Done& done);
  Status change(const Place& place, const std::string& source, const std::vector<const Entry*>& entries,
                const Submit& submit, const Done& done);
  Digest content_of(const Entry& entry) const;

  sql::Database& database_;
  Personal& personal_;
};

}  // namespace chengxin::directory
