#pragma once
#include "base/json.h"
#include "credential/verifier.h"
#include "crypto/secret.h"
#include "sql/database.h"

// The tables of this module, and what may be used once.
namespace chengxin::credential {

std::string random_text(size_t bytes);  // hex: ids stand on command lines, where a - would begin an option

// How claims of people stand in a table: base64 of sm4_gcm_seal over the JSON.
std::string seal_json(ByteView key, const Json& json);  // key: 16 bytes
Result<Json> unseal_json(ByteView key, std::string_view sealed);
// The key for `use`, from a longer-lived one or from a secret of at least 128 bits.
crypto::Secret sealing_key(ByteView from, std::string_view use);

// Secrets that a platform hands out and takes back: codes, tokens, nonces. Kept as hashes with the time until
// which they hold; what belongs to one is sealed with a key that comes from it. Whatever is taken is gone,
// once and for all, also when two take it at the same time.
class Once : public ReplayGuard {
 public:
  explicit Once(sql::Database& database) : database_(database) {}

  Status put(std::string_view kind, std::string_view secret, const Json& body, int64_t until_ms);
  // nullopt: unknown, used or over.
  Result<std::optional<Json>> look(std::string_view kind, std::string_view secret, int64_t now_ms);
  Result<std::optional<Json>> take(std::string_view kind, std::string_view secret, int64_t now_ms);
  static Result<std::optional<Json>> take(sql::Session& session, std::string_view kind,
                                          std::string_view secret, int64_t now_ms);
  static Status put(sql::Session& session, std::string_view kind, std::string_view secret, const Json& body,
                    int64_t until_ms);
  static Status change(sql::Session& session, std::string_view kind, std::string_view secret,
                       const Json& body);
  Status use(const Digest& key, int64_t until_ms, int64_t now_ms) override;
  Status drop_old(int64_t now_ms);

 private:
  sql::Database& database_;
};

// A setting of this module, made when it is first asked for.
Result<Bytes> kept_secret(sql::Session& session, std::string_view name, size_t bytes);
Result<std::string> kept_text(sql::Session& session, std::string_view name);  // "" when there is none
Status keep_text(sql::Session& session, std::string_view name, std::string_view value);

}  // namespace chengxin::credential
