#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/file.h"

// An ordered key-value store in one folder, on RocksDB (docs/adr/0004-storage.md), whose headers stay behind
// this one.
//
// What is on disk after a crash is a prefix of the batches written, and holds every batch whose synced write
// had returned, unless a disk lost or changed bytes: then open() reports it or rolls back to a prefix, which
// the caller notices by a marker of its own (see Recovery).
//
// Errors: store.full (no space), store.io, store.corrupt, store.in_use (another process has it open),
// store.newer (written by a RocksDB that this one cannot read), store.failed (a write failed earlier: open
// again).
namespace chengxin::store {

// Column families. Their numbers are part of the format on disk.
enum class Table : uint8_t {
  main,   // small and mixed; newest value counts
  log,    // written once in ascending order of key, large values
  index,  // random keys: a one-byte kind and 32 bytes, which make the prefix that its filters know
  state,  // many small values, some replaced often
};
inline constexpr size_t kTables = 4;
inline constexpr size_t kIndexPrefixBytes = 33;

struct Options {
  size_t cache_bytes = 64 << 20;  // of the process, not of this database: the first database opened decides
  bool create = false;            // the folder must not hold a database yet
  size_t write_buffer_bytes = 32 << 20;  // of one table, before it goes to a file
};

// How to read the write-ahead log. strict: anything but whole records is store.corrupt and changes nothing on
// disk. prefix: ends at the first record that is not whole, and drops what follows.
enum class Recovery { strict, prefix, prefix_read_only };

class Batch {
 public:
  struct Impl;
  explicit Batch(std::unique_ptr<Impl> impl);  // Database::batch()
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;
  ~Batch();
  void put(Table table, ByteView key, ByteView value);
  void erase(Table table, ByteView key);
  void erase_range(Table table, ByteView from, ByteView to);  // [from, to)
  size_t bytes() const;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Keys and values of one table at one moment, in byte order. Views are valid until the next move.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void seek(ByteView key) = 0;  // first key ≥ `key`
  virtual void seek_last() = 0;         // last key of the range
  virtual void next() = 0;
  virtual bool valid() const = 0;  // false at the end and after an error
  virtual ByteView key() const = 0;
  virtual ByteView value() const = 0;
  virtual Status status() const = 0;  // ask when valid() turns false
};

class Snapshot;  // keeps what is visible at its making
using SnapshotPtr = std::shared_ptr<const Snapshot>;

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const fs::path& folder, Recovery recovery,
                                                const Options& options);
  virtual ~Database() = default;

  virtual Result<std::optional<Bytes>> get(Table table, ByteView key,
                                           const SnapshotPtr& at = nullptr) const = 0;
  virtual Result<std::vector<std::optional<Bytes>>> multi_get(Table table,
                                                              std::span<const Bytes> keys) const = 0;
  // Keys in [from, to); an empty `to` has no bound. In `index`, a range inside one prefix uses the filters.
  // `sequential` reads ahead and leaves the cache alone.
  virtual std::unique_ptr<Cursor> cursor(Table table, ByteView from, ByteView to,
                                         const SnapshotPtr& at = nullptr, bool sequential = false) const = 0;
  virtual SnapshotPtr snapshot() const = 0;

  virtual Batch batch() const = 0;  // of this database only
  // Atomic over all tables; with `sync` it returns only when durable. After a failed write every further one
  // fails with store.failed.
  virtual Status write(Batch& batch, bool sync) = 0;

  virtual Status flush() = 0;  // everything into table files; the write-ahead log is then empty
  virtual Status drop_range(Table table, ByteView from,
                            ByteView to) = 0;  // like erase_range, and frees whole files
  virtual Status compact() = 0;
  virtual Status checkpoint(
      const fs::path& folder) const = 0;    // a consistent copy, by hard links where possible
  virtual Status verify_files() const = 0;  // reads every byte of every live file; store.corrupt names it
  virtual uint64_t disk_bytes() const = 0;
  virtual std::string statistics() const = 0;  // for people
};

}  // namespace chengxin::store
