// MB/s of sealed objects put and got, in a folder and in S3 (a MinIO started here, on loopback, on the same
// disk), beside curl putting and getting the same plain bytes with the same MinIO, and a plain file written
// and synced.
//   blob_bench FOLDER [MIB] [ROUNDS]
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "blob/store.h"
#include "support/minio.h"

namespace chengxin {
namespace {

constexpr size_t kMiB = 1 << 20;

struct Rates {
  std::vector<double> put, get;  // MB/s
};

double mb_per_s(size_t bytes, int64_t begin_ns) {
  return double(bytes) * 1e3 / double(steady_ns() - begin_ns);
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Status round_of(blob::Store& store, ByteView plain, size_t count, Rates& rates) {
  std::vector<std::string> ids;
  int64_t begin = steady_ns();
  for (size_t i = 0; i < count; ++i) {
    ASSIGN(auto writer, store.create());
    for (size_t at = 0; at < plain.size(); at += kMiB)
      TRY(writer->write(plain.subspan(at, std::min(kMiB, plain.size() - at))));
    ASSIGN(const auto written, writer->finish());
    ids.push_back(written.id);
  }
  rates.put.push_back(mb_per_s(plain.size() * count, begin));
  begin = steady_ns();
  for (const std::string& id : ids) TRY(store.read(id, [](ByteView) { return Status(); }));
  rates.get.push_back(mb_per_s(plain.size() * count, begin));
  for (const std::string& id : ids) TRY(store.remove(id));
  return {};
}

// One process for all of them, over one connection.
Status curl_round(const test::Minio& server, const fs::path& file, size_t bytes, size_t count, Rates& rates) {
  const auto timed = [&](const std::string& options, std::vector<double>& into) -> Status {
    const std::string command =
        fmt::format("curl -sf --user {}:{} --aws-sigv4 aws:amz:us-east-1:s3 {} '{}/chengxin/plain[1-{}]'",
                    server.user(), server.password(), options, server.url(), count);
    const int64_t begin = steady_ns();
    if (std::system(command.c_str()) != 0) return fail(Code::unavailable, "bench.curl");
    into.push_back(mb_per_s(bytes * count, begin));
    return {};
  };
  TRY(timed("-T " + file.string(), rates.put));
  return timed("-o /dev/null", rates.get);
}

Status file_round(const fs::path& file, ByteView plain, size_t count, Rates& rates) {
  const int64_t begin = steady_ns();
  for (size_t i = 0; i < count; ++i) TRY(write_durable(file, plain, 0600));
  rates.put.push_back(mb_per_s(plain.size() * count, begin));
  const int64_t got = steady_ns();
  for (size_t i = 0; i < count; ++i) TRY(stream_file(file, [](ByteView) { return Status(); }));
  rates.get.push_back(mb_per_s(plain.size() * count, got));
  return {};
}

Status measure(const fs::path& folder, size_t bytes, size_t count, int rounds, const test::Minio& server) {
  const Bytes plain(bytes, 'x'), key(32, 1);
  const fs::path file = folder / "plain";
  TRY(write_durable(file, plain, 0600));
  ASSIGN(auto sealed, blob::Store::open_folder(folder / "blobs", key));
  blob::S3 s3;
  s3.url = server.url();
  s3.bucket = "chengxin";
  s3.credentials = server.credentials();
  ASSIGN(auto remote, blob::Store::open_s3(s3, key));
  Rates files, folders, buckets, curls;
  for (int i = 0; i < rounds; ++i) {  // in turn, so that what else the machine does hits all
    TRY(file_round(file, plain, count, files));
    TRY(round_of(*sealed, plain, count, folders));
    TRY(round_of(*remote, plain, count, buckets));
    TRY(curl_round(server, file, bytes, count, curls));
  }
  fmt::print("{} objects of {} KiB, {} rounds, medians in MB/s\n", count, bytes >> 10, rounds);
  for (const auto& [name, rates] : {std::pair{"plain file", &files},
                                    {"sealed, folder", &folders},
                                    {"plain, curl to MinIO", &curls},
                                    {"sealed, MinIO", &buckets}})
    fmt::print("  {:<22} put {:8.1f}  get {:8.1f}\n", name, median(rates->put), median(rates->get));
  return {};
}

Status run(const fs::path& folder, size_t mib, int rounds) {
  TRY(make_folder(folder));
  ASSIGN(auto server, test::Minio::start());
  TRY(measure(folder, mib * kMiB, 4, rounds, *server));
  return measure(folder, 64 << 10, 200, rounds, *server);
}

}  // namespace
}  // namespace chengxin

int main(int count, char** arguments) {
  using namespace chengxin;
  if (count < 2) return fmt::print("blob_bench FOLDER [MIB] [ROUNDS]\n"), 2;
  log::configure(log::Level::warn, "text");
  const Status done = run(arguments[1], count > 2 ? size_t(std::atol(arguments[2])) : 64,
                          count > 3 ? std::atoi(arguments[3]) : 5);
  if (!done) fmt::print("{}\n", done.error().to_string());
  return done ? 0 : 1;
}
