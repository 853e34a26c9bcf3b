#include "contract/query.h"

#include <algorithm>

namespace chengxin::contract {
namespace {

// What a call in the block after that height sees of it.
Result<FrameContext> context_after(const ledger::Ledger& ledger, uint64_t height, const Query& query) {
  const ledger::Head head = ledger.head();
  FrameContext out;
  out.caller = out.origin = query.caller;
  out.chain = ledger.id();
  out.height = height + 1;
  if (height == head.header.height) {
    out.previous_block = head.header_hash;
    out.time_ms = head.header.time_ms;
    out.protocol = head.next_protocol();
  } else {
    ASSIGN(const auto block, ledger.block_header(height));
    ASSIGN(const auto next, ledger.block_header(height + 1));
    out.previous_block = format::Header::hash(block.header_bytes);
    out.time_ms = block.header.time_ms;
    out.protocol = next.header.version;
  }
  out.time_ms = std::max(out.time_ms, query.time_ms);
  return out;
}

}  // namespace

Result<Answer> run(const std::shared_ptr<const Registry>& registry, const ledger::Ledger& ledger,
                   const Query& query) {
  const uint64_t height = query.height ? *query.height : ledger.head().header.height;
  ASSIGN(FrameContext context, context_after(ledger, height, query));
  const auto directory = make_directory(registry, query.read_only ? Frozen::may_be_read : Frozen::is_closed);
  // Who may call is asked of a dry run alone: whoever reads the chain may query.
  const auto policy = ledger.head().contract_policy;
  if (!query.read_only) context.policy = policy ? policy.get() : &ledger::kNoPolicySet;
  ChainState state(ledger, height);
  Frames frames(state, context, *directory);
  Message message;
  message.kind = query.read_only ? CallKind::read_only : CallKind::call;
  message.to = query.to;
  message.input = query.input;
  message.gas = std::min(query.gas, ledger::kTransactionGas);
  Answer answer;
  answer.height = height;
  ASSIGN(answer.outcome, frames.call(message));
  answer.events = frames.commit(answer.outcome).events;
  return answer;
}

}  // namespace chengxin::contract
