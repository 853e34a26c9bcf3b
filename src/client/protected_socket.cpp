#include "client/protected_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include "base/clock.h"
#include "base/descriptor.h"

namespace chengxin::client {
namespace {

constexpr int kConnectMs = 5000;
constexpr size_t kReadBytes = 64 << 10, kMuchBytes = 256 << 10;

tl::unexpected<Error> unreachable(int number) {
  return fail(Code::unavailable, "client.unreachable", "{}", std::strerror(number));
}

// One direction's bytes that wait for the other side.
struct Waiting {
  Bytes bytes;
  size_t at = 0;
  size_t size() const { return bytes.size() - at; }
  void add(ByteView more) {
    if (at == bytes.size()) bytes.clear(), at = 0;
    append(bytes, more);
  }
  bool send_to(int fd) {  // as much as it takes at once
    ssize_t count = ::send(fd, bytes.data() + at, size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) at += size_t(count);
    return count >= 0 || errno == EAGAIN;
  }
};

// Reads once; 0 at the end, nullopt when it broke.
std::optional<size_t> read_from(int fd, std::span<uint8_t> into) {
  ssize_t count = ::recv(fd, into.data(), into.size(), MSG_DONTWAIT);
  if (count < 0 && errno != EAGAIN) return std::nullopt;
  return size_t(std::max<ssize_t>(count, 0));
}

// A new socket at a free loopback port, and that address.
Descriptor loopback_socket(sockaddr_in& address) {
  Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(out.get(), generic, size) != 0 || ::getsockname(out.get(), generic, &size) != 0)
    address.sin_port = 0;
  return out;
}

// The connection from that port, and from no other.
Descriptor accept_from(const Descriptor& listener, uint16_t port) {
  for (;;) {
    pollfd poll{listener.get(), POLLIN, 0};
    if (::poll(&poll, 1, kConnectMs) != 1) return Descriptor();
    sockaddr_in from{};
    socklen_t size = sizeof from;
    Descriptor one(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
    if (one && from.sin_port == port) return one;
  }
}

// Until either side ends. libcurl closes its end when it is done; the platform's end is passed on to it.
void carry(Descriptor inner, Descriptor outer, std::unique_ptr<crypto::TlsSession> session, Bytes early) {
  Waiting to_inner, to_outer;
  to_inner.add(early);
  std::array<uint8_t, kReadBytes> buffer;
  Bytes plain;
  bool outer_ended = false;
  while (!outer_ended || to_inner.size() > 0) {
    if (session->has_output()) to_outer.add(session->take_output());
    auto events = [](bool read, bool write) { return short((read ? POLLIN : 0) | (write ? POLLOUT : 0)); };
    pollfd polls[2] = {
        {inner.get(), events(to_outer.size() < kMuchBytes && !outer_ended, to_inner.size() > 0), 0},
        {outer_ended ? -1 : outer.get(), events(to_inner.size() < kMuchBytes, to_outer.size() > 0), 0}};
    if (::poll(polls, 2, -1) < 0 && errno != EINTR) return;
    if (polls[0].revents & POLLIN) {
      auto count = read_from(inner.get(), buffer);
      if (!count || *count == 0 || !session->send(std::span(buffer).first(*count))) break;
    } else if (polls[0].revents & (POLLERR | POLLHUP)) {
      break;
    }
    if (polls[1].revents & (POLLIN | POLLERR | POLLHUP)) {
      auto count = read_from(outer.get(), buffer);
      plain.clear();
      outer_ended = !count || *count == 0 || !session->receive(std::span(buffer).first(*count), plain) ||
                    session->ended();
      to_inner.add(plain);
    }
    if ((polls[0].revents & POLLOUT) && !to_inner.send_to(inner.get())) break;
    if ((polls[1].revents & POLLOUT) && !to_outer.send_to(outer.get())) break;
  }
  session->finish();
  to_outer.add(session->take_output());
  to_outer.send_to(outer.get());
}

}  // namespace

ProtectedSockets::~ProtectedSockets() {
  for (auto& thread : threads_) thread.join();
}

Result<int> ProtectedSockets::open(sockaddr& address, unsigned& size) {
  Descriptor outer(::socket(address.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!outer) return unreachable(errno);
  const int64_t until_ns = steady_ns() + int64_t(kConnectMs) * 1'000'000;
  auto wait = [&](short event) {
    pollfd poll{outer.get(), event, 0};
    return ::poll(&poll, 1, int(std::max<int64_t>(0, (until_ns - steady_ns()) / 1'000'000))) == 1;
  };
  ::fcntl(outer.get(), F_SETFL, O_NONBLOCK);
  int error = 0;
  if (::connect(outer.get(), &address, size) != 0) {
    if (errno != EINPROGRESS) return unreachable(errno);
    if (!wait(POLLOUT)) return unreachable(ETIMEDOUT);
    socklen_t length = sizeof error;
    ::getsockopt(outer.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) return unreachable(error);
  }
  auto session = context_.connect(trust_, host_);
  Bytes plain;
  std::array<uint8_t, kReadBytes> buffer;
  for (Status status = session->receive({}, plain);;) {
    Waiting out;
    out.add(session->take_output());
    while (out.size() > 0 && wait(POLLOUT) && out.send_to(outer.get())) {
    }
    TRY(status);
    if (session->open()) break;
    if (!wait(POLLIN)) return unreachable(ETIMEDOUT);
    auto count = read_from(outer.get(), buffer);
    if (!count || *count == 0) return unreachable(ECONNRESET);
    status = session->receive(std::span(buffer).first(*count), plain);
  }
  sockaddr_in there{}, here{};
  Descriptor listener = loopback_socket(there), socket = loopback_socket(here);
  if (!there.sin_port || !here.sin_port || ::listen(listener.get(), 8) != 0) return unreachable(errno);
  threads_.emplace_back([listener = std::move(listener), port = here.sin_port, outer = std::move(outer),
                         session = std::move(session), plain = std::move(plain)]() mutable {
    Descriptor inner = accept_from(listener, port);
    if (inner) carry(std::move(inner), std::move(outer), std::move(session), std::move(plain));
  });
  std::memcpy(&address, &there, sizeof there);
  size = sizeof there;
  return socket.release();
}

}  // namespace chengxin::client
