#pragma once
#include <mutex>
#include <optional>

#include "access/one_time_code.h"
#include "access/password.h"
#include "base/json.h"
#include "sql/database.h"

// The accounts of people and of services. A row holds one account as canonical JSON with an HMAC-SM3 under a
// key of the installation (GB/T 39786 integrity of important data): one that was changed by other means than
// these calls is refused (access.row_bent). Secrets of one-time codes are sealed with SM4-GCM.
namespace chengxin::access {

// Of one kind of tries.
struct Failures {
  int count = 0;  // in a row
  int64_t locked_until_ms = 0;
};

struct User {
  std::string id, name;  // names are unique whatever the case
  bool service = false, disabled = false;
  PasswordHash password;
  std::vector<PasswordHash> former;  // newest first
  int64_t password_set_ms = 0;
  bool must_change = false;     // the password was set by somebody else
  Failures failures;            // of tries without his certificate: anybody's
  Failures certified_failures;  // of tries with it: his own, or of who has it
  CodeAlgorithm code_algorithm = CodeAlgorithm::sha1;
  crypto::Secret code_secret;   // empty: no device
  bool code_confirmed = false;  // a code of the device was given once
  int64_t code_step = 0;        // the last one used
  Bytes certificate;            // DER; empty: none
  std::string outside;          // account of an outside identity provider: issuer, a space, subject
  int64_t created_ms = 0, signed_in_ms = 0;
};

// Thread-safe; everything blocks.
class Users {
 public:
  static constexpr size_t kMaxUsers = 100'000;
  // `key`: 32 bytes, of which those for the MAC and for sealing are derived.
  Users(sql::Database& database, ByteView key);

  // A new id. The reasons of check_name, access.user_exists, access.too_many_users.
  Result<User> add(User user);
  Status remove(const std::string& id);
  // Errors: access.no_user, access.row_bent, sql.*.
  Result<User> get(const std::string& id) const;
  Result<std::optional<User>> find(std::string_view name) const;
  Result<std::optional<User>> find_outside(const std::string& account) const;
  Result<std::vector<User>> list(const std::string& after, size_t limit) const;  // by id

  // Reads, changes and writes in one transaction, so that two failures at once count twice. The change may
  // refuse.
  Result<User> change(const std::string& id, const std::function<Status(User&)>& change);

 private:
  Digest mac(const std::string& id, std::string_view body) const;
  Result<std::string> encode(const User& user) const;
  Result<User> decode(const sql::Row& row) const;
  Result<Bytes> seal(const std::string& id, ByteView secret) const;
  Result<crypto::Secret> unseal(const std::string& id, ByteView sealed) const;

  sql::Database& database_;
  crypto::Secret mac_key_, seal_key_;
};

Status migrate(sql::Database& database);
// access.user_name (2 to 64 bytes: letters, digits, . _ - @, letters of other scripts), access.shared_name
// (admin, root, guest and the like are nobody's name).
Status check_name(std::string_view name);
std::string name_key(std::string_view name);  // what has to be unique: ASCII letters small

}  // namespace chengxin::access
