// contract_bench MODULE.wasm INTERFACE [CALLS]: records of a notary, each a signed transaction, through
// admission, execution and a durable commit of a ledger; blocks of 1,000. Run it on one core: taskset -c 1.
#include <chrono>

#include "contract/registry.h"
#include "contract/wasm.h"
#include "crypto/sm3.h"
#include "ledger/testing.h"

using namespace chengxin;
using namespace chengxin::contract;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t kBlock = 1000;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Bench {
  ledger::testing::TestChain setup;
  ledger::testing::LiveChain chain{setup};

  Bench() {
    const auto registry =
        std::make_shared<Registry>(Engines{{format::ContractEngine::wasm, wasm_engine({}).value()}});
    chain.ledger.reset();
    ledger::Options options = setup.options();
    for (auto& row : lifecycle(registry)) options.contracts.push_back(std::move(row));
    options.deployed = deployed(registry);
    options.highest_protocol = kContractsProtocol;
    chain.ledger = ledger::Ledger::open(chain.path(), options).value();
    for (uint32_t version = 2; version <= kContractsProtocol; ++version)
      govern("governance", "set_protocol",
             format::encode_set_protocol({version, chain.ledger->head().header.height + 2}));
  }
  void govern(std::string contract, std::string method, Bytes arguments,
              std::vector<Bytes> attachments = {}) {
    const auto block =
        chain.add(setup.governor, {{std::move(contract), method, std::move(arguments)}}, attachments).value();
    const auto record = chain.ledger->transaction(block.included.at(0)->hash).value();
    if (record.receipt.status == 0) return;
    fmt::print(stderr, "{}: {}\n", method, text(record.output));
    std::exit(1);
  }
  void deploy(const Bytes& code, const Interface& interface) {
    const Bytes package =
        format::ContractPackage{format::ContractEngine::wasm, code, interface.json(), Digest{1}, "bench"}
            .encode();
    const Bytes version = format::ContractVersionRef{"notary", 1, {}}.encode();
    govern("contract", "propose", format::ContractPropose{"notary", crypto::sm3(package)}.encode(),
           {package});
    govern("contract", "approve", version);
    govern("contract", "deploy", version);
  }
};

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  const size_t calls = count > 3 ? std::stoul(words[3]) : 20'000;
  const Bytes code = read_file(words[1], 16 << 20).value();
  const Interface interface = parse_interface(text(read_file(words[2], 1 << 20).value())).value();
  Bench bench;
  auto begin = Clock::now();
  bench.deploy(code, interface);
  fmt::print("{} of {} bytes proposed, scanned, approved and deployed in {:.2f} s\n", words[1], code.size(),
             seconds_since(begin));

  const Entry* record = interface.function("record");
  double admit = 0, execute = 0, commit = 0;
  uint64_t gas = 0;
  for (size_t done = 0; done < calls; done += kBlock) {
    std::vector<Bytes> envelopes;
    for (size_t i = 0; i < kBlock; ++i) {
      Digest digest{};
      std::memcpy(digest.data(), &(const uint64_t&)(done + i + 1), 8);
      const Bytes arguments =
          encode(record->inputs, Json::array({"0x" + hex(digest), "an entry of the bench"})).value();
      envelopes.push_back(bench.setup.envelope(bench.setup.writer, bench.chain.time_ms,
                                               {{"notary", "record", arguments}}, {}));
    }
    const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
    begin = Clock::now();
    std::vector<ledger::AdmittedTransaction> admitted;
    for (auto& each : bench.chain.ledger->admit(views, bench.chain.time_ms)) admitted.push_back(each.value());
    admit += seconds_since(begin);
    begin = Clock::now();
    const auto block = bench.chain.ledger->execute(admitted, ++bench.chain.time_ms).value();
    execute += seconds_since(begin);
    const auto receipt = format::Receipt::decode(block.receipts.at(0)).value();
    if (receipt.status != 0) return fmt::print(stderr, "receipt {}\n", receipt.status), 1;
    gas = receipt.gas;
    const auto certificate =
        ledger::testing::certify(block, bench.chain.ledger->head().next_validators, bench.chain.signers);
    begin = Clock::now();
    if (Status done_ = bench.chain.ledger->commit(block, certificate); !done_) return 1;
    commit += seconds_since(begin);
  }
  const auto rate = [&](double seconds) { return double(calls) / seconds; };
  fmt::print(
      "{} calls of record, {} gas each: {:.0f}/s in all; admission {:.0f}/s, execution {:.0f}/s, commit "
      "{:.0f}/s\n",
      calls, gas, rate(admit + execute + commit), rate(admit), rate(execute), rate(commit));
}
