#include <future>
#include <iostream>
#include <random>

#include "gateway/rig_for_tests.h"

// Writes that are accepted: parked, retried, discarded, bounded, and what becomes of them when a route goes.
namespace chengxin::gateway {
namespace {

class BufferTest : public Rig {};
INSTANTIATE_ON_EACH_DATABASE(BufferTest);

TEST_P(BufferTest, WhatAlwaysFailsIsParkedUntilSomebodyDecides) {
  bounds.park_failures = 3;
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const std::string broken = accepted("app-1", "broken"), behind = accepted("app-1", "a1");
  const std::string other = accepted("app-2", "b1");
  deliver_until([&] { return gateway->parked("identity") == 1; });
  Write write = write_of("app-1", broken);
  EXPECT_EQ(write.state, WriteState::parked);
  EXPECT_EQ(write.attempts, 3);
  EXPECT_EQ(write.status, 500);
  EXPECT_EQ(write.error.reason, "their.reason");
  EXPECT_GT(write.first_ms, 0);
  EXPECT_GE(write.last_ms, write.first_ms);
  EXPECT_EQ(write_of("app-1", behind).state, WriteState::waiting) << "in the order of its application";
  EXPECT_EQ(write_of("app-2", other).state, WriteState::done);
  EXPECT_REASON(gateway->remove("identity"), "gateway.writes_wait");
  ASSERT_EQ(gateway->findings().size(), 1u);
  EXPECT_EQ(gateway->findings()[0].reason, "gateway.parked");

  start(0);
  EXPECT_EQ(gateway->parked("identity"), 1u);
  EXPECT_EQ(gateway->waiting("identity"), 2u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(upstream.refusals, 3) << "nobody tries it any more";
  const auto listed = gateway->writes({.route = "", .application = "", .state = WriteState::parked});
  ASSERT_OK(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->at(0).ticket, broken);
  EXPECT_REASON(gateway->retry(behind), "gateway.not_parked");
  EXPECT_REASON(gateway->retry(other), "gateway.not_parked");
  EXPECT_REASON(gateway->discard(behind, "why", true), "gateway.not_parked");
  EXPECT_REASON(gateway->discard("none", "why", false), "gateway.no_ticket");

  ASSERT_OK(gateway->retry(broken));
  EXPECT_EQ(gateway->parked("identity"), 0u);
  EXPECT_TRUE(gateway->findings().empty());
  deliver_until([&] { return gateway->parked("identity") == 1; });
  EXPECT_EQ(upstream.refusals, 6);
  EXPECT_EQ(write_of("app-1", broken).attempts, 6);
  EXPECT_EQ(write_of("app-1", broken).failures, 3);

  const auto discarded = gateway->discard(broken, "the far side's mistake 17", false);
  ASSERT_OK(discarded);
  EXPECT_EQ(discarded->writes, 1);
  EXPECT_REASON(gateway->discard(broken, "again", false), "gateway.not_parked");
  deliver_until([&] { return gateway->waiting("identity") == 0; });
  write = write_of("app-1", broken);
  EXPECT_EQ(write.state, WriteState::discarded);
  EXPECT_EQ(write.error.reason, "gateway.discarded");
  EXPECT_EQ(write.error.detail, "the far side's mistake 17; parked for their.reason");
  EXPECT_EQ(write_of("app-1", behind).state, WriteState::done);
  EXPECT_EQ(number("select count(*) from gateway_write where length(body) > 0"), 0);
  ASSERT_OK(gateway->remove("identity"));
}

TEST_P(BufferTest, AParkedWriteDiscardedWithWhatWaitsBehindIt) {
  bounds.park_failures = 1;
  start(0);
  Route one = buffered();
  one.most_waiting = 4;
  ASSERT_OK(gateway->put(one));
  accepted("app-2", "stuck");
  const std::string broken = accepted("app-1", "broken");
  const std::vector<std::string> behind = {accepted("app-1", "a1"), accepted("app-1", "a2"),
                                           accepted("app-1", "a3")};
  deliver_until([&] { return gateway->parked("identity") == 1; });
  EXPECT_EQ(reason(gateway->pass("identity", post("a4"))), "gateway.buffer_full") << "it still takes room";
  EXPECT_EQ(gateway->waiting("identity", "app-1"), 4u);
  const auto discarded = gateway->discard(broken, "all of them", true);
  ASSERT_OK(discarded);
  EXPECT_EQ(discarded->writes, 4);
  for (const auto& ticket : behind) EXPECT_EQ(write_of("app-1", ticket).error.reason, "gateway.discarded");
  EXPECT_EQ(gateway->waiting("identity", "app-1"), 0u);
  EXPECT_EQ(gateway->waiting("identity"), 1u) << "another application's stays";
  EXPECT_TRUE(upstream.seen().empty());
  accepted("app-1", "a4");
  deliver_until([&] { return upstream.seen().size() == 1; });
}

TEST_P(BufferTest, ADiscardedWriteIsToldToWhoSendsItAgain) {
  bounds.park_failures = 1;
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const auto kept = gateway->pass("identity", post("broken", "k1"));
  ASSERT_OK(kept);
  deliver_until([&] { return gateway->parked("identity") == 1; });
  const auto again = gateway->pass("identity", post("broken", "k1"));
  ASSERT_OK(again);
  EXPECT_EQ(again->status, 202);
  EXPECT_EQ(again->ticket, kept->ticket);
  EXPECT_EQ(Json::parse(again->body)["state"], "parked");
  start(600'000);  // whoever is behind it does not wait for long
  EXPECT_EQ(Json::parse(gateway->pass("identity", post("next"))->body)["state"], "waiting");
  ASSERT_OK(gateway->discard(kept->ticket, "why", false));
  const auto gone = gateway->pass("identity", post("broken", "k1"));
  EXPECT_EQ(reason(gone), "gateway.discarded");
  EXPECT_EQ(gone.error().code, Code::gone);
}

TEST_P(BufferTest, ABodyThatDoesNotOpenIsParkedAtOnce) {
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const std::string altered = accepted("app-1", "first"), short_one = accepted("app-1", "second"),
                    last = accepted("app-1", "third"), foreign = accepted("app-2", "other's");
  change("update gateway_write set body = (select body from gateway_write where ticket = '" + last +
         "') where ticket in ('" + altered + "', '" + foreign + "')");
  change("update gateway_write set body = answer where ticket = '" + short_one + "'");  // empty
  start(0);
  EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(gateway->parked("identity"), 2u) << "the first of each";
  for (const auto& [application, ticket] :
       {std::pair("app-1", altered), {"app-2", foreign}, {"app-1", short_one}}) {
    deliver_until(
        [&, name = application, id = ticket] { return write_of(name, id).state == WriteState::parked; });
    const Write write = write_of(application, ticket);
    EXPECT_EQ(write.error.reason, "gateway.body_damaged");
    EXPECT_EQ(write.error.code, Code::data_loss);
    EXPECT_EQ(write.attempts, 0);
    ASSERT_OK(gateway->retry(ticket));
    deliver_until(
        [&, name = application, id = ticket] { return write_of(name, id).state == WriteState::parked; });
    ASSERT_OK(gateway->discard(ticket, "damaged", false));
  }
  deliver_until([&] { return gateway->waiting("identity") == 0; });
  ASSERT_EQ(upstream.seen().size(), 1u);
  EXPECT_EQ(upstream.seen()[0].body, "third");
  ASSERT_OK(gateway->remove("identity"));
}

TEST_P(BufferTest, WhatIsAwayIsWaitedForUntilItsTimeIsOver) {
  bounds.park_failures = 1;
  bounds.park_after_ms = 3600'000;
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const std::string ticket = accepted("app-1", "stuck");
  deliver_until([&] { return upstream.refusals >= 3; });
  EXPECT_EQ(gateway->parked("identity"), 0u) << "503 says that it is away";
  ahead_ms = 3599'000;
  const int before = upstream.refusals;
  start(0);
  deliver_until([&] { return upstream.refusals > before; });
  EXPECT_EQ(gateway->parked("identity"), 0u);
  ahead_ms = 3700'000;
  deliver_until([&] { return gateway->parked("identity") == 1; });
  EXPECT_EQ(write_of("app-1", ticket).error.reason, "their.reason");
  ASSERT_OK(gateway->retry(ticket));
  const int retried = upstream.refusals;
  deliver_until([&] { return upstream.refusals >= retried + 2; });
  EXPECT_EQ(gateway->parked("identity"), 0u) << "its time begins anew";
}

TEST_P(BufferTest, TheBuffersOfAllRoutesAreBoundedTogether) {
  bounds.most_writes = 3;
  bounds.most_bytes = 100;
  start(0);
  Route first = buffered(), second = buffered();
  EXPECT_REASON(gateway->put(first), "gateway.route_invalid") << "one route would have more than all";
  first.most_waiting = second.most_waiting = 3;
  second.name = "second";
  ASSERT_OK(gateway->put(first));
  ASSERT_OK(gateway->put(second));
  const auto from = [&](const char* application, const char* route, const std::string& body) {
    Request request = post(body);
    request.application = application;
    return gateway->pass(route, request);
  };
  upstream.status = 503;
  ASSERT_OK(from("app-1", "identity", "1"));
  ASSERT_OK(from("app-2", "identity", "2"));
  ASSERT_OK(from("app-3", "second", "3"));
  start(0);  // what is there counts
  for (const char* route : {"identity", "second"}) {
    const auto full = from("app-4", route, "4");
    EXPECT_EQ(reason(full), "gateway.buffer_total");
    EXPECT_EQ(full.error().code, Code::busy);
    EXPECT_GT(full.error().retry_after_ms, 0);
  }
  EXPECT_EQ(number("select count(*) from gateway_write"), 3);
  upstream.status = 200;
  deliver_until([&] { return gateway->waiting("identity") + gateway->waiting("second") == 0; });
  upstream.status = 503;
  ASSERT_OK(from("app-1", "identity", std::string(60, 'x')));
  EXPECT_EQ(reason(from("app-2", "second", std::string(41, 'y'))), "gateway.buffer_total")
      << "bytes are bounded too";
  ASSERT_OK(from("app-2", "second", std::string(40, 'y')));
}

TEST_P(BufferTest, WhatIsParkedOfAnApplicationLeavesRoomForOthers) {
  bounds.most_writes = 12;
  bounds.most_bytes = 400;
  bounds.park_failures = 1;
  start(0);
  Route first = buffered(), second = buffered();
  first.most_waiting = second.most_waiting = 12;
  second.name = "second";
  ASSERT_OK(gateway->put(first));
  ASSERT_OK(gateway->put(second));
  const std::string broken = accepted("app-1", "broken");
  accepted("app-1", "1");
  ASSERT_OK(gateway->pass("second", post("broken")));
  deliver_until([&] { return gateway->parked("identity") + gateway->parked("second") == 2; });
  EXPECT_EQ(gateway->writes({"", "", WriteState::parked, 1})->size(), 1u);
  for (const auto& [route, application, count] :
       {std::tuple("", "", 2), {"second", "", 1}, {"", "app-1", 2}, {"identity", "app-2", 0}})
    EXPECT_EQ(gateway->count_parked(route, application).value(), count) << route << application;
  start(0);
  for (const char* route : {"identity", "second"}) {
    const auto full = gateway->pass(route, post("2"));
    EXPECT_EQ(reason(full), "gateway.buffer_full") << "a quarter of all, over all routes";
    EXPECT_EQ(full.error().code, Code::busy);
    EXPECT_GT(full.error().retry_after_ms, 0);
  }
  for (const char* application : {"app-2", "app-3", "app-4"})
    for (int i = 0; i < 3; ++i) accepted(application, "2");
  ASSERT_OK(gateway->discard(broken, "why", true));
  Request large = post(std::string(95, 'x'));
  EXPECT_EQ(reason(gateway->pass("identity", large)), "gateway.buffer_full") << "its bytes too";
  large.body.resize(94);
  ASSERT_OK(gateway->pass("identity", large));
}

// While it lives nobody can remove a route: the row is locked.
class RouteLock {
 public:
  RouteLock(sql::Database& database, const std::string& route) {
    thread_ = std::thread([this, &database, route] {
      EXPECT_REASON(database.transaction([&](sql::Session& session) -> Status {
        ASSIGN([[maybe_unused]] const auto locked,
               session.run("update gateway_route set document = document where name = ?", route));
        locked_.set_value();
        until_.get_future().wait();
        return fail(Code::busy, "test.over");
      }),
                    "test.over");
    });
    locked_.get_future().wait();
  }
  ~RouteLock() {
    until_.set_value();
    thread_.join();
  }

 private:
  std::promise<void> locked_, until_;
  std::thread thread_;
};

// The removal has looked whether something waits, and has not removed yet.
TEST_P(BufferTest, NothingIsAcceptedWhileItsRouteIsBeingRemoved) {
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  auto lock = std::make_unique<RouteLock>(*database, "identity");
  auto removed = std::async(std::launch::async, [&] { return gateway->remove("identity"); });
  ::usleep(200'000);  // whoever is first: the outcome has to be one of two
  auto kept = std::async(std::launch::async, [&] { return gateway->pass("identity", post("x")); });
  ::usleep(200'000);
  lock.reset();
  const auto answer = kept.get();
  const auto gone = removed.get();
  EXPECT_NE(gone.has_value(), answer.has_value());
  if (!answer) {
    EXPECT_EQ(reason(answer), "gateway.no_route");
    EXPECT_EQ(number("select count(*) from gateway_write"), 0);
  }
  ASSERT_OK(gateway->put(buffered()));
  const std::string ticket = accepted("app-1", "y");
  deliver_until([&] { return write_of("app-1", ticket).state == WriteState::done; });
}

TEST_P(BufferTest, RemovalsAndWritesInTurnLoseNothing) {
  ASSERT_OK(gateway->put(buffered()));
  start(0);
  gateway->start();
  std::atomic<bool> over = false;
  std::vector<std::string> tickets;
  std::thread writer([&] {
    for (int i = 0; !over; ++i) {
      if (const auto answer = gateway->pass("identity", post(std::to_string(i))); answer)
        tickets.push_back(answer->ticket);
      ::usleep(useconds_t(i % 5 * 3000));
    }
  });
  int removals = 0;
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    ::usleep(random() % 500);
    if (gateway->remove("identity")) {
      ++removals;
      EXPECT_EQ(number("select count(*) from gateway_write where state = 0"), 0);
    }
    ASSERT_OK(gateway->put(buffered()));
  }
  over = true;
  writer.join();
  for (int i = 0; i < 500 && gateway->waiting("identity") > 0; ++i) ::usleep(20'000);
  for (const auto& ticket : tickets) EXPECT_EQ(write_of("app-1", ticket).state, WriteState::done);
  EXPECT_EQ(upstream.seen().size(), tickets.size());
  std::cout << removals << " removals, " << tickets.size() << " writes, seed " << seed << "\n";
}

// A commit whose answer was lost: the row is there, and who handed it in was told that it is not.
TEST_P(BufferTest, ARowThatNobodyCountedKeepsItsRouteToo) {
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const std::string ticket = accepted("app-1", "x");
  ASSERT_EQ(gateway->deliver(), 1u);
  change("update gateway_write set state = 0, bytes = 1");  // its body is wiped already
  ASSERT_EQ(gateway->waiting("identity"), 0u);
  EXPECT_REASON(gateway->remove("identity"), "gateway.writes_wait");
  EXPECT_EQ(gateway->waiting("identity"), 1u);
  deliver_until([&] { return gateway->parked("identity") == 1; });
  ASSERT_OK(gateway->discard(ticket, "nobody was told that it is here", false));
  ASSERT_OK(gateway->remove("identity"));
}

TEST_P(BufferTest, WritesOfARouteThatIsGoneAreShown) {
  start(0);
  ASSERT_OK(gateway->put(buffered()));
  const std::string first = accepted("app-1", "1"), second = accepted("app-1", "2");
  change("delete from gateway_route");  // as an earlier release could leave it
  start(0);
  ASSERT_EQ(gateway->findings().size(), 1u);
  EXPECT_EQ(write_of("app-1", first).error.reason, "gateway.no_route");
  EXPECT_REASON(gateway->retry(first), "gateway.no_route");
  ASSERT_OK(gateway->put(buffered()));
  EXPECT_EQ(gateway->parked("identity"), 2u);
  ASSERT_OK(gateway->retry(second));
  EXPECT_EQ(gateway->deliver(), 0u) << "the first of them is parked still";
  ASSERT_OK(gateway->discard(first, "too late", false));
  deliver_until([&] { return gateway->waiting("identity") == 0; });
  ASSERT_EQ(upstream.seen().size(), 1u);
  EXPECT_EQ(upstream.seen()[0].body, "2");
}

}  // namespace
}  // namespace chengxin::gateway
