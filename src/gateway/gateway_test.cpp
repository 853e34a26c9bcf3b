#include "crypto/tls_for_tests.h"
#include "gateway/limiter.h"
#include "gateway/rig_for_tests.h"

namespace chengxin::gateway {
namespace {

class GatewayTest : public Rig {};
INSTANTIATE_ON_EACH_DATABASE(GatewayTest);

TEST_P(GatewayTest, PassesWhatARouteNames) {
  ASSERT_OK(gateway->put(route()));
  const auto answer = gateway->pass("identity", get());
  ASSERT_OK(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "{\"echo\":\"/api/v1/identities/7?full=true\"}");
  EXPECT_EQ(upstream.seen()[0].credential, "Bearer their-token");
  ASSERT_OK(gateway->pass("identity", post("{\"a\":1}", "own-key")));
  EXPECT_EQ(upstream.seen()[1].body, "{\"a\":1}");
  const std::string key = upstream.seen()[1].key;
  Route shared = route();
  shared.applications = {"*"};
  ASSERT_OK(gateway->put(shared));
  Request other = post("{\"a\":1}", "own-key");
  ASSERT_OK(gateway->pass("identity", other));
  other.application = "app-2";
  ASSERT_OK(gateway->pass("identity", other));
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(upstream.seen()[2].key, key) << "the same again";
  EXPECT_NE(upstream.seen()[3].key, key) << "no application meets another's key";
  upstream.status = 404;
  const auto refused = gateway->pass("identity", get());
  EXPECT_EQ(reason(refused), "their.reason") << "a problem behind keeps its reason";
  EXPECT_EQ(refused.error().code, Code::not_found);
}

TEST_P(GatewayTest, NothingElsePasses) {
  ASSERT_OK(gateway->put(route()));
  Route reading = route("reading");
  reading.writes = false;
  ASSERT_OK(gateway->put(reading));
  EXPECT_EQ(reason(gateway->pass("nowhere", get())), "gateway.no_route");
  Request other = get();
  other.application = "app-2";
  EXPECT_EQ(reason(gateway->pass("identity", other)), "gateway.application");
  EXPECT_EQ(reason(gateway->pass("reading", post("{}"))), "gateway.method");
  for (const char* path :
       {"/api/v1/tokens", "/api/v1/identitiesx", "/api/v1/identities/../tokens",
        "/api/v1/identities/%2e%2e/tokens", "/api/v1/identities//x", "/api/v1/identities/\\..",
        "api/v1/identities", "/api/v1/identities/a b", "/api/v1/identities/\r\nX: y"})
    EXPECT_EQ(reason(gateway->pass("identity", get(path))), "gateway.path") << path;
  EXPECT_TRUE(upstream.seen().empty());
}

TEST_P(GatewayTest, RoutesAreChecked) {
  auto refused = [&](auto bend) {
    Route one = route();
    bend(one);
    return test::failed_with("gateway.route_invalid", gateway->put(one));
  };
  EXPECT_TRUE(refused([](Route& r) { r.name = "No Such"; }));
  EXPECT_TRUE(refused([](Route& r) { r.upstream = "ftp://x"; }));
  EXPECT_TRUE(refused([](Route& r) { r.upstream = "http://10.0.0.1:80"; }));
  EXPECT_TRUE(refused([](Route& r) { r.upstream = "http://127.0.0.1.evil.example"; }));
  EXPECT_TRUE(refused([](Route& r) { r.applications.clear(); }));
  EXPECT_TRUE(refused([](Route& r) { r.paths.clear(); }));
  EXPECT_TRUE(refused([](Route& r) { r.burst = 0; }));
  EXPECT_TRUE(refused([](Route& r) { r.buffered = true, r.writes = false; }));
  EXPECT_TRUE(gateway->routes().empty());
}

TEST_P(GatewayTest, CredentialsAreSealedAndComeBack) {
  ASSERT_OK(gateway->put(route()));
  EXPECT_TRUE(gateway->routes()[0].token.empty());
  ASSERT_OK(database->read([](sql::Session& session) -> Status {
    ASSIGN(const auto row, session.row("select document, token from gateway_route"));
    EXPECT_EQ(row->text(0).find("their-token"), std::string::npos);
    EXPECT_EQ(to_string(row->blob(1)).find("their-token"), std::string::npos);
    return {};
  }));
  start();
  ASSERT_OK(gateway->pass("identity", get()));
  EXPECT_EQ(upstream.seen()[0].credential, "Bearer their-token");
}

TEST(Limiter, GivesABurstAndThenTheRate) {
  Limiter limiter(10, 5);
  int64_t now = 1'000'000'000;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.take("a", now), 0);
  EXPECT_GT(limiter.take("a", now), 0);
  EXPECT_EQ(limiter.take("b", now), 0) << "each application has its own";
  int passed = 0;
  for (int i = 0; i < 1000; ++i) passed += limiter.take("a", now += 10'000'000) == 0;
  EXPECT_NEAR(passed, 100, 1) << "ten seconds at ten a second";
}

TEST_P(GatewayTest, TooManyAreToldWhenToComeAgain) {
  Route slow = route();
  slow.per_second = 1;
  slow.burst = 2;
  ASSERT_OK(gateway->put(slow));
  ASSERT_OK(gateway->pass("identity", get()));
  ASSERT_OK(gateway->pass("identity", get()));
  const auto refused = gateway->pass("identity", get());
  EXPECT_EQ(reason(refused), "gateway.rate");
  EXPECT_EQ(refused.error().code, Code::busy);
  EXPECT_GT(refused.error().retry_after_ms, 0);
  const auto traffic = gateway->traffic({}).value();
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic[0].counts.requests, 3);
  EXPECT_EQ(traffic[0].counts.refused, 1);
  EXPECT_EQ(traffic[0].application, "app-1");
  int64_t timed = 0;
  for (int64_t each : traffic[0].counts.latency) timed += each;
  EXPECT_EQ(timed, 2);
  start();
  ASSERT_OK(gateway->pass("identity", get()));
  EXPECT_EQ(gateway->traffic({})->at(0).counts.requests, 4) << "added to what was there";
  EXPECT_TRUE(gateway->traffic({.application = "app-2", .route = {}})->empty());
}

TEST_P(GatewayTest, BufferedWritesWaitForWhatIsSlow) {
  Route buffered = route();
  buffered.buffered = true;
  ASSERT_OK(gateway->put(buffered));
  start(0);
  upstream.status = 503;
  std::vector<std::string> tickets;
  for (int i = 0; i < 5; ++i) {
    const auto answer = gateway->pass("identity", post(std::to_string(i)));
    ASSERT_OK(answer);
    EXPECT_EQ(answer->status, 202);
    tickets.push_back(answer->ticket);
  }
  EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(gateway->write("app-1", tickets[0])->error.reason, "their.reason");
  EXPECT_REASON(gateway->write("app-2", tickets[0]), "gateway.no_ticket");
  EXPECT_EQ(gateway->waiting("identity"), 5u);
  EXPECT_REASON(gateway->remove("identity"), "gateway.writes_wait");

  start(0);  // what was accepted survives
  EXPECT_EQ(gateway->waiting("identity"), 5u);
  upstream.status = 200;
  upstream.failures = 2;
  gateway->start();
  for (int i = 0; i < 500 && gateway->waiting("identity") > 0; ++i) ::usleep(20'000);
  EXPECT_EQ(gateway->waiting("identity"), 0u);
  const auto seen = upstream.seen();
  ASSERT_EQ(seen.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(seen[size_t(i)].body, std::to_string(i)) << "in order";
    EXPECT_EQ(seen[size_t(i)].key, tickets[size_t(i)]);
    EXPECT_EQ(gateway->write("app-1", tickets[size_t(i)])->state, WriteState::done);
  }
  ASSERT_OK(gateway->remove("identity"));
}

TEST_P(GatewayTest, ABufferedWriteAnswersAtOnceWhenAllIsWell) {
  Route buffered = route();
  buffered.buffered = true;
  ASSERT_OK(gateway->put(buffered));
  gateway->start();
  const auto answer = gateway->pass("identity", post("x", "k1"));
  ASSERT_OK(answer);
  EXPECT_EQ(answer->status, 200);
  const auto again = gateway->pass("identity", post("x", "k1"));
  ASSERT_OK(again);
  EXPECT_EQ(again->ticket, answer->ticket);
  EXPECT_EQ(again->body, answer->body);
  EXPECT_EQ(upstream.seen().size(), 1u) << "done once";
  EXPECT_EQ(reason(gateway->pass("identity", post("y", "k1"))), "gateway.key_reused");
  EXPECT_EQ(gateway->waiting("identity"), 0u);
  upstream.status = 409;
  const auto refused = gateway->pass("identity", post("z"));
  EXPECT_EQ(reason(refused), "their.reason");
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(gateway->writes({"identity", "", WriteState::refused})->size(), 1u);
}

TEST_P(GatewayTest, TheBufferIsBounded) {
  Route buffered = route();
  buffered.buffered = true;
  buffered.most_waiting = 3;
  buffered.burst = 1000;
  ASSERT_OK(gateway->put(buffered));
  start(0);
  upstream.status = 503;
  const auto first = gateway->pass("identity", post("0", "k0"));
  ASSERT_OK(first);
  for (int i = 1; i < 3; ++i) ASSERT_OK(gateway->pass("identity", post(std::to_string(i))));
  const auto again = gateway->pass("identity", post("0", "k0"));
  ASSERT_OK(again);
  EXPECT_EQ(again->ticket, first->ticket) << "it takes no room again";
  EXPECT_EQ(reason(gateway->pass("identity", post("other", "k0"))), "gateway.key_reused");
  const auto full = gateway->pass("identity", post("3", "k3"));
  EXPECT_EQ(reason(full), "gateway.buffer_full");
  EXPECT_EQ(full.error().code, Code::busy);
  EXPECT_GT(full.error().retry_after_ms, 0);
  ASSERT_OK(gateway->pass("identity", get("/api/v1/identities")) ? Result<int>(fail(Code::internal, "x"))
                                                                 : Result<int>(1));
  EXPECT_EQ(gateway->waiting("identity"), 3u);
}

TEST_P(GatewayTest, WhatDoesNotAnswerIsTriedAgain) {
  Route buffered = route();
  buffered.buffered = true;
  auto away = std::make_unique<Upstream>();
  buffered.upstream = "http://127.0.0.1:" + std::to_string(away->port);
  const uint16_t port = away->port;
  away.reset();
  ASSERT_OK(gateway->put(buffered));
  start(0);
  ASSERT_OK(gateway->pass("identity", post("x")));
  EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(gateway->waiting("identity"), 1u);
  Upstream back(port);
  gateway->start();
  for (int i = 0; i < 500 && gateway->waiting("identity") > 0; ++i) ::usleep(20'000);
  ASSERT_EQ(back.seen().size(), 1u);
}

// Answers every request with 200, over TLS 1.3 with SM2 certificates; one connection at a time.
class ProtectedUpstream {
 public:
  explicit ProtectedUpstream(const crypto::Authority& root)
      : context_(crypto::TlsContext::create(crypto::TlsProtocol::tls13_sm, crypto::test_identity(root, "far"))
                     .value()) {
    socket_ = listening(port);
    thread_ = std::thread([this] {
      for (int one = 0; (one = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(one)) serve(one);
    });
  }
  ~ProtectedUpstream() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  uint16_t port = 0;
  std::atomic<int> answered{0};

 private:
  void serve(int one) {
    const auto session = context_.accept();
    Bytes plain;
    for (bool more = true; more;) {
      uint8_t buffer[4096];
      const ssize_t count = ::read(one, buffer, sizeof buffer);
      more = count > 0 && session->receive({buffer, size_t(count)}, plain);
      const std::string in = to_string(plain);
      if (more && in.ends_with("\r\n\r\nx")) {
        ++answered;
        more = false;
        EXPECT_TRUE(session->send(view("HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")));
        session->finish();
      }
      const Bytes out = session->take_output();
      (void)!::send(one, out.data(), out.size(), MSG_NOSIGNAL);
    }
  }

  crypto::TlsContext context_;
  int socket_ = -1;
  std::thread thread_;
};

// Nobody has answered: what was acknowledged waits until the fault is mended, whatever its code is.
TEST_P(GatewayTest, AHandshakeThatFailsSettlesNothing) {
  const auto root = crypto::test_root("right"), other = crypto::test_root("wrong");
  ProtectedUpstream far(root);
  Route one = buffered();
  const std::string place = "127.0.0.1:" + std::to_string(far.port);
  start(0);
  std::string ticket;
  for (const auto& [far_side, root_pem] : {std::pair("https://" + place, other.certificate().to_pem()),
                                           {"tlcp://" + place, root.certificate().to_pem()},
                                           {"tlcp://" + place, std::string("no certificate")}}) {
    one.upstream = far_side;
    one.root_pem = root_pem;
    ASSERT_OK(gateway->put(one));
    start(0);
    if (ticket.empty()) ticket = accepted("app-1", "x");
    EXPECT_EQ(gateway->deliver(), 0u) << far_side;
    const Write write = write_of("app-1", ticket);
    EXPECT_EQ(write.state, WriteState::waiting) << write.error.to_string();
    EXPECT_EQ(write.status, 0);
    EXPECT_FALSE(write.error.reason.empty());
    EXPECT_NE(write.error.reason, "client.unreachable");
  }
  EXPECT_EQ(far.answered, 0);
  one.upstream = "https://" + place;
  one.root_pem = root.certificate().to_pem();
  ASSERT_OK(gateway->put(one));
  deliver_until([&] { return write_of("app-1", ticket).state == WriteState::done; });
  EXPECT_EQ(far.answered, 1);
}

TEST_P(GatewayTest, ARefusalIsFinalWhateverItLooksLike) {
  Route buffered = route();
  buffered.buffered = true;
  buffered.burst = 1000;
  ASSERT_OK(gateway->put(buffered));
  start(0);
  for (const int status : {400, 401, 403, 404, 409, 413, 418, 422, 451, 501})
    for (const char* body : {"plain", "problem"}) {
      upstream.status = status;
      const auto kept = gateway->pass("identity", post(body));
      ASSERT_OK(kept);
      EXPECT_EQ(gateway->deliver(), 1u) << status << body;
      const auto write = gateway->write("app-1", kept->ticket);
      ASSERT_OK(write);
      if (body[1] == 'l') {
        EXPECT_EQ(write->state, WriteState::done) << status;
        EXPECT_EQ(write->status, status);
        EXPECT_EQ(write->answer, "no such page");
      } else {
        EXPECT_EQ(write->state, WriteState::refused) << status;
        EXPECT_EQ(write->error.reason, "their.reason");
      }
    }
  EXPECT_EQ(gateway->waiting("identity"), 0u);
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
    upstream.status = status;
    ASSERT_OK(gateway->put(buffered));
    const auto kept = gateway->pass("identity", post("plain" + std::to_string(status)));
    ASSERT_OK(kept);
    EXPECT_EQ(gateway->deliver(), 0u) << status;
    EXPECT_EQ(gateway->write("app-1", kept->ticket)->state, WriteState::waiting) << status;
    upstream.status = 200;
    for (int i = 0; i < 500 && gateway->waiting("identity") > 0; ++i) {
      (void)gateway->deliver();
      ::usleep(20'000);
    }
    EXPECT_EQ(gateway->write("app-1", kept->ticket)->status, 200) << status;
  }
}

TEST_P(GatewayTest, AnApplicationsStuckWriteHoldsUpNoOther) {
  Route buffered = route();
  buffered.buffered = true;
  buffered.applications = {"*"};
  buffered.most_waiting = 3;
  ASSERT_OK(gateway->put(buffered));
  start(0);
  const auto from = [&](const char* application, const char* body) {
    Request one = post(body);
    one.application = application;
    return gateway->pass("identity", one);
  };
  for (const char* body : {"stuck", "a1", "a2"}) ASSERT_OK(from("app-1", body));
  EXPECT_EQ(reason(from("app-1", "a3")), "gateway.buffer_full");
  const auto other = from("app-2", "b1"), last = from("app-2", "b2");
  ASSERT_OK(other);
  ASSERT_OK(last);
  start(0);
  gateway->start();
  for (int i = 0; i < 500 && gateway->waiting("identity") > 3; ++i) ::usleep(20'000);
  EXPECT_EQ(gateway->write("app-2", other->ticket)->state, WriteState::done);
  EXPECT_EQ(gateway->write("app-2", last->ticket)->state, WriteState::done);
  EXPECT_EQ(gateway->waiting("identity"), 3u) << "in the order of its application";
  const auto seen = upstream.seen();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].body + seen[1].body, "b1b2");
}

}  // namespace
}  // namespace chengxin::gateway
