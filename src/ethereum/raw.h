#pragma once
#include "ethereum/values.h"

// Transactions that a secp256k1 key signed, as eth_sendRawTransaction takes them: legacy with a chain id
// (EIP-155), access list (EIP-2930), fee market (EIP-1559).
namespace chengxin::ethereum {

inline constexpr size_t kMaxRawBytes = 60 << 10;  // of which a body of ours still holds one

struct RawTransaction {
  uint32_t type = 0;
  uint64_t chain = 0, nonce = 0, gas = 0;
  Digest gas_price{}, priority{};  // big-endian; of type 2 the most a gas may cost, and the tip
  std::optional<Address> to;       // none: a contract is made
  Digest value{};
  Bytes input;
  bool odd = false;  // the y of the signature's point
  Digest r{}, s{};
  Address sender{};  // whose key signed
  Digest hash{};     // Keccak-256 of the bytes
};

// ethereum.rlp, ethereum.type (another type, or without a chain id), ethereum.field, ethereum.signature.
Result<RawTransaction> decode_raw(ByteView bytes);

// What a chain takes: ethereum.chain (signed for another), ethereum.value, ethereum.fee (neither may cost
// anything: balances are 0).
Status check_raw(const RawTransaction& raw, const Digest& chain);

// Members of its JSON: type, nonce, gas, gasPrice, v, r, s, …
Json describe(const RawTransaction& raw);

}  // namespace chengxin::ethereum
