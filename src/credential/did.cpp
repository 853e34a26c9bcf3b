#include "credential/did.h"

#include "base/base64url.h"
#include "base/clock.h"

namespace chengxin::credential {
namespace {

constexpr size_t kMostMethods = 64, kMostKept = 10'000;
constexpr std::string_view kRelationships[] = {"authentication", "assertionMethod", "keyAgreement",
                                               "capabilityInvocation", "capabilityDelegation"};

bool is_id_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || c == ':';
}
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

tl::unexpected<Error> wrong(std::string_view why) {
  return fail(Code::invalid_argument, "did.document", "{}", why);
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// A relative URL of a document means its own.
std::string absolute(std::string_view did, const std::string& url) {
  return url.starts_with('#') ? std::string(did) + url : url;
}

Status take_certificates(Document::Method& method, const Json& jwk) {
  auto chain = jwk.find("x5c");
  if (chain == jwk.end()) return {};
  if (!chain->is_array() || chain->empty() || chain->size() > 8)
    return wrong("x5c: one to eight certificates");
  for (const Json& each : *chain) {
    auto der = each.is_string() ? unbase64(each.get_ref<const std::string&>())
                                : Result<Bytes>(fail(Code::invalid_argument, "base.base64"));
    if (!der) return wrong("x5c: not base64");
    auto certificate = crypto::Certificate::from_der(*der);
    if (!certificate) return wrong("x5c: not a certificate");
    method.certificates.push_back(std::move(*certificate));
  }
  return {};
}

Status take_method(Document& out, const Json& json) {
  if (!json.is_object()) return wrong("a verification method is no object");
  Document::Method method;
  method.id = absolute(out.id, text_of(json, "id"));
  method.controller = text_of(json, "controller");
  if (did_of(method.id).empty() || method.id.find('#') == std::string::npos || !is_did(method.controller))
    return wrong("a verification method needs id and controller");
  for (const auto& other : out.methods)
    if (other.id == method.id) return wrong("the same id twice: " + method.id);
  if (out.methods.size() == kMostMethods) return wrong("above 64 verification methods");
  if (auto jwk = json.find("publicKeyJwk"); jwk != json.end()) {
    if (!jwk->is_object() || jwk->contains("d")) return wrong("publicKeyJwk is not a public key");
    if (auto key = PublicKey::from_jwk(*jwk)) method.key = *key;
    TRY(take_certificates(method, *jwk));
  } else if (auto key = PublicKey::from_multikey(text_of(json, "publicKeyMultibase"))) {
    method.key = *key;
  }
  out.methods.push_back(std::move(method));
  return {};
}

Status take_relationship(Document& out, Relationship relationship, const Json& list) {
  if (!list.is_array() || list.size() > kMostMethods) return wrong("a relationship is a list");
  for (const Json& each : list) {
    std::string id = each.is_string() ? absolute(out.id, each.get<std::string>()) : std::string();
    if (each.is_object()) {
      TRY(take_method(out, each));
      id = out.methods.back().id;
    }
    if (id.empty()) return wrong("a relationship names methods or holds them");
    out.relationships.emplace_back(relationship, std::move(id));
  }
  return {};
}

}  // namespace

bool is_did(std::string_view text) {
  if (text.size() > kMaxDidBytes || !text.starts_with("did:")) return false;
  text.remove_prefix(4);
  const size_t colon = text.find(':');
  if (colon == 0 || colon == text.npos || text.back() == ':') return false;
  for (char c : text.substr(0, colon))
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return false;
  for (size_t i = colon + 1; i < text.size(); ++i) {
    if (is_id_char(text[i])) continue;
    if (text[i] != '%' || i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

std::string_view did_of(std::string_view url) {
  const auto did = url.substr(0, url.find_first_of("/?#"));
  return is_did(did) ? did : std::string_view();
}

std::string_view method_of(std::string_view did) {
  if (!is_did(did)) return {};
  did.remove_prefix(4);
  return did.substr(0, did.find(':'));
}

std::string_view name(Relationship relationship) { return kRelationships[size_t(relationship)]; }

Result<Document> Document::parse(const Json& json, std::string_view did) {
  Document out;
  if (!json.is_object()) return wrong("not an object");
  out.id = text_of(json, "id");
  if (out.id != did) return wrong(fmt::format("it is {}'s, not {}'s", out.id, did));
  if (auto methods = json.find("verificationMethod"); methods != json.end()) {
    if (!methods->is_array()) return wrong("verificationMethod is a list");
    for (const Json& each : *methods) TRY(take_method(out, each));
  }
  for (size_t i = 0; i < std::size(kRelationships); ++i)
    if (auto list = json.find(kRelationships[i]); list != json.end())
      TRY(take_relationship(out, Relationship(i), *list));
  out.json = json;
  return out;
}

const Document::Method* Document::find(std::string_view method_id, Relationship relationship) const {
  for (const auto& [kind, named] : relationships) {
    if (kind != relationship || named != method_id) continue;
    for (const Method& method : methods)
      if (method.id == method_id) return &method;
  }
  return nullptr;
}

Json make_document(const std::string& did, std::span<const NamedKey> keys, const Json& services) {
  Json methods = Json::array(), names = Json::array();
  for (const NamedKey& key : keys) {
    const std::string id = did + "#" + key.fragment;
    Json jwk = key.key.jwk();
    for (const auto& certificate : key.certificates) jwk["x5c"].push_back(base64(certificate.der));
    methods.push_back({{"id", id}, {"type", "JsonWebKey"}, {"controller", did}, {"publicKeyJwk", jwk}});
    names.push_back(id);
  }
  Json out = {{"@context", {"https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"}},
              {"id", did},
              {"verificationMethod", methods},
              {"authentication", names},
              {"assertionMethod", names}};
  if (!services.empty()) out["service"] = services;
  return out;
}

void Resolvers::add(std::string method, std::unique_ptr<Resolver> resolver, int64_t keep_ms) {
  methods_[std::move(method)] = {std::move(resolver), keep_ms};
}

Result<Resolution> Resolvers::resolve(const std::string& did) {
  {
    std::lock_guard lock(mutex_);
    if (auto at = kept_.find(did); at != kept_.end() && steady_ns() < at->second.until_ns)
      return at->second.resolution;
  }
  return resolve_anew(did);
}

Result<Resolution> Resolvers::resolve_anew(const std::string& did) {
  if (!is_did(did)) return fail(Code::invalid_argument, "did.invalid", "\"{}\"", did.substr(0, 100));
  auto method = methods_.find(method_of(did));
  if (method == methods_.end())
    return fail(Code::unsupported, "did.method", "did:{} is not resolved here", method_of(did));
  ASSIGN(auto resolution, method->second.resolver->resolve(did));
  if (method->second.keep_ms > 0) {
    std::lock_guard lock(mutex_);
    if (kept_.size() >= kMostKept) kept_.clear();
    kept_[did] = {resolution, steady_ns() + method->second.keep_ms * 1'000'000};
  }
  return resolution;
}

std::string_view resolution_error(std::string_view reason) {
  if (reason == "did.invalid" || reason == "did.multikey") return "invalidDid";
  if (reason == "did.not_found") return "notFound";
  if (reason == "did.method") return "methodNotSupported";
  if (reason == "did.document") return "invalidDidDocument";
  return "internalError";
}

Json resolution_result(const Result<Resolution>& resolution) {
  Json out = {{"@context", "https://w3id.org/did-resolution/v1"},
              {"didDocument", nullptr},
              {"didDocumentMetadata", Json::object()},
              {"didResolutionMetadata", Json::object()}};
  if (!resolution) {
    out["didResolutionMetadata"] = {{"error", resolution_error(resolution.error().reason)},
                                    {"reason", resolution.error().reason},
                                    {"detail", resolution.error().detail}};
    return out;
  }
  out["didDocument"] = resolution->document->json;
  out["didDocumentMetadata"] = resolution->metadata;
  out["didResolutionMetadata"] = {{"contentType", "application/did+json"}};
  return out;
}

}  // namespace chengxin::credential
