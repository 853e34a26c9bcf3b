// The engines through their C header, as C++ uses them.
#include <chengxin_sandbox.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "contract/wasm.h"

namespace {

constexpr uint64_t kGas = 1'000'000;
constexpr uint64_t kPrepareGas = 1'000'000'000;

// (module (import "chengxin" …) (memory (export "memory") 1) (func (export "chengxin_call") (local $n i32)
//   (if (i32.eqz (local.tee $n (call $input))) (then (call $revert (i32.const 0) (i32.const 0))))
//   (call $answer (i32.const 0) (i32.const 0) (local.get $n))
//   (call $put (i32.const 0) (local.get $n) (i32.const 0) (local.get $n))
//   (call $output (i32.const 0) (local.get $n))))
const std::vector<uint8_t> kModule{
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x1a, 0x05, 0x60, 0x00, 0x01, 0x7f, 0x60,
    0x03, 0x7f, 0x7f, 0x7f, 0x00, 0x60, 0x02, 0x7f, 0x7f, 0x00, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f,
    0x00, 0x60, 0x00, 0x00, 0x02, 0x57, 0x05, 0x08, 0x63, 0x68, 0x65, 0x6e, 0x67, 0x78, 0x69, 0x6e,
    0x05, 0x69, 0x6e, 0x70, 0x75, 0x74, 0x00, 0x00, 0x08, 0x63, 0x68, 0x65, 0x6e, 0x67, 0x78, 0x69,
    0x6e, 0x06, 0x61, 0x6e, 0x73, 0x77, 0x65, 0x72, 0x00, 0x01, 0x08, 0x63, 0x68, 0x65, 0x6e, 0x67,
    0x78, 0x69, 0x6e, 0x06, 0x6f, 0x75, 0x74, 0x70, 0x75, 0x74, 0x00, 0x02, 0x08, 0x63, 0x68, 0x65,
    0x6e, 0x67, 0x78, 0x69, 0x6e, 0x03, 0x70, 0x75, 0x74, 0x00, 0x03, 0x08, 0x63, 0x68, 0x65, 0x6e,
    0x67, 0x78, 0x69, 0x6e, 0x06, 0x72, 0x65, 0x76, 0x65, 0x72, 0x74, 0x00, 0x02, 0x03, 0x02, 0x01,
    0x04, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x1a, 0x02, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79,
    0x02, 0x00, 0x0d, 0x63, 0x68, 0x65, 0x6e, 0x67, 0x78, 0x69, 0x6e, 0x5f, 0x63, 0x61, 0x6c, 0x6c,
    0x00, 0x05, 0x0a, 0x2c, 0x01, 0x2a, 0x01, 0x01, 0x7f, 0x10, 0x00, 0x22, 0x00, 0x45, 0x04, 0x40,
    0x41, 0x00, 0x41, 0x00, 0x10, 0x04, 0x0b, 0x41, 0x00, 0x41, 0x00, 0x20, 0x00, 0x10, 0x01, 0x41,
    0x00, 0x20, 0x00, 0x41, 0x00, 0x20, 0x00, 0x10, 0x03, 0x41, 0x00, 0x20, 0x00, 0x10, 0x02, 0x0b};

cx_bytes bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }
cx_bytes bytes(const std::vector<uint8_t>& data) { return {data.data(), data.size()}; }
std::string text(cx_bytes data) { return {reinterpret_cast<const char*>(data.data), data.size}; }

std::string take(cx_buffer buffer) {
  std::string out = text({buffer.data, buffer.size});
  cx_free(buffer);
  return out;
}

struct Host {
  std::map<std::string, std::string> state;
  std::string code;
  int code_asked = 0;
  cx_verdict verdict = CX_OK;

  static Host& of(void* self) { return *static_cast<Host*>(self); }

  cx_host callbacks() {
    return {this,
            [](void*, cx_bytes, cx_buffer*) { return CX_ABSENT; },
            [](void* self, cx_bytes key, const cx_bytes* value) {
              of(self).state[text(key)] = text(*value);
              return of(self).verdict;
            },
            [](void*, cx_bytes, cx_bytes, uint32_t, uint64_t*, cx_buffer*) { return CX_OK; },
            [](void*, const uint8_t*, uint32_t, cx_bytes) { return CX_OK; },
            [](void* self, uint32_t question, cx_bytes, cx_buffer* answer) {
              if (question != CX_ASK_CODE) return CX_ABSENT;
              ++of(self).code_asked;
              *answer = cx_copy(bytes(of(self).code));
              return CX_OK;
            },
            [](void*, const cx_message*, cx_outcome*) { return CX_FAULT; },
            nullptr};
  }
};

class Sandbox : public testing::Test {
 protected:
  Sandbox() {
    const cx_outcome prepared = cx_wasm_prepare(bytes(kModule), 3, kPrepareGas);
    EXPECT_EQ(prepared.ending, CX_RETURNED);
    host.code = take(prepared.output);
  }

  ~Sandbox() override { cx_wasm_close(engine); }

  cx_outcome call(std::string_view input, uint64_t gas = kGas) {
    const cx_host callbacks = host.callbacks();
    cx_context context{};
    context.protocol = 3;
    cx_message message{};
    message.input = bytes(input);
    message.gas = gas;
    return cx_wasm_call(engine, digest, &context, &callbacks, &message);
  }

  Host host;
  const uint8_t digest[32] = {1, 2, 3};
  cx_wasm* engine = cx_wasm_open(nullptr, 1 << 24, 0);
};

TEST_F(Sandbox, Calls) {
  const cx_outcome outcome = call("hello");
  EXPECT_EQ(outcome.ending, CX_RETURNED);
  EXPECT_LT(outcome.gas_used, kGas);
  EXPECT_EQ(take(outcome.output), "hello");
  EXPECT_EQ(host.state, (std::map<std::string, std::string>{{"hello", "hello"}}));
}

TEST_F(Sandbox, EndsOfACall) {
  EXPECT_EQ(call("").ending, CX_REVERTED);
  EXPECT_EQ(call("hello", 1'000).ending, CX_OUT_OF_GAS);
  host.verdict = CX_REFUSED;
  const cx_outcome refused = call("hello");
  EXPECT_EQ(refused.ending, CX_TRAPPED);
  EXPECT_EQ(take(refused.output), "contract.refused");
  host.verdict = CX_FAULT;
  const cx_outcome fault = call("hello");
  EXPECT_EQ(fault.ending, CX_HOST_FAULT);
  cx_free(fault.output);
}

TEST_F(Sandbox, ScansAndRefuses) {
  cx_buffer report{};
  EXPECT_EQ(cx_wasm_scan(bytes(kModule), 3, &report), CX_OK);
  EXPECT_EQ(nlohmann::json::parse(take(report)).at("imports").size(), 5u);
  EXPECT_EQ(cx_wasm_scan(bytes("not a module"), 3, &report), CX_REFUSED);
  EXPECT_EQ(nlohmann::json::parse(take(report)).at("findings").at(0).at("reason"), "contract.scan.invalid");
  const cx_outcome prepared = cx_wasm_prepare(bytes("not a module"), 3, kPrepareGas);
  EXPECT_EQ(prepared.ending, CX_TRAPPED);
  EXPECT_EQ(take(prepared.output).substr(0, 22), "contract.scan.invalid:");
}

TEST_F(Sandbox, KeepsCompiledCode) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("sandbox-" + std::to_string(getpid()));
  cx_wasm_close(engine);
  engine = cx_wasm_open(folder.c_str(), 1 << 24, 1 << 24);
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(cx_wasm_compile(engine, digest, bytes(host.code)), CX_OK);
  cx_wasm_close(engine);
  engine = cx_wasm_open(folder.c_str(), 1 << 24, 1 << 24);
  EXPECT_EQ(take(call("hello").output), "hello");
  EXPECT_EQ(host.code_asked, 0);
  std::filesystem::remove_all(folder);
}

// In a block its fault would stop the node, for what went wrong in a query at the same time.
TEST_F(Sandbox, WhoWaitsForALoadThatFailsLoadsItHimself) {
  std::promise<void> loading;
  cx_host failing = host.callbacks();
  failing.self = &loading;
  failing.ask = [](void* self, uint32_t, cx_bytes, cx_buffer*) {
    static_cast<std::promise<void>*>(self)->set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // so that the other one waits
    return CX_FAULT;
  };
  std::thread first([&] {
    cx_context context{};
    context.protocol = 3;
    cx_message message{};
    message.gas = kGas;
    const cx_outcome ended = cx_wasm_call(engine, digest, &context, &failing, &message);
    EXPECT_EQ(ended.ending, CX_HOST_FAULT);
    cx_free(ended.output);
  });
  loading.get_future().wait();
  const cx_outcome waited = call("hello");
  EXPECT_EQ(waited.ending, CX_RETURNED);
  EXPECT_EQ(take(waited.output), "hello");
  first.join();
}

TEST_F(Sandbox, CallsOnManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this, i] {
      Host own;
      own.code = host.code;
      const cx_host callbacks = own.callbacks();
      cx_context context{};
      context.protocol = 3;
      const std::string input(static_cast<size_t>(i) + 1, 'x');
      for (int round = 0; round < 200; ++round) {
        cx_message message{};
        message.input = bytes(input);
        message.gas = kGas;
        const cx_outcome outcome = cx_wasm_call(engine, digest, &context, &callbacks, &message);
        ASSERT_EQ(outcome.ending, CX_RETURNED);
        ASSERT_EQ(take(outcome.output), input);
      }
    });
  for (auto& thread : threads) thread.join();
}

TEST(PreparedModules, AreKeptAsFiles) {
  namespace fs = std::filesystem;
  chengxin::contract::WasmOptions options;
  options.folder = fs::path(testing::TempDir()) / ("prepared-" + std::to_string(getpid()));
  const auto engine = [&] { return chengxin::contract::wasm_engine(options).value(); };
  const auto scanned = engine()->scan(kModule).value();
  EXPECT_TRUE(scanned.findings.empty());
  EXPECT_GT(scanned.gas, 0u);
  fs::path file;
  for (const auto& each : fs::directory_iterator(options.folder))
    if (each.path().extension() == ".prepared") file = each.path();
  const chengxin::Bytes kept = chengxin::read_file(file, 1 << 20).value();

  const auto before = fs::last_write_time(file) - std::chrono::hours(1);
  fs::last_write_time(file, before);
  EXPECT_TRUE(engine()->load(kModule));
  EXPECT_EQ(fs::last_write_time(file), before) << "it was read, not made again";

  chengxin::Bytes damaged = kept;
  damaged.back() ^= 1;
  ASSERT_TRUE(chengxin::write_durable(file, damaged));
  EXPECT_TRUE(engine()->load(kModule));
  EXPECT_EQ(chengxin::read_file(file, 1 << 20).value(), kept);
  fs::remove_all(options.folder);
}

TEST(Keccak, IsEthereums) {
  uint8_t digest[32];
  cx_keccak256(bytes("transfer(address,uint256)"), digest);
  EXPECT_EQ((std::vector<int>{digest[0], digest[1], digest[2], digest[3]}),
            (std::vector<int>{0xa9, 0x05, 0x9c, 0xbb}));
}

}  // namespace
