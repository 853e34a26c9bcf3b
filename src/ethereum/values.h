#pragma once
#include "base/bytes.h"
#include "base/json.h"
#include "format/contract.h"

// The values of Ethereum's JSON-RPC (execution-apis, "Hex value encoding"), and its errors.
namespace chengxin::ethereum {

using format::Address;

// Numbers that JSON-RPC 2.0, EIP-1474 and geth give to failures.
enum class RpcCode : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  server_error = -32000,
  limit_exceeded = -32005,
  reverted = 3,   // data: the revert data
  pruned = 4444,  // EIP-4444: the history was dropped
};

struct RpcError {
  RpcCode code = RpcCode::server_error;
  std::string message;
  Json data;  // null: none
  RpcError(RpcCode code_, std::string message_, Json data_ = {})
      : code(code_), message(std::move(message_)), data(std::move(data_)) {}
  RpcError(const Error& error);  // data: {"reason": …}
};

template <typename T>
using Answer = tl::expected<T, RpcError>;

template <typename... Args>
tl::unexpected<RpcError> refuse(RpcCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(RpcError(code, fmt::format(format, std::forward<Args>(args)...)));
}
template <typename... Args>
tl::unexpected<RpcError> invalid(fmt::format_string<Args...> format, Args&&... args) {
  return refuse(RpcCode::invalid_params, format, std::forward<Args>(args)...);
}

std::string quantity(uint64_t value);          // "0x0", "0x1f"
std::string quantity_of_word(ByteView bytes);  // of a big-endian number of any size
std::string hex_data(ByteView bytes);          // "0x" and two digits a byte

// Strict: "0x", no leading zeros, within the type. -32602.
Answer<uint64_t> read_quantity(const Json& value);
Answer<Digest> read_word(const Json& value);  // up to 256 bits, big-endian
Answer<Bytes> read_data(const Json& value, size_t most = 256 << 10);
template <size_t N>
Answer<std::array<uint8_t, N>> read_fixed(const Json& value) {
  ASSIGN(const Bytes bytes, read_data(value, N));
  if (bytes.size() != N) return invalid("{} bytes are wanted, not {}", N, bytes.size());
  std::array<uint8_t, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}
inline Answer<Address> read_address(const Json& value) { return read_fixed<20>(value); }
inline Answer<Digest> read_hash(const Json& value) { return read_fixed<32>(value); }

// The chain's number for tools that keep it in a double: the first 6 bytes of its id. `block.chainid` of EVM
// contracts is the same.
uint64_t chain_number(const Digest& chain);

}  // namespace chengxin::ethereum
