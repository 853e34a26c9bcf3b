#pragma once
#include <mutex>

#include "contract/registry.h"
#include "ethereum/values.h"
#include "ledger/ledger.h"

// Ethereum's JSON-RPC over one chain: docs/ethereum.md says what each method means here.
namespace chengxin::ethereum {

struct Chain {
  std::shared_ptr<const ledger::Ledger> ledger;
  std::shared_ptr<const contract::Registry> contracts;  // null: this program runs none
  std::string version;                                  // of this program
};
// Puts a raw transaction into an envelope, submits it and waits for its block. Null: not offered.
using Send = std::function<Status(Bytes raw)>;

// Thread-safe. It holds the filters of its callers and which blocks have which hashes, nothing else.
class Endpoint {
 public:
  explicit Endpoint(Chain chain);
  ~Endpoint();
  // Blocks as long as the work of one request takes: up to some seconds for one that uses all it may. A call
  // takes contract::kStackBytes of stack. Empty: nothing is to be answered. `caller`: whose share of filters.
  std::string answer(std::string_view request, const Send& send, const std::string& caller);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

// Of all chains of a process: made when first asked for.
class Endpoints {
 public:
  std::shared_ptr<Endpoint> of(const Digest& chain, const std::function<Chain()>& make) {
    std::lock_guard lock(mutex_);
    auto& endpoint = endpoints_[chain];
    if (!endpoint) endpoint = std::make_shared<Endpoint>(make());
    return endpoint;
  }

 private:
  std::mutex mutex_;
  std::map<Digest, std::shared_ptr<Endpoint>> endpoints_;
};

}  // namespace chengxin::ethereum
