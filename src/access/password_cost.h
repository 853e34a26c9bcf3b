#pragma once
#include <cstdint>

namespace chengxin::access {

// For tests: iterations of PBKDF2 that comparing passwords has taken in this process.
uint64_t iterations_spent();

}  // namespace chengxin::access
