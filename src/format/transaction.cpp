#include "format/transaction.h"

#include "crypto/sm3.h"
#include "format/impl/canonical.h"
#include "format/impl/message.h"
#include "format/impl/tag.h"
#include "format/transaction.pb.h"

namespace chengxin::format {

KeyId key_id(const crypto::Sm2Point& public_key) {
  Digest digest = crypto::sm3({tag("chengxin/key/v1"), public_key});
  KeyId id;
  std::memcpy(id.data(), digest.data(), id.size());
  return id;
}

Bytes encode_body(const TransactionBody& body) {
  pb::TransactionBody message;
  message.set_chain(body.chain.data(), body.chain.size());
  message.set_signer(body.signer.data(), body.signer.size());
  message.set_valid_from_ms(body.valid_from_ms);
  message.set_valid_until_ms(body.valid_until_ms);
  message.set_nonce(body.nonce.data(), body.nonce.size());
  for (const Call& call : body.calls) {
    pb::Call* added = message.add_calls();
    added->set_contract(call.contract);
    added->set_method(call.method);
    added->set_arguments(call.arguments.data(), call.arguments.size());
  }
  return serialise(message);
}

Result<TransactionBody> decode_body(ByteView bytes) {
  auto malformed = [](std::string_view why) {
    return fail(Code::invalid_argument, "transaction.body_malformed", "{}", why);
  };
  if (bytes.size() > kMaxBodyBytes) return malformed("larger than 64 KiB");
  Canonical in(bytes);
  const ByteView chain = in.bytes(1), signer = in.bytes(2);
  TransactionBody body;
  body.valid_from_ms = in.number(3);
  body.valid_until_ms = in.number(4);
  const ByteView nonce = in.bytes(5);
  while (in.more(6)) {
    Canonical call(in.element());
    const std::string_view contract = call.string(1), method = call.string(2);
    const ByteView arguments = call.bytes(3);
    if (!call.done()) return malformed("not canonical protobuf");
    body.calls.push_back({std::string(contract), std::string(method), to_bytes(arguments)});
  }
  if (!in.done()) return malformed("not canonical protobuf");
  if (!take(chain, body.chain)) return malformed("chain is not 32 bytes");
  if (!take(signer, body.signer)) return malformed("signer is not 16 bytes");
  if (!take(nonce, body.nonce)) return malformed("nonce is not 16 bytes");
  if (body.calls.empty() || body.calls.size() > kMaxCalls) return malformed("not 1 to 64 calls");
  return body;
}

Bytes signed_message(ByteView body) {
  Bytes message = to_bytes(tag("chengxin/tx/v1"));
  append(message, body);
  return message;
}

Digest transaction_hash(ByteView body) { return crypto::sm3({tag("chengxin/tx/v1"), body}); }

Bytes encode_transaction(ByteView body, const crypto::Sm2Signature& signature,
                         std::span<const Bytes> attachments) {
  pb::Transaction message;
  message.set_body(body.data(), body.size());
  message.set_signature(signature.data(), signature.size());
  for (const Bytes& attachment : attachments) message.add_attachments(attachment.data(), attachment.size());
  return serialise(message);
}

namespace {

// The envelope's fields, in any spelling that protobuf allows. Most are in the canonical one, which is read
// where it stands; the others go through the library. Its log is off: it would print what it refuses, and
// strangers choose what that is.
bool take_envelope(ByteView envelope, Transaction& out) {
  if (envelope.size() > (64u << 20)) return false;
  Canonical in(envelope);
  const ByteView body = in.bytes(1), signature = in.bytes(2);
  while (in.more(3)) out.attachments.push_back(to_bytes(in.element()));
  if (in.done()) {
    out.body_bytes = to_bytes(body);
    return take(signature, out.signature);
  }
  static const auto silent [[maybe_unused]] = google::protobuf::SetLogHandler(nullptr);
  pb::Transaction message;
  if (!message.ParseFromArray(envelope.data(), int(envelope.size())) ||
      !message.GetReflection()->GetUnknownFields(message).empty())
    return false;
  out.body_bytes = to_bytes(view(message.body()));
  out.attachments.clear();
  for (const std::string& attachment : message.attachments())
    out.attachments.push_back(to_bytes(view(attachment)));
  return take(view(message.signature()), out.signature);
}

}  // namespace

Result<Transaction> decode_transaction(ByteView envelope) {
  Transaction out;
  if (!take_envelope(envelope, out))
    return fail(Code::invalid_argument, "transaction.malformed",
                "not a body, a signature of 64 bytes and attachments");
  ASSIGN(out.body, decode_body(out.body_bytes));
  out.hash = transaction_hash(out.body_bytes);
  return out;
}

Result<Bytes> sign_transaction(const TransactionBody& body, const crypto::Sm2PrivateKey& key,
                               std::span<const Bytes> attachments) {
  Bytes bytes = encode_body(body);
  ASSIGN(crypto::Sm2Signature signature, key.sign(signed_message(bytes)));
  return encode_transaction(bytes, signature, attachments);
}

Bytes encode_evidence_add(const EvidenceAdd& call) {
  pb::EvidenceAdd message;
  message.set_root(call.root.data(), call.root.size());
  message.set_count(call.count);
  message.set_item_bytes(call.item_bytes);
  return serialise(message);
}

Result<EvidenceAdd> decode_evidence_add(ByteView arguments) {
  Canonical in(arguments);
  EvidenceAdd out;
  const ByteView root = in.bytes(1);
  out.count = in.number(2);
  out.item_bytes = uint32_t(in.number(3, UINT32_MAX));
  if (!in.done() || !take(root, out.root) || out.count == 0 || (out.item_bytes != 32 && out.item_bytes != 64))
    return arguments_malformed("evidence.add");
  return out;
}

Bytes encode_register_key(const crypto::Sm2Point& public_key, const std::vector<std::string>& roles) {
  pb::RegisterKey message;
  message.set_public_key(public_key.data(), public_key.size());
  for (const std::string& role : roles) message.add_roles(role);
  return serialise(message);
}

Result<RegisterKey> decode_register_key(ByteView arguments) {
  Canonical in(arguments);
  RegisterKey out;
  const ByteView public_key = in.bytes(1);
  bool readable = true;
  while (in.more(2)) {
    const ByteView role = in.element();
    readable = readable && Canonical::is_utf8(role);
    out.roles.emplace_back(text(role));
  }
  if (!in.done() || !readable || !take(public_key, out.public_key))
    return arguments_malformed("governance.register_key");
  return out;
}

Bytes encode_revoke_key(const KeyId& id) {
  pb::RevokeKey message;
  message.set_key_id(id.data(), id.size());
  return serialise(message);
}

Result<KeyId> decode_revoke_key(ByteView arguments) {
  Canonical in(arguments);
  KeyId out;
  const ByteView id = in.bytes(1);
  if (!in.done() || !take(id, out)) return arguments_malformed("governance.revoke_key");
  return out;
}

Bytes encode_set_validators(ByteView validators) {
  pb::SetValidators message;
  message.set_validators(validators.data(), validators.size());
  return serialise(message);
}

Result<Bytes> decode_set_validators(ByteView arguments) {
  Canonical in(arguments);
  const ByteView validators = in.bytes(1);
  if (!in.done()) return arguments_malformed("governance.set_validators");
  return to_bytes(validators);
}

Bytes encode_set_protocol(const SetProtocolCall& call) {
  pb::SetProtocol message;
  message.set_version(call.version);
  message.set_from_height(call.from_height);
  return serialise(message);
}

Result<SetProtocolCall> decode_set_protocol(ByteView arguments) {
  Canonical in(arguments);
  SetProtocolCall out;
  out.version = uint32_t(in.number(1, UINT32_MAX));
  out.from_height = in.number(2);
  if (!in.done()) return arguments_malformed("governance.set_protocol");
  return out;
}

Bytes encode_set_limits(const SetLimitsCall& call) {
  pb::SetLimits message;
  message.set_max_block_bytes(call.max_block_bytes);
  message.set_max_transaction_bytes(call.max_transaction_bytes);
  message.set_max_validity_ms(call.max_validity_ms);
  return serialise(message);
}

Result<SetLimitsCall> decode_set_limits(ByteView arguments) {
  Canonical in(arguments);
  SetLimitsCall out;
  out.max_block_bytes = in.number(1);
  out.max_transaction_bytes = in.number(2);
  out.max_validity_ms = in.number(3);
  if (!in.done()) return arguments_malformed("governance.set_limits");
  return out;
}

}  // namespace chengxin::format
