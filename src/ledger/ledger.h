#pragma once
#include <map>
#include <memory>
#include <optional>

#include "base/file.h"
#include "format/genesis.h"
#include "ledger/contract.h"
#include "merkle/log_tree.h"
#include "merkle/state_tree.h"
#include "sm2/sm2.h"

// One chain in one folder. Invariants:
// - a block is on disk whole or not at all: one write batch and one fsync hold its transactions, receipts,
// log tiles,
//   state nodes, indexes, header and certificate;
// - commit() returns only when that is durable; a receipt is shown to nobody before;
// - reads see only committed blocks and may run on any thread beside one writer;
// - what is dropped by prune() never includes what an earlier bundle, or a later inclusion or consistency
// proof, needs.
namespace chengxin::ledger {

struct Options {
  ContractTable contracts;                   // besides governance
  std::shared_ptr<const Deployed> deployed;  // null: none
  size_t cache_bytes = 64 << 20;
  // Checks the transactions' signatures. Null: crypto::sm2_verifier(), which is one for the process.
  std::shared_ptr<const sm2::Verifier> verifier;
  uint32_t highest_protocol = format::kNewestProtocol;  // that this program follows
  // That execute contracts, with the caller's; 0: as many as the machine has cores, at most 8. The blocks are
  // the same for any number.
  size_t threads = 0;
};

struct Head {
  format::Header header;  // height 0: the genesis
  Digest header_hash{};
  format::ValidatorSet next_validators;  // the set that certifies the next block
  uint64_t certified_height = 0;         // the newest block with a certificate; proofs are made under it
  format::ProtocolChange protocol;       // the last that was set; it may still wait for its height
  format::ChainLimits limits;            // of the next block
  std::shared_ptr<const format::ContractPolicy> contract_policy;  // the same; null: none was set
  uint32_t next_protocol() const { return protocol.at(header.height + 1); }
};

// A transaction that passed every check that does not depend on its place in a block. It was looked for and
// is in no block up to `absent_up_to`: execution asks only about those that came after. Its form was judged
// by a version of the protocol: execution judges it again by another.
struct Admitted : format::Transaction {
  uint64_t absent_up_to = 0;
  uint32_t protocol = format::kFirstProtocol;
};
using AdmittedTransaction = std::shared_ptr<const Admitted>;

// Of transactions' signatures: how many were checked, and how many verdicts were known from before.
struct SignatureCounts {
  uint64_t checked = 0, remembered = 0;
};

struct TransactionRecord {
  format::Transaction transaction;  // attachments only when asked for
  uint64_t height = 0, log_index = 0;
  Bytes receipt_bytes;
  format::Receipt receipt;
  std::vector<format::Event> events;
  Bytes output;
};

struct BlockRecord {
  Bytes header_bytes;
  format::Header header;
  Bytes certificate_bytes;           // empty: none
  std::vector<Digest> transactions;  // empty when pruned
  uint64_t transaction_count = 0;
  bool pruned = false;
};

struct BlockContent {
  BlockRecord block;
  std::vector<TransactionRecord> transactions;  // attachments only when asked for; empty when pruned
};

struct ItemLocation {
  Digest transaction{};
  uint16_t call = 0;
  uint64_t index = 0;
  uint64_t height = 0;
};

// Everything between an item and a header, ready for a bundle.
struct ItemProof {
  Bytes item;
  uint16_t call = 0;
  uint64_t index = 0, count = 0;
  merkle::Path inner_path;
  Bytes body, receipt;
  crypto::Sm2Point signer_key{};
  crypto::Sm2Signature signature{};
  uint64_t log_index = 0;
  merkle::Path log_path;
  Bytes header, certificate;
};

struct Transition {
  Bytes header, certificate, next_validators, state_proof;
};

struct CertifiedHeight {
  uint64_t height = 0;
  format::Certificate certificate;
};

struct HeightRange {
  uint64_t first = 0, last = 0;
  bool operator==(const HeightRange&) const = default;
};

struct BlockEnvelopes {
  uint64_t height = 0;
  std::vector<Bytes> envelopes;
};

struct VerifyProgress {
  uint64_t height = 0, head = 0;
};
using OnVerifyProgress = std::function<void(const VerifyProgress&)>;

class Importer;

class Ledger {
 public:
  // Errors: ledger.exists, ledger.not_found, ledger.newer_version, ledger.in_use, ledger.damaged (names the
  // block), file.*.
  static Result<std::unique_ptr<Ledger>> create(const fs::path& folder, std::string_view genesis,
                                                Options options);
  static Result<std::unique_ptr<Ledger>> open(const fs::path& folder, Options options);
  virtual ~Ledger() = default;

  virtual const format::Genesis& genesis() const = 0;
  virtual const std::string& genesis_document() const = 0;
  virtual const Digest& id() const = 0;
  virtual Head head() const = 0;

  // Form, size, chain, window, duplicate, signer, signature, attachments' count and form. Errors:
  // transaction.malformed, transaction.body_malformed, transaction.too_large, transaction.wrong_chain,
  // transaction.expired, transaction.not_yet_valid, transaction.window_too_long, transaction.duplicate
  // (detail: its hash), transaction.unknown_signer, transaction.signer_revoked,
  // transaction.signature_invalid, transaction.attachments. Thread-safe and without locks that a commit holds
  // for long.
  // Each envelope is judged by itself; their signatures are checked together, best some hundred at a time.
  // The verdict on a signature is kept under what it depends on (the key, the body, the signature) and is not
  // worked out again; all else is asked anew each time.
  virtual std::vector<Result<AdmittedTransaction>> admit(std::span<const ByteView> envelopes,
                                                         int64_t now_ms) const = 0;
  Result<AdmittedTransaction> admit(ByteView envelope, int64_t now_ms) const {
    return std::move(admit(std::span(&envelope, 1), now_ms).front());
  }
  virtual SignatureCounts signature_counts() const = 0;

  // Executes a candidate block on top of the head without touching the disk, so that it can be done before a
  // vote, and more than once. A transaction that no longer fits (expired, duplicate, revoked in an earlier
  // block) is in `dropped` with its error and not in the block. ledger.protocol_unknown (unsupported) when
  // the chain has agreed on a version of the protocol, for this block, that this program does not know.
  struct Execution;
  struct Executed {
    std::shared_ptr<const Execution> execution;
    format::Header header;
    Bytes header_bytes;
    Digest header_hash{};
    std::vector<AdmittedTransaction> included;
    std::vector<Bytes> receipts;  // of included, in order
    std::vector<std::pair<AdmittedTransaction, Error>> dropped;
    std::map<std::string, Bytes, std::less<>> settings;  // what it puts under keys of the state in "chain/"
  };
  virtual Result<Executed> execute(std::span<const AdmittedTransaction> candidates,
                                   int64_t time_ms) const = 0;

  // Makes what an orderer has decided durable: one batch, one fsync. The block must have been executed on the
  // head (ledger.stale_execution). The certificate is of the lowest block that has none, this one or one of
  // the two before it (ledger.certificate_order), and is checked against the set that its header names
  // (format.certificate_invalid): every block gets one, in order, and at most the last two wait for theirs
  // (ledger.uncertified; docs/adr/0018). After an error nothing of it is on disk or all of it; the ledger
  // then refuses further writes (ledger.halted) until opened again.
  static constexpr size_t kMaxNoteBytes = 4096;
  struct Decision {
    const Executed* block = nullptr;  // none: the orderer decided something without transactions
    std::optional<CertifiedHeight> certificate;
    std::optional<Bytes> note;  // of the orderer, at most kMaxNoteBytes; replaces the last one
  };
  virtual Status decide(const Decision& decision) = 0;
  // A block with its certificate, as an orderer of one does it.
  Status commit(const Executed& executed, const format::Certificate& certificate) {
    return decide({&executed, CertifiedHeight{executed.header.height, certificate}, {}});
  }
  virtual Result<std::optional<Bytes>> note() const = 0;

  // Reads. Errors: ledger.no_block, ledger.no_transaction, ledger.no_item, ledger.pruned (Code::gone),
  // ledger.damaged.
  virtual Result<BlockRecord> block(uint64_t height) const = 0;
  // The block without its transactions' hashes: the same few reads however many it has.
  virtual Result<BlockRecord> block_header(uint64_t height) const = 0;
  // The block with all that is in it, in one pass over the log: a fraction of reading them one by one.
  virtual Result<BlockContent> content(uint64_t height, bool with_attachments = false) const = 0;
  virtual Result<TransactionRecord> transaction(const Digest& hash, bool with_attachments = false) const = 0;
  virtual Result<std::vector<ItemLocation>> find_items(const Digest& digest, size_t limit = 100) const = 0;
  // Proof under the newest certified header. Costs tens of microseconds, not a pass over the transaction's
  // items. ledger.not_certified_yet (Code::unavailable, with retry_after_ms) for an item in a block above it.
  virtual Result<ItemProof> prove_item(const ItemLocation& location) const = 0;
  // Of the blocks below `up_to_height` that changed the validators: what leads from the genesis to the set
  // that certifies the block at that height.
  virtual Result<std::vector<Transition>> transitions(uint64_t up_to_height) const = 0;
  virtual Result<merkle::Path> consistency(uint64_t old_size, uint64_t size) const = 0;
  virtual Result<std::optional<Bytes>> state(std::string_view key) const = 0;
  // After that block, which need not have its certificate; ledger.pruned where old versions were dropped.
  virtual Result<std::optional<Bytes>> state(std::string_view key, uint64_t height) const = 0;
  // The first `limit` keys in [from, to); after a block only those of deployed contracts, "c/".
  virtual Result<std::vector<std::pair<Bytes, Bytes>>> state_range(const Bytes& from, const Bytes& to,
                                                                   size_t limit) const = 0;
  virtual Result<StateRows> state_range(const Bytes& from, const Bytes& to, size_t limit,
                                        uint64_t height) const = 0;
  // What a transaction did, by running its block up to it once more: nothing is written. For it itself the
  // substitutes take the place of what runs calls here, so that they can watch it.
  struct Substitutes {
    ContractTable methods;  // each in place of the method of its name
    std::shared_ptr<const Deployed> deployed;
  };
  virtual Result<CallResult> rerun(const Digest& hash, const Substitutes& substitutes) const = 0;
  virtual Result<std::pair<std::optional<Bytes>, merkle::StateProof>> state_proof(std::string_view key,
                                                                                  uint64_t height) const = 0;
  virtual Result<std::optional<format::Account>> account(const format::KeyId& id) const = 0;
  virtual uint64_t oldest_height() const = 0;  // first block whose transactions are still here
  virtual uint64_t disk_bytes() const = 0;

  // Replays everything that is here: hashes, signatures, certificates, log, state, indexes; every byte on
  // disk is read. ledger.damaged names the first bad block.
  virtual Status verify(const OnVerifyProgress& on_progress) const = 0;
  // Drops transactions, attachments, events and item indexes of blocks below `height`, and old state
  // versions. ledger.prune_too_young while a transaction of such a block could still be replayed.
  virtual Status prune(uint64_t height, int64_t now_ms) = 0;
  // The chain as one file (docs/formats/chain-export.md) for import(); a consistent copy of the folder for
  // backups.
  virtual Status export_to(const fs::path& file, const OnVerifyProgress& on_progress) const = 0;
  static Status import(const fs::path& file, const fs::path& folder, Options options,
                       const OnVerifyProgress& on_progress);
  virtual Status checkpoint(const fs::path& folder) const = 0;

  // The certified blocks in parts, the same on every node of the chain but for the end of the last: a block
  // begins a part when with it the one before would count more than kPartBytes (headers, and transactions as
  // limits count them). For ledger::Importer. The first call reads the log once, later ones what is new.
  // ledger.pruned.
  static constexpr uint64_t kPartBytes = 8 << 20;
  virtual Result<std::vector<HeightRange>> chunks() const = 0;
  // Blocks as in an export. ledger.no_block, ledger.not_certified_yet, ledger.pruned.
  virtual Result<Bytes> read_chunk(const HeightRange& range) const = 0;
  // What was decided from that height on, certified or not: as many blocks as fit, but at least one. Empty
  // above the head. ledger.pruned.
  virtual Result<std::vector<BlockEnvelopes>> read_blocks(uint64_t from_height, size_t max_bytes) const = 0;

  // Another copy of this chain, made beside it of what other nodes give (ledger/importer.h).
  virtual Result<std::unique_ptr<Importer>> importer() const = 0;
  // What an importer that is closed left unfinished goes.
  virtual void clear_import() const = 0;
  // Puts what an importer finished in this one's place: who reads meanwhile waits, and reads the other from
  // then on. Of the chains that consortia run (ledger.not_replaceable). After an error all but opening it
  // again is ledger.halted.
  virtual Status replace() = 0;
};

}  // namespace chengxin::ledger
