#pragma once
#include "base/bytes.h"
#include "base/json.h"

// The interface of a contract and the ABI encoding of its values: docs/formats/contract.md; "Contract ABI
// Specification" of Solidity 0.8, read strictly. Reasons are contract.abi.*.

namespace chengxin::contract {

struct Parameter;

struct Type {
  enum class Kind { uint, integer, address, boolean, string, bytes, fixed_bytes, array, tuple };
  Kind kind = Kind::uint;
  uint32_t size = 0;          // uint, integer: bits; fixed_bytes: bytes; array: its length, 0 when it varies
  std::vector<Type> element;  // array: one
  std::vector<Parameter> members;  // tuple
  std::string name;                // tuple: of the struct, or empty
};

struct Parameter {
  std::string name;
  Type type;
  bool indexed = false;  // of an event
};

struct Entry {
  enum class Kind { constructor, error, event, function };
  Kind kind = Kind::function;
  std::string name;
  std::vector<Parameter> inputs, outputs;
  std::string mutability = "nonpayable";  // or pure, view, payable
  bool anonymous = false;
  std::string notice;  // documentation, lines joined by \n

  std::string signature() const;  // "transfer(address,uint256)"
  Digest topic() const;           // Keccak-256 of it
  std::array<uint8_t, 4> selector() const;
};

struct Interface {
  std::vector<Entry> entries;  // by kind and signature

  std::string json() const;  // canonical
  // Of a function, by its signature, or by its name where that is not overloaded; null: there is none.
  const Entry* function(std::string_view method) const;
};

// Either notation: JSON begins with '['.
Result<Interface> parse_interface(std::string_view text);

std::string type_name(const Type& type);  // as in signatures
bool is_dynamic(const Type& type);
size_t head_bytes(const Type& type);  // 32 where it is dynamic

// A parameter list as a tuple, for check().
Type list_of(const std::vector<Parameter>& parameters);
// Whether decode() takes the bytes, without building anything.
Status check(const Type& list, ByteView bytes);
// Values of a parameter list; JSON as docs/formats/contract.md says. contract.abi.value.
Result<Bytes> encode(const std::vector<Parameter>& parameters, const Json& values);
// Only the one canonical encoding is taken: contract.abi.padding, .offset, .length, .trailing, .utf8. What is
// built is linear in the bytes.
Result<Json> decode(const std::vector<Parameter>& parameters, ByteView bytes);

}  // namespace chengxin::contract
