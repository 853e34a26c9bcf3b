#pragma once
#include <gtest/gtest.h>

#include "pack/model.h"

namespace chengxin::pack {

using Content = std::map<std::string, std::string>;

inline Files files_of(const Content& content, std::string label = "p") {
  Files out{.label = std::move(label), .content = {}};
  for (const auto& [path, text] : content) out.content[path] = to_bytes(view(text));
  return out;
}

// "reason file:line:column" of each, and its mend behind an arrow.
inline std::vector<std::string> told(const Findings& findings) {
  std::vector<std::string> out;
  for (const Finding& each : findings.shown())
    out.push_back(fmt::format("{} {}:{}:{}{}{}", each.reason, each.file, each.at.line, each.at.column,
                              each.mend.empty() ? "" : " > ", each.mend));
  return out;
}
using Told = std::vector<std::string>;

}  // namespace chengxin::pack
