#include "audit/rig_for_tests.h"

namespace chengxin::audit {
namespace {

struct AuditVerify : Rig {
  void SetUp() override {
    {
      auto log = open();
      for (int i = 0; i < 40; ++i) {
        now += 1000;
        if (i % 4 == 1) log->append(entry(i));
        ASSERT_TRUE(i % 4 == 1 || log->record(entry(i)));
        if (i == 13 || i == 27) anchor(*log);
      }
    }
    ASSERT_TRUE(verified().findings.empty()) << findings();
    ASSERT_GE(verified().segments, 5u);
    ASSERT_EQ(verified().anchors, 2u);
  }
};

TEST_F(AuditVerify, AFlippedBitAnywhereIsFound) {
  std::vector<fs::path> files = {marker};
  for (const auto& file : fs::recursive_directory_iterator(folder))
    if (file.is_regular_file() && file.path().filename() != "lock") files.push_back(file.path());
  for (int round = 0; round < 1500; ++round) {
    const fs::path& file = files[random() % files.size()];
    const Bytes good = contents(file);
    Bytes bad = good;
    const size_t at = random() % bad.size();
    bad[at] ^= uint8_t(1u << random() % 8);
    put(file, bad);
    ASSERT_FALSE(verified().findings.empty()) << file << " byte " << at;
    put(file, good);
  }
  EXPECT_TRUE(verified().findings.empty());
}

TEST_F(AuditVerify, AnEditIsNamedByItsSegmentEntryAndByte) {
  const Bytes good = contents(segment(2));
  for (const Recorded& one : entries_of(2)) {
    const size_t length = length_at(good, one.offset);
    for (size_t at : {size_t(13), size_t(45), length - 1, 46 + random() % (length - 46)}) {
      Bytes bad = good;
      bad[one.offset + at] ^= uint8_t(1u << random() % 8);
      put(segment(2), bad);
      auto findings = verified(false).findings;
      ASSERT_EQ(findings.size(), 1u);
      EXPECT_EQ(findings[0].reason, "audit.altered");
      EXPECT_EQ(findings[0].segment, 2u);
      EXPECT_EQ(findings[0].sequence, one.sequence);
      EXPECT_EQ(findings[0].offset, one.offset);
    }
  }
  // Another text of the same length, well encoded.
  put(segment(2), good);
  const Recorded one = entries_of(2).at(2);
  Bytes bad = good;
  auto text = std::search(bad.begin() + ptrdiff_t(one.offset), bad.end(), one.entry.subject.begin(),
                          one.entry.subject.end());
  text[6] = text[6] == '1' ? '2' : '1';
  put(segment(2), bad);
  EXPECT_TRUE(finds("audit.altered", 2, one.sequence)) << findings();
}

TEST_F(AuditVerify, WhatIsTakenOutOrMovedIsNamed) {
  const Bytes good = contents(segment(2));
  auto entries = entries_of(2);
  for (size_t i = 0; i + 1 < entries.size(); ++i) {
    const size_t begin = entries[i].offset, end = begin + length_at(good, begin);
    Bytes bad = good;
    bad.erase(bad.begin() + ptrdiff_t(begin), bad.begin() + ptrdiff_t(end));
    put(segment(2), bad);
    EXPECT_TRUE(finds("audit.missing", 2, entries[i].sequence)) << i << "\n" << findings();
  }
  // With the head after it: two whole frames.
  const size_t begin = entries[2].offset, head = begin + length_at(good, begin),
               end = head + length_at(good, head);
  Bytes bad = good;
  bad.erase(bad.begin() + ptrdiff_t(begin), bad.begin() + ptrdiff_t(end));
  put(segment(2), bad);
  EXPECT_TRUE(finds("audit.missing", 2, entries[2].sequence)) << findings();
  // Two groups in each other's place.
  const size_t next = entries[3].offset;
  ASSERT_EQ(next, end);
  const size_t next_head = next + length_at(good, next), next_end = next_head + length_at(good, next_head);
  bad = good;
  std::rotate(bad.begin() + ptrdiff_t(begin), bad.begin() + ptrdiff_t(next),
              bad.begin() + ptrdiff_t(next_end));
  put(segment(2), bad);
  EXPECT_TRUE(finds("audit.reordered", 2, entries[2].sequence)) << findings();
  // One twice.
  bad = good;
  bad.insert(bad.begin() + ptrdiff_t(end), good.begin() + ptrdiff_t(begin), good.begin() + ptrdiff_t(end));
  put(segment(2), bad);
  EXPECT_FALSE(verified().findings.empty());
}

TEST_F(AuditVerify, SegmentsInAnothersPlaceOrMissing) {
  fs::rename(segment(2), root / "two");
  EXPECT_TRUE(finds(
      "audit.segment_missing", 2,
      entries_of(3).at(0).sequence - entries_of(3).size() >= 1 ? verified().findings.at(0).sequence : 0))
      << findings();
  EXPECT_EQ(verified().findings.at(0).segment, 2u);
  fs::rename(segment(3), segment(2));
  fs::rename(root / "two", segment(3));
  auto found = verified().findings;
  ASSERT_GE(found.size(), 2u);
  EXPECT_EQ(found[0].reason, "audit.segment_order");
  EXPECT_EQ(found[0].segment, 2u);
  // Both renamed inside as well: the digests and signatures do not follow.
  for (int number : {2, 3}) {
    Bytes bytes = contents(segment(number));
    bytes[45 + 7] = uint8_t(number);
    put(segment(number), bytes);
  }
  EXPECT_FALSE(verified().findings.empty());
}

TEST_F(AuditVerify, WhatIsCutOffIsMissed) {
  const int last = int(verified().segments);
  auto entries = entries_of(last);
  const Bytes good = contents(segment(last));
  for (size_t length = 0; length < good.size(); length += 1 + random() % 5) {
    put(segment(last), ByteView(good).first(length));
    ASSERT_FALSE(verified().findings.empty()) << length;
  }
  // At the end of a group: sound in itself, and the marker knows of more.
  put(segment(last), ByteView(good).first(entries.back().offset));
  EXPECT_TRUE(finds("audit.truncated", last, entries.back().sequence)) << findings();
  fs::remove(segment(last));
  EXPECT_EQ(verified().findings.at(0).reason, "audit.truncated");
  fs::remove(marker);
  EXPECT_TRUE(finds("audit.marker", 0, 0));
}

// Somebody with the installation's key makes another history, marker included: nothing in it is wrong, but
// it is not what the chain has.
TEST_F(AuditVerify, AnotherHistoryUnderTheSameKeyIsNotThatOfTheAnchors) {
  const fs::path anchors = root / "anchors";
  fs::rename(folder / "anchors", anchors);
  fs::remove_all(folder);
  fs::remove(marker);
  now = kBegun;
  write(40, 1000);
  EXPECT_TRUE(verified().findings.empty());
  fs::remove_all(folder / "anchors");
  fs::copy(anchors, folder / "anchors");
  auto found = verified().findings;
  ASSERT_EQ(found.size(), 2u) << findings();
  EXPECT_EQ(found[0].reason, "audit.rewritten");
  // A shorter one.
  fs::remove_all(folder);
  fs::remove(marker);
  write(5);
  fs::remove_all(folder / "anchors");
  fs::copy(anchors, folder / "anchors");
  EXPECT_EQ(verified().findings.at(0).reason, "audit.truncated");
}

TEST_F(AuditVerify, AnAnchorThatIsGoneOrOfAnotherChainIsMissed) {
  const proof::Anchor trust = chain.anchor;
  EXPECT_TRUE(verify({folder, marker, key.public_key(), true, trust})->findings.empty());
  proof::Sample other;
  auto report = verify({folder, marker, key.public_key(), true, other.anchor}).value();
  EXPECT_EQ(report.findings.at(0).reason, "audit.anchor");
  fs::remove(fs::directory_iterator(folder / "anchors")->path());
  EXPECT_EQ(verified().findings.at(0).reason, "audit.anchor_missing");
}

TEST_F(AuditVerify, ALogOfAnotherInstallationIsNotOurs) {
  const auto other = crypto::Sm2PrivateKey::generate().value();
  auto report = verify({folder, marker, other.public_key(), false, {}}).value();
  EXPECT_EQ(report.findings.at(0).reason, "audit.other_key");
  EXPECT_EQ(verify({root / "none", root / "none.marker", key.public_key(), false, {}}).error().reason,
            "audit.no_log");
}

}  // namespace
}  // namespace chengxin::audit
