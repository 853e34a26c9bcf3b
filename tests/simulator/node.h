#pragma once
#include "comet/application.h"
#include "simulator/engine.h"

namespace chengxin::simulator {

class World;

// The other nodes as a pool sees them: what is broadcast is on its way for a while, what is asked for is
// answered at once.
class NearbyPeers final : public comet::Peers {
 public:
  NearbyPeers(World& world, size_t self) : world_(world), self_(self) {}
  void broadcast(std::vector<Bytes> envelopes) override;
  void ask(std::span<const Digest> ids, const crypto::Sm2Point* first) override;
  void ask_blocks(uint64_t from_height) override;

 private:
  World& world_;
  const size_t self_;
};

// The real pool, but what it would wait for in vain is known at once.
class ImpatientPool final : public comet::Pool {
 public:
  ImpatientPool(World& world, size_t self, std::unique_ptr<comet::Pool> pool)
      : world_(world), self_(self), pool_(std::move(pool)) {}
  void set_peers(comet::Peers* peers) override { pool_->set_peers(peers); }
  void submit(std::vector<order::Submission> all) override { pool_->submit(std::move(all)); }
  void receive(const crypto::Sm2Point& peer, std::vector<Bytes> all) override {
    pool_->receive(peer, std::move(all));
  }
  void receive_block(const crypto::Sm2Point& peer, uint64_t height, std::vector<Bytes> all) override {
    pool_->receive_block(peer, height, std::move(all));
  }
  size_t room_ahead() const override { return pool_->room_ahead(); }
  std::vector<Bytes> unsettled(int64_t before_ms, size_t most) override {
    return pool_->unsettled(before_ms, most);
  }
  std::vector<Bytes> give(std::span<const Digest> ids, size_t most) const override {
    return pool_->give(ids, most);
  }
  std::vector<ledger::AdmittedTransaction> candidates(size_t bytes, size_t count) const override {
    return pool_->candidates(bytes, count);
  }
  Result<std::vector<ledger::AdmittedTransaction>> find(std::span<const Digest> ids, int64_t time_ms,
                                                        const crypto::Sm2Point* proposer,
                                                        bool without_end) override;
  Status keep(uint64_t height, std::span<const ledger::AdmittedTransaction> all) override {
    return pool_->keep(height, all);
  }
  void committed(uint64_t height, const ledger::Ledger::Executed* executed) override {
    pool_->committed(height, executed);
  }
  void refused(const ledger::AdmittedTransaction& each, const Error& why) override {
    pool_->refused(each, why);
  }
  bool empty() const override { return pool_->empty(); }
  void stop() override { pool_->stop(); }
  Counts counts() const override { return pool_->counts(); }

 private:
  World& world_;
  const size_t self_;
  std::unique_ptr<comet::Pool> pool_;
};

struct Node {
  Node(World& world, size_t number, fs::path folder, Voters genesis)
      : world(world),
        number(number),
        folder(std::move(folder)),
        engine(world, number, std::move(genesis)),
        peers(world, number) {}
  Status create(const format::Consortium& consortium);
  Status reopen();  // as after a crash
  const crypto::Sm2Point& key() const { return material().members[number].keys[0].public_key().point(); }

  World& world;
  const size_t number;
  const fs::path folder;
  Engine engine;
  NearbyPeers peers;
  bool byzantine = false, isolated = false;
  bool fetch_denied = false;  // what it lacks does not come in time for the next vote
  bool restarted = false;     // its engine has not replayed its log yet
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<comet::Pool> pool;
  std::unique_ptr<abci::Application> application;

 private:
  Status start();
};

}  // namespace chengxin::simulator
