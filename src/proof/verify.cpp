#include "crypto/sm3.h"
#include "crypto/timestamp.h"
#include "format/protocol.h"
#include "merkle/state_tree.h"
#include "proof/bundle.h"

// The checks of docs/formats/cxproof.md, one function each, in the page's order.
namespace chengxin::proof {
namespace {

tl::unexpected<Error> broken(std::string_view reason, std::string_view why) {
  return fail(Code::data_loss, reason, "{}", why);
}

Status check_protocol(const Bundle& bundle) {
  auto known = [](ByteView encoded) -> Status {
    const uint32_t version = format::Header::decode(encoded).value().version;
    if (version >= format::kFirstProtocol && version <= format::kNewestProtocol) return {};
    return broken("proof.protocol_unknown",
                  fmt::format("a header follows version {} of the protocol, this program knows {} to {}: {}",
                              version, format::kFirstProtocol, format::kNewestProtocol,
                              version > format::kNewestProtocol ? "a newer one is needed"
                                                                : "there is no such version"));
  };
  for (const Transition& transition : bundle.transitions) TRY(known(transition.header));
  return known(bundle.header);
}

Status check_record(const Bundle& bundle) {
  if (bundle.item.size() == 32) return {};
  if (!equal(format::record_root(bundle.record), ByteView(bundle.item).subspan(32)))
    return broken("proof.record_mismatch", "the record does not belong to this item");
  return {};
}

struct Body {
  format::TransactionBody body;
  format::EvidenceAdd call;
};

Result<Body> check_body(const Bundle& bundle) {
  auto wrong = [](std::string_view why) { return broken("proof.body_malformed", why); };
  auto body = format::decode_body(bundle.body);
  if (!body) return wrong(body.error().detail);
  if (bundle.call >= body->calls.size()) return wrong("the transaction has no such call");
  const format::Call& call = body->calls[bundle.call];
  if (call.contract != "evidence" || call.method != "add") return wrong("the call is not evidence.add");
  auto arguments = format::decode_evidence_add(call.arguments);
  if (!arguments) return wrong(arguments.error().detail);
  if (arguments->count != bundle.count || arguments->item_bytes != bundle.item.size())
    return wrong("the call is about items of another number or size");
  return Body{std::move(*body), *arguments};
}

Status check_inner_path(const Bundle& bundle, const format::EvidenceAdd& call) {
  if (!merkle::Log::verify_inclusion(bundle.index, bundle.count, merkle::Log::leaf_hash(bundle.item),
                                     bundle.inner_path, call.root))
    return broken("proof.inner_path_mismatch", "the item is not among those of the transaction");
  return {};
}

Status check_signature(const Bundle& bundle, const format::TransactionBody& body) {
  auto wrong = [](std::string_view why) { return broken("proof.signature_invalid", why); };
  if (format::key_id(bundle.signer_key) != body.signer)
    return wrong("the key is not the one that the transaction names");
  auto key = crypto::Sm2PublicKey::from_point(bundle.signer_key);
  if (!key) return wrong("the key is not a point on the curve");
  if (!key->verify(format::signed_message(bundle.body), bundle.signature))
    return wrong("the signature does not hold over the transaction");
  return {};
}

Status check_log_path(const Bundle& bundle, const format::Header& header) {
  Digest leaf =
      format::log_leaf_hash(format::transaction_hash(bundle.body), format::Receipt::hash(bundle.receipt));
  if (!merkle::Log::verify_inclusion(bundle.log_index, header.log_size, leaf, bundle.log_path,
                                     header.log_root))
    return broken("proof.log_path_mismatch", "the transaction with this receipt is not in the log");
  return {};
}

Status check_chain(const Bundle& bundle, const format::Header& header, const format::TransactionBody& body,
                   const format::Receipt& receipt) {
  auto wrong = [](std::string_view why) { return broken("proof.chain_mismatch", why); };
  if (format::Genesis::chain_id(bundle.genesis) != header.chain)
    return wrong("the header is of another chain than the genesis");
  if (body.chain != header.chain) return wrong("the transaction is of another chain");
  if (receipt.height > header.height || receipt.time_ms > header.time_ms)
    return wrong("the receipt is younger than the header");
  return {};
}

// The set that certifies headers above the last transition.
Result<format::ValidatorSet> check_transitions(const Bundle& bundle, const format::Header& header,
                                               format::ValidatorSet set) {
  auto wrong = [](std::string_view why) { return broken("proof.validators_unproven", why); };
  uint64_t height = 0;
  for (const Transition& transition : bundle.transitions) {
    format::Header at = format::Header::decode(transition.header).value();
    if (at.chain != header.chain || at.height <= height)
      return wrong("a transition is of another chain or out of order");
    if (at.validators_hash != set.hash()) return wrong("a transition is not certified by the set before it");
    auto certificate = format::Certificate::decode(transition.certificate).value();
    Status certified = format::verify_certificate(certificate, set, format::Header::hash(transition.header));
    if (!certified) return wrong(certified.error().detail);
    auto proof = merkle::StateProof::decode(transition.state_proof).value();
    if (proof.kind != merkle::StateProof::Kind::own_leaf ||
        !merkle::verify_state(at.state_root, view(format::kValidatorsKey),
                              ByteView(transition.next_validators), proof))
      return wrong("the state does not prove the next set");
    set = format::ValidatorSet::decode(transition.next_validators).value();
    height = at.height;
  }
  if (header.height <= height) return wrong("the header is not above the last transition, or above 0");
  if (header.validators_hash != set.hash()) return wrong("the header is certified by another set");
  return set;
}

Status check_anchor(const Anchor& anchor, const Digest& chain,
                    const std::optional<crypto::TimestampInfo>& timestamp) {
  auto wrong = [](std::string_view why) { return broken("proof.anchor_mismatch", why); };
  if (anchor.chain != chain) return wrong("the anchor is of another chain");
  if (!timestamp || anchor.timestamp_roots.empty()) return {};
  for (const Bytes& root : anchor.timestamp_roots)
    if (root == timestamp->root_der) return {};
  return wrong("the time-stamp is of an authority that the anchor does not list");
}

}  // namespace

Result<Facts> verify(ByteView bytes, const std::optional<Anchor>& anchor,
                     const std::optional<Digest>& file_digest) {
  ASSIGN(Bundle bundle, decode(bytes));
  TRY(check_protocol(bundle));
  TRY(check_record(bundle));
  ASSIGN(Body parsed, check_body(bundle));
  TRY(check_inner_path(bundle, parsed.call));
  TRY(check_signature(bundle, parsed.body));
  auto receipt = format::Receipt::decode(bundle.receipt).value();
  if (receipt.status != 0)
    return broken("proof.not_accepted", fmt::format("the receipt's status is {}", receipt.status));
  auto header = format::Header::decode(bundle.header).value();
  Digest header_hash = format::Header::hash(bundle.header);
  TRY(check_log_path(bundle, header));
  TRY(check_chain(bundle, header, parsed.body, receipt));
  auto genesis = format::Genesis::decode(bundle.genesis);
  if (!genesis) return broken("proof.genesis_malformed", genesis.error().detail);
  ASSIGN(auto set, check_transitions(bundle, header, genesis->validators));
  auto certificate = format::Certificate::decode(bundle.certificate).value();
  Status certified = format::verify_certificate(certificate, set, header_hash);
  if (!certified) return broken("proof.certificate_invalid", certified.error().detail);
  std::optional<crypto::TimestampInfo> timestamp;
  if (!bundle.timestamp.empty()) {
    auto info = crypto::verify_timestamp(bundle.timestamp, header_hash);
    if (!info) return broken("proof.timestamp_invalid", info.error().to_string());
    timestamp = std::move(*info);
  }
  if (anchor) TRY(check_anchor(*anchor, header.chain, timestamp));
  Facts facts;
  std::memcpy(facts.digest.data(), bundle.item.data(), 32);
  if (file_digest && *file_digest != facts.digest)
    return broken("proof.file_mismatch", "the file is not the one that was notarised");
  facts.chain = header.chain;
  facts.transaction = format::transaction_hash(bundle.body);
  facts.header_hash = header_hash;
  facts.chain_name = genesis->name;
  facts.block_height = receipt.height;
  facts.certified_height = header.height;
  facts.block_time_ms = receipt.time_ms;
  facts.certified_time_ms = header.time_ms;
  facts.signer = parsed.body.signer;
  facts.validators = set.members.size();
  facts.transitions = bundle.transitions.size();
  facts.anchored = anchor.has_value();
  if (timestamp) {
    facts.timestamp_ms = timestamp->time_ms;
    facts.timestamp_pinned = anchor && !anchor->timestamp_roots.empty();  // check 13 compared them
    auto signer = crypto::Certificate::from_der(timestamp->signer_der);
    if (signer) facts.timestamp_authority = signer->subject_text();
  }
  for (const format::RecordEntry& entry : bundle.record) {
    if (entry.disclosed)
      facts.record.emplace_back(entry.disclosed->first, entry.disclosed->second.value);
    else
      ++facts.withheld_fields;
  }
  return facts;
}

}  // namespace chengxin::proof
