#include "evidence/fixture_for_tests.h"

namespace chengxin::evidence {
namespace {

class BundlesTest : public ServiceFixture {};
INSTANTIATE_ON_EACH_DATABASE(BundlesTest);

TEST_P(BundlesTest, BundlesVerify) {
  auto added = add({note("first"), full(), note("third")});
  auto bundle = rig->service->bundle(added[1].id, {});
  ASSERT_OK(bundle);
  auto facts = proof::verify(*bundle, anchor(), full().digest);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->chain_name, "main");
  EXPECT_EQ(facts->transaction, added[1].transaction);
  EXPECT_EQ(facts->block_height, added[1].height);
  EXPECT_EQ(facts->block_time_ms, added[1].block_time_ms);
  EXPECT_TRUE(facts->anchored);
  EXPECT_TRUE(facts->timestamp_ms);
  EXPECT_EQ(facts->withheld_fields, 0u);
  std::map<std::string, std::string> fields(facts->record.begin(), facts->record.end());
  EXPECT_EQ(fields["title"], "\"购销合同 2026-11\"");
  EXPECT_EQ(fields["capture.who"], "\"clerk 7\"");
  EXPECT_EQ(fields["digest.sha256"], "\"" + std::string(64, 'a') + "\"");
  EXPECT_REASON(proof::verify(*bundle, anchor(), note("first").digest), "proof.file_mismatch");
  EXPECT_REASON(rig->service->bundle("01930000-0000-7000-8000-000000000000", {}), "evidence.not_found");
}

TEST_P(BundlesTest, DisclosesOneFieldAndNothingElse) {
  auto added = add({full()});
  BundleOptions options;
  options.disclose = std::vector<std::string>{"title"};
  auto bundle = rig->service->bundle(added[0].id, options);
  ASSERT_OK(bundle);
  auto facts = proof::verify(*bundle, anchor(), full().digest);
  ASSERT_OK(facts);
  ASSERT_EQ(facts->record.size(), 1u);
  EXPECT_EQ(facts->record[0].first, "title");
  EXPECT_EQ(facts->withheld_fields, 8u);
  EXPECT_NE(text(*bundle).find("购销合同"), std::string_view::npos);
  for (std::string_view secret :
       {"某某公司", "clerk 7", "counter 3", "trade", "contract", "holder", "capture"})
    EXPECT_EQ(text(*bundle).find(secret), std::string_view::npos) << secret;
  // The salts of what is withheld would let it be guessed: none of the full bundle's is there.
  auto whole = proof::decode(rig->service->bundle(added[0].id, {}).value()).value();
  for (const auto& entry : whole.record) {
    bool there = text(*bundle).find(text(entry.disclosed->second.salt)) != std::string_view::npos;
    EXPECT_EQ(there, entry.disclosed->first == "title") << entry.disclosed->first;
  }
  options.disclose = std::vector<std::string>{"title", "nothing"};
  EXPECT_REASON(rig->service->bundle(added[0].id, options), "evidence.field_unknown");
  options.disclose = std::vector<std::string>{};
  EXPECT_OK(proof::verify(rig->service->bundle(added[0].id, options).value(), anchor()));
}

TEST_P(BundlesTest, BundlesUnderOneHeaderShareATimestamp) {
  auto added = add({note("a"), note("b"), note("c")});
  std::vector<Bytes> tokens;
  for (const Evidence& each : added)
    tokens.push_back(proof::decode(rig->service->bundle(each.id, {}).value())->timestamp);
  EXPECT_FALSE(tokens[0].empty());
  EXPECT_EQ(tokens[0], tokens[1]);
  EXPECT_EQ(tokens[0], tokens[2]);
  EXPECT_EQ(rig->service->counters().timestamps, 1u);
  rig->close();
  rig->open();
  EXPECT_EQ(proof::decode(rig->service->bundle(added[0].id, {}).value())->timestamp, tokens[0]);
  EXPECT_EQ(rig->service->counters().timestamps, 0u);
  BundleOptions without;
  without.timestamp = false;
  EXPECT_TRUE(proof::decode(rig->service->bundle(added[0].id, without).value())->timestamp.empty());
}

TEST_P(BundlesTest, AReadyCommitmentStandsAndItsFieldsStayWithTheCaller) {
  NewEvidence item;
  item.digest = crypto::sm3(view("root"));
  item.commitment = item.digest;
  item.type = "record";
  auto added = add({item});
  Evidence found = rig->service->get(added[0].id).value();
  EXPECT_EQ(found.content.commitment, item.digest);
  EXPECT_OK(rig->service->stands(found));
  EXPECT_TRUE(*rig->service->stands(found));
  Query query;
  query.type = "record";
  EXPECT_EQ(ids_of(query), std::vector{found.id});
  auto bundle = rig->service->bundle(found.id, {});
  ASSERT_OK(bundle);
  auto facts = proof::verify(*bundle, anchor(), item.digest);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->withheld_fields, 1u);
  BundleOptions title;
  title.disclose = std::vector<std::string>{"title"};
  EXPECT_REASON(rig->service->bundle(found.id, title), "evidence.field_unknown");
  found.content.digest = crypto::sm3(view("another"));
  found.id = "01930000-0000-7000-8000-000000000000";
  EXPECT_FALSE(*rig->service->stands(found));
  EXPECT_EQ(reason_of([](NewEvidence& bad) { bad.commitment = bad.digest; }), "evidence.commitment");
}

TEST_P(BundlesTest, BundleOfABareItem) {
  auto added = add({note("a"), full()});
  auto bundle = rig->service->bundle_of_item("main", full().digest, {});
  ASSERT_OK(bundle);
  auto facts = proof::verify(*bundle, anchor(), full().digest);
  ASSERT_OK(facts);
  EXPECT_TRUE(facts->record.empty());
  EXPECT_EQ(facts->transaction, added[1].transaction);
  EXPECT_REASON(rig->service->bundle_of_item("main", note("nowhere").digest, {}), "ledger.no_item");
}

TEST_P(BundlesTest, ErasedMeansGone) {
  auto writer = rig->blobs->create().value();
  ASSERT_OK(writer->write(view("the content of a contract")));
  auto written = writer->finish().value();
  ASSERT_OK(rig->service->keep_original(written));
  NewEvidence item = full();
  item.digest = written.digest;
  item.size = written.size;
  item.blob = written.id;
  auto added = add({note("neighbour"), item});
  ASSERT_OK(rig->service->bundle(added[1].id, {}));
  ASSERT_OK(rig->service->erase(added[1].id));
  ASSERT_OK(rig->service->erase(added[1].id));
  EXPECT_FALSE(rig->blobs->exists(item.blob).value());
  auto tombstone = rig->service->get(added[1].id);
  ASSERT_OK(tombstone);
  EXPECT_GT(tombstone->erased_ms, 0);
  EXPECT_EQ(tombstone->height, added[1].height);
  EXPECT_EQ(tombstone->content.title, "");
  EXPECT_EQ(tombstone->content.digest, Digest{});
  auto bundle = rig->service->bundle(added[1].id, {});
  EXPECT_REASON(bundle, "evidence.erased");
  EXPECT_EQ(bundle.error().code, Code::gone);
  Query query;
  query.tag = "trade";
  EXPECT_TRUE(ids_of(query).empty());
  query = {};
  query.digest = item.digest;
  EXPECT_TRUE(ids_of(query).empty());
  auto neighbour = rig->service->bundle(added[0].id, {});
  ASSERT_OK(neighbour);
  EXPECT_OK(proof::verify(*neighbour, anchor(), note("neighbour").digest));
  EXPECT_REASON(rig->service->erase("01930000-0000-7000-8000-000000000000"), "evidence.not_found");
}

TEST_P(BundlesTest, BundlesOutliveThePruningOfTheirTransactions) {
  std::vector<NewEvidence> items;
  for (int i = 0; i < 21; ++i) items.push_back(note("old " + std::to_string(i)));
  auto old = add(items);
  auto recent = add({note("recent")});
  uint64_t below = recent[0].height;
  ASSERT_GT(below, old[0].height);
  auto kept = rig->service->archive_before("main", below);
  ASSERT_OK(kept);
  EXPECT_EQ(*kept, 1u);
  EXPECT_EQ(rig->service->archive_before("main", below).value(), 0u);
  ASSERT_OK(rig->chain()->ledger->prune(below, now_ms() + 48 * 3600 * 1000));
  for (size_t i = 0; i < items.size(); ++i) {
    auto bundle = rig->service->bundle(old[i].id, {});
    ASSERT_OK(bundle);
    auto facts = proof::verify(*bundle, anchor(), items[i].digest);
    ASSERT_OK(facts);
    EXPECT_EQ(facts->record.size(), 2u);
    EXPECT_TRUE(facts->timestamp_ms);
  }
  BundleOptions little;
  little.timestamp = false;
  little.disclose = std::vector<std::string>{"size"};
  auto bundle = rig->service->bundle(old[7].id, little);
  ASSERT_OK(bundle);
  auto facts = proof::verify(*bundle, anchor(), items[7].digest);
  ASSERT_OK(facts);
  EXPECT_FALSE(facts->timestamp_ms);
  EXPECT_EQ(facts->withheld_fields, 1u);
  EXPECT_TRUE(*rig->service->stands(old[7]));
  ASSERT_OK(rig->service->erase(old[7].id));
  EXPECT_REASON(rig->service->bundle(old[7].id, {}), "evidence.erased");
  EXPECT_OK(proof::verify(rig->service->bundle(old[8].id, {}).value(), anchor(), items[8].digest));
  EXPECT_OK(rig->service->bundle(recent[0].id, {}));
}

}  // namespace
}  // namespace chengxin::evidence
