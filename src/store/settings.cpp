#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/write_buffer_manager.h>

#include "store/rocks.h"

namespace chengxin::store {
namespace {

// Eight shards: with the default 64 of a small cache each is smaller than a table's filter, which is then
// read each time.
constexpr int kCacheShardBits = 3;

// Shared by every database of the process, so that many chains cost no more memory than one.
struct Shared {
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
};

const Shared& shared(const Options& options) {
  static const Shared instance = [&] {
    rocksdb::Env* env = rocksdb::Env::Default();
    env->SetBackgroundThreads(1, rocksdb::Env::LOW);   // compactions
    env->SetBackgroundThreads(1, rocksdb::Env::HIGH);  // flushes
    return Shared{rocksdb::NewLRUCache(options.cache_bytes, kCacheShardBits),
                  std::make_shared<rocksdb::WriteBufferManager>(4 * options.write_buffer_bytes)};
  }();
  return instance;
}

// RocksDB's own chatter would be a file that nothing checks.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions table_options(Table table, const Options& options) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = shared(options).cache;
  blocks.format_version = 5;
  blocks.checksum = rocksdb::kXXH3;
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.block_size = 8 << 10;

  rocksdb::ColumnFamilyOptions out;
  out.write_buffer_size = options.write_buffer_bytes;
  out.arena_block_size = 64 << 10;  // an idle chain holds at least one of these for each table
  out.max_write_buffer_number = 3;
  out.compression = rocksdb::kNoCompression;  // nearly everything is digests and signatures
  out.target_file_size_base = 64 << 20;
  out.max_bytes_for_level_base = 256 << 20;
  out.paranoid_file_checks = false;
  out.force_consistency_checks = true;
  if (table == Table::index) {
    out.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kIndexPrefixBytes));
    blocks.whole_key_filtering = false;
    blocks.optimize_filters_for_memory = true;
    blocks.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    blocks.partition_filters = true;  // so that a lookup reads a part of a filter, not all of it
    blocks.metadata_block_size = 8 << 10;
    out.memtable_prefix_bloom_size_ratio = 0.05;
    out.level0_file_num_compaction_trigger = 8;
  }
  if (table == Table::log) {
    blocks.filter_policy = nullptr;  // every key that is looked up exists
    blocks.block_size = 16 << 10;
  }
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  return out;
}

}  // namespace

rocksdb::DBOptions database_options(Recovery recovery, const Options& options) {
  rocksdb::DBOptions out;
  out.create_if_missing = options.create;
  out.create_missing_column_families = options.create;
  out.error_if_exists = options.create;
  out.paranoid_checks = true;
  out.wal_recovery_mode = recovery == Recovery::strict ? rocksdb::WALRecoveryMode::kAbsoluteConsistency
                                                       : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  out.track_and_verify_wals_in_manifest = true;
  out.atomic_flush = true;  // a manifest that lost its last record is then a prefix of the blocks too
  out.file_checksum_gen_factory = file_checksums();
  out.write_buffer_manager = shared(options).write_buffers;
  out.max_total_wal_size = 3 * options.write_buffer_bytes;  // bounds what open() replays
  out.max_background_jobs = 2;
  out.info_log = std::make_shared<NoLog>();
  out.stats_dump_period_sec = 0;
  out.stats_persist_period_sec = 0;
  out.write_dbid_to_manifest = true;
  out.skip_stats_update_on_db_open = true;
  return out;
}

std::vector<rocksdb::ColumnFamilyDescriptor> tables(const Options& options) {
  return {{rocksdb::kDefaultColumnFamilyName, table_options(Table::main, options)},
          {"log", table_options(Table::log, options)},
          {"index", table_options(Table::index, options)},
          {"state", table_options(Table::state, options)}};
}

}  // namespace chengxin::store
