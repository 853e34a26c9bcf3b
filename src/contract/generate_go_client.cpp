// A typed Go client: encoding/json does what there is to do.
#include "contract/impl/emit.h"

namespace chengxin::contract {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kKeywords =
    "break case chan const continue default defer else fallthrough for func go goto if import interface map "
    "package "
    "range return select struct switch type var any big json c err results";

std::string as_is(std::string_view name) { return std::string(name); }

std::string go_type(const Type& type) {
  switch (type.kind) {
    case Kind::uint:
    case Kind::integer:
      return "Int";
    case Kind::boolean:
      return "bool";
    case Kind::tuple:
      return type.name.empty() ? "[]any" : type.name;
    case Kind::array:
      return fmt::format("[{}]{}", type.size ? fmt::format("{}", type.size) : "", go_type(type.element[0]));
    default:
      return "string";
  }
}

void method(Lines& out, const Interface& interface, const Entry& entry, const std::string& client) {
  std::string parameters, arguments, results, pointers;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string name = parameter_name(entry.inputs, i, kKeywords, as_is);
    parameters += fmt::format("{}{} {}", i ? ", " : "", name, go_type(entry.inputs[i].type));
    arguments += fmt::format("{}{}", i ? ", " : "", name);
  }
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    results += fmt::format("r{} {}, ", i, go_type(entry.outputs[i].type));
    pointers += fmt::format(", &r{}", i);
  }
  std::string name = pascal(unique_name(interface, entry));
  out.blank();
  out.notice(entry.notice, "//");
  if (!reads_only(entry)) {
    out.open("func (c {}) {}({}) (json.RawMessage, error) {{", client, name, parameters);
    out.line("return c.Backend.Send(\"{}\", []any{{{}}})", entry.signature(), arguments);
    return out.close();
  }
  out.open("func (c {}) {}({}) ({}err error) {{", client, name, parameters, results);
  out.line("results, err := c.Backend.Query(\"{}\", []any{{{}}})", entry.signature(), arguments);
  out.open("if err == nil {{");
  out.line("err = read(results{})", pointers);
  out.close();
  out.line("return");
  out.close();
}

constexpr std::string_view kCommon = R"(
// Backend sends and asks in the contract's name; values are the JSON of the platform's REST interface.
type Backend interface {
	Send(method string, values []any) (receipt json.RawMessage, err error)
	Query(method string, values []any) (results []json.RawMessage, err error)
}

// Int is a number of any size; its JSON is a decimal string.
type Int struct{ big.Int }

// NewInt makes one of a small number.
func NewInt(value int64) (out Int) {
	out.SetInt64(value)
	return
}

// MarshalJSON writes the decimal string.
func (i Int) MarshalJSON() ([]byte, error) { return json.Marshal(i.String()) }

// UnmarshalJSON reads it.
func (i *Int) UnmarshalJSON(data []byte) error {
	var digits string
	if err := json.Unmarshal(data, &digits); err != nil {
		return err
	}
	if _, ok := i.SetString(digits, 10); !ok {
		return fmt.Errorf("%q is no number", digits)
	}
	return nil
}

func read(results []json.RawMessage, into ...any) error {
	if len(results) != len(into) {
		return fmt.Errorf("%d results instead of %d", len(results), len(into))
	}
	for i, result := range results {
		if err := json.Unmarshal(result, into[i]); err != nil {
			return err
		}
	}
	return nil
})";

}  // namespace

Result<std::string> go_client(const Interface& interface, std::string_view name) {
  ASSIGN(auto all, structs(interface));
  std::string package;
  for (char c : snake(name))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) package += c;
  Lines out("\t");
  out.line(
      "// Code generated from the contract's interface by `chengxin contract generate go-client`; DO NOT "
      "EDIT.");
  out.blank();
  out.line("package {}", package);
  out.blank();
  out.line("import (");
  for (const char* import : {"encoding/json", "fmt", "math/big"}) out.line("\t\"{}\"", import);
  out.line(")");
  out.raw(kCommon);
  for (const Type& type : all) {
    out.blank();
    out.open("type {} struct {{", type.name);
    for (const Parameter& member : type.members)
      out.line("{} {} `json:\"{}\"`", pascal(member.name), go_type(member.type), member.name);
    out.close();
  }
  out.blank();
  out.line("// {0} is the contract {1}.", pascal(name), name);
  out.line("type {} struct{{ Backend Backend }}", pascal(name));
  for (const Entry* function : entries(interface, Entry::Kind::function))
    method(out, interface, *function, pascal(name));
  return out.take();
}

}  // namespace chengxin::contract
