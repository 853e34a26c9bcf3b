#pragma once
#include "format/consortium.h"
#include "format/header.h"

namespace chengxin::format {

struct GenesisAccount {
  crypto::Sm2Point public_key{};
  std::vector<std::string>
      roles;  // "governor" may register and revoke keys and change validators; "writer" may write
};

struct ChainLimits {
  uint64_t max_block_bytes = 8 << 20;
  uint64_t max_transaction_bytes = 4 << 20;
  uint64_t max_validity_ms = 24 * 3600 * 1000;
  bool operator==(const ChainLimits&) const = default;
  Bytes encode() const;                               // u64 each, in this order
  static Result<ChainLimits> decode(ByteView bytes);  // format.limits
};
// In the state once they were changed; until then those of the genesis hold.
inline constexpr std::string_view kLimitsKey = "chain/limits";

// docs/formats/chain.md, "Genesis document".
struct Genesis {
  std::string name;
  int64_t created_ms = 0;
  std::array<uint8_t, 16> salt{};
  ValidatorSet validators;
  std::vector<GenesisAccount> accounts;
  ChainLimits limits;
  uint32_t protocol = kFirstProtocol;  // that the first block follows
  // The validators are its voters; its governors and its nodes' services have accounts.
  std::optional<Consortium> consortium;

  std::string encode() const;
  static Result<Genesis> decode(
      std::string_view document);  // format.genesis; only canonical documents are taken
  static Digest chain_id(std::string_view document);
};

// What stands in the state at `key/` || key_id.
struct Account {
  crypto::Sm2Point public_key{};
  bool active = true;
  std::vector<std::string> roles;
  bool has_role(std::string_view role) const;
  Bytes encode() const;
  static Result<Account> decode(ByteView bytes);  // format.account
  static Bytes state_key(const KeyId& id);
};

}  // namespace chengxin::format
