#include <algorithm>

#include "pack/yaml.h"

namespace chengxin::pack {
namespace {

bool is_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// What other readers of YAML would take for nothing, a flag, a number or a day.
bool has_other_meaning(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  for (const char* word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
    if (lower == word) return true;
  return is_of(lower.substr(0, 1), "0123456789.+-") && is_of(lower, "0123456789abcdefinotx.+-_:");
}

// Plain scalars of the letters that no place of YAML reads as its own.
bool is_plain(std::string_view text) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || uint8_t(c) >= 0x80 ||
           std::string_view("_ ./()+-").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good) && text.front() != ' ' &&
         text.back() != ' ' && text.front() != '-' && !has_other_meaning(text);
}

std::string scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) switch (c) {
      case '"':
      case '\\':
        out += {'\\', c};
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  return out + '"';
}

std::string within_line(const Node& node) {
  std::string out;
  const auto add = [&out](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  for (const Node& item : node.items) add(within_line(item));
  for (const Member& member : node.members) add(member.name + ": " + within_line(member.value));
  if (node.is(Node::Kind::list)) return "[" + out + "]";
  return node.is(Node::Kind::map) ? "{" + out + "}" : scalar(node.text);
}

bool is_map(const Member& member) { return member.value.is(Node::Kind::map); }

}  // namespace

std::string write_yaml(const Node& map) {
  std::string out;
  for (const Member& member : map.members) {
    const auto& below = member.value.members;
    if (below.empty() || !std::all_of(below.begin(), below.end(), is_map)) {
      out += fmt::format("{}: {}\n", member.name, within_line(member.value));
      continue;
    }
    out += member.name + ":\n";
    for (const Member& each : below) out += fmt::format("  {}: {}\n", each.name, within_line(each.value));
  }
  return out;
}

}  // namespace chengxin::pack
