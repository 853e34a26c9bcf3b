#include "crypto/impl/tongsuo.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "base/check.h"

namespace chengxin::crypto::tongsuo {

const EC_GROUP* curve() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_sm2);
  CHECK(group != nullptr);
  return group;
}

const BIGNUM* order() { return EC_GROUP_get0_order(curve()); }

std::string last_error() {
  char text[256] = "";
  if (unsigned long code = ERR_get_error(); code != 0) {
    const char* reason = ERR_reason_error_string(code);
    if (reason != nullptr) return ERR_clear_error(), reason;
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

Bio reader(ByteView bytes) { return Bio(BIO_new_mem_buf(bytes.data(), int(bytes.size()))); }

Bio writer() { return Bio(BIO_new(BIO_s_secmem())); }

ByteView written(const Bio& bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {reinterpret_cast<uint8_t*>(data), size > 0 ? size_t(size) : 0};
}

}  // namespace chengxin::crypto::tongsuo
