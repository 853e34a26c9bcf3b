#pragma once
#include <cstdint>

namespace chengxin::format {

// The versions of the protocol that this program follows; new chains begin with the newest. 2: limits that
// change; 3: deployed contracts; 4: the contract `identity`.
inline constexpr uint32_t kFirstProtocol = 1;
inline constexpr uint32_t kNewestProtocol = 4;

}  // namespace chengxin::format
