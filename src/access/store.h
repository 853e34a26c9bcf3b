#pragma once
#include <mutex>
#include <shared_mutex>

#include "access/policy.h"
#include "crypto/secret.h"
#include "sql/database.h"

// The versions of the policy and what is proposed (crypto-08). Each version names the digest of the one
// before and carries signatures over its own:
// - "propose" and "approve" of two people who were allowed to under the version before, with the keys that
//   stand there; or
// - "bootstrap" of the installation, while there are not yet administrators to propose and approve; or
// - "recover" of the recovery key of the version before, which exists in shares only: an administrator was
//   lost and is replaced, nothing else (check_replacement; docs/access.md).
// All of it is checked from the first version on when it is loaded, and again when a row differs from what is
// in memory; after that nobody but the owner is let in until it is mended (access.policy_bent).
namespace chengxin::access {

struct PolicySignature {
  std::string kind, by;  // by: a user's id, "installation" or "shares"
  Bytes signature;       // SM2 over policy_message()
};

// What is signed: short, so that a token with a small screen can show it.
std::string policy_message(std::string_view kind, int64_t version, const Digest& digest);

struct Proposal {
  std::string id;
  Json document;
  int64_t version = 0;
  Digest digest{};
  PolicySignature proposed;
  std::string state;  // open, applied, rejected, overtaken
  std::string why, decided_by;
  int64_t created_ms = 0, decided_ms = 0;
};

// What a recovery may change: one administrator's roles go to one other person, who may be new; delegations
// of or to the lost one end. access.recovery_scope.
Status check_replacement(const Policy& before, const Policy& next, std::span<const Action> actions);

class PolicyStore {
 public:
  using Usable = std::function<bool(const std::string& user)>;
  struct Options {
    crypto::Secret key;                  // of the installation, for the MAC of the head
    crypto::Sm2PrivateKey installation;  // signs the beginning
    std::vector<Action> actions;         // all that can be called
    std::function<void(int64_t version, const Digest& digest)> applied;  // to anchor it; may be null
  };
  PolicyStore(sql::Database& database, Options options);

  // Never null; while bent() is set nobody may rely on it.
  std::shared_ptr<const Policy> current() const;
  std::optional<Error> bent() const;
  bool complete() const;  // administrators are there: changes need two people
  const std::vector<Action>& actions() const { return options_.actions; }

  // These block.
  Status load();     // access.policy_bent with what is wrong and where
  Status refresh();  // looks whether the newest rows are still those in memory
  // The checks of Policy, access.policy_stale (version or the digest before), access.policy_time (made_ms is
  // not about now), access.policy_signature, access.not_allowed.
  Result<Proposal> propose(const std::string& user, const Json& document, ByteView signature, std::string why,
                           const Usable& usable, int64_t now_ms);
  // access.no_proposal, access.proposal_decided, access.four_eyes (the proposer, or one with his key).
  Result<Proposal> approve(const std::string& user, const std::string& id, ByteView signature,
                           const Usable& usable, int64_t now_ms);
  Result<Proposal> reject(const std::string& user, const std::string& id, const std::string& why,
                          int64_t now_ms);
  // access.not_beginning when complete() already.
  Status bootstrap(const std::function<void(Json& document)>& change, int64_t now_ms);
  // access.no_recovery_key, access.recovery_signature, access.recovery_scope, and propose()'s.
  Status recover(const Json& document, ByteView signature, const Usable& usable, int64_t now_ms);

  Result<std::vector<Proposal>> proposals(size_t limit) const;  // newest first
  Result<Proposal> proposal(const std::string& id) const;
  struct Version {
    int64_t version = 0, applied_ms = 0;
    Json document, signatures;
  };
  Result<std::vector<Version>> versions(size_t limit) const;  // newest first

 private:
  Digest head_mac(int64_t version, const Digest& digest) const;
  Status check_signatures(const Policy& before, const Policy& next,
                          const std::vector<PolicySignature>& signatures) const;
  Status check_next(const Policy& next, const Usable& usable, int64_t now_ms) const;
  Status apply(std::shared_ptr<const Policy> next, const std::vector<PolicySignature>& signatures,
               const std::optional<Proposal>& of, int64_t now_ms);
  Status save(sql::Session& session, const Proposal& proposal, bool fresh) const;
  void note_bent(Error error);

  sql::Database& database_;
  const Options options_;
  std::mutex changing_;
  mutable std::shared_mutex mutex_;
  std::shared_ptr<const Policy> current_;
  std::optional<Error> bent_;
};

}  // namespace chengxin::access
