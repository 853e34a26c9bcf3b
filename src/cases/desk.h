#pragma once
#include "flow/engine.h"
#include "record/installation.h"

// Processes of packs over their records: who files, who approves, what is told to whom (docs/processes.md).
namespace chengxin::cases {

Status migrate(sql::Database& database);  // brings the tables of this module up to date

// The people of an installation.
class Staff {
 public:
  virtual ~Staff() = default;
  virtual std::vector<std::string> with_role(const std::string& role) const = 0;  // a pack's role
  // Of an organisation and those beneath it: whoever has a role of a pack.
  virtual std::vector<std::string> of_organisation(const std::string& id) const = 0;
  // Who gets what nobody else can do.
  virtual std::vector<std::string> administrators() const = 0;
  virtual std::optional<record::Person> find(const std::string& id) const = 0;  // nullopt: nobody, or left
};

struct PageOf {
  std::vector<Json> items;
  std::string next;  // cursor; empty: the last page
};

struct Deed {
  flow::Verb verb = flow::Verb::complete;
  std::string comment;
  std::vector<std::string> people;  // of add_before, add_after, copy, hand_over, delegate
  std::string step;                 // of back
  Json fields;                      // of complete: what the step's form asks for; null: nothing
  int64_t version = 0;              // of the record that they are for
};

// Thread-safe. Each call is one transaction: what it does to the record and to the case is there together, or
// not at all. cases.no_form (fields for a task without a form). Errors beside those named: record.…, flow.…
// (flow/engine.h), sql.….
//
// A case in JSON: {"id", "process", "title": {zh, en}, "entity", "record", "starter", "status", "begun_ms",
// "ended_ms"}; a task {"id": CASE.NUMBER, "case", "process", "step", "title", "entity", "record", "starter",
// "due_ms"}; an event {"seq", "at_ms", "who", "what", "step", "task", "detail"}; a message {"id", "kind",
// "case", "task", "detail", "at_ms", "read_ms"}. Times that are not set are left out.
class Desk {
 public:
  // Brings the tables up to date.
  static Result<std::unique_ptr<Desk>> open(sql::Database& database, record::Installation& installation,
                                            const Staff& staff, std::function<int64_t()> now_ms);
  ~Desk();

  // Of a record that he may read. The case. cases.process_unknown, cases.running (the record has an open case
  // of this process).
  Result<Json> start(const record::Person& person, const std::string& process, const std::string& record,
                     const std::string& comment);
  // `wrongs`: what is wrong with the fields, when record.invalid comes back. The case.
  Result<Json> act(const record::Person& person, const std::string& task, const Deed& deed,
                   record::Wrongs& wrongs);
  Result<Json> withdraw(const record::Person& person, int64_t id, const std::string& comment);

  // Whoever began it, has or had a task in it, or may read its record: the case with its "history": [event],
  // open "tasks" and its record as "of". cases.not_found.
  Result<Json> find(const record::Person& person, int64_t id);
  Result<PageOf> tasks(const record::Person& person, const std::string& cursor, size_t limit);
  Result<PageOf> begun(const record::Person& person, const std::string& cursor, size_t limit);
  Result<PageOf> done(const record::Person& person, const std::string& cursor, size_t limit);  // events

  Result<PageOf> messages(const record::Person& person, bool unread, const std::string& cursor, size_t limit);
  Status mark_read(const record::Person& person, const std::string& id);  // cases.message_unknown

  // What falls due, messages to their readers, cases to newer versions of their process: once a second, by
  // any number of processes. What was refused is told, and tried again later.
  struct Ran {
    int64_t timers = 0, messages = 0, moved = 0;
    std::vector<std::pair<int64_t, Error>> refused;  // by case
  };
  Result<Ran> run();

 private:
  class Records;
  Desk(sql::Database& database, record::Installation& installation, const Staff& staff,
       std::function<int64_t()> now_ms);
  Result<Json> described(sql::Session& session, const record::Work::Means& means, const flow::Case& at);
  Status renew(int64_t& moved);
  Status publish(sql::Session& session, const record::Catalogue& catalogue);
  Result<bool> may_see(sql::Session& session, const record::Work::Means& means, const record::Person& person,
                       const flow::Case& at);
  Result<PageOf> page(const sql::Query& query, const std::string& cursor, size_t limit,
                      const std::function<Json(const record::Catalogue&, const sql::Row&)>& describe);

  sql::Database& database_;
  record::Installation& installation_;
  const std::function<int64_t()> now_ms_;
  const std::unique_ptr<Records> records_;
  flow::Engine engine_;
  std::atomic<int64_t> published_ = -1;  // the epoch whose processes are
};

}  // namespace chengxin::cases
