#include "bench/singles.h"

#include <unistd.h>

#include <iterator>
#include <sstream>

#include "bench/stopwatch.h"
#include "crypto/sm3.h"
#include "evidence/contract.h"
#include "ledger/testing.h"
#include "mirror/mirror.h"
#include "support/postgres.h"

namespace chengxin::bench {
namespace {

using namespace chengxin::ledger;
using namespace chengxin::ledger::testing;

struct Plan {
  size_t transactions = 1'000'000, block = 1'000, signers = 64;
  std::vector<std::string> mirrors;
  std::string live;
  double rate = 0;
  bool is_signed = false, verify = false;
};

Plan plan_of(const std::vector<std::string_view>& arguments) {
  Plan plan;
  for (std::string_view each : arguments) {
    const std::string value(each.substr(std::min(each.size(), each.find('=') + 1)));
    if (each.starts_with("transactions=")) plan.transactions = std::stoul(value);
    if (each.starts_with("block=")) plan.block = std::stoul(value);
    if (each.starts_with("signers=")) plan.signers = std::stoul(value);
    if (each.starts_with("mirror=")) plan.mirrors.push_back(value);
    if (each.starts_with("live=")) plan.live = value;
    if (each.starts_with("rate=")) plan.rate = std::stod(value);
    if (each == "signed") plan.is_signed = true;
    if (each == "verify") plan.verify = true;
  }
  return plan;
}

// Writers and the evidence contract.
class Chain {
 public:
  Chain(bool is_signed, size_t signers) : signed_(is_signed), writers_(signers) {
    for (const Signer& writer : writers_)
      setup_.genesis.accounts.push_back({writer.key.public_key().point(), {"writer"}});
    id_ = setup_.chain();
    Options options;
    options.contracts = evidence::contract();
    ledger = Ledger::create(folder_.path / "chain", setup_.document(), options).value();
  }

  Bytes envelope() {
    Bytes digest(32);
    for (uint8_t& byte : digest) byte = uint8_t(random_());
    const Signer& writer = writers_[next_++ % writers_.size()];
    format::TransactionBody body;
    body.chain = id_;
    body.signer = writer.id;
    body.valid_from_ms = uint64_t(time_ms - 1000);
    body.valid_until_ms = uint64_t(time_ms + 60'000);
    for (uint8_t& byte : body.nonce) byte = uint8_t(random_());
    const format::EvidenceAdd add{merkle::Log::leaf_hash(digest), 1, 32};
    body.calls = {{"evidence", "add", format::encode_evidence_add(add)}};
    if (signed_) return format::sign_transaction(body, writer.key, {{digest}}).value();
    crypto::Sm2Signature noise;
    for (uint8_t& byte : noise) byte = uint8_t(random_());
    return format::encode_transaction(format::encode_body(body), noise, {{digest}});
  }

  std::unique_ptr<Ledger> ledger;
  int64_t time_ms = 1'700'000'100'000;
  const Signer& validator() const { return setup_.validator; }
  fs::path folder() const { return folder_.path; }

 private:
  const bool signed_;
  TestChain setup_;
  std::vector<Signer> writers_;
  TemporaryFolder folder_;
  Digest id_{};
  size_t next_ = 0;
  std::mt19937_64 random_{1};
};

// Sizes of the chain at which a line is printed: 1,000, 10,000, 100,000, then each 100,000 or tenth.
size_t next_mark(size_t done, size_t total) {
  for (size_t mark : {size_t(1'000), size_t(10'000), size_t(100'000)})
    if (done < mark && mark <= total) return mark;
  return std::min(total, done + std::max<size_t>(100'000, total / 10));
}

void fill(Chain& chain, const Plan& plan, const std::function<void(size_t done, bool mark)>& on_block) {
  fmt::print(
      "Execution and commit: CPU us for each transaction, of the sequencer's thread (the certificate and "
      "the\n"
      "release of what was executed included) and of RocksDB's own threads; time waited for the disk; peak\n"
      "transactions  parse | execute  certify   commit  release  background | waited | thread's peak/s | MB, "
      "disk B each\n");
  Stopwatch parse, execute, certificate, commit, release;
  int64_t commit_wall_ns = 0;
  size_t done = 0, last = 0;
  for (size_t mark = next_mark(0, plan.transactions); done < plan.transactions;) {
    std::vector<Bytes> envelopes;
    for (size_t i = 0; i < std::min(plan.block, mark - done); ++i) envelopes.push_back(chain.envelope());
    std::vector<AdmittedTransaction> transactions;
    for (const Bytes& envelope : envelopes)
      transactions.push_back(std::make_shared<const Admitted>(
          Admitted{std::move(*parse.run([&] { return format::decode_transaction(envelope); })),
                   chain.ledger->head().header.height}));
    auto executed = execute.run([&] { return chain.ledger->execute(transactions, ++chain.time_ms); });
    auto signature = certificate.run(
        [&] { return chain.validator().key.sign(format::certificate_message(executed->header_hash)); });
    const int64_t wall = steady_ns();
    commit.run([&] { return chain.ledger->commit(*executed, format::Certificate{{{0, *signature}}}); });
    commit_wall_ns += steady_ns() - wall;
    done += transactions.size();
    release.run([&]() -> Status {
      executed = Ledger::Executed();
      transactions.clear();
      return {};
    });
    on_block(done, done == mark);
    if (done < mark) continue;
    static Interval interval;
    static int64_t thread_before = 0;
    const double n = double(done - last);
    const int64_t thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    const double waited = (double(commit_wall_ns) - double(commit.total_ns)) / 1000 / n;
    const double p = parse.us(n), e = execute.us(n), s = certificate.us(n), c = commit.us(n),
                 r = release.us(n);
    const double background = interval.take(n).process_us - double(thread - thread_before) / 1000 / n;
    fmt::print(
        "{:>12} {:>6.2f} | {:>7.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>11.2f} | {:>6.2f} | {:>15.0f} | {:.0f}, "
        "{:.0f}\n",
        done, p, e, s, c, r, last == 0 ? 0.0 : background, waited, 1e6 / (e + s + c + r + waited),
        double(resident_bytes()) / 1e6, double(chain.ledger->disk_bytes()) / double(done));
    std::fflush(stdout);
    commit_wall_ns = 0;
    thread_before = thread;
    last = done;
    mark = next_mark(done, plan.transactions);
  }
}

// CPU time of every process of that name.
double cpu_us_of(std::string_view name) {
  double ticks = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    const size_t open = line.find('('), close = line.rfind(')');
    if (close == line.npos || line.substr(open + 1, close - open - 1) != name) continue;
    std::istringstream fields(line.substr(close + 2));
    std::vector<std::string> values(std::istream_iterator<std::string>(fields), {});
    ticks += std::stod(values.at(11)) + std::stod(values.at(12));  // proc(5): utime, stime
  }
  return ticks * 1e6 / double(::sysconf(_SC_CLK_TCK));
}

struct MirrorUnderTest {
  std::unique_ptr<test::Postgres> server;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<mirror::Mirror> mirror;

  static Result<MirrorUnderTest> open(const Chain& chain, const std::string& url) {
    MirrorUnderTest out;
    sql::Options options;
    options.url = url == "sqlite" ? (chain.folder() / "mirror.db").string() : url;
    if (url == "postgres") {
      ASSIGN(out.server, test::Postgres::start());
      ASSIGN(options.url, out.server->create_database());
    }
    options.durable = false;
    ASSIGN(out.database, sql::Database::open(options));
    ASSIGN(out.mirror, mirror::Mirror::open(*out.database));
    return out;
  }
};

mirror::ChainReader reader_of(const Chain& chain) {
  return mirror::reader_of(std::shared_ptr<const Ledger>(chain.ledger.get(), [](const Ledger*) {}));
}

int follow(Chain& chain, const Plan& plan, const std::string& url) {
  auto opened = MirrorUnderTest::open(chain, url);
  if (!opened) return std::cerr << opened.error().to_string() << "\n", 1;
  auto& [server, database, mirror] = *opened;
  fmt::print(
      "The mirror alone, {}: CPU us of this process for each transaction\n"
      "transactions  thread  process  server | transactions/s\n",
      url);
  auto reader = reader_of(chain);
  const auto follow_up_to = reader.head_height;
  // It sees nothing until rebuild() is called, which works on this thread.
  std::atomic<bool> open = false;
  reader.head_height = [&] { return open ? follow_up_to() : 0; };
  mirror->add(reader);
  if (!mirror->wait(reader.id, 10'000)) return 1;
  open = true;
  size_t last = 0, mark = next_mark(0, plan.transactions);
  Interval interval;
  int64_t thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  double server_us = cpu_us_of("postgres");
  auto rebuilt = mirror->rebuild(reader.id, [&](uint64_t height, uint64_t) {
    const auto block = chain.ledger->block(height);
    const size_t done = size_t(block->header.log_size);
    if (done < mark) return;
    const double n = double(done - last);
    const int64_t now = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    const double server_now = server ? cpu_us_of("postgres") : 0;
    const auto [process, rate] = interval.take(n);
    fmt::print("{:>12} {:>7.2f} {:>8.2f} {:>7.2f} | {:>14.0f}\n", done, double(now - thread) / 1000 / n,
               process, server ? (server_now - server_us) / n : 0.0, rate);
    server_us = server_now;
    std::fflush(stdout);
    thread = now;
    last = done;
    while (mark <= done && mark < plan.transactions) mark = next_mark(mark, plan.transactions);
  });
  if (!rebuilt) return std::cerr << rebuilt.error().to_string() << "\n", 1;
  return 0;
}

// Blocks at a rate, the mirror behind them.
int live(Chain& chain, const Plan& plan) {
  auto opened = MirrorUnderTest::open(chain, plan.live);
  if (!opened) return std::cerr << opened.error().to_string() << "\n", 1;
  mirror::Mirror& mirror = *opened->mirror;
  const auto reader = reader_of(chain);
  mirror.add(reader);
  const int64_t started = steady_ns();
  int64_t longest_ms = 0;
  fill(chain, plan, [&](size_t done, bool mark) {
    mirror.notify(reader.id);
    const auto status = mirror.status(reader.id).value();
    const double behind = double(status.lag_blocks * plan.block);
    const double elapsed_s = double(steady_ns() - started) / 1e9,
                 due_s = plan.rate > 0 ? double(done) / plan.rate : 0;
    const int64_t lag_ms = int64_t(behind / (double(done) / elapsed_s) * 1000);
    longest_ms = std::max(longest_ms, lag_ms);
    if (mark)
      fmt::print("  {:.0f}/s so far; the mirror ({}) is {:.0f} transactions behind, {} ms; {} ms at most\n",
                 double(done) / elapsed_s, plan.live, behind, lag_ms, longest_ms);
    if (due_s > elapsed_s) ::usleep(useconds_t((due_s - elapsed_s) * 1e6));
  });
  const int64_t ended = steady_ns();
  if (!mirror.wait(reader.id, 600'000)) return 1;
  fmt::print("caught up {:.0f} ms after the last block\n", double(steady_ns() - ended) / 1e6);
  return 0;
}

}  // namespace

int singles(const std::vector<std::string_view>& arguments) {
  const Plan plan = plan_of(arguments);
  Chain chain(plan.is_signed || plan.verify, plan.signers);
  if (!plan.live.empty()) return live(chain, plan);
  fill(chain, plan, [](size_t, bool) {});
  for (const std::string& url : plan.mirrors)
    if (int failed = follow(chain, plan, url)) return failed;
  if (!plan.verify) return 0;
  Interval interval;
  Stopwatch thread;
  thread.run([&] { return chain.ledger->verify(nullptr); });
  const double n = double(plan.transactions), us = thread.us(n);
  const auto [process, rate] = interval.take(n);
  fmt::print("chain verify: {:.2f} us of its thread for each transaction, {:.2f} of the process; {:.0f}/s\n",
             us, process, rate);
  return 0;
}

}  // namespace chengxin::bench
