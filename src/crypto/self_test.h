#pragma once
#include <string_view>

#include "base/result.h"

namespace chengxin::crypto {

// The parts that self_test looks at, in its order.
inline constexpr std::string_view kSelfTests[] = {"sm3",        "hmac-sm3", "sm4",         "sm4-gcm",
                                                  "sm2-verify", "sm2-sign", "sm2-decrypt", "random"};

// Known-answer tests of the standards' examples and a continuous test of the generator (GM/T 0062: blocks
// must differ). Takes a few milliseconds; run before anything is served. crypto.self_test, detail: what
// failed. `force_failure`, for tests, names a part whose answer is spoilt before it is compared.
Status self_test(std::string_view force_failure = {});

}  // namespace chengxin::crypto
