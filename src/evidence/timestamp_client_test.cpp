#include "evidence/timestamp_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/sm3.h"
#include "crypto/timestamp.h"

namespace chengxin::evidence {
namespace {

crypto::TimestampAuthority make_authority(Bytes& root_der) {
  int64_t now = now_ms() / 1000 * 1000;
  crypto::Validity validity{now - 1000, now + 1'000'000'000};
  auto root = crypto::Authority::create_root({"CN", "Test", "", "Root"}, validity).value();
  auto key = crypto::Sm2PrivateKey::generate().value();
  auto certificate =
      root.issue({crypto::Purpose::timestamp, {"CN", "Test", "", "Stamps"}, {}, validity}, key.public_key())
          .value();
  root_der = root.certificate().der;
  return crypto::TimestampAuthority::open(key, {certificate, root.certificate()}).value();
}

// Answers one request with whatever `answer` makes of its body, on a loopback port.
class OneAnswer {
 public:
  using Answer = std::function<std::string(const std::string& head, ByteView body)>;
  explicit OneAnswer(Answer answer) : answer_(std::move(answer)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/tsa";
    thread_ = std::thread([this] { serve(); });
  }
  ~OneAnswer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  std::string url;

 private:
  void serve() {
    int client = ::accept(socket_, nullptr, nullptr);
    if (client < 0) return;
    std::string in;
    size_t head_end = std::string::npos, body_size = 0;
    char buffer[4096];
    while (head_end == std::string::npos || in.size() < head_end + 4 + body_size) {
      ssize_t count = ::read(client, buffer, sizeof buffer);
      if (count <= 0) break;
      in.append(buffer, size_t(count));
      head_end = in.find("\r\n\r\n");
      size_t length = in.find("Content-Length: ");
      if (head_end != std::string::npos && length != std::string::npos)
        body_size = std::stoul(in.substr(length + 16));
    }
    std::string out = answer_(in.substr(0, head_end), view(std::string_view(in).substr(head_end + 4)));
    if (!out.empty()) {
      if (::send(client, out.data(), out.size(), MSG_NOSIGNAL) < 0) out.clear();
    } else {
      while (::read(client, buffer, sizeof buffer) > 0) {  // until the client gives up
      }
    }
    ::close(client);
  }
  Answer answer_;
  int socket_;
  std::thread thread_;
};

std::string http(std::string_view status, std::string_view body, std::string_view extra = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status,
                     body.size(), extra, body);
}

std::string reason_of(const OneAnswer& server, TimestampServer options = {}) {
  options.url = server.url;
  options.allow_private = true;
  auto token = timestamp_client(options).value()(crypto::sm3(view("header")));
  return token ? "ok" : token.error().reason;
}

TEST(TimestampClient, FetchesATokenThatVerifies) {
  Bytes root, other_root;
  auto authority = make_authority(root);
  auto other = make_authority(other_root);
  auto stamp = [&](const std::string& head, ByteView body) {
    EXPECT_NE(head.find("POST /tsa"), std::string::npos);
    EXPECT_NE(head.find("application/timestamp-query"), std::string::npos);
    return http("200 OK", text(authority.respond(body, now_ms())));
  };
  EXPECT_EQ(reason_of(OneAnswer(stamp)), "ok");
  TimestampServer trusted;
  trusted.roots = {root};
  EXPECT_EQ(reason_of(OneAnswer(stamp), trusted), "ok");
  trusted.roots = {other_root};
  EXPECT_EQ(reason_of(OneAnswer(stamp), trusted), "crypto.timestamp_untrusted");
}

TEST(TimestampClient, RefusesEveryOtherAnswer) {
  Bytes root;
  auto authority = make_authority(root);
  EXPECT_EQ(reason_of(OneAnswer([](auto&, auto) { return http("500 Oops", "x"); })), "timestamp.http_status");
  EXPECT_EQ(reason_of(OneAnswer(
                [](auto&, auto) { return http("302 Found", "", "Location: http://127.0.0.1:1/\r\n"); })),
            "timestamp.http_status");
  EXPECT_EQ(reason_of(OneAnswer([](auto&, auto) { return http("200 OK", std::string(70'000, 'x')); })),
            "timestamp.too_large");
  EXPECT_EQ(reason_of(OneAnswer([](auto&, auto) { return http("200 OK", "nonsense"); })),
            "crypto.timestamp_response");
  EXPECT_EQ(reason_of(OneAnswer([](auto&, auto) { return std::string("no http at all\r\n\r\n"); })),
            "timestamp.unreachable");
  // A good answer to somebody else's question.
  EXPECT_EQ(reason_of(OneAnswer([&](auto&, auto) {
              auto request = crypto::TimestampRequest::make(crypto::sm3(view("another")));
              return http("200 OK", text(authority.respond(request.to_der(), now_ms())));
            })),
            "crypto.timestamp_mismatch");
  TimestampServer hasty;
  hasty.timeout_ms = 150;
  EXPECT_EQ(reason_of(OneAnswer([](auto&, auto) { return std::string(); }), hasty), "timestamp.timeout");
}

TEST(TimestampClient, GoesNowhereElse) {
  for (std::string url :
       {"", "ftp://host/", "file:///etc/passwd", "http://", "http://user:word@host/", "gopher://x", "host"})
    EXPECT_EQ(timestamp_client({url, true, 100, {}}).error().reason, "timestamp.url") << url;
  for (std::string url : {"http://127.0.0.1:9/", "http://[::1]:9/", "http://169.254.169.254/",
                          "http://[::ffff:10.0.0.1]/", "http://2130706433:9/", "http://0x7f.1:9/"})
    EXPECT_EQ(timestamp_client({url, false, 1000, {}}).value()(Digest{}).error().reason,
              "timestamp.address_forbidden")
        << url;
}

}  // namespace
}  // namespace chengxin::evidence
