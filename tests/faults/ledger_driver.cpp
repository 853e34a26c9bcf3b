// faults_ledger DIR COUNT: opens or makes the chain below DIR, hands COUNT transactions to a solo sequencer
// from several threads and prints the hash of each once its receipt is there. Exit 1 when one is refused.
// faults_ledger DIR COUNT engine: decides blocks as an engine does, their certificates following, with a note
// each time, and prints the hashes and the note's number once a decision is there.
// faults_ledger DIR check: opens the chain, verifies everything, prints the hashes of all transactions on it,
// and the numbers up to the last note's. Exit 3 when it does not open or verify. A folder without a chain is
// an empty chain: creation is atomic too.
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "base/clock.h"
#include "crypto/sm3.h"
#include "format/transaction.h"
#include "ledger/ledger.h"
#include "order/sequencer.h"

namespace {

using namespace chengxin;

constexpr int kThreads = 4;
constexpr int kInFlight = 8;  // of each thread

crypto::Sm2PrivateKey fixed_key(uint8_t number) {
  Bytes scalar(32, number);
  return crypto::Sm2PrivateKey::from_scalar(scalar).value();
}

ledger::ContractTable contracts() {
  ledger::Method anchor;
  anchor.contract = "faults";
  anchor.name = "anchor";
  anchor.stands_for = [](ByteView, ByteView) { return true; };
  anchor.writes = {"faults/"};
  anchor.run = [](const ledger::CallContext& context) -> Result<ledger::CallResult> {
    // Some state that changes often and some that stays, besides the items themselves.
    context.state.put("faults/last", to_bytes(context.attachment.first(32)));
    context.state.put("faults/" + hex(context.attachment.first(2)), to_bytes(context.attachment.first(32)));
    ledger::CallResult result;
    result.indexed_item_bytes = 32;
    return result;
  };
  return {anchor};
}

Result<std::unique_ptr<ledger::Ledger>> open(const fs::path& folder) {
  format::Genesis genesis;
  genesis.name = "faults";
  genesis.created_ms = 1'700'000'000'000;
  genesis.validators.members = {{fixed_key(1).public_key().point(), 1}};
  genesis.accounts = {{fixed_key(2).public_key().point(), {"writer"}}};
  ledger::Options options;
  options.contracts = contracts();
  fs::path chain = folder / "chain";
  std::error_code ignored;
  if (!fs::exists(chain, ignored)) return ledger::Ledger::create(chain, genesis.encode(), options);
  return ledger::Ledger::open(chain, options);
}

Bytes transaction(const Digest& chain, std::mt19937_64& random) {
  static const crypto::Sm2PrivateKey key = fixed_key(2);
  format::TransactionBody body;
  body.chain = chain;
  body.signer = format::key_id(key.public_key().point());
  body.valid_from_ms = uint64_t(now_ms() - 60'000);
  body.valid_until_ms = uint64_t(now_ms() + 600'000);
  for (uint8_t& byte : body.nonce) byte = uint8_t(random());
  body.calls = {{"faults", "anchor", {}}};
  Bytes items(32 * (1 + random() % 60));
  for (uint8_t& byte : items) byte = uint8_t(random());
  return format::sign_transaction(body, key, std::vector<Bytes>{items}).value();
}

int stopped(std::string_view what, const Error& error) {
  fmt::print(stderr, "{}: {}\n", what, error.to_string());
  return 3;
}

int fill(ledger::Ledger& chain, int count) {
  std::atomic<int> left = count, failed = 0;
  std::atomic<int> in_flight = 0;
  {
    auto sequencer = order::make_solo(chain, fixed_key(1), now_ms);
    auto outcome = [&](Result<order::Committed> committed) {
      if (committed) {
        std::string line = hex(committed->transaction) + "\n";
        (void)!::write(STDOUT_FILENO, line.data(), line.size());
      } else if (failed++ == 0) {
        fmt::print(stderr, "{}\n", committed.error().to_string());
      }
      --in_flight;
    };
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&] {
        std::mt19937_64 random(std::random_device{}());
        while (left-- > 0 && failed == 0) {
          while (in_flight >= kThreads * kInFlight && failed == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          auto admitted = chain.admit(transaction(chain.id(), random), now_ms());
          ++in_flight;
          Status submitted =
              admitted ? sequencer->submit(*admitted, outcome) : tl::unexpected(admitted.error());
          if (!submitted) outcome(tl::unexpected(submitted.error()));
        }
      });
    threads.clear();
    sequencer->stop();
  }
  return failed > 0 ? 1 : 0;
}

// The last decision's number, and the height it left: they are durable together.
Result<std::pair<uint64_t, uint64_t>> noted(const ledger::Ledger& chain) {
  ASSIGN(auto note, chain.note());
  if (!note) return std::pair<uint64_t, uint64_t>(0, 0);
  Reader in(*note);
  const uint64_t number = in.be<uint64_t>();
  return std::pair(number, in.be<uint64_t>());
}

Result<ledger::CertifiedHeight> certificate_of(const ledger::Ledger& chain, uint64_t height,
                                               const std::optional<ledger::Ledger::Executed>& made) {
  static const crypto::Sm2PrivateKey key = fixed_key(1);
  Digest hash;
  if (made && made->header.height == height) {
    hash = made->header_hash;
  } else {
    ASSIGN(auto block, chain.block_header(height));
    hash = format::Header::hash(block.header_bytes);
  }
  ASSIGN(auto signature, key.sign(format::certificate_message(hash)));
  return ledger::CertifiedHeight{height, format::Certificate{{{0, signature}}}};
}

Status decide_as_an_engine(ledger::Ledger& chain, int& left, std::mt19937_64& random) {
  ASSIGN(auto last, noted(chain));
  const ledger::Head head = chain.head();
  std::optional<ledger::Ledger::Executed> made;
  if (random() % 3 != 0) {
    std::vector<ledger::AdmittedTransaction> candidates;
    for (uint64_t i = 0; i <= random() % 4; ++i) {
      ASSIGN(candidates.emplace_back(), chain.admit(transaction(chain.id(), random), now_ms()));
    }
    ASSIGN(made, chain.execute(candidates, std::max(now_ms(), head.header.time_ms)));
    left -= int(candidates.size());
  }
  ledger::Ledger::Decision decision{made ? &*made : nullptr, {}, {}};
  const uint64_t height = head.header.height + (made ? 1 : 0), waiting = height - head.certified_height;
  if (waiting > 2 || (waiting > 0 && random() % 2)) {
    ASSIGN(decision.certificate, certificate_of(chain, head.certified_height + 1, made));
  }
  decision.note.emplace();
  put_be(*decision.note, last.first + 1);
  put_be(*decision.note, height);
  TRY(chain.decide(decision));
  std::string lines = fmt::format("{}\n", last.first + 1);
  for (size_t i = 0; made && i < made->included.size(); ++i) lines += hex(made->included[i]->hash) + "\n";
  (void)!::write(STDOUT_FILENO, lines.data(), lines.size());
  return {};
}

int drive(ledger::Ledger& chain, int count) {
  std::mt19937_64 random(std::random_device{}());
  for (int left = count; left > 0;)
    if (Status decided = decide_as_an_engine(chain, left, random); !decided) {
      fmt::print(stderr, "{}\n", decided.error().to_string());
      return 1;
    }
  return 0;
}

int check(const ledger::Ledger& chain) {
  if (Status verified = chain.verify(nullptr); !verified) return stopped("verify", verified.error());
  auto last = noted(chain);
  if (!last) return stopped("note", last.error());
  if (last->first > 0 && last->second != chain.head().header.height)
    return stopped(
        "note", {Code::data_loss, "faults.note",
                 fmt::format("it is of block {}, the last is {}", last->second, chain.head().header.height)});
  for (uint64_t number = 1; number <= last->first; ++number) fmt::print("{}\n", number);
  for (uint64_t height = 1; height <= chain.head().header.height; ++height) {
    auto block = chain.block(height);
    if (!block) return stopped("block", block.error());
    for (const Digest& hash : block->transactions) {
      auto record = chain.transaction(hash);
      if (!record) return stopped("transaction", record.error());
      fmt::print("{}\n", hex(hash));
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    fmt::print(stderr, "faults_ledger DIR COUNT|check [engine]\n");
    return 2;
  }
  bool only_check = std::string_view(argv[2]) == "check";
  auto chain = open(argv[1]);
  if (!chain) {
    stopped("open", chain.error());
    return only_check ? 3 : 1;
  }
  if (only_check) return check(**chain);
  return argc == 4 ? drive(**chain, std::stoi(argv[2])) : fill(**chain, std::stoi(argv[2]));
}
