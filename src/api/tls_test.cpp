#include <atomic>
#include <thread>

#include "api/platform_for_tests.h"
#include "client/client.h"
#include "crypto/tls_for_tests.h"

namespace chengxin::api {
namespace {

// A certificate of NIST P-256 for localhost and 127.0.0.1, valid from 2020 to 2120, and its key; of this
// test.
constexpr const char* kCertificate = R"(-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1jaGVuZ3hp
biB0ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
VQQDDA1jaGVuZ3hpbiB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEE/Ag
V+12ZKuI4BSt/gcBBcitw49BC3J+vCrgBQI5SbY0ZQWjoRluvLcZG9i8yyXoUYI2
DKNTwmjA+PPx5v+5IqNOMEwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARggls
b2NhbGhvc3SHBH8AAAEwHQYDVR0OBBYEFB2CPrF58ZWqVCmH0qaQibxxePX1MAoG
CCqGSM49BAMCA0cAMEQCIFBjamW1KNaUurQ5Y0akgiFC6h9BraFmfGHDQsDL9G/r
AiA9o203sJ9KNHSp/GCPCooAldojKCVxBFLqxC8sPhefkg==
-----END CERTIFICATE-----
)";
constexpr const char* kKey = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEz3x1YaTxkcO020f
JZKvot72xLhV0SSTuBRwviOrUGShRANCAAQT8CBX7XZkq4jgFK3+BwEFyK3Dj0EL
cn68KuAFAjlJtjRlBaOhGW68txkb2LzLJehRgjYMo1PCaMD48/Hm/7ki
-----END PRIVATE KEY-----
)";

class Protected : public PlatformTest {
 protected:
  void protect(crypto::TlsContext context) {
    server.reset();
    options.tls = std::move(context);
    start_server();
  }
  void protect_sm(crypto::TlsProtocol protocol) {
    protect(crypto::TlsContext::create(protocol, identity).value());
  }
  client::Client client(const std::string& scheme, const std::string& root_pem,
                        const std::string& host = "127.0.0.1") const {
    client::Options to;
    to.url = fmt::format("{}://{}:{}", scheme, host, port());
    to.root_pem = root_pem;
    to.token = kToken;
    return client::Client(to);
  }
  // Every way that bytes take: small, large, streamed down, streamed both ways.
  void expect_service(client::Client platform) {
    auto status = platform.get("/api/v1/system");
    ASSERT_TRUE(status) << status.error().to_string();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(platform.get("/api/v1/chains"));  // kept alive
    const Bytes content = crypto::random_bytes(3'000'000);
    const fs::path file = folder / "original";
    ASSERT_TRUE(write_durable(file, content));
    auto stored = platform.upload("POST", "/api/v1/originals", file);
    ASSERT_TRUE(stored) << stored.error().to_string();
    Bytes back;
    ASSERT_TRUE(platform.download("/api/v1/originals/" + (*stored)["original"].get<std::string>(),
                                  [&](ByteView chunk) {
                                    append(back, chunk);
                                    return Status();
                                  }));
    EXPECT_EQ(back, content);

    constexpr size_t kCount = 200;
    size_t supplied = 0;
    std::string waiting, answer;
    auto supply = [&](std::span<uint8_t> into) -> Result<size_t> {
      if (waiting.empty() && supplied < kCount) {
        const std::string one = envelope({random_digest()});
        Bytes length;
        put_be(length, uint32_t(one.size()));
        waiting = to_string(length) + one;
        ++supplied;
      }
      const size_t count = std::min(into.size(), waiting.size());
      std::memcpy(into.data(), waiting.data(), count);
      waiting.erase(0, count);
      return count;
    };
    auto streamed = platform.exchange("/api/v1/chains/default/transactions/stream",
                                      "application/vnd.chengxin.transactions", supply, [&](ByteView chunk) {
                                        answer += text(chunk);
                                        return Status();
                                      });
    ASSERT_TRUE(streamed) << streamed.error().to_string();
    EXPECT_GT(answer.size(), kCount * 40);
  }

  const crypto::Authority root = crypto::test_root("Ministry");
  const crypto::TlsIdentity identity = crypto::test_identity(root, "platform");
};

TEST_F(Protected, ByTlcp) {
  protect_sm(crypto::TlsProtocol::tlcp);
  expect_service(client("tlcp", root.certificate().to_pem()));
  expect_service(client("tlcp", identity.sign.to_pem() + identity.encrypt.to_pem()));
  expect_service(client("tlcp", root.certificate().to_pem(), "localhost"));
}

TEST_F(Protected, ByTls13WithSmAlgorithms) {
  protect_sm(crypto::TlsProtocol::tls13_sm);
  expect_service(client("https", root.certificate().to_pem()));
}

TEST_F(Protected, ByPlainTls13) {
  protect(crypto::TlsContext::create_tls13(kCertificate, kKey).value());
  expect_service(client("https", kCertificate));
}

TEST_F(Protected, CurlSpeaksPlainTls13) {
  protect(crypto::TlsContext::create_tls13(kCertificate, kKey).value());
  const fs::path file = folder / "root.pem";
  ASSERT_TRUE(write_durable(file, view(std::string_view(kCertificate))));
  auto curl = [&](const std::string& more) {
    const std::string command =
        fmt::format("curl -s -o '{}' -w '%{{http_version}} %{{http_code}}' {} https://localhost:{}/healthz",
                    (folder / "out").string(), more, port());
    FILE* pipe = popen(command.c_str(), "r");
    char out[100] = "";
    (void)!fgets(out, sizeof out, pipe);
    const int exit = WEXITSTATUS(pclose(pipe));
    return fmt::format("{} {}", out, exit);
  };
  EXPECT_EQ(curl("--tlsv1.3 --cacert " + file.string()), "1.1 200 0");
  EXPECT_EQ(curl("--tls-max 1.2 --cacert " + file.string()), "0 000 35");
  EXPECT_EQ(curl("--tlsv1.3"), "0 000 60");  // not one of the roots that the system knows
}

TEST_F(Protected, RefusesWhoSpeaksAnotherProtocol) {
  protect_sm(crypto::TlsProtocol::tlcp);
  EXPECT_EQ(client("http", "").get("/healthz").error().reason, "client.unreachable");
  EXPECT_EQ(client("https", root.certificate().to_pem()).get("/healthz").error().reason, "crypto.tls_alert");
  TestClient raw(port());
  raw.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(raw.receive().status, 0);
  EXPECT_TRUE(client("tlcp", root.certificate().to_pem()).get("/api/v1/system"));
}

TEST_F(Protected, ClientsRefuseServersThatTheyCannotTrust) {
  const auto other = crypto::test_root("Elsewhere");
  protect_sm(crypto::TlsProtocol::tlcp);
  EXPECT_EQ(client("tlcp", other.certificate().to_pem()).get("/").error().reason,
            "crypto.certificate_untrusted");
  EXPECT_EQ(client("tlcp", "").get("/").error().reason, "client.root");
  protect_sm(crypto::TlsProtocol::tls13_sm);
  EXPECT_EQ(client("https", other.certificate().to_pem()).get("/").error().reason,
            "crypto.certificate_untrusted");
  auto elsewhere = identity;
  elsewhere.sign =
      crypto::test_certificate(root, crypto::Purpose::timestamp, "platform", identity.sign_key.public_key());
  protect(crypto::TlsContext::create(crypto::TlsProtocol::tls13_sm, elsewhere).value());
  EXPECT_EQ(client("https", root.certificate().to_pem()).get("/").error().reason, "crypto.certificate_usage");
  protect(crypto::TlsContext::create_tls13(kCertificate, kKey).value());
  EXPECT_EQ(client("https", "").get("/").error().reason, "client.untrusted");
}

TEST_F(Protected, ServesManyAtOnce) {
  protect_sm(crypto::TlsProtocol::tlcp);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto platform = client("tlcp", root.certificate().to_pem());
      for (int j = 0; j < 20; ++j) good += platform.get("/api/v1/chains").has_value();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST_F(Protected, LetsGoWhoDoesNotShakeHands) {
  options.header_timeout_ms = 200;
  protect_sm(crypto::TlsProtocol::tlcp);
  TestClient silent(port());
  EXPECT_TRUE(silent.ended());
}

}  // namespace
}  // namespace chengxin::api
