#pragma once
// Identities for tests of protected connections, good and bad ones, and what the fuzzers need of them.
#include <algorithm>

#include "base/check.h"
#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/tls.h"

namespace chengxin::crypto {

inline constexpr int64_t kTestDayMs = 86'400'000;

inline Authority test_root(const std::string& name) {
  const int64_t now = now_ms();
  return Authority::create_root({"CN", name, "", name + " root"},
                                {now - 100 * kTestDayMs, now + 100 * kTestDayMs})
      .value();
}

struct TestValidity {
  int64_t from_days = -1, to_days = 1;  // from now
};

inline Certificate test_certificate(const Authority& root, Purpose purpose, const std::string& name,
                                    const Sm2PublicKey& key, TestValidity validity = {}) {
  const int64_t now = now_ms();
  CertificateRequest request{purpose,
                             {"CN", "", "", name},
                             {"127.0.0.1", "localhost"},
                             {now + validity.from_days * kTestDayMs, now + validity.to_days * kTestDayMs}};
  return root.issue(request, key).value();
}

inline TlsIdentity test_identity(const Authority& root, const std::string& name, TestValidity validity = {}) {
  TlsIdentity out;
  out.sign_key = Sm2PrivateKey::generate().value();
  out.encrypt_key = Sm2PrivateKey::generate().value();
  out.sign = test_certificate(root, Purpose::tls_sign, name, out.sign_key.public_key(), validity);
  out.encrypt = test_certificate(root, Purpose::tls_encrypt, name, out.encrypt_key.public_key(), validity);
  return out;
}

inline Certificate with_replaced(const Certificate& certificate, ByteView from, ByteView to) {
  CHECK(from.size() == to.size());
  Bytes der = certificate.der;
  bool found = false;
  for (auto at = der.begin();; ++at) {
    at = std::search(at, der.end(), from.begin(), from.end());
    if (at == der.end()) break;
    std::copy(to.begin(), to.end(), at);
    found = true;
  }
  CHECK(found);
  return Certificate::from_der(der).value();
}

// The signature algorithm named is SM2 with SHA-256.
inline Certificate with_other_algorithm(const Certificate& certificate) {
  return with_replaced(certificate, unhex("2a811ccf55018375").value(), unhex("2a811ccf55018377").value());
}

// The key is the generator of NIST P-256.
inline Certificate with_other_curve(const Certificate& certificate) {
  Certificate renamed = with_replaced(certificate, unhex("06082a811ccf5501822d").value(),
                                      unhex("06082a8648ce3d030107").value());
  return with_replaced(renamed, certificate.public_key->point(),
                       unhex("046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                             "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
                           .value());
}

inline std::shared_ptr<const TlsTrust> test_trust(std::vector<Certificate> roots,
                                                  std::vector<Crl> crls = {}) {
  return std::make_shared<TlsTrust>(TlsTrust{std::move(roots), std::move(crls), false});
}

}  // namespace chengxin::crypto
