#include <cmath>
#include <deque>
#include <random>

#include "bench/figures.h"
#include "bench/sm2_checks.h"
#include "bench/sm2_tongsuo.h"
#include "commands.h"
#include "crypto/random.h"
#include "sm2/exceptional.h"
#include "sm3/sm3.h"

// SM2 and SM3 on one core, beside their peers.
namespace chengxin::app {
namespace {

using namespace bench;
using sm2::Meeting;

constexpr size_t kBatch = 256, kHotKeys = 16, kHashedBytes = 1024;
constexpr size_t kBatches[] = {1, 8, 64, 256, 1024};
constexpr std::string_view kKindNames[] = {"unknown", "registered", "hot"};

struct Options {
  double seconds = 0.2;
  size_t rounds = 5, keys = 10'000, table_mib = 256;
  bool peers = false;
};

bool always(size_t) { return true; }

class Sm2Bench {
 public:
  Sm2Bench(const Context& context, const Options& options) : context_(context), options_(options) {}

  Result<int> run() {
    core_ = pin_to_a_core();
    registered_ = make_signed(options_.keys);
    make_verifiers();
    add_verify();
    add_batches();
    add_sign();
    add_sm3();
    add_worst();
    add_flood();
    add_tongsuo();
    measure();
    report();
    return kDone;
  }

 private:
  // ---- keys and their tables

  struct Verifiers {
    sm2::Path path;
    std::unique_ptr<sm2::Verifier> of[3];
    size_t keys;  // registered with it
  };

  void make_verifiers() {
    for (sm2::Path path : sm2::kPaths) {
      if (!sm2::available(path)) continue;
      Verifiers one{path, {}, path == sm2::best_path() ? registered_.size() : registered_.size() / 10};
      one.keys = std::max<size_t>(one.keys, 1);
      auto make = [&](size_t tables, uint32_t small, uint32_t large) {
        return std::make_unique<sm2::Verifier>(sm2::VerifierOptions{path, tables, small, large, false});
      };
      one.of[0] = make(0, 1, 1);
      one.of[1] = make(options_.table_mib << 20, 1, UINT32_MAX);
      one.of[2] = make(options_.table_mib << 20, 1, 2);
      build_small(path, *one.of[1], one.keys);
      build_hot(path, *one.of[2], std::span(registered_).first(std::min(kHotKeys, registered_.size())));
      verifiers_.push_back(std::move(one));
    }
  }

  void table_figure(sm2::Path path, const char* tier, size_t count, double seconds, size_t bytes) {
    tables_.push_back({{"path", sm2::name(path)},
                       {"tier", tier},
                       {"keys", count},
                       {"microseconds_per_key", seconds * 1e6 / double(count)},
                       {"bytes_per_key", bytes / count}});
  }

  void build_small(sm2::Path path, const sm2::Verifier& verifier, size_t count) {
    double spent = 0;
    for (size_t i = 0; i < count;) {
      for (size_t end = std::min(i + 1000, count); i < end; ++i) verifier.expect(registered_[i].key);
      spent += seconds_of([&] { verifier.build_tables(SIZE_MAX); });
    }
    const auto found = verifier.statistics();
    CHECK(found.small == count);
    table_figure(path, "small", count, spent, found.bytes);
  }

  void build_hot(sm2::Path path, const sm2::Verifier& verifier, std::span<const Signed> keys) {
    for (const Signed& one : keys) verifier.expect(one.key);
    verifier.build_tables(SIZE_MAX);
    const size_t before = verifier.statistics().bytes;
    for (int use = 0; use < 4; ++use)
      for (const Signed& one : keys) verifier.verify(sm2::Check{&one.key, &one.over_message, one.message});
    const double spent = seconds_of([&] { verifier.build_tables(SIZE_MAX); });
    const auto found = verifier.statistics();
    CHECK(found.large == keys.size());
    // The small tables that they replace have been given back.
    table_figure(path, "large", keys.size(), spent,
                 found.bytes - (found.small ? before * found.small / keys.size() : 0));
  }

  // ---- figures

  std::shared_ptr<Ring> ring(const Verifiers& with, Meeting kind, bool messages) {
    const size_t keys = kind == Meeting::large_table   ? std::min(kHotKeys, registered_.size())
                        : kind == Meeting::small_table ? with.keys
                                                       : registered_.size();
    auto out = std::make_shared<Ring>();
    for (size_t i = 0, count = std::max<size_t>(keys, 2048); i < count; ++i) {
      const Signed& one = registered_[i % keys];
      if (messages)
        out->add(sm2::Check{&one.key, &one.over_message, one.message});
      else
        out->add(sm2::DigestCheck{&one.key, &one.over_digest, one.e});
    }
    return out;
  }

  void add_verify() {
    for (const Verifiers& one : verifiers_)
      for (Meeting kind : {Meeting::unknown, Meeting::small_table, Meeting::large_table})
        for (bool messages : {false, true}) {
          auto checks = ring(one, kind, messages);
          const sm2::Verifier& verifier = *one.of[int(kind)];
          const size_t keys = kind == Meeting::large_table   ? std::min(kHotKeys, one.keys)
                              : kind == Meeting::small_table ? one.keys
                                                             : registered_.size();
          figures_.add({{"what", messages ? "verify_message" : "verify"},
                        {"path", sm2::name(one.path)},
                        {"kind", kKindNames[int(kind)]},
                        {"keys", keys},
                        {"batch", kBatch}},
                       fmt::format("{:<9} {:<11} {:>6} keys  {}", sm2::name(one.path), kKindNames[int(kind)],
                                   keys, messages ? "with SM3 of 200 bytes" : "curve work only"),
                       "verify/s", [checks, &verifier] { return checks->verify(verifier, kBatch, always); });
        }
  }

  void add_batches() {
    const Verifiers& best = verifiers_.back();
    for (Meeting kind : {Meeting::unknown, Meeting::small_table, Meeting::large_table})
      for (size_t batch : kBatches) {
        auto checks = ring(best, kind, true);
        const sm2::Verifier& verifier = *best.of[int(kind)];
        figures_.add({{"what", "verify_message_batch"},
                      {"path", sm2::name(best.path)},
                      {"kind", kKindNames[int(kind)]},
                      {"batch", batch}},
                     fmt::format("{:<9} {:<11} batches of {:>4}, with SM3", sm2::name(best.path),
                                 kKindNames[int(kind)], batch),
                     "verify/s",
                     [checks, &verifier, batch] { return checks->verify(verifier, batch, always); });
      }
  }

  void add_sign() {
    const Bytes scalar = crypto::random_bytes(32);
    for (const Verifiers& one : verifiers_) {
      auto signer = std::make_shared<sm2::Signer>(sm2::Signer::from_scalar(scalar, one.path).value());
      auto drawn = std::make_shared<std::vector<sm2::Entropy>>(kBatch);
      auto digests = std::make_shared<std::vector<Digest>>(kBatch);
      for (size_t i = 0; i < kBatch; ++i)
        crypto::random_fill((*drawn)[i]), (*digests)[i] = registered_[i % registered_.size()].e;
      figures_.add({{"what", "sign"}, {"path", sm2::name(one.path)}, {"batch", 1}},
                   fmt::format("{:<9} sign, one at a time", sm2::name(one.path)), "sign/s",
                   [=, at = size_t(0)]() mutable {
                     at = (at + 1) % kBatch;
                     CHECK(signer->sign((*digests)[at], (*drawn)[at]));
                     return 1.0;
                   });
      auto out = std::make_shared<std::vector<sm2::Signature>>(kBatch);
      figures_.add({{"what", "sign_many"}, {"path", sm2::name(one.path)}, {"batch", kBatch}},
                   fmt::format("{:<9} sign, {} at a time", sm2::name(one.path), kBatch), "sign/s", [=] {
                     crypto::random_fill((*drawn)[0]);
                     CHECK(signer->sign_many(*digests, *drawn, *out));
                     return double(kBatch);
                   });
    }
  }

  void add_sm3() {
    constexpr size_t kMany = 256;
    auto data = std::make_shared<Bytes>(kMany * kHashedBytes);
    crypto::random_fill(*data);
    auto out = std::make_shared<std::vector<Digest>>(kMany);
    for (sm3::Path path : sm3::kPaths) {
      if (!sm3::available(path)) continue;
      figures_.add({{"what", "sm3_1k"}, {"path", sm3::name(path)}, {"batch", kMany}},
                   fmt::format("{:<9} SM3 of messages of {} bytes", sm3::name(path), kHashedBytes), "GB/s",
                   [=] {
                     std::vector<sm3::Message> messages(kMany);
                     for (size_t i = 0; i < kMany; ++i)
                       messages[i].first = ByteView(*data).subspan(i * kHashedBytes, kHashedBytes);
                     sm3::hash_many(messages, *out, path);
                     return double(kMany * kHashedBytes) / 1e9;
                   });
      figures_.add({{"what", "sm3_node"}, {"path", sm3::name(path)}, {"batch", kMany}},
                   fmt::format("{:<9} Merkle nodes", sm3::name(path)), "nodes/s", [=] {
                     std::span children(reinterpret_cast<const Digest*>(data->data()), 2 * kMany);
                     sm3::hash_nodes(1, children, *out, path);
                     return double(kMany);
                   });
    }
  }

  // Floods of what is bad, and of signatures whose maker knows the formulas. All on the best path.
  void add_worst() {
    const Verifiers& best = verifiers_.back();
    for (Meeting kind : {Meeting::unknown, Meeting::small_table, Meeting::large_table}) {
      const sm2::Verifier& verifier = *best.of[int(kind)];
      auto worst = [&](const char* what, const char* text, std::shared_ptr<Ring> checks, auto judge) {
        figures_.add({{"what", what},
                      {"path", sm2::name(best.path)},
                      {"kind", kKindNames[int(kind)]},
                      {"batch", kBatch}},
                     fmt::format("{:<9} {:<11} {}", sm2::name(best.path), kKindNames[int(kind)], text),
                     "verify/s", [=, &verifier] { return checks->verify(verifier, kBatch, judge); });
      };
      auto bent = [&](size_t every) {  // of sixteen keys, as the collisions are
        const size_t keys = std::min(kHotKeys, best.keys);
        auto out = std::make_shared<Ring>();
        for (size_t i = 0; i < 8 * kBatch; ++i) {
          const Signed& one = registered_[i % keys];
          sm2::DigestCheck check{&one.key, &one.over_digest, one.e};
          if (i % every == every / 2) check.e[31] ^= 1;
          out->add(check);
        }
        return out;
      };
      worst("all_valid", "all valid, of 16 keys", bent(SIZE_MAX), always);
      worst("all_invalid", "all invalid", bent(1), [](size_t) { return false; });
      worst("one_invalid", "one bad in each batch", bent(kBatch),
            [](size_t i) { return i % kBatch != kBatch / 2; });
      worst("exceptional", "a collision forced in every signature", collisions(best, kind), always);
    }
  }

  // The dearest that an attacker can do: signatures that lie beside each other collide at different
  // additions, so that each of these additions has to be mended for somebody. It takes a key for each place,
  // of private keys that he knows.
  std::shared_ptr<Ring> collisions(const Verifiers& best, Meeting kind) {
    constexpr size_t kPlaces = 16;  // lanes that go together, at most
    std::mt19937_64 random(std::random_device{}());
    const size_t steps = sm2::exceptional_steps(best.path, kind);
    std::vector<std::vector<sm2::Exceptional>> made;
    for (size_t place = 0; place < kPlaces; ++place) {
      const auto one = sm2::make_exceptional(best.path, kind, place * steps / kPlaces, random);
      made.push_back(sm2::more_exceptional(best.path, kind, one, 4 * kBatch / kPlaces, random));
    }
    auto out = std::make_shared<Ring>();
    for (size_t i = 0; i < 4 * kBatch; ++i) {
      const sm2::Exceptional& one = crafted_.emplace_back(made[i % kPlaces][i / kPlaces]);
      out->add(sm2::DigestCheck{&one.key, &one.signature, one.e});
    }
    const sm2::Verifier& verifier = *best.of[int(kind)];
    for (int use = 0; use < 3; ++use) {  // until the keys have the table that their kind has
      out->verify(verifier, out->size(), always);
      verifier.build_tables(SIZE_MAX);
    }
    return out;
  }

  // Half of the traffic from registered keys, the other half from keys that never come again, and tables made
  // as they fall due, on this core.
  void add_flood() {
    const Verifiers& best = verifiers_.back();
    const size_t regulars = std::min<size_t>(1'000, registered_.size());
    flood_ = std::make_unique<sm2::Verifier>(sm2::VerifierOptions{best.path, 64 << 20, 16, 4096, false});
    for (size_t i = 0; i < regulars; ++i) flood_->expect(registered_[i].key);
    flood_->build_tables(SIZE_MAX);
    strangers_ = make_signed(20'000);
    auto checks = std::make_shared<Ring>();
    for (size_t i = 0; i < strangers_.size(); ++i)
      for (const Signed& one : {std::cref(strangers_[i]), std::cref(registered_[i % regulars])})
        checks->add(sm2::DigestCheck{&one.key, &one.over_digest, one.e});
    figures_.add(
        {{"what", "flood"}, {"path", sm2::name(best.path)}, {"batch", kBatch}, {"registered", regulars}},
        fmt::format("{:<9} half of {} registered keys, half of keys that sign once", sm2::name(best.path),
                    regulars),
        "verify/s", [this, checks] {
          const double done = checks->verify(*flood_, kBatch, always);
          flood_->build_tables(SIZE_MAX);
          return done;
        });
  }

  void add_tongsuo() {
    struct Peer {
      std::vector<TongsuoKey> keys;
      std::vector<Digest> digests;
      std::vector<sm2::Signature> signatures;
    };
    auto peer = std::make_shared<Peer>();
    for (size_t i = 0; i < 64; ++i) {
      const Bytes scalar = crypto::random_bytes(32);
      auto signer = sm2::Signer::from_scalar(scalar);
      if (!signer) continue;
      peer->digests.push_back(registered_[i % registered_.size()].e);
      peer->signatures.push_back(signer->sign(peer->digests.back(), fresh_entropy()).value());
      peer->keys.emplace_back(signer->public_key(), scalar);
    }
    auto add_peer = [&](const char* what, const char* text, const char* unit, std::function<double()> work) {
      figures_.add({{"peer", "tongsuo"}, {"version", tongsuo_version()}, {"what", what}},
                   fmt::format("Tongsuo {}", text), unit, std::move(work));
    };
    add_peer("verify", "EVP_PKEY_verify, context reused; digest given", "verify/s",
             [peer, at = size_t(0)]() mutable {
               at = (at + 1) % peer->keys.size();
               CHECK(peer->keys[at].verify(peer->digests[at], peer->signatures[at]));
               return 1.0;
             });
    add_peer("sign", "EVP_PKEY_sign, context reused; digest given", "sign/s",
             [peer, at = size_t(0)]() mutable {
               at = (at + 1) % peer->keys.size();
               CHECK(peer->keys[0].sign(peer->digests[at]));
               return 1.0;
             });
    auto blocks = std::make_shared<Bytes>(kHashedBytes + 64, uint8_t(0x5a));
    // A message of 1024 bytes fills 17 blocks with its padding, a node of 65 bytes two.
    add_peer("sm3_1k", "SM3 of 1024 bytes, block function", "GB/s", [blocks] {
      uint32_t out[8];
      for (int i = 0; i < 64; ++i) tongsuo_sm3_blocks(blocks->data(), 17, out);
      return 64.0 * kHashedBytes / 1e9;
    });
    add_peer("sm3_node", "Merkle nodes, block function", "nodes/s", [blocks] {
      uint32_t out[8];
      for (int i = 0; i < 256; ++i) tongsuo_sm3_blocks(blocks->data(), 2, out);
      return 256.0;
    });
  }

  // ---- measuring and reporting

  void measure() {
    Progress progress("SM2");
    const size_t own = figures_.size();
    for (size_t round = 0; round < options_.rounds; ++round) {
      figures_.measure(options_.seconds,
                       [&](size_t done) { progress.show(round * own + done, options_.rounds * own); });
      if (!options_.peers) continue;
      for (const char* peer : {"openssl", "botan", "gmsm"})
        if (!figures_.measure_peer(peer, options_.seconds) && round == 0) absent_.push_back(peer);
    }
  }

  Json ratios() const {
    const std::string best(sm2::name(verifiers_.back().path)), lanes(sm3::name(sm3::best_path()));
    Json out = Json::object();
    auto verify = [&](const char* what, std::string_view kind) {
      return figures_.rate_of({{"what", what}, {"path", best}, {"kind", kind}});
    };
    for (std::string_view kind : kKindNames) {
      out["exceptional_" + std::string(kind)] = verify("exceptional", kind) / verify("all_valid", kind);
      out["all_invalid_" + std::string(kind)] = verify("all_invalid", kind) / verify("all_valid", kind);
    }
    const double tongsuo = figures_.rate_of({{"peer", "tongsuo"}, {"what", "verify"}});
    for (std::string_view kind : kKindNames)
      out[std::string(kind) + "_to_tongsuo"] = verify("verify", kind) / tongsuo;
    out["nodes_to_tongsuo"] = figures_.rate_of({{"what", "sm3_node"}, {"path", lanes}}) /
                              figures_.rate_of({{"peer", "tongsuo"}, {"what", "sm3_node"}});
    return out;
  }

  // After how many signatures a table has paid for itself.
  void add_payback() {
    for (Json& table : tables_) {
      auto cost = [&](std::string_view kind) {
        return 1e6 / figures_.rate_of({{"what", "verify"}, {"path", table["path"]}, {"kind", kind}});
      };
      const bool small = table["tier"] == "small";
      const double saved = small ? cost("unknown") - cost("registered") : cost("registered") - cost("hot");
      if (saved > 0) table["pays_after"] = std::ceil(table["microseconds_per_key"].get<double>() / saved);
    }
  }

  void report() {
    add_payback();
    const auto flood = flood_->statistics();
    const Json conditions = {
        {"processor", processor_name()},  {"core", core_},
        {"seconds", options_.seconds},    {"rounds", options_.rounds},
        {"message_bytes", kMessageBytes}, {"table_bytes_allowed", options_.table_mib << 20}};
    const Json ratio = ratios();
    print(context_,
          {{"conditions", conditions},
           {"figures", figures_.to_json()},
           {"tables", tables_},
           {"ratios", ratio},
           {"flood", {{"small_tables", flood.small}, {"built", flood.built}, {"evicted", flood.evicted}}},
           {"absent", absent_}},
          [&] {
            line("{},一个核心 one core ({}),{} 轮的中位数 median of {} rounds of {} s", processor_name(),
                 core_, options_.rounds, options_.rounds, options_.seconds);
            figures_.print();
            for (const Json& table : tables_)
              line("{:<9} {:<5} 表 table: {} B, {:.0f} us, 用过此次数后回本 pays after uses: {}",
                   table["path"].get<std::string>(), table["tier"].get<std::string>(),
                   table["bytes_per_key"].dump(), table["microseconds_per_key"].get<double>(),
                   table.value("pays_after", Json("-")).dump());
            for (auto& [name, value] : ratio.items()) line("{:<28} {:.2f}", name, value.get<double>());
            line("flood: 表 tables {} built {} evicted {}", flood.small, flood.built, flood.evicted);
            for (const std::string& name : absent_)
              line("没有找到 not found: peers/{},由 tools/peers 构建 tools/peers builds it", name);
          });
  }

  const Context& context_;
  const Options options_;
  int core_ = 0;
  std::vector<Signed> registered_, strangers_;
  std::deque<sm2::Exceptional> crafted_;  // nothing may move them: checks point to them
  std::vector<Verifiers> verifiers_;
  std::unique_ptr<sm2::Verifier> flood_;
  Figures figures_;
  std::vector<std::string> absent_;
  Json tables_ = Json::array();
};

}  // namespace

void add_bench_sm2(CLI::App& bench, Context& context) {
  auto* verb =
      bench.add_subcommand("sm2", "SM2 与 SM3,与同类并列 · SM2 and SM3 on one core, beside their peers");
  auto options = std::make_shared<Options>();
  verb->add_option("--seconds", options->seconds, "每项每轮秒数 · seconds for each figure in each round")
      ->check(CLI::Range(0.001, 60.0));
  verb->add_option("--rounds", options->rounds, "轮数 · rounds, of which the median stands")
      ->check(CLI::Range(1, 99));
  verb->add_option("--keys", options->keys, "登记的密钥数 · registered keys")
      ->check(CLI::Range(16, 1'000'000));
  verb->add_option("--table-mib", options->table_mib, "密钥表内存 · memory for tables, MiB")
      ->check(CLI::Range(16, 65'536));
  verb->add_flag("--peers", options->peers,
                 "与 OpenSSL、Botan、gmsm 并列 · beside the programs of tools/peers");
  verb->callback(
      [=, &context] { chengxin::app::run(context, [&] { return Sm2Bench(context, *options).run(); }); });
}

}  // namespace chengxin::app
