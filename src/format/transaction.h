#pragma once
#include "base/bytes.h"
#include "crypto/sm2.h"

// Transactions as docs/formats/chain.md fixes them.
namespace chengxin::format {

using KeyId = std::array<uint8_t, 16>;
using Nonce = std::array<uint8_t, 16>;

inline constexpr size_t kMaxBodyBytes = 64 << 10;
inline constexpr size_t kMaxCalls = 64;

KeyId key_id(const crypto::Sm2Point& public_key);

struct Call {
  std::string contract, method;
  Bytes arguments;
  bool operator==(const Call&) const = default;
};

struct TransactionBody {
  Digest chain{};
  KeyId signer{};
  uint64_t valid_from_ms = 0, valid_until_ms = 0;
  Nonce nonce{};
  std::vector<Call> calls;
};

Bytes encode_body(const TransactionBody& body);
// transaction.body_malformed for anything but the canonical spelling.
Result<TransactionBody> decode_body(ByteView bytes);

// The message that is signed, and its SM3 digest, which names the transaction.
Bytes signed_message(ByteView body);
Digest transaction_hash(ByteView body);

// An envelope as it arrived, taken apart. Nothing has been verified but its form.
struct Transaction {
  Bytes body_bytes;
  crypto::Sm2Signature signature{};
  std::vector<Bytes> attachments;
  TransactionBody body;
  Digest hash{};
};

Bytes encode_transaction(ByteView body, const crypto::Sm2Signature& signature,
                         std::span<const Bytes> attachments);
// transaction.malformed, transaction.body_malformed.
Result<Transaction> decode_transaction(ByteView envelope);

// Encodes, signs and wraps. Errors are those of signing.
Result<Bytes> sign_transaction(const TransactionBody& body, const crypto::Sm2PrivateKey& key,
                               std::span<const Bytes> attachments);

// Arguments of evidence.add.
struct EvidenceAdd {
  Digest root{};
  uint64_t count = 0;
  uint32_t item_bytes = 32;  // 32 or 64
};
Bytes encode_evidence_add(const EvidenceAdd& call);
Result<EvidenceAdd> decode_evidence_add(ByteView arguments);  // transaction.arguments_malformed

// Arguments of governance.register_key, revoke_key, set_validators, set_protocol and set_limits. Decoders:
// transaction.arguments_malformed for anything but the canonical spelling.
struct RegisterKey {
  crypto::Sm2Point public_key{};
  std::vector<std::string> roles;
};
Bytes encode_register_key(const crypto::Sm2Point& public_key, const std::vector<std::string>& roles);
Result<RegisterKey> decode_register_key(ByteView arguments);
Bytes encode_revoke_key(const KeyId& id);
Result<KeyId> decode_revoke_key(ByteView arguments);
Bytes encode_set_validators(ByteView validators);
Result<Bytes> decode_set_validators(ByteView arguments);  // bytes of a ValidatorSet, not looked at
struct SetProtocolCall {
  uint32_t version = 0;
  uint64_t from_height = 0;
};
Bytes encode_set_protocol(const SetProtocolCall& call);
Result<SetProtocolCall> decode_set_protocol(ByteView arguments);
struct SetLimitsCall {
  uint64_t max_block_bytes = 0, max_transaction_bytes = 0, max_validity_ms = 0;
};
Bytes encode_set_limits(const SetLimitsCall& call);
Result<SetLimitsCall> decode_set_limits(ByteView arguments);

}  // namespace chengxin::format
