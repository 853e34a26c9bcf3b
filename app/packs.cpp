#include "packs.h"

#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/derive.h"
#include "crypto/uuid.h"

namespace chengxin::app {
namespace {

// Ids of records, from any thread.
class RecordIds {
 public:
  std::string next() {
    const std::lock_guard lock(mutex_);
    return crypto::to_text(source_.next(now_ms()));
  }

 private:
  std::mutex mutex_;
  crypto::IdSource source_;
};

}  // namespace

Result<std::unique_ptr<record::Installation>> open_packs(const install::Installation& installation,
                                                         sql::Database& database) {
  record::Installation::Options options;
  options.key = to_bytes(crypto::derived_key(installation.blob_key, "chengxin/packs/v1", 32));
  options.now_ms = now_ms;
  options.make_id = [ids = std::make_shared<RecordIds>()] { return ids->next(); };
  return record::Installation::open(database, std::move(options));
}

Result<crypto::Sm2PublicKey> signer_in(const fs::path& file) {
  ASSIGN(const Bytes pem, read_file(file, 1 << 16));
  if (text(pem).find("-----BEGIN CERTIFICATE") == std::string_view::npos)
    return crypto::Sm2PublicKey::from_pem(text(pem));
  ASSIGN(auto certificate, crypto::Certificate::from_pem(text(pem)));
  if (!certificate.public_key)
    return fail(Code::invalid_argument, "crypto.public_key", "{}: no SM2 key", file.string());
  return std::move(*certificate.public_key);
}

Result<std::vector<crypto::Sm2PublicKey>> pack_signers(const config::Config& config, const fs::path& data) {
  std::vector<crypto::Sm2PublicKey> out;
  for (const std::string& file : config::listed(config.packs_signers)) {
    ASSIGN(auto key, signer_in(data / file));  // an absolute path stays what it is
    out.push_back(std::move(key));
  }
  return out;
}

}  // namespace chengxin::app
