#include "user_key.h"

#include <cstdlib>

#include "crypto/secret.h"

namespace chengxin::app {
namespace {

Result<crypto::Sm2PrivateKey> opened(Bytes pem) {
  auto key = crypto::Sm2PrivateKey::from_pem(text(pem), user_passphrase());
  crypto::secure_zero(pem.data(), pem.size());
  return key;
}

}  // namespace

std::string user_passphrase() {
  const char* value = std::getenv("CHENGXIN_PASSPHRASE");
  return value ? value : "";
}

Result<crypto::Sm2PrivateKey> key_in(const fs::path& file) {
  ASSIGN(Bytes pem, read_file(file, 64 << 10));
  return opened(std::move(pem));
}

Status check_key_name(const std::string& name) {
  if (!name.empty() && name.front() != '.' && name.find('/') == name.npos) return {};
  return fail(Code::invalid_argument, "key.name", "\"{}\" cannot name a key", name);
}

Result<Bytes> user_key_file(const Context& context, const std::string& name, const std::string& extension) {
  TRY(check_key_name(name));
  auto bytes = read_file(context.data / "keys" / "user" / (name + extension), 64 << 10);
  if (!bytes && bytes.error().reason == "file.not_found")
    return fail(Code::not_found, "key.missing", "chengxin key create {}\n{}", name, bytes.error().detail);
  return bytes;
}

Result<crypto::Sm2PrivateKey> named_key(const Context& context, const std::string& name) {
  ASSIGN(Bytes pem, user_key_file(context, name, ".pem"));
  return opened(std::move(pem));
}

Result<crypto::Sm2PrivateKey> user_key(const Context& context, const std::string& name) {
  return name.find('/') == name.npos ? named_key(context, name) : key_in(name);
}

}  // namespace chengxin::app
