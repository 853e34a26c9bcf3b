#include <libpq-fe.h>

#include <charconv>
#include <unordered_map>

#include "sql/impl/connection.h"

namespace chengxin::sql {
namespace {

// Object identifiers of built-in types (PostgreSQL's pg_type.dat); part of its wire protocol.
enum TypeId : Oid {
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kBpchar = 1042,
  kVarchar = 1043
};

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

// PostgreSQL documentation, appendix A: error codes.
Error postgresql_error(std::string_view state, std::string message) {
  auto error = [&](Code kind, const char* reason) { return Error{kind, reason, std::move(message)}; };
  if (state == "23505") return error(Code::conflict, "sql.conflict");
  if (state == "40001" || state == "40P01" || state == "55P03") return error(Code::busy, "sql.busy");
  if (state == "53100") return error(Code::unavailable, "sql.full");
  if (state == "22021") return error(Code::invalid_argument, "sql.text_not_utf8");
  if (state == "25006" || state == "42501") return error(Code::forbidden, "sql.denied");
  if (state == "3D000") return error(Code::unavailable, "sql.unavailable");
  if (state == "57014") return error(Code::busy, "sql.busy");
  std::string_view family = state.substr(0, 2);
  if (family == "08" || family == "57" || family == "53") return error(Code::unavailable, "sql.unavailable");
  if (family == "23" || family == "22") return error(Code::invalid_argument, "sql.constraint");
  if (family == "28") return error(Code::forbidden, "sql.denied");
  if (family == "58") return error(Code::unavailable, "sql.io");
  if (family == "54") return error(Code::too_large, "sql.too_large");
  if (family == "XX") return error(Code::data_loss, "sql.damaged");
  return error(Code::internal, "sql.statement");
}

// `?` outside of quotes and comments becomes $1, $2, …
std::string numbered(std::string_view sql) {
  std::string out;
  int count = 0;
  char quote = 0;
  for (size_t i = 0; i < sql.size(); ++i) {
    char c = sql[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '-' && sql.substr(i, 2) == "--") {
      quote = '\n';
    } else if (c == '?') {
      out += "$" + std::to_string(++count);
      continue;
    }
    out += c;
  }
  return out;
}

Oid type_id(Type type) {
  switch (type) {
    case Type::integer:
      return kInt8;
    case Type::text:
      return kText;
    case Type::blob:
      return kBytea;
    default:
      return 0;
  }
}

// The parameters as libpq wants them: integers in 8 binary bytes, text and blobs as they are.
struct Bound {
  explicit Bound(Params params) : integers(params.size()) {
    for (size_t i = 0; i < params.size(); ++i) {
      const Param& param = params[i];
      types.push_back(type_id(param.type));
      if (param.type == Type::integer) {
        for (int b = 0; b < 8; ++b) integers[i][size_t(b)] = char(uint64_t(param.integer) >> (56 - 8 * b));
        values.push_back(integers[i].data());
        lengths.push_back(8);
      } else {
        values.push_back(param.bytes.data() ? param.bytes.data() : "");
        lengths.push_back(int(param.bytes.size()));
      }
      if (param.is_null) values.back() = nullptr;
      formats.push_back(1);
    }
  }
  std::vector<std::array<char, 8>> integers;
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths, formats;
};

// PostgreSQL documentation, COPY, "Binary Format": signature, flags, length of the header's extension; then
// for each row the number of fields, and each with its length before it, -1 for null.
constexpr uint8_t kCopyHeader[] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n',
                                   0,   0,   0,   0,   0,   0,   0,    0,    0};
constexpr size_t kCopyBytes = 64 << 10;

void put_copy_row(Bytes& out, Params row) {
  put_be(out, int16_t(row.size()));
  for (const Param& param : row) {
    if (param.is_null) {
      put_be(out, int32_t(-1));
    } else if (param.type == Type::integer) {
      put_be(out, int32_t(8));
      put_be(out, param.integer);
    } else {
      put_be(out, int32_t(param.bytes.size()));
      chengxin::append(out, view(param.bytes));
    }
  }
}

Result<Value> field(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column)) return Value();
  const auto* bytes = reinterpret_cast<const uint8_t*>(PQgetvalue(result, row, column));
  size_t size = size_t(PQgetlength(result, row, column));
  switch (PQftype(result, column)) {
    case kInt8:
      return Value(get_be<int64_t>(bytes));
    case kInt4:
      return Value(int64_t(get_be<int32_t>(bytes)));
    case kOid:
      return Value(int64_t(get_be<uint32_t>(bytes)));
    case kInt2:
      return Value(int64_t(get_be<int16_t>(bytes)));
    case kBool:
      return Value(int64_t(bytes[0]));
    case kBytea:
      return Value(Bytes(bytes, bytes + size));
    case kText:
    case kVarchar:
    case kBpchar:
    case kName:
      return Value(to_string(ByteView(bytes, size)));
    default:
      return fail(Code::internal, "sql.statement",
                  "column {} has a type other than integer, text or blob; cast it", PQfname(result, column));
  }
}

class PostgresqlConnection : public Connection {
 public:
  ~PostgresqlConnection() override { PQfinish(connection_); }
  Dialect dialect() const override { return Dialect::postgresql; }
  bool broken() const override { return broken_ || PQstatus(connection_) != CONNECTION_OK; }
  bool retryable() const override { return retryable_; }

  Status open(const Options& options) {
    std::string connect_timeout = std::to_string((options.connect_timeout_ms + 999) / 1000);
    // Later entries win over earlier ones; what `dbname` expands to is the caller's.
    const char* keys[] = {"connect_timeout", "application_name", "keepalives_idle",
                          "dbname",          "client_encoding",  nullptr};
    const char* values[] = {connect_timeout.c_str(), "chengxin", "30", options.url.c_str(), "UTF8", nullptr};
    connection_ = PQconnectdbParams(keys, values, 1);
    if (PQstatus(connection_) != CONNECTION_OK) return connect_error();
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    return script(
        fmt::format("set standard_conforming_strings=on; set lock_timeout={}; set synchronous_commit={}",
                    options.busy_timeout_ms, options.durable ? "on" : "off"));
  }

  Status script(std::string_view sql) override {
    forget_statements();
    Answer answer(PQexec(connection_, std::string(sql).c_str()));
    return check(answer.get());
  }

  Result<int64_t> execute(std::string_view sql, Params params, const OnRow& on_row, bool streamed) override {
    TRY(check_params(params));
    Bound bound(params);
    ASSIGN(std::string name, prepared(sql, bound));
    if (streamed) return stream(name, bound, on_row);
    Answer answer(PQexecPrepared(connection_, name.c_str(), int(params.size()), bound.values.data(),
                                 bound.lengths.data(), bound.formats.data(), 1));
    TRY(check(answer.get()));
    if (on_row) TRY(hand_on(answer.get(), on_row));
    return changed(answer.get());
  }

  // Pipeline mode: many executions for each round trip. Windows are small enough that the server never blocks
  // on answers that nobody reads yet.
  Status execute_each(std::string_view sql, const Batch& batch) override {
    constexpr size_t kWindowRows = 256;
    for (size_t i = 0; i < batch.size(); ++i) TRY(check_params(batch.row(i)));
    Status status;
    for (size_t from = 0; from < batch.size() && status; from += kWindowRows)
      status = window(sql, batch, from, std::min(batch.size(), from + kWindowRows));
    return status;
  }

  Status append(std::string_view table, size_t columns,
                const std::function<Status(const PutRow&)>& fill) override {
    Answer begun(PQexec(connection_, fmt::format("copy {} from stdin (format binary)", table).c_str()));
    if (PQresultStatus(begun.get()) != PGRES_COPY_IN) return check(begun.get());
    Bytes buffer = to_bytes(kCopyHeader);
    bool sent = true;
    auto send = [&] {
      sent = sent && PQputCopyData(connection_, reinterpret_cast<const char*>(buffer.data()),
                                   int(buffer.size())) == 1;
      buffer.clear();
    };
    Status filled = fill([&](Params row) -> Status {
      CHECK(row.size() == columns);
      TRY(check_params(row));
      put_copy_row(buffer, row);
      if (buffer.size() >= kCopyBytes) send();
      return {};
    });
    put_be(buffer, int16_t(-1));
    send();
    sent = sent && PQputCopyEnd(connection_, filled ? nullptr : "refused by the caller") == 1;
    Status status = sent ? Status() : check(nullptr);
    while (Answer answer{PQgetResult(connection_)})
      if (status) status = check(answer.get());
    return filled ? status : filled;
  }

  Status begin(Mode mode) override {
    retryable_ = false;
    switch (mode) {
      case Mode::read:
        return command("begin isolation level repeatable read read only");
      case Mode::write:
        return command("begin isolation level serializable");
      default:
        return command("begin isolation level read committed");
    }
  }

  Status commit() override {
    Answer answer(PQexec(connection_, "commit"));
    TRY(check(answer.get()));
    if (std::string_view(PQcmdStatus(answer.get())) != "COMMIT")
      return fail(Code::internal, "sql.statement", "the transaction had failed before");
    return {};
  }

  void rollback() override {
    bool retry = retryable_;
    if (!broken() && PQtransactionStatus(connection_) != PQTRANS_IDLE && !command("rollback")) broken_ = true;
    retryable_ = retry;
  }

 private:
  Status connect_error() const {
    std::string message = PQerrorMessage(connection_);
    while (!message.empty() && message.back() == '\n') message.pop_back();
    bool refused = message.find("authentication failed") != message.npos ||
                   message.find("no pg_hba.conf entry") != message.npos ||
                   message.find("no password supplied") != message.npos;
    if (refused) return fail(Code::forbidden, "sql.denied", "{}", message);
    return fail(Code::unavailable, "sql.unavailable", "{}", message);
  }

  Status command(const char* sql) {
    Answer answer(PQexec(connection_, sql));
    return check(answer.get());
  }

  Status check(const PGresult* answer) {
    switch (PQresultStatus(answer)) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_SINGLE_TUPLE:
      case PGRES_PIPELINE_SYNC:
        return {};
      default:
        break;
    }
    const char* state = answer ? PQresultErrorField(answer, PG_DIAG_SQLSTATE) : nullptr;
    const char* primary = answer ? PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
    if (!state || PQstatus(connection_) != CONNECTION_OK) {
      broken_ = true;
      return fail(Code::unavailable, "sql.unavailable", "{}",
                  primary ? primary : "the connection to the database was lost");
    }
    retryable_ = std::string_view(state) == "40001" || std::string_view(state) == "40P01";
    return tl::unexpected(postgresql_error(state, primary ? primary : ""));
  }

  void forget_statements() {
    if (!statements_.empty()) Answer(PQexec(connection_, "deallocate all"));
    statements_.clear();
  }

  Result<std::string> prepared(std::string_view sql, const Bound& bound) {
    constexpr size_t kMaxStatements = 128;
    std::string key(sql);
    for (Oid type : bound.types) key += char('0' + type);
    if (auto found = statements_.find(key); found != statements_.end()) return found->second;
    if (statements_.size() >= kMaxStatements) {
      TRY(command("deallocate all"));
      statements_.clear();
    }
    std::string name = "s" + std::to_string(++prepared_count_);
    Answer answer(PQprepare(connection_, name.c_str(), numbered(sql).c_str(), int(bound.types.size()),
                            bound.types.data()));
    TRY(check(answer.get()));
    return statements_.emplace(std::move(key), name).first->second;
  }

  static int64_t changed(PGresult* answer) {
    if (std::string_view(PQcmdStatus(answer)).starts_with("SELECT")) return 0;
    std::string_view count = PQcmdTuples(answer);
    int64_t value = 0;
    std::from_chars(count.data(), count.data() + count.size(), value);
    return value;
  }

  static Status hand_on(const PGresult* answer, const OnRow& on_row) {
    auto names = std::make_shared<std::vector<std::string>>();
    for (int i = 0; i < PQnfields(answer); ++i) names->push_back(PQfname(answer, i));
    for (int row = 0; row < PQntuples(answer); ++row) {
      std::vector<Value> values(names->size());
      for (size_t i = 0; i < values.size(); ++i) {
        ASSIGN(values[i], field(answer, row, int(i)));
      }
      TRY(on_row(Row(std::move(values), names)));
    }
    return {};
  }

  Result<int64_t> stream(const std::string& name, const Bound& bound, const OnRow& on_row) {
    if (!PQsendQueryPrepared(connection_, name.c_str(), int(bound.values.size()), bound.values.data(),
                             bound.lengths.data(), bound.formats.data(), 1))
      return tl::unexpected(check(nullptr).error());
    PQsetSingleRowMode(connection_);
    Status status;
    int64_t count = 0;
    while (Answer answer{PQgetResult(connection_)}) {
      if (!status) continue;  // drain what was under way
      status = check(answer.get());
      if (status) status = hand_on(answer.get(), on_row);
      if (status && PQresultStatus(answer.get()) != PGRES_SINGLE_TUPLE) count = changed(answer.get());
      if (!status) cancel();
    }
    if (!status) return tl::unexpected(std::move(status).error());
    return count;
  }

  void cancel() {
    char ignored[256];
    if (PGcancel* cancel = PQgetCancel(connection_)) {
      PQcancel(cancel, ignored, sizeof ignored);
      PQfreeCancel(cancel);
    }
  }

  Status window(std::string_view sql, const Batch& batch, size_t from, size_t to) {
    std::vector<std::string> names;
    for (size_t i = from; i < to; ++i) {
      ASSIGN(std::string name, prepared(sql, Bound(batch.row(i))));
      names.push_back(std::move(name));
    }
    if (!PQenterPipelineMode(connection_)) return check(nullptr);
    bool sent = true;
    for (size_t i = from; i < to && sent; ++i) {
      Bound bound(batch.row(i));
      sent = PQsendQueryPrepared(connection_, names[i - from].c_str(), int(batch.width()),
                                 bound.values.data(), bound.lengths.data(), bound.formats.data(), 1);
    }
    sent = sent && PQpipelineSync(connection_);
    Status status;
    while (sent) {
      Answer answer(PQgetResult(connection_));
      if (!answer && PQstatus(connection_) != CONNECTION_OK) sent = false;
      if (!answer) continue;
      ExecStatusType kind = PQresultStatus(answer.get());
      if (kind == PGRES_PIPELINE_SYNC) break;
      if (status && kind != PGRES_PIPELINE_ABORTED) status = check(answer.get());
      if (PQstatus(connection_) != CONNECTION_OK) sent = false;
    }
    if (!sent && status) status = check(nullptr);
    if (!PQexitPipelineMode(connection_)) broken_ = true;
    return status;
  }

  PGconn* connection_ = nullptr;
  bool broken_ = false, retryable_ = false;
  uint64_t prepared_count_ = 0;
  std::unordered_map<std::string, std::string> statements_;  // text and types to name
};

}  // namespace

Result<std::unique_ptr<Connection>> connect_postgresql(const Options& options) {
  auto connection = std::make_unique<PostgresqlConnection>();
  TRY(connection->open(options));
  return connection;
}

}  // namespace chengxin::sql
