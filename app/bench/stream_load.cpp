#include "bench/stream_load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"

namespace chengxin::app::bench {
namespace {

constexpr size_t kSent = 64 << 10;  // to the socket at a time
constexpr size_t kAhead = 2048;     // items of a stream without result, when as fast as the platform reads

// Takes the chunks of an answer apart (RFC 9112 section 7.1); what it gives is the body.
class Chunks {
 public:
  // Moves what is whole from `in` to `body`; false when it is no chunked body.
  bool take(std::string& in, std::string& body) {
    size_t at = 0;
    for (;;) {
      if (left_ > 0) {
        const size_t some = std::min(left_, in.size() - at);
        body.append(in, at, some);
        at += some;
        left_ -= some;
        if (left_ > 0) break;
      }
      size_t line = in.find("\r\n", at);
      if (line == at) line = in.find("\r\n", at += 2);  // the end of the chunk before
      if (line == std::string::npos) break;
      char* end = nullptr;
      left_ = std::strtoul(in.c_str() + at, &end, 16);
      if (end != in.c_str() + line) return false;
      at = line + 2;
      if (left_ == 0) break;
    }
    in.erase(0, at);
    return true;
  }

 private:
  size_t left_ = 0;
};

struct Stream {
  int fd = -1;
  std::string out, in, body;
  std::vector<size_t> ends;     // of each item in `out`
  std::vector<int64_t> due_ns;  // of those that are due
  size_t head = 0, sent = 0, done = 0;
  bool answered = false, ended = false;
  Chunks chunks;
};

class Generator {
 public:
  explicit Generator(const StreamLoad& load) : load_(load), streams_(load.connections) {}
  ~Generator() {
    for (Stream& stream : streams_)
      if (stream.fd >= 0) ::close(stream.fd);
    if (epoll_ >= 0) ::close(epoll_);
  }

  Result<LoadResult> run() {
    prepare();
    TRY(connect_all());
    const double cpu = thread_cpu_seconds();
    started_ns_ = last_progress_ns_ = steady_ns();
    out_.latencies_us.reserve(load_.envelopes.size());
    size_t open = streams_.size();
    while (open > 0) {
      for (Stream& stream : streams_) offer(stream);
      epoll_event events[64];
      const int count = ::epoll_wait(epoll_, events, 64, 1);
      for (int i = 0; i < count; ++i) {
        Stream& stream = streams_[events[i].data.u32];
        if (stream.ended) continue;
        TRY(receive(stream));
        open -= stream.ended;
      }
      if (steady_ns() - last_progress_ns_ > 60'000'000'000)
        return fail(Code::unavailable, "bench.stalled", "no result for a minute");
    }
    out_.seconds = double(last_progress_ns_ - started_ns_) / 1e9;
    out_.cpu_seconds = thread_cpu_seconds() - cpu;
    std::sort(out_.latencies_us.begin(), out_.latencies_us.end());
    return std::move(out_);
  }

 private:
  void prepare() {
    const size_t count = streams_.size();
    for (size_t s = 0; s < count; ++s) {
      Stream& stream = streams_[s];
      std::string body;
      for (size_t i = s; i < load_.envelopes.size(); i += count) {
        put_be(body, uint32_t(load_.envelopes[i].size()));
        body.append(text(load_.envelopes[i]));
        stream.ends.push_back(body.size());
      }
      stream.out =
          http_request("POST", load_.path, load_.token, "application/vnd.chengxin.transactions", body);
      stream.head = stream.out.size() - body.size();
      for (size_t& end : stream.ends) end += stream.head;
      stream.due_ns.reserve(stream.ends.size());
    }
  }

  Status connect_all() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < streams_.size(); ++i) {
      const int fd = streams_[i].fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(load_.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        return fail(Code::unavailable, "client.unreachable", "port {}: {}", load_.port, std::strerror(errno));
      int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u32 = uint32_t(i)}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    return {};
  }

  // Marks what is due, and sends of it what the socket takes.
  void offer(Stream& stream) {
    const int64_t now = steady_ns();
    const size_t count = streams_.size(), number = size_t(&stream - streams_.data());
    while (stream.due_ns.size() < stream.ends.size()) {
      const size_t next = stream.due_ns.size();
      int64_t due = now;
      if (load_.rate_per_second > 0)
        due = started_ns_ + int64_t(double(next * count + number) * 1e9 / load_.rate_per_second);
      else if (next >= stream.done + kAhead)
        break;
      if (due > now) break;
      stream.due_ns.push_back(due);
    }
    const size_t due_end = stream.due_ns.empty() ? stream.head : stream.ends[stream.due_ns.size() - 1];
    while (stream.sent < due_end) {
      const ssize_t some = ::send(stream.fd, stream.out.data() + stream.sent,
                                  std::min(due_end - stream.sent, kSent), MSG_NOSIGNAL);
      if (some <= 0) return;
      stream.sent += size_t(some);
    }
  }

  Status receive(Stream& stream) {
    for (;;) {
      const ssize_t count = ::recv(stream.fd, buffer_.data(), buffer_.size(), 0);
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        return fail(Code::unavailable, "client.unreachable", "the platform closed a stream");
      if (count < 0) break;
      stream.in.append(buffer_.data(), size_t(count));
      if (size_t(count) < buffer_.size()) break;
    }
    if (!stream.answered) {
      const size_t end = stream.in.find("\r\n\r\n");
      if (end == std::string::npos) return {};
      if (stream.in.compare(9, 3, "200") != 0)
        return fail(Code::internal, "bench.failed_requests", "{}", stream.in.substr(0, 400));
      stream.in.erase(0, end + 4);
      stream.answered = true;
    }
    if (!stream.chunks.take(stream.in, stream.body))
      return fail(Code::internal, "bench.failed_requests", "the answer is not chunked: {}",
                  stream.in.substr(0, 200));
    take_records(stream);
    return {};
  }

  void take_records(Stream& stream) {
    const ByteView all = view(stream.body);
    size_t at = 0;
    const int64_t now = steady_ns();
    while (all.size() - at >= 4) {
      const size_t length = get_be<uint32_t>(&all[at]);
      if (all.size() - at - 4 < length) break;
      Reader record(all.subspan(at + 4, length));
      at += 4 + length;
      const uint8_t kind = record.be<uint8_t>();
      if (kind == 4) {
        stream.ended = true;
        break;
      }
      const uint64_t index = record.be<uint64_t>();
      record.digest();
      record.be<uint64_t>();
      const bool good = kind == 1 && record.be<uint32_t>() == 0 && record.done();
      if (good)
        ++out_.succeeded;
      else if (out_.failed++ == 0)
        out_.first_failure = to_string(all.subspan(at - length, length));
      if (index < stream.due_ns.size())
        out_.latencies_us.push_back(uint32_t((now - stream.due_ns[index]) / 1000));
      ++stream.done;
      last_progress_ns_ = now;
    }
    stream.body.erase(0, at);
  }

  const StreamLoad& load_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
  LoadResult out_;
  int epoll_ = -1;
  std::vector<Stream> streams_;
  int64_t started_ns_ = 0, last_progress_ns_ = 0;
};

}  // namespace

Result<LoadResult> run_stream_load(const StreamLoad& load) { return Generator(load).run(); }

}  // namespace chengxin::app::bench
