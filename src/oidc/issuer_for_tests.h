#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/base64url.h"
#include "crypto/es256.h"
#include "crypto/sha256.h"

namespace chengxin::oidc {

// A key of a provider and what is signed with it.
struct Issuer {
  std::string url, kid = "k-1";
  crypto::Es256PrivateKey key = *crypto::Es256PrivateKey::generate();

  explicit Issuer(std::string address) : url(std::move(address)) {}
  void rotate(const std::string& next) {
    key = *crypto::Es256PrivateKey::generate();
    kid = next;
  }
  Json jwks() const {
    const ByteView point = key.public_key();
    return {{"keys",
             {{{"kty", "EC"},
               {"crv", "P-256"},
               {"kid", kid},
               {"x", base64url(point.subspan(1, 32))},
               {"y", base64url(point.subspan(33, 32))}}}}};
  }
  std::string sign(const Json& claims) const {
    const std::string input =
        base64url(Json{{"alg", "ES256"}, {"kid", kid}}.dump()) + "." + base64url(claims.dump());
    return input + "." + base64url(*key.sign(view(input)));
  }
  Json claims(const std::string& client, const std::string& nonce, int64_t now_s) const {
    return {{"iss", url},   {"aud", client},      {"sub", "u-1"},
            {"iat", now_s}, {"exp", now_s + 300}, {"nonce", nonce}};
  }
  static std::string at_hash(std::string_view token) {
    return base64url(ByteView(crypto::Sha256().update(view(token)).finish()).first(16));
  }
};

// Answers HTTP on a loopback port, one connection at a time.
class WebServer {
 public:
  std::map<std::string, std::function<std::string(const std::string& body)>> pages;  // "503" is that status
  // Read these when nothing is under way.
  std::map<std::string, int> asked;
  std::map<std::string, std::string> head_of;  // of the newest request for a path

  WebServer() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, plain, size), 0);
    EXPECT_EQ(::listen(socket_, 16), 0);
    EXPECT_EQ(::getsockname(socket_, plain, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~WebServer() {
    ::shutdown(socket_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(socket_);
  }
  void start() {
    thread_ = std::thread([this] {
      for (int peer; (peer = ::accept(socket_, nullptr, nullptr)) >= 0; ::close(peer)) serve(peer);
    });
  }
  const std::string& url() const { return url_; }

 private:
  void serve(int peer) {
    std::string text;
    char buffer[4096];
    size_t head = text.npos, length = 0;
    while (head == text.npos || text.size() < head + 4 + length) {
      const auto size = ::recv(peer, buffer, sizeof buffer, 0);
      if (size <= 0) return;
      text.append(buffer, size_t(size));
      head = text.find("\r\n\r\n");
      if (const size_t at = text.find("Content-Length: "); at < head)
        length = std::stoul(text.substr(at + 16));
    }
    const size_t from = text.find(' ') + 1;
    const std::string path = text.substr(from, text.find(' ', from) - from);
    ++asked[path];
    head_of[path] = text.substr(0, head);
    const auto page = pages.find(path);
    std::string body = page == pages.end() ? "404" : page->second(text.substr(head + 4));
    const bool status = body.size() == 3;
    const std::string answer = "HTTP/1.1 " + (status ? body : "200") +
                               " x\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\nConnection: close\r\n\r\n" + body;
    for (size_t sent = 0; sent < answer.size();) {
      const auto size = ::send(peer, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += size_t(size);
    }
  }
  int socket_ = -1;
  std::string url_;
  std::thread thread_;
};

}  // namespace chengxin::oidc
