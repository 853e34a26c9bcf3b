#include "comet/messages.h"

#include <gtest/gtest.h>

#include <random>

namespace chengxin::comet {
namespace {

std::vector<Message> samples() {
  Digest id{};
  id.fill(7);
  const Bytes least(128, 1), more(130, 2);
  return {Broadcast{{least, more}},
          Ask{{id, id}},
          Give{{}},
          AskBlocks{1, 2, 3, 4},
          GiveBlocks{9, {{5, 1, 4, {least, more}}, {6, 0, 0, {}}}},
          HeadNotice{4, 1, 8, -3, "0.5.0", Bytes(format::kHeaderBytes, 1), Bytes(90, 2)},
          AskLightBlock{3, 4},
          GiveLightBlock{3, std::nullopt},
          GiveLightBlock{3, Bytes{4, 5}},
          AskMembers{7},
          GiveMembers{7, std::nullopt},
          GiveMembers{7, Bytes{4, 5}}};
}

TEST(Messages, AsThePageFixesThem) {
  EXPECT_EQ(hex(encode(Broadcast{{{0xaa, 0xbb}, {}}})),
            "01"
            "00000002"
            "00000002"
            "aabb"
            "00000000");
  EXPECT_EQ(hex(encode(Ask{{Digest{}}})),
            "02"
            "00000001" +
                std::string(64, '0'));
  EXPECT_EQ(hex(encode(Give{{{0xaa}}})),
            "03"
            "00000001"
            "00000001"
            "aa");
  EXPECT_EQ(hex(encode(AskBlocks{1, 2, 3, 4})),
            "04"
            "00000001"
            "0000000000000002"
            "00000003"
            "00000004");
  EXPECT_EQ(hex(encode(GiveBlocks{1, {{2, 3, 4, {{0xaa}}}}})),
            "05"
            "00000001"
            "00000001"
            "0000000000000002"
            "00000003"
            "00000004"
            "00000001"
            "00000001"
            "aa");
  EXPECT_EQ(hex(encode(HeadNotice{1, 2, 3, 4, "v", {}, {}})),
            "06"
            "0000000000000001"
            "0000000000000002"
            "0000000000000003"
            "0000000000000004"
            "00000001"
            "76"
            "00000000"
            "00000000");
  EXPECT_EQ(hex(encode(AskLightBlock{1, 2})),
            "07"
            "00000001"
            "0000000000000002");
  EXPECT_EQ(hex(encode(GiveLightBlock{1, Bytes{0xaa}})),
            "08"
            "00000001"
            "01"
            "aa");
  EXPECT_EQ(hex(encode(GiveLightBlock{1, std::nullopt})),
            "08"
            "00000001"
            "00");
}

TEST(Messages, EachComesBackAndNothingElseDoes) {
  for (const Message& message : samples()) {
    const Bytes bytes = encode(message);
    auto back = decode(bytes);
    ASSERT_TRUE(back) << int(bytes[0]);
    EXPECT_EQ(encode(*back), bytes);
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      auto part = decode(ByteView(bytes).first(cut));
      if (part)
        EXPECT_TRUE(bytes[0] == 8 || bytes[0] == 10) << "only what is found ends with the message";
      else
        EXPECT_EQ(part.error().reason, "content.malformed");
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(bool(decode(longer)), bytes.size() == 8 && (bytes[0] == 8 || bytes[0] == 10));
  }
  EXPECT_EQ(decode(encode(Broadcast{{Bytes(127, 1)}})).error().reason, "content.malformed")
      << "no transaction";
  EXPECT_EQ(decode(Bytes{11}).error().reason, "content.unknown_kind");
  EXPECT_EQ(decode(Bytes{}).error().reason, "content.malformed");
}

TEST(Messages, HostileCountsTakeNoMemory) {
  EXPECT_FALSE(decode(*unhex("01ffffffff")));
  EXPECT_FALSE(decode(*unhex("02ffffffff")));
  EXPECT_FALSE(decode(*unhex("0500000001ffffffff")));
  EXPECT_FALSE(
      decode(*unhex("01"
                    "00000001"
                    "ffffffff"
                    "00")));
  // A part beyond its block's end.
  EXPECT_FALSE(decode(encode(GiveBlocks{1, {{2, 3, 3, {{1}}}}})));
  EXPECT_FALSE(decode(encode(HeadNotice{1, 1, 1, 1, "new\nline", {}, {}})));
  EXPECT_FALSE(decode(encode(HeadNotice{1, 1, 1, 1, "", Bytes(3), {}})));
}

TEST(Messages, BentOnesAreSpelledInOneWay) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = encode(samples()[random() % samples().size()]);
    for (uint64_t k = random() % 3 + 1; k > 0; --k) bytes[random() % bytes.size()] = uint8_t(random());
    auto back = decode(bytes);
    ASSERT_TRUE(!back || encode(*back) == bytes) << hex(bytes);
  }
}

}  // namespace
}  // namespace chengxin::comet
