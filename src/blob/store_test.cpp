#include "blob/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "crypto/sm3.h"

namespace chengxin::blob {
namespace {

constexpr size_t kMiB = 1 << 20;

class BlobTest : public ::testing::Test {
 protected:
  BlobTest() {
    std::string name = (fs::temp_directory_path() / "chengxin-blob-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    store_ = open();
  }
  ~BlobTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::unique_ptr<Store> open() { return std::move(*Store::open_folder(folder_ / "blobs", key_)); }
  Written put(ByteView bytes, size_t piece = kMiB) {
    auto writer = store_->create().value();
    for (size_t at = 0; at < bytes.size(); at += piece)
      EXPECT_TRUE(writer->write(bytes.subspan(at, std::min(piece, bytes.size() - at))));
    return writer->finish().value();
  }
  static Result<Bytes> get(const Store& store, const std::string& id) {
    Bytes out;
    TRY(store.read(id, [&](ByteView chunk) -> Status {
      EXPECT_LE(chunk.size(), kMiB);
      append(out, chunk);
      return {};
    }));
    return out;
  }
  fs::path path_of(const std::string& id) const { return folder_ / "blobs" / id.substr(0, 2) / id; }
  static Bytes random(size_t size, uint32_t seed) {
    std::mt19937 engine(seed);
    Bytes out(size);
    for (uint8_t& byte : out) byte = uint8_t(engine());
    return out;
  }
  fs::path folder_;
  Bytes key_ = Bytes(32, 7);
  std::unique_ptr<Store> store_;
};

TEST_F(BlobTest, GivesBackWhatItTook) {
  std::set<std::string> ids;
  for (size_t size :
       {size_t(0), size_t(1), size_t(15), size_t(16), kMiB - 1, kMiB, kMiB + 1, 2 * kMiB, 2 * kMiB + 17})
    for (size_t piece : {size_t(777'777), 3 * kMiB}) {
      Bytes plain = random(size, uint32_t(size));
      Written written = put(plain, piece);
      EXPECT_EQ(written.size, size);
      EXPECT_EQ(written.digest, crypto::sm3(plain));
      EXPECT_EQ(get(*store_, written.id).value(), plain) << size;
      EXPECT_TRUE(store_->exists(written.id));
      EXPECT_TRUE(ids.insert(written.id).second);
    }
  store_.reset();
  store_ = open();
  std::set<std::string> listed;
  EXPECT_TRUE(store_->list([&](const std::string& id) -> Status {
    EXPECT_GT(id, listed.empty() ? "" : *listed.rbegin());
    listed.insert(id);
    return {};
  }));
  EXPECT_EQ(listed, ids);
}

TEST_F(BlobTest, KeepsNothingReadable) {
  Bytes plain = to_bytes(view("the plain text of an original that nobody else may read"));
  Written written = put(plain);
  Bytes stored = read_file(path_of(written.id), kMiB).value();
  EXPECT_EQ(text(stored).find("original"), std::string_view::npos);
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "blobs")) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
  }
  auto other_key = Store::open_folder(folder_ / "blobs", Bytes(32, 8)).value();
  EXPECT_EQ(get(*other_key, written.id).error().reason, "blob.damaged");
  EXPECT_EQ(Store::open_folder(folder_ / "other", Bytes(15, 1)).error().reason, "crypto.key_length");
}

TEST_F(BlobTest, NoticesEveryChange) {
  Bytes plain = random(kMiB + 5000, 1);
  std::string id = put(plain).id;
  Bytes whole = read_file(path_of(id), 4 * kMiB).value();
  auto reason_with = [&](ByteView stored) {
    EXPECT_TRUE(write_durable(path_of(id), stored, 0600));
    auto read = get(*store_, id);
    return read ? "ok" : read.error().reason;
  };
  EXPECT_EQ(reason_with(whole), "ok");
  std::mt19937 engine(2);
  std::set<size_t> places = {0, 7, 8, 23, 24, kMiB + 23, kMiB + 24, kMiB + 39, kMiB + 40, whole.size() - 1};
  while (places.size() < 60) places.insert(engine() % whole.size());
  for (size_t at : places) {
    Bytes changed = whole;
    changed[at] ^= uint8_t(1 << engine() % 8);
    EXPECT_EQ(reason_with(changed), "blob.damaged") << at;
  }
  for (size_t size :
       {size_t(0), size_t(10), size_t(24), kMiB, kMiB + 40, whole.size() - 16, whole.size() - 1})
    EXPECT_EQ(reason_with(ByteView(whole).first(size)), "blob.damaged") << size;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(reason_with(longer), "blob.damaged");
  // Another blob of the same store under this name.
  EXPECT_EQ(reason_with(read_file(path_of(put(plain).id), 4 * kMiB).value()), "blob.damaged");
}

TEST_F(BlobTest, LeavesNothingWithoutFinish) {
  EXPECT_TRUE(store_->create().value()->write(random(2 * kMiB, 3)));
  EXPECT_TRUE(fs::is_empty(folder_ / "blobs" / "incoming"));
  // A crash: the file stays, and goes when the store is opened by one who is alone.
  std::string left = std::string(32, 'a');
  std::ofstream(folder_ / "blobs" / "incoming" / left) << "half";
  auto second = open();
  EXPECT_TRUE(fs::exists(folder_ / "blobs" / "incoming" / left));
  second.reset();
  store_.reset();
  store_ = open();
  EXPECT_TRUE(fs::is_empty(folder_ / "blobs" / "incoming"));
  EXPECT_FALSE(store_->exists(left));
}

TEST_F(BlobTest, RemovesAndKnowsOnlyIds) {
  std::string id = put(random(100, 4)).id;
  EXPECT_TRUE(store_->remove(id));
  EXPECT_FALSE(store_->exists(id));
  EXPECT_EQ(store_->remove(id).error().reason, "blob.not_found");
  EXPECT_EQ(get(*store_, id).error().reason, "blob.not_found");
  for (std::string odd : {"", "..", "../lock", "lock", "incoming", "AA"}) {
    EXPECT_FALSE(store_->exists(odd)) << odd;
    EXPECT_EQ(get(*store_, odd).error().reason, "blob.not_found") << odd;
    EXPECT_EQ(store_->remove(odd).error().reason, "blob.not_found") << odd;
  }
}

TEST_F(BlobTest, TheReadersErrorEndsTheReading) {
  std::string id = put(random(3 * kMiB, 5)).id;
  int chunks = 0;
  Status read = store_->read(id, [&](ByteView) -> Status {
    ++chunks;
    return fail(Code::unavailable, "test.stop");
  });
  EXPECT_EQ(read.error().reason, "test.stop");
  EXPECT_EQ(chunks, 1);
}

TEST_F(BlobTest, WritersAtOnceDoNotMix) {
  std::vector<std::thread> threads;
  std::vector<Written> written(8);
  for (uint32_t i = 0; i < 8; ++i)
    threads.emplace_back([&, i] { written[i] = put(random(300'000 + i, i), 10'000 + i); });
  for (auto& thread : threads) thread.join();
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(get(*store_, written[i].id).value(), random(300'000 + i, i));
}

}  // namespace
}  // namespace chengxin::blob
