#pragma once
#include <atomic>
#include <shared_mutex>
#include <unordered_map>

#include "api/call.h"
#include "sql/database.h"

namespace chengxin::api {

// Bearer credentials (RFC 6750): the installation's own, and those made with POST /api/v1/tokens, of which
// only salted SM3 hashes are kept. Checking is done in memory and never waits; what another process changes
// is seen at the next refresh().
class Tokens {
 public:
  static constexpr size_t kMaxTokens = 10'000;
  struct Info {
    std::string id, name, role;
    int64_t created_ms = 0;
    std::optional<int64_t> expires_ms, last_used_ms;
  };
  struct Created {
    Info info;
    std::string token;  // cxt_<id>_<secret>; shown this once
  };

  // database may be null: then there is the owner only.
  Tokens(std::string owner, sql::Database* database) : owner_(std::move(owner)), database_(database) {}

  // The value of an Authorization field; auth.missing, auth.invalid, auth.expired.
  Result<Principal> authenticate(std::string_view authorization, int64_t now_ms) const;

  // These block.
  Status refresh();  // reads the table anew and writes down when tokens were last used
  Result<Created> create(const std::string& name, const std::string& role, std::optional<int64_t> expires_ms,
                         int64_t now_ms);  // auth.too_many_tokens, access.token_role
  Status remove(const std::string& id);    // auth.no_token
  std::vector<Info> list() const;          // by time

 private:
  struct Entry {
    Info info;
    Bytes salt, hash;
    std::atomic<int64_t> used_ms = 0;
  };
  using Table = std::unordered_map<std::string, std::shared_ptr<Entry>>;

  const std::string owner_;
  sql::Database* const database_;
  mutable std::shared_mutex mutex_;
  Table table_;
};

}  // namespace chengxin::api
