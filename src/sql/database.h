#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/file.h"
#include "sql/value.h"

// One SQL database, SQLite or PostgreSQL, behind the same calls and with the same behaviour:
// - every value is bound (`?` stands for one), text is never put together from values;
// - a writing transaction is serializable, a reading one sees one snapshot; a statement that fails dooms its
// transaction;
// - text compares by bytes, LIKE tells upper from lower case and has no escape character unless the statement
// names one;
// - a writing transaction returns when it is on disk.
// Thread-safe; a Session belongs to the thread that was handed it.
//
// Errors of every call: sql.unavailable (no connection, or it was lost; after a lost commit the outcome is
// unknown), sql.busy (others hold it; retried inside for serialization failures), sql.conflict (a unique key
// is there already), sql.constraint, sql.full, sql.io, sql.damaged, sql.denied, sql.in_use (another process
// holds the file exclusively), sql.text_not_utf8, sql.out_of_range, sql.statement (the statement itself is
// wrong).
namespace chengxin::sql {

class Connection;
enum class Mode : uint8_t;
class Query;
struct Page;

enum class Dialect { sqlite, postgresql };

struct Options {
  // "sqlite:PATH" or a bare path; "postgresql://user@host/database?…" or libpq's "host=… dbname=…".
  std::string url;
  size_t max_connections = 4;
  int busy_timeout_ms = 10'000;    // how long to wait for a lock or a free connection
  int connect_timeout_ms = 5'000;  // PostgreSQL; rounded up to seconds
  // False for what can be made again: a commit does not wait for the disk. The database stays whole after a
  // power cut, but the last transactions may be gone.
  bool durable = true;
};

// One step of a schema's history. In the text {int} {text} {blob} {id} {strict} stand for what each database
// calls them:
//   create table person (id {id}, name {text} not null, photo {blob}) {strict};
// {id} is an automatic integer primary key, {strict} ends each table, or {clustered} one whose rows SQLite is
// to keep in the order of the primary key, without a second index. PostgreSQL indexes no value above 2,700
// bytes: where text from outside is indexed, bound it.
struct Migration {
  int version = 0;  // 1, 2, 3, …
  std::string_view sql;
};

// Takes a row for append(): a value for each column, in the table's order. Values are read before it returns.
using PutRow = std::function<Status(Params)>;

// The statements of one transaction.
class Session {
 public:
  explicit Session(Connection& connection) : connection_(connection) {}

  // Rows changed.
  template <typename... Args>
  Result<int64_t> run(std::string_view sql, const Args&... args) {
    return execute(sql, std::array<Param, sizeof...(Args)>{Param(args)...});
  }
  // All rows: for statements with a limit. Sums need `cast(sum(x) as bigint)`, or PostgreSQL widens them.
  template <typename... Args>
  Result<std::vector<Row>> rows(std::string_view sql, const Args&... args) {
    return query(sql, std::array<Param, sizeof...(Args)>{Param(args)...});
  }
  template <typename... Args>
  Result<std::optional<Row>> row(std::string_view sql, const Args&... args) {
    ASSIGN(auto all, query(sql, std::array<Param, sizeof...(Args)>{Param(args)...}));
    return all.empty() ? std::nullopt : std::optional(std::move(all.front()));
  }
  // Streams in constant memory. on_row may not use this session; its error ends the statement and dooms
  // nothing.
  template <typename... Args>
  Status each(std::string_view sql, const std::function<Status(const Row&)>& on_row, const Args&... args) {
    return stream(sql, std::array<Param, sizeof...(Args)>{Param(args)...}, on_row);
  }
  // The statement once for each row of the batch, without a round trip for each.
  Status run_each(std::string_view sql, const Batch& batch);

  // Adds the rows that `fill` puts to a table of so many columns, the fastest way that the database has:
  // SQLite's prepared statement, PostgreSQL's COPY. `fill` may not use this session.
  Status append(std::string_view table, size_t columns, const std::function<Status(const PutRow&)>& fill);

  Result<std::vector<Row>> rows(const Query& query);
  // The next page in the order of the query's keys: query.h.
  Result<Page> page(const Query& query, std::string_view cursor, size_t limit);

  // Statements that change the schema, in the words of a Migration: for tables that are made of data.
  Status define(std::string_view sql);

  // Runs the work as a part of the transaction: when it fails, what it did is undone, and the rest of the
  // transaction goes on. But where only the whole could run again (a serialization failure, a lost
  // connection), or the database has given the whole up, the transaction is doomed.
  Status part(const std::function<Status(Session&)>& work);

  Dialect dialect() const;
  const std::optional<Error>& doom() const { return doom_; }

 private:
  friend class Database;
  Result<int64_t> execute(std::string_view sql, Params params);
  Result<std::vector<Row>> query(std::string_view sql, Params params);
  Status stream(std::string_view sql, Params params, const std::function<Status(const Row&)>& on_row);
  template <typename T>
  Result<T> noted(Result<T> result);

  Connection& connection_;
  std::optional<Error> doom_;
};

class Database {
 public:
  using Work = std::function<Status(Session&)>;

  // Opens one connection at once, so that what is wrong is known here. A SQLite file is made when missing,
  // with its folder, readable by its owner only.
  static Result<std::unique_ptr<Database>> open(Options options);
  ~Database();

  // Runs the work in a transaction; commits when it returns success, else rolls back and returns its error.
  // After a serialization failure the work runs again, so it must have no effect but through the session. Not
  // to be nested.
  Status transaction(const Work& work);
  Status read(const Work& work);

  // Brings the tables of `component` to the newest of `migrations`, in one transaction; recorded in
  // schema_version. Safe beside another process that does the same. sql.newer_version when the database is
  // ahead of this program.
  Status migrate(std::string_view component, std::span<const Migration> migrations);
  // Version by component.
  Result<std::vector<std::pair<std::string, int>>> versions();

  // A copy of a SQLite database as of now, durable, while others write: sql.unsupported on PostgreSQL (see
  // dump.h).
  Status backup_to(const fs::path& file);
  // Reads every page and index of a SQLite database: sql.damaged. On PostgreSQL that is the server's own
  // business.
  Status verify();

  Dialect dialect() const { return dialect_; }

 private:
  Database(Options options, Dialect dialect);
  Result<std::unique_ptr<Connection>> connect() const;
  Result<std::unique_ptr<Connection>> acquire();
  void release(std::unique_ptr<Connection> connection);
  Result<std::unique_ptr<Connection>> begin(Mode mode);
  Status attempt(Connection& connection, const Work& work);
  Status run(Mode mode, const Work& work);

  const Options options_;
  const Dialect dialect_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;
  size_t in_use_ = 0;
  std::timed_mutex writer_;  // SQLite has one writer: wait in line here rather than by polling its file lock
};

}  // namespace chengxin::sql
