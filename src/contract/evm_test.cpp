#include "contract/evm.h"

#include <gtest/gtest.h>

#include "contract/frames.h"
#include "contract/testing.h"

// EVM code beside scripts in frames. What solc makes runs in tests/contracts.
namespace chengxin::contract {
namespace {

using format::ReceiptStatus;
using testing::MapState;

// Scripts at addresses that begin with 1 to 4, and what was deployed.
class Mixed : public Directory {
 public:
  Result<Callee> at(const Address& address, const FrameContext&, Journal& journal) const override {
    if (address[0] > 0 && address[0] <= 4 && address[1] == 0)
      return Callee{std::make_shared<testing::ScriptModule>(), {}};
    return evm_callee([&](std::string_view key) { return journal.get(to_bytes(view(key))); }, address);
  }
  Result<std::optional<Bytes>> name(const Address&, Journal&) const override {
    return std::optional<Bytes>();
  }
  Result<std::optional<Bytes>> attribute(const Address&, std::string_view, Journal&) const override {
    return std::optional<Bytes>();
  }
};

const Address kScript{1}, kCounter{0xc0}, kCaller{0xca}, kDelegator{0xde}, kFactory{0xfa}, kNothing{0x99};

// Init code that returns the bytes behind it.
Bytes init_of(std::string_view runtime_hex) {
  const Bytes runtime = unhex(runtime_hex).value();
  Bytes out{0x61};  // PUSH2 size DUP1 PUSH1 10 PUSH0 CODECOPY PUSH0 RETURN
  put_be(out, uint16_t(runtime.size()));
  for (uint8_t each : {0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3}) out.push_back(each);
  append(out, runtime);
  return out;
}
constexpr std::string_view
    // Slot 0 counts up and is returned; with any call data it becomes 0.
    kCounterCode = "366012575f54600101805f555f5260205ff35b5f5f5500",
    // Calls (or delegates to) the address that the call data begins with, with the rest; ends as that ends.
    kCallerCode =
        "60143603"
        "8060145f37"
        "5f5f825f5f5f3560601c5af1"
        "3d5f5f3e601f573d5ffd5b3d5ff3",
    kDelegatorCode =
        "60143603"
        "8060145f37"
        "5f5f825f5f3560601c5af4"
        "3d5f5f3e601e573d5ffd5b3d5ff3",
    // CREATE and CREATE2 of the call data; returns the address.
    kFactoryCode =
        "365f5f37"
        "365f5ff0"
        "5f5260205ff3",
    kFactory2Code =
        "365f5f37"
        "5f365f5ff5"
        "5f5260205ff3",
    // EXTCODESIZE of the address in the call data.
    kSizeCode = "5f3560601c3b5f5260205ff3";

struct EvmTest : ::testing::Test {
  MapState state;
  Mixed mixed;

  EvmTest() {
    EXPECT_EQ(deploy(kCounter, init_of(kCounterCode)).status, ReceiptStatus::accepted);
    EXPECT_EQ(deploy(kCaller, init_of(kCallerCode)).status, ReceiptStatus::accepted);
    EXPECT_EQ(deploy(kDelegator, init_of(kDelegatorCode)).status, ReceiptStatus::accepted);
    EXPECT_EQ(deploy(kFactory, init_of(kFactoryCode)).status, ReceiptStatus::accepted);
  }
  ledger::CallResult deploy(const Address& to, ByteView init_code, ByteView arguments = {}) {
    Frames frames(state, FrameContext(), mixed);
    const auto module = evm_engine()->load(init_code).value();
    return frames.commit(frames.deploy(*module, to, arguments, 1'000'000).value());
  }
  ledger::CallResult call(const Address& to, ByteView input = {}, uint64_t gas = 1'000'000) {
    Frames frames(state, FrameContext(), mixed);
    return frames.commit(frames.call({CallKind::call, to, to_bytes(input), gas}).value());
  }
  static Bytes through(const Address& to, ByteView input = {}) {
    Bytes out = to_bytes(to);
    append(out, input);
    return out;
  }
  uint64_t number(const ledger::CallResult& result) {
    EXPECT_EQ(result.status, ReceiptStatus::accepted) << to_string(result.output);
    return result.output.size() == 32 ? get_be<uint64_t>(&result.output[24]) : UINT64_MAX;
  }
  Address made(const ledger::CallResult& result) {
    EXPECT_EQ(result.output.size(), 32u);
    Address out;
    std::copy_n(result.output.begin() + 12, 20, out.begin());
    return out;
  }
  std::optional<CodeRecord> record(const Address& of) {
    return code_record([&](std::string_view key) { return state.get(key); }, of).value();
  }
  size_t slots(const Address& of) {
    size_t count = 0;
    for (const auto& [key, value] : state.values)
      count += value && key.starts_with(format::contract_state_prefix(of));
    return count;
  }
};

TEST_F(EvmTest, KeepsCodeAndSlots) {
  EXPECT_EQ(hex(*state.get(code_key(record(kCounter)->digest)).value()), kCounterCode);
  EXPECT_EQ(number(call(kCounter)), 1u);
  EXPECT_EQ(number(call(kCounter)), 2u);
  EXPECT_EQ(slots(kCounter), 1u);
  const auto erased = call(kCounter, Bytes{1});
  EXPECT_EQ(slots(kCounter), 0u) << "a slot of zero is absent";
  // 2,100 for the cold slot, 2,900 for the change, and less than 100 for the rest; of EIP-3529 a fifth back.
  EXPECT_GT(erased.gas, 5000u * 4 / 5);
  EXPECT_LT(erased.gas, 5100u * 4 / 5);
}

TEST_F(EvmTest, AnUpgradeRunsOverTheStateThatStands) {
  EXPECT_EQ(number(call(kCounter)), 1u);
  // The constructor adds 8 to slot 0, the new code returns it.
  Bytes init = unhex("5f546008015f55").value();
  append(init, unhex("60088060105f395ff3"
                     "5f545f5260205ff3")
                   .value());
  EXPECT_EQ(deploy(kCounter, init).status, ReceiptStatus::accepted);
  EXPECT_EQ(number(call(kCounter)), 9u);
}

TEST_F(EvmTest, WhatDoesNotDeploy) {
  const auto before = state.values;
  EXPECT_EQ(to_string(deploy(kCounter, Bytes{0x00}).output), "contract.scan.empty");
  EXPECT_EQ(to_string(deploy(kCounter, init_of("ff")).output), "contract.scan.selfdestruct");
  EXPECT_EQ(to_string(deploy(kCounter, init_of("ef00")).output), "contract.scan.format");
  EXPECT_EQ(deploy(kCounter, unhex("5b5f56").value()).status, ReceiptStatus::out_of_gas);
  EXPECT_EQ(deploy(kCounter, unhex("60015f555f5ffd").value()).status, ReceiptStatus::reverted);
  EXPECT_EQ(to_string(deploy(kCounter, unhex("fe").value()).output), "contract.trap.unreachable");
  EXPECT_EQ(to_string(deploy(kCounter, Bytes(50'000, 0x5b)).output), "contract.scan.too_large");
  EXPECT_EQ(state.values, before) << "the code that stood stands, and no slot was written";
}

TEST_F(EvmTest, CallsOfNothingReturnNothingToTheEvmAlone) {
  const auto result = call(kCaller, through(kNothing));
  EXPECT_EQ(result.status, ReceiptStatus::accepted);
  EXPECT_TRUE(result.output.empty());
  EXPECT_EQ(to_string(call(kNothing).output), "contract.unknown");
  const Json steps = {{"call", hex(kNothing), Json::array(), "call"}};
  EXPECT_EQ(to_string(call(kScript, view("call" + steps.dump())).output), "!contract.unknown");
}

TEST_F(EvmTest, LanguagesCallEachOther) {
  const Json put = {{"put", "a", "1"}, {"event", "e"}};
  const auto result = call(kCaller, through(kScript, view("call" + put.dump())));
  EXPECT_EQ(result.status, ReceiptStatus::accepted);
  EXPECT_EQ(result.events.size(), 1u);
  EXPECT_EQ(slots(kScript), 1u);
  const Json count = {{"call", hex(kCounter), "to 0", "call"}, {"revert", "no"}};
  EXPECT_EQ(number(call(kCounter)), 1u);
  EXPECT_EQ(call(kScript, view("call" + count.dump())).status, ReceiptStatus::reverted);
  EXPECT_EQ(number(call(kCounter)), 2u) << "what the script undid was not done to the slot";
}

TEST_F(EvmTest, NoLanguageWritesTheStateOfAnother) {
  const Json put = {{"put", std::string(32, '\0'), "short"}};
  EXPECT_EQ(call(kDelegator, through(kScript, view("call" + put.dump()))).status, ReceiptStatus::reverted);
  const Json count = {{"call", hex(kCounter), Json::array(), "delegate"}};
  EXPECT_EQ(to_string(call(kScript, view("call" + count.dump())).output), "!contract.trap.delegate");
  EXPECT_EQ(slots(kDelegator), 0u);
  EXPECT_EQ(number(call(kDelegator, through(kCounter))), 1u);
  EXPECT_EQ(slots(kDelegator), 1u);
  EXPECT_EQ(slots(kCounter), 0u);
}

TEST_F(EvmTest, FactoriesCountNoncesAsEthereumDoes) {
  const Address first = made(call(kFactory, init_of(kCounterCode)));
  EXPECT_EQ(first, create_address(kFactory, 1));
  EXPECT_EQ(number(call(first)), 1u);
  EXPECT_EQ(made(call(kFactory, unhex("fe").value())), Address{}) << "a constructor that fails";
  EXPECT_EQ(record(kFactory)->nonce, 3u);
  EXPECT_EQ(made(call(kFactory, init_of(kCounterCode))), create_address(kFactory, 3));
  EXPECT_EQ(made(call(kFactory, Bytes())), create_address(kFactory, 4)) << "of no code";
  EXPECT_EQ(to_string(call(create_address(kFactory, 4)).output), "contract.not_deployed");
  EXPECT_EQ(made(call(kFactory, init_of("ff"))), Address{}) << "code that could not be proposed";
  // Delegating to a factory makes the contract in the delegator's name.
  EXPECT_EQ(made(call(kDelegator, through(kFactory, init_of(kCounterCode)))), create_address(kDelegator, 1));
}

TEST_F(EvmTest, AnAddressIsTakenOnce) {
  ASSERT_EQ(deploy(kFactory, init_of(kFactory2Code)).status, ReceiptStatus::accepted);
  const Bytes init = init_of(kCounterCode);
  const Address expected = create2_address(kFactory, Digest{}, init);
  EXPECT_EQ(made(call(kFactory, init)), expected);
  EXPECT_EQ(made(call(kFactory, init)), Address{});
  EXPECT_EQ(number(call(expected)), 1u);
}

TEST_F(EvmTest, OtherLanguagesHaveCodeInTheEyesOfTheEvm) {
  const Address size{0x51};
  ASSERT_EQ(deploy(size, init_of(kSizeCode)).status, ReceiptStatus::accepted);
  EXPECT_EQ(number(call(size, kScript)), 1u);
  EXPECT_EQ(number(call(size, kNothing)), 0u);
  EXPECT_EQ(number(call(size, kCounter)), kCounterCode.size() / 2);
}

TEST_F(EvmTest, TheDeepestCreationRevertsForNothing) {
  Bytes input = through(kFactory, init_of(kCounterCode));
  for (uint32_t i = 0; i + 2 < kMaxDepth; ++i) input = through(kCaller, input);
  const auto result = call(kCaller, input, 100'000'000);
  EXPECT_EQ(made(result), Address{});
  EXPECT_EQ(record(kFactory)->nonce, 1u);
}

TEST_F(EvmTest, OutOfGasAnywhereLeavesNothing) {
  const Json steps = {{"put", "a", "1"},
                      {"event", "e"},
                      {"call", hex(kFactory), "x", "call"},
                      {"call", hex(kCounter), "x", "call"},
                      {"put", "b", "2"}};
  const Bytes input = through(kScript, view("call" + steps.dump()));
  const auto before = state.values;
  const uint64_t used = call(kCaller, input).gas;
  const auto after = state.values;
  size_t failed = 0;
  for (uint64_t gas = 0; gas <= used + 2000; ++gas) {
    state.values = before;
    const auto result = call(kCaller, input, gas);
    if (result.status == ReceiptStatus::accepted) continue;
    ++failed;
    ASSERT_EQ(state.values, before) << gas;
    ASSERT_TRUE(result.events.empty()) << gas;
  }
  EXPECT_GT(failed, used / 2);
  EXPECT_NE(before, after);
}

}  // namespace
}  // namespace chengxin::contract
