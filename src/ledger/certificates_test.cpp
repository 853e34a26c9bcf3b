#include <gtest/gtest.h>

#include "ledger/testing.h"

// Blocks that are decided before they are certified, as an engine's are.
namespace chengxin::ledger {
namespace {

using namespace testing;

constexpr size_t kMost = 2;  // blocks that may wait

class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest() { chain.signers.push_back(second); }

  // A candidate block of one batch of items on the head.
  Ledger::Executed propose(std::vector<format::Call> more = {}) {
    last_items = chain.items(3);
    std::vector<format::Call> calls = {anchor_call()};
    calls.insert(calls.end(), more.begin(), more.end());
    auto admitted = chain.ledger->admit(
        setup.envelope(more.empty() ? setup.writer : both, chain.time_ms, calls, {last_items}),
        chain.time_ms);
    EXPECT_TRUE(admitted) << admitted.error().to_string();
    return chain.ledger->execute(std::span(&*admitted, 1), ++chain.time_ms).value();
  }
  CertifiedHeight certificate_of(const Ledger::Executed& block) {
    return {block.header.height, certify(block, sets.at(block.header.height - 1), chain.signers)};
  }
  Status decide(const Ledger::Executed* block, std::optional<CertifiedHeight> certificate = {},
                std::optional<Bytes> note = {}) {
    Status decided = chain.ledger->decide({block, std::move(certificate), std::move(note)});
    if (decided && block) {
      blocks.push_back(*block);
      sets.push_back(chain.ledger->head().next_validators);
    }
    return decided;
  }
  std::string reason(const Status& status) { return status ? "" : status.error().reason; }
  ItemLocation last_item() {
    return chain.ledger->find_items(*to_digest(ByteView(last_items).first(32)))->at(0);
  }

  Signer both, second;
  TestChain setup;
  LiveChain chain{prepared()};
  Bytes last_items;
  std::vector<Ledger::Executed> blocks;  // decided
  std::vector<format::ValidatorSet> sets = {setup.genesis.validators};

 private:
  TestChain& prepared() {
    setup.genesis.validators.members = equal_validators({&setup.validator, &second});
    setup.genesis.accounts.push_back({both.key.public_key().point(), {"governor", "writer"}});
    return setup;
  }
};

TEST_F(CertificatesTest, ProofsComeWithTheCertificate) {
  const auto first = propose();
  ASSERT_TRUE(decide(&first));
  EXPECT_EQ(chain.ledger->head().header.height, 1u);
  EXPECT_EQ(chain.ledger->head().certified_height, 0u);
  EXPECT_TRUE(chain.ledger->block(1)->certificate_bytes.empty());
  EXPECT_TRUE(chain.ledger->transaction(first.included[0]->hash)) << "it is final and can be read";
  const auto early = chain.ledger->prove_item(last_item());
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().reason, "ledger.not_certified_yet");
  EXPECT_EQ(early.error().code, Code::unavailable);
  EXPECT_GT(early.error().retry_after_ms, 0);
  EXPECT_EQ(chain.ledger->consistency(0, 1).error().reason, "ledger.not_certified_yet");
  EXPECT_EQ(chain.ledger->state_proof("test/a", 1).error().reason, "ledger.not_certified_yet");
  EXPECT_EQ(chain.ledger->prune(1, chain.time_ms * 2).error().reason, "ledger.not_certified_yet");

  const auto second = propose();
  ASSERT_TRUE(decide(&second, certificate_of(first)));
  EXPECT_EQ(chain.ledger->head().certified_height, 1u);
  EXPECT_EQ(chain.ledger->prove_item(last_item()).error().reason, "ledger.not_certified_yet");
  EXPECT_TRUE(chain.ledger->consistency(0, 1));
  ASSERT_TRUE(decide(nullptr, certificate_of(second)));
  const auto proof = chain.ledger->prove_item(last_item()).value();
  EXPECT_EQ(proof.header, second.header_bytes);
  EXPECT_EQ(proof.certificate, chain.ledger->block(2)->certificate_bytes);
}

TEST_F(CertificatesTest, CertificatesComeInOrderAndTwoBlocksAtMostWait) {
  const auto first = propose();
  EXPECT_EQ(reason(decide(nullptr, certificate_of(first))), "ledger.certificate_order") << "not made yet";
  ASSERT_TRUE(decide(&first));
  const auto second = propose();
  CertifiedHeight early{2, certify(second, sets[0], chain.signers)};
  EXPECT_EQ(reason(decide(&second, early)), "ledger.certificate_order");
  ASSERT_TRUE(decide(&second));
  const auto third = propose();
  EXPECT_EQ(reason(decide(&third)), "ledger.uncertified");
  EXPECT_EQ(reason(decide(&third, certificate_of(second))), "ledger.certificate_order");
  CertifiedHeight forged{1, certify(second, sets[0], chain.signers)};
  EXPECT_EQ(reason(decide(&third, forged)), "format.certificate_invalid");
  EXPECT_EQ(chain.ledger->head().header.height, 2u);
  ASSERT_TRUE(decide(&third, certificate_of(first))) << "what was refused left no trace";
  EXPECT_EQ(reason(decide(nullptr, certificate_of(first))), "ledger.certificate_order") << "it has one";
  ASSERT_TRUE(decide(nullptr, certificate_of(second)));
  ASSERT_TRUE(decide(nullptr, certificate_of(third)));
  EXPECT_EQ(chain.ledger->head().certified_height, 3u);
}

TEST_F(CertificatesTest, OneOfSeveralProposalsOnAHeadIsDecided) {
  const auto a = propose(), b = propose(), c = propose();
  ASSERT_TRUE(decide(&b, {}, to_bytes(view("7"))));
  EXPECT_EQ(reason(decide(&a)), "ledger.stale_execution");
  const auto next = propose();
  // A certificate that comes meanwhile does not make it stale.
  ASSERT_TRUE(decide(nullptr, certificate_of(b), to_bytes(view("8"))));
  ASSERT_TRUE(decide(&next));
  EXPECT_EQ(chain.ledger->head().certified_height, 1u);
  EXPECT_EQ(reason(decide(&next)), "ledger.stale_execution") << "twice";
  EXPECT_EQ(chain.ledger->find_items(*to_digest(ByteView(c.included[0]->attachments[0]).first(32)))->size(),
            0u);
  EXPECT_EQ(chain.ledger->note().value(), to_bytes(view("8")));
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

// The set that certifies a block is the one before it, also when it changed since.
TEST_F(CertificatesTest, ABlockIsCertifiedByTheSetThatItsHeaderNames) {
  const Signer third;
  const format::ValidatorSet next{equal_validators({&setup.validator, &second, &third})};
  const auto change =
      propose({{"governance", "set_validators", format::encode_set_validators(next.encode())}});
  ASSERT_TRUE(decide(&change));
  ASSERT_EQ(chain.ledger->head().next_validators, next);
  EXPECT_EQ(chain.ledger->transitions(2).error().reason, "ledger.not_certified_yet");
  const auto after = propose();
  ASSERT_TRUE(decide(&after));
  ASSERT_TRUE(chain.reopen());
  ASSERT_TRUE(decide(nullptr, certificate_of(change)));
  EXPECT_EQ(chain.ledger->transitions(2)->size(), 1u);
  EXPECT_EQ(reason(decide(nullptr, certificate_of(after))), "format.certificate_invalid") << "two of three";
  chain.signers.push_back(third);
  ASSERT_TRUE(decide(nullptr, certificate_of(after)));
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(CertificatesTest, AnExportEndsWithTheLastCertificate) {
  for (int i = 0; i < 5; ++i) {
    const auto block = propose();
    ASSERT_TRUE(decide(&block, i >= 2 ? std::optional(certificate_of(blocks[size_t(i) - 2])) : std::nullopt));
  }
  ASSERT_TRUE(chain.ledger->export_to(chain.folder.path / "file", nullptr));
  ASSERT_TRUE(
      Ledger::import(chain.folder.path / "file", chain.folder.path / "copy", setup.options(), nullptr));
  auto copy = Ledger::open(chain.folder.path / "copy", setup.options()).value();
  EXPECT_EQ(copy->head().header_hash, blocks[2].header_hash);
  EXPECT_EQ(copy->head().certified_height, 3u);
  EXPECT_TRUE(copy->verify(nullptr));
  // A copy of the folder has all of it.
  ASSERT_TRUE(chain.ledger->checkpoint(chain.folder.path / "all"));
  auto all = Ledger::open(chain.folder.path / "all", setup.options()).value();
  EXPECT_EQ(all->head().header_hash, blocks[4].header_hash);
  EXPECT_EQ(all->head().certified_height, 3u);
  EXPECT_TRUE(all->verify(nullptr));
}

// Random decisions, crashes and openings against the few lines that say what must hold.
TEST_F(CertificatesTest, RandomDecisionsKeepWhatTheyPromise) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  auto pick = [&](uint64_t below) { return random() % below; };
  size_t certified = 0;
  std::optional<Bytes> note;
  int copies = 0;
  for (int step = 0; step < 250 && !HasFatalFailure(); ++step) {
    std::vector<Ledger::Executed> proposals;
    for (uint64_t i = pick(3); i > 0; --i) proposals.push_back(propose());
    const Ledger::Executed* block =
        !proposals.empty() && pick(4) ? &proposals[pick(proposals.size())] : nullptr;
    std::optional<CertifiedHeight> certificate;
    size_t of = 0;
    if (pick(3)) {
      of = certified + 1 + (pick(8) == 0);
      if (of <= blocks.size())
        certificate = certificate_of(blocks[of - 1]);
      else if (block && of == block->header.height)
        certificate = certificate_of(*block);
      else
        of = 0;
    }
    std::optional<Bytes> noted;
    if (pick(2)) noted = chain.items(pick(100));

    const size_t waiting = blocks.size() + (block != nullptr) - certified - (of != 0);
    const std::string expected = of != 0 && of != certified + 1 ? "ledger.certificate_order"
                                 : waiting > kMost              ? "ledger.uncertified"
                                                                : "";
    ASSERT_EQ(reason(decide(block, certificate, noted)), expected) << step;
    if (expected.empty()) {
      certified += of != 0;
      if (noted) note = noted;
    }
    if (pick(20) == 0) ASSERT_TRUE(chain.reopen());
    if (pick(20) == 0) {  // as a crash leaves it
      const fs::path copy = chain.folder.path / fmt::format("crash{}", copies++);
      std::error_code vanished;  // after an opening the store removes old files of its own
      do {
        fs::remove_all(copy);
        fs::copy(chain.path(), copy, fs::copy_options::recursive, vanished);
      } while (vanished);
      auto opened = Ledger::open(copy, setup.options());
      ASSERT_TRUE(opened) << opened.error().to_string();
      EXPECT_EQ((*opened)->head().certified_height, certified);
      EXPECT_EQ((*opened)->note().value(), note);
      EXPECT_TRUE((*opened)->verify(nullptr));
      opened->reset();
      fs::remove_all(copy);
    }
    const Head head = chain.ledger->head();
    ASSERT_EQ(head.header.height, blocks.size());
    ASSERT_EQ(head.certified_height, certified);
    ASSERT_EQ(chain.ledger->note().value(), note);
    if (blocks.empty()) continue;
    const auto& some = blocks[pick(blocks.size())];
    auto found =
        chain.ledger->find_items(*to_digest(ByteView(some.included[0]->attachments[0]).first(32))).value();
    ASSERT_EQ(found.size(), 1u);
    auto proof = chain.ledger->prove_item(found[0]);
    ASSERT_EQ(proof.has_value(), some.header.height <= certified) << some.header.height;
    if (!proof) continue;
    const format::Header& under = blocks[certified - 1].header;
    EXPECT_EQ(proof->header, under.encode());
    const Digest leaf =
        format::log_leaf_hash(format::transaction_hash(proof->body), format::Receipt::hash(proof->receipt));
    EXPECT_TRUE(merkle::Log::verify_inclusion(proof->log_index, under.log_size, leaf, proof->log_path,
                                              under.log_root));
  }
  auto verified = chain.ledger->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
}

}  // namespace
}  // namespace chengxin::ledger
