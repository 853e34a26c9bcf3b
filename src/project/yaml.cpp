#include "project/yaml.h"

#include <yaml-cpp/yaml.h>

namespace chengxin::project {
namespace {

constexpr int kMostDepth = 32;

Result<Yaml> tree(const YAML::Node& node, const std::string& file, int depth) {
  Yaml out;
  out.line = node.Mark().line + 1;
  if (depth > kMostDepth)
    return fail(Code::invalid_argument, "project.yaml", "{}:{}: too deep", file, out.line);
  if (node.IsScalar()) {
    out.kind = Yaml::Kind::scalar;
    out.text = node.Scalar();
  } else if (node.IsSequence()) {
    out.kind = Yaml::Kind::list;
    for (const auto& item : node) {
      ASSIGN(Yaml inner, tree(item, file, depth + 1));
      out.items.push_back(std::move(inner));
    }
  } else if (node.IsMap()) {
    out.kind = Yaml::Kind::map;
    for (const auto& member : node) {
      const int line = member.first.Mark().line + 1;
      if (!member.first.IsScalar() || out.find(member.first.Scalar()))
        return fail(Code::invalid_argument, "project.yaml", "{}:{}: a key that stands twice, or is no text",
                    file, line);
      ASSIGN(Yaml inner, tree(member.second, file, depth + 1));
      if (inner.line == 0) inner.line = line;
      out.members.emplace_back(member.first.Scalar(), std::move(inner));
    }
  }
  return out;
}

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name == key) return &value;
  return nullptr;
}

Result<Yaml> parse_yaml(std::string_view text, const std::string& file) {
  try {
    return tree(YAML::Load(std::string(text)), file, 0);
  } catch (const YAML::Exception& thrown) {
    return fail(Code::invalid_argument, "project.yaml", "{}:{}: {}", file, thrown.mark.line + 1, thrown.msg);
  }
}

}  // namespace chengxin::project
