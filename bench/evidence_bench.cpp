// Additions per second through evidence::Service, durable in SQL and on the chain: single items from many
// callers, and batches. Beside each, how many fsyncs of one file the same disk made in the same run: what a
// service without group commit would be bound to, for it pays at least two for an addition.
//   evidence_bench FOLDER [SECONDS]
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "blob/store.h"
#include "crypto/sm3.h"
#include "evidence/service.h"
#include "sql/database.h"

namespace chengxin {
namespace {

evidence::NewEvidence item(uint64_t number) {
  std::string content = fmt::format("content {}", number);
  evidence::NewEvidence out;
  out.digest = crypto::sm3(view(content));
  out.size = content.size();
  out.title = fmt::format("file-{}.pdf", number);
  out.holder = "bench";
  return out;
}

// Items per second of `callers` threads that each add `batch` items and wait until these are anchored.
double rate(evidence::Service& service, int callers, int batch, int64_t seconds,
            std::atomic<uint64_t>& next) {
  std::atomic<uint64_t> done = 0, failed = 0;
  int64_t begin = steady_ns(), end = begin + seconds * 1'000'000'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      while (steady_ns() < end) {
        std::vector<evidence::NewEvidence> items;
        for (int k = 0; k < batch; ++k) items.push_back(item(next++));
        auto promise = std::make_shared<std::promise<bool>>();
        service.add("bench", std::move(items), nullptr, [promise](auto added) {
          promise->set_value(added && added->front().state == evidence::State::anchored);
        });
        promise->get_future().get() ? done += uint64_t(batch) : ++failed;
      }
    });
  for (auto& thread : threads) thread.join();
  if (failed > 0) fmt::print("  {} calls failed\n", failed.load());
  return double(done) * 1e9 / double(steady_ns() - begin);
}

double fsyncs_per_second(const fs::path& folder, int64_t seconds) {
  int fd = ::open((folder / "fsync").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  int64_t begin = steady_ns();
  uint64_t count = 0;
  for (; steady_ns() < begin + seconds * 1'000'000'000; ++count)
    if (::pwrite(fd, "0123456789abcdef", 16, off_t(count * 16)) != 16 || ::fsync(fd) != 0) break;
  ::close(fd);
  return double(count) * 1e9 / double(steady_ns() - begin);
}

Status run(const fs::path& folder, int64_t seconds) {
  log::configure(log::Level::warn, "text");
  TRY(make_folder(folder));
  ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
  host::Options options;
  options.root = folder / "chains";
  options.validator_key = key;
  options.ledger.contracts = evidence::contract();
  host::Host host(std::move(options));
  TRY(host.open_all());
  ASSIGN(auto chain, host.create("bench", {{key.public_key().point(), {"writer"}}}, now_ms()));
  sql::Options sql_options;
  sql_options.url = "sqlite:" + (folder / "bench.sqlite").string();
  ASSIGN(auto database, sql::Database::open(sql_options));
  ASSIGN(auto blobs, blob::Store::open_folder(folder / "blobs", Bytes(32, 1)));
  evidence::Options service_options;
  service_options.service_key = key;
  service_options.now_ms = now_ms;
  ASSIGN(auto service, evidence::Service::open(host, *database, *blobs, std::move(service_options)));

  std::atomic<uint64_t> next = 0;
  double fsyncs = fsyncs_per_second(folder, seconds);
  fmt::print("fsyncs of one file                     {:>10.0f}/s\n", fsyncs);
  double single = rate(*service, 64, 1, seconds, next);
  fmt::print("single items, 64 callers, anchored     {:>10.0f}/s   {:.1f} × half of these\n", single,
             single / (fsyncs / 2));
  double batched = rate(*service, 4, 1000, seconds, next);
  fmt::print("batches of 1,000, 4 callers, anchored  {:>10.0f}/s   {:.1f} ×\n", batched,
             batched / (fsyncs / 2));

  uint64_t sample = 0;
  int64_t begin = steady_ns();
  for (; steady_ns() < begin + seconds * 1'000'000'000; ++sample) {
    evidence::Query query;
    query.digest = item(sample * 7919 % next).digest;
    ASSIGN(auto found, service->find(query));
    if (found.empty()) return fail(Code::internal, "bench.lost", "item {} is not found", sample);
    ASSIGN(Bytes bundle, service->bundle(found[0].id, {}));
  }
  fmt::print("found by digest and bundled, 1 caller  {:>10.0f}/s\n",
             double(sample) * 1e9 / double(steady_ns() - begin));
  auto counters = service->counters();
  fmt::print(
      "{} items in {} chain transactions, {} blocks; {:.0f} bytes an item in SQL, {:.0f} on the chain\n",
      counters.anchored, counters.transactions, chain->ledger->head().header.height,
      double(fs::file_size(folder / "bench.sqlite")) / double(counters.anchored),
      double(chain->ledger->disk_bytes()) / double(counters.anchored));
  service->stop();
  return {};
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: evidence_bench FOLDER [SECONDS]\n");
    return 2;
  }
  auto done = chengxin::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 5);
  if (!done) fmt::print(stderr, "{}\n", done.error().to_string());
  return done ? 0 : 1;
}
