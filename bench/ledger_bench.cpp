#include "bench/singles.h"
#include "bench/stopwatch.h"
#include "crypto/sm3.h"
#include "ledger/importer.h"
#include "ledger/testing.h"

// Ledger alone, without HTTP. Prints the cost of each stage as the chain grows, then of reading, then of
// opening it again.
//   ledger_bench DIGESTS ITEMS_PER_TRANSACTION TRANSACTIONS_PER_BLOCK
//   ledger_bench idle CHAINS
//   ledger_bench snapshot DIGESTS: what a node does that gives its chain, and one that takes it
//   ledger_bench singles …: see singles.h
namespace {

using namespace chengxin;
using namespace chengxin::ledger;
using namespace chengxin::bench;
using namespace chengxin::ledger::testing;

void read_back(const LiveChain& chain, const std::vector<Digest>& sample) {
  Stopwatch find, prove, absent;
  for (const Digest& digest : sample) {
    auto found = find.run([&] { return chain.ledger->find_items(digest); });
    prove.run([&] { return chain.ledger->prove_item(found->at(0)); });
    Digest other = digest;
    other[9] ^= 1;
    absent.run([&] { return chain.ledger->find_items(other); });
  }
  const double n = double(sample.size());
  fmt::print("find {:.1f} us, prove {:.1f} us, find nothing {:.1f} us\n", find.us(n), prove.us(n),
             absent.us(n));
}

// Memory that one more open chain takes.
int idle(size_t chains) {
  std::vector<std::unique_ptr<TestChain>> setups;
  std::vector<std::unique_ptr<LiveChain>> open;
  uint64_t first = 0;
  for (size_t i = 0; i <= chains; ++i) {
    setups.push_back(std::make_unique<TestChain>(fmt::format("chain-{}", i)));
    open.push_back(std::make_unique<LiveChain>(*setups.back()));
    for (int block = 0; block < 3; ++block)
      if (!open.back()->add(setups.back()->writer, {anchor_call()}, {open.back()->items(1)})) return 1;
    if (i == 0) first = resident_bytes();
  }
  fmt::print("each of {} more chains: {:.2f} MB\n", chains,
             double(resident_bytes() - first) / 1e6 / double(chains));
  return 0;
}

// In seconds of the wall clock and of the process's processors, for the whole chain.
template <typename Work>
void timed(std::string_view what, size_t digests, Work work) {
  Interval interval;
  const int64_t start_ns = steady_ns();
  const Status done = work();
  if (!done) fmt::print("{}\n", done.error().to_string());
  const auto [us, rate] = interval.take(double(digests));
  fmt::print("{:<34} {:>6.2f} s, {:.2f} us of CPU a digest, {:.0f}/s\n", what,
             double(steady_ns() - start_ns) / 1e9, us, rate);
  std::fflush(stdout);
}

int snapshot(size_t digests) {
  constexpr size_t kItems = 10'000;
  TestChain setup;
  LiveChain chain(setup), copy(setup);
  timed("made", digests, [&]() -> Status {
    for (size_t done = 0; done < digests; done += kItems)
      TRY(chain.add(setup.writer, {anchor_call()}, {chain.items(kItems)}));
    return {};
  });
  std::vector<HeightRange> parts;
  timed("parts found", digests, [&]() -> Status {
    ASSIGN(parts, chain.ledger->chunks());
    return {};
  });
  size_t bytes = 0;
  timed("parts read and hashed", digests, [&]() -> Status {
    for (const HeightRange& part : parts) {
      ASSIGN(const Bytes chunk, chain.ledger->read_chunk(part));
      bytes += chunk.size() + crypto::sm3(chunk)[0] % 1;
    }
    return {};
  });
  fmt::print("{} parts, {:.0f} MB\n", parts.size(), double(bytes) / 1e6);
  auto importer = Importer::open(copy.path(), setup.document(), setup.options());
  if (!importer) return 1;
  timed("parts read, hashed and taken", digests, [&]() -> Status {
    for (const HeightRange& part : parts) {
      ASSIGN(const Bytes chunk, chain.ledger->read_chunk(part));
      crypto::sm3(chunk);
      TRY((*importer)->take(chunk));
    }
    return {};
  });
  timed("made durable", digests, [&] { return (*importer)->finish({}); });
  copy.ledger.reset();
  timed("taken up", digests, [&] { return copy.reopen(); });
  return copy.ledger->head().header_hash == chain.ledger->head().header_hash ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "idle") return idle(std::stoul(argv[2]));
  if (argc == 3 && std::string_view(argv[1]) == "snapshot") return snapshot(std::stoul(argv[2]));
  if (argc > 1 && std::string_view(argv[1]) == "singles") return singles({argv + 2, argv + argc});
  const size_t total = argc > 1 ? std::stoul(argv[1]) : 1'000'000,
               items = argc > 2 ? std::stoul(argv[2]) : 1000,
               per_block = argc > 3 ? std::stoul(argv[3]) : 100;
  TestChain setup;
  LiveChain chain(setup);
  std::mt19937_64 random(1);
  std::vector<Digest> sample;
  Stopwatch sign, admit, execute, commit;
  const size_t step = std::max(total / 10, items * per_block);
  size_t done = 0, since = 0;
  Interval interval;
  fmt::print(
      "CPU us per digest, of the calling thread and of the process with its background work; wall clock\n"
      "   digests    admit  execute   commit  process | digests/s | resident MB, disk B/digest\n");
  while (done < total) {
    std::vector<Bytes> envelopes;
    for (size_t i = 0; i < per_block; ++i) {
      Bytes data(items * 32);
      for (size_t at = 0; at < data.size(); at += 8) {
        const uint64_t word = random();
        std::memcpy(&data[at], &word, 8);
      }
      if (random() % 50 == 0) sample.push_back(*to_digest(ByteView(data).subspan(random() % items * 32, 32)));
      envelopes.push_back(setup.envelope(setup.writer, chain.time_ms, {anchor_call()}, {data}));
    }
    std::vector<AdmittedTransaction> transactions;
    for (const Bytes& envelope : envelopes)
      transactions.push_back(*admit.run([&] { return chain.ledger->admit(envelope, chain.time_ms); }));
    auto executed = execute.run([&] { return chain.ledger->execute(transactions, ++chain.time_ms); });
    const auto certificate = certify(*executed, setup.genesis.validators, chain.signers);
    commit.run([&] { return chain.ledger->commit(*executed, certificate); });
    done += items * per_block;
    since += items * per_block;
    if (since >= step) {
      const double n = double(since), a = admit.us(n), e = execute.us(n), c = commit.us(n);
      const auto [process, rate] = interval.take(n);
      fmt::print("{:>10} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} | {:>9.0f} | {:.0f}, {:.0f}\n", done, a, e, c,
                 process, rate, double(resident_bytes()) / 1e6,
                 double(chain.ledger->disk_bytes()) / double(done));
      std::fflush(stdout);
      since = 0;
    }
  }
  read_back(chain, sample);
  // As a crash leaves it, with a write-ahead log to replay; then after an orderly end.
  fs::copy(chain.path(), chain.folder.path / "crashed", fs::copy_options::recursive);
  chain.ledger.reset();
  for (const char* name : {"crashed", "chain"}) {
    const int64_t start = steady_ns(), start_cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    auto opened = Ledger::open(chain.folder.path / name, setup.options());
    if (!opened) return 1;
    fmt::print("{}: opened in {:.2f} s ({:.2f} s of CPU); resident {:.0f} MB\n", name,
               double(steady_ns() - start) / 1e9, double(cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu) / 1e9,
               double(resident_bytes()) / 1e6);
  }
  if (!chain.reopen()) return 1;
  read_back(chain, sample);
  return 0;
}
