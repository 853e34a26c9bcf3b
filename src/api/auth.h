#pragma once
#include <string>
#include <string_view>

#include "api/call.h"

namespace chengxin::api {

// Bearer credentials (RFC 6750).
class Tokens {
 public:
  explicit Tokens(std::string owner) : owner_(std::move(owner)) {}

  // The value of an Authorization field; auth.missing, auth.invalid.
  Result<Principal> authenticate(std::string_view authorization) const;

 private:
  const std::string owner_;
};

// Takes the same time wherever the first difference stands.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace chengxin::api
