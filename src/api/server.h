#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crypto/sm2.h"
#include "crypto/tls.h"

// The REST interface of the platform (docs/api.md): HTTP/1.1, JSON, problem details, server-sent events.
namespace chengxin::authority {
class Service;
}
namespace chengxin::audit {
class Log;
class Anchoring;
}  // namespace chengxin::audit
namespace chengxin::access {
class Service;
}
namespace chengxin::oidc {
class RelyingParty;
}
namespace chengxin::consortium {
class Service;
}
namespace chengxin::contract {
class Registry;
}
namespace chengxin::gateway {
class Gateway;
}
namespace chengxin::host {
class Host;
}
namespace chengxin::evidence {
class Service;
}
namespace chengxin::blob {
class Store;
}
namespace chengxin::credential {
class Service;
}
namespace chengxin::sql {
class Database;
}
namespace chengxin::mirror {
class Mirror;
}
namespace chengxin::record {
class Installation;
}
namespace chengxin::cases {
class Desk;
}
namespace chengxin::jobs {
class Runner;
}

namespace chengxin::api {

class CryptoService;

// Of the TLCP pair of certificates that a client may show: it says which service of the policy calls.
enum class ClientCertificates : uint8_t { off, asked, required };

struct Options {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;                   // 0: any free one
  std::optional<crypto::TlsContext> tls;  // how connections are protected; none: not at all
  ClientCertificates client_certificates = ClientCertificates::off;  // but for off, `tls` is TLCP
  bool owner_restricted = false;   // the owner may only begin, look and recover
  std::string owner_token;         // the installation's own credential; at least 32 characters
  std::vector<std::string> hosts;  // names accepted in the Host field besides loopback names and `address`
  std::string default_chain = "default";
  std::string version = "0.1.0";
  std::string verify_page;  // the offline verifier's page; empty: the embedded one

  size_t io_threads = 0;  // 0: one for each core
  size_t worker_threads = 4, max_queued_work = 1024;
  size_t max_streams = 16;               // downloads at a time
  size_t max_transaction_streams = 256;  // a credential: as many as are still free
  size_t max_connections = 4096;
  size_t max_header_bytes = 16 << 10, max_target_bytes = 8 << 10;
  size_t max_upload_bytes = size_t(64) << 30;
  size_t max_body_bytes_held = 256 << 20;  // of all requests under way; those above it are told api.busy
  int header_timeout_ms = 10'000;          // from a request's first byte to the end of its header
  int body_timeout_ms = 30'000;            // without progress; a whole body besides at no less than 1 KiB/s
  int idle_timeout_ms = 75'000;            // between two requests
  int write_timeout_ms = 30'000;           // without progress
  int receipt_timeout_ms = 10'000;         // a call that waits for a receipt answers 202 after it
  int heartbeat_ms = 15'000;               // of event streams
  int stop_timeout_ms = 5'000;             // for requests under way when stop() comes
};

// What the API serves. Pointers may be null in tests: the resources that need them are then not there. They
// must live until stop() has returned.
struct Services {
  host::Host* host = nullptr;
  evidence::Service* evidence = nullptr;
  blob::Store* blobs = nullptr;
  sql::Database* database = nullptr;
  mirror::Mirror* mirror = nullptr;
  jobs::Runner* jobs = nullptr;
  std::function<Json()> doctor;            // findings for GET /api/v1/system
  std::function<Status()> ready;           // for GET /readyz; null: always
  std::function<size_t()> access_changes;  // from the baseline of access control; null: none is kept
  consortium::Service* consortium = nullptr;
  std::shared_ptr<const contract::Registry> contracts;  // of all chains
  // The key of the platform's own account on its chains: calls of contracts over REST are signed with it.
  std::optional<crypto::Sm2PrivateKey> service_key = {};
  authority::Service* authority = nullptr;
  gateway::Gateway* gateway = nullptr;
  audit::Log* audit = nullptr;  // null: nothing is recorded
  audit::Anchoring* anchoring = nullptr;
  record::Installation* packs = nullptr;
  // Who may sign packs, read anew; an empty list: nobody has to. Null: nobody has to.
  std::function<Result<std::vector<crypto::Sm2PublicKey>>()> pack_signers = {};
  cases::Desk* cases = nullptr;  // with packs and access
  CryptoService* crypto = nullptr;
  oidc::RelyingParty* oidc = nullptr;  // null: no outside providers
  access::Service* access = nullptr;   // null: nobody but the owner and tokens
  // Null until the platform knows its own address, which it does when the server listens.
  const std::atomic<credential::Service*>* credentials = nullptr;
};

class App;

class Server {
 public:
  Server(Options options, Services services);
  ~Server();
  // api.port_in_use, api.address (not ours, or not allowed), api.options, errors of SQL.
  Status start();
  uint16_t port() const;
  void stop();  // refuses new requests, lets those under way end, then returns
  const std::string& openapi() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chengxin::api
