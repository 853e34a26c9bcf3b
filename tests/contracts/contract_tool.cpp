// The module's functions for scripts: contract_tool json|generate TARGET NAME <interface on standard input,
// or
//   contract_tool values: one JSON line in {"encode": [values]} or {"decode": "hex"} with "inputs", one line
//   out.
#include <iostream>
#include <iterator>

#include "contract/generate.h"

using namespace chengxin;
using namespace chengxin::contract;

namespace {

std::string rest_of_input() { return {std::istreambuf_iterator<char>(std::cin), {}}; }

int refused(const Error& error) {
  std::cerr << error.to_string() << "\n";
  return 1;
}

Result<Json> value_line(const Json& line) {
  ASSIGN(Interface interface,
         parse_interface(
             Json::array({{{"type", "function"}, {"name", "f"}, {"inputs", line["inputs"]}}}).dump()));
  const auto& parameters = interface.entries[0].inputs;
  if (line.contains("encode")) {
    ASSIGN(Bytes bytes, encode(parameters, line["encode"]));
    return Json(hex(bytes));
  }
  ASSIGN(Bytes bytes, unhex(line["decode"].get<std::string>()));
  return decode(parameters, bytes);
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  if (what == "values") {
    for (std::string text; std::getline(std::cin, text);) {
      auto line = parse_json(text);
      auto out = line ? value_line(*line) : Result<Json>(tl::unexpected(line.error()));
      std::cout << (out ? Json({{"value", *out}}) : Json({{"reason", out.error().reason}})).dump()
                << std::endl;
    }
    return 0;
  }
  auto interface = parse_interface(rest_of_input());
  if (!interface) return refused(interface.error());
  if (what == "json") {
    std::cout << interface->json() << "\n";
    return 0;
  }
  if (what != "generate" || count != 4) return 2;
  auto text = generate(*interface, words[2], words[3]);
  if (!text) return refused(text.error());
  std::cout << *text;
  return 0;
}
