// What the chain policy of an entity costs: records written with and without a commitment, alternating in one
// run, and versions anchored per second beside what the evidence service takes in batches by itself.
//   commitment_bench FOLDER [RECORDS]
#include <fmt/format.h>

#include <future>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "blob/store.h"
#include "crypto/random.h"
#include "record/reconciliation.h"

namespace chengxin {
namespace {

constexpr int kAtOnce = 100, kBatch = 1000;
constexpr int64_t kNever = 3'600'000;  // ms: only when it is woken

Bytes packed() {
  project::Files files;
  const auto put = [&](const std::string& path, const std::string& text) {
    files[path] = to_bytes(view(text));
  };
  put("pack.yaml",
      "pack: bench\nversion: 1.0.0\nengine: \">=1.0 <2\"\ntitle: 测\nchains: {bench: 链}\nroles: {clerk: "
      "职员}\n");
  std::string fields = "fields:\n";
  for (int i = 0; i < 12; ++i) fields += fmt::format("  f{}: {{text: line, zh: 字段}}\n", i);
  const std::string access = "access: {clerk: {read: all, create: true, change: all}}\n";
  put("entities/plain.yaml", "entity: plain\ntitle: 普通\n" + fields + access);
  put("entities/chained.yaml",
      "entity: chained\ntitle: 上链\nchain: {on: bench, record: digest}\n" + fields + access);
  return pack::write_packed(files, nullptr).value();
}

// Seconds for so many records in one transaction.
Result<double> write(record::Installation& installation, const std::string& entity) {
  static const record::Person clerk{"u1", "", "", "", {}, {"clerk"}};
  Json fields = Json::object();
  for (int i = 0; i < 12; ++i) fields[fmt::format("f{}", i)] = "危险废物转移联单的一个字段";
  const int64_t begin = steady_ns();
  const Status done =
      installation.work([&](sql::Session& session, const record::Work::Means& means) -> Status {
        record::Work work(session, means, clerk);
        for (int i = 0; i < kAtOnce; ++i) TRY(work.create(entity, {{"fields", fields}}));
        return {};
      });
  TRY(done);
  return double(steady_ns() - begin) / 1e9;
}

Result<double> evidence_rate(evidence::Service& service, int count) {
  const int64_t begin = steady_ns();
  for (int done = 0; done < count; done += kBatch) {
    std::vector<evidence::NewEvidence> items(kBatch);
    for (auto& item : items) {
      crypto::random_fill(item.digest);
      item.commitment = item.digest;
    }
    auto promise = std::make_shared<std::promise<Status>>();
    service.add("bench", std::move(items), nullptr, [promise](auto added) {
      promise->set_value(added ? Status() : Status(tl::unexpected(added.error())));
    });
    TRY(promise->get_future().get());
  }
  return count * 1e9 / double(steady_ns() - begin);
}

Status run(const fs::path& folder, int records) {
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
  int made = 0;
  ASSIGN(auto installation, record::Installation::open(*database, {Bytes(16, 7), now_ms, [&] {
                                                                     return fmt::format("r{}", ++made);
                                                                   }}));
  TRY(installation->apply(packed(), {"bench"}));
  ASSIGN(auto anchoring, record::Anchoring::open(*database, *service, {"bench", kNever}));

  std::vector<double> plain, chained;
  for (int i = 0; i < records / kAtOnce; ++i) {
    ASSIGN(const double without, write(*installation, "plain"));
    ASSIGN(const double with, write(*installation, "chained"));
    plain.push_back(without);
    chained.push_back(with);
  }
  std::sort(plain.begin(), plain.end());
  std::sort(chained.begin(), chained.end());
  const double without = plain[plain.size() / 2] / kAtOnce, with = chained[chained.size() / 2] / kAtOnce;
  fmt::print("a record of 12 fields, {} a transaction   {:>8.0f} us\n", kAtOnce, without * 1e6);
  fmt::print("  with a commitment to each field          {:>8.0f} us   {:.2f} times\n", with * 1e6,
             with / without);

  ASSIGN(const double ceiling, evidence_rate(*service, records));
  fmt::print("evidence in batches of {}                {:>8.0f}/s\n", kBatch, ceiling);
  const auto rate_of = [&](auto figure) {
    const int64_t begin = steady_ns();
    while (figure() < uint64_t(made / 2)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return double(made / 2) * 1e9 / double(steady_ns() - begin);
  };
  anchoring->wake();
  const double anchored = rate_of([&] { return anchoring->counters().anchored; });
  fmt::print("versions anchored                          {:>8.0f}/s   {:.2f} of that\n", anchored,
             anchored / ceiling);
  record::Reconciliation reconciliation(*installation, *service, {now_ms, 3'600'000, {}});
  const int64_t begin = steady_ns();
  ASSIGN(const auto sums, reconciliation.run(0, [](const record::Discrepancy&) {}));
  fmt::print("versions reconciled, {} told              {:>8.0f}/s\n", sums.told,
             double(sums.sound) * 1e9 / double(steady_ns() - begin));
  anchoring.reset();
  const Status reset = database->transaction([](sql::Session& session) -> Status {
    TRY(session.run("update record_anchor set state = 0, evidence = ''"));
    return {};
  });
  TRY(reset);
  ASSIGN(anchoring, record::Anchoring::open(*database, *service, {"bench", kNever}));
  const double looked_up = rate_of([&] { return anchoring->counters().found; });
  fmt::print("looked up after a crash, all on the chain  {:>8.0f}/s\n", looked_up);
  anchoring.reset();
  service->stop();
  return {};
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("commitment_bench FOLDER [RECORDS]\n");
    return 2;
  }
  const auto done = chengxin::run(argv[1], argc > 2 ? std::max(100, atoi(argv[2])) : 20'000);
  if (!done) fmt::print("{}\n", done.error().to_string());
  return done ? 0 : 1;
}
