#include "api/server.h"

#include <gtest/gtest.h>

#include "api/platform_for_tests.h"

namespace chengxin::api {
namespace {

struct ServerTest : testing::Test {
  std::unique_ptr<Server> server;
  void start(Options options = {}) {
    options.port = 0;
    options.owner_token = kToken;
    options.io_threads = 2;
    server = std::make_unique<Server>(options, Services{});
    auto status = server->start();
    ASSERT_TRUE(status) << status.error().to_string();
  }
  uint16_t port() const { return server->port(); }
  Reply raw(const std::string& bytes, bool end = false) {
    TestClient client(port());
    client.send(bytes);
    if (end) client.end_writing();
    return client.receive();
  }
};

TEST_F(ServerTest, HealthIsOpenAndSystemIsNot) {
  start();
  Reply health = ask(port(), {.target = "/healthz"});
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.json()["status"], "ok");
  EXPECT_EQ(health.header("x-content-type-options"), "nosniff");
  Reply refused = ask(port(), {.target = "/api/v1/system"});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.reason(), "auth.missing");
  EXPECT_EQ(refused.header("content-type"), "application/problem+json");
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  EXPECT_EQ(refused.json()["request_id"], refused.header("x-request-id"));
  EXPECT_EQ(ask(port(), {.target = "/api/v1/system", .token = kToken.substr(1)}).reason(), "auth.invalid");
  EXPECT_EQ(ask(port(), {.target = "/api/v1/system", .token = kToken + "x"}).reason(), "auth.invalid");
  Reply system = ask(port(), {.target = "/api/v1/system", .token = kToken});
  EXPECT_EQ(system.status, 200);
  EXPECT_EQ(system.json()["product"], "chengxin");
}

TEST_F(ServerTest, MetricsCountRequests) {
  start();
  ask(port(), {.target = "/healthz"});
  Reply metrics = ask(port(), {.target = "/metrics", .token = kToken});
  EXPECT_NE(
      metrics.body.find("chengxin_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"2xx\"} 1"),
      std::string::npos)
      << metrics.body;
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  TestClient client(port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += TestRequest{.target = i % 2 ? "/nowhere" : "/healthz"}.text();
  client.send(all);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.receive().status, i % 2 ? 404 : 200) << i;
}

TEST_F(ServerTest, ARequestMayArriveByteByByte) {
  start();
  TestClient client(port());
  for (char c : TestRequest{.target = "/healthz"}.text()) client.send({&c, 1});
  EXPECT_EQ(client.receive().status, 200);
}

TEST_F(ServerTest, HeadHasNoBodyAndHttp10Closes) {
  start();
  TestClient client(port());
  client.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n");
  Reply head = client.receive(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.header("content-length"), "0");
  Reply old = client.receive();
  EXPECT_EQ(old.status, 200);
  EXPECT_EQ(old.header("connection"), "close");
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerTest, WrongMethodsNameTheRightOnes) {
  start();
  Reply reply = ask(port(), {.method = "DELETE", .target = "/healthz"});
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("allow"), "GET");
  EXPECT_EQ(ask(port(), {.method = "BREW", .target = "/healthz"}).status, 405);
  EXPECT_EQ(ask(port(), {.method = "OPTIONS", .target = "/healthz"}).status, 405);
}

TEST_F(ServerTest, MalformedRequests) {
  start();
  struct Case {
    std::string bytes;
    int status;
    std::string reason;
  };
  const std::string host = "Host: localhost\r\n";
  const Case cases[] = {
      {"GARBAGE\r\n\r\n", 400, "api.malformed"},
      {"GET  / HTTP/1.1\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/2.0\r\n" + host + "\r\n", 505, "api.http_version"},
      {"GET /healthz HTTP/1.1\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + host + "\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
       "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host +
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n", 400, "api.malformed"},
      {"GET /healthz HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 400, "api.body_refused"},
      {"GET healthz HTTP/1.1\r\n" + host + "\r\n", 400, "api.bad_path"},
      {"GET http://localhost/healthz HTTP/1.1\r\n" + host + "\r\n", 400, "api.bad_path"},
      {"GET /healthz?a=1 HTTP/1.1\r\n" + host + "\r\n", 400, "api.unknown_parameter"},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414, "api.uri_too_long"},
      {"GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414, "api.uri_too_long"},
      {"GET /healthz HTTP/1.1\r\n" + host + "X: " + std::string(17'000, 'a') + "\r\n\r\n", 431,
       "api.header_too_large"},
  };
  for (const auto& one : cases) {
    Reply reply = raw(one.bytes);
    EXPECT_EQ(reply.status, one.status) << one.bytes.substr(0, 120);
    EXPECT_EQ(reply.reason(), one.reason) << one.bytes.substr(0, 120);
  }
  std::string bomb = "GET /healthz HTTP/1.1\r\n" + host;
  for (int i = 0; i < 5000; ++i) bomb += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(raw(bomb + "\r\n").status, 431);
  EXPECT_EQ(raw("GET /healthz HTT", true).status, 400) << "truncated";
  EXPECT_EQ(ask(port(), {.target = "/healthz"}).status, 200);
}

TEST_F(ServerTest, OddPathsAreRefusedNotInterpreted) {
  start();
  for (std::string path : {"/docs/../healthz", "/docs/%2e%2e/healthz", "/docs/..%2fhealthz", "//healthz",
                           "/healthz/", "/docs%2fdocs.js", "/docs/%5c", "/%00", "/%zz", "/%", "/%c0%ae",
                           "/%ed%a0%80", "/%0d%0aX:%20y", "/./healthz", "/healthz?a=%ff"})
    EXPECT_EQ(ask(port(), {.target = path}).reason(), "api.bad_path") << path;
  EXPECT_EQ(ask(port(), {.target = "/%68ealthz"}).status, 200) << "the same resource, spelled otherwise";
}

TEST_F(ServerTest, PagesOfOtherSitesAreKeptOut) {
  Options options;
  options.hosts = {"chengxin.example"};
  start(options);
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Host", "evil.example"}}}).reason(),
            "api.host_refused");
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Host", "localhost.evil.example"}}}).reason(),
            "api.host_refused");
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Host", "[::1]:8080"}}}).status, 200);
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Host", "Chengxin.Example:443"}}}).status, 200);
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Origin", "http://evil.example"}}}).reason(),
            "api.origin_refused");
  EXPECT_EQ(ask(port(), {.target = "/healthz", .headers = {{"Origin", "null"}}}).reason(),
            "api.origin_refused");
  Reply same = ask(
      port(), {.target = "/healthz", .headers = {{"Host", "localhost:1"}, {"Origin", "http://localhost:1"}}});
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(same.header("access-control-allow-origin"), "");
}

TEST_F(ServerTest, SlowAndIdleClientsAreCutOff) {
  Options options;
  options.header_timeout_ms = 300;
  options.idle_timeout_ms = 300;
  start(options);
  TestClient idle(port()), slow(port());
  slow.send("GET /healthz HTTP/1.1\r\nHo");
  Reply reply = slow.receive();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.reason(), "api.timeout");
  EXPECT_TRUE(idle.ended());
}

TEST_F(ServerTest, TooManyConnectionsAreTurnedAway) {
  Options options;
  options.max_connections = 2;
  start(options);
  TestClient first(port()), second(port());
  for (auto* client : {&first, &second}) {
    client->send(TestRequest{.target = "/healthz"}.text());
    EXPECT_EQ(client->receive().status, 200);
  }
  TestClient third(port());
  Reply full = third.receive();
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.header("retry-after"), "1");
}

TEST_F(ServerTest, APortInUseIsNamed) {
  start();
  Options options;
  options.port = port();
  Server second(options, {});
  auto status = second.start();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason, "api.port_in_use");
  EXPECT_NE(status.error().detail.find(std::to_string(port())), std::string::npos);
}

TEST_F(ServerTest, StopEndsIdleConnectionsAndRefusesNewOnes) {
  start();
  TestClient client(port());
  client.send(TestRequest{.target = "/healthz"}.text());
  EXPECT_EQ(client.receive().status, 200);
  uint16_t old = port();
  server->stop();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(ask(old, {.target = "/healthz"}).status, 0);
  server->stop();
}

}  // namespace
}  // namespace chengxin::api
