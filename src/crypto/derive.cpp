#include "crypto/derive.h"

#include "base/check.h"
#include "crypto/hmac.h"

namespace chengxin::crypto {

Secret derived_key(ByteView key, std::string_view use, size_t bytes) {
  Digest made = hmac_sm3(key, view(use));
  CHECK(bytes <= made.size());
  Secret out = to_secret(ByteView(made).first(bytes));
  secure_zero(made.data(), made.size());
  return out;
}

}  // namespace chengxin::crypto
