#include "blob/store.h"

#include <sys/stat.h>

#include <fstream>
#include <set>
#include <thread>

#include "blob/place_for_tests.h"
#include "crypto/sm3.h"

namespace chengxin::blob {
namespace {

// The same tests for each place that a store can be in.
class BlobTest : public ::testing::TestWithParam<std::string> {
 protected:
  BlobTest() {
    std::string name = (fs::temp_directory_path() / "chengxin-blob-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    // Text that has to be encoded in addresses and in signatures.
    s3_ =
        GetParam() == "s3" ? bucket_of(shared_minio(), folder_.filename().string() + "/原件 +=('&)%/") : S3{};
    store_ = open();
    objects_ =
        GetParam() == "s3" ? open_s3_objects(s3_).value() : open_folder_objects(folder_ / "blobs").value();
  }
  ~BlobTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::unique_ptr<Store> open() const { return open_with(key_).value(); }
  Result<std::unique_ptr<Store>> open_with(ByteView key) const {
    return GetParam() == "s3" ? Store::open_s3(s3_, key) : Store::open_folder(folder_ / "blobs", key);
  }
  Written put(ByteView bytes, size_t piece = kMiB) { return blob::put(*store_, bytes, piece).value(); }
  // What lies there.
  Bytes stored(const std::string& id) const {
    Bytes out;
    EXPECT_TRUE(objects_->read(id, [&](ByteView bytes) -> Status {
      append(out, bytes);
      return {};
    }));
    return out;
  }
  void store_as(const std::string& id, ByteView bytes) {
    auto upload = objects_->create(id).value();
    EXPECT_TRUE(upload->write(bytes));
    EXPECT_TRUE(upload->finish());
  }

  fs::path folder_;
  S3 s3_;
  Bytes key_ = Bytes(32, 7);
  std::unique_ptr<Store> store_;
  std::unique_ptr<Objects> objects_;
};
INSTANTIATE_TEST_SUITE_P(Places, BlobTest, ::testing::Values("folder", "s3"),
                         [](const auto& which) { return which.param; });

TEST_P(BlobTest, GivesBackWhatItTook) {
  std::set<std::string> ids;
  for (size_t size : {size_t(0), size_t(1), size_t(15), size_t(16), kMiB - 1, kMiB, kMiB + 1, 2 * kMiB,
                      2 * kMiB + 17, 8 * kMiB - 24 - 8 * 16, 8 * kMiB, 20 * kMiB + 3})
    for (size_t piece : {size_t(777'777), 3 * kMiB}) {
      Bytes plain = random_bytes_of(size, uint32_t(size));
      Written written = put(plain, piece);
      EXPECT_EQ(written.size, size);
      EXPECT_EQ(written.digest, crypto::sm3(plain));
      EXPECT_EQ(get(*store_, written.id).value(), plain) << size;
      EXPECT_TRUE(store_->exists(written.id).value());
      EXPECT_TRUE(ids.insert(written.id).second);
    }
  store_.reset();
  store_ = open();
  EXPECT_EQ(ids_of(*store_), std::vector<std::string>(ids.begin(), ids.end()));
}

TEST_P(BlobTest, KeepsNothingReadable) {
  Bytes plain = to_bytes(view("the plain text of an original that nobody else may read"));
  Written written = put(plain);
  EXPECT_EQ(text(stored(written.id)).find("original"), std::string_view::npos);
  EXPECT_EQ(reason_of(get(*open_with(Bytes(32, 8)).value(), written.id)), "blob.damaged");
  EXPECT_EQ(reason_of(open_with(Bytes(15, 1))), "crypto.key_length");
}

TEST_P(BlobTest, NoticesEveryChange) {
  Bytes plain = random_bytes_of(kMiB + 5000, 1);
  std::string id = put(plain).id;
  const Bytes whole = stored(id);
  auto reason_with = [&](ByteView bytes) {
    store_as(id, bytes);
    return reason_of(get(*store_, id));
  };
  EXPECT_EQ(reason_with(whole), "ok");
  std::mt19937 engine(2);
  std::set<size_t> places = {0, 7, 8, 23, 24, kMiB + 23, kMiB + 24, kMiB + 39, kMiB + 40, whole.size() - 1};
  while (places.size() < 30) places.insert(engine() % whole.size());
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
  EXPECT_EQ(reason_with(stored(put(plain).id)), "blob.damaged");
}

TEST_P(BlobTest, ShowsNothingBeforeTheEnd) {
  auto writer = store_->create().value();
  EXPECT_TRUE(writer->write(random_bytes_of(20 * kMiB, 3)));
  EXPECT_TRUE(ids_of(*store_).empty());
  writer.reset();
  EXPECT_TRUE(ids_of(*store_).empty());
}

TEST_P(BlobTest, RemovesAndKnowsOnlyIds) {
  std::string id = put(random_bytes_of(100, 4)).id;
  EXPECT_TRUE(store_->remove(id));
  EXPECT_FALSE(store_->exists(id).value());
  EXPECT_EQ(reason_of(store_->remove(id)), "blob.not_found");
  EXPECT_EQ(reason_of(get(*store_, id)), "blob.not_found");
  for (std::string odd : {"", "..", "../lock", "lock", "incoming", "AA"}) {
    EXPECT_FALSE(store_->exists(odd).value()) << odd;
    EXPECT_EQ(reason_of(get(*store_, odd)), "blob.not_found") << odd;
    EXPECT_EQ(reason_of(store_->remove(odd)), "blob.not_found") << odd;
  }
}

TEST_P(BlobTest, TheReadersErrorEndsTheReading) {
  std::string id = put(random_bytes_of(3 * kMiB, 5)).id;
  int chunks = 0;
  Status read = store_->read(id, [&](ByteView) -> Status {
    ++chunks;
    return fail(Code::unavailable, "test.stop");
  });
  EXPECT_EQ(reason_of(read), "test.stop");
  EXPECT_EQ(chunks, 1);
}

TEST_P(BlobTest, WritersAtOnceDoNotMix) {
  std::vector<std::thread> threads;
  std::vector<Written> written(8);
  for (uint32_t i = 0; i < 8; ++i)
    threads.emplace_back([&, i] { written[i] = put(random_bytes_of(300'000 + i, i), 10'000 + i); });
  for (auto& thread : threads) thread.join();
  for (uint32_t i = 0; i < 8; ++i)
    EXPECT_EQ(get(*store_, written[i].id).value(), random_bytes_of(300'000 + i, i));
}

TEST_P(BlobTest, IsCopiedSealedToTheOtherPlace) {
  const Bytes small = random_bytes_of(1000, 6), large = random_bytes_of(9 * kMiB, 7);
  const std::string ids[] = {put(small).id, put(large).id};
  auto other =
      GetParam() == "s3"
          ? Store::open_folder(folder_ / "other", key_).value()
          : Store::open_s3(bucket_of(shared_minio(), folder_.filename().string() + "/"), key_).value();
  EXPECT_EQ(copy_objects(*store_, *other).value(), 2u);
  EXPECT_EQ(copy_objects(*store_, *other).value(), 0u);
  EXPECT_EQ(get(*other, ids[0]).value(), small);
  EXPECT_EQ(get(*other, ids[1]).value(), large);
}

class FolderTest : public BlobTest {};
INSTANTIATE_TEST_SUITE_P(Places, FolderTest, ::testing::Values("folder"),
                         [](const auto& which) { return which.param; });

TEST_P(FolderTest, IsItsOwnersOnly) {
  put(random_bytes_of(100, 1));
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "blobs")) {
    struct stat info {};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
  }
}

TEST_P(FolderTest, IsCleanedByOneWhoIsAlone) {
  EXPECT_TRUE(store_->create().value()->write(random_bytes_of(2 * kMiB, 3)));
  EXPECT_TRUE(fs::is_empty(folder_ / "blobs" / "incoming"));
  // A crash: the file stays, and goes when the store is opened by one who is alone.
  std::string left = std::string(32, 'a');
  std::ofstream(folder_ / "blobs" / "incoming" / left) << "half";
  auto second = open();
  EXPECT_TRUE(fs::exists(folder_ / "blobs" / "incoming" / left));
  second.reset();
  objects_.reset();
  store_.reset();
  store_ = open();
  EXPECT_TRUE(fs::is_empty(folder_ / "blobs" / "incoming"));
  EXPECT_FALSE(store_->exists(left).value());
}

}  // namespace
}  // namespace chengxin::blob
