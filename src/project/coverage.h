#pragma once
#include <set>

#include "project/scenario.h"

// Which code the scenarios reach. They run once more, on builds that are not optimised and tell where they
// are; how they end does not count, nor does their gas (docs/contracts.md, "Coverage").
namespace chengxin::project {

// Of each contract that was deployed: Rust and Go, its own functions by name; Solidity, lines of its files as
// "File.sol:12".
using CodeReached = std::map<std::string, std::map<std::string, bool>>;
Result<CodeReached> code_reached(const std::vector<fs::path>& files, const std::string& own,
                                 const BuiltOf& covered, const TestOptions& options);

// As people read it; empty: of the SDK, of the standard library or of the glue.
std::string rust_function(std::string_view mangled);
std::string go_function(std::string_view symbol);

}  // namespace chengxin::project
