#include "oidc/relying_party.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "base/base64url.h"
#include "base/file.h"
#include "base/percent.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "crypto/sm4.h"
#include "net/fetch.h"
#include "net/form.h"

namespace chengxin::oidc {
namespace {

constexpr size_t kMaxCookieBytes = 3000;
constexpr int kRetryMs = 1000;
constexpr std::string_view kSealed = "chengxin oidc flow 1";

std::string random_text() { return base64url(crypto::random_secret(32)); }

tl::unexpected<Error> wrong(const config::OidcProvider& one, std::string_view why) {
  return fail(Code::invalid_argument, "oidc.configuration", "access.oidc, line {} ({}): {}", one.line,
              one.name, why);
}

// OpenID Connect Core 5.7: these may change hands, so that whoever gets somebody's old address would get his
// account too.
bool may_change_hands(const std::string& claim) {
  static const std::set<std::string> all = {
      "email", "phone_number", "preferred_username", "name", "nickname", "mobile", "phone"};
  return all.contains(claim);
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<std::vector<jose::SignedBy>> algorithms_of(const config::OidcProvider& one) {
  std::istringstream stream(one.algorithms);
  std::vector<jose::SignedBy> out;
  for (std::string name; stream >> name;) {
    const auto algorithm = jose::signed_by(name);
    if (!algorithm) return wrong(one, fmt::format("algorithms: \"{}\" is never taken", name));
    out.push_back(*algorithm);
  }
  if (out.empty()) return wrong(one, "algorithms: none");
  return out;
}

Result<std::unique_ptr<Provider>> provider_of(const config::OidcProvider& one, const fs::path& data) {
  if (!is_name(one.name)) return wrong(one, "name: small letters, digits and -");
  const net::Request issuer{.url = one.issuer, .realm = "oidc"};
  if (!net::check_url(issuer) || one.issuer.find_first_of("?#") != one.issuer.npos ||
      one.issuer.back() == '/')
    return wrong(one, "issuer: an https address without a query and without a slash at its end");
  if (one.client_id.empty()) return wrong(one, "client_id is missing");
  if (may_change_hands(one.account_claim))
    return wrong(
        one, fmt::format("account_claim: \"{}\" may belong to somebody else tomorrow", one.account_claim));
  if (!one.legal_claim.empty() && may_change_hands(one.agent_claim))
    return wrong(one,
                 fmt::format("agent_claim: \"{}\" may belong to somebody else tomorrow", one.agent_claim));
  if ((" " + one.scopes + " ").find(" openid ") == std::string::npos)
    return wrong(one, "scopes: openid must be among them");
  ASSIGN(auto algorithms, algorithms_of(one));
  const auto file = [&](const std::string& name) { return name.empty() ? "" : (data / name).string(); };
  return std::make_unique<Provider>(one, std::move(algorithms), file(one.roots),
                                    file(one.client_secret_file));
}

tl::unexpected<Error> refused(std::string_view reason, std::string_view detail) {
  return fail(Code::forbidden, reason, "{}", detail);
}

tl::unexpected<Error> busy() {
  Error full{Code::busy, "oidc.busy", "too many signed in within the last minutes"};
  full.retry_after_ms = kRetryMs;
  return tl::unexpected(std::move(full));
}

}  // namespace

struct RelyingParty::Flow {
  std::string provider, redirect, state, nonce, verifier;
  Return back;
  int64_t begun_ms = 0;
};

std::string challenge_of(std::string_view verifier) {
  return base64url(ByteView(crypto::Sha256().update(view(verifier)).finish()));
}

RelyingParty::RelyingParty(const Options& options)
    : seal_key_(crypto::to_secret(ByteView(crypto::hmac_sm3(options.key, view("oidc flows"))).first(16))),
      most_kept_(options.most_kept) {}

Result<std::unique_ptr<RelyingParty>> RelyingParty::open(Options options) {
  std::unique_ptr<RelyingParty> out(new RelyingParty(options));
  std::set<std::string> names, issuers;
  for (const auto& one : options.providers) {
    ASSIGN(auto provider, provider_of(one, options.data));
    if (!names.insert(one.name).second) return wrong(one, "its name stands twice");
    if (!issuers.insert(one.issuer).second) return wrong(one, "its issuer stands twice");
    out->providers_.push_back(std::move(provider));
  }
  return out;
}

void RelyingParty::serve_at(std::string address) {
  std::lock_guard lock(mutex_);
  address_ = std::move(address);
}

Result<std::string> RelyingParty::redirect_of(const std::string& provider) const {
  std::lock_guard lock(mutex_);
  if (address_.empty()) return fail(Code::unavailable, "oidc.not_ready");
  return fmt::format("{}/api/v1/sessions/outside/{}/callback", address_, provider);
}

Result<Provider*> RelyingParty::find(std::string_view name) const {
  for (const auto& one : providers_)
    if (one->settings().name == name) return one.get();
  return fail(Code::not_found, "oidc.no_provider", "{}", name);
}

Result<std::string> RelyingParty::seal(const Flow& flow) const {
  const std::string body =
      Json{{"provider", flow.provider}, {"state", flow.state},       {"nonce", flow.nonce},
           {"verifier", flow.verifier}, {"redirect", flow.redirect}, {"challenge", flow.back.challenge},
           {"port", flow.back.port},    {"begun_ms", flow.begun_ms}}
          .dump();
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(seal_key_, view(kSealed), view(body)));
  return base64url(sealed);
}

Result<RelyingParty::Flow> RelyingParty::unseal(const std::string& cookie) const {
  const auto none = [] { return refused("oidc.no_flow", "no sign-in was begun in this browser"); };
  if (cookie.empty() || cookie.size() > kMaxCookieBytes) return none();
  const auto bytes = unbase64url(cookie);
  if (!bytes) return none();
  const auto plain = crypto::sm4_gcm_unseal(seal_key_, view(kSealed), *bytes);
  if (!plain) return none();
  ASSIGN(const Json body, parse_json(text(*plain)));  // written by seal()
  Flow out{body["provider"], body["redirect"], body["state"], body["nonce"], body["verifier"], {},
           body["begun_ms"]};
  out.back = {body["challenge"], body["port"]};
  return out;
}

Result<RelyingParty::Begun> RelyingParty::begin(const std::string& name, const Return& back, int64_t now_ms) {
  ASSIGN(Provider* const provider, find(name));
  ASSIGN(const Metadata known, provider->metadata(now_ms));
  const auto& settings = provider->settings();
  ASSIGN(const std::string redirect, redirect_of(name));
  const Flow flow{name, redirect, random_text(), random_text(), random_text(), back, now_ms};
  Begun out;
  ASSIGN(out.cookie, seal(flow));
  std::string query = fmt::format(
      "response_type=code&client_id={}&redirect_uri={}&scope={}&state={}&nonce={}&code_challenge={}&"
      "code_challenge_method=S256",
      percent_encode(settings.client_id), percent_encode(redirect), percent_encode(settings.scopes),
      flow.state, flow.nonce, challenge_of(flow.verifier));
  if (!settings.assurance.empty()) query += "&acr_values=" + percent_encode(settings.assurance);
  out.address = net::with_query(known.authorization, query);
  return out;
}

Status RelyingParty::note_use(const std::string& state, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  if (used_.contains(state)) return refused("oidc.replayed", "this answer was used before");
  // When there are too many, those go by which nobody came in: strangers can make them.
  if (used_.size() >= most_kept_)
    std::erase_if(used_,
                  [&](const auto& one) { return one.second.until_ms <= now_ms || !one.second.came_in; });
  if (used_.size() >= most_kept_) return busy();  // nobody comes in rather than somebody twice
  used_[state] = {now_ms + kFlowMs, false};
  return {};
}

Result<RelyingParty::Come> RelyingParty::come_back(const std::string& name, const std::string& cookie,
                                                   const Answer& answer, int64_t now_ms) {
  ASSIGN(Provider* const provider, find(name));
  ASSIGN(const std::string redirect, redirect_of(name));
  ASSIGN(Flow flow, unseal(cookie));
  if (now_ms - flow.begun_ms >= kFlowMs || flow.begun_ms > now_ms + kFlowMs)
    return refused("oidc.flow_expired", "more than ten minutes ago");
  // Each provider has a redirect address of its own (RFC 9700 section 4.4.2.2), and names itself when it can.
  if (flow.provider != name || flow.redirect != redirect)
    return refused("oidc.mixed_up", "the sign-in was begun with another provider");
  if (!crypto::constant_time_equal(view(flow.state), view(answer.state)))
    return refused("oidc.state", "of another sign-in");
  ASSIGN(const Metadata known, provider->metadata(now_ms));
  if (answer.iss.empty() ? known.names_itself : answer.iss != provider->settings().issuer)
    return refused("oidc.mixed_up", answer.iss.empty() ? "it does not name itself, as it says it does"
                                                       : "the answer names another issuer");
  if (!answer.error.empty())
    return refused("oidc.denied", "the provider says \"" + answer.error.substr(0, 64) + "\"");
  if (answer.code.empty()) return refused("oidc.code", "none came");
  TRY(note_use(flow.state, now_ms));
  auto identity = provider->redeem({answer.code, redirect, flow.verifier, flow.nonce}, now_ms);
  if (!identity) return tl::unexpected(identity.error());
  {
    std::lock_guard lock(mutex_);
    used_[flow.state] = {now_ms + kFlowMs, true};
  }
  Come out;
  out.identity = *std::move(identity);
  out.identity.asked_ms = now_ms;
  out.back = std::move(flow.back);
  return out;
}

Result<std::string> RelyingParty::keep(Identity identity, const std::string& challenge, int64_t now_ms) {
  std::string ticket = random_text();
  std::lock_guard lock(mutex_);
  std::erase_if(tickets_, [&](const auto& one) { return one.second.until_ms <= now_ms; });
  if (tickets_.size() >= most_kept_) return busy();
  tickets_[ticket] = {std::move(identity), challenge, now_ms + kTicketMs};
  return ticket;
}

Result<Identity> RelyingParty::take(const std::string& ticket, std::string_view verifier, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  auto found = tickets_.extract(ticket);
  if (found.empty() || found.mapped().until_ms <= now_ms ||
      !crypto::constant_time_equal(view(challenge_of(verifier)), view(found.mapped().challenge)))
    return fail(Code::unauthenticated, "oidc.ticket", "used, too old, or somebody else's");
  return std::move(found.mapped().identity);
}

}  // namespace chengxin::oidc
