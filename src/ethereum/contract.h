#pragma once
#include "contract/registry.h"
#include "ethereum/raw.h"

// The native contract `ethereum`: transactions of secp256k1 keys inside envelopes of ours, on chains that
// admit them (docs/ethereum.md). Off unless a governor says otherwise.
namespace chengxin::ethereum {

inline constexpr std::string_view kContract = "ethereum";
// → one byte: what senders may do.
inline constexpr std::string_view kAdmitKey = "ethereum/admit";
enum class Admitted : uint8_t { nobody = 0, callers = 1, deployers = 2 };

std::string nonce_key(const Address& sender);  // → u64, of the next transaction
std::string raw_key(const Digest& hash);       // → the hash of the envelope that carried it

// What the next transaction of a key, or the next contract of a contract, has.
Result<uint64_t> nonce_of(const contract::Read& read, const Address& address);

// What ethereum.send puts out: the call inside may fail, and its nonce is used all the same.
struct SendOutput {
  contract::Ending ending = contract::Ending::returned;
  Address sender{};
  std::optional<Address> created;
  Bytes data;  // return data, revert data, or a reason
  Bytes encode() const;
  static Result<SendOutput> decode(ByteView bytes);  // ethereum.output
};

// ethereum.admit (role governor; arguments: one byte, Admitted; not on a chain with a consortium) and
// ethereum.send (role writer; arguments: the raw transaction). Reasons: ethereum.*.
ledger::ContractTable contract_methods(std::shared_ptr<const contract::Registry> contracts);

}  // namespace chengxin::ethereum
