#pragma once
#include <memory>
#include <mutex>

#include "base/file.h"
#include "credential/key.h"
#include "crypto/certificate.h"

// Decentralised identifiers (W3C DID Core 1.0): syntax, documents, resolution.
namespace chengxin::credential {

inline constexpr size_t kMaxDidBytes = 512;
inline constexpr size_t kMaxDocumentBytes = 64 << 10;

// DID Core 3.1: did:method:id, no path, query or fragment.
bool is_did(std::string_view text);
std::string_view method_of(std::string_view did);  // "web" of did:web:…; "" for what is none
// The part before path, query and fragment of a DID URL.
std::string_view did_of(std::string_view url);

enum class Relationship { authentication, assertion, agreement, invocation, delegation };
std::string_view name(Relationship relationship);  // as documents call it: assertionMethod, …

struct Document {
  struct Method {
    std::string id, controller;
    std::optional<PublicKey> key;                   // empty: of a kind that is not known here
    std::vector<crypto::Certificate> certificates;  // x5c of its JWK, leaf first
  };
  std::string id;
  std::vector<Method> methods;
  std::vector<std::pair<Relationship, std::string>> relationships;  // to ids of methods
  Json json;                                                        // the whole

  // did.document: not `did`'s, malformed, the same id twice, more than 64 methods, a private key in it.
  static Result<Document> parse(const Json& json, std::string_view did);
  // The method when it stands in that relationship; null else.
  const Method* find(std::string_view method_id, Relationship relationship) const;
};

// A document with these keys, each for authentication and assertion. Fragments: #sm2, #p256 … in order.
struct NamedKey {
  std::string fragment;
  PublicKey key;
  std::vector<crypto::Certificate> certificates = {};
};
Json make_document(const std::string& did, std::span<const NamedKey> keys,
                   const Json& services = Json::array());

struct Resolution {
  std::shared_ptr<const Document> document;
  Json metadata = Json::object();  // DID Core 7.1.3: created, updated, versionId, deactivated, …
  bool deactivated() const { return metadata.value("deactivated", false); }
};

// One method. Thread-safe. Errors: did.invalid, did.not_found, did.document, did.unreachable,
// did.address_forbidden; did.method for a method that nobody here resolves.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Result<Resolution> resolve(const std::string& did) = 0;
};

// did:key (W3C CCG, v0.9): the document follows from the identifier.
std::unique_ptr<Resolver> key_resolver();
std::string key_did(const PublicKey& key);
std::string key_did_url(const PublicKey& key);  // of its one method

// did:web (W3C CCG): https://HOST[:PORT]/PATH/did.json, or /.well-known/did.json without a path.
struct WebOptions {
  // host[:port] that may be at a private or loopback address and, when loopback, is asked without TLS.
  std::vector<std::string> trusted_hosts = {};
  fs::path roots = {};  // PEM of what https is believed by; empty: the system's
  int timeout_ms = 5'000;
};
std::unique_ptr<Resolver> web_resolver(WebOptions options);
Result<std::string> web_address(std::string_view did);  // did.invalid

// All methods. Remembers each resolution for as long as its method allows.
class Resolvers : public Resolver {
 public:
  // keep_ms 0: always asked.
  void add(std::string method, std::unique_ptr<Resolver> resolver, int64_t keep_ms);
  Result<Resolution> resolve(const std::string& did) override;
  Result<Resolution> resolve_anew(const std::string& did);  // not from memory

 private:
  struct Entry {
    std::unique_ptr<Resolver> resolver;
    int64_t keep_ms;
  };
  struct Kept {
    Resolution resolution;
    int64_t until_ns;
  };
  std::map<std::string, Entry, std::less<>> methods_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

// What DID resolution calls our reasons (DID Core 7.1.2): invalidDid, notFound, …
std::string_view resolution_error(std::string_view reason);
// A whole DID resolution result.
Json resolution_result(const Result<Resolution>& resolution);

}  // namespace chengxin::credential
