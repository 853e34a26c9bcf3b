#pragma once
#include <optional>

#include "format/header.h"
#include "format/transaction.h"

// Values of a chain's store (docs/formats/store.md).
namespace chengxin::ledger {

inline constexpr size_t kInlineBytes = 2048;  // attachments up to this many bytes stand in the record itself
inline constexpr size_t kChunkBytes = 8192;   // others, and item hashes, in chunks of this size

struct StoredAttachment {
  uint32_t bytes = 0;
  uint16_t call = 0;  // the call that took it
  uint8_t indexed_item_bytes = 0;
  ByteView inlined;  // empty when in chunks
  bool in_chunks() const { return bytes > kInlineBytes; }
};

// Log entry without what stands in chunks. Its views point into what it was made of, or, once it was decoded
// from bytes that it was given, into `held`; so it moves and does not copy.
struct StoredTransaction {
  uint64_t height = 0;
  Digest hash{};
  crypto::Sm2Signature signature{};
  ByteView receipt, body, events, output;
  std::vector<StoredAttachment> attachments;
  Bytes held;

  StoredTransaction() = default;
  StoredTransaction(StoredTransaction&&) = default;
  StoredTransaction& operator=(StoredTransaction&&) = default;

  void encode(Bytes& out) const;                            // appends
  static Result<StoredTransaction> decode(ByteView bytes);  // ledger.damaged
  static Result<StoredTransaction> decode(Bytes&& bytes);
  static Result<Digest> hash_of(ByteView bytes);
  Digest leaf() const { return format::log_leaf_hash(hash, format::Receipt::hash(receipt)); }
};

struct StoredBlock {
  Bytes header, certificate;
  Bytes encode() const;
  static Result<StoredBlock> decode(ByteView bytes);
};

// What a light verifier needs beside the block that changed the validators.
struct StoredTransition {
  Bytes next_validators, state_proof;
  Bytes encode() const;
  static Result<StoredTransition> decode(ByteView bytes);
};

Bytes encode_version(const std::optional<Bytes>& value);  // of a state key: keys::value_at
std::optional<Bytes> decode_version(ByteView bytes);

Bytes encode_keys(std::span<const Bytes> keys);  // u16 length || key, each
Result<std::vector<Bytes>> decode_keys(ByteView bytes);

}  // namespace chengxin::ledger
