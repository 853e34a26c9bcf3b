#include "credential/service.h"

#include "credential/impl/issuance_protocol.h"
#include "credential/impl/presentation_protocol.h"
#include "credential/impl/web.h"
#include "crypto/sm3.h"

namespace chengxin::credential {
namespace {

constexpr int64_t kKeepKeyMs = 3'600'000, kKeepWebMs = 60'000;
constexpr size_t kMostListBytes = 16 << 20;

// did:web, the platform's own without asking itself.
class OwnAndOthers : public Resolver {
 public:
  OwnAndOthers(std::string own, Json document, std::unique_ptr<Resolver> others)
      : own_(std::move(own)), document_(std::move(document)), others_(std::move(others)) {}
  Result<Resolution> resolve(const std::string& did) override {
    if (did != own_) return others_->resolve(did);
    ASSIGN(auto document, Document::parse(document_, did));
    return Resolution{std::make_shared<const Document>(std::move(document))};
  }

 private:
  const std::string own_;
  const Json document_;
  const std::unique_ptr<Resolver> others_;
};

Result<std::string> did_of_address(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return fail(Code::invalid_argument, "credential.url", "\"{}\"", url);
  std::string host(url.substr(scheme + 3));
  if (const size_t port = host.find(':'); port != host.npos) host.replace(port, 1, "%3A");
  const std::string did = "did:web:" + host;
  TRY(web_address(did).map([](const std::string&) {}));
  return did;
}

// On a chain a key is named by its id.
std::string key_url(const ServiceOptions& options) {
  if (method_of(options.issuer) != "chengxin") return options.issuer + "#sm2";
  return options.issuer + "#" + hex(format::key_id(options.sm2_key.public_key().point));
}

class Everything : public Service {
 public:
  Everything(sql::Database& database, ServiceOptions options)
      : options_(std::move(options)),
        database_(database),
        signers_{{options_.sm2_key, key_url(options_)}, {options_.p256_key, options_.issuer + "#p256"}},
        registry_(database),
        once_(database),
        issuing_(database, registry_, options_, resolvers_, signers_),
        lists_(resolvers_, [this](const std::string& address) { return fetch_list(address); }),
        verifier_(resolvers_, lists_, once_,
                  [this](const std::string& type) { return registry_.schema_of(type); }),
        domains_(database, resolvers_, options_.web),
        issuance_(database, registry_, issuing_, resolvers_, options_),
        presentations_(database, registry_, verifier_, domains_, options_, signers_) {
    issuing_.on_changed = [this](const std::string& address) { lists_.forget(address); };
    resolvers_.add("key", key_resolver(), kKeepKeyMs);
    if (options_.find_chain)  // asked each time: what a block changed holds at once
      resolvers_.add("chengxin", chain_resolver(options_.find_chain), 0);
    resolvers_.add(
        "web", std::make_unique<OwnAndOthers>(options_.issuer, did_document(), web_resolver(options_.web)),
        kKeepWebMs);
  }

  Status begin() {
    TRY(registry_.load());
    TRY(issuing_.load());
    return anchor_document();
  }

  const std::string& url() const override { return options_.url; }
  const std::string& issuer() const override { return options_.issuer; }
  Resolvers& resolvers() override { return resolvers_; }
  Domains& domains() override { return domains_; }

  Json did_document() const override {
    const NamedKey keys[] = {{"sm2", options_.sm2_key.public_key(), options_.certificates},
                             {"p256", options_.p256_key.public_key()}};
    const Json services = {{{"id", options_.issuer + "#proof"},
                            {"type", "ChengxinDocumentProof"},
                            {"serviceEndpoint", options_.url + "/.well-known/did.json.cxproof"}}};
    return make_document(options_.issuer, keys, services);
  }

  Status put_template(const Caller& caller, const std::string& kind, const Json& json) override {
    return registry_.put(caller, kind, json, options_.now_ms());
  }
  Result<Json> find_template(const std::string& kind, const std::string& id,
                             std::optional<int64_t> version) override {
    return registry_.find(kind, id, version);
  }
  Result<Json> list_templates(const std::string& kind) override { return registry_.list(kind); }

  Result<Json> issue(const Caller& caller, const Issuance& issuance) override {
    return issuing_.issue(caller, issuance);
  }
  Result<Json> list_issued(const Json& filter, const std::string& cursor, size_t limit) override {
    return issuing_.list(filter, cursor, limit);
  }
  Result<Json> find_issued(const std::string& id) override { return issuing_.find(id); }
  Result<Json> set_state(const Caller& caller, const std::string& id, const std::string& state,
                         const std::string& why) override {
    ASSIGN(const Json issued, issuing_.find(id));
    if (!caller.owner && issued["issued_by"] != caller.id)
      return fail(Code::forbidden, "credential.delegate", "somebody else issued it");
    return issuing_.set_state(id, state, why);
  }
  Result<std::string> status_list(StatusPurpose purpose, int64_t number) override {
    return issuing_.status_list(purpose, number);
  }

  Result<Json> offer(const Caller& caller, const Issuance& issuance, bool with_code) override {
    return issuance_.offer(caller, issuance, with_code);
  }
  Result<Json> find_offer(const std::string& id) override { return issuance_.find_offer(id); }
  Result<Json> issuer_metadata() override { return issuance_.issuer_metadata(); }
  Json server_metadata() const override { return issuance_.server_metadata(); }
  Result<Json> token(const std::string& form) override { return issuance_.token(form); }
  Result<Json> nonce() override { return issuance_.nonce(); }
  Result<Json> credential(const std::string& access_token, const Json& request) override {
    return issuance_.credential(access_token, request);
  }

  Result<Json> ask(const std::string& template_id, Algorithm algorithm) override {
    return presentations_.ask(template_id, algorithm);
  }
  Result<Json> find_request(const std::string& id) override { return presentations_.find(id); }
  Result<std::string> request_object(const std::string& id) override {
    return presentations_.request_object(id);
  }
  Result<Json> answer(const std::string& id, const std::string& form) override {
    return presentations_.answer(id, form);
  }

  Result<Verdict> verify(const Json& request) override;
  void maintain() override { (void)once_.drop_old(options_.now_ms()); }

 private:
  Result<std::string> fetch_list(const std::string& address) {
    for (auto purpose : {StatusPurpose::revocation, StatusPurpose::suspension}) {
      const std::string own = fmt::format("{}/api/v1/status-lists/{}/", options_.url, name(purpose));
      if (address.starts_with(own))
        return issuing_.status_list(purpose, std::atoll(address.c_str() + own.size()));
    }
    return get(address, options_.web, kMostListBytes, "application/vc+jwt");
  }

  // Once for each document, so that others can see that this one, and no other, was shown.
  Status anchor_document() {
    if (!options_.anchor) return {};
    ASSIGN(const std::string canonical, canonical_json(did_document()));
    const Digest digest = crypto::sm3(view(canonical));
    bool anchored = false;
    TRY(database_.transaction([&](sql::Session& session) -> Status {
      ASSIGN(const std::string last, kept_text(session, "anchored_document"));
      anchored = last == hex(digest);
      return keep_text(session, "anchored_document", hex(digest));
    }));
    if (!anchored) options_.anchor(digest, options_.issuer);
    return {};
  }

  const ServiceOptions options_;
  sql::Database& database_;
  const std::vector<Signer> signers_;  // in the order of Algorithm
  Resolvers resolvers_;
  Registry registry_;
  Once once_;
  Issuing issuing_;
  StatusLists lists_;
  Verifier verifier_;
  Domains domains_;
  IssuanceProtocol issuance_;
  PresentationProtocol presentations_;
};

Result<Verdict> Everything::verify(const Json& request) {
  auto wrong = [](std::string_view why) {
    return fail(Code::invalid_argument, "credential.request", "{}", why);
  };
  ASSIGN(const Policy policy, presentations_.policy());
  auto text_of = [&](const char* member) {
    auto at = request.find(member);
    if (at == request.end()) return std::string();
    return at->is_string() ? at->get<std::string>() : at->dump();
  };
  const int64_t now = options_.now_ms();
  const bool credential = request.contains("credential"), presentation = request.contains("presentation");
  if (credential == presentation) return wrong("a credential or a presentation, and not both");
  if (credential) return verifier_.credential(text_of("credential"), policy, now);
  const Expected expected{text_of("audience"), text_of("nonce")};
  if (expected.audience.empty() || expected.nonce.empty())
    return wrong("a presentation needs the audience and the nonce that it was made for");
  if (!request.contains("template"))
    return verifier_.presentation(text_of("presentation"), policy, expected, now);
  ASSIGN(const auto wanted, registry_.presentation(text_of("template")));
  return verifier_.answer(request["presentation"], wanted, policy, expected, now);
}

}  // namespace

Result<std::unique_ptr<Service>> Service::open(sql::Database& database, ServiceOptions options) {
  if (options.issuer.empty()) {
    ASSIGN(options.issuer, did_of_address(options.url));
  }
  if (!is_did(options.issuer)) return fail(Code::invalid_argument, "did.invalid", "\"{}\"", options.issuer);
  CHECK(options.data_key.size() >= 16);
  TRY(migrate(database));
  auto out = std::make_unique<Everything>(database, std::move(options));
  TRY(out->begin());
  return out;
}

}  // namespace chengxin::credential
