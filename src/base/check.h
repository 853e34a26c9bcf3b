#pragma once
// CHECK is for programmer errors and broken invariants only; it is always on. User input must never reach a
// failing CHECK: what the outside world can cause is an Error (result.h).

namespace chengxin {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define CHECK(expression) \
  (__builtin_expect(!!(expression), 1) ? (void)0 : ::chengxin::check_failed(#expression, __FILE__, __LINE__))
