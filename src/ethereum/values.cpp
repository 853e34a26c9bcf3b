#include "ethereum/values.h"

#include <algorithm>

namespace chengxin::ethereum {
namespace {

RpcCode code_of(const Error& error) {
  if (error.reason == "ledger.pruned") return RpcCode::pruned;
  if (error.code == Code::busy) return RpcCode::limit_exceeded;
  return RpcCode::server_error;
}

// The digits behind "0x".
Answer<std::string_view> digits(const Json& value) {
  if (!value.is_string()) return invalid("a string of hexadecimal digits is wanted");
  const std::string_view all = value.get_ref<const std::string&>();
  if (!all.starts_with("0x") && !all.starts_with("0X")) return invalid("hex string without 0x prefix");
  const std::string_view rest = all.substr(2);
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (!std::all_of(rest.begin(), rest.end(), is_digit)) return invalid("invalid hex string");
  return rest;
}

std::string without_zeros(std::string digits) {
  const size_t first = digits.find_first_not_of('0');
  return "0x" + (first == digits.npos ? "0" : digits.substr(first));
}

}  // namespace

RpcError::RpcError(const Error& error)
    : code(code_of(error)), message(error.to_string()), data({{"reason", error.reason}}) {}

std::string quantity(uint64_t value) { return fmt::format("0x{:x}", value); }
std::string quantity_of_word(ByteView bytes) { return without_zeros(hex(bytes)); }
std::string hex_data(ByteView bytes) { return "0x" + hex(bytes); }

Answer<Digest> read_word(const Json& value) {
  ASSIGN(const std::string_view all, digits(value));
  if (all.empty()) return invalid("hex string \"0x\" is no quantity");
  if (all.size() > 1 && all[0] == '0') return invalid("hex number with leading zero digits");
  if (all.size() > 64) return invalid("hex number larger than 256 bits");
  return unhex_digest(std::string(64 - all.size(), '0') + std::string(all)).value();
}

Answer<uint64_t> read_quantity(const Json& value) {
  ASSIGN(const Digest word, read_word(value));
  if (std::any_of(word.begin(), word.end() - 8, [](uint8_t byte) { return byte != 0; }))
    return invalid("hex number larger than 64 bits");
  return get_be<uint64_t>(&word[24]);
}

Answer<Bytes> read_data(const Json& value, size_t most) {
  ASSIGN(const std::string_view all, digits(value));
  if (all.size() % 2 != 0) return invalid("hex string of odd length");
  if (all.size() / 2 > most) return invalid("{} bytes, at most {} are taken", all.size() / 2, most);
  return unhex(all).value();
}

uint64_t chain_number(const Digest& chain) { return get_be<uint64_t>(chain.data()) >> 16; }

}  // namespace chengxin::ethereum
