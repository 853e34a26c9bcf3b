#pragma once
#include <optional>

#include "format/genesis.h"
#include "format/record.h"
#include "merkle/log_tree.h"

// `.cxproof`, byte by byte in docs/formats/cxproof.md.
namespace chengxin::proof {

struct Transition {
  Bytes header, certificate, next_validators, state_proof;
};

struct Bundle {
  Bytes item;  // 32 or 64 bytes
  uint16_t call = 0;
  uint64_t index = 0, count = 0;
  merkle::Path inner_path;
  Bytes body;
  crypto::Sm2Point signer_key{};
  crypto::Sm2Signature signature{};
  Bytes receipt;
  uint64_t log_index = 0;
  merkle::Path log_path;
  Bytes header, certificate;
  std::string genesis;
  std::vector<Transition> transitions;
  Bytes timestamp;  // empty: none
  std::vector<format::RecordEntry> record;
};

inline constexpr size_t kMaxBundleBytes = 16 << 20;

Bytes encode(const Bundle& bundle);
Result<Bundle> decode(ByteView bytes);  // proof.malformed

struct Anchor {
  Digest chain{};
  std::string name;
  std::vector<Bytes> timestamp_roots;  // DER
  std::string encode() const;
  static Result<Anchor> decode(std::string_view document);  // proof.anchor_malformed
};

// What a bundle that holds shows.
struct Facts {
  Digest digest{}, chain{}, transaction{}, header_hash{};
  std::string chain_name;
  uint64_t block_height = 0, certified_height = 0;
  int64_t block_time_ms = 0, certified_time_ms = 0;
  format::KeyId signer{};
  size_t validators = 0, transitions = 0;
  bool anchored = false;  // a trust anchor was given and matched
  std::optional<int64_t> timestamp_ms;
  std::string timestamp_authority;
  bool timestamp_pinned = false;  // the anchor lists its root; else anybody may have made it
  std::vector<std::pair<std::string, std::string>> record;  // disclosed fields, name → JSON value
  size_t withheld_fields = 0;
};

// Runs every check of the format page in its order; the error's reason is the page's key and its detail says
// what was found. Needs no network, no clock, no files.
Result<Facts> verify(ByteView bundle, const std::optional<Anchor>& anchor = {},
                     const std::optional<Digest>& file_digest = {});

}  // namespace chengxin::proof
