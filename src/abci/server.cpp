#include "abci/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "abci/dispatch.h"
#include "abci/frames.h"
#include "base/descriptor.h"
#include "base/log.h"

namespace chengxin::abci {
namespace {

constexpr size_t kReadBytes = 64 << 10, kWriteBytes = 64 << 10;

bool send_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(size_t(sent));
  }
  return true;
}

// One connection, until its peer ends it or asks something that fails.
class Conversation {
 public:
  Conversation(int fd, Application& application, const OnFailure& on_failure, size_t max_message_bytes)
      : fd_(fd), application_(application), on_failure_(on_failure), frames_(max_message_bytes) {}

  void run() {
    Bytes buffer(kReadBytes);
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      frames_.feed(ByteView(buffer).first(size_t(got)));
      if (!answer_all()) return;
    }
  }

 private:
  bool answer_all() {
    for (;;) {
      auto request = frames_.next();
      if (!request) return refuse(request.error());
      if (!*request) return true;
      const Answer answered = answer(application_, **request);
      put(answered.response);
      if (answered.failed) return tell(*answered.failed);
      if ((answered.response.has_flush() || out_.size() > kWriteBytes) && !flush()) return false;
    }
  }

  void put(const pb::Response& response) {
    Bytes bytes(response.ByteSizeLong());
    response.SerializeToArray(bytes.data(), int(bytes.size()));
    put_frame(out_, bytes);
  }

  bool flush() {
    const bool sent = send_all(fd_, out_);
    out_.clear();
    return sent;
  }

  bool refuse(const Error& error) {
    pb::Response response;
    response.mutable_exception()->set_error(error.to_string());
    put(response);
    return tell(error);
  }

  // What ends the connection; the peer has it as an Exception.
  bool tell(const Error& error) {
    log::error("abci.connection_ended", {{"reason", error.reason}, {"detail", error.detail}});
    flush();
    if (on_failure_) on_failure_(error);
    return false;
  }

  const int fd_;
  Application& application_;
  const OnFailure& on_failure_;
  FrameReader frames_;
  Bytes out_;
};

class SocketServer final : public Server {
 public:
  SocketServer(Descriptor listener, Descriptor stop, fs::path path, Application& application,
               OnFailure on_failure, ServerOptions options)
      : listener_(std::move(listener)),
        stop_(std::move(stop)),
        path_(std::move(path)),
        application_(application),
        on_failure_(std::move(on_failure)),
        options_(options),
        acceptor_([this] { accept_all(); }) {}

  ~SocketServer() override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = ::write(stop_.get(), &one, sizeof one);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      for (Peer& peer : peers_) ::shutdown(peer.socket.get(), SHUT_RDWR);
    }
    for (Peer& peer : peers_) peer.thread.join();
    std::error_code ignored;
    fs::remove(path_, ignored);
  }

  size_t connections() const override {
    std::lock_guard lock(mutex_);
    return size_t(std::count_if(peers_.begin(), peers_.end(), [](const Peer& peer) { return !peer.ended; }));
  }

 private:
  struct Peer {
    Descriptor socket;
    bool ended = false;
    std::thread thread;
  };

  void accept_all() {
    for (;;) {
      pollfd waits[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      if (::poll(waits, 2, -1) < 0 && errno != EINTR) return;
      if (waits[1].revents != 0) return;
      if (waits[0].revents == 0) continue;
      Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) {
        log::warn("abci.accept_failed", {{"why", std::strerror(errno)}});
        std::this_thread::sleep_for(std::chrono::milliseconds(100));  // out of descriptors, most likely
        continue;
      }
      drop_ended();
      add(std::move(socket));
    }
  }

  void add(Descriptor socket) {
    std::lock_guard lock(mutex_);
    if (peers_.size() >= options_.max_connections) {
      log::warn("abci.too_many_connections", {{"most", options_.max_connections}});
      return;
    }
    Peer& peer = peers_.emplace_back();
    peer.socket = std::move(socket);
    peer.thread = std::thread([this, &peer] {
      Conversation(peer.socket.get(), application_, on_failure_, options_.max_message_bytes).run();
      std::lock_guard ending(mutex_);
      ::shutdown(peer.socket.get(), SHUT_RDWR);
      peer.ended = true;
    });
  }

  void drop_ended() {
    std::list<Peer> ended;
    {
      std::lock_guard lock(mutex_);
      for (auto at = peers_.begin(); at != peers_.end();) {
        const auto next = std::next(at);
        if (at->ended) ended.splice(ended.end(), peers_, at);
        at = next;
      }
    }
    for (Peer& peer : ended) peer.thread.join();
  }

  const Descriptor listener_, stop_;
  const fs::path path_;
  Application& application_;
  const OnFailure on_failure_;
  const ServerOptions options_;
  mutable std::mutex mutex_;
  std::list<Peer> peers_;
  std::thread acceptor_;  // last: it uses all the others
};

tl::unexpected<Error> cannot_listen(const fs::path& path, std::string_view why) {
  return fail(Code::unavailable, "abci.listen", "{}: {}", path.string(), why);
}

Descriptor stream_socket() { return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

Result<Descriptor> listen_on(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof address.sun_path)
    return cannot_listen(path, fmt::format("above {} bytes", sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(stream_socket().get(), at, sizeof address) == 0)
    return cannot_listen(path, "another process serves it");
  struct stat there {};
  if (::lstat(name.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode))
    return cannot_listen(path, "it is there and no socket");
  if (::unlink(name.c_str()) != 0 && errno != ENOENT) return cannot_listen(path, std::strerror(errno));
  Descriptor listener = stream_socket();
  if (!listener || ::fchmod(listener.get(), 0600) != 0 || ::bind(listener.get(), at, sizeof address) != 0 ||
      ::chmod(name.c_str(), 0600) != 0 || ::listen(listener.get(), 16) != 0)
    return cannot_listen(path, std::strerror(errno));
  return listener;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const fs::path& socket, Application& application,
                                              OnFailure on_failure, ServerOptions options) {
  Descriptor stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop) return cannot_listen(socket, std::strerror(errno));
  ASSIGN(Descriptor listener, listen_on(socket));
  return std::make_unique<SocketServer>(std::move(listener), std::move(stop), socket, application,
                                        std::move(on_failure), options);
}

}  // namespace chengxin::abci
