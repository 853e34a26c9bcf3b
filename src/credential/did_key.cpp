#include "credential/did.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kPrefix = "did:key:";

class KeyResolver : public Resolver {
 public:
  Result<Resolution> resolve(const std::string& did) override {
    if (!std::string_view(did).starts_with(kPrefix)) return fail(Code::invalid_argument, "did.invalid");
    const std::string encoded = did.substr(kPrefix.size());
    auto key = PublicKey::from_multikey(encoded);
    if (!key) return fail(Code::invalid_argument, "did.invalid", "{}", key.error().detail);
    const NamedKey named{encoded, *key};
    Json json = make_document(did, {&named, 1});
    json["capabilityInvocation"] = json["capabilityDelegation"] = json["authentication"];
    ASSIGN(auto document, Document::parse(json, did));
    return Resolution{std::make_shared<const Document>(std::move(document))};
  }
};

}  // namespace

std::unique_ptr<Resolver> key_resolver() { return std::make_unique<KeyResolver>(); }

std::string key_did(const PublicKey& key) { return std::string(kPrefix) + key.multikey(); }

std::string key_did_url(const PublicKey& key) {
  const std::string encoded = key.multikey();
  return std::string(kPrefix) + encoded + "#" + encoded;
}

}  // namespace chengxin::credential
