#include "oidc/provider.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/percent.h"

namespace chengxin::oidc {
namespace {

using jose::text_of;

constexpr int64_t kKeptMs = 3'600'000, kAskAgainMs = 60'000;
constexpr size_t kMaxDocumentBytes = 64 << 10, kMaxKeysBytes = 256 << 10, kMaxSecretBytes = 4096;
constexpr std::string_view kWellKnown = "/.well-known/openid-configuration";

tl::unexpected<Error> no_discovery(std::string_view why) {
  return fail(Code::unavailable, "oidc.discovery", "{}", why);
}

bool holds(const Json& document, const char* member, std::string_view value) {
  const auto at = document.find(member);
  return at != document.end() && at->is_array() &&
         std::find(at->begin(), at->end(), Json(value)) != at->end();
}

// https, or plain at loopback only, which fetch judges for the addresses that this process calls.
Status check_endpoint(const std::string& url, const char* name, bool required) {
  if (url.empty() && !required) return {};
  if (auto status = net::check_url({.url = url, .realm = "oidc"}); !status)
    return no_discovery(fmt::format("{} is \"{}\"", name, url.substr(0, 200)));
  return {};
}

Result<Metadata> metadata_of(const Json& document, const std::string& issuer) {
  if (text_of(document, "issuer") != issuer)
    return no_discovery(fmt::format("its issuer is \"{}\"", text_of(document, "issuer").substr(0, 200)));
  Metadata out;
  out.authorization = text_of(document, "authorization_endpoint");
  out.token = text_of(document, "token_endpoint");
  out.keys = text_of(document, "jwks_uri");
  out.userinfo = text_of(document, "userinfo_endpoint");
  out.end_session = text_of(document, "end_session_endpoint");
  TRY(check_endpoint(out.authorization, "authorization_endpoint", true));
  TRY(check_endpoint(out.token, "token_endpoint", true));
  TRY(check_endpoint(out.keys, "jwks_uri", true));
  TRY(check_endpoint(out.userinfo, "userinfo_endpoint", false));
  TRY(check_endpoint(out.end_session, "end_session_endpoint", false));
  // A page of the provider's that a person is sent to must not be plain either.
  if (issuer.starts_with("https://") && !out.authorization.starts_with("https://"))
    return no_discovery("authorization_endpoint is not https");
  const char* methods = "token_endpoint_auth_methods_supported";
  out.secret_in_body =
      !holds(document, methods, "client_secret_basic") && holds(document, methods, "client_secret_post");
  const auto names = document.find("authorization_response_iss_parameter_supported");
  out.names_itself = names != document.end() && *names == true;
  return out;
}

Result<crypto::Secret> read_secret(const std::string& file) {
  std::error_code error;
  const auto mode = fs::status(file, error).permissions();
  const auto others = fs::perms::group_all | fs::perms::others_all;
  if (error || (mode & others) != fs::perms::none)
    return fail(Code::unavailable, "oidc.secret_file", "{}: not there, or readable to others (chmod 600)",
                file);
  ASSIGN(Bytes bytes, read_file(file, kMaxSecretBytes));
  size_t size = bytes.size();
  while (size > 0 && bytes[size - 1] <= ' ') --size;
  crypto::Secret out = crypto::to_secret(ByteView(bytes).first(size));
  crypto::secure_zero(bytes.data(), bytes.size());
  return out;
}

}  // namespace

net::Request Provider::request(const std::string& url, std::vector<std::string> headers,
                               size_t max_bytes) const {
  headers.emplace_back("Accept: application/json");
  return {.url = url,
          .headers = std::move(headers),
          .reach = settings_.allow_private ? net::Reach::any : net::Reach::public_only,
          .https_unless_loopback = true,
          .roots = roots_,
          .max_bytes = max_bytes,
          .realm = "oidc"};
}

Result<Json> Provider::get(const std::string& url, size_t max_bytes, std::vector<std::string> headers) const {
  ASSIGN(const auto answer, net::fetch(request(url, std::move(headers), max_bytes)));
  if (answer.status != 200) return no_discovery(fmt::format("{}: status {}", url, answer.status));
  auto json = parse_json(text(answer.body), {.max_bytes = max_bytes, .max_depth = 16});
  if (!json || !json->is_object())
    return no_discovery(fmt::format("{}: {}", url, json ? "no object" : json.error().to_string()));
  return json;
}

Result<Metadata> Provider::metadata(int64_t now_ms) {
  {
    std::lock_guard lock(mutex_);
    if (metadata_ && now_ms - metadata_ms_ < kKeptMs) return *metadata_;
  }
  ASSIGN(const Json document, get(settings_.issuer + std::string(kWellKnown), kMaxDocumentBytes));
  ASSIGN(Metadata fresh, metadata_of(document, settings_.issuer));
  std::lock_guard lock(mutex_);
  metadata_ = fresh;
  metadata_ms_ = now_ms;
  return fresh;
}

Result<std::shared_ptr<const jose::KeySet>> Provider::keys(const Metadata& metadata, bool anew,
                                                           int64_t now_ms) {
  {
    std::lock_guard lock(mutex_);
    const bool good = keys_ && now_ms - keys_ms_ < kKeptMs;
    if (good && (!anew || now_ms - asked_keys_ms_ < kAskAgainMs)) return keys_;
    asked_keys_ms_ = now_ms;
  }
  ASSIGN(const Json document, get(metadata.keys, kMaxKeysBytes));
  ASSIGN(auto set, jose::KeySet::read(document));
  log::info("oidc.keys", {{"provider", settings_.name}, {"keys", set.size()}});
  auto fresh = std::make_shared<const jose::KeySet>(std::move(set));
  std::lock_guard lock(mutex_);
  keys_ = fresh;
  keys_ms_ = now_ms;
  return fresh;
}

template <typename Check>
auto Provider::with_keys(int64_t now_ms, Check check)
    -> decltype(check(std::declval<const jose::KeySet&>())) {
  ASSIGN(const Metadata known, metadata(now_ms));
  ASSIGN(auto set, keys(known, false, now_ms));
  auto out = check(*set);
  if (out || out.error().reason != "jose.key_unknown") return out;
  ASSIGN(auto fresh, keys(known, true, now_ms));
  if (fresh == set) return out;
  return check(*fresh);
}

Expected Provider::expected(int64_t now_ms) const {
  Expected out;
  out.issuer = settings_.issuer;
  out.client_id = settings_.client_id;
  out.algorithms = algorithms_;
  out.skew_s = settings_.clock_skew_seconds;
  out.now_s = now_ms / 1000;
  return out;
}

Result<Json> Provider::exchange(const Metadata& metadata, const Code& code) const {
  std::string form =
      fmt::format("grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}",
                  percent_encode(code.code), percent_encode(code.redirect), percent_encode(code.verifier));
  std::vector<std::string> headers = {"Content-Type: application/x-www-form-urlencoded"};
  if (!secret_file_.empty()) {
    ASSIGN(const auto secret, read_secret(secret_file_));
    const std::string id = percent_encode(settings_.client_id), own = percent_encode(text(secret));
    // RFC 6749 section 2.3.1: both are encoded before they are joined.
    if (metadata.secret_in_body)
      form += fmt::format("&client_id={}&client_secret={}", id, own);
    else
      headers.push_back("Authorization: Basic " + base64(view(id + ":" + own)));
  } else {
    form += "&client_id=" + percent_encode(settings_.client_id);
  }
  net::Request asked = request(metadata.token, std::move(headers), jose::kMaxTokenBytes);
  asked.method = "POST";
  asked.body = to_bytes(view(form));
  ASSIGN(const auto answer, net::fetch(asked));
  auto json = parse_json(text(answer.body), jose::kJsonLimits);
  const Json said = json && json->is_object() ? *json : Json::object();
  if (answer.status != 200) {
    log::warn("oidc.code", {{"provider", settings_.name}, {"error", text_of(said, "error").substr(0, 64)}});
    if (answer.status >= 500)
      return fail(chengxin::Code::unavailable, "oidc.unreachable", "status {}", answer.status);
    return fail(chengxin::Code::forbidden, "oidc.code", "the provider says \"{}\"",
                text_of(said, "error").substr(0, 64));
  }
  if (text_of(said, "id_token").empty())
    return fail(chengxin::Code::forbidden, "oidc.token_form", "no ID token: is \"openid\" among the scopes?");
  return said;
}

// Core 5.3.2: the subject must be that of the ID token.
Result<Json> Provider::userinfo(const Metadata& metadata, const Json& claims,
                                const std::string& access_token) const {
  if (metadata.userinfo.empty()) return no_discovery("no userinfo_endpoint");
  if (access_token.find_first_of("\r\n") != access_token.npos)
    return fail(chengxin::Code::forbidden, "oidc.token_form", "an access token with a line break");
  ASSIGN(Json more, get(metadata.userinfo, kMaxDocumentBytes, {"Authorization: Bearer " + access_token}));
  if (text_of(more, "sub") != text_of(claims, "sub"))
    return fail(chengxin::Code::forbidden, "oidc.token_form", "userinfo is about somebody else");
  Json out = claims;
  for (const auto& [name, value] : more.items())
    if (!out.contains(name)) out[name] = value;  // what was signed stands
  return out;
}

Result<Identity> Provider::redeem(const Code& code, int64_t now_ms) {
  ASSIGN(const Metadata known, metadata(now_ms));
  ASSIGN(const Json tokens, exchange(known, code));
  const std::string id_token = text_of(tokens, "id_token");
  Expected wanted = expected(now_ms);
  wanted.nonce = code.nonce;
  wanted.access_token = text_of(tokens, "access_token");
  ASSIGN(Json claims,
         with_keys(now_ms, [&](const auto& set) { return check_id_token(id_token, set, wanted); }));
  if (settings_.claims_from == "userinfo") {
    ASSIGN(claims, userinfo(known, claims, wanted.access_token));
  }
  return identity_of(settings_, claims);
}

Result<Logout> Provider::check_logout(std::string_view token, int64_t now_ms) {
  return with_keys(now_ms, [&](const auto& set) { return check_logout_token(token, set, expected(now_ms)); });
}

}  // namespace chengxin::oidc
