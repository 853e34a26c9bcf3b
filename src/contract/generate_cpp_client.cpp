// A typed C++ client in one header, over nlohmann::json.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const "
    "constexpr continue "
    "decltype default delete do double else enum explicit export extern false float for friend goto if "
    "inline int long "
    "mutable namespace new noexcept not nullptr operator or private protected public register requires "
    "return short "
    "signed sizeof static struct switch template this throw true try typedef typeid typename union unsigned "
    "using "
    "virtual void volatile while xor results";

std::string cpp_type(const Type& type) {
  switch (type.kind) {
    case Kind::boolean:
      return "bool";
    case Kind::tuple:
      return type.name.empty() ? "nlohmann::json" : type.name;
    case Kind::array:
      return fmt::format("std::vector<{}>", cpp_type(type.element[0]));
    default:
      return "std::string";
  }
}

void method(Lines& out, const Interface& interface, const Entry& entry) {
  std::string parameters, arguments, type, values;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string name = parameter_name(entry.inputs, i, kKeywords, snake);
    parameters += fmt::format("{}const {}& {}", i ? ", " : "", cpp_type(entry.inputs[i].type), name);
    arguments += fmt::format("{}{}", i ? ", " : "", name);
  }
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    std::string one = cpp_type(entry.outputs[i].type);
    type += (i ? ", " : "") + one;
    values += fmt::format("{}results.at({}).template get<{}>()", i ? ", " : "", i, one);
  }
  if (entry.outputs.size() != 1) type = entry.outputs.empty() ? "void" : fmt::format("std::tuple<{}>", type);
  std::string name = safe(snake(unique_name(interface, entry)), kKeywords);
  std::string call = fmt::format("\"{}\", nlohmann::json::array({{{}}})", entry.signature(), arguments);
  out.blank();
  out.notice(entry.notice, "//");
  if (!reads_only(entry)) {
    out.line("auto {}({}) {{ return backend_.send({}); }}", name, parameters, call);
    return;
  }
  out.open("{} {}({}) {{", type, name, parameters);
  out.line("{}backend_.query({});", entry.outputs.empty() ? "" : "nlohmann::json results = ", call);
  if (!entry.outputs.empty())
    out.line("return {};", entry.outputs.size() == 1 ? values : fmt::format("{{{}}}", values));
  out.close();
}

}  // namespace

Result<std::string> cpp_client(const Interface& interface, std::string_view name) {
  ASSIGN(auto all, structs(interface));
  Lines out("  ");
  out.line("// Made from the interface of {} by `chengxin contract generate cpp-client`: do not edit.", name);
  out.line("#pragma once");
  for (const char* include : {"string", "tuple", "vector"}) out.line("#include <{}>", include);
  out.blank();
  out.line("#include <nlohmann/json.hpp>");
  out.blank();
  out.line("namespace {}_contract {{", snake(pascal(name)));
  for (const Type& type : all) {
    out.blank();
    out.open("struct {} {{", type.name);
    for (const Parameter& member : type.members)
      out.line("{} {};", cpp_type(member.type), safe(member.name, kKeywords));
    out.close("};");
    out.open("inline void from_json(const nlohmann::json& from, {}& value) {{", type.name);
    for (const Parameter& member : type.members)
      out.line("value.{} = from.at(\"{}\").get<{}>();", safe(member.name, kKeywords), member.name,
               cpp_type(member.type));
    out.close();
    out.open("inline void to_json(nlohmann::json& to, const {}& value) {{", type.name);
    for (const Parameter& member : type.members)
      out.line("to[\"{}\"] = value.{};", member.name, safe(member.name, kKeywords));
    out.close();
  }
  out.blank();
  out.line(
      "// Numbers are decimal strings. A backend has send(method, values) and query(method, values), whose "
      "values and results are");
  out.line(
      "// JSON arrays as the platform's REST interface has them; results of another form throw "
      "nlohmann::json::exception.");
  out.line("template <typename Backend>");
  out.line("class {} {{", pascal(name));
  out.line(" public:");
  out.open("  explicit {}(Backend& backend) : backend_(backend) {{}}", pascal(name));
  for (const Entry* function : entries(interface, Entry::Kind::function)) method(out, interface, *function);
  out.out();
  out.blank();
  out.line(" private:");
  out.line("  Backend& backend_;");
  out.line("}};");
  out.blank();
  out.line("}}  // namespace");
  return out.take();
}

}  // namespace chengxin::contract
