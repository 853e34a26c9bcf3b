#pragma once
#include "base/file.h"
#include "credential/credential.h"
#include "credential/sd_jwt.h"
#include "crypto/secret.h"

// A small wallet: keys and credentials in one encrypted file, OpenID4VCI to receive and OpenID4VP to show.
// For tests, demonstrations and people at a command line; it is no qualified device.
namespace chengxin::credential {

class Wallet {
 public:
  struct Key {
    std::string name;
    PrivateKey key;
    std::string did() const { return key_did(key.public_key()); }
  };
  struct Held {
    std::string id, issuer, type, text, key;  // key: name of that which it is bound to
    std::string format;                       // "dc+sd-jwt" or "vc+jwt"
    int64_t received_ms = 0;
  };

  // wallet.exists; file.*.
  static Result<Wallet> create(const fs::path& file, std::string_view passphrase);
  // wallet.format, wallet.passphrase (wrong, or the file was altered); file.*.
  static Result<Wallet> open(const fs::path& file, std::string_view passphrase);
  Status save() const;

  Status add_key(const std::string& name, Algorithm algorithm);  // wallet.key_exists
  Result<const Key*> find_key(const std::string& name) const;    // wallet.no_key; "": the only or first one
  const std::vector<Key>& keys() const { return keys_; }

  // Reads what was received; wallet.credential when it is of neither format.
  Result<Held> add(const std::string& text, const std::string& key, int64_t now_ms);
  Result<const Held*> find(const std::string& id) const;  // wallet.no_credential
  Status remove(const std::string& id);
  const std::vector<Held>& held() const { return held_; }

 private:
  fs::path file_;
  crypto::Secret passphrase_;
  std::vector<Key> keys_;
  std::vector<Held> held_;
};

Result<Json> claims_of(const Wallet::Held& held);  // all of them

// How a wallet reaches others. Answers that are no success come back as errors.
struct HttpRequest {
  std::string method, url, content_type = {}, body = {}, bearer = {};
};
using Http = std::function<Result<std::string>(const HttpRequest&)>;

// Receives what an offer holds: openid-credential-offer://… or its JSON. wallet.offer (malformed, or another
// grant than the pre-authorised code); errors of `http`.
struct Acceptance {
  std::string offer, tx_code, key;
  int64_t now_ms = 0;
};
Result<Wallet::Held> accept_offer(Wallet& wallet, const Acceptance& acceptance, const Http& http);

// A presentation request that was fetched and whose signature holds: wallet.request (malformed, expired, or
// not the verifier's that its address names).
struct Asked {
  std::string client_id, response_uri, nonce, state, title, purpose;
  Json dcql;
};
Result<Asked> read_request(const std::string& uri, Resolver& resolver, int64_t now_ms, const Http& http);

// Answers with what was asked and no more. wallet.nothing_fits: no credential held answers a query.
struct Showing {
  std::vector<std::string> credentials;  // ids to choose from; empty: all
  int64_t now_ms = 0;
};
struct Shown {
  std::string query, credential;
  std::vector<ClaimPath> claims;
};
Result<std::vector<Shown>> answer_request(const Wallet& wallet, const Asked& asked, const Showing& showing,
                                          const Http& http);

// One credential for whoever gave audience and nonce, by hand.
struct Addressee {
  std::string audience, nonce;
  int64_t now_ms = 0;
};
Result<std::string> present(const Wallet& wallet, const Wallet::Held& held, std::span<const ClaimPath> claims,
                            const Addressee& to);

}  // namespace chengxin::credential
