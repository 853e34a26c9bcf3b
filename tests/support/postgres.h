#pragma once
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace chengxin::test {

// A private PostgreSQL 15 server (Debian's package) in a temporary folder, listening on a Unix socket there
// only. Run as root it is started as the user `postgres`, because the server refuses root. The destructor
// stops it, and it dies with the test program.
class Postgres {
 public:
  // Fails with a message that says how to install what is missing. Without `durable` commits do not wait for
  // the disk: processes die in tests, machines do not, and a start after a kill would sync every file of the
  // server.
  static Result<std::unique_ptr<Postgres>> start(bool durable = false);
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // A connection string for a new empty database.
  Result<std::string> create_database();

  void kill();       // without a checkpoint or a word to its clients
  Status restart();  // with the data as they were left

 private:
  Postgres() = default;
  Status launch();
  Status sql(const std::string& statement) const;

  std::filesystem::path folder_;
  bool durable_ = false;
  pid_t pid_ = -1;
  int databases_ = 0;
};

}  // namespace chengxin::test
