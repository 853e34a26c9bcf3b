#pragma once
#include <atomic>
#include <memory>

#include "api/call.h"
#include "keys/service.h"
#include "keys/two_party_server.h"
#include "sql/database.h"

// What the resources of the cryptographic service stand on.
namespace chengxin::api {

class CryptoService {
 public:
  // All outlive it. `two_party_server` is null where the provider does not decrypt. Makes the tables: errors
  // of SQL.
  static Result<std::unique_ptr<CryptoService>> open(keys::Service& service,
                                                     keys::TwoPartyServer* two_party_server,
                                                     sql::Database& where);
  ~CryptoService();  // writes down what was counted

  // Writes counts down, at most once a second: what a crash loses is a second's uses. Blocks.
  void keep_uses();

  keys::Service& keys;
  keys::TwoPartyServer* const two_party;
  sql::Database& database;

 private:
  CryptoService(keys::Service& service, keys::TwoPartyServer* two_party_server, sql::Database& where)
      : keys(service), two_party(two_party_server), database(where) {}

  std::atomic<int64_t> kept_ns_ = 0;
};

keys::Caller caller_of(const Call& call);

}  // namespace chengxin::api
