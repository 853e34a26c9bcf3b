#pragma once
#include "sql/database.h"

namespace chengxin::sql {

// A migration on PostgreSQL must see what another process committed while this one waited for its lock.
enum class Mode : uint8_t { read, write, migrate };

using OnRow = std::function<Status(const Row&)>;

// One connection of a driver. After an error with broken() it is thrown away.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Dialect dialect() const = 0;
  virtual bool broken() const = 0;
  // True when the last failure would not come back if the transaction ran again.
  virtual bool retryable() const = 0;

  // Statements without values, separated by semicolons.
  virtual Status script(std::string_view sql) = 0;
  // Rows changed. With `streamed` rows are handed on as they arrive.
  virtual Result<int64_t> execute(std::string_view sql, Params params, const OnRow& on_row,
                                  bool streamed) = 0;
  virtual Status execute_each(std::string_view sql, const Batch& batch) = 0;
  virtual Status append(std::string_view table, size_t columns,
                        const std::function<Status(const PutRow&)>& fill) = 0;
  virtual Status begin(Mode mode) = 0;
  virtual Status commit() = 0;
  virtual void rollback() = 0;
};

Result<std::unique_ptr<Connection>> connect_sqlite(const Options& options);
Result<std::unique_ptr<Connection>> connect_postgresql(const Options& options);

// What both databases refuse: sql.text_not_utf8, sql.out_of_range.
Status check_params(Params params);

}  // namespace chengxin::sql
