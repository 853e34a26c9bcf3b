#include "store/database.h"

#include <rocksdb/convenience.h>
#include <rocksdb/utilities/checkpoint.h>

#include <atomic>

#include "store/rocks.h"

namespace chengxin::store {

using Handles = std::vector<rocksdb::ColumnFamilyHandle*>;

struct Batch::Impl {
  rocksdb::WriteBatch writes;
  const Handles* handles;
  rocksdb::ColumnFamilyHandle* of(Table table) const { return (*handles)[size_t(table)]; }
};
Batch::Batch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::~Batch() = default;
void Batch::put(Table table, ByteView key, ByteView value) {
  impl_->writes.Put(impl_->of(table), slice(key), slice(value));
}
void Batch::erase(Table table, ByteView key) { impl_->writes.Delete(impl_->of(table), slice(key)); }
void Batch::erase_range(Table table, ByteView from, ByteView to) {
  impl_->writes.DeleteRange(impl_->of(table), slice(from), slice(to));
}
size_t Batch::bytes() const { return impl_->writes.GetDataSize(); }

class Snapshot {
 public:
  explicit Snapshot(rocksdb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~Snapshot() { db_->ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  rocksdb::DB* db_;
  const rocksdb::Snapshot* snapshot_;
};

Error to_error(const rocksdb::Status& status, const fs::path& folder) {
  std::string what = fmt::format("{}: {}", folder.string(), status.ToString());
  auto mentions = [&](std::string_view word) { return what.find(word) != std::string::npos; };
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kSpaceLimit || mentions("No space left"))
    return {Code::unavailable, "store.full", what};
  if (status.IsIOError() && (mentions("lock ") || mentions("/LOCK")) && !mentions("Permission denied"))
    return {Code::conflict, "store.in_use", what};
  // The list of files, or a file that it names, is not there.
  if (status.IsCorruption() || status.IsPathNotFound() || mentions("No such file"))
    return {Code::data_loss, "store.corrupt", what};
  if (status.IsNotSupported()) return {Code::unsupported, "store.newer", what};
  if (status.IsInvalidArgument()) return {Code::data_loss, "store.corrupt", what};
  return {Code::unavailable, "store.io", what};
}

namespace {

class RocksCursor : public Cursor {
 public:
  RocksCursor(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* handle, Table table, ByteView from, ByteView to,
              SnapshotPtr at, bool sequential, const fs::path& folder)
      : folder_(folder), from_(to_bytes(from)), to_(to_bytes(to)), at_(std::move(at)) {
    if (!to_.empty()) upper_ = slice(to_);
    lower_ = slice(from_);
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    if (!to_.empty()) options.iterate_upper_bound = &upper_;
    options.iterate_lower_bound = &lower_;
    if (at_) options.snapshot = at_->get();
    if (sequential) {
      options.readahead_size = 2 << 20;
      options.fill_cache = false;
    }
    const bool one_prefix = table == Table::index && from.size() >= kIndexPrefixBytes &&
                            to.size() >= kIndexPrefixBytes &&
                            equal(from.first(kIndexPrefixBytes), to.first(kIndexPrefixBytes));
    options.total_order_seek = !one_prefix;
    options.prefix_same_as_start = one_prefix;
    iterator_.reset(db->NewIterator(options, handle));
    iterator_->Seek(lower_);
  }
  void seek(ByteView key) override { iterator_->Seek(slice(key)); }
  void seek_last() override { iterator_->SeekToLast(); }
  void next() override { iterator_->Next(); }
  bool valid() const override { return iterator_->Valid(); }
  ByteView key() const override { return bytes_of(iterator_->key()); }
  ByteView value() const override { return bytes_of(iterator_->value()); }
  Status status() const override {
    if (iterator_->status().ok()) return {};
    return tl::unexpected(to_error(iterator_->status(), folder_));
  }

 private:
  fs::path folder_;
  Bytes from_, to_;
  rocksdb::Slice lower_, upper_;
  SnapshotPtr at_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksDatabase : public Database {
 public:
  RocksDatabase(fs::path folder, std::unique_ptr<rocksdb::DB> db, Handles handles, bool read_only)
      : folder_(std::move(folder)), db_(std::move(db)), handles_(std::move(handles)), read_only_(read_only) {}

  ~RocksDatabase() override {
    if (!failed_ && !read_only_)
      db_->Flush(rocksdb::FlushOptions(), handles_);  // the next open has nothing to replay
    for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
    db_->Close();
  }

  Result<std::optional<Bytes>> get(Table table, ByteView key, const SnapshotPtr& at) const override {
    rocksdb::ReadOptions options;
    if (at) options.snapshot = at->get();
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get(options, handle(table), slice(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>();
    TRY(check(status));
    return std::optional(to_bytes(bytes_of(value)));
  }

  Result<std::vector<std::optional<Bytes>>> multi_get(Table table,
                                                      std::span<const Bytes> keys) const override {
    std::vector<rocksdb::Slice> slices(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) slices[i] = slice(keys[i]);
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    db_->MultiGet(rocksdb::ReadOptions(), handle(table), keys.size(), slices.data(), values.data(),
                  statuses.data());
    std::vector<std::optional<Bytes>> out(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].IsNotFound()) continue;
      TRY(check(statuses[i]));
      out[i] = to_bytes(bytes_of(values[i]));
    }
    return out;
  }

  std::unique_ptr<Cursor> cursor(Table table, ByteView from, ByteView to, const SnapshotPtr& at,
                                 bool sequential) const override {
    return std::make_unique<RocksCursor>(db_.get(), handle(table), table, from, to, at, sequential, folder_);
  }

  SnapshotPtr snapshot() const override { return std::make_shared<const Snapshot>(db_.get()); }

  Batch batch() const override {
    return Batch(std::make_unique<Batch::Impl>(Batch::Impl{rocksdb::WriteBatch(), &handles_}));
  }

  Status write(Batch& batch, bool sync) override {
    if (failed_)
      return fail(Code::unavailable, "store.failed", "{}: a write failed earlier", folder_.string());
    rocksdb::WriteOptions options;
    options.sync = sync;
    Status status = check(db_->Write(options, &batch.impl().writes));
    if (!status) failed_ = true;
    return status;
  }

  Status flush() override { return check(db_->Flush(rocksdb::FlushOptions(), handles_)); }

  Status drop_range(Table table, ByteView from, ByteView to) override {
    const rocksdb::Slice first = slice(from), last = slice(to);
    const rocksdb::RangePtr range(&first, &last);
    TRY(check(rocksdb::DeleteFilesInRanges(db_.get(), handle(table), &range, 1, false)));
    rocksdb::WriteOptions options;
    options.sync = true;
    return check(db_->DeleteRange(options, handle(table), first, last));
  }

  Status compact() override {
    rocksdb::CompactRangeOptions options;
    for (rocksdb::ColumnFamilyHandle* each : handles_)
      TRY(check(db_->CompactRange(options, each, nullptr, nullptr)));
    return {};
  }

  Status checkpoint(const fs::path& folder) const override {
    rocksdb::Checkpoint* raw = nullptr;
    TRY(check(rocksdb::Checkpoint::Create(db_.get(), &raw)));
    std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    return check(checkpoint->CreateCheckpoint(folder.string()));
  }

  Status verify_files() const override {
    TRY(check(db_->VerifyFileChecksums(rocksdb::ReadOptions())));
    return check(db_->VerifyChecksum());
  }

  uint64_t disk_bytes() const override {
    uint64_t total = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
      const uint64_t size = entry.file_size(ignored);
      if (!ignored) total += size;
    }
    return total;
  }

  std::string statistics() const override {
    std::string out, part;
    for (rocksdb::ColumnFamilyHandle* each : handles_)
      if (db_->GetProperty(each, "rocksdb.cfstats-no-file-histogram", &part)) out += part;
    return out;
  }

 private:
  rocksdb::ColumnFamilyHandle* handle(Table table) const { return handles_[size_t(table)]; }
  Status check(const rocksdb::Status& status) const {
    if (status.ok()) return {};
    return tl::unexpected(to_error(status, folder_));
  }

  fs::path folder_;
  std::unique_ptr<rocksdb::DB> db_;
  Handles handles_;
  const bool read_only_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const fs::path& folder, Recovery recovery,
                                                 const Options& options) {
  Handles handles;
  rocksdb::DB* raw = nullptr;
  const auto families = tables(options);
  const rocksdb::DBOptions settings = database_options(recovery, options);
  const rocksdb::Status status =
      recovery == Recovery::prefix_read_only
          ? rocksdb::DB::OpenForReadOnly(settings, folder.string(), families, &handles, &raw)
          : rocksdb::DB::Open(settings, folder.string(), families, &handles, &raw);
  if (!status.ok()) return tl::unexpected(to_error(status, folder));
  return std::make_unique<RocksDatabase>(folder, std::unique_ptr<rocksdb::DB>(raw), std::move(handles),
                                         recovery == Recovery::prefix_read_only);
}

}  // namespace chengxin::store
