#include "project/impl/values.h"

#include <algorithm>

#include "contract/keccak.h"
#include "crypto/sm3.h"

namespace chengxin::project {
namespace {

using contract::Parameter;
using contract::Type;
using Kind = Type::Kind;

tl::unexpected<Error> bad(const Yaml& written, std::string_view what) {
  return fail(Code::invalid_argument, "project.value", "line {}: {}: {}", written.line, written.text, what);
}

Result<Json> scalar_of(const Type& type, const Yaml& written, const Names& names) {
  const std::string& text = written.text;
  switch (type.kind) {
    case Kind::boolean:
      if (text != "true" && text != "false") return bad(written, "true or false");
      return Json(text == "true");
    case Kind::address:
      if (const std::string* known = names.address(text)) return Json(*known);
      if (!text.starts_with("0x")) return bad(written, "no account and no contract of this name");
      break;
    case Kind::bytes:
    case Kind::fixed_bytes:
      if (text.starts_with("sm3:")) return Json("0x" + hex(crypto::sm3(view(text).subspan(4))));
      if (text.starts_with("text:")) return Json("0x" + hex(view(text).subspan(5)));
      break;
    default:
      break;
  }
  return Json(text);
}

Result<Json> members_of(const std::vector<Parameter>& members, const Yaml& written, const Names& names) {
  Json out = Json::array();
  if (written.is(Yaml::Kind::map) && written.members.size() != members.size())
    return bad(written, fmt::format("{} members", members.size()));
  if (!written.is(Yaml::Kind::map) && written.items.size() != members.size())
    return bad(written, fmt::format("{} values", members.size()));
  for (size_t i = 0; i < members.size(); ++i) {
    const Yaml* value = written.is(Yaml::Kind::map) ? written.find(members[i].name) : &written.items[i];
    if (!value) return bad(written, "no " + members[i].name);
    ASSIGN(Json made, value_of(members[i].type, *value, names));
    out.push_back(std::move(made));
  }
  return out;
}

void differs(Differences& out, const std::string& where, std::string_view expected, std::string_view actual) {
  out.push_back(fmt::format("{}: 应为 expected {}, 实为 was {}", where, expected, actual));
}

const Json& member(const Json& values, size_t i, const std::string& name) {
  return values.is_object() ? values.at(name) : values.at(i);
}

void compare_list(const Type& type, const Yaml& expected, const Json& actual, const Names& names,
                  const std::string& where, Differences& out) {
  if (!expected.is(Yaml::Kind::list) || expected.items.size() != actual.size())
    return differs(out, where, fmt::format("{} values", expected.items.size()), names.shown(actual));
  for (size_t i = 0; i < actual.size(); ++i)
    compare(type.element[0], expected.items[i], actual.at(i), names, fmt::format("{}[{}]", where, i), out);
}

void compare_members(const std::vector<Parameter>& members, const Yaml& expected, const Json& actual,
                     const Names& names, const std::string& where, Differences& out) {
  const auto below = [&](const std::string& name) { return where + "." + name; };
  if (expected.is(Yaml::Kind::map)) {
    for (const auto& [name, value] : expected.members) {
      const auto found = std::find_if(members.begin(), members.end(),
                                      [&](const Parameter& each) { return each.name == name; });
      if (found == members.end())
        differs(out, below(name), "-", "no such member");
      else
        compare(found->type, value, member(actual, size_t(found - members.begin()), name), names, below(name),
                out);
    }
    return;
  }
  if (expected.items.size() != members.size())
    return differs(out, where, fmt::format("{} values", expected.items.size()), names.shown(actual));
  for (size_t i = 0; i < members.size(); ++i)
    compare(members[i].type, expected.items[i], member(actual, i, members[i].name), names,
            below(members[i].name.empty() ? std::to_string(i) : members[i].name), out);
}

}  // namespace

void Names::add(const std::string& name, const format::Address& address) {
  const std::string text = "0x" + hex(address);
  addresses_[name] = text;
  names_[text] = name;
}

const std::string* Names::address(const std::string& name) const {
  auto found = addresses_.find(name);
  return found == addresses_.end() ? nullptr : &found->second;
}

std::string Names::shown(const Json& value) const {
  std::string out = value.is_string() ? value.get<std::string>() : value.dump();
  for (const auto& [address, name] : names_)
    for (size_t at = 0; (at = out.find(address, at)) != std::string::npos;)
      out.replace(at, address.size(), name);
  return out;
}

Result<Json> value_of(const Type& type, const Yaml& written, const Names& names) {
  if (type.kind == Kind::tuple) return members_of(type.members, written, names);
  if (type.kind != Kind::array) {
    if (!written.is(Yaml::Kind::scalar)) return bad(written, "a value of type " + type_name(type));
    return scalar_of(type, written, names);
  }
  if (!written.is(Yaml::Kind::list)) return bad(written, "a list");
  Json out = Json::array();
  for (const Yaml& item : written.items) {
    ASSIGN(Json made, value_of(type.element[0], item, names));
    out.push_back(std::move(made));
  }
  return out;
}

Result<Json> values_of(const std::vector<Parameter>& parameters, const Yaml* written, const Names& names) {
  static const Yaml kNothing;
  return members_of(parameters, written ? *written : kNothing, names);
}

void compare(const Type& type, const Yaml& expected, const Json& actual, const Names& names,
             const std::string& where, Differences& out) {
  if (expected.is(Yaml::Kind::nothing)) return;
  if (type.kind == Kind::tuple) return compare_members(type.members, expected, actual, names, where, out);
  if (type.kind == Kind::array) return compare_list(type, expected, actual, names, where, out);
  // Through the encoding, which has one spelling for each value.
  const std::vector<Parameter> one{{"", type, false}};
  const auto value = value_of(type, expected, names);
  auto spelled =
      value ? contract::encode(one, Json::array({*value})) : Result<Bytes>(tl::unexpected(value.error()));
  if (!spelled) return differs(out, where, expected.text, spelled.error().detail);
  const Json normal = contract::decode(one, *spelled).value().at(0);
  if (normal != actual) differs(out, where, names.shown(normal), names.shown(actual));
}

void compare(const std::vector<Parameter>& parameters, const Yaml& expected, const Json& actual,
             const Names& names, const std::string& where, Differences& out) {
  if (expected.is(Yaml::Kind::nothing)) return;
  if (parameters.size() == 1 && !(expected.is(Yaml::Kind::map) && expected.find(parameters[0].name)))
    return compare(parameters[0].type, expected, member(actual, 0, parameters[0].name), names, where, out);
  compare_members(parameters, expected, actual, names, where, out);
}

}  // namespace chengxin::project
