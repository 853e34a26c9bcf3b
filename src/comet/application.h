#pragma once
#include "abci/application.h"
#include "comet/pool.h"
#include "format/consortium.h"

// A chain as the consensus engine sees it (ABCI 2.0). Invariants:
// - an engine block holds names of transactions (their hashes) and at most one certificate; nothing else is
//   taken;
// - a block is executed before this node votes for it, and what was executed is what is committed;
// - the ledger's header of an engine height is signed only after the engine has decided that height, in the
//   vote extensions of the next one; the certificate is carried by the one after that, and a proposal without
//   it is refused (docs/adr/0018). So no two headers of one height can ever both be certified;
// - the validators of the engine at a height are those that certify the block of the height before;
// - an engine height and what it decided are durable together.
namespace chengxin::comet {

// Names in one block, at most: what a proposal with more is refused for.
inline constexpr size_t kMaxContents = 50'000;

struct ApplicationOptions {
  size_t max_block_transactions = 20'000;  // in this node's own proposals; at most kMaxContents
  // Engine blocks that the engine keeps behind the newest; 0: all of them. Not fewer than evidence of
  // misbehaviour may be old (EngineGenesis); who needs older ones takes a snapshot.
  uint64_t retain_heights = 120'000;
  // The chain's members as far as this node knows them: a newcomer knows of later ones than its ledger names.
  // None, or null: those of the ledger.
  std::function<std::optional<format::Consortium>()> members = {};
  std::function<void()> on_snapshot_step = {};  // something of a snapshot was taken or refused
  // A block bears the time of the votes for the one before it, which is long past after a rest: such a block
  // only brings the time up (docs/adr/0026). Nothing is proposed when there was no block for rest_ms and
  // nothing to order at the last one, or for stale_ms whatever the reason, but not twice in a row for that.
  int rest_ms = 1'000, stale_ms = 10'000;
};

// The engine's transaction that says "the pool is not empty" (engine/settings.go). It wakes the engine and
// never stands in a block.
inline constexpr std::string_view kWakeTransaction = "chengxin/wake";

// Data of an engine block, its only "transaction": version, certificate if any, names.
struct BlockData {
  std::optional<ledger::CertifiedHeight> certificate;
  std::vector<Digest> contents;
  Bytes encode() const;
  // comet.block_data: another form, names twice or too many, or neither names nor a certificate.
  static Result<BlockData> decode(ByteView bytes);
};

// What the engine's vote extensions hold: nothing, or the signature of the ledger's block `height`.
struct Extension {
  uint64_t height = 0;
  crypto::Sm2Signature signature{};
  Bytes encode() const;
  static Result<std::optional<Extension>> decode(ByteView bytes);  // comet.extension
};

// The engine's app hash: SM3(tag "chengxin/app/v1" || u32 protocol version of the ledger's head || u64 height
// of the newest ledger block that extensions signed, up to this engine height's || log root || state root ||
// hash of the next validators). It changes with each block that held transactions and with the one after it,
// so that the engine makes exactly the two blocks that the certificate needs, and then rests.

// Called after the ledger holds an engine height, with what changed; on the engine's thread, must not block.
struct Decided {
  uint64_t engine_height = 0;
  uint64_t ledger_height = 0;  // 0: no transactions were in it
  bool consortium_changed = false;
};
using OnDecided = std::function<void(const Decided&)>;

// A voter who broke the protocol, as the engine proved it.
struct Misbehaviour {
  crypto::Sm2Point node{};  // zeroes: it was no voter any more
  std::string kind;         // duplicate_vote, light_client_attack, unknown
  uint64_t engine_height = 0;
  int64_t time_ms = 0;
  bool operator==(const Misbehaviour&) const = default;
};

// What the ledger's note says of the engine.
struct Progress {
  uint64_t engine_height = 0;               // the last decided one; 0: none
  uint64_t decided = 0;                     // the ledger's block of that height; 0: it held no transactions
  uint64_t decided_before = 0;              // and of the height before; kUnknownHeight: a snapshot began here
  std::vector<Misbehaviour> misbehaviours;  // the newest kMaxMisbehaviours, in order
};
inline constexpr size_t kMaxMisbehaviours = 32;
inline constexpr uint64_t kUnknownHeight = UINT64_MAX;
Result<Progress> progress(const ledger::Ledger& ledger);  // comet.note: not of this format

// This node's keys, asked for each signature: the one that the voters' set names signs, so that a key is
// replaced while the chain runs; none of an observer. Thread-safe, must not block.
using SigningKeys = std::function<std::vector<crypto::Sm2PrivateKey>()>;

// Errors: comet.no_consortium, comet.note, those of reading. Errors of the methods are host faults: the
// engine is told to stop, and the chain is halted.
Result<std::unique_ptr<abci::Application>> make_application(ledger::Ledger& ledger, Pool& pool,
                                                            SigningKeys keys, OnDecided on_decided,
                                                            ApplicationOptions options);

// Those whose voters vote at the engine's next height: a block changes them for the one after.
Result<format::Consortium> voting_members(const ledger::Ledger& ledger);

}  // namespace chengxin::comet
