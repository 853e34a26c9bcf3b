#include <algorithm>

#include "authority/impl/keys.h"
#include "authority/impl/tables.h"
#include "crypto/sm3.h"
#include "net/fetch.h"

// Outside authorities, and whether a certificate is to be believed.
namespace chengxin::authority {
namespace {

constexpr size_t kMostListBytes = 32 << 20;
constexpr size_t kMostAnchors = 200;

tl::unexpected<Error> refused(std::string_view reason, const crypto::Certificate& certificate) {
  return fail(Code::forbidden, reason, "{}", certificate.subject_text());
}

net::Request request_for(const std::string& url) {
  return {.url = url,
          .reach = net::Reach::public_or_loopback,
          .https_unless_loopback = true,
          .max_bytes = kMostListBytes,
          .timeout_ms = 20'000,
          .realm = "authority"};
}

Result<crypto::Crl> crl_from(ByteView bytes) {
  if (text(bytes).starts_with("-----BEGIN")) return crypto::Crl::from_pem(text(bytes));
  return crypto::Crl::from_der(bytes);
}

Result<crypto::Crl> fetched_list(const std::string& url) {
  ASSIGN(const auto answer, net::fetch(request_for(url)));
  if (answer.status != 200)
    return fail(Code::unavailable, "authority.http_status", "{}: {}", url, answer.status);
  return crl_from(answer.body);
}

bool is_list_of(const crypto::Crl& crl, const crypto::Certificate& issuer) {
  return crl.issuer == issuer.subject && crl.sm2_with_sm3 && crl.signature &&
         !crl.unknown_critical_extension && issuer.allows(crypto::kCrlSign) && issuer.public_key &&
         issuer.public_key->verify(crl.tbs, *crl.signature);
}

bool signed_by_itself(const crypto::Certificate& one) {
  return one.self_issued() && one.public_key && one.signed_by(*one.public_key);
}

}  // namespace

void Service::forget_trust() {
  std::lock_guard lock(mutex_);
  trust_.reset();
  ++trust_version_;
}

Result<std::shared_ptr<const crypto::TlsTrust>> Service::trust() {
  uint64_t version = 0;
  KeysPtr keys;
  {
    std::lock_guard lock(mutex_);
    if (trust_) return trust_;
    version = trust_version_;
    keys = keys_;
  }
  auto out = std::make_shared<crypto::TlsTrust>();
  out->crl_required = options_.crl_required;
  out->callers = true;
  tables::List list;
  std::vector<tables::AnchorRow> rows;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(list, tables::newest_list(session));
    ASSIGN(rows, tables::anchors(session));
    return {};
  }));
  if (keys) {
    out->roots.push_back(keys->root);
    out->others.push_back(keys->issuing.certificate());
    out->crls.push_back(keys->root_list);
    if (list.number > 0) {
      ASSIGN(auto crl, crypto::Crl::from_der(list.der));
      out->crls.push_back(std::move(crl));
    }
  }
  for (tables::AnchorRow& row : rows) {
    if (!row.crl.empty()) {
      ASSIGN(auto crl, crypto::Crl::from_der(row.crl));
      out->crls.push_back(std::move(crl));
    }
    (signed_by_itself(row.anchor.certificate) ? out->roots : out->others).push_back(row.anchor.certificate);
  }
  for (crypto::Crl& crl : out->crls) crl.next_update_ms += options_.stale_ms;
  std::lock_guard lock(mutex_);
  if (version == trust_version_) trust_ = out;
  return std::shared_ptr<const crypto::TlsTrust>(std::move(out));
}

Result<std::vector<crypto::Certificate>> Service::check(const crypto::Certificate& certificate,
                                                        std::span<const crypto::Certificate> others,
                                                        crypto::Purpose purpose) {
  ASSIGN(const auto known, trust());
  std::vector<crypto::Certificate> all(known->others);
  all.insert(all.end(), others.begin(), others.end());
  for (const crypto::Certificate& one : others)
    if (one.signed_with_weak_hash()) return refused("authority.weak_hash", one);
  if (certificate.signed_with_weak_hash()) return refused("authority.weak_hash", certificate);
  const bool anchor = std::any_of(known->roots.begin(), known->roots.end(),
                                  [&](const auto& root) { return root.der == certificate.der; });
  if (!anchor && signed_by_itself(certificate)) return refused("authority.self_made", certificate);
  crypto::ChainPolicy policy{now(), purpose, known->crls, options_.crl_required, true};
  return crypto::verify_chain(certificate, all, known->roots, policy);
}

Result<Anchor> Service::add_anchor(const crypto::Certificate& certificate,
                                   const std::optional<crypto::Crl>& crl, const std::string& crl_url,
                                   const std::string& officer) {
  if (certificate.signed_with_weak_hash()) return refused("authority.weak_hash", certificate);
  if (!certificate.public_key) return refused("crypto.certificate_curve", certificate);
  if (!certificate.is_ca || !certificate.allows(crypto::kKeyCertSign))
    return refused("authority.not_an_authority", certificate);
  if (now() < certificate.not_before_ms) return refused("crypto.certificate_not_yet_valid", certificate);
  if (now() > certificate.not_after_ms) return refused("crypto.certificate_expired", certificate);
  if (!crl_url.empty()) TRY(net::check_url(request_for(crl_url)));
  if (certificate.self_issued()) {
    if (!signed_by_itself(certificate)) return refused("crypto.certificate_signature", certificate);
  } else {
    ASSIGN([[maybe_unused]] const auto path, check(certificate, {}, crypto::Purpose::ca));
  }
  Anchor anchor{hex(crypto::sm3(certificate.der)), certificate, crl_url, officer, now(), 0, {}};
  std::optional<crypto::Crl> list = crl;
  if (!list && !crl_url.empty()) {
    ASSIGN(list, fetched_list(crl_url));
  }
  ASSIGN(const auto present, anchors());
  if (present.size() >= kMostAnchors)
    return fail(Code::conflict, "authority.too_many", "{} anchors", kMostAnchors);
  if (list) {
    TRY(take_list(anchor, *list));
  } else {
    TRY(database_.transaction([&](sql::Session& session) {
      return tables::put_anchor(session, {anchor, {}});
    }));
    forget_trust();
  }
  if (list) anchor.crl_until_ms = list->next_update_ms;
  return anchor;
}

// The anchor with its list, which has to be its own and no older than the one that is there.
Status Service::take_list(const Anchor& anchor, const crypto::Crl& crl) {
  if (!is_list_of(crl, anchor.certificate)) return refused("crypto.crl_signature", anchor.certificate);
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(const auto rows, tables::anchors(session));
    for (const auto& row : rows) {
      if (row.anchor.id != anchor.id || row.crl.empty()) continue;
      ASSIGN(const auto present, crypto::Crl::from_der(row.crl));
      if (crl.this_update_ms < present.this_update_ms)
        return refused("authority.crl_older", anchor.certificate);
    }
    tables::AnchorRow row{anchor, crl.der};
    row.anchor.crl_error = {};
    return tables::put_anchor(session, row);
  }));
  forget_trust();
  return {};
}

Status Service::remove_anchor(const std::string& id) {
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(const auto removed, session.run("delete from authority_anchor where id = ?", id));
    if (removed == 0) return fail(Code::not_found, "authority.no_anchor", "{}", id);
    return {};
  }));
  forget_trust();
  return {};
}

Result<std::vector<Anchor>> Service::anchors() {
  std::vector<Anchor> out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto rows, tables::anchors(session));
    out.clear();
    for (tables::AnchorRow& row : rows) {
      if (!row.crl.empty()) {
        ASSIGN(const auto crl, crypto::Crl::from_der(row.crl));
        row.anchor.crl_until_ms = crl.next_update_ms;
      }
      out.push_back(std::move(row.anchor));
    }
    return {};
  }));
  return out;
}

Result<Anchor> Service::renew_list(const std::string& id, const std::optional<crypto::Crl>& crl) {
  ASSIGN(const auto all, anchors());
  auto at = std::find_if(all.begin(), all.end(), [&](const Anchor& each) { return each.id == id; });
  if (at == all.end()) return fail(Code::not_found, "authority.no_anchor", "{}", id);
  Anchor anchor = *at;
  Status taken;
  if (crl) {
    taken = take_list(anchor, *crl);
  } else if (anchor.crl_url.empty()) {
    return fail(Code::invalid_argument, "authority.crl_url", "{}", id);
  } else {
    auto list = fetched_list(anchor.crl_url);
    taken = list ? take_list(anchor, *list) : Status(tl::unexpected(list.error()));
  }
  if (!taken) {
    (void)database_.transaction([&](sql::Session& session) -> Status {
      ASSIGN([[maybe_unused]] const auto noted,
             session.run("update authority_anchor set crl_error = ? where id = ?", taken.error().reason, id));
      return {};
    });
    return tl::unexpected(taken.error());
  }
  ASSIGN(const auto after, anchors());
  for (const Anchor& each : after)
    if (each.id == id) return each;
  return fail(Code::not_found, "authority.no_anchor", "{}", id);
}

}  // namespace chengxin::authority
