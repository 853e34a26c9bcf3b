#include "ethereum/raw.h"

#include <gtest/gtest.h>

#include <random>

#include "ethereum/rlp.h"

namespace chengxin::ethereum {
namespace {

Bytes bytes_of(std::string_view digits) { return unhex(digits).value(); }
std::string reason(ByteView raw) {
  const auto out = decode_raw(raw);
  return out ? "" : out.error().reason;
}

// The examples of Ethereum's documentation of RLP.
TEST(Rlp, ListsOfTheDocumentation) {
  EXPECT_EQ(hex(rlp_bytes(view("dog"))), "83646f67");
  EXPECT_EQ(hex(rlp_bytes({})), "80");
  EXPECT_EQ(hex(rlp_number(0)), "80");
  EXPECT_EQ(hex(rlp_number(15)), "0f");
  EXPECT_EQ(hex(rlp_number(1024)), "820400");
  EXPECT_EQ(hex(rlp_wrap({})), "c0");
  EXPECT_EQ(hex(rlp_bytes(view("Lorem ipsum dolor sit amet, consectetur adipisicing elit"))).substr(0, 6),
            "b8384c");
  const Bytes list = bytes_of("c88363617483646f67");
  const auto items = rlp_list(list).value();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(text(items[0].payload), "cat");
  EXPECT_EQ(text(items[1].payload), "dog");
  EXPECT_EQ(rlp_list(bytes_of("c7c0c1c0c3c0c1c0")).value().size(), 3u);
  EXPECT_EQ(rlp_list(bytes_of("c0")).value().size(), 0u);
}

TEST(Rlp, EachValueHasOneEncoding) {
  for (const char* bad : {"", "83646f67", "c88363617483646f6700", "c883636174836466", "c18100", "c28105",
                          "c2b800", "f800", "f90038", "c1b8", "fbffffffff", "ffffffffffffffffff", "c3b90001"})
    EXPECT_FALSE(rlp_list(bytes_of(bad))) << bad;
}

// The example of EIP-155.
constexpr std::string_view kExample =
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939"
    "bc21"
    "95fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb196"
    "6a3b"
    "6d83";
constexpr std::string_view kSender = "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f";

TEST(RawTransaction, TheExampleOfEip155) {
  const auto raw = decode_raw(bytes_of(kExample)).value();
  EXPECT_EQ(hex(raw.sender), kSender);
  EXPECT_EQ(raw.type, 0u);
  EXPECT_EQ(raw.chain, 1u);
  EXPECT_EQ(raw.nonce, 9u);
  EXPECT_EQ(raw.gas, 21'000u);
  EXPECT_EQ(hex(*raw.to), std::string(40, '3').replace(0, 40, "3535353535353535353535353535353535353535"));
  EXPECT_EQ(quantity_of_word(raw.value), "0xde0b6b3a7640000");
  EXPECT_EQ(quantity_of_word(raw.gas_price), "0x4a817c800");
  EXPECT_EQ(describe(raw).at("v"), "0x25");
}

// Made by ethers with the key of the example.
TEST(RawTransaction, EveryTypeThatIsTaken) {
  const auto legacy = decode_raw(bytes_of("f8690380830186a094353535353535353535353535353535353535353580821234"
                                          "8702000000000022a02f11e706a6b1705ed955ae"
                                          "1e2f2034df05bd7dab3d9100ed741e480f42faa285a048366ac7adb7be82323f69"
                                          "6c579a50571640432a4f0d64650e37e5bb2868c4"
                                          "22"))
                          .value();
  EXPECT_EQ(hex(legacy.sender), kSender);
  EXPECT_EQ(hex(legacy.hash), "c65b59145d622fbd14a6cc71b9057d075fc4c7facf8c5ab2eb398eae414f7dee");
  EXPECT_EQ(legacy.chain, (uint64_t(1) << 48) - 1);
  EXPECT_EQ(legacy.input, bytes_of("1234"));

  const auto with_list =
      decode_raw(
          bytes_of("01f8c68301020380808252088080b83c606060606060606060606060606060606060606060606060606060606"
                   "06060606060606060"
                   "6060606060606060606060606060606060606060606060f838f79435353535353535353535353535353535353"
                   "53535e1a001010101"
                   "0101010101010101010101010101010101010101010101010101010101a063860f1d38bc1bcdecfd46cdc3380"
                   "8ce310f6d2738fe59"
                   "cbbf40e555173ff970a035ea4fa5e64dc023dacd7f794c44dc6e89fe545d76ba13a6f33b087efa0eea59"))
          .value();
  EXPECT_EQ(hex(with_list.sender), kSender);
  EXPECT_EQ(hex(with_list.hash), "211c59b9910aca7f8785dc2b9d204521c8affed17d3d47d795eeeaef69fcf2b9");
  EXPECT_FALSE(with_list.to);
  EXPECT_EQ(with_list.input.size(), 60u);

  const auto market = decode_raw(bytes_of("02f8678301020382012c0507825208943535353535353535353535353535353535"
                                          "3535350980c001a0e8ccbdac232080cd7ae86f15"
                                          "36d425597cc97e6dd10ba79dcffc0eea2f26fc4ba03b87d9199fb4f0829ce1b118"
                                          "ce0ec5ee8edb0abe0eebbc16e9dac81be3650d14"))
                          .value();
  EXPECT_EQ(hex(market.sender), kSender);
  EXPECT_EQ(hex(market.hash), "df065a49e1fb419a2ca6e35b044aa240e64146f6be99069cbbdcf006a065ef0b");
  EXPECT_EQ(market.nonce, 300u);
  EXPECT_EQ(describe(market).at("maxFeePerGas"), "0x7");
  EXPECT_EQ(describe(market).at("maxPriorityFeePerGas"), "0x5");
}

TEST(RawTransaction, WhatAChainTakes) {
  Digest id{};
  auto raw = decode_raw(bytes_of(kExample)).value();
  EXPECT_EQ(check_raw(raw, id).error().reason, "ethereum.chain");
  raw.chain = 0;
  EXPECT_EQ(check_raw(raw, id).error().reason, "ethereum.value");
  raw.value = {};
  EXPECT_EQ(check_raw(raw, id).error().reason, "ethereum.fee");
  raw.gas_price = raw.priority = {};
  EXPECT_TRUE(check_raw(raw, id));
}

TEST(RawTransaction, WhatIsRefused) {
  EXPECT_EQ(reason({}), "ethereum.rlp");
  EXPECT_EQ(reason(bytes_of("03c0")), "ethereum.type");
  EXPECT_EQ(reason(bytes_of("c0")), "ethereum.type") << "no v";
  EXPECT_EQ(reason(bytes_of("02c0")), "ethereum.field");
  // The other signature of the same message: s' = n - s.
  std::string high(kExample);
  high.replace(high.size() - 64, 64, "98341627668089e51348fccfb4c7ff31c55912f2d2e47ef09652acf665fad3be");
  high.replace(high.find("8025a0"), 6, "8026a0");
  EXPECT_EQ(reason(bytes_of(high)), "ethereum.signature");
}

// Another spelling of the signature's parity would be the same transaction under another hash.
TEST(RawTransaction, AFieldHasOneSpelling) {
  const std::string head = "02f8678301020382012c0507825208943535353535353535353535353535353535353535",
                    value = "0980";
  const std::string signature =
      "a0e8ccbdac232080cd7ae86f1536d425597cc97e6dd10ba79dcffc0eea2f26fc4ba03b87d9199fb4f0829ce1b118ce0ec5ee8e"
      "db0abe0e"
      "ebbc16e9dac81be3650d14";
  EXPECT_EQ(reason(bytes_of(head + value + "c0" + "01" + signature)), "");
  EXPECT_EQ(reason(bytes_of(head + value + "c0" + "21" + signature)), "ethereum.field");
  EXPECT_EQ(reason(bytes_of(head + value + "80" + "01" + signature)), "ethereum.field");
  std::string longer = head;
  longer.replace(2, 4, "f868");
  EXPECT_EQ(reason(bytes_of(longer + value + "c107" + "01" + signature)), "ethereum.field") << "no address";
}

// A changed bit gives another sender, or none; never the same under another hash.
TEST(RawTransaction, ChangedBitsAreOfSomebodyElse) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    Bytes bent = bytes_of(kExample);
    for (unsigned left = 1 + random() % 3; left > 0; --left)
      bent[random() % bent.size()] ^= uint8_t(1 << random() % 8);
    if (bent == bytes_of(kExample)) continue;
    const auto out = decode_raw(bent);
    if (out) EXPECT_NE(hex(out->sender), kSender) << hex(bent);
  }
}

}  // namespace
}  // namespace chengxin::ethereum
