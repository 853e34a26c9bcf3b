#include "credential/did_chain.h"

#include <gtest/gtest.h>

namespace chengxin::credential {
namespace {

// Of the did:key specification, section "P-256".
struct Vector {
  const char *did, *x, *y;
};
constexpr Vector kVectors[] = {
    {"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
     "fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI", "hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU"},
    {"did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv",
     "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns", "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM"}};

TEST(DidKey, VectorsOfTheSpecification) {
  auto resolver = key_resolver();
  for (const auto& vector : kVectors) {
    auto resolution = resolver->resolve(vector.did);
    ASSERT_TRUE(resolution) << resolution.error().to_string();
    const auto& method = resolution->document->methods.at(0);
    ASSERT_TRUE(method.key);
    EXPECT_EQ(method.key->jwk()["x"], vector.x);
    EXPECT_EQ(method.key->jwk()["y"], vector.y);
    EXPECT_EQ(method.key->jwk()["crv"], "P-256");
    EXPECT_EQ(key_did(*method.key), vector.did);
    EXPECT_EQ(method.id, std::string(vector.did) + "#" + std::string(vector.did).substr(8));
    EXPECT_TRUE(resolution->document->find(key_did_url(*method.key), Relationship::assertion));
    EXPECT_TRUE(resolution->document->find(key_did_url(*method.key), Relationship::authentication));
    EXPECT_FALSE(resolution->document->find(key_did_url(*method.key), Relationship::agreement));
  }
}

TEST(DidKey, EachKindOfKeyComesBack) {
  auto resolver = key_resolver();
  for (int i = 0; i < 20; ++i)
    for (auto algorithm : {Algorithm::sm2sm3, Algorithm::es256}) {
      const auto key = PrivateKey::generate(algorithm)->public_key();
      auto resolution = resolver->resolve(key_did(key));
      ASSERT_TRUE(resolution);
      EXPECT_EQ(resolution->document->methods[0].key, key);
      EXPECT_EQ(*PublicKey::from_jwk(key.jwk()), key);
      // The spelling that the draft of the registry gives SM2: 0x1206.
      EXPECT_TRUE(key_did(key).starts_with(algorithm == Algorithm::es256 ? "did:key:zDn" : "did:key:z"));
    }
}

TEST(DidKey, WhatIsNone) {
  auto resolver = key_resolver();
  for (const char* did : {"did:key:", "did:key:z", "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU216",
                          "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2160",
                          "did:key:mDnaerDaTF5BXEavCrfRZEk316dpbLs",
                          "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"})
    EXPECT_EQ(resolver->resolve(did).error().reason, "did.invalid") << did;
}

TEST(Did, Syntax) {
  for (const char* did : {"did:web:example.com", "did:web:example.com%3A8443:user:alice", "did:a1:x",
                          "did:chengxin:0a1b:person-1", "did:example:a::b"})
    EXPECT_TRUE(is_did(did)) << did;
  for (const char* did :
       {"", "did", "did:", "did:web", "did:web:", "did::x", "DID:web:x", "did:WEB:x", "did:web:a/b",
        "did:web:a#b", "did:web:a b", "did:web:%4", "did:web:%zz", "did:web:a:", "web:did:a"})
    EXPECT_FALSE(is_did(did)) << did;
  EXPECT_FALSE(is_did("did:x:" + std::string(600, 'a')));
  EXPECT_EQ(did_of("did:web:a#key"), "did:web:a");
  EXPECT_EQ(did_of("did:web:a/path?x=1#key"), "did:web:a");
  EXPECT_EQ(did_of("https://a"), "");
  EXPECT_EQ(method_of("did:key:z"), "key");
}

TEST(DidWeb, Addresses) {  // the method's own examples, and what must not become an address
  EXPECT_EQ(*web_address("did:web:w3c-ccg.github.io"), "https://w3c-ccg.github.io/.well-known/did.json");
  EXPECT_EQ(*web_address("did:web:w3c-ccg.github.io:user:alice"),
            "https://w3c-ccg.github.io/user/alice/did.json");
  EXPECT_EQ(*web_address("did:web:example.com%3A3000:user:alice"),
            "https://example.com:3000/user/alice/did.json");
  for (const char* did : {"did:web:", "did:web:a%2Fb", "did:web:a%3A", "did:web:a%3A99999",
                          "did:web:a%3A80%3A80", "did:web:a%40b", "did:web:a:..:b", "did:web:a:%2e%2e",
                          "did:web:a::b", "did:web:.a", "did:web:a_b", "did:web:a..b", "did:key:z"})
    EXPECT_EQ(web_address(did).error().reason, "did.invalid") << did;
}

TEST(DidWeb, WhereNobodyMayBeAsked) {
  auto resolver = web_resolver({});
  EXPECT_EQ(resolver->resolve("did:web:127.0.0.1%3A1").error().reason, "fetch.address_forbidden");
  EXPECT_EQ(resolver->resolve("did:web:localhost%3A1").error().reason, "fetch.address_forbidden");
  EXPECT_EQ(resolver->resolve("did:web:169.254.169.254").error().reason, "fetch.address_forbidden");
  EXPECT_EQ(resolver->resolve("did:web:10.0.0.1").error().reason, "fetch.address_forbidden");
  auto trusting = web_resolver({.trusted_hosts = {"127.0.0.1:1"}, .timeout_ms = 500});
  EXPECT_EQ(trusting->resolve("did:web:127.0.0.1%3A1").error().reason, "fetch.unreachable");
  EXPECT_EQ(trusting->resolve("did:web:127.0.0.1%3A2").error().reason, "fetch.address_forbidden");
}

Json document_of(const std::string& did, const PublicKey& key) {
  const NamedKey named{"key", key};
  return make_document(did, {&named, 1});
}

TEST(Document, WhatIsRefused) {
  const auto key = PrivateKey::generate(Algorithm::es256)->public_key();
  const std::string did = "did:web:a.example";
  const Json good = document_of(did, key);
  ASSERT_TRUE(Document::parse(good, did));
  EXPECT_EQ(Document::parse(good, "did:web:b.example").error().reason, "did.document");
  auto refused = [&](auto change) {
    Json bent = good;
    change(bent);
    auto parsed = Document::parse(bent, did);
    return parsed ? std::string("taken") : parsed.error().reason;
  };
  EXPECT_EQ(refused([](Json& json) { json["verificationMethod"].push_back(json["verificationMethod"][0]); }),
            "did.document");
  EXPECT_EQ(refused([](Json& json) { json["verificationMethod"][0]["publicKeyJwk"]["d"] = "AA"; }),
            "did.document");
  EXPECT_EQ(refused([](Json& json) { json["verificationMethod"][0].erase("controller"); }), "did.document");
  EXPECT_EQ(refused([](Json& json) { json["verificationMethod"] = 5; }), "did.document");
  EXPECT_EQ(refused([](Json& json) { json["assertionMethod"] = "x"; }), "did.document");
  EXPECT_EQ(refused([](Json& json) { json["assertionMethod"][0] = 5; }), "did.document");
  EXPECT_EQ(refused([](Json& json) { json = 5; }), "did.document");
  // A key of another kind is a method that cannot be used, not a bad document.
  Json other = good;
  other["verificationMethod"][0]["publicKeyJwk"] = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AA"}};
  EXPECT_FALSE(Document::parse(other, did)->methods[0].key);
}

TEST(Document, RelationshipsDecide) {
  const auto key = PrivateKey::generate(Algorithm::sm2sm3)->public_key();
  Json json = document_of("did:web:a.example", key);
  json["assertionMethod"] = Json::array();
  json["keyAgreement"] = Json::array({{{"id", "#inside"},
                                       {"type", "Multikey"},
                                       {"controller", "did:web:a.example"},
                                       {"publicKeyMultibase", key.multikey()}}});
  auto document = Document::parse(json, "did:web:a.example");
  ASSERT_TRUE(document);
  EXPECT_TRUE(document->find("did:web:a.example#key", Relationship::authentication));
  EXPECT_FALSE(document->find("did:web:a.example#key", Relationship::assertion));
  EXPECT_EQ(document->find("did:web:a.example#inside", Relationship::agreement)->key, key);
  EXPECT_FALSE(document->find("did:web:a.example#inside", Relationship::assertion));
}

TEST(Keys, JwksThatAreRefused) {
  const auto key = PrivateKey::generate(Algorithm::es256)->public_key();
  auto refused = [&](auto change) {
    Json jwk = key.jwk();
    change(jwk);
    auto parsed = PublicKey::from_jwk(jwk);
    return parsed ? std::string("taken") : parsed.error().reason;
  };
  EXPECT_EQ(refused([](Json& jwk) { jwk["crv"] = "SM2"; }), "jose.jwk");  // the point is on the other curve
  EXPECT_EQ(refused([](Json& jwk) { jwk["crv"] = "P-384"; }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk["alg"] = "SM2SM3"; }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk["x"] = jwk["y"]; }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk["d"] = "AA"; }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk["kty"] = "oct"; }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk.erase("y"); }), "jose.jwk");
  EXPECT_EQ(refused([](Json& jwk) { jwk["alg"] = "ES256"; }), "taken");
}

TEST(Keys, ThumbprintOfAKnownKey) {
  // RFC 7638 section 3: members required for EC keys, sorted, no white space; of the key of RFC 7515 A.3.
  auto key = PublicKey::from_jwk({{"kty", "EC"},
                                  {"crv", "P-256"},
                                  {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                                  {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}});
  ASSERT_TRUE(key);
  EXPECT_EQ(key->thumbprint(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

class Counting : public Resolver {
 public:
  explicit Counting(int& count) : count_(count) {}
  Result<Resolution> resolve(const std::string& did) override {
    ++count_;
    auto document = Document::parse({{"id", did}}, did);
    Resolution out{std::make_shared<const Document>(*document)};
    out.metadata["deactivated"] = true;
    return out;
  }

 private:
  int& count_;
};

TEST(Resolution, MethodsAndWhatIsRemembered) {
  int remembered = 0, asked = 0;
  Resolvers resolvers;
  resolvers.add("kept", std::make_unique<Counting>(remembered), 60'000);
  resolvers.add("fresh", std::make_unique<Counting>(asked), 0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(resolvers.resolve("did:kept:a")->deactivated());
    EXPECT_TRUE(resolvers.resolve("did:fresh:a"));
  }
  EXPECT_EQ(remembered, 1);
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(resolvers.resolve_anew("did:kept:a"));
  EXPECT_EQ(remembered, 2);
  auto unknown = resolvers.resolve("did:other:a");
  EXPECT_EQ(unknown.error().reason, "did.method");
  EXPECT_EQ(resolution_result(unknown)["didResolutionMetadata"]["error"], "methodNotSupported");
  EXPECT_EQ(resolution_result(resolvers.resolve("nothing"))["didResolutionMetadata"]["error"], "invalidDid");
  const Json good = resolution_result(resolvers.resolve("did:kept:a"));
  EXPECT_EQ(good["didDocument"]["id"], "did:kept:a");
  EXPECT_EQ(good["didDocumentMetadata"]["deactivated"], true);
}

TEST(DidChain, DocumentsOfSubjects) {
  const Digest chain = {0xab, 1, 2, 3, 4, 5, 6, 7, 8};
  const identity::SubjectId id = {9, 9};
  const auto login = crypto::Sm2PrivateKey::generate()->public_key().point();
  const auto issuing = crypto::Sm2PrivateKey::generate()->public_key().point();
  identity::Subject subject;
  subject.kind = identity::Kind::public_body;
  subject.version = 7;
  subject.keys = {{login, {identity::Purpose::authenticate}, {}},
                  {issuing, {identity::Purpose::assertion}, {}}};
  subject.services = {{"site", "LinkedDomains", "https://body.example"}};
  std::map<std::string, Bytes> state = {{identity::subject_key(id), identity::encode(subject)}};
  auto resolver = chain_resolver([&](std::string_view beginning) -> Result<ChainReader> {
    if (!hex(chain).starts_with(beginning)) return fail(Code::not_found, "did.not_found");
    return ChainReader{nullptr, [&](std::string_view key) -> Result<std::optional<Bytes>> {
                         auto at = state.find(std::string(key));
                         if (at == state.end()) return std::optional<Bytes>();
                         return std::optional(at->second);
                       }};
  });
  const std::string did = chain_did(chain, id);
  auto resolution = resolver->resolve(did);
  ASSERT_TRUE(resolution) << resolution.error().to_string();
  const Document& document = *resolution->document;
  const std::string login_url = did + "#" + hex(format::key_id(login)),
                    issuing_url = did + "#" + hex(format::key_id(issuing));
  EXPECT_TRUE(document.find(login_url, Relationship::authentication));
  EXPECT_FALSE(document.find(login_url, Relationship::assertion));  // who may sign in does not issue by it
  EXPECT_EQ(document.find(issuing_url, Relationship::assertion)->key->point, issuing);
  EXPECT_EQ(document.json["service"][0]["serviceEndpoint"], "https://body.example");
  EXPECT_EQ(resolution->metadata["versionId"], "7");
  EXPECT_FALSE(resolution->deactivated());
  for (auto status : {identity::SubjectStatus::suspended, identity::SubjectStatus::revoked,
                      identity::SubjectStatus::deactivated}) {
    subject.status = status;
    state[identity::subject_key(id)] = identity::encode(subject);
    EXPECT_TRUE(resolver->resolve(did)->deactivated());
  }
  EXPECT_EQ(resolver->resolve(chain_did(chain, {1})).error().reason, "did.not_found");
  EXPECT_EQ(resolver->resolve(chain_did(Digest{}, id)).error().reason, "did.not_found");
  for (const std::string& bad : {std::string("did:chengxin:x"), "did:chengxin:abcd:" + hex(id), did + "0",
                                 "did:chengxin:" + hex(chain) + ":AB", "did:chengxin:" + hex(chain)})
    EXPECT_EQ(resolver->resolve(bad).error().reason, "did.invalid") << bad;
}

}  // namespace
}  // namespace chengxin::credential
