#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/impl/tls_context.h"
#include "crypto/tls_wire_for_tests.h"

// Peers that must not be served, and one that is no session of ours.
namespace chengxin::crypto {
namespace {

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

// Those that a service shows.
TEST_F(BadPairs, OfCallers) {
  TlsTrust callers{{root.certificate()}, {}, false, {}, true};
  const int64_t now = now_ms();
  const auto checked = [&](const Certificate& sign, const Certificate& encrypt) {
    auto peer = check_tls_peer(TlsProtocol::tlcp, sign, encrypt, {}, callers, now);
    return peer ? std::string() : peer.error().reason;
  };
  const auto made = [&](Purpose purpose, const Sm2PrivateKey& key) {
    return test_certificate(root, purpose, "alice", key.public_key());
  };
  const Certificate sign = made(Purpose::client, alice.sign_key);
  const Certificate encrypt = made(Purpose::tls_encrypt, alice.encrypt_key);
  EXPECT_EQ(checked(sign, encrypt), "");
  EXPECT_EQ(checked(with_other_curve(sign), encrypt), "crypto.certificate_curve");
  EXPECT_EQ(checked(sign, with_other_curve(encrypt)), "crypto.certificate_curve");
  EXPECT_EQ(checked(with_other_algorithm(sign), encrypt), "crypto.certificate_algorithm");
  EXPECT_EQ(checked(sign, sign), "crypto.certificate_usage") << "it signs";
  EXPECT_EQ(checked(encrypt, encrypt), "crypto.certificate_usage");
  EXPECT_EQ(checked(made(Purpose::timestamp, alice.sign_key), encrypt), "crypto.certificate_usage");
  EXPECT_EQ(checked(sign, made(Purpose::timestamp, alice.encrypt_key)), "crypto.certificate_usage");
  EXPECT_EQ(checked(root.certificate(), encrypt), "crypto.certificate_usage") << "an authority is no caller";
  CertificateKind server{.key_usage = kDigitalSignature, .extended = {ExtendedUsage::server_auth}};
  const Name name{"CN", "", "", "alice"};
  CertificateOrder order{
      &server, &name, {}, {now - 1000, now + kTestDayMs}, alice.sign_key.public_key().point()};
  const auto of_server = Certificate::from_der(root.issue_many({&order, 1}).value()[0].der).value();
  EXPECT_EQ(checked(of_server, encrypt), "crypto.certificate_usage") << "a server's";
}

// A client that may show certificates and does not, or does.
TEST_F(BadPairs, NoneAtAllWhereTheyAreOptional) {
  for (const bool shows : {false, true}) {
    Wire link = wire(alice, bob, trust);
    link.server = TlsContext::create(TlsProtocol::tlcp, bob).value().accept(trust, true);
    if (!shows) link.client = TlsContext::create(TlsProtocol::tlcp, std::nullopt).value().connect(trust);
    link.run();
    EXPECT_TRUE(link.server->open() && link.client->open());
    EXPECT_EQ(link.server->peer().has_value(), shows);
    EXPECT_EQ(link.server->cipher(), shows ? "ECDHE-SM2-SM4-GCM-SM3" : "ECC-SM2-SM4-GCM-SM3");
  }
  Wire link = wire(alice, bob, trust);
  link.server = TlsContext::create(TlsProtocol::tlcp, bob).value().accept(trust);
  link.client = TlsContext::create(TlsProtocol::tlcp, std::nullopt).value().connect(trust);
  link.run();
  EXPECT_FALSE(link.server->open());
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

}  // namespace
}  // namespace chengxin::crypto
