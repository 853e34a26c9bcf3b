#include "contract/impl/interface_builder.h"

#include <algorithm>
#include <set>

namespace chengxin::contract {

using Kind = Type::Kind;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

// A number without leading zeros of at most five digits; 0: it is none.
uint32_t small_number(std::string_view text) {
  if (text.empty() || text.size() > 5 || text[0] == '0' || !std::all_of(text.begin(), text.end(), is_digit))
    return 0;
  uint32_t value = 0;
  for (char c : text) value = value * 10 + uint32_t(c - '0');
  return value;
}

std::optional<Type> elementary(std::string_view name) {
  auto simple = [](Kind kind, uint32_t size = 0) {
    return Type{.kind = kind, .size = size, .element = {}, .members = {}, .name = {}};
  };
  if (name == "address") return simple(Kind::address);
  if (name == "bool") return simple(Kind::boolean);
  if (name == "string") return simple(Kind::string);
  if (name == "bytes") return simple(Kind::bytes);
  if (name.starts_with("bytes")) {
    uint32_t size = small_number(name.substr(5));
    return size >= 1 && size <= 32 ? std::optional(simple(Kind::fixed_bytes, size)) : std::nullopt;
  }
  for (auto [prefix, kind] : {std::pair{"uint", Kind::uint}, {"int", Kind::integer}}) {
    if (!name.starts_with(prefix)) continue;
    std::string_view digits = name.substr(std::strlen(prefix));
    uint32_t bits = digits.empty() ? 256 : small_number(digits);
    if (bits >= 8 && bits <= 256 && bits % 8 == 0) return simple(kind, bits);
  }
  return {};
}

Result<Type> InterfaceBuilder::count(Type type, size_t depth) {
  if (++types_ > kMaxTypes || depth > kMaxDepth)
    return bad("contract.abi.limit", "the types are too many or nested too deep");
  return type;
}

Result<Type> InterfaceBuilder::array_of(Type element, uint32_t length) {
  if (!is_dynamic(element) && uint64_t(length) * head_bytes(element) > kMaxArray * 32)
    return bad("contract.abi.limit", "an array of more than {} words", kMaxArray);
  return Type{
      .kind = Kind::array, .size = length, .element = {std::move(element)}, .members = {}, .name = {}};
}

Result<Type> InterfaceBuilder::tuple_of(std::vector<Parameter> members, std::string name) {
  if (members.empty()) return bad("contract.abi.type", "a tuple or struct without members");
  if (members.size() > kMaxParameters)
    return bad("contract.abi.limit", "more than {} members", kMaxParameters);
  Type type{
      .kind = Kind::tuple, .size = 0, .element = {}, .members = std::move(members), .name = std::move(name)};
  if (!is_dynamic(type) && head_bytes(type) > kMaxArray * 32)
    return bad("contract.abi.limit", "a tuple of more than {} words", kMaxArray);
  return type;
}

Status InterfaceBuilder::add(Entry entry) {
  if (interface_.entries.size() >= kMaxEntries)
    return bad("contract.abi.limit", "more than {} entries", kMaxEntries);
  if (entry.inputs.size() > kMaxParameters || entry.outputs.size() > kMaxParameters)
    return bad("contract.abi.limit", "more than {} parameters", kMaxParameters);
  if (entry.kind == Entry::Kind::event) {
    auto indexed =
        std::count_if(entry.inputs.begin(), entry.inputs.end(), [](const auto& p) { return p.indexed; });
    if (indexed > (entry.anonymous ? 4 : 3))
      return bad("contract.abi.limit", "too many indexed parameters of {}", entry.name);
  }
  interface_.entries.push_back(std::move(entry));
  return {};
}

Result<Interface> InterfaceBuilder::finish() {
  auto key = [](const Entry& entry) {
    return std::pair(entry.kind, entry.kind == Entry::Kind::constructor ? "" : entry.signature());
  };
  std::sort(interface_.entries.begin(), interface_.entries.end(),
            [&](const Entry& a, const Entry& b) { return key(a) < key(b); });
  std::set<std::pair<Entry::Kind, std::string>> seen;
  std::set<std::array<uint8_t, 4>> selectors;
  for (const Entry& entry : interface_.entries) {
    if (!seen.insert(key(entry)).second)
      return bad("contract.abi.duplicate", "{} stands twice", entry.signature());
    if (entry.kind == Entry::Kind::function && !selectors.insert(entry.selector()).second)
      return bad("contract.abi.duplicate", "another function has the selector of {}", entry.signature());
  }
  return std::move(interface_);
}

}  // namespace chengxin::contract
