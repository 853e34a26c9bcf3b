#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "audit/note.h"
#include "audit/rig_for_tests.h"

namespace chengxin::audit {
namespace {

using Audit = Rig;

TEST_F(Audit, KeepsWhatWasDoneAndFindsItAgain) {
  write(30);
  write(5, 30);
  auto report = verified();
  EXPECT_TRUE(report.findings.empty()) << findings();
  EXPECT_EQ(report.entries, 36u);  // and that it was begun
  EXPECT_GT(report.segments, 3u);

  Query query;
  query.subject = "token:1";
  query.limit = 4;
  size_t found = 0;
  uint64_t last = ~uint64_t(0);
  do {
    auto page = search(folder, query).value();
    for (const Recorded& one : page.items) {
      EXPECT_EQ(one.entry.subject, "token:1");
      EXPECT_LT(one.sequence, last);
      last = one.sequence;
      ++found;
    }
    query.before = page.next;
  } while (query.before);
  EXPECT_EQ(found, 12u);

  query = {};
  query.from_ms = kBegun + 5'000;
  query.to_ms = kBegun + 9'000;
  EXPECT_EQ(search(folder, query)->items.size(), 5u);
  query = {};
  query.object = "id=17";
  auto one = search(folder, query).value().items.at(0);
  EXPECT_EQ(find_entry(folder, one.sequence)->entry, one.entry);
  EXPECT_EQ(find_entry(folder, 1000).error().reason, "audit.not_found");
}

TEST_F(Audit, WhatStrangersWriteIsData) {
  Entry bad = entry(1, "auth.invalid");
  bad.object =
      "a\r\n{\"sequence\":7}\x1b[2J\x00"
      "b";
  bad.subject = "=cmd()\"";
  bad.source = "\xff\xfe";
  bad.detail = std::string(5000, 'x') + "城";
  {
    auto log = open();
    ASSERT_TRUE(log->record(bad));
  }
  auto kept = find_entry(folder, 2).value();
  EXPECT_EQ(kept.entry.object, bad.object);
  EXPECT_EQ(kept.entry.source, "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(kept.entry.detail.size(), kMaxLongText);
  for (auto format : {ExportFormat::ndjson, ExportFormat::csv}) {
    auto exported = export_entries(folder, {}, format, key, 5).value();
    EXPECT_EQ(std::count(exported.content.begin(), exported.content.end(), '\n'),
              format == ExportFormat::csv ? 3 : 2);
    EXPECT_EQ(exported.content.find('\x1b'), std::string::npos);
    EXPECT_EQ(exported.content.find(",\"=cmd"), std::string::npos);
    auto manifest =
        verify_export(exported.content, exported.manifest, exported.signature, key.public_key().point());
    ASSERT_TRUE(manifest) << manifest.error().to_string();
    EXPECT_EQ((*manifest)["entries"], 2);
    std::string bent = exported.content;
    bent[random() % bent.size()] ^= 1;
    EXPECT_EQ(verify_export(bent, exported.manifest, exported.signature, {}).error().reason, "audit.export");
    bent = exported.manifest;
    bent[random() % bent.size()] ^= 1;
    EXPECT_EQ(verify_export(exported.content, bent, exported.signature, {}).error().reason, "audit.export");
    auto other = crypto::Sm2PrivateKey::generate()->public_key().point();
    EXPECT_EQ(verify_export(exported.content, exported.manifest, exported.signature, other).error().reason,
              "audit.export");
  }
}

TEST_F(Audit, ManyThreadsShareCommits) {
  auto log = open();
  constexpr int kThreads = 8, kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        if (i % 3)
          log->append(entry(t * kEach + i));
        else
          ASSERT_TRUE(log->record(entry(t * kEach + i)));
      }
    });
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(log->record(entry(0)));
  auto standing = log->standing();
  EXPECT_EQ(standing.sequence, uint64_t(kThreads * kEach + 2));
  EXPECT_LT(standing.commits, standing.written);
  log.reset();
  EXPECT_TRUE(verified().findings.empty()) << findings();
}

TEST_F(Audit, OnlyOneProcessWritesAndOthersLeaveNotes) {
  auto held = open();
  EXPECT_EQ(Log::open(options()).error().reason, "audit.in_use");
  Entry left = entry(3);
  left.action = "cli.key.create";
  ASSERT_TRUE(leave_note(root, key, left));
  // Somebody without the key leaves one too.
  put(folder / "notes" / "forged.note", contents(fs::directory_iterator(folder / "notes")->path()));
  auto forged = contents(folder / "notes" / "forged.note");
  forged[30] ^= 1;
  put(folder / "notes" / "forged.note", forged);
  for (int i = 0; i < 500 && !fs::is_empty(folder / "notes"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(fs::is_empty(folder / "notes"));
  Query query;
  query.action = "cli.key.create";
  EXPECT_EQ(search(folder, query)->items.size(), 1u);
  query.action = "audit.note";
  EXPECT_EQ(search(folder, query)->items.at(0).entry.outcome, "audit.signature");
  held.reset();
  ASSERT_TRUE(leave_note(root, key, left));
  query.action = "cli.key.create";
  EXPECT_EQ(search(folder, query)->items.size(), 2u);
  EXPECT_TRUE(verified().findings.empty()) << findings();
}

// Whatever is wrong with the folder, the log says so and goes on when it is right again.
TEST_F(Audit, StopsWhenItsFolderIsGoneAndGoesOnWhenItIsBack) {
  auto log = open();
  ASSERT_TRUE(log->record(entry(1)));
  fs::rename(folder, root / "elsewhere");
  EXPECT_EQ(log->record(entry(2)).error().reason, "audit.stopped");
  EXPECT_EQ(log->state().error().reason, "audit.stopped");
  EXPECT_EQ(log->standing().stopped->reason, "file.not_found");
  EXPECT_FALSE(log->record(entry(3)));
  fs::rename(root / "elsewhere", folder);
  for (int i = 0; i < 500 && !log->state(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(log->state());
  ASSERT_TRUE(log->record(entry(4)));
  log.reset();
  EXPECT_TRUE(verified().findings.empty()) << findings();
  std::vector<std::string> actions;
  for (uint64_t i = 3; i <= 6; ++i) actions.push_back(find_entry(folder, i)->entry.object);
  EXPECT_EQ(find_entry(folder, 3)->entry.action, "audit.resumed");
  EXPECT_EQ(find_entry(folder, 3)->entry.outcome, "file.not_found");
  EXPECT_EQ(actions, (std::vector<std::string>{"", "id=2", "id=3", "id=4"}));
}

TEST_F(Audit, NoticesWithoutAnybodyCalling) {
  auto log = open();
  ASSERT_TRUE(log->record(entry(1)));
  fs::rename(folder, root / "elsewhere");
  for (int i = 0; i < 500 && log->state(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(log->state());
  fs::rename(root / "elsewhere", folder);
}

// A limit on the size of files stands for a full disk: the write fails with part of the bytes written.
TEST_F(Audit, AFullDiskStopsItAndNothingAcknowledgedIsLost) {
  std::signal(SIGXFSZ, SIG_IGN);
  Options wide = options();
  wide.segment_bytes = 1 << 20;
  auto log = Log::open(wide).value();
  ASSERT_TRUE(log->record(entry(1)));
  rlimit limit{}, small{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  small = limit;
  small.rlim_cur = fs::file_size(segment(1)) + 1100;
  ::setrlimit(RLIMIT_FSIZE, &small);
  int acknowledged = 1;
  while (acknowledged < 100 && log->record(entry(acknowledged + 1))) ++acknowledged;
  EXPECT_FALSE(log->state());
  EXPECT_LT(acknowledged, 20);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < 500 && !log->state(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(log->state());
  log.reset();
  EXPECT_TRUE(verified().findings.empty()) << findings();
  Query query;
  query.action = "audit.resumed";
  EXPECT_EQ(search(folder, query)->items.size(), 1u);
  query.action = "";
  query.object = "id=";
  EXPECT_EQ(search(folder, query)->items.size(), size_t(acknowledged + 1));
}

TEST_F(Audit, OffIsStopped) {
  Options off = options();
  off.enabled = false;
  auto log = Log::open(off).value();
  EXPECT_EQ(log->state().error().reason, "audit.stopped");
  EXPECT_EQ(log->standing().stopped->reason, "audit.off");
  EXPECT_FALSE(log->record(entry(1)));
  EXPECT_EQ(log->standing().lost, 1u);
}

TEST_F(Audit, SomebodyElsesBytesStopItForGood) {
  auto log = open();
  ASSERT_TRUE(log->record(entry(1)));
  std::ofstream(segment(1), std::ios::app) << "more";
  EXPECT_FALSE(log->record(entry(2)));
  EXPECT_EQ(log->standing().stopped->reason, "audit.altered");
}

// Every length that the last segment may have after a crash: what was acknowledged is there or is missed.
TEST_F(Audit, EveryTornTailIsDroppedAndSaidOrMissed) {
  Options wide = options();
  wide.segment_bytes = 1 << 20;
  {
    auto log = Log::open(wide).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->record(entry(i)));
  }
  const Bytes older_marker = contents(marker), acknowledged = contents(segment(1));
  {
    auto log = Log::open(wide).value();
    for (int i = 3; i < 6; ++i) log->append(entry(i));
    ASSERT_TRUE(log->record(entry(6)));
  }
  const Bytes whole = contents(segment(1)), newer_marker = contents(marker);
  for (size_t length = acknowledged.size(); length <= whole.size(); ++length) {
    // Before the marker was written: a crash within the commit.
    put(segment(1), ByteView(whole).first(length));
    put(marker, older_marker);
    {
      auto log = Log::open(wide).value();
      ASSERT_TRUE(log->state()) << length;
      ASSERT_TRUE(log->record(entry(9)));
    }
    auto report = verified();
    ASSERT_TRUE(report.findings.empty()) << length << "\n" << findings();
    const bool torn = length != acknowledged.size() && length != whole.size();
    ASSERT_EQ(report.last, length == whole.size() ? 9u : torn ? 6u : 5u) << length;
    Query query;
    query.action = "audit.recovered";
    ASSERT_EQ(search(folder, query)->items.size(), size_t(torn)) << length;
    // After it: somebody cut acknowledged entries off.
    put(segment(1), ByteView(whole).first(length));
    put(marker, newer_marker);
    if (length == whole.size()) continue;
    ASSERT_FALSE(verified().findings.empty()) << length;
    auto log = Log::open(wide).value();
    ASSERT_FALSE(log->state()) << length;
    ASSERT_EQ(log->standing().stopped->reason, "audit.truncated");
  }
}

// A crash at any byte of the write that begins a segment.
TEST_F(Audit, ATornBeginningOfASegmentIsDropped) {
  write(12);
  const int last = int(verified().segments);
  ASSERT_GT(last, 1);
  const Bytes whole = contents(segment(last));
  auto all = entries_of(last);
  const size_t first_group = all.size() > 1 ? all[1].offset : whole.size();
  // The marker as it was when the segment before was closed.
  const Bytes before = contents(segment(last - 1));
  Bytes closed = to_bytes(ByteView(before).last(45 + 113));
  closed.resize(1024);
  for (size_t length = 0; length < first_group; length += 7) {
    put(segment(last), ByteView(whole).first(length));
    put(marker, closed);
    {
      auto log = open();
      ASSERT_TRUE(log->state()) << length << log->state().error().to_string();
      ASSERT_TRUE(log->record(entry(50)));
    }
    ASSERT_TRUE(verified().findings.empty()) << length << "\n" << findings();
  }
}

TEST_F(Audit, ADamagedLogIsGoneOnWithOnlyOnOnesWord) {
  write(8);
  auto bytes = contents(segment(1));
  const int last = int(verified().segments);
  fs::remove(segment(last));
  {
    auto log = open();
    EXPECT_EQ(log->standing().stopped->reason, "audit.truncated");
  }
  Options accepting = options();
  accepting.accept_damage = "disk replaced, ticket 7";
  {
    auto log = Log::open(accepting).value();
    ASSERT_TRUE(log->state());
    ASSERT_TRUE(log->record(entry(9)));
  }
  {
    auto log = open();
    ASSERT_TRUE(log->state());
    ASSERT_TRUE(log->record(entry(10)));
  }
  auto report = verified();
  EXPECT_TRUE(std::any_of(report.findings.begin(), report.findings.end(), [](auto& finding) {
    return finding.reason == "audit.segment_missing";
  })) << findings();
  Query query;
  query.action = "audit.reopened";
  EXPECT_NE(search(folder, query)->items.at(0).entry.detail.find("ticket 7"), std::string::npos);
}

TEST_F(Audit, OldSegmentsGoWholeAndLeaveTheirHeads) {
  Options keeping = options();
  keeping.retention_ms = kLeastRetentionDays * kDayMs;
  auto log = Log::open(keeping).value();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(log->record(entry(i)));
  anchor(*log);
  now += kDayMs;
  ASSERT_TRUE(log->record(entry(20)));
  const auto before = verified();
  ASSERT_TRUE(before.findings.empty()) << findings();
  now += kLeastRetentionDays * kDayMs;
  ASSERT_TRUE(log->record(entry(21)));
  ASSERT_TRUE(log->record(entry(22)));
  auto report = verified();
  EXPECT_TRUE(report.findings.empty()) << findings();
  EXPECT_EQ(report.removed, before.segments - 2);  // the last of that day was closed today
  EXPECT_GT(report.first, 1u);
  Query query;
  query.action = "audit.retired";
  EXPECT_EQ(search(folder, query)->items.size(), 1u);
  log.reset();
  {
    auto again = Log::open(keeping).value();
    ASSERT_TRUE(again->record(entry(23)));
  }
  EXPECT_TRUE(verified().findings.empty()) << findings();
  // A closing head that somebody takes out, or that is bent.
  const fs::path head = folder / "0000000002.head";
  auto bytes = contents(head);
  fs::remove(head);
  EXPECT_TRUE(
      finds("audit.segment_missing", 2, entries_of(1).empty() ? verified().findings.at(0).sequence : 0));
  for (int i = 0; i < 100; ++i) {
    auto bent = bytes;
    bent[random() % bent.size()] ^= uint8_t(1u << random() % 8);
    put(head, bent);
    ASSERT_FALSE(verified().findings.empty());
  }
}

TEST_F(Audit, ASnapshotVerifies) {
  auto log = open();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; !done; ++i) ASSERT_TRUE(log->record(entry(i)));
  });
  for (int i = 0; i < 20; ++i) {
    const fs::path copy = root / ("copy" + std::to_string(i));
    ASSERT_TRUE(log->snapshot(copy));
    auto report = verify({copy, copy / "marker", key.public_key(), true, {}}).value();
    EXPECT_TRUE(report.findings.empty()) << describe(report).dump();
    EXPECT_EQ(report.unacknowledged_bytes, 0u);
  }
  done = true;
  writer.join();
}

}  // namespace
}  // namespace chengxin::audit
