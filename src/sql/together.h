#pragma once
#include <deque>

#include "sql/database.h"

namespace chengxin::sql {

// Durable transactions of many callers, on SQLite put into one, so that they share its wait for the disk:
// what comes while one is written is written together next. Each is a part of its own: when one fails, the
// others do not. PostgreSQL does this by itself, so there each has its own. Thread-safe.
class Together {
 public:
  static constexpr size_t kMost = 64;  // in one transaction
  explicit Together(Database& database) : database_(database) {}

  // As Database::transaction. The work may run more than once, and on another caller's thread; it must not
  // wait for other work that is run here.
  Status run(const Database::Work& work);

 private:
  struct Part {
    const Database::Work* work;
    Status status;
    bool done = false;
  };
  void write(std::span<Part* const> parts);

  Database& database_;
  std::mutex mutex_;
  std::condition_variable written_;
  std::deque<Part*> waiting_;
  bool writing_ = false;
};

}  // namespace chengxin::sql
