#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "crypto/sm3.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

// Chains as one file (docs/formats/chain-export.md), and copies of chain folders.
namespace chengxin::ledger {
namespace {

constexpr std::string_view kMagic{"CXCHAIN\x01", 8};
constexpr uint32_t kMaxGenesisBytes = 1 << 20;

struct Close {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

class Writer {
 public:
  Writer(File file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}
  Status put(ByteView bytes) {
    hash_.update(bytes);
    return write(bytes);
  }
  Status put_sized(ByteView bytes) {
    TRY(put_number(uint32_t(bytes.size())));
    return put(bytes);
  }
  template <typename Int>
  Status put_number(Int value) {
    Bytes out;
    put_be(out, value);
    return put(out);
  }
  Status finish() {
    const Digest sum = hash_.finish();
    TRY(write(sum));
    if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0)
      return tl::unexpected(file_error(path_, errno));
    return {};
  }

 private:
  Status write(ByteView bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
      return tl::unexpected(file_error(path_, errno));
    return {};
  }
  File file_;
  fs::path path_;
  crypto::Sm3 hash_;
};

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::data_loss, "ledger.import_malformed", "{}", what);
}

class Source {
 public:
  explicit Source(File file) : file_(std::move(file)) {}
  Result<Bytes> take(size_t count) {
    ASSIGN(Bytes out, read(count));
    hash_.update(out);
    return out;
  }
  Result<Bytes> take_sized(uint64_t most) {
    ASSIGN(uint32_t length, number<uint32_t>());
    if (length > most) return malformed("a length is out of bounds");
    return take(length);
  }
  template <typename Int>
  Result<Int> number() {
    ASSIGN(Bytes bytes, take(sizeof(Int)));
    return get_be<Int>(bytes.data());
  }
  Status finish() {
    const Digest sum = hash_.finish();
    ASSIGN(Bytes stored, read(sum.size()));
    if (!equal(stored, sum)) return malformed("the digest at the end is another");
    if (std::fgetc(file_.get()) != EOF) return malformed("bytes after the end");
    return {};
  }

 private:
  Result<Bytes> read(size_t count) {
    Bytes out(count);
    if (std::fread(out.data(), 1, count, file_.get()) != count) return malformed("it ends too early");
    return out;
  }
  File file_;
  crypto::Sm3 hash_;
};

}  // namespace

Status LedgerImpl::export_to(const fs::path& file, const OnVerifyProgress& on_progress) const {
  std::lock_guard maintenance(maintenance_mutex_);
  if (oldest_ > 1) return pruned();
  std::error_code error;
  if (fs::exists(fs::symlink_status(file, error)))
    return fail(Code::conflict, "file.exists", "{}", file.string());
  fs::path part = file;
  part += ".part";
  fs::remove(part, error);  // of an export that was interrupted
  int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return tl::unexpected(file_error(part, errno));
  Status written = export_into(::fdopen(fd, "wb"), part, on_progress);
  if (!written) {
    fs::remove(part, error);
    return written;
  }
  fs::rename(part, file, error);
  if (error) return tl::unexpected(file_error(file, error.value()));
  return sync_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

Status LedgerImpl::export_into(std::FILE* opened, const fs::path& part,
                               const OnVerifyProgress& on_progress) const {
  Writer out(File(opened), part);
  const uint64_t top = head().certified_height;
  TRY(out.put(view(kMagic)));
  TRY(out.put_sized(view(genesis_document_)));
  TRY(out.put_number(top));
  uint64_t size = 0;
  for (uint64_t height = 1; height <= top; ++height) {
    ASSIGN(StoredBlock block, stored_block(height));
    ASSIGN(format::Header header, format::Header::decode(block.header));
    TRY(out.put(block.header));
    TRY(out.put_sized(block.certificate));
    if (header.log_size < size)
      return fail(Code::data_loss, "ledger.damaged", "block {}: its log is shorter than the one before",
                  height);
    BlockRecord entries;
    entries.header = header;
    entries.transaction_count = header.log_size - size;
    TRY(each_envelope(entries, [&](ByteView envelope) { return out.put_sized(envelope); }));
    size = header.log_size;
    if (on_progress) on_progress({height, top});
  }
  return out.finish();
}

// Admits, executes and takes the next block, which must come out as it stands there.
Status LedgerImpl::import_block(const ImportedBlock& block) {
  const format::Header& header = block.header;
  const Head head = this->head();
  if (header.height != head.header.height + 1 || header.previous != head.header_hash ||
      header.time_ms < head.header.time_ms)
    return malformed("its header does not follow from the one before");
  std::vector<AdmittedTransaction> transactions;
  const std::vector<ByteView> views(block.envelopes.begin(), block.envelopes.end());
  for (auto& each : admit(views, header.time_ms)) {
    ASSIGN(auto admitted, std::move(each));
    transactions.push_back(std::move(admitted));
  }
  ASSIGN(Executed executed, execute(transactions, header.time_ms));
  if (!executed.dropped.empty()) return tl::unexpected(executed.dropped[0].second);
  if (executed.header_bytes != block.header_bytes) return malformed("a replay gives another header");
  ASSIGN(auto certificate, format::Certificate::decode(block.certificate));
  return decide({&executed, CertifiedHeight{header.height, certificate}, {}}, false);
}

namespace {

// Fills the new chain in `folder` with the blocks of the file.
Status import_blocks(Source& in, LedgerImpl& ledger, const OnVerifyProgress& on_progress) {
  ASSIGN(const uint64_t top, in.number<uint64_t>());
  for (uint64_t height = 1; height <= top; ++height) {
    auto block = [&]() -> Status {
      ImportedBlock block;
      ASSIGN(block.header_bytes, in.take(format::kHeaderBytes));
      ASSIGN(block.header, format::Header::decode(block.header_bytes));
      ASSIGN(block.certificate, in.take_sized(kMaxCertificateBytes));
      const Head head = ledger.head();
      const uint64_t size = head.header.log_size, end = block.header.log_size;
      if (end < size || end - size > kMaxBlockTransactions)
        return malformed("the log's size is out of bounds");
      for (uint64_t i = size; i < end; ++i) {
        ASSIGN(block.envelopes.emplace_back(), in.take_sized(head.limits.max_transaction_bytes + 1024));
      }
      return ledger.import_block(block);
    }();
    if (!block) {
      Error error = block.error();
      if (error.reason.starts_with("store.") || error.reason.starts_with("file.")) return block;
      return fail(Code::data_loss, "ledger.import_malformed", "block {}: {}", height, error.to_string());
    }
    if (on_progress) on_progress({height, top});
  }
  return in.finish();
}

}  // namespace

Status Ledger::import(const fs::path& file, const fs::path& folder, Options options,
                      const OnVerifyProgress& on_progress) {
  File opened(std::fopen(file.c_str(), "rbe"));
  if (!opened) return tl::unexpected(file_error(file, errno));
  Source in(std::move(opened));
  ASSIGN(Bytes magic, in.take(kMagic.size()));
  if (!equal(magic, view(kMagic))) return malformed("not a chain export of a version known here");
  ASSIGN(Bytes document, in.take_sized(kMaxGenesisBytes));
  std::error_code error;
  if (fs::exists(folder, error)) return fail(Code::conflict, "ledger.exists", "{} exists", folder.string());
  fs::path making = folder;
  making += ".importing";
  fs::remove_all(making, error);
  auto fill = [&]() -> Status {
    if (auto genesis = format::Genesis::decode(text(document)); !genesis)
      return malformed("the genesis document: " + genesis.error().detail);
    auto made = create(making, text(document), options);
    if (!made && made.error().code == Code::invalid_argument)
      return malformed("the genesis document: " + made.error().detail);
    if (!made) return tl::unexpected(made.error());
    made->reset();
    ASSIGN(auto ledger, LedgerImpl::open_in(making, options));
    TRY(import_blocks(in, *ledger, on_progress));
    return ledger->make_durable();
  };
  if (Status filled = fill(); !filled) {
    fs::remove_all(making, error);
    return tl::unexpected(ledger_error(filled.error()));
  }
  fs::rename(making, folder, error);
  if (error) return tl::unexpected(file_error(folder, error.value()));
  return sync_folder(folder.has_parent_path() ? folder.parent_path() : fs::path("."));
}

Status LedgerImpl::make_durable() {
  std::lock_guard lock(write_mutex_);
  TRY(database_->flush());
  return marker_->rewrite({head().header.height, head().header_hash});
}

Status LedgerImpl::checkpoint(const fs::path& folder) const {
  std::error_code error;
  if (fs::exists(folder, error)) return fail(Code::conflict, "ledger.exists", "{} exists", folder.string());
  TRY(make_folder(folder));
  std::lock_guard lock(write_mutex_);
  const Marker::Head at{head().header.height, head().header_hash};
  auto copy = [&]() -> Status {
    TRY(database_->checkpoint(folder / kStoreFolder));
    TRY(Marker::open(folder / kMarkerFile, &at));
    return sync_folder(folder);
  };
  Status copied = copy();
  if (!copied) fs::remove_all(folder, error);
  return copied;
}

}  // namespace chengxin::ledger
