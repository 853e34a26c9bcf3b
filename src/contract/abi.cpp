#include "contract/abi.h"

#include <algorithm>

#include "contract/keccak.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

// What follows an array's element: "[]", "[2]".
std::string suffix(const Type& type) { return type.size ? fmt::format("[{}]", type.size) : "[]"; }

// The name as ABI JSON writes it: a tuple is "tuple", its members stand beside it.
std::string json_name(const Type& type) {
  if (type.kind == Kind::array) return json_name(type.element[0]) + suffix(type);
  return type.kind == Kind::tuple ? "tuple" : type_name(type);
}

std::string struct_name(const Type& type) {
  if (type.kind != Kind::array) return type.name;
  std::string inner = struct_name(type.element[0]);
  return inner.empty() ? inner : inner + suffix(type);
}

const std::vector<Parameter>& components(const Type& type) {
  return type.kind == Kind::array ? components(type.element[0]) : type.members;
}

Json parameters_json(const std::vector<Parameter>& parameters, bool of_event) {
  Json out = Json::array();
  for (const Parameter& parameter : parameters) {
    Json item = {{"name", parameter.name}, {"type", json_name(parameter.type)}};
    if (of_event) item["indexed"] = parameter.indexed;
    if (const auto& members = components(parameter.type); !members.empty())
      item["components"] = parameters_json(members, false);
    if (std::string name = struct_name(parameter.type); !name.empty())
      item["internalType"] = "struct " + name;
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace

std::string type_name(const Type& type) {
  switch (type.kind) {
    case Kind::uint:
      return fmt::format("uint{}", type.size);
    case Kind::integer:
      return fmt::format("int{}", type.size);
    case Kind::address:
      return "address";
    case Kind::boolean:
      return "bool";
    case Kind::string:
      return "string";
    case Kind::bytes:
      return "bytes";
    case Kind::fixed_bytes:
      return fmt::format("bytes{}", type.size);
    case Kind::array:
      return type_name(type.element[0]) + suffix(type);
    case Kind::tuple:
      break;
  }
  std::string out = "(";
  for (const Parameter& member : type.members) out += (out.size() > 1 ? "," : "") + type_name(member.type);
  return out + ")";
}

bool is_dynamic(const Type& type) {
  if (type.kind == Kind::array) return type.size == 0 || is_dynamic(type.element[0]);
  if (type.kind == Kind::tuple)
    return std::any_of(type.members.begin(), type.members.end(),
                       [](const Parameter& m) { return is_dynamic(m.type); });
  return type.kind == Kind::string || type.kind == Kind::bytes;
}

size_t head_bytes(const Type& type) {
  if (is_dynamic(type)) return 32;
  if (type.kind == Kind::array) return type.size * head_bytes(type.element[0]);
  if (type.kind != Kind::tuple) return 32;
  size_t bytes = 0;
  for (const Parameter& member : type.members) bytes += head_bytes(member.type);
  return bytes;
}

std::string Entry::signature() const {
  return name +
         type_name(Type{.kind = Type::Kind::tuple, .size = 0, .element = {}, .members = inputs, .name = {}});
}

Digest Entry::topic() const { return keccak256(view(signature())); }

std::array<uint8_t, 4> Entry::selector() const {
  Digest digest = topic();
  return {digest[0], digest[1], digest[2], digest[3]};
}

std::string Interface::json() const {
  Json out = Json::array();
  for (const Entry& entry : entries) {
    Json item = {{"inputs", parameters_json(entry.inputs, entry.kind == Entry::Kind::event)}};
    switch (entry.kind) {
      case Entry::Kind::constructor:
        item["type"] = "constructor";
        break;
      case Entry::Kind::error:
        item["type"] = "error";
        break;
      case Entry::Kind::event:
        item["type"] = "event", item["anonymous"] = entry.anonymous;
        break;
      case Entry::Kind::function:
        item["type"] = "function", item["outputs"] = parameters_json(entry.outputs, false);
        break;
    }
    if (entry.kind != Entry::Kind::constructor) item["name"] = entry.name;
    if (entry.kind == Entry::Kind::constructor || entry.kind == Entry::Kind::function)
      item["stateMutability"] = entry.mutability;
    if (!entry.notice.empty()) item["notice"] = entry.notice;
    out.push_back(std::move(item));
  }
  return out.dump();  // names sorted, no fractions, ASCII or UTF-8 that was checked: RFC 8785
}

const Entry* Interface::function(std::string_view method) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries) {
    if (entry.kind != Entry::Kind::function) continue;
    if (entry.signature() == method) return &entry;
    if (entry.name != method) continue;
    if (found) return nullptr;
    found = &entry;
  }
  return found;
}

}  // namespace chengxin::contract
