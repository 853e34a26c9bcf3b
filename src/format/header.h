#pragma once
#include "base/bytes.h"
#include "crypto/sm2.h"
#include "format/protocol.h"

// Receipts, headers, validator sets and certificates as docs/formats/chain.md fixes them.
namespace chengxin::format {

inline constexpr size_t kReceiptBytes = 92, kHeaderBytes = 188;

// Numbers are part of the format: never reused, never renumbered.
enum class ReceiptStatus : uint32_t {
  accepted = 0,
  unknown_contract = 1,
  unknown_method = 2,
  bad_arguments = 3,
  forbidden = 4,
  refused = 5,  // the contract said no; the output names the reason key
  out_of_gas = 6,
  access_violation = 7,  // the contract touched state that it had not declared
  reverted = 8,          // a deployed contract took all back; the output is its revert data
  trapped = 9,           // a deployed contract did what it may not; the output is the reason key
};

struct Receipt {
  uint32_t status = 0;
  uint64_t gas = 0, height = 0;
  int64_t time_ms = 0;
  Digest events_digest{}, output_digest{};
  Bytes encode() const;
  static Result<Receipt> decode(ByteView bytes);  // format.receipt
  static Digest hash(ByteView encoded);
};

struct Event {
  std::string contract, type;
  Bytes data;
  bool operator==(const Event&) const = default;
};
Bytes encode_events(std::span<const Event> events);
Result<std::vector<Event>> decode_events(ByteView bytes);  // format.events
Digest events_digest(ByteView encoded_events);
Digest output_digest(ByteView output);

// Data of the log's leaf for one transaction (64 bytes), and its leaf hash.
Digest log_leaf_hash(const Digest& transaction_hash, const Digest& receipt_hash);

// The same of many at once, in the lanes of sm3/sm3.h: out[i] is of the i-th.
std::vector<Digest> events_digests(std::span<const ByteView> encoded_events);
std::vector<Digest> output_digests(std::span<const ByteView> outputs);
std::vector<Digest> receipt_hashes(std::span<const ByteView> receipts);
std::vector<Digest> log_leaf_hashes(std::span<const Digest> transactions, std::span<const Digest> receipts);

struct Header {
  uint32_t version = kFirstProtocol;  // that this block follows
  Digest chain{};
  uint64_t height = 0;
  int64_t time_ms = 0;
  Digest previous{};
  uint64_t log_size = 0;
  Digest log_root{}, state_root{}, validators_hash{};
  Bytes encode() const;
  static Result<Header> decode(ByteView bytes);  // format.header
  static Digest hash(ByteView encoded);
  bool operator==(const Header&) const = default;
};

struct Validator {
  crypto::Sm2Point public_key{};
  uint64_t weight = 1;
  bool operator==(const Validator&) const = default;
};

struct ValidatorSet {
  std::vector<Validator> members;  // strictly ascending by public key
  Bytes encode() const;
  static Result<ValidatorSet> decode(ByteView bytes);  // format.validators
  Digest hash() const;
  uint64_t total_weight() const;
  bool operator==(const ValidatorSet&) const = default;
};
inline constexpr std::string_view kValidatorsKey = "chain/validators";

struct CertificateEntry {
  uint16_t index = 0;
  crypto::Sm2Signature signature{};
};

struct Certificate {
  std::vector<CertificateEntry> entries;  // strictly ascending by index
  Bytes encode() const;
  static Result<Certificate> decode(ByteView bytes);  // format.certificate
};
Bytes certificate_message(const Digest& header_hash);

// Every signature holds and the weight is above two thirds: else format.certificate_invalid with the failing
// part named.
Status verify_certificate(const Certificate& certificate, const ValidatorSet& set, const Digest& header_hash);

}  // namespace chengxin::format
