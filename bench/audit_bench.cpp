// Entries per second of the audit log, each acknowledged when it and the signed head over it are synced, of
// one and of many callers. Beside it, in the same run, a plain file that takes the same bytes in batches of
// the same size, each followed by fdatasync, on one thread: no chain, no signature, no waiting.
//   audit_bench FOLDER [SECONDS]
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "audit/log.h"
#include "base/clock.h"
#include "base/log.h"

namespace chengxin {
namespace {

audit::Entry entry(uint64_t number) {
  audit::Entry out;
  out.status = 201;
  out.subject = "user:zhao.lei";
  out.action = "addEvidence";
  out.object = fmt::format("chain=default id={:032x}", number);
  out.source = "10.1.2.3";
  out.request_id = fmt::format("8119bb1f49-{}", number);
  return out;
}

struct Rate {
  double entries = 0, commits = 0;  // per second
};

Rate rate(audit::Log& log, int callers, int64_t seconds) {
  std::atomic<uint64_t> done = 0, failed = 0;
  const uint64_t commits = log.standing().commits;
  const int64_t begin = steady_ns(), end = begin + seconds * 1'000'000'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&] {
      while (steady_ns() < end) log.record(entry(done)) ? ++done : ++failed;
    });
  for (auto& thread : threads) thread.join();
  const double lasted = double(steady_ns() - begin) / 1e9;
  if (failed > 0) fmt::print("  {} entries refused\n", failed.load());
  return {double(done) / lasted, double(log.standing().commits - commits) / lasted};
}

// Entries per second of a file that takes `batch` of them, each of `bytes`, and syncs.
double plain(const fs::path& file, double batch, double bytes, int64_t seconds) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  const Bytes block(size_t(batch * bytes), 'x');
  const int64_t begin = steady_ns();
  uint64_t count = 0;
  for (; steady_ns() < begin + seconds * 1'000'000'000; ++count)
    if (::write(fd, block.data(), block.size()) != ssize_t(block.size()) || ::fdatasync(fd) != 0) break;
  ::close(fd);
  return double(count) * batch * 1e9 / double(steady_ns() - begin);
}

Status run(const fs::path& folder, int64_t seconds) {
  log::configure(log::Level::warn, "text");
  TRY(make_folder(folder));
  ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
  audit::Options options = audit::options_for(folder, key);
  options.now_ms = now_ms;
  ASSIGN(auto log, audit::Log::open(std::move(options)));
  for (const int callers : {1, 8, 64, 512}) {
    const uint64_t before = log->standing().written;
    const Rate ours = rate(*log, callers, seconds);
    uint64_t size = 0;
    for (const auto& file : fs::recursive_directory_iterator(folder / "audit"))
      if (file.is_regular_file()) size += file.file_size();
    const double bytes = double(size) / double(log->standing().written);
    const double peer = plain(folder / "plain", ours.entries / ours.commits, bytes, seconds);
    fmt::print(
        "{:>4} callers {:>9.0f} entries/s in {:>5.0f} commits/s   plain file {:>9.0f}/s   ratio {:.2f}   {} "
        "bytes\n",
        callers, ours.entries, ours.commits, peer, ours.entries / peer, int(bytes));
    if (log->standing().written == before) return fail(Code::internal, "bench.lost", "nothing was written");
  }
  return log->state();
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: audit_bench FOLDER [SECONDS]\n");
    return 2;
  }
  auto status = chengxin::run(argv[1], argc > 2 ? std::atoll(argv[2]) : 5);
  if (!status) fmt::print(stderr, "{}\n", status.error().to_string());
  return status ? 0 : 1;
}
