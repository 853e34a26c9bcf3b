// transfer_bench ARTIFACTS [BLOCKS TRANSFERS ACCOUNTS THREADS]: the transfers of tests/oracle/geth through a
// ledger's blocks: executed, with receipts, log and state tree, and synced to disk once a block. What comes
// before (signatures, admission) is not counted. Prints one line of JSON, as the peer does; transfer_ratio
// runs both.
#include "chain.h"

using namespace chengxin;
using namespace chengxin::contract;

namespace {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

constexpr std::string_view kToken =
    "function transfer(address to, uint256 amount) returns (bool)\n"
    "function balanceOf(address account) view returns (uint256)\n";

format::Call transfer(const ledger::testing::Signer& to, uint64_t amount) {
  Bytes arguments(12);
  append(arguments, format::account_address(to.key.public_key().point()));
  arguments.resize(56);
  put_be(arguments, amount);
  return {"token", "transfer", std::move(arguments)};
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return 2;
  const auto number = [&](int i, size_t otherwise) { return count > i ? std::stoul(words[i]) : otherwise; };
  const size_t blocks = number(2, 20), transfers = number(3, 2000), accounts = number(4, 10'000),
               threads = number(5, 1);
  const Json artifacts = Json::parse(text(read_file(words[1], 16 << 20).value()));
  const Bytes creation = unhex(artifacts.at("Token").at("creation").get<std::string>()).value();

  const std::vector<ledger::testing::Signer> holders(accounts);
  Chain bench(threads);
  if (const auto why = bench.deploy(format::ContractEngine::evm, "token", 1, creation,
                                    parse_interface(kToken).value().json());
      !why.empty())
    return fmt::print(stderr, "{}\n", why), 1;
  for (size_t done = 0; done < accounts; done += transfers) {
    std::vector<Bytes> keys, shares;
    for (size_t i = done; i < std::min(accounts, done + transfers); ++i) {
      const auto key = format::encode_register_key(holders[i].key.public_key().point(), {});
      keys.push_back(bench.envelope(bench.setup.governor, {"governance", "register_key", key}));
      shares.push_back(bench.envelope(bench.setup.governor, transfer(holders[i], 1'000'000)));
    }
    bench.add_accepted(keys);
    bench.add_accepted(shares);
  }

  bench.admission = bench.execution = bench.commit = {};
  SplitMix64 random(6);
  uint64_t gas = 0;
  for (size_t block = 0; block < blocks; ++block) {
    std::vector<Bytes> envelopes;
    for (size_t i = 0; i < transfers; ++i) {
      const auto& from = holders[random.next() % accounts];
      const auto& to = holders[random.next() % accounts];
      envelopes.push_back(bench.envelope(from, transfer(to, 1)));
    }
    gas = bench.add_accepted(envelopes);
  }
  Time all = bench.execution;
  all += bench.commit;
  const double total = double(blocks * transfers);
  Json out = {{"peer", "chengxin"},
              {"accounts", accounts},
              {"transfers", total},
              {"blocks", blocks},
              {"threads", threads},
              {"gas_of_the_last", gas},
              {"transfers_per_second", std::floor(total / all.wall)},
              {"transfers_per_processor_second", std::floor(total / all.processor)},
              {"us_of_execution", bench.execution.processor / total * 1e6},
              {"us_of_commit", bench.commit.processor / total * 1e6},
              {"wall_us_of_execution", bench.execution.wall / total * 1e6},
              {"wall_us_of_commit", bench.commit.wall / total * 1e6}};
  fmt::print("{}\n", out.dump());
}
