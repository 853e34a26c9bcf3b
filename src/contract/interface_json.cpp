// Reads ABI JSON, as solc writes it.
#include <set>

#include "contract/impl/interface_builder.h"

namespace chengxin::contract {
namespace {

class JsonParser {
 public:
  Result<Interface> parse(const Json& document) {
    for (const Json& item : document) {
      if (!item.is_object()) return malformed("an entry is no object");
      ASSIGN(std::string type, string_of(item, "type", "function"));
      if (type == "fallback" || type == "receive") continue;  // nothing that a caller could name
      TRY(entry(item, type));
    }
    return builder_.finish();
  }

 private:
  static tl::unexpected<Error> malformed(std::string_view what) {
    return bad("contract.abi.json", "{}", what);
  }

  static Result<std::string> string_of(const Json& item, const char* member, const char* otherwise) {
    auto found = item.find(member);
    if (found == item.end()) return std::string(otherwise);
    if (!found->is_string()) return malformed(fmt::format("{} is no string", member));
    return found->get<std::string>();
  }
  static bool flag(const Json& item, const char* member) {
    auto found = item.find(member);
    return found != item.end() && found->is_boolean() && found->get<bool>();
  }

  Status entry(const Json& item, const std::string& type) {
    Entry out;
    if (type == "constructor")
      out.kind = Entry::Kind::constructor;
    else if (type == "event")
      out.kind = Entry::Kind::event;
    else if (type == "error")
      out.kind = Entry::Kind::error;
    else if (type != "function")
      return malformed("the type of an entry");
    ASSIGN(out.name, string_of(item, "name", ""));
    if (is_name(out.name) == (out.kind == Entry::Kind::constructor)) return malformed("the name of an entry");
    ASSIGN(out.inputs, parameters(item, "inputs", out.kind == Entry::Kind::event, 1));
    ASSIGN(out.outputs, parameters(item, "outputs", false, 1));
    ASSIGN(out.mutability, string_of(item, "stateMutability", "nonpayable"));
    static const std::set<std::string> known = {"nonpayable", "payable", "pure", "view"};
    if (!known.contains(out.mutability)) return malformed("stateMutability");
    ASSIGN(out.notice, string_of(item, "notice", ""));
    out.anonymous = flag(item, "anonymous");
    return builder_.add(std::move(out));
  }

  Result<std::vector<Parameter>> parameters(const Json& item, const char* member, bool of_event,
                                            size_t depth) {
    std::vector<Parameter> out;
    auto found = item.find(member);
    if (found == item.end()) return out;
    if (!found->is_array()) return malformed(fmt::format("{} is no array", member));
    for (const Json& one : *found) {
      if (!one.is_object()) return malformed("a parameter is no object");
      Parameter parameter;
      ASSIGN(parameter.name, string_of(one, "name", ""));
      if (!parameter.name.empty() && !is_name(parameter.name)) return malformed("the name of a parameter");
      ASSIGN(parameter.type, type(one, depth));
      parameter.indexed = of_event && flag(one, "indexed");
      out.push_back(std::move(parameter));
    }
    return out;
  }

  Result<Type> type(const Json& item, size_t depth) {
    ASSIGN(std::string text, string_of(item, "type", ""));
    std::string_view rest = text;
    std::string_view base = rest.substr(0, rest.find('['));
    rest.remove_prefix(base.size());
    TRY(builder_.count({}, depth));
    Type out;
    if (base == "tuple") {
      ASSIGN(auto members, parameters(item, "components", false, depth + 1));
      ASSIGN(std::string internal, string_of(item, "internalType", ""));
      ASSIGN(out, InterfaceBuilder::tuple_of(std::move(members), struct_name(internal)));
    } else if (auto simple = elementary(base)) {
      out = *simple;
    } else {
      return bad("contract.abi.type", "{} is no type", text.substr(0, 80));
    }
    while (!rest.empty()) {
      size_t close = rest.find(']');
      if (rest[0] != '[' || close == std::string_view::npos)
        return bad("contract.abi.type", "{} is no type", text.substr(0, 80));
      uint32_t length = small_number(rest.substr(1, close - 1));
      if ((close > 1 && !length) || length > kMaxArray)
        return bad("contract.abi.type", "the length in {}", text.substr(0, 80));
      ASSIGN(out, InterfaceBuilder::array_of(std::move(out), length));
      ASSIGN(out, builder_.count(std::move(out), ++depth));
      rest.remove_prefix(close + 1);
    }
    return out;
  }

  // "struct Library.Version[]" → "Version"
  static std::string struct_name(std::string_view internal) {
    if (!internal.starts_with("struct ")) return {};
    internal.remove_prefix(7);
    internal = internal.substr(0, internal.find('['));
    internal.remove_prefix(internal.find('.') == std::string_view::npos ? 0 : internal.rfind('.') + 1);
    return is_name(internal) ? std::string(internal) : std::string();
  }

  InterfaceBuilder builder_;
};

}  // namespace

Result<Interface> parse_interface_json(const Json& document) { return JsonParser().parse(document); }

}  // namespace chengxin::contract
