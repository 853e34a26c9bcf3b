#include <stdlib.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "base/clock.h"
#include "bench/load.h"
#include "bench/platform_child.h"
#include "bench/report.h"
#include "bench/stream_load.h"
#include "bench/traffic.h"
#include "commands.h"
#include "format/genesis.h"
#include "proof/bundle.h"

// Each figure stands beside a ceiling or a peer measured in the same run. Everything is on: signatures are
// checked, every answer is a durable receipt, the load generator shares the two cores and its share is
// printed.
namespace chengxin::app {
namespace {

using namespace bench;

struct Options {
  uint64_t singles = 60'000;
  uint64_t streamed = 300'000;
  size_t streams = 8;
  size_t signers = 10'000;
  uint64_t digests = 1'000'000;
  uint64_t batch = 1'000;
  size_t connections = 128;
  fs::path folder;
  bool keep = false;
};

class Bench {
 public:
  Bench(const Context& context, Options options, PlatformChild platform, Signer governor)
      : context_(context),
        report_(context),
        options_(std::move(options)),
        platform_(std::move(platform)),
        governor_(std::move(governor)) {}

  Result<int> run() {
    ASSIGN(auto anchor, proof_anchor());
    chain_ = anchor;
    ASSIGN(signers_, registered(64));
    double ceiling = verify_ceiling();
    TRY(singles(ceiling));
    TRY(half_load());
    TRY(streamed());
    TRY(batches());
    TRY(proofs());
    TRY(offline());
    TRY(reopen());
    report_.finish();
    return kDone;
  }

 private:
  Result<Digest> proof_anchor() {
    ASSIGN(Json chain, platform_.connect().get("/api/v1/chains/default"));
    return unhex_digest(chain.at("id").get<std::string>());
  }

  std::string submit_request(const Bytes& envelope) const {
    return http_request("POST", "/api/v1/chains/default/transactions?wait=receipt", platform_.token(),
                        "application/x-protobuf", text(envelope));
  }

  std::string add_request(const Signer& signer, std::span<const Digest> digests) const {
    return submit_request(addition(chain_, signer, digests));
  }

  // New keys, registered as many together as a transaction holds calls.
  Result<std::vector<Signer>> registered(size_t count) {
    auto platform = platform_.connect();
    ASSIGN(auto signers, new_signers(count));
    for (size_t at = 0; at < count;) {
      std::vector<format::Call> calls;
      for (; calls.size() < format::kMaxCalls && at < count; ++at)
        calls.push_back({"governance", "register_key",
                         format::encode_register_key(signers[at].key.public_key().point(), {"writer"})});
      const Bytes envelope = transaction(chain_, governor_, std::move(calls));
      auto answer = platform.send("POST", "/api/v1/chains/default/transactions?wait=receipt", envelope,
                                  "application/x-protobuf");
      if (!answer) return tl::unexpected(answer.error());
    }
    return signers;
  }

  // What the cores can verify when they do nothing else: the peer of the single-digest figure.
  double verify_ceiling() {
    Bytes message(150, 7);
    auto signature = governor_.key.sign(message).value();
    std::atomic<uint64_t> bad = 0;
    constexpr size_t kCount = 20'000;
    int64_t started = steady_ns();
    parallel(kCount, [&](size_t) { bad += !governor_.key.public_key().verify(message, signature); });
    double rate = double(kCount) * 1e9 / double(steady_ns() - started);
    report_.say({{"figure", "ceiling"}, {"per_second", rate}, {"failed", bad.load()}},
                fmt::format("ceiling: SM2 verification one by one, {} threads, nothing else: {:.0f}/s{}",
                            std::thread::hardware_concurrency(), rate, bad ? " (FAILED)" : ""));
    return rate;
  }

  Result<LoadResult> measure(std::string_view name, Load load, double per_request, std::string_view unit) {
    load.port = platform_.port();
    return measure(name, per_request, unit, [&] { return run_load(load); });
  }

  Result<LoadResult> measure(std::string_view name, double per_request, std::string_view unit,
                             const std::function<Result<LoadResult>()>& run) {
    double server = platform_.cpu_seconds();
    ASSIGN(LoadResult result, run());
    server = platform_.cpu_seconds() - server;
    TRY(report_.load(name, per_request, unit, result, server));
    return result;
  }

  std::vector<std::string> single_requests(uint64_t count) {
    std::vector<std::string> requests(count);
    uint64_t base = next_digest_;
    next_digest_ += count;
    parallel(count, [&](size_t i) {
      Digest digest = digest_of(base + i);
      requests[i] = add_request(signers_[i % signers_.size()], {&digest, 1});
    });
    return requests;
  }

  Status singles(double ceiling) {
    auto requests = single_requests(options_.singles);
    Load load;
    load.connections = options_.connections;
    load.count = requests.size();
    load.request = [&](size_t i) -> const std::string& { return requests[i]; };
    ASSIGN(LoadResult result,
           measure("signed single-digest transactions, HTTP to durable receipt", load, 1, "tx"));
    double ratio = result.per_second() / ceiling;
    report_.say({{"figure", "ratio of transactions to the ceiling"}, {"ratio", ratio}},
                fmt::format("  ratio to the ceiling: {:.2f} (wanted 12000/s)", ratio));
    single_rate_ = result.per_second();
    return {};
  }

  Status half_load() {
    double rate = single_rate_ / 2;
    auto requests = single_requests(uint64_t(rate * 5));
    Load load;
    load.connections = options_.connections;
    load.count = requests.size();
    load.rate_per_second = rate;
    load.request = [&](size_t i) -> const std::string& { return requests[i]; };
    ASSIGN(LoadResult result, measure("the same at half load, open loop", load, 1, "tx"));
    if (!context_.json)
      line("  commit latency p99 {:.1f} ms (wanted at most 100)", result.percentile_ms(0.99));
    return {};
  }

  Result<LoadResult> stream(std::string_view name, std::span<const Signer> signers, uint64_t count,
                            double rate) {
    std::vector<Bytes> envelopes(count);
    uint64_t base = next_digest_;
    next_digest_ += count;
    parallel(count, [&](size_t i) {
      Digest digest = digest_of(base + i);
      envelopes[i] = addition(chain_, signers[i % signers.size()], {&digest, 1});
    });
    StreamLoad load{platform_.port(),
                    "/api/v1/chains/default/transactions/stream",
                    platform_.token(),
                    options_.streams,
                    rate,
                    envelopes};
    return measure(name, 1, "tx", [&] { return run_stream_load(load); });
  }

  // The signers take turns: of 64 every key is hot, of ten thousand none is.
  Status streamed() {
    auto name = [&](size_t signers) {
      return fmt::format("streamed single-digest transactions of {} signers, {} streams (wanted 40000/s)",
                         signers, options_.streams);
    };
    ASSIGN(LoadResult full, stream(name(signers_.size()), signers_, options_.streamed, 0));
    const double rate = full.per_second() / 2;
    ASSIGN(LoadResult half, stream("the same at half load, open loop", signers_, uint64_t(rate * 5), rate));
    if (!context_.json) line("  commit latency p99 {:.1f} ms (wanted at most 200)", half.percentile_ms(0.99));
    ASSIGN(const auto many, registered(options_.signers));
    ASSIGN(full, stream(name(many.size()), many, options_.streamed, 0));
    return {};
  }

  // In portions, so that memory stays small and the cost's curve over the chain's size shows.
  Status batches() {
    first_batched_ = next_digest_;
    uint64_t left = options_.digests, done = 0;
    double seconds = 0;
    while (left > 0) {
      uint64_t portion = std::min<uint64_t>(left, 500'000);
      size_t count = size_t((portion + options_.batch - 1) / options_.batch);
      std::vector<std::string> requests(count);
      uint64_t base = next_digest_;
      parallel(count, [&](size_t i) {
        std::vector<Digest> digests;
        for (uint64_t k = 0; k < options_.batch; ++k)
          digests.push_back(digest_of(base + i * options_.batch + k));
        requests[i] = add_request(signers_[i % signers_.size()], digests);
      });
      next_digest_ += count * options_.batch;
      Load load;
      load.connections = 16;
      load.count = count;
      load.request = [&](size_t i) -> const std::string& { return requests[i]; };
      ASSIGN(LoadResult result,
             measure(fmt::format("digests in batches of {} (chain holds {})", options_.batch, done), load,
                     double(options_.batch), "digests"));
      seconds += result.seconds;
      done += count * options_.batch;
      left -= std::min(left, count * options_.batch);
    }
    report_.say({{"figure", "digests in batches, over all"}, {"per_second", double(done) / seconds}},
                fmt::format("  over all: {:.0f} digests/s durable (wanted 200000)", double(done) / seconds));
    batched_ = done;
    return {};
  }

  Status proofs() {
    std::mt19937_64 random(std::random_device{}());
    std::vector<std::string> requests;
    std::vector<uint64_t> numbers;
    for (int i = 0; i < 6'000; ++i) {
      numbers.push_back(first_batched_ + random() % batched_);
      requests.push_back(http_request(
          "GET", "/api/v1/chains/default/items/" + hex(digest_of(numbers.back())) + "/proof?timestamp=false",
          platform_.token()));
    }
    uint64_t wrong = 0;
    size_t checked = 0;
    Load load;
    load.connections = 32;
    load.count = requests.size();
    load.request = [&](size_t i) -> const std::string& { return requests[i]; };
    load.on_answer = [&](size_t i, std::string_view body) {
      if (i % 20 != 0) return;  // verifying them all would measure the verifier
      ++checked;
      auto facts = proof::verify(view(body));
      wrong += !facts || facts->digest != digest_of(numbers[i]) || facts->chain != chain_;
    };
    ASSIGN(LoadResult result, measure("random digests found and proved", load, 1, "proofs"));
    report_.say({{"figure", "proofs checked"}, {"checked", checked}, {"wrong", wrong}},
                fmt::format("  wanted 2000/s; {} of {} checked offline did not verify", wrong, checked));
    return wrong ? fail(Code::data_loss, "bench.proof", "a served proof did not verify") : Status();
  }

  Status offline() {
    auto platform = platform_.connect();
    ASSIGN(auto answer,
           platform.send("GET", "/api/v1/chains/default/items/" + hex(digest_of(first_batched_)) + "/proof"));
    Bytes bundle = to_bytes(view(answer.body));
    constexpr int kRuns = 200;
    int64_t started = steady_ns();
    for (int i = 0; i < kRuns; ++i)
      if (auto facts = proof::verify(bundle); !facts) return tl::unexpected(facts.error());
    double ms = double(steady_ns() - started) / 1e6 / kRuns;
    report_.say(
        {{"figure", "bundle verified in C++"}, {"bytes", bundle.size()}, {"ms", ms}},
        fmt::format("bundle of {} bytes with time-stamp verified offline: {:.2f} ms in C++ (wanted under 20)",
                    bundle.size(), ms));
    fs::path file = options_.folder / "bench.cxproof";
    TRY(write_durable(file, bundle));
    return node(file);
  }

  // The second verifier, when the repository it is built in is the current folder.
  Status node(const fs::path& file) {
    if (::access("sdk/js/dist/index.js", R_OK) != 0) return {};
    ::setenv("BUNDLE", file.c_str(), 1);
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> node(
        ::popen("node --input-type=module -e \""
                "import {readFileSync} from 'node:fs'; import {verifyBundle} from './sdk/js/dist/index.js';"
                "const b = new Uint8Array(readFileSync(process.env.BUNDLE));"
                "for (let i = 0; i < 20; i++) verifyBundle(b);"
                "const t = performance.now();"
                "for (let i = 0; i < 50; i++) if (!verifyBundle(b).ok) process.exit(1);"
                "console.log((performance.now() - t) / 50)\"",
                "r"),
        ::pclose);
    char answer[64] = "";
    if (!node || !std::fgets(answer, sizeof answer, node.get()))
      return fail(Code::internal, "bench.node", "the TypeScript verifier failed");
    double ms = std::strtod(answer, nullptr);
    report_.say({{"figure", "bundle verified in node"}, {"ms", ms}},
                fmt::format("  {:.1f} ms in node (wanted under 100)", ms));
    return {};
  }

  Status reopen() {
    ASSIGN(double seconds, platform_.restart());
    auto platform = platform_.connect();
    ASSIGN(Json chain, platform.get("/api/v1/chains/default"));
    uint64_t digests = next_digest_;
    uint64_t disk = chain.value("disk_bytes", uint64_t(0));
    uint64_t resident = platform_.resident_bytes();
    double each = double(disk) / double(digests);
    report_.say(
        {{"figure", "started again"},
         {"digests", digests},
         {"seconds", seconds},
         {"resident_bytes", resident},
         {"disk_bytes", disk},
         {"disk_bytes_per_digest", each}},
        fmt::format(
            "started again with {} digests: ready after {:.2f} s (wanted 3), {} resident (wanted 400 MB at "
            "10 million), {} on disk, {:.0f} bytes/digest",
            digests, seconds, human_bytes(resident), human_bytes(disk), each));
    return {};
  }

  const Context& context_;
  Report report_;
  Options options_;
  PlatformChild platform_;
  Signer governor_;
  std::vector<Signer> signers_;
  Digest chain_{};
  uint64_t next_digest_ = 0, first_batched_ = 0, batched_ = 0;
  double single_rate_ = 0;
};

Result<int> run_bench(const Context& context, Options options) {
  if (options.folder.empty()) {
    ASSIGN(options.folder, temporary_folder("bench"));
  }
  fs::path data = options.folder / "data";
  Result<int> outcome = [&]() -> Result<int> {
    ASSIGN(auto platform, PlatformChild::start(data));
    ASSIGN(auto installation, install::open(data));
    return Bench(context, options, std::move(platform), signer_of(installation.service_key)).run();
  }();
  std::error_code ignored;
  if (!options.keep) fs::remove_all(options.folder, ignored);
  return outcome;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "bench", "性能测试,每项与同次测得的上限或同类并列 · figures beside ceilings and peers");
  auto options = std::make_shared<Options>();
  command->add_option("--singles", options->singles, "单摘要交易数 · signed single-digest transactions");
  command->add_option("--streamed", options->streamed, "流式交易数 · transactions in streams");
  command->add_option("--streams", options->streams, "流数 · streams")->check(CLI::Range(1, 200));
  command
      ->add_option("--signers", options->signers, "流式交易的另一组签名者数 · signers of a second such run")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--digests", options->digests, "批量摘要数 · digests in batches");
  command->add_option("--batch", options->batch, "每批摘要数 · digests in a batch")
      ->check(CLI::Range(1, 30'000));
  command->add_option("--connections", options->connections, "并发连接 · connections")
      ->check(CLI::Range(1, 2'000));
  command->add_option("--folder", options->folder, "工作目录 · folder to work in (a temporary one)");
  command->add_flag("--keep", options->keep, "保留数据 · keep the data");
  command->callback([=, &context] {
    if (command->get_subcommands().empty())
      chengxin::app::run(context, [&] { return run_bench(context, *options); });
  });
  add_bench_sm2(*command, context);
  add_bench_cluster(*command, context);
}

}  // namespace chengxin::app
