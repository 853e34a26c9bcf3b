#pragma once
#include <rocksdb/db.h>
#include <rocksdb/table.h>

#include "store/database.h"

// What of RocksDB the sources of this module share. Nobody else includes it.
namespace chengxin::store {

inline rocksdb::Slice slice(ByteView bytes) {
  if (bytes.empty()) return {};  // RocksDB asserts that even an empty slice points somewhere
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteView bytes_of(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const uint8_t*>(slice.data()), slice.size()};
}

Error to_error(const rocksdb::Status& status, const fs::path& folder);

// Settings and why: docs/adr/0004-storage.md.
rocksdb::DBOptions database_options(Recovery recovery, const Options& options);
std::shared_ptr<rocksdb::FileChecksumGenFactory> file_checksums();
std::vector<rocksdb::ColumnFamilyDescriptor> tables(const Options& options);

}  // namespace chengxin::store
