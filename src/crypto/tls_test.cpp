#include "crypto/tls.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <random>

#include "crypto/impl/tls_context.h"
#include "crypto/random.h"
#include "crypto/tls_for_tests.h"

namespace chengxin::crypto {
namespace {

// What passes between the two sides, as a network would have it.
struct Wire {
  std::unique_ptr<TlsSession> client, server;
  std::function<void(Bytes&)> to_server = [](Bytes&) {}, to_client = [](Bytes&) {};
  Bytes server_got, client_got, recorded_to_server;
  Status client_status, server_status;
  size_t piece = SIZE_MAX;  // bytes delivered at a time

  Status give(TlsSession& side, Bytes bytes, Bytes& got) {
    for (ByteView rest = bytes; !rest.empty();) {
      size_t count = std::min(piece, rest.size());
      TRY(side.receive(rest.first(count), got));
      rest = rest.subspan(count);
    }
    return {};
  }

  // Until nothing is under way.
  void run() {
    if (!client->open() && !client->has_output()) client_status = client->receive({}, client_got);
    while (client->has_output() || server->has_output()) {
      Bytes up = client->take_output(), down = server->take_output();
      to_server(up);
      append(recorded_to_server, up);
      to_client(down);
      if (server_status) server_status = give(*server, up, server_got);
      if (client_status) client_status = give(*client, down, client_got);
    }
  }
};

class TlcpTest : public testing::Test {
 protected:
  Wire wire(const TlsIdentity& client, const TlsIdentity& server, std::shared_ptr<const TlsTrust> trust) {
    Wire out;
    auto context = [](const TlsIdentity& who) {
      auto made = TlsContext::create(TlsProtocol::tlcp, who);
      EXPECT_TRUE(made) << made.error().to_string();
      return made.value();
    };
    out.client = context(client).connect(trust);
    out.server = context(server).accept(trust);
    return out;
  }
  Wire good() { return wire(alice, bob, trust); }

  const Authority root = test_root("Ministry"), other_root = test_root("Elsewhere");
  const TlsIdentity alice = test_identity(root, "alice"), bob = test_identity(root, "bob");
  const std::shared_ptr<const TlsTrust> trust = test_trust({root.certificate()});
};

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

// Both sides refuse a bad pair of the other, with the reason of verify_chain.
class BadPairs : public TlcpTest {
 protected:
  void expect_refused(const TlsIdentity& bad, std::string_view reason,
                      std::shared_ptr<const TlsTrust> trusted = nullptr) {
    SCOPED_TRACE(reason);
    if (!trusted) trusted = trust;
    Wire as_client = wire(bad, bob, trusted);
    as_client.run();
    expect(as_client.server_status, *as_client.server, reason);
    EXPECT_FALSE(as_client.client->open());
    Wire as_server = wire(alice, bad, trusted);
    as_server.run();
    expect(as_server.client_status, *as_server.client, reason);
    EXPECT_FALSE(as_server.server->open());
  }
  static void expect(const Status& status, const TlsSession& side, std::string_view reason) {
    EXPECT_FALSE(side.open());
    EXPECT_FALSE(side.peer());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().reason, reason) << status.error().detail;
  }
};

TEST_F(BadPairs, AreRefused) {
  expect_refused(test_identity(root, "eve", {-10, -1}), "crypto.certificate_expired");
  expect_refused(test_identity(root, "eve", {1, 2}), "crypto.certificate_not_yet_valid");
  expect_refused(test_identity(other_root, "eve"), "crypto.certificate_untrusted");

  TlsIdentity pair = test_identity(root, "eve");
  pair.encrypt =
      test_certificate(root, Purpose::tls_encrypt, "eve", pair.encrypt_key.public_key(), {-10, -1});
  expect_refused(pair, "crypto.certificate_expired");

  pair = test_identity(root, "eve");  // the encipherment certificate of somebody else
  pair.encrypt = bob.encrypt;
  pair.encrypt_key = bob.encrypt_key;
  expect_refused(pair, "crypto.tls_pair");

  pair = test_identity(root, "eve");
  pair.sign = test_certificate(root, Purpose::timestamp, "eve", pair.sign_key.public_key());
  expect_refused(pair, "crypto.certificate_usage");
}

TEST_F(BadPairs, TheSameNameFromAnotherRootIsNoPair) {
  const Authority twin = test_root("Ministry");  // the same name, another key
  TlsIdentity pair = test_identity(root, "eve");
  pair.encrypt = test_certificate(twin, Purpose::tls_encrypt, "eve", pair.encrypt_key.public_key());
  expect_refused(pair, "crypto.tls_pair", test_trust({root.certificate(), twin.certificate()}));
  expect_refused(pair, "crypto.certificate_signature");
}

TEST_F(BadPairs, OfWhichEitherIsRevoked) {
  const int64_t now = now_ms();
  const TlsIdentity eve = test_identity(root, "eve");
  for (const Certificate& one : {eve.sign, eve.encrypt}) {
    Crl crl = root.issue_crl({{one.serial, now - 5000, 0}}, 1, {now - 10'000, now + kTestDayMs}).value();
    expect_refused(eve, "crypto.certificate_revoked", test_trust({root.certificate()}, {crl}));
  }
}

// Certificates pass in the clear, so what Tongsuo would not send is put in their place on the way.
class Replaced : public BadPairs {
 protected:
  static bool replace(Bytes& bytes, const Certificate& from, const Certificate& to) {
    CHECK(from.der.size() == to.der.size());
    auto at = std::search(bytes.begin(), bytes.end(), from.der.begin(), from.der.end());
    if (at == bytes.end()) return false;
    std::copy(to.der.begin(), to.der.end(), at);
    return true;
  }
  // DER of signatures varies by a byte or two.
  Certificate like(const Certificate& original, Purpose purpose, const Sm2PublicKey& key) const {
    Certificate out;
    do out = test_certificate(root, purpose, "alice", key);
    while (out.der.size() != original.der.size());
    return out;
  }
  void expect_refused_for(const Certificate& sign, const Certificate& encrypt, std::string_view reason) {
    Wire up = good();
    bool done = false;
    up.to_server = [&](Bytes& bytes) {
      done |= replace(bytes, alice.sign, sign) && replace(bytes, alice.encrypt, encrypt);
    };
    up.run();
    EXPECT_TRUE(done);
    expect(up.server_status, *up.server, reason);
    Wire down = wire(bob, alice, trust);
    down.to_client = [&](Bytes& bytes) {
      replace(bytes, alice.sign, sign);
      replace(bytes, alice.encrypt, encrypt);
    };
    down.run();
    expect(down.client_status, *down.client, reason);
  }
};

TEST_F(Replaced, OfAnotherCurve) {
  expect_refused_for(with_other_curve(alice.sign), alice.encrypt, "crypto.certificate_curve");
  expect_refused_for(alice.sign, with_other_curve(alice.encrypt), "crypto.certificate_curve");
}

TEST_F(Replaced, OfAnotherAlgorithm) {
  expect_refused_for(with_other_algorithm(alice.sign), alice.encrypt, "crypto.certificate_algorithm");
  expect_refused_for(alice.sign, with_other_algorithm(alice.encrypt), "crypto.certificate_algorithm");
}

TEST_F(Replaced, OfTheWrongUsage) {
  Certificate encrypts = like(alice.sign, Purpose::tls_encrypt, alice.sign_key.public_key());
  Certificate signs = like(alice.encrypt, Purpose::tls_sign, alice.encrypt_key.public_key());
  expect_refused_for(encrypts, alice.encrypt, "crypto.certificate_usage");
  expect_refused_for(alice.sign, signs, "crypto.certificate_usage");
}

TEST_F(Replaced, OfNoForm) {
  Bytes der = alice.sign.der;
  der[4 + 4 + 2] ^= 0x01;  // of the version
  Wire up = good();
  up.to_server = [&](Bytes& bytes) {
    auto at = std::search(bytes.begin(), bytes.end(), alice.sign.der.begin(), alice.sign.der.end());
    if (at != bytes.end()) std::copy(der.begin(), der.end(), at);
  };
  up.run();
  EXPECT_FALSE(up.server->open());
  EXPECT_FALSE(up.server_status);
}

TEST_F(Replaced, ByOnesThatAreNotTheSenders) {  // eve has the certificates of alice, not her keys
  TlsIdentity eve = test_identity(root, "alice");
  eve.sign = like(alice.sign, Purpose::tls_sign, eve.sign_key.public_key());
  eve.encrypt = like(alice.encrypt, Purpose::tls_encrypt, eve.encrypt_key.public_key());
  Wire up = wire(eve, bob, trust);
  bool done = false;
  up.to_server = [&](Bytes& bytes) {
    done |= replace(bytes, eve.sign, alice.sign) && replace(bytes, eve.encrypt, alice.encrypt);
  };
  up.run();
  EXPECT_TRUE(done);
  EXPECT_FALSE(up.server_status);
  EXPECT_FALSE(up.server->open());
  EXPECT_FALSE(up.client->open());
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

// A peer of its own making, over Tongsuo itself: what ours would not do.
class OtherPeer : public TlcpTest {
 protected:
  void SetUp() override {
    context.reset(SSL_CTX_new(NTLS_method()));
    SSL_CTX_enable_ntls(context.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(
        context.get(), [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
    use(alice);
    fresh();
  }
  void use(const TlsIdentity& who) {
    auto x509 = [](const Certificate& one) {
      return tongsuo::parse<tongsuo::X509Pointer, d2i_X509>(one.der);
    };
    auto key = [](const Sm2PrivateKey& one) {
      auto pem = one.to_pem().value();
      tongsuo::Bio bio = tongsuo::reader(view(pem));
      return tongsuo::Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    };
    ASSERT_EQ(SSL_CTX_use_sign_certificate(context.get(), x509(who.sign).get()), 1);
    ASSERT_EQ(SSL_CTX_use_sign_PrivateKey(context.get(), key(who.sign_key).get()), 1);
    ASSERT_EQ(SSL_CTX_use_enc_certificate(context.get(), x509(who.encrypt).get()), 1);
    ASSERT_EQ(SSL_CTX_use_enc_PrivateKey(context.get(), key(who.encrypt_key).get()), 1);
  }
  void fresh(bool server = false) {
    ssl.reset(SSL_new(context.get()));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    server ? SSL_set_accept_state(ssl.get()) : SSL_set_connect_state(ssl.get());
    TlsContext own = TlsContext::create(TlsProtocol::tlcp, bob).value();
    ours = server ? own.connect(trust) : own.accept(trust);
    status = {};
    if (server) status = ours->receive({}, got);
  }
  void pump() {
    for (int i = 0; i < 10; ++i) {
      char buffer[4096];
      SSL_read(ssl.get(), buffer, sizeof buffer);
      ERR_clear_error();
      char* data = nullptr;
      long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &data);
      Bytes bytes(data, data + size);
      (void)BIO_reset(SSL_get_wbio(ssl.get()));
      if (status) status = ours->receive(bytes, got);
      Bytes back = ours->take_output();
      if (!back.empty()) BIO_write(SSL_get_rbio(ssl.get()), back.data(), int(back.size()));
    }
  }

  tongsuo::SslContext context;
  tongsuo::Ssl ssl;
  std::unique_ptr<TlsSession> ours;
  Status status;
  Bytes got;
};

TEST_F(OtherPeer, IsServedWhenItIsGood) {
  for (bool server : {false, true}) {
    fresh(server);
    pump();
    EXPECT_TRUE(ours->open()) << status.error().to_string();
    ASSERT_EQ(SSL_write(ssl.get(), "hello", 5), 5);
    got.clear();
    pump();
    EXPECT_EQ(text(got), "hello");
  }
}

TEST_F(OtherPeer, MayNotNegotiateAgainWithOtherCertificates) {
  for (bool server : {false, true}) {
    fresh(server);
    pump();
    ASSERT_TRUE(ours->open());
    SSL_renegotiate(ssl.get());
    SSL_do_handshake(ssl.get());
    pump();
    ASSERT_FALSE(status) << server;
    EXPECT_EQ(status.error().reason, "crypto.tls_record");
    EXPECT_EQ(status.error().detail, "a second handshake");
    EXPECT_EQ(ours->peer()->sign.der, alice.sign.der);
  }
}

TEST_F(OtherPeer, GetsNoSessionToResume) {
  pump();
  ASSERT_TRUE(ours->open());
  SSL_SESSION* session = SSL_get1_session(ssl.get());
  for (int i = 0; i < 2; ++i) {
    fresh();
    SSL_set_session(ssl.get(), session);
    pump();
    EXPECT_TRUE(ours->open());
    EXPECT_TRUE(ours->peer());
    EXPECT_EQ(SSL_session_reused(ssl.get()), 0);
  }
  SSL_SESSION_free(session);
}

TEST_F(OtherPeer, MayNotDowngradeToWhatHasNoForwardSecrecy) {
  SSL_CTX_set_cipher_list(context.get(), "ECC-SM2-SM4-GCM-SM3:ECC-SM2-SM4-CBC-SM3:ECDHE-SM2-SM4-CBC-SM3");
  fresh();
  pump();
  EXPECT_FALSE(ours->open());
  EXPECT_EQ(status.error().reason, "crypto.tls_handshake");
}

TEST_F(OtherPeer, MayNotSpeakAnotherProtocol) {
  context.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  fresh();
  pump();
  EXPECT_FALSE(ours->open());
  EXPECT_EQ(status.error().reason, "crypto.tls_handshake");
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
