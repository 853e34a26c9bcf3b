#include "authority/impl/tables.h"

#include "base/json.h"

namespace chengxin::authority::tables {
namespace {

constexpr size_t kListsKept = 8;

constexpr sql::Migration kHistory[] = {
    {1,
     "create table authority_holder ("
     "  id {text} primary key, profile {text} not null, country {text} not null, organization {text} not "
     "null,"
     "  unit {text} not null, common_name {text} not null, hosts {text} not null, days {int} not null,"
     "  key {blob} not null, csr {blob} not null, state {int} not null, requested_by {text} not null,"
     "  requested_ms {int} not null, decided_by {text} not null, decided_ms {int} not null,"
     "  issued_ms {int} not null, not_after_ms {int} not null, closed_ms {int} not null, reason {int} not "
     "null,"
     "  renews {text} not null, renewed_by {text} not null, envelope {blob}) {strict};"
     "create index authority_holder_state on authority_holder (state, id);"
     "create index authority_holder_end on authority_holder (not_after_ms) where state = 2;"
     "create table authority_certificate ("
     "  serial {blob} primary key, holder {text} not null, enciphers {int} not null, der {blob} not null) "
     "{strict};"
     "create index authority_certificate_holder on authority_certificate (holder);"
     "create table authority_crl ("
     "  number {int} primary key, this_ms {int} not null, next_ms {int} not null, der {blob} not null) "
     "{strict};"
     "create table authority_anchor ("
     "  id {text} primary key, der {blob} not null, crl_url {text} not null, crl {blob}, added_by {text} not "
     "null,"
     "  added_ms {int} not null, crl_error {text} not null) {strict}"},
};

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::data_loss, "authority.damaged", "{}", what);
}

Result<State> stored_state(int64_t number) {
  if (number < 0 || number >= int64_t(State::expired)) return damaged("state");
  return State(number);
}

}  // namespace

Status migrate(sql::Database& database) { return database.migrate("authority", kHistory); }

std::string select_holders() {
  return "select id, profile, country, organization, unit, common_name, hosts, days, state, requested_by, "
         "requested_ms, decided_by, decided_ms, issued_ms, not_after_ms, closed_ms, reason, renews, "
         "renewed_by, key "
         "from authority_holder";
}

Result<Holder> holder_of(const sql::Row& row, int64_t now_ms) {
  Holder out;
  out.id = row.text(0);
  out.profile = row.text(1);
  out.subject = {row.text(2), row.text(3), row.text(4), row.text(5)};
  ASSIGN(const Json hosts, parse_json(row.text(6)));
  for (const Json& host : hosts) out.hosts.push_back(host.get<std::string>());
  out.days = int(row.integer(7));
  ASSIGN(out.state, stored_state(row.integer(8)));
  out.requested_by = row.text(9);
  out.requested_ms = row.integer(10);
  out.decided_by = row.text(11);
  out.decided_ms = row.integer(12);
  out.issued_ms = row.integer(13);
  out.not_after_ms = row.integer(14);
  out.closed_ms = row.integer(15);
  out.reason = int(row.integer(16));
  out.renews = row.text(17);
  out.renewed_by = row.text(18);
  if (out.state == State::issued && out.not_after_ms < now_ms) out.state = State::expired;
  return out;
}

namespace {
Result<sql::Row> holder_row(sql::Session& session, const std::string& id) {
  ASSIGN(auto row, session.row(select_holders() + " where id = ?", id));
  if (!row) return fail(Code::not_found, "authority.no_holder", "{}", id);
  return std::move(*row);
}
}  // namespace

Result<Holder> holder(sql::Session& session, const std::string& id, int64_t now_ms) {
  ASSIGN(const sql::Row row, holder_row(session, id));
  return holder_of(row, now_ms);
}

Result<Candidate> candidate(sql::Session& session, const std::string& id, int64_t now_ms) {
  ASSIGN(const sql::Row row, holder_row(session, id));
  Candidate out;
  ASSIGN(out.holder, holder_of(row, now_ms));
  if (row.blob(19).size() != out.key.size()) return damaged("key");
  std::copy(row.blob(19).begin(), row.blob(19).end(), out.key.begin());
  return out;
}

Status insert(sql::Session& session, std::span<const NewHolder> holders) {
  sql::Batch rows;
  for (const NewHolder& each : holders) {
    const Holder& h = each.holder;
    rows.add(h.id, h.profile, h.subject.country, h.subject.organization, h.subject.unit,
             h.subject.common_name, Json(h.hosts).dump(), h.days, each.key, each.csr, int(h.state),
             h.requested_by, h.requested_ms, h.renews);
  }
  return session.run_each(
      "insert into authority_holder (id, profile, country, organization, unit, common_name, hosts, days, "
      "key, csr, "
      "state, requested_by, requested_ms, renews, decided_by, decided_ms, issued_ms, not_after_ms, "
      "closed_ms, reason, "
      "renewed_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0, '')",
      rows);
}

Status put_pairs(sql::Session& session, std::span<const Pair> pairs, int64_t now_ms) {
  sql::Batch certificates, holders, renewed;
  for (const Pair& pair : pairs) {
    certificates.add(pair.sign.serial, pair.id, 0, pair.sign.der);
    certificates.add(pair.encrypt.serial, pair.id, 1, pair.encrypt.der);
    holders.add(int(State::issued), now_ms, pair.not_after_ms, pair.envelope, pair.id);
    if (!pair.renews.empty()) renewed.add(int(State::renewed), pair.id, pair.renews, int(State::issued));
  }
  TRY(session.run_each(
      "insert into authority_certificate (serial, holder, enciphers, der) values (?, ?, ?, ?)",
      certificates));
  TRY(session.run_each(
      "update authority_holder set state = ?, issued_ms = ?, not_after_ms = ?, envelope = ? where id = ?",
      holders));
  if (renewed.empty()) return {};
  return session.run_each("update authority_holder set state = ?, renewed_by = ? where id = ? and state = ?",
                          renewed);
}

Result<Certificates> certificates(sql::Session& session, const std::string& id) {
  Certificates out;
  ASSIGN(auto rows,
         session.rows("select enciphers, der from authority_certificate where holder = ? order by enciphers",
                      id));
  for (const sql::Row& row : rows) (row.truth(0) ? out.encrypt : out.sign) = row.blob(1);
  ASSIGN(auto row, session.row("select envelope from authority_holder where id = ?", id));
  if (row) out.envelope = row->optional_blob(0).value_or(Bytes());
  return out;
}

Result<std::optional<Standing>> standing(sql::Session& session, ByteView serial) {
  ASSIGN(auto row,
         session.row("select h.id, h.state, h.closed_ms, h.reason from authority_certificate c join "
                     "authority_holder h on h.id = c.holder where c.serial = ?",
                     serial));
  if (!row) return std::nullopt;
  Standing out{row->text(0), State::issued, row->integer(2), int(row->integer(3))};
  ASSIGN(out.state, stored_state(row->integer(1)));
  return out;
}

Result<std::vector<crypto::Revocation>> revocations(sql::Session& session, int64_t ends_after_ms) {
  std::vector<crypto::Revocation> out;
  TRY(session.each(
      "select c.serial, h.closed_ms, h.reason from authority_holder h join authority_certificate c on "
      "c.holder = h.id where h.state in (?, ?) and h.not_after_ms > ? order by h.closed_ms, c.serial",
      [&](const sql::Row& row) -> Status {
        out.push_back({row.blob(0), row.integer(1), int(row.integer(2))});
        return {};
      },
      int(State::suspended), int(State::revoked), ends_after_ms));
  return out;
}

Result<List> newest_list(sql::Session& session) {
  ASSIGN(auto row,
         session.row("select number, this_ms, next_ms, der from authority_crl order by number desc limit 1"));
  if (!row) return List{};
  return List{uint64_t(row->integer(0)), row->integer(1), row->integer(2), row->blob(3)};
}

Status put_list(sql::Session& session, const List& list) {
  ASSIGN([[maybe_unused]] auto added,
         session.run("insert into authority_crl (number, this_ms, next_ms, der) values (?, ?, ?, ?)",
                     list.number, list.this_ms, list.next_ms, list.der));
  if (list.number <= kListsKept) return {};
  ASSIGN([[maybe_unused]] auto dropped,
         session.run("delete from authority_crl where number <= ?", list.number - kListsKept));
  return {};
}

Result<std::vector<AnchorRow>> anchors(sql::Session& session) {
  std::vector<AnchorRow> out;
  ASSIGN(auto rows,
         session.rows("select id, der, crl_url, crl, added_by, added_ms, crl_error from authority_anchor "
                      "order by added_ms, id limit 1000"));
  for (const sql::Row& row : rows) {
    AnchorRow one;
    one.anchor.id = row.text(0);
    auto certificate = crypto::Certificate::from_der(row.blob(1));
    if (!certificate) return damaged("anchor");
    one.anchor.certificate = std::move(*certificate);
    one.anchor.crl_url = row.text(2);
    one.crl = row.optional_blob(3).value_or(Bytes());
    one.anchor.added_by = row.text(4);
    one.anchor.added_ms = row.integer(5);
    one.anchor.crl_error.reason = row.text(6);
    out.push_back(std::move(one));
  }
  return out;
}

Status put_anchor(sql::Session& session, const AnchorRow& row) {
  const Anchor& anchor = row.anchor;
  ASSIGN([[maybe_unused]] auto dropped, session.run("delete from authority_anchor where id = ?", anchor.id));
  const std::optional<Bytes> crl = row.crl.empty() ? std::nullopt : std::optional(row.crl);
  ASSIGN([[maybe_unused]] auto added,
         session.run(
             "insert into authority_anchor (id, der, crl_url, crl, added_by, added_ms, crl_error) values "
             "(?, ?, ?, ?, ?, ?, ?)",
             anchor.id, anchor.certificate.der, anchor.crl_url, crl, anchor.added_by, anchor.added_ms,
             anchor.crl_error.reason));
  return {};
}

}  // namespace chengxin::authority::tables
