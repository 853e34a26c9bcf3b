// What a Rust contract is written against; sdk/contract/rust is what it calls.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "abstract as async await become box break const continue crate do dyn else enum extern false final fn "
    "for if "
    "impl in let loop macro match mod move mut override priv pub ref return self static struct super trait "
    "true try "
    "type typeof unsafe unsized use virtual where while yield";

std::string rust_type(const Type& type) {
  switch (type.kind) {
    case Kind::uint:
      return type.size == 256 ? "U256" : fmt::format("u{}", type.size);
    case Kind::integer:
      return fmt::format("i{}", type.size);
    case Kind::address:
      return "Address";
    case Kind::boolean:
      return "bool";
    case Kind::string:
      return "String";
    case Kind::bytes:
      return "Bytes";
    case Kind::fixed_bytes:
      return type.size == 32 ? "Bytes32" : fmt::format("FixedBytes<{}>", type.size);
    case Kind::tuple:
      return type.name;
    case Kind::array:
      break;
  }
  std::string element = rust_type(type.element[0]);
  return type.size ? fmt::format("[{}; {}]", element, type.size) : fmt::format("Vec<{}>", element);
}

std::string name_of(const std::vector<Parameter>& parameters, size_t i) {
  return parameter_name(parameters, i, kKeywords, snake);
}

std::string escaped(ByteView bytes) {
  std::string out;
  for (uint8_t byte : bytes) out += fmt::format("\\x{:02x}", byte);
  return out;
}

std::string list(const std::vector<Parameter>& parameters) {
  std::string out;
  for (size_t i = 0; i < parameters.size(); ++i)
    out += fmt::format("{}{}: {}", i ? ", " : "", name_of(parameters, i), rust_type(parameters[i].type));
  return out;
}

std::string result(const std::vector<Parameter>& outputs) {
  if (outputs.empty()) return "";
  if (outputs.size() == 1) return " -> " + rust_type(outputs[0].type);
  std::string out;
  for (const Parameter& output : outputs) out += (out.empty() ? "" : ", ") + rust_type(output.type);
  return fmt::format(" -> ({})", out);
}

void fields(Lines& out, const std::vector<Parameter>& parameters) {
  for (size_t i = 0; i < parameters.size(); ++i)
    out.line("pub {}: {},", name_of(parameters, i), rust_type(parameters[i].type));
}

std::string method(const Interface& interface, const Entry& entry) {
  return entry.kind == Entry::Kind::constructor ? "construct"
                                                : safe(snake(unique_name(interface, entry)), kKeywords);
}

// Reads the arguments, calls the contract, writes what it returns.
void invoke(Lines& out, const Interface& interface, const Entry& entry, std::string_view bytes) {
  if (entry.inputs.empty()) {
    out.line("Decoder::new({}, 0).end();", bytes);
  } else {
    out.line("let mut arguments = Decoder::new({}, {});", bytes, heads(entry.inputs));
    for (size_t i = 0; i < entry.inputs.size(); ++i) out.line("let a{} = arguments.take();", i);
    out.line("arguments.end();");
  }
  std::string arguments;
  for (size_t i = 0; i < entry.inputs.size(); ++i) arguments += fmt::format("{}a{}", i ? ", " : "", i);
  std::string call =
      fmt::format("<crate::Contract as Interface>::{}({});", method(interface, entry), arguments);
  if (entry.outputs.empty()) return out.raw(call);
  out.line("let result = {}", call);
  out.line("let mut results = Encoder::new({});", heads(entry.outputs));
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    out.line("results.put(&result{});", entry.outputs.size() == 1 ? "" : fmt::format(".{}", i));
  out.line("output(&results.finish());");
}

void interface_trait(Lines& out, const Interface& interface) {
  out.line("/// What `Contract`, in the root of the crate, does.");
  out.open("pub trait Interface {{");
  for (const Entry& entry : interface.entries) {
    if (entry.kind != Entry::Kind::function && entry.kind != Entry::Kind::constructor) continue;
    out.notice(entry.notice, "///");
    out.line("fn {}({}){};", method(interface, entry), list(entry.inputs), result(entry.outputs));
  }
  out.close();
}

void dispatch(Lines& out, const Interface& interface) {
  for (const Entry* constructor : entries(interface, Entry::Kind::constructor)) {
    out.blank();
    out.line("#[no_mangle]");
    out.open("pub extern \"C\" fn chengxin_deploy() {{");
    out.line("let input = input();");
    invoke(out, interface, *constructor, "&input");
    out.close();
  }
  out.blank();
  out.line("#[no_mangle]");
  out.open("pub extern \"C\" fn chengxin_call() {{");
  out.line("let input = input();");
  out.open("if input.len() < 4 {{");
  out.line("revert(&[])");
  out.close();
  out.open("match &input[..4] {{");
  for (const Entry* function : entries(interface, Entry::Kind::function)) {
    out.line("// {}", function->signature());
    out.open("b\"{}\" => {{", escaped(function->selector()));
    invoke(out, interface, *function, "&input[4..]");
    out.close();
  }
  out.line("_ => revert(&[]),");
  out.close();
  out.close();
}

void event(Lines& out, const Entry& entry, const std::string& name) {
  out.open("impl {} {{", name);
  out.open("pub fn emit(&self) {{");
  const size_t data = heads(entry.inputs, true);
  out.line("let {}data = Encoder::new({});", data ? "mut " : "", data);
  std::string topics = entry.anonymous ? "" : fmt::format("*b\"{}\"", escaped(entry.topic()));
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string field = name_of(entry.inputs, i);
    Kind kind = entry.inputs[i].type.kind;
    if (!entry.inputs[i].indexed)
      out.line("data.put(&self.{});", field);
    else if (kind == Kind::string || kind == Kind::bytes)
      topics += fmt::format(", crypto::keccak256(self.{}.as_ref())", field);
    else
      topics += fmt::format(", abi::topic(&self.{})", field);
  }
  if (topics.starts_with(", ")) topics.erase(0, 2);
  out.line("event(&[{}], &data.finish());", topics);
  out.close();
  out.close();
}

void error(Lines& out, const Entry& entry, const std::string& name) {
  out.open("impl {} {{", name);
  out.open("pub fn revert(&self) -> ! {{");
  out.open("revert_with(*b\"{}\", {}, |{}| {{", escaped(entry.selector()), heads(entry.inputs),
           entry.inputs.empty() ? "_" : "data");
  for (size_t i = 0; i < entry.inputs.size(); ++i) out.line("data.put(&self.{});", name_of(entry.inputs, i));
  out.close("})");
  out.close();
  out.close();
}

void module(Lines& out, const Interface& interface, Entry::Kind kind) {
  auto all = entries(interface, kind);
  if (all.empty()) return;
  out.blank();
  out.open("pub mod {} {{", kind == Entry::Kind::event ? "events" : "errors");
  out.line("use super::*;");
  for (const Entry* entry : all) {
    std::string name = pascal(unique_name(interface, *entry));
    out.blank();
    out.notice(entry->notice, "///");
    if (entry->inputs.empty()) {
      out.line("pub struct {};", name);
    } else {
      out.open("pub struct {} {{", name);
      fields(out, entry->inputs);
      out.close();
    }
    kind == Entry::Kind::event ? event(out, *entry, name) : error(out, *entry, name);
  }
  out.close();
}

void preamble(Lines& out, std::string_view target, const std::vector<Type>& all) {
  out.line("//! Made from a contract's interface by `chengxin contract generate {}`: do not edit.", target);
  out.line("#![allow(dead_code, unused_imports)]");
  out.blank();
  out.line("use chengxin::abi::{{self, Decoder, Encoder}};");
  out.line("use chengxin::*;");
  out.blank();
  for (const Type& type : all) {
    out.open("chengxin::abi_struct! {{");
    out.line("#[derive(Clone, PartialEq, Eq)]");
    out.open("pub struct {} {{", type.name);
    fields(out, type.members);
    out.close();
    out.close();
    out.blank();
  }
}

void caller_method(Lines& out, const Interface& interface, const Entry& entry) {
  const auto& outputs = entry.outputs;
  out.notice(entry.notice, "///");
  out.open("pub fn {}(&self{}{}){} {{", method(interface, entry), entry.inputs.empty() ? "" : ", ",
           list(entry.inputs), result(outputs));
  out.line("let {}cx_data = Encoder::new({});", entry.inputs.empty() ? "" : "mut ", heads(entry.inputs));
  for (size_t i = 0; i < entry.inputs.size(); ++i) out.line("cx_data.put(&{});", name_of(entry.inputs, i));
  out.line("let {} = call_or_revert(&self.0, *b\"{}\", cx_data, {});", outputs.empty() ? "_" : "cx_answer",
           escaped(entry.selector()), reads_only(entry));
  if (!outputs.empty()) {
    out.line("let mut cx_results = Decoder::new(&cx_answer, {});", heads(outputs));
    std::string values;
    for (size_t i = 0; i < outputs.size(); ++i) {
      out.line("let r{} = cx_results.take();", i);
      values += fmt::format("{}r{}", i ? ", " : "", i);
    }
    out.line("cx_results.end();");
    out.raw(outputs.size() == 1 ? values : fmt::format("({})", values));
  }
  out.close();
}

}  // namespace

Result<std::string> rust_glue(const Interface& interface) {
  TRY(check_glue(interface));
  ASSIGN(auto all, structs(interface));
  Lines out("    ");
  preamble(out, "rust", all);
  interface_trait(out, interface);
  dispatch(out, interface);
  module(out, interface, Entry::Kind::event);
  module(out, interface, Entry::Kind::error);
  return out.take();
}

Result<std::string> rust_caller(const Interface& interface, std::string_view name) {
  TRY(check_glue(interface));
  ASSIGN(auto all, structs(interface));
  Lines out("    ");
  preamble(out, "rust-caller", all);
  out.line(
      "/// The contract at an address, for another to call. What it reverts with, the caller reverts with.");
  out.line("pub struct {}(pub Address);", pascal(name));
  out.blank();
  out.open("impl {} {{", pascal(name));
  for (const Entry* function : entries(interface, Entry::Kind::function))
    caller_method(out, interface, *function);
  out.close();
  return out.take();
}

}  // namespace chengxin::contract
