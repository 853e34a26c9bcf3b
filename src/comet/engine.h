#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

// The consensus engines of this node's chains: child processes of ours (engine/,
// docs/formats/engine-control.md), started when a chain needs one, watched, and started again when they die.
// Invariants:
// - no engine outlives this object, nor this process however it ends: a child ends when its input does;
// - a chain that was started runs until it is stopped or its failure was told; when its process dies it is
// started again,
//   at the same port and with the peers it has by then;
// - one chain's failure is told for that chain alone. With one chain a process nothing else is touched even
// by a crash. Thread-safe. Callbacks come on a thread of this object, one at a time for each process, and
// must not call back into it.
namespace chengxin::comet {

using EngineKey = std::array<uint8_t, 32>;  // Ed25519, public
using EngineId = std::array<uint8_t, 20>;   // of connections: SHA-256 of their Ed25519 key, first 20 bytes

struct EngineKeys {
  EngineKey validator{};
  EngineId id{};
};

struct EngineValidator {
  EngineKey key{};
  uint64_t power = 1;
  std::string name;  // for people
};

// The same on every node of the chain, for ever.
struct EngineGenesis {
  Digest chain{};
  int64_t time_ms = 0;
  std::vector<EngineValidator> validators;
  uint64_t block_max_bytes = 4 << 20;
  uint64_t evidence_max_age_blocks = 100'000;
  int64_t evidence_max_age_ms = 3600 * 1000;  // evidence ends when both are over: it is the blocks that count

  std::string chain_id() const;  // the engine's name of the chain: 48 hexadecimal digits of its id
};

struct EnginePeer {
  EngineId id{};
  uint16_t port = 0;  // of its tunnel, on 127.0.0.1
  bool operator==(const EnginePeer&) const = default;
};

struct EngineTimeouts {
  int propose_ms = 1000, propose_delta_ms = 500;  // the deltas are added with every further round
  int vote_ms = 500, vote_delta_ms = 250;
  int commit_ms = 50;  // for the last precommits, once two thirds are there
  int gossip_ms = 20;  // how often to look what a peer lacks, while there is work: most of a block's latency
};

struct EngineChain {
  EngineGenesis genesis;
  fs::path home;        // the engine's stores of this chain
  fs::path keys;        // made by keys(), of this chain alone
  fs::path app_socket;  // of abci::Server, at most 107 bytes
  uint16_t port = 0;    // on 127.0.0.1; 0: one is chosen
  std::vector<EnginePeer> peers;
  EngineTimeouts timeouts;
  int heartbeat_ms = 600'000;  // an empty block after so long without any
  // Not empty: a home without blocks begins from a snapshot of a peer, believed as far as two thirds of these
  // signed (a set that was proved to be the chain's, as new as there is).
  std::vector<EngineValidator> trusted;
  bool wait_to_sign =
      false;  // the key's sign state is lost: silent until the others have decided two heights
};

struct EngineStatus {
  uint64_t height = 0, base = 0;  // newest and oldest block it keeps
  uint64_t voting_height = 0;
  int round = 0, step = 0;
  bool catching_up = false, validator = false;
  bool silent = false;  // it may have signed what it does not know of, and does not vote yet
  size_t validators = 0;
  std::vector<EngineId> peers;  // connected now
  uint16_t port = 0;
};

// Answers a wish for a light block: once, from any thread; nothing when nobody has it.
using GiveLightBlock = std::function<void(std::optional<Bytes>)>;

struct EngineOptions {
  fs::path binary;                // empty: $CHENGXIN_ENGINE, else chengxin-engine beside this executable
  size_t chains_per_process = 1;  // more share memory, and a crash (docs/adr/0021)
  int answer_ms = 15'000;
  int start_ms = 300'000;  // what the application lacks is replayed before a start is answered
  int stop_ms = 25'000;    // then it is killed
  int restart_ms = 500, restart_max_ms = 30'000;

  // The chain has ended here and is not started again by itself. engine.app_lost, engine.consensus_failure,
  // engine.clock_behind (may be started again),
  // or why it could not be started again after its process died.
  std::function<void(const Digest& chain, const Error& why)> on_failed;
  // A vote of this node's key came in that this node did not cast: two nodes have one key.
  std::function<void(const Digest& chain)> on_twin;
  // A chain that begins from a snapshot needs Engine::light_block of a peer, within 10 s. attempt 0 to 3: the
  // answer before was none, or one that cannot be believed; another peer may know better.
  std::function<void(const Digest& chain, uint64_t height, int attempt, GiveLightBlock give)>
      on_want_light_block;
};

class Engine {
 public:
  // engine.missing: there is no such binary; the detail says how to build it.
  static Result<std::unique_ptr<Engine>> create(EngineOptions options);
  virtual ~Engine() = default;  // stops everything; within stop_ms, whatever the engines do

  // Errors of all these: those of docs/formats/engine-control.md, and engine.no_answer, engine.died
  // (unavailable).
  virtual Result<EngineKeys> keys(const fs::path& folder, bool make) = 0;
  // The port it listens on.
  virtual Result<uint16_t> start(EngineChain chain) = 0;
  // Done when its home is free again; the process is killed when it does not end.
  virtual Status stop(const Digest& chain) = 0;
  // Takes effect without a restart. A peer in `add` that is known gets the new port.
  virtual Status set_peers(const Digest& chain, std::vector<EnginePeer> add,
                           std::vector<EngineId> remove) = 0;
  virtual void wake(const Digest& chain) = 0;  // never blocks
  virtual Result<EngineStatus> status(const Digest& chain) = 0;
  // Opaque, for a peer's engine. engine.no_light_block: that height is not kept.
  virtual Result<Bytes> light_block(const Digest& chain, uint64_t height) = 0;
  virtual std::vector<int> processes() const = 0;  // ids, for status and measurements
};

}  // namespace chengxin::comet
