#pragma once
#include <gtest/gtest.h>

#include "sql/database.h"
#include "support/postgres.h"

// The same tests on both databases: derive a fixture from OnEachDatabase, write TEST_P, and end with
// INSTANTIATE_ON_EACH_DATABASE(Fixture). One PostgreSQL server serves the whole test program.
namespace chengxin::test {

// The program's server, started when first needed. Stopped at the end of the program.
inline Result<Postgres*> shared_postgres() {
  static Result<std::unique_ptr<Postgres>> server = Postgres::start();
  if (!server) return tl::unexpected(server.error());
  return server->get();
}

class OnEachDatabase : public ::testing::TestWithParam<sql::Dialect> {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "cx-sql-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    url = fresh_url(GetParam());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  std::string fresh_url(sql::Dialect dialect) {
    if (dialect == sql::Dialect::sqlite)
      return "sqlite:" + (folder / ("db" + std::to_string(++count_) + ".sqlite")).string();
    auto server = shared_postgres();
    EXPECT_TRUE(server) << server.error().to_string();
    if (!server) return "";
    auto made = (*server)->create_database();
    EXPECT_TRUE(made) << made.error().to_string();
    return made.value_or("");
  }

  std::unique_ptr<sql::Database> open(sql::Options options = {}) {
    if (options.url.empty()) options.url = url;
    auto database = sql::Database::open(options);
    EXPECT_TRUE(database) << database.error().to_string();
    return database ? std::move(*database) : nullptr;
  }

  fs::path folder;
  std::string url;

 private:
  int count_ = 0;
};

#define INSTANTIATE_ON_EACH_DATABASE(Fixture)                                                    \
  INSTANTIATE_TEST_SUITE_P(                                                                      \
      Databases, Fixture,                                                                        \
      ::testing::Values(::chengxin::sql::Dialect::sqlite, ::chengxin::sql::Dialect::postgresql), \
      [](const auto& which) {                                                                    \
        return which.param == ::chengxin::sql::Dialect::sqlite ? "sqlite" : "postgresql";        \
      })

// For a Status or a Result: what went wrong is printed.
inline ::testing::AssertionResult succeeded(const auto& result) {
  if (result) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().to_string();
}
inline ::testing::AssertionResult failed_with(std::string_view reason, const auto& result) {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().reason == reason) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().to_string();
}
#define ASSERT_OK(expression) ASSERT_TRUE(::chengxin::test::succeeded(expression))
#define EXPECT_REASON(expression, reason) EXPECT_TRUE(::chengxin::test::failed_with(reason, expression))

}  // namespace chengxin::test
