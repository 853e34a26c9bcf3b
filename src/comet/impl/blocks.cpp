#include "comet/impl/blocks.h"

#include <algorithm>

namespace chengxin::comet {
namespace {

// Each may hold a block's worth of memory; a round that fails adds one.
constexpr size_t kMostMade = 3;

}  // namespace

int64_t Blocks::ledger_time(int64_t engine_time_ms) const {
  return std::max(engine_time_ms, ledger_.head().header.time_ms);
}

Result<ExecutedPtr> Blocks::propose(int64_t time_ms, Room room) {
  const size_t most = std::min(room.names, room.bytes / sizeof(Digest));
  if (most == 0) return ExecutedPtr();
  const auto candidates = pool_.candidates(ledger_.head().limits.max_block_bytes, most);
  if (candidates.empty()) return ExecutedPtr();
  ASSIGN(auto executed, ledger_.execute(candidates, time_ms));
  if (executed.included.empty()) {
    refuse(executed);
    return ExecutedPtr();
  }
  return std::make_shared<const ledger::Ledger::Executed>(std::move(executed));
}

void Blocks::refuse(const ledger::Ledger::Executed& executed) {
  for (const auto& [transaction, why] : executed.dropped) {
    // The engine's time is that of the last votes, on a chain that rested long ago: this one's time comes
    // with the next block.
    if (why.reason != "transaction.not_yet_valid") pool_.refused(transaction, why);
  }
}

Result<BlockData> Blocks::read(const Standing& standing,
                               const google::protobuf::RepeatedPtrField<std::string>& transactions) {
  const auto& owed = standing.to_carry;
  BlockData data;
  if (transactions.size() > 1)
    return fail(Code::invalid_argument, "comet.block_data", "{} transactions of the engine's",
                transactions.size());
  if (!transactions.empty()) {
    ASSIGN(data, BlockData::decode(view(transactions[0])));
  }
  if (!owed && data.certificate && !standing.may_carry)
    return fail(Code::conflict, "comet.certificate_not_owed", "of block {}", data.certificate->height);
  if (!owed) return data;
  if (!data.certificate || data.certificate->height != owed->height)
    return fail(Code::conflict, "comet.certificate_missing", "that of block {} is owed", owed->height);
  TRY(format::verify_certificate(data.certificate->certificate, owed->signers->set, owed->header_hash));
  return data;
}

Result<Blocks::Judged> Blocks::execute(const BlockData& data, int64_t time_ms,
                                       const crypto::Sm2Point* proposer, bool decided) {
  if (data.contents.empty()) return Judged();
  for (const Made& made : made_)
    if (made.time_ms == time_ms && made.contents == data.contents) return Judged{made.executed, {}};
  auto found = pool_.find(data.contents, time_ms, proposer, decided);
  if (!found) return Judged{nullptr, std::move(found).error()};
  ASSIGN(auto executed, ledger_.execute(*found, time_ms));
  if (!executed.dropped.empty()) {
    const auto& [transaction, why] = executed.dropped.front();
    return Judged{nullptr, Error{Code::conflict, "comet.does_not_fit",
                                 fmt::format("transaction {}: {}", hex(transaction->hash), why.to_string())}};
  }
  auto kept = std::make_shared<const ledger::Ledger::Executed>(std::move(executed));
  remember(data.contents, time_ms, kept);
  return Judged{std::move(kept), {}};
}

void Blocks::remember(const std::vector<Digest>& contents, int64_t time_ms, ExecutedPtr executed) {
  if (made_.size() == kMostMade) made_.pop_front();
  made_.push_back({contents, time_ms, std::move(executed)});
}

Status Blocks::keep(uint64_t engine_height, const ExecutedPtr& executed) {
  auto made =
      std::find_if(made_.begin(), made_.end(), [&](const Made& each) { return each.executed == executed; });
  if (made == made_.end() || made->kept) return {};
  TRY(pool_.keep(engine_height, executed->included));
  made->kept = true;
  return {};
}

}  // namespace chengxin::comet
