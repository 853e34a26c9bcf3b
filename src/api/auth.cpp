#include "api/auth.h"

#include <boost/beast/core/string.hpp>

namespace chengxin::api {

bool equal_constant_time(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() != b.size();
  for (size_t i = 0; i < b.size(); ++i)
    difference |= static_cast<unsigned char>((i < a.size() ? a[i] : 0) ^ b[i]);
  return difference == 0;
}

Result<Principal> Tokens::authenticate(std::string_view authorization) const {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.empty()) return fail(Code::unauthenticated, "auth.missing");
  if (!boost::beast::iequals(authorization.substr(0, scheme.size()), scheme))
    return fail(Code::unauthenticated, "auth.invalid", "the scheme is Bearer");
  std::string_view token = authorization.substr(scheme.size());
  if (!owner_.empty() && equal_constant_time(owner_, token)) return Principal{"owner", true};
  return fail(Code::unauthenticated, "auth.invalid");
}

}  // namespace chengxin::api
