#pragma once
// An issuer with both keys, a holder, and lists that are served from memory.
#include <gtest/gtest.h>

#include "credential/verifier.h"

namespace chengxin::credential {

template <typename T>
T take(Result<T> result) {
  EXPECT_TRUE(result) << (result ? "" : result.error().to_string());
  return std::move(*result);
}

// Documents that a test puts there.
class Known : public Resolver {
 public:
  Result<Resolution> resolve(const std::string& did) override {
    ++asked;
    auto at = documents.find(did);
    if (at == documents.end()) return fail(Code::not_found, "did.not_found", "{}", did);
    Resolution out{std::make_shared<const Document>(take(Document::parse(at->second, did)))};
    if (deactivated == did) out.metadata["deactivated"] = true;
    return out;
  }
  std::map<std::string, Json> documents;
  std::string deactivated;
  int asked = 0;
};

inline constexpr int64_t kNow = 1'790'000'000'000;  // 2026-09-21
inline constexpr int64_t kDay = 86'400'000;

struct Parties : testing::Test {
  const std::string did = "did:web:issuer.example";
  const std::string type = "urn:chengxin:credential:resident";
  PrivateKey sm2 = *PrivateKey::generate(Algorithm::sm2sm3), p256 = *PrivateKey::generate(Algorithm::es256);
  PrivateKey holder = *PrivateKey::generate(Algorithm::sm2sm3);
  std::vector<Signer> both = {{sm2, did + "#sm2"}, {p256, did + "#p256"}};
  std::vector<Signer> only_sm2 = {both[0]}, only_p256 = {both[1]};
  Resolvers resolvers;
  Known* web = nullptr;
  std::map<std::string, std::string> served;
  int fetched = 0;
  std::unique_ptr<StatusLists> lists;
  std::unique_ptr<ReplayGuard> replays = replay_guard();
  std::unique_ptr<Verifier> verifier;
  Policy policy{.issuers = {did}};
  Expected expected{"did:web:verifier.example", "nonce-1"};

  void SetUp() override {
    auto known = std::make_unique<Known>();
    web = known.get();
    const NamedKey keys[] = {{"sm2", sm2.public_key()}, {"p256", p256.public_key()}};
    web->documents[did] = make_document(did, keys);
    resolvers.add("web", std::move(known), 0);
    resolvers.add("key", key_resolver(), 60'000);
    lists = std::make_unique<StatusLists>(resolvers, [this](const std::string& url) -> Result<std::string> {
      ++fetched;
      auto at = served.find(url);
      if (at == served.end()) return fail(Code::not_found, "fetch.not_found", "{}", url);
      return at->second;
    });
    verifier = std::make_unique<Verifier>(resolvers, *lists, *replays);
  }

  Json claims() const {
    return {{"iss", did},
            {"vct", type},
            {"iat", kNow / 1000},
            {"nbf", kNow / 1000},
            {"exp", (kNow + 30 * kDay) / 1000},
            {"cnf", {{"jwk", holder.public_key().jwk()}}},
            {"name", "张三"},
            {"birth_year", 1990},
            {"address", {{"street", "人民路 1 号"}, {"city", "城市"}}},
            {"nationalities", {"CN", "FR"}}};
  }
  Frame frame() const {
    return {{{"name"}, {"birth_year"}, {"address"}, {"address", "street"}, {"nationalities", nullptr}}, 2};
  }
  SdJwt issued(const std::vector<Signer>& signers, Json content) const {
    return take(issue_sd_jwt({{"typ", "dc+sd-jwt"}}, content, frame(), signers));
  }
  SdJwt issued(const std::vector<Signer>& signers) const { return issued(signers, claims()); }
  std::string shown(const SdJwt& sd_jwt, std::vector<ClaimPath> paths, const PrivateKey& by,
                    const KeyBinding& binding) const {
    SdJwt some = take(select(sd_jwt, paths));
    EXPECT_TRUE(bind(some, by, binding));
    return some.encode();
  }
  std::string shown(const SdJwt& sd_jwt, std::vector<ClaimPath> paths = {}) const {
    return shown(sd_jwt, std::move(paths), holder, {expected.audience, expected.nonce, kNow});
  }

  Json credential() const {
    return {{"@context", {kVcContext}},
            {"type", {"VerifiableCredential", "ResidentCredential"}},
            {"issuer", did},
            {"validFrom", "2026-09-01T00:00:00Z"},
            {"validUntil", "2027-09-01T00:00:00+08:00"},
            {"credentialSubject", {{"id", key_did(holder.public_key())}, {"name", "李四"}}}};
  }

  // A list at `url` with these bits.
  void serve(const std::string& url, StatusPurpose purpose, std::vector<size_t> set, int64_t from_ms = kNow) {
    StatusBits bits;
    for (size_t index : set) bits.set(index, true);
    const Json list = status_list_credential({url, did, purpose, from_ms, from_ms + kDay, 300'000}, bits);
    served[url] = take(secure_credential(list, only_sm2));
  }

  static std::string reason(const Verdict& verdict) {
    return verdict.failed() ? verdict.failed()->reason : std::string(verdict.valid() ? "valid" : "nothing");
  }
};

}  // namespace chengxin::credential
