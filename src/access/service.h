#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "access/labels.h"
#include "access/message_signature.h"
#include "access/sessions.h"
#include "access/store.h"
#include "access/users.h"
#include "crypto/tls.h"

// Signing in and the accounts of an installation, over users.h, sessions.h and store.h. All calls are handed
// the time; those that touch SQL block.
namespace chengxin::access {

// Whose certificates are good for signing in, and for connections of services.
using Trust = crypto::TlsTrust;

struct Options {
  crypto::Secret key;                  // 32 bytes of the installation: MACs, sealing
  crypto::Sm2PrivateKey installation;  // signs the policy's beginning
  std::vector<Action> actions;
  PasswordPolicy passwords;
  uint32_t iterations = 200'000;  // of PBKDF2 for new hashes (ADR 0042)
  SessionLimits sessions;
  int failures_to_lock = 5;
  int64_t lock_ms = 30 * 60'000;
  // Asked at each use, so that a new revocation list counts at once; never null.
  std::function<Result<std::shared_ptr<const Trust>>()> trust;
  std::function<void(int64_t version, const Digest& digest)> policy_applied;
  int64_t started_ms = 0;  // messages signed before are refused
};

// What somebody shows. Password, or certificate with the signature of login_message(); either with a code.
struct Proofs {
  crypto::Secret password;
  std::string code;
  std::string certificate_pem, challenge;
  Bytes signature;
};

struct SignIn {
  std::string name;
  Proofs proofs;
  std::string agent, address;
};

// Whom an outside provider vouches for (oidc::Identity).
struct OutsideIdentity {
  std::string account, name;  // issuer, a space, subject; a name for a new account
  std::string provider, sub, sid;
  std::function<bool(std::string_view claim, std::string_view value)> has;
  int64_t asked_ms = 0;  // when the provider was asked
};

struct NewUser {
  std::string name;
  std::string_view password;  // the caller's, who wipes it
  std::string certificate_pem, outside;
  bool service = false;
};

class Service {
 public:
  static Result<std::unique_ptr<Service>> open(sql::Database& database, Options options);

  // Random, good for two minutes and one use. Nothing is kept of it before it was used: it carries its end
  // and a MAC, so that asking for many takes nothing from anybody.
  std::string challenge(int64_t now_ms);
  // What the user's key signs: short lines, the installation's name among them.
  std::string login_message(std::string_view user, std::string_view challenge) const;
  const std::string& installation() const { return installation_; }

  // access.login_failed for an unknown user, a wrong password and a certificate of somebody else alike, after
  // the same work; after five in a row access.locked, for names that nobody has too. Tries with the user's
  // certificate are counted and locked by themselves: those of others do not keep him out who shows it. Once
  // the first factor is right: access.disabled, access.code_*, access.second_factor_required,
  // access.certificate_required. access.ended_meanwhile. Certificates: crypto.certificate_*, crypto.crl_*,
  // access.challenge, access.certificate_signature.
  Result<Sessions::Opened> sign_in(const SignIn& request, int64_t now_ms);
  // For one whom an outside provider vouches for; the account is made when there is none and a rule of the
  // policy is about him (Policy::Rule). access.outside_unknown, access.outside_name (a user of that name is
  // there: he has to link the account himself), access.user_name, access.shared_name, access.locked,
  // access.disabled, access.service_account, access.ended_meanwhile (by the provider too, since it was
  // asked).
  Result<Sessions::Opened> sign_in_outside(const OutsideIdentity& identity, const std::string& agent,
                                           const std::string& address, int64_t now_ms);
  // The account belongs to the user from now on. access.outside_linked (he has one, or it is another's).
  Status link_outside(const std::string& user, const std::string& account);
  // access.outside_none, access.outside_only (there would be no other way to sign in). Ends the sessions that
  // were opened by it.
  Status unlink_outside(const std::string& user);
  // One more factor for an open session, which gets a new identifier.
  Result<Sessions::Opened> step_up(std::string_view secret, const Proofs& proofs, int64_t now_ms);

  // access.login_failed for a wrong old one (it counts), the reasons of check_password,
  // access.password_history. All other sessions end and this one gets a new identifier.
  Result<Sessions::Opened> change_password(std::string_view secret, std::string_view old_password,
                                           std::string_view new_password, int64_t now_ms);
  // The address that an authenticator reads; it counts from confirm_code() on. access.code_device when there
  // is one already.
  Result<std::string> begin_code(const std::string& user, CodeAlgorithm algorithm);
  Status confirm_code(const std::string& user, std::string_view code, int64_t now_ms);

  struct Added {
    User user;
    std::string password;  // a temporary one, when none was given
  };
  Result<Added> add_user(const NewUser& request, int64_t now_ms);
  // Adds the user and gives him a role, signed by the installation: only until the administrators are there.
  Result<Added> add_first(const NewUser& request, const std::string& role, int64_t now_ms);
  Status sign_out(const std::string& user);  // everywhere; who is signing in at the moment is refused
  Status lock(const std::string& user);
  Status unlock(const std::string& user);
  Result<std::string> reset(const std::string& user, bool code_too, int64_t now_ms);  // a temporary password
  Status set_certificate(const std::string& user, const std::string& pem, int64_t now_ms);
  // access.bent and the like are passed on.
  bool usable(const std::string& user) const;  // there, neither disabled nor locked by an administrator

  // Certificate and key of a user, checked: what the policy has to hold for him.
  Result<crypto::Certificate> check_certificate(const std::string& pem, int64_t now_ms) const;
  // access.no_roots; errors of who keeps the certificates.
  Result<std::shared_ptr<const Trust>> trust() const;
  // Again what a TLCP handshake checked of its client, by the lists of now: check_tls_peer's reasons.
  Status check_caller(const crypto::TlsPeer& caller, int64_t now_ms) const;

  Users& users() { return users_; }
  Sessions& sessions() { return sessions_; }
  Labels& labels() { return labels_; }
  MessageWindow& messages() { return messages_; }
  PolicyStore& policies() { return policies_; }
  const PolicyStore& policies() const { return policies_; }
  PolicyStore::Usable usable_check() const {
    return [this](const std::string& user) { return usable(user); };
  }
  bool needs_certificate(const std::string& user, int64_t now_ms) const;  // administrators
  Status maintain(int64_t now_ms);

 private:
  Service(sql::Database& database, Options options);
  // `certified`: of tries with the user's certificate, else of those without.
  Status check_lock(const std::optional<User>& user, const std::string& name, bool certified,
                    int64_t now_ms) const;
  using Count = std::function<void(Failures& failures)>;
  Status note_stranger(const std::string& name, const Count& count, int64_t now_ms);
  void note_failure(const std::optional<User>& user, const std::string& name, bool certified, int64_t now_ms);
  // The factors that were shown; failures are noted. `certified`: the certificate was shown before.
  Result<int> prove(const std::optional<User>& user, const std::string& name, const Proofs& proofs,
                    bool certified, int64_t now_ms);
  Status prove_certificate(const std::optional<User>& user, const std::string& name, const Proofs& proofs,
                           int64_t now_ms);
  Status use_code(const User& user, const std::string& code, int64_t now_ms);
  Result<User> add_outside(const OutsideIdentity& identity, bool by_rule, int64_t now_ms);
  void note_signed_out(const std::string& user);
  uint64_t times_signed_out(const std::string& user);
  // `before`: what times_signed_out() was before the user was looked at.
  Result<Sessions::Opened> open_session(const Session& session, uint64_t before, int64_t now_ms);
  Status check_enough(const User& user, int factors, int64_t now_ms) const;
  // Whether what was proved of `proved` holds of the same account `now`.
  Status check_still(const User& proved, const User& now, const Proofs& proofs, int factors,
                     int64_t now_ms) const;
  Digest challenge_mac(std::string_view body) const;
  Result<int64_t> challenge_end(const std::string& challenge, int64_t now_ms);
  Status use_challenge(const std::string& challenge, int64_t until_ms);
  // Takes long: not within a transaction. access.password_*.
  Result<PasswordHash> new_password(const User& user, std::string_view password) const;
  void set_password(User& user, PasswordHash hash, bool by_other, int64_t now_ms) const;

  sql::Database& database_;
  const Options options_;
  const std::string installation_;
  const PasswordHash nobodys_;  // compared with when there is no such user, so that it takes as long
  Users users_;
  Sessions sessions_;
  PolicyStore policies_;
  Labels labels_;
  MessageWindow messages_;
  std::mutex mutex_;
  std::unordered_map<std::string, uint64_t> signed_out_;      // how often each user was
  const crypto::Secret challenge_key_;                        // of this process
  std::unordered_map<std::string, int64_t> used_challenges_;  // until when they would have been good
};

}  // namespace chengxin::access
