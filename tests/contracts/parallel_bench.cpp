// parallel_bench CODE INTERFACE [THREADS] [BLOCKS]: transfers of the sample token between 2,000
// holders, in blocks of 1,000, executed by one thread and by so many, in turns, on two copies of a chain, and
// committed with a sync each. First between any two; then all to one holder, so that each transfer needs the
// one before.
#include <chrono>
#include <fstream>

#include "base/check.h"
#include "deployed_chain.h"

using namespace chengxin;
using namespace chengxin::contract;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t kHolders = 2000, kBlock = 1000;

struct Spent {
  double execute = 0, commit = 0;
};

struct Bench {
  ledger::testing::TestChain setup;
  std::vector<ledger::testing::Signer> holders{kHolders};
  std::vector<std::unique_ptr<contract::testing::DeployedChain>> chains;
  const contract::testing::Built token;
  std::mt19937_64 random{1};

  Bench(contract::testing::Built code, size_t threads) : token(std::move(code)) {
    setup.genesis.protocol = kContractsProtocol;
    for (const auto& each : holders)
      setup.genesis.accounts.push_back({each.key.public_key().point(), {"writer"}});
    for (const size_t count : {size_t(1), threads}) {
      auto& chain = *chains.emplace_back(std::make_unique<contract::testing::DeployedChain>(setup, count));
      chain.deploy(token, Json::array({"Token", "T", "1000000000"}));
    }
    for (size_t i = 0; i < kHolders; i += kBlock) {
      std::vector<Bytes> envelopes;
      for (size_t k = i; k < i + kBlock; ++k)
        envelopes.push_back(transfer(setup.governor, holders[k], 10'000));
      run(envelopes);
    }
  }
  Bytes transfer(const ledger::testing::Signer& from, const ledger::testing::Signer& to, uint64_t value) {
    const auto address = format::account_address(to.key.public_key().point());
    format::TransactionBody body;
    body.chain = chains[0]->ledger->id();
    body.signer = from.id;
    body.valid_from_ms = uint64_t(chains[0]->time_ms);
    body.valid_until_ms = body.valid_from_ms + 60'000;
    for (uint8_t& byte : body.nonce) byte = uint8_t(random());
    body.calls = {token.call("transfer", Json::array({"0x" + hex(address), std::to_string(value)}))};
    return format::sign_transaction(body, from.key, {}).value();
  }
  // On both, each in turn the first.
  std::array<Spent, 2> run(const std::vector<Bytes>& envelopes) {
    std::array<Spent, 2> out;
    const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
    Digest state{};
    const size_t first = chains[0]->ledger->head().header.height & 1;
    for (const size_t turn : {0, 1}) {
      const size_t i = turn ^ first;
      auto& chain = *chains[i];
      std::vector<ledger::AdmittedTransaction> admitted;
      for (auto& each : chain.ledger->admit(views, chain.time_ms)) admitted.push_back(each.value());
      const auto begin = Clock::now();
      const auto block = chain.ledger->execute(admitted, ++chain.time_ms).value();
      const auto executed = Clock::now();
      const auto certificate =
          ledger::testing::certify(block, chain.ledger->head().next_validators, chain.signers);
      const auto certified = Clock::now();
      CHECK(chain.ledger->commit(block, certificate));
      out[i] = {seconds(executed - begin), seconds(Clock::now() - certified)};
      for (const Bytes& each : block.receipts) CHECK(format::Receipt::decode(each).value().status == 0);
      CHECK(turn == 0 || state == block.header.state_root);
      state = block.header.state_root;
    }
    return out;
  }
  static double seconds(Clock::duration spent) { return std::chrono::duration<double>(spent).count(); }

  void measure(const char* what, size_t blocks, bool to_one) {
    std::array<Spent, 2> all;
    for (size_t i = 0; i < blocks; ++i) {
      std::vector<Bytes> envelopes;
      for (size_t k = 0; k < kBlock; ++k)
        envelopes.push_back(
            transfer(holders[random() % kHolders], holders[to_one ? 0 : random() % kHolders], 1));
      const auto spent = run(envelopes);
      for (const size_t side : {0, 1}) {
        all[side].execute += spent[side].execute;
        all[side].commit += spent[side].commit;
      }
    }
    const auto rate = [&](double time) { return double(blocks * kBlock) / time; };
    for (const Spent& each : all)
      fmt::print("{:<12} {:>9.0f}/s executed, {:>9.0f}/s with the commit\n", what, rate(each.execute),
                 rate(each.execute + each.commit));
    fmt::print("{:<12} ratio {:.2f} executed, {:.2f} with the commit\n", what,
               all[0].execute / all[1].execute,
               (all[0].execute + all[0].commit) / (all[1].execute + all[1].commit));
  }
};

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  const size_t threads = count > 3 ? std::stoul(words[3]) : 2, blocks = count > 4 ? std::stoul(words[4]) : 20;
  const Bytes code = read_file(words[1], 16 << 20).value();
  const bool wasm = text(code).starts_with(std::string_view("\0asm", 4));
  Bench bench({"token", code, parse_interface(text(read_file(words[2], 1 << 20).value())).value(),
               wasm ? format::ContractEngine::wasm : format::ContractEngine::evm},
              threads);
  std::string load;
  std::getline(std::ifstream("/proc/loadavg"), load);
  fmt::print("{} blocks of {} transfers between {} holders; 1 thread, then {}; load of the machine: {}\n",
             blocks, kBlock, kHolders, threads, load);
  bench.measure("any two", blocks, false);
  bench.measure("all to one", blocks, true);
}
