#pragma once
#include "abci/application.h"
#include "comet/pool.h"

// A chain as the consensus engine sees it (ABCI 2.0). Invariants:
// - an engine block holds names of transactions (content_id) and at most one certificate; nothing else is
// taken;
// - a block is executed before this node votes for it, and what was executed is what is committed;
// - the ledger's header of an engine height is signed only after the engine has decided that height, in the
// vote
//   extensions of the next one; the certificate is carried by the one after that, and a proposal without it
//   is refused (docs/adr/0018). So no two headers of one height can ever both be certified;
// - the validators of the engine at a height are those that certify the block of the height before;
// - an engine height and what it decided are durable together.
namespace chengxin::comet {

struct ApplicationOptions {
  size_t max_block_transactions = 20'000;
};

// Data of an engine block, its only "transaction": version, certificate if any, names.
struct BlockData {
  std::optional<ledger::CertifiedHeight> certificate;
  std::vector<ContentId> contents;
  Bytes encode() const;
  static Result<BlockData> decode(ByteView bytes);  // comet.block_data
};

// What the engine's vote extensions hold: nothing, or the signature of the ledger's block `height`.
struct Extension {
  uint64_t height = 0;
  crypto::Sm2Signature signature{};
  Bytes encode() const;
  static Result<std::optional<Extension>> decode(ByteView bytes);  // comet.extension
};

// The engine's app hash: SM3(tag "chengxin/app/v1" || u32 protocol version || u64 height that the extensions
// of this engine height signed || log root || state root || hash of the next validators). It changes with
// each block that held transactions and with the one after it, so that the engine makes exactly the two
// blocks that the certificate needs, and then rests.

// Called after the ledger holds an engine height, with what changed; on the engine's thread, must not block.
struct Decided {
  uint64_t engine_height = 0;
  uint64_t ledger_height = 0;  // 0: no transactions were in it
  bool consortium_changed = false;
};
using OnDecided = std::function<void(const Decided&)>;

// A voter who broke the protocol, as the engine proved it.
struct Misbehaviour {
  crypto::Sm2Point node{};
  std::string kind;
  uint64_t engine_height = 0;
  int64_t time_ms = 0;
};

// Errors of the methods are host faults: the engine is told to stop, and the chain is halted.
std::unique_ptr<abci::Application> make_application(ledger::Ledger& ledger, Pool& pool,
                                                    std::optional<crypto::Sm2PrivateKey> key,
                                                    OnDecided on_decided, ApplicationOptions options);

}  // namespace chengxin::comet
