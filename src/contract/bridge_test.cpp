#include "contract/impl/bridge.h"

#include <gtest/gtest.h>

namespace chengxin::contract {
namespace {

// Holds as many rows as are asked for.
struct Rows : Host {
  size_t count = 0, value_bytes = 0, given = 0, erased = 0;  // erased: the first ones

  Result<ledger::StateRows> range(ByteView from, ByteView, size_t limit) override {
    ledger::StateRows out;
    for (size_t i = 0; i < count && out.size() < limit; ++i) {
      Bytes key{uint8_t(i >> 8), uint8_t(i)};
      if (!std::lexicographical_compare(key.begin(), key.end(), from.begin(), from.end()))
        out.emplace_back(std::move(key), i < erased ? std::nullopt : std::optional(Bytes(value_bytes)));
    }
    given += out.size();
    return out;
  }
  Result<std::optional<Bytes>> get(ByteView) override { return std::optional<Bytes>(); }
  Status put(ByteView, Bytes) override { return {}; }
  Status erase(ByteView) override { return {}; }
  Status event(std::span<const Digest>, ByteView) override { return {}; }
  Result<std::optional<Bytes>> ask(Question, ByteView) override { return std::optional<Bytes>(); }
  Result<Outcome> call(const Message&) override { return Outcome(); }
  Status keep(ByteView) override { return {}; }
  Machine& machine() override { std::abort(); }

  uint64_t passed = 0;
  // How many were answered, which are the first that have a value.
  size_t answered(uint32_t limit) {
    passed = UINT64_MAX;
    Bridge bridge(*this);
    const cx_host table = bridge.table();
    cx_buffer buffer{};
    EXPECT_EQ(table.range(table.self, {}, {}, limit, &passed, &buffer), CX_OK);
    const Bytes all = taken(buffer);
    EXPECT_LE(all.size(), size_t(1) << 20);
    Reader in(all);
    const size_t out = in.be<uint32_t>();
    for (size_t i = 0; i < out; ++i) {
      const size_t number = i + erased;
      EXPECT_EQ(to_bytes(in.take(in.be<uint32_t>())), (Bytes{uint8_t(number >> 8), uint8_t(number)}));
      EXPECT_EQ(in.take(in.be<uint32_t>()).size(), value_bytes);
    }
    EXPECT_TRUE(in.ok() && in.remaining() == 0);
    return out;
  }
};

TEST(Bridge, ARangeIsReadAsFarAsItIsAnswered) {
  Rows rows;
  EXPECT_EQ(rows.answered(1000), 0u);
  for (const size_t count : {1, 15, 16, 17, 32, 999, 1500}) {
    rows.count = count;
    for (const uint32_t limit : {0, 1, 16, 17, 1000})
      EXPECT_EQ(rows.answered(limit), std::min<size_t>(count, limit)) << count << " " << limit;
  }
  rows.value_bytes = 64 << 10;
  rows.given = 0;
  EXPECT_EQ(rows.answered(1000), 15u) << "1 MiB";
  EXPECT_LE(rows.given, 32u);
}

// Who asks pays for the keys that were erased on the way, and is told before more were passed than can be
// paid.
TEST(Bridge, ErasedKeysAreCountedAsFarAsTheyMayBePassed) {
  Rows rows;
  rows.count = 500;
  rows.erased = 300;
  EXPECT_EQ(rows.answered(1000), 200u);
  EXPECT_EQ(rows.passed, 300u);
  EXPECT_EQ(rows.answered(1), 1u);
  EXPECT_EQ(rows.passed, 300u);
  EXPECT_EQ(rows.answered(0), 0u);
  EXPECT_EQ(rows.passed, 0u);
  for (const uint64_t most : {0, 1, 15, 16, 299, 300}) {
    rows.given = 0;
    Bridge bridge(rows);
    const cx_host table = bridge.table();
    cx_buffer buffer{};
    uint64_t passed = most;
    EXPECT_EQ(table.range(table.self, {}, {}, 1, &passed, &buffer), CX_OK);
    EXPECT_EQ(passed, std::min<uint64_t>(most + 1, 300)) << most;
    EXPECT_EQ(taken(buffer).empty(), most < 300);
    EXPECT_LE(rows.given, most + 16 + 1);
  }
}

}  // namespace
}  // namespace chengxin::contract
