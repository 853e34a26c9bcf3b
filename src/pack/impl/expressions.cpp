#include "pack/impl/expressions.h"

#include <cstdio>

namespace chengxin::pack {
namespace {

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

// a.b.c; what is called is left out.
using Path = std::vector<std::string>;

size_t behind_text(std::string_view rule, size_t at) {
  const char mark = rule[at++];
  while (at < rule.size() && rule[at] != mark) at += rule[at] == '\\' ? 2 : 1;
  return at + 1;
}

std::string name_at(std::string_view rule, size_t& at) {
  const size_t from = at;
  while (at < rule.size() && in_name(rule[at])) ++at;
  return std::string(rule.substr(from, at - from));
}

std::vector<Path> paths_in(std::string_view rule) {
  std::vector<Path> out;
  for (size_t at = 0; at < rule.size();) {
    if (rule[at] == '"' || rule[at] == '\'') {
      at = behind_text(rule, at);
    } else if (!starts_name(rule[at])) {
      const bool number = rule[at] >= '0' && rule[at] <= '9';
      const bool dot = rule[at] == '.';
      ++at;
      while (at < rule.size() && (number || dot) && in_name(rule[at])) ++at;  // 12u; .f of a value
    } else {
      Path path{name_at(rule, at)};
      while (at + 1 < rule.size() && rule[at] == '.' && starts_name(rule[at + 1]))
        path.push_back(name_at(rule, ++at));
      size_t next = at;
      while (next < rule.size() && rule[next] == ' ') ++next;
      if (next < rule.size() && rule[next] == '(') path.pop_back();
      if (!path.empty()) out.push_back(std::move(path));
    }
  }
  return out;
}

// Columns in characters.
size_t place_in(std::string_view rule, int line, int column) {
  size_t at = 0;
  for (; line > 1 && at < rule.size(); ++at) line -= rule[at] == '\n' ? 1 : 0;
  for (; column > 1 && at < rule.size(); --column) {
    ++at;
    while (at < rule.size() && (uint8_t(rule[at]) & 0xc0) == 0x80) ++at;
  }
  return at;
}

// Of a rule that does not compile the rules module says "line 1, column 5: …".
RuleProblem not_compiled(std::string_view text, const Error& error) {
  int line = 1, column = 1;
  const bool placed = std::sscanf(error.detail.c_str(), "line %d, column %d", &line, &column) == 2;
  const size_t end = placed ? error.detail.find(": ") : std::string::npos;
  return {error.reason,
          place_in(text, line, column),
          end == std::string::npos ? error.detail : error.detail.substr(end + 2),
          {}};
}

// Values of what a rule reads besides the row: the condition is made anew for each caller.
Json sample() {
  return {{"me", {{"id", "a"}, {"name", "a"}, {"organisation", "a"}, {"region", "a"}, {"roles", {"a"}}}},
          {"today", "2026-01-01"},
          {"now", 0},
          {"record", Json::object()}};
}

std::vector<RuleProblem> filter_problems(std::string_view text, const rules::Typed& rule,
                                         const rules::Mapping& columns) {
  for (const auto dialect : {rules::SqlDialect::sqlite, rules::SqlDialect::postgresql}) {
    const auto condition = rule.sql(dialect, columns, sample());
    if (condition) continue;
    RuleProblem problem = not_compiled(text, condition.error());
    if (problem.reason == "rules.sql_mapping") problem.reason = "pack.rule_column";
    return {problem};
  }
  return {};
}

}  // namespace

std::vector<RuleProblem> rule_problems(std::string_view text, const rules::Environment& environment,
                                       const Json& wanted, const rules::Mapping* columns) {
  const auto rule = rules::Rule::compile(text);
  if (!rule) return {not_compiled(text, rule.error())};
  const auto checked = rule->check(environment, wanted);
  if (!checked) return {not_compiled(text, checked.error())};
  std::vector<RuleProblem> out;
  for (const rules::Mistake& each : checked->mistakes)
    out.push_back({each.reason, place_in(text, each.line, each.column), each.detail, each.mend});
  if (out.empty() && columns) return filter_problems(text, *checked->rule, *columns);
  return out;
}

std::vector<std::string> fields_read(std::string_view text, std::string_view root) {
  std::vector<std::string> out;
  for (const Path& path : paths_in(text))
    if (path.front() == root && path.size() > 1) out.push_back(path[1]);
  return out;
}

}  // namespace chengxin::pack
