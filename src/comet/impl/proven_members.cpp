#include "comet/impl/proven_members.h"

#include "format/consortium.h"
#include "merkle/state_tree.h"

namespace chengxin::comet {
namespace {

tl::unexpected<Error> unproven(std::string_view why) {
  return fail(Code::invalid_argument, "comet.members_unproven", "{}", why);
}

// A certified block and a value of the state after it.
struct Step {
  ByteView header, certificate, value, proof;
};

Step take_step(Reader& in) {
  Step out;
  out.header = in.take(format::kHeaderBytes);
  out.certificate = in.take_sized();
  out.value = in.take_sized();
  out.proof = in.take_sized();
  return out;
}

void put_step(Bytes& out, const Step& step) {
  append(out, step.header);
  put_sized(out, step.certificate);
  put_sized(out, step.value);
  put_sized(out, step.proof);
}

// The header, if that set certified it and its state has that value.
Result<format::Header> check(const Step& step, std::string_view key, const Digest& chain,
                             const format::ValidatorSet& set) {
  ASSIGN(const auto header, format::Header::decode(step.header));
  if (header.chain != chain) return unproven("a block of another chain");
  if (header.validators_hash != set.hash()) return unproven("a block that others certify");
  ASSIGN(const auto certificate, format::Certificate::decode(step.certificate));
  TRY(format::verify_certificate(certificate, set, format::Header::hash(step.header)));
  ASSIGN(const auto proof, merkle::StateProof::decode(step.proof));
  if (proof.kind != merkle::StateProof::Kind::own_leaf ||
      !merkle::verify_state(header.state_root, view(key), step.value, proof))
    return unproven("the state does not prove it");
  return header;
}

}  // namespace

// u32 count || steps of changed validators || the step of the consortium's record.
Result<Bytes> prove_members(const ledger::Ledger& ledger) {
  const uint64_t height = ledger.head().certified_height;
  ASSIGN(const auto block, ledger.block_header(height));
  ASSIGN(const auto transitions, ledger.transitions(height));
  ASSIGN(const auto record, ledger.state_proof(format::kConsortiumKey, height));
  if (!record.first) return fail(Code::not_found, "comet.no_consortium");
  Bytes out;
  put_be(out, uint32_t(transitions.size()));
  for (const ledger::Transition& each : transitions)
    put_step(out, {each.header, each.certificate, each.next_validators, each.state_proof});
  put_step(out, {block.header_bytes, block.certificate_bytes, *record.first, record.second.encode()});
  if (out.size() > kMaxMembersProof)
    return fail(Code::unsupported, "comet.members_unproven", "it is too long");
  return out;
}

Result<ProvenMembers> check_members(const ledger::Ledger& own, ByteView proof) {
  Reader in(proof);
  const Digest& chain = own.id();
  const ledger::Head head = own.head();
  format::ValidatorSet set = own.genesis().validators;
  uint64_t height = 0;
  // A block that is here is the same; the first one after those is certified by the voters that follow here.
  bool beyond = head.certified_height == 0;
  auto continues = [&](const format::Header& header, const Step& step) -> Status {
    if (header.height <= head.certified_height) {
      ASSIGN(const auto block, own.block_header(header.height));
      if (!equal(block.header_bytes, step.header)) return unproven("this node has another block");
    } else if (!std::exchange(beyond, true)) {
      Digest voters = head.next_validators.hash();
      if (head.header.height > head.certified_height) {
        ASSIGN(const auto next, own.block_header(head.certified_height + 1));
        voters = next.header.validators_hash;
      }
      if (header.validators_hash != voters) return unproven("other voters than those that follow here");
    }
    return {};
  };
  for (uint32_t left = in.be<uint32_t>(); left > 0 && in.ok(); --left) {
    const Step step = take_step(in);
    if (!in.ok()) break;
    ASSIGN(const auto header, check(step, format::kValidatorsKey, chain, set));
    if (header.height <= height) return unproven("blocks out of order");
    TRY(continues(header, step));
    height = header.height;
    ASSIGN(set, format::ValidatorSet::decode(step.value));
  }
  const Step last = take_step(in);
  if (!in.done()) return unproven("another length");
  ASSIGN(const auto header, check(last, format::kConsortiumKey, chain, set));
  if (header.height <= height) return unproven("blocks out of order");
  TRY(continues(header, last));
  ProvenMembers out;
  out.height = header.height;
  ASSIGN(out.consortium, format::Consortium::decode(text(last.value)));
  return out;
}

}  // namespace chengxin::comet
