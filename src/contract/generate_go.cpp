// What a Go contract is written against; sdk/contract/go is what it calls.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "break case chan const continue default defer else fallthrough for func go goto if import interface map "
    "package "
    "range return select struct switch type var chengxin c d e v";

std::string go_type(const Type& type) {
  switch (type.kind) {
    case Kind::uint:
      return type.size == 256 ? "chengxin.Uint256" : fmt::format("uint{}", type.size);
    case Kind::integer:
      return fmt::format("int{}", type.size);
    case Kind::address:
      return "chengxin.Address";
    case Kind::boolean:
      return "bool";
    case Kind::string:
      return "string";
    case Kind::bytes:
      return "[]byte";
    case Kind::fixed_bytes:
      return fmt::format("[{}]byte", type.size);
    case Kind::tuple:
      return type.name;
    case Kind::array:
      break;
  }
  return fmt::format("[{}]{}", type.size ? fmt::format("{}", type.size) : "", go_type(type.element[0]));
}

std::string as_is(std::string_view name) { return std::string(name); }
std::string name_of(const std::vector<Parameter>& parameters, size_t i) {
  return parameter_name(parameters, i, kKeywords, as_is);
}
std::string field_of(const Type& type, size_t i) { return pascal(type.members[i].name); }

// An expression that reads the type from `d`.
std::string take(const Type& type) {
  switch (type.kind) {
    case Kind::uint:
      if (type.size == 256) return "d.Uint256()";
      return type.size == 64 ? "d.Uint64(64)" : fmt::format("uint{0}(d.Uint64({0}))", type.size);
    case Kind::integer:
      return type.size == 64 ? "d.Int64(64)" : fmt::format("int{0}(d.Int64({0}))", type.size);
    case Kind::address:
      return "d.Address()";
    case Kind::boolean:
      return "d.Bool()";
    case Kind::string:
      return "d.String()";
    case Kind::bytes:
      return "d.Bytes()";
    case Kind::fixed_bytes:
      return fmt::format("[{0}]byte(d.FixedBytes({0}))", type.size);
    case Kind::tuple:
      return fmt::format("take{}(d)", type.name);
    case Kind::array:
      break;
  }
  const Type& element = type.element[0];
  if (!type.size)
    return fmt::format("chengxin.DecodeSlice(d, {}, func(d *chengxin.Decoder) {} {{ return {} }})",
                       head_bytes(element), go_type(element), take(element));
  std::string loop = fmt::format("for i := range v {{ v[i] = {} }}", take(element));
  if (is_dynamic(type))
    loop = fmt::format("d.Nested({}, func(d *chengxin.Decoder) {{ {} }})", type.size * head_bytes(element),
                       loop);
  return fmt::format("func() (v {}) {{ {}; return }}()", go_type(type), loop);
}

// A statement that writes the expression to `e`.
std::string put(const Type& type, std::string_view value) {
  switch (type.kind) {
    case Kind::uint:
      if (type.size == 256) return fmt::format("e.Uint256({})", value);
      return type.size == 64 ? fmt::format("e.Uint64({})", value)
                             : fmt::format("e.Uint64(uint64({}))", value);
    case Kind::integer:
      return type.size == 64 ? fmt::format("e.Int64({})", value) : fmt::format("e.Int64(int64({}))", value);
    case Kind::address:
      return fmt::format("e.Address({})", value);
    case Kind::boolean:
      return fmt::format("e.Bool({})", value);
    case Kind::string:
      return fmt::format("e.String({})", value);
    case Kind::bytes:
      return fmt::format("e.Bytes({})", value);
    case Kind::fixed_bytes:
      return fmt::format("e.FixedBytes({}[:])", value);
    case Kind::tuple:
      return fmt::format("{}.put(e)", value);
    case Kind::array:
      break;
  }
  const Type& element = type.element[0];
  if (!type.size)
    return fmt::format("chengxin.EncodeSlice(e, {}, {}, func(e *chengxin.Encoder, v {}) {{ {} }})",
                       head_bytes(element), value, go_type(element), put(element, "v"));
  std::string loop = fmt::format("for _, v := range {} {{ {} }}", value, put(element, "v"));
  if (!is_dynamic(type)) return loop;
  return fmt::format("e.Nested({}, func(e *chengxin.Encoder) {{ {} }})", type.size * head_bytes(element),
                     loop);
}

std::string list(const std::vector<Parameter>& parameters) {
  std::string out;
  for (size_t i = 0; i < parameters.size(); ++i)
    out += fmt::format("{}{} {}", i ? ", " : "", name_of(parameters, i), go_type(parameters[i].type));
  return out;
}

std::string result(const std::vector<Parameter>& outputs) {
  if (outputs.empty()) return "";
  if (outputs.size() == 1) return " " + go_type(outputs[0].type);
  std::string out;
  for (const Parameter& output : outputs) out += (out.empty() ? "" : ", ") + go_type(output.type);
  return fmt::format(" ({})", out);
}

std::string method(const Interface& interface, const Entry& entry) {
  return entry.kind == Entry::Kind::constructor ? "Construct" : pascal(unique_name(interface, entry));
}

void struct_code(Lines& out, const Type& type) {
  const size_t inner = heads(type.members);
  out.blank();
  out.open("type {} struct {{", type.name);
  for (size_t i = 0; i < type.members.size(); ++i)
    out.line("{} {}", field_of(type, i), go_type(type.members[i].type));
  out.close();
  out.blank();
  out.open("func (s {}) put(e *chengxin.Encoder) {{", type.name);
  if (is_dynamic(type)) out.open("e.Nested({}, func(e *chengxin.Encoder) {{", inner);
  for (size_t i = 0; i < type.members.size(); ++i)
    out.raw(put(type.members[i].type, "s." + field_of(type, i)));
  if (is_dynamic(type)) out.close("})");
  out.close();
  out.blank();
  out.open("func take{0}(d *chengxin.Decoder) (s {0}) {{", type.name);
  if (is_dynamic(type)) out.open("d.Nested({}, func(d *chengxin.Decoder) {{", inner);
  for (size_t i = 0; i < type.members.size(); ++i)
    out.line("s.{} = {}", field_of(type, i), take(type.members[i].type));
  if (is_dynamic(type)) out.close("})");
  out.line("return");
  out.close();
  out.blank();
  out.line("// Encode is the value's encoding alone, to be kept in the state.");
  out.open("func (s {}) Encode() []byte {{", type.name);
  out.line("e := chengxin.NewEncoder({})", head_bytes(type));
  out.line("s.put(e)");
  out.line("return e.Finish()");
  out.close();
  out.blank();
  out.line("// Decode{} reads what Encode wrote.", type.name);
  out.open("func Decode{0}(bytes []byte) {0} {{", type.name);
  out.line("d := chengxin.NewDecoder(bytes, {})", head_bytes(type));
  out.line("s := take{}(d)", type.name);
  out.line("d.End()");
  out.line("return s");
  out.close();
}

// Reads the arguments, calls the contract, writes what it returns.
void invoke(Lines& out, const Interface& interface, const Entry& entry, std::string_view bytes) {
  out.line("d := chengxin.NewDecoder({}, {})", bytes, heads(entry.inputs));
  std::string arguments, results;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    out.line("a{} := {}", i, take(entry.inputs[i].type));
    arguments += fmt::format("{}a{}", i ? ", " : "", i);
  }
  out.line("d.End()");
  std::string call = fmt::format("contract.{}({})", method(interface, entry), arguments);
  if (entry.outputs.empty()) return out.raw(call);
  for (size_t i = 0; i < entry.outputs.size(); ++i) results += fmt::format("{}r{}", i ? ", " : "", i);
  out.line("{} := {}", results, call);
  out.line("e := chengxin.NewEncoder({})", heads(entry.outputs));
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    out.raw(put(entry.outputs[i].type, fmt::format("r{}", i)));
  out.line("chengxin.Output(e.Finish())");
}

void dispatch(Lines& out, const Interface& interface) {
  for (const Entry* constructor : entries(interface, Entry::Kind::constructor)) {
    out.blank();
    out.line("//go:wasmexport chengxin_deploy");
    out.open("func chengxinDeploy() {{");
    out.line("var contract Interface = Contract{{}}");
    invoke(out, interface, *constructor, "chengxin.Input()");
    out.close();
  }
  out.blank();
  out.line("//go:wasmexport chengxin_call");
  out.open("func chengxinCall() {{");
  out.line("var contract Interface = Contract{{}}");
  out.line("input := chengxin.Input()");
  out.open("if len(input) < 4 {{");
  out.line("chengxin.Revert(nil)");
  out.close();
  out.line("switch [4]byte(input) {{");
  for (const Entry* function : entries(interface, Entry::Kind::function)) {
    auto s = function->selector();
    out.open("case [4]byte{{0x{:02x}, 0x{:02x}, 0x{:02x}, 0x{:02x}}}: // {}", s[0], s[1], s[2], s[3],
             function->signature());
    invoke(out, interface, *function, "input[4:]");
    out.out();
  }
  out.open("default:");
  out.line("chengxin.Revert(nil)");
  out.close("}");
  out.close();
}

void event(Lines& out, const Interface& interface, const Entry& entry) {
  std::string name = pascal(unique_name(interface, entry)), topics, data;
  if (!entry.anonymous) {
    for (uint8_t byte : entry.topic()) topics += fmt::format("{}0x{:02x}", topics.empty() ? "{" : ", ", byte);
    topics += "}";
  }
  out.blank();
  out.notice(entry.notice, "//");
  out.open("func Emit{}({}) {{", name, list(entry.inputs));
  out.line("e := chengxin.NewEncoder({})", heads(entry.inputs, true));
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string value = name_of(entry.inputs, i);
    const Type& type = entry.inputs[i].type;
    if (!entry.inputs[i].indexed) {
      out.raw(put(type, value));
      continue;
    }
    bool hashed = type.kind == Kind::string || type.kind == Kind::bytes;
    topics += topics.empty() ? "" : ", ";
    topics += hashed ? fmt::format("chengxin.Keccak256([]byte({}))", value)
                     : fmt::format("chengxin.Topic(func(e *chengxin.Encoder) {{ {} }})", put(type, value));
  }
  out.line("chengxin.Event([][32]byte{{{}}}, e.Finish())", topics);
  out.close();
}

void error(Lines& out, const Interface& interface, const Entry& entry) {
  auto s = entry.selector();
  out.blank();
  out.notice(entry.notice, "//");
  out.open("func Revert{}({}) {{", pascal(unique_name(interface, entry)), list(entry.inputs));
  out.line("e := chengxin.NewEncoder({})", heads(entry.inputs));
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    out.raw(put(entry.inputs[i].type, name_of(entry.inputs, i)));
  out.line("chengxin.Revert(append([]byte{{0x{:02x}, 0x{:02x}, 0x{:02x}, 0x{:02x}}}, e.Finish()...))", s[0],
           s[1], s[2], s[3]);
  out.close();
}

void preamble(Lines& out, std::string_view target, const std::vector<Type>& all) {
  out.line("// Code generated from a contract's interface by `chengxin contract generate {}`; DO NOT EDIT.",
           target);
  out.blank();
  out.line("package main");
  out.blank();
  out.line("import \"chengxin\"");
  for (const Type& type : all) struct_code(out, type);
  out.blank();
}

void caller_method(Lines& out, const Interface& interface, const Entry& entry, const std::string& name) {
  auto s = entry.selector();
  out.blank();
  out.notice(entry.notice, "//");
  out.open("func (c {}) {}({}){} {{", name, method(interface, entry), list(entry.inputs),
           result(entry.outputs));
  out.line("e := chengxin.NewEncoder({})", heads(entry.inputs));
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    out.raw(put(entry.inputs[i].type, name_of(entry.inputs, i)));
  std::string call = fmt::format(
      "chengxin.CallOrRevert(c.Address, [4]byte{{0x{:02x}, 0x{:02x}, 0x{:02x}, 0x{:02x}}}, e, {})", s[0],
      s[1], s[2], s[3], reads_only(entry));
  out.raw(entry.outputs.empty()
              ? call
              : fmt::format("d := chengxin.NewDecoder({}, {})", call, heads(entry.outputs)));
  if (!entry.outputs.empty()) {
    std::string values;
    for (size_t i = 0; i < entry.outputs.size(); ++i) {
      out.line("r{} := {}", i, take(entry.outputs[i].type));
      values += fmt::format("{}r{}", i ? ", " : "", i);
    }
    out.line("d.End()");
    out.line("return {}", values);
  }
  out.close();
}

}  // namespace

Result<std::string> go_glue(const Interface& interface) {
  TRY(check_glue(interface));
  ASSIGN(auto all, structs(interface));
  Lines out("\t");
  preamble(out, "go", all);
  out.line("// Interface is what Contract does.");
  out.open("type Interface interface {{");
  for (const Entry& entry : interface.entries) {
    if (entry.kind != Entry::Kind::function && entry.kind != Entry::Kind::constructor) continue;
    out.notice(entry.notice, "//");
    out.line("{}({}){}", method(interface, entry), list(entry.inputs), result(entry.outputs));
  }
  out.close();
  dispatch(out, interface);
  for (const Entry* entry : entries(interface, Entry::Kind::event)) event(out, interface, *entry);
  for (const Entry* entry : entries(interface, Entry::Kind::error)) error(out, interface, *entry);
  return out.take();
}

Result<std::string> go_caller(const Interface& interface, std::string_view name) {
  TRY(check_glue(interface));
  ASSIGN(auto all, structs(interface));
  Lines out("\t");
  preamble(out, "go-caller", all);
  out.line(
      "// {} is the contract at an address, for another to call. What it reverts with, the caller reverts "
      "with.",
      pascal(name));
  out.line("type {} struct{{ Address chengxin.Address }}", pascal(name));
  for (const Entry* function : entries(interface, Entry::Kind::function))
    caller_method(out, interface, *function, pascal(name));
  return out.take();
}

}  // namespace chengxin::contract
