#include "user_key.h"

#include <cstdlib>

namespace chengxin::app {

std::string user_passphrase() {
  const char* value = std::getenv("CHENGXIN_PASSPHRASE");
  return value ? value : "";
}

Result<crypto::Sm2PrivateKey> key_in(const fs::path& file) {
  ASSIGN(Bytes pem, read_file(file, 64 << 10));
  auto key = crypto::Sm2PrivateKey::from_pem(text(pem), user_passphrase());
  crypto::secure_zero(pem.data(), pem.size());
  return key;
}

Result<crypto::Sm2PrivateKey> user_key(const Context& context, const std::string& name) {
  const bool file = name.find('/') != name.npos;
  if (name.empty() || (!file && name.front() == '.'))
    return fail(Code::invalid_argument, "key.name", "\"{}\" cannot name a key", name);
  return key_in(file ? fs::path(name) : context.data / "keys" / "user" / (name + ".pem"));
}

}  // namespace chengxin::app
