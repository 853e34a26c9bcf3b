#pragma once
// A client for the tests: plain blocking sockets, so that it can also send what no well-behaved client would.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>

#include "base/json.h"

namespace chengxin::api {

struct Reply {
  int status = 0;                              // 0: the connection ended without one
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  Json json() const { return Json::parse(body, nullptr, false); }
  std::string reason() const {
    Json parsed = json();
    return parsed.is_object() ? parsed.value("reason", "") : "";
  }
  std::string header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class TestClient {
 public:
  explicit TestClient(uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void end_writing() { ::shutdown(fd_, SHUT_WR); }
  int fd() const { return fd_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(size_t(sent));
    }
    return true;
  }

  // One reply; `has_body` false for the answer to HEAD.
  Reply receive(bool has_body = true) {
    Reply reply;
    std::string line = read_line();
    if (line.size() < 12) return reply;
    reply.status = std::stoi(line.substr(9, 3));
    while (!(line = read_line()).empty()) {
      size_t colon = line.find(": ");
      if (colon == line.npos) break;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = char(std::tolower(c));
      reply.headers[name] = line.substr(colon + 2);
    }
    if (!has_body || reply.status == 100 || reply.status == 204) return reply;
    if (reply.headers.count("content-length")) {
      reply.body = read_bytes(std::stoul(reply.headers["content-length"]));
    } else {
      while (true) {
        size_t size = std::stoul("0" + read_line(), nullptr, 16);
        reply.body += read_bytes(size);
        read_line();
        if (size == 0) break;
      }
    }
    return reply;
  }

  std::string read_line() {
    while (true) {
      size_t end = buffer_.find("\r\n");
      if (end != buffer_.npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return line;
      }
      if (!more()) return {};
    }
  }
  std::string read_bytes(size_t count) {
    while (buffer_.size() < count && more()) {
    }
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, out.size());
    return out;
  }
  std::string read_all() {  // to the end of the connection
    while (more()) {
    }
    return std::exchange(buffer_, {});
  }
  bool ended() { return buffer_.empty() && !more() && ended_; }  // the server closed it

 private:
  bool more() {
    pollfd poll{fd_, POLLIN, 0};
    if (fd_ < 0 || ::poll(&poll, 1, 10'000) <= 0) return false;
    char bytes[65536];
    ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    ended_ = count <= 0;
    if (ended_) return false;
    buffer_.append(bytes, size_t(count));
    return true;
  }

  int fd_ = -1;
  bool ended_ = false;
  std::string buffer_;
};

struct TestRequest {
  std::string method = "GET", target = "/", token, type, body;
  std::map<std::string, std::string> headers;

  std::string text() const {
    std::string out = method + " " + target + " HTTP/1.1\r\n";
    if (!headers.count("Host")) out += "Host: localhost\r\n";
    if (!token.empty()) out += "Authorization: Bearer " + token + "\r\n";
    if (!type.empty())
      out += "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    for (auto& [name, value] : headers) out += name + ": " + value + "\r\n";
    return out + "\r\n" + body;
  }
};

inline Reply ask(uint16_t port, const TestRequest& request) {
  TestClient client(port);
  client.send(request.text());
  return client.receive(request.method != "HEAD");
}

}  // namespace chengxin::api
