#include "authority/impl/keys.h"
#include "authority/impl/tables.h"
#include "base/clock.h"
#include "base/log.h"

// Lists, status and their upkeep.
namespace chengxin::authority {
namespace {

constexpr int64_t kAnswerMs = 10 * 60'000;  // how long an answer of OCSP may be kept
constexpr auto kUpkeepEvery = std::chrono::seconds(60);

bool half_over(int64_t from_ms, int64_t until_ms, int64_t now_ms) {
  return now_ms - from_ms > (until_ms - from_ms) / 2;
}

crypto::OcspAnswer answer_of(const crypto::OcspId& id, const std::optional<tables::Standing>& standing) {
  crypto::OcspAnswer out{.id = id};
  if (!standing) return out;
  const bool taken_back = standing->state == State::suspended || standing->state == State::revoked;
  out.status = taken_back ? crypto::OcspStatus::revoked : crypto::OcspStatus::good;
  out.revoked_ms = standing->closed_ms;
  out.reason = standing->reason;
  return out;
}

}  // namespace

// Entries stay for a list after the certificate ended (RFC 5280 3.3).
Status Service::put_list(sql::Session& session, const Keys& keys) {
  const int64_t from = whole_seconds(now());
  ASSIGN(const auto newest, tables::newest_list(session));
  ASSIGN(const auto revoked, tables::revocations(session, from - 2 * options_.crl_ms));
  tables::List list{newest.number + 1, from, from + options_.crl_ms, {}};
  ASSIGN(const auto crl, keys.issuing.issue_crl(revoked, list.number, {list.this_ms, list.next_ms}));
  list.der = crl.der;
  return tables::put_list(session, list);
}

Status Service::renew_list() {
  ASSIGN(const auto keys, keys());
  TRY(database_.transaction([&](sql::Session& session) { return put_list(session, *keys); }));
  forget_trust();
  return {};
}

Result<Bytes> Service::crl() {
  Bytes out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto list, tables::newest_list(session));
    out = std::move(list.der);
    return {};
  }));
  if (out.empty()) return fail(Code::not_found, "authority.missing");
  return out;
}

Result<Bytes> Service::root_crl() {
  ASSIGN(const auto keys, keys());
  return keys->root_list.der;
}

Result<Bytes> Service::ocsp(ByteView bytes) {
  ASSIGN(const auto keys, keys());
  auto request = crypto::OcspRequest::from_der(bytes);
  if (!request) return crypto::ocsp_refusal(crypto::OcspRefusal::malformed);
  crypto::OcspResponse response;
  TRY(database_.read([&](sql::Session& session) -> Status {
    response.answers.clear();
    for (const crypto::OcspId& id : request->ids) {
      std::optional<tables::Standing> standing;
      if (id.names(keys->issuing.certificate())) {
        ASSIGN(standing, tables::standing(session, id.serial));
      }
      response.answers.push_back(answer_of(id, standing));
    }
    return {};
  }));
  response.nonce = request->nonce;
  response.produced_ms = response.this_update_ms = whole_seconds(now());
  response.next_update_ms = response.this_update_ms + kAnswerMs;
  return response.sign(keys->responder, keys->responder_key);
}

Status Service::upkeep() {
  auto keys = this->keys();
  if (keys) {
    tables::List list;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(list, tables::newest_list(session));
      return {};
    }));
    if (list.number == 0 || half_over(list.this_ms, list.next_ms, now())) TRY(renew_list());
    if (half_over((*keys)->responder.not_before_ms, (*keys)->responder.not_after_ms, now())) {
      std::lock_guard one(creating_);
      TRY(create_responder((*keys)->issuing));
      ASSIGN(auto renewed, read_keys());
      std::lock_guard lock(mutex_);
      keys_ = std::move(renewed);
    }
    // Where the root's key is under a passphrase, that is for people to do: findings() asks for it.
    if (half_over((*keys)->root_list.this_update_ms, (*keys)->root_list.next_update_ms, now()))
      if (Status renewed = renew_root_list({}); !renewed && renewed.error().reason != "crypto.passphrase")
        return renewed;
  }
  ASSIGN(const auto anchors, anchors());
  for (const Anchor& anchor : anchors) {
    if (anchor.crl_url.empty() || anchor.crl_until_ms - now() > options_.crl_ms / 2) continue;
    if (auto done = renew_list(anchor.id, std::nullopt); !done)
      log::warn("authority.list", {{"anchor", anchor.id}, {"error", done.error().to_string()}});
  }
  return {};
}

void Service::start_upkeep() {
  upkeep_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      if (Status done = upkeep(); !done)
        log::error("authority.upkeep", {{"error", done.error().to_string()}});
      lock.lock();
      wake_.wait_for(lock, kUpkeepEvery, [this] { return stopping_; });
    }
  });
}

std::vector<Finding> Service::findings() {
  std::vector<Finding> out;
  const auto until = [&](const char* reason, int64_t end_ms, int64_t before_ms, std::string advice) {
    if (end_ms - now() < before_ms) out.push_back({reason, format_time(end_ms), std::move(advice)});
  };
  if (const auto keys = this->keys()) {
    until("authority.ends", (*keys)->issuing.certificate().not_after_ms, 365 * kDayMs,
          "make a new authority before its certificate ends");
    until("authority.root_list_ends", (*keys)->root_list.next_update_ms, 60 * kDayMs,
          "chengxin ca crl --root --passphrase-file FILE");
    if (const auto overview = this->overview(); overview)
      until("authority.list_ends", overview->crl_until_ms, options_.crl_ms / 4, "chengxin ca crl --renew");
    if (const auto near = due(options_.due_ms, 1000); near && !near->empty())
      out.push_back({"authority.due",
                     fmt::format("{} certificates, the first {} ends {}", near->size(),
                                 near->front().subject.common_name, format_time(near->front().not_after_ms)),
                     "chengxin ca due"});
  }
  if (const auto known = anchors(); known)
    for (const Anchor& anchor : *known) {
      if (!anchor.crl_error.reason.empty())
        out.push_back(
            {anchor.crl_error.reason, anchor.certificate.subject_text(), "chengxin ca import --list"});
      else if (anchor.crl_until_ms < now())
        out.push_back(
            {"crypto.crl_expired", anchor.certificate.subject_text(), "chengxin ca crl --of ID --file FILE"});
    }
  return out;
}

}  // namespace chengxin::authority
