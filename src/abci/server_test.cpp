#include "abci/server.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>

#include "abci/application_for_tests.h"
#include "abci/frames.h"

namespace chengxin::abci {
namespace {

using testing::IdleApplication;

struct Folder {
  fs::path path;
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "chengxin-abci-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
};

// What an engine is to the server, with no code in common with it but the frames.
class Client {
 public:
  explicit Client(const fs::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;

  bool send(ByteView bytes) {
    return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == ssize_t(bytes.size());
  }
  static Bytes frame(const pb::Request& request) {
    Bytes out;
    put_frame(out, view(request.SerializeAsString()));
    return out;
  }
  bool ask(const pb::Request& request) { return send(frame(request)); }
  bool flush() {
    pb::Request request;
    request.mutable_flush();
    return ask(request);
  }
  // Nothing: the server has ended the connection.
  std::optional<pb::Response> response() {
    for (;;) {
      auto frame = frames_.next();
      if (!frame) return {};
      if (*frame) {
        pb::Response out;
        EXPECT_TRUE(out.ParseFromArray((*frame)->data(), int((*frame)->size())));
        return out;
      }
      uint8_t buffer[4096];
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) return {};
      frames_.feed(ByteView(buffer, size_t(got)));
    }
  }

 private:
  int fd_;
  FrameReader frames_{64 << 20};
};

pb::Request query(std::string path) {
  pb::Request out;
  out.mutable_query()->set_path(std::move(path));
  return out;
}
pb::Request echo(std::string message) {
  pb::Request out;
  out.mutable_echo()->set_message(std::move(message));
  return out;
}

// A query gets its path back; /fail fails; /wait waits for release().
struct Scripted : IdleApplication {
  Result<pb::ResponseQuery> query(const pb::RequestQuery& request) override {
    if (request.path() == "/fail") return fail(Code::internal, "test.broken", "as asked");
    if (request.path() == "/throw") throw std::bad_alloc();
    if (request.path() == "/wait") {
      std::unique_lock lock(mutex);
      waiting = true;
      changed.notify_all();
      changed.wait(lock, [&] { return released; });
    }
    pb::ResponseQuery out;
    out.set_info(request.path());
    return out;
  }
  void release() {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
  void await_waiting() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool waiting = false, released = false;
};

struct Abci : ::testing::Test {
  Folder folder;
  Scripted application;
  fs::path path = folder.path / "socket";
  std::mutex mutex;
  std::vector<Error> failures;
  std::unique_ptr<Server> server = Server::start(path, application, [this](const Error& error) {
                                     std::lock_guard lock(mutex);
                                     failures.push_back(error);
                                   }).value();

  // The server lives and serves.
  void expect_alive() {
    Client client(path);
    client.ask(query("/alive"));
    client.flush();
    auto response = client.response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->query().info(), "/alive");
    EXPECT_TRUE(client.response()->has_flush());
  }
  // The connection ended with an Exception of this reason.
  void expect_exception(Client& client, std::string_view reason) {
    auto response = client.response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->exception().error().rfind(reason, 0), 0u) << response->exception().error();
    EXPECT_FALSE(client.response());
  }
};

TEST_F(Abci, AnswersEachCallWithItsOwnKind) {
  Client client(path);
  const auto* oneof = pb::Request::descriptor()->oneof_decl(0);
  int served = 0;
  for (int i = 0; i < oneof->field_count(); ++i) {
    const auto* field = oneof->field(i);
    if (field->name() == "insert_tx" || field->name() == "reap_txs") continue;
    pb::Request request;
    request.GetReflection()->MutableMessage(&request, field);
    ASSERT_TRUE(client.ask(request));
    if (field->name() != "flush") client.flush();
    auto response = client.response();
    ASSERT_TRUE(response) << field->name();
    const auto* answered = response->GetReflection()->GetOneofFieldDescriptor(
        *response, pb::Response::descriptor()->oneof_decl(0));
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->name(), field->name());
    if (field->name() != "flush") {
      EXPECT_TRUE(client.response()->has_flush());
    }
    ++served;
  }
  EXPECT_EQ(served, 16);
}

TEST_F(Abci, TakesRequestsInPieces) {
  Client client(path);
  Bytes stream = Client::frame(query(std::string(300, 'q')));
  append(stream, Client::frame(echo("e")));
  for (uint8_t byte : stream) ASSERT_TRUE(client.send({&byte, 1}));
  client.flush();
  EXPECT_EQ(client.response()->query().info(), std::string(300, 'q'));
  EXPECT_EQ(client.response()->echo().message(), "e");
  EXPECT_TRUE(client.response()->has_flush());
}

TEST_F(Abci, AnswersManyInTheirOrder) {
  Client client(path);
  Bytes stream;
  constexpr int kMany = 5000;
  for (int i = 0; i < kMany; ++i)
    append(stream, Client::frame(i % 3 == 0 ? echo(std::to_string(i)) : query(std::to_string(i))));
  pb::Request flush;
  flush.mutable_flush();
  append(stream, Client::frame(flush));
  std::thread sender([&] { client.send(stream); });
  for (int i = 0; i < kMany; ++i) {
    auto response = client.response();
    ASSERT_TRUE(response);
    EXPECT_EQ(i % 3 == 0 ? response->echo().message() : response->query().info(), std::to_string(i));
  }
  EXPECT_TRUE(client.response()->has_flush());
  sender.join();
}

TEST_F(Abci, LargeMessagesGoBothWays) {
  Client client(path);
  const std::string large(3 << 20, 'x');
  std::thread sender([&] {
    client.ask(echo(large));
    client.flush();
  });
  auto response = client.response();
  sender.join();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->echo().message(), large);
}

TEST_F(Abci, ConnectionsDoNotWaitForEachOther) {
  Client consensus(path), mempool(path);
  consensus.ask(query("/wait"));
  consensus.flush();
  application.await_waiting();
  mempool.ask(echo("meanwhile"));
  mempool.flush();
  EXPECT_EQ(mempool.response()->echo().message(), "meanwhile");
  application.release();
  EXPECT_EQ(consensus.response()->query().info(), "/wait");
}

TEST_F(Abci, AnApplicationsErrorEndsItsConnectionOnly) {
  Client client(path), other(path);
  client.ask(query("/before"));
  client.ask(query("/fail"));
  client.ask(query("/after"));
  EXPECT_EQ(client.response()->query().info(), "/before");
  expect_exception(client, "test.broken: as asked");
  other.ask(echo("here"));
  other.flush();
  EXPECT_EQ(other.response()->echo().message(), "here");
  {
    std::lock_guard lock(mutex);
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].reason, "test.broken");
  }
  expect_alive();
}

TEST_F(Abci, WhatLibrariesThrowIsAnException) {
  Client client(path);
  client.ask(query("/throw"));
  expect_exception(client, "abci.failed");
  expect_alive();
}

TEST_F(Abci, RefusesLengthsAboveTheBound) {
  for (const Bytes& bytes : {Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}, Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 1},
                             Bytes{0x80, 0x80, 0x80, 0x80, 0x80}, Bytes{0x81, 0x80, 0x80, 0x0c}}) {
    Client client(path);
    client.send(bytes);
    expect_exception(client, "abci.frame");
  }
  expect_alive();
}

TEST_F(Abci, RefusesWhatIsNoRequest) {
  Bytes nothing, unknown, garbage;
  put_frame(nothing, {});
  put_frame(unknown, Bytes{0xaa, 0x01, 0x00});  // insert_tx, of the engine's other mempool
  put_frame(garbage, Bytes{0x0a, 0xff, 0x01});
  for (const Bytes& bytes : {nothing, unknown, garbage}) {
    Client client(path);
    client.send(bytes);
    expect_exception(client, "abci.request");
  }
  expect_alive();
}

TEST_F(Abci, LivesThroughGarbage) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    Client client(path);
    Bytes bytes(random() % 200 + 1);
    for (uint8_t& byte : bytes) byte = uint8_t(random());
    if (i % 2 == 0) {
      Bytes framed;
      put_frame(framed, bytes);
      bytes.swap(framed);
    }
    client.send(bytes);
  }
  while (server->connections() > 0) std::this_thread::yield();  // as many as are allowed may still be ending
  expect_alive();
}

TEST_F(Abci, BoundsItsConnections) {
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < ServerOptions().max_connections; ++i) {
    clients.push_back(std::make_unique<Client>(path));
    clients.back()->ask(echo("one"));
    clients.back()->flush();
    ASSERT_TRUE(clients.back()->response());
  }
  Client over(path);
  over.ask(echo("over"));
  EXPECT_FALSE(over.response());
  EXPECT_EQ(server->connections(), clients.size());
  clients.resize(1);  // the rest hang up
  while (server->connections() > 1) std::this_thread::yield();
  expect_alive();
}

TEST_F(Abci, StopsWithConnectionsOpen) {
  Client client(path);
  client.ask(echo("one"));
  client.flush();
  ASSERT_TRUE(client.response());
  ASSERT_TRUE(client.response());
  server.reset();
  EXPECT_FALSE(client.response());
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(Abci, RefusesPathsItCannotServe) {
  auto reason = [&](const fs::path& at) {
    auto started = Server::start(at, application, nullptr);
    return started ? std::string("started") : started.error().to_string();
  };
  EXPECT_NE(reason(path).find("another process serves it"), std::string::npos);
  EXPECT_NE(reason(folder.path / std::string(200, 'x')).find("above 107 bytes"), std::string::npos);
  ASSERT_TRUE(write_durable(folder.path / "file", view("precious")));
  EXPECT_NE(reason(folder.path / "file").find("no socket"), std::string::npos);
  EXPECT_NE(reason(folder.path / "none" / "socket").find("abci.listen"), std::string::npos);
  // What a killed process left behind is no hindrance.
  server.reset();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_EQ(reason(path), "started");
}

}  // namespace
}  // namespace chengxin::abci
