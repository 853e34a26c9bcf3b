// Typed clients for programs that call a contract. They speak to a backend of two methods, over REST or with
// a key of their own, whose values are the JSON of docs/formats/contract.md.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "arguments async await break case catch class const continue debugger default delete do else enum export "
    "extends "
    "false finally for function if implements import in instanceof interface let new null package private "
    "protected "
    "public return static super switch this throw true try typeof var void while with yield";

std::string as_is(std::string_view name) { return std::string(name); }

bool is_number(const Type& type) { return type.kind == Kind::uint || type.kind == Kind::integer; }

std::string typescript_tuple(const std::vector<Parameter>& members);

std::string typescript_type(const Type& type) {
  if (type.kind == Kind::boolean) return "boolean";
  if (type.kind == Kind::array) return typescript_type(type.element[0]) + "[]";
  if (type.kind == Kind::tuple) return type.name.empty() ? typescript_tuple(type.members) : type.name;
  return is_number(type) ? "bigint" : "string";
}

std::string typescript_tuple(const std::vector<Parameter>& members) {
  std::string out;
  for (const Parameter& member : members) out += (out.empty() ? "" : ", ") + typescript_type(member.type);
  return fmt::format("[{}]", out);
}

// An expression that turns the JSON `value` into the type.
std::string typescript_read(const Type& type, const std::string& value) {
  if (is_number(type)) return fmt::format("BigInt({} as string)", value);
  if (type.kind == Kind::array)
    return fmt::format("({} as unknown[]).map((item) => {})", value,
                       typescript_read(type.element[0], "item"));
  if (type.kind != Kind::tuple) return fmt::format("{} as {}", value, typescript_type(type));
  if (!type.name.empty()) return fmt::format("read{}({})", type.name, value);
  std::string items;
  for (size_t i = 0; i < type.members.size(); ++i)
    items +=
        fmt::format("{}{}", i ? ", " : "",
                    typescript_read(type.members[i].type, fmt::format("({} as unknown[])[{}]", value, i)));
  return fmt::format("[{}]", items);
}

std::string typescript_name(const std::vector<Parameter>& parameters, size_t i) {
  return parameter_name(parameters, i, kKeywords, as_is);
}

void typescript_struct(Lines& out, const Type& type) {
  out.blank();
  out.open("export interface {} {{", type.name);
  for (const Parameter& member : type.members) out.line("{}: {};", member.name, typescript_type(member.type));
  out.close();
  out.blank();
  out.open("function read{0}(value: unknown): {0} {{", type.name);
  out.line("const members = value as {{ [name: string]: unknown }};");
  out.open("return {{");
  for (const Parameter& member : type.members)
    out.line("{}: {},", member.name, typescript_read(member.type, "members." + member.name));
  out.close("};");
  out.close();
}

void typescript_method(Lines& out, const Interface& interface, const Entry& entry) {
  std::string parameters, arguments;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string name = typescript_name(entry.inputs, i);
    parameters += fmt::format("{}{}: {}", i ? ", " : "", name, typescript_type(entry.inputs[i].type));
    arguments += fmt::format("{}write({})", i ? ", " : "", name);
  }
  std::string name = safe(unique_name(interface, entry), kKeywords);
  out.blank();
  if (!entry.notice.empty()) {
    out.line("/**");
    out.notice(entry.notice, " *");
    out.line(" */");
  }
  if (!reads_only(entry)) {
    out.open("{}({}): Promise<Receipt> {{", name, parameters);
    out.line("return this.backend.send(\"{}\", [{}]);", entry.signature(), arguments);
    return out.close();
  }
  const auto& outputs = entry.outputs;
  std::string type = outputs.empty()       ? "void"
                     : outputs.size() == 1 ? typescript_type(outputs[0].type)
                                           : typescript_tuple(outputs);
  out.open("async {}({}): Promise<{}> {{", name, parameters, type);
  out.line("{}await this.backend.query(\"{}\", [{}]);",
           outputs.empty() ? "" : "const results = ", entry.signature(), arguments);
  std::string values;
  for (size_t i = 0; i < outputs.size(); ++i)
    values +=
        fmt::format("{}{}", i ? ", " : "", typescript_read(outputs[i].type, fmt::format("results[{}]", i)));
  if (outputs.size() == 1) out.line("return {};", values);
  if (outputs.size() > 1) out.line("return [{}];", values);
  out.close();
}

}  // namespace

Result<std::string> typescript_client(const Interface& interface, std::string_view name) {
  ASSIGN(auto all, structs(interface));
  Lines out("  ");
  out.line("// Made from the interface of {} by `chengxin contract generate typescript-client`: do not edit.",
           name);
  out.blank();
  out.line(
      "/** Sends and asks in the contract's name; values are the JSON of the platform's REST interface. */");
  out.open("export interface Backend<Receipt> {{");
  out.line("send(method: string, values: unknown[]): Promise<Receipt>;");
  out.line("query(method: string, values: unknown[]): Promise<unknown[]>;");
  out.close();
  for (const Type& type : all) typescript_struct(out, type);
  for (const Entry* event : entries(interface, Entry::Kind::event)) {
    out.blank();
    out.open("export interface {}Event {{", pascal(unique_name(interface, *event)));
    for (size_t i = 0; i < event->inputs.size(); ++i)
      out.line("{}: {};", typescript_name(event->inputs, i), typescript_type(event->inputs[i].type));
    out.close();
  }
  out.blank();
  out.open("export class {}<Receipt> {{", pascal(name));
  out.line("constructor(private readonly backend: Backend<Receipt>) {{}}");
  for (const Entry* function : entries(interface, Entry::Kind::function))
    typescript_method(out, interface, *function);
  out.close();
  out.blank();
  out.line("// Numbers as decimal strings, also within.");
  out.open("function write(value: unknown): unknown {{");
  out.line("if (typeof value === \"bigint\") return value.toString();");
  out.line("if (Array.isArray(value)) return value.map(write);");
  out.line("if (typeof value !== \"object\" || value === null) return value;");
  out.line("return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, write(member)]));");
  out.close();
  return out.take();
}

}  // namespace chengxin::contract
