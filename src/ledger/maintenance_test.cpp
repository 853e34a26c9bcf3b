#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "ledger/testing.h"

// Pruning, export and import, checkpoints, recovery and damage.
namespace chengxin::ledger {
namespace {

using namespace testing;

class MaintenanceTest : public ::testing::Test {
 protected:
  // `blocks` blocks of two puts and a batch of items each; the first item of each is kept.
  void grow(int blocks, size_t items_each = 40) {
    for (int i = 0; i < blocks; ++i) {
      const Bytes data = chain.items(items_each);
      firsts.push_back(*to_digest(ByteView(data).first(32)));
      const std::string key = fmt::format("k{}", i % 5);
      const std::vector<Bytes> envelopes = {
          setup.envelope(setup.writer, chain.time_ms, {put_call(key, data)}),
          setup.envelope(setup.writer, chain.time_ms, {anchor_call()}, {data}),
          setup.envelope(setup.writer, chain.time_ms, {put_call("counter", chain.items(1))})};
      auto executed = chain.add_block(envelopes);
      ASSERT_TRUE(executed) << executed.error().to_string();
    }
  }
  int64_t much_later() const { return chain.time_ms + int64_t(setup.genesis.limits.max_validity_ms) + 1; }

  TestChain setup;
  LiveChain chain{setup};
  std::vector<Digest> firsts;
};

TEST_F(MaintenanceTest, APrunedChainStillProvesWhatItKeepsAndWhatWasHandedOut) {
  grow(120);
  const auto early = chain.ledger->prove_item(chain.ledger->find_items(firsts[3])->at(0)).value();
  const uint64_t early_size = format::Header::decode(early.header)->log_size;
  const Digest early_root = format::Header::decode(early.header)->log_root;
  const auto dropped = chain.ledger->block(4)->transactions.at(1);

  auto young = chain.ledger->prune(100, chain.time_ms);
  ASSERT_FALSE(young);
  EXPECT_EQ(young.error().reason, "ledger.prune_too_young");
  for (uint64_t height : {50u, 100u}) {
    ASSERT_TRUE(chain.ledger->prune(height, much_later()));
    EXPECT_EQ(chain.ledger->oldest_height(), height);
    auto verified = chain.ledger->verify(nullptr);
    EXPECT_TRUE(verified) << verified.error().to_string();
  }
  EXPECT_EQ(chain.ledger->transaction(dropped).error().reason, "ledger.pruned");
  EXPECT_EQ(chain.ledger->transaction(dropped).error().code, Code::gone);
  EXPECT_TRUE(chain.ledger->find_items(firsts[3])->empty());
  EXPECT_TRUE(chain.ledger->block(4)->pruned);
  EXPECT_EQ(chain.ledger->block(4)->transaction_count, 3u);
  EXPECT_EQ(chain.ledger->state_proof("test/k1", 98).error().reason, "ledger.pruned");
  EXPECT_TRUE(chain.ledger->state_proof("test/k1", 99));

  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(chain.ledger->oldest_height(), 100u);
  grow(60);
  auto verified = chain.ledger->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
  const auto head = chain.ledger->head().header;
  auto path = chain.ledger->consistency(early_size, head.log_size);
  ASSERT_TRUE(path) << path.error().to_string();
  EXPECT_TRUE(merkle::Log::verify_consistency(early_size, head.log_size, early_root, head.log_root, *path));
  for (size_t i = 99; i < firsts.size(); ++i) {
    auto found = chain.ledger->find_items(firsts[i]);
    ASSERT_EQ(found->size(), 1u) << i;
    auto proof = chain.ledger->prove_item(found->front());
    ASSERT_TRUE(proof);
    const Digest leaf =
        format::log_leaf_hash(format::transaction_hash(proof->body), format::Receipt::hash(proof->receipt));
    EXPECT_TRUE(
        merkle::Log::verify_inclusion(proof->log_index, head.log_size, leaf, proof->log_path, head.log_root));
  }
  EXPECT_EQ(chain.ledger->export_to(chain.folder.path / "e", nullptr).error().reason, "ledger.pruned");
}

TEST_F(MaintenanceTest, AnExportedChainComesOutTheSame) {
  grow(30, 400);
  const fs::path file = chain.folder.path / "export";
  ASSERT_TRUE(chain.ledger->export_to(file, nullptr));
  uint64_t seen = 0;
  auto imported =
      Ledger::import(file, chain.folder.path / "copy", setup.options(), [&](auto& at) { seen = at.height; });
  ASSERT_TRUE(imported) << imported.error().to_string();
  EXPECT_EQ(seen, 30u);
  auto copy = Ledger::open(chain.folder.path / "copy", setup.options()).value();
  EXPECT_EQ(copy->head().header_hash, chain.ledger->head().header_hash);
  EXPECT_EQ(copy->find_items(firsts[7])->size(), 1u);
  auto verified = copy->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
  EXPECT_EQ(Ledger::import(file, chain.folder.path / "copy", setup.options(), nullptr).error().reason,
            "ledger.exists");
}

TEST_F(MaintenanceTest, ADamagedExportIsRefusedWhole) {
  grow(4, 3);
  const fs::path file = chain.folder.path / "export", bad = chain.folder.path / "bad",
                 target = chain.folder.path / "copy";
  ASSERT_TRUE(chain.ledger->export_to(file, nullptr));
  const Bytes whole = read_file(file, 1 << 20).value();
  for (int i = 0; i < 12; ++i) {
    Bytes changed = whole;
    if (i % 3 == 0)
      changed.resize(chain.random() % whole.size());
    else if (i % 3 == 1)
      changed[chain.random() % whole.size()] ^= uint8_t(1 << chain.random() % 8);
    else
      changed.insert(changed.begin() + std::ptrdiff_t(chain.random() % whole.size()), 0);
    ASSERT_TRUE(write_durable(bad, changed));
    EXPECT_FALSE(Ledger::import(bad, target, setup.options(), nullptr)) << i;
    EXPECT_FALSE(fs::exists(target));
  }
  EXPECT_EQ(Ledger::import(chain.folder.path / "none", target, setup.options(), nullptr).error().reason,
            "file.not_found");
}

TEST_F(MaintenanceTest, ACheckpointIsAChainOfItsOwn) {
  grow(10);
  const auto at = chain.ledger->head();
  ASSERT_TRUE(chain.ledger->checkpoint(chain.folder.path / "backup"));
  grow(5);
  auto copy = Ledger::open(chain.folder.path / "backup", setup.options());
  ASSERT_TRUE(copy) << copy.error().to_string();
  EXPECT_EQ((*copy)->head().header_hash, at.header_hash);
  EXPECT_TRUE((*copy)->verify(nullptr));
  EXPECT_EQ(chain.ledger->checkpoint(chain.folder.path / "backup").error().reason, "ledger.exists");
}

// The write-ahead log as a crash leaves it: copied while the chain is open, so that nothing is flushed on
// closing.
fs::path crash_copy(const LiveChain& chain, const std::string& name) {
  const fs::path to = chain.folder.path / name;
  fs::copy(chain.path(), to, fs::copy_options::recursive);
  return to;
}

fs::path largest_log(const fs::path& folder) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder / "store"))
    if (entry.path().extension() == ".log" && (found.empty() || entry.file_size() > fs::file_size(found)))
      found = entry.path();
  return found;
}

TEST_F(MaintenanceTest, ATornTailEndsAtAPrefixAndALostBlockIsNamed) {
  grow(6);
  const fs::path crashed = crash_copy(chain, "crashed");
  auto whole = Ledger::open(crashed, setup.options());
  ASSERT_TRUE(whole) << whole.error().to_string();
  EXPECT_EQ((*whole)->head().header_hash, chain.ledger->head().header_hash);

  // A crash in the middle of writing block 7: its record is torn and the marker says 6.
  const fs::path before = crash_copy(chain, "before");
  grow(1);
  const fs::path torn = crash_copy(chain, "torn");
  fs::copy_file(before / "head", torn / "head", fs::copy_options::overwrite_existing);
  fs::resize_file(largest_log(torn), fs::file_size(largest_log(torn)) - 100);
  auto prefix = Ledger::open(torn, setup.options());
  ASSERT_TRUE(prefix) << prefix.error().to_string();
  EXPECT_EQ((*prefix)->head().header.height, 6u);
  EXPECT_TRUE((*prefix)->verify(nullptr));

  // The same loss after block 7 was acknowledged is damage, and nothing is thrown away by opening.
  const fs::path lost = crash_copy(chain, "lost");
  fs::resize_file(largest_log(lost), fs::file_size(largest_log(lost)) - 100);
  const uint64_t size = fs::file_size(largest_log(lost));
  for (int i = 0; i < 2; ++i) {
    auto refused = Ledger::open(lost, setup.options());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "ledger.damaged");
    EXPECT_NE(refused.error().detail.find("block 7"), std::string::npos) << refused.error().detail;
  }
  EXPECT_EQ(fs::file_size(largest_log(lost)), size);
}

TEST_F(MaintenanceTest, APowerCutWhileOpeningTearsTheMarkerAndNothingElse) {
  grow(6);
  const fs::path crashed = crash_copy(chain, "crashed");
  const Bytes marker = read_file(crashed / "head", 1000).value();
  ASSERT_EQ(marker.size(), 96u);
  for (size_t written = 1; written < 48; ++written) {
    Bytes torn = marker;  // of block 6, which stands in the first slot, over block 5 in the second
    std::copy_n(marker.begin(), written, torn.begin() + 48);
    const fs::path cut = chain.folder.path / fmt::format("cut-{}", written);
    fs::copy(crashed, cut, fs::copy_options::recursive);
    std::ofstream(cut / "head", std::ios::binary).write(reinterpret_cast<const char*>(torn.data()), 96);
    auto opened = Ledger::open(cut, setup.options());
    ASSERT_TRUE(opened) << opened.error().to_string();
    EXPECT_TRUE((*opened)->verify(nullptr)) << written;
  }
}

void flip(const fs::path& file, uint64_t at, uint8_t mask) {
  const int fd = ::open(file.c_str(), O_RDWR);
  uint8_t byte = 0;
  ASSERT_EQ(::pread(fd, &byte, 1, off_t(at)), 1);
  byte ^= mask;
  ASSERT_EQ(::pwrite(fd, &byte, 1, off_t(at)), 1);
  ::close(fd);
}

// RocksDB writes OPTIONS and IDENTITY anew whenever it opens, and takes nothing from them.
bool holds_data(const fs::path& file) {
  const std::string name = file.filename();
  return !name.starts_with("OPTIONS") && name != "IDENTITY" && name != "LOCK" && fs::file_size(file) > 0;
}

void flip_bits_everywhere(const fs::path& original, TestChain& setup, std::mt19937_64& random, int flips_each,
                          uint64_t height) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(original))
    if (entry.is_regular_file() && holds_data(entry.path()))
      files.push_back(fs::relative(entry.path(), original));
  ASSERT_GE(files.size(), 4u);
  for (const fs::path& file : files) {
    for (int i = 0; i < flips_each; ++i) {
      TemporaryFolder work;
      fs::copy(original, work.path / "c", fs::copy_options::recursive);
      const uint64_t at = random() % fs::file_size(work.path / "c" / file);
      const uint8_t mask = uint8_t(1 << random() % 8);
      flip(work.path / "c" / file, at, mask);
      auto opened = Ledger::open(work.path / "c", setup.options());
      Status found = opened ? (*opened)->verify(nullptr) : Status(tl::unexpected(opened.error()));
      // In the last record of the manifest a changed length is what a torn write looks like, and is dropped
      // like one. So is the last byte of a slot of the marker, where it comes out as that of the record that
      // stood there before (1 in 128). The replay shows then that nothing else was.
      const bool end_of_slot = file == "head" && at % 48 == 47;
      if (found && (end_of_slot || file.filename().string().starts_with("MANIFEST"))) {
        EXPECT_EQ((*opened)->head().header.height, height);
        continue;
      }
      EXPECT_FALSE(found) << file << " byte " << at << " mask " << int(mask);
      if (!found)
        EXPECT_EQ(found.error().reason, "ledger.damaged") << file << ": " << found.error().to_string();
    }
  }
}

TEST_F(MaintenanceTest, AFlippedBitAnywhereIsFoundInAClosedChain) {
  grow(8, 300);
  ASSERT_TRUE(chain.ledger->verify(nullptr));  // moves everything into table files
  grow(3);
  chain.ledger.reset();
  flip_bits_everywhere(chain.path(), setup, chain.random, 4, 11);
}

TEST_F(MaintenanceTest, AFlippedBitAnywhereIsFoundAfterACrash) {
  grow(8, 300);
  flip_bits_everywhere(crash_copy(chain, "crashed"), setup, chain.random, 4, 8);
}

// A validator that lets bad signatures in is found out, at the first of them.
TEST_F(MaintenanceTest, TheFirstBadSignatureOfAChainIsNamed) {
  for (int bad : {2, 4, 4}) {
    while (int(chain.ledger->head().header.height) + 1 < bad) grow(1);
    auto made =
        *chain.ledger
             ->admit(setup.envelope(setup.writer, chain.time_ms, {put_call("a", view("1"))}), chain.time_ms)
             .value();
    made.signature[3] ^= 1;
    const AdmittedTransaction forged = std::make_shared<const Admitted>(made);
    auto executed = chain.ledger->execute(std::span(&forged, 1), ++chain.time_ms);
    ASSERT_TRUE(executed);
    ASSERT_TRUE(chain.ledger->commit(*executed, certify(*executed, setup.genesis.validators, chain.signers)));
  }
  grow(2);
  auto verified = chain.ledger->verify(nullptr);
  ASSERT_FALSE(verified);
  EXPECT_TRUE(verified.error().detail.starts_with("block 2: transaction.signature_invalid"))
      << verified.error().to_string();
  const fs::path file = chain.folder.path / "export";
  ASSERT_TRUE(chain.ledger->export_to(file, nullptr));
  auto imported = Ledger::import(file, chain.folder.path / "imported", setup.options(), nullptr);
  ASSERT_FALSE(imported);
  EXPECT_NE(imported.error().detail.find("block 2: transaction.signature_invalid"), std::string::npos)
      << imported.error().to_string();
}

TEST_F(MaintenanceTest, ContentIsTheBlockAndItsTransactions) {
  grow(3, 300);  // attachments in chunks
  grow(3, 5);
  for (uint64_t height = 1; height <= 6; ++height) {
    auto content = chain.ledger->content(height);
    ASSERT_TRUE(content) << content.error().to_string();
    const auto block = chain.ledger->block(height).value();
    EXPECT_EQ(content->block.header_bytes, block.header_bytes);
    EXPECT_EQ(content->block.transactions, block.transactions);
    ASSERT_EQ(content->transactions.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const auto one = chain.ledger->transaction(block.transactions[i]).value();
      const TransactionRecord& other = content->transactions[i];
      EXPECT_EQ(other.transaction.hash, one.transaction.hash);
      EXPECT_EQ(other.transaction.body_bytes, one.transaction.body_bytes);
      EXPECT_EQ(other.receipt_bytes, one.receipt_bytes);
      EXPECT_EQ(other.events, one.events);
      EXPECT_EQ(other.output, one.output);
      EXPECT_EQ(other.log_index, one.log_index);
      EXPECT_EQ(other.height, height);
    }
  }
  EXPECT_EQ(chain.ledger->content(7).error().reason, "ledger.no_block");
  ASSERT_TRUE(chain.ledger->prune(4, much_later()));
  EXPECT_TRUE(chain.ledger->content(3)->block.pruned);
  EXPECT_TRUE(chain.ledger->content(3)->transactions.empty());
}

}  // namespace
}  // namespace chengxin::ledger
