#include <set>

#include "random_rules.h"
#include "sql/query.h"
#include "support/databases.h"

// The rows that a rule's SQL chooses are those of which evaluating the rule gives true: random rules over
// random rows, on both databases. What fails is said with its seed: CHENGXIN_SEED=… runs it again.
namespace chengxin::rules::world {
namespace {

constexpr int kRows = 24, kRounds = 12, kRules = 60;

class RulesSqlTest : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database_ = open();
    ASSERT_TRUE(database_);
    ASSERT_OK(create(*database_));
  }

  SqlDialect dialect() const {
    return GetParam() == sql::Dialect::sqlite ? SqlDialect::sqlite : SqlDialect::postgresql;
  }

  Result<std::set<int64_t>> chosen(const Condition& condition, std::string_view table = "manifest") {
    std::vector<sql::Value> values;
    for (const auto& value : condition.values)
      values.push_back(std::visit([](const auto& held) { return sql::Value(held); }, value));
    sql::Query query(fmt::format("select m.id from {} m", table));
    query.where_values(condition.text, values);
    std::set<int64_t> ids;
    const auto work = [&](sql::Session& session) -> Status {
      ASSIGN(const auto rows, session.rows(query));
      for (const sql::Row& row : rows) ids.insert(row.integer(0));
      return {};
    };
    TRY(database_->read(work));
    return ids;
  }

  static std::set<int64_t> evaluated(const Typed& rule, const std::vector<Json>& rows, Json data) {
    std::set<int64_t> ids;
    for (size_t at = 0; at < rows.size(); ++at) {
      data["it"] = rows[at];
      const auto result = rule.evaluate(data);
      if (!result) {
        EXPECT_TRUE(result.error().reason == "rule.arithmetic") << result.error().to_string();
        continue;
      }
      if (result->get<bool>()) ids.insert(int64_t(at) + 1);
    }
    return ids;
  }

  std::unique_ptr<sql::Database> database_;
  const Environment environment_ = Environment::compile(kEnvironment).value();
  const Mapping mapping_ = Mapping::compile(kMapping).value();
};
INSTANTIATE_ON_EACH_DATABASE(RulesSqlTest);

TEST_P(RulesSqlTest, ChoosesTheRowsThatEvaluationDoes) {
  const char* given = std::getenv("CHENGXIN_SEED");
  const uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  RandomRules rules(random);
  int compared = 0, mixed = 0;
  std::map<std::string, int> refused;
  std::map<std::string, std::string> examples;
  for (int round = 0; round < kRounds; ++round) {
    const auto rows = fill(*database_, random, kRows);
    ASSERT_OK(rows);
    const Json data = variables(random);
    for (int i = 0; i < kRules; ++i) {
      const std::string text = rules.condition();
      SCOPED_TRACE(text);
      const auto rule = Rule::compile(text);
      ASSERT_OK(rule);
      const auto checked = rule->check(environment_, "bool");
      ASSERT_OK(checked);
      if (!checked->rule) {
        ++refused[checked->mistakes.front().reason];
        examples[checked->mistakes.front().reason] = text + " # " + checked->mistakes.front().to_string();
        continue;
      }
      const auto condition = checked->rule->sql(dialect(), mapping_, data);
      if (!condition) {
        ASSERT_TRUE(condition.error().reason.starts_with("rules.sql_")) << condition.error().to_string();
        ++refused[condition.error().reason];
        continue;
      }
      const auto found = chosen(*condition);
      ASSERT_TRUE(found) << found.error().to_string() << "\n" << condition->text;
      const std::set<int64_t> wanted = evaluated(*checked->rule, *rows, data);
      ASSERT_EQ(*found, wanted) << condition->text << "\n" << data;
      ++compared;
      mixed += !wanted.empty() && wanted.size() < size_t(kRows);
    }
  }
  for (const auto& [reason, count] : refused) RecordProperty(reason, count);
  for (const auto& [reason, example] : examples) RecordProperty(reason + ".example", example);
  EXPECT_GT(compared, kRounds * kRules / 2);
  EXPECT_GT(mixed, compared / 8);
}

// As deep as the compiler lets a rule be, each database still takes it.
TEST_P(RulesSqlTest, WhatIsLetThroughIsNotTooDeep) {
  const auto nested = [](std::string open, std::string inner, std::string close) {
    return [=](int depth) {
      std::string out = inner;
      for (int i = 0; i < depth; ++i) out = open + out + close;
      return out;
    };
  };
  const std::vector<std::pair<const char*, std::function<std::string(int)>>> shapes{
      {"references",
       [](int depth) {
         std::string out = "it";
         for (int i = 0; i < depth; ++i) out += ".parent";
         return out + ".n > 0";
       }},
      {"lists",
       [](int depth) {
         std::string out = fmt::format("a{}.n > 0", depth), of;
         for (int i = depth; i > 0; --i)
           out =
               fmt::format("{}.children.exists(a{}, {})", i == 1 ? "it" : fmt::format("a{}", i - 1), i, out);
         return depth == 0 ? "it.n > 0" : out;
       }},
      {"conditionals", nested("(it.n > 1 ? ", "it.n > 0", " : it.n > 2)")},
      {"conditionals to the right", nested("(it.n > 1 ? it.n > 2 : ", "it.n > 0", ")")},
      {"sums", [&](int depth) { return nested("(1 + ", "it.n", ")")(depth) + " > 0"; }},
      {"negations", nested("!(it.n > 5 && ", "it.n > 0", ")")},
      {"counts",
       [&](int depth) { return nested("size(it.children.filter(c, c.n > ", "it.n", "))")(depth) + " > 0"; }},
      {"conjunctions", nested("it.n > 0 && ", "it.n > 0", "")}};
  const auto environment = Environment::compile({{"it", {{"object", "node"}}},
                                                 {"objects",
                                                  {{"node",
                                                    {{"fields",
                                                      {{"n", "int"},
                                                       {"parent", {{"ref", "node"}}},
                                                       {"children", {{"list", {{"object", "node"}}}}}}}}}}}});
  ASSERT_OK(environment);
  const auto mapping = Mapping::compile(
      {{"alias", "m"},
       {"objects",
        {{"node",
          {{"table", "node"},
           {"key", "id"},
           {"fields", {{"n", "n"}, {"parent", "parent"}, {"children", {{"of", "parent"}}}}}}}}}});
  ASSERT_OK(mapping);
  ASSERT_OK(database_->transaction([](sql::Session& session) -> Status {
    TRY(session.run("create table node (id bigint primary key, parent bigint not null, n bigint not null)"));
    return {};
  }));
  for (const auto& [name, make] : shapes) {
    std::string refused;
    for (int depth = 0; depth < 120 && refused.empty(); ++depth) {
      const auto rule = Rule::compile(make(depth));
      if (!rule) {
        refused = rule.error().reason;
        break;
      }
      const auto checked = rule->check(*environment, "bool");
      ASSERT_OK(checked);
      ASSERT_TRUE(checked->rule) << checked->mistakes.at(0).to_string();
      const auto condition = checked->rule->sql(dialect(), *mapping, Json::object());
      if (condition)
        EXPECT_TRUE(test::succeeded(chosen(*condition, "node"))) << name << ' ' << depth;
      else
        refused = condition.error().reason;
    }
    const bool flat = std::string_view(name) == "conjunctions";
    if (!flat)
      EXPECT_TRUE(refused == "rules.sql_too_large" || refused == "rule.too_large") << name << refused;
  }
}

}  // namespace
}  // namespace chengxin::rules::world
