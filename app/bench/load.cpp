#include "bench/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"

namespace chengxin::app::bench {

double thread_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  auto seconds = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

namespace {

struct Connection {
  int fd = -1;
  bool busy = false;
  size_t number = 0, sent = 0;
  int64_t due_ns = 0;
  std::string in;
};

class Generator {
 public:
  explicit Generator(const Load& load) : load_(load) {}
  ~Generator() {
    for (Connection& connection : connections_)
      if (connection.fd >= 0) ::close(connection.fd);
    if (epoll_ >= 0) ::close(epoll_);
  }

  Result<LoadResult> run() {
    TRY(connect_all());
    double cpu = thread_cpu_seconds();
    started_ns_ = steady_ns();
    while (finished_ < load_.count) {
      dispatch();
      epoll_event events[256];
      int count = ::epoll_wait(epoll_, events, 256, load_.rate_per_second > 0 ? 1 : 1000);
      for (int i = 0; i < count; ++i) TRY(service(connections_[events[i].data.u32], events[i].events));
      if (steady_ns() - last_progress_ns_ > 60'000'000'000)
        return fail(Code::unavailable, "bench.stalled", "no answer for a minute");
    }
    out_.seconds = double(steady_ns() - started_ns_) / 1e9;
    out_.cpu_seconds = thread_cpu_seconds() - cpu;
    std::sort(out_.latencies_us.begin(), out_.latencies_us.end());
    return std::move(out_);
  }

 private:
  Status connect_all() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    connections_.resize(load_.connections);
    last_progress_ns_ = steady_ns();
    for (size_t i = 0; i < connections_.size(); ++i) {
      int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(load_.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return fail(Code::unavailable, "client.unreachable", "port {}: {}", load_.port, std::strerror(errno));
      }
      int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      connections_[i].fd = fd;
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = uint32_t(i)}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      idle_.push_back(uint32_t(i));
    }
    return {};
  }

  // Gives due requests to idle connections.
  void dispatch() {
    while (!idle_.empty() && next_ < load_.count) {
      int64_t due = steady_ns();
      if (load_.rate_per_second > 0) {
        int64_t planned = started_ns_ + int64_t(double(next_) * 1e9 / load_.rate_per_second);
        if (planned > due) return;
        due = planned;
      }
      Connection& connection = connections_[idle_.back()];
      idle_.pop_back();
      connection.busy = true;
      connection.number = next_++;
      connection.sent = 0;
      connection.due_ns = due;
      connection.in.clear();
      send(connection);
    }
  }

  void send(Connection& connection) {
    const std::string& request = load_.request(connection.number);
    while (connection.sent < request.size()) {
      ssize_t count = ::send(connection.fd, request.data() + connection.sent,
                             request.size() - connection.sent, MSG_NOSIGNAL);
      if (count <= 0) return;  // goes on at the next EPOLLOUT
      connection.sent += size_t(count);
    }
  }

  Status service(Connection& connection, uint32_t events) {
    if (!connection.busy) return {};
    if (events & EPOLLOUT) send(connection);
    char buffer[64 << 10];
    for (;;) {
      ssize_t count = ::recv(connection.fd, buffer, sizeof buffer, 0);
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        return fail(Code::unavailable, "client.unreachable", "the platform closed a connection");
      if (count < 0) break;
      connection.in.append(buffer, size_t(count));
      if (size_t(count) < sizeof buffer) break;
    }
    finish_if_whole(connection);
    return {};
  }

  void finish_if_whole(Connection& connection) {
    size_t head = connection.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    size_t at = connection.in.find("Content-Length: ");
    size_t length = at < head ? std::strtoul(connection.in.c_str() + at + 16, nullptr, 10) : 0;
    if (connection.in.size() < head + 4 + length) return;
    last_progress_ns_ = steady_ns();
    out_.latencies_us.push_back(uint32_t((last_progress_ns_ - connection.due_ns) / 1000));
    std::string_view body = std::string_view(connection.in).substr(head + 4, length);
    if (connection.in.compare(9, 1, "2") == 0) {
      ++out_.succeeded;
      if (load_.on_answer) load_.on_answer(connection.number, body);
    } else {
      if (out_.failed++ == 0)
        out_.first_failure = connection.in.substr(0, 15) + std::string(body.substr(0, 300));
    }
    ++finished_;
    connection.busy = false;
    idle_.push_back(uint32_t(&connection - connections_.data()));
  }

  const Load& load_;
  LoadResult out_;
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<uint32_t> idle_;
  size_t next_ = 0, finished_ = 0;
  int64_t started_ns_ = 0, last_progress_ns_ = 0;
};

}  // namespace

double LoadResult::percentile_ms(double share) const {
  if (latencies_us.empty()) return 0;
  size_t at = std::min(latencies_us.size() - 1, size_t(share * double(latencies_us.size())));
  return double(latencies_us[at]) / 1000;
}

Result<LoadResult> run_load(const Load& load) { return Generator(load).run(); }

std::string http_request(const std::string& method, const std::string& path, const std::string& token,
                         const std::string& content_type, std::string_view body) {
  std::string out =
      method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token + "\r\n";
  if (!content_type.empty()) out += "Content-Type: " + content_type + "\r\n";
  if (method != "GET") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  out += "\r\n";
  out += body;
  return out;
}

}  // namespace chengxin::app::bench
