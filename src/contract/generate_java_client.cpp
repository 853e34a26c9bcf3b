// A typed Java client (17 or newer) without dependencies.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "abstract assert boolean break byte case catch char class const continue default do double else enum "
    "extends false "
    "final finally float for goto if implements import instanceof int interface long native new null package "
    "private "
    "protected public return short static strictfp super switch synchronized this throw throws transient "
    "true try void "
    "volatile while wait notify notifyAll getClass hashCode toString finalize clone results write";

std::string as_is(std::string_view name) { return std::string(name); }
bool is_number(const Type& type) { return type.kind == Kind::uint || type.kind == Kind::integer; }

std::string java_type(const Type& type) {
  if (is_number(type)) return "BigInteger";
  if (type.kind == Kind::boolean) return "Boolean";
  if (type.kind == Kind::array) return fmt::format("List<{}>", java_type(type.element[0]));
  if (type.kind == Kind::tuple) return type.name.empty() ? "List<Object>" : type.name;
  return "String";
}

// An expression that turns the JSON `value` into the type.
std::string read(const Type& type, const std::string& value, int depth = 0) {
  if (is_number(type)) return fmt::format("new BigInteger((String) {})", value);
  if (type.kind == Kind::array) {
    std::string item = fmt::format("item{}", depth);
    return fmt::format("((List<?>) {}).stream().map({} -> {}).toList()", value, item,
                       read(type.element[0], item, depth + 1));
  }
  if (type.kind != Kind::tuple) return fmt::format("({}) {}", java_type(type), value);
  return type.name.empty() ? fmt::format("List.<Object>copyOf((List<?>) {})", value)
                           : fmt::format("{}.read({})", type.name, value);
}

std::string list(const std::vector<Parameter>& parameters) {
  std::string out;
  for (size_t i = 0; i < parameters.size(); ++i)
    out += fmt::format("{}{} {}", i ? ", " : "", java_type(parameters[i].type),
                       parameter_name(parameters, i, kKeywords, as_is));
  return out;
}

void struct_code(Lines& out, const Type& type) {
  std::string values;
  for (const Parameter& member : type.members)
    values += fmt::format("{}{}", values.empty() ? "" : ", ",
                          read(member.type, fmt::format("members.get(\"{}\")", member.name)));
  out.blank();
  out.open("public record {}({}) implements Struct {{", type.name, list(type.members));
  out.open("static {} read(Object value) {{", type.name);
  out.line("Map<?, ?> members = (Map<?, ?>) value;");
  out.line("return new {}({});", type.name, values);
  out.close();
  out.blank();
  out.open("public Object json() {{");
  out.line("Map<String, Object> members = new LinkedHashMap<>();");
  for (size_t i = 0; i < type.members.size(); ++i)
    out.line("members.put(\"{}\", write({}));", type.members[i].name,
             parameter_name(type.members, i, kKeywords, as_is));
  out.line("return members;");
  out.close();
  out.close();
}

void method(Lines& out, const Interface& interface, const Entry& entry) {
  std::string arguments, values, name = unique_name(interface, entry);
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    arguments += fmt::format("{}write({})", i ? ", " : "", parameter_name(entry.inputs, i, kKeywords, as_is));
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    values +=
        fmt::format("{}{}", i ? ", " : "", read(entry.outputs[i].type, fmt::format("results.get({})", i)));
  const bool several = reads_only(entry) && entry.outputs.size() > 1;
  std::string type = entry.outputs.empty() ? "void"
                     : several             ? pascal(name) + "Result"
                                           : java_type(entry.outputs[0].type);
  out.blank();
  if (several) out.line("public record {}({}) {{}}", type, list(entry.outputs));
  if (!entry.notice.empty()) {
    out.line("/**");
    out.notice(entry.notice, " *");
    out.line(" */");
  }
  std::string call = fmt::format("(\"{}\", List.of({}));", entry.signature(), arguments);
  if (!reads_only(entry)) {
    out.open("public R {}({}) {{", safe(name, kKeywords), list(entry.inputs));
    out.line("return backend.send{}", call);
    return out.close();
  }
  out.open("public {} {}({}) {{", type, safe(name, kKeywords), list(entry.inputs));
  out.line("{}backend.query{}", entry.outputs.empty() ? "" : "List<Object> results = ", call);
  if (several) out.line("return new {}({});", type, values);
  if (entry.outputs.size() == 1) out.line("return {};", values);
  out.close();
}

}  // namespace

Result<std::string> java_client(const Interface& interface, std::string_view name) {
  ASSIGN(auto all, structs(interface));
  const std::string title = pascal(name);
  Lines out("    ");
  out.line("// Made from the interface of {} by `chengxin contract generate java-client`: do not edit.",
           name);
  out.line("package chengxin.contracts;");
  out.blank();
  for (const char* import :
       {"java.math.BigInteger", "java.util.LinkedHashMap", "java.util.List", "java.util.Map"})
    out.line("import {};", import);
  out.blank();
  out.line("/** The contract {}; R is the backend's receipt. */", name);
  out.open("public final class {}<R> {{", title);
  out.line(
      "/** Sends and asks in the contract's name; values are String, Boolean, List and Map, as in the JSON "
      "of the REST interface. */");
  out.open("public interface Backend<R> {{");
  out.line("R send(String method, List<Object> values);");
  out.blank();
  out.line("List<Object> query(String method, List<Object> values);");
  out.close();
  out.blank();
  out.open("interface Struct {{");
  out.line("Object json();");
  out.close();
  for (const Type& type : all) struct_code(out, type);
  out.blank();
  out.line("private final Backend<R> backend;");
  out.blank();
  out.open("public {}(Backend<R> backend) {{", title);
  out.line("this.backend = backend;");
  out.close();
  for (const Entry* function : entries(interface, Entry::Kind::function)) method(out, interface, *function);
  out.blank();
  out.line("// Numbers as decimal strings, also within.");
  out.open("private static Object write(Object value) {{");
  out.line("if (value instanceof BigInteger number) return number.toString();");
  out.line("if (value instanceof List<?> items) return items.stream().map(item -> write(item)).toList();");
  out.line("return value instanceof Struct members ? members.json() : value;");
  out.close();
  out.close();
  return out.take();
}

}  // namespace chengxin::contract
