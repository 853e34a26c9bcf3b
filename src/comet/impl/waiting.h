#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <map>

#include "comet/pool.h"

// Transactions that wait, by source and by hash. Not thread-safe. Invariants:
// - a source holds at most as much as is still free, in number and in bytes, and a peer at most its bound;
// - what a source holds is served first in, first out, and sources take turns by bytes.
namespace chengxin::comet {

using SourceKey = crypto::Sm2Point;  // of a peer
inline constexpr SourceKey kOwn{};   // this node's clients: no key of a peer is zeroes

// Body, signature and attachments: what a chain's limits count.
size_t counted_bytes(const format::Transaction& transaction);

class Waiting {
 public:
  struct Entry {
    ledger::AdmittedTransaction transaction;
    size_t bytes = 0;
    SourceKey source{};
    int64_t handed_ms = 0;  // to the peers
    std::vector<order::OnOutcome> outcomes;
  };

  explicit Waiting(const PoolOptions& options) : options_(options) {}

  size_t items() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }
  bool has_room(const SourceKey& source, size_t bytes) const;
  // None of its hash may be there yet.
  Entry& add(ledger::AdmittedTransaction transaction, const SourceKey& source);
  Entry* find(const Digest& hash);
  const Entry* find(const Digest& hash) const { return const_cast<Waiting*>(this)->find(hash); }
  std::optional<Entry> remove(const Digest& hash);

  std::vector<ledger::AdmittedTransaction> candidates(size_t max_bytes, size_t max_count) const;
  // Removes what fits into no block at or after time_ms.
  std::vector<Entry> take_expired(int64_t time_ms);
  std::vector<Entry> take_all();
  // First to last of a source, until false.
  void each(const SourceKey& source, const std::function<bool(Entry&)>& visit);

 private:
  struct Source {
    std::list<Entry> queue;
    size_t bytes = 0;
  };

  const PoolOptions options_;
  std::map<SourceKey, Source> sources_;
  boost::unordered_flat_map<Digest, std::list<Entry>::iterator, DigestHash> entries_;
  size_t bytes_ = 0;
};

}  // namespace chengxin::comet
