#include "crypto/timestamp.h"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <random>

#include "crypto/authority.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/signed_data.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {

constexpr int64_t kDay = 86400000, kNow = 1795320000123;
constexpr Validity kYear{kNow - kDay, kNow + 365 * kDay};

struct Stamper {
  Authority root =
      Authority::create_root({"CN", "", "", "Root"}, {kNow - 10 * kDay, kNow + 3650 * kDay}).value();
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  Certificate certificate = issue(Purpose::timestamp);
  TimestampAuthority authority = TimestampAuthority::open(key, {certificate, root.certificate()}).value();
  Digest imprint = sm3(view("header"));

  Certificate issue(Purpose purpose) {
    return root.issue({purpose, {"CN", "", "", "TSA"}, {}, kYear}, key.public_key()).value();
  }
  // A token of a signer that breaks the rules in some way.
  Bytes token_of(const Certificate& signer, std::vector<Bytes> certificates, int64_t time_ms = kNow) {
    using namespace der;
    Bytes info = sequence({integer(uint64_t(1)), oid(der::Oid("1.2.3")),
                           sequence({algorithm(oids::kSm3), octets(imprint)}), integer(uint64_t(9)),
                           generalized_time(time_ms)});
    return make_signed_data({oids::kTstInfo, info, false, &signer, &key, {}, certificates}).value();
  }
};

std::string verdict(ByteView token, const Digest& imprint, std::vector<Bytes> roots = {}) {
  auto info = verify_timestamp(token, imprint, roots);
  return info ? "" : info.error().detail;
}

TEST(Timestamp, RoundTripThroughRequestAndResponse) {
  Stamper stamper;
  TimestampRequest request = TimestampRequest::make(stamper.imprint);
  Bytes response = stamper.authority.respond(request.to_der(), kNow);
  Bytes token = parse_timestamp_response(response, request).value();
  TimestampInfo info = verify_timestamp(token, stamper.imprint).value();
  EXPECT_EQ(info.time_ms, kNow);
  EXPECT_EQ(info.nonce, request.nonce);
  EXPECT_EQ(info.root_der, stamper.root.certificate().der);
  EXPECT_EQ(info.signer_der, stamper.certificate.der);
  EXPECT_EQ(verdict(token, stamper.imprint, {stamper.root.certificate().der}), "");
  EXPECT_EQ(verify_timestamp(token, stamper.imprint, std::vector<Bytes>{{1, 2, 3}}).error().reason,
            "crypto.timestamp_untrusted");
  EXPECT_EQ(verdict(token, sm3(view("other"))), "the imprint is of something else");
  EXPECT_NE(info.serial,
            verify_timestamp(
                parse_timestamp_response(stamper.authority.respond(request.to_der(), kNow), request).value(),
                stamper.imprint)
                ->serial);
}

// Its TS_* reader for the structure; its CMS code for the signature, because TS_RESP_verify_* hashes without
// Z_A and so refuses every correct SM2 token.
TEST(Timestamp, TongsuoReadsAndVerifiesIt) {
  Stamper stamper;
  TimestampRequest request = TimestampRequest::make(stamper.imprint);
  Bytes response = stamper.authority.respond(request.to_der(), kNow);
  using namespace tongsuo;
  auto theirs = parse<Ptr<TS_RESP, TS_RESP_free>, d2i_TS_RESP>(response);
  auto their_request = parse<Ptr<TS_REQ, TS_REQ_free>, d2i_TS_REQ>(request.to_der());
  ASSERT_TRUE(theirs && their_request) << last_error();
  ASN1_OCTET_STRING* imprint =
      TS_MSG_IMPRINT_get_msg(TS_TST_INFO_get_msg_imprint(TS_RESP_get_tst_info(theirs.get())));
  EXPECT_TRUE(equal({ASN1_STRING_get0_data(imprint), 32}, stamper.imprint));

  Bytes token = parse_timestamp_response(response, request).value();
  auto cms = parse<Ptr<CMS_ContentInfo, CMS_ContentInfo_free>, d2i_CMS_ContentInfo>(token);
  auto root = parse<Ptr<X509, X509_free>, d2i_X509>(stamper.root.certificate().der);
  ASSERT_TRUE(cms && root);
  Ptr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), kNow / 1000);
  X509_STORE_set_purpose(store.get(), X509_PURPOSE_TIMESTAMP_SIGN);
  EXPECT_EQ(CMS_verify(cms.get(), nullptr, store.get(), nullptr, nullptr, CMS_BINARY | CMS_CADES), 1)
      << last_error();
}

TEST(Timestamp, BadRequestsGetAnAnswerThatSaysSo) {
  Stamper stamper;
  TimestampRequest request = TimestampRequest::make(stamper.imprint);
  auto answer = [&](ByteView der, int64_t at_ms = kNow) {
    return parse_timestamp_response(stamper.authority.respond(der, at_ms), request).error();
  };
  EXPECT_EQ(answer(view("junk")).reason, "crypto.timestamp_refused");
  EXPECT_EQ(answer({}).reason, "crypto.timestamp_refused");
  EXPECT_EQ(answer(request.to_der(), kNow + 400 * kDay).reason, "crypto.timestamp_refused");
  using namespace der;
  Bytes sha256 =
      sequence({integer(uint64_t(1)), sequence({algorithm(oids::kSha256), octets(stamper.imprint)})});
  EXPECT_EQ(answer(sha256).detail, "status 2, failure bits 0780");  // bit 0: badAlg
  EXPECT_EQ(answer(TimestampRequest::make(stamper.imprint).to_der()).reason, "crypto.timestamp_mismatch");
  EXPECT_EQ(parse_timestamp_response(view("x"), request).error().reason, "crypto.timestamp_response");
}

TEST(Timestamp, RefusesSignersThatMayNot) {
  Stamper stamper;
  const Bytes& root = stamper.root.certificate().der;
  Certificate client = stamper.issue(Purpose::client);
  constexpr const char* kNoSigner = "the signer has no certificate for time-stamps";
  constexpr const char* kNoChain = "the certificates are not a chain valid at that time";
  EXPECT_EQ(verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der, root}), stamper.imprint),
            "");
  EXPECT_EQ(verdict(stamper.token_of(client, {client.der, root}), stamper.imprint), kNoSigner);
  EXPECT_EQ(verdict(stamper.token_of(client, {stamper.certificate.der, root}), stamper.imprint), kNoSigner);
  EXPECT_EQ(verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der, root}, kYear.to_ms),
                    stamper.imprint),
            kNoChain);
  EXPECT_EQ(
      verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der, root}, kYear.from_ms - 2000),
              stamper.imprint),
      kNoChain);
  EXPECT_EQ(verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der}), stamper.imprint),
            "certificates");
  Certificate other =
      stamper.root.issue({Purpose::ca, {"", "", "", "other"}, {}, kYear}, stamper.key.public_key()).value();
  EXPECT_EQ(verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der, root, other.der}),
                    stamper.imprint),
            kNoChain);
  Authority stranger =
      Authority::create_root({"CN", "", "", "Root"}, {kNow - 10 * kDay, kNow + 10 * kDay}).value();
  EXPECT_EQ(
      verdict(stamper.token_of(stamper.certificate, {stamper.certificate.der, stranger.certificate().der}),
              stamper.imprint),
      kNoChain);
  EXPECT_EQ(TimestampAuthority::open(stamper.key, {client, stamper.root.certificate()}).error().reason,
            "crypto.timestamp_authority");
  EXPECT_EQ(TimestampAuthority::open(stamper.root.key(), {stamper.certificate, stamper.root.certificate()})
                .error()
                .reason,
            "crypto.timestamp_authority");
}

TEST(Timestamp, EveryCorruptionIsRefused) {
  Stamper stamper;
  Bytes token = stamper.authority.stamp(TimestampRequest::make(stamper.imprint), kNow).value();
  for (size_t i = 0; i < token.size(); ++i) {
    for (uint8_t mask : {uint8_t(1 << i % 8), uint8_t(0xff)}) {
      Bytes bad = token;
      bad[i] ^= mask;
      ASSERT_NE(verdict(bad, stamper.imprint), "") << i << " " << int(mask);
    }
    ASSERT_NE(verdict(ByteView(token).first(i), stamper.imprint), "") << i;
  }
  Bytes longer = token;
  longer.push_back(0);
  EXPECT_NE(verdict(longer, stamper.imprint), "");
}

}  // namespace
}  // namespace chengxin::crypto
