#include "access/service.h"
#include "base/log.h"
#include "crypto/random.h"

namespace chengxin::access {
namespace {

constexpr int64_t kChallengeMs = 120'000;
constexpr size_t kMaxChallenges = 20'000, kMaxStrangers = 20'000;

tl::unexpected<Error> refused() { return fail(Code::unauthenticated, "access.login_failed"); }

tl::unexpected<Error> locked(int64_t until_ms, int64_t now_ms) {
  return fail(Code::forbidden, "access.locked",
              "for another {} minutes, or until an administrator unlocks it",
              (until_ms - now_ms + 59'999) / 60'000);
}

}  // namespace

std::string Service::challenge(int64_t now_ms) {
  std::string out = hex(crypto::random_bytes(32));
  std::lock_guard lock(mutex_);
  std::erase_if(challenges_, [&](const auto& one) { return one.second <= now_ms; });
  if (challenges_.size() < kMaxChallenges) challenges_[out] = now_ms + kChallengeMs;
  return out;
}

std::string Service::login_message(std::string_view user, std::string_view challenge) const {
  return fmt::format("chengxin-login-1\n{}\n{}\n{}", installation_, name_key(user), challenge);
}

Status Service::take_challenge(const std::string& challenge, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  auto found = challenges_.find(challenge);
  const bool good = found != challenges_.end() && found->second > now_ms;
  if (found != challenges_.end()) challenges_.erase(found);
  if (!good) return fail(Code::unauthenticated, "access.challenge", "ask for a new one");
  return {};
}

Result<std::shared_ptr<const Trust>> Service::trust() const {
  if (!options_.trust) return fail(Code::unavailable, "access.no_roots");
  ASSIGN(auto trust, options_.trust());
  if (trust->roots.empty()) return fail(Code::unavailable, "access.no_roots");
  return trust;
}

Status Service::check_caller(const crypto::TlsPeer& caller, int64_t now_ms) const {
  ASSIGN(const auto known, trust());
  return crypto::check_tls_peer(crypto::TlsProtocol::tlcp, caller.sign, caller.encrypt, caller.others, *known,
                                now_ms)
      .map([](auto&&) {});
}

Result<crypto::Certificate> Service::check_certificate(const std::string& pem, int64_t now_ms) const {
  ASSIGN(const auto known, trust());
  ASSIGN(auto all, crypto::certificates_from_pem(pem));
  std::vector<crypto::Certificate> others(all.begin() + 1, all.end());
  others.insert(others.end(), known->others.begin(), known->others.end());
  TRY(crypto::verify_chain(all.front(), others, known->roots,
                           {now_ms, crypto::Purpose::client, known->crls, known->crl_required})
          .map([](auto&&) {}));
  if (!all.front().allows(crypto::kDigitalSignature) || all.front().is_ca)
    return fail(Code::forbidden, "crypto.certificate_usage", "it is not for signing in");
  return all.front();
}

Status Service::check_lock(const std::optional<User>& user, const std::string& name, int64_t now_ms) const {
  std::optional<sql::Row> stranger;  // asked for in any case, which takes as long for everybody
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(stranger,
           session.row("select locked_until_ms from access_stranger where name_key = ?", name_key(name)));
    return {};
  }));
  const int64_t until_ms = user ? user->locked_until_ms : stranger ? stranger->integer(0) : 0;
  return until_ms > now_ms ? Status(locked(until_ms, now_ms)) : Status();
}

// Names that nobody has are counted and locked like others, in a row of their own.
Status Service::note_stranger(const std::string& name, const Count& count) {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select failures, locked_until_ms from access_stranger where name_key = ?",
                                 name_key(name)));
    int failures = row ? int(row->integer(0)) : 0;
    int64_t until_ms = row ? row->integer(1) : 0;
    count(failures, until_ms);
    ASSIGN(auto rows, session.row("select count(*) from access_stranger"));
    if (size_t(rows->integer(0)) >= kMaxStrangers) TRY(session.run("delete from access_stranger"));
    TRY(session.run("delete from access_stranger where name_key = ?", name_key(name)));
    TRY(session.run("insert into access_stranger (name_key, failures, locked_until_ms) values (?, ?, ?)",
                    name_key(name), failures, until_ms));
    return {};
  });
}

void Service::note_failure(const std::optional<User>& user, const std::string& name, int64_t now_ms) {
  const Count count = [&](int& failures, int64_t& until_ms) {
    if (++failures < options_.failures_to_lock) return;
    failures = 0;
    until_ms = now_ms + options_.lock_ms;
  };
  Status status;
  if (user) {
    auto changed = users_.change(user->id, [&](User& one) -> Status {
      count(one.failures, one.locked_until_ms);
      return {};
    });
    if (!changed) status = tl::unexpected(changed.error());
    if (changed && changed->locked_until_ms > now_ms) log::warn("access.user_locked", {{"user", user->id}});
  } else {
    status = note_stranger(name, count);
  }
  if (!status) log::warn("access.failure_not_noted", {{"error", status.error().to_string()}});
}

Status Service::prove_certificate(const std::optional<User>& user, const std::string& name,
                                  const Proofs& proofs, int64_t now_ms) {
  TRY(take_challenge(proofs.challenge, now_ms));
  ASSIGN(auto certificate, check_certificate(proofs.certificate_pem, now_ms));
  if (!certificate.public_key->verify(view(login_message(name, proofs.challenge)), proofs.signature))
    return fail(Code::unauthenticated, "access.certificate_signature");
  if (!user || !equal(user->certificate, certificate.der)) return refused();
  // Who may register certificates must not become somebody else by it: the policy names the key, under four
  // eyes.
  const Policy::User* known = policies_.current()->user(user->id);
  if (known && known->key && known->key->point() != certificate.public_key->point())
    return fail(Code::forbidden, "access.certificate_other");
  return {};
}

Status Service::use_code(const User& user, const std::string& code, int64_t now_ms) {
  if (!user.code_confirmed) return fail(Code::unauthenticated, "access.no_code_device");
  auto changed = users_.change(user.id, [&](User& one) -> Status {
    if (!one.code_confirmed) return fail(Code::unauthenticated, "access.no_code_device");
    ASSIGN(one.code_step, check_code(one.code_algorithm, one.code_secret, code, now_ms, one.code_step));
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  return {};
}

Result<int> Service::prove(const std::optional<User>& user, const std::string& name, const Proofs& proofs,
                           int64_t now_ms) {
  TRY(check_lock(user, name, now_ms));
  int factors = 0;
  auto fallen = [&](Status status) -> Status {
    if (!status) note_failure(user, name, now_ms);
    return status;
  };
  if (!proofs.password.empty()) {
    const bool has_one = user && user->password.iterations > 0;
    const bool right = matches(has_one ? user->password : nobodys_, proofs.password) && has_one;
    TRY(fallen(right ? Status() : Status(refused())));
    factors |= kPassword;
  }
  if (!proofs.certificate_pem.empty()) {
    TRY(fallen(prove_certificate(user, name, proofs, now_ms)));
    factors |= kCertificate;
  }
  if (!proofs.code.empty() && user) {
    TRY(fallen(use_code(*user, proofs.code, now_ms)));
    factors |= kOneTimeCode;
  }
  return factors;
}

Status Service::check_enough(const User& user, int factors, int64_t now_ms) const {
  if (user.disabled) return fail(Code::forbidden, "access.disabled");
  if (user.service) return fail(Code::forbidden, "access.service_account");
  if (needs_certificate(user.id, now_ms)) {
    if (!(factors & kCertificate)) return fail(Code::forbidden, "access.certificate_required");
    if (factor_count(factors) < 2) return fail(Code::forbidden, "access.second_factor_required");
  }
  if (user.code_confirmed && factor_count(factors) < 2)
    return fail(Code::forbidden, "access.second_factor_required");
  return {};
}

Result<Sessions::Opened> Service::sign_in(const SignIn& request, int64_t now_ms) {
  const Proofs& proofs = request.proofs;
  if (proofs.password.empty() && proofs.certificate_pem.empty())
    return fail(Code::invalid_argument, "access.nothing_shown");
  ASSIGN(auto user, users_.find(request.name));
  // A code comes second: what is wrong with it is told only to who has shown something else.
  ASSIGN(int factors, prove(user, request.name, proofs, now_ms));
  if (!user) return refused();
  TRY(check_enough(*user, factors, now_ms));
  const bool rehash = (factors & kPassword) && user->password.iterations != options_.iterations;
  ASSIGN(User now, users_.change(user->id, [&](User& one) -> Status {
    one.failures = 0;
    one.signed_in_ms = now_ms;
    if (rehash) one.password = hash_password(proofs.password, options_.iterations);
    return {};
  }));
  Session session;
  session.user = now.id;
  session.factors = factors;
  session.must_change = (factors & kPassword) &&
                        (now.must_change || now_ms - now.password_set_ms >= options_.passwords.lifetime_ms);
  session.agent = request.agent;
  session.address = request.address;
  return sessions_.open(session, now_ms);
}

Result<User> Service::user_of_outside(const OutsideIdentity& identity, bool by_rule, int64_t now_ms) {
  ASSIGN(auto user, users_.find_outside(identity.account));
  if (user) return *user;
  if (!by_rule) return fail(Code::forbidden, "access.outside_unknown");
  NewUser fresh;
  fresh.name = identity.name;
  fresh.outside = identity.account;
  auto added = add_user(fresh, now_ms);
  if (added) return added->user;
  if (added.error().reason != "access.user_exists") return tl::unexpected(added.error());
  ASSIGN(user, users_.find_outside(identity.account));  // made at the same time
  if (user) return *user;
  // Who has somebody's name elsewhere is not somebody.
  return fail(Code::forbidden, "access.outside_name", "{}", identity.name);
}

Result<Sessions::Opened> Service::sign_in_outside(const OutsideIdentity& identity, const std::string& agent,
                                                  const std::string& address, int64_t now_ms) {
  Session session;
  session.outside = {identity.provider, identity.sub, identity.sid, {}};
  const auto policy = policies_.current();
  for (const auto& rule : policy->rules())
    if (rule.provider == identity.provider && identity.has && identity.has(rule.claim, rule.value))
      session.outside.facts.emplace_back(rule.claim, rule.value);
  const bool by_rule = !policies_.bent() && !session.outside.facts.empty();
  ASSIGN(User user, user_of_outside(identity, by_rule, now_ms));
  TRY(check_lock(user, user.name, now_ms));
  if (user.disabled) return fail(Code::forbidden, "access.disabled");
  if (user.service) return fail(Code::forbidden, "access.service_account");
  ASSIGN(user, users_.change(user.id, [&](User& one) -> Status {
    one.signed_in_ms = now_ms;
    return {};
  }));
  session.user = user.id;
  session.factors = kOutside;
  session.must_prove = user.code_confirmed;  // both factors are needed once there is a device
  session.agent = agent;
  session.address = address;
  return sessions_.open(session, now_ms);
}

Status Service::link_outside(const std::string& user, const std::string& account) {
  auto changed = users_.change(user, [&](User& one) -> Status {
    if (one.service) return fail(Code::forbidden, "access.service_account");
    if (!one.outside.empty() && one.outside != account)
      return fail(Code::conflict, "access.outside_linked", "unlink the other one first");
    one.outside = account;
    return {};
  });
  if (changed) return {};
  if (changed.error().reason == "sql.conflict")
    return fail(Code::conflict, "access.outside_linked", "it is linked with somebody else");
  return tl::unexpected(changed.error());
}

Status Service::unlink_outside(const std::string& user) {
  auto changed = users_.change(user, [](User& one) -> Status {
    if (one.outside.empty()) return fail(Code::conflict, "access.outside_none");
    if (one.password.iterations == 0 && one.certificate.empty())
      return fail(Code::conflict, "access.outside_only");
    one.outside.clear();
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  for (const Session& one : sessions_.list(user, 0))
    if (!one.outside.provider.empty()) TRY(sessions_.end(user, one.id));
  return {};
}

Result<Sessions::Opened> Service::step_up(std::string_view secret, const Proofs& proofs, int64_t now_ms) {
  ASSIGN(Session session, sessions_.find(secret, now_ms));
  ASSIGN(User user, users_.get(session.user));
  if (proofs.code.empty() && proofs.certificate_pem.empty() && proofs.password.empty())
    return fail(Code::invalid_argument, "access.nothing_shown");
  ASSIGN(int factors, prove(user, user.name, proofs, now_ms));
  return sessions_.renew(
      secret,
      [&](Session& one) {
        one.factors |= factors;
        one.must_prove = one.must_prove && factor_count(one.factors) < 2;
      },
      now_ms);
}

Result<Sessions::Opened> Service::change_password(std::string_view secret, std::string_view old_password,
                                                  std::string_view new_password, int64_t now_ms) {
  ASSIGN(Session session, sessions_.find(secret, now_ms));
  ASSIGN(User user, users_.get(session.user));
  Proofs proofs;
  proofs.password = old_password;
  if (old_password.empty()) return refused();
  TRY(prove(user, user.name, proofs, now_ms).map([](int) {}));
  auto changed =
      users_.change(user.id, [&](User& one) { return set_password(one, new_password, false, now_ms); });
  if (!changed) return tl::unexpected(changed.error());
  for (const Session& other : sessions_.list(user.id, now_ms))
    if (other.id != session.id) TRY(sessions_.end(user.id, other.id));
  return sessions_.renew(
      secret, [](Session& one) { one.must_change = false; }, now_ms);
}

}  // namespace chengxin::access
