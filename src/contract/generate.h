#pragma once
#include "contract/abi.h"

namespace chengxin::contract {

// Source text made from an interface. Targets: "rust" and "go", what a contract's author writes against
// (types, dispatch, events, errors); "rust-caller" and "go-caller", typed calls of it from another contract;
// "typescript-client", typed calls for programs. `name` is the contract's. Reasons: contract.generate.target;
// contract.generate.type for a type that the target cannot say.
Result<std::string> generate(const Interface& interface, std::string_view target, std::string_view name);

}  // namespace chengxin::contract
