#include "evidence/service.h"

#include <thread>

#include "evidence/fixture_for_tests.h"

namespace chengxin::evidence {
namespace {

class ServiceTest : public ServiceFixture {};
INSTANTIATE_ON_EACH_DATABASE(ServiceTest);

TEST_P(ServiceTest, AnchorsAndGivesBackWhatWasAdded) {
  auto accepted = std::make_shared<std::promise<Added>>(), anchored = std::make_shared<std::promise<Added>>();
  rig->service->add(
      "main", {full(), note("other")}, [=](Added added) { accepted->set_value(std::move(added)); },
      [=](Added added) { anchored->set_value(std::move(added)); });
  auto pending = accepted->get_future().get();
  ASSERT_OK(pending);
  ASSERT_EQ(pending->size(), 2u);
  EXPECT_EQ((*pending)[0].state, State::pending);
  auto done = anchored->get_future().get();
  ASSERT_OK(done);
  const Evidence& first = (*done)[0];
  EXPECT_EQ(first.id, (*pending)[0].id);
  EXPECT_LT(first.id, (*done)[1].id);
  EXPECT_EQ(first.state, State::anchored);
  EXPECT_GE(first.height, 1u);
  EXPECT_TRUE(first.same_digest.empty());

  auto got = rig->service->get(first.id);
  ASSERT_OK(got);
  EXPECT_EQ(got->state, State::anchored);  // whoever is told so also reads so
  EXPECT_EQ(got->transaction, first.transaction);
  EXPECT_EQ(got->height, first.height);
  EXPECT_EQ(got->block_time_ms, first.block_time_ms);
  EXPECT_EQ(got->content.digest, full().digest);
  EXPECT_EQ(got->content.size, full().size);
  EXPECT_EQ(got->content.title, full().title);
  EXPECT_EQ(got->content.holder, full().holder);
  EXPECT_EQ(got->content.type, full().type);
  EXPECT_EQ(got->content.tags, (std::vector<std::string>{"2026", "trade"}));
  EXPECT_EQ(got->content.further_digests, full().further_digests);
  EXPECT_EQ(got->content.capture, full().capture);
  EXPECT_EQ(rig->service->counters().anchored, 2u);
  EXPECT_EQ(rig->service->counters().waiting, 0u);
}

TEST_P(ServiceTest, RefusesWhatIsNotWellFormed) {
  using Item = NewEvidence&;
  EXPECT_EQ(reason_of([](Item item) { item.title = std::string(5000, 'x'); }), "evidence.title_length");
  EXPECT_EQ(reason_of([](Item item) { item.title = "two\nlines"; }), "evidence.text");
  EXPECT_EQ(reason_of([](Item item) { item.holder = "\xff"; }), "evidence.text");
  EXPECT_EQ(reason_of([](Item item) { item.tags = {""}; }), "evidence.tag");
  EXPECT_EQ(reason_of([](Item item) { item.links = {"nonsense"}; }), "evidence.link_unknown");
  EXPECT_EQ(reason_of([](Item item) { item.links = {"01930000-0000-7000-8000-000000000000"}; }),
            "evidence.link_unknown");
  EXPECT_EQ(reason_of([](Item item) { item.further_digests["sha256"] = "abc"; }), "evidence.further_digest");
  EXPECT_EQ(reason_of([](Item item) { item.further_digests["sha256"] = std::string(64, 'A'); }),
            "evidence.further_digest");
  EXPECT_EQ(reason_of([](Item item) { item.capture = Json::array(); }), "evidence.capture");
  EXPECT_EQ(reason_of([](Item item) { item.capture = {{"x", 1.5}}; }), "evidence.capture");
  EXPECT_EQ(reason_of([](Item item) { item.capture = {{"x", std::string(9000, 'x')}}; }), "evidence.capture");
  EXPECT_EQ(reason_of([](Item item) { item.size = uint64_t(1) << 53; }), "evidence.size");
  EXPECT_EQ(reason_of([](Item item) { item.blob = std::string(32, '0'); }), "evidence.blob_unknown");
  EXPECT_REASON(rig->add({note("x")}, "elsewhere"), "chain.not_found");
  EXPECT_REASON(rig->add({}), "evidence.empty");
  EXPECT_REASON(rig->add(std::vector<NewEvidence>(10'001, note("x"))), "evidence.too_many");
  EXPECT_REASON(rig->service->get("nonsense"), "evidence.not_found");
  EXPECT_EQ(rig->service->counters().accepted, 0u);
  EXPECT_EQ(rig->log_size(), 0u);
}

TEST_P(ServiceTest, AnOriginalIsWhatTheRecordSays) {
  auto keep = [this](std::string_view content, bool noted = true) {
    auto writer = rig->blobs->create().value();
    EXPECT_OK(writer->write(view(content)));
    auto written = writer->finish().value();
    if (noted) EXPECT_OK(rig->service->keep_original(written));
    return written.id;
  };
  std::string blob = keep("one"), unnoted = keep("one", false);
  auto naming = [](std::string_view content, std::string original, uint64_t size) {
    NewEvidence item = note(content);
    item.size = size;
    item.blob = std::move(original);
    return item;
  };
  EXPECT_REASON(rig->add({naming("two", blob, 3)}), "evidence.original_mismatch");
  EXPECT_REASON(rig->add({naming("one", blob, 4)}), "evidence.original_mismatch");
  EXPECT_REASON(rig->add({note("one"), naming("two", blob, 0)}), "evidence.original_mismatch");
  EXPECT_REASON(rig->add({naming("one", unnoted, 3)}), "evidence.blob_unknown");
  EXPECT_EQ(rig->log_size(), 0u);
  auto added = add({naming("one", blob, 0), naming("one", blob, 3)});
  EXPECT_EQ(rig->service->get(added[0].id)->content.size, 3u);
  ASSERT_OK(rig->service->erase(added[0].id));
  EXPECT_TRUE(rig->blobs->exists(blob).value()) << "the other record still names it";
  ASSERT_OK(rig->service->erase(added[1].id));
  EXPECT_FALSE(rig->blobs->exists(blob).value());
}

TEST_P(ServiceTest, ReportsTheSameContent) {
  auto first = add({note("same"), note("other")});
  auto again = add({note("same", "again"), note("new"), note("new")});
  ASSERT_EQ(again.size(), 3u);
  EXPECT_EQ(again[0].same_digest, std::vector{first[0].id});
  EXPECT_TRUE(again[1].same_digest.empty());
  EXPECT_EQ(again[2].same_digest, std::vector{again[1].id});
  auto third = add({note("same")});
  EXPECT_EQ(third[0].same_digest, std::vector{first[0].id});
  EXPECT_EQ(rig->service->get(third[0].id)->same_digest, (std::vector{first[0].id, again[0].id}));
  Query query;
  query.digest = note("same").digest;
  EXPECT_EQ(ids_of(query), (std::vector{third[0].id, again[0].id, first[0].id}));
}

TEST_P(ServiceTest, FindsByEveryField) {
  auto plain = add({note("plain", "100% of_it")});
  NewEvidence linked = full();
  linked.links = {plain[0].id};
  auto rich = add({linked});
  std::vector<std::string> rich_id = {rich[0].id}, plain_id = {plain[0].id}, none;
  auto by = [](auto&& set) {
    Query query;
    set(query);
    return query;
  };
  EXPECT_EQ(ids_of(by([](Query& q) { q.holder = "某某公司"; })), rich_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.holder = "某某"; })), none);
  EXPECT_EQ(ids_of(by([](Query& q) { q.type = "contract"; })), rich_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.tag = "trade"; })), rich_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.title_contains = "合同"; })), rich_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.title_contains = "0% of_"; })), plain_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.title_contains = "%合"; })), none);
  EXPECT_EQ(ids_of(by([&](Query& q) { q.links_to = plain[0].id; })), rich_id);
  EXPECT_EQ(ids_of(by([](Query& q) { q.chain = "main"; })), (std::vector{rich[0].id, plain[0].id}));
  EXPECT_EQ(ids_of(by([](Query& q) { q.chain = "elsewhere"; })), none);
  EXPECT_EQ(ids_of(by([&](Query& q) { q.from_ms = rich[0].added_ms, q.type = "contract"; })), rich_id);
  EXPECT_EQ(ids_of(by([&](Query& q) { q.to_ms = rich[0].added_ms, q.type = "contract"; })), rich_id);
  EXPECT_EQ(ids_of(by([&](Query& q) { q.to_ms = plain[0].added_ms - 1; })), none);
  EXPECT_EQ(ids_of(by([&](Query& q) { q.from_ms = rich[0].added_ms + 1; })), none);
  EXPECT_EQ(ids_of(by([](Query& q) { q.type = "contract", q.tag = "nothing"; })), none);
  EXPECT_REASON(rig->service->find(by([](Query& q) { q.after = "x"; })), "evidence.id");
}

TEST_P(ServiceTest, PagesWithoutGapsOrRepeats) {
  std::vector<NewEvidence> items;
  for (int i = 0; i < 230; ++i) items.push_back(note("n" + std::to_string(i)));
  auto added = add(items);
  std::vector<std::string> seen;
  Query query;
  query.limit = 37;
  for (;;) {
    auto page = ids_of(query);
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    query.after = page.back();
  }
  std::reverse(seen.begin(), seen.end());
  std::vector<std::string> expected;
  for (const Evidence& each : added) expected.push_back(each.id);
  EXPECT_EQ(seen, expected);
}

TEST_P(ServiceTest, ManyCallersShareTransactions) {
  constexpr int kCallers = 16, kEach = 25;
  std::vector<std::thread> callers;
  std::atomic<int> anchored = 0;
  for (int caller = 0; caller < kCallers; ++caller)
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kEach; ++i) {
        auto added = rig->add({note(std::to_string(caller) + "/" + std::to_string(i))});
        anchored += added && (*added)[0].state == State::anchored;
      }
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(anchored, kCallers * kEach);
  EXPECT_LT(rig->log_size(), uint64_t(kCallers * kEach));
  std::set<std::pair<Digest, uint64_t>> places;
  Query query;
  query.limit = 500;
  auto found = rig->service->find(query);
  ASSERT_OK(found);
  for (const Evidence& each : *found) {
    EXPECT_TRUE(places.emplace(each.transaction, each.index).second);
    if (places.size() % 40 == 1) {
      auto bundle = rig->service->bundle(each.id, {});
      ASSERT_OK(bundle);
      EXPECT_OK(proof::verify(*bundle, anchor(), each.content.digest));
    }
  }
  EXPECT_EQ(places.size(), size_t(kCallers * kEach));
}

TEST_P(ServiceTest, LargeCallsSpanTransactions) {
  std::vector<NewEvidence> items;
  for (int i = 0; i < 2'300; ++i) items.push_back(note(std::to_string(i)));
  auto added = add(items);
  ASSERT_EQ(added.size(), items.size());
  EXPECT_EQ(rig->log_size(), 3u);
  for (size_t i : {size_t(0), size_t(999), size_t(1000), size_t(2299)}) {
    EXPECT_EQ(added[i].index, i % 1000);
    EXPECT_OK(proof::verify(rig->service->bundle(added[i].id, {}).value(), anchor(), items[i].digest));
  }
}

TEST_P(ServiceTest, FullQueueIsSaidSo) {
  rig->close();
  rig->max_queue_items = 10;
  rig->open();
  auto refused = rig->add(std::vector<NewEvidence>(11, note("x")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "order.queue_full");
  EXPECT_EQ(refused.error().code, Code::busy);
  EXPECT_GT(refused.error().retry_after_ms, 0);
  EXPECT_EQ(rig->service->counters().waiting, 0u);
  EXPECT_OK(rig->add(std::vector<NewEvidence>(10, note("x"))));
  rig->service->stop();
  EXPECT_REASON(rig->add({note("x")}), "order.stopping");
}

// SQL has it, the chain does not: as after a crash between the two.
TEST_P(ServiceTest, AnchorsLaterWhatDidNotReachTheChain) {
  rig->chain()->sequencer->stop();
  auto accepted = std::make_shared<std::promise<Added>>(), anchored = std::make_shared<std::promise<Added>>();
  rig->service->add(
      "main", {note("a"), note("b")}, [=](Added added) { accepted->set_value(std::move(added)); },
      [=](Added added) { anchored->set_value(std::move(added)); });
  auto pending = accepted->get_future().get();
  ASSERT_OK(pending);
  EXPECT_REASON(anchored->get_future().get(), "order.stopping");
  std::string id = (*pending)[1].id;
  EXPECT_EQ(rig->service->get(id)->state, State::pending);
  EXPECT_REASON(rig->service->bundle(id, {}), "evidence.not_anchored");
  EXPECT_REASON(rig->service->erase(id), "evidence.not_anchored");
  rig->close();
  rig->open();
  EXPECT_EQ(rig->settled(id).state, State::anchored);
  EXPECT_EQ(rig->log_size(), 1u);
  EXPECT_OK(proof::verify(rig->service->bundle(id, {}).value(), anchor(), note("b").digest));
}

// The chain has it, SQL does not know: found there, not anchored again, however often.
TEST_P(ServiceTest, FindsAgainWhatIsOnTheChain) {
  auto added = add({note("a"), note("b")});
  for (int i = 0; i < 3; ++i) {
    rig->close();
    rig->open_parts();
    rig->sql("update evidence_batch set state = 0, height = 0, block_time_ms = 0");
    rig->open_service();
    Evidence found = rig->settled(added[1].id);
    EXPECT_EQ(found.state, State::anchored);
    EXPECT_EQ(found.height, added[1].height);
    EXPECT_EQ(found.transaction, added[1].transaction);
    EXPECT_EQ(found.block_time_ms, added[1].block_time_ms);
  }
  EXPECT_EQ(rig->log_size(), 1u);
}

// Its transaction expired before it could be handed in: another is signed for the same items.
TEST_P(ServiceTest, SignsAgainOnlyWhatExpired) {
  rig->chain()->sequencer->stop();
  auto accepted = std::make_shared<std::promise<Added>>();
  rig->service->add(
      "main", {note("late")}, [=](Added added) { accepted->set_value(std::move(added)); }, nullptr);
  std::string id = accepted->get_future().get().value()[0].id;
  rig->close();
  rig->open_parts();
  rig->sql("update evidence_batch set valid_until_ms = 1000");
  rig->open_service();
  EXPECT_EQ(rig->settled(id).state, State::anchored);
  EXPECT_EQ(rig->log_size(), 1u);
  EXPECT_OK(proof::verify(rig->service->bundle(id, {}).value(), anchor(), note("late").digest));
}

// Its last block was made by a clock that ran a day ahead.
TEST_P(ServiceTest, AnchorsOnAChainWhoseTimeIsAhead) {
  ASSERT_OK(rig->host->create("ahead", {{rig->writer(), {"writer"}}}, now_ms() + 86'400'000));
  auto added = rig->add({note("a")}, "ahead");
  ASSERT_OK(added);
  EXPECT_EQ((*added)[0].state, State::anchored);
}

TEST_P(ServiceTest, ARefusalIsAnOutcome) {
  auto other = crypto::Sm2PrivateKey::generate().value();
  ASSERT_OK(rig->host->create("foreign", {{other.public_key().point(), {"writer"}}}, now_ms()));
  auto added = rig->add({note("a")}, "foreign");
  ASSERT_OK(added);
  EXPECT_EQ((*added)[0].state, State::refused);
  EXPECT_EQ((*added)[0].refusal, "transaction.unknown_signer");
  EXPECT_EQ((*added)[0].refusal_code, Code::forbidden);
  EXPECT_EQ(rig->service->get((*added)[0].id)->refusal, "transaction.unknown_signer");
  EXPECT_REASON(rig->service->bundle((*added)[0].id, {}), "evidence.refused");
  EXPECT_EQ(rig->service->counters().refused, 1u);
}

}  // namespace
}  // namespace chengxin::evidence
