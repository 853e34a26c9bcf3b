#pragma once
#include "contract/abi.h"
#include "format/contract.h"
#include "format/header.h"

// Values of contracts as the REST interface has them: parameters by name where all have one.
namespace chengxin::api {

// What encode() takes, of an array or an object by name. contract.abi.value.
Result<Json> positional(const std::vector<contract::Parameter>& parameters, const Json& given);

// An object where every parameter has a name of its own, else an array.
bool have_names(const std::vector<contract::Parameter>& parameters);
Json named(const std::vector<contract::Parameter>& parameters, const Json& values);

// Adds `values`, an array, and `result`: null where there is no output, the value of a single one, else
// named(). What is no encoding of the outputs stands as it is in `data`.
void describe_output(const std::vector<contract::Parameter>& outputs, ByteView output, Json& into);

// {name, arguments} of Error(string), Panic(uint256) and the interface's errors, else {data}.
Json describe_revert(const contract::Interface& interface, ByteView data);
// "Short(have: 1, need: 5)".
std::string revert_text(const Json& revert);

// An event of a deployed contract: {contract, name, arguments} where the interface has it, else {contract,
// topics, data}.
Json describe_event(const contract::Interface* interface, const format::Event& event);

std::string hex_0x(ByteView bytes);

}  // namespace chengxin::api
