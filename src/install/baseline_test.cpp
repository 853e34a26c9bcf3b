#include "install/baseline.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/json.h"
#include "crypto/sm3.h"
#include "install/install.h"
#include "support/databases.h"

namespace chengxin::install {
namespace {

// An installation, and host files of the test's own that it watches.
struct Baseline : testing::Test {
  fs::path base = fs::path(testing::TempDir()) / ("baseline-" + std::to_string(std::random_device{}()));
  fs::path data = base / "data", host = base / "host";
  config::Config config;
  std::string settings;

  void SetUp() override {
    fs::create_directories(host / "sudoers.d");
    write(host / "accounts", "root:0\n");
    write(host / "sudoers.d" / "admins", "zhang ALL\n");
    ASSERT_TRUE(create(data));
    configure("");
    ASSERT_TRUE(seal(data));
  }
  ~Baseline() override { fs::remove_all(base); }

  static void write(const fs::path& path, std::string_view text) {
    ASSERT_TRUE(write_durable(path, view(text), 0644));
  }
  void configure(const std::string& more) {
    settings = fmt::format("install.access_files: {0}/accounts, {0}/sudoers.d/*, {0}/shadow\n{1}",
                           host.string(), more);
    ASSERT_TRUE(write_durable(data / "chengxin.yaml", view(settings), 0600));
    config = config::load_file(data / "chengxin.yaml").value();
  }
  // "reason entry before after" of each change; '0:0' stands for whoever runs this.
  std::vector<std::string> changes() const {
    const std::string owner = fmt::format("{}:{} ", ::geteuid(), ::getegid());
    std::vector<std::string> out;
    for (const AccessChange& change : access_changes(data, config, installation_key(data)->public_key())) {
      std::string one = change.reason + " " + change.describe();
      for (size_t at; (at = one.find(owner)) != one.npos;) one.replace(at, owner.size(), "me ");
      for (size_t at; (at = one.find(host.string() + "/")) != one.npos;)
        one.erase(at, host.string().size() + 1);
      for (size_t at; (at = one.find(" sm3 ")) != one.npos;)
        one.replace(at, 5 + 64, "#" + one.substr(at + 5, 4));
      out.push_back(std::move(one));
    }
    return out;
  }
  using List = std::vector<std::string>;
};

std::string beginning(std::string_view text) { return "#" + hex(crypto::sm3(view(text))).substr(0, 4); }

TEST_F(Baseline, WhatWasSealedIsInOrderAndHoldsNoContents) {
  EXPECT_EQ(changes(), List());
  EXPECT_TRUE(examine(data).empty());
  const Bytes bytes = read_file(data / "access-baseline.json", 1 << 20).value();
  EXPECT_EQ(text(bytes).find("zhang"), std::string_view::npos);
  const Json json = Json::parse(text(bytes));
  EXPECT_EQ(canonical_json(json).value(), text(bytes));
  EXPECT_TRUE(json.at("folder").contains("keys/*.pem"));
  EXPECT_TRUE(json.at("files").contains("program"));
  EXPECT_EQ(json.at("database").at("database"), "SQLite");
}

TEST_F(Baseline, WatchedFilesAreNamedWithWhatChanged) {
  const std::string accounts = "root:0\n", more = "root:0\nmallory:0\n", admins = "zhang ALL\n";
  write(host / "accounts", more);
  ::chmod((host / "sudoers.d/admins").c_str(), 0666);
  write(host / "sudoers.d/late", "li ALL\n");
  EXPECT_EQ(
      changes(),
      (List{fmt::format("install.access_file accounts: me 0644{} → me 0644{}", beginning(accounts),
                        beginning(more)),
            fmt::format("install.access_file sudoers.d/admins: me 0644{0} → me 0666{0}", beginning(admins)),
            "install.access_file sudoers.d/late: me 0644" + beginning("li ALL\n")}));
  fs::remove(host / "sudoers.d/late");
  fs::remove(host / "sudoers.d/admins");
  write(host / "accounts", accounts);
  EXPECT_EQ(changes(),
            List{fmt::format("install.access_file sudoers.d/admins: me 0644{} → gone", beginning(admins))});
  ASSERT_EQ(::mkfifo((host / "sudoers.d/pipe").c_str(), 0600), 0);  // is not waited for
  EXPECT_NE(changes().at(1).find("sudoers.d/pipe: me 0600"), std::string::npos) << changes().at(1);
  fs::remove(host / "sudoers.d/pipe");
  fs::create_symlink("/dev/null", host / "sudoers.d/admins");
  EXPECT_NE(changes().at(0).find("link /dev/null"), std::string::npos) << changes().at(0);
  ASSERT_EQ(seal(data)->size(), 1u);
  EXPECT_EQ(changes(), List());
}

TEST_F(Baseline, PasswordsLeaveNoDigest) {
  write(host / "shadow", "root:$y$secret\n");
  EXPECT_EQ(changes(), List{"install.access_file shadow: me 0644"});
  ASSERT_TRUE(seal(data));
  write(host / "shadow", "root:$y$other\n");
  EXPECT_EQ(changes(), List());
  ::chmod((host / "shadow").c_str(), 0600);
  EXPECT_EQ(changes(), List{"install.access_file shadow: me 0644 → me 0600"});
}

TEST_F(Baseline, TheDataFolderIsComparedByKind) {
  fs::create_directories(data / "audit");
  ::chmod((data / "audit").c_str(), 0700);
  ASSERT_TRUE(write_durable(data / "audit/0000000001.seg", view("x"), 0600));
  ASSERT_TRUE(write_durable(data / "sql/chengxin.db-wal", view(""), 0600));
  EXPECT_EQ(changes(), List());  // what grants nothing to others comes and goes
  ::chmod((data / "audit/0000000001.seg").c_str(), 0640);
  ::chmod((data / "chains").c_str(), 0750);
  ::chmod((data / "manifest.json").c_str(), 0604);
  EXPECT_EQ(changes(), (List{"install.access_file audit/0000000001.seg: me 0640",
                             "install.access_file chains: me 0700 → me 0750",
                             "install.access_file manifest.json: me 0600 → me 0604"}));
  ASSERT_EQ(seal(data)->size(), 2u);  // the manifest was written anew before
  EXPECT_EQ(changes(), List());
  ::chmod((data / "audit/0000000001.seg").c_str(), 0600);
  ::chmod((data / "run/credential").c_str(), 02600);
  EXPECT_EQ(changes(), List{"install.access_file run/credential: me 0600 → me 2600"});
}

TEST_F(Baseline, OwnersAndAccessListsCount) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown((data / "blobs").c_str(), 65534, 65534), 0);
  EXPECT_EQ(changes(), List{"install.access_file blobs: me 0700 → 65534:65534 0700"});
  ASSERT_EQ(::chown((data / "blobs").c_str(), 0, 0), 0);
  // user::rwx, user:7:r-x, group::---, mask::r-x, other::---; without the mask's rights in the mode
  const Bytes list = unhex(
                         "02000000"
                         "01000700ffffffff"
                         "0200050007000000"
                         "04000000ffffffff"
                         "10000500ffffffff"
                         "20000000ffffffff")
                         .value();
  if (::setxattr((data / "blobs").c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "this file system has no access lists";
  EXPECT_EQ(changes(), List{"install.access_file blobs: me 0700 → me 0750 acl user:7:r-x mask::r-x"});
}

TEST_F(Baseline, AForgedOrMissingOneIsFound) {
  const auto reason = [&] {
    return access_changes(data, config, installation_key(data)->public_key()).at(0).reason;
  };
  const Bytes sealed = read_file(data / "access-baseline.json", 1 << 20).value(),
              signature = read_file(data / "access-baseline.sig", 4096).value();
  const auto restore = [&] {
    ASSERT_TRUE(write_durable(data / "access-baseline.json", sealed, 0600));
    ASSERT_TRUE(write_durable(data / "access-baseline.sig", signature, 0600));
    EXPECT_EQ(changes(), List());
  };
  for (const char* name : {"access-baseline.json", "access-baseline.sig"}) {
    fs::remove(data / name);
    EXPECT_EQ(reason(), "install.baseline_missing") << name;
    restore();
    Bytes bent = read_file(data / name, 1 << 20).value();
    bent[bent.size() / 2] ^= 1;
    ASSERT_TRUE(write_durable(data / name, bent, 0600));
    EXPECT_EQ(reason(), "install.baseline_signature") << name;
    ASSERT_TRUE(write_durable(data / name, Bytes(), 0600));
    EXPECT_EQ(reason(), "install.baseline_signature") << name;
    restore();
  }
  // Honestly made, by another key.
  const auto other = crypto::Sm2PrivateKey::generate().value();
  ASSERT_TRUE(write_baseline(data, config, other));
  EXPECT_EQ(reason(), "install.baseline_signature");
  const auto found = examine(data);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].reason, "install.baseline_signature");
  EXPECT_FALSE(found[0].advice.empty());
  restore();
  // The manifest's signature is for the manifest only.
  fs::copy_file(data / "manifest.json", data / "access-baseline.json", fs::copy_options::overwrite_existing);
  fs::copy_file(data / "manifest.sig", data / "access-baseline.sig", fs::copy_options::overwrite_existing);
  EXPECT_EQ(reason(), "install.baseline_signature");
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(changes(), List());
}

TEST_F(Baseline, TheListOfWatchedFilesIsTheSealedOne) {
  config.install_access_files.clear();
  write(host / "accounts", "x");
  EXPECT_EQ(changes().size(), 1u);
}

// They differ at each comparison, so that nobody would look at the alarms any more.
TEST_F(Baseline, FilesOfTheDatabaseItselfAreNotWatched) {
  const auto sealed = [&](const std::string& files) {
    settings = "install.access_files: " + files + "\n";
    EXPECT_TRUE(write_durable(data / "chengxin.yaml", view(settings), 0600));
    const auto done = seal(data);
    return done ? std::string("sealed") : done.error().reason;
  };
  ASSERT_TRUE(write_durable(data / "sql/chengxin.db", {}, 0600));  // a database without a table
  fs::create_symlink(data / "sql/chengxin.db", host / "sudoers.d/database");
  fs::create_directory_symlink(data / "sql", host / "sql");
  const std::string in_sql = (data / "sql").string(), in_host = host.string();
  for (const std::string& one :
       {std::string("sql/chengxin.db"), std::string("sql/*"), std::string("keys/../sql/mirror.db-wal"),
        in_sql + "/chengxin.db-shm", in_sql + "/chengxin.db-journal", in_host + "/sudoers.d/database",
        in_host + "/sudoers.d/*", in_host + "/sql/chengxin.db", in_host + "/sql/*"})
    EXPECT_EQ(sealed(in_host + "/accounts, " + one), "install.access_live_file") << one;
  EXPECT_EQ(sealed(in_host + "/accounts, sql, sql/other.db"), "sealed") << "their folder, and others";
  EXPECT_EQ(sealed("sql/*\nsql.url: postgresql://nobody@127.0.0.1:1/none"), "sealed") << "they are nobody's";
}

// Names that others choose.
TEST_F(Baseline, NamesThatAreNoTextAreSpelledOut) {
  write(host / "sudoers.d" / "a\xff\n\\", "x");
  EXPECT_EQ(changes(), List{"install.access_file sudoers.d/a\\xff\\x0a\\x5c: me 0644" + beginning("x")});
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(changes(), List());
}

class BaselineOfDatabase : public Baseline {
 protected:
  void run(sql::Database& database, std::initializer_list<std::string_view> statements) {
    for (const auto statement : statements) {
      const auto done =
          database.transaction([&](sql::Session& s) -> Status { return s.run(statement).map([](auto) {}); });
      ASSERT_TRUE(done) << statement << ": " << done.error().to_string();
    }
  }
  std::unique_ptr<sql::Database> open(const std::string& url) {
    sql::Options options;
    options.url = url;
    return std::move(sql::Database::open(options)).value();
  }
  // Is there, and is the only one.
  void only(const std::string& change) { EXPECT_EQ(changes(), List{change}); }
  void also(const std::string& change) {
    const List all = changes();
    EXPECT_NE(std::find(all.begin(), all.end(), change), all.end())
        << change << " is not in\n"
        << fmt::format("{}", fmt::join(all, "\n"));
  }
};

TEST_F(BaselineOfDatabase, TriggersAndViewsOfSqliteAreNamed) {
  const auto database = open("sqlite:" + (data / "sql/chengxin.db").string());
  run(*database, {"create table t (a integer)", "create index i on t (a)"});
  EXPECT_EQ(changes(), List());  // tables grant nothing
  const std::string view = "create view v as select a from t";
  run(*database, {view, "create trigger g after insert on t begin delete from t; end"});
  also("install.access_database chengxin.db view v: defined" + beginning("CREATE VIEW v as select a from t"));
  EXPECT_EQ(changes().size(), 2u);
  ASSERT_EQ(seal(data)->size(), 2u);
  EXPECT_EQ(changes(), List());
  run(*database, {"drop trigger g"});
  ASSERT_EQ(changes().size(), 1u);
  EXPECT_TRUE(changes()[0].ends_with("→ gone")) << changes()[0];
}

TEST_F(BaselineOfDatabase, RightsInPostgresqlAreNamedOneByOne) {
  auto server = test::shared_postgres();
  ASSERT_TRUE(server) << server.error().to_string();
  const std::string url = (*server)->create_database().value();
  const auto database = open(url);
  run(*database, {"create table record (id int primary key, title text)", "create sequence number"});
  configure("sql.url: " + url + "\n");
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(changes(), List());
  run(*database, {"create table another (id int)", "create view seen as select id from record",
                  "grant select on another to current_user"});
  ASSERT_EQ(changes().size(), 1u);  // the view
  ASSERT_TRUE(seal(data));

  const auto named = [&](std::initializer_list<std::string_view> doing, const std::string& change,
                         std::initializer_list<std::string_view> undoing) {
    run(*database, doing);
    only("install.access_database " + change);
    run(*database, undoing);
    EXPECT_EQ(changes(), List()) << change;
  };
  run(*database,
      {"drop role if exists zhang", "drop role if exists li", "create role zhang", "create role li"});
  EXPECT_EQ(changes(), List());  // roles that may do nothing
  named({"alter role zhang login"}, "role zhang: login", {"alter role zhang nologin"});
  named({"alter role zhang createrole bypassrls superuser"}, "role zhang: superuser, bypassrls, createrole",
        {"alter role zhang nocreaterole nobypassrls nosuperuser"});
  named({"grant pg_read_all_data to zhang"}, "role zhang in pg_read_all_data: member",
        {"revoke pg_read_all_data from zhang"});
  named({"grant update, select on record to zhang"}, "table public.record to zhang: SELECT, UPDATE",
        {"revoke all on record from zhang"});
  named({"grant select (title) on record to public"}, "column public.record.title to PUBLIC: SELECT",
        {"revoke select (title) on record from public"});
  named({"grant usage on sequence number to li with grant option"},
        "sequence public.number to li: USAGE and may grant it", {"revoke all on sequence number from li"});
  named({"grant create on schema public to public"}, "schema public to PUBLIC: USAGE → CREATE, USAGE",
        {"revoke create on schema public from public"});
  named({"alter table record owner to zhang"}, "owner of table public.record: zhang",
        {"alter table record owner to current_user"});
  named({"alter default privileges in schema public grant select on tables to li"},
        "default for public, what chengxin makes (r) to li: SELECT",
        {"alter default privileges in schema public revoke select on tables from li"});
  named({"alter table record enable row level security"}, "row security of public.record: on",
        {"alter table record disable row level security"});
  named({"create rule r as on delete to record do instead nothing"},
        "rule r on public.record: on" +
            beginning("CREATE RULE r AS\n    ON DELETE TO public.record DO INSTEAD NOTHING;"),
        {"drop rule r on record"});

  run(*database, {"create policy p on record to zhang using (id = 1)"});
  ASSERT_TRUE(seal(data));
  named({"alter policy p on record using (true)"},
        "policy p on public.record: PERMISSIVE ALL for zhang" + beginning("(id = 1) / ") +
            " → PERMISSIVE ALL for zhang" + beginning("true / "),
        {"alter policy p on record using (id = 1)"});

  run(*database, {"create function f() returns trigger language plpgsql as 'begin return new; end'"});
  EXPECT_EQ(changes().size(), 2u);  // that it is, and that everybody may call it
  also("install.access_database function public.f() to PUBLIC: EXECUTE");
  ASSERT_TRUE(seal(data));
  const std::string body = beginning("begin return new; end");
  named({"alter function f() security definer"},
        "function public.f(): as its caller" + body + " → as its owner" + body,
        {"alter function f() security invoker"});
  run(*database, {"create trigger g after insert on record for each row execute function f()"});
  ASSERT_EQ(changes().size(), 1u);
  EXPECT_TRUE(changes()[0].starts_with("install.access_database trigger g on public.record: on#"))
      << changes()[0];
  ASSERT_TRUE(seal(data));
  run(*database, {"alter table record disable trigger g"});
  EXPECT_NE(changes().at(0).find("→ off"), std::string::npos);
  run(*database, {"drop table record cascade", "drop function f", "drop role zhang", "drop role li"});
}

// Who may connect, for a role that may read it and for one that may not.
TEST_F(BaselineOfDatabase, WhoMayConnectToPostgresqlIsNamed) {
  auto server = test::shared_postgres();
  ASSERT_TRUE(server) << server.error().to_string();
  std::string url = (*server)->create_database().value();
  const auto database = open(url);
  configure("sql.url: " + url + "\n");
  ASSERT_TRUE(seal(data));
  fs::path file;
  ASSERT_TRUE(database->read([&](sql::Session& s) -> Status {
    ASSIGN(const auto row, s.row("show hba_file"));
    file = row->text(0);
    return {};
  }));
  const Bytes before = read_file(file, 1 << 20).value();
  std::ofstream(file, std::ios::app)
      << "host all mallory 10.0.0.0/8 ldap ldapserver=x ldapbasedn=y ldapbindpasswd=opensesame\n";
  also(
      "install.access_database pg_hba host all mallory 10.0.0.0 255.0.0.0 ldap ldapserver=x ldapbasedn=y "
      "ldapbindpasswd ldapscope=2: there");
  EXPECT_EQ(changes().size(), 2u);  // and the order
  std::ofstream(file) << text(before);
  EXPECT_EQ(changes(), List());
  run(*database, {"drop role if exists lowly", "create role lowly login"});
  const size_t at = url.find("chengxin");
  ASSERT_NE(at, url.npos) << url;
  url.replace(at, 8, "lowly");
  configure("sql.url: " + url + "\n");
  also("install.access_database role of the platform: chengxin → lowly");
  also("install.access_database owner of database " + url.substr(url.find("dbname=") + 7) + ": chengxin");
  EXPECT_NE(fmt::format("{}", fmt::join(changes(), "\n")).find("→ not readable to the role of the platform"),
            std::string::npos);
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(changes(), List());
  run(*database, {"drop role lowly"});
  ASSERT_EQ(changes().size(), 1u);
  EXPECT_TRUE(changes()[0].starts_with("install.access_unread database: sql.")) << changes()[0];
}

TEST_F(BaselineOfDatabase, WhatCannotBeReadIsSaid) {
  configure("sql.url: postgresql://nobody@127.0.0.1:1/none\n");
  const auto all = access_changes(data, config, installation_key(data)->public_key());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].reason, "install.access_unread");
  EXPECT_NE(all[0].after.find("sql.unavailable"), std::string::npos);
  ASSERT_TRUE(seal(data));  // a configuration can be sealed before its database is there
  configure("");
  const auto later = access_changes(data, config, installation_key(data)->public_key());
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].reason, "install.access_unread");
  ASSERT_TRUE(seal(data));
  EXPECT_EQ(changes(), List());
}

}  // namespace
}  // namespace chengxin::install
