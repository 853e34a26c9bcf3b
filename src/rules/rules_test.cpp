#include <gtest/gtest.h>

#include <thread>

#include "rules/rule.h"
#include "rules/schema.h"
#include "rules/typed.h"

namespace chengxin::rules {
namespace {

// The check of the transfer manifest in the design of packs.
TEST(Rule, DecidesOverAPacksRecord) {
  const auto rule = Rule::compile("lines.all(l, l.quantity <= plan.remaining) && driver.phone.size() == 11");
  ASSERT_TRUE(rule) << rule.error().to_string();
  EXPECT_EQ(rule->variables(), (std::vector<std::string>{"driver", "lines", "plan"}));
  Json data = {{"lines", {{{"quantity", 2.5}}, {{"quantity", 5}}}},
               {"plan", {{"remaining", 5}}},
               {"driver", {{"phone", "13800000000"}}}};
  EXPECT_EQ(rule->evaluate(data), Json(true));
  data["plan"]["remaining"] = 4;
  EXPECT_EQ(rule->evaluate(data), Json(false));
}

TEST(Rule, TellsWhereItFails) {
  const auto syntax = Rule::compile("'危险' ==\n  )");
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error().code, Code::invalid_argument);
  EXPECT_EQ(syntax.error().reason, "rule.syntax");
  EXPECT_EQ(syntax.error().detail.rfind("line 2, column 3: ", 0), 0u) << syntax.error().detail;

  const auto rule = Rule::compile("a / b");
  ASSERT_TRUE(rule);
  const auto zero = rule->evaluate({{"a", 1}, {"b", 0}});
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error().to_string(), "rule.arithmetic: line 1, column 3: division by zero");
  EXPECT_EQ(rule->evaluate(Json::object()).error().reason, "rule.variable");
  EXPECT_EQ(rule->evaluate(Json::array()).error().reason, "rule.data");
  EXPECT_EQ(rule->evaluate({{"a", "\xff"}, {"b", 1}}).error().reason, "rule.data");
}

TEST(Rule, StopsAtItsBudget) {
  const auto rule = Rule::compile("l.all(a, l.all(b, true))");
  ASSERT_TRUE(rule);
  const Json data = {{"l", std::vector<int>(100, 1)}};
  EXPECT_EQ(rule->evaluate(data), Json(true));
  const auto stopped = rule->evaluate(data, 10'000);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::too_large);
  EXPECT_EQ(stopped.error().reason, "rule.cost");
}

TEST(Rule, IsSharedByThreads) {
  const auto rule = Rule::compile("n * 2");
  ASSERT_TRUE(rule);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([copy = *rule, thread] {
      for (int n = 0; n < 200; ++n) EXPECT_EQ(copy.evaluate({{"n", n * thread}}), Json(2 * n * thread));
    });
  for (auto& thread : threads) thread.join();
}

const Json kEnvironment = {
    {"it", {{"object", "manifest"}}},
    {"me", {{"object", "person"}}},
    {"objects",
     {{"manifest",
       {{"fields",
         {{"total", {{"decimal", 3}, {"unit", "t"}}},
          {"note", {{"type", "text"}, {"optional", true}}},
          {"district", "text"}}}}},
      {"person", {{"fields", {{"district", "text"}, {"limit", {{"decimal", 0}, {"unit", "t"}}}}}}}}}};

TEST(Types, NamesEveryMistakeAndItsMend) {
  const auto environment = Environment::compile(kEnvironment);
  ASSERT_TRUE(environment) << environment.error().to_string();
  const auto checked = Rule::compile("it.totl > 3 &&\n  it.note.size() > 0.5")->check(*environment, "bool");
  ASSERT_TRUE(checked) << checked.error().to_string();
  EXPECT_FALSE(checked->rule);
  std::vector<std::string> found;
  for (const Mistake& mistake : checked->mistakes) found.push_back(mistake.to_string());
  EXPECT_EQ(found, (std::vector<std::string>{
                       "rules.type_field: line 1, column 3: manifest has no field totl (total)",
                       "rules.type_null: line 2, column 5: the value may be missing (has(it.note) && …, or "
                       "it.note.orValue(…))",
                       "rules.type_double: line 2, column 20: doubles are not exact (decimal('0.5'))"}));
  EXPECT_EQ(Rule::compile("1")->check(*environment, "bool")->mistakes.front().reason, "rules.type_result");
  EXPECT_EQ(Rule::compile("1")->check(*environment, "boolean").error().reason, "rules.environment");
  EXPECT_EQ(Environment::compile({{"it", {{"object", "nothing"}}}}).error().reason, "rules.environment");
}

TEST(Types, ComputeExactly) {
  const auto environment = Environment::compile(kEnvironment);
  ASSERT_TRUE(environment);
  const auto checked = Rule::compile("[it.total, it.total, decimal('0.1')].sum() * 3")->check(*environment);
  ASSERT_TRUE(checked && checked->rule);
  EXPECT_EQ(checked->rule->gives(), "decimal(3) t");
  EXPECT_EQ(checked->rule->evaluate({{"it", {{"total", "0.1"}}}}), Json("0.900"));
  EXPECT_EQ(checked->rule->evaluate({{"it", {{"total", 0.1}}}}).error().reason, "rule.data");
  EXPECT_EQ(checked->rule->evaluate({{"it", {{"total", "999999999999999"}}}}).error().reason,
            "rule.arithmetic");
  EXPECT_EQ(checked->rule->evaluate(Json::object()).error().reason, "rule.variable");
}

TEST(Types, MakeConditions) {
  const auto environment = Environment::compile(kEnvironment);
  const auto mapping = Mapping::compile(
      {{"objects",
        {{"manifest",
          {{"table", "manifest"}, {"key", "id"}, {"fields", {{"total", "total"}, {"district", "area"}}}}}}}});
  ASSERT_TRUE(environment && mapping);
  const Json data = {{"me", {{"district", "江南"}, {"limit", 5}}}};
  const auto rule = Rule::compile("it.district == me.district && it.total <= me.limit")->check(*environment);
  ASSERT_TRUE(rule && rule->rule);
  const auto condition = rule->rule->sql(SqlDialect::postgresql, *mapping, data);
  ASSERT_TRUE(condition) << condition.error().to_string();
  EXPECT_EQ(condition->text,
            "((\"manifest\".\"area\" = ?) AND (\"manifest\".\"total\" <= (CAST(? AS numeric) * 1000)))");
  ASSERT_EQ(condition->values.size(), 2u);
  EXPECT_EQ(std::get<std::string>(condition->values[0]), "江南");
  EXPECT_EQ(std::get<int64_t>(condition->values[1]), 5);
  EXPECT_EQ(rule->rule->sql(SqlDialect::sqlite, *mapping, Json::object()).error().reason, "rule.variable");

  const auto unmapped = Rule::compile("true &&\n has(it.note)")->check(*environment);
  const auto refused = unmapped->rule->sql(SqlDialect::sqlite, *mapping, data);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().to_string(), "rules.sql_mapping: line 2, column 5: no column of manifest.note");
  EXPECT_EQ(Mapping::compile({{"objects", 1}}).error().reason, "rules.sql_mapping");
}

TEST(Schema, ListsViolations) {
  const auto schema =
      Schema::compile({{"required", {"day"}},
                       {"properties", {{"day", {{"format", "date"}}}, {"n", {{"$ref", "#/$defs/n"}}}}},
                       {"$defs", {{"n", {{"type", "integer"}}}}}});
  ASSERT_TRUE(schema) << schema.error().to_string();
  EXPECT_EQ(schema->check({{"day", "2024-02-29"}, {"n", 1}}), std::vector<Violation>{});
  const auto found = schema->check({{"day", "2024-02-30"}, {"n", "x"}});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].path, "/day");
  EXPECT_EQ((*found)[0].keyword, "format");
  EXPECT_EQ((*found)[1].path, "/n");
  EXPECT_EQ((*found)[1].keyword, "type");
}

TEST(Schema, RefusesWhatItCannotKeep) {
  EXPECT_EQ(Schema::compile({{"type", "text"}}).error().reason, "schema.invalid");
  EXPECT_EQ(Schema::compile({{"$ref", "https://example.com/"}}).error().reason, "schema.invalid");
  EXPECT_EQ(Schema::compile({{"format", "unheard-of"}}).error().reason, "schema.invalid");
  EXPECT_TRUE(Schema::compile({{"format", "unheard-of"}}, Formats::remarks));
  EXPECT_EQ(Schema::compile({{"title", "\xff"}}).error().reason, "schema.malformed");
}

}  // namespace
}  // namespace chengxin::rules
