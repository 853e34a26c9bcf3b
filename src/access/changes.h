#pragma once
#include "access/policy.h"

// A proposal in sentences, for who has to approve it: what the next policy changes in the one in force.
namespace chengxin::access {

struct Sentence {
  std::string zh, en;
};

// One for each change: organisations, roles, users, rules for who comes from outside, assignments,
// delegations, the recovery key. Names stand as the policies have them; users are called "name (id)".
std::vector<Sentence> changes_between(const Policy& before, const Policy& after);

// What a proposed document changes, for who signs it and does not believe whoever shows him the policy in
// force: access.policy_stale unless the document names the digest of `in_force`; Policy::read's.
Result<std::vector<Sentence>> changes_of(const Json& document, const Json& in_force);

}  // namespace chengxin::access
