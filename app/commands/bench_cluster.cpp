#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "bench/cluster_load.h"
#include "bench/figures.h"
#include "bench/report.h"
#include "commands.h"

// A consortium of four nodes on this machine, beside the stock engine with its own application on the same
// machine in the same run. All nodes share the processors with the load generators; every signature is
// checked on every node, every block is durable on every node before it is acknowledged.
namespace chengxin::app {
namespace {

using namespace bench;

struct Options {
  uint64_t singles = 300'000, calls = 30'000, digests = 2'000'000, batch = 1'000;
  uint64_t missed_mb = 200;
  size_t streams = 4, connections = 256, signers = 64, chains = 20;
  int stock_seconds = 20, idle_seconds = 30;
  fs::path folder;
  bool keep = false;
};

class ClusterBench {
 public:
  ClusterBench(const Context& context, Options options) : options_(std::move(options)), report_(context) {}

  Result<int> run() {
    TRY(stock());
    ASSIGN(story_, cluster::Story::begin(options_.folder, [](const std::string&) {}));
    TRY(story_->found());
    ASSIGN(signers_, voted_signers(*story_, options_.signers));
    ASSIGN(const Json shown, node(0).run({"chain", "show", story_->chain()}));
    ASSIGN(chain_, unhex_digest(shown.at("id").get<std::string>()));
    TRY(singles());
    TRY(half_load());
    TRY(single_calls());
    TRY(batches());
    TRY(one_dead());
    TRY(catch_up());
    if (options_.chains) TRY(idle_chains());
    report_.finish();
    return kDone;
  }

 private:
  const cluster::Node& node(size_t i) const { return *story_->nodes()[i]; }
  Nodes first(size_t count) const {
    Nodes out;
    for (size_t i = 0; i < count; ++i) out.push_back(&node(i));
    return out;
  }

  std::vector<Bytes> additions(uint64_t count, uint64_t digests_each) {
    std::vector<Bytes> out(count);
    const uint64_t base = next_digest_;
    next_digest_ += count * digests_each;
    parallel(count, [&](size_t i) {
      std::vector<Digest> digests;
      for (uint64_t k = 0; k < digests_each; ++k) digests.push_back(digest_of(base + i * digests_each + k));
      out[i] = addition(chain_, signers_[i % signers_.size()], digests);
    });
    return out;
  }

  Status tell(std::string_view name, double per_request, std::string_view unit, const ClusterResult& result) {
    return report_.load(name, per_request, unit, result.load, result.cpu_seconds);
  }

  // The peer: built by tools/peers, beside this program.
  Status stock() {
    std::error_code error;
    const fs::path program = peer_program("stock");
    if (program.empty()) {
      report_.say({{"figure", "stock engine"}, {"missing", "peers/stock"}},
                  "没有找到 not found: peers/stock,由 tools/peers 构建 tools/peers builds it; no ratios");
      return {};
    }
    const fs::path folder = options_.folder / "stock";
    const std::string command = fmt::format("'{}' bench --dir '{}' --seconds {} --bytes 256",
                                            program.string(), folder.string(), options_.stock_seconds);
    std::string said;
    {
      std::unique_ptr<std::FILE, int (*)(std::FILE*)> answer(::popen(command.c_str(), "r"), ::pclose);
      char text[4096];
      while (answer && std::fgets(text, sizeof text, answer.get())) said += text;
    }
    fs::remove_all(folder, error);
    ASSIGN(const Json result, parse_json(said));
    stock_rate_ = result.at("per_second").get<double>();
    report_.say(
        {{"figure", "stock engine"}, {"per_second", stock_rate_}, {"answer", result}},
        fmt::format("stock engine and kvstore, 4 validators, unsigned transactions of 256 bytes: {:.0f} tx/s",
                    stock_rate_));
    return {};
  }

  void ratio(std::string_view what, double value, std::string_view to, double of, std::string_view wanted) {
    if (of <= 0) return;
    report_.say({{"figure", fmt::format("ratio: {}", what)}, {"to", to}, {"ratio", value / of}},
                fmt::format("  ratio to {}: {:.2f} (wanted {})", to, value / of, wanted));
  }

  Status singles() {
    const auto envelopes = additions(options_.singles, 1);
    ASSIGN(const auto result, stream_to(first(4), story_->chain(), options_.streams, 0, envelopes));
    TRY(tell(fmt::format("signed single-digest transactions of {} signers, {} streams on each of 4 nodes",
                         signers_.size(), options_.streams),
             1, "tx", result));
    single_rate_ = result.load.per_second();
    ratio("transactions", single_rate_, "the stock engine", stock_rate_, "3");
    return mirrors();
  }

  // Search comes behind the chain under full load, and has its share of the work still to do then.
  Status mirrors() {
    const int64_t started = steady_ns();
    for (const auto& each : story_->nodes()) {
      auto level = [&]() -> Result<bool> {
        ASSIGN(const Json status, each->run({"mirror", "status"}));
        const Json& chains = status.at("chains");
        return std::all_of(chains.begin(), chains.end(), [&](const Json& chain) {
          return chain.at("chain") != story_->chain() || chain.at("lag_blocks") == 0;
        });
      };
      TRY(cluster::wait_until("the mirror of " + each->name(), level, 600'000));
    }
    const double seconds = double(steady_ns() - started) / 1e9;
    report_.say({{"figure", "mirrors level"}, {"seconds", seconds}},
                fmt::format("  the last of the four nodes' mirrors (SQL) is level {:.1f} s later", seconds));
    return {};
  }

  Status half_load() {
    const double rate = single_rate_ / 2;
    const auto envelopes = additions(uint64_t(rate * 15), 1);
    ASSIGN(const auto result, stream_to(first(4), story_->chain(), options_.streams, rate, envelopes));
    TRY(tell("the same at half load, open loop (wanted p50 1500, p99 4000 ms)", 1, "tx", result));
    return {};
  }

  Status single_calls() {
    const auto envelopes = additions(options_.calls, 1);
    ASSIGN(const auto result, call(first(4), story_->chain(), options_.connections, 0, envelopes));
    return tell(fmt::format("the same by single calls, {} connections on each node", options_.connections), 1,
                "tx", result);
  }

  Status batches() {
    const auto envelopes = additions(options_.digests / options_.batch, options_.batch);
    ASSIGN(const auto result, call(first(4), story_->chain(), 32, 0, envelopes));
    return tell(fmt::format("digests in batches of {} (wanted 100000/s)", options_.batch),
                double(options_.batch), "digests", result);
  }

  Status one_dead() {
    story_->nodes()[3]->kill();
    const auto envelopes = additions(options_.singles, 1);
    ASSIGN(const auto result, stream_to(first(3), story_->chain(), options_.streams, 0, envelopes));
    TRY(tell("signed single-digest transactions with one of four dead", 1, "tx", result));
    ratio("one of four dead", result.load.per_second(), "all four", single_rate_, "0.7");
    return {};
  }

  // The dead node is back after so much was ordered without it.
  Status catch_up() {
    const uint64_t each = 1'000, bytes_each = each * 32;
    const uint64_t count = std::max<uint64_t>(options_.missed_mb * 1'000'000 / bytes_each, 1);
    ClusterResult missed;
    for (uint64_t done = 0; done < count; done += 4'000) {
      const auto envelopes = additions(std::min<uint64_t>(4'000, count - done), each);
      ASSIGN(const auto part, call(first(3), story_->chain(), 32, 0, envelopes));
      missed.load.seconds += part.load.seconds;
      missed.load.succeeded += part.load.succeeded;
    }
    ASSIGN(const uint64_t height, node(0).height(story_->chain()));
    const int64_t started = steady_ns();
    TRY(story_->nodes()[3]->start());
    TRY(node(3).reach(story_->chain(), height, 1'200'000));
    const double seconds = double(steady_ns() - started) / 1e9;
    const double mb = double(missed.load.succeeded * bytes_each) / 1e6;
    report_.say(
        {{"figure", "catching up"},
         {"missed_mb", mb},
         {"made_seconds", missed.load.seconds},
         {"seconds", seconds},
         {"ratio", missed.load.seconds / seconds}},
        fmt::format(
            "a node that missed {:.0f} MB of digests and {} transactions before them, made in {:.1f} s: "
            "level {:.1f} s after its start, {:.1f} MB/s, {:.2f} times as fast as made (wanted 2)",
            mb, options_.singles, missed.load.seconds, seconds, mb / seconds, missed.load.seconds / seconds));
    return {};
  }

  struct Cost {
    double cpu = 0, memory = 0, disk = 0;
  };
  // Of all nodes together, at rest.
  Cost at_rest() const {
    Cost cost;
    for (const auto& each : story_->nodes()) cost.cpu -= cpu_seconds(*each);
    std::this_thread::sleep_for(std::chrono::seconds(options_.idle_seconds));
    for (const auto& each : story_->nodes()) {
      cost.cpu += cpu_seconds(*each);
      cost.memory += double(resident_bytes(*each));
      cost.disk += double(disk_bytes(*each));
    }
    cost.cpu /= options_.idle_seconds;
    return cost;
  }

  // What another chain costs a node at rest, its engine included.
  Status idle_chains() {
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const Cost before = at_rest();
    for (size_t i = 0; i < options_.chains; ++i) TRY(story_->found_chain("idle" + std::to_string(i + 1)));
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const Cost after = at_rest();
    const double each = double(options_.chains * story_->nodes().size());
    const double cpu = (after.cpu - before.cpu) / each * 100;
    const double memory = (after.memory - before.memory) / each / 1e6;
    const double disk = (after.disk - before.disk) / each / 1e6;
    report_.say(
        {{"figure", "idle chain"}, {"cpu_percent", cpu}, {"memory_mb", memory}, {"disk_mb", disk}},
        fmt::format(
            "one of {} more idle chains costs a node {:.2f} % of a core (wanted 1), {:.0f} MB (wanted "
            "60) and {:.1f} MB of disk, engine included",
            options_.chains, cpu, memory, disk));
    return {};
  }

  const Options options_;
  Report report_;
  std::unique_ptr<cluster::Story> story_;
  std::vector<Signer> signers_;
  Digest chain_{};
  uint64_t next_digest_ = 0;
  double stock_rate_ = 0, single_rate_ = 0;
};

Result<int> run_bench(const Context& context, Options options) {
  if (options.folder.empty()) {
    ASSIGN(options.folder, temporary_folder("bench-cluster"));
  }
  const fs::path folder = options.folder;
  auto outcome = ClusterBench(context, options).run();
  std::error_code ignored;
  if (!options.keep) fs::remove_all(folder, ignored);
  return outcome;
}

}  // namespace

void add_bench_cluster(CLI::App& bench, Context& context) {
  auto* command = bench.add_subcommand(
      "cluster", "四节点联盟,与原版引擎并列 · four nodes on this machine, beside the stock engine");
  auto options = std::make_shared<Options>();
  command->add_option("--singles", options->singles, "单摘要交易数 · signed single-digest transactions");
  command->add_option("--calls", options->calls, "逐个调用的交易数 · of them by single calls");
  command->add_option("--digests", options->digests, "批量摘要数 · digests in batches");
  command->add_option("--batch", options->batch, "每批摘要数 · digests in a batch")
      ->check(CLI::Range(1, 30'000));
  command->add_option("--streams", options->streams, "每节点流数 · streams on each node")
      ->check(CLI::Range(1, 100));
  command->add_option("--connections", options->connections, "每节点连接数 · connections on each node")
      ->check(CLI::Range(1, 2'000));
  command->add_option("--signers", options->signers, "签名者数 · signers")->check(CLI::Range(1, 10'000));
  command->add_option("--missed-mb", options->missed_mb,
                      "一节点缺席期间的数据量 · what a node misses, in MB of digests");
  command->add_option("--chains", options->chains, "空闲链数,0 跳过 · idle chains to add; 0: none");
  command
      ->add_option("--stock-seconds", options->stock_seconds,
                   "原版引擎测试秒数 · how long the stock engine is loaded")
      ->check(CLI::Range(5, 600));
  command->add_option("--folder", options->folder, "工作目录 · folder to work in (a temporary one)");
  command->add_flag("--keep", options->keep, "保留数据 · keep the data");
  command->callback(
      [=, &context] { chengxin::app::run(context, [&] { return run_bench(context, *options); }); });
}

}  // namespace chengxin::app
