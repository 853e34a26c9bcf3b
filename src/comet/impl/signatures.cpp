#include "comet/impl/signatures.h"

namespace chengxin::comet {
namespace {

tl::unexpected<Error> bad(std::string_view why) {
  return fail(Code::invalid_argument, "comet.extension", "{}", why);
}

// What the extension says, if it is of this block and a voter's.
struct Claim {
  uint16_t index = 0;
  crypto::Sm2Signature signature{};
};
Result<Claim> claim(const Uncertified& block, const EngineAddress& voter, ByteView bytes) {
  ASSIGN(auto extension, Extension::decode(bytes));
  if (!extension) return bad("the signature is missing");
  if (extension->height != block.height) return bad("of another block");
  const auto index = block.signers->index_of(voter);
  if (!index) return bad("of no voter");
  return Claim{*index, extension->signature};
}

}  // namespace

Status Signatures::check(const std::optional<Uncertified>& block, const EngineAddress& voter,
                         ByteView extension) {
  if (!block) return extension.empty() ? Status() : Status(bad("there is nothing to sign"));
  ASSIGN(const Claim made, claim(*block, voter, extension));
  const Bytes message = format::certificate_message(block->header_hash);
  const crypto::Sm2Point& key = block->signers->set.members[made.index].public_key;
  if (!crypto::sm2_verifier()->verify({&key, &made.signature, message}))
    return bad("the signature does not hold");
  keep(block->height, made.index, made.signature);
  return {};
}

Result<format::Certificate> Signatures::certificate(const Uncertified& block, std::span<const Given> given) {
  auto good = held(block.height);
  const auto& members = block.signers->set.members;
  const Bytes message = format::certificate_message(block.header_hash);
  std::vector<Claim> claims;
  for (const Given& each : given)
    if (auto made = claim(block, each.voter, each.extension); made && !good.contains(made->index))
      claims.push_back(*made);
  std::vector<sm2::Check> checks;
  for (const Claim& each : claims)
    checks.push_back({&members[each.index].public_key, &each.signature, message});
  std::vector<uint8_t> verdicts(checks.size());
  crypto::sm2_verifier()->verify(checks, verdicts);
  for (size_t i = 0; i < claims.size(); ++i) {
    if (!verdicts[i]) continue;
    good[claims[i].index] = claims[i].signature;
    keep(block.height, claims[i].index, claims[i].signature);
  }
  format::Certificate out;
  uint64_t weight = 0;
  for (const auto& [index, signature] : good) {
    out.entries.push_back({index, signature});
    weight += members[index].weight;
  }
  const uint64_t total = block.signers->set.total_weight();
  if (!(3 * weight > 2 * total))
    return fail(Code::unavailable, "comet.certificate_short", "signatures of weight {} of {} for block {}",
                weight, total, block.height);
  return out;
}

void Signatures::forget_below(uint64_t height) {
  std::lock_guard lock(mutex_);
  held_.erase(held_.begin(), held_.lower_bound(height));
}

void Signatures::keep(uint64_t height, uint16_t index, const crypto::Sm2Signature& signature) {
  std::lock_guard lock(mutex_);
  held_[height].emplace(index, signature);
}

std::map<uint16_t, crypto::Sm2Signature> Signatures::held(uint64_t height) const {
  std::lock_guard lock(mutex_);
  auto found = held_.find(height);
  return found == held_.end() ? std::map<uint16_t, crypto::Sm2Signature>() : found->second;
}

}  // namespace chengxin::comet
