#include "authority/profiles.h"

#include <algorithm>

namespace chengxin::authority {

using crypto::ExtendedUsage;

const std::vector<Profile>& profiles() {
  constexpr uint16_t kPerson = crypto::kDigitalSignature | crypto::kNonRepudiation;
  static const std::vector<Profile> table = {
      {.name = "node",
       .zh = "节点与服务器",
       .en = "nodes and servers",
       .sign_usage = crypto::kDigitalSignature,
       .extended = {ExtendedUsage::server_auth, ExtendedUsage::client_auth},
       .hosts = true,
       .default_days = 365,
       .most_days = 825},
      {.name = "application",
       .zh = "应用系统与设备",
       .en = "applications and devices",
       .sign_usage = kPerson,
       .extended = {ExtendedUsage::client_auth},
       .default_days = 365,
       .most_days = 1095},
      {.name = "administrator",
       .zh = "管理员",
       .en = "administrators",
       .sign_usage = kPerson,
       .extended = {ExtendedUsage::client_auth},
       .default_days = 180,
       .most_days = 365},
      {.name = "personal",
       .zh = "个人",
       .en = "persons",
       .sign_usage = kPerson,
       .extended = {ExtendedUsage::client_auth, ExtendedUsage::email},
       .default_days = 365,
       .most_days = 1095},
  };
  return table;
}

Result<const Profile*> profile_of(std::string_view name) {
  for (const Profile& profile : profiles())
    if (profile.name == name) return &profile;
  return fail(Code::invalid_argument, "authority.profile", "{}", name);
}

Pair pair_of(const Profile& profile, const Addresses& addresses) {
  Pair out;
  out.sign = {.key_usage = profile.sign_usage,
              .extended = profile.extended,
              .crl_url = addresses.crl,
              .ocsp_url = addresses.ocsp,
              .issuer_url = addresses.issuer};
  out.encrypt = out.sign;
  out.encrypt.key_usage = crypto::kKeyEncipherment | crypto::kDataEncipherment | crypto::kKeyAgreement;
  return out;
}

}  // namespace chengxin::authority
