#include "access/service.h"
#include "base/log.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

namespace chengxin::access {
namespace {

constexpr int64_t kChallengeMs = 120'000;
constexpr size_t kChallengeDigits = 48, kMaxStrangers = 20'000;  // of a challenge before its MAC

tl::unexpected<Error> refused() { return fail(Code::unauthenticated, "access.login_failed"); }

tl::unexpected<Error> locked(int64_t until_ms, int64_t now_ms) {
  return fail(Code::forbidden, "access.locked",
              "for another {} minutes, or until an administrator unlocks it",
              (until_ms - now_ms + 59'999) / 60'000);
}

// A user's failures of the one kind or the other.
template <typename Account>
auto& of_kind(Account& user, bool certified) {
  return certified ? user.certified_failures : user.failures;
}

// The same password may have been hashed anew.
bool is_same_password(const User& proved, const User& now, std::string_view password) {
  return equal(now.password.hash, proved.password.hash) || matches(now.password, password);
}

}  // namespace

std::string Service::challenge(int64_t now_ms) {
  Bytes body;
  put_be(body, uint64_t(now_ms + kChallengeMs));
  append(body, crypto::random_bytes(16));
  const std::string out = hex(body);
  return out + hex(challenge_mac(out));
}

Digest Service::challenge_mac(std::string_view body) const {
  return crypto::hmac_sm3(challenge_key_, {view("chengxin-challenge-1\n"), view(body)});
}

std::string Service::login_message(std::string_view user, std::string_view challenge) const {
  return fmt::format("chengxin-login-1\n{}\n{}\n{}", installation_, name_key(user), challenge);
}

// Until when it is good.
Result<int64_t> Service::challenge_end(const std::string& challenge, int64_t now_ms) {
  const auto bad = [] { return fail(Code::unauthenticated, "access.challenge", "ask for a new one"); };
  const std::string body = challenge.substr(0, kChallengeDigits);
  const std::string mac = challenge.substr(body.size());
  if (!crypto::constant_time_equal(view(mac), view(hex(challenge_mac(body))))) return bad();
  ASSIGN(const Bytes bytes, unhex(body));
  const int64_t until_ms = int64_t(get_be<uint64_t>(bytes.data()));
  std::lock_guard lock(mutex_);
  if (until_ms <= now_ms || used_challenges_.contains(challenge)) return bad();
  return until_ms;
}

// Only what somebody's own certificate signed is remembered: nobody else can fill this.
Status Service::use_challenge(const std::string& challenge, int64_t until_ms) {
  std::lock_guard lock(mutex_);
  if (!used_challenges_.emplace(challenge, until_ms).second)
    return fail(Code::unauthenticated, "access.challenge", "ask for a new one");
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

Status Service::check_lock(const std::optional<User>& user, const std::string& name, bool certified,
                           int64_t now_ms) const {
  std::optional<sql::Row> stranger;  // asked for in any case, which takes as long for everybody
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(stranger,
           session.row("select locked_until_ms from access_stranger where name_key = ?", name_key(name)));
    return {};
  }));
  int64_t until_ms = stranger ? stranger->integer(0) : 0;
  if (user) until_ms = of_kind(*user, certified).locked_until_ms;
  return until_ms > now_ms ? Status(locked(until_ms, now_ms)) : Status();
}

// Names that nobody has are counted and locked like others, in a row of their own. Of too many the one that
// was tried longest ago goes.
Status Service::note_stranger(const std::string& name, const Count& count, int64_t now_ms) {
  return database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto row, session.row("select failures, locked_until_ms from access_stranger where name_key = ?",
                                 name_key(name)));
    Failures failures;
    if (row) failures = {int(row->integer(0)), row->integer(1)};
    count(failures);
    TRY(session.run("delete from access_stranger where name_key = ?", name_key(name)));
    ASSIGN(auto rows, session.row("select count(*) from access_stranger"));
    if (size_t(rows->integer(0)) >= kMaxStrangers)
      TRY(
          session.run("delete from access_stranger where name_key = (select name_key from access_stranger "
                      "order by noted_ms, name_key limit 1)"));
    TRY(session.run(
        "insert into access_stranger (name_key, failures, locked_until_ms, noted_ms) values (?, ?, ?, ?)",
        name_key(name), failures.count, failures.locked_until_ms, now_ms));
    return {};
  });
}

void Service::note_failure(const std::optional<User>& user, const std::string& name, bool certified,
                           int64_t now_ms) {
  const Count count = [&](Failures& failures) {
    if (++failures.count < options_.failures_to_lock) return;
    failures = {0, now_ms + options_.lock_ms};
  };
  Status status;
  if (user) {
    auto changed = users_.change(user->id, [&](User& one) -> Status {
      count(of_kind(one, certified));
      return {};
    });
    if (!changed) status = tl::unexpected(changed.error());
    if (changed && of_kind(*changed, certified).locked_until_ms > now_ms)
      log::warn("access.user_locked", {{"user", user->id}, {"certified", certified}});
  } else {
    status = note_stranger(name, count, now_ms);
  }
  if (!status) log::warn("access.failure_not_noted", {{"error", status.error().to_string()}});
}

Status Service::prove_certificate(const std::optional<User>& user, const std::string& name,
                                  const Proofs& proofs, int64_t now_ms) {
  ASSIGN(const int64_t until_ms, challenge_end(proofs.challenge, now_ms));
  ASSIGN(auto certificate, check_certificate(proofs.certificate_pem, now_ms));
  if (!certificate.public_key->verify(view(login_message(name, proofs.challenge)), proofs.signature))
    return fail(Code::unauthenticated, "access.certificate_signature");
  if (!user || !equal(user->certificate, certificate.der)) return refused();
  // Who may register certificates must not become somebody else by it: the policy names the key, under four
  // eyes.
  const Policy::User* known = policies_.current()->user(user->id);
  if (known && known->key && known->key->point() != certificate.public_key->point())
    return fail(Code::forbidden, "access.certificate_other");
  return use_challenge(proofs.challenge, until_ms);
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

// The certificate comes first: whether strangers' tries count for somebody depends on it, and without it no
// password is hashed for who shows another's.
Result<int> Service::prove(const std::optional<User>& user, const std::string& name, const Proofs& proofs,
                           bool certified, int64_t now_ms) {
  const bool shown = !proofs.certificate_pem.empty();
  const Status own = shown ? prove_certificate(user, name, proofs, now_ms) : Status();
  certified = certified || (shown && own);
  TRY(check_lock(user, name, certified, now_ms));
  auto fallen = [&](Status status) -> Status {
    if (!status) note_failure(user, name, certified, now_ms);
    return status;
  };
  TRY(fallen(own));
  int factors = shown ? kCertificate : 0;
  if (!proofs.password.empty()) {
    const bool has_one = user && user->password.iterations > 0;
    const bool right = matches(has_one ? user->password : nobodys_, text(proofs.password)) && has_one;
    TRY(fallen(right ? Status() : Status(refused())));
    factors |= kPassword;
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

// Proving takes its time, in which he may have been locked, or given another password or certificate.
Status Service::check_still(const User& proved, const User& now, const Proofs& proofs, int factors,
                            int64_t now_ms) const {
  if (const int64_t until_ms = of_kind(now, factors & kCertificate).locked_until_ms; until_ms > now_ms)
    return locked(until_ms, now_ms);
  if ((factors & kPassword) && !is_same_password(proved, now, text(proofs.password))) return refused();
  if ((factors & kCertificate) && !equal(now.certificate, proved.certificate)) return refused();
  if ((factors & kOneTimeCode) && !crypto::constant_time_equal(now.code_secret, proved.code_secret))
    return refused();
  return check_enough(now, factors, now_ms);
}

uint64_t Service::times_signed_out(const std::string& user) {
  std::lock_guard lock(mutex_);
  auto found = signed_out_.find(user);
  return found == signed_out_.end() ? 0 : found->second;
}

// One that was opened over a signing out ends at once: sign_out() counts before it ends what is open.
Result<Sessions::Opened> Service::open_session(const Session& session, uint64_t before, int64_t now_ms) {
  ASSIGN(auto opened, sessions_.open(session, now_ms));
  if (times_signed_out(session.user) == before) return opened;
  if (auto ended = sessions_.end(session.user, opened.session.id);
      !ended && ended.error().reason != "access.no_session")
    return tl::unexpected(ended.error());
  return fail(Code::unauthenticated, "access.ended_meanwhile");
}

Result<Sessions::Opened> Service::sign_in(const SignIn& request, int64_t now_ms) {
  const Proofs& proofs = request.proofs;
  if (proofs.password.empty() && proofs.certificate_pem.empty())
    return fail(Code::invalid_argument, "access.nothing_shown");
  ASSIGN(auto user, users_.find(request.name));
  const uint64_t before = user ? times_signed_out(user->id) : 0;
  // A code comes second: what is wrong with it is told only to who has shown something else.
  ASSIGN(int factors, prove(user, request.name, proofs, false, now_ms));
  if (!user) return refused();
  TRY(check_enough(*user, factors, now_ms));
  ASSIGN(User now, users_.change(user->id, [&](User& one) -> Status {
    TRY(check_still(*user, one, proofs, factors, now_ms));
    of_kind(one, factors & kCertificate).count = 0;
    one.signed_in_ms = now_ms;
    const bool rehash = (factors & kPassword) && one.password.iterations != options_.iterations;
    if (rehash) one.password = hash_password(text(proofs.password), options_.iterations);
    return {};
  }));
  Session session;
  session.user = now.id;
  session.factors = factors;
  session.must_change = (factors & kPassword) &&
                        (now.must_change || now_ms - now.password_set_ms >= options_.passwords.lifetime_ms);
  session.agent = request.agent;
  session.address = request.address;
  return open_session(session, before, now_ms);
}

Result<User> Service::add_outside(const OutsideIdentity& identity, bool by_rule, int64_t now_ms) {
  if (!by_rule) return fail(Code::forbidden, "access.outside_unknown");
  NewUser fresh;
  fresh.name = identity.name;
  fresh.outside = identity.account;
  auto added = add_user(fresh, now_ms);
  if (added) return added->user;
  if (added.error().reason != "access.user_exists") return tl::unexpected(added.error());
  ASSIGN(auto user, users_.find_outside(identity.account));  // made at the same time
  if (user) return *user;
  // Who has somebody's name elsewhere is not somebody.
  return fail(Code::forbidden, "access.outside_name", "{}", identity.name);
}

Result<Sessions::Opened> Service::sign_in_outside(const OutsideIdentity& identity, const std::string& agent,
                                                  const std::string& address, int64_t now_ms) {
  ASSIGN(auto known, users_.find_outside(identity.account));
  const uint64_t before = known ? times_signed_out(known->id) : 0;
  Session session;
  session.outside = {identity.provider, identity.sub, identity.sid, {}, identity.asked_ms};
  const auto policy = policies_.current();
  for (const auto& rule : policy->rules())
    if (rule.provider == identity.provider && identity.has && identity.has(rule.claim, rule.value))
      session.outside.facts.emplace_back(rule.claim, rule.value);
  const bool by_rule = !policies_.bent() && !session.outside.facts.empty();
  if (!known) {
    ASSIGN(known, add_outside(identity, by_rule, now_ms));
  }
  ASSIGN(const User user, users_.change(known->id, [&](User& one) -> Status {
    if (one.failures.locked_until_ms > now_ms) return locked(one.failures.locked_until_ms, now_ms);
    if (one.disabled) return fail(Code::forbidden, "access.disabled");
    if (one.service) return fail(Code::forbidden, "access.service_account");
    if (one.outside != identity.account) return fail(Code::forbidden, "access.outside_unknown");
    one.signed_in_ms = now_ms;
    return {};
  }));
  session.user = user.id;
  session.factors = kOutside;
  session.must_prove = user.code_confirmed;  // both factors are needed once there is a device
  session.agent = agent;
  session.address = address;
  return open_session(session, before, now_ms);
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
  note_signed_out(user);  // for one that is being opened by it
  for (const Session& one : sessions_.list(user, 0))
    if (!one.outside.provider.empty()) TRY(sessions_.end(user, one.id));
  return {};
}

Result<Sessions::Opened> Service::step_up(std::string_view secret, const Proofs& proofs, int64_t now_ms) {
  ASSIGN(Session session, sessions_.find(secret, now_ms));
  ASSIGN(User user, users_.get(session.user));
  if (proofs.code.empty() && proofs.certificate_pem.empty() && proofs.password.empty())
    return fail(Code::invalid_argument, "access.nothing_shown");
  ASSIGN(int factors, prove(user, user.name, proofs, session.factors & kCertificate, now_ms));
  // Whatever takes from what was proved ends the session, and one that ended is not renewed.
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
  proofs.password = crypto::to_secret(view(old_password));
  if (old_password.empty()) return refused();
  const bool certified = session.factors & kCertificate;
  TRY(prove(user, user.name, proofs, certified, now_ms).map([](int) {}));
  const auto hash = this->new_password(user, new_password);
  if (!hash) {  // looking for it among the former ones takes long: not as often as somebody likes
    if (hash.error().reason == "access.password_history") note_failure(user, user.name, certified, now_ms);
    return tl::unexpected(hash.error());
  }
  auto changed = users_.change(user.id, [&](User& one) -> Status {
    // Else a password that was reset meanwhile would be lost to who knew the one before.
    if (!is_same_password(user, one, old_password)) return refused();
    set_password(one, *hash, false, now_ms);
    return {};
  });
  if (!changed) return tl::unexpected(changed.error());
  note_signed_out(user.id);
  for (const Session& other : sessions_.list(user.id, now_ms))
    if (other.id != session.id) TRY(sessions_.end(user.id, other.id));
  return sessions_.renew(
      secret, [](Session& one) { one.must_change = false; }, now_ms);
}

}  // namespace chengxin::access
