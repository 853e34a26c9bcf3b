#include "simulator/node.h"

#include <climits>

#include "simulator/world.h"

namespace chengxin::simulator {

using Transactions = std::vector<ledger::AdmittedTransaction>;

void NearbyPeers::broadcast(std::vector<Bytes> envelopes) { world_.broadcast_contents(self_, envelopes); }

void NearbyPeers::ask(std::span<const Digest> ids, const crypto::Sm2Point*) { world_.answer(self_, ids); }

void NearbyPeers::ask_blocks(uint64_t from_height) { world_.answer_blocks(self_, from_height); }

Result<Transactions> ImpatientPool::find(std::span<const Digest> ids, int64_t time_ms,
                                         const crypto::Sm2Point* proposer, bool without_end) {
  if (!without_end) {
    for (const Digest& id : ids) {
      if (!pool_->give({&id, 1}, SIZE_MAX).empty()) continue;
      if (!world_.can_fetch(self_, id)) return fail(Code::unavailable, "pool.missing", "{}", hex(id));
    }
  }
  return pool_->find(ids, time_ms, proposer, without_end);
}

Status Node::create(const format::Consortium& consortium) {
  const std::string genesis = make_genesis(consortium).encode();
  ASSIGN(ledger, ledger::Ledger::create(folder / "ledger", genesis, ledger_options()));
  return start();
}

Status Node::reopen() {
  application.reset();
  pool.reset();
  ledger.reset();
  ASSIGN(ledger, ledger::Ledger::open(folder / "ledger", ledger_options()));
  return start();
}

Status Node::start() {
  comet::PoolOptions options;
  options.fetch_ms = 10'000;
  options.grace_ms = 0;
  ASSIGN(auto real, comet::Pool::open(
                        *ledger, folder / "pool", [this] { return world.now_ms(); }, [] {}, options));
  pool = std::make_unique<ImpatientPool>(world, number, std::move(real));
  pool->set_peers(&peers);
  comet::ApplicationOptions its;
  its.rest_ms = its.stale_ms = INT_MAX;  // time here is the world's
  ASSIGN(application, comet::make_application(
                          *ledger, *pool, [this] { return material().members[number].keys; }, nullptr, its));
  return {};
}

}  // namespace chengxin::simulator
