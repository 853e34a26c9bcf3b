#pragma once
#include "comet/application.h"
#include "comet/engine.h"
#include "comet/peers.h"
#include "comet/sequencer.h"

// This node's part in one chain of a consortium: what waits, the chain as its engine sees it, the engine, and
// the links to the chain's other nodes, which follow what the chain itself says of its members. Outside it is
// the chain's sequencer. Invariants:
// - it starts without waiting for anybody: an engine that cannot start yet is tried again, and state() says
// why;
// - when a block changes the members, the links of who is none any more are cut before anything else is done;
// - what fails here is this chain's alone.
namespace chengxin::comet {

// What the replicas of a process share.
struct ReplicaServices {
  std::function<Result<Engine*>()> engine;  // asked when one is needed, again after an error
  // Of this node: the one that a chain's members name is used.
  std::function<std::vector<crypto::Sm2PrivateKey>()> keys;
  // Of a chain, if this node knows them as of a height above that one: a newcomer is told of later ones than
  // its ledger names, which begins at the genesis.
  std::function<std::optional<format::Consortium>(const Digest& chain, uint64_t height)> members;
  // Folder with one for each chain, by its name, made by Engine::keys; NAME.next beside it holds a key that
  // is voted on.
  fs::path engine_keys;
  fs::path sockets;                                        // folder
  std::string software;                                    // version
  std::function<void(const Digest& chain)> on_consortium;  // a block changed its members; must not block
  std::function<int64_t()> now_ms;
  PoolOptions pool;
  PeersOptions peers;
  ApplicationOptions application;
  EngineTimeouts timeouts;
  int heartbeat_ms = 600'000;
};

struct ReplicaState {
  Digest chain{};
  std::optional<Error> failure;  // why it orders nothing now
  EngineStatus engine;           // zeroes while there is none
  Progress progress;
  Pool::Counts pool;
  std::vector<PeerState> peers;
  bool catching_up = false;
};

class Replica : public order::Sequencer {
 public:
  // It has no links before set_links. Errors: comet.no_consortium, file.*, abci.listen.
  static Result<std::unique_ptr<Replica>> start(ledger::Ledger& ledger, const fs::path& folder,
                                                const ReplicaServices& services);
  // From now on those; null: none. Returns when those before are let go of.
  virtual void set_links(std::shared_ptr<link::Links> links) = 0;
  // Halts the chain on this node; but after engine.clock_behind the engine is started again by and by.
  virtual void engine_failed(const Error& why) = 0;
  virtual ReplicaState replica_state() const = 0;
};

}  // namespace chengxin::comet
