#pragma once
#include "access/policy.h"

// A proposal in sentences, for who has to approve it: what the next policy changes in the one in force.
namespace chengxin::access {

struct Sentence {
  std::string zh, en;
};

// One for each change: organisations, roles, users, rules for who comes from outside, assignments,
// delegations, the recovery key. Names stand as the policies have them; users are called by their names.
std::vector<Sentence> changes_between(const Policy& before, const Policy& after);

}  // namespace chengxin::access
