#include "simulator/material.h"

#include "crypto/authority.h"
#include "crypto/sm3.h"
#include "evidence/contract.h"
#include "merkle/item_tree.h"

namespace chengxin::simulator {
namespace {

Digest derived(std::string_view what, size_t a, size_t b) {
  return crypto::sm3(view(fmt::format("simulator {} {} {}", what, a, b)));
}

crypto::Sm2PrivateKey key_of(std::string_view what, size_t a, size_t b) {
  Digest scalar = derived(what, a, b);
  scalar[0] &= 0x7f;  // below the order
  return crypto::Sm2PrivateKey::from_scalar(scalar).value();
}

Signer signer_of(std::string_view what) {
  Signer out{key_of(what, 0, 0), {}};
  out.id = format::key_id(out.key.public_key().point());
  return out;
}

Material make() {
  Material out;
  out.governor = signer_of("governor");
  out.writer = signer_of("writer");
  for (size_t i = 0; i < kMembers; ++i) {
    Member& member = out.members.emplace_back();
    for (size_t k = 0; k < kKeysEach; ++k) {
      member.keys.push_back(key_of("member", i, k));
      member.engine_keys.push_back(derived("engine", i, k));
    }
    member.service_key = key_of("service", i, 0).public_key().point();
    const Digest id = derived("connection", i, 0);
    std::copy_n(id.begin(), 20, member.engine_id.begin());
  }
  out.root =
      crypto::Authority::create_root({"CN", "Simulator", "", "Root"}, {1'600'000'000'000, 2'600'000'000'000})
          .value()
          .certificate()
          .der;
  return out;
}

}  // namespace

format::Node Member::node(size_t number) const {
  format::Node out;
  out.name = fmt::format("node-{}", number);
  out.organisation = "city";
  out.key = keys[0].public_key().point();
  out.service_key = service_key;
  out.engine_key = engine_keys[0];
  out.engine_id = engine_id;
  out.address = fmt::format("node-{}.example:7443", number);
  return out;
}

const Material& material() {
  static const Material once = make();
  return once;
}

format::Consortium make_consortium(const std::vector<uint64_t>& weights) {
  const Material& from = material();
  format::Consortium out;
  out.organisations = {{"city", "City", from.root, from.governor.key.public_key().point()}};
  for (size_t i = 0; i < weights.size(); ++i) {
    out.nodes.push_back(from.members[i].node(i));
    out.nodes.back().weight = weights[i];
  }
  out.sort();
  return out;
}

format::Genesis make_genesis(const format::Consortium& consortium) {
  const Material& from = material();
  format::Genesis out;
  out.name = "simulated";
  out.created_ms = kStartMs;
  out.consortium = consortium;
  out.validators = consortium.validators();
  out.accounts = {{from.governor.key.public_key().point(), {"governor"}},
                  {from.writer.key.public_key().point(), {"writer"}}};
  for (const format::Node& node : consortium.nodes) out.accounts.push_back({node.service_key, {"writer"}});
  return out;
}

ledger::Options ledger_options() {
  ledger::Options out;
  out.contracts = evidence::contract();
  out.cache_bytes = 1 << 20;
  return out;
}

Bytes make_transaction(const Digest& chain, const Signer& signer, Window window,
                       std::vector<format::Call> calls, const std::vector<Bytes>& attachments,
                       Random& random) {
  format::TransactionBody body;
  body.chain = chain;
  body.signer = signer.id;
  body.valid_from_ms = uint64_t(window.from_ms);
  body.valid_until_ms = uint64_t(window.until_ms);
  for (uint8_t& byte : body.nonce) byte = uint8_t(random());
  body.calls = std::move(calls);
  return format::sign_transaction(body, signer.key, attachments).value();
}

format::Call evidence_call(ByteView items) {
  const Digest root = merkle::Items::root(merkle::Items::group_hashes(items, 32));
  return {"evidence", "add", format::encode_evidence_add({root, items.size() / 32, 32})};
}

}  // namespace chengxin::simulator
