#include "authority/login.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "crypto/authority.h"

namespace chengxin::authority {
namespace {

constexpr int64_t kDay = 86400000, kNow = 1795320000000;

struct Login : testing::Test {
  crypto::Authority root =
      crypto::Authority::create_root({"CN", "城信", "", "Root"}, {kNow - kDay, kNow + 100 * kDay}).value();
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  LoginPlace place{"host-1", "op", {certificate(crypto::Purpose::client)}, {root.certificate()}, {list({})}};

  crypto::Certificate certificate(crypto::Purpose purpose) const {
    return root.issue({purpose, {"CN", "", "", "op"}, {}, {kNow - kDay, kNow + kDay}}, key.public_key())
        .value();
  }
  crypto::Crl list(const std::vector<crypto::Revocation>& revoked) const {
    return root.issue_crl(revoked, 1, {kNow - kDay, kNow + kDay}).value();
  }
  std::string verdict(std::string_view answer, int64_t now_ms = kNow) const {
    const Status status = check_login(answer, place, now_ms);
    return status ? "" : status.error().reason;
  }
};

TEST_F(Login, TheHolderComesInAndNobodyElse) {
  const std::string answer = login_answer(key, "host-1", "op", kNow).value();
  EXPECT_EQ(answer.size(), 108u);
  EXPECT_EQ(verdict(answer), "");
  EXPECT_EQ(verdict(login_answer(key, "host-2", "op", kNow).value()), "login.signature");
  EXPECT_EQ(verdict(login_answer(key, "host-1", "root", kNow).value()), "login.signature");
  EXPECT_EQ(verdict(login_answer(*crypto::Sm2PrivateKey::generate(), "host-1", "op", kNow).value()),
            "login.signature");
  EXPECT_EQ(verdict(answer, kNow + kLoginWindowMs + 1), "login.clock");
  EXPECT_EQ(verdict(answer, kNow - kLoginWindowMs - 1), "login.clock");
  for (const char* bad : {"", "x", "AAAA"}) EXPECT_EQ(verdict(bad), "login.answer");
  for (size_t i = 0; i < answer.size(); i += 5) {
    std::string bent = answer;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(verdict(bent), "");
  }
}

TEST_F(Login, TheCertificateIsJudgedByAListOfToday) {
  const std::string answer = login_answer(key, "host-1", "op", kNow).value();
  const auto own = place.certificates[0];
  place.crls = {list({{own.serial, kNow - 1000, 1}})};
  EXPECT_EQ(verdict(answer), "crypto.certificate_revoked");
  place.crls.clear();
  EXPECT_EQ(verdict(answer), "crypto.crl_missing");
  place.crls = {list({})};
  place.roots.clear();
  EXPECT_EQ(verdict(answer), "crypto.certificate_untrusted");
  place.roots = {root.certificate()};
  place.certificates = {certificate(crypto::Purpose::tls_encrypt)};
  EXPECT_EQ(verdict(answer), "crypto.certificate_usage");
  place.certificates.clear();
  EXPECT_EQ(verdict(answer), "login.signature");
}

TEST_F(Login, AnAnswerIsTakenOnce) {
  std::string folder = (fs::temp_directory_path() / "cx-login-XXXXXX").string();
  ASSERT_TRUE(::mkdtemp(folder.data()));
  const fs::path seen = fs::path(folder) / "seen";
  const std::string one = login_answer(key, "host-1", "op", kNow).value(),
                    other = login_answer(key, "host-1", "op", kNow).value();
  EXPECT_TRUE(take_login(one, seen, kNow));
  EXPECT_EQ(take_login(one, seen, kNow + 1000).error().reason, "login.replayed");
  EXPECT_TRUE(take_login(other, seen, kNow + 1000));
  EXPECT_EQ(take_login(one, seen, kNow + 2 * kLoginWindowMs).error().reason, "login.replayed");
  EXPECT_EQ(verdict(one, kNow + 2 * kLoginWindowMs), "login.clock") << "when it is forgotten it is too old";
  EXPECT_TRUE(take_login(other, seen, kNow + 10 * kLoginWindowMs));
  EXPECT_EQ(fs::file_size(seen), 40u);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace chengxin::authority
