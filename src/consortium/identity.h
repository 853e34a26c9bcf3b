#pragma once
#include <functional>

#include "base/file.h"
#include "crypto/authority.h"
#include "format/consortium.h"
#include "install/install.h"
#include "link/link.h"

// Who this node is among others: one folder, owner-only.
//   identity.json   names, address
//   root.der        root of the organisation
//   sign.der        certificate of the node's key
//   encrypt.der     the other half of the pair, and its key
//   encrypt.pem
//   node.pem        the node's key after it was replaced; before that it is the installation's
//   root.pem        on the node that governs
//   governor.pem    on the node that governs; governor.next.pem beside it waits for its vote
//   crl.der         what the root took back
//   next/           key and certificates that wait for their vote
//   next-root/      root that waits for its vote, with its key on the node that governs, and this node's
//                   certificates of it; with a file `taken` it is put in place when the identity is opened
namespace chengxin::consortium {

// Public halves of the engine's keys for one chain; from the engine's launcher.
struct EngineKeys {
  std::array<uint8_t, 32> key{};
  std::array<uint8_t, 20> id{};
  bool operator==(const EngineKeys&) const = default;
};

struct Names {
  std::string organisation, title, node, address;
  bool operator==(const Names&) const = default;
};
Status check_names(const Names& names);  // consortium.names

inline constexpr int64_t kDayMs = int64_t(24) * 3600 * 1000;
inline constexpr int64_t kRootMs = 20 * 365 * kDayMs, kNodeMs = 365 * kDayMs;
inline constexpr int64_t kRenewBeforeMs = 30 * kDayMs;

// Certificates of one node, issued by its organisation's root: a pair for its links.
struct NodeCertificates {
  crypto::Certificate sign, encrypt;
};
Result<NodeCertificates> issue_node(const crypto::Authority& authority, const Names& names,
                                    const crypto::Sm2PublicKey& key, const crypto::Sm2PublicKey& encrypt_key,
                                    int64_t now_ms, int64_t valid_ms = kNodeMs);

class Identity {
 public:
  // A new organisation with this as its first node: a root, a governor key, a certificate pair.
  // consortium.names, consortium.identity_exists, file.*.
  static Status create(const fs::path& folder, const Names& names, const crypto::Sm2PrivateKey& node_key,
                       int64_t now_ms);
  // A further node of an organisation whose root issued these: it neither governs nor issues.
  struct Granted {
    Names names;
    crypto::Certificate root;
    NodeCertificates certificates;
    crypto::Sm2PrivateKey encrypt_key;
  };
  static Status create(const fs::path& folder, const Granted& granted);
  // With all its keys; without an identity, what a create() that was cut short has left.
  static Status remove(const fs::path& folder);
  // consortium.no_identity; consortium.identity_damaged names the file; consortium.modes: others can read it.
  static Result<Identity> open(const fs::path& folder, const crypto::Sm2PrivateKey& installation_key);

  const Names& names() const { return names_; }
  const crypto::Sm2PrivateKey& key() const { return key_; }
  const crypto::Certificate& root() const { return root_; }
  const crypto::Certificate& sign_certificate() const { return sign_; }
  bool governs() const { return governor_.has_value() && authority_.has_value(); }
  const crypto::Sm2PrivateKey& governor() const { return *governor_; }  // only when it governs
  const crypto::Authority& authority() const { return *authority_; }    // only when it governs
  // All keys that may be asked to sign certificates: that of now, and the one that waits for its vote.
  std::vector<crypto::Sm2PrivateKey> signing_keys() const;
  const std::vector<crypto::Crl>& crls() const { return crls_; }

  link::Credentials credentials() const;
  // consortium.not_governing.
  Result<format::Organisation> organisation() const;
  format::Node node(const EngineKeys& engine, const crypto::Sm2Point& service_key,
                    format::NodeRole role) const;

  // New certificates for the same keys. consortium.not_governing: the organisation's governing node issues
  // them, and put_certificates() takes them up.
  Status renew(int64_t now_ms);
  // consortium.certificates_given: they do not hold under the root, or are of other keys.
  Status put_certificates(const NodeCertificates& certificates, int64_t now_ms);
  // Of another node of the organisation; only when it governs.
  Result<NodeCertificates> issue(const format::Node& node, const crypto::Sm2PublicKey& encrypt_key,
                                 int64_t now_ms) const;
  Status set_address(std::string_view address);  // consortium.names
  // Makes the next key with its certificates, or gives the one that waits already.
  Result<crypto::Sm2Point> prepare_key(int64_t now_ms);
  Status take_next_key(int64_t now_ms);  // once the chains name it; without one nothing happens
  bool has_next_key() const { return next_.has_value(); }
  // Makes the organisation's next root, or gives the one that waits already. consortium.not_governing.
  Result<crypto::Certificate> prepare_root(int64_t now_ms);
  // Of another node of the organisation, under the next root; only when one was prepared here.
  Result<NodeCertificates> issue_next(const format::Node& node, const crypto::Sm2PublicKey& encrypt_key,
                                      int64_t now_ms) const;
  // The next root as the governing node gave it, with this node's certificates of it. Errors as
  // put_certificates().
  Status put_next_root(const crypto::Certificate& root, const NodeCertificates& certificates, int64_t now_ms);
  // Once the chains name it. After a crash in the midst open() finishes it.
  Status take_next_root(int64_t now_ms);
  const std::optional<crypto::Certificate>& next_root() const { return next_root_; }
  // Takes certificates back; the new list. consortium.not_governing.
  Result<crypto::Crl> revoke(std::span<const Bytes> serials, int64_t now_ms);
  // A new governor key beside the old one, for a proposal; take_governor() once the chains name it.
  Result<crypto::Sm2Point> prepare_governor();
  Status take_governor();
  bool has_next_governor() const { return next_governor_.has_value(); }
  const crypto::Sm2PrivateKey& next_governor() const { return *next_governor_; }  // only when it has one

  const fs::path& folder() const { return folder_; }

 private:
  Status load(const crypto::Sm2PrivateKey& installation_key);
  Status load_governing();
  Status load_next();
  Status load_next_root();
  Status check_given(const crypto::Certificate& root, const NodeCertificates& certificates,
                     int64_t now_ms) const;

  struct Next {
    crypto::Sm2PrivateKey key;
    NodeCertificates certificates;
  };
  fs::path folder_;
  Names names_;
  crypto::Sm2PrivateKey key_, encrypt_key_;
  crypto::Certificate root_, sign_, encrypt_;
  std::optional<crypto::Authority> authority_;
  std::optional<crypto::Sm2PrivateKey> governor_, next_governor_;
  std::optional<Next> next_;
  std::optional<crypto::Certificate> next_root_;
  std::optional<crypto::Authority> next_authority_;         // of the node that governs
  std::optional<NodeCertificates> next_root_certificates_;  // of others
  std::vector<crypto::Crl> crls_;
};

// Of the certificates of this node: expired, soon, of the wrong usage, of another key or another root.
std::vector<install::Finding> certificate_findings(const Identity& identity, int64_t now_ms);

}  // namespace chengxin::consortium
