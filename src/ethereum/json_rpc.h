#pragma once
#include <functional>

#include "ethereum/values.h"

// JSON-RPC 2.0 around methods: requests and batches taken apart, answers and errors put together.
namespace chengxin::ethereum {

inline constexpr size_t kMaxBatch = 100, kMaxRequestBytes = 2 << 20, kMaxAnswerBytes = 32 << 20;

// `params` is an array.
using Dispatch = std::function<Answer<Json>(const std::string& method, const Json& params)>;

// The answer's text; empty where nothing but notifications came. What is asked is never more than kMaxBatch
// calls; once the answer exceeds kMaxAnswerBytes the rest of a batch is refused (-32005).
std::string answer(std::string_view request, const Dispatch& dispatch);

}  // namespace chengxin::ethereum
