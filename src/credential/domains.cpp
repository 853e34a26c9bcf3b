#include "credential/domains.h"

#include "base/percent.h"
#include "credential/impl/web.h"
#include "credential/verifier.h"
#include "crypto/sm3.h"
#include "proof/bundle.h"
#include "sql/database.h"

namespace chengxin::credential {
namespace {

constexpr size_t kMostDomains = 1'000, kMostDids = 100, kMostDifferences = 100;

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "domain.malformed", "{}", why);
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Status check_form(const Json& domain) {
  for (auto& [key, value] : domain.items())
    if (key != "id" && key != "title" && key != "dids" && key != "roots" && key != "anchor" &&
        key != "resolver")
      return malformed("\"" + key + "\" is not known");
  const std::string id = text_of(domain, "id");
  if (id.empty() || id.size() > 64 || text_of(domain, "title").empty())
    return malformed("it needs id and title");
  auto dids = domain.find("dids");
  if (dids == domain.end() || !dids->is_array() || dids->empty() || dids->size() > kMostDids)
    return malformed("one to a hundred dids");
  for (const Json& did : *dids)
    if (!did.is_string() || !is_did(did.get_ref<const std::string&>())) return malformed("a DID is none");
  if (domain.contains("roots") && !crypto::certificates_from_pem(text_of(domain, "roots")))
    return malformed("\"roots\" is not PEM of certificates");
  if (domain.contains("anchor") && !proof::Anchor::decode(text_of(domain, "anchor")))
    return malformed("\"anchor\" is no trust anchor");
  if (domain.contains("resolver") && !text_of(domain, "resolver").starts_with("http"))
    return malformed("\"resolver\" is an address");
  return {};
}

// One key of the document must be that of a certificate that leads to the domain's roots.
Status check_certificates(const Document& document, const std::string& pem, int64_t now_ms) {
  ASSIGN(const auto roots, crypto::certificates_from_pem(pem));
  Error last{Code::forbidden, "domain.certificate", "no key of the document has a certificate"};
  for (const auto& method : document.methods) {
    if (method.certificates.empty() || !method.key) continue;
    const auto& leaf = method.certificates.front();
    if (!leaf.public_key || method.key->algorithm != Algorithm::sm2sm3 ||
        leaf.public_key->point() != method.key->point) {
      last.detail = "the certificate of " + method.id + " is another key's";
      continue;
    }
    auto path =
        crypto::verify_chain(leaf, std::span(method.certificates).subspan(1), roots, {.at_ms = now_ms});
    if (path) return {};
    last = path.error();
  }
  return tl::unexpected(last);
}

std::string proof_address(const Json& document) {
  for (const Json& service : document.value("service", Json::array()))
    if (service.is_object() && text_of(service, "type") == "ChengxinDocumentProof")
      return text_of(service, "serviceEndpoint");
  return {};
}

Status check_proof_on_chain(const Document& document, const std::string& anchor_text, const WebOptions& web) {
  ASSIGN(const auto anchor, proof::Anchor::decode(anchor_text));
  const std::string address = proof_address(document.json);
  if (address.empty())
    return fail(Code::forbidden, "domain.proof", "the document names no ChengxinDocumentProof");
  ASSIGN(const std::string bundle, get(address, web, proof::kMaxBundleBytes));
  ASSIGN(const std::string canonical, canonical_json(document.json));
  auto facts = proof::verify(view(bundle), anchor, crypto::sm3(view(canonical)));
  if (facts) return {};
  if (facts.error().reason == "proof.file_mismatch")
    return fail(Code::forbidden, "domain.proof", "what is proved on the chain is another document");
  return tl::unexpected(facts.error());
}

// What the domain's own resolver says, which need not be what did:web shows to us.
Result<Json> document_elsewhere(const std::string& resolver, const std::string& did, const WebOptions& web) {
  ASSIGN(const std::string body, get(resolver + percent_encode(did), web, 2 * kMaxDocumentBytes));
  ASSIGN(Json json, parse_json(body));
  if (json.is_object() && json.contains("didDocument")) return Json(json["didDocument"]);
  return json;
}

}  // namespace

Json document_differences(const Json& shown, const Json& elsewhere) {
  Json out = Json::array();
  for (const Json& step : Json::diff(shown, elsewhere)) {
    if (out.size() == kMostDifferences) break;
    const Json::json_pointer at(step["path"].get<std::string>());
    Json one = {{"path", step["path"]}};
    if (step["op"] != "add" && shown.contains(at)) one["shown"] = shown[at];
    if (step["op"] != "remove") one["elsewhere"] = step["value"];
    out.push_back(std::move(one));
  }
  return out;
}

Status Domains::put(const Json& domain, int64_t now_ms) {
  if (!domain.is_object()) return malformed("not an object");
  TRY(check_form(domain));
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto count, session.row("select count(*) from credential_domain"));
    if (count->integer(0) >= int64_t(kMostDomains)) return fail(Code::conflict, "domain.too_many");
    return session
        .run(
            "insert into credential_domain (id, body, created_ms) values (?, ?, ?)"
            " on conflict (id) do update set body = excluded.body",
            text_of(domain, "id"), domain.dump(), now_ms)
        .map([](int64_t) {});
  });
}

Status Domains::remove(const std::string& id) {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(const int64_t removed, session.run("delete from credential_domain where id = ?", id));
    if (removed == 0) return fail(Code::not_found, "domain.not_found", "{}", id);
    return {};
  });
}

Result<Json> Domains::list() {
  Json out = Json::array();
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto rows, session.rows("select body from credential_domain order by id"));
    for (const auto& row : rows) {
      ASSIGN(Json body, parse_json(row.text(0)));
      out.push_back(std::move(body));
    }
    return {};
  }));
  return out;
}

Result<std::vector<std::string>> Domains::trusted() {
  std::vector<std::string> out;
  ASSIGN(const Json all, list());
  for (const Json& domain : all)
    for (const Json& did : domain["dids"]) out.push_back(did);
  return out;
}

Json Domains::check_did(const Json& domain, const std::string& did, int64_t now_ms) {
  Verdict verdict;
  Json differences = Json::array();
  auto finish = [&] {
    Json out = {{"did", did},
                {"consistent", verdict.valid()},
                {"checks", verdict.json()["checks"]},
                {"differences", differences}};
    return out;
  };
  const auto resolution = resolvers_.resolve_anew(did);
  if (!verdict.note("resolution", resolution.map([](const Resolution&) {}))) return finish();
  const Document& document = *resolution->document;
  verdict.note("active", resolution->deactivated()
                             ? Status(fail(Code::forbidden, "did.deactivated", "{}", did))
                             : Status());
  if (domain.contains("roots"))
    verdict.note("certificate", check_certificates(document, text_of(domain, "roots"), now_ms));
  else
    verdict.skip("certificate", "the domain's entry names no root certificate");
  if (domain.contains("anchor"))
    verdict.note("chain_proof", check_proof_on_chain(document, text_of(domain, "anchor"), web_));
  else
    verdict.skip("chain_proof", "the domain's entry names no trust anchor");
  if (!domain.contains("resolver")) {
    verdict.skip("consistency", "the domain's entry names no resolver of its own");
    return finish();
  }
  auto elsewhere = document_elsewhere(text_of(domain, "resolver"), did, web_);
  if (!verdict.note("consistency", elsewhere.map([](const Json&) {}))) return finish();
  differences = document_differences(document.json, *elsewhere);
  if (!differences.empty()) {
    verdict.checks.pop_back();
    verdict.note("consistency", fail(Code::forbidden, "domain.differs", "at {} and {} more",
                                     differences[0]["path"].get<std::string>(), differences.size() - 1));
  }
  return finish();
}

Result<Json> Domains::check(const std::string& id, int64_t now_ms) {
  ASSIGN(const Json all, list());
  for (const Json& domain : all) {
    if (domain["id"] != id) continue;
    Json dids = Json::array();
    bool consistent = true;
    for (const Json& did : domain["dids"]) {
      dids.push_back(check_did(domain, did, now_ms));
      consistent &= dids.back()["consistent"].get<bool>();
    }
    return Json{{"domain", id}, {"consistent", consistent}, {"dids", std::move(dids)}};
  }
  return fail(Code::not_found, "domain.not_found", "{}", id);
}

}  // namespace chengxin::credential
