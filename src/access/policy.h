#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "access/sessions.h"
#include "base/json.h"
#include "crypto/sm2.h"

// Who may do what, as one document: organisations, roles, users, assignments, delegations. Default deny. The
// document is canonical JSON (RFC 8785); who signs it is store.h's business, what its members mean stands in
// docs/access.md and ADR 0042.
namespace chengxin::access {

inline constexpr std::string_view kPolicyFormat = "chengxin-access-policy-1";
inline constexpr size_t kMaxPolicyBytes = 16 << 20;

// Something that can be called: a route of the API.
struct Action {
  std::string id, tag;
  bool writes = false;
  bool integration = false;  // what a program with a token of the installation may call
  // About the chain that its path names, or it keeps to the chains that its caller's roles are for.
  bool by_chain = false;
};

// Actions that the rules below know.
const Action& propose_action();  // proposeAccessPolicy
const Action& approve_action();  // approveAccessProposal
const Action& add_user_action();

// The administrators of GB/T 22239-2019 8.1.5: nobody has two of these.
enum class Duty { none, system, security, audit };
// By its tag: of a writing action, and of reading the audit log, which is what its administrator does.
Duty duty_of(const Action& action);
std::string_view duty_name(Duty duty);

// What an answer shows by one role.
struct View {
  bool all_rows = false;           // records of every organisation, not of the own and those beneath it only
  std::vector<std::string> masks;  // members of this name are blanked out
  int clearance = 0;               // records with a higher label are not there
};

// What an answer may show to who has made a call, by each of the roles that allow it. A record is shown that
// one of them shows, without what each of those masks: the rows of one role never go with the clearance, or
// the missing masks, of another.
struct Grant {
  std::vector<View> views;
  bool by_chain = false;  // by roles for some chains only: decide() anew for the chain of each record

  static Grant everything();
  bool sees_every_row() const;              // but for labels
  bool sees_everything() const;             // of whatever label; members may still be masked
  std::set<std::string> any_masks() const;  // what one of them masks
};
// What all of them mask.
std::set<std::string> common_masks(std::span<const View> views);

struct Role {
  std::string title;
  std::vector<std::string> inherits;
  // "read:TAG", "write:TAG", "read:*", "write:*", "call:ID", "integration:*".
  std::vector<std::string> permissions;
  std::vector<std::string> masks;
  bool all_rows = false;
  bool read_only = false;  // whoever has it may write nothing at all, by whatever other role
  int clearance = 0;       // 0 to 9
};
// system-, security- and audit-administrator, regulator, official, reader, integrator.
const std::map<std::string, Role, std::less<>>& built_in_roles();
bool permits(const std::string& permission, const Action& action);
bool permits(const Role& role, const Action& action);
Duty duty_in(const Role& role, const Action& action);  // none in a role that only reads: a regulator's

class Policy {
 public:
  struct User {
    std::string name, organisation;
    bool service = false;
    std::optional<crypto::Sm2PublicKey> key;  // signs proposals and approvals; of a service: its messages
  };
  // Whoever comes from an outside provider with a claim has a role, for as long as he is signed in by it,
  // when `users` does not name him. His account is made when there is none. Never a role with a duty.
  struct Rule {
    std::string provider, claim, value, role, organisation;
  };
  struct Delegation {
    std::string from, to, role;
    int64_t from_ms = 0, until_ms = 0;
  };

  // The key that replaces a lost administrator. It exists only in shares, of which `need` give it back, each
  // with one of the holders, in the order of their shares.
  struct Recovery {
    crypto::Sm2PublicKey key;
    size_t need = 0;
    std::vector<std::string> holders;
  };

  Policy() = default;
  // access.policy_form, access.outside_rule, access.role_unknown, access.role_loop, access.role_built_in,
  // access.organisation_unknown, access.organisation_loop, access.user_unknown, access.delegation,
  // access.key_shared, access.recovery_holders (fewer than two, one twice, or fewer than are needed).
  static Result<Policy> read(const Json& document);
  // Of the first version: nobody in one organisation.
  static Json beginning();

  // Rules over everybody: access.permission_unknown, access.duties_overlap, access.read_only_writes,
  // access.key_missing (an administrator without a key), access.outside_duty (a rule that gives a duty),
  // access.chains_duty (a role with a duty for some chains only).
  Status check(std::span<const Action> actions) const;
  // All that check() would refuse. A policy in force may have some when a later release gives actions another
  // meaning: it stays in force, so that somebody is left to mend it.
  std::vector<Error> faults(std::span<const Action> actions) const;
  // access.everyone_out unless somebody can propose, somebody else approve, and somebody add users; `usable`
  // says who can sign in. Delegations do not count: they end.
  Status check_not_locked_out(const std::function<bool(const std::string& user)>& usable) const;

  const Json& document() const { return document_; }
  const std::string& text() const { return text_; }  // canonical
  const Digest& digest() const { return digest_; }
  int64_t version() const { return version_; }
  const std::string& previous() const { return previous_; }  // digest of the version before, hexadecimal
  int64_t made_ms() const { return made_ms_; }
  const std::map<std::string, User>& users() const { return users_; }
  const User* user(const std::string& id) const;
  const std::optional<Recovery>& recovery() const { return recovery_; }
  std::optional<std::string> user_with_key(const crypto::Sm2Point& key) const;

  // Roles that a user has at a time: assigned to him or to an organisation above him, or delegated.
  std::set<std::string> roles_of(const std::string& user, int64_t now_ms) const {
    return roles_within(user, now_ms, {});
  }
  // Those of them that are for all chains: what of a platform is on no chain goes by these.
  std::set<std::string> roles_everywhere(const std::string& user, int64_t now_ms) const;
  // These roles and those that they inherit.
  std::set<std::string> with_inherited(const std::set<std::string>& roles) const;
  // Those of them that he has for some chains only.
  std::map<std::string, std::set<std::string>> chains_of(const std::string& user, int64_t now_ms) const;
  // `chain`: what the call is about; empty: it names none. A role for some chains gives nothing but actions
  // that are by_chain, on those chains.
  std::optional<Grant> decide(const std::string& user, const Action& action, int64_t now_ms,
                              std::string_view chain = {}) const;
  std::optional<Grant> decide_role(const std::string& role, const Action& action) const;
  const std::vector<Rule>& rules() const { return rules_; }
  // The rules that are about who came from a provider with these claims; none for a user of `users`.
  std::vector<const Rule*> rules_for(const std::string& user, const Outside& outside) const;
  std::optional<Grant> decide_outside(const std::string& user, const Outside& outside,
                                      const Action& action) const;
  bool has_duty(const std::string& role, std::span<const Action> actions) const;  // of a role that is there
  bool is_administrator(const std::string& user, std::span<const Action> actions, int64_t now_ms) const;
  // Whether `organisation` is `above` or beneath it.
  bool within(const std::string& organisation, const std::string& above) const;
  std::set<std::string> all_within(const std::string& above) const;
  // As the document says of the organisation, or of the nearest above it that has one; empty: none has.
  std::string region_of(const std::string& organisation) const;
  const Role* role(const std::string& id) const;

 private:
  struct Assignment {
    std::string to, role;          // "user:ID" or "organisation:ID"
    std::set<std::string> chains;  // names; empty: all
  };
  // Which assignments count: those for all chains and, when `limited`, those for some: for `chain`, or for
  // any when it is empty.
  struct Reach {
    bool limited = true;
    std::string_view chain = {};
  };
  Status read_organisations(const Json& json);
  Status read_roles(const Json& json);
  Status read_users(const Json& json);
  Status read_assignments(const Json& json);
  Status read_delegations(const Json& json);
  Status read_recovery(const Json& json);
  Status read_rules(const Json& json);
  Status check_calls(std::span<const Action> actions) const;
  Status flatten(const std::string& id, std::vector<std::string>& path);
  // Calls `work` with each assignment to the user, or to an organisation that he is in.
  void each_assigned(const std::string& user, const std::function<void(const Assignment&)>& work) const;
  std::set<std::string> assigned(const std::string& user, Reach reach) const;
  std::set<std::string> roles_within(const std::string& user, int64_t now_ms, Reach reach) const;
  std::optional<Grant> grant(const std::set<std::string>& roles, const Action& action) const;
  // What a role comes to over all actions.
  struct Reaches {
    bool writes = false, read_only = false;
    std::set<Duty> duties;
  };
  using ByRole = std::map<std::string, Reaches>;
  ByRole reaches_of_roles(std::span<const Action> actions) const;
  Status check_rules(const ByRole& reaches) const;
  Status check_chains(const ByRole& reaches) const;
  Status check_roles_of(const std::string& id, const User& user, const ByRole& reaches) const;
  bool known_role(const std::string& id) const { return role(id) != nullptr; }

  Json document_;
  std::string text_, previous_;
  Digest digest_{};
  int64_t version_ = 0, made_ms_ = 0;
  std::map<std::string, std::string> parents_;  // of organisations; empty: none
  std::map<std::string, std::string> regions_;  // of those that have one of their own
  std::map<std::string, Role> roles_;
  std::map<std::string, Role> flat_;  // with the permissions and masks of those inherited
  std::map<std::string, User> users_;
  std::map<crypto::Sm2Point, std::string> by_key_;  // ids of users; who calls by a certificate is found by it
  std::map<std::string, std::vector<Assignment>> assignments_;  // by to
  std::map<std::string, std::vector<Delegation>> delegations_;  // by to
  std::optional<Recovery> recovery_;
  std::vector<Rule> rules_;
};

}  // namespace chengxin::access
