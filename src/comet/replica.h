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
// - a chain that holds nothing while its peers are far ahead begins from a snapshot of theirs, and so does
// one whose missing blocks nobody has any more; what it holds is replaced when the new is whole and proven;
// - a key whose sign state was lost is used again when what it may have signed has been decided;
// - when a block changes the members, the links of who is none any more are cut before anything else is done;
// - what fails here is this chain's alone.
namespace chengxin::comet {

struct SnapshotOptions {
  // A chain without blocks takes a snapshot when a peer is so many engine heights ahead; 0: it never does,
  // nor when it is stalled.
  uint64_t behind = 100;
  int listen_ms = 5'000;     // how long it listens where its peers stand, before it begins at the beginning
  int stalled_ms = 120'000;  // behind, and nothing came: nobody has the blocks, or the snapshot does not come
};

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
  SnapshotOptions snapshots;
  // Tests: an application that lies to its peers.
  std::function<std::unique_ptr<abci::Application>(std::unique_ptr<abci::Application>)> around;
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
  bool taking_snapshot = false;
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
  // EngineOptions::on_want_light_block.
  virtual void want_light_block(uint64_t height, GiveLightBlock give) = 0;
  virtual ReplicaState replica_state() const = 0;
};

}  // namespace chengxin::comet
