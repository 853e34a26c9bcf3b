#include "pack/impl/expressions.h"

#include <algorithm>
#include <cstdio>

#include "pack/finding.h"
#include "rules/rule.h"

namespace chengxin::pack {
namespace {

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

struct Step {
  std::string name;
  size_t at = 0;
};
// a.b.c, each with its place; what is called is left out.
using Path = std::vector<Step>;

size_t behind_text(std::string_view rule, size_t at) {
  const char mark = rule[at++];
  while (at < rule.size() && rule[at] != mark) at += rule[at] == '\\' ? 2 : 1;
  return at + 1;
}

Step name_at(std::string_view rule, size_t& at) {
  const size_t from = at;
  while (at < rule.size() && in_name(rule[at])) ++at;
  return {std::string(rule.substr(from, at - from)), from};
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

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [key, value] : object.items())
    if (key != "objects" && key != "dictionaries") out.push_back(key);
  return out;
}

// The object that a type is of, or refers to; nullptr: neither.
const Json* fields_of(const Json& type, const Json& objects) {
  if (!type.is_object()) return nullptr;
  const std::string name = type.value("object", type.value("ref", std::string()));
  const auto found = objects.find(name);
  return found == objects.end() ? nullptr : &found->at("fields");
}

void walk(const Path& path, const Json& root, const Json& objects, std::vector<RuleProblem>& out) {
  const Json* type = &root;
  for (size_t i = 1; i < path.size(); ++i) {
    const Json* fields = fields_of(*type, objects);
    if (!fields) return;
    const auto next = fields->find(path[i].name);
    if (next == fields->end()) {
      out.push_back({"pack.rule_field", path[i].at, path[i].name, nearest(path[i].name, keys_of(*fields))});
      return;
    }
    type = &*next;
  }
}

// The rules module says "line 1, column 5: …"; columns in characters.
size_t place_in(std::string_view rule, const std::string& detail) {
  int line = 0, column = 0;
  if (std::sscanf(detail.c_str(), "line %d, column %d", &line, &column) != 2) return 0;
  size_t at = 0;
  for (; line > 1 && at < rule.size(); ++at) line -= rule[at] == '\n' ? 1 : 0;
  for (; column > 1 && at < rule.size(); --column) {
    ++at;
    while (at < rule.size() && (uint8_t(rule[at]) & 0xc0) == 0x80) ++at;
  }
  return at;
}

std::string without_place(const std::string& detail) {
  const size_t end = detail.starts_with("line ") ? detail.find(": ") : std::string::npos;
  return end == std::string::npos ? detail : detail.substr(end + 2);
}

}  // namespace

std::vector<RuleProblem> rule_problems(std::string_view text, const Json& environment, const Json& here) {
  const auto rule = rules::Rule::compile(text);
  if (!rule)
    return {
        {rule.error().reason, place_in(text, rule.error().detail), without_place(rule.error().detail), {}}};
  std::vector<RuleProblem> out;
  auto known = keys_of(environment);
  for (const std::string& name : keys_of(here)) known.push_back(name);
  const auto& read = rule->variables();
  for (const Path& path : paths_in(text)) {
    const std::string& root = path.front().name;
    if (std::find(read.begin(), read.end(), root) == read.end()) continue;  // of a loop
    if (std::find(known.begin(), known.end(), root) != known.end())
      walk(path, here.contains(root) ? here[root] : environment[root], environment["objects"], out);
    else
      out.push_back({"pack.rule_variable", path.front().at, root, nearest(root, known)});
  }
  return out;
}

std::vector<std::string> fields_read(std::string_view text, std::string_view root) {
  std::vector<std::string> out;
  for (const Path& path : paths_in(text))
    if (path.front().name == root && path.size() > 1) out.push_back(path[1].name);
  return out;
}

}  // namespace chengxin::pack
