#pragma once
#include "crypto/authority.h"

// What certificates are issued for (GB/T 20518: a pair for each holder, one to sign and one to encipher).
namespace chengxin::authority {

struct Profile {
  std::string_view name, zh, en;
  uint16_t sign_usage;
  std::vector<crypto::ExtendedUsage> extended;
  bool hosts = false;  // has names of hosts, at least one; others have none
  int default_days = 365, most_days = 365;
};

const std::vector<Profile>& profiles();
Result<const Profile*> profile_of(std::string_view name);  // authority.profile

// Where a holder of a certificate finds what belongs to it. Empty: not told.
struct Addresses {
  std::string crl, ocsp, issuer;
};

// The kinds of both certificates of a pair.
struct Pair {
  crypto::CertificateKind sign, encrypt;
};
Pair pair_of(const Profile& profile, const Addresses& addresses);

}  // namespace chengxin::authority
