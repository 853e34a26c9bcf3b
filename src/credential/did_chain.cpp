#include "credential/did_chain.h"

#include "base/clock.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kPrefix = "did:chengxin:";
constexpr size_t kShortId = 16;  // digits of a chain's id

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Json document_of(const std::string& did, const identity::Subject& subject) {
  Json out = make_document(did, {});
  out["verificationMethod"] = Json::array();
  const std::pair<identity::Purpose, Relationship> kPurposes[] = {
      {identity::Purpose::authenticate, Relationship::authentication},
      {identity::Purpose::assertion, Relationship::assertion},
      {identity::Purpose::agreement, Relationship::agreement}};
  for (const auto& key : subject.keys) {
    const std::string id = did + "#" + hex(key.id());
    out["verificationMethod"].push_back(
        {{"id", id},
         {"type", "JsonWebKey"},
         {"controller", did},
         {"publicKeyJwk", PublicKey{Algorithm::sm2sm3, key.public_key}.jwk()}});
    for (auto [purpose, relationship] : kPurposes)
      if (key.purposes.has(purpose)) out[std::string(name(relationship))].push_back(id);
  }
  for (const auto& service : subject.services)
    out["service"].push_back(
        {{"id", did + "#" + service.name}, {"type", service.type}, {"serviceEndpoint", service.endpoint}});
  return out;
}

class ChainResolver : public Resolver {
 public:
  explicit ChainResolver(FindChain find) : find_(std::move(find)) {}

  Result<Resolution> resolve(const std::string& did) override {
    auto invalid = [&] { return fail(Code::invalid_argument, "did.invalid", "{}", did); };
    if (!did.starts_with(kPrefix)) return invalid();
    const std::string_view rest = std::string_view(did).substr(kPrefix.size());
    const auto chain = rest.substr(0, rest.find(':')),
               subject = rest.substr(std::min(rest.size(), chain.size() + 1));
    if (chain.size() < kShortId || chain.size() > 64 || !is_hex(chain) || subject.size() != 40 ||
        !is_hex(subject))
      return invalid();
    identity::SubjectId id{};
    ASSIGN(const Bytes bytes, unhex(subject));
    std::copy(bytes.begin(), bytes.end(), id.begin());
    ASSIGN(const ChainReader reader, find_(chain));
    auto found = identity::subject_of(reader.read, id);
    if (!found && found.error().reason == "identity.no_subject")
      return fail(Code::not_found, "did.not_found", "{}", did);
    if (!found) return tl::unexpected(found.error());
    ASSIGN(auto document, Document::parse(document_of(did, *found), did));
    Resolution out{std::make_shared<const Document>(std::move(document))};
    out.metadata = {{"created", format_time(int64_t(found->created_ms))},
                    {"updated", format_time(int64_t(found->change.time_ms))},
                    {"versionId", std::to_string(found->version)},
                    {"deactivated", found->status != identity::SubjectStatus::active},
                    {"status", format::name_of(found->status)}};
    return out;
  }

 private:
  const FindChain find_;
};

}  // namespace

std::unique_ptr<Resolver> chain_resolver(FindChain find) {
  return std::make_unique<ChainResolver>(std::move(find));
}

std::string chain_did(ByteView chain_id, const identity::SubjectId& subject) {
  return std::string(kPrefix) + hex(chain_id.first(kShortId / 2)) + ":" + hex(subject);
}

}  // namespace chengxin::credential
