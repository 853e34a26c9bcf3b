#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "sql/dump.h"
#include "support/databases.h"

namespace chengxin::sql {
namespace {

constexpr Migration kHistory[] = {
    {1,
     "create table account (id {id}, name {text} not null unique, balance {int} not null, note {blob}) "
     "{strict};"
     "create table entry (account {int} not null references account (id), seq {int} not null, amount {int} "
     "not null,"
     " memo {text}, primary key (account, seq)) {clustered}"},
};

// Everything in the tables, as text.
std::string contents(Database& database) {
  std::string out;
  Status status = database.read([&](Session& s) -> Status {
    out.clear();
    for (const char* query : {"select id, name, balance, note from account order by id",
                              "select account, seq, amount, memo from entry order by account, seq"})
      TRY(s.each(query, [&](const Row& row) -> Status {
        for (size_t i = 0; i < row.size(); ++i) {
          if (row[i].type() == Type::integer) out += std::to_string(row.integer(i));
          if (row[i].type() == Type::text) out += "'" + row.text(i) + "'";
          if (row[i].type() == Type::blob) out += "x" + hex(row.blob(i));
          out += row.is_null(i) ? "null " : " ";
        }
        out += '\n';
        return {};
      }));
    return {};
  });
  EXPECT_TRUE(test::succeeded(status));
  return out;
}

class DurabilityTest : public test::OnEachDatabase {
 protected:
  std::unique_ptr<Database> migrated(const std::string& where = "") {
    auto database = open({.url = where});
    Status status = database ? database->migrate("accounts", kHistory) : Status();
    EXPECT_TRUE(test::succeeded(status));
    return database;
  }
};
INSTANTIATE_ON_EACH_DATABASE(DurabilityTest);

// One random transaction; the same seed does the same on every database. Some fail half-way on purpose.
Status random_transaction(Database& database, std::mt19937 random) {
  return database.transaction([random](Session& s) mutable -> Status {
    for (int step = 0; step < 4; ++step) {
      int64_t id = 1 + random() % 12;
      switch (random() % 7) {
        case 0:
        case 1:
          TRY(s.run("insert into account (id, name, balance, note) values (?, ?, ?, ?)", id,
                    "n" + std::to_string(random() % 15), int64_t(random()) << 20,
                    Bytes(random() % 5, uint8_t(random()))));
          break;
        case 2:
          TRY(s.run("update account set balance = balance + ?, note = ? where id <= ?", random() % 100,
                    nullptr, id));
          break;
        case 3:
          TRY(
              s.run("insert into entry values (?, (select coalesce(max(seq), 0) + 1 from entry where account "
                    "= ?), ?, ?)",
                    id, id, -int64_t(random() % 1000),
                    random() % 2 ? std::optional<std::string>("备忘 '?'") : std::nullopt));
          break;
        case 4:
          TRY(s.run("delete from entry where account = ? and seq > ?", id, random() % 3));
          break;
        case 5:
          TRY(s.run("delete from account where id = ? and not exists (select 1 from entry where account = ?)",
                    id, id));
          break;
        default:
          if (random() % 6 == 0) return fail(Code::invalid_argument, "test.gives_up");
      }
    }
    return {};
  });
}

TEST(BothDatabasesTest, DoTheSameUnderRandomTransactions) {
  auto server = test::shared_postgres();
  ASSERT_OK(server);
  std::string pattern = (fs::temp_directory_path() / "cx-sql-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  std::unique_ptr<Database> databases[2];
  for (int i = 0; i < 2; ++i) {
    auto opened = Database::open({.url = i == 0 ? pattern + "/db" : *(*server)->create_database()});
    ASSERT_OK(opened);
    databases[i] = std::move(*opened);
    ASSERT_OK(databases[i]->migrate("accounts", kHistory));
  }
  unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  int good = 0, bad = 0;
  for (int i = 0; i < 400; ++i) {
    std::mt19937 one(random());
    Status a = random_transaction(*databases[0], one), b = random_transaction(*databases[1], one);
    ASSERT_EQ(a.has_value(), b.has_value()) << "seed " << seed << " step " << i;
    if (!a) {
      ASSERT_EQ(a.error().reason, b.error().reason) << "seed " << seed << " step " << i;
    }
    ++(a ? good : bad);
    if (i % 40 == 0) {
      ASSERT_EQ(contents(*databases[0]), contents(*databases[1])) << "seed " << seed << " step " << i;
    }
  }
  EXPECT_EQ(contents(*databases[0]), contents(*databases[1])) << "seed " << seed;
  EXPECT_GT(good, 20);
  EXPECT_GT(bad, 20);
  databases[0].reset();
  fs::remove_all(pattern);
}

// The child says on a pipe what it has been told is committed; both of its rows must be there, and no half
// pair.
TEST_P(DurabilityTest, KilledInMidTransactionNothingIsLostOrHalf) {
  { ASSERT_TRUE(migrated()); }
  std::mt19937 random(11);
  int64_t acknowledged = 0;
  for (int round = 0; round < 6; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    pid_t child = ::fork();
    if (child == 0) {
      auto database = Database::open({.url = url});
      if (!database) ::_exit(3);
      for (int64_t i = acknowledged + 1;; ++i) {
        Status status = (*database)->transaction([&](Session& s) -> Status {
          for (int64_t id : {2 * i, 2 * i + 1})
            TRY(s.run("insert into account (id, name, balance) values (?, ?, 0) on conflict (id) do nothing",
                      id, std::to_string(id)));
          return {};
        });
        if (!status || ::write(pipe[1], &i, sizeof i) != sizeof i) ::_exit(4);
      }
    }
    ::close(pipe[1]);
    ::usleep(useconds_t(30'000 + random() % 50'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    for (int64_t value; ::read(pipe[0], &value, sizeof value) == sizeof value;) acknowledged = value;
    ::close(pipe[0]);
  }
  EXPECT_GT(acknowledged, 10);
  auto database = open();
  ASSERT_TRUE(database);
  ASSERT_OK(database->verify());
  ASSERT_OK(database->read([&](Session& s) -> Status {
    ASSIGN(auto row, s.row("select count(*), max(id) from account"));
    EXPECT_GE(row->integer(0), 2 * acknowledged);
    EXPECT_EQ(row->integer(0), row->integer(1) - 1);  // 2, 3, … without a gap
    EXPECT_EQ(row->integer(0) % 2, 0);
    return {};
  }));
}

TEST_P(DurabilityTest, TwoProcessesWriteOneDatabase) {
  auto database = migrated();
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(s.run("insert into account (id, name, balance) values (1, 'shared', 0)"));
    return {};
  }));
  database.reset();  // a connection must not cross a fork
  auto add = [&](int times) {
    auto own = Database::open({.url = url, .busy_timeout_ms = 20'000});
    for (int i = 0; own && i < times; ++i) {
      Status status = (*own)->transaction([](Session& s) -> Status {
        ASSIGN(auto row, s.row("select balance from account where id = 1"));
        TRY(s.run("update account set balance = ? where id = 1", row->integer(0) + 1));
        return {};
      });
      if (!status) return false;
    }
    return own.has_value();
  };
  pid_t child = ::fork();
  if (child == 0) ::_exit(add(60) ? 0 : 1);
  EXPECT_TRUE(add(60));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  database = open();
  ASSERT_OK(database->read([](Session& s) -> Status {
    ASSIGN(auto row, s.row("select balance from account where id = 1"));
    EXPECT_EQ(row->integer(0), 120);
    return {};
  }));
}

TEST_P(DurabilityTest, DumpRestoresOnBothDatabases) {
  auto database = migrated();
  for (unsigned i = 0; i < 300; ++i) (void)random_transaction(*database, std::mt19937(i));
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    Batch batch;
    for (int i = 100; i < 5100; ++i)
      batch.add(i, "bulk " + std::to_string(i), INT64_MIN + i, Bytes(300, uint8_t(i)));
    return s.run_each("insert into account values (?, ?, ?, ?)", batch);
  }));
  std::string before = contents(*database);
  fs::path file = folder / "dump.jsonl";
  ASSERT_OK(dump(*database, file));
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*dump_versions(file), (Versions{{"accounts", 1}}));
  EXPECT_REASON(restore(*database, file), "sql.not_empty");
  for (Dialect dialect : {Dialect::sqlite, Dialect::postgresql}) {
    std::string other = fresh_url(dialect);
    EXPECT_REASON(restore(*open({.url = other}), file), "sql.schema_mismatch");
    auto target = migrated(other);
    ASSERT_OK(restore(*target, file));
    EXPECT_EQ(contents(*target), before);
    // The next automatic key comes after those restored.
    ASSERT_OK(target->transaction([](Session& s) -> Status {
      ASSIGN(auto row, s.row("insert into account (name, balance) values ('next', 1) returning id"));
      EXPECT_EQ(row->integer(0), 5100);
      return {};
    }));
  }
  std::string skipped_url = fresh_url(Dialect::sqlite);
  ASSERT_OK(dump(*database, folder / "part.jsonl", {"entry"}));
  auto part = migrated(skipped_url);
  ASSERT_OK(restore(*part, folder / "part.jsonl"));
  EXPECT_EQ(contents(*part), before.substr(0, contents(*part).size()));
}

// A backup leaves out what can be made again; where it is restored, that component need not be there yet.
TEST_P(DurabilityTest, ASkippedComponentIsNotAskedFor) {
  constexpr Migration copy[] = {{1, "create table copy_row (id {id}, name {text}) {strict};"}};
  auto database = migrated();
  ASSERT_OK(database->migrate("copy", copy));
  ASSERT_OK(dump(*database, folder / "whole.jsonl"));
  ASSERT_OK(dump(*database, folder / "part.jsonl", {"copy_"}));
  auto target = migrated(fresh_url(Dialect::sqlite));
  EXPECT_REASON(restore(*target, folder / "whole.jsonl"), "sql.schema_mismatch");
  ASSERT_OK(restore(*target, folder / "part.jsonl"));
}

TEST_P(DurabilityTest, BentDumpsAreRefusedWhole) {
  auto database = migrated();
  for (unsigned i = 0; i < 60; ++i) (void)random_transaction(*database, std::mt19937(i));
  fs::path file = folder / "dump.jsonl";
  ASSERT_OK(dump(*database, file));
  std::ifstream in(file);
  std::string whole((std::istreambuf_iterator<char>(in)), {});
  auto target = migrated(fresh_url(GetParam()));
  auto refused = [&](const std::string& text) {
    std::ofstream(folder / "bent.jsonl") << text;
    Status status = restore(*target, folder / "bent.jsonl");
    EXPECT_FALSE(status) << text.substr(0, 200);
    EXPECT_EQ(contents(*target), "");
    return status ? "" : status.error().reason;
  };
  for (size_t cut : {size_t(0), size_t(1), whole.size() / 3, whole.size() / 2, whole.size() - 1})
    EXPECT_EQ(refused(whole.substr(0, cut)), "sql.dump_truncated");
  EXPECT_EQ(refused(whole.substr(0, whole.rfind("{\"rows\""))), "sql.dump_truncated");
  EXPECT_EQ(refused(whole + "[]\n"), "sql.dump_malformed");
  EXPECT_EQ(refused("{}\n"), "sql.dump_malformed");
  EXPECT_EQ(refused("{\"format\":\"chengxin/sql-dump/v2\",\"schema\":{}}\n"), "sql.newer_version");
  std::string head = whole.substr(0, whole.find('\n') + 1);
  EXPECT_EQ(refused(head + "{\"columns\":[\"id\"],\"table\":\"account; drop table entry\"}\n"),
            "sql.dump_malformed");
  EXPECT_EQ(refused(head + "{\"columns\":[\"id) values (1); --\"],\"table\":\"account\"}\n"),
            "sql.dump_malformed");
  EXPECT_EQ(refused(head + "{\"columns\":[\"id\"],\"table\":\"account\"}\n[1,2]\n"), "sql.dump_malformed");
  EXPECT_EQ(refused(head + "{\"columns\":[\"id\"],\"table\":\"account\"}\n[1.5]\n"), "sql.dump_malformed");
  EXPECT_EQ(refused(head + "[1]\n"), "sql.dump_malformed");
  ASSERT_OK(restore(*target, file));
  EXPECT_EQ(contents(*target), contents(*database));
}

class SqliteFileTest : public DurabilityTest {};
INSTANTIATE_TEST_SUITE_P(Sqlite, SqliteFileTest, ::testing::Values(Dialect::sqlite));

TEST_P(SqliteFileTest, IsItsOwnersAlone) {
  url = (folder / "new folder" / "a.db").string();
  auto database = migrated();
  ASSERT_TRUE(database);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info {};
    ASSERT_EQ(::stat((url + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_P(SqliteFileTest, BackupIsOfOneMomentAndWhole) {
  auto database = migrated();
  for (unsigned i = 0; i < 100; ++i) (void)random_transaction(*database, std::mt19937(i));
  std::string before = contents(*database);
  fs::path copy = folder / "copy.db";
  ASSERT_OK(database->backup_to(copy));
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(s.run("delete from entry"));
    return {};
  }));
  ASSERT_OK(database->backup_to(folder / "copy2.db"));
  EXPECT_EQ(contents(*open({.url = copy.string()})), before);
  EXPECT_NE(contents(*open({.url = (folder / "copy2.db").string()})), before);
  ASSERT_OK(database->backup_to(copy));  // replaces
  EXPECT_EQ(contents(*open({.url = copy.string()})), contents(*database));
  EXPECT_REASON(database->backup_to(folder / "missing" / "x.db"), "file.not_found");
}

TEST_P(SqliteFileTest, DamageAndForeignFilesAreNamed) {
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  EXPECT_REASON(Database::open({.url = (folder / "text.db").string()}), "sql.damaged");
  EXPECT_REASON(Database::open({.url = folder.string()}), "sql.unavailable");
  EXPECT_REASON(Database::open({.url = ""}), "sql.url");
  auto database = migrated();
  for (unsigned i = 0; i < 200; ++i) (void)random_transaction(*database, std::mt19937(i));
  fs::path copy = folder / "copy.db";
  ASSERT_OK(database->backup_to(copy));
  int found = 0, pages = int(fs::file_size(copy) / 4096);
  ASSERT_GE(pages, 5);
  for (int page = 1; page < pages; ++page) {
    fs::copy_file(copy, folder / "bent.db", fs::copy_options::overwrite_existing);
    std::fstream bent(folder / "bent.db", std::ios::in | std::ios::out | std::ios::binary);
    bent.seekp(page * 4096);
    bent << std::string(64, '\xa5');
    bent.close();
    auto opened = Database::open({.url = (folder / "bent.db").string()});
    Status status = opened ? (*opened)->verify() : Status(tl::unexpected(opened.error()));
    found += !status && status.error().reason == "sql.damaged";
    opened = fail(Code::internal, "closed");
    for (const char* suffix : {"-wal", "-shm"}) fs::remove((folder / "bent.db").string() + suffix);
  }
  EXPECT_EQ(found, pages - 1);
}

TEST_P(SqliteFileTest, FullIsNamedAndPasses) {
  auto database = open({.url = url, .max_connections = 1});
  ASSERT_OK(database->migrate("accounts", kHistory));
  ASSERT_OK(database->read([](Session& s) -> Status {
    TRY(s.rows("pragma max_page_count = 20"));
    return {};
  }));
  auto insert = [&](size_t bytes) {
    return database->transaction([&](Session& s) -> Status {
      TRY(s.run("insert into account (name, balance, note) values (?, 1, ?)", std::to_string(bytes),
                Bytes(bytes)));
      return {};
    });
  };
  EXPECT_REASON(insert(500'000), "sql.full");
  EXPECT_TRUE(test::succeeded(insert(10)));
  ASSERT_OK(database->verify());
}

TEST(PostgresTest, ErrorsOfTheConnectionAreNamed) {
  auto server = test::shared_postgres();
  ASSERT_OK(server);
  auto url = (*server)->create_database();
  ASSERT_OK(url);
  EXPECT_REASON(Database::open({.url = "host=/nonexistent dbname=x", .connect_timeout_ms = 1000}),
                "sql.unavailable");
  auto opened = Database::open({.url = *url, .connect_timeout_ms = 1000});
  ASSERT_OK(opened);
  Database& database = **opened;
  ASSERT_OK(database.migrate("accounts", kHistory));
  Status status = database.transaction([&](Session& s) -> Status {
    TRY(s.run("insert into account (name, balance) values ('lost', 1)"));
    (*server)->kill();
    TRY(s.run("insert into account (name, balance) values ('lost too', 1)"));
    return {};
  });
  EXPECT_REASON(status, "sql.unavailable");
  EXPECT_REASON(database.migrate("accounts", kHistory), "sql.unavailable");
  ASSERT_OK((*server)->restart());
  ASSERT_OK(database.migrate("accounts", kHistory));
  EXPECT_EQ(contents(database), "");
  EXPECT_REASON(database.backup_to("x"), "sql.unsupported");
  // A server that came back behind an idle connection is not noticed by the caller.
  ASSERT_OK((*server)->restart());
  ASSERT_OK(database.read([](Session&) -> Status { return {}; }));
}

}  // namespace
}  // namespace chengxin::sql
