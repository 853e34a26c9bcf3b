#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/certificate.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/tongsuo.h"

namespace chengxin::crypto {
namespace {

constexpr size_t kMaxPath = 8;

tl::unexpected<Error> refuse(std::string_view what, const Certificate& certificate) {
  return fail(Code::forbidden, fmt::format("crypto.certificate_{}", what), "{}", certificate.subject_text());
}

bool has_usage(const Certificate& certificate, const der::Oid& usage) {
  return certificate.extended_usages.empty() ||
         std::any_of(certificate.extended_usages.begin(), certificate.extended_usages.end(),
                     [&](const Bytes& one) { return equal(one, usage); });
}

bool fits(const Certificate& leaf, Purpose purpose) {
  switch (purpose) {
    case Purpose::any:
      return true;
    case Purpose::ca:
      return leaf.is_ca && leaf.allows(kKeyCertSign);
    case Purpose::tls_sign:
      return leaf.allows(kDigitalSignature) && has_usage(leaf, oids::kServerAuth);
    case Purpose::tls_encrypt:
      return leaf.key_usage &&
             (*leaf.key_usage & (kKeyEncipherment | kDataEncipherment | kKeyAgreement)) != 0 &&
             !(*leaf.key_usage & kDigitalSignature) && has_usage(leaf, oids::kServerAuth);
    case Purpose::client:
      return leaf.allows(kDigitalSignature) && has_usage(leaf, oids::kClientAuth);
    case Purpose::timestamp:
      return leaf.allows(kDigitalSignature) && leaf.only_for_timestamps();
  }
  return false;
}

// What can be said of one certificate without its issuer.
Status check_alone(const Certificate& one, const ChainPolicy& policy) {
  if (!one.public_key) return refuse("curve", one);
  if (!one.sm2_with_sm3) return refuse("algorithm", one);
  if (one.unknown_critical_extension || (one.name_constraints && !policy.name_constraints))
    return refuse("extension", one);
  if (policy.at_ms < one.not_before_ms) return refuse("not_yet_valid", one);
  if (policy.at_ms > one.not_after_ms) return refuse("expired", one);
  return {};
}

Status check_revocation(const Certificate& one, const Certificate& issuer, const ChainPolicy& policy) {
  const Crl* newest = nullptr;
  for (const Crl& crl : policy.crls)
    if (crl.issuer == issuer.subject && (!newest || crl.this_update_ms > newest->this_update_ms))
      newest = &crl;
  if (!newest) {
    if (policy.crl_required) return fail(Code::forbidden, "crypto.crl_missing", "{}", issuer.subject_text());
    return {};
  }
  if (!newest->sm2_with_sm3 || !newest->signature || newest->unknown_critical_extension ||
      !issuer.allows(kCrlSign) || !issuer.public_key->verify(newest->tbs, *newest->signature))
    return fail(Code::forbidden, "crypto.crl_signature", "{}", issuer.subject_text());
  if (policy.at_ms < newest->this_update_ms || policy.at_ms > newest->next_update_ms)
    return fail(Code::forbidden, "crypto.crl_expired", "{}", issuer.subject_text());
  for (const Revocation& revocation : newest->revoked)
    if (revocation.serial == one.serial && revocation.time_ms <= policy.at_ms) return refuse("revoked", one);
  return {};
}

Status check_issued(const Certificate& one, const Certificate& issuer, size_t authorities_below,
                    const ChainPolicy& policy) {
  if (!issuer.is_ca || !issuer.allows(kKeyCertSign)) return refuse("usage", issuer);
  if (issuer.path_length && *issuer.path_length < authorities_below) return refuse("path_length", issuer);
  if (!issuer.public_key) return refuse("curve", issuer);
  if (!one.signed_by(*issuer.public_key)) return refuse("signature", one);
  return check_revocation(one, issuer, policy);
}

using X509Pointer = tongsuo::Ptr<X509, X509_free>;
using Constraints = tongsuo::Ptr<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

// RFC 5280 4.2.1.10: what an authority may name, for all below it but those that it issued to itself.
Status check_names(std::span<const Certificate> below, const Certificate& issuer) {
  if (!issuer.name_constraints) return {};
  auto parsed = [](const Certificate& one) { return tongsuo::parse<X509Pointer, d2i_X509>(one.der); };
  const X509Pointer authority = parsed(issuer);
  const Constraints constraints(static_cast<NAME_CONSTRAINTS*>(
      authority ? X509_get_ext_d2i(authority.get(), NID_name_constraints, nullptr, nullptr) : nullptr));
  if (!constraints) return refuse("extension", issuer);
  for (size_t i = 0; i < below.size(); ++i) {
    if (i > 0 && below[i].self_issued()) continue;
    const X509Pointer one = parsed(below[i]);
    // The first call reads the alternative names that the others look at.
    const bool good = one && X509_check_purpose(one.get(), -1, 0) == 1 &&
                      NAME_CONSTRAINTS_check(one.get(), constraints.get()) == X509_V_OK &&
                      (i > 0 || NAME_CONSTRAINTS_check_CN(one.get(), constraints.get()) == X509_V_OK);
    if (!good) return refuse("name_constraint", below[i]);
  }
  return {};
}

// The issuer among `candidates`; one whose key fits before one that only has the name.
const Certificate* find_issuer(const Certificate& one, std::span<const Certificate> candidates) {
  const Certificate* named = nullptr;
  for (const Certificate& candidate : candidates) {
    if (candidate.subject != one.issuer) continue;
    if (candidate.public_key && one.signed_by(*candidate.public_key)) return &candidate;
    named = &candidate;
  }
  return named;
}

}  // namespace

Result<std::vector<Certificate>> verify_chain(const Certificate& leaf, std::span<const Certificate> others,
                                              std::span<const Certificate> roots, const ChainPolicy& policy) {
  TRY(check_alone(leaf, policy));
  if (!fits(leaf, policy.purpose)) return refuse("usage", leaf);
  auto is_root = [&](const Certificate& one) {
    return std::any_of(roots.begin(), roots.end(),
                       [&](const Certificate& root) { return root.der == one.der; });
  };
  std::vector<Certificate> path{leaf};
  for (size_t authorities_below = 0; !is_root(path.back()); ++authorities_below) {
    const Certificate& one = path.back();
    const Certificate* issuer = find_issuer(one, roots);
    if (!issuer) issuer = find_issuer(one, others);
    if (!issuer || path.size() == kMaxPath || issuer->der == one.der) return refuse("untrusted", one);
    TRY(check_issued(one, *issuer, authorities_below, policy));
    TRY(check_alone(*issuer, policy));
    TRY(check_names(path, *issuer));
    path.push_back(*issuer);
  }
  return path;
}

}  // namespace chengxin::crypto
