#include "base/base64url.h"
#include "credential/impl/gzip.h"
#include "credential/parties_for_tests.h"

namespace chengxin::credential {
namespace {

TEST(StatusList, HoldsAMillion) {
  StatusBits bits;
  std::vector<size_t> set = {0, 7, 8, 131'071, 999'999};
  for (size_t index : set) bits.set(index, true);
  EXPECT_EQ(bits.bytes()[0], 0x81);  // index 0 is the highest bit
  EXPECT_EQ(bits.bytes()[1], 0x80);
  const auto back = take(StatusBits::decode(bits.encode()));
  EXPECT_EQ(back.bytes(), bits.bytes());
  EXPECT_EQ(back.entries(), kStatusEntries);
  for (size_t index : set) EXPECT_TRUE(back.get(index));
  EXPECT_FALSE(back.get(1));
  bits.set(7, false);
  EXPECT_EQ(bits.bytes()[0], 0x80);
}

TEST(StatusList, WhatIsNoList) {
  auto reason = [](const std::string& text) {
    auto list = StatusBits::decode(text);
    return list ? std::string("taken") : list.error().reason;
  };
  const std::string good = StatusBits().encode();
  EXPECT_EQ(reason(good), "taken");
  EXPECT_EQ(reason(""), "status.list");
  EXPECT_EQ(reason(good.substr(1)), "status.list");
  EXPECT_EQ(reason("m" + good.substr(1)), "status.list");
  EXPECT_EQ(reason(good.substr(0, good.size() / 2)), "status.list");
  EXPECT_EQ(reason("u" + base64url(Bytes(20'000, 1))), "status.list");
  EXPECT_EQ(reason(StatusBits(kLeastStatusEntries).encode()), "taken");
  EXPECT_EQ(reason(StatusBits(kLeastStatusEntries - 8).encode()), "status.list");
  EXPECT_EQ(reason("u" + base64url(gzip(Bytes(kMostStatusEntries / 8 + 1)))), "status.list");  // a bomb
  EXPECT_EQ(reason("u" + base64url(gzip(Bytes(size_t(200) << 20)))), "status.list");
}

TEST(StatusList, EntriesThatAreNone) {
  const Json good = status_entry({"https://a.example/1", StatusPurpose::suspension, 42});
  const auto entry = take(parse_status_entry(good));
  EXPECT_EQ(entry.index, 42u);
  EXPECT_EQ(entry.purpose, StatusPurpose::suspension);
  for (auto [member, value] : {std::pair<const char*, Json>{"type", "RevocationList2020Status"},
                               {"statusPurpose", "refresh"},
                               {"statusListIndex", 42},
                               {"statusListIndex", "-1"},
                               {"statusListIndex", "1x"},
                               {"statusListIndex", ""},
                               {"statusListIndex", "99999999999999999999999"},
                               {"statusListCredential", ""},
                               {"statusListCredential", 1}}) {
    Json bent = good;
    bent[member] = value;
    EXPECT_EQ(parse_status_entry(bent).error().reason, "status.entry") << bent;
  }
  EXPECT_EQ(parse_status_entry(5).error().reason, "status.entry");
}

}  // namespace
}  // namespace chengxin::credential
