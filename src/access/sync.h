#pragma once
#include "access/policy.h"
#include "access/users.h"

// Brings accounts, organisations and roles into step with the export of a chain-management system
// (docs/formats/access-export.md, ADR 0042). Nothing is changed here: a comparison says what would be, in two
// parts that different people carry out: accounts and chains by a system administrator, the next policy by
// two signatures like every other. Invariants:
// - nobody gets, loses or keeps a duty of administrators by an export, also not by the organisation that
//   he is placed in;
// - people and organisations that neither this export nor an earlier one of its source named stay as
//   they are;
// - an account is locked, never unlocked.
namespace chengxin::access {

inline constexpr std::string_view kExportFormat = "chengxin-access-export-1";

struct Export {
  struct Organisation {
    std::string id, title, parent;  // parent empty: beneath "root", the platform's own
  };
  struct Person {
    std::string name, organisation;
    bool service = false, active = true;
    std::set<std::string> roles, chains;  // chains empty: all
    std::string key;  // of a service: SM2 point, hexadecimal; empty: the policy's is left alone
  };
  std::string source;  // name of the system
  std::vector<Organisation> organisations;
  std::vector<Person> people;
  std::map<std::string, std::string> chains;  // the accounts that they begin with, as the export has them
};
// access.sync_form, access.sync_duplicate (an organisation, a person or a chain twice), check_name()'s.
Result<Export> read_export(const Json& document);

// What is there.
struct Present {
  const Policy& policy;
  std::vector<User> accounts;
  std::set<std::string> chains;
  std::span<const Action> actions;
};

struct Difference {
  std::string change, what, detail;  // change: one of those in docs/formats/access-export.md
  std::string account = {};          // id, of an account that is there
};
struct Comparison {
  std::vector<Difference> accounts, policy;
  std::vector<std::string> notes;  // for people: what is left as it is though the export says otherwise
  // The next policy, without its version, digest before and time. Accounts that are not there yet stand in it
  // as "new:NAME": it can be proposed when `accounts` is empty.
  Json document;
};
// access.role_unknown, access.sync_duty (a duty would be given, taken or moved), access.sync_source (of
// another source's), access.sync_service (a person here is a service there, or the other way round),
// access.sync_chain_unknown, access.everyone_out (also by the accounts that would be locked), and what
// Policy::read and Policy::check say of the next policy.
Result<Comparison> compare(const Export& exported, const Present& present);

Json to_json(const std::vector<Difference>& differences);
Digest digest_of(const std::vector<Difference>& differences);  // of what would be done: who agrees names it

}  // namespace chengxin::access
