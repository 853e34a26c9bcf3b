#pragma once
#include "keys/sealed.h"

// The server's half of keys that mobile users have in two parts (crypto/two_party.h): a file for each, the
// share sealed, bound to the credential that enrolled. Nothing in it, nor all of it, signs without the user's
// half.
namespace chengxin::keys {

struct TwoPartyKey {
  std::string id, owner, label;
  crypto::Sm2Point public_key{};
  int64_t created_ms = 0, revoked_ms = 0;  // 0: it stands
};

class TwoPartyServer {
 public:
  // `sealed` outlives it. keys.damaged
  static Result<std::unique_ptr<TwoPartyServer>> open(Sealed& sealed, const fs::path& folder,
                                                      std::function<int64_t()> now_ms);

  struct Enrolled {
    TwoPartyKey key;
    crypto::Sm2Point partial{};  // the server's
  };
  // crypto.public_key, crypto.two_party
  Result<Enrolled> enroll(const std::string& owner, const std::string& label, ByteView client_partial);
  // Errors: keys.not_found (also: of another owner), keys.revoked.
  Result<Bytes> answer(const std::string& owner, const std::string& id, ByteView point, const Digest& e);
  // The share is erased. `owner` empty: whoever's.
  Result<TwoPartyKey> revoke(const std::string& owner, const std::string& id);
  Result<std::vector<TwoPartyKey>> list(const std::string& owner) const;

 private:
  TwoPartyServer(Sealed& sealed, fs::path folder, std::function<int64_t()> now_ms)
      : sealed_(sealed), folder_(std::move(folder)), now_ms_(std::move(now_ms)) {}
  fs::path path_of(const std::string& id) const { return folder_ / (id + ".json"); }
  Result<Json> read(const std::string& owner, const std::string& id) const;

  Sealed& sealed_;
  const fs::path folder_;
  const std::function<int64_t()> now_ms_;
  mutable std::mutex mutex_;
};

}  // namespace chengxin::keys
