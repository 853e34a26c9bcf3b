#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "audit/anchoring.h"
#include "audit/log.h"
#include "audit/search.h"
#include "audit/verify.h"
#include "merkle/log_tree.h"
#include "proof/sample_for_tests.h"

// A log in real files, and ways to bend them.
namespace chengxin::audit {

struct Rig : testing::Test {
  static constexpr int64_t kBegun = 1'795'320'000'000;
  fs::path root = fs::path(testing::TempDir()) / ("audit-" + std::to_string(std::random_device{}()));
  fs::path folder = root / "audit", marker = root / "audit.marker";
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  std::atomic<int64_t> now{kBegun};
  proof::Sample chain{{.record = false, .timestamp = false, .transitions = 0, .items = 1}};
  uint32_t seed = std::random_device{}();
  std::mt19937 random{seed};

  Rig() { fs::create_directories(root); }
  ~Rig() override {
    fs::remove_all(root);
    if (HasFailure()) std::printf("seed %u\n", seed);
  }

  Options options() {
    Options out;
    out.folder = folder;
    out.marker = marker;
    out.key = key;
    out.now_ms = [this] { return now.load(); };
    out.segment_bytes = 2000;
    out.pause_ms = 20;
    return out;
  }
  std::unique_ptr<Log> open() {
    auto log = Log::open(options());
    EXPECT_TRUE(log) << (log ? "" : log.error().to_string());
    return std::move(*log);
  }
  static Entry entry(int i, std::string outcome = "ok") {
    Entry out;
    out.subject = "token:" + std::to_string(i % 3);
    out.action = i % 2 ? "createToken" : "listTokens";
    out.object = "id=" + std::to_string(i);
    out.outcome = std::move(outcome);
    out.source = "127.0.0.1";
    out.status = 200;
    return out;
  }
  void write(int count, int from = 0) {
    auto log = open();
    for (int i = from; i < from + count; ++i) {
      now += 1000;
      ASSERT_TRUE(log->record(entry(i)));
    }
  }

  Bytes bundle(const Digest& digest) {
    chain.bundle.item = to_bytes(digest);
    chain.bundle.index = 0;
    chain.bundle.count = 1;
    chain.bundle.inner_path.clear();
    chain.body.calls[1].arguments =
        format::encode_evidence_add({merkle::Log::leaf_hash(chain.bundle.item), 1, 32});
    chain.sign_body();
    chain.seal();
    return proof::encode(chain.bundle);
  }
  void anchor(Log& log) {
    Anchoring anchoring(
        log, [this](const Digest& digest) { return Result<Bytes>(bundle(digest)); }, std::chrono::hours(1));
    auto done = anchoring.anchor_now();
    ASSERT_TRUE(done) << done.error().to_string();
  }

  Report verified(bool anchors = true) {
    auto report = verify({folder, marker, key.public_key(), anchors, {}});
    EXPECT_TRUE(report) << (report ? "" : report.error().to_string());
    return report ? *report : Report{};
  }
  std::string findings() {
    std::string out;
    for (const Finding& finding : verified().findings)
      out += fmt::format("{} segment {} entry {} byte {}\n", finding.reason, finding.segment,
                         finding.sequence, finding.offset);
    return out;
  }
  bool finds(std::string_view reason, uint64_t segment, uint64_t sequence) {
    for (const Finding& finding : verified().findings)
      if (finding.reason == reason && finding.segment == segment && finding.sequence == sequence) return true;
    return false;
  }

  fs::path segment(int number) const { return folder / fmt::format("{:010}.seg", number); }
  static Bytes contents(const fs::path& path) { return read_file(path, 1 << 30).value(); }
  static void put(const fs::path& path, ByteView bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  }
  // Where the entries of a segment begin and end.
  std::vector<Recorded> entries_of(int number) {
    std::vector<Recorded> out;
    Query query;
    query.limit = 10'000;
    auto page = search(folder, query).value();
    for (auto& one : page.items)
      if (one.segment == uint64_t(number)) out.insert(out.begin(), one);
    return out;
  }
  static size_t length_at(const Bytes& bytes, size_t offset) {
    return size_t(get_be<uint32_t>(&bytes[offset])) + 4;
  }
};

}  // namespace chengxin::audit
