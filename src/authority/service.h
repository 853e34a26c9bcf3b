#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "authority/profiles.h"
#include "base/file.h"
#include "crypto/ocsp.h"
#include "crypto/signing_request.h"
#include "crypto/tls.h"
#include "keys/own_keys.h"
#include "sql/database.h"

// A certificate authority of the installation's own, and the outside ones that it trusts (ADR 0041). A holder
// is one who has, or asks for, a pair of certificates: the signing key is the holder's own, the enciphering
// key is made here and leaves only in an envelope to the signing key; it is not kept.
//
// Invariants:
// - a certificate was asked for by one officer and approved by another;
// - a serial number belongs to one holder, and every certificate that was signed is in SQL before it is given
// out;
// - what SQL says of a holder is what OCSP answers at once, and the newest list is made in the transaction
// that
//   takes a certificate back; numbers of lists grow by one.
namespace chengxin::authority {

// expired: issued, and its time is over. renewed: another pair took its place; it stays good until it ends.
enum class State { requested, approved, issued, suspended, revoked, renewed, rejected, expired };
std::string_view state_name(State state);
std::optional<State> state_of(std::string_view name);

// Why a certificate was taken back, by RFC 5280 5.3.1 (certificateHold is suspend's).
Result<int> reason_of(std::string_view name);  // authority.revocation_reason
std::string_view reason_name(int reason);

struct Asked {
  std::string profile;
  crypto::SigningRequest request;  // names the subject and the signing key, and proves that it is held
  std::vector<std::string> hosts;
  int days = 0;  // 0: the profile's
  std::string
      renews;  // id of a holder with the same subject and profile; its certificates stay good until they end
};

struct Holder {
  std::string id, profile;
  crypto::Name subject;
  std::vector<std::string> hosts;
  int days = 0;
  State state = State::requested;
  std::string requested_by, decided_by, renews, renewed_by;
  int64_t requested_ms = 0, decided_ms = 0, issued_ms = 0, not_after_ms = 0;
  int64_t closed_ms = 0;  // suspended or revoked
  int reason = 0;         // of it
};

struct Delivered {
  Holder holder;
  Bytes sign, encrypt;  // DER
  Bytes enveloped_key;  // crypto/enveloped_key.h
  Bytes issuing, root;  // DER
};

struct Filter {
  std::optional<State> state;
  std::string profile, name_contains;  // of the common name
  std::string cursor;
  int64_t limit = 50;
};
struct Holders {
  std::vector<Holder> items;
  std::string next;
};

struct Anchor {
  std::string id;  // SM3 of the certificate
  crypto::Certificate certificate;
  std::string crl_url, added_by;
  int64_t added_ms = 0;
  int64_t crl_until_ms = 0;  // 0: no list
  Error crl_error;           // of the last attempt to fetch one; empty reason: none
};

struct Finding {
  std::string reason, detail, advice;
};

struct Created {
  std::string organization, country;
  std::string
      passphrase;  // of the root's key; empty: not encrypted, so that its list is renewed without anybody
  int root_years = 20, issuing_years = 10;
};

struct Overview {
  crypto::Certificate root, issuing;
  uint64_t crl_number = 0;
  int64_t crl_until_ms = 0, root_crl_until_ms = 0;
  std::vector<std::pair<State, int64_t>> counts;
};

struct Options {
  fs::path folder;                      // keys/ca of the installation, owner-only: certificates and lists
  std::shared_ptr<keys::OwnKeys> keys;  // authority.root, .issuing, .ocsp
  std::string public_url;               // of this platform, for extensions of certificates; empty: none
  int64_t crl_ms = 24 * 3600'000;       // from one list to its nextUpdate
  int64_t due_ms = 30 * int64_t(24) * 3600'000;
  bool crl_required = true;  // checking fails when an issuer has no list at all
  int64_t stale_ms = 0;      // how long after its nextUpdate a list is still believed; 0: checking fails
  std::function<int64_t()> now_ms;
};

// Brings the tables of this module up to date; Service::open() does it too.
Status migrate(sql::Database& database);

// Thread-safe; calls block (SQL, signing).
class Service {
 public:
  static constexpr size_t kMostAtOnce = 1000;

  static Result<std::unique_ptr<Service>> open(sql::Database& database, Options options);
  ~Service();

  // A root and an issuing authority under it. authority.exists, crypto.certificate_request, file.*.
  Status create(const Created& asked);
  Result<Overview> overview();  // authority.missing, as of all that needs one

  // --- holders. All of a call or none; the detail names the place of the one at fault. ---
  // authority.profile, authority.hosts, authority.days, authority.renewal, crypto.csr_signature,
  // authority.too_many.
  Result<std::vector<std::string>> request(const std::vector<Asked>& asked, const std::string& officer);
  // authority.no_holder, authority.state, authority.four_eyes.
  Status approve(const std::vector<std::string>& ids, const std::string& officer);
  Status reject(const std::vector<std::string>& ids, const std::string& officer);
  // Makes and records the pairs of what was approved.
  Result<std::vector<Delivered>> issue(const std::vector<std::string>& ids);
  // Suspended certificates are on the list (certificateHold) until they are released or revoked.
  Status suspend(const std::vector<std::string>& ids);
  Status release(const std::vector<std::string>& ids);
  Status revoke(const std::vector<std::string>& ids, int reason);

  Result<Delivered> get(const std::string& id);    // authority.no_holder; certificates empty until issued
  Result<std::string> holder_of(ByteView serial);  // authority.no_holder
  Result<Holders> list(const Filter& filter);
  Result<std::vector<Holder>> due(int64_t within_ms, int64_t limit);  // ends within that time, soonest first

  // --- what anybody may ask ---
  Result<Bytes> crl();                   // DER, the newest
  Result<Bytes> root_crl();              // DER
  Result<Bytes> ocsp(ByteView request);  // always an answer of RFC 6960, but for sql.* and authority.missing

  // --- outside authorities ---
  // authority.not_an_authority, authority.weak_hash, authority.crl_*; certificates below a root need the root
  // first.
  Result<Anchor> add_anchor(const crypto::Certificate& certificate, const std::optional<crypto::Crl>& crl,
                            const std::string& crl_url, const std::string& officer);
  Status remove_anchor(const std::string& id);  // authority.no_anchor
  Result<std::vector<Anchor>> anchors();
  // A newer list of an anchor: given, or fetched from where it is known to be. authority.no_anchor,
  // authority.crl_older, authority.crl_url, crypto.crl_*, crypto.certificate_*, and net/fetch.h's.
  Result<Anchor> renew_list(const std::string& id, const std::optional<crypto::Crl>& crl);
  // What check() goes by, for connections and logins of holders; made anew when a list or an anchor changes.
  Result<std::shared_ptr<const crypto::TlsTrust>> trust();
  // The path to an own or outside root, leaf first: crypto.certificate_*, crypto.crl_*, authority.weak_hash,
  // authority.self_made.
  Result<std::vector<crypto::Certificate>> check(const crypto::Certificate& certificate,
                                                 std::span<const crypto::Certificate> others,
                                                 crypto::Purpose purpose);

  // Renews lists and the certificate of the OCSP responder when half of their time is over. The platform does
  // it every minute from start_upkeep() on.
  Status upkeep();
  void start_upkeep();
  // A new list of the root. crypto.passphrase.
  Status renew_root_list(const std::string& passphrase);
  // A new list of the issuing authority, though nothing changed.
  Status renew_list();
  std::vector<Finding> findings();

 private:
  struct Keys;
  using KeysPtr = std::shared_ptr<const Keys>;

  Service(sql::Database& database, Options options);
  int64_t now() const { return options_.now_ms(); }
  Result<KeysPtr> keys() const;  // authority.missing
  Result<KeysPtr> read_keys();
  Status read_responder(Keys& keys) const;
  Addresses addresses() const;
  Status create_responder(const crypto::Authority& issuing);
  Status write_root_list(const crypto::Authority& root);
  Status decide(const std::vector<std::string>& ids, const std::string& officer, State into);
  Status change(const std::vector<std::string>& ids, State into, int reason);
  Status put_list(sql::Session& session, const Keys& keys);
  Status take_list(const Anchor& anchor, const crypto::Crl& crl);
  void forget_trust();

  sql::Database& database_;
  const Options options_;
  mutable std::mutex mutex_;
  KeysPtr keys_;
  std::shared_ptr<const crypto::TlsTrust> trust_;
  uint64_t trust_version_ = 0;
  std::mutex creating_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread upkeep_;
};

}  // namespace chengxin::authority
