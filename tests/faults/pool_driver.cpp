// faults_pool DIR COUNT: opens or makes the chain and the pool below DIR and goes through COUNT heights as a
// voter does: keeps what it votes for, in one round or several, prints name and hash of each once that is
// durable, then commits all of it to the ledger. faults_pool DIR check: names on standard input; prints those
// whose contents are in the pool or in the ledger. Exit 3 when either does not open.
#include <unistd.h>

#include <charconv>
#include <iostream>
#include <random>

#include "comet/pool.h"
#include "ledger/testing.h"

namespace {

using namespace chengxin;

constexpr int64_t kNow = 1'700'000'100'000;

ledger::testing::Signer fixed(uint8_t number) {
  ledger::testing::Signer out;
  out.key = crypto::Sm2PrivateKey::from_scalar(Bytes(32, number)).value();
  out.id = format::key_id(out.key.public_key().point());
  return out;
}

struct Voter {
  Voter() {
    test.validator = fixed(1);
    test.writer = fixed(2);
    test.genesis.validators.members = {{test.validator.key.public_key().point(), 1}};
    test.genesis.accounts = {{test.writer.key.public_key().point(), {"writer"}}};
  }
  Status open(const fs::path& folder) {
    std::error_code ignored;
    const fs::path chain = folder / "chain";
    if (fs::exists(chain, ignored)) {
      ASSIGN(ledger, ledger::Ledger::open(chain, test.options()));
    } else {
      ASSIGN(ledger, ledger::Ledger::create(chain, test.document(), test.options()));
    }
    ASSIGN(pool, comet::Pool::open(
                     *ledger, folder / "pool", [] { return kNow; }, [] {}, {}));
    return {};
  }
  Status vote(uint64_t engine_height) {
    std::vector<ledger::AdmittedTransaction> transactions;
    for (uint64_t i = random() % 4 + 1; i > 0; --i) {
      const Bytes items(32 * (random() % 200 + 1), uint8_t(random()));
      ASSIGN(
          auto admitted,
          ledger->admit(test.envelope(test.writer, kNow, {ledger::testing::anchor_call()}, {items}), kNow));
      transactions.push_back(std::move(admitted));
    }
    TRY(pool->keep(engine_height, transactions));
    std::string lines;
    for (const auto& each : transactions) lines += hex(each->hash) + " " + hex(each->hash) + "\n";
    if (::write(STDOUT_FILENO, lines.data(), lines.size()) != ssize_t(lines.size()))
      return fail(Code::internal, "test.output");
    pending.insert(pending.end(), transactions.begin(), transactions.end());
    if (random() % 3 == 0) return vote(engine_height);  // in another round of the same height
    ASSIGN(auto executed, ledger->execute(std::exchange(pending, {}), kNow));
    const auto set = ledger->head().next_validators;
    TRY(ledger->commit(executed, ledger::testing::certify(executed, set, std::span(&test.validator, 1))));
    if (random() % 2 == 0) pool->committed(engine_height, &executed);
    return {};
  }
  bool holds(std::string_view line) {
    const auto id = unhex_digest(line.substr(0, 64)), hash = unhex_digest(line.substr(65));
    return !pool->give(std::span(&*id, 1), SIZE_MAX).empty() || bool(ledger->transaction(*hash));
  }

  ledger::testing::TestChain test;
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<comet::Pool> pool;
  std::vector<ledger::AdmittedTransaction> pending;  // voted for at this height
  std::mt19937_64 random{std::random_device{}()};
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  Voter voter;
  if (Status opened = voter.open(arguments[1]); !opened) {
    std::cerr << opened.error().to_string() << "\n";
    return 3;
  }
  const std::string_view what = arguments[2];
  if (what == "check") {
    for (std::string line; std::getline(std::cin, line);)
      if (voter.holds(line)) std::cout << line << "\n";
    return 0;
  }
  uint64_t heights = 0;
  std::from_chars(what.data(), what.data() + what.size(), heights);
  for (uint64_t height = 1; height <= heights; ++height)
    if (Status voted = voter.vote(height); !voted) {
      std::cerr << voted.error().to_string() << "\n";
      return 1;
    }
}
