#pragma once
#include <atomic>
#include <mutex>

#include "evidence/impl/tables.h"
#include "proof/bundle.h"

// Makes proof bundles: from the chain while it has the transaction, else from what archive() kept.
namespace chengxin::evidence {

class Bundles {
 public:
  Bundles(host::Host& host, sql::Database& database, blob::Store& blobs, const Options& options)
      : host_(host), database_(database), blobs_(blobs), options_(options) {}

  Result<Bytes> of_record(const Id& id, const BundleOptions& options);
  Result<Bytes> of_item(const std::string& chain, const Digest& digest, const BundleOptions& options);
  Result<size_t> archive_before(const std::string& chain, uint64_t height);
  uint64_t timestamps() const { return timestamps_; }
  uint64_t made() const { return made_; }

 private:
  Result<proof::Bundle> from_chain(const host::Chain& chain, const ledger::ItemLocation& location,
                                   bool timestamp);
  Result<proof::Bundle> from_archive(const std::string& blob, uint64_t index, const Digest& item_leaf);
  Result<Bytes> token_of(const std::string& chain, uint64_t height, const Digest& header_hash);
  Status archive(const host::Chain& chain, const tables::BatchRow& batch);

  host::Host& host_;
  sql::Database& database_;
  blob::Store& blobs_;
  const Options& options_;
  std::mutex token_mutex_;  // one token for a header, however many ask for it at once
  Digest last_header_{};
  Bytes last_token_;
  std::atomic<uint64_t> timestamps_{0}, made_{0};
};

}  // namespace chengxin::evidence
