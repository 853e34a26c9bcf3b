#include "access/message_signature.h"

#include <gtest/gtest.h>

#include <map>

#include "crypto/hmac.h"

namespace chengxin::access {
namespace {

// The request of RFC 9421 appendix B.2.
const std::map<std::string, std::string, std::less<>> kFields = {
    {"host", "example.com"},
    {"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
    {"content-type", "application/json"},
    {"content-digest",
     "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"},
    {"content-length", "18"}};
const MessageParts kRequest = {"POST", "https", "example.com", "/foo?param=Value&Pet=dog",
                               [](std::string_view name) -> std::optional<std::string> {
                                 auto found = kFields.find(name);
                                 return found == kFields.end() ? std::nullopt : std::optional(found->second);
                               }};

std::string base_of(std::string_view input) {
  auto parsed = parse_signature_input(input);
  EXPECT_TRUE(parsed) << input;
  auto base = signature_base(*parsed, kRequest);
  return base ? *base : base.error().to_string();
}

TEST(MessageSignature, BasesOfRfc9421) {
  EXPECT_EQ(
      base_of("sig-b21=();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\""),
      "\"@signature-params\": "
      "();created=1618884473;keyid=\"test-key-rsa-pss\";nonce=\"b3k2pp5k7z-50gnwp.yemd\"");
  EXPECT_EQ(
      base_of("sig-b22=(\"@authority\" \"content-digest\" \"@query-param\";name=\"Pet\");created=1618884473;"
              "keyid=\"test-key-rsa-pss\";tag=\"header-example\""),
      "\"@authority\": example.com\n"
      "\"content-digest\": "
      "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n"
      "\"@query-param\";name=\"Pet\": dog\n"
      "\"@signature-params\": (\"@authority\" \"content-digest\" "
      "\"@query-param\";name=\"Pet\");created=1618884473;"
      "keyid=\"test-key-rsa-pss\";tag=\"header-example\"");
  EXPECT_EQ(
      base_of("sig-b23=(\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" "
              "\"content-digest\" "
              "\"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\""),
      "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
      "\"@method\": POST\n"
      "\"@path\": /foo\n"
      "\"@query\": ?param=Value&Pet=dog\n"
      "\"@authority\": example.com\n"
      "\"content-type\": application/json\n"
      "\"content-digest\": "
      "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n"
      "\"content-length\": 18\n"
      "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \"content-type\" "
      "\"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-rsa-pss\"");
}

// B.2.5 is the one whose signature is the same each time, so that it says that the base is right to the byte.
TEST(MessageSignature, SignatureOfRfc9421) {
  const std::string base = base_of(
      "sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"");
  const Bytes key =
      *unbase64("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==");
  auto signature = parse_signature("sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:", "sig-b25");
  EXPECT_EQ(crypto::hmac_foreign(crypto::ForeignHash::sha256, key, view(base)), *signature);
}

TEST(MessageSignature, FormsAreStrict) {
  for (const char* bad :
       {"", "sig", "sig=", "sig=()x", "sig=(\"a\"\"b\")", "sig=(\"a\" \"a\")", "sig=(a)", "Sig=()",
        "sig=();created=x", "sig=();created=\"1\"", "sig=();nonce=\"a\nb\"", "sig=(), other=()",
        "sig=(\"@query-param\";key=\"x\")", "sig=(\"a\";sf)", "sig=(\"a", "sig=();nonce=\"a"})
    EXPECT_FALSE(parse_signature_input(bad)) << bad;
  for (const char* bad : {"", "sig1", "sig1=:", "sig1=:!!:", "sig2=:AA==:", "sig1=:AA==:, sig2=:AA==:"})
    EXPECT_FALSE(parse_signature(bad, "sig1")) << bad;
  EXPECT_FALSE(signature_base(*parse_signature_input("a=(\"x-missing\")"), kRequest));
  EXPECT_FALSE(signature_base(*parse_signature_input("a=(\"@status\")"), kRequest));
}

struct Signed : testing::Test {
  const int64_t now = 1'790'000'000'000;
  const crypto::Sm2PrivateKey key = *crypto::Sm2PrivateKey::generate(),
                              other = *crypto::Sm2PrivateKey::generate();
  const std::string body = R"({"digest":"00"})",
                    uri = "https://platform.example/api/v1/evidence?wait=receipt";
  MessageWindow window{now - 3'600'000};
  SignedFields fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
  std::string method = "POST", target = "/api/v1/evidence?wait=receipt", authority = "platform.example";

  std::string check(int64_t at) {
    const MessageParts parts = {
        method, "https", authority, target, [&](std::string_view name) -> std::optional<std::string> {
          return name == "content-digest" ? std::optional(fields.content_digest) : std::nullopt;
        }};
    auto keys = [&](const std::string& id) {
      return id == "service-1" ? std::optional(key.public_key()) : std::nullopt;
    };
    auto result = check_message(fields.signature_input, fields.signature, parts, keys, window, at);
    return result ? *result : result.error().reason;
  }
  void replace(const std::string& from, const std::string& to) {
    const size_t at = fields.signature_input.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    fields.signature_input.replace(at, from.size(), to);
  }
};

TEST_F(Signed, HoldsOnce) {
  EXPECT_EQ(check(now), "service-1");
  EXPECT_EQ(check(now), "access.message_signature_replayed");
  EXPECT_EQ(check(now + 59'000), "access.message_signature_replayed");
  EXPECT_TRUE(check_content_digest(fields.content_digest, view(body)));
}

TEST_F(Signed, WhatWasAlteredIsRefused) {
  for (auto change :
       std::vector<std::function<void()>>{[&] { method = "PUT"; }, [&] { target = "/api/v1/evidence"; },
                                          [&] { authority = "elsewhere.example"; },
                                          [&] { fields.content_digest = content_digest(view("{}")); }}) {
    const auto kept = std::tuple(method, target, authority, fields.content_digest);
    change();
    EXPECT_EQ(check(now), "access.message_signature");
    std::tie(method, target, authority, fields.content_digest) = kept;
  }
  EXPECT_EQ(check_content_digest(fields.content_digest, view(body + " ")).error().reason,
            "access.content_digest");
  fields = *sign_message(other, "service-1", "POST", uri, view(body), now);
  EXPECT_EQ(check(now), "access.message_signature") << "another key";
  fields = *sign_message(key, "service-2", "POST", uri, view(body), now);
  EXPECT_EQ(check(now), "access.message_signature_key");
}

TEST_F(Signed, WhatIsNotCoveredIsRefused) {
  for (const char* part : {"\"@method\" ", "\"@target-uri\" ", " \"content-digest\""}) {
    fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
    replace(part, "");
    EXPECT_EQ(check(now), "access.message_signature_covers") << part;
  }
}

TEST_F(Signed, OtherAlgorithmsAreRefused) {
  for (const char* name : {"hmac-sha256", "ecdsa-p256-sha256", "none", ""}) {
    fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
    replace("alg=\"sm2-sm3\"", fmt::format("alg=\"{}\"", name));
    EXPECT_EQ(check(now), "access.message_signature_algorithm") << name;
  }
}

TEST_F(Signed, TimesAreBounded) {
  EXPECT_EQ(check(now + 61'000), "access.message_signature_window") << "expired";
  EXPECT_EQ(check(now - 61'000), "access.message_signature_window") << "of the future";
  EXPECT_EQ(check(now + 86'400'000), "access.message_signature_window") << "a clock a day off";
  const std::string created = std::to_string(now / 1000);
  replace("expires=" + std::to_string(now / 1000 + 60), "expires=" + std::to_string(now / 1000 + 301));
  EXPECT_EQ(check(now), "access.message_signature_window") << "for too long";
  fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
  replace(";created=" + created, "");
  EXPECT_EQ(check(now), "access.message_signature_window") << "without created";
  fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
  replace("nonce=\"", "nonce=\"\";tag=\"");
  EXPECT_EQ(check(now), "access.message_signature_form") << "without a nonce";
  MessageWindow fresh(now + 10'000);  // of a process that began after the request was signed
  auto input = *parse_signature_input(fields.signature_input);
  EXPECT_EQ(fresh.check_times(input, now + 11'000).error().reason, "access.message_signature_form");
  fields = *sign_message(key, "service-1", "POST", uri, view(body), now);
  input = *parse_signature_input(fields.signature_input);
  EXPECT_EQ(fresh.check_times(input, now + 11'000).error().reason, "access.message_signature_window");
}

TEST(ContentDigest, NeedsSm3AndTakesNoneThatDoesNotFit) {
  EXPECT_TRUE(check_content_digest(content_digest(view("")), {}));
  EXPECT_FALSE(check_content_digest("", {}));
  EXPECT_FALSE(check_content_digest("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", {}));
  const std::string good = content_digest(view("x"));
  EXPECT_FALSE(check_content_digest(
      good.substr(0, good.find(',')) + ", sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
      view("x")));
  EXPECT_TRUE(check_content_digest(good + ", sha-512=:AA==:", view("x"))) << "others are not judged";
}

}  // namespace
}  // namespace chengxin::access
