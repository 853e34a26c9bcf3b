#include <gtest/gtest.h>

#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

using namespace testing;

class LedgerTest : public ::testing::Test {
 protected:
  std::string refusal(const Bytes& envelope) {
    auto admitted = chain.ledger->admit(envelope, chain.time_ms);
    return admitted ? "admitted" : admitted.error().reason;
  }
  uint32_t status_of(const Ledger::Executed& executed) {
    return format::Receipt::decode(executed.receipts.at(0)).value().status;
  }
  void expect_proves(const ItemProof& proof, const Digest& root) {
    EXPECT_TRUE(merkle::Log::verify_inclusion(proof.index, proof.count, merkle::Log::leaf_hash(proof.item),
                                              proof.inner_path, root));
    auto header = format::Header::decode(proof.header).value();
    const Digest leaf =
        format::log_leaf_hash(format::transaction_hash(proof.body), format::Receipt::hash(proof.receipt));
    EXPECT_TRUE(merkle::Log::verify_inclusion(proof.log_index, header.log_size, leaf, proof.log_path,
                                              header.log_root));
    auto certificate = format::Certificate::decode(proof.certificate).value();
    EXPECT_TRUE(format::verify_certificate(certificate, setup.genesis.validators,
                                           format::Header::hash(proof.header)));
  }

  TestChain setup;
  LiveChain chain{setup};
};

TEST_F(LedgerTest, AnchorsFindsAndProvesItems) {
  for (size_t count : {1u, 5u, 16u, 17u, 64u, 65u, 255u, 256u, 1000u, 5000u}) {
    for (size_t item_bytes : {32u, 64u}) {
      const Bytes data = chain.items(count, item_bytes);
      auto executed = chain.add(setup.writer, {anchor_call(uint8_t(item_bytes))}, {data});
      ASSERT_TRUE(executed) << executed.error().to_string();
      const Digest root = merkle::Items::root(merkle::Items::group_hashes(data, item_bytes));
      for (size_t index : {size_t(0), count / 2, count - 1}) {
        auto found = chain.ledger->find_items(*to_digest(ByteView(data).subspan(index * item_bytes, 32)));
        ASSERT_TRUE(found) << found.error().to_string();
        ASSERT_EQ(found->size(), 1u);
        EXPECT_EQ(found->front().index, index);
        auto proof = chain.ledger->prove_item(found->front());
        ASSERT_TRUE(proof) << proof.error().to_string();
        EXPECT_TRUE(equal(proof->item, ByteView(data).subspan(index * item_bytes, item_bytes)));
        expect_proves(*proof, root);
      }
    }
  }
  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(chain.ledger->head().header.height, 20u);
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(LedgerTest, TheSameDigestAnchoredAgainIsFoundEachTime) {
  const Bytes data = chain.items(3);
  Bytes twice = data;
  append(twice, ByteView(data).first(32));
  ASSERT_TRUE(chain.add(setup.writer, {anchor_call()}, {data}));
  ASSERT_TRUE(chain.add(setup.writer, {anchor_call(), anchor_call()}, {data, twice}));
  auto found = chain.ledger->find_items(*to_digest(ByteView(data).first(32)));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 4u);
  EXPECT_EQ((*found)[0].height, 1u);
  EXPECT_EQ((*found)[1].call, 0);
  EXPECT_EQ((*found)[3].call, 1);
  EXPECT_EQ((*found)[3].index, 3u);
  for (const ItemLocation& each : *found) EXPECT_TRUE(chain.ledger->prove_item(each));
  EXPECT_EQ(chain.ledger->find_items(*to_digest(ByteView(data).first(32)), 2)->size(), 2u);
  EXPECT_TRUE(chain.ledger->find_items(Digest{})->empty());
}

TEST_F(LedgerTest, AdmissionNamesWhatIsWrong) {
  Ledger& ledger = *chain.ledger;
  const int64_t now = chain.time_ms;
  auto signed_by = [&](const Signer& signer, const format::TransactionBody& body,
                       std::vector<Bytes> attachments = {}) {
    return format::sign_transaction(body, signer.key, attachments).value();
  };
  auto body = [&] { return setup.body(setup.writer, now, {put_call("a", view("1"))}); };

  EXPECT_EQ(refusal(signed_by(setup.writer, body())), "admitted");
  EXPECT_EQ(refusal(Bytes(100, 0xff)), "transaction.malformed");
  EXPECT_EQ(refusal(Bytes(setup.genesis.limits.max_transaction_bytes + 5000)), "transaction.too_large");
  auto changed = body();
  changed.chain[0] ^= 1;
  EXPECT_EQ(refusal(signed_by(setup.writer, changed)), "transaction.wrong_chain");
  changed = body();
  changed.valid_until_ms = uint64_t(now - 1);
  EXPECT_EQ(refusal(signed_by(setup.writer, changed)), "transaction.expired");
  changed = body();
  changed.valid_from_ms = uint64_t(now + 1);
  EXPECT_EQ(refusal(signed_by(setup.writer, changed)), "transaction.not_yet_valid");
  changed = body();
  changed.valid_until_ms = changed.valid_from_ms + setup.genesis.limits.max_validity_ms + 1;
  EXPECT_EQ(refusal(signed_by(setup.writer, changed)), "transaction.window_too_long");
  Signer stranger;
  EXPECT_EQ(refusal(signed_by(stranger, setup.body(stranger, now, {put_call("a", {})}))),
            "transaction.unknown_signer");
  EXPECT_EQ(refusal(signed_by(stranger, body())), "transaction.signature_invalid");
  EXPECT_EQ(refusal(signed_by(setup.writer, body(), {Bytes(32)})), "transaction.attachments");
  EXPECT_EQ(refusal(setup.envelope(setup.writer, now, {anchor_call()})), "transaction.attachments");

  const Bytes good = signed_by(setup.writer, body());
  ASSERT_TRUE(chain.add_block(std::span(&good, 1)));
  EXPECT_EQ(refusal(good), "transaction.duplicate");
  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(refusal(good), "transaction.duplicate");
  (void)ledger;
}

TEST_F(LedgerTest, ExecutionDropsWhatNoLongerFits) {
  const int64_t now = chain.time_ms;
  auto admit = [&](const Bytes& envelope) { return chain.ledger->admit(envelope, now).value(); };
  auto good = admit(setup.envelope(setup.writer, now, {put_call("a", view("1"))}));
  auto expiring = setup.body(setup.writer, now, {put_call("b", view("1"))});
  expiring.valid_until_ms = uint64_t(now);
  auto expired = admit(format::sign_transaction(expiring, setup.writer.key, {}).value());
  auto revoke = admit(setup.envelope(
      setup.governor, now, {{"governance", "revoke_key", format::encode_revoke_key(setup.writer.id)}}));
  auto late = admit(setup.envelope(setup.writer, now, {put_call("c", view("1"))}));
  const std::vector<AdmittedTransaction> candidates = {good, good, expired, revoke, late};
  auto executed = chain.ledger->execute(candidates, now + 1);
  ASSERT_TRUE(executed);
  ASSERT_EQ(executed->included.size(), 2u);
  ASSERT_EQ(executed->dropped.size(), 3u);
  EXPECT_EQ(executed->dropped[0].second.reason, "transaction.duplicate");
  EXPECT_EQ(executed->dropped[1].second.reason, "transaction.expired");
  EXPECT_EQ(executed->dropped[2].second.reason, "transaction.signer_revoked");

  // The same again: nothing was written, and the same comes out.
  auto again = chain.ledger->execute(candidates, now + 1);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->header_bytes, executed->header_bytes);
  EXPECT_FALSE(chain.ledger->transaction(good->hash));
  const auto certificate = certify(*executed, setup.genesis.validators, chain.signers);
  ASSERT_TRUE(chain.ledger->commit(*executed, certificate));
  auto stale = chain.ledger->commit(*again, certificate);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().reason, "ledger.stale_execution");
  EXPECT_EQ(refusal(setup.envelope(setup.writer, now, {put_call("d", view("1"))})),
            "transaction.signer_revoked");
  auto replayed = chain.ledger->execute(std::span(&good, 1), now + 2);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(replayed->dropped.at(0).second.reason, "transaction.duplicate");
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

// The one that was admitted twice, with a few or very many blocks between its two executions.
TEST_F(LedgerTest, NoneIsExecutedTwiceHoweverLongItWaited) {
  const auto admit_twice = [&](std::string_view key) {
    const Bytes envelope = setup.envelope(setup.writer, chain.time_ms, {put_call(key, view("1"))});
    const auto first = chain.ledger->admit(envelope, chain.time_ms).value();
    return std::pair(first, chain.ledger->admit(envelope, chain.time_ms).value());
  };
  for (size_t blocks : {0, 1, 70}) {
    const auto [once, again] = admit_twice("twice");
    auto executed = chain.ledger->execute(std::span(&once, 1), ++chain.time_ms);
    ASSERT_TRUE(executed);
    ASSERT_TRUE(chain.ledger->commit(*executed, certify(*executed, setup.genesis.validators, chain.signers)));
    for (size_t i = 0; i < blocks; ++i)
      ASSERT_TRUE(chain.add(setup.writer, {put_call("between", view(std::to_string(i)))}));
    auto late = chain.ledger->execute(std::span(&again, 1), ++chain.time_ms);
    ASSERT_TRUE(late);
    ASSERT_EQ(late->dropped.size(), 1u) << blocks;
    EXPECT_EQ(late->dropped[0].second.reason, "transaction.duplicate");
    ASSERT_TRUE(chain.reopen());  // nothing is remembered then
    late = chain.ledger->execute(std::span(&again, 1), ++chain.time_ms);
    ASSERT_TRUE(late);
    ASSERT_EQ(late->dropped.size(), 1u) << blocks;
  }
}

TEST_F(LedgerTest, ACertificateMustBeOfTheSet) {
  const auto transaction =
      chain.ledger
          ->admit(setup.envelope(setup.writer, chain.time_ms, {put_call("a", view("1"))}), chain.time_ms)
          .value();
  auto executed = chain.ledger->execute(std::span(&transaction, 1), chain.time_ms).value();
  EXPECT_FALSE(chain.ledger->commit(executed, {}));
  format::Certificate forged = certify(executed, setup.genesis.validators, chain.signers);
  forged.entries[0].signature[40] ^= 1;
  EXPECT_FALSE(chain.ledger->commit(executed, forged));
  EXPECT_EQ(chain.ledger->head().header.height, 0u);
  EXPECT_TRUE(chain.ledger->commit(executed, certify(executed, setup.genesis.validators, chain.signers)));
}

TEST_F(LedgerTest, CallsOfATransactionTakeEffectTogetherOrNotAtAll) {
  auto executed = chain.add(setup.writer, {put_call("x", view("1")), anchor_call(), {"test", "fail", {}}},
                            {chain.items(4)});
  ASSERT_TRUE(executed) << executed.error().to_string();
  EXPECT_EQ(status_of(*executed), uint32_t(format::ReceiptStatus::refused));
  EXPECT_FALSE(*chain.ledger->state("test/x"));
  EXPECT_FALSE(*chain.ledger->state("test/failed"));
  auto record = chain.ledger->transaction(executed->included[0]->hash, true).value();
  EXPECT_EQ(text(record.output), "test.refused");
  EXPECT_TRUE(record.events.empty());
  EXPECT_EQ(record.transaction.attachments, executed->included[0]->attachments);
  const Digest item = *to_digest(ByteView(record.transaction.attachments[0]).first(32));
  EXPECT_TRUE(chain.ledger->find_items(item)->empty()) << "a refused transaction anchors nothing";
  EXPECT_EQ(chain.ledger->prove_item({record.transaction.hash, 1, 0, 1}).error().reason, "ledger.no_item");

  using format::ReceiptStatus;
  for (auto [call, expected] : std::vector<std::pair<format::Call, ReceiptStatus>>{
           {{"nothing", "here", {}}, ReceiptStatus::unknown_contract},
           {{"test", "nothing", {}}, ReceiptStatus::unknown_method},
           {{"test", "trespass", {}}, ReceiptStatus::access_violation},
           {{"governance", "revoke_key", {}}, ReceiptStatus::forbidden}}) {
    auto one = chain.add(setup.writer, {put_call("x", view("1")), call});
    ASSERT_TRUE(one);
    EXPECT_EQ(status_of(*one), uint32_t(expected));
    EXPECT_FALSE(*chain.ledger->state("test/x"));
  }
  EXPECT_FALSE(*chain.ledger->state("other/key"));
  auto broken = chain.add(setup.writer, {{"test", "break", {}}});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().reason, "test.broken");
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(LedgerTest, StateIsProvedAtEveryHeight) {
  std::map<uint64_t, std::optional<Bytes>> values;
  for (int i = 0; i < 12; ++i) {
    const Bytes value = i % 4 == 3 ? Bytes() : Bytes{uint8_t(i)};
    auto executed = chain.add(setup.writer, {put_call(i % 2 ? "odd" : "even", value)});
    ASSERT_TRUE(executed);
    if (i % 2) values[executed->header.height] = value.empty() ? std::nullopt : std::optional(value);
  }
  std::optional<Bytes> expected;
  for (uint64_t height = 1; height <= 12; ++height) {
    if (values.contains(height)) expected = values[height];
    auto proof = chain.ledger->state_proof("test/odd", height);
    ASSERT_TRUE(proof) << proof.error().to_string();
    EXPECT_EQ(proof->first, expected);
    const Digest root = chain.ledger->block(height)->header.state_root;
    EXPECT_TRUE(merkle::verify_state(
        root, view("test/odd"), expected ? std::optional(ByteView(*expected)) : std::nullopt, proof->second));
  }
  EXPECT_FALSE(chain.ledger->state_proof("test/odd", 13));
}

TEST_F(LedgerTest, KeysAreRegisteredAndRevoked) {
  Signer added;
  const auto call = [&](std::string method, Bytes arguments) {
    return format::Call{"governance", std::move(method), std::move(arguments)};
  };
  const Bytes arguments = format::encode_register_key(added.key.public_key().point(), {"writer"});
  ASSERT_EQ(status_of(*chain.add(setup.governor, {call("register_key", arguments)})), 0u);
  EXPECT_EQ(status_of(*chain.add(setup.governor, {call("register_key", arguments)})),
            uint32_t(format::ReceiptStatus::refused));
  EXPECT_TRUE(chain.ledger->account(added.id)->value().has_role("writer"));
  EXPECT_EQ(status_of(*chain.add(added, {put_call("k", view("v"))})), 0u);
  EXPECT_EQ(status_of(*chain.add(setup.governor,
                                 {call("revoke_key", format::encode_revoke_key(setup.governor.id))})),
            uint32_t(format::ReceiptStatus::refused));
  ASSERT_EQ(status_of(*chain.add(setup.governor, {call("revoke_key", format::encode_revoke_key(added.id))})),
            0u);
  EXPECT_EQ(refusal(setup.envelope(added, chain.time_ms, {put_call("k", view("w"))})),
            "transaction.signer_revoked");
  EXPECT_EQ(status_of(*chain.add(setup.governor, {call("register_key", {1, 2, 3})})),
            uint32_t(format::ReceiptStatus::bad_arguments));
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

// The one node of such a chain would never get a block certified again.
TEST_F(LedgerTest, AKeyThatCertifiesAloneGoesOnDoingSo) {
  const Signer other;
  auto set_to = [&](std::vector<format::Validator> members) {
    std::sort(members.begin(), members.end(), [](auto& a, auto& b) { return a.public_key < b.public_key; });
    const Bytes set = format::ValidatorSet{members}.encode();
    const auto block =
        chain.add(setup.governor, {{"governance", "set_validators", format::encode_set_validators(set)}});
    return to_string(chain.ledger->transaction(block->included[0]->hash)->output);
  };
  const auto own = setup.validator.key.public_key().point(), stranger = other.key.public_key().point();
  EXPECT_EQ(set_to({{stranger, 1}}), "governance.validators_quorum");
  EXPECT_EQ(set_to({{own, 1}, {stranger, 1}}), "governance.validators_quorum");
  EXPECT_EQ(set_to({{own, 2}, {stranger, 1}}), "governance.validators_quorum") << "two thirds are not enough";
  EXPECT_EQ(set_to({{own, 5}, {stranger, 2}}), "");
  EXPECT_EQ(set_to({{own, 1}, {stranger, 1}}), "governance.validators_quorum") << "nor in two steps";
  EXPECT_EQ(set_to({{own, 7}}), "");
}

TEST(LedgerOfSeveral, ValidatorsHandOverByATransaction) {
  TestChain setup;
  const Signer second;
  setup.genesis.validators.members = equal_validators({&setup.validator, &second});
  LiveChain chain{setup};
  chain.signers = {setup.validator, second};
  std::vector<Signer> next(4);
  format::ValidatorSet set;
  for (const Signer& each : next) set.members.push_back({each.key.public_key().point(), 1});
  std::sort(set.members.begin(), set.members.end(),
            [](auto& a, auto& b) { return a.public_key < b.public_key; });
  ASSERT_TRUE(chain.add(setup.writer, {put_call("a", view("1"))}));
  auto change = chain.add(setup.governor,
                          {{"governance", "set_validators", format::encode_set_validators(set.encode())}});
  ASSERT_TRUE(change) << change.error().to_string();
  EXPECT_EQ(change->header.validators_hash, setup.genesis.validators.hash()) << "certified by the old set";
  EXPECT_EQ(chain.ledger->head().next_validators, set);
  EXPECT_FALSE(chain.add(setup.writer, {put_call("b", view("1"))})) << "the old set is out";
  chain.signers = {next[0], next[1]};
  EXPECT_FALSE(chain.add(setup.writer, {put_call("b", view("1"))})) << "half is not two thirds";
  chain.signers = {next[0], next[1], next[3]};
  auto after = chain.add(setup.writer, {put_call("b", view("1"))});
  ASSERT_TRUE(after) << after.error().to_string();
  EXPECT_EQ(after->header.validators_hash, set.hash());

  EXPECT_TRUE(chain.ledger->transitions(2)->empty());
  auto transitions = chain.ledger->transitions(3).value();
  ASSERT_EQ(transitions.size(), 1u);
  EXPECT_EQ(transitions[0].header, change->header_bytes);
  EXPECT_EQ(transitions[0].next_validators, set.encode());
  EXPECT_TRUE(merkle::verify_state(change->header.state_root, view(format::kValidatorsKey),
                                   ByteView(transitions[0].next_validators),
                                   merkle::StateProof::decode(transitions[0].state_proof).value()));
  EXPECT_TRUE(chain.ledger->verify(nullptr));
  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(chain.ledger->head().next_validators, set);
}

TEST_F(LedgerTest, TheSameTransactionsGiveTheSameRootsOnAnotherChainFolder) {
  LiveChain other(setup);
  for (int block = 0; block < 20; ++block) {
    std::vector<Bytes> envelopes;
    for (uint64_t i = 0; i <= chain.random() % 5; ++i) {
      const std::string key = fmt::format("k{}", chain.random() % 7);
      envelopes.push_back(chain.random() % 3 == 0
                              ? setup.envelope(setup.writer, chain.time_ms, {anchor_call()},
                                               {chain.items(chain.random() % 100)})
                              : setup.envelope(setup.writer, chain.time_ms,
                                               {put_call(key, chain.items(chain.random() % 2))}));
    }
    auto one = chain.add_block(envelopes);
    auto two = other.add_block(envelopes);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->header_bytes, two->header_bytes);
    if (block % 7 == 3) ASSERT_TRUE(other.reopen());
  }
}

TEST_F(LedgerTest, FoldersThatCannotBeOpenedAreNamed) {
  EXPECT_EQ(Ledger::create(chain.path(), setup.document(), setup.options()).error().reason, "ledger.exists");
  EXPECT_EQ(Ledger::open(chain.path(), setup.options()).error().reason, "ledger.in_use");
  EXPECT_EQ(Ledger::open(chain.folder.path / "nothing", setup.options()).error().reason, "ledger.not_found");
  EXPECT_FALSE(Ledger::create(chain.folder.path / "bad", "{}", setup.options()));
  EXPECT_FALSE(fs::exists(chain.folder.path / "bad"));
}

}  // namespace
}  // namespace chengxin::ledger
