#pragma once
#include "config/config.h"
#include "jose/key_set.h"

// What an identity provider signs, checked as OpenID Connect Core 1.0 and Back-Channel Logout 1.0 say; and
// who it says has come. No network, no clock.
namespace chengxin::oidc {

struct Expected {
  std::string issuer, client_id;
  std::string nonce;         // of an ID token
  std::string access_token;  // for at_hash
  std::vector<jose::SignedBy> algorithms;
  int64_t skew_s = 60, now_s = 0;
};

// Core 3.1.3.7. The claims. Besides jose.*: oidc.token_form (a claim is missing or of the wrong type),
// oidc.issuer, oidc.audience, oidc.clock (issued at another time than about now), oidc.expired, oidc.nonce,
// oidc.access_token (at_hash).
Result<Json> check_id_token(std::string_view token, const jose::KeySet& keys, const Expected& expected);

// Back-Channel Logout 2.6: whose sessions are to end, by "sid" or "sub". The same reasons.
struct Logout {
  std::string sub, sid;  // one may be empty
};
Result<Logout> check_logout_token(std::string_view token, const jose::KeySet& keys, const Expected& expected);

// Somebody whom a provider vouches for.
struct Identity {
  std::string provider;
  std::string account;  // issuer, a space, what names the account there; never an address of mail
  std::string name;     // proposed for an account here; may be empty
  std::string sub, sid;
  Json claims;
  int64_t asked_ms = 0;  // when the provider was asked for its word, by the clock here
};
// oidc.account_claim, oidc.assurance, oidc.legal_refused, oidc.legal_agent (an account of a company that does
// not say who acts).
Result<Identity> identity_of(const config::OidcProvider& provider, const Json& claims);

// Whether a claim has, or holds among others, a value. "realm_access.roles": a member of a member.
bool claim_has(const Json& claims, std::string_view path, std::string_view value);

}  // namespace chengxin::oidc
