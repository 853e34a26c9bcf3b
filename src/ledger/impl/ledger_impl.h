#pragma once
#include <atomic>
#include <mutex>
#include <thread>

#include "ledger/impl/execution.h"
#include "ledger/impl/marker.h"
#include "ledger/impl/state_cache.h"
#include "ledger/impl/verdicts.h"
#include "store/database.h"

namespace chengxin::ledger {

// In a chain's folder. The last two: a copy that is being made, and one that waits to take the chain's place.
inline constexpr std::string_view kStoreFolder = "store", kMarkerFile = "head", kTakingFolder = "taking",
                                  kReadyFolder = "ready";

struct Ledger::Execution {
  ViewPtr base;
  std::shared_ptr<View> next;                 // without what is known of certificates
  mutable std::optional<store::Batch> batch;  // everything but the block record; taken by the decision
  mutable merkle::StateUpdates changes;       // taken with it
};

// A block of an export or a chunk, taken apart.
struct ImportedBlock {
  format::Header header;
  Bytes header_bytes, certificate;
  std::vector<Bytes> envelopes;
};
inline constexpr uint32_t kMaxCertificateBytes = 8 << 20;
inline constexpr uint64_t kMaxBlockTransactions = 1 << 20;  // of an imported block

class LedgerImpl final : public Ledger {
 public:
  static Result<std::unique_ptr<LedgerImpl>> open_in(const fs::path& folder, Options options);

  const format::Genesis& genesis() const override { return genesis_; }
  const std::string& genesis_document() const override { return genesis_document_; }
  const Digest& id() const override { return id_; }
  Head head() const override { return now()->head; }

  using Ledger::admit;
  std::vector<Result<AdmittedTransaction>> admit(std::span<const ByteView> envelopes,
                                                 int64_t now_ms) const override;
  SignatureCounts signature_counts() const override { return verdicts_.counts(); }
  Result<Executed> execute(std::span<const AdmittedTransaction> candidates, int64_t time_ms) const override;
  Status decide(const Decision& decision) override { return decide(decision, true); }
  Status decide(const Decision& decision, bool durable);
  Result<std::optional<Bytes>> note() const override;

  Result<BlockRecord> block(uint64_t height) const override;
  Result<BlockRecord> block_header(uint64_t height) const override;
  Result<BlockContent> content(uint64_t height, bool with_attachments) const override;
  Result<TransactionRecord> transaction(const Digest& hash, bool with_attachments) const override;
  Result<std::vector<ItemLocation>> find_items(const Digest& digest, size_t limit) const override;
  Result<ItemProof> prove_item(const ItemLocation& location) const override;
  Result<std::vector<Transition>> transitions(uint64_t up_to_height) const override;
  Result<merkle::Path> consistency(uint64_t old_size, uint64_t size) const override;
  Result<std::optional<Bytes>> state(std::string_view key) const override;
  Result<std::optional<Bytes>> state(std::string_view key, uint64_t height) const override;
  Result<std::vector<std::pair<Bytes, Bytes>>> state_range(const Bytes& from, const Bytes& to,
                                                           size_t limit) const override;
  Result<StateRows> state_range(const Bytes& from, const Bytes& to, size_t limit,
                                uint64_t height) const override;
  Result<CallResult> rerun(const Digest& hash, const Substitutes& substitutes) const override;
  Result<std::pair<std::optional<Bytes>, merkle::StateProof>> state_proof(std::string_view key,
                                                                          uint64_t height) const override;
  Result<std::optional<format::Account>> account(const format::KeyId& id) const override;
  uint64_t oldest_height() const override { return oldest_; }
  uint64_t disk_bytes() const override { return database_->disk_bytes(); }

  Status verify(const OnVerifyProgress& on_progress) const override;
  Status prune(uint64_t height, int64_t now_ms) override;
  Status export_to(const fs::path& file, const OnVerifyProgress& on_progress) const override;
  Status checkpoint(const fs::path& folder) const override;
  Result<std::vector<HeightRange>> chunks() const override;
  Result<Bytes> read_chunk(const HeightRange& range) const override;
  Result<std::vector<BlockEnvelopes>> read_blocks(uint64_t from_height, size_t max_bytes) const override;

  Result<std::unique_ptr<Importer>> importer() const override;
  void clear_import() const override {}
  Status replace() override;

  // For Ledger::import and Importer: blocks that are durable only after make_durable().
  Status import_block(const ImportedBlock& block);
  Status make_durable();

 private:
  // Takes the open file.
  Status export_into(std::FILE* opened, const fs::path& part, const OnVerifyProgress& on_progress) const;
  LedgerImpl(fs::path folder, std::unique_ptr<store::Database> database, std::unique_ptr<Marker> marker,
             Options options)
      : folder_(std::move(folder)),
        database_(std::move(database)),
        marker_(std::move(marker)),
        methods_(std::move(options.contracts), std::move(options.deployed)),
        highest_protocol_(options.highest_protocol),
        verifier_(std::move(options.verifier)),
        accounts_(*database_),
        values_(*database_),
        crew_(options.threads ? options.threads : std::clamp(std::thread::hardware_concurrency(), 1u, 8u)) {
    if (!verifier_) verifier_ = crypto::sm2_verifier();
  }

  Status load();
  ViewPtr now() const {
    std::lock_guard lock(view_mutex_);
    return view_;
  }
  // `read` at a version that must be retained: ledger.no_block, ledger.pruned.
  template <typename Read>
  std::invoke_result_t<Read> at_version(uint64_t height, const Read& read) const;
  // The value of a state key at a retained version.
  Result<std::optional<Bytes>> state_at(ByteView key, uint64_t version) const;
  Result<std::optional<std::optional<Bytes>>> written_at(ByteView key, uint64_t version) const;
  // What deployed contracts see.
  Result<StateRows> deployed_range(const Bytes& from, const Bytes& to, size_t limit) const;
  Result<StateRows> state_range_at(const Bytes& from, const Bytes& to, size_t limit, uint64_t version) const;
  // Everything about a decoded transaction but its place in a block, whether it is a duplicate, and its
  // signature.
  // `head`: what the block would stand on.
  Status check_form(const format::Transaction& transaction, const Head& head, int64_t time_ms,
                    const AccountPtr& signer) const;
  std::vector<bool> signatures_hold(std::span<const SignedBy> all, std::span<const ByteView> bodies) const;
  Result<std::vector<bool>> known_of(const View& view, std::span<const AdmittedTransaction> candidates) const;
  Result<bool> marker_has_other_bits(uint64_t height) const;
  Result<std::shared_ptr<View>> view_at(uint64_t height) const;  // without what is known of certificates
  Status find_certified(View& head) const;

  Result<std::optional<Bytes>> get(store::Table table, ByteView key) const;  // ledger.damaged
  Result<StoredBlock> stored_block(uint64_t height) const;
  using OnEntry = std::function<Status(uint64_t log_index, ByteView entry)>;
  Status each_entry(const BlockRecord& block, const OnEntry& on_entry) const;
  Status each_envelope(const BlockRecord& block, const std::function<Status(ByteView)>& on_envelope) const;
  tl::unexpected<Error> pruned() const;
  Result<uint64_t> log_index(const Digest& hash) const;
  Result<StoredTransaction> stored_transaction(uint64_t log_index) const;  // ledger.pruned when dropped
  Result<Bytes> attachment(uint64_t log_index, const StoredTransaction& stored, uint16_t number) const;
  Result<format::Transaction> full_transaction(uint64_t log_index, const StoredTransaction& stored) const;
  merkle::StateNodeReader node_reader() const;

  Crew* crew() const { return crew_.size() > 1 ? &crew_ : nullptr; }

  using ReplayAccounts = std::map<format::KeyId, AccountPtr>;
  Status verify_header(uint64_t height, Head& head) const;
  class Signatures;
  Status replay(uint64_t height, bool certified, ViewPtr& before, ReplayAccounts& accounts,
                Signatures& signatures) const;
  Status verify_state(const View& head) const;
  Status drop_item_index(uint64_t end);
  Status drop_old_state(uint64_t version);

  fs::path folder_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Marker> marker_;
  Methods methods_;
  const uint32_t highest_protocol_;
  std::shared_ptr<const sm2::Verifier> verifier_;
  mutable Verdicts verdicts_;
  mutable AccountCache accounts_;
  mutable StateCache values_;
  mutable Crew crew_;
  std::string genesis_document_;
  format::Genesis genesis_;
  Digest id_{};
  std::atomic<uint64_t> oldest_ = 1;

  // Where the parts of the chain begin, as far as it was looked through.
  struct Chunks {
    std::vector<uint64_t> first;
    uint64_t height = 0, bytes = 0;  // the last block looked at, and what its part counts
  };
  mutable std::mutex chunks_mutex_;
  mutable Chunks chunks_;

  mutable std::mutex view_mutex_;
  ViewPtr view_;
  mutable std::mutex maintenance_mutex_;  // verify, prune, export: before the next
  mutable std::mutex write_mutex_;        // one decision or prune at a time
  bool halted_ = false;
  bool marker_damaged_ = false;  // found when it was opened
};

// What an importer finished in `folder` takes the place of what is there: begun once, it is gone on with.
Status take_up(const fs::path& folder);
// A ledger in front of that one, which can be replaced.
std::unique_ptr<Ledger> make_replaceable(std::unique_ptr<LedgerImpl> ledger, fs::path folder,
                                         Options options);

// Errors of the store in the ledger's words.
Error ledger_error(Error error);

}  // namespace chengxin::ledger
