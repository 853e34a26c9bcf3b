#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace chengxin::project {

// A YAML text that a person wrote. Scalars stay text: what they mean is known by who asks.
struct Yaml {
  enum class Kind { nothing, scalar, list, map };
  Kind kind = Kind::nothing;
  int line = 0;  // from 1
  std::string text;
  std::vector<Yaml> items;
  std::vector<std::pair<std::string, Yaml>> members;

  const Yaml* find(std::string_view key) const;
  bool is(Kind which) const { return kind == which; }
};

// project.yaml, with file and line: syntax, a key that stands twice, deeper than 32.
Result<Yaml> parse_yaml(std::string_view text, const std::string& file);

}  // namespace chengxin::project
