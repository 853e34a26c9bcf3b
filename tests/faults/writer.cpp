// faults_writer KIND DIR COUNT: stores COUNT records and prints the number of each once it is acknowledged.
// faults_writer KIND DIR check: prints the numbers of all records that are there; exit 3 when one is damaged
// or the store does not open. Kinds whose name ends in _careless acknowledge what is not durable: under a
// power cut they must be caught.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "base/file.h"

namespace {

using namespace chengxin;

std::string value_of(int number) {
  std::string value;
  while (value.size() < size_t(100 + number % 3000)) value += fmt::format("record {};", number);
  return value;
}

class Store {
 public:
  virtual ~Store() = default;
  virtual bool put(int number, const std::string& value) = 0;
  // Calls back with each record; false when the store is damaged.
  virtual bool each(const std::function<bool(int, const std::string&)>& visit) = 0;
};

class Files : public Store {
 public:
  enum How { durable, no_sync, no_folder_sync };
  Files(fs::path folder, How how) : folder_(std::move(folder)), how_(how) {}

  bool put(int number, const std::string& value) override {
    fs::path path = folder_ / std::to_string(number);
    ByteView bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size());
    if (how_ == durable) return bool(write_durable(path, bytes));
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    bool good = fd >= 0 && ::write(fd, value.data(), value.size()) == ssize_t(value.size());
    if (how_ != no_sync) good = good && ::fsync(fd) == 0;
    ::close(fd);
    return good;
  }
  bool each(const std::function<bool(int, const std::string&)>& visit) override {
    for (const auto& entry : fs::directory_iterator(folder_)) {
      std::string name = entry.path().filename().string();
      int number = 0;
      auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (error != std::errc() || end != name.data() + name.size()) continue;
      std::ifstream file(entry.path());
      if (!visit(number, std::string(std::istreambuf_iterator<char>(file), {}))) return false;
    }
    return true;
  }

 private:
  fs::path folder_;
  How how_;
};

// Debian's RocksDB is built with its assertions on: a failed write to its own information log would end the
// process.
class Quiet : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class Rocks : public Store {
 public:
  Rocks(const fs::path& folder, bool sync) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 256 << 10;  // so that memtables are flushed and compacted within a short test
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.info_log = std::make_shared<Quiet>();
    rocksdb::DB* db = nullptr;
    rocksdb::Status opened = rocksdb::DB::Open(options, folder / "rocks", &db);
    if (!opened.ok()) fmt::print(stderr, "{}\n", opened.ToString());
    db_.reset(db);
    write_.sync = sync;
    if (db != nullptr && !sync_folder(folder))
      db_.reset();  // RocksDB does not sync the folder that holds its own
  }
  bool put(int number, const std::string& value) override {
    return db_ && db_->Put(write_, std::to_string(number), value).ok();
  }
  bool each(const std::function<bool(int, const std::string&)>& visit) override {
    if (!db_) return false;
    std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next())
      if (!visit(std::stoi(at->key().ToString()), at->value().ToString())) return false;
    return at->status().ok();
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_;
};

class Sqlite : public Store {
 public:
  Sqlite(const fs::path& folder, const char* synchronous) {
    sqlite3_open((folder / "records.db").c_str(), &db_);
    good_ = run("PRAGMA journal_mode=WAL") && run(fmt::format("PRAGMA synchronous={}", synchronous)) &&
            run("PRAGMA wal_autocheckpoint=50") &&
            run("CREATE TABLE IF NOT EXISTS r(n INTEGER PRIMARY KEY, v TEXT)");
  }
  ~Sqlite() override { sqlite3_close(db_); }
  bool put(int number, const std::string& value) override {
    return good_ && run(fmt::format("INSERT INTO r VALUES({},'{}')", number, value));
  }
  bool each(const std::function<bool(int, const std::string&)>& visit) override {
    sqlite3_stmt* statement = nullptr;
    bool good = good_ && run("PRAGMA integrity_check") &&
                sqlite3_prepare_v2(db_, "SELECT n, v FROM r", -1, &statement, nullptr) == SQLITE_OK;
    int step = SQLITE_DONE;
    while (good && (step = sqlite3_step(statement)) == SQLITE_ROW)
      good = visit(sqlite3_column_int(statement, 0),
                   reinterpret_cast<const char*>(sqlite3_column_text(statement, 1)));
    sqlite3_finalize(statement);
    return good && step == SQLITE_DONE;
  }

 private:
  bool run(const std::string& sql) {
    char* why = nullptr;
    bool done = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &why) == SQLITE_OK;
    if (!done) fmt::print(stderr, "{}: {}\n", sql.substr(0, 40), why ? why : "");
    sqlite3_free(why);
    return done;
  }
  sqlite3* db_ = nullptr;
  bool good_ = false;
};

struct Kind {
  std::function<std::unique_ptr<Store>(const fs::path&)> open;
  int threads = 1;
};

std::map<std::string, Kind> kinds() {
  auto files = [](Files::How how) {
    return [how](const fs::path& folder) { return std::make_unique<Files>(folder, how); };
  };
  auto rocks = [](bool sync) {
    return [sync](const fs::path& folder) { return std::make_unique<Rocks>(folder, sync); };
  };
  auto sqlite = [](const char* sync) {
    return [sync](const fs::path& folder) { return std::make_unique<Sqlite>(folder, sync); };
  };
  return {{"files", {files(Files::durable), 2}},
          {"files_no_sync_careless", {files(Files::no_sync)}},
          {"files_no_folder_sync_careless", {files(Files::no_folder_sync)}},
          {"rocksdb", {rocks(true), 4}},
          {"rocksdb_one_writer", {rocks(true)}},
          {"rocksdb_careless", {rocks(false)}},
          {"sqlite", {sqlite("FULL")}},
          {"sqlite_careless", {sqlite("OFF")}}};
}

int check(Store& store) {
  std::string out;
  bool good = store.each([&](int number, const std::string& value) {
    if (value != value_of(number)) return false;
    out += fmt::format("{}\n", number);
    return true;
  });
  fmt::print("{}", out);
  return good ? 0 : 3;
}

int fill(Store& store, int threads, int count) {
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::jthread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      for (int number = next++; number < count && !failed; number = next++) {
        if (!store.put(number, value_of(number))) {
          failed = true;
          return;
        }
        std::string line = fmt::format("{}\n", number);
        (void)!::write(STDOUT_FILENO, line.data(), line.size());
      }
    });
  workers.clear();
  return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto all = kinds();
  if (argc != 4 || !all.contains(argv[1])) {
    fmt::print(stderr, "faults_writer KIND DIR COUNT|check\n");
    return 2;
  }
  const Kind& kind = all.at(argv[1]);
  auto store = kind.open(argv[2]);
  return std::string_view(argv[3]) == "check" ? check(*store)
                                              : fill(*store, kind.threads, std::stoi(argv[3]));
}
