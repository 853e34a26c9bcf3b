#include <array>

#include "gas.h"

namespace chengxin::contract::gas {
namespace {

struct Opcode {
  const char* name;
  uint8_t code;
  std::vector<uint32_t> operands;  // the first is on top
  const char* note = "";
};

// Each once; those whose price depends on operands or on what was done before stand once more below.
const Opcode kOpcodes[] = {{"ADD", 0x01, {3, 5}},
                           {"MUL", 0x02, {3, 5}},
                           {"SUB", 0x03, {3, 5}},
                           {"DIV", 0x04, {3, 5}},
                           {"SDIV", 0x05, {3, 5}},
                           {"MOD", 0x06, {3, 5}},
                           {"SMOD", 0x07, {3, 5}},
                           {"ADDMOD", 0x08, {3, 5, 7}},
                           {"MULMOD", 0x09, {3, 5, 7}},
                           {"EXP", 0x0a, {3, 0}, ", exponent 0"},
                           {"EXP", 0x0a, {3, 255}, ", exponent of 1 byte"},
                           {"EXP", 0x0a, {3, 0x7fffffff}, ", exponent of 4 bytes"},
                           {"SIGNEXTEND", 0x0b, {3, 5}},
                           {"LT", 0x10, {3, 5}},
                           {"GT", 0x11, {3, 5}},
                           {"SLT", 0x12, {3, 5}},
                           {"SGT", 0x13, {3, 5}},
                           {"EQ", 0x14, {3, 5}},
                           {"ISZERO", 0x15, {3}},
                           {"AND", 0x16, {3, 5}},
                           {"OR", 0x17, {3, 5}},
                           {"XOR", 0x18, {3, 5}},
                           {"NOT", 0x19, {3}},
                           {"BYTE", 0x1a, {3, 5}},
                           {"SHL", 0x1b, {3, 5}},
                           {"SHR", 0x1c, {3, 5}},
                           {"SAR", 0x1d, {3, 5}},
                           {"CLZ", 0x1e, {3}},
                           {"ADDRESS", 0x30, {}},
                           {"ORIGIN", 0x32, {}},
                           {"CALLER", 0x33, {}},
                           {"CALLVALUE", 0x34, {}},
                           {"CALLDATALOAD", 0x35, {0}},
                           {"CALLDATASIZE", 0x36, {}},
                           {"CODESIZE", 0x38, {}},
                           {"GASPRICE", 0x3a, {}},
                           {"RETURNDATASIZE", 0x3d, {}},
                           {"BLOCKHASH", 0x40, {3}},
                           {"COINBASE", 0x41, {}},
                           {"TIMESTAMP", 0x42, {}},
                           {"NUMBER", 0x43, {}},
                           {"PREVRANDAO", 0x44, {}},
                           {"GASLIMIT", 0x45, {}},
                           {"CHAINID", 0x46, {}},
                           {"SELFBALANCE", 0x47, {}},
                           {"BASEFEE", 0x48, {}},
                           {"BLOBHASH", 0x49, {0}},
                           {"BLOBBASEFEE", 0x4a, {}},
                           {"POP", 0x50, {3}},
                           {"PC", 0x58, {}},
                           {"MSIZE", 0x59, {}},
                           {"GAS", 0x5a, {}},
                           {"JUMPDEST", 0x5b, {}},
                           {"PUSH0", 0x5f, {}},
                           {"TLOAD", 0x5c, {1}},
                           {"TSTORE", 0x5d, {1, 1}},
                           {"MSTORE8", 0x53, {0, 1}}};
const uint32_t kSizes[] = {0, 1, 32, 1024, 65'536};

Bytes push(uint32_t value) {
  Bytes out = {0x63};
  put_be(out, value);
  return out;
}
Bytes operands(const std::vector<uint32_t>& values) {
  Bytes out;
  for (auto at = values.rbegin(); at != values.rend(); ++at) append(out, push(*at));
  return out;
}
Bytes with(Bytes code, const Bytes& more) {
  append(code, more);
  return code;
}

class Evm {
 public:
  explicit Evm(Table& table) : table_(table) {}

  void all() {
    for (const Opcode& each : kOpcodes) one(std::string(each.name) + each.note, each.code, each.operands);
    stack();
    one("JUMP", {0x60, 3, 0x56, 0x5b}, {0x60, 3, 0x5b});
    one("JUMPI", {0x5f, 0x60, 4, 0x57}, {0x5f, 0x60, 4});
    memory();
    storage();
    accounts();
    precompiles();
    creation();
  }

 private:
  int64_t run(const Bytes& code, bool creates = false) {
    Host host{code, answer_, state_};
    cx_evm* evm = cx_evm_new();
    cx_context context{};
    context.protocol = table_.protocol;
    context.self_address[19] = 0xee;
    context.caller[19] = context.origin[19] = 0xcc;
    cx_evm_begin(evm, context.origin, context.self_address);
    const cx_host callbacks = host.callbacks();
    cx_message message{};
    message.gas = kEnough;
    const Digest digest{uint8_t(++runs_)};
    if (creates) message.input = borrowed(code);
    const cx_outcome ended = creates ? cx_evm_create(evm, &context, &callbacks, &message)
                                     : cx_evm_call(evm, digest.data(), &context, &callbacks, &message);
    refund_ = int64_t(cx_evm_refund(evm, UINT64_MAX));
    cx_evm_free(evm);
    cx_free(ended.output);
    CHECK(ended.ending == CX_RETURNED || ended.ending == CX_REVERTED);
    return int64_t(ended.gas_used);
  }
  void one(const std::string& what, const Bytes& code, const Bytes& without) {
    const int64_t price = run(code), refund = refund_;
    table_.add("evm " + what, price - run(without));
    if (refund != refund_) table_.add("evm " + what + ", refund", refund - refund_);
  }
  // After `before`, with the operands that it takes, which are not counted.
  void one(const std::string& what, uint8_t opcode, const std::vector<uint32_t>& values,
           const Bytes& before = {}) {
    const Bytes pushed = with(before, operands(values));
    one(what, with(pushed, {opcode}), pushed);
  }

  void stack() {
    for (const uint8_t count : {1, 2, 16, 32}) {
      Bytes code = with({uint8_t(0x5f + count)}, Bytes(count, 1));
      one(fmt::format("PUSH{}", count), code, {});
    }
    for (const uint8_t count : {1, 16}) {
      const std::vector<uint32_t> filled(17u, 1);
      one(fmt::format("DUP{}", count), uint8_t(0x7f + count), filled);
      one(fmt::format("SWAP{}", count), uint8_t(0x8f + count), filled);
    }
  }

  void memory() {
    for (const uint32_t at : {0u, 1024u, 65'536u, 1u << 20, 15u << 20}) {
      one(fmt::format("MLOAD at {}", at), 0x51, {at});
      one(fmt::format("MSTORE at {}", at), 0x52, {at, 1});
    }
    for (const uint32_t size : kSizes) {
      const std::string of = fmt::format(" of {} bytes", size);
      one("KECCAK256" + of, 0x20, {0, size});
      one("CALLDATACOPY" + of, 0x37, {0, 0, size});
      one("CODECOPY" + of, 0x39, {0, 0, size});
      one("MCOPY" + of, 0x5e, {0, 0, size});
      one("RETURN" + of, 0xf3, {0, size});
      one("REVERT" + of, 0xfd, {0, size});
      for (uint8_t topics = 0; topics <= 4; ++topics) {
        std::vector<uint32_t> values(topics + 2u, 1);
        values[0] = 0, values[1] = size;
        one(fmt::format("LOG{}{}", topics, of), uint8_t(0xa0 + topics), values);
      }
    }
    one("RETURNDATACOPY of 0 bytes", 0x3e, {0, 0, 0});
  }

  void storage() {
    const Bytes zero(32);
    Bytes slot = zero, value = zero;
    slot[31] = 1, value[31] = 7;
    const Bytes read = {0x60, 1, 0x54, 0x50}, set = with(operands({1, 9}), {0x55}),
                clear = with(operands({1, 0}), {0x55});
    for (const bool stands : {false, true}) {
      if (stands) state_[slot] = value;
      const std::string of = stands ? "of 7" : "of 0";
      one("SLOAD " + of + ", cold", 0x54, {1});
      one("SLOAD " + of + ", warm", 0x54, {1}, read);
      for (const uint32_t next : {0u, 7u, 8u}) {
        one(fmt::format("SSTORE {} to {}, cold", of, next), 0x55, {1, next});
        one(fmt::format("SSTORE {} to {}, warm", of, next), 0x55, {1, next}, read);
        one(fmt::format("SSTORE {} to {} after 9", of, next), 0x55, {1, next}, set);
        one(fmt::format("SSTORE {} to {} after 0", of, next), 0x55, {1, next}, clear);
      }
    }
    state_.clear();
  }

  void accounts() {
    for (const auto& [name, code] : std::initializer_list<std::pair<const char*, uint8_t>>{
             {"BALANCE", 0x31}, {"EXTCODESIZE", 0x3b}, {"EXTCODEHASH", 0x3f}}) {
      one(std::string(name) + ", cold", code, {77});
      one(std::string(name) + ", warm", code, {77}, {0x60, 77, 0x31, 0x50});
    }
    for (const uint32_t size : kSizes)
      one(fmt::format("EXTCODECOPY of {} bytes, cold", size), 0x3c, {77, 0, 0, size});
    answer_ = 0;
    for (const auto& [name, code, takes] : std::initializer_list<std::tuple<const char*, uint8_t, size_t>>{
             {"CALL", 0xf1, 7}, {"DELEGATECALL", 0xf4, 6}, {"STATICCALL", 0xfa, 6}}) {
      std::vector<uint32_t> values(takes);
      values[0] = 5000, values[1] = 77;
      one(std::string(name) + ", cold, beside what is called", code, values);
      one(std::string(name) + ", warm, beside what is called", code, values, {0x60, 77, 0x31, 0x50});
      values[takes - 3] = 1024;  // bytes of the input
      one(std::string(name) + " with 1,024 bytes, warm, beside what is called", code, values,
          {0x60, 77, 0x31, 0x50});
    }
    answer_ = 20;  // the address of what was made
    for (const uint32_t size : {0u, 32u, 49'152u}) {
      one(fmt::format("CREATE with {} bytes, beside what they do", size), 0xf0, {0, 0, size});
      one(fmt::format("CREATE2 with {} bytes, beside what they do", size), 0xf5, {0, 0, size, 0});
    }
    answer_ = -1;
  }

  void creation() {
    for (const uint32_t size : {0u, 1u, 32u, 24'576u})
      table_.add(fmt::format("evm code kept of {} bytes", size),
                 run(with(operands({0, size}), {0xf3}), true) - run(with(operands({0, size}), {0xf3})));
  }

  void precompile(const std::string& what, uint16_t number, const Bytes& input) {
    Host host{{}, 0, {}};
    const cx_host callbacks = host.callbacks();
    cx_message message{};
    message.to[18] = uint8_t(number >> 8), message.to[19] = uint8_t(number);
    message.input = borrowed(input);
    message.gas = kEnough;
    const cx_outcome ended = cx_evm_precompile(&callbacks, &message);
    cx_free(ended.output);
    CHECK(ended.ending == CX_RETURNED);
    table_.add(fmt::format("evm precompile {:#06x} {}, {} bytes", number, what, input.size()),
               int64_t(ended.gas_used));
  }
  void precompiles() {
    precompile("ECRECOVER", 1, Bytes(128));
    for (const size_t size : kSizes) {
      precompile("SHA256", 2, Bytes(size));
      precompile("RIPEMD160", 3, Bytes(size));
      precompile("IDENTITY", 4, Bytes(size));
      precompile("SM3", 0x0c01, Bytes(size));
      precompile("SM2", 0x0c02, Bytes(size + 128));
      precompile("evidence", 0x0c04, Bytes(size + 32));
    }
    for (const uint8_t length : {1, 32, 255}) {  // of base, exponent and modulus
      Bytes input(96);
      input[31] = input[63] = input[95] = length;
      input.resize(96 + 3u * length, 0xff);
      precompile("MODEXP", 5, input);
    }
    precompile("BN254 addition", 6, Bytes(128));
    precompile("BN254 multiplication", 7, Bytes(96));
    for (const size_t pairs : {0u, 1u, 10u}) precompile("BN254 pairing", 8, Bytes(192 * pairs));
    for (const uint8_t rounds : {0, 1, 255}) {
      Bytes input(213);
      input[3] = rounds;
      precompile(fmt::format("BLAKE2F of {} rounds", rounds), 9, input);
    }
    precompile("BLS12-381 G1 addition", 0x0b, Bytes(256));
    precompile("BLS12-381 G2 addition", 0x0d, Bytes(512));
    for (const size_t count : {1u, 2u, 100u}) {
      precompile("BLS12-381 G1 sums", 0x0c, Bytes(160 * count));
      precompile("BLS12-381 G2 sums", 0x0e, Bytes(288 * count));
      precompile("BLS12-381 pairing", 0x0f, Bytes(384 * count));
    }
    precompile("BLS12-381 map to G1", 0x10, Bytes(64));
    precompile("BLS12-381 map to G2", 0x11, Bytes(128));
    precompile("P256VERIFY", 0x100, Bytes(160));
    Bytes account = {0x21, 0x76, 0x3a, 0xb4};  // attribute(address,string): "status"
    account.resize(4 + 32);
    append(account, Bytes(31));
    account.push_back(64);
    append(account, Bytes(31));
    account.push_back(6);
    append(account, view("status"));
    account.resize(account.size() + 26);
    precompile("account", 0x0c03, account);
  }

  Table& table_;
  std::map<Bytes, Bytes> state_;
  int64_t answer_ = -1;
  int64_t refund_ = 0;
  size_t runs_ = 0;
};

}  // namespace

void evm_prices(Table& table) { Evm(table).all(); }

}  // namespace chengxin::contract::gas
