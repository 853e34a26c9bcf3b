#include "crypto/tls.h"

#include <random>

#include "crypto/random.h"
#include "crypto/tls_wire_for_tests.h"

namespace chengxin::crypto {
namespace {

TEST_F(TlcpTest, BothSidesAreCheckedAndTalk) {
  Wire pair = good();
  EXPECT_EQ(pair.client->send(view("early")).error().reason, "crypto.tls_closed");
  pair.run();
  ASSERT_TRUE(pair.client->open() && pair.server->open())
      << pair.client_status.error().to_string() << pair.server_status.error().to_string();
  EXPECT_EQ(pair.client->cipher(), "ECDHE-SM2-SM4-GCM-SM3");
  EXPECT_EQ(pair.server->peer()->sign.der, alice.sign.der);
  EXPECT_EQ(pair.server->peer()->encrypt.der, alice.encrypt.der);
  EXPECT_EQ(pair.client->peer()->sign.der, bob.sign.der);
  EXPECT_EQ(pair.client->peer()->encrypt.der, bob.encrypt.der);
  EXPECT_EQ(pair.client->peer()->root.der, root.certificate().der);
  ASSERT_TRUE(pair.client->send(view("hello")) && pair.server->send(view("world")));
  pair.run();
  EXPECT_EQ(text(pair.server_got), "hello");
  EXPECT_EQ(text(pair.client_got), "world");
  pair.client->finish();
  pair.run();
  EXPECT_TRUE(pair.server->ended());
  ASSERT_TRUE(pair.server->send(view("still")));  // one half is closed, not the other
  pair.run();
  EXPECT_EQ(text(pair.client_got), "worldstill");
}

TEST_F(TlcpTest, APairMayBeTrustedItself) {
  Wire pair = wire(alice, bob, test_trust({root.certificate(), bob.sign, bob.encrypt}));
  pair.run();
  ASSERT_TRUE(pair.client->open()) << pair.client_status.error().to_string();
  EXPECT_EQ(pair.client->peer()->root.der, bob.sign.der);
}

TEST_F(TlcpTest, EverySizeArrivesWholeInPiecesOfAnySize) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (size_t piece : {size_t(1), size_t(7), size_t(1000), SIZE_MAX}) {
    Wire pair = good();
    pair.piece = piece;
    pair.run();
    ASSERT_TRUE(pair.client->open() && pair.server->open());
    Bytes all;
    for (int i = 0; i < 10; ++i) {
      Bytes message = random_bytes(random() % 60'000);
      append(all, message);
      ASSERT_TRUE(pair.client->send(message));
      if (random() % 2) pair.run();
    }
    pair.run();
    EXPECT_EQ(pair.server_got, all);
  }
}

TEST_F(TlcpTest, NothingReadableIsOnTheWire) {
  Wire pair = good();
  pair.run();
  const std::string secret = "the quick brown fox jumps over the lazy dog";
  ASSERT_TRUE(pair.client->send(view(secret)));
  pair.run();
  EXPECT_EQ(text(pair.server_got), secret);
  EXPECT_EQ(text(pair.recorded_to_server).find("brown fox"), std::string::npos);
}

TEST_F(TlcpTest, OnesOwnPairIsChecked) {
  EXPECT_TRUE(check_tls_identity(TlsProtocol::tlcp, alice));
  TlsIdentity wrong_key = alice, swapped = alice, mixed = alice;
  wrong_key.sign_key = bob.sign_key;
  std::swap(swapped.sign, swapped.encrypt);
  std::swap(swapped.sign_key, swapped.encrypt_key);
  mixed.encrypt = bob.encrypt;
  mixed.encrypt_key = bob.encrypt_key;
  for (const auto& one : {wrong_key, swapped, mixed})
    EXPECT_EQ(check_tls_identity(TlsProtocol::tlcp, one).error().reason, "crypto.tls_identity");
}

TEST_F(TlcpTest, AServerThatAsksRefusesOneWithoutCertificates) {
  Wire pair;
  pair.client = TlsContext::create(TlsProtocol::tlcp, std::nullopt).value().connect(trust);
  pair.server = TlsContext::create(TlsProtocol::tlcp, bob).value().accept(trust);
  pair.run();
  EXPECT_FALSE(pair.server->open());
  EXPECT_EQ(pair.server_status.error().reason, "crypto.tls_handshake");
  EXPECT_EQ(pair.client_status.error().reason, "crypto.tls_alert");
}

TEST_F(TlcpTest, AServerThatDoesNotAskTakesOneWithout) {
  Wire pair;
  pair.client = TlsContext::create(TlsProtocol::tlcp, std::nullopt).value().connect(trust, "LocalHost");
  pair.server = TlsContext::create(TlsProtocol::tlcp, bob).value().accept();
  pair.run();
  ASSERT_TRUE(pair.server->open() && pair.client->open()) << pair.client_status.error().to_string();
  EXPECT_EQ(pair.client->cipher(), "ECC-SM2-SM4-GCM-SM3");
  EXPECT_FALSE(pair.server->peer());

  pair.client = TlsContext::create(TlsProtocol::tlcp, std::nullopt).value().connect(trust, "example.cn");
  pair.server = TlsContext::create(TlsProtocol::tlcp, bob).value().accept();
  pair.run();
  EXPECT_EQ(pair.client_status.error().reason, "crypto.tls_host");
}

TEST_F(TlcpTest, ARecordedClientIsRefused) {
  Wire pair = good();
  pair.run();
  ASSERT_TRUE(pair.client->send(view("pay")));
  pair.run();
  ASSERT_EQ(text(pair.server_got), "pay");
  auto again = TlsContext::create(TlsProtocol::tlcp, bob).value().accept(trust);
  Bytes got;
  Status status = again->receive(pair.recorded_to_server, got);
  EXPECT_FALSE(status);
  EXPECT_FALSE(again->open());
  EXPECT_TRUE(got.empty());
}

TEST_F(TlcpTest, AnyFlippedBitEndsIt) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    Wire pair = good();
    size_t target = random() % 3000, seen = 0;
    bool flipped = false;
    auto flip = [&](Bytes& bytes) {
      if (!flipped && target < seen + bytes.size()) {
        bytes[target - seen] ^= uint8_t(1u << random() % 8);
        flipped = true;
      }
      seen += bytes.size();
    };
    (i % 2 ? pair.to_server : pair.to_client) = flip;
    pair.run();
    if (!flipped) continue;  // past the end of the handshake
    EXPECT_FALSE(pair.server->open() && pair.client->open()) << target;
  }
  Wire pair = good();
  pair.run();
  ASSERT_TRUE(pair.client->send(view("text")));
  pair.to_server = [](Bytes& bytes) {
    if (!bytes.empty()) bytes.back() ^= 1;
  };
  pair.run();
  EXPECT_EQ(pair.server_status.error().reason, "crypto.tls_record");
  EXPECT_TRUE(pair.server_got.empty());
}

TEST_F(TlcpTest, RecordsMayNotBeRepeatedLeftOutOrReordered) {
  auto records = [&](auto change) {
    Wire pair = good();
    pair.run();
    std::vector<Bytes> sent;
    for (const char* one : {"one", "two", "three"}) {
      EXPECT_TRUE(pair.client->send(view(one)));
      sent.push_back(pair.client->take_output());
    }
    change(sent);
    Bytes got;
    Status status;
    for (const Bytes& one : sent)
      if (status) status = pair.server->receive(one, got);
    return std::pair(to_string(got), status ? "" : status.error().reason);
  };
  EXPECT_EQ(records([](auto&) {}), std::pair(std::string("onetwothree"), std::string()));
  const std::string bad = "crypto.tls_record";
  EXPECT_EQ(records([](auto& sent) { std::swap(sent[1], sent[2]); }), std::pair(std::string("one"), bad));
  EXPECT_EQ(records([](auto& sent) { sent[1] = sent[0]; }), std::pair(std::string("one"), bad));
  EXPECT_EQ(records([](auto& sent) { sent.erase(sent.begin() + 1); }), std::pair(std::string("one"), bad));
}

class Tls13 : public TlcpTest {};

TEST_F(Tls13, SmOnly) {
  Wire pair;
  pair.client = TlsContext::create(TlsProtocol::tls13_sm, std::nullopt).value().connect(trust, "127.0.0.1");
  pair.server = TlsContext::create(TlsProtocol::tls13_sm, bob).value().accept();
  pair.run();
  ASSERT_TRUE(pair.client->open() && pair.server->open())
      << pair.client_status.error().to_string() << pair.server_status.error().to_string();
  EXPECT_EQ(pair.client->cipher(), "TLS_SM4_GCM_SM3");
  EXPECT_EQ(pair.client->peer()->sign.der, bob.sign.der);
  ASSERT_TRUE(pair.client->send(view("hello")) && pair.server->send(view("world")));
  pair.run();
  EXPECT_EQ(text(pair.server_got), "hello");
  EXPECT_EQ(text(pair.client_got), "world");
}

TEST_F(Tls13, SmRefusesBadServers) {
  auto reason = [&](const TlsIdentity& server, const std::string& host) {
    Wire pair;
    pair.client = TlsContext::create(TlsProtocol::tls13_sm, std::nullopt).value().connect(trust, host);
    pair.server = TlsContext::create(TlsProtocol::tls13_sm, server).value().accept();
    pair.run();
    EXPECT_FALSE(pair.client->open());
    return pair.client_status.error().reason;
  };
  EXPECT_EQ(reason(test_identity(root, "eve", {-5, -1}), ""), "crypto.certificate_expired");
  EXPECT_EQ(reason(test_identity(other_root, "eve"), ""), "crypto.certificate_untrusted");
  EXPECT_EQ(reason(bob, "example.cn"), "crypto.tls_host");
}

TEST_F(Tls13, TheThreeDoNotMix) {
  for (bool sm_server : {false, true}) {
    Wire pair;
    auto tlcp = TlsContext::create(TlsProtocol::tlcp, bob).value();
    auto sm = TlsContext::create(TlsProtocol::tls13_sm, bob).value();
    pair.client = (sm_server ? tlcp : sm).connect(trust);
    pair.server = (sm_server ? sm : tlcp).accept();
    pair.run();
    EXPECT_FALSE(pair.client->open() || pair.server->open());
  }
}

TEST_F(Tls13, PlainNeedsAFittingKey) {
  EXPECT_EQ(TlsContext::create_tls13("", "").error().reason, "crypto.tls_identity");
  EXPECT_EQ(TlsContext::create_tls13(bob.sign.to_pem(), alice.sign_key.to_pem().value()).error().reason,
            "crypto.tls_identity");
}

}  // namespace
}  // namespace chengxin::crypto
