#include <shared_mutex>

#include "ledger/impl/ledger_impl.h"
#include "ledger/importer.h"

// A chain that a copy of it can take the place of while it is in use. Every call holds a lock that the
// replacement waits for: no reader sees half of one and half of the other.
namespace chengxin::ledger {

Status take_up(const fs::path& folder) {
  const fs::path ready = folder / kReadyFolder;
  std::error_code error;
  if (!fs::exists(ready, error)) return {};
  for (const std::string_view part : {kStoreFolder, kMarkerFile}) {
    if (!fs::exists(ready / part, error)) continue;  // it was moved before a crash
    fs::remove_all(folder / part, error);
    fs::rename(ready / part, folder / part, error);
    if (error) return tl::unexpected(file_error(folder / part, error.value()));
    TRY(sync_folder(folder));
  }
  fs::remove_all(ready, error);
  return sync_folder(folder);
}

namespace {

Error halted() { return {Code::unavailable, "ledger.halted", "it was not replaced: open the chain again"}; }

class Replaceable final : public Ledger {
 public:
  Replaceable(std::unique_ptr<LedgerImpl> ledger, fs::path folder, Options options)
      : folder_(std::move(folder)),
        options_(std::move(options)),
        document_(ledger->genesis_document()),
        genesis_(ledger->genesis()),
        id_(ledger->id()),
        last_head_(ledger->head()),
        current_(std::move(ledger)) {}

  const format::Genesis& genesis() const override { return genesis_; }
  const std::string& genesis_document() const override { return document_; }
  const Digest& id() const override { return id_; }
  Head head() const override {
    std::shared_lock lock(mutex_);
    return current_ ? current_->head() : last_head_;
  }

  using Ledger::admit;
  std::vector<Result<AdmittedTransaction>> admit(std::span<const ByteView> envelopes,
                                                 int64_t now_ms) const override {
    std::shared_lock lock(mutex_);
    if (current_) return current_->admit(envelopes, now_ms);
    std::vector<Result<AdmittedTransaction>> out;
    for (size_t i = 0; i < envelopes.size(); ++i) out.push_back(tl::unexpected(halted()));
    return out;
  }
  SignatureCounts signature_counts() const override {
    std::shared_lock lock(mutex_);
    return current_ ? current_->signature_counts() : SignatureCounts();
  }
  Result<Executed> execute(std::span<const AdmittedTransaction> candidates, int64_t time_ms) const override {
    return ask(&LedgerImpl::execute, candidates, time_ms);
  }
  Status decide(const Decision& decision) override {
    std::shared_lock lock(mutex_);
    if (!current_) return tl::unexpected(halted());
    return current_->decide(decision);
  }
  Result<std::optional<Bytes>> note() const override { return ask(&LedgerImpl::note); }

  Result<BlockRecord> block(uint64_t height) const override { return ask(&LedgerImpl::block, height); }
  Result<BlockRecord> block_header(uint64_t height) const override {
    return ask(&LedgerImpl::block_header, height);
  }
  Result<BlockContent> content(uint64_t height, bool with_attachments) const override {
    return ask(&LedgerImpl::content, height, with_attachments);
  }
  Result<TransactionRecord> transaction(const Digest& hash, bool with_attachments) const override {
    return ask(&LedgerImpl::transaction, hash, with_attachments);
  }
  Result<std::vector<ItemLocation>> find_items(const Digest& digest, size_t limit) const override {
    return ask(&LedgerImpl::find_items, digest, limit);
  }
  Result<ItemProof> prove_item(const ItemLocation& location) const override {
    return ask(&LedgerImpl::prove_item, location);
  }
  Result<std::vector<Transition>> transitions(uint64_t up_to_height) const override {
    return ask(&LedgerImpl::transitions, up_to_height);
  }
  Result<merkle::Path> consistency(uint64_t old_size, uint64_t size) const override {
    return ask(&LedgerImpl::consistency, old_size, size);
  }
  using State = Result<std::optional<Bytes>>;
  State state(std::string_view key) const override {
    return ask(static_cast<State (LedgerImpl::*)(std::string_view) const>(&LedgerImpl::state), key);
  }
  State state(std::string_view key, uint64_t height) const override {
    return ask(static_cast<State (LedgerImpl::*)(std::string_view, uint64_t) const>(&LedgerImpl::state), key,
               height);
  }
  Result<std::vector<std::pair<Bytes, Bytes>>> state_range(const Bytes& from, const Bytes& to,
                                                           size_t limit) const override {
    std::shared_lock lock(mutex_);
    if (!current_) return tl::unexpected(halted());
    return current_->state_range(from, to, limit);
  }
  Result<StateRows> state_range(const Bytes& from, const Bytes& to, size_t limit,
                                uint64_t height) const override {
    std::shared_lock lock(mutex_);
    if (!current_) return tl::unexpected(halted());
    return current_->state_range(from, to, limit, height);
  }
  Result<CallResult> rerun(const Digest& hash, const Substitutes& substitutes) const override {
    return ask(&LedgerImpl::rerun, hash, substitutes);
  }
  Result<std::pair<std::optional<Bytes>, merkle::StateProof>> state_proof(std::string_view key,
                                                                          uint64_t height) const override {
    return ask(&LedgerImpl::state_proof, key, height);
  }
  Result<std::optional<format::Account>> account(const format::KeyId& id) const override {
    return ask(&LedgerImpl::account, id);
  }
  uint64_t oldest_height() const override {
    std::shared_lock lock(mutex_);
    return current_ ? current_->oldest_height() : 1;
  }
  uint64_t disk_bytes() const override {
    std::shared_lock lock(mutex_);
    return current_ ? current_->disk_bytes() : 0;
  }

  Status verify(const OnVerifyProgress& on_progress) const override {
    return ask(&LedgerImpl::verify, on_progress);
  }
  Status prune(uint64_t height, int64_t now_ms) override {
    std::shared_lock lock(mutex_);
    if (!current_) return tl::unexpected(halted());
    return current_->prune(height, now_ms);
  }
  Status export_to(const fs::path& file, const OnVerifyProgress& on_progress) const override {
    return ask(&LedgerImpl::export_to, file, on_progress);
  }
  Status checkpoint(const fs::path& folder) const override { return ask(&LedgerImpl::checkpoint, folder); }
  Result<std::vector<HeightRange>> chunks() const override { return ask(&LedgerImpl::chunks); }
  Result<Bytes> read_chunk(const HeightRange& range) const override {
    return ask(&LedgerImpl::read_chunk, range);
  }
  Result<std::vector<BlockEnvelopes>> read_blocks(uint64_t from_height, size_t max_bytes) const override {
    return ask(&LedgerImpl::read_blocks, from_height, max_bytes);
  }

  Result<std::unique_ptr<Importer>> importer() const override {
    return Importer::open(folder_, document_, options_);
  }
  void clear_import() const override {
    std::error_code ignored;
    fs::remove_all(folder_ / kTakingFolder, ignored);
  }
  Status replace() override {
    std::unique_lock lock(mutex_);
    if (current_) last_head_ = current_->head();
    current_.reset();  // its folder is free
    TRY(take_up(folder_));
    auto opened = LedgerImpl::open_in(folder_, options_);
    if (!opened) return tl::unexpected(ledger_error(std::move(opened).error()));
    current_ = std::move(*opened);
    return {};
  }

 private:
  template <typename R, typename... Parameters, typename... Arguments>
  R ask(R (LedgerImpl::*method)(Parameters...) const, const Arguments&... arguments) const {
    std::shared_lock lock(mutex_);
    if (!current_) return tl::unexpected(halted());
    return (*current_.*method)(arguments...);
  }

  const fs::path folder_;
  const Options options_;
  const std::string document_;
  const format::Genesis genesis_;
  const Digest id_;
  mutable std::shared_mutex mutex_;
  Head last_head_;
  std::unique_ptr<LedgerImpl> current_;  // none after a replacement that failed
};

}  // namespace

std::unique_ptr<Ledger> make_replaceable(std::unique_ptr<LedgerImpl> ledger, fs::path folder,
                                         Options options) {
  return std::make_unique<Replaceable>(std::move(ledger), std::move(folder), std::move(options));
}

}  // namespace chengxin::ledger
