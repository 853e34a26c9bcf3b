#include "comet/impl/standing.h"

#include "crypto/sha256.h"
#include "crypto/sm3.h"

namespace chengxin::comet {
namespace {

Result<VotersPtr> read_voters(const std::optional<Bytes>& document) {
  if (!document)
    return fail(Code::conflict, "comet.no_consortium", "the chain has no consortium in its state");
  ASSIGN(auto consortium, format::Consortium::decode(text(*document)));
  return std::make_shared<const Voters>(std::move(consortium));
}

// After the block before that one, whose voters certify it.
Result<VotersPtr> voters_before(const ledger::Ledger& ledger, uint64_t height) {
  ASSIGN(auto document, ledger.state(format::kConsortiumKey, height - 1));
  return read_voters(document);
}

Result<std::optional<Uncertified>> uncertified(const ledger::Ledger& ledger, uint64_t height,
                                               const VotersPtr& signers) {
  if (height == 0) return std::optional<Uncertified>();
  ASSIGN(auto block, ledger.block_header(height));
  if (block.header.validators_hash != signers->set.hash())
    return fail(Code::conflict, "comet.validators_differ",
                "block {} is to be certified by others than the voters", height);
  return std::optional(Uncertified{height, format::Header::hash(block.header_bytes), signers});
}

}  // namespace

EngineAddress engine_address(const std::array<uint8_t, 32>& engine_key) {
  const auto hash = crypto::Sha256().update(engine_key).finish();
  EngineAddress out;
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

Voters::Voters(format::Consortium of) : consortium(std::move(of)), set(consortium.validators()) {
  for (const format::Node& node : consortium.nodes)
    for (size_t i = 0; i < set.members.size(); ++i)
      if (node.role == format::NodeRole::voter && set.members[i].public_key == node.key)
        indices_[engine_address(node.engine_key)] = uint16_t(i);
}

std::optional<uint16_t> Voters::index_of(const EngineAddress& address) const {
  auto found = indices_.find(address);
  return found == indices_.end() ? std::nullopt : std::optional(found->second);
}

const crypto::Sm2Point* Voters::key_of(const EngineAddress& address) const {
  const auto index = index_of(address);
  return index ? &set.members[*index].public_key : nullptr;
}

Digest app_hash(const Progress& progress, const format::Header& head, const Digest& next_validators) {
  constexpr char kTag[] = "chengxin/app/v1";  // with the zero behind it
  Bytes numbers;
  put_be(numbers, head.version);
  put_be(numbers, progress.decided == 0 ? head.height : head.height - 1);
  return crypto::sm3({ByteView(reinterpret_cast<const uint8_t*>(kTag), sizeof kTag), numbers, head.log_root,
                      head.state_root, next_validators});
}

Result<StandingPtr> load_standing(const ledger::Ledger& ledger) {
  auto out = std::make_shared<Standing>();
  ASSIGN(out->progress, progress(ledger));
  ASSIGN(auto document, ledger.state(format::kConsortiumKey));
  ASSIGN(out->present, read_voters(document));
  const auto& [engine_height, decided, decided_before, misbehaviours] = out->progress;
  out->voting = out->present;
  if (decided != 0) {
    ASSIGN(out->voting, voters_before(ledger, decided));
  }
  ASSIGN(out->to_sign, uncertified(ledger, decided, out->voting));
  out->may_carry = decided_before == kUnknownHeight;
  if (decided_before != 0 && !out->may_carry) {
    ASSIGN(auto signers, voters_before(ledger, decided_before));
    ASSIGN(out->to_carry, uncertified(ledger, decided_before, signers));
  }
  const ledger::Head head = ledger.head();
  const Digest next = head.next_validators.hash();
  if (next != out->present->set.hash())
    return fail(Code::conflict, "comet.validators_differ", "the chain's validators are not its voters");
  out->app_hash = app_hash(out->progress, head.header, next);
  return out;
}

}  // namespace chengxin::comet
