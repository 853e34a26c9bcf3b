#include "oidc/token.h"

#include <algorithm>
#include <sstream>

#include "base/base64url.h"
#include "crypto/secret.h"

namespace chengxin::oidc {
namespace {

using jose::text_of;

constexpr int64_t kFreshSeconds = 600;    // tokens come straight from their issuer
constexpr size_t kMaxAccountBytes = 255;  // Core section 2, "sub"
constexpr std::string_view kLogoutEvent = "http://schemas.openid.net/event/backchannel-logout";
constexpr std::string_view kLegal = "legal/";

tl::unexpected<Error> refused(std::string_view reason, std::string_view detail) {
  return fail(Code::forbidden, reason, "{}", detail);
}

Result<int64_t> seconds_of(const Json& claims, const char* name) {
  const auto at = claims.find(name);
  if (at == claims.end() || !at->is_number()) return refused("oidc.token_form", fmt::format("no {}", name));
  const double value = at->get<double>();  // a NumericDate may have a fraction
  if (!(value > 0 && value < 1e12)) return refused("oidc.token_form", fmt::format("{} is no time", name));
  return int64_t(value);
}

Status check_audience(const Json& claims, const std::string& client_id) {
  const auto aud = claims.find("aud");
  if (aud == claims.end()) return refused("oidc.token_form", "no aud");
  const bool one = aud->is_string() && *aud == client_id;
  const bool among = aud->is_array() && aud->size() <= 16 &&
                     std::find(aud->begin(), aud->end(), Json(client_id)) != aud->end();
  if (!one && !among) return refused("oidc.audience", "the token is for another client");
  const auto azp = claims.find("azp");
  if (azp != claims.end() && *azp != client_id) return refused("oidc.audience", "azp is another client");
  if (aud->is_array() && aud->size() > 1 && azp == claims.end())
    return refused("oidc.audience", "several audiences, and no azp");
  return {};
}

Status check_times(const Json& claims, const Expected& expected, bool must_expire) {
  ASSIGN(const int64_t issued, seconds_of(claims, "iat"));
  const int64_t off = issued - expected.now_s;
  if (off > expected.skew_s || off < -(kFreshSeconds + expected.skew_s))
    return refused("oidc.clock", fmt::format("issued {} seconds {} the time here", std::abs(off),
                                             off > 0 ? "after" : "before"));
  if (!must_expire && !claims.contains("exp")) return {};
  ASSIGN(const int64_t until, seconds_of(claims, "exp"));
  if (until + expected.skew_s <= expected.now_s) return refused("oidc.expired", "exp has passed");
  if (claims.contains("nbf")) {
    ASSIGN(const int64_t from, seconds_of(claims, "nbf"));
    if (from > expected.now_s + expected.skew_s) return refused("oidc.clock", "nbf has not come yet");
  }
  return {};
}

Result<jose::KeySet::Signed> check_common(std::string_view token, const jose::KeySet& keys,
                                          const Expected& expected, bool must_expire) {
  ASSIGN(auto signed_token, keys.check(token, expected.algorithms));
  const Json& claims = signed_token.payload;
  if (text_of(claims, "iss") != expected.issuer)
    return refused("oidc.issuer", fmt::format("iss is \"{}\"", text_of(claims, "iss").substr(0, 200)));
  TRY(check_audience(claims, expected.client_id));
  TRY(check_times(claims, expected, must_expire));
  return signed_token;
}

// Core 3.1.3.6: the left half of the hash of the access token.
Status check_access_token(const jose::KeySet::Signed& token, const std::string& access_token) {
  const auto at = token.payload.find("at_hash");
  if (at == token.payload.end()) return {};
  const Bytes hash = jose::digest(token.algorithm, view(access_token));
  const std::string left = base64url(ByteView(hash).first(hash.size() / 2));
  if (!at->is_string() || !crypto::constant_time_equal(view(at->get_ref<const std::string&>()), view(left)))
    return refused("oidc.access_token", "at_hash is of another");
  return {};
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

const Json* at_path(const Json& claims, std::string_view path) {
  const Json* at = &claims;
  if (auto whole = claims.find(path); whole != claims.end()) return &*whole;  // names of URLs have dots
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    if (!at->is_object()) return nullptr;
    const auto found = at->find(name);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string plain(const Json* value) {
  if (!value) return {};
  if (value->is_string()) return value->get<std::string>();
  if (value->is_number_integer()) return value->dump();
  return {};
}

// What names an account: visible ASCII, nothing that could be read as another.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxAccountBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

Result<std::string> account_of(const config::OidcProvider& provider, const Json& claims) {
  const std::string own = plain(at_path(claims, provider.account_claim));
  const std::string legal = provider.legal_claim.empty() ? "" : plain(at_path(claims, provider.legal_claim));
  if (legal.empty()) {
    if (!is_plain(own) || own.starts_with(kLegal))
      return refused("oidc.account_claim",
                     fmt::format("\"{}\" is not there, or names no account", provider.account_claim));
    return own;
  }
  // A company is no person: who acts for it is the account (threats: no shared accounts).
  if (provider.agent_claim.empty()) return refused("oidc.legal_refused", "of " + provider.name);
  const std::string agent = plain(at_path(claims, provider.agent_claim));
  const auto sound = [](const std::string& text) {
    return is_plain(text) && text.find('/') == text.npos && text.size() <= 120;
  };
  if (!sound(legal) || !sound(agent))
    return refused("oidc.legal_agent", fmt::format("\"{}\" says nobody", provider.agent_claim));
  return std::string(kLegal) + legal + "/" + agent;
}

}  // namespace

Result<Json> check_id_token(std::string_view token, const jose::KeySet& keys, const Expected& expected) {
  ASSIGN(auto checked, check_common(token, keys, expected, true));
  const std::string nonce = text_of(checked.payload, "nonce");
  if (expected.nonce.empty() || !crypto::constant_time_equal(view(nonce), view(expected.nonce)))
    return refused("oidc.nonce", "of another sign-in, or none");
  TRY(check_access_token(checked, expected.access_token));
  if (!is_plain(text_of(checked.payload, "sub"))) return refused("oidc.token_form", "no sub");
  return std::move(checked.payload);
}

Result<Logout> check_logout_token(std::string_view token, const jose::KeySet& keys,
                                  const Expected& expected) {
  ASSIGN(const auto checked, check_common(token, keys, expected, false));
  const Json& claims = checked.payload;
  const auto events = claims.find("events");
  const bool logout = events != claims.end() && events->is_object() && events->contains(kLogoutEvent) &&
                      (*events)[std::string(kLogoutEvent)].is_object();
  if (!logout) return refused("oidc.token_form", "no logout event");
  if (claims.contains("nonce")) return refused("oidc.token_form", "a nonce where none belongs");
  Logout out{text_of(claims, "sub"), text_of(claims, "sid")};
  if (out.sub.empty() && out.sid.empty()) return refused("oidc.token_form", "neither sub nor sid");
  return out;
}

bool claim_has(const Json& claims, std::string_view path, std::string_view value) {
  const Json* at = at_path(claims, path);
  if (!at) return false;
  if (at->is_array())
    return std::any_of(at->begin(), at->end(), [&](const Json& one) { return plain(&one) == value; });
  return !value.empty() && plain(at) == value;
}

Result<Identity> identity_of(const config::OidcProvider& provider, const Json& claims) {
  const auto levels = words(provider.assurance);
  const bool enough = levels.empty() || std::any_of(levels.begin(), levels.end(), [&](const auto& level) {
                        return claim_has(claims, provider.assurance_claim, level);
                      });
  if (!enough)
    return refused(
        "oidc.assurance",
        fmt::format("\"{}\" is {}, enough would be {}", provider.assurance_claim,
                    plain(at_path(claims, provider.assurance_claim)).substr(0, 64), provider.assurance));
  Identity out;
  out.provider = provider.name;
  ASSIGN(const std::string account, account_of(provider, claims));
  out.account = provider.issuer + " " + account;
  out.name = plain(at_path(claims, provider.name_claim));
  out.sub = text_of(claims, "sub");
  out.sid = text_of(claims, "sid");
  out.claims = claims;
  return out;
}

}  // namespace chengxin::oidc
