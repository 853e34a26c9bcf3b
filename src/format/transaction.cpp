#include "format/transaction.h"

#include "crypto/sm3.h"
#include "format/impl/tag.h"
#include "format/transaction.pb.h"

namespace chengxin::format {
namespace {

// Canonical means: parsing and writing again gives the same bytes. Protobuf writes fields in ascending order,
// in the shortest varints and without defaults, so every other spelling, unknown fields included, differs.
//
// The library would print what it refuses, and strangers choose what that is: its log is off.
template <typename Message>
bool parse_canonical(ByteView bytes, Message& message) {
  static const auto silent [[maybe_unused]] = google::protobuf::SetLogHandler(nullptr);
  if (bytes.size() > (64u << 20) || !message.ParseFromArray(bytes.data(), int(bytes.size()))) return false;
  message.DiscardUnknownFields();  // they would be written again
  if (message.ByteSizeLong() != bytes.size()) return false;
  std::string again;
  return message.SerializeToString(&again) && again.size() == bytes.size() &&
         std::memcmp(again.data(), bytes.data(), bytes.size()) == 0;
}

template <typename Message>
Bytes serialise(const Message& message) {
  Bytes out(message.ByteSizeLong());
  CHECK(message.SerializeToArray(out.data(), int(out.size())));
  return out;
}

template <size_t N>
bool take(const std::string& from, std::array<uint8_t, N>& into) {
  if (from.size() != N) return false;
  std::memcpy(into.data(), from.data(), N);
  return true;
}

}  // namespace

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
  pb::TransactionBody message;
  if (!parse_canonical(bytes, message)) return malformed("not canonical protobuf");
  TransactionBody body;
  if (!take(message.chain(), body.chain)) return malformed("chain is not 32 bytes");
  if (!take(message.signer(), body.signer)) return malformed("signer is not 16 bytes");
  if (!take(message.nonce(), body.nonce)) return malformed("nonce is not 16 bytes");
  if (message.calls_size() < 1 || message.calls_size() > int(kMaxCalls))
    return malformed("not 1 to 64 calls");
  body.valid_from_ms = message.valid_from_ms();
  body.valid_until_ms = message.valid_until_ms();
  for (const pb::Call& call : message.calls())
    body.calls.push_back({call.contract(), call.method(), to_bytes(view(call.arguments()))});
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

Result<Transaction> decode_transaction(ByteView envelope) {
  auto malformed = [](std::string_view why) {
    return fail(Code::invalid_argument, "transaction.malformed", "{}", why);
  };
  pb::Transaction message;
  if (envelope.size() > (64u << 20) || !message.ParseFromArray(envelope.data(), int(envelope.size())))
    return malformed("not a protobuf of the envelope's form");
  if (!message.GetReflection()->GetUnknownFields(message).empty()) return malformed("unknown fields");
  Transaction out;
  if (!take(message.signature(), out.signature)) return malformed("the signature is not 64 bytes");
  out.body_bytes = to_bytes(view(message.body()));
  for (const std::string& attachment : message.attachments())
    out.attachments.push_back(to_bytes(view(attachment)));
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
  pb::EvidenceAdd message;
  EvidenceAdd out;
  if (!parse_canonical(arguments, message) || !take(message.root(), out.root) || message.count() == 0 ||
      (message.item_bytes() != 32 && message.item_bytes() != 64))
    return fail(Code::invalid_argument, "transaction.arguments_malformed",
                "not canonical arguments of evidence.add");
  out.count = message.count();
  out.item_bytes = message.item_bytes();
  return out;
}

Bytes encode_register_key(const crypto::Sm2Point& public_key, const std::vector<std::string>& roles) {
  pb::RegisterKey message;
  message.set_public_key(public_key.data(), public_key.size());
  for (const std::string& role : roles) message.add_roles(role);
  return serialise(message);
}

Result<RegisterKey> decode_register_key(ByteView arguments) {
  pb::RegisterKey message;
  RegisterKey out;
  if (!parse_canonical(arguments, message) || !take(message.public_key(), out.public_key))
    return fail(Code::invalid_argument, "transaction.arguments_malformed",
                "not canonical arguments of governance.register_key");
  out.roles.assign(message.roles().begin(), message.roles().end());
  return out;
}

Bytes encode_revoke_key(const KeyId& id) {
  pb::RevokeKey message;
  message.set_key_id(id.data(), id.size());
  return serialise(message);
}

Result<KeyId> decode_revoke_key(ByteView arguments) {
  pb::RevokeKey message;
  KeyId out;
  if (!parse_canonical(arguments, message) || !take(message.key_id(), out))
    return fail(Code::invalid_argument, "transaction.arguments_malformed",
                "not canonical arguments of governance.revoke_key");
  return out;
}

Bytes encode_set_validators(ByteView validators) {
  pb::SetValidators message;
  message.set_validators(validators.data(), validators.size());
  return serialise(message);
}

Result<Bytes> decode_set_validators(ByteView arguments) {
  pb::SetValidators message;
  if (!parse_canonical(arguments, message))
    return fail(Code::invalid_argument, "transaction.arguments_malformed",
                "not canonical arguments of governance.set_validators");
  return to_bytes(view(message.validators()));
}

}  // namespace chengxin::format
