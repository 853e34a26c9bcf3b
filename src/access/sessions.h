#pragma once
#include <deque>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "crypto/secret.h"
#include "sql/database.h"

// Sessions of people who signed in. The identifier is 32 random bytes that only the client has; here is its
// SM3. Finding one is done in memory and never waits; sessions survive a restart. One process has a database.
namespace chengxin::access {

// How somebody showed who he is; bits.
enum Factor : int { kPassword = 1, kOneTimeCode = 2, kCertificate = 4, kOutside = 8 };
int factor_count(int factors);

// What an outside provider said when it vouched for somebody, as far as it is needed later.
struct Outside {
  std::string provider;                                    // empty: none did
  std::string sub, sid;                                    // by which it may end the session
  std::vector<std::pair<std::string, std::string>> facts;  // claims that rules of the policy named then
  int64_t asked_ms = 0;                                    // when it was asked
};

struct Session {
  std::string id;  // names it in lists; worth nothing to who has no identifier
  std::string user;
  int factors = 0;
  bool must_change = false;  // nothing but changing the password is allowed
  bool must_prove = false;   // nothing but showing one more factor is
  Outside outside = {};
  std::string agent, address;
  int64_t created_ms = 0, used_ms = 0;
};

struct SessionLimits {
  int64_t idle_ms = 15 * 60'000, absolute_ms = 12 * 3'600'000;
  size_t most_of_user = 20;  // the one unused for longest ends
};

class Sessions {
 public:
  struct Opened {
    Session session;
    std::string secret;  // "cxs_…": the identifier; given to the client this once
  };
  // `key`: of the installation; rows carry a MAC, so that one written by other means opens nothing.
  Sessions(sql::Database& database, ByteView key, SessionLimits limits);

  // auth.invalid (no such, or ended), access.session_idle, access.session_over. Notes that it was used.
  Result<Session> find(std::string_view secret, int64_t now_ms);
  // What a page must send beside the cookie: bound to the identifier, of no use without it.
  static std::string page_token(std::string_view secret);

  // These block.
  Status load(int64_t now_ms);
  // access.ended_meanwhile: its provider has ended it since it vouched for it.
  Result<Opened> open(Session session, int64_t now_ms);
  // The same session under a new identifier; the former one is worth nothing from here on.
  Result<Opened> renew(std::string_view secret, const std::function<void(Session&)>& change, int64_t now_ms);
  Status end(const std::string& user, const std::string& id);  // access.no_session
  Status end_all(const std::string& user);
  // Back-channel logout: those that the provider vouched for, by its session, its subject, or both; how many.
  // Those count too that are only being opened, over what it said before.
  Result<size_t> end_outside(const std::string& provider, const std::string& sub, const std::string& sid,
                             int64_t now_ms);
  Status maintain(int64_t now_ms);  // writes down when they were used, forgets those that ended
  std::vector<Session> list(const std::string& user, int64_t now_ms) const;

 private:
  bool over(const Session& session, int64_t now_ms) const;
  Status insert(sql::Session& session, const Digest& hash, const Session& one) const;
  Status remove(const std::vector<Digest>& hashes);
  Digest mac(const Digest& hash, std::string_view body) const;

  struct Ended {
    std::string provider, sub, sid;
    int64_t at_ms = 0;
    bool names(const Outside& one) const;
  };
  bool ended_since(const Outside& one) const;

  sql::Database& database_;
  crypto::Secret mac_key_;
  const SessionLimits limits_;
  std::mutex changing_;  // held over SQL and memory, so that what ends while another is renewed stays ended
  mutable std::shared_mutex mutex_;
  std::unordered_map<Digest, Session, DigestHash> sessions_;
  std::deque<Ended> ended_;  // by providers, for as long as signing in takes at most; under changing_
};

}  // namespace chengxin::access
