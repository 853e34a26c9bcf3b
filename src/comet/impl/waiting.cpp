#include "comet/impl/waiting.h"

#include <algorithm>
#include <queue>

#include "base/check.h"

namespace chengxin::comet {
namespace {

// Bytes that a transaction costs besides its own when sources take turns.
constexpr size_t kItemCost = 1024;

}  // namespace

size_t counted_bytes(const format::Transaction& transaction) {
  size_t total = transaction.body_bytes.size() + transaction.signature.size();
  for (const Bytes& attachment : transaction.attachments) total += attachment.size();
  return total;
}

bool Waiting::has_room(const SourceKey& source, size_t bytes) const {
  if (items() >= options_.max_transactions || bytes_ + bytes > options_.max_bytes) return false;
  auto found = sources_.find(source);
  const size_t held = found == sources_.end() ? 0 : found->second.queue.size();
  const size_t held_bytes = found == sources_.end() ? 0 : found->second.bytes;
  return held < options_.max_transactions - items() && held_bytes + bytes <= options_.max_bytes - bytes_ &&
         (source == kOwn || held < options_.max_peer_transactions);
}

Waiting::Entry& Waiting::add(ledger::AdmittedTransaction transaction, const SourceKey& source) {
  Source& to = sources_[source];
  const size_t bytes = counted_bytes(*transaction);
  const Digest hash = transaction->hash;
  to.queue.push_back({std::move(transaction), bytes, source, 0, {}});
  CHECK(entries_.emplace(hash, std::prev(to.queue.end())).second);
  to.bytes += bytes;
  bytes_ += bytes;
  return to.queue.back();
}

Waiting::Entry* Waiting::find(const Digest& hash) {
  auto found = entries_.find(hash);
  return found == entries_.end() ? nullptr : &*found->second;
}

std::optional<Waiting::Entry> Waiting::remove(const Digest& hash) {
  auto found = entries_.find(hash);
  if (found == entries_.end()) return std::nullopt;
  Entry out = std::move(*found->second);
  auto source = sources_.find(out.source);
  source->second.bytes -= out.bytes;
  bytes_ -= out.bytes;
  source->second.queue.erase(found->second);
  if (source->second.queue.empty()) sources_.erase(source);
  entries_.erase(found);
  return out;
}

std::vector<ledger::AdmittedTransaction> Waiting::candidates(size_t max_bytes, size_t max_count) const {
  struct Turn {
    size_t taken;
    std::list<Entry>::const_iterator at, end;
    bool operator<(const Turn& other) const { return taken > other.taken; }  // least first
  };
  std::priority_queue<Turn> turns;
  for (const auto& [key, source] : sources_) turns.push({0, source.queue.begin(), source.queue.end()});
  std::vector<ledger::AdmittedTransaction> out;
  size_t bytes = 0;
  while (!turns.empty() && out.size() < max_count) {
    Turn turn = turns.top();
    turns.pop();
    const Entry& entry = *turn.at;
    if (bytes + entry.bytes > max_bytes) continue;  // its source is served on in the next block
    bytes += entry.bytes;
    turn.taken += entry.bytes + kItemCost;
    out.push_back(entry.transaction);
    if (++turn.at != turn.end) turns.push(turn);
  }
  return out;
}

std::vector<Waiting::Entry> Waiting::take_expired(int64_t time_ms) {
  const uint64_t time = uint64_t(std::max<int64_t>(time_ms, 0));
  std::vector<Digest> hashes;
  for (const auto& [hash, entry] : entries_)
    if (entry->transaction->body.valid_until_ms < time) hashes.push_back(hash);
  std::vector<Entry> out;
  for (const Digest& hash : hashes) out.push_back(std::move(*remove(hash)));
  return out;
}

std::vector<Waiting::Entry> Waiting::take_all() {
  std::vector<Digest> hashes;
  for (const auto& [hash, entry] : entries_) hashes.push_back(hash);
  std::vector<Entry> out;
  for (const Digest& hash : hashes) out.push_back(std::move(*remove(hash)));
  return out;
}

void Waiting::each(const SourceKey& source, const std::function<bool(Entry&)>& visit) {
  auto found = sources_.find(source);
  if (found == sources_.end()) return;
  for (Entry& entry : found->second.queue)
    if (!visit(entry)) return;
}

}  // namespace chengxin::comet
