#include <algorithm>

#include "base/percent.h"
#include "credential/impl/time.h"
#include "credential/template.h"
#include "credential/wallet.h"
#include "net/form.h"

// The wallet's side of OpenID4VCI and OpenID4VP.
namespace chengxin::credential {
namespace {

using net::parse_form;

constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
constexpr std::string_view kClientScheme = "decentralized_identifier:";
constexpr int64_t kSkewMs = 60'000;

std::string text_of(const Json& object, const char* member) {
  auto at = object.is_object() ? object.find(member) : object.end();
  return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

tl::unexpected<Error> bad_offer(std::string_view why) {
  return fail(Code::invalid_argument, "wallet.offer", "{}", why);
}
tl::unexpected<Error> bad_request(std::string_view why) {
  return fail(Code::invalid_argument, "wallet.request", "{}", why);
}

Result<Json> json_from(const Http& http, const HttpRequest& request) {
  ASSIGN(const std::string body, http(request));
  return parse_json(body, {.max_bytes = 2 * kMaxTokenBytes});
}

// The query of scheme://?… as a form.
Result<std::map<std::string, std::string>> query_of(const std::string& uri) {
  const size_t question = uri.find('?');
  return parse_form(question == std::string::npos ? std::string_view()
                                                  : std::string_view(uri).substr(question + 1));
}

Result<Json> read_offer(const std::string& text, const Http& http) {
  if (text.starts_with('{')) return parse_json(text);
  if (!text.starts_with("openid-credential-offer:")) return bad_offer("not openid-credential-offer://…");
  auto query = query_of(text);
  if (!query) return bad_offer(query.error().detail);
  if (query->contains("credential_offer")) return parse_json((*query)["credential_offer"]);
  if (!query->contains("credential_offer_uri")) return bad_offer("it names no offer");
  return json_from(http, {"GET", (*query)["credential_offer_uri"]});
}

// An address of the same issuer: what it publishes may not send the code elsewhere.
Result<std::string> endpoint(const Json& metadata, const char* member, const std::string& issuer) {
  std::string address = text_of(metadata, member);
  if (!address.starts_with(issuer + "/")) return bad_offer(fmt::format("{} is not at {}", member, issuer));
  return address;
}

struct Endpoints {
  std::string token, nonce, credential;
};

Result<Endpoints> endpoints_of(const std::string& issuer, const Http& http) {
  ASSIGN(const Json metadata, json_from(http, {"GET", issuer + "/.well-known/openid-credential-issuer"}));
  ASSIGN(const Json server, json_from(http, {"GET", issuer + "/.well-known/oauth-authorization-server"}));
  if (text_of(metadata, "credential_issuer") != issuer || text_of(server, "issuer") != issuer)
    return bad_offer("the issuer's metadata is another's");
  Endpoints out;
  ASSIGN(out.token, endpoint(server, "token_endpoint", issuer));
  ASSIGN(out.nonce, endpoint(metadata, "nonce_endpoint", issuer));
  ASSIGN(out.credential, endpoint(metadata, "credential_endpoint", issuer));
  return out;
}

Result<std::string> proof_of(const Wallet::Key& key, const std::string& audience, const std::string& nonce,
                             int64_t now_ms) {
  return sign_compact({{"typ", "openid4vci-proof+jwt"}, {"jwk", key.key.public_key().jwk()}},
                      {{"aud", audience}, {"nonce", nonce}, {"iat", now_ms / 1'000}}, {key.key, {}});
}

struct Grant {
  std::string issuer, configuration, code;
  bool wants_code = false;
};

Result<Grant> grant_of(const Json& offer) {
  Grant out;
  out.issuer = text_of(offer, "credential_issuer");
  const Json ids = offer.value("credential_configuration_ids", Json::array());
  const Json grants = offer.value("grants", Json::object());
  if (out.issuer.empty() || !ids.is_array() || ids.empty() || !ids[0].is_string() || !grants.is_object() ||
      !grants.contains(kGrant))
    return bad_offer("only offers by pre-authorised code are taken");
  out.configuration = ids[0];
  const Json& grant = grants[std::string(kGrant)];
  out.code = text_of(grant, "pre-authorized_code");
  out.wants_code = grant.is_object() && grant.contains("tx_code");
  return out;
}

bool is_of_type(const Json& query, const Wallet::Held& held) {
  if (text_of(query, "format") != held.format) return false;
  const Json meta = query.value("meta", Json::object());
  const Json types = held.format == "dc+sd-jwt" ? meta.value("vct_values", Json::array())
                                                : meta.value("type_values", Json::array({Json::array()}));
  if (held.format == "dc+sd-jwt") return std::find(types.begin(), types.end(), held.type) != types.end();
  return std::any_of(types.begin(), types.end(), [&](const Json& each) {
    return each.is_array() && std::find(each.begin(), each.end(), held.type) != each.end();
  });
}

// The claims that a query asks for, when the credential holds them with one of the wanted values.
Result<std::optional<std::vector<ClaimPath>>> fitting(const Json& query, const Wallet::Held& held) {
  std::vector<ClaimPath> out;
  ASSIGN(const Json claims, claims_of(held));
  for (const Json& claim : query.value("claims", Json::array())) {
    ASSIGN(auto path, parse_claim_path(claim.value("path", Json())));
    const auto values = values_at(claims, path);
    const Json wanted = claim.value("values", Json::array());
    const bool fits =
        !values.empty() && (wanted.empty() || std::any_of(values.begin(), values.end(), [&](auto* value) {
                              return std::find(wanted.begin(), wanted.end(), *value) != wanted.end();
                            }));
    if (!fits) return std::optional<std::vector<ClaimPath>>();
    out.push_back(std::move(path));
  }
  return std::optional(std::move(out));
}

Result<Shown> choose(const Wallet& wallet, const Json& query, const Showing& showing) {
  const std::string id = text_of(query, "id");
  for (const auto& held : wallet.held()) {
    const auto& allowed = showing.credentials;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), held.id) == allowed.end()) continue;
    if (!is_of_type(query, held)) continue;
    ASSIGN(auto claims, fitting(query, held));
    if (claims) return Shown{id, held.id, std::move(*claims)};
  }
  return fail(Code::not_found, "wallet.nothing_fits", "for \"{}\"", id);
}

}  // namespace

Result<Wallet::Held> accept_offer(Wallet& wallet, const Acceptance& acceptance, const Http& http) {
  ASSIGN(const Json offer, read_offer(acceptance.offer, http));
  ASSIGN(const Grant grant, grant_of(offer));
  if (grant.wants_code && acceptance.tx_code.empty())
    return fail(Code::invalid_argument, "wallet.tx_code", "the issuer told it to you another way");
  ASSIGN(const Wallet::Key* key, wallet.find_key(acceptance.key));
  ASSIGN(const Endpoints at, endpoints_of(grant.issuer, http));
  std::string form =
      fmt::format("grant_type={}&pre-authorized_code={}", percent_encode(kGrant), percent_encode(grant.code));
  if (grant.wants_code) form += "&tx_code=" + percent_encode(acceptance.tx_code);
  ASSIGN(const Json token, json_from(http, {"POST", at.token, "application/x-www-form-urlencoded", form}));
  ASSIGN(const Json nonce, json_from(http, {"POST", at.nonce}));
  ASSIGN(const std::string proof, proof_of(*key, grant.issuer, text_of(nonce, "c_nonce"), acceptance.now_ms));
  const Json request = {{"credential_configuration_id", grant.configuration}, {"proofs", {{"jwt", {proof}}}}};
  ASSIGN(const Json answer, json_from(http, {"POST", at.credential, "application/json", request.dump(),
                                             text_of(token, "access_token")}));
  const Json list = answer.value("credentials", Json::array());
  if (!list.is_array() || list.size() != 1 || !list[0].is_object())
    return bad_offer("not one credential came");
  const Json credential = list[0].value("credential", Json());
  ASSIGN(auto held, wallet.add(credential.is_string() ? credential.get<std::string>() : credential.dump(),
                               key->name, acceptance.now_ms));
  TRY(wallet.save());
  return held;
}

Result<Asked> read_request(const std::string& uri, Resolver& resolver, int64_t now_ms, const Http& http) {
  auto query = query_of(uri);
  if (!query || !query->contains("client_id") || !query->contains("request_uri"))
    return bad_request("not openid4vp://?client_id=…&request_uri=…");
  const std::string client_id = (*query)["client_id"];
  if (!client_id.starts_with(kClientScheme)) return bad_request("a verifier is named by its DID here");
  const std::string did = client_id.substr(kClientScheme.size());
  ASSIGN(const std::string object, http({"GET", (*query)["request_uri"]}));
  ASSIGN(const auto jws, Jws::parse(object));
  TRY(check_type(jws, "oauth-authz-req+jwt"));
  TRY(check_proofs(jws, did, Relationship::authentication, resolver));
  const Json& request = jws.payload;
  const auto until = numeric_date(request, "exp", kForever);
  if (text_of(request, "client_id") != client_id || text_of(request, "response_type") != "vp_token" ||
      text_of(request, "response_mode") != "direct_post" || !request.contains("dcql_query"))
    return bad_request("it is not what this wallet answers");
  if (!until || now_ms - kSkewMs > *until) return bad_request("it is over");
  Asked out{client_id,
            text_of(request, "response_uri"),
            text_of(request, "nonce"),
            text_of(request, "state"),
            {},
            {},
            request["dcql_query"]};
  const Json about = request.value("client_metadata", Json::object());
  out.title = text_of(about, "client_name");
  out.purpose = text_of(about, "purpose");
  const Json queries = out.dcql.is_object() ? out.dcql.value("credentials", Json()) : Json();
  if (!queries.is_array() || queries.empty() || out.nonce.empty() || out.response_uri.empty())
    return bad_request("no query, nonce or address");
  return out;
}

Result<std::vector<Shown>> answer_request(const Wallet& wallet, const Asked& asked, const Showing& showing,
                                          const Http& http) {
  std::vector<Shown> out;
  Json token = Json::object();
  for (const Json& query : asked.dcql["credentials"]) {
    ASSIGN(auto shown, choose(wallet, query, showing));
    ASSIGN(const Wallet::Held* held, wallet.find(shown.credential));
    ASSIGN(std::string presentation,
           present(wallet, *held, shown.claims, {asked.client_id, asked.nonce, showing.now_ms}));
    token[shown.query] = Json::array({std::move(presentation)});
    out.push_back(std::move(shown));
  }
  const std::string form =
      "vp_token=" + percent_encode(token.dump()) + "&state=" + percent_encode(asked.state);
  TRY(http({"POST", asked.response_uri, "application/x-www-form-urlencoded", form})
          .map([](const std::string&) {}));
  return out;
}

}  // namespace chengxin::credential
