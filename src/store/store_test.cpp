#include <gtest/gtest.h>
#include <rocksdb/file_checksum.h>
#include <stdlib.h>

#include <map>
#include <random>
#include <set>

#include "store/rocks.h"

namespace chengxin::store {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "chengxin-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    open(true);
  }
  void TearDown() override {
    database.reset();
    fs::remove_all(root);
  }
  void open(bool create = false) {
    database.reset();
    Options options;
    options.create = create;
    auto opened = Database::open(root / "db", Recovery::strict, options);
    ASSERT_TRUE(opened) << opened.error().to_string();
    database = std::move(*opened);
  }
  void put(Table table, std::string_view key, std::string_view value) {
    Batch batch = database->batch();
    batch.put(table, view(key), view(value));
    ASSERT_TRUE(database->write(batch, true));
  }
  std::string get(Table table, std::string_view key, const SnapshotPtr& at = nullptr) {
    auto value = database->get(table, view(key), at);
    EXPECT_TRUE(value);
    return *value ? to_string(**value) : "(none)";
  }
  std::vector<std::string> keys(Table table, std::string_view from, std::string_view to) {
    std::vector<std::string> out;
    auto cursor = database->cursor(table, view(from), view(to));
    for (; cursor->valid(); cursor->next()) out.push_back(to_string(cursor->key()));
    EXPECT_TRUE(cursor->status());
    return out;
  }

  fs::path root;
  std::unique_ptr<Database> database;
};

TEST_F(StoreTest, ABatchSpansTablesAndOutlivesReopening) {
  Batch batch = database->batch();
  for (Table table : {Table::main, Table::log, Table::index, Table::state})
    batch.put(table, view("a"), view("1"));
  batch.put(Table::state, view("b"), view("2"));
  batch.erase(Table::state, view("a"));
  ASSERT_TRUE(database->write(batch, true));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(get(Table::index, "a"), "1");
    EXPECT_EQ(get(Table::state, "a"), "(none)");
    EXPECT_EQ(get(Table::state, "b"), "2");
    open();
  }
}

TEST_F(StoreTest, SnapshotsKeepWhatTheySaw) {
  put(Table::main, "k", "old");
  SnapshotPtr before = database->snapshot();
  put(Table::main, "k", "new");
  EXPECT_EQ(get(Table::main, "k", before), "old");
  EXPECT_EQ(get(Table::main, "k"), "new");
}

TEST_F(StoreTest, CursorsKeepToTheirRange) {
  for (std::string_view key : {"a", "b", "ba", "c"}) put(Table::main, key, "");
  EXPECT_EQ(keys(Table::main, "b", "c"), (std::vector<std::string>{"b", "ba"}));
  EXPECT_EQ(keys(Table::main, "b", ""), (std::vector<std::string>{"b", "ba", "c"}));
  auto cursor = database->cursor(Table::main, view("a"), view("c"));
  cursor->seek_last();
  ASSERT_TRUE(cursor->valid());
  EXPECT_EQ(text(cursor->key()), "ba");
}

// Ranges inside one prefix go through filters and must find what a plain scan finds, in memory and in files.
TEST_F(StoreTest, PrefixRangesOfTheIndexFindEverything) {
  std::mt19937_64 random(5);
  std::map<std::string, std::set<std::string>> expected;
  for (int round = 0; round < 4; ++round) {
    Batch batch = database->batch();
    for (int i = 0; i < 300; ++i) {
      std::string prefix = "D" + std::string(32, char('a' + random() % 20));
      prefix[20] = char(random() % 16);
      for (uint64_t n = 0; n <= random() % 3; ++n) {
        const std::string key = prefix + char(1 + random() % 200);
        batch.put(Table::index, view(key), {});
        expected[prefix].insert(key);
      }
    }
    ASSERT_TRUE(database->write(batch, true));
    if (round < 3) ASSERT_TRUE(database->flush());
  }
  for (const auto& [prefix, all] : expected) {
    const auto found = keys(Table::index, prefix + char(0), prefix + char(255));
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), all);
  }
}

TEST_F(StoreTest, DroppedRangesAreGone) {
  for (int i = 0; i < 100; ++i) put(Table::log, fmt::format("{:03}", i), "x");
  ASSERT_TRUE(database->flush());
  ASSERT_TRUE(database->drop_range(Table::log, view("000"), view("060")));
  open();
  EXPECT_EQ(keys(Table::log, "", "").size(), 40u);
  EXPECT_EQ(keys(Table::log, "", "").front(), "060");
}

TEST_F(StoreTest, ACheckpointIsSeparate) {
  put(Table::main, "k", "1");
  ASSERT_TRUE(database->checkpoint(root / "copy"));
  put(Table::main, "k", "2");
  auto copy = Database::open(root / "copy", Recovery::strict, {});
  ASSERT_TRUE(copy) << copy.error().to_string();
  EXPECT_EQ(text(**(*copy)->get(Table::main, view("k"))), "1");
  EXPECT_TRUE((*copy)->verify_files());
}

TEST_F(StoreTest, ErrorsAreNamed) {
  EXPECT_EQ(Database::open(root / "db", Recovery::strict, {}).error().reason, "store.in_use");
  EXPECT_EQ(Database::open(root / "none", Recovery::strict, {}).error().code, Code::data_loss);
  Options create;
  create.create = true;
  put(Table::main, "k", std::string(5000, 'v'));
  ASSERT_TRUE(database->flush());
  database.reset();
  EXPECT_FALSE(Database::open(root / "db", Recovery::strict, create)) << "there is one already";
  for (const auto& entry : fs::directory_iterator(root / "db"))
    if (entry.path().extension() == ".sst") fs::resize_file(entry.path(), entry.file_size() / 2);
  EXPECT_EQ(Database::open(root / "db", Recovery::strict, {}).error().reason, "store.corrupt");
  database.reset();
}

TEST(FileChecksum, IsRocksDBsOwn) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto ours = file_checksums(), own = rocksdb::GetFileChecksumGenCrc32cFactory();
  EXPECT_STREQ(ours->Name(), own->Name());
  for (int i = 0; i < 200; ++i) {
    const auto a = ours->CreateFileChecksumGenerator({}), b = own->CreateFileChecksumGenerator({});
    EXPECT_STREQ(a->Name(), b->Name());
    for (size_t parts = random() % 5; parts > 0; --parts) {
      std::string data(random() % 100, 0);
      for (char& byte : data) byte = char(random());
      a->Update(data.data(), data.size());
      b->Update(data.data(), data.size());
    }
    a->Finalize();
    b->Finalize();
    ASSERT_EQ(a->GetChecksum(), b->GetChecksum());
  }
}

}  // namespace
}  // namespace chengxin::store
