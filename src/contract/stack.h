#pragma once
#include <cstddef>

namespace chengxin::contract {

// The stack that sixteen frames in one another need (docs/adr/0027), with room for what is below them.
inline constexpr size_t kStackBytes = 8 << 20;

// Threads that are made from now on have at least that, whatever the process was started with: a limit of
// "unlimited" would give them 2 MiB. Before the first chain is opened.
void provide_stacks();

}  // namespace chengxin::contract
