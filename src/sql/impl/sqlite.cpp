#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_map>

#include "base/clock.h"
#include "sql/impl/connection.h"

namespace chengxin::sql {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Error sqlite_error(int code, const char* message) {
  auto error = [&](Code kind, const char* reason) { return Error{kind, reason, message}; };
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
      code == SQLITE_CONSTRAINT_ROWID)
    return error(Code::conflict, "sql.conflict");
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return error(Code::invalid_argument, "sql.constraint");
    case SQLITE_TOOBIG:
      return error(Code::too_large, "sql.too_large");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(Code::busy, "sql.busy");
    case SQLITE_FULL:
      return error(Code::unavailable, "sql.full");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(Code::data_loss, "sql.damaged");
    case SQLITE_IOERR:
      return error(Code::unavailable, "sql.io");
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return error(Code::forbidden, "sql.denied");
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return error(Code::unavailable, "sql.unavailable");
    default:
      return error(Code::internal, "sql.statement");
  }
}

int bind(sqlite3_stmt* statement, int position, const Param& param) {
  if (param.is_null) return sqlite3_bind_null(statement, position);
  // A null pointer would bind a null, also for an empty string.
  const char* bytes = param.bytes.data() ? param.bytes.data() : "";
  switch (param.type) {
    case Type::integer:
      return sqlite3_bind_int64(statement, position, param.integer);
    case Type::text:
      return sqlite3_bind_text64(statement, position, bytes, param.bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
    default:
      return sqlite3_bind_blob64(statement, position, bytes, param.bytes.size(), SQLITE_STATIC);
  }
}

Result<Value> column(sqlite3_stmt* statement, int index) {
  switch (sqlite3_column_type(statement, index)) {
    case SQLITE_NULL:
      return Value();
    case SQLITE_INTEGER:
      return Value(int64_t(sqlite3_column_int64(statement, index)));
    case SQLITE_TEXT: {
      const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
      return Value(std::string(bytes, size_t(sqlite3_column_bytes(statement, index))));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const uint8_t*>(sqlite3_column_blob(statement, index));
      return Value(Bytes(bytes, bytes + sqlite3_column_bytes(statement, index)));
    }
    default:
      return fail(Code::internal, "sql.statement", "column {} is a fraction; cast it",
                  sqlite3_column_name(statement, index));
  }
}

class SqliteConnection : public Connection {
 public:
  ~SqliteConnection() override {
    cache_.clear();
    sqlite3_close_v2(db_);
  }
  Dialect dialect() const override { return Dialect::sqlite; }
  bool broken() const override { return broken_; }
  bool retryable() const override { return false; }  // begin immediate: nothing can clash after it

  Status open(const Options& options) {
    int code =
        sqlite3_open_v2(options.url.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) return failed(code);
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, options.busy_timeout_ms);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    std::string settings =
        "pragma journal_mode=wal; pragma foreign_keys=on; pragma trusted_schema=off; pragma "
        "cell_size_check=on;"
        "pragma case_sensitive_like=on; pragma journal_size_limit=67108864; pragma synchronous=";
    // What can be made again is written in bulk: a larger cache, and fewer, larger checkpoints.
    settings += options.durable ? "full" : "normal; pragma cache_size=-16384; pragma wal_autocheckpoint=4000";
    // SQLite does not always wait by itself while another process switches to, or recovers, the write-ahead
    // log.
    int64_t deadline = steady_ns() + options.busy_timeout_ms * 1'000'000ll;
    Status status;
    do {
      status = script(settings);
    } while (!status && status.error().reason == "sql.busy" && steady_ns() < deadline && ::usleep(5000) == 0);
    if (!status && status.error().reason == "sql.busy")
      return fail(Code::conflict, "sql.in_use", "{} is held by another process", options.url);
    return status;
  }

  Status script(std::string_view sql) override {
    cache_.clear();
    while (!sql.empty()) {
      ASSIGN(Statement statement, prepare(sql, &sql));
      if (!statement) continue;
      int code;
      while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
      }
      if (code != SQLITE_DONE) return failed(code);
    }
    return {};
  }

  Result<int64_t> execute(std::string_view sql, Params params, const OnRow& on_row, bool) override {
    TRY(check_params(params));
    ASSIGN(sqlite3_stmt * statement, cached(sql));
    Reset reset{statement};
    TRY(bind_all(statement, params));
    if (read_only_ && !sqlite3_stmt_readonly(statement))
      return fail(Code::forbidden, "sql.denied", "a reading transaction");
    Row::Names names;
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (!on_row) continue;
      if (!names) names = column_names(statement);
      std::vector<Value> values(names->size());
      for (size_t i = 0; i < values.size(); ++i) {
        ASSIGN(values[i], column(statement, int(i)));
      }
      TRY(on_row(Row(std::move(values), names)));
    }
    if (code != SQLITE_DONE) return failed(code);
    return sqlite3_stmt_readonly(statement) ? 0 : sqlite3_changes64(db_);
  }

  Status execute_each(std::string_view sql, const Batch& batch) override {
    ASSIGN(sqlite3_stmt * statement, cached(sql));
    for (size_t i = 0; i < batch.size(); ++i) TRY(execute_row(statement, batch.row(i)));
    return {};
  }

  Status append(std::string_view table, size_t columns,
                const std::function<Status(const PutRow&)>& fill) override {
    std::string sql = fmt::format("insert into {} values (?", table);
    for (size_t i = 1; i < columns; ++i) sql += ", ?";
    ASSIGN(sqlite3_stmt * statement, cached(sql + ")"));
    return fill([&](Params row) { return execute_row(statement, row); });
  }

  Status begin(Mode mode) override {
    read_only_ = false;
    auto begun = execute(mode == Mode::read ? "begin" : "begin immediate", {}, nullptr, false);
    if (!begun) return tl::unexpected(std::move(begun).error());
    read_only_ = mode == Mode::read;
    return {};
  }

  Status commit() override {
    read_only_ = false;
    auto done = execute("commit", {}, nullptr, false);
    if (!done) return tl::unexpected(std::move(done).error());
    return {};
  }

  void rollback() override {
    read_only_ = false;
    // SQLite has rolled back by itself after some failures (a full disk, say).
    if (!sqlite3_get_autocommit(db_) && !execute("rollback", {}, nullptr, false)) broken_ = true;
  }

 private:
  struct Reset {
    sqlite3_stmt* statement;
    ~Reset() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  };

  tl::unexpected<Error> failed(int code) {
    Error error = sqlite_error(code, db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
    broken_ = broken_ || error.code == Code::data_loss || error.reason == "sql.io";
    return tl::unexpected(std::move(error));
  }

  Result<Statement> prepare(std::string_view sql, std::string_view* rest) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    int code = sqlite3_prepare_v3(db_, sql.data(), int(sql.size()), 0, &statement, &tail);
    if (code != SQLITE_OK) return failed(code);
    *rest = sql.substr(size_t(tail - sql.data()));
    return Statement(statement);
  }

  Result<sqlite3_stmt*> cached(std::string_view sql) {
    constexpr size_t kMaxStatements = 128;
    if (auto found = cache_.find(std::string(sql)); found != cache_.end()) return found->second.get();
    std::string_view rest;
    ASSIGN(Statement statement, prepare(sql, &rest));
    if (!statement || rest.find_first_not_of("; \t\r\n") != rest.npos)
      return fail(Code::internal, "sql.statement", "exactly one statement is needed");
    if (cache_.size() >= kMaxStatements) cache_.clear();
    return cache_.emplace(sql, std::move(statement)).first->second.get();
  }

  Status execute_row(sqlite3_stmt* statement, Params row) {
    if (read_only_) return fail(Code::forbidden, "sql.denied", "a reading transaction");
    Reset reset{statement};
    TRY(check_params(row));
    TRY(bind_all(statement, row));
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    }
    if (code != SQLITE_DONE) return failed(code);
    return {};
  }

  Status bind_all(sqlite3_stmt* statement, Params params) {
    if (size_t(sqlite3_bind_parameter_count(statement)) != params.size())
      return fail(Code::internal, "sql.statement", "{} values for {} places", params.size(),
                  sqlite3_bind_parameter_count(statement));
    for (size_t i = 0; i < params.size(); ++i)
      if (int code = bind(statement, int(i) + 1, params[i]); code != SQLITE_OK) return failed(code);
    return {};
  }

  static Row::Names column_names(sqlite3_stmt* statement) {
    auto names = std::make_shared<std::vector<std::string>>();
    for (int i = 0; i < sqlite3_column_count(statement); ++i)
      names->push_back(sqlite3_column_name(statement, i));
    return names;
  }

  sqlite3* db_ = nullptr;
  bool broken_ = false, read_only_ = false;
  std::unordered_map<std::string, Statement> cache_;
};

// The file with its owner-only mode must be there before SQLite makes the write-ahead log, which takes over
// its mode.
Status ensure_file(const fs::path& file) {
  if (!file.parent_path().empty()) TRY(make_folder(file.parent_path()));
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) && info.st_uid == ::geteuid())
      ::chmod(file.c_str(), 0600);
    return {};
  }
  if (fd < 0) return tl::unexpected(file_error(file, errno));
  bool synced = ::fsync(fd) == 0;
  int error = errno;
  ::close(fd);
  if (!synced) return tl::unexpected(file_error(file, error));
  return sync_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

}  // namespace

Result<std::unique_ptr<Connection>> connect_sqlite(const Options& options) {
  TRY(ensure_file(options.url));
  auto connection = std::make_unique<SqliteConnection>();
  TRY(connection->open(options));
  return connection;
}

}  // namespace chengxin::sql
