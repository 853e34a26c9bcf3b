#include <poll.h>
#include <sys/un.h>

#include "gateway/rig_for_tests.h"

// A database that commits and whose answer to that is lost: who asked is told that it failed.
namespace chengxin::gateway {
namespace {

// Between the database's clients and its server, on a socket of its own.
class Between {
 public:
  Between(const fs::path& here, const fs::path& server) : server_(server / kName) {
    socket_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = at(here / kName);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    thread_ = std::thread([this] {
      for (int one = 0; (one = ::accept(socket_, nullptr, nullptr)) >= 0;)
        connections_.emplace_back([this, one] { carry(one); });
    });
  }
  ~Between() {  // after its clients
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    for (auto& each : connections_) each.join();
    ::close(socket_);
  }
  std::atomic<bool> loses_next{false};  // of the commits of writing transactions

 private:
  static constexpr const char* kName = ".s.PGSQL.5432";

  static sockaddr_un at(const fs::path& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    path.string().copy(out.sun_path, sizeof out.sun_path - 1);
    return out;
  }
  void carry(int client) {
    const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const sockaddr_un address = at(server_);
    EXPECT_EQ(::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    bool writes = false, loses = false;
    for (bool more = true; more;) {
      pollfd polls[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      ::poll(polls, 2, -1);
      for (const int i : {0, 1}) {
        if (!polls[i].revents || !more) continue;
        char buffer[65536];
        const ssize_t count = ::read(polls[i].fd, buffer, sizeof buffer);
        const std::string_view data(buffer, size_t(std::max<ssize_t>(count, 0)));
        if (i == 0 && data.find("begin isolation level") != data.npos)
          writes = data.find("serializable") != data.npos;
        if (i == 0 && writes && data.find("commit") != data.npos) loses = loses_next.exchange(false);
        more = count > 0 && !(i == 1 && loses);  // it has committed
        if (more) (void)!::write(polls[1 - i].fd, buffer, size_t(count));
      }
    }
    ::close(client);
    ::close(server);
  }

  const fs::path server_;
  int socket_ = -1;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

class LostCommitTest : public Rig {
 protected:
  void SetUp() override {
    Rig::SetUp();
    constexpr std::string_view kHost = "host=";
    ASSERT_TRUE(url.starts_with(kHost));
    const size_t end = url.find(' ');
    between = std::make_unique<Between>(folder, url.substr(kHost.size(), end - kHost.size()));
    gateway.reset();
    database = open({.url = "host=" + folder.string() + url.substr(end)});
    bounds.park_failures = 1;
    start(0);
    ASSERT_OK(gateway->put(buffered()));
  }
  void TearDown() override {
    gateway.reset();
    database.reset();
    between.reset();
    Rig::TearDown();
  }
  std::string parked_one() {
    upstream.status = 500;
    const std::string ticket = accepted("app-1", "x");
    deliver_until([&] { return gateway->parked("identity") == 1; });
    upstream.status = 200;
    return ticket;
  }
  void expect_nothing_held() {
    EXPECT_EQ(gateway->waiting("identity"), 0u);
    EXPECT_EQ(gateway->parked("identity"), 0u);
    EXPECT_EQ(number("select count(*) from gateway_write where state in (0, 3)"), 0);
    ASSERT_OK(gateway->remove("identity"));
  }
  std::unique_ptr<Between> between;
};
INSTANTIATE_TEST_SUITE_P(Databases, LostCommitTest, ::testing::Values(sql::Dialect::postgresql),
                         [](const auto&) { return "postgresql"; });

TEST_P(LostCommitTest, WhatWasAcceptedIsHandedOn) {
  between->loses_next = true;
  EXPECT_EQ(reason(gateway->pass("identity", post("x"))), "sql.unavailable");
  EXPECT_EQ(number("select count(*) from gateway_write where state = 0"), 1);
  deliver_until([&] { return upstream.seen().size() == 1; });
  expect_nothing_held();
}

TEST_P(LostCommitTest, WhatIsSettledIsHeldNoLonger) {
  const std::string ticket = accepted("app-1", "x");
  between->loses_next = true;
  EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(write_of("app-1", ticket).state, WriteState::done);
  deliver_until([&] { return gateway->waiting("identity") == 0; });
  EXPECT_EQ(upstream.seen().size(), 1u);
  expect_nothing_held();
}

TEST_P(LostCommitTest, WhatIsParkedStaysSoUntilItIsRetried) {
  upstream.status = 500;
  const std::string ticket = accepted("app-1", "broken"), behind = accepted("app-1", "y");
  between->loses_next = true;
  upstream.status = 200;
  EXPECT_EQ(gateway->deliver(), 0u);
  EXPECT_EQ(write_of("app-1", ticket).state, WriteState::parked);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(gateway->deliver(), 0u) << "what is behind it";
    ::usleep(20'000);
  }
  EXPECT_EQ(gateway->parked("identity"), 1u);
  ASSERT_OK(gateway->retry(ticket));
  EXPECT_EQ(gateway->parked("identity"), 0u);
  deliver_until([&] { return gateway->parked("identity") == 1; });
  ASSERT_OK(gateway->discard(ticket, "why", false));
  deliver_until([&] { return write_of("app-1", behind).state == WriteState::done; });
  expect_nothing_held();
}

TEST_P(LostCommitTest, WhatIsRetriedIsTried) {
  const std::string ticket = parked_one();
  between->loses_next = true;
  EXPECT_REASON(gateway->retry(ticket), "sql.unavailable");
  deliver_until([&] { return write_of("app-1", ticket).state == WriteState::done; });
  expect_nothing_held();
}

TEST_P(LostCommitTest, WhatIsDiscardedHoldsUpNobody) {
  const std::string ticket = parked_one(), behind = accepted("app-1", "y");
  between->loses_next = true;
  EXPECT_REASON(gateway->discard(ticket, "why", false), "sql.unavailable");
  deliver_until([&] { return write_of("app-1", behind).state == WriteState::done; });
  expect_nothing_held();
}

// As it is after a commit that was made only after its application was counted anew.
TEST_P(LostCommitTest, WhatIsNotThereIsCountedNoLonger) {
  accepted("app-1", "x");
  change("delete from gateway_write");
  deliver_until([&] { return gateway->waiting("identity") == 0; });
  expect_nothing_held();
}

}  // namespace
}  // namespace chengxin::gateway
