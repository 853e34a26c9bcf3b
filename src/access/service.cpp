#include "access/service.h"

#include "base/log.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::access {

Service::Service(sql::Database& database, Options options)
    : database_(database),
      options_(std::move(options)),
      installation_(hex(ByteView(crypto::sm3(options_.installation.public_key().point())).first(8))),
      nobodys_(hash_password(hex(crypto::random_bytes(16)), options_.iterations)),
      users_(database, options_.key),
      sessions_(database, options_.key, options_.sessions),
      policies_(database, {options_.key, options_.installation, options_.actions, options_.policy_applied}),
      labels_(database),
      messages_(options_.started_ms),
      challenge_key_(crypto::random_secret(32)) {}

Result<std::unique_ptr<Service>> Service::open(sql::Database& database, Options options) {
  TRY(migrate(database));
  std::unique_ptr<Service> out(new Service(database, std::move(options)));
  // A bent policy does not stop the platform: it shuts everybody out but the owner, who is needed to mend it.
  if (auto status = out->policies_.load(); !status && status.error().reason != "access.policy_bent")
    return tl::unexpected(status.error());
  TRY(out->sessions_.load(0));
  return out;
}

Result<PasswordHash> Service::new_password(const User& user, std::string_view password) const {
  TRY(check_password(options_.passwords, password, user.name));
  if (matches(user.password, password)) return fail(Code::conflict, "access.password_history");
  for (const auto& former : user.former)
    if (matches(former, password)) return fail(Code::conflict, "access.password_history");
  return hash_password(password, options_.iterations);
}

void Service::set_password(User& user, PasswordHash hash, bool by_other, int64_t now_ms) const {
  if (user.password.iterations > 0) user.former.insert(user.former.begin(), user.password);
  if (user.former.size() > options_.passwords.history) user.former.resize(options_.passwords.history);
  user.password = std::move(hash);
  user.password_set_ms = now_ms;
  user.must_change = by_other;
  user.failures.count = 0;
}

Result<Service::Added> Service::add_user(const NewUser& request, int64_t now_ms) {
  TRY(check_name(request.name));
  User user;
  user.name = request.name;
  user.service = request.service;
  user.outside = request.outside;
  user.created_ms = now_ms;
  Added out;
  if (!request.certificate_pem.empty()) {
    ASSIGN(auto certificate, check_certificate(request.certificate_pem, now_ms));
    user.certificate = certificate.der;
  }
  if (!request.service && request.outside.empty()) {
    if (request.password.empty()) out.password = temporary_password();
    const std::string_view given = request.password.empty() ? out.password : request.password;
    ASSIGN(auto hash, new_password(user, given));
    set_password(user, std::move(hash), true, now_ms);
  }
  ASSIGN(out.user, users_.add(std::move(user)));
  return out;
}

Result<Service::Added> Service::add_first(const NewUser& request, const std::string& role, int64_t now_ms) {
  if (policies_.complete())
    return fail(Code::conflict, "access.not_beginning", "the administrators are there: propose the change");
  if (!policies_.current()->role(role))
    return fail(Code::invalid_argument, "access.role_unknown", "{}", role);
  ASSIGN(Added out, add_user(request, now_ms));
  const User& user = out.user;
  Json entry = {{"name", user.name}, {"organisation", "root"}, {"service", user.service}};
  if (!user.certificate.empty()) {
    ASSIGN(auto certificate, crypto::Certificate::from_der(user.certificate));
    entry["key"] = hex(certificate.public_key->point());
  }
  auto status = policies_.bootstrap(
      [&](Json& document) {
        document["users"][user.id] = entry;
        document["assignments"].push_back({{"to", "user:" + user.id}, {"role", role}});
      },
      now_ms);
  if (status) return out;
  TRY(users_.remove(user.id));  // half of it would be an account that nobody asked for
  return tl::unexpected(status.error());
}

void Service::note_signed_out(const std::string& user) {
  std::lock_guard lock(mutex_);
  ++signed_out_[user];
}

Status Service::sign_out(const std::string& user) {
  note_signed_out(user);
  return sessions_.end_all(user);
}

Status Service::lock(const std::string& user) {
  auto changed = users_.change(user, [](User& one) -> Status {
    one.disabled = true;
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  return sign_out(user);
}

Status Service::unlock(const std::string& user) {
  auto changed = users_.change(user, [](User& one) -> Status {
    one.disabled = false;
    one.failures = one.certified_failures = {};
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  return {};
}

Result<std::string> Service::reset(const std::string& user, bool code_too, int64_t now_ms) {
  std::string password = temporary_password();
  ASSIGN(const User before, users_.get(user));
  ASSIGN(const auto hash, new_password(before, password));
  auto changed = users_.change(user, [&](User& one) -> Status {
    if (one.service) return fail(Code::conflict, "access.service_account", "{}", one.name);
    if (code_too) {
      one.code_secret.clear();
      one.code_confirmed = false;
    }
    set_password(one, hash, true, now_ms);
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  TRY(sign_out(user));
  return password;
}

Status Service::set_certificate(const std::string& user, const std::string& pem, int64_t now_ms) {
  ASSIGN(auto certificate, check_certificate(pem, now_ms));
  auto changed = users_.change(user, [&](User& one) -> Status {
    one.certificate = certificate.der;
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  return sign_out(user);
}

bool Service::usable(const std::string& user) const {
  auto one = users_.get(user);
  return one && !one->disabled;
}

bool Service::needs_certificate(const std::string& user, int64_t now_ms) const {
  return policies_.current()->is_administrator(user, policies_.actions(), now_ms);
}

Status Service::maintain(int64_t now_ms) {
  TRY(sessions_.maintain(now_ms));
  {
    std::lock_guard lock(mutex_);
    std::erase_if(used_challenges_, [&](const auto& one) { return one.second <= now_ms; });
  }
  auto status = policies_.refresh();
  return status || status.error().reason == "access.policy_bent" ? Status() : status;
}

Result<std::string> Service::begin_code(const std::string& user, CodeAlgorithm algorithm) {
  const crypto::Secret secret = crypto::random_secret(20);
  ASSIGN(User changed, users_.change(user, [&](User& one) -> Status {
    if (one.code_confirmed) return fail(Code::conflict, "access.code_device");
    one.code_algorithm = algorithm;
    one.code_secret = secret;
    one.code_step = 0;
    return {};
  }));
  return otpauth_address(algorithm, secret, changed.name);
}

Status Service::confirm_code(const std::string& user, std::string_view code, int64_t now_ms) {
  auto changed = users_.change(user, [&](User& one) -> Status {
    if (one.code_confirmed || one.code_secret.empty()) return fail(Code::conflict, "access.code_device");
    ASSIGN(one.code_step, check_code(one.code_algorithm, one.code_secret, code, now_ms, one.code_step));
    one.code_confirmed = true;
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  return {};
}

}  // namespace chengxin::access
