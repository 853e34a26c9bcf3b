#pragma once
#include <functional>
#include <optional>

#include "format/contract.h"

// EVM code as the state has it (docs/formats/contract.md, "State").
namespace chengxin::contract {

// Reads of the state. Nothing when there is none.
using Read = std::function<Result<std::optional<Bytes>>(std::string_view key)>;

// Of every EVM contract, named or not, from the beginning of its first constructor on.
struct CodeRecord {
  Digest digest{};     // Keccak-256 of the code; of no bytes while a constructor runs
  uint32_t size = 0;   // of the code
  uint64_t nonce = 1;  // of the next contract that it creates
  Bytes encode() const;
  static CodeRecord decode(ByteView stored);  // what encode() made
};
std::string code_record_key(const format::Address& address);
std::string code_key(const Digest& digest);  // → the code
Result<std::optional<CodeRecord>> code_record(const Read& read, const format::Address& address);

}  // namespace chengxin::contract
