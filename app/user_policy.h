#pragma once
#include "access/changes.h"
#include "user_key.h"

// The policy of roles as an administrator changes it on the command line: the next document is made and
// signed here, so that what is signed is what was seen.
namespace chengxin::app {

struct PolicyChange {
  std::vector<std::string> assign, withdraw;      // USER=ROLE[=CHAIN,…] or organisation:ID=ROLE[=CHAIN,…]
  std::vector<std::string> place, organisations;  // USER=ORGANISATION; ID=NAME=PARENT
  std::vector<std::string> roles;                 // files of JSON: {"ID": {…}}
  std::vector<std::string> delegate;              // FROM=TO=ROLE=DAYS
  std::vector<std::string> keys;                  // USER=PUBLIC KEY, of a service
  Json recovery;                                  // access::Policy::Recovery; null: as it is
  std::vector<std::string> rules, drop_rules;     // PROVIDER=CLAIM=VALUE=ROLE=ORGANISATION
  std::string document;                           // a file with the whole of it instead
};

// What users are called, as the platform knows them.
struct Accounts {
  std::vector<Json> all;
  Result<Json> find(const std::string& name) const;  // by name or id; access.no_user
};
Result<Accounts> accounts(client::Client& platform);

// As PolicyChange::assign ends: "=CHAIN,…", empty when the assignment is for all chains.
std::string chains_text(const Json& assignment);

// The document after the one in force. client.* and what Accounts::find says; cli.usage.
Result<Json> next_document(client::Client& platform, const PolicyChange& change);

// What a document changes in the policy in force. Read from the whole documents: an entry of a patch names a
// place in a list, not who stands there. access::changes_of's, client.*.
using Changes = Result<std::vector<access::Sentence>>;
Changes changes_of(client::Client& platform, const Json& document);
void print_changes(const Changes& changes);  // a warning when they cannot be told

// Hexadecimal; the message is access::policy_message().
Result<std::string> sign_policy(const crypto::Sm2PrivateKey& key, std::string_view kind,
                                const Json& document);

}  // namespace chengxin::app
