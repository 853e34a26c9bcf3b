#include "sql/together.h"

#include <atomic>
#include <thread>

#include "support/databases.h"

namespace chengxin::sql {
namespace {

constexpr Migration kTables[] = {
    {1, "create table item (id {int} primary key, name {text} not null unique) {strict}"}};

class TogetherTest : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database = open();
    ASSERT_TRUE(database);
    ASSERT_OK(database->migrate("items", kTables));
  }
  std::vector<int64_t> items() {
    std::vector<int64_t> out;
    EXPECT_TRUE(test::succeeded(database->read([&](Session& s) -> Status {
      out.clear();
      ASSIGN(const auto rows, s.rows("select id from item order by id"));
      for (const Row& row : rows) out.push_back(row.integer(0));
      return {};
    })));
    return out;
  }
  static Status add(Session& s, int64_t id, const std::string& name) {
    TRY(s.run("insert into item values (?, ?)", id, name));
    return {};
  }

  std::unique_ptr<Database> database;
};
INSTANTIATE_ON_EACH_DATABASE(TogetherTest);

TEST_P(TogetherTest, APartFailsByItself) {
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(add(s, 1, "one"));
    EXPECT_REASON(s.part([](Session& in) -> Status {
      TRY(add(in, 2, "two"));
      return add(in, 3, "one");
    }),
                  "sql.conflict");
    EXPECT_REASON(s.part([](Session& in) -> Status {
      TRY(add(in, 4, "four"));
      return fail(Code::conflict, "test.no");
    }),
                  "test.no");
    EXPECT_REASON(s.part([](Session& in) -> Status {
      (void)add(in, 1, "again");  // passed over in silence: it is refused all the same
      return {};
    }),
                  "sql.conflict");
    TRY(s.part([](Session& in) -> Status {
      EXPECT_REASON(in.part([](Session& inner) { return add(inner, 1, "x"); }), "sql.conflict");
      return add(in, 5, "five");
    }));
    return add(s, 6, "six");
  }));
  EXPECT_EQ(items(), (std::vector<int64_t>{1, 5, 6}));
}

// Every third fails; those that succeed, and no other, are there.
TEST_P(TogetherTest, ManyAtOnceEachByItself) {
  Together together(*database);
  std::atomic<int64_t> next = 0;
  std::mutex mutex;
  std::vector<int64_t> good;
  const auto work = [&] {
    for (int64_t i; (i = next++) < 300;) {
      const Status done = together.run([&](Session& s) -> Status {
        TRY(add(s, i, std::to_string(i)));
        if (i % 3 == 1) return fail(Code::conflict, "test.no");
        return i % 3 == 2 ? add(s, i, "twice") : Status();
      });
      EXPECT_EQ(done ? "" : done.error().reason, i % 3 == 0 ? "" : i % 3 == 1 ? "test.no" : "sql.conflict");
      if (!done) continue;
      const std::lock_guard lock(mutex);
      good.push_back(i);
    }
  };
  std::vector<std::thread> all;
  for (int t = 0; t < 8; ++t) all.emplace_back(work);
  for (std::thread& each : all) each.join();
  std::sort(good.begin(), good.end());
  EXPECT_EQ(good.size(), 100u);
  EXPECT_EQ(items(), good);
}

TEST_P(TogetherTest, WhatFailsForAllIsToldToAll) {
  Together together(*database);
  std::atomic<int> refused = 0;
  std::vector<std::thread> all;
  ASSERT_OK(database->transaction([](Session& s) -> Status {
    TRY(s.run("drop table item"));
    return {};
  }));
  for (int t = 0; t < 8; ++t)
    all.emplace_back([&, t] {
      const Status done = together.run([&](Session& s) { return add(s, t, std::to_string(t)); });
      refused += !done && done.error().reason == "sql.statement";
    });
  for (std::thread& each : all) each.join();
  EXPECT_EQ(refused, 8);
}

}  // namespace
}  // namespace chengxin::sql
