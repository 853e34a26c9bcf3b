#include <algorithm>
#include <chrono>

#include "comet/impl/pool_impl.h"

// Contents that a block names: from the pool, from what lies here unchecked, and from the peers.
namespace chengxin::comet {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBlocksAtOnce = 4;  // whose contents are fetched: of several rounds and of decided ones
constexpr int kFirstPauseMs = 100, kMostPauseMs = 2'000;  // between questions

tl::unexpected<Error> inadmissible(const Digest& id, std::string_view why) {
  return fail(Code::invalid_argument, "pool.inadmissible", "{}: {}", hex(id), why);
}

// About what a name does not cover: signature, attachments, and how the envelope is padded. Peers hand on
// only what they have admitted, so that was made up. All other reasons are the named transaction's own.
bool is_lie(const Error& why) {
  return why.reason == "transaction.signature_invalid" || why.reason == "transaction.attachments" ||
         why.reason == "transaction.attachment_mismatch" || why.reason == "transaction.too_large";
}

}  // namespace

// What one call of find() is after.
struct PoolImpl::Search {
  Search(PoolImpl& of, std::span<const Digest> names, int64_t at_ms, bool is_decided)
      : pool(of), ids(names), time_ms(at_ms), decided(is_decided), found(names.size()) {}
  ~Search() {
    if (!wanting) return;
    std::lock_guard lock(pool.mutex_);
    for (const Digest& id : ids) pool.wanted_.remove(id);
  }
  std::vector<Digest> missing() const {
    std::vector<Digest> out;
    for (size_t i = 0; i < ids.size(); ++i)
      if (!found[i]) out.push_back(ids[i]);
    return out;
  }

  PoolImpl& pool;
  const std::span<const Digest> ids;
  const int64_t time_ms;
  const bool decided;  // its block is
  AdmittedTransactions found;
  size_t bytes = 0;
  bool wanting = false;  // its names are among the wanted
  int asked = 0;         // how often
};

ledger::AdmittedTransaction PoolImpl::held(const Digest& id) const {
  if (const Waiting::Entry* entry = waiting_.find(id)) return entry->transaction;
  for (const auto& [height, contents] : kept_)
    if (auto found = contents.find(id); found != contents.end()) return found->second;
  return nullptr;
}

const Unchecked* PoolImpl::unchecked(const Digest& id) const {
  if (const Unchecked* content = wanted_.find(id)) return content;
  if (const Unchecked* content = ahead_.find(id)) return content;
  return restored_.find(id);
}

void PoolImpl::lied(const Digest& id, const Unchecked& content) {
  ++counts_.lies;
  lies_.warn("pool.lie", hex(content.from), {{"peer", hex(content.from)}, {"content", hex(id)}});
  wanted_.lied(id, content.from);
  if (const Unchecked* at = ahead_.find(id); at != nullptr && at->from == content.from) ahead_.remove(id);
  if (const Unchecked* at = restored_.find(id); at != nullptr && at->from == content.from)
    restored_.remove(id);
}

// Hands those to the searches that wait for them, which have them admitted at their block's time; gives back
// the others.
std::vector<Bytes> PoolImpl::take_wanted(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes) {
  {
    std::lock_guard lock(mutex_);
    if (wanted_.empty()) return envelopes;
  }
  const size_t most = kBlocksAtOnce * ledger_.head().limits.max_block_bytes;
  std::vector<Bytes> others;
  for (Bytes& envelope : envelopes) {
    auto decoded = format::decode_transaction(envelope);
    if (!decoded) {
      others.push_back(std::move(envelope));
      continue;
    }
    const Digest id = decoded->hash;
    auto shared = std::make_shared<Bytes>(std::move(envelope));
    std::lock_guard lock(mutex_);
    const Wanted::Verdict verdict = wanted_.arrive(id, {shared, peer}, most);
    if (verdict.taken) arrival();
    if (!verdict.wanted) others.push_back(std::move(*shared));
  }
  return others;
}

void PoolImpl::receive_block(const crypto::Sm2Point& peer, uint64_t height, std::vector<Bytes> envelopes) {
  if (height <= ledger_.head().header.height) return;
  envelopes = take_wanted(peer, std::move(envelopes));
  for (Bytes& envelope : envelopes) {
    auto decoded = format::decode_transaction(envelope);
    if (!decoded) continue;
    const Digest id = decoded->hash;
    std::lock_guard lock(mutex_);
    if (stopped_ || ahead_.bytes() + envelope.size() > options_.max_ahead_bytes) return;
    ahead_.add(height, id, {std::make_shared<const Bytes>(std::move(envelope)), peer});
  }
}

size_t PoolImpl::room_ahead() const {
  std::lock_guard lock(mutex_);
  return options_.max_ahead_bytes - std::min(ahead_.bytes(), options_.max_ahead_bytes);
}

// Takes what is here; whether that is all. What lies here unchecked is admitted, all together.
Result<bool> PoolImpl::look(Search& search) {
  std::vector<std::pair<size_t, Unchecked>> raw;
  size_t missing = 0;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < search.ids.size(); ++i) {
      if (search.found[i]) continue;
      if ((search.found[i] = held(search.ids[i])))
        search.bytes += counted_bytes(*search.found[i]);
      else if (const Unchecked* content = unchecked(search.ids[i]))
        raw.emplace_back(i, *content);
      else
        ++missing;
    }
  }
  std::vector<ByteView> envelopes;
  for (const auto& [number, content] : raw) envelopes.push_back(*content.envelope);
  auto admitted = ledger_.admit(envelopes, search.time_ms);
  for (size_t k = 0; k < raw.size(); ++k) {
    const auto& [number, content] = raw[k];
    const Digest& id = search.ids[number];
    if (admitted[k]) {
      search.bytes += counted_bytes(**admitted[k]);
      search.found[number] = std::move(*admitted[k]);
      if (!search.decided) wait_too(search.found[number], content.from);
    } else if (is_lie(admitted[k].error())) {
      std::lock_guard lock(mutex_);
      lied(id, content);
      ++missing;
    } else {
      return inadmissible(id, admitted[k].error().to_string());
    }
  }
  if (search.bytes > ledger_.head().limits.max_block_bytes)
    return fail(Code::invalid_argument, "pool.inadmissible", "{} bytes are more than a block holds",
                search.bytes);
  return missing == 0;
}

// What a proposal named waits like what came by itself: the block may not be decided.
void PoolImpl::wait_too(const ledger::AdmittedTransaction& transaction, const crypto::Sm2Point& peer) {
  std::lock_guard lock(mutex_);
  if (!stopped_ && waiting_.find(transaction->hash) == nullptr &&
      waiting_.has_room(peer, counted_bytes(*transaction)))
    waiting_.add(transaction, peer);
}

uint64_t PoolImpl::arrivals() const {
  std::lock_guard lock(mutex_);
  return arrivals_;
}

// Under the lock: what a search waits for may have come.
void PoolImpl::arrival() {
  if (wanted_.empty()) return;
  ++arrivals_;
  arrived_.notify_all();
}

void PoolImpl::ask(Search& search, const crypto::Sm2Point* first) {
  const std::vector<Digest> missing = search.missing();
  {
    std::lock_guard lock(mutex_);
    counts_.asked += missing.size();
    // What peers said to be the next blocks did not help. It may have been made up, to fill the room.
    if (search.decided && search.asked++ > 0) ahead_.drop_up_to(UINT64_MAX);
  }
  const uint64_t next = ledger_.head().header.height + 1;
  with_peers([&](Peers& peers) {
    peers.ask(missing, first);
    if (search.decided) peers.ask_blocks(next);
  });
}

Result<AdmittedTransactions> PoolImpl::find(std::span<const Digest> ids, int64_t time_ms,
                                            const crypto::Sm2Point* proposer, bool without_end) {
  Search search(*this, ids, time_ms, without_end);
  const auto begun = Clock::now();
  const auto end =
      without_end ? Clock::time_point::max() : begun + std::chrono::milliseconds(options_.fetch_ms);
  auto next_question = begun + std::chrono::milliseconds(without_end ? 0 : options_.grace_ms);
  int pause_ms = kFirstPauseMs;
  for (bool late = false;;) {
    const uint64_t seen = arrivals();
    ASSIGN(const bool all, look(search));
    if (all) return std::move(search.found);
    if (late) return fail(Code::unavailable, "pool.missing", "{} of {}", search.missing().size(), ids.size());
    std::unique_lock lock(mutex_);
    if (!search.wanting) {
      search.wanting = true;
      for (const Digest& id : ids) wanted_.add(id);
    }
    arrived_.wait_until(lock, std::min(next_question, end), [&] { return stopped_ || arrivals_ != seen; });
    if (stopped_) return fail(Code::unavailable, "pool.stopped");
    lock.unlock();
    late = Clock::now() >= end;
    if (late || Clock::now() < next_question) continue;
    ask(search, proposer);
    proposer = nullptr;
    next_question = Clock::now() + std::chrono::milliseconds(pause_ms);
    pause_ms = std::min(2 * pause_ms, kMostPauseMs);
  }
}

}  // namespace chengxin::comet
