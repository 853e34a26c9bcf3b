#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"
#include "ledger/importer.h"

// Chains in parts, for nodes that take them from others (docs/formats/chain-export.md).
namespace chengxin::ledger {
Result<std::vector<HeightRange>> LedgerImpl::chunks() const {
  std::lock_guard lock(chunks_mutex_);
  const uint64_t top = head().certified_height;
  for (uint64_t height = chunks_.height + 1; height <= top; ++height) {
    ASSIGN(auto block, block_header(height));
    if (block.pruned) return pruned();
    uint64_t bytes = format::kHeaderBytes;
    Status counted = each_entry(block, [&](uint64_t, ByteView entry) -> Status {
      ASSIGN(const auto stored, StoredTransaction::decode(entry));
      bytes += stored.body.size() + stored.signature.size();
      for (const StoredAttachment& each : stored.attachments) bytes += each.bytes;
      return {};
    });
    if (!counted) return oldest_ > height ? pruned() : tl::unexpected(std::move(counted).error());
    if (chunks_.first.empty() || chunks_.bytes + bytes > kPartBytes) {
      chunks_.first.push_back(height);
      chunks_.bytes = 0;
    }
    chunks_.bytes += bytes;
    chunks_.height = height;
  }
  if (oldest_ > 1) return pruned();
  std::vector<HeightRange> out;
  for (size_t i = 0; i < chunks_.first.size(); ++i)
    out.push_back(
        {chunks_.first[i], i + 1 < chunks_.first.size() ? chunks_.first[i + 1] - 1 : chunks_.height});
  return out;
}

Result<Bytes> LedgerImpl::read_chunk(const HeightRange& range) const {
  if (range.first == 0 || range.first > range.last)
    return fail(Code::not_found, "ledger.no_block", "{} to {}", range.first, range.last);
  Bytes out;
  for (uint64_t height = range.first; height <= range.last; ++height) {
    ASSIGN(auto block, block_header(height));
    TRY(certified(*now(), height));
    if (block.pruned) return pruned();
    append(out, block.header_bytes);
    put_sized(out, block.certificate_bytes);
    Status read = each_envelope(block, [&](ByteView envelope) -> Status {
      put_sized(out, envelope);
      return {};
    });
    if (!read) return oldest_ > height ? pruned() : tl::unexpected(std::move(read).error());
  }
  return out;
}

Result<std::vector<BlockEnvelopes>> LedgerImpl::read_blocks(uint64_t from_height, size_t max_bytes) const {
  std::vector<BlockEnvelopes> out;
  const uint64_t top = head().header.height;
  size_t total = 0;
  for (uint64_t height = std::max<uint64_t>(from_height, 1); height <= top; ++height) {
    ASSIGN(auto block, block_header(height));
    if (block.pruned) return pruned();
    BlockEnvelopes content{height, {}};
    Status read = each_envelope(block, [&](ByteView envelope) -> Status {
      total += envelope.size();
      content.envelopes.push_back(to_bytes(envelope));
      return {};
    });
    if (!read) return oldest_ > height ? pruned() : tl::unexpected(std::move(read).error());
    if (total > max_bytes && !out.empty()) break;
    out.push_back(std::move(content));
  }
  return out;
}

namespace {

tl::unexpected<Error> bad(uint64_t height, std::string_view why) {
  return fail(Code::data_loss, "ledger.chunk_bad", "block {}: {}", height, why);
}

class ImporterImpl final : public Importer {
 public:
  ImporterImpl(fs::path making, fs::path folder, std::unique_ptr<LedgerImpl> ledger)
      : making_(std::move(making)), folder_(std::move(folder)), ledger_(std::move(ledger)) {}

  uint64_t next_height() const override { return head().header.height + 1; }
  Head head() const override { return ledger_->head(); }
  Result<Digest> block_hash(uint64_t height) const override {
    ASSIGN(const auto block, ledger_->block_header(height));
    return format::Header::hash(block.header_bytes);
  }

  Status take(ByteView chunk) override {
    Reader in(chunk);
    for (std::optional<uint64_t> size; in.remaining() > 0;) {
      const uint64_t next = next_height();
      ASSIGN(ImportedBlock block, read_block(in, next, size));
      size = block.header.log_size;
      if (block.header.height < next) continue;
      Status taken = ledger_->import_block(block);
      if (taken) continue;
      const Error& why = taken.error();
      if (why.reason == "ledger.protocol_unknown" || why.reason == "ledger.halted" ||
          why.reason.starts_with("store.") || why.reason.starts_with("file."))
        return taken;
      return bad(next, why.to_string());
    }
    return {};
  }

  Status finish(const std::optional<Bytes>& note) override {
    if (note) TRY(ledger_->decide({nullptr, {}, note}, false));
    TRY(ledger_->make_durable());
    ledger_.reset();
    const fs::path ready = folder_ / kReadyFolder;
    std::error_code error;
    fs::remove_all(ready, error);
    fs::rename(making_, ready, error);
    if (error) return tl::unexpected(file_error(ready, error.value()));
    return sync_folder(folder_);
  }

  void discard() override {
    ledger_.reset();
    std::error_code ignored;
    fs::remove_all(making_, ignored);
  }

 private:
  // `size`: of the log before this block, or nothing yet. A block that is here already is only passed over.
  Result<ImportedBlock> read_block(Reader& in, uint64_t next, std::optional<uint64_t> size) const {
    ImportedBlock block;
    block.header_bytes = to_bytes(in.take(format::kHeaderBytes));
    if (!in.ok()) return bad(next, "it ends too early");
    auto header = format::Header::decode(block.header_bytes);
    if (!header) return bad(next, header.error().to_string());
    block.header = *header;
    const uint64_t height = header->height;
    if (height == 0 || height > next) return bad(next, fmt::format("block {} stands there", height));
    block.certificate = to_bytes(in.take_sized());
    if (!size) {
      size = 0;
      if (height > 1) {
        ASSIGN(auto before, ledger_->block_header(height - 1));
        size = before.header.log_size;
      }
    }
    const uint64_t end = header->log_size;
    if (end < *size || end - *size > kMaxBlockTransactions || block.certificate.size() > kMaxCertificateBytes)
      return bad(height, "a length is out of bounds");
    for (uint64_t i = *size; i < end && in.ok(); ++i) {
      const ByteView envelope = in.take_sized();
      if (height == next) block.envelopes.push_back(to_bytes(envelope));
    }
    if (!in.ok()) return bad(height, "it ends too early");
    return block;
  }

  const fs::path making_, folder_;
  std::unique_ptr<LedgerImpl> ledger_;
};

}  // namespace

Result<std::unique_ptr<Importer>> Importer::open(const fs::path& folder, std::string_view genesis,
                                                 Options options) {
  const fs::path making = folder / kTakingFolder;
  std::error_code ignored;
  if (fs::exists(making, ignored)) {
    auto begun = LedgerImpl::open_in(making, options);
    if (begun && (*begun)->genesis_document() == genesis)
      return std::make_unique<ImporterImpl>(making, folder, std::move(*begun));
    if (!begun && begun.error().reason == "store.in_use")
      return tl::unexpected(ledger_error(std::move(begun).error()));
    if (begun) begun->reset();
    fs::remove_all(making, ignored);  // of another chain, or not whole
  }
  TRY(Ledger::create(making, genesis, options));
  auto made = LedgerImpl::open_in(making, std::move(options));
  if (!made) return tl::unexpected(ledger_error(std::move(made).error()));
  return std::make_unique<ImporterImpl>(making, folder, std::move(*made));
}

Result<std::unique_ptr<Importer>> LedgerImpl::importer() const {
  return fail(Code::unsupported, "ledger.not_replaceable", "{}", genesis_.name);
}

Status LedgerImpl::replace() {
  return fail(Code::unsupported, "ledger.not_replaceable", "{}", genesis_.name);
}

}  // namespace chengxin::ledger
