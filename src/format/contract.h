#pragma once
#include "format/transaction.h"

// Contracts that are deployed on a chain: names, addresses, what is proposed, what stands in the state
// (docs/formats/contract.md).
namespace chengxin::format {

using Address = std::array<uint8_t, 20>;                      // of an account or a contract
Address account_address(const crypto::Sm2Point& public_key);  // begins with its key id
Address contract_address(std::string_view name);
// "0x" and 40 lower-case hex digits, which is no name.
std::optional<Address> parse_address(std::string_view text);
// 1 to 64 of a-z 0-9 - _ . and the first is a letter.
bool is_contract_name(std::string_view name);

enum class ContractEngine : uint32_t { wasm = 1, evm = 2 };

// ContractEngine 1 or 2, code and interface not empty, source of 32 bytes, else format.contract_package.
struct ContractPackage {
  ContractEngine engine = ContractEngine::wasm;
  Bytes code;             // a WASM module; EVM init code
  std::string interface;  // JSON of the Contract ABI Specification
  Digest source{};        // SM3 of the source archive
  std::string toolchain;  // what built it, for who builds it again
  Bytes encode() const;
  static Result<ContractPackage> decode(ByteView bytes);
};

// Arguments. Decoders: transaction.arguments_malformed for anything but the canonical spelling.
struct ContractPropose {
  std::string name;
  Digest package{};  // SM3 of the package, which is the call's attachment
  Bytes encode() const;
  static Result<ContractPropose> decode(ByteView arguments);
};
struct ContractVersionRef {
  std::string name;
  uint32_t version = 0;
  Bytes input;  // of deploy: ABI-encoded arguments of the constructor or of migrate
  Bytes encode() const;
  static Result<ContractVersionRef> decode(ByteView arguments);
};
struct ContractReason {
  std::string name, why;  // at most 1,000 bytes
  Bytes encode() const;
  static Result<ContractReason> decode(ByteView arguments);
};

// State. Decoders: format.contract_record.
enum class ContractState : uint32_t { proposed = 1, active = 2, frozen = 3, retired = 4 };
std::string_view name_of(ContractState state);
struct ContractRecord {
  ContractState state = ContractState::proposed;
  uint32_t current = 0, latest = 0;  // versions; current 0: none was deployed yet
  KeyId owner{};                     // who proposed the first
  std::string why;                   // it is frozen or retired
  Bytes encode() const;
  static Result<ContractRecord> decode(ByteView bytes);
  static std::string state_key(std::string_view name);
};
enum class ContractVersionState : uint32_t {
  proposed = 1,
  approved = 2,
  rejected = 3,
  deployed = 4,
  superseded = 5
};
std::string_view name_of(ContractVersionState state);
struct ContractVersionRecord {
  ContractVersionState state = ContractVersionState::proposed;
  Digest package{};
  KeyId proposer{};
  uint64_t height = 0;  // of the proposal
  std::vector<KeyId> approvals;
  Bytes encode() const;
  static Result<ContractVersionRecord> decode(ByteView bytes);
  static std::string state_key(std::string_view name, uint32_t version);
};
std::string package_key(const Digest& package);
// Of a contract's own state: kDeployedPrefix || address || key.
std::string contract_state_prefix(const Address& address);

}  // namespace chengxin::format
