#pragma once
#include <random>
#include <shared_mutex>

#include "mirror/mirror.h"

namespace chengxin::mirror {

// A chain without signatures or state: blocks that could have been, from a seed. Thread-safe.
class FakeChain {
 public:
  FakeChain(std::string name, unsigned seed, std::string salt = "") : name_(std::move(name)), random_(seed) {
    id_.fill(uint8_t(seed));
    if (!salt.empty()) std::copy_n(salt.begin(), std::min<size_t>(salt.size(), 32), id_.begin());
  }

  void grow(size_t blocks, size_t max_transactions = 12) {
    std::unique_lock lock(mutex_);
    for (size_t i = 0; i < blocks; ++i) add_block(pick(max_transactions + 1));
  }
  void prune(uint64_t height) {
    std::unique_lock lock(mutex_);
    oldest_ = height;
  }
  // A ledger restored from an older copy.
  void cut(uint64_t height) {
    std::unique_lock lock(mutex_);
    blocks_.resize(height);
  }
  void reseed(unsigned seed) { random_.seed(seed); }

  const Digest& id() const { return id_; }
  uint64_t head() const {
    std::shared_lock lock(mutex_);
    return blocks_.size();
  }
  // For a naive look at what the mirror should say.
  std::vector<ledger::BlockRecord> blocks() const {
    std::shared_lock lock(mutex_);
    return blocks_;
  }
  ledger::TransactionRecord transaction(const Digest& hash) const {
    std::shared_lock lock(mutex_);
    return transactions_.at(hash);
  }

  ChainReader reader() const {
    return {id_,
            name_,
            [this] { return head(); },
            [this] {
              std::shared_lock lock(mutex_);
              return oldest_;
            },
            [this](uint64_t height) -> Result<ledger::BlockContent> {
              std::shared_lock lock(mutex_);
              if (height < 1 || height > blocks_.size()) return fail(Code::not_found, "ledger.no_block");
              ledger::BlockContent content{blocks_[height - 1], {}};
              if (height < oldest_) {
                content.block.transactions.clear(), content.block.pruned = true;
                return content;
              }
              for (const Digest& hash : content.block.transactions)
                content.transactions.push_back(transactions_.at(hash));
              return content;
            },
            [this](uint64_t height) -> Result<ledger::BlockRecord> {
              std::shared_lock lock(mutex_);
              if (height < 1 || height > blocks_.size()) return fail(Code::not_found, "ledger.no_block");
              ledger::BlockRecord block = blocks_[height - 1];
              block.transactions.clear();
              block.pruned = height < oldest_;
              return block;
            }};
  }

 private:
  uint64_t pick(uint64_t below) { return random_() % below; }
  Digest digest() {
    Digest out;
    for (auto& byte : out) byte = uint8_t(random_());
    return out;
  }
  std::string name() {
    static const std::string kNames[] = {"evidence",
                                         "governance",
                                         "Evidence",
                                         "identity",
                                         std::string("a\0b'\"--\xff", 8),
                                         std::string(40'000, 'x'),
                                         ""};
    return kNames[pick(20) < 18 ? pick(4) : 4 + pick(3)];
  }

  void add_block(size_t count) {
    ledger::BlockRecord block;
    block.header.chain = id_;
    block.header.height = blocks_.size() + 1;
    block.header.time_ms =
        (blocks_.empty() ? 1'795'000'000'000 : blocks_.back().header.time_ms) + int64_t(pick(3));
    block.header.state_root = digest();
    block.header.log_size = (blocks_.empty() ? 0 : blocks_.back().header.log_size) + count;
    block.header_bytes = block.header.encode();
    block.transaction_count = count;
    for (size_t i = 0; i < count; ++i) {
      ledger::TransactionRecord record;
      record.height = block.header.height;
      record.transaction.hash = digest();
      record.transaction.body.signer.fill(uint8_t(pick(4)));
      record.receipt.status = pick(10) == 0 ? uint32_t(1 + pick(7)) : 0;
      record.receipt.gas = random_() & INT64_MAX;
      for (size_t c = 0; c <= pick(3); ++c) record.transaction.body.calls.push_back({name(), name(), {}});
      for (size_t e = 0; e < pick(3); ++e)
        record.events.push_back({name(), name(), Bytes(pick(50), uint8_t(e))});
      block.transactions.push_back(record.transaction.hash);
      transactions_[record.transaction.hash] = std::move(record);
    }
    blocks_.push_back(std::move(block));
  }

  const std::string name_;
  Digest id_{};
  std::mt19937_64 random_;
  mutable std::shared_mutex mutex_;
  uint64_t oldest_ = 1;
  std::vector<ledger::BlockRecord> blocks_;
  std::map<Digest, ledger::TransactionRecord> transactions_;
};

}  // namespace chengxin::mirror
