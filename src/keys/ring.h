#pragma once
#include <optional>

#include "base/descriptor.h"
#include "keys/journal.h"
#include "keys/provider.h"
#include "keys/sealed.h"
#include "keys/shares.h"

// Named keys over a provider, each with its versions, and the ceremony that makes, backs up, restores,
// rotates, revokes and destroys them. What a ring knows is what its journal says: state is the journal read
// again, so that no step can be done without its record. A record is written before a key is destroyed and
// after one is made; a destruction that a crash interrupted is finished by the next open().
namespace chengxin::keys {

// sm2: a pair of the provider's. sm4: a data key under the ring's Sealed, to encrypt and to authenticate
// with.
enum class Kind { sm2, es256, sm4 };
std::string_view kind_name(Kind kind);
std::optional<Kind> kind_of(std::string_view name);

// current: signs, verifies, decrypts. retired (by a rotation): verifies, decrypts. revoked: nothing but being
// listed. destroyed: gone from the provider.
enum class State { current, retired, revoked, destroyed };
std::string_view state_name(State state);

struct Version {
  uint64_t number = 0;
  std::string id;  // in the provider, or in Sealed
  crypto::Sm2Point public_key{};
  State state = State::current;
  int64_t created_ms = 0;
  bool was_revoked = false;  // also when it was destroyed afterwards
  std::string why;           // revoked
  Json link;                 // rotated from the version before: verify_link()
};

struct NamedKey {
  std::string name;
  Kind kind = Kind::sm2;
  Json policy = Json::object();  // the service's: docs/keys.md
  std::vector<Version> versions;

  const Version* current() const;
  const Version* find(uint64_t number) const;
};

// Who takes part. At least Options::custodians different names: keys.custodians.
using Custodians = std::vector<std::string>;

class Ring {
 public:
  struct Options {
    size_t custodians = 2;
    std::string journal_key = "journal";  // of the provider; made when it is not there and can be made
    std::string seal_key;                 // decrypts; empty: no Sealed. Made like the other
    std::function<int64_t()> now_ms;
  };
  // One at a time in a folder: keys.in_use. The provider is unlocked, or keys are only listed.
  // keys.journal_*, keys.no_journal_key.
  static Result<std::unique_ptr<Ring>> open(std::shared_ptr<Provider> provider, const fs::path& folder,
                                            Options options);

  ~Ring();

  std::vector<NamedKey> list() const;
  Result<NamedKey> find(const std::string& name) const;  // keys.not_found

  Result<NamedKey> generate(const std::string& name, Kind kind, const Custodians& who,
                            Json policy = Json::object());
  // An existing key of the provider's gets a name: devices whose keys the vendor's tool makes. keys.not_found
  Result<NamedKey> adopt(const std::string& name, const std::string& id, const Custodians& who);
  // Shares of the current version, one for each passphrase. keys.unsupported where keys do not leave the
  // provider.
  Result<std::vector<std::string>> backup(const std::string& name,
                                          std::span<const crypto::Secret> passphrases, const Custodians& who,
                                          const BackupOptions& options);
  // Brings a version back that the provider lost, or a key to another ring. Errors of join_shares();
  // keys.shares_wrong: the shares are of another key than the named one; keys.exists: it is there.
  Result<NamedKey> restore(const std::string& name, std::span<const std::string> shares,
                           std::span<const crypto::Secret> passphrases, const Custodians& who);
  Result<NamedKey> rotate(const std::string& name, const Custodians& who);
  Result<NamedKey> revoke(const std::string& name, uint64_t version, const std::string& why,
                          const Custodians& who);
  Result<NamedKey> destroy(const std::string& name, uint64_t version, const Custodians& who);
  Result<NamedKey> configure(const std::string& name, Json policy, const Custodians& who);
  // Anything else that belongs on the record (settings of the service).
  Status note(const std::string& action, Json members, const Custodians& who);
  std::vector<Json> notes(const std::string& action) const;

  // With the current version. keys.revoked, keys.not_found
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& name,
                                                 std::span<const Digest> digests) const;
  // Of the named version. keys.revoked, keys.destroyed
  Result<crypto::Secret> decrypt(const std::string& name, uint64_t version, ByteView cipher) const;

  Provider& provider() const { return *provider_; }
  const std::shared_ptr<Provider>& shared_provider() const { return provider_; }
  Sealed* sealed() const { return sealed_.get(); }  // null: none
  const crypto::Sm2Point& journal_key() const { return journal_key_; }
  Digest head() const;
  uint64_t records() const;
  Result<Json> journal() const;  // its lines

 private:
  Ring(std::shared_ptr<Provider> provider, fs::path folder, Options options);
  Status take_lock();
  Status take(const Json& record);
  Status record(const std::string& action, Json members, const Custodians& who);
  Result<NamedKey> record_key(const std::string& action, Json members, const Custodians& who);
  Result<NamedKey*> named(const std::string& name);
  Status check_new(const std::string& name, const Custodians& who) const;
  Status check_who(const Custodians& who) const;
  Result<Json> make_version(const std::string& name, Kind kind, uint64_t number);
  Status remove(const NamedKey& key, const Version& version);
  Result<std::string> journal_id();

  const std::shared_ptr<Provider> provider_;
  const fs::path folder_;
  const Options options_;
  std::shared_ptr<Sealed> sealed_;
  crypto::Sm2Point journal_key_{};
  std::unique_ptr<Journal> journal_;
  Descriptor lock_;
  mutable std::recursive_mutex mutex_;
  std::map<std::string, NamedKey> keys_;
  std::map<std::string, std::vector<Json>> notes_;
};

// Whether both keys of a rotation signed that one follows the other.
bool verify_link(const Json& link);

Json describe(const NamedKey& key);
Json describe(const Version& version);

}  // namespace chengxin::keys
