#pragma once
#include <sys/resource.h>

#include <chrono>

#include "deployed_chain.h"

// A chain with contracts whose steps are timed one by one, for benchmarks and scripts.
namespace chengxin::contract {

struct Time {
  double wall = 0, processor = 0;  // seconds; processor: of all threads
  static Time now() {
    rusage used;
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
    return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
            seconds(used.ru_utime) + seconds(used.ru_stime)};
  }
  Time& operator+=(const Time& more) {
    wall += more.wall;
    processor += more.processor;
    return *this;
  }
  Time operator-(const Time& begin) const { return {wall - begin.wall, processor - begin.processor}; }
};

class Chain {
 public:
  explicit Chain(size_t threads = 0) {
    setup.genesis.protocol = kContractsProtocol;
    const auto options = testing::with_contracts(setup.options(), testing::new_registry(), threads);
    ledger = ledger::Ledger::create(folder.path / "chain", setup.document(), options).value();
  }

  // Proposes, approves and deploys; empty, or why not.
  std::string deploy(format::ContractEngine engine, const std::string& name, uint32_t version,
                     const Bytes& code, const std::string& interface, const Bytes& input = {}) {
    const Bytes package = format::ContractPackage{engine, code, interface, Digest{1}, "test"}.encode();
    const Bytes plain = format::ContractVersionRef{name, version, {}}.encode();
    for (const auto& [method, arguments] :
         {std::pair("propose", format::ContractPropose{name, crypto::sm3(package)}.encode()),
          std::pair("approve", plain),
          std::pair("deploy", format::ContractVersionRef{name, version, input}.encode())}) {
      const bool proposes = method == std::string_view("propose");
      const auto record = call(setup.governor, {"contract", method, arguments},
                               proposes ? std::vector<Bytes>{package} : std::vector<Bytes>());
      if (record.receipt.status != 0) return to_string(record.output);
    }
    return {};
  }
  ledger::TransactionRecord call(const ledger::testing::Signer& signer, format::Call call,
                                 const std::vector<Bytes>& attachments = {}) {
    const Bytes one = envelope(signer, std::move(call), attachments);
    return ledger->transaction(add(std::span(&one, 1)).included.at(0)->hash).value();
  }

  Bytes envelope(const ledger::testing::Signer& signer, format::Call call,
                 const std::vector<Bytes>& attachments = {}) const {
    return setup.envelope(signer, time_ms, {std::move(call)}, attachments);
  }

  ledger::Ledger::Executed add(std::span<const Bytes> envelopes) {
    const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
    Time begin = Time::now();
    std::vector<ledger::AdmittedTransaction> admitted;
    for (auto& each : ledger->admit(views, time_ms)) admitted.push_back(each.value());
    admission += Time::now() - begin;
    begin = Time::now();
    const auto block = ledger->execute(admitted, ++time_ms).value();
    execution += Time::now() - begin;
    const auto certificate =
        ledger::testing::certify(block, ledger->head().next_validators, std::span(&setup.validator, 1));
    begin = Time::now();
    if (auto done = ledger->commit(block, certificate); !done) {
      fmt::print(stderr, "{}\n", done.error().to_string());
      std::exit(1);
    }
    commit += Time::now() - begin;
    return block;
  }
  // The same; each of them must be accepted. The gas of the last.
  uint64_t add_accepted(std::span<const Bytes> envelopes) {
    uint64_t gas = 0;
    for (const Bytes& each : add(envelopes).receipts) {
      const auto receipt = format::Receipt::decode(each).value();
      if (receipt.status != 0) {
        fmt::print(stderr, "a receipt of status {}\n", receipt.status);
        std::exit(1);
      }
      gas = receipt.gas;
    }
    return gas;
  }

  ledger::testing::TestChain setup;
  ledger::testing::TemporaryFolder folder;
  std::unique_ptr<ledger::Ledger> ledger;
  int64_t time_ms = 1'700'000'100'000;
  Time admission, execution, commit;  // of all blocks until now
};

}  // namespace chengxin::contract
