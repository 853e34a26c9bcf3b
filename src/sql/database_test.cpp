#include "sql/database.h"

#include <sys/stat.h>

#include <thread>

#include "sql/query.h"
#include "support/databases.h"

namespace chengxin::sql {
namespace {

class DatabaseTest : public test::OnEachDatabase {
 protected:
  static constexpr Migration kHistory[] = {
      {1,
       "create table item (id {int} primary key, name {text} not null, digest {blob}, amount {int}) {strict};"
       "create unique index item_name on item (name)"},
      {2,
       "create table tag (id {id}, item {int} not null references item (id), tag {text} not null) {strict}"},
  };
  std::unique_ptr<Database> migrated() {
    auto database = open();
    if (database) {
      Status status = database->migrate("items", kHistory);
      EXPECT_TRUE(status) << status.error().to_string();
    }
    return database;
  }
  static int64_t count(Database& database) {
    int64_t value = -1;
    Status status = database.read([&](Session& s) -> Status {
      ASSIGN(auto row, s.row("select count(*) from item"));
      value = row->integer(0);
      return {};
    });
    EXPECT_TRUE(status) << status.error().to_string();
    return value;
  }
};
INSTANTIATE_ON_EACH_DATABASE(DatabaseTest);

TEST_P(DatabaseTest, EveryValueComesBackAsItWent) {
  auto database = migrated();
  ASSERT_TRUE(database);
  Bytes all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(uint8_t(i));
  const std::vector<int64_t> numbers = {0,         1,         -1,           INT32_MAX, int64_t(INT32_MAX) + 1,
                                        INT64_MAX, INT64_MIN, 1795000000123};
  // Attempts to leave the value, and text that some encoding or escape would change.
  const std::vector<std::string> texts = {"",
                                          "'; drop table item; --",
                                          "\" or 1=1 --",
                                          "$1 ? ?1 :a @b %s \\' \\x41 \\",
                                          "城信 存证 𠮷 \u00e9 e\u0301",
                                          "\x01\x1f\x7f\t\r\n",
                                          std::string(2'000, 'x')};
  ASSERT_OK(database->transaction([&](Session& s) -> Status {
    for (size_t i = 0; i < numbers.size(); ++i)
      TRY(s.run("insert into item values (?, ?, ?, ?)", i, "n" + std::to_string(i), all_bytes, numbers[i]));
    for (size_t i = 0; i < texts.size(); ++i)
      TRY(s.run("insert into item values (?, ?, ?, ?)", numbers.size() + i, texts[i], Bytes{}, nullptr));
    TRY(s.run("insert into item values (?, ?, ?, ?)", 1000, "large", Bytes(3'000'000, 7), 1));
    return {};
  }));
  ASSERT_OK(database->read([&](Session& s) -> Status {
    ASSIGN(auto large, s.row("select digest from item where id = ?", 1000));
    EXPECT_EQ(large->blob(0), Bytes(3'000'000, 7));
    ASSIGN(auto rows, s.rows("select id, name, digest, amount from item where id < 1000 order by id"));
    EXPECT_EQ(rows.size(), numbers.size() + texts.size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(rows[i].integer(3), numbers[i]);
      EXPECT_EQ(rows[i].blob(2), all_bytes);
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      const Row& row = rows[numbers.size() + i];
      EXPECT_EQ(row.text(1), texts[i]);
      EXPECT_FALSE(row.is_null(2));
      EXPECT_TRUE(row.blob(2).empty());
      EXPECT_EQ(row.optional_integer(3), std::nullopt);
      ASSIGN(auto found, s.row("select id from item where name = ?", texts[i]));
      EXPECT_TRUE(found && found->integer(0) == row.integer(0));
    }
    EXPECT_EQ(rows[0].names(), (std::vector<std::string>{"id", "name", "digest", "amount"}));
    ASSIGN(
        auto sum,
        s.row("select cast(sum(amount) as bigint), max(amount), count(*), '?' from item where id <= ?", 3));
    EXPECT_EQ(sum->integer(0), int64_t(INT32_MAX));
    EXPECT_EQ(sum->text(3), "?");
    return {};
  }));
}

TEST_P(DatabaseTest, WhatNoDatabaseCanHoldIsRefused) {
  auto database = migrated();
  ASSERT_TRUE(database);
  auto insert = [&](auto id, auto name) {
    return database->transaction([&](Session& s) -> Status {
      TRY(s.run("insert into item (id, name) values (?, ?)", id, name));
      return {};
    });
  };
  for (std::string bad :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xe4\xb8")})
    EXPECT_REASON(insert(1, bad), "sql.text_not_utf8");
  EXPECT_REASON(insert(uint64_t(1) << 63, "big"), "sql.out_of_range");
  EXPECT_REASON(insert(1, std::optional<std::string>()), "sql.constraint");
  EXPECT_REASON(insert("one", "typed"),
                database->dialect() == Dialect::sqlite ? "sql.constraint" : "sql.statement");
  ASSERT_OK(insert(1, "one"));
  EXPECT_REASON(insert(1, "two"), "sql.conflict");
  EXPECT_REASON(insert(2, "one"), "sql.conflict");
  EXPECT_REASON(database->transaction([&](Session& s) -> Status {
    TRY(s.run("insert into tag (item, tag) values (?, ?)", 77, "no such item"));
    return {};
  }),
                "sql.constraint");
  EXPECT_REASON(database->read([&](Session& s) -> Status {
    TRY(s.run("insert into item (id, name) values (?, ?)", 9, "nine"));
    return {};
  }),
                "sql.denied");
  EXPECT_REASON(database->read([&](Session& s) -> Status {
    TRY(s.rows("select nonsense from item"));
    return {};
  }),
                "sql.statement");
  EXPECT_EQ(count(*database), 1);
}

TEST_P(DatabaseTest, TransactionIsAllOrNothing) {
  auto database = migrated();
  ASSERT_TRUE(database);
  EXPECT_REASON(database->transaction([](Session& s) -> Status {
    TRY(s.run("insert into item (id, name) values (1, 'one')"));
    return fail(Code::not_found, "test.changed_my_mind");
  }),
                "test.changed_my_mind");
  EXPECT_EQ(count(*database), 0);
  // A failed statement dooms it, also when the work looks away.
  EXPECT_REASON(database->transaction([](Session& s) -> Status {
    TRY(s.run("insert into item (id, name) values (1, 'one')"));
    EXPECT_FALSE(s.run("insert into item (id, name) values (1, 'two')"));
    EXPECT_REASON(s.rows("select 1"), "sql.conflict");
    return {};
  }),
                "sql.conflict");
  EXPECT_EQ(count(*database), 0);
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    ASSIGN(int64_t added, s.run("insert into item (id, name) values (1, 'one'), (2, 'two')"));
    EXPECT_EQ(added, 2);
    ASSIGN(int64_t skipped,
           s.run("insert into item (id, name) values (1, 'one') on conflict (id) do nothing"));
    EXPECT_EQ(skipped, 0);
    ASSIGN(auto tag, s.row("insert into tag (item, tag) values (?, ?) returning id", 1, "t"));
    EXPECT_EQ(tag->integer(0), 1);
    ASSIGN(int64_t changed, s.run("update item set amount = ? where id >= ?", 5, 1));
    EXPECT_EQ(changed, 2);
    return {};
  }));
  EXPECT_EQ(count(*database), 2);
}

TEST_P(DatabaseTest, TextHasOneOrderOnBoth) {
  auto database = migrated();
  ASSERT_TRUE(database);
  std::vector<std::string> names = {"b",  "B", "a", "_", "é",  "z",   "Z",  "中",
                                    "𠮷", "",  " ", "~", "aa", "a b", "10", "9"};
  ASSERT_OK(database->transaction([&](Session& s) -> Status {
    Batch batch;
    for (size_t i = 0; i < names.size(); ++i) batch.add(i, names[i]);
    return s.run_each("insert into item (id, name) values (?, ?)", batch);
  }));
  std::sort(names.begin(), names.end());
  ASSERT_OK(database->read([&](Session& s) -> Status {
    std::vector<std::string> sorted, upper;
    TRY(s.each("select name from item order by name", [&](const Row& row) -> Status {
      sorted.push_back(row.text(0));
      return {};
    }));
    EXPECT_EQ(sorted, names);
    ASSIGN(auto like, s.rows("select name from item where name like ? order by name", "Z%"));
    EXPECT_EQ(like.size(), 1u);
    return {};
  }));
}

TEST_P(DatabaseTest, BatchesAreWholeAndFailAsOne) {
  auto database = migrated();
  ASSERT_TRUE(database);
  Batch batch;
  for (int i = 0; i < 3000; ++i)
    batch.add(i, std::string("name ") + std::to_string(i), Bytes(size_t(i % 7), 1), std::optional<int64_t>());
  ASSERT_OK(database->transaction(
      [&](Session& s) { return s.run_each("insert into item values (?, ?, ?, ?)", batch); }));
  EXPECT_EQ(count(*database), 3000);
  Batch clash;
  for (int i = 3000; i < 4000; ++i) clash.add(i, "x" + std::to_string(i));
  clash.add(17, "taken");
  EXPECT_REASON(database->transaction([&](Session& s) {
    return s.run_each("insert into item (id, name) values (?, ?)", clash);
  }),
                "sql.conflict");
  EXPECT_EQ(count(*database), 3000);
  // The connection is as good as before.
  ASSERT_OK(database->read([&](Session& s) -> Status {
    ASSIGN(auto row, s.row("select name, digest from item where id = ?", 13));
    EXPECT_EQ(row->text(0), "name 13");
    EXPECT_EQ(row->blob(1), Bytes(6, 1));
    return {};
  }));
}

TEST_P(DatabaseTest, AppendedRowsAreWholeAndFailAsOne) {
  auto database = migrated();
  ASSERT_TRUE(database);
  auto rows = [](Session& s, int from, int until, std::optional<int> bad = {}) {
    return s.append("item", 4, [&](const PutRow& put) -> Status {
      for (int i = from; i < until; ++i) {
        if (i == bad) return fail(Code::invalid_argument, "test.enough");
        const std::string name = "name " + std::to_string(i);
        const Bytes digest(size_t(i % 7), 1);
        TRY(put(std::array{Param(i), Param(name), Param(digest), Param(nullptr)}));
      }
      return {};
    });
  };
  ASSERT_OK(database->transaction([&](Session& s) -> Status {
    TRY(rows(s, 0, 0));
    return rows(s, 0, 3000);
  }));
  EXPECT_EQ(count(*database), 3000);
  EXPECT_REASON(database->transaction([&](Session& s) { return rows(s, 2999, 4000); }), "sql.conflict");
  EXPECT_REASON(database->transaction([&](Session& s) { return rows(s, 3000, 4000, 3900); }), "test.enough");
  EXPECT_REASON(database->transaction([&](Session& s) {
    return s.append("item", 4, [](const PutRow& put) {
      return put(std::array{Param(5000), Param(std::string_view("a\0b", 3)), Param(nullptr), Param(nullptr)});
    });
  }),
                "sql.text_not_utf8");
  EXPECT_REASON(database->transaction([&](Session& s) { return rows(s, 3000, 3001), rows(s, 3000, 3001); }),
                "sql.conflict");
  EXPECT_EQ(count(*database), 3000);
  // The connection is as good as before.
  ASSERT_OK(database->read([&](Session& s) -> Status {
    ASSIGN(auto row, s.row("select name, digest, amount from item where id = ?", 13));
    EXPECT_EQ(row->text(0), "name 13");
    EXPECT_EQ(row->blob(1), Bytes(6, 1));
    EXPECT_TRUE(row->is_null(2));
    return {};
  }));
}

TEST_P(DatabaseTest, StreamStopsWhenAsked) {
  auto database = migrated();
  ASSERT_TRUE(database);
  Batch batch;
  for (int i = 0; i < 20'000; ++i) batch.add(i, "n" + std::to_string(i));
  ASSERT_OK(database->transaction(
      [&](Session& s) { return s.run_each("insert into item (id, name) values (?, ?)", batch); }));
  for (int round = 0; round < 3; ++round) {
    int seen = 0;
    EXPECT_REASON(database->read([&](Session& s) {
      return s.each(
          "select id from item where id >= ? order by id",
          [&](const Row&) -> Status {
            if (++seen == 10) return fail(Code::invalid_argument, "test.enough");
            return {};
          },
          5);
    }),
                  "test.enough");
    EXPECT_EQ(seen, 10);
    EXPECT_EQ(count(*database), 20'000);
  }
}

TEST_P(DatabaseTest, PagesMeetEveryRowOnce) {
  auto database = migrated();
  ASSERT_TRUE(database);
  Batch batch;
  for (int i = 0; i < 100; ++i) batch.add(i, "n" + std::to_string(i), i / 10);
  ASSERT_OK(database->transaction(
      [&](Session& s) { return s.run_each("insert into item (id, name, amount) values (?, ?, ?)", batch); }));
  for (Order order : {Order::ascending, Order::descending})
    for (size_t limit : {size_t(1), size_t(7), size_t(90), size_t(200)}) {
      Query query("select amount, id, name from item");
      query.where("id >= ? or name = ?", 10, "none").where("amount < ?", 9).keys({"amount", "id"}, order);
      std::vector<int64_t> seen;
      std::string cursor;
      do {
        ASSERT_OK(database->read([&](Session& s) -> Status {
          ASSIGN(Page page, s.page(query, cursor, limit));
          EXPECT_LE(page.rows.size(), limit);
          for (const Row& row : page.rows) seen.push_back(row.integer(1));
          cursor = page.next;
          return {};
        }));
      } while (!cursor.empty());
      ASSERT_EQ(seen.size(), 80u);
      for (size_t i = 0; i < 80; ++i)
        EXPECT_EQ(seen[i], order == Order::ascending ? int64_t(i) + 10 : 89 - int64_t(i));
    }
  ASSERT_OK(database->read([&](Session& s) -> Status {
    Query query("select id from item");
    query.keys({"id"});
    for (std::string bad :
         {"x", "ff", "01", "010000000000000001", "02ffffffff41", "0100000000000000010100000000000000021"}) {
      auto page = s.page(query, bad, 5);
      // One integer is a cursor of this list; everything else is not.
      if (bad == "010000000000000001") {
        EXPECT_TRUE(test::succeeded(page));
      } else {
        EXPECT_REASON(page, "sql.cursor");
      }
    }
    return {};
  }));
}

TEST_P(DatabaseTest, MigrationsRunOnceAndANewerSchemaIsRefused) {
  auto database = open();
  ASSERT_TRUE(database);
  EXPECT_TRUE(database->versions() && database->versions()->empty());
  ASSERT_OK(database->migrate("items", std::span(kHistory).first(1)));
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(s.run("insert into item (id, name) values (1, 'kept')"));
    return {};
  }));
  ASSERT_OK(database->migrate("items", kHistory));
  ASSERT_OK(database->migrate("items", kHistory));
  EXPECT_EQ(count(*database), 1);
  EXPECT_EQ(*database->versions(), (std::vector<std::pair<std::string, int>>{{"items", 2}}));
  EXPECT_REASON(database->migrate("items", std::span(kHistory).first(1)), "sql.newer_version");
  // A step that fails leaves nothing of itself behind.
  const Migration broken[] = {
      kHistory[0], kHistory[1], {3, "create table half (id {int}); create table item (id {int})"}};
  EXPECT_FALSE(database->migrate("items", broken));
  EXPECT_EQ(database->versions()->front().second, 2);
  const Migration mended[] = {
      kHistory[0], kHistory[1], {3, "create table half (id {int}); alter table item add column more {text}"}};
  ASSERT_OK(database->migrate("items", mended));
  ASSERT_OK(database->read([](Session& s) -> Status {
    TRY(s.rows("select * from half"));
    ASSIGN(auto row, s.row("select * from item"));
    EXPECT_EQ(row->size(), 5u);
    return {};
  }));
}

TEST_P(DatabaseTest, ManyOpenAndMigrateAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      auto database = Database::open({.url = url});
      if (database && (*database)->migrate("items", kHistory))
        ++good;
      else
        ADD_FAILURE() << (database ? "migrate" : database.error().to_string());
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
}

// Each adds to one counter after reading it: any lost update shows in the sum.
TEST_P(DatabaseTest, ConcurrentTransactionsAreSerializable) {
  auto database = migrated();
  ASSERT_TRUE(database);
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(s.run("insert into item (id, name, amount) values (1, 'counter', 0)"));
    return {};
  }));
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        Status status = database->transaction([](Session& s) -> Status {
          ASSIGN(auto row, s.row("select amount from item where id = 1"));
          TRY(s.run("update item set amount = ? where id = 1", row->integer(0) + 1));
          return {};
        });
        if (status) {
          ++done;
        } else {
          EXPECT_EQ(status.error().reason, "sql.busy");
        }
      }
    });
  for (auto& thread : threads) thread.join();
  ASSERT_OK(database->read([&](Session& s) -> Status {
    ASSIGN(auto row, s.row("select amount from item where id = 1"));
    EXPECT_EQ(row->integer(0), done.load());
    return {};
  }));
  EXPECT_GE(done, 90);
}

TEST_P(DatabaseTest, PoolIsBounded) {
  auto database = open({.url = url, .max_connections = 1, .busy_timeout_ms = 50});
  ASSERT_TRUE(database);
  ASSERT_OK(database->read([&](Session&) -> Status {
    EXPECT_REASON(database->read([](Session&) -> Status { return {}; }), "sql.busy");
    return {};
  }));
  ASSERT_OK(database->read([](Session&) -> Status { return {}; }));
}

}  // namespace
}  // namespace chengxin::sql
