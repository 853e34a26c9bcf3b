#include "crypto/sealed_blob.h"

#include <gtest/gtest.h>

#include <random>

#include "crypto/random.h"

namespace chengxin::crypto {
namespace {

const Bytes kKey = Bytes(32, 7);

ByteSink into(Bytes& out) {
  return [&out](ByteView bytes) {
    append(out, bytes);
    return Status();
  };
}

Bytes seal(ByteView plain, size_t step = 300000) {
  Bytes out;
  BlobSealer sealer(kKey, view("object 1"), into(out));
  for (size_t at = 0; at < plain.size(); at += step)
    EXPECT_TRUE(sealer.update(plain.subspan(at, std::min(step, plain.size() - at))));
  EXPECT_TRUE(sealer.finish());
  return out;
}

Result<Bytes> open(ByteView sealed, std::string_view context = "object 1", size_t step = 400000,
                   ByteView key = kKey) {
  Bytes out;
  BlobOpener opener(key, view(context), into(out));
  for (size_t at = 0; at < sealed.size(); at += step)
    TRY(opener.update(sealed.subspan(at, std::min(step, sealed.size() - at))));
  TRY(opener.finish());
  return out;
}

TEST(SealedBlob, RoundTripAroundChunkBorders) {
  for (size_t size : {size_t(0), size_t(1), kSealedChunkBytes - 1, kSealedChunkBytes, kSealedChunkBytes + 1,
                      3 * kSealedChunkBytes}) {
    Bytes plain = random_bytes(size), sealed = seal(plain, size < 10 ? 1 : 300000);
    EXPECT_EQ(sealed.size(), sealed_size(size));
    EXPECT_EQ(open(sealed).value(), plain) << size;
    EXPECT_EQ(open(sealed, "object 1", size < 10 ? 1 : 1 << 22).value(), plain) << size;
  }
  EXPECT_NE(seal({}), seal({}));
}

TEST(SealedBlob, RefusesAnotherKeyOrContext) {
  Bytes sealed = seal(view("text"));
  EXPECT_EQ(open(sealed, "object 2").error().reason, "crypto.decrypt");
  EXPECT_EQ(open(sealed, "object 1", 100, Bytes(32, 8)).error().reason, "crypto.decrypt");
  EXPECT_EQ(open(sealed, "object 1", 100, Bytes(15)).error().reason, "crypto.key_length");
  Bytes out;
  EXPECT_EQ(BlobSealer(Bytes(15), {}, into(out)).finish().error().reason, "crypto.key_length");
}

TEST(SealedBlob, EveryByteCounts) {
  Bytes sealed = seal(view("short text"));
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes bad = sealed;
    bad[i] ^= 0x80;
    EXPECT_EQ(open(bad).error().reason, i < 8 ? "crypto.sealed_format" : "crypto.decrypt") << i;
    EXPECT_EQ(open(ByteView(sealed).first(i)).error().reason,
              i < 24 ? "crypto.sealed_format" : "crypto.decrypt")
        << i;
  }
  sealed.push_back(0);
  EXPECT_EQ(open(sealed).error().reason, "crypto.decrypt");
}

TEST(SealedBlob, ChunksCannotBeCutMovedOrRepeated) {
  constexpr size_t header = 24, chunk = kSealedChunkBytes + 16;
  Bytes sealed = seal(random_bytes(3 * kSealedChunkBytes + 5));
  auto piece = [&](size_t from, size_t to) { return ByteView(sealed).subspan(from, to - from); };
  auto joined = [&](std::initializer_list<ByteView> parts) {
    Bytes out;
    for (ByteView part : parts) append(out, part);
    return open(out).has_value();
  };
  ByteView head = piece(0, header), a = piece(header, header + chunk),
           b = piece(header + chunk, header + 2 * chunk), c = piece(header + 2 * chunk, header + 3 * chunk),
           d = piece(header + 3 * chunk, sealed.size());
  EXPECT_TRUE(joined({head, a, b, c, d}));
  EXPECT_FALSE(joined({head, a, b, c}));
  EXPECT_FALSE(joined({head}));
  EXPECT_FALSE(joined({head, d}));
  EXPECT_FALSE(joined({head, b, a, c, d}));
  EXPECT_FALSE(joined({head, a, a, c, d}));
  EXPECT_FALSE(joined({head, a, b, d}));
  EXPECT_FALSE(joined({head, a, b, c, d, d}));
}

TEST(SealedBlob, AFailingSinkStopsIt) {
  auto full = [](ByteView) -> Status { return fail(Code::unavailable, "file.full"); };
  EXPECT_EQ(BlobSealer(kKey, {}, full).finish().error().reason, "file.full");
}

}  // namespace
}  // namespace chengxin::crypto
