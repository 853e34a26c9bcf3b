#pragma once
#include <cstdint>

namespace chengxin::format {

// The newest version of the protocol that this program follows: what new chains begin with, and what proofs
// may be of. 2: limits that change; 3: deployed contracts; 4: the contract `identity`.
inline constexpr uint32_t kNewestProtocol = 4;

}  // namespace chengxin::format
