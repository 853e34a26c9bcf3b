#include <random>

#include "crypto/random.h"
#include "crypto/sm3.h"
#include "link/link_for_tests.h"

namespace chengxin::link {
namespace {

class TunnelTest : public TwoNodes {
 protected:
  // alice's engine connects to the tunnel, bob's listens.
  void connect(Options options = {}) {
    start(options);
    uint16_t engine_port = 0;
    engine = Wire::listen(engine_port);
    bob.links->serve_engine(chain, engine_port);
    make_tunnel(bob.links->port());
    near = Wire::connect(tunnel.port);
    far = engine.accept();
  }
  void make_tunnel(uint16_t port) {
    auto made = alice.links->tunnel(chain, {"127.0.0.1", port}, bob.key());
    ASSERT_TRUE(made);
    tunnel = std::move(*made);
  }
  static std::string read_all(Wire& wire) {
    std::string out;
    for (Bytes bytes = wire.read(); !bytes.empty(); bytes = wire.read()) out += text(bytes);
    return out;
  }

  Links::Tunnel tunnel;
  Wire engine, near, far;
};

// Sends that many bytes of a stream that the seed decides, and says their digest; reads to the end likewise.
Digest send_stream(Wire& wire, size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  crypto::Sm3 digest;
  while (count > 0) {
    Bytes bytes(std::min<size_t>(count, 1 + random() % 200'000));
    for (size_t i = 0; i < bytes.size(); i += 8) bytes[i] = uint8_t(random());
    digest.update(bytes);
    if (!wire.write(bytes)) break;
    count -= bytes.size();
  }
  wire.shutdown(SHUT_WR);
  return digest.finish();
}

Digest read_stream(Wire& wire, size_t& count) {
  crypto::Sm3 digest;
  for (Bytes bytes = wire.read(); !bytes.empty(); bytes = wire.read()) {
    digest.update(bytes);
    count += bytes.size();
  }
  return digest.finish();
}

TEST_F(TunnelTest, CarriesAHundredMegabytesBothWays) {
  connect();
  constexpr size_t kCount = 100'000'000;
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  Digest up{}, down{};
  std::thread a([&] { up = send_stream(near, kCount, seed); });
  std::thread b([&] { down = send_stream(far, kCount, seed + 1); });
  size_t got_up = 0, got_down = 0;
  Digest far_saw{};
  std::thread c([&] { far_saw = read_stream(far, got_up); });
  Digest near_saw = read_stream(near, got_down);
  for (auto* thread : {&a, &b, &c}) thread->join();
  EXPECT_EQ(got_up, kCount);
  EXPECT_EQ(got_down, kCount);
  EXPECT_EQ(far_saw, up);
  EXPECT_EQ(near_saw, down);
}

TEST_F(TunnelTest, OneHalfMayEndBeforeTheOther) {
  connect();
  ASSERT_TRUE(near.write(view("question")));
  near.shutdown(SHUT_WR);
  EXPECT_EQ(read_all(far), "question");  // which waits for the end
  ASSERT_TRUE(far.write(view("answer, later")));
  far.close();
  EXPECT_EQ(read_all(near), "answer, later");
  for (int i = 0; i < 200 && !alice.links->list().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(alice.links->list().empty());
}

TEST_F(TunnelTest, ASlowReaderHoldsTheWriterBack) {
  connect();
  size_t sent = 0;
  Bytes block(64 << 10, 5);
  timeval wait{0, 300'000};
  ::setsockopt(near.fd(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  ssize_t count = 0;
  while (sent < (200u << 20) && (count = ::send(near.fd(), block.data(), block.size(), MSG_NOSIGNAL)) > 0)
    sent += size_t(count);
  EXPECT_LT(sent, 50u << 20) << "nobody reads, and still it is taken";
  near.shutdown(SHUT_WR);
  size_t got = 0;
  read_stream(far, got);
  EXPECT_EQ(got, sent);
}

TEST_F(TunnelTest, AnAbruptEndIsPassedOn) {
  connect();
  linger abrupt{1, 0};
  ::setsockopt(far.fd(), SOL_SOCKET, SO_LINGER, &abrupt, sizeof abrupt);
  far.close();  // a reset
  EXPECT_TRUE(near.ends());
}

TEST_F(TunnelTest, EndsWithItsLink) {
  start();
  Proxy proxy(bob.links->port());
  uint16_t engine_port = 0;
  engine = Wire::listen(engine_port);
  bob.links->serve_engine(chain, engine_port);
  make_tunnel(proxy.port);
  near = Wire::connect(tunnel.port);
  far = engine.accept();
  proxy.cut();
  EXPECT_TRUE(near.ends());
  EXPECT_TRUE(far.ends());
}

TEST_F(TunnelTest, ServesSeveralConnectionsInTurn) {
  connect();
  for (int i = 0; i < 12; ++i) {
    near = Wire::connect(tunnel.port);
    far = engine.accept();
    ASSERT_TRUE(far.write(view("hello")));
    EXPECT_EQ(text(near.read()), "hello");
  }
}

TEST_F(TunnelTest, IsCutWithMembership) {
  connect();
  bob.registry.set_member(chain, alice.key(), false);
  bob.links->recheck();
  EXPECT_TRUE(near.ends());
  EXPECT_TRUE(far.ends());
  near = Wire::connect(tunnel.port);
  EXPECT_TRUE(near.ends());
}

TEST_F(TunnelTest, LeadsNowhereWithoutAnEngine) {
  start();
  make_tunnel(bob.links->port());
  near = Wire::connect(tunnel.port);
  EXPECT_TRUE(near.ends());  // not served
  bob.links->serve_engine(chain, 1);
  near = Wire::connect(tunnel.port);
  EXPECT_TRUE(near.ends());  // nobody listens there
  bob.links->stop_serving_engine(chain);
}

TEST_F(TunnelTest, GoesWithItsHandle) {
  connect();
  const uint16_t port = tunnel.port;
  tunnel.keeper.reset();
  EXPECT_TRUE(near.ends());
  EXPECT_TRUE(far.ends());
  Wire late = Wire::connect(port);
  EXPECT_TRUE(!late.is_open() || late.ends());
}

TEST_F(TunnelTest, ListensOnTheLoopbackOnly) {
  connect();
  // 127.0.0.2 is of this machine too, but not the address that is listened on.
  Wire other(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::inet_addr("127.0.0.2");
  address.sin_port = htons(tunnel.port);
  EXPECT_NE(::connect(other.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

}  // namespace
}  // namespace chengxin::link
