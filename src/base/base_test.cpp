#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/percent.h"

namespace chengxin {
namespace {

TEST(Bytes, HexAndBase64RoundTrip) {
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = uint8_t(i * 37 + size);
    EXPECT_EQ(unhex(hex(bytes)).value(), bytes);
    EXPECT_EQ(unbase64(base64(bytes)).value(), bytes);
  }
  EXPECT_EQ(base64(view("foob")), "Zm9vYg==");  // RFC 4648 section 10
  EXPECT_FALSE(unbase64("Zm9vYh=="));           // unused bits set: a second spelling of the same bytes
  EXPECT_FALSE(unbase64("Zm9=YQ=="));
  EXPECT_FALSE(unhex("0g"));
  EXPECT_FALSE(unhex("abc"));
}

TEST(Percent, EncodesAllButUnreservedAndDecodesWhatIsWhole) {
  EXPECT_EQ(percent_encode("a-Z0._~ /+%城"), "a-Z0._~%20%2F%2B%25%E5%9F%8E");
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(char(c));
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
  EXPECT_EQ(percent_decode("a+b%2b%2B", true), "a b++");
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
  for (const char* broken : {"%", "%4", "a%4", "%g0", "%0g", "%%41", "%-1"})
    EXPECT_FALSE(percent_decode(broken, false)) << broken;
}

TEST(Bytes, ReaderStopsAtTheEnd) {
  Bytes bytes = {0, 0, 1, 2, 9};
  Reader reader(bytes);
  EXPECT_EQ(reader.be<uint32_t>(), 0x102u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.be<uint16_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.be<uint8_t>(), 0u);
  EXPECT_FALSE(reader.done());
}

std::string reason_of(std::string_view text) {
  auto parsed = parse_json(text);
  return parsed ? "ok" : parsed.error().reason;
}

TEST(Json, RefusesWhatIsAmbiguous) {
  EXPECT_EQ(reason_of(R"({"a":1,"b":[{"a":2}]})"), "ok");
  EXPECT_EQ(reason_of(R"({"a":1,"a":2})"), "json.duplicate_key");
  EXPECT_EQ(reason_of(R"({"a":{"b":1,"b":1}})"), "json.duplicate_key");
  EXPECT_EQ(reason_of(std::string(40, '[') + std::string(40, ']')), "json.too_deep");
  EXPECT_EQ(reason_of(std::string(100000, '[')), "json.too_deep");
  EXPECT_EQ(reason_of("\"\xff\""), "json.not_utf8");
  EXPECT_EQ(reason_of("{\"a\":1}x"), "json.syntax");
  EXPECT_EQ(reason_of(""), "json.syntax");
  EXPECT_EQ(reason_of("\"" + std::string(2 << 20, 'a') + "\""), "json.too_large");
}

TEST(Json, CanonicalForm) {
  auto value = parse_json(R"({"z": 1, "a": [true, null, "é\n\u0001"], "€":-5})").value();
  EXPECT_EQ(canonical_json(value).value(), "{\"a\":[true,null,\"é\\n\\u0001\"],\"z\":1,\"€\":-5}");
  // U+FF5E sorts after U+1F600 in UTF-16 though not in UTF-8 (RFC 8785 section 3.2.3).
  auto surrogates = parse_json(R"({"～":1,"😀":2})").value();
  EXPECT_EQ(canonical_json(surrogates).value(), "{\"😀\":2,\"～\":1}");
  EXPECT_EQ(canonical_json(Json(1.5)).error().reason, "json.not_canonical");
  EXPECT_EQ(canonical_json(Json(uint64_t(1) << 53)).error().reason, "json.not_canonical");
}

TEST(Log, WhatOthersProvokeIsToldAFewTimesForEachOfThem) {
  testing::internal::CaptureStderr();
  log::Sparing sparing;
  for (int i = 0; i < 1000; ++i) sparing.warn("test.provoked", "a", {{"by", "a"}});
  sparing.warn("test.provoked", "b", {{"by", "b"}});
  const std::string told = testing::internal::GetCapturedStderr();
  size_t lines = 0;
  for (char c : told) lines += c == '\n';
  EXPECT_EQ(lines, 6u) << told;
  EXPECT_NE(told.find("\"by\":\"b\""), std::string::npos);
}

TEST(Clock, FormatsBothSidesOfTheEpoch) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(1795320000123), "2026-11-22T04:00:00.123Z");
}

}  // namespace
}  // namespace chengxin
