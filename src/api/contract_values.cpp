#include "api/contract_values.h"

#include <algorithm>
#include <set>

namespace chengxin::api {
namespace {

using contract::Entry;
using contract::Parameter;
using contract::Type;

bool is_hashed(const Type& type) {
  return contract::is_dynamic(type) || type.kind == Type::Kind::array || type.kind == Type::Kind::tuple;
}

// Errors that Solidity has without declaring them.
const contract::Interface& built_in() {
  static const auto interface =
      contract::parse_interface("error Error(string message)\nerror Panic(uint256 code)");
  return *interface;
}

const Entry* error_of(const contract::Interface& interface, ByteView data) {
  if (data.size() < 4) return nullptr;
  for (const Entry& entry : interface.entries)
    if (entry.kind == Entry::Kind::error && equal(entry.selector(), data.first(4))) return &entry;
  return nullptr;
}

// Of an event's parameters in order; those that are indexed by their hash stand as it.
Result<Json> event_arguments(const Entry& entry, std::span<const Digest> topics, ByteView data) {
  std::vector<Parameter> plain;
  for (const Parameter& each : entry.inputs)
    if (!each.indexed) plain.push_back(each);
  ASSIGN(const Json in_data, contract::decode(plain, data));
  Json out = Json::array();
  size_t topic = 1, next = 0;
  for (const Parameter& each : entry.inputs) {
    if (!each.indexed) {
      out.push_back(in_data[next++]);
      continue;
    }
    if (topic >= topics.size()) return fail(Code::invalid_argument, "contract.abi.length");
    const Digest& word = topics[topic++];
    if (is_hashed(each.type)) {
      out.push_back(hex_0x(word));
    } else {
      ASSIGN(const Json value, contract::decode({each}, word));
      out.push_back(value[0]);
    }
  }
  return out;
}

}  // namespace

std::string hex_0x(ByteView bytes) { return "0x" + hex(bytes); }

bool have_names(const std::vector<Parameter>& parameters) {
  std::set<std::string> names;
  return std::all_of(parameters.begin(), parameters.end(), [&](const Parameter& each) {
    return !each.name.empty() && names.insert(each.name).second;
  });
}

Result<Json> positional(const std::vector<Parameter>& parameters, const Json& given) {
  if (given.is_array()) return given;
  if (!given.is_object() || (!given.empty() && !have_names(parameters)))
    return fail(Code::invalid_argument, "contract.abi.value", "the arguments must be an array");
  for (const auto& [name, value] : given.items())
    if (std::none_of(parameters.begin(), parameters.end(),
                     [&](const Parameter& each) { return each.name == name; }))
      return fail(Code::invalid_argument, "contract.abi.value", "there is no argument {}", name);
  Json out = Json::array();
  for (const Parameter& each : parameters) {
    const auto found = given.find(each.name);
    if (found == given.end())
      return fail(Code::invalid_argument, "contract.abi.value", "the argument {} is missing", each.name);
    out.push_back(*found);
  }
  return out;
}

Json named(const std::vector<Parameter>& parameters, const Json& values) {
  if (!have_names(parameters)) return values;
  Json out = Json::object();
  for (size_t i = 0; i < parameters.size(); ++i) out[parameters[i].name] = values[i];
  return out;
}

void describe_output(const std::vector<Parameter>& outputs, ByteView output, Json& into) {
  auto values = contract::decode(outputs, output);
  if (!values) {
    into["data"] = hex_0x(output);
    return;
  }
  into["result"] = outputs.empty() ? Json() : outputs.size() == 1 ? (*values)[0] : named(outputs, *values);
  into["values"] = std::move(*values);
}

Json describe_revert(const contract::Interface& interface, ByteView data) {
  const Entry* entry = error_of(interface, data);
  if (!entry) entry = error_of(built_in(), data);
  if (entry) {
    auto values = contract::decode(entry->inputs, data.subspan(4));
    if (values) return {{"name", entry->name}, {"arguments", named(entry->inputs, *values)}};
  }
  return {{"data", hex_0x(data)}};
}

std::string revert_text(const Json& revert) {
  if (!revert.contains("name")) return revert["data"] == "0x" ? "" : revert["data"].get<std::string>();
  const Json& arguments = revert["arguments"];
  // That of Solidity: an interface may declare another one of this name.
  if (const auto message = arguments.find("message");
      revert["name"] == "Error" && message != arguments.end() && message->is_string())
    return message->get<std::string>();
  std::string out;
  for (const auto& [name, value] : arguments.items()) {
    out += out.empty() ? "" : ", ";
    if (arguments.is_object()) out += name + ": ";
    out += value.is_string() ? value.get<std::string>() : value.dump();
  }
  return revert["name"].get<std::string>() + "(" + out + ")";
}

Json describe_event(const contract::Interface* interface, const format::Event& event) {
  Json out = {{"contract", "0x" + event.contract}};
  Reader in(event.data);
  std::vector<Digest> topics(in.be<uint8_t>());
  for (Digest& each : topics) each = in.digest();
  const ByteView data = in.take(in.remaining());
  if (interface && !topics.empty())
    for (const Entry& entry : interface->entries) {
      if (entry.kind != Entry::Kind::event || entry.anonymous || entry.topic() != topics[0]) continue;
      auto values = event_arguments(entry, topics, data);
      if (!values) break;
      out["name"] = entry.name;
      out["arguments"] = named(entry.inputs, *values);
      return out;
    }
  out["topics"] = Json::array();
  for (const Digest& each : topics) out["topics"].push_back(hex_0x(each));
  out["data"] = hex_0x(data);
  return out;
}

}  // namespace chengxin::api
