#include "contract/generate.h"

#include <algorithm>
#include <functional>

#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

tl::unexpected<Error> cannot(std::string_view what) {
  return fail(Code::unsupported, "contract.generate.type", "{}", what);
}

// Calls `see` with each type of the parameters, inner ones first.
Status walk(const std::vector<Parameter>& parameters, const std::function<Status(const Type&)>& see) {
  std::function<Status(const Type&)> inner = [&](const Type& type) -> Status {
    if (type.kind == Kind::array) TRY(inner(type.element[0]));
    if (type.kind == Kind::tuple) TRY(walk(type.members, see));
    return see(type);
  };
  for (const Parameter& parameter : parameters) TRY(inner(parameter.type));
  return {};
}

Status walk(const Interface& interface, const std::function<Status(const Type&)>& see) {
  for (const Entry& entry : interface.entries) {
    TRY(walk(entry.inputs, see));
    TRY(walk(entry.outputs, see));
  }
  return {};
}

// A line of documentation, which may be a stranger's: nothing in it ends a comment or makes it go on below.
std::string harmless(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '/' && !out.empty() && out.back() == '*') out += ' ';
    if (c == '\\')
      out += "\u2216";
    else
      out += uint8_t(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

void Lines::raw(std::string_view text) {
  for (int i = 0; i < depth_ && !text.empty(); ++i) text_ += unit_;
  text_ += text;
  text_ += '\n';
}

void Lines::notice(std::string_view documentation, std::string_view mark) {
  while (!documentation.empty()) {
    size_t end = std::min(documentation.find('\n'), documentation.size());
    raw(fmt::format("{} {}", mark, harmless(documentation.substr(0, end))));
    documentation.remove_prefix(std::min(end + 1, documentation.size()));
  }
}

std::string snake(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    bool begins =
        is_upper(name[i]) && i > 0 && name[i - 1] != '_' &&
        (!is_upper(name[i - 1]) || (i + 1 < name.size() && name[i + 1] >= 'a' && name[i + 1] <= 'z'));
    if (begins) out += '_';
    out += is_upper(name[i]) ? char(name[i] - 'A' + 'a') : name[i];
  }
  return out;
}

std::string pascal(std::string_view name) {
  std::string out;
  bool begins = true;
  for (char c : name) {
    if (c != '_') out += begins && c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
    begins = c == '_';
  }
  return out;
}

std::string safe(std::string_view name, std::string_view keywords) {
  std::string spaced = fmt::format(" {} ", name);
  return fmt::format(" {} ", keywords).find(spaced) == std::string::npos ? std::string(name)
                                                                         : fmt::format("{}_", name);
}

std::string parameter_name(const std::vector<Parameter>& parameters, size_t i, std::string_view keywords,
                           std::string (*style)(std::string_view)) {
  const std::string& name = parameters[i].name;
  return safe(style(name.empty() ? fmt::format("arg{}", i) : name), keywords);
}

std::string unique_name(const Interface& interface, const Entry& entry) {
  auto same = [&](const Entry& other) { return other.kind == entry.kind && other.name == entry.name; };
  if (std::count_if(interface.entries.begin(), interface.entries.end(), same) < 2) return entry.name;
  std::string out = entry.name;
  for (const Parameter& parameter : entry.inputs) {
    out += '_';
    for (char c : type_name(parameter.type)) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  }
  return out;
}

Result<std::vector<Type>> structs(const Interface& interface) {
  std::vector<Type> found;
  TRY(walk(interface, [&](const Type& type) -> Status {
    if (type.kind != Kind::tuple || type.name.empty()) return {};
    for (const Type& other : found) {
      if (other.name != type.name) continue;
      if (type_name(other) != type_name(type)) return cannot(type.name + " names two structs");
      return {};
    }
    found.push_back(type);
    return {};
  }));
  return found;
}

size_t heads(const std::vector<Parameter>& parameters, bool of_event_data) {
  size_t bytes = 0;
  for (const Parameter& parameter : parameters)
    if (!of_event_data || !parameter.indexed) bytes += head_bytes(parameter.type);
  return bytes;
}

std::vector<const Entry*> entries(const Interface& interface, Entry::Kind kind) {
  std::vector<const Entry*> out;
  for (const Entry& entry : interface.entries)
    if (entry.kind == kind) out.push_back(&entry);
  return out;
}

Status check_glue(const Interface& interface) {
  TRY(walk(interface, [](const Type& type) -> Status {
    bool native = type.size == 8 || type.size == 16 || type.size == 32 || type.size == 64;
    if (type.kind == Kind::integer && !native) return cannot(type_name(type));
    if (type.kind == Kind::uint && !native && type.size != 256) return cannot(type_name(type));
    if (type.kind == Kind::tuple && type.name.empty())
      return cannot("a tuple without a name; declare a struct");
    if (type.kind == Kind::tuple)
      for (const Parameter& member : type.members)
        if (member.name.empty()) return cannot("a member without a name in " + type.name);
    return {};
  }));
  for (const Entry* event : entries(interface, Entry::Kind::event))
    for (const Parameter& parameter : event->inputs)
      if (parameter.indexed && (parameter.type.kind == Kind::array || parameter.type.kind == Kind::tuple))
        return cannot("an indexed array or struct in the event " + event->name);
  return {};
}

Result<std::string> generate(const Interface& interface, std::string_view target, std::string_view name) {
  if (target == "rust") return rust_glue(interface);
  if (target == "rust-caller") return rust_caller(interface, name);
  if (target == "go") return go_glue(interface);
  if (target == "go-caller") return go_caller(interface, name);
  if (target == "typescript-client") return typescript_client(interface, name);
  if (target == "go-client") return go_client(interface, name);
  if (target == "java-client") return java_client(interface, name);
  if (target == "cpp-client") return cpp_client(interface, name);
  return fail(Code::unsupported, "contract.generate.target", "{}", target.substr(0, 40));
}

}  // namespace chengxin::contract
