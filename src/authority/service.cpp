#include "authority/service.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "authority/impl/keys.h"
#include "authority/impl/tables.h"
#include "base/log.h"
#include "crypto/enveloped_key.h"
#include "crypto/random.h"
#include "sql/query.h"

namespace chengxin::authority {
namespace {

constexpr std::string_view kStates[] = {"requested", "approved", "issued",   "suspended",
                                        "revoked",   "renewed",  "rejected", "expired"};
constexpr std::pair<std::string_view, int> kReasons[] = {
    {"unspecified", 0}, {"key_compromise", 1},         {"affiliation_changed", 3}, {"superseded", 4},
    {"cessation", 5},   {"certificate_hold", kOnHold}, {"privilege_withdrawn", 9}};
constexpr size_t kMostHosts = 32, kMostHostBytes = 253;

// Sortable by time: 48 bits of it, 80 random ones.
std::string new_id(int64_t now_ms) {
  Bytes out;
  put_be(out, uint64_t(now_ms));
  out.erase(out.begin(), out.begin() + 2);
  append(out, crypto::random_bytes(10));
  return hex(out);
}

bool is_host(const std::string& host) {
  return !host.empty() && host.size() <= kMostHostBytes && host.front() != '.' && host.front() != '-' &&
         std::all_of(host.begin(), host.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '*'; });
}

tl::unexpected<Error> at_place(size_t place, const Error& error) {
  Error out = error;
  out.detail = fmt::format("/items/{}{}{}", place, error.detail.empty() ? "" : ": ", error.detail);
  return tl::unexpected(std::move(out));
}

Status check_count(size_t count) {
  if (count == 0 || count > Service::kMostAtOnce)
    return fail(Code::invalid_argument, "authority.too_many", "{} of 1 to {}", count, Service::kMostAtOnce);
  return {};
}

Result<Holder> holder_asked(const Asked& asked, const std::string& officer, int64_t now_ms) {
  ASSIGN(const Profile* profile, profile_of(asked.profile));
  if (profile->hosts == asked.hosts.empty() || asked.hosts.size() > kMostHosts ||
      !std::all_of(asked.hosts.begin(), asked.hosts.end(), is_host))
    return fail(Code::invalid_argument, "authority.hosts", "{}", asked.profile);
  const int days = asked.days == 0 ? profile->default_days : asked.days;
  if (days < 1 || days > profile->most_days)
    return fail(Code::invalid_argument, "authority.days", "1 to {}", profile->most_days);
  Holder out;
  out.id = new_id(now_ms);
  out.profile = asked.profile;
  out.subject = asked.request.subject;
  out.hosts = asked.hosts;
  out.days = days;
  out.requested_by = officer;
  out.requested_ms = now_ms;
  out.renews = asked.renews;
  return out;
}

bool same(const crypto::Name& a, const crypto::Name& b) {
  return std::tie(a.country, a.organization, a.unit, a.common_name) ==
         std::tie(b.country, b.organization, b.unit, b.common_name);
}

// Proofs of possession, checked together.
Status check_proofs(const std::vector<Asked>& asked) {
  std::vector<sm2::Check> checks;
  for (const Asked& each : asked)
    checks.push_back({&each.request.key.point(), &each.request.signature, each.request.tbs});
  std::vector<uint8_t> verdicts(checks.size());
  crypto::strangers_verifier().verify(checks, verdicts);
  for (size_t i = 0; i < verdicts.size(); ++i)
    if (!verdicts[i]) return at_place(i, {Code::invalid_argument, "crypto.csr_signature", "", 0});
  return {};
}

// Whether a holder may come from `from` to `into`.
bool may_change(State from, State into) {
  switch (into) {
    case State::suspended:
      return from == State::issued || from == State::renewed;
    case State::issued:
      return from == State::suspended;
    case State::revoked:
      return from == State::issued || from == State::suspended || from == State::renewed;
    default:
      return false;
  }
}

// Does `work(i)` for each of `count`, on the processors there are; the first error.
Status in_parallel(size_t count, const std::function<Status(size_t)>& work) {
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 4);
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  Status status;
  auto loop = [&] {
    for (size_t i = next++; i < count; i = next++)
      if (Status one = work(i); !one) {
        std::lock_guard lock(mutex);
        if (status) status = std::move(one);
        return;
      }
  };
  std::vector<std::thread> crew;
  for (size_t i = 1; i < std::min(threads, count); ++i) crew.emplace_back(loop);
  loop();
  for (std::thread& thread : crew) thread.join();
  return status;
}

}  // namespace

std::string_view state_name(State state) { return kStates[size_t(state)]; }

std::optional<State> state_of(std::string_view name) {
  for (size_t i = 0; i < std::size(kStates); ++i)
    if (kStates[i] == name) return State(i);
  return std::nullopt;
}

Result<int> reason_of(std::string_view name) {
  for (const auto& [known, number] : kReasons)
    if (known == name && number != kOnHold) return number;
  return fail(Code::invalid_argument, "authority.revocation_reason", "{}", name);
}

std::string_view reason_name(int reason) {
  for (const auto& [name, number] : kReasons)
    if (number == reason) return name;
  return "unspecified";
}

Status migrate(sql::Database& database) { return tables::migrate(database); }

Service::Service(sql::Database& database, Options options)
    : database_(database), options_(std::move(options)) {}

Result<std::unique_ptr<Service>> Service::open(sql::Database& database, Options options) {
  std::unique_ptr<Service> out(new Service(database, std::move(options)));
  TRY(tables::migrate(database));
  ASSIGN(out->keys_, out->read_keys());
  return out;
}

Service::~Service() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (upkeep_.joinable()) upkeep_.join();
}

Result<Service::KeysPtr> Service::keys() const {
  std::lock_guard lock(mutex_);
  if (!keys_) return fail(Code::not_found, "authority.missing");
  return keys_;
}

Result<Overview> Service::overview() {
  ASSIGN(const auto keys, keys());
  Overview out;
  out.root = keys->root;
  out.issuing = keys->issuing.certificate();
  out.root_crl_until_ms = keys->root_list.next_update_ms;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto list, tables::newest_list(session));
    out.crl_number = list.number;
    out.crl_until_ms = list.next_ms;
    ASSIGN(const auto rows,
           session.rows(
               "select case when state = 2 and not_after_ms < ? then 7 else state end as s, count(*) from "
               "authority_holder group by s order by s",
               now()));
    for (const sql::Row& row : rows) out.counts.emplace_back(State(row.integer(0)), row.integer(1));
    return {};
  }));
  return out;
}

Result<std::vector<std::string>> Service::request(const std::vector<Asked>& asked,
                                                  const std::string& officer) {
  TRY(check_count(asked.size()));
  ASSIGN([[maybe_unused]] const auto keys, keys());
  TRY(check_proofs(asked));
  std::vector<tables::NewHolder> holders;
  std::vector<std::string> ids;
  for (size_t i = 0; i < asked.size(); ++i) {
    auto holder = holder_asked(asked[i], officer, now());
    if (!holder) return at_place(i, holder.error());
    ids.push_back(holder->id);
    holders.push_back({std::move(*holder), asked[i].request.key.point(), asked[i].request.der});
  }
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    for (size_t i = 0; i < holders.size(); ++i) {
      const Holder& holder = holders[i].holder;
      if (holder.renews.empty()) continue;
      auto former = tables::holder(session, holder.renews, now());
      if (!former) return at_place(i, former.error());
      const bool good = former->state == State::issued || former->state == State::expired;
      if (!good || former->profile != holder.profile || !same(former->subject, holder.subject))
        return at_place(i, {Code::conflict, "authority.renewal", holder.renews, 0});
    }
    return tables::insert(session, holders);
  }));
  return ids;
}

Status Service::decide(const std::vector<std::string>& ids, const std::string& officer, State into) {
  TRY(check_count(ids.size()));
  return database_.transaction([&](sql::Session& session) -> Status {
    for (size_t i = 0; i < ids.size(); ++i) {
      auto holder = tables::holder(session, ids[i], now());
      if (!holder) return at_place(i, holder.error());
      if (holder->state != State::requested)
        return at_place(i, {Code::conflict, "authority.state", std::string(state_name(holder->state)), 0});
      if (into == State::approved && holder->requested_by == officer)
        return at_place(i, {Code::forbidden, "authority.four_eyes", officer, 0});
      ASSIGN([[maybe_unused]] const auto changed,
             session.run("update authority_holder set state = ?, decided_by = ?, decided_ms = ? where id = ?",
                         int(into), officer, now(), ids[i]));
    }
    return {};
  });
}

Status Service::approve(const std::vector<std::string>& ids, const std::string& officer) {
  return decide(ids, officer, State::approved);
}
Status Service::reject(const std::vector<std::string>& ids, const std::string& officer) {
  return decide(ids, officer, State::rejected);
}

namespace {

// What was approved, made into pairs: keys and envelopes on all processors, certificates signed together.
Result<std::vector<tables::Pair>> make_pairs(const crypto::Authority& issuing, const Addresses& addresses,
                                             const std::vector<tables::Candidate>& candidates,
                                             int64_t now_ms) {
  std::vector<tables::Pair> out(candidates.size());
  std::vector<crypto::Sm2Point> points(candidates.size());
  TRY(in_parallel(candidates.size(), [&](size_t i) -> Status {
    ASSIGN(const auto holder_key, crypto::Sm2PublicKey::from_point(candidates[i].key));
    ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
    ASSIGN(out[i].envelope, crypto::envelop_key(key, holder_key));
    points[i] = key.public_key().point();
    return {};
  }));
  std::vector<Pair> kinds;  // by profile
  for (const Profile& profile : profiles()) kinds.push_back(pair_of(profile, addresses));
  const int64_t from = std::max(whole_seconds(now_ms) - kSkewMs, issuing.certificate().not_before_ms);
  std::vector<crypto::CertificateOrder> orders;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Holder& holder = candidates[i].holder;
    ASSIGN(const Profile* profile, profile_of(holder.profile));
    const Pair& pair = kinds[size_t(profile - profiles().data())];
    out[i].id = holder.id;
    out[i].renews = holder.renews;
    out[i].not_after_ms = std::min(from + kSkewMs + holder.days * kDayMs, issuing.certificate().not_after_ms);
    const crypto::Validity validity{from, out[i].not_after_ms};
    orders.push_back({&pair.sign, &holder.subject, holder.hosts, validity, candidates[i].key});
    orders.push_back({&pair.encrypt, &holder.subject, holder.hosts, validity, points[i]});
  }
  ASSIGN(auto made, issuing.issue_many(orders));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].sign = std::move(made[2 * i]);
    out[i].encrypt = std::move(made[2 * i + 1]);
  }
  return out;
}

}  // namespace

Result<std::vector<Delivered>> Service::issue(const std::vector<std::string>& ids) {
  TRY(check_count(ids.size()));
  if (std::set<std::string>(ids.begin(), ids.end()).size() != ids.size())
    return fail(Code::invalid_argument, "authority.state", "a holder is named twice");
  ASSIGN(const auto keys, keys());
  const int64_t at = now();
  std::vector<tables::Candidate> candidates;
  auto read = [&](sql::Session& session) -> Status {
    candidates.clear();
    for (size_t i = 0; i < ids.size(); ++i) {
      auto one = tables::candidate(session, ids[i], at);
      if (!one) return at_place(i, one.error());
      if (one->holder.state != State::approved)
        return at_place(i,
                        {Code::conflict, "authority.state", std::string(state_name(one->holder.state)), 0});
      candidates.push_back(std::move(*one));
    }
    return {};
  };
  TRY(database_.read(read));
  ASSIGN(auto pairs, make_pairs(keys->issuing, addresses(), candidates, at));
  auto write = [&](sql::Session& session) -> Status {
    TRY(read(session));  // still: somebody may have issued them meanwhile
    return tables::put_pairs(session, pairs, at);
  };
  TRY(database_.transaction(write));
  std::vector<Delivered> out;
  for (size_t i = 0; i < pairs.size(); ++i) {
    Holder& holder = candidates[i].holder;
    holder.state = State::issued;
    holder.issued_ms = at;
    holder.not_after_ms = pairs[i].not_after_ms;
    out.push_back({std::move(holder), std::move(pairs[i].sign.der), std::move(pairs[i].encrypt.der),
                   std::move(pairs[i].envelope), keys->issuing.certificate().der, keys->root.der});
  }
  return out;
}

Status Service::change(const std::vector<std::string>& ids, State into, int reason) {
  TRY(check_count(ids.size()));
  ASSIGN(const auto keys, keys());
  auto work = [&](sql::Session& session) -> Status {
    for (size_t i = 0; i < ids.size(); ++i) {
      auto holder = tables::holder(session, ids[i], INT64_MIN);  // what is over may still be taken back
      if (!holder) return at_place(i, holder.error());
      if (!may_change(holder->state, into))
        return at_place(i, {Code::conflict, "authority.state", std::string(state_name(holder->state)), 0});
      const State next = into == State::issued && !holder->renewed_by.empty() ? State::renewed : into;
      ASSIGN([[maybe_unused]] const auto changed,
             session.run("update authority_holder set state = ?, closed_ms = ?, reason = ? where id = ?",
                         int(next), into == State::issued ? 0 : whole_seconds(now()), reason, ids[i]));
    }
    return put_list(session, *keys);
  };
  TRY(database_.transaction(work));
  forget_trust();
  return {};
}

Status Service::suspend(const std::vector<std::string>& ids) {
  return change(ids, State::suspended, kOnHold);
}
Status Service::release(const std::vector<std::string>& ids) { return change(ids, State::issued, 0); }
Status Service::revoke(const std::vector<std::string>& ids, int reason) {
  return change(ids, State::revoked, reason);
}

Result<Delivered> Service::get(const std::string& id) {
  Delivered out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(out.holder, tables::holder(session, id, now()));
    ASSIGN(auto certificates, tables::certificates(session, id));
    out.sign = std::move(certificates.sign);
    out.encrypt = std::move(certificates.encrypt);
    out.enveloped_key = std::move(certificates.envelope);
    return {};
  }));
  ASSIGN(const auto keys, keys());
  out.issuing = keys->issuing.certificate().der;
  out.root = keys->root.der;
  return out;
}

Result<std::string> Service::holder_of(ByteView serial) {
  std::string out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto standing, tables::standing(session, serial));
    if (!standing) return fail(Code::not_found, "authority.no_holder", "serial number {}", hex(serial));
    out = standing->holder;
    return {};
  }));
  return out;
}

Result<Holders> Service::list(const Filter& filter) {
  sql::Query query(tables::select_holders());
  if (filter.state == State::expired)
    query.where("state = ? and not_after_ms < ?", int(State::issued), now());
  else if (filter.state == State::issued)
    query.where("state = ? and not_after_ms >= ?", int(State::issued), now());
  else if (filter.state)
    query.where("state = ?", int(*filter.state));
  if (!filter.profile.empty()) query.where("profile = ?", filter.profile);
  if (!filter.name_contains.empty()) {
    std::string pattern = "%";
    for (char c : filter.name_contains) {
      if (c == '%' || c == '_' || c == '!') pattern += '!';
      pattern += c;
    }
    query.where("common_name like ? escape '!'", pattern + "%");
  }
  query.keys({"id"}, sql::Order::descending);
  Holders out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto page, session.page(query, filter.cursor, size_t(filter.limit)));
    for (const sql::Row& row : page.rows) {
      ASSIGN(auto holder, tables::holder_of(row, now()));
      out.items.push_back(std::move(holder));
    }
    out.next = std::move(page.next);
    return {};
  }));
  return out;
}

Result<std::vector<Holder>> Service::due(int64_t within_ms, int64_t limit) {
  std::vector<Holder> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(const auto rows,
           session.rows(tables::select_holders() + " where state = 2 and not_after_ms <= ? and "
                                                   "not_after_ms >= ? order by not_after_ms, id limit ?",
                        now() + within_ms, now(), limit));
    for (const sql::Row& row : rows) {
      ASSIGN(auto holder, tables::holder_of(row, now()));
      out.push_back(std::move(holder));
    }
    return {};
  }));
  return out;
}

}  // namespace chengxin::authority
