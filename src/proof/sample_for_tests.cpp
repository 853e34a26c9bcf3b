#include "proof/sample_for_tests.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::proof {
namespace {

constexpr int64_t kTimeMs = 1'795'320'000'000;

Digest random_digest() {
  Digest digest;
  crypto::random_fill(digest);
  return digest;
}

}  // namespace

Sample::Sample(SampleOptions options)
    : options_(std::move(options)), signer_(crypto::Sm2PrivateKey::generate().value()) {
  members_ = make_members(options_.weights);
  genesis.name = "sample";
  genesis.created_ms = kTimeMs;
  genesis.validators = members_.set;
  bundle.genesis = genesis.encode();
  header.chain = format::Genesis::chain_id(bundle.genesis);
  header.height = 5;
  header.time_ms = kTimeMs + 5000;
  header.log_size = options_.transactions;
  make_transitions();
  header.validators_hash = members_.set.hash();

  crypto::Validity validity{kTimeMs - 1000, kTimeMs + 1'000'000'000};
  auto root = crypto::Authority::create_root({"CN", "Sample", "", "Root"}, validity).value();
  auto key = crypto::Sm2PrivateKey::generate().value();
  crypto::CertificateRequest request{
      crypto::Purpose::timestamp, {"CN", "Sample", "", "Stamps"}, {}, validity};
  auto certificate = root.issue(request, key.public_key()).value();
  authority_ = std::make_shared<crypto::TimestampAuthority>(
      crypto::TimestampAuthority::open(key, {certificate, root.certificate()}).value());
  root_der_ = root.certificate().der;
  anchor = {header.chain, "sample", {root_der_}};

  make_item();
  receipt.height = 4 + (options_.transitions ? header.height - 5 : 0);
  receipt.time_ms = kTimeMs + 4000;
  sign_body();
  seal();
}

Sample::Members Sample::make_members(const std::vector<uint64_t>& weights) {
  Members out;
  for (size_t i = 0; i < weights.size(); ++i) out.keys.push_back(crypto::Sm2PrivateKey::generate().value());
  std::sort(out.keys.begin(), out.keys.end(),
            [](const auto& a, const auto& b) { return a.public_key().point() < b.public_key().point(); });
  for (size_t i = 0; i < weights.size(); ++i)
    out.set.members.push_back({out.keys[i].public_key().point(), weights[i]});
  return out;
}

Bytes Sample::certify(const Members& members, const Digest& header_hash) {
  format::Certificate certificate;
  for (size_t i = 0; i < members.keys.size(); ++i)
    certificate.entries.push_back(
        {uint16_t(i), members.keys[i].sign(format::certificate_message(header_hash)).value()});
  return certificate.encode();
}

void Sample::make_item() {
  file_digest = random_digest();
  bundle.item = to_bytes(file_digest);
  if (options_.record) {
    format::Record record;
    for (std::string name : {"holder", "size", "title"}) {
      format::RecordField field;
      crypto::random_fill(field.salt);
      field.value = name == "size" ? "12" : "\"某" + name + "\"";
      record[name] = field;
    }
    append(bundle.item, format::record_root(record));
    bundle.record = format::disclose(record, std::vector<std::string>{"title", "size"});
  }
  std::vector<Digest> leaves(options_.items);
  for (Digest& leaf : leaves) leaf = random_digest();
  bundle.index = options_.items / 2;
  bundle.count = options_.items;
  leaves[bundle.index] = merkle::Log::leaf_hash(bundle.item);
  bundle.inner_path = merkle::Log::path_of(leaves, bundle.index);
  format::EvidenceAdd add{merkle::Log::root_of(leaves), options_.items, uint32_t(bundle.item.size())};
  body.chain = header.chain;
  body.valid_from_ms = uint64_t(kTimeMs);
  body.valid_until_ms = uint64_t(kTimeMs + 60'000);
  crypto::random_fill(body.nonce);
  bundle.call = 1;
  body.calls = {{"other", "thing", {1}}, {"evidence", "add", format::encode_evidence_add(add)}};
}

void Sample::make_transitions() {
  for (size_t i = 0; i < options_.transitions; ++i) {
    Members next = make_members(options_.weights);
    merkle::StateUpdates updates = {
        {to_bytes(view(format::kValidatorsKey)), next.set.encode()}, {{1, 2}, Bytes{3}}, {{4}, Bytes{5}}};
    std::map<Bytes, Bytes> nodes;
    auto read = [&](ByteView key) -> Result<std::optional<Bytes>> {
      auto it = nodes.find(to_bytes(key));
      return it == nodes.end() ? std::nullopt : std::optional(it->second);
    };
    auto changes = merkle::update_state(0, 1, updates, read).value();
    for (auto& [key, node] : changes.put) nodes[key] = node;
    auto lookup = merkle::look_up_state(1, view(format::kValidatorsKey), read).value();
    format::Header at = header;
    at.state_root = changes.root;
    at.validators_hash = members_.set.hash();
    Transition transition;
    transition.header = at.encode();
    transition.certificate = certify(members_, format::Header::hash(transition.header));
    transition.next_validators = next.set.encode();
    transition.state_proof = lookup.proof.encode();
    bundle.transitions.push_back(std::move(transition));
    members_ = std::move(next);
    header.height += 3;
  }
}

void Sample::sign_body() {
  bundle.signer_key = signer_.public_key().point();
  body.signer = format::key_id(bundle.signer_key);
  sign_raw(format::encode_body(body));
}

void Sample::sign_raw(Bytes body_bytes) {
  bundle.body = std::move(body_bytes);
  bundle.signature = signer_.sign(format::signed_message(bundle.body)).value();
}

void Sample::set_record(std::vector<format::RecordEntry> record) {
  bundle.record = std::move(record);
  bundle.item.resize(32);
  append(bundle.item, format::record_root(bundle.record));
  bundle.index = 0;
  bundle.count = 1;
  bundle.inner_path.clear();
  format::EvidenceAdd add{merkle::Log::leaf_hash(bundle.item), 1, 64};
  body.calls[1].arguments = format::encode_evidence_add(add);
  sign_body();
  seal();
}

void Sample::seal() {
  bundle.receipt = receipt.encode();
  std::vector<Digest> leaves(options_.transactions);
  for (Digest& leaf : leaves) leaf = random_digest();
  bundle.log_index = options_.transactions / 3;
  leaves[bundle.log_index] =
      format::log_leaf_hash(format::transaction_hash(bundle.body), format::Receipt::hash(bundle.receipt));
  bundle.log_path = merkle::Log::path_of(leaves, bundle.log_index);
  header.log_root = merkle::Log::root_of(leaves);
  bundle.header = header.encode();
  Digest header_hash = format::Header::hash(bundle.header);
  bundle.certificate = certify(members_, header_hash);
  bundle.timestamp.clear();
  if (options_.timestamp)
    bundle.timestamp = authority_->stamp(crypto::TimestampRequest::make(header_hash), kTimeMs + 6000).value();
}

}  // namespace chengxin::proof
