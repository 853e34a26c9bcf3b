#include "access/store.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/hmac.h"
#include "crypto/random.h"

namespace chengxin::access {
namespace {

constexpr int64_t kClockMs = 10 * 60'000;
constexpr size_t kMaxVersions = 100'000;
constexpr std::string_view kInstallation = "installation", kShares = "shares";

Json to_json(const PolicySignature& one) {
  return {{"kind", one.kind}, {"by", one.by}, {"signature", hex(one.signature)}};
}

Result<PolicySignature> read_signature(const Json& json) {
  PolicySignature out{json.value("kind", ""), json.value("by", ""), {}};
  ASSIGN(out.signature, unhex(json.value("signature", "")));
  return out;
}

Json to_json(const Proposal& one) {
  return {
      {"document", one.document},     {"proposed", to_json(one.proposed)}, {"why", one.why},
      {"decided_by", one.decided_by}, {"decided_ms", one.decided_ms},      {"created_ms", one.created_ms}};
}

Result<Proposal> read_proposal(const sql::Row& row) {
  ASSIGN(Json body, parse_json(row.text(1), {.max_bytes = kMaxPolicyBytes}));
  Proposal out;
  out.id = row.text(0);
  out.state = row.text(2);
  out.document = body["document"];
  ASSIGN(Policy policy, Policy::read(out.document));
  out.version = policy.version();
  out.digest = policy.digest();
  ASSIGN(out.proposed, read_signature(body["proposed"]));
  out.why = body.value("why", "");
  out.decided_by = body.value("decided_by", "");
  out.decided_ms = body.value("decided_ms", int64_t(0));
  out.created_ms = body.value("created_ms", int64_t(0));
  return out;
}

tl::unexpected<Error> bent_row(int64_t version, std::string_view what) {
  return fail(Code::data_loss, "access.policy_bent", "version {}: {}", version, what);
}

bool everybody(const std::string&) { return true; }

Status check_follows(const Policy& policy, const Policy& next, int64_t now_ms) {
  if (next.version() != policy.version() + 1 ||
      next.previous() != (policy.version() == 0 ? "" : hex(policy.digest())))
    return fail(Code::conflict, "access.policy_stale", "the version in force is {}", policy.version());
  if (std::abs(next.made_ms() - now_ms) > kClockMs)
    return fail(Code::invalid_argument, "access.policy_time", "made_ms is {}, here it is {}", next.made_ms(),
                now_ms);
  return {};
}

// What the policy in force has already is not for a recovery to mend, which may change nothing but who
// administers.
Status check_no_new_faults(const Policy& policy, const Policy& next, std::span<const Action> actions) {
  const std::vector<Error> old = policy.faults(actions);
  for (Error& fault : next.faults(actions))
    if (std::find(old.begin(), old.end(), fault) == old.end()) return tl::unexpected(std::move(fault));
  return {};
}

}  // namespace

std::string policy_message(std::string_view kind, int64_t version, const Digest& digest) {
  return fmt::format("{}\n{}\n{}\n{}", kPolicyFormat, kind, version, hex(digest));
}

PolicyStore::PolicyStore(sql::Database& database, Options options)
    : database_(database),
      options_(std::move(options)),
      current_(std::make_shared<Policy>(*Policy::read(Policy::beginning()))) {}

std::shared_ptr<const Policy> PolicyStore::current() const {
  std::shared_lock lock(mutex_);
  return current_;
}

std::optional<Error> PolicyStore::bent() const {
  std::shared_lock lock(mutex_);
  return bent_;
}

bool PolicyStore::complete() const { return current()->check_not_locked_out(everybody).has_value(); }

Digest PolicyStore::head_mac(int64_t version, const Digest& digest) const {
  return crypto::hmac_sm3(options_.key, {view("access head"), view(std::to_string(version)), digest});
}

void PolicyStore::note_bent(Error error) {
  log::error("access.policy_bent", {{"detail", error.detail}});
  std::unique_lock lock(mutex_);
  bent_ = std::move(error);
}

Status PolicyStore::check_signatures(const Policy& before, const Policy& next,
                                     const std::vector<PolicySignature>& signatures) const {
  const auto good = [&](const PolicySignature& one, const crypto::Sm2PublicKey& key) {
    return key.verify(view(policy_message(one.kind, next.version(), next.digest())), one.signature);
  };
  if (signatures.size() == 1 && signatures[0].by == kInstallation) {
    const auto& one = signatures[0];
    if (one.kind != "bootstrap" || before.check_not_locked_out(everybody))
      return fail(Code::forbidden, "access.policy_signature", "the installation alone may not sign this");
    if (!good(one, options_.installation.public_key()))
      return fail(Code::forbidden, "access.policy_signature");
    return {};
  }
  if (signatures.size() == 1 && signatures[0].by == kShares && signatures[0].kind == "recover") {
    if (!before.recovery()) return fail(Code::conflict, "access.no_recovery_key");
    if (!good(signatures[0], before.recovery()->key))
      return fail(Code::forbidden, "access.recovery_signature");
    return check_replacement(before, next, options_.actions);
  }
  if (signatures.size() != 2 || signatures[0].kind != "propose" || signatures[1].kind != "approve")
    return fail(Code::forbidden, "access.policy_signature",
                "the signatures of a proposer and of an approver are needed");
  if (signatures[0].by == signatures[1].by) return fail(Code::forbidden, "access.four_eyes");
  for (const auto& one : signatures) {
    const Policy::User* user = before.user(one.by);
    if (!user || !user->key) return fail(Code::forbidden, "access.key_missing", "{}", one.by);
    if (!good(one, *user->key)) return fail(Code::forbidden, "access.policy_signature", "of {}", user->name);
    if (!before.decide(one.by, one.kind == "propose" ? propose_action() : approve_action(), next.made_ms()))
      return fail(Code::forbidden, "access.not_allowed", "{} may not {}", user->name, one.kind);
  }
  return {};
}

Status PolicyStore::load() {
  auto policy = std::make_shared<const Policy>(*Policy::read(Policy::beginning()));
  std::vector<sql::Row> rows;
  std::optional<sql::Row> head;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(rows,
           session.rows("select version, document, signatures from access_policy order by version limit ?",
                        kMaxVersions));
    ASSIGN(head, session.row("select version, digest, mac from access_head where one = 1"));
    return {};
  }));
  auto replay = [&]() -> Status {
    for (const auto& row : rows) {
      const int64_t version = row.integer(0);
      auto document = parse_json(row.text(1), {.max_bytes = kMaxPolicyBytes});
      if (!document) return bent_row(version, document.error().to_string());
      auto next = Policy::read(*document);
      if (!next) return bent_row(version, next.error().to_string());
      if (next->text() != row.text(1)) return bent_row(version, "not canonical");
      const bool follows = next->version() == version && version == policy->version() + 1 &&
                           next->previous() == (version == 1 ? "" : hex(policy->digest()));
      if (!follows) return bent_row(version, "does not follow the version before");
      std::vector<PolicySignature> signatures;
      auto list = parse_json(row.text(2));
      if (!list || !list->is_array()) return bent_row(version, "its signatures cannot be read");
      for (const Json& each : *list) {
        ASSIGN(auto one, read_signature(each));
        signatures.push_back(std::move(one));
      }
      if (auto status = check_signatures(*policy, *next, signatures); !status)
        return bent_row(version, status.error().to_string());
      policy = std::make_shared<const Policy>(std::move(*next));
    }
    if (!head && policy->version() == 0) return {};
    if (!head || head->integer(0) != policy->version() || !equal(head->blob(1), policy->digest()) ||
        !crypto::constant_time_equal(head->blob(2), head_mac(policy->version(), policy->digest())))
      return bent_row(policy->version(),
                      "is not the newest that was applied: later ones are gone, or the head was changed");
    return {};
  };
  if (auto status = replay(); !status) {
    note_bent(status.error());
    return status;
  }
  std::unique_lock lock(mutex_);
  current_ = std::move(policy);
  bent_.reset();
  return {};
}

Status PolicyStore::refresh() {
  std::lock_guard changing(changing_);
  std::optional<sql::Row> newest, head;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(newest, session.row("select version, document from access_policy order by version desc limit 1"));
    ASSIGN(head, session.row("select version, digest, mac from access_head where one = 1"));
    return {};
  }));
  auto policy = current();
  const bool same = newest ? newest->integer(0) == policy->version() && newest->text(1) == policy->text() &&
                                 head && head->integer(0) == policy->version() &&
                                 equal(head->blob(1), policy->digest())
                           : policy->version() == 0;
  if (same && !bent()) return {};
  return load();
}

Status PolicyStore::check_next(const Policy& next, const Usable& usable, int64_t now_ms) const {
  TRY(check_follows(*current(), next, now_ms));
  TRY(next.check(options_.actions));
  return next.check_not_locked_out(usable);
}

Status PolicyStore::save(sql::Session& session, const Proposal& proposal, bool fresh) const {
  ASSIGN(std::string body, canonical_json(to_json(proposal)));
  if (fresh) {
    TRY(session.run("insert into access_proposal (id, body, state, created_ms) values (?, ?, ?, ?)",
                    proposal.id, body, proposal.state, proposal.created_ms));
  } else {
    TRY(session.run("update access_proposal set body = ?, state = ? where id = ?", body, proposal.state,
                    proposal.id));
  }
  return {};
}

Status PolicyStore::apply(std::shared_ptr<const Policy> next, const std::vector<PolicySignature>& signatures,
                          const std::optional<Proposal>& of, int64_t now_ms) {
  Json list = Json::array();
  for (const auto& one : signatures) list.push_back(to_json(one));
  ASSIGN(std::string text, canonical_json(list));
  const Digest mac = head_mac(next->version(), next->digest());
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    TRY(session.run(
        "insert into access_policy (version, document, signatures, applied_ms) values (?, ?, ?, ?)",
        next->version(), next->text(), text, now_ms));
    TRY(session.run("delete from access_head"));
    TRY(session.run("insert into access_head (one, version, digest, mac) values (1, ?, ?, ?)",
                    next->version(), next->digest(), mac));
    TRY(session.run("update access_proposal set state = 'overtaken' where state = 'open'"));
    return of ? save(session, *of, false) : Status();
  }));
  {
    std::unique_lock lock(mutex_);
    current_ = next;
  }
  log::info("access.policy_applied", {{"version", next->version()}, {"digest", hex(next->digest())}});
  if (options_.applied) options_.applied(next->version(), next->digest());
  return {};
}

Result<Proposal> PolicyStore::propose(const std::string& user, const Json& document, ByteView signature,
                                      std::string why, const Usable& usable, int64_t now_ms) {
  std::lock_guard changing(changing_);
  if (auto error = bent()) return tl::unexpected(*error);
  ASSIGN(Policy next, Policy::read(document));
  TRY(check_next(next, usable, now_ms));
  auto policy = current();
  const Policy::User* who = policy->user(user);
  if (!who || !who->key) return fail(Code::forbidden, "access.key_missing", "{}", user);
  if (!policy->decide(user, propose_action(), next.made_ms()))
    return fail(Code::forbidden, "access.not_allowed");
  if (!who->key->verify(view(policy_message("propose", next.version(), next.digest())), signature))
    return fail(Code::forbidden, "access.policy_signature", "of {}", who->name);
  Proposal out;
  out.id = hex(crypto::random_bytes(8));
  out.document = document;
  out.version = next.version();
  out.digest = next.digest();
  out.proposed = {"propose", user, to_bytes(signature)};
  out.state = "open";
  out.why = std::move(why);
  out.created_ms = now_ms;
  TRY(database_.transaction([&](sql::Session& session) { return save(session, out, true); }));
  return out;
}

Result<Proposal> PolicyStore::approve(const std::string& user, const std::string& id, ByteView signature,
                                      const Usable& usable, int64_t now_ms) {
  std::lock_guard changing(changing_);
  if (auto error = bent()) return tl::unexpected(*error);
  ASSIGN(Proposal out, proposal(id));
  if (out.state != "open") return fail(Code::conflict, "access.proposal_decided", "{}", out.state);
  if (out.proposed.by == user) return fail(Code::forbidden, "access.four_eyes");
  ASSIGN(Policy next, Policy::read(out.document));
  TRY(check_next(next, usable, std::clamp(now_ms, next.made_ms() - kClockMs, next.made_ms() + kClockMs)));
  const std::vector<PolicySignature> both = {out.proposed, {"approve", user, to_bytes(signature)}};
  TRY(check_signatures(*current(), next, both));
  out.state = "applied";
  out.decided_by = user;
  out.decided_ms = now_ms;
  TRY(apply(std::make_shared<const Policy>(std::move(next)), both, out, now_ms));
  return out;
}

Result<Proposal> PolicyStore::reject(const std::string& user, const std::string& id, const std::string& why,
                                     int64_t now_ms) {
  std::lock_guard changing(changing_);
  ASSIGN(Proposal out, proposal(id));
  if (out.state != "open") return fail(Code::conflict, "access.proposal_decided", "{}", out.state);
  out.state = "rejected";
  out.decided_by = user;
  out.decided_ms = now_ms;
  if (!why.empty()) out.why += " | " + why;
  TRY(database_.transaction([&](sql::Session& session) { return save(session, out, false); }));
  return out;
}

Status PolicyStore::bootstrap(const std::function<void(Json&)>& change, int64_t now_ms) {
  std::lock_guard changing(changing_);
  if (auto error = bent()) return tl::unexpected(*error);
  if (complete())
    return fail(Code::conflict, "access.not_beginning", "the administrators are there: propose the change");
  auto policy = current();
  Json document = policy->document();
  change(document);
  document["version"] = policy->version() + 1;
  document["previous"] = policy->version() == 0 ? "" : hex(policy->digest());
  document["made_ms"] = now_ms;
  ASSIGN(Policy next, Policy::read(document));
  TRY(next.check(options_.actions));
  ASSIGN(auto signature,
         options_.installation.sign(view(policy_message("bootstrap", next.version(), next.digest()))));
  return apply(std::make_shared<const Policy>(std::move(next)),
               {{"bootstrap", std::string(kInstallation), to_bytes(signature)}}, std::nullopt, now_ms);
}

Status PolicyStore::recover(const Json& document, ByteView signature, const Usable& usable, int64_t now_ms) {
  std::lock_guard changing(changing_);
  if (auto error = bent()) return tl::unexpected(*error);
  ASSIGN(Policy next, Policy::read(document));
  const auto policy = current();
  TRY(check_follows(*policy, next, now_ms));
  TRY(check_no_new_faults(*policy, next, options_.actions));
  TRY(next.check_not_locked_out(usable));
  const std::vector<PolicySignature> one = {{"recover", std::string(kShares), to_bytes(signature)}};
  TRY(check_signatures(*policy, next, one));
  return apply(std::make_shared<const Policy>(std::move(next)), one, std::nullopt, now_ms);
}

Result<std::vector<Proposal>> PolicyStore::proposals(size_t limit) const {
  std::vector<Proposal> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(auto rows,
           session.rows("select id, body, state from access_proposal order by created_ms desc, id limit ?",
                        limit));
    for (const auto& row : rows) {
      ASSIGN(Proposal one, read_proposal(row));
      out.push_back(std::move(one));
    }
    return {};
  }));
  return out;
}

Result<Proposal> PolicyStore::proposal(const std::string& id) const {
  std::optional<sql::Row> row;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(row, session.row("select id, body, state from access_proposal where id = ?", id));
    return {};
  }));
  if (!row) return fail(Code::not_found, "access.no_proposal", "{}", id);
  return read_proposal(*row);
}

Result<std::vector<PolicyStore::Version>> PolicyStore::versions(size_t limit) const {
  std::vector<Version> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    out.clear();
    ASSIGN(
        auto rows,
        session.rows("select version, document, signatures, applied_ms from access_policy order by version "
                     "desc limit ?",
                     limit));
    for (const auto& row : rows) {
      ASSIGN(Json document, parse_json(row.text(1), {.max_bytes = kMaxPolicyBytes}));
      ASSIGN(Json signatures, parse_json(row.text(2)));
      out.push_back({row.integer(0), row.integer(3), std::move(document), std::move(signatures)});
    }
    return {};
  }));
  return out;
}

}  // namespace chengxin::access
