#pragma once
#include "contract/abi.h"

namespace chengxin::contract {

// Source text made from an interface. `name` is the contract's. Targets:
//   rust, go                  what its author writes against: types, dispatch, events, errors
//   rust-caller, go-caller    typed calls of it from another contract
//   typescript-client, go-client, java-client, cpp-client    typed calls of it from programs
// Reasons: contract.generate.target; contract.generate.type for a type that the target cannot say.
Result<std::string> generate(const Interface& interface, std::string_view target, std::string_view name);

}  // namespace chengxin::contract
