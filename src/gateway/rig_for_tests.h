#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "gateway/gateway.h"
#include "support/databases.h"

namespace chengxin::gateway {

struct Seen {
  std::string method, path, body, key, credential;
};

// A socket that listens on a loopback port: `port`, or a free one when that is 0.
inline int listening(uint16_t& port) {
  const int out = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(out, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(out, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(out, 64), 0);
  ::getsockname(out, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return out;
}

// What stands behind: a small HTTP server on a loopback port, which answers as it is told and does a write
// once for each Idempotency-Key.
class Upstream {
 public:
  explicit Upstream(uint16_t wanted = 0) : port(wanted) {
    socket_ = listening(port);
    thread_ = std::thread([this] { accept(); });
  }
  ~Upstream() {
    stopping_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::vector<Seen> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  uint16_t port = 0;
  std::atomic<int> status{200};  // of the next answers
  std::atomic<int> failures{0};  // so many answers are 503 first
  std::atomic<int> refusals{0};  // of writes that are "stuck" (503) or "broken" (500)

 private:
  void accept() {
    while (!stopping_) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      serve(client);
      ::close(client);
    }
  }
  static std::string field(const std::string& head, const std::string& name) {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == head.npos) return {};
    const size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
  // One request, then the connection is closed.
  void serve(int client) {
    std::string in;
    char buffer[4096];
    size_t end = in.npos, length = 0;
    while (end == in.npos || in.size() < end + 4 + length) {
      const ssize_t count = ::read(client, buffer, sizeof buffer);
      if (count <= 0) return;
      in.append(buffer, size_t(count));
      if (end = in.find("\r\n\r\n"); end == in.npos) continue;
      const std::string text = field(in, "Content-Length");
      length = text.empty() ? 0 : std::stoul(text);
    }
    const size_t space = in.find(' '), next = in.find(' ', space + 1);
    Seen one{in.substr(0, space), in.substr(space + 1, next - space - 1), in.substr(end + 4),
             field(in, "Idempotency-Key"), field(in, "Authorization")};
    int code = status;
    if (failures > 0) {
      --failures;
      code = 503;
    }
    if (one.body == "stuck") code = 503;
    if (one.body == "broken") code = 500;
    if (one.body == "broken" || one.body == "stuck") ++refusals;
    const bool plain = code != 200 && one.body.starts_with("plain");
    if (code == 200) {
      std::lock_guard lock(mutex_);
      seen_.push_back(one);
    }
    const std::string body = code == 200 ? "{\"echo\":\"" + one.path + "\"}"
                             : plain     ? "no such page"
                                         : "{\"status\":" + std::to_string(code) +
                                           ",\"reason\":\"their.reason\",\"detail\":\"no\",\"title\":\"t\"}";
    const std::string out = "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Type: application/" +
                            (code == 200 ? "json" : "problem+json") +
                            "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body;
    (void)!::write(client, out.data(), out.size());
  }

  int socket_ = -1;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<Seen> seen_;
  std::thread thread_;
};

class Rig : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database = OnEachDatabase::open();
    start();
  }
  void TearDown() override {
    gateway.reset();
    database.reset();
    OnEachDatabase::TearDown();
  }
  void start(int patience_ms = 3000) {
    gateway.reset();
    Options options = bounds;
    options.seal_key = crypto::to_secret(Bytes(16, 5));
    options.now_ms = [this] { return now_ms() + ahead_ms; };
    options.patience_ms = patience_ms;
    options.timeout_ms = 2000;
    options.most_retry_ms = 200;
    auto opened = Gateway::open(*database, options);
    ASSERT_OK(opened);
    gateway = std::move(*opened);
  }
  Route route(const std::string& name = "identity") const {
    Route out;
    out.name = name;
    out.upstream = "http://127.0.0.1:" + std::to_string(upstream.port);
    out.token = "their-token";
    out.applications = {"app-1"};
    out.paths = {"/api/v1/identities"};
    out.writes = true;
    return out;
  }
  Request get(const std::string& path = "/api/v1/identities/7?full=true") const {
    return {"app-1", "GET", path, "", {}, "", "r1"};
  }
  Request post(const std::string& body, const std::string& key = "") const {
    return {"app-1", "POST", "/api/v1/identities", "application/json", to_bytes(view(body)), key, "r2"};
  }
  std::string reason(const Result<Answer>& answer) const { return answer ? "" : answer.error().reason; }
  Route buffered() const {
    Route out = route();
    out.buffered = true;
    out.burst = 1000;
    out.applications = {"*"};
    return out;
  }
  // Accepted and not handed on yet: its ticket.
  std::string accepted(const std::string& application, const std::string& body) {
    Request one = post(body);
    one.application = application;
    const auto answer = gateway->pass("identity", std::move(one));
    EXPECT_TRUE(test::succeeded(answer));
    EXPECT_EQ(answer ? answer->status : 0, 202);
    return answer ? answer->ticket : "";
  }
  Write write_of(const std::string& application, const std::string& ticket) const {
    const auto found = gateway->write(application, ticket);
    EXPECT_TRUE(test::succeeded(found));
    return found ? *found : Write();
  }
  template <typename Condition>
  void deliver_until(Condition condition) {
    for (int i = 0; i < 500 && !condition(); ++i) {
      (void)gateway->deliver();
      ::usleep(20'000);
    }
    EXPECT_TRUE(condition());
  }
  void change(const std::string& sql) {
    ASSERT_OK(database->transaction([&](sql::Session& session) -> Status {
      ASSIGN([[maybe_unused]] const auto changed, session.run(sql));
      return {};
    }));
  }
  int64_t number(const std::string& sql) {
    int64_t out = -1;
    EXPECT_TRUE(test::succeeded(database->read([&](sql::Session& session) -> Status {
      ASSIGN(const auto row, session.row(sql));
      out = row->integer(0);
      return {};
    })));
    return out;
  }

  Upstream upstream;
  Options bounds;
  std::atomic<int64_t> ahead_ms = 0;  // of the clock
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<Gateway> gateway;
};

}  // namespace chengxin::gateway
