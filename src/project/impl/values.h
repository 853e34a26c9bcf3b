#pragma once
#include <map>

#include "contract/abi.h"
#include "format/contract.h"
#include "project/yaml.h"

// Values of contracts as an author writes them in a scenario (docs/contracts.md, "Scenarios").
namespace chengxin::project {

class Names {
 public:
  void add(const std::string& name, const format::Address& address);
  const std::string* address(const std::string& name) const;  // 0x and hex
  std::string shown(const Json& value) const;                 // addresses by their names

 private:
  std::map<std::string, std::string> addresses_, names_;
};

// One value as the JSON of values. project.value.
Result<Json> value_of(const contract::Type& type, const Yaml& written, const Names& names);
// Arguments: a list, or a map by parameters' names.
Result<Json> values_of(const std::vector<contract::Parameter>& parameters, const Yaml* written,
                       const Names& names);

using Differences = std::vector<std::string>;
// `~` is any value; of a struct the members that are written are compared.
void compare(const contract::Type& type, const Yaml& expected, const Json& actual, const Names& names,
             const std::string& where, Differences& out);
// Results, or the members of an event or error: one result as such, else a list or a map by names.
void compare(const std::vector<contract::Parameter>& parameters, const Yaml& expected, const Json& actual,
             const Names& names, const std::string& where, Differences& out);

}  // namespace chengxin::project
